//! Who could supply what, file by file.

use crate::{Project, identify_manifest, read_manifest, well_known};
use wellhead_core::{ArtifactPath, Budget};

fn project(files: &[(&str, &str)]) -> Project {
    let read = |(name, text): &(&str, &str)| {
        let path = ArtifactPath::file(*name);
        let kind = identify_manifest(name, text).unwrap();
        let manifest = read_manifest(kind, &path, text, &mut Budget::default());
        assert!(manifest.problems.is_empty(), "{name}: {:?}", manifest.problems);
        (path, manifest)
    };
    Project {
        files: files.iter().map(read).collect(),
        settings: Vec::new(),
    }
}

fn shown(files: &[(&str, &str)]) -> String {
    let rows: Vec<String> = project(files)
        .exposures()
        .iter()
        .map(|e| {
            let locked = if e.locked { " locked" } else { "" };
            format!(
                "{} {:?} {}{locked}",
                e.manager.name(),
                e.rivalry,
                e.packages.join(",")
            )
        })
        .collect();
    rows.join("; ")
}

const PRIVATE: &str = "--extra-index-url https://pypi.acme.example/simple\n";
const LOCK: &str = "version = 1\n[[package]]\nname = \"a\"\nversion = \"1\"\n";

#[test]
fn who_could_supply_what() {
    let with = |text: &str| format!("{PRIVATE}{text}");
    let one = |text: &str| shown(&[("requirements.txt", text)]);
    let uv = |strategy: &str| {
        format!(
            "[project]\nname='a'\ndependencies=['torch']\n[tool.uv]\n{strategy}\n[[tool.uv.index]]\nurl='https://pypi.acme.example/simple'\n"
        )
    };
    let poetry = |priority: &str, more: &str| {
        format!(
            "[tool.poetry.dependencies]\nacme = {{ version = '*'{more} }}\n[[tool.poetry.source]]\nname='i'\nurl='https://pypi.acme.example/simple'\n{priority}\n"
        )
    };
    for (got, expected) in [
        (one(&with("acme==1.0\n")), "pip PublicAndPrivate acme"),
        (one(&with("acme==1.0 --hash=sha256:ab\n")), ""),
        (one(&with("acme==1.0 --hash=sha256:ab\nother==1\n")), ""),
        (one(&with("acme @ https://files.example/acme-1.0.zip\n")), ""),
        (one("--index-url https://pypi.acme.example/simple\nacme\n"), ""),
        (
            one(
                "--index-url https://pypi.acme.example/a\n--extra-index-url https://pypi.acme.example/b\nacme\n",
            ),
            "",
        ),
        (
            one("--index-url https://a.example/x\n--extra-index-url https://b.example/x\nacme\n"),
            "pip TwoPrivate acme",
        ),
        (one("--find-links ./wheels\nacme\n"), ""),
        (
            one("--no-index\n--find-links ./wheels\n--extra-index-url https://b.example/x\nacme\n"),
            "",
        ),
        (
            shown(&[
                ("requirements.txt", "-r sub/requirements.txt\nx\n"),
                ("sub/requirements.txt", &with("y\n")),
            ]),
            "pip PublicAndPrivate x,y",
        ),
        (
            shown(&[
                ("pip.conf", "[global]\nextra-index-url = https://b.example/x\n"),
                ("requirements.txt", "y\n"),
            ]),
            "pip PublicAndPrivate y",
        ),
        (
            shown(&[("pip.conf", "[global]\nextra-index-url = https://b.example/x\n")]),
            "pip PublicAndPrivate ",
        ),
        (shown(&[("pyproject.toml", &uv(""))]), ""),
        (
            shown(&[("pyproject.toml", &uv("index-strategy='unsafe-best-match'"))]),
            "uv PublicAndPrivate torch",
        ),
        (
            shown(&[
                ("pyproject.toml", &uv("index-strategy='unsafe-best-match'")),
                ("uv.lock", LOCK),
            ]),
            "uv PublicAndPrivate torch locked",
        ),
        (
            shown(&[("pyproject.toml", &poetry("priority='supplemental'", ""))]),
            "Poetry PublicAndPrivate acme",
        ),
        (
            shown(&[("pyproject.toml", &poetry("priority='explicit'", ""))]),
            "",
        ),
        (
            shown(&[("pyproject.toml", &poetry("priority='primary'", ""))]),
            "",
        ),
        (
            shown(&[(
                "pyproject.toml",
                &poetry("priority='supplemental'", ", source = 'i'"),
            )]),
            "",
        ),
        (
            shown(&[
                ("pyproject.toml", &poetry("priority='supplemental'", "")),
                ("poetry.lock", &format!("{LOCK}[metadata]\n")),
            ]),
            "",
        ),
    ] {
        assert_eq!(got, expected);
    }
}

#[test]
fn wheels_of_a_well_known_project_are_another_matter() {
    let extra = well_known::PROJECTS[0].trim_end_matches('/');
    let text = format!("--extra-index-url https://{extra}/whl/cu121\ntorch==2.6.0+cu121\nnumpy\n");
    assert_eq!(
        shown(&[("requirements.txt", &text)]),
        "pip PublicAndProject numpy"
    );
}

/// `manager package: rivalry; why`, one line a package.
fn derived(files: &[(&str, &str)]) -> String {
    let rows: Vec<String> = project(files)
        .derivations()
        .iter()
        .map(|d| {
            let exposed = match d.exposed {
                Some(c) if c.only_without_fit => format!("{:?} where nothing fits; ", c.rivalry),
                Some(c) => format!("{:?}; ", c.rivalry),
                None => String::new(),
            };
            format!("{} {}: {exposed}{}", d.manager.name(), d.package, d.why)
        })
        .collect();
    rows.join("\n")
}

#[test]
fn channels_shield_as_far_as_their_priority_says() {
    let environment = "channels: [https://conda.acme.example/main, conda-forge, nodefaults]\ndependencies: [acme-core=1.0]\n";
    let public_first =
        "channels: [conda-forge, https://conda.acme.example/main]\ndependencies: [acme-core]\n";
    let named = "channels: [conda-forge, https://conda.acme.example/main]\ndependencies: ['https://conda.acme.example/main::acme-core']\n";
    let common = "channels: [pytorch, nvidia, conda-forge, defaults]\ndependencies: [pytorch]\n";
    let with = |text: &str, config: &str| derived(&[("environment.yml", text), (".condarc", config)]);
    insta::assert_snapshot!([
        with(environment, "{}"),
        with(environment, "channel_priority: strict"),
        with(environment, "channel_priority: disabled"),
        with(public_first, "channel_priority: strict"),
        with(named, "channel_priority: disabled"),
        with(common, "{}"),
        with("channels: [team]\ndependencies: [x]\n", "channel_alias: https://conda.acme.example"),
    ]
    .join("\n"), @"
    conda acme-core: PublicAndPrivate where nothing fits; asked: `https://conda.acme.example/main`, then `https://conda.anaconda.org/conda-forge`; the first with a version that fits wins; no hash says which file is meant
    conda acme-core: asked: `https://conda.acme.example/main`, then `https://conda.anaconda.org/conda-forge`; the first that knows the name is the only one; no hash says which file is meant
    conda acme-core: PublicAndPrivate; asked: `https://conda.acme.example/main` and `https://conda.anaconda.org/conda-forge`; the best version of all wins; no hash says which file is meant
    conda acme-core: PublicAndPrivate; asked: `https://conda.anaconda.org/conda-forge`, then `https://conda.acme.example/main`; the first that knows the name is the only one; no hash says which file is meant
    conda acme-core: asked: `https://conda.acme.example/main`; the package names its source
    conda pytorch: asked: `https://conda.anaconda.org/pytorch`, then `https://conda.anaconda.org/nvidia`, then `https://conda.anaconda.org/conda-forge`, then `https://repo.anaconda.com/pkgs/main`; the first with a version that fits wins; no hash says which file is meant
    conda x: asked: `https://conda.acme.example/team`; no other source is asked
    ");
}

#[test]
fn pixi_is_strict_and_takes_wheels_as_uv_does() {
    let file = |more: &str| {
        format!(
            "[workspace]\nchannels = ['https://conda.acme.example/main', 'conda-forge']\n{more}\n[dependencies]\nacme-core = '*'\n[pypi-dependencies]\nacme-util = '*'\n[pypi-options]\nextra-index-urls = ['https://pypi.acme.example/simple']\n"
        )
    };
    let unsafe_ = file("channel-priority = 'disabled'") + "index-strategy = 'unsafe-best-match'\n";
    insta::assert_snapshot!(
        [derived(&[("pixi.toml", &file(""))]), derived(&[("pixi.toml", &unsafe_)])]
            .join("\n")
            .replace(well_known::PYPI, "{public}"),
        @"
    pixi acme-core: asked: `https://conda.acme.example/main`, then `https://conda.anaconda.org/conda-forge`; the first that knows the name is the only one; no hash says which file is meant
    pixi acme-util: asked: `https://pypi.acme.example/simple`, then `{public}`; the first that knows the name is the only one; no hash says which file is meant
    pixi acme-core: PublicAndPrivate; asked: `https://conda.acme.example/main` and `https://conda.anaconda.org/conda-forge`; the best version of all wins; no hash says which file is meant
    pixi acme-util: PublicAndPrivate; asked: `https://pypi.acme.example/simple` and `{public}`; the best version of all wins; no hash says which file is meant
    "
    );
}

#[test]
fn a_proof_needs_every_source_that_decides_to_be_trusted() {
    let trusted = |s: &super::SourceCandidate| s.address.host == "pypi.acme.example";
    for (file, text, others) in [
        (
            "requirements.txt",
            "--index-url https://pypi.acme.example/simple\na\n",
            Some(0),
        ),
        (
            "requirements.txt",
            "--extra-index-url https://pypi.acme.example/simple\na\n",
            Some(1),
        ),
        (
            "requirements.txt",
            "--extra-index-url https://pypi.acme.example/simple\na==1 --hash=sha256:ab\n",
            Some(0),
        ),
        ("requirements.txt", "a\n", None),
        (
            "pyproject.toml",
            "[project]\nname='x'\ndependencies=['a']\n[[tool.uv.index]]\nurl='https://pypi.acme.example/simple'\n",
            Some(0),
        ),
        (
            "pyproject.toml",
            "[project]\nname='x'\ndependencies=['a']\n[tool.uv]\nindex-strategy='unsafe-first-match'\n[[tool.uv.index]]\nurl='https://pypi.acme.example/simple'\n",
            Some(1),
        ),
    ] {
        let project = project(&[(file, text)]);
        let derivations = project.derivations();
        let rivals = derivations[0].rivals(&trusted).map(Iterator::count);
        assert_eq!(rivals, others, "{text}");
    }
}

#[test]
fn packages_of_many_indexes_share_one_bounded_answer() {
    let indexes = |n: usize| -> String {
        (0..n)
            .map(|i| format!("--extra-index-url https://h{i}.example/simple\n"))
            .collect()
    };
    let packages: String = (0..50).map(|i| format!("p{i}>=1\n")).collect();
    let of = |n: usize| project(&[("requirements.txt", &format!("{}{packages}", indexes(n)))]);
    let many = of(2_000);
    let exposures = many.exposures();
    let (first, last) = (exposures.first().unwrap(), exposures.last().unwrap());
    assert_eq!(
        exposures.len(),
        super::MOST_SOURCES - 1,
        "one of them is the public one"
    );
    assert_eq!(first.packages.len(), 50);
    assert!(std::sync::Arc::ptr_eq(&first.packages, &last.packages));
    let derivations = many.derivations();
    let lists: std::collections::BTreeSet<_> = derivations.iter().map(|d| d.sources.as_ptr()).collect();
    assert_eq!((derivations.len(), lists.len()), (50, 1));
    // What is not held against the packages is said, and nothing is said where all is.
    let left_out: Vec<usize> = many.sources_left_out().into_values().collect();
    assert_eq!(left_out, [2_001 - super::MOST_SOURCES]);
    assert!(derivations.iter().all(|d| left_out.contains(&d.left_out)));
    assert!(first.why.contains(" and 1995 more;"), "{}", first.why);
    assert!(of(20).sources_left_out().is_empty());
    // The public index is a rival wherever it stands.
    let behind = format!(
        "--index-url https://own.example/simple\n{}--extra-index-url {}\np>=1\n",
        indexes(1_000),
        well_known::PYPI
    );
    assert!(shown(&[("requirements.txt", &behind)]).starts_with("pip PublicAndPrivate p; "));
}
