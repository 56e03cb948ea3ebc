//! The model of each manager against the manager itself.
//!
//! One configuration after the other is given to the real client, with two indexes on loopback in place of the company's
//! and the public one, and to the model, with the addresses that they stand for. The model must say that the public index
//! decides exactly where the client takes the planted file from it. `docs/sources.md` shows the table that comes of it.

mod cases;
mod index;
mod random;

use cases::Case;
use index::Indexes;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use wellhead_core::{ArtifactPath, Budget};
use wellhead_packages::{
    Derivation, Project, Rivalry, identify_manifest,
    index::{Address, DecidedBy, Manager, PUBLIC_INDEX},
    manifest::{Spoken, read_installs},
    read_manifest,
};

/// What the addresses of a case are in the model.
const MODEL: &[(&str, &str)] = &[
    ("{i}", "https://pypi.acme.example/simple"),
    ("{p}", PUBLIC_INDEX),
    ("{closed}", "https://closed.acme.example/simple"),
    ("{links}", "https://links.acme.example/"),
    ("{files}", "https://pypi.acme.example/files"),
];

/// Which index's file a client takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// The company's own.
    Internal,
    /// The planted one.
    Public,
    /// None: the client refuses.
    Nothing,
}

impl Taken {
    fn shown(self) -> &'static str {
        match self {
            Self::Internal => "the company's",
            Self::Public => "**the planted one**",
            Self::Nothing => "refuses",
        }
    }
}

struct Bench {
    python: PathBuf,
    folder: PathBuf,
    indexes: Indexes,
}

/// The environment of the installers, made by a script that says why where it cannot be had.
fn clients() -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/fetch-clients.sh");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?;
    let output = Command::new("sh")
        .arg(script)
        .env("CARGO_TARGET_DIR", target)
        .stderr(Stdio::inherit())
        .output()
        .ok()?;
    let python = String::from_utf8(output.stdout).ok()?;
    let python = PathBuf::from(python.trim());
    if !python.is_file() {
        eprintln!("skipped: no pip, uv, Poetry, PDM and Pipenv to compare with");
        return None;
    }
    Some(python)
}

impl Bench {
    fn new(client: Manager) -> Option<Self> {
        Self::named(client, "clients")
    }

    fn named(client: Manager, what: &str) -> Option<Self> {
        let python = clients()?;
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{what}", client.name()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let indexes = Indexes::serve(&python, &folder.join("indexes"));
        // pip reads the configuration of its environment even where `PIP_CONFIG_FILE` keeps it from that of the user, so
        // it runs in an environment of its own.
        let environment = folder.join("environment");
        let made = Command::new(&python)
            .args(["-m", "venv", "--without-pip"])
            .arg(&environment)
            .status();
        assert!(made.unwrap().success());
        let public = format!("[global]\nindex-url = {}/public/simple\n", indexes.address);
        write(&environment.join("pip.conf"), &public);
        Some(Self {
            python,
            folder,
            indexes,
        })
    }

    fn filled(&self, text: &str) -> String {
        let at = &self.indexes.address;
        let hash = |name: &str| {
            let wheel = |w: &&index::Wheel| !w.public && w.name == name;
            self.indexes.wheels.iter().find(wheel).unwrap().sha256.clone()
        };
        let text = text
            .replace("{i}", &format!("{at}/internal/simple"))
            .replace("{p}", &format!("{at}/public/simple"))
            .replace("{closed}", &format!("{at}/closed/simple"))
            .replace("{links}", &format!("{at}/internal/links/"))
            .replace("{files}", &format!("{at}/internal/files"));
        hashes(&text, &hash)
    }

    /// Runs the client on a case and finds out whose file it took.
    fn run(&self, case: &Case, number: usize) -> Taken {
        let home = self.folder.join(format!("{number}"));
        let work = home.join("work");
        fs::create_dir_all(&work).unwrap();
        let public = self.filled("{p}");
        // What the managers ask without being told is the stand-in; a setting of the user is the weakest there is.
        for (path, text) in [
            (".config/uv/uv.toml", format!("index-url = \"{public}\"\n")),
            (".config/pdm/config.toml", format!("[pypi]\nurl = \"{public}\"\n")),
        ] {
            write(&home.join(path), &text);
        }
        for (path, text) in case.files {
            write(&work.join(path), &self.filled(text));
        }
        let (mut command, output) = self.command(case, &home, &work);
        command
            .current_dir(&work)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", &home)
            .env("LANG", "C.UTF-8")
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .env("PIP_NO_CACHE_DIR", "1")
            .env("UV_NO_CACHE", "1")
            .env("UV_PYTHON", &self.python)
            .env("PDM_CHECK_UPDATE", "0")
            .env("PDM_PYTHON", &self.python)
            .env("POETRY_KEYRING_ENABLED", "false")
            .env("PIPENV_VENV_IN_PROJECT", "1")
            .env("PIPENV_IGNORE_VIRTUALENVS", "1")
            .env("STUB_PYPI", &public);
        if case.files.iter().any(|(name, _)| *name == "pip.conf") {
            command.env("PIP_CONFIG_FILE", work.join("pip.conf"));
        }
        for (name, value) in case.variables() {
            command.env(name, self.filled(&value));
        }
        let run = command.stdin(Stdio::null()).output().unwrap();
        let taken = self.taken(case, &output);
        if std::env::var_os("WELLHEAD_SHOW_CLIENTS").is_some() {
            let said = String::from_utf8_lossy(&run.stderr);
            eprintln!("--- {} {}: {taken:?}\n{said}", case.client.name(), case.name);
        }
        taken
    }

    /// The command line of a case, and where its result lies.
    fn command(&self, case: &Case, home: &Path, work: &Path) -> (Command, PathBuf) {
        let tools = self.python.parent().unwrap();
        let words = case.words();
        let words: Vec<String> = words.iter().map(|w| self.filled(w)).collect();
        let target = home.join("target");
        let with_target = |mut command: Command, target: &Path| {
            command.args(["--target".as_ref(), target.as_os_str()]);
            command
        };
        match words.first().map(String::as_str) {
            Some("pip") => {
                let mut command = Command::new(self.folder.join("environment/bin/python"));
                command.args(["-c", cases::PIP]).arg(tools.parent().unwrap());
                command.args(&words[1..]);
                if words[1] == "download" {
                    command.args(["-d".as_ref(), target.as_os_str()]);
                    return (command, target);
                }
                (with_target(command, &target), target)
            }
            Some("uv") if words[1] == "pip" => {
                let mut command = Command::new(tools.join("uv"));
                command.args(&words[1..]);
                (with_target(command, &target), target)
            }
            Some("uv") => {
                let mut command = Command::new(tools.join("uv"));
                command.arg("lock");
                (command, work.join("uv.lock"))
            }
            Some("poetry") => {
                let mut command = Command::new(&self.python);
                command.args(["-c", cases::POETRY, "lock", "-n"]);
                (command, work.join("poetry.lock"))
            }
            Some("pdm") => {
                let mut command = Command::new(tools.join("pdm"));
                command.arg("lock");
                (command, work.join("pdm.lock"))
            }
            _ => {
                let mut command = Command::new(tools.join("pipenv"));
                command.arg("lock");
                (command, work.join("Pipfile.lock"))
            }
        }
    }

    /// Installed code says whose it is; a lock names digests.
    fn taken(&self, case: &Case, output: &Path) -> Taken {
        let module = case.package.replace('-', "_");
        let text = if output.is_dir() {
            let installed = fs::read_to_string(output.join(&module).join("__init__.py"));
            installed.unwrap_or_else(|_| {
                let names = fs::read_dir(output).unwrap().flatten();
                names
                    .map(|e| e.file_name().to_string_lossy().into_owned())
                    .collect()
            })
        } else {
            fs::read_to_string(output).unwrap_or_default()
        };
        let has = |public: bool| {
            let of = |w: &&index::Wheel| w.public == public && w.name == case.package;
            let digest = self
                .indexes
                .wheels
                .iter()
                .filter(of)
                .any(|w| text.contains(&w.sha256));
            let planted = public && (text.contains("'public'") || text.contains("-99.0-"));
            digest || planted || (!public && (text.contains("'internal'") || text.contains("-1.0-py3")))
        };
        match (has(true), has(false)) {
            // A lock that lets both in lets the planted one in.
            (true, _) => Taken::Public,
            (false, true) => Taken::Internal,
            (false, false) => Taken::Nothing,
        }
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Fills in `{hash acme-core}`.
fn hashes(text: &str, hash: &dyn Fn(&str) -> String) -> String {
    let mut out = text.to_owned();
    for name in ["acme-core", "acme-util"] {
        let mark = format!("{{hash {name}}}");
        if out.contains(&mark) {
            out = out.replace(&mark, &hash(name));
        }
    }
    out
}

/// What the model says that the client takes, with the derivation in words.
fn predicted(case: &Case) -> (Taken, bool, String) {
    let filled = |text: &str| {
        let text = MODEL.iter().fold(text.to_owned(), |text, (mark, address)| {
            text.replace(mark, address)
        });
        hashes(&text, &|_| "ab".repeat(32))
    };
    let mut project = Project::default();
    for (name, text) in case.files {
        let text = filled(text);
        let path = ArtifactPath::file(*name);
        let Some(kind) = identify_manifest(name, &text) else {
            continue;
        };
        let manifest = read_manifest(kind, &path, &text, &mut Budget::default());
        assert!(
            manifest.problems.is_empty(),
            "{}: {:?}",
            case.name,
            manifest.problems
        );
        project.files.insert(path, manifest);
    }
    let line = filled(case.command);
    let mut words = Vec::new();
    let mut at = 0;
    for text in line.split(' ') {
        let span = at..at + text.len();
        at = span.end + 1;
        words.push(Spoken { text, span });
    }
    let script = ArtifactPath::file("run.sh");
    let mut read = read_installs(&script, &line, &[], &[words]);
    let own = read.first().is_some_and(|m| {
        !m.indexes.entries.is_empty() || m.indexes.strategy.is_some() || !m.components.is_empty()
    });
    if let Some(manifest) = read.pop().filter(|_| own) {
        project.files.insert(script.clone(), manifest);
    }
    let derivations = project.derivations();
    let wanted = |d: &&Derivation| {
        let command = case.variant.is_none_or(|v| d.command.as_deref() == Some(v));
        d.manager == case.client
            && d.package == case.package
            && (!own || d.scope == script)
            && command
            && (case.variant.is_some() || d.command.is_none())
    };
    let found: Vec<&Derivation> = derivations.iter().filter(wanted).collect();
    let Some(d) = found.first() else {
        return (Taken::Nothing, false, "no derivation".to_owned());
    };
    let is = |host: &str| d.sources.iter().any(|s| s.address.host == host);
    let (public, internal) = (
        is(&Address::new(PUBLIC_INDEX).host),
        is("pypi.acme.example") || is("links.acme.example"),
    );
    let conditional = d.exposed.is_some_and(|c| c.only_without_fit);
    let taken = match (d.exposed, d.decided_by) {
        (_, DecidedBy::Nothing) => Taken::Nothing,
        (Some(c), _) if !c.only_without_fit && c.rivalry != Rivalry::TwoPrivate => Taken::Public,
        (_, DecidedBy::Hash) => Taken::Internal,
        (None, _) if public && !internal => Taken::Public,
        _ => Taken::Internal,
    };
    (taken, conditional, d.why.to_string())
}

fn judge(client: Manager) {
    let Some(bench) = Bench::new(client) else { return };
    let mut wrong = Vec::new();
    let mut rows = Vec::new();
    for (number, case) in cases::CASES
        .iter()
        .enumerate()
        .filter(|(_, c)| c.client == client)
    {
        let taken = bench.run(case, number);
        let (model, conditional, why) = predicted(case);
        // Where no version of the company's index fits, the model says that the next one is asked.
        let agrees = match taken {
            Taken::Nothing => case.refuses || model == Taken::Nothing,
            Taken::Public => model == Taken::Public || (conditional && case.unfit),
            Taken::Internal => model == Taken::Internal,
        };
        if !agrees || taken != case.takes {
            wrong.push(format!(
                "{}: takes {taken:?}, expected {:?}, the model says {model:?} ({why})",
                case.name, case.takes
            ));
        }
        rows.push(format!(
            "| {} | {} | {} |",
            client.name(),
            case.name,
            taken.shown()
        ));
    }
    // A client may still be writing its logs.
    let _ = fs::remove_dir_all(&bench.folder);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    in_the_guide(client, &rows);
}

/// The guide's table is what was measured; `UPDATE=1` writes the rows of this client.
fn in_the_guide(client: Manager, rows: &[String]) {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sources.md");
    let text = fs::read_to_string(&guide).unwrap();
    let (before, table) = text.split_once("| client |").unwrap();
    let mine = format!("| {} | ", client.name());
    let stands = |line: &&str| line.starts_with(&mine);
    if table.lines().filter(stands).eq(rows.iter().map(String::as_str)) {
        return;
    }
    assert!(
        std::env::var_os("UPDATE").is_some(),
        "docs/sources.md is stale: run this test with UPDATE=1; it should say\n{}",
        rows.join("\n")
    );
    let mut lines: Vec<&str> = table.lines().filter(|line| !stands(line)).collect();
    lines.extend(rows.iter().map(String::as_str));
    fs::write(guide, format!("{before}| client |{}\n", lines.join("\n"))).unwrap();
}

mod large {
    use super::{Manager, judge};

    #[test]
    fn pip_takes_what_the_model_says() {
        judge(Manager::Pip);
    }

    #[test]
    fn uv_takes_what_the_model_says() {
        judge(Manager::Uv);
    }

    #[test]
    fn poetry_takes_what_the_model_says() {
        judge(Manager::Poetry);
    }

    #[test]
    fn pdm_takes_what_the_model_says() {
        judge(Manager::Pdm);
    }

    #[test]
    fn pipenv_takes_what_the_model_says() {
        judge(Manager::Pipenv);
    }
}
