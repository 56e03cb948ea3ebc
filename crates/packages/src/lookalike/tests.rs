use super::{
    names::{Data, TEXT, most_downloaded},
    *,
};
use crate::normalise;
use proptest::prelude::*;
use std::time::Instant;

#[test]
fn the_table_is_well_formed() {
    let data: &Data = Box::leak(Box::new(toml::from_str(TEXT).unwrap()));
    let tables = [&data.confusions, &data.imports, &data.invented];
    let listed = data
        .popular
        .split_whitespace()
        .chain(data.honest.split_whitespace());
    for name in listed
        .chain(tables.iter().flat_map(|t| t.keys()).map(String::as_str))
        .chain(data.stand_ins.keys().map(String::as_str))
        .chain(most_downloaded())
    {
        assert_eq!(normalise(name), name);
    }
    for (from, to) in tables.into_iter().flatten() {
        assert!(names().rank(to).is_some(), "{to} is not among the popular names");
        assert!(names().rank(from).is_none(), "{from} is both");
    }
    for (from, (to, who)) in &data.stand_ins {
        assert!(
            names().rank(from).is_some(),
            "{from} accuses nobody because it is well known"
        );
        assert!(
            names().rank(to).is_some() && matches!(who.as_str(), "same" | "other"),
            "{from}"
        );
    }
}

#[test]
fn imitations_are_seen_and_neighbours_left_alone() {
    let shown = |name: &str| match look_alike(&normalise(name)) {
        Some(l) => format!(
            "{} {}{}",
            l.meant,
            l.how.name(),
            if l.is_certain() { " certain" } else { "" }
        ),
        None => "-".to_owned(),
    };
    for (name, expected) in [
        ("transfomers", "transformers one-letter certain"),
        ("tensorflwo", "tensorflow swapped certain"),
        ("tensorfiow", "tensorflow homoglyph certain"),
        ("nurnpy", "numpy homoglyph certain"),
        ("numpv", "numpy one-letter"),
        ("tоrch", "torch homoglyph certain"),
        ("jeIlyfish", "jellyfish homoglyph certain"),
        ("scikitlearn", "scikit-learn separators"),
        ("hugging_face-hub", "huggingface-hub separators"),
        ("pytorchlightning", "pytorch-lightning separators"),
        ("learn-scikit", "scikit-learn word-order"),
        ("bert-score-x", "-"),
        ("cv2", "opencv-python import-name"),
        ("PIL", "pillow import-name"),
        ("skimage", "scikit-image import-name"),
        ("huggingface-cli", "huggingface-hub invented"),
        ("tensofliw", "tensorflow two-slips"),
        ("requstss", "requests two-slips"),
        ("p8llow", "pillow one-letter"),
        ("jinja22", "jinja2 one-letter"),
        ("discord-pyy", "discord-py one-letter certain"),
        ("pillow2", "pillow affix"),
        ("python3-dateutil", "-"),
        ("pandas-dev", "pandas affix"),
        ("python-requests", "requests affix"),
        ("requests2", "requests affix"),
        // Successors, a sibling, and an ordinary word.
        ("cymysql", "-"),
        ("httpx2", "-"),
        ("httpcore2", "-"),
        ("py-cpuinfo2", "-"),
        ("elasticsearch2", "-"),
        ("dnspython3", "-"),
        ("standard", "-"),
        ("torch", "-"),
        ("numpy", "-"),
        ("sklearn", "-"),
        ("acme-train-kit", "-"),
        ("acme-core", "-"),
        ("my-project", "-"),
        ("boto", "-"),
        ("flake9", "-"),
        ("aws-cdk-aws-sxs", "-"),
        ("x", "-"),
        ("", "-"),
    ] {
        assert_eq!(shown(name), expected, "{name}");
    }
}

#[test]
fn a_name_of_an_import_says_whose_package_it_is() {
    for (name, expected) in [
        ("sklearn", Some(("scikit-learn", true))),
        ("pytorch", Some(("torch", true))),
        ("jwt", Some(("pyjwt", false))),
        ("pyjwt", None),
        ("cv2", None),
    ] {
        let found = stand_in(name).map(|s| (s.meant, s.same_authors));
        assert_eq!(found, expected, "{name}");
    }
}

/// The list of the issue: the 15,000 most downloaded names.
#[test]
fn none_of_the_most_downloaded_names_is_accused() {
    let accused: Vec<&str> = names()
        .all()
        .map(|n| n.0)
        .filter(|name| look_alike(name).is_some())
        .collect();
    assert_eq!(accused, Vec::<&str>::new());
}

/// What stands in the list cannot be accused, so the list says little about honest names that stand in none. Here each
/// of its less popular names is judged as if it were unknown.
#[test]
fn few_honest_names_would_be_accused_if_nobody_knew_them() {
    let tail: Vec<&str> = most_downloaded().skip(5_000).collect();
    let judged = tail
        .iter()
        .map(|name| compare(name, names(), &|other| other != *name));
    let accused: Vec<LookAlike> = judged.flatten().collect();
    let certain = accused.iter().filter(|l| l.is_certain()).count();
    let (most, most_certain) = (tail.len() / 50, tail.len() / 150);
    assert!(
        accused.len() <= most && certain <= most_certain,
        "{} of {}, {certain} certain",
        accused.len(),
        tail.len()
    );
}

/// Names of malicious packages that public reports name, all imitating what this field installs. A dash is a miss.
const REPORTED: &str = "
tensorflwo tensorflow, ensorflow tensorflow, etnsorflow tensorflow, teensorflow tensorflow, tennsorflow tensorflow,
tenorflow tensorflow, tenosrflow tensorflow, tensofliw tensorflow, tensofrlow tensorflow, tensoorflow tensorflow,
tensorfioi tensorflow, tensorfllow tensorflow, tensorflo tensorflow, tensorflows tensorflow, tensorflw tensorflow,
tensorlfow tensorflow, tensroflow tensorflow, tesnorflow tensorflow, tesorflow tensorflow, tnsorflow tensorflow,
rensoflow -, tensorflow-opt -, tensorflowlitex -,
cikit-learn scikit-learn, csikit-learn scikit-learn, sccikit-learn scikit-learn, sciikt-learn scikit-learn,
sciit-learn scikit-learn, sciki-learn scikit-learn, scikit-earn scikit-learn, scikit-elarn scikit-learn,
scikit-lean scikit-learn, scikit-learrn scikit-learn, scikit-leran scikit-learn, scikt-learn scikit-learn,
sickit-learn scikit-learn, sys-scikit-learn -,
atplotlib matplotlib, amtplotlib matplotlib, maplotlib matplotlib, matlpotlib matplotlib, matplolib matplotlib,
matploltib matplotlib, matplotlibb matplotlib, matplotliv matplotlib, matpltlib matplotlib, mtplotlib matplotlib,
matplotlib-req -, viplotlib -,
pandaas pandas, panads pandas, panas pandas, apndas pandas, pandsa pandas, pnadas pandas, ppandas pandas,
pandas-data -, nump numpy, numpy-lib numpy, os-numpy -, numpy-req -,
pilliw pillow, pilllow pillow, pllow pillow, oillow pillow, pilolw pillow, pirlow pillow, pillov pillow,
torchvisions torchvision, torhc torch, ytorch torch, ptorch torch, pyttorch pytorch,
transformars transformers, huggingface-hubs huggingface-hub, huggingfaces-hub huggingface-hub,
tiketoken tiktoken, tktoken tiktoken, deepseeek -, openai-py3 -, openae openai, openza -,
pytorch-lighting pytorch-lightning, kersa keras, seabonr seaborn, sympy-dev sympy, graddio gradio, networkfix -,
booto3 boto3, voto3 boto3, pyyal pyyaml, gipython gitpython, itpython gitpython, coloama colorama, colorema colorama,
reqjuests requests, requesks requests, reequests requests, requestts requests, equests requests, requests-lite -,
py-requests requests, requests-beta -, urllib33 urllib3, urelib3 urllib3, websokcet-client websocket-client,
detecron2 detectron2, open-clips-torch open-clip-torch, lanchain-openai langchain-openai, aiohtt aiohttp,
jupyter-calendar-extension -, importlib-metadate importlib-metadata, pycodestye pycodestyle";

#[test]
fn reported_imitations_are_recognised() {
    let mut seen = 0;
    let mut wrong: Vec<String> = Vec::new();
    let mut all = 0;
    for row in REPORTED.split(',') {
        let (name, expected) = row.trim().split_once(' ').unwrap();
        let found = look_alike(name).map_or("-", |l| l.meant);
        if found != expected {
            wrong.push(format!("{name} {found}"));
        }
        all += 1;
        seen += i32::from(found != "-");
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(all >= 100 && seen * 100 >= all * 80, "{seen} of {all}");
}

#[test]
fn long_and_many_names_cost_little() {
    let start = Instant::now();
    assert_eq!(look_alike(&"tensorflow-".repeat(1_000)), None);
    for i in 0..2_000 {
        let _ = look_alike(&format!("acme-internal-package-{i}"));
    }
    // Far above what it takes without optimisation.
    assert!(start.elapsed().as_secs() < 20);
}

proptest! {
    #[test]
    fn never_panics(name in any::<String>()) {
        let _ = look_alike(&normalise(&name));
    }
}
