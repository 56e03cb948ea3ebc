//! `wellhead init`.

use crate::{Exit, args::Init, failure::Failure, output};
use std::fmt::Write as _;
use wellhead_core::Measure;
use wellhead_engine::{IGNORE_KEYS, KEYS, SOURCES_KEYS};

/// Writes a commented configuration with every key.
pub(crate) fn run(args: &Init) -> Result<Exit, Failure> {
    let text = template();
    if args.output.as_os_str() != "-" && args.output.exists() && !args.force {
        let shown = wellhead_core::escape(&args.output.to_string_lossy());
        return Err(Failure::new(format!("`{shown}` is there already")).hint("write over it with `--force`"));
    }
    output::deliver(&text, Some(&args.output))?;
    if args.output.as_os_str() != "-" {
        output::to_stderr(&format!(
            "Wrote {}\n",
            wellhead_core::escape(&args.output.to_string_lossy())
        ));
    }
    Ok(Exit::Passed)
}

/// The configuration with every key commented out, made from the tables of keys and rules.
pub(crate) fn template() -> String {
    let mut out =
        "# The policy of `wellhead audit`. `wellhead explain RULE` says what a rule is about.\n".to_owned();
    for &(key, about) in KEYS {
        let _ = write!(out, "\n# {about}\n");
        match key {
            "advisories" => out.push_str("# [advisories]\n# max-age-days = 14\n"),
            "sources" => {
                out.push_str("# [sources]\n");
                for &(key, about) in SOURCES_KEYS {
                    let _ = writeln!(out, "# {key} = []  # {about}");
                }
            }
            "fail-on" => out.push_str("# fail-on = \"high\"\n"),
            "rules" => {
                out.push_str("# [rules]\n");
                for measure in Measure::ALL {
                    let _ = writeln!(out, "# # {}", measure.title());
                    for rule in wellhead_rules::rules().iter().filter(|r| r.measure == *measure) {
                        let _ = writeln!(
                            out,
                            "# {} = \"warn\"  # {}: {}",
                            rule.id, rule.severity, rule.summary
                        );
                    }
                }
            }
            _ => {
                out.push_str("# [[ignore]]\n");
                for &(key, about) in IGNORE_KEYS {
                    let _ = writeln!(out, "# {key} = \"\"  # {about}");
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_a_configuration_also_with_its_levels_switched_on() {
        let rules = wellhead_rules::rules();
        wellhead_engine::Config::parse("wellhead.toml", &template(), &rules).unwrap();
        let on: String = template()
            .lines()
            .skip_while(|l| *l != "# [rules]")
            .take_while(|l| !l.is_empty())
            .map(|l| format!("{}\n", l.trim_start_matches("# ")))
            .collect();
        let on = on
            .lines()
            .filter(|l| l.contains('=') || l.starts_with('['))
            .collect::<Vec<_>>()
            .join("\n");
        let config = wellhead_engine::Config::parse("wellhead.toml", &on, &rules).unwrap();
        assert_eq!(config.levels.len(), rules.len());
        assert!(config.findings.is_empty());
    }
}
