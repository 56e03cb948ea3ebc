use super::{Said, head, said};
use crate::{EstateView, remedies};
use std::ops::Range;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code, escape,
};
use wellhead_infra::Managed;

/// A notebook of the cloud goes past the network that should hold it.
pub(crate) static EXPOSED_MANAGED_NOTEBOOK: Rule = Rule {
    id: "exposed-managed-notebook",
    summary: "a notebook of the cloud goes past the network that should hold it",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Infrastructure,
    scenario: Some(Scenario::ExposedDashboard),
    risk: Risk {
        exploitability: 3,
        detectability: 3,
        technical_impact: 4,
        ml_application: 4,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever runs code in a notebook, and what it installs",
        vector: "a direct way to the internet, a public address, or root",
        weakness: "settings of the notebook or domain, or their absence",
        impact: "data leaves past all rules of the network, or the notebook is attacked from outside",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(284),
        Reference::Cwe(1188),
    ],
    page: include_str!("exposed_managed_notebook.md"),
    file: file!(),
};

/// A setting that has to be there with a certain value.
struct Wanted {
    /// The type of the resource, or how it starts.
    kind: &'static str,
    /// The setting.
    setting: &'static str,
    /// The value that closes it.
    closes: &'static str,
    /// What holds without it, as the end of "whoever … ".
    harm: &'static str,
}

static WANTED: &[Wanted] = &[
    Wanted {
        kind: "aws_sagemaker_notebook_instance",
        setting: "direct_internet_access",
        closes: "Disabled",
        harm: "it has the internet past the rules of your network",
    },
    Wanted {
        kind: "aws_sagemaker_notebook_instance",
        setting: "root_access",
        closes: "Disabled",
        harm: "whoever uses it is root",
    },
    Wanted {
        kind: "aws_sagemaker_domain",
        setting: "app_network_access_type",
        closes: "VpcOnly",
        harm: "it has the internet past the rules of your network",
    },
    Wanted {
        kind: "google_notebooks_instance",
        setting: "no_public_ip",
        closes: "true",
        harm: "it has an address on the internet",
    },
    Wanted {
        kind: "google_workbench_instance",
        setting: "gce_setup.disable_public_ip",
        closes: "true",
        harm: "it has an address on the internet",
    },
    Wanted {
        kind: "azurerm_machine_learning_compute_instance",
        setting: "node_public_ip_enabled",
        closes: "false",
        harm: "it has an address on the internet",
    },
    Wanted {
        kind: "azurerm_machine_learning_compute_cluster",
        setting: "node_public_ip_enabled",
        closes: "false",
        harm: "its machines have addresses on the internet",
    },
];

pub(super) fn check(view: &EstateView, sink: &mut Sink) {
    for managed in &view.estate.cloud.managed {
        let wanted = WANTED.iter().filter(|w| w.kind == managed.kind);
        let open: Vec<(&Wanted, Option<&Range<usize>>)> =
            wanted.filter_map(|w| Some((w, open(managed, w)?))).collect();
        report(view, managed, &open, sink);
    }
}

/// Whether a setting leaves it open, and where that is said; nothing where it is closed or not known.
fn open<'a>(managed: &'a Managed, wanted: &Wanted) -> Option<Option<&'a Range<usize>>> {
    match said(managed, wanted.setting) {
        Said::Absent => Some(None),
        Said::Unknown => None,
        Said::Value(value, _) if value.eq_ignore_ascii_case(wanted.closes) => None,
        Said::Value(_, span) => Some(Some(span)),
    }
}

fn report(view: &EstateView, managed: &Managed, open: &[(&Wanted, Option<&Range<usize>>)], sink: &mut Sink) {
    if open.is_empty() {
        return;
    }
    let mut harms: Vec<&str> = open.iter().map(|(w, _)| w.harm).collect();
    harms.dedup();
    let message = format!(
        "{} is not held by its network: {}",
        code(&managed.address),
        harms.join(", and ")
    );
    let mut marks: Vec<(Range<usize>, String)> = open
        .iter()
        .filter_map(|(w, span)| Some(((*span)?.clone(), w.harm.to_owned())))
        .collect();
    let said = !marks.is_empty();
    if !said {
        marks.push((
            head(view, &managed.span),
            "so unless it is told otherwise".to_owned(),
        ));
    }
    let mut places = view.places(sink, &marks).into_iter();
    let Some(place) = places.next() else { return };
    let settings: Vec<String> = open.iter().map(|(w, _)| setting(w)).collect();
    let finding = Finding::new(&EXPOSED_MANAGED_NOTEBOOK, message, place)
        .severity(if said { Severity::Medium } else { Severity::Low })
        .subject(escape(&managed.address))
        .property("resource", escape(&managed.kind))
        .help(format!("set {}", settings.join(" and ")));
    let mut finding = places.fold(finding, Finding::at);
    // The other settings need a network that has to be there first.
    let root = open.iter().filter(|(w, _)| w.setting == "root_access");
    let fixes = root.filter_map(|(_, span)| {
        remedies::replace(
            view,
            (*span)?,
            "\"Enabled\"",
            "\"Disabled\"",
            "take root away",
            true,
        )
    });
    if let [fix] = fixes.collect::<Vec<_>>().as_slice() {
        finding = finding.fix(fix.clone());
    }
    sink.push(finding);
}

fn setting(wanted: &Wanted) -> String {
    let quote = if matches!(wanted.closes, "true" | "false") {
        ""
    } else {
        "\""
    };
    format!("`{} = {quote}{}{quote}`", wanted.setting, wanted.closes)
}
