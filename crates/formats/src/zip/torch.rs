//! What is built on zip: PyTorch's checkpoints first of all, and what their loader does with each member.

use super::Entry;
use crate::{
    document::Role,
    format::{Format, table as t},
};
use std::collections::BTreeSet;

/// The format of an archive whose members bear these names, and whose own name is `file`.
pub fn refine(file: &str, names: &[impl AsRef<str>]) -> &'static Format {
    let has = |test: &dyn Fn(&str) -> bool| names.iter().any(|n| test(n.as_ref()));
    let in_root = |name: &str| has(&|n| n == name);
    let one_deep = |name: &str| has(&|n| n.split_once('/').is_some_and(|(_, rest)| rest == name));
    let lower = file.to_lowercase();
    let wheel = has(&|n| {
        n.split_once('/')
            .is_some_and(|(dir, rest)| dir.ends_with(".dist-info") && rest == "WHEEL")
    });
    // A wheel may ship a file of that name among its data.
    if wheel && lower.ends_with(".whl") {
        return &t::WHEEL;
    }
    if one_deep(".data/extern_modules") || in_root(".data/extern_modules") {
        return &t::TORCH_PACKAGE;
    }
    if is_exported(names) {
        return &t::TORCH_EXPORT;
    }
    if !roots(names, 1).is_empty() {
        let code = has(&|n| {
            n.split_once('/')
                .is_some_and(|(_, rest)| rest.starts_with("code/") || rest == "bytecode.pkl")
        });
        return if code { &t::TORCHSCRIPT } else { &t::TORCH_ZIP };
    }
    if wheel {
        return &t::WHEEL;
    }
    if in_root("schema.json") && (lower.ends_with(".skops") || names.iter().all(|n| is_of_skops(n.as_ref())))
    {
        return &t::SKOPS;
    }
    if in_root("config.json")
        && (lower.ends_with(".keras") || has(&|n| n.starts_with("model.weights") || n == "metadata.json"))
    {
        return &t::KERAS;
    }
    if in_root("MAR-INF/MANIFEST.json") {
        return &t::TORCH_MAR;
    }
    if in_root("[Content_Types].xml")
        || (in_root("mimetype") && in_root("META-INF/container.xml"))
        || in_root("content.xml")
    {
        return &t::OFFICE;
    }
    if in_root("META-INF/MANIFEST.MF") {
        return &t::JAR;
    }
    if in_root("EGG-INFO/PKG-INFO") {
        return &t::EGG;
    }
    if !names.is_empty() && names.iter().all(|n| n.as_ref().ends_with(".npy")) {
        return &t::NPZ;
    }
    &t::ZIP
}

/// Whether skops writes members of such names: a schema, arrays, bytes.
fn is_of_skops(name: &str) -> bool {
    let stem = name.rsplit_once('.').map_or("", |(stem, _)| stem);
    let array = [".npy", ".npz", ".bin"].iter().any(|e| name.ends_with(e));
    name == "schema.json" || (array && !stem.is_empty() && stem.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether a member is the graph of an exported program: of the layout that has several, or of the first one.
fn is_exported_graph(name: &str) -> bool {
    let mut parts = name.rsplit('/');
    let (file, folder) = (parts.next().unwrap_or_default(), parts.next());
    file == "serialized_exported_program.json" || (file.ends_with(".json") && folder == Some("models"))
}

/// Whether a member holds numbers of an exported program; those that are objects are told by their content.
fn is_exported_weight(name: &str) -> bool {
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    (folder.ends_with("data/weights") || folder.ends_with("data/constants")) && !file.contains('.')
}

/// Whether these are the members of an exported program. Folders of models are common, so its own marks have to be there.
fn is_exported(names: &[impl AsRef<str>]) -> bool {
    let marked = |n: &str| {
        let file = n.rsplit('/').next().unwrap_or(n);
        matches!(file, "archive_format" | "archive_version") || file == "serialized_exported_program.json"
    };
    names.iter().any(|n| marked(n.as_ref())) && names.iter().any(|n| is_exported_graph(n.as_ref()))
}

/// The folders that a PyTorch loader may take for the checkpoint's own: they hold a `data.pkl`, and either what else a
/// checkpoint has, or one of the `first` members.
fn roots(names: &[impl AsRef<str>], first: usize) -> BTreeSet<&str> {
    let mut beside = BTreeSet::new();
    for name in names.iter().map(AsRef::as_ref) {
        for file in ["version", "constants.pkl", "byteorder"] {
            beside.extend(name.strip_suffix(file));
        }
        beside.extend(before(name, "data"));
    }
    names
        .iter()
        .filter_map(|n| n.as_ref().strip_suffix("data.pkl"))
        .filter(|root| root.is_empty() || root.ends_with('/'))
        .filter(|root| {
            let leads = || names.iter().take(first).any(|n| n.as_ref().starts_with(root));
            root.is_empty() || beside.contains(root) || leads()
        })
        .collect()
}

/// What stands before each folder of that name in a path, with the slash.
fn before<'a>(path: &'a str, folder: &str) -> impl Iterator<Item = &'a str> {
    path.match_indices('/').filter_map(move |(at, _)| {
        let root = path.get(..at)?.strip_suffix(folder)?;
        (root.is_empty() || root.ends_with('/')).then_some(root)
    })
}

/// Says of each member what `torch.load`, `torch.jit.load` or `torch.package` does with it.
///
/// The loader takes the folder of the archive's first member; others that look like a checkpoint's count here too, for
/// another view of the archive may have another first member.
pub(super) fn assign_roles(entries: &mut [Entry]) {
    // The loader may believe the headers' names as well as the directory's.
    let names: Vec<String> = entries
        .iter()
        .flat_map(|e| {
            [
                Some(e.name.clone()),
                e.local.as_ref().map(|l| super::name_of(&l.name)),
            ]
        })
        .flatten()
        .collect();
    let roots = roots(&names, 2);
    let packages: BTreeSet<&str> = names
        .iter()
        .filter_map(|n| n.strip_suffix(".data/extern_modules"))
        .collect();
    let exported = is_exported(&names);
    let skops = names.iter().any(|n| n == "schema.json") && *refine("m.skops", &names) == t::SKOPS;
    for entry in entries {
        if exported && is_exported_graph(&entry.name) {
            entry.role = Role::As(&t::TORCH_EXPORT_GRAPH);
            continue;
        }
        if exported && is_exported_weight(&entry.name) {
            entry.role = Role::Tensor;
            continue;
        }
        if skops && entry.name == "schema.json" {
            entry.role = Role::As(&t::SKOPS_SCHEMA);
            continue;
        }
        entry.role = role(&entry.name, &roots, &packages);
        if let Some(local) = &entry.local
            && local.name != entry.raw_name
            && role(&super::name_of(&local.name), &roots, &packages) == Role::Pickle
        {
            entry.role = Role::Pickle;
        }
    }
}

fn role(name: &str, roots: &BTreeSet<&str>, packages: &BTreeSet<&str>) -> Role {
    let is_root = |root: Option<&str>| root.is_some_and(|r| roots.contains(r));
    if is_exported_graph(name) {
        return Role::As(&t::TORCH_EXPORT_GRAPH);
    }
    if [
        "data.pkl",
        "constants.pkl",
        "attributes.pkl",
        "bytecode.pkl",
        "mobile_debug_handles.pkl",
    ]
    .iter()
    .any(|f| is_root(name.strip_suffix(f)))
    {
        return Role::Pickle;
    }
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    let is_number = !file.is_empty() && file.bytes().all(|b| b.is_ascii_digit());
    if is_number
        && ["data", "constants", "tensors"]
            .iter()
            .any(|f| is_root(folder.strip_suffix(f)))
    {
        return Role::Tensor;
    }
    if before(name, "code").any(|root| roots.contains(root)) {
        return if file.ends_with(".debug_pkl") {
            Role::Pickle
        } else {
            Role::TorchScript
        };
    }
    let stored =
        file.ends_with(".storage") && folder.strip_suffix(".data").is_some_and(|r| packages.contains(r));
    if stored { Role::Tensor } else { Role::Plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_told_apart_by_their_members() {
        for (file, names, format) in [
            (
                "m.pt",
                &["archive/data.pkl", "archive/version", "archive/data/0"][..],
                "torch-zip",
            ),
            ("m.zip", &["data.pkl"], "torch-zip"),
            (
                "m.pt",
                &["m/data.pkl", "m/code/__torch__.py", "m/constants.pkl"],
                "torchscript",
            ),
            (
                "m.pt",
                &["m/.data/extern_modules", "m/model/model.pkl"],
                "torch-package",
            ),
            ("a-1.whl", &["a/data.pkl", "a-1.dist-info/WHEEL"], "wheel"),
            ("d.zip", &["readme.txt", "deep/data.pkl"], "zip"),
            (
                "d.zip",
                &["readme.txt", "deep/data.pkl", "deep/version"],
                "torch-zip",
            ),
            ("a.npz", &["x.npy", "y.npy"], "npz"),
            (
                "a-1-py3-none-any.whl",
                &["a/__init__.py", "a-1.dist-info/WHEEL"],
                "wheel",
            ),
            (
                "m.keras",
                &["metadata.json", "config.json", "model.weights.h5"],
                "keras",
            ),
            ("m.mar", &["MAR-INF/MANIFEST.json", "handler.py"], "torch-mar"),
            ("d.docx", &["[Content_Types].xml", "word/document.xml"], "office"),
            ("j.jar", &["META-INF/MANIFEST.MF", "A.class"], "jar"),
            ("d.zip", &["x.npy", "readme.txt"], "zip"),
            ("e.zip", &[], "zip"),
        ] {
            assert_eq!(refine(file, names).name, format, "{file}");
        }
    }

    #[test]
    fn the_loader_unpickles_some_members_and_takes_others_for_numbers() {
        let roots = BTreeSet::from(["archive/"]);
        for (name, expected) in [
            ("archive/data.pkl", Role::Pickle),
            ("archive/constants.pkl", Role::Pickle),
            ("archive/data/17", Role::Tensor),
            ("archive/data/x", Role::Plain),
            ("archive/code/__torch__/m.py", Role::TorchScript),
            ("archive/code/__torch__/m.py.debug_pkl", Role::Pickle),
            ("archive/version", Role::Plain),
            ("other/data/0", Role::Plain),
        ] {
            assert_eq!(role(name, &roots, &BTreeSet::new()), expected, "{name}");
        }
    }
}
