//! Configurations that nobody thought of, against the client itself: small ones from a fixed sequence of dice.
//!
//! The model may not miss: whenever the client takes the planted file, the model has to say that it can. And it may not
//! cry wolf: where the client takes the company's file, the model may not say that the public index decides.

use super::{Bench, Taken, cases::Case, predicted};
use wellhead_packages::index::Manager;

/// A generator whose numbers are the same at every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % n
    }

    fn of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[self.below(all.len())]
    }

    /// Some of these, in a random order.
    fn some<'t>(&mut self, all: &[&'t str], most: usize) -> Vec<&'t str> {
        let count = self.below(most + 1);
        (0..count).map(|_| self.of(all)).collect()
    }
}

fn keep(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

fn case(
    client: Manager,
    number: usize,
    command: String,
    files: Vec<(&'static str, &'static str)>,
    variant: Option<&'static str>,
    unfit: bool,
) -> Case {
    Case {
        name: keep(format!("random {number}")),
        client,
        files: Box::leak(files.into_boxed_slice()),
        command: keep(command),
        package: "acme-core",
        variant,
        takes: Taken::Nothing,
        unfit,
        refuses: true,
    }
}

const WANTED: &[&str] = &[
    "acme-core",
    "acme-core",
    "acme-core==1.0",
    "acme-core<2",
    "acme-core>=2",
];

fn pip(dice: &mut Dice, number: usize) -> Case {
    let wanted = dice.of(&[WANTED, &["acme-core==1.0 --hash=sha256:{hash acme-core}"]].concat());
    let lines = &[
        "--index-url {i}",
        "--index-url {p}",
        "--extra-index-url {i}",
        "--extra-index-url {p}",
        "--find-links {links}",
        "--no-index",
    ];
    let mut text = dice.some(lines, 2);
    let mut files = Vec::new();
    if dice.below(3) == 0 {
        text.insert(dice.below(text.len() + 1), "-r sub/more.txt");
        files.push((
            "sub/requirements.txt",
            keep(dice.some(lines, 2).join("\n") + "\n"),
        ));
        text = text
            .iter()
            .map(|l| l.replace("more.txt", "requirements.txt"))
            .map(keep)
            .collect();
    }
    text.insert(dice.below(text.len() + 1), wanted);
    files.push(("requirements.txt", keep(text.join("\n") + "\n")));
    let options = &[
        "index-url = {i}",
        "extra-index-url = {i}",
        "extra-index-url = {p}",
        "extra-index-url = {i}\n    {p}",
        "find-links = {links}",
        "no-index = false",
    ];
    if dice.below(2) == 0 {
        let mut config = String::new();
        for section in ["global", "install", "download"] {
            let mut said = dice.some(options, 2);
            // An option that stands twice in a section is an error.
            said.sort_unstable();
            said.dedup_by_key(|o| o.split(' ').next());
            config += &format!("[{section}]\n{}\n", said.join("\n"));
        }
        files.push(("pip.conf", keep(config)));
    }
    let variables = &[
        "PIP_INDEX_URL={i}",
        "PIP_EXTRA_INDEX_URL={i}",
        "PIP_EXTRA_INDEX_URL={p}",
        "PIP_FIND_LINKS={links}",
        "PIP_NO_INDEX=0",
    ];
    let spoken = &[
        "--extra-index-url {i}",
        "--extra-index-url {p}",
        "-i {i}",
        "-i {p}",
        "-f {links}",
    ];
    let mut words = dice.some(variables, 1);
    words.push("pip install -r requirements.txt");
    words.extend(dice.some(spoken, 1));
    case(
        Manager::Pip,
        number,
        words.join(" "),
        files,
        None,
        wanted.contains(">="),
    )
}

fn uv(dice: &mut Dice, number: usize) -> Case {
    let wanted = dice.of(WANTED);
    let indexes = &[
        "name='i'\nurl='{i}'",
        "name='p'\nurl='{p}'",
        "name='d'\nurl='{i}'\ndefault=true",
        "name='e'\nurl='{i}'\nexplicit=true",
    ];
    let settings = &[
        "index-strategy='unsafe-best-match'",
        "index-strategy='unsafe-first-match'",
        "index-url='{i}'",
        "extra-index-url=['{i}']",
        "extra-index-url=['{p}', '{i}']",
        "find-links=['{links}']",
        "no-index=true\nfind-links=['{links}']",
    ];
    let mut said = dice.some(settings, 2);
    said.sort_unstable();
    said.dedup_by_key(|o| o.split('=').next());
    if said.iter().any(|s| s.starts_with("no-index")) {
        said.retain(|s| !s.starts_with("find-links"));
    }
    let mut named = dice.some(indexes, 2);
    named.sort_unstable();
    named.dedup();
    if dice.below(2) == 0 {
        named.reverse();
    }
    let tied = named.iter().any(|n| n.contains("explicit")) && dice.below(2) == 0;
    let list: String = named.iter().map(|n| format!("[[INDEX]]\n{n}\n")).collect();
    let mut text =
        format!("[project]\nname='app'\nversion='0'\nrequires-python='>=3.11'\ndependencies=['{wanted}']\n");
    let mut files = Vec::new();
    if dice.below(4) == 0 {
        let apart = format!("{}\n{}", said.join("\n"), list.replace("INDEX", "index"));
        files.push(("uv.toml", keep(apart)));
    } else {
        text += &format!(
            "[tool.uv]\n{}\n{}",
            said.join("\n"),
            list.replace("INDEX", "tool.uv.index")
        );
    }
    if tied && files.is_empty() {
        text += "[tool.uv.sources]\nacme-core={index='e'}\n";
    }
    files.push(("pyproject.toml", keep(text)));
    let unfit = wanted.contains(">=");
    if dice.below(2) == 0 {
        return case(Manager::Uv, number, "uv lock".to_owned(), files, None, unfit);
    }
    let variables = &[
        "UV_INDEX=x={i}",
        "UV_INDEX={p}",
        "UV_DEFAULT_INDEX={i}",
        "UV_INDEX_STRATEGY=unsafe-best-match",
        "UV_EXTRA_INDEX_URL={i}",
        "UV_FIND_LINKS={links}",
    ];
    let spoken = &[
        "--index y={i}",
        "--index {p}",
        "--default-index {i}",
        "--find-links {links}",
        "--extra-index-url {i}",
        "--index-strategy unsafe-first-match",
    ];
    let mut words = dice.some(variables, 1);
    words.push("uv pip install");
    words.extend(dice.some(spoken, 2));
    words.push(keep(wanted.replace(' ', "")));
    case(Manager::Uv, number, words.join(" "), files, None, unfit)
}

/// How many configurations each client gets; `WELLHEAD_RANDOM` says another number, and `WELLHEAD_SEED` other dice.
fn number(name: &str, default: u64) -> u64 {
    let said = std::env::var(name).ok().and_then(|n| n.parse().ok());
    said.unwrap_or(default)
}

fn judge(client: Manager, count: u64, make: fn(&mut Dice, usize) -> Case) {
    let Some(bench) = Bench::named(client, "random") else {
        return;
    };
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ number("WELLHEAD_SEED", 4));
    let mut wrong = Vec::new();
    for n in 0..usize::try_from(number("WELLHEAD_RANDOM", count)).unwrap() {
        let case = make(&mut dice, n);
        let taken = bench.run(&case, n);
        let (mut model, conditional, why) = predicted(&case);
        if why == "no derivation" {
            // Nothing is said of indexes, so the public one is asked.
            model = Taken::Public;
        }
        let agrees = match taken {
            // What refuses harms nobody, and why it does is not the model's question.
            Taken::Nothing => true,
            Taken::Public => model == Taken::Public || (conditional && case.unfit),
            Taken::Internal => model == Taken::Internal,
        };
        if !agrees {
            wrong.push(format!(
                "{n}: `{}` with {:?} takes {taken:?}, the model says {model:?} ({why})",
                case.command, case.files
            ));
        }
    }
    let _ = std::fs::remove_dir_all(&bench.folder);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pip_takes_what_the_model_says_of_random_configurations() {
    judge(Manager::Pip, 20, pip);
}

#[test]
fn uv_takes_what_the_model_says_of_random_configurations() {
    judge(Manager::Uv, 60, uv);
}
