//! What a distribution is called where it is imported.
//!
//! A distribution may install modules of any name, and only the distribution itself says which. For those of the field
//! the names are kept by hand in `data/import_names.toml`; any other is looked for under its own name, which is right
//! for most. The one decision: a name that is too wide (a whole namespace) is the safe mistake, since "imported" makes
//! somebody look and "never imported" makes somebody look away.

use serde::Deserialize;
use std::{collections::BTreeMap, sync::OnceLock};

const TEXT: &str = include_str!("../data/import_names.toml");

#[derive(Deserialize)]
struct Table(BTreeMap<String, Vec<String>>);

fn table() -> &'static BTreeMap<String, Vec<String>> {
    static TABLE: OnceLock<BTreeMap<String, Vec<String>>> = OnceLock::new();
    // The table is part of the program and a test reads it, so it cannot fail here.
    TABLE.get_or_init(|| toml::from_str::<Table>(TEXT).map(|t| t.0).unwrap_or_default())
}

/// The modules under which a distribution is imported, by its normal name; empty where it has nothing to import.
///
/// Whether they are known, or only guessed from its name, is the second part.
pub fn import_names(distribution: &str) -> (Vec<String>, bool) {
    if let Some(names) = table().get(distribution) {
        return (names.clone(), true);
    }
    let mut names = vec![distribution.replace('-', "_")];
    if distribution.contains('-') {
        names.push(distribution.replace('-', "."));
    }
    // `nvidia-cublas-cu13`, `types-requests`: libraries and stubs.
    if distribution.starts_with("types-") {
        names.clear();
    }
    (names, false)
}

/// The distributions that are known for a module, by its first name; empty where none is known for it.
pub(crate) fn owners_of(module: &str) -> &'static [&'static str] {
    static OWNERS: OnceLock<BTreeMap<&'static str, Vec<&'static str>>> = OnceLock::new();
    let owners = OWNERS.get_or_init(|| {
        let mut out: BTreeMap<&'static str, Vec<&'static str>> = BTreeMap::new();
        for (distribution, modules) in table() {
            for module in modules.iter().filter(|m| !m.contains('.')) {
                out.entry(module).or_default().push(distribution);
            }
        }
        out
    });
    owners.get(module).map_or(&[], Vec::as_slice)
}

/// The program that loads a distribution by itself, without anybody's import, where its name says so.
pub fn plugin_of(distribution: &str) -> Option<&'static str> {
    const HOSTS: [(&str, &str); 16] = [
        ("pytest-", "pytest"),
        ("flake8-", "flake8"),
        ("pylint-", "pylint"),
        ("sphinx-", "sphinx"),
        ("sphinxcontrib-", "sphinx"),
        ("mkdocs-", "mkdocs"),
        ("tox-", "tox"),
        ("poetry-plugin-", "poetry"),
        ("hatch-", "hatch"),
        ("setuptools-", "setuptools"),
        ("jupyter-", "jupyter"),
        ("jupyterlab-", "jupyterlab"),
        ("opentelemetry-instrumentation-", "opentelemetry-instrument"),
        ("apache-airflow-providers-", "airflow"),
        ("dvc-", "dvc"),
        ("mlflow-", "mlflow"),
    ];
    HOSTS
        .iter()
        .find_map(|(prefix, host)| distribution.starts_with(prefix).then_some(*host))
}

/// The commands that a distribution brings under other names than its own.
pub fn programs(distribution: &str) -> impl Iterator<Item = &'static str> {
    const PROGRAMS: [(&str, &[&str]); 22] = [
        (
            "torch",
            &["torchrun", "torch.distributed.run", "torch.distributed.launch"],
        ),
        ("notebook", &["jupyter", "jupyter-notebook"]),
        ("jupyter-server", &["jupyter", "jupyter-server"]),
        ("jupyterlab", &["jupyter", "jupyter-lab"]),
        ("jupyter-core", &["jupyter"]),
        ("nbconvert", &["jupyter", "jupyter-nbconvert"]),
        ("huggingface-hub", &["hf", "huggingface-cli"]),
        ("transformers", &["transformers-cli"]),
        ("django", &["django-admin"]),
        ("apache-airflow", &["airflow"]),
        ("apache-superset", &["superset"]),
        ("fastapi-cli", &["fastapi"]),
        ("lightning", &["fabric"]),
        ("tensorflow", &["saved_model_cli"]),
        ("tensorboard", &["tensorboard"]),
        ("kedro", &["kedro"]),
        ("prefect", &["prefect"]),
        ("awscli", &["aws"]),
        ("twine", &["twine"]),
        ("ansible-core", &["ansible", "ansible-playbook"]),
        ("labelme", &["labelme"]),
        ("label-studio", &["label-studio"]),
    ];
    let found = PROGRAMS.iter().find(|(name, _)| *name == distribution);
    found
        .into_iter()
        .flat_map(|(_, programs)| programs.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_and_holds_normal_names() {
        assert!(table().len() > 350, "{}", table().len());
        for name in table().keys() {
            assert_eq!(&crate::normalise(name), name);
        }
    }

    #[test]
    fn a_name_that_is_guessed_says_so() {
        assert!(import_names("requests").1);
        assert!(!import_names("some-package-of-nobody").1);
        assert_eq!(plugin_of("pytest-some"), Some("pytest"));
        assert_eq!(plugin_of("pytest"), None);
        assert!(programs("torch").any(|p| p == "torchrun"));
    }

    #[test]
    fn distributions_are_found_under_what_is_imported() {
        let known = |name| import_names(name).0.join(" ");
        for (name, expected) in [
            ("opencv-python", "cv2"),
            ("scikit-learn", "sklearn"),
            ("pillow", "PIL"),
            ("pyyaml", "yaml _yaml"),
            ("torch", "torch"),
            (
                "google-cloud-storage",
                "google_cloud_storage google.cloud.storage",
            ),
            ("cmake", ""),
            ("types-toml", ""),
        ] {
            assert_eq!(known(name), expected);
        }
    }
}
