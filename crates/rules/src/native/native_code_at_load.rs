use std::collections::BTreeSet;
use wellhead_core::{
    Confidence, Excerpt, ExcerptKind, Finding, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink,
    ThreatProfile, code, escape,
};
use wellhead_formats::native::{Ability, Form, Native, Reached, Start};

pub(crate) static NATIVE_CODE_AT_LOAD: Rule = Rule {
    id: "native-code-at-load",
    summary: "a native library starts programs or opens connections as soon as it is loaded",
    severity: Severity::High,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 4,
        detectability: 2,
        technical_impact: 5,
        ml_application: 4,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or poisons a package",
        vector: "a constructor or the first function of a compiled module",
        weakness: "native code is seldom read, and loading it is enough",
        impact: "the attacker's code runs with the rights of whoever imports the package",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(506),
        Reference::Cwe(829),
    ],
    page: include_str!("native_code_at_load.md"),
    file: file!(),
};

/// How many lines an excerpt has.
const MAX_LINES: usize = 8;

pub(crate) fn check(native: &Native, sink: &mut Sink) {
    for image in &native.images {
        // Starting a program is meant to do what it does.
        if image.form == Form::Program {
            continue;
        }
        let mut told = BTreeSet::new();
        for reached in &image.reached {
            let Some(ability) = reached.import.ability else {
                continue;
            };
            if told.insert(ability) {
                tell(native, image.processor, reached, ability, sink);
            }
        }
    }
}

fn tell(native: &Native, processor: &str, reached: &Reached, ability: Ability, sink: &mut Sink) {
    let name = code(&reached.import.name);
    let when = match &reached.start {
        Start::Load(start) => format!("loading this library runs {name} in its {start}"),
        Start::Import(module) => format!("importing {} runs {name} in native code", code(module)),
    };
    // A module that embeds Python text runs it when it is imported, and some build tools do so.
    let severity = if ability == Ability::Python {
        Severity::Medium
    } else {
        Severity::High
    };
    let mut excerpt = Excerpt::new(ExcerptKind::Header);
    let start = match &reached.start {
        Start::Load(start) => format!("{start} ({processor})"),
        Start::Import(module) => format!("PyInit_{} ({processor})", escape(module)),
    };
    excerpt.push_line(1, &start);
    let path = reached.path.iter().take(MAX_LINES);
    for (number, address) in (2..).zip(path) {
        excerpt.push_line(number, &format!("  function at 0x{address:x}"));
    }
    let last = u32::try_from(reached.path.len().min(MAX_LINES))
        .unwrap_or(0)
        .saturating_add(2);
    excerpt.push_line(last, &format!("  calls {}", escape(&reached.import.name)));
    excerpt.mark(last, "", ability.does(), true);
    let mut finding = Finding::new(
        &NATIVE_CODE_AT_LOAD,
        when,
        sink.whole(ability.does()).with_excerpt(excerpt),
    )
    .severity(severity)
    .note(format!("{name} {}", ability.does()))
    .help("compare the file with one that you build from the published source; do not import it until then")
    .subject(format!("{processor} {}", reached.import.name))
    .property("ability", ability.name());
    for sign in native.signs.iter().take(4) {
        finding = finding.note(format!("it holds the {} {}", sign.kind.name(), code(&sign.text)));
    }
    sink.push(finding);
}
