//! The examples of every rule's page, audited by the real engine: what stands under *Example* must raise the rule,
//! what stands under *Use instead* must not.

use wellhead_core::{Report, Rule, RuleStatus};
use wellhead_engine::{Config, Listing, Options, Selection, run};

/// A block of a page that is a file.
struct Block<'a> {
    language: &'a str,
    file: &'a str,
    text: String,
}

/// The blocks with `file=` below a heading.
fn blocks<'a>(page: &'a str, heading: &str) -> Vec<Block<'a>> {
    let mut out: Vec<Block<'a>> = Vec::new();
    let mut inside = false;
    let mut open: Option<usize> = None;
    let mut fence = "";
    for line in page.lines() {
        let ticks = line.len() - line.trim_start_matches('`').len();
        if fence.is_empty() && line.starts_with("## ") {
            inside = line == heading;
        } else if fence.is_empty() && ticks >= 3 {
            fence = line.get(..ticks).unwrap();
            let mut words = line.get(ticks..).unwrap().split_whitespace();
            let language = words.next().unwrap_or_default();
            let file = words.find_map(|w| w.strip_prefix("file="));
            if let (true, Some(file)) = (inside, file) {
                out.push(Block {
                    language,
                    file,
                    text: String::new(),
                });
                open = Some(out.len() - 1);
            }
        } else if !fence.is_empty() && line == fence {
            fence = "";
            open = None;
        } else if let Some(at) = open {
            let block = out.get_mut(at).unwrap();
            block.text.push_str(line);
            block.text.push('\n');
        }
    }
    out
}

fn bytes(block: &Block<'_>) -> Vec<u8> {
    let assembled = match block.language {
        "pickle" => wellhead_formats::pickle::assemble::assemble(&block.text).map_err(|e| e.to_string()),
        kind if wellhead_formats::assemble::KINDS.contains(&kind) => {
            wellhead_formats::assemble::assemble(kind, &block.text).map_err(|e| e.to_string())
        }
        _ => Ok(block.text.clone().into_bytes()),
    };
    assembled.unwrap_or_else(|e| panic!("{}: {e}", block.file))
}

fn audit(rule: &Rule, blocks: &[Block<'_>]) -> Report {
    let mut config = Config::default();
    let mut files = Vec::new();
    for block in blocks {
        if block.file == "wellhead.toml" {
            config = Config::parse(block.file, &block.text, &wellhead_rules::rules())
                .unwrap_or_else(|e| panic!("{}: {e}", rule.id));
        }
        files.push((block.file.to_owned(), bytes(block)));
    }
    let options = Options {
        config,
        today: "2026-11-23".to_owned(),
        selection: Selection {
            preview: rule.status == RuleStatus::Preview,
            ..Selection::default()
        },
        ..Options::default()
    };
    // What lies in `env/` is an environment.
    let (inside, files): (Vec<_>, Vec<_>) = files.into_iter().partition(|(path, _)| path.starts_with("env/"));
    let mut entries = wellhead_sources::from_memory(files);
    if !inside.is_empty() {
        let inside = inside
            .into_iter()
            .map(|(path, bytes)| (path.trim_start_matches("env/").to_owned(), bytes));
        let prefix = wellhead_sources::Prefix::from_memory("env", inside);
        entries.push(wellhead_sources::Entry {
            path: "env".to_owned(),
            content: wellhead_sources::Content::Environment(Box::new(prefix)),
        });
    }
    run(
        vec![Listing {
            target: ".".to_owned(),
            prefix: None,
            entries,
        }],
        &options,
    )
}

/// Rules whose examples need what a page cannot hold, and why.
static WITHOUT_EXAMPLE: &[(&str, &str)] = &[
    (
        "startup-variable",
        "it takes variables of the calling shell; the tests of the program set them",
    ),
    (
        "invalid-vex-statement",
        "it takes a document that is named outside of the target; the tests of the program name some",
    ),
    (
        "unmatched-vex-statement",
        "it takes a document that is named outside of the target; the tests of the program name some",
    ),
    (
        "record-not-of-wheel",
        "it takes wheels; the tests of the program download some",
    ),
    (
        "foreign-shebang",
        "it takes an environment on disk; the tests of the program copy one",
    ),
    (
        "digest-mismatch",
        "it takes a server that sends other bytes than it lists; the tests of the program have one",
    ),
    (
        "internal-error",
        "each file that raises it is a bug that is mended as such",
    ),
    (
        "new-capability",
        "it compares two packages, and an audit looks at one; the rule's own tests compare",
    ),
    (
        "changed-release-metadata",
        "it compares two distributions, and an audit looks at one; `releases.rs` compares",
    ),
    (
        "new-anomaly-in-release",
        "it compares two distributions, and an audit looks at one; `releases.rs` compares",
    ),
    (
        "new-payload-in-release",
        "it compares two distributions, and an audit looks at one; `releases.rs` compares",
    ),
    (
        "new-startup-in-release",
        "it compares two distributions, and an audit looks at one; `releases.rs` compares",
    ),
    (
        "same-release-differs",
        "it compares two distributions, and an audit looks at one; `releases.rs` compares",
    ),
    ("twin-with-extra-code", "it compares two models; `twins.rs` does"),
    ("twin-weights-changed", "it compares two models; `twins.rs` does"),
    (
        "twin-with-changed-behaviour",
        "it compares two models; `twins.rs` does",
    ),
];

#[test]
fn every_page_raises_its_rule_and_its_remedy_does_not() {
    let mut wrong = Vec::new();
    for rule in wellhead_rules::rules() {
        if WITHOUT_EXAMPLE.iter().any(|(id, _)| *id == rule.id) {
            continue;
        }
        let said = |report: &Report| {
            let mut ids: Vec<_> = report.reported().map(|f| f.rule.to_string()).collect();
            ids.sort();
            ids.dedup();
            ids
        };
        let bad = blocks(rule.page, "## Example");
        let good = blocks(rule.page, "## Use instead");
        if bad.is_empty() || good.is_empty() {
            wrong.push(format!("{}: both sections need a block with `file=`", rule.id));
            continue;
        }
        let raised = said(&audit(rule, &bad));
        if !raised.iter().any(|id| id == rule.id) {
            wrong.push(format!("{}: its example raises only {raised:?}", rule.id));
        }
        let after = said(&audit(rule, &good));
        if after.iter().any(|id| id == rule.id) {
            wrong.push(format!("{}: its remedy still raises it", rule.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
