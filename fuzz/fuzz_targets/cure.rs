//! Cures for a requirements file and a `pyproject.toml`: never a panic, whatever the text.
#![no_main]
use wellhead_core::{ArtifactPath, Budget, Edit};
use wellhead_packages::{ManifestKind, Project, cure::{Step, apply, cures}, read_manifest};

libfuzzer_sys::fuzz_target!(|text: &str| {
    for (name, kind) in [("requirements.txt", ManifestKind::Requirements), ("pyproject.toml", ManifestKind::Pyproject)] {
        let path = ArtifactPath::file(name);
        let manifest = read_manifest(kind, &path, text, &mut Budget::default());
        let wanted = manifest.components.iter().map(|c| (path.clone(), c.name.clone())).collect();
        let mut project = Project::default();
        project.files.insert(path, manifest);
        let Ok(found) = cures(&project, &wanted, None, &|_| Some(text.to_owned()), &mut Budget::default()) else { continue };
        let edits: Vec<Edit> = found
            .into_iter()
            .filter_map(|c| match c.step {
                Step::Edit { edit, .. } => Some(edit),
                _ => None,
            })
            .collect();
        let _ = apply(text, &edits);
    }
});
