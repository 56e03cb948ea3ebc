//! Which commands install, whose they are, and how their arguments are to be read.
//!
//! A table of the field's installers. What installs from another ecosystem is named as well, so that a recipe full of
//! it is never taken for one that installs nothing.

use super::Spoken;
use crate::index::Manager;

/// How the arguments of an installing command are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grammar {
    /// Each is a requirement.
    Requirements,
    /// Each is a file of requirements.
    Files,
    /// The first is a requirement, the others are the program's.
    First,
    /// The first names an environment, the others are requirements.
    Inject,
    /// Only options name requirements.
    Options,
    /// Each is `name@constraint` or a requirement.
    Poetry,
    /// None: what the project declares is installed.
    Project,
    /// Each is a match spec of conda.
    Conda,
    /// Likewise, unless `--pypi` says otherwise.
    Pixi,
}

/// A command that installs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Invocation<'w, 'a> {
    /// Whose it is.
    pub(super) manager: Manager,
    /// How its arguments are to be read.
    pub(super) grammar: Grammar,
    /// What follows the verb.
    pub(super) rest: &'w [Spoken<'a>],
    /// Options with a value beyond those that all have.
    pub(super) takes: &'static [&'static str],
}

const UV: &[&str] = &[
    "--optional",
    "--package",
    "--tag",
    "--branch",
    "--rev",
    "--bounds",
    "--directory",
    "--project",
    "--script",
    "--env-file",
    "--index-strategy",
    "--color",
    "--config-file",
];
const POETRY: &[&str] = &[
    "-G",
    "-E",
    "--extras",
    "--source",
    "--platform",
    "--directory",
    "--project",
];
const PDM: &[&str] = &["-G", "--save-exact-as", "--venv", "--project", "--config"];
const PIPENV: &[&str] = &["--pypi-mirror", "--categories"];
const PIPX: &[&str] = &[
    "--pip-args",
    "--suffix",
    "--spec",
    "--preinstall",
    "--fetch-missing-python",
];
const CONDA: &[&str] = &[
    "-n",
    "--name",
    "--solver",
    "--repodata-fn",
    "--subdir",
    "--root-prefix",
    "--rc-file",
    "--clone",
    "--revision",
];
const PIXI: &[&str] = &[
    "-p",
    "--platform",
    "--feature",
    "--environment",
    "--manifest-path",
    "--git",
    "--branch",
    "--tag",
    "--rev",
    "-s",
    "--expose",
    "--with",
];

/// The command behind `sudo`, `env`, and variables in front of it.
pub(super) fn bare<'w, 'a>(words: &'w [Spoken<'a>]) -> &'w [Spoken<'a>] {
    let mut rest = words;
    while let Some((first, after)) = rest.split_first() {
        let assignment = first
            .text
            .split_once('=')
            .is_some_and(|(name, _)| !name.starts_with('-') && !name.contains('['));
        let before = [
            "sudo", "env", "exec", "time", "-E", "-H", "command", "nohup", "then", "do", "else", "if", "!",
            "{", "@", "-",
        ];
        if !(assignment || before.contains(&first.text)) {
            break;
        }
        rest = after;
    }
    rest
}

/// The name of a program without folder, version and ending. A variable that is named like one is meant as one.
fn program(word: &str) -> String {
    let word = word.trim_start_matches('@');
    let variable = word.starts_with('$');
    let name = word.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = name.trim_matches(['$', '(', ')', '{', '}']);
    let name = name.strip_suffix(".exe").unwrap_or(name);
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if variable {
        name.to_ascii_lowercase()
    } else {
        name.to_owned()
    }
}

/// Options in front of a verb that take a value, of any of the installers.
const BEFORE_VERB: &[&str] = &[
    "--trusted-host",
    "--timeout",
    "--default-timeout",
    "--retries",
    "--proxy",
    "--cert",
    "--client-cert",
    "--cache-dir",
    "--log",
    "--log-file",
    "--python",
    "--exists-action",
    "--use-feature",
    "--use-deprecated",
    "--keyring-provider",
    "--resume-retries",
    "--directory",
    "--project",
    "--config-file",
    "--color",
    "--allow-insecure-host",
    "--config-setting",
    "-C",
    "-P",
    "--rc-file",
    "--root-prefix",
    "--manifest-path",
];

/// Splits off the first word that is neither an option nor the value of one.
fn verb<'w, 'a>(words: &'w [Spoken<'a>]) -> Option<(&'a str, &'w [Spoken<'a>])> {
    let mut rest = words;
    while let Some((first, after)) = rest.split_first() {
        if !first.text.starts_with('-') {
            return Some((first.text, after));
        }
        let skipped = usize::from(BEFORE_VERB.contains(&first.text));
        rest = after.get(skipped..)?;
    }
    None
}

/// The options in front of the verb, which the verb's own follow.
pub(super) fn before_verb<'w, 'a>(words: &'w [Spoken<'a>], rest: &'w [Spoken<'a>]) -> &'w [Spoken<'a>] {
    let count = words.len().saturating_sub(rest.len());
    words.get(..count).unwrap_or_default()
}

/// What `pip config set` and `conda config` write down for the commands after them: the variable that says the same,
/// its value, and whether it goes before what was said so far.
pub(super) fn configured<'w, 'a>(words: &'w [Spoken<'a>]) -> Vec<(String, &'w Spoken<'a>, bool)> {
    let mut rest = bare(words);
    if let [first, module, second, after @ ..] = rest
        && program(first.text) == "python"
        && module.text == "-m"
    {
        rest = match program(second.text).as_str() {
            "pip" => after,
            _ => return Vec::new(),
        };
    } else if let Some((first, after)) = rest.split_first() {
        match program(first.text).as_str() {
            "pip" => rest = after,
            "conda" | "mamba" | "micromamba" => return conda_configured(after),
            _ => return Vec::new(),
        }
    }
    let Some(("config", after)) = verb(rest) else {
        return Vec::new();
    };
    let Some(("set", after)) = verb(after) else {
        return Vec::new();
    };
    let [key, value, ..] = after else {
        return Vec::new();
    };
    // What is said for one command only does not hold for an install.
    match key.text.split_once('.') {
        Some(("global" | "install", option)) => {
            let name = option.to_ascii_uppercase().replace('-', "_");
            vec![(format!("PIP_{name}"), value, false)]
        }
        _ => Vec::new(),
    }
}

fn conda_configured<'w, 'a>(words: &'w [Spoken<'a>]) -> Vec<(String, &'w Spoken<'a>, bool)> {
    let Some(("config", mut rest)) = verb(words) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    while let Some((option, after)) = rest.split_first() {
        rest = after;
        let first = match option.text {
            "--set" | "--append" => false,
            "--add" | "--prepend" => true,
            _ => continue,
        };
        let [key, value, after @ ..] = rest else { break };
        out.push((format!("CONDA_{}", key.text.to_ascii_uppercase()), value, first));
        rest = after;
    }
    out
}

/// What `-m`, `-Im`, `-mpip` say: that a module is run, and which where it is glued on.
fn module_of(word: &str) -> Option<Option<&str>> {
    let letters = word.strip_prefix('-')?;
    let (flags, module) = letters.split_once('m')?;
    let known = flags.chars().all(|c| "bBdEiIOPqsSuvx".contains(c));
    known.then(|| Some(module).filter(|m| !m.is_empty()))
}

/// What the words install with, if they are a command that does.
pub(super) fn invocation<'w, 'a>(words: &'w [Spoken<'a>]) -> Option<Invocation<'w, 'a>> {
    let (first, rest) = bare(words).split_first()?;
    let name = program(first.text);
    // Behind the name of a script `-m` is an argument of that script.
    let module = rest
        .iter()
        .take_while(|w| w.text.starts_with('-') || matches!(w.text, "ignore" | "utf8"))
        .enumerate()
        .find_map(|(at, w)| Some((at, module_of(w.text)?)));
    let python = matches!(name.as_str(), "python" | "py" | "pypy" | "python.exe");
    // `$PYTHON -m pip`, `{sys.executable} -m pip`: whatever runs modules runs this one.
    if let Some((at, named)) =
        module.filter(|(at, _)| python || rest.get(*at).is_some_and(|w| *at == 0 && w.text == "-m"))
    {
        let after = rest.get(at.checked_add(1)?..)?;
        let (module, after) = match named {
            Some(module) => (module, after),
            None => after.split_first().map(|(word, after)| (word.text, after))?,
        };
        return of(module, after);
    }
    of(&name, rest)
}

fn of<'w, 'a>(program: &str, rest: &'w [Spoken<'a>]) -> Option<Invocation<'w, 'a>> {
    let made = |manager, grammar, rest, takes| {
        Some(Invocation {
            manager,
            grammar,
            rest,
            takes,
        })
    };
    use Grammar as G;
    match program {
        "pip" => match verb(rest)? {
            ("install" | "download" | "wheel", after) => made(Manager::Pip, G::Requirements, after, &[]),
            _ => None,
        },
        "easy_install" => made(Manager::Pip, G::Requirements, rest, &[]),
        "pip-sync" => made(Manager::Pip, G::Files, rest, &[]),
        "uvx" => made(Manager::Uv, G::First, rest, UV),
        "uv" => {
            let (sub, after) = verb(rest)?;
            match (sub, verb(after).map(|(v, _)| v)) {
                ("pip", Some("install" | "download" | "wheel")) => {
                    made(Manager::Uv, G::Requirements, verb(after)?.1, UV)
                }
                ("pip", Some("sync")) => made(Manager::Uv, G::Files, verb(after)?.1, UV),
                ("tool", Some("install")) => made(Manager::Uv, G::First, verb(after)?.1, UV),
                ("tool", Some("run")) => made(Manager::Uv, G::First, verb(after)?.1, UV),
                ("add", _) => made(Manager::Uv, G::Requirements, after, UV),
                ("run", _) => made(Manager::Uv, G::Options, after, UV),
                ("sync" | "lock", _) => made(Manager::Uv, G::Project, after, UV),
                _ => None,
            }
        }
        "pipx" => match verb(rest)? {
            ("install" | "upgrade", after) => made(Manager::Pip, G::Requirements, after, PIPX),
            ("run", after) => made(Manager::Pip, G::First, after, PIPX),
            ("inject", after) => made(Manager::Pip, G::Inject, after, PIPX),
            _ => None,
        },
        "poetry" => match verb(rest)? {
            ("add", after) => made(Manager::Poetry, G::Poetry, after, POETRY),
            ("self", after) => match verb(after)? {
                ("add", after) => made(Manager::Poetry, G::Poetry, after, POETRY),
                _ => None,
            },
            _ => None,
        },
        "pdm" => match verb(rest)? {
            ("add", after) => made(Manager::Pdm, G::Requirements, after, PDM),
            _ => None,
        },
        "pipenv" => match verb(rest)? {
            ("install" | "upgrade", after) => made(Manager::Pipenv, G::Requirements, after, PIPENV),
            _ => None,
        },
        "rye" => match verb(rest)? {
            ("add" | "install", after) => made(Manager::Uv, G::Requirements, after, UV),
            _ => None,
        },
        "conda" | "mamba" | "micromamba" => match verb(rest)? {
            ("install" | "create" | "update" | "upgrade", after) => {
                made(Manager::Conda, G::Conda, after, CONDA)
            }
            // An environment as its file has it.
            ("env", after) => match verb(after)? {
                ("create" | "update", after) => made(Manager::Conda, G::Conda, after, CONDA),
                _ => None,
            },
            _ => None,
        },
        "pixi" => match verb(rest)? {
            ("add", after) => made(Manager::Pixi, G::Pixi, after, PIXI),
            ("global", after) => match verb(after)? {
                ("install" | "add", after) => made(Manager::Pixi, G::Pixi, after, PIXI),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// The installer of another ecosystem that the words run, if they install with one: nothing can be said of its
/// packages here.
pub fn installs_elsewhere(words: &[Spoken<'_>]) -> Option<&'static str> {
    let (first, rest) = bare(words).split_first()?;
    let name = program(first.text);
    let (tool, verbs): (&'static str, &[&str]) = match name.as_str() {
        "apt" | "apt-get" | "aptitude" => ("apt", &["install", "build-dep"]),
        "apk" => ("apk", &["add"]),
        "dnf" | "yum" | "microdnf" | "tdnf" => ("dnf", &["install", "localinstall", "groupinstall"]),
        "zypper" => ("zypper", &["install", "in"]),
        "pacman" => ("pacman", &[]),
        "brew" => ("brew", &["install"]),
        "snap" => ("snap", &["install"]),
        "choco" => ("choco", &["install"]),
        "winget" => ("winget", &["install"]),
        "npm" => ("npm", &["install", "i", "add", "ci"]),
        "pnpm" => ("pnpm", &["install", "i", "add"]),
        "yarn" => ("yarn", &["install", "add"]),
        "bun" => ("bun", &["install", "add"]),
        "npx" => return Some("npm"),
        "gem" => ("gem", &["install"]),
        "cargo" => ("cargo", &["install", "add"]),
        "go" => ("go", &["install", "get"]),
        "cpan" | "cpanm" => return Some("cpan"),
        "R" | "Rscript" => {
            let calls = rest
                .iter()
                .any(|w| w.text.contains("install.packages") || w.text.contains("install_github"));
            return calls.then_some("R");
        }
        _ => return None,
    };
    if tool == "pacman" {
        return rest.iter().any(|w| w.text.starts_with("-S")).then_some(tool);
    }
    let found = rest
        .iter()
        .take_while(|w| w.text != "--")
        .any(|w| verbs.contains(&w.text));
    found.then_some(tool)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(text: &str) -> Vec<Spoken<'_>> {
        text.split_whitespace()
            .map(|text| Spoken { text, span: 0..0 })
            .collect()
    }

    #[test]
    fn installing_commands_are_known() {
        let rows: Vec<String> = [
            "pip install a",
            "pip3.11 --no-input install a",
            "/opt/venv/bin/pip install a",
            "python3 -m pip install a",
            "python -u -m pip install a",
            "python -mpip install a",
            "python3 -Im pip install a",
            "pytest -mpip install a",
            "{sys.executable} -m pip install a",
            "$PYTHON -m pip install a",
            "$(PIP) install a",
            "sudo -H env A=b pip install a",
            "uv pip install a",
            "uv --quiet pip sync r.txt",
            "uv add a",
            "uv tool install a",
            "uvx a",
            "uv run --with a x",
            "pipx inject env a",
            "poetry add a",
            "poetry self add a",
            "pdm add a",
            "pipenv install a",
            "conda install -y a",
            "micromamba create -n x a",
            "pixi add a",
            "pip freeze",
            "pip list install",
            "conda env create -f e.yml",
            "echo pip install a",
            "python train.py -m pip install",
            "uv sync",
            "pip --trusted-host h.example --timeout 100 install a",
            "uv --directory app pip install a",
        ]
        .iter()
        .map(|text| {
            let words = spoken(text);
            match invocation(&words) {
                Some(i) => {
                    let rest: Vec<_> = i.rest.iter().map(|w| w.text).collect();
                    format!("{text}\n    {:?} {:?} {rest:?}", i.manager, i.grammar)
                }
                None => format!("{text}\n    nothing"),
            }
        })
        .collect();
        insta::assert_snapshot!(rows.join("\n"), @r#"
        pip install a
            Pip Requirements ["a"]
        pip3.11 --no-input install a
            Pip Requirements ["a"]
        /opt/venv/bin/pip install a
            Pip Requirements ["a"]
        python3 -m pip install a
            Pip Requirements ["a"]
        python -u -m pip install a
            Pip Requirements ["a"]
        python -mpip install a
            Pip Requirements ["a"]
        python3 -Im pip install a
            Pip Requirements ["a"]
        pytest -mpip install a
            nothing
        {sys.executable} -m pip install a
            Pip Requirements ["a"]
        $PYTHON -m pip install a
            Pip Requirements ["a"]
        $(PIP) install a
            Pip Requirements ["a"]
        sudo -H env A=b pip install a
            Pip Requirements ["a"]
        uv pip install a
            Uv Requirements ["a"]
        uv --quiet pip sync r.txt
            Uv Files ["r.txt"]
        uv add a
            Uv Requirements ["a"]
        uv tool install a
            Uv First ["a"]
        uvx a
            Uv First ["a"]
        uv run --with a x
            Uv Options ["--with", "a", "x"]
        pipx inject env a
            Pip Inject ["env", "a"]
        poetry add a
            Poetry Poetry ["a"]
        poetry self add a
            Poetry Poetry ["a"]
        pdm add a
            Pdm Requirements ["a"]
        pipenv install a
            Pipenv Requirements ["a"]
        conda install -y a
            Conda Conda ["-y", "a"]
        micromamba create -n x a
            Conda Conda ["-n", "x", "a"]
        pixi add a
            Pixi Pixi ["a"]
        pip freeze
            nothing
        pip list install
            nothing
        conda env create -f e.yml
            Conda Conda ["-f", "e.yml"]
        echo pip install a
            nothing
        python train.py -m pip install
            nothing
        uv sync
            Uv Project []
        pip --trusted-host h.example --timeout 100 install a
            Pip Requirements ["a"]
        uv --directory app pip install a
            Uv Requirements ["a"]
        "#);
    }

    #[test]
    fn installers_of_others_are_named() {
        for (text, tool) in [
            ("apt-get install -y curl", Some("apt")),
            ("sudo apt-get -qq update", None),
            ("apk add --no-cache git", Some("apk")),
            ("npm install foo", Some("npm")),
            ("npm run install-all", None),
            ("pacman -Syu git", Some("pacman")),
            ("Rscript -e install.packages('x')", Some("R")),
            ("echo apt-get install", None),
            ("pip install x", None),
        ] {
            assert_eq!(installs_elsewhere(&spoken(text)), tool, "{text}");
        }
    }
}
