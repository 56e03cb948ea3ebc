//! From an opened artifact to the subjects that rules look at.

use crate::{artifact::Judge, facts::Fact};
use wellhead_core::{ArtifactPath, Blob, Budget, Outcome};
use wellhead_formats::{
    Document, Identity, Opened, Role, document::TextFile, format::table, jinja, read_text,
};
use wellhead_infra::{Configuration, HostDocument, ServiceDocument};
use wellhead_packages::{
    ManifestKind, identify_by_content, identify_lock, identify_manifest, identify_tree, read_manifest,
};
use wellhead_pycode::Module;
use wellhead_rules::{
    Subject,
    repository::{Repository, Script},
};
use wellhead_trust::{Attestations, attested_file};

/// An opened artifact.
pub(crate) struct Input<'a> {
    pub(crate) path: &'a ArtifactPath,
    pub(crate) identity: &'a Identity,
    pub(crate) opened: &'a Opened,
    pub(crate) blob: &'a Blob,
    pub(crate) role: Role,
}

impl Input<'_> {
    /// The text, where it is one.
    pub(crate) fn text(&self) -> Option<&TextFile> {
        match &self.opened.document {
            Document::Data(data) => Some(&data.text),
            Document::Text(text) => Some(text),
            Document::Model(model) => model.text.as_ref(),
            _ => None,
        }
    }
}

/// Makes the subjects and has them judged; says what could not be made of the artifact.
pub(crate) fn judge(input: &Input<'_>, judge: &mut Judge<'_, '_>, budget: &mut Budget) -> Outcome {
    judge.subject(Subject::Identity(input.identity), false);
    match &input.opened.document {
        Document::Pickle(program) => judge.subject(Subject::Pickle(program), true),
        Document::Zip(archive) => judge.subject(Subject::Zip(archive), true),
        Document::Tar(archive) => judge.subject(Subject::Tar(archive), true),
        Document::Safetensors(file) => judge.subject(Subject::Safetensors(file), true),
        Document::Npy(array) => judge.subject(Subject::Npy(array), true),
        Document::Model(model) => judge.subject(Subject::Model(model), true),
        Document::Bytecode(code) => judge.subject(Subject::Bytecode(code), true),
        Document::Native(native) => judge.subject(Subject::Native(native), true),
        Document::Data(data) => judge.subject(Subject::Data(data), true),
        Document::Archive(_) | Document::Compressed(_) | Document::Text(_) | Document::Opaque => {}
    }
    if let Some(listing) = input.opened.document.listing() {
        judge.subject(Subject::Listing(&listing), false);
    }
    let image = crate::image::keep(input, judge, budget);
    let Some(text) = input.text() else {
        return image.and(named_manifest(input, judge, budget));
    };
    // Every text is looked through for secrets; that alone makes no infrastructure.
    judge.subject(Subject::Text(text), false);
    if [".sh", ".bash", ".zsh"]
        .iter()
        .any(|ending| input.path.leaf().ends_with(ending))
    {
        judge.take(|| wellhead_rules::taken_by_script(input.path, &text.text));
    }
    let mut outcome = image;
    let before = judge.result.facts.len();
    let named = || judge.is_lock().then(|| identify_lock(&text.text));
    let tree = || match &input.opened.document {
        Document::Data(data) if input.identity.format.name == "yaml" => data.root.as_ref().ok(),
        _ => None,
    };
    let path = input.path.leaf();
    let kind = identify_manifest(path, &text.text).or_else(|| identify_tree(path, tree()?));
    if let Some(kind) = kind.or_else(named) {
        outcome = outcome.and(manifest(kind, input, &text.text, judge, budget));
    }
    outcome = outcome.and(crate::declared::declared(input, judge, budget));
    outcome = outcome.and(crate::commands::of_text(input, judge, budget));
    if judge.result.facts.len() == before {
        outcome = outcome.and(nameless(input, &text.text, judge, budget));
    }
    if input.role == Role::Plain {
        outcome = outcome.and(judge.configured(&text.text, budget));
    }
    let configuration = configuration(input, budget);
    if let Some(configuration) = &configuration {
        outcome = outcome.and(configuration.outcome.clone());
        judge.subject(Subject::Configuration(configuration), true);
        judge.take(|| wellhead_rules::taken_by_configuration(input.path, configuration));
        outcome = outcome.and(crate::commands::of_configuration(input, configuration, judge));
    }
    judge.result.facts.extend(crate::lock::facts_of_text(
        input,
        text,
        configuration.as_ref(),
        budget,
    ));
    outcome = outcome.and(documents(input, judge, budget));
    if *input.identity.format == table::JINJA {
        let template = jinja::analyse(input.path.leaf(), &text.text, budget);
        judge.subject(Subject::Template(&template), true);
        outcome = outcome.and(template.outcome.clone());
    }
    if let Some(module) = python(input, budget) {
        judge.subject(Subject::Python(&module), true);
        judge.take(|| wellhead_rules::taken_by_module(input.path, &module));
        crate::constants::keep(input.path, &module, &mut judge.result.facts);
        bundled(input, &module, judge, budget);
        crate::commands::of_module(input, &module, judge);
        outcome = outcome.and(module.outcome.clone());
        judge.result.facts.push(Fact::of_module(input.path, &module));
        judge
            .result
            .facts
            .extend(crate::reach::imports(input.path, &module));
        judge
            .result
            .facts
            .extend(crate::lock::facts_of_module(input.path, &module));
        judge.result.shipped.module(input.path, module, budget);
    }
    outcome
}

/// Reads a manifest and keeps it; says what could not be read of it.
fn manifest(
    kind: ManifestKind,
    input: &Input<'_>,
    text: &str,
    judge: &mut Judge<'_, '_>,
    budget: &mut Budget,
) -> Outcome {
    let manifest = read_manifest(kind, input.path, text, budget);
    let outcome = manifest.outcome.clone();
    let fact = Fact::Manifest(input.path.clone(), Box::new(manifest));
    judge.result.facts.push(fact);
    outcome
}

/// A plain text that its name makes nothing: a manifest where its content says so. Somebody who names such a file outright
/// wants to know what is wrong with it, and must not be told that all of it was looked at when nobody knew what it is.
fn nameless(input: &Input<'_>, text: &str, judge: &mut Judge<'_, '_>, budget: &mut Budget) -> Outcome {
    if *input.identity.format != table::PLAIN_TEXT || input.role != Role::Plain {
        return Outcome::Analysed;
    }
    let asked = judge.is_asked();
    if budget.steps(text.len() as u64).is_err() {
        return Outcome::Partly {
            why: "too large to look for requirements in it".to_owned(),
        };
    }
    match identify_by_content(input.path.leaf(), text, asked) {
        Some(kind) => manifest(kind, input, text, judge, budget),
        None if asked => Outcome::Partly {
            why: "a text of no known kind, only secrets were looked for".to_owned(),
        },
        None => Outcome::Analysed,
    }
}

/// A file that its name makes a manifest is one also where nothing stands in it, or bytes that no text has: its installer
/// would read it, so it must not count as one that declares nothing.
fn named_manifest(input: &Input<'_>, judge: &mut Judge<'_, '_>, budget: &mut Budget) -> Outcome {
    // An archive or a model behind a comment is one to some readers, and lines of requirements to pip.
    let plain = input.role == Role::Plain;
    let Some(kind) = identify_manifest(input.path.leaf(), "dependencies:\n").filter(|_| plain) else {
        return Outcome::Analysed;
    };
    let Ok((text, read)) = read_text(input.blob, budget) else {
        return Outcome::Analysed;
    };
    let mut manifest = read_manifest(kind, input.path, &text.text, budget);
    // Every line of such a file may be one that is not understood; where they begin is enough.
    if manifest.problems.len() > 1 {
        manifest.problems.truncate(1);
        manifest.lines.clear();
    }
    let outcome = read.and(manifest.outcome.clone());
    let fact = Fact::Manifest(input.path.clone(), Box::new(manifest));
    judge.result.facts.push(fact);
    outcome
}

/// The artifact as a file that says how something is run, where it is one.
fn configuration(input: &Input<'_>, budget: &mut Budget) -> Option<Configuration> {
    match &input.opened.document {
        Document::Text(text) if input.identity.format.name == "dockerfile" => {
            Some(wellhead_infra::dockerfile(&text.text, budget))
        }
        Document::Data(data) if input.identity.format.name == "yaml" => {
            let (text, root) = (&data.text.text, data.root.as_ref().ok()?);
            wellhead_infra::compose(text, root, budget)
                .or_else(|| wellhead_infra::workflow(text, root, budget))
        }
        _ => None,
    }
}

/// JSON documents that say of themselves what they are.
fn documents(input: &Input<'_>, judge: &mut Judge<'_, '_>, budget: &mut Budget) -> Outcome {
    let Document::Data(data) = &input.opened.document else {
        return Outcome::Analysed;
    };
    let Ok(root) = &data.root else {
        return Outcome::Analysed;
    };
    let partly = |why: String| Outcome::Partly { why };
    if ServiceDocument::is_one(root) {
        return match wellhead_infra::service_document(&data.text.text, budget) {
            Ok(document) => {
                judge.subject(Subject::Service(&document), true);
                crate::services::judged(&document, judge)
            }
            Err(e) => partly(format!("not a service document: {e}")),
        };
    }
    if HostDocument::is_one(root) {
        return crate::host::judge(&data.text.text, judge, budget);
    }
    if attested_file(input.path.leaf()).is_some() && Attestations::is_one(root) {
        return match wellhead_trust::attestations(&data.text.text, budget) {
            Ok(attestations) => {
                judge
                    .result
                    .facts
                    .push(Fact::Attestation(input.path.clone(), Box::new(attestations)));
                Outcome::Analysed
            }
            Err(e) => partly(format!("not an attestation: {e}")),
        };
    }
    Outcome::Analysed
}

/// Code that an archive brings along for its own loader to import, judged as that of a repository is.
fn bundled(input: &Input<'_>, module: &Module, judge: &mut Judge<'_, '_>, budget: &mut Budget) {
    if input.identity.inside != Some(&table::TORCH_PACKAGE) {
        return;
    }
    let path = input.path.leaf().to_owned();
    let script = Script {
        artifact: input.path.clone(),
        module: module.clone(),
        deeds: wellhead_pycode::deeds(module, budget),
    };
    let repository = Repository {
        is_model: true,
        imported: [path.clone()].into(),
        scripts: [(path, script)].into(),
        ..Repository::default()
    };
    judge.subject(Subject::Repository(&repository), true);
}

/// The artifact as Python, where it is.
pub(crate) fn python(input: &Input<'_>, budget: &mut Budget) -> Option<Module> {
    let text = &input.text()?.text;
    match input.identity.format.name {
        "python" if input.role != Role::TorchScript => Some(wellhead_pycode::parse(text, budget)),
        // A notebook that is not JSON has said so when it was opened.
        "notebook" => wellhead_pycode::notebook(text, budget).ok(),
        _ => None,
    }
}
