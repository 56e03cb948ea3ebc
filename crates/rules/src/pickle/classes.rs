//! Every class of attack on the level of streams and of names, each from a listing, found and named for what it runs; and
//! the honest shapes that look like them, without a word.
//!
//! The listings are the ones that `benches/detection.py` gives to other tools.

use super::{callables, tests::findings};
use callables::{Judgement, Usage};
use wellhead_core::Severity;

const STREAMS: &str = include_str!("../../../../benches/corpus/streams.txt");
const BENIGN: &str = include_str!("../../../../benches/corpus/benign.txt");
const CALLABLES: &str = include_str!("../../../../benches/corpus/callables.txt");

struct Case<'a> {
    class: &'a str,
    name: &'a str,
    says: Vec<&'a str>,
    listing: String,
}

fn cases(text: &str) -> Vec<Case<'_>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("=== ") {
            let (class, name) = head.split_once(' ').unwrap();
            cases.push(Case {
                class,
                name,
                says: Vec::new(),
                listing: String::new(),
            });
        } else if let Some(case) = cases.last_mut() {
            match line.strip_prefix("says: ") {
                Some(says) => case.says.push(says),
                None => {
                    case.listing.push_str(line);
                    case.listing.push('\n');
                }
            }
        }
    }
    cases
}

#[test]
fn every_class_is_found_and_named_for_what_it_runs() {
    let cases = cases(STREAMS);
    let mut wrong = Vec::new();
    for case in &cases {
        let found = findings(&case.listing);
        for says in &case.says {
            let told = found
                .iter()
                .any(|f| f.severity >= Severity::High && f.message.contains(says));
            if !told {
                let said: Vec<_> = found
                    .iter()
                    .map(|f| format!("{}: {}", f.severity, f.message))
                    .collect();
                wrong.push(format!(
                    "{} {}: wants {says}, has {said:#?}",
                    case.class, case.name
                ));
            }
        }
        assert!(!case.says.is_empty(), "{} {}", case.class, case.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let covered = |class: &str| cases.iter().any(|c| c.class == class);
    let differ = ["S06", "S07", "S08", "S10", "S15"];
    for n in 1..=38 {
        let class = format!("S{n:02}");
        // Those that are not published are tested by inert twins where the machine is.
        assert!(covered(&class) || differ.contains(&class.as_str()), "{class}");
    }
    for n in 1..=24 {
        let class = format!("N{n:02}");
        assert!(
            covered(&class) || CALLABLES.lines().any(|l| l.starts_with(&class)),
            "{class}"
        );
    }
}

#[test]
fn every_callable_is_found_and_most_are_known_to_be_dangerous() {
    let (mut all, mut critical, mut wrong) = (0, 0, Vec::new());
    for line in CALLABLES.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let words: Vec<_> = line.split(' ').collect();
        let [class, module, name] = words.as_slice() else {
            panic!("{line}")
        };
        let protocol = if *class == "N21" { 2 } else { 4 };
        let found = findings(&format!(
            "PROTO {protocol}\nGLOBAL '{module} {name}'\nBINUNICODE 'x'\nTUPLE1\nREDUCE\nSTOP"
        ));
        all += 1;
        let worst = found.iter().map(|f| f.severity).max();
        if worst == Some(Severity::Critical) {
            critical += 1;
        } else {
            wrong.push(format!("{line}: {worst:?}"));
        }
        assert!(worst >= Some(Severity::High), "{line}: {worst:?}");
        let imported = findings(&format!("PROTO {protocol}\nGLOBAL '{module} {name}'\nSTOP"));
        // An array may be mapped into memory, and is then of that class.
        let silent = *line == *"N16 numpy memmap";
        assert!(
            silent || imported.iter().any(|f| f.severity >= Severity::Medium),
            "{line}"
        );
        let new = callables::judge(module, name, Usage::New);
        assert!(new != Judgement::Allowed, "{line} is allowed to be made");
    }
    assert!(all >= 289, "{all}");
    assert!(wrong.is_empty(), "{critical} of {all}: {wrong:#?}");
}

#[test]
fn honest_shapes_are_silent() {
    for case in cases(BENIGN) {
        let said: Vec<_> = findings(&case.listing)
            .iter()
            .map(|f| f.message.clone())
            .collect();
        assert!(said.is_empty(), "{}: {said:#?}", case.name);
    }
}

/// What lies below a prefix that is allowed for its classes is not allowed itself.
#[test]
fn a_prefix_reaches_only_its_classes() {
    for (module, class) in [
        ("sklearn.linear_model._base", "LinearRegression"),
        ("torch.nn.modules.linear", "Linear"),
        ("torchvision.transforms.transforms", "Compose"),
        ("timm.models.resnet", "ResNet"),
        ("ultralytics.nn.tasks", "DetectionModel"),
        ("networkx.classes.graph", "Graph"),
        ("nltk.stem.porter", "PorterStemmer"),
        ("scipy.stats._stats_py", "TtestResult"),
        ("statsmodels.regression.linear_model", "OLS"),
        ("spacy.lang.en", "English"),
    ] {
        assert_eq!(
            callables::judge(module, class, Usage::New),
            Judgement::Allowed,
            "{module}.{class}"
        );
        for name in [
            "os.system".to_owned(),
            "sys.modules".to_owned(),
            "helper".to_owned(),
            "_helper".to_owned(),
            "__builtins__".to_owned(),
            "np.load".to_owned(),
            "__dict__".to_owned(),
            format!("{class}.__init__.__globals__"),
            format!("{class}.__subclasses__"),
            format!("{class}.f_globals"),
            format!("{class}.from_pretrained"),
            format!("{class}.a.B"),
        ] {
            for usage in [Usage::Call, Usage::New, Usage::State, Usage::Items] {
                let judgement = callables::judge(module, &name, usage);
                assert!(judgement != Judgement::Allowed, "{module}.{name} {usage:?}");
            }
        }
        // The module itself is no attribute of a class, and a name that only looks like a prefix is another package.
        let (top, _) = module.split_once('.').unwrap();
        let other = module.replacen(top, &format!("{top}x"), 1);
        assert!(
            callables::judge(&other, class, Usage::New) != Judgement::Allowed,
            "{other}"
        );
    }
}
