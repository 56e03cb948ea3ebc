//! What an artifact says of packages, beyond the files whose names are conventions: bills of materials under any name,
//! and the metadata of what is installed or built.

use crate::{artifact::Judge, facts::Fact, subjects::Input};
use wellhead_core::{Budget, Outcome};
use wellhead_formats::{Document, text::Node};
use wellhead_packages::{
    Manifest, identify_bom,
    manifest::{read_bom, read_installed},
};

/// Hands over what the artifact declares, and says what could not be read of it.
pub(crate) fn declared(input: &Input<'_>, judge: &mut Judge<'_, '_>, budget: &mut Budget) -> Outcome {
    let Some(manifest) = read(input, budget) else {
        return Outcome::Analysed;
    };
    let outcome = manifest.outcome.clone();
    judge
        .result
        .facts
        .push(Fact::Manifest(input.path.clone(), Box::new(manifest)));
    outcome
}

fn read(input: &Input<'_>, budget: &mut Budget) -> Option<Manifest> {
    let text = &input.text()?.text;
    let root: Option<&Node> = match &input.opened.document {
        Document::Data(data) => data.root.as_ref().ok(),
        _ => None,
    };
    if let Some(manifest) = read_installed(input.path, text, root, budget) {
        return Some(manifest);
    }
    let kind = identify_bom(input.path.leaf(), text, root)?;
    let mut manifest = read_bom(kind, input.path, text, root, budget);
    // A text that was cut is no bill that somebody wrote wrongly.
    if let (Outcome::NotAnalysed { .. }, Outcome::Partly { why }) = (&manifest.outcome, &input.opened.outcome)
        && why.starts_with("only the first")
    {
        manifest
            .problems
            .iter_mut()
            .for_each(|p| p.message.clone_from(why));
        manifest.outcome = Outcome::NotAnalysed { why: why.clone() };
    }
    Some(manifest)
}
