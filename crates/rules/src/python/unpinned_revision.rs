use super::{
    callee,
    hub::{Kind, Revision, fetch, is_commit},
    hub_commands::{Fetched, fetches, file_address},
    loads::{LoadKind, Loaded, address},
};
use std::ops::Range;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};
use wellhead_formats::document::TextFile;
use wellhead_infra::{Configuration, script};
use wellhead_pycode::{Call, Module, Value};

/// A model or data set that is fetched at whatever its branch points to.
pub(crate) static UNPINNED_REVISION: Rule = Rule {
    id: "unpinned-revision",
    summary: "a model or data set is fetched at a revision that can be moved",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Sources,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 4,
        ml_application: 5,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever takes over the repository's owner, or re-registers the name",
        vector: "a new commit on the branch that the code follows",
        weakness: "the code names a branch or tag where it could name a commit",
        impact: "another model is loaded than the one that was tested",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(494),
        Reference::Atlas("AML.T0010.003"),
    ],
    page: include_str!("unpinned_revision.md"),
    file: file!(),
};

pub(super) fn check(module: &Module, sink: &mut Sink) {
    for call in &module.calls {
        by_address(module, call, sink);
        let Some(fetch) = fetch(call) else { continue };
        // What is taken from the cache alone was fetched by something else.
        if call
            .keyword("local_files_only")
            .is_some_and(|a| a.value == Value::Bool(true))
        {
            continue;
        }
        let Some(name) = fetch.names.first() else { continue };
        // Where `functools.partial` bound both, it was reported there.
        let stated = call.keyword("revision").is_none_or(|a| call.states(a));
        if call.bound && !stated && !call.states(fetch.repository) {
            continue;
        }
        let what = match fetch.kind {
            Kind::Model => "the model",
            Kind::Dataset => "the data set",
            Kind::TorchHub => "the code of",
        };
        let (message, label) = match &fetch.revision {
            Revision::Pinned | Revision::Unknown => continue,
            Revision::Missing => (
                format!(
                    "{what} {} is fetched at whatever its default branch holds today",
                    code(name)
                ),
                "no commit is named".to_owned(),
            ),
            Revision::Movable(reference) => (
                format!(
                    "{what} {} is fetched at {}, which can be moved",
                    code(name),
                    code(reference)
                ),
                "a branch, a tag or a shortened commit".to_owned(),
            ),
        };
        let place = match (fetch.kind, &fetch.revision, call.keyword("revision")) {
            (Kind::TorchHub, ..) | (_, Revision::Missing, _) | (.., None) => fetch.repository.range.clone(),
            (.., Some(argument)) => argument.range.clone(),
        };
        let location = sink.text(&module.text, place, label);
        let location = sink.and(location, &module.text, call.callee_range.clone(), "fetched here");
        let mut finding = Finding::new(&UNPINNED_REVISION, message, location).subject(name.clone());
        if fetch.kind == Kind::TorchHub {
            // The repository's own `hubconf.py` runs, so whoever moves the branch runs code.
            finding = finding
                .severity(Severity::High)
                .at(callee(module, call, sink, "runs `hubconf.py` of the repository"))
                .help("name the commit after a colon: `owner/name:<40 hexadecimal digits>`");
        } else {
            finding = finding.help("name the commit: `revision=\"<40 hexadecimal digits>\"`");
        }
        sink.push(finding);
    }
}

/// What reads `hf://owner/name@revision/file`, and `hf-hub:owner/name`.
const READERS: &[&str] = &[
    "read_",
    "scan_",
    "load",
    "open",
    "create_model",
    "get_tokenizer",
    "from_",
    "download",
    "get_file",
    "glob",
    "ls",
];

/// Addresses of the hub that name no commit.
fn by_address(module: &Module, call: &Call, sink: &mut Sink) {
    let last = |name: &String| {
        let last = name.rsplit('.').next().unwrap_or_default();
        READERS.iter().any(|start| last.starts_with(start))
    };
    if !call.callees.iter().any(last) {
        return;
    }
    let keywords = call.keywords.iter().map(|k| &k.argument);
    for argument in call.positional.iter().chain(keywords) {
        for text in argument.value.texts() {
            let Some(Loaded::Repository {
                kind, name, revision, ..
            }) = address(text)
            else {
                continue;
            };
            let found = Fetched {
                settled: revision.as_deref().is_some_and(is_commit),
                name,
                reference: revision,
                kind: match kind {
                    LoadKind::Model => Kind::Model,
                    LoadKind::Dataset => Kind::Dataset,
                },
                range: argument.range.clone(),
                help: "name the commit behind the name: `owner/name@<40 hexadecimal digits>`",
            };
            if !found.settled {
                push(&module.text, &found, argument.range.clone(), sink);
            }
        }
    }
}

/// Commands of recipes and workflows.
pub(super) fn check_configuration(configuration: &Configuration, sink: &mut Sink) {
    for resource in &configuration.resources {
        for found in fetches(&resource.build) {
            push(&configuration.text, &found, found.range.clone(), sink);
        }
        if !resource.inherited_start {
            for found in fetches(&resource.start) {
                push(&configuration.text, &found, found.range.clone(), sink);
            }
        }
    }
}

/// Shell scripts, by their name.
pub(super) fn check_script(file: &TextFile, sink: &mut Sink) {
    let name = sink.artifact().name();
    if [".sh", ".bash", ".zsh"]
        .iter()
        .any(|ending| name.ends_with(ending))
    {
        for found in fetches(&script(&file.text, 0)) {
            push(&file.text, &found, found.range.clone(), sink);
        }
    }
}

/// Commands of notebook cells, constant commands that Python hands on, and addresses of single files.
pub(super) fn check_commands(module: &Module, sink: &mut Sink) {
    for command in &module.commands {
        let text = command.text.strip_prefix("%bash\n").unwrap_or(&command.text);
        for found in fetches(&script(text, 0)) {
            push(&module.text, &found, command.range.clone(), sink);
        }
    }
    for call in &module.calls {
        let runs = RUNNERS.iter().any(|name| call.may_be(name));
        let keywords = call.keywords.iter().map(|k| &k.argument);
        for argument in call.positional.iter().chain(keywords) {
            for value in argument.value.alternatives() {
                let text = match value {
                    wellhead_pycode::Value::Text(text) => text.clone(),
                    wellhead_pycode::Value::List(words) if runs => {
                        let words: Vec<&str> = words.iter().filter_map(|w| w.as_text()).collect();
                        words.join(" ")
                    }
                    _ => continue,
                };
                if runs {
                    for found in fetches(&script(&text, 0)) {
                        push(&module.text, &found, argument.range.clone(), sink);
                    }
                } else if let Some(found) = file_address(&text).filter(|f| !f.settled && downloads(call)) {
                    push(&module.text, &found, argument.range.clone(), sink);
                }
            }
        }
    }
}

/// Functions that start what their first argument names.
const RUNNERS: &[&str] = &[
    "os.system",
    "os.popen",
    "subprocess.run",
    "subprocess.call",
    "subprocess.check_call",
    "subprocess.check_output",
    "subprocess.getoutput",
    "subprocess.Popen",
];

/// Methods and functions that fetch the address that they are given.
const DOWNLOADERS: &[&str] = &[
    "get",
    "urlretrieve",
    "urlopen",
    "download",
    "get_file",
    "retrieve",
    "download_url",
    "download_url_to_file",
    "load_state_dict_from_url",
    "from_single_file",
    "stream",
    "load_dataset",
    "read_csv",
    "read_json",
    "read_parquet",
    "load_image",
];

fn downloads(call: &wellhead_pycode::Call) -> bool {
    DOWNLOADERS.iter().any(|name| call.is_method(name))
        || call
            .callees
            .iter()
            .any(|c| DOWNLOADERS.contains(&c.trim_start_matches('.')))
}

fn push(text: &str, found: &Fetched, range: Range<usize>, sink: &mut Sink) {
    let what = match found.kind {
        Kind::Dataset => "the data set",
        Kind::Model | Kind::TorchHub => "the model",
    };
    let (message, label) = match &found.reference {
        None => (
            format!(
                "{what} {} is fetched at whatever its default branch holds today",
                code(&found.name)
            ),
            "no commit is named",
        ),
        Some(reference) => (
            format!(
                "{what} {} is fetched at {}, which can be moved",
                code(&found.name),
                code(reference)
            ),
            "a branch, a tag or a shortened commit",
        ),
    };
    let place = sink.text(text, range, label);
    sink.push(
        Finding::new(&UNPINNED_REVISION, message, place)
            .subject(found.name.clone())
            .help(found.help),
    );
}
