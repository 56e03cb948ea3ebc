//! What the policy says of VEX: which documents count, and why an ignored flaw cannot be exploited.

use super::{ConfigError, Reader, did_you_mean};
use wellhead_core::{Location, code};
use wellhead_formats::text::{Node, Value};
use wellhead_packages::vex::JUSTIFICATIONS;

/// A VEX document that the policy names.
#[derive(Clone, Debug)]
pub struct NamedVex {
    /// Its path from the folder of the configuration.
    pub path: String,
    /// The entry.
    pub location: Location,
}

impl Reader<'_> {
    /// A list of paths, or one path.
    pub(super) fn vex(&self, node: &Node) -> Result<Vec<NamedVex>, ConfigError> {
        let items = match &node.value {
            Value::Array(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        items
            .iter()
            .map(|item| {
                let path = self.string(item, "vex")?;
                if path.trim().is_empty() {
                    return Err(self.error(item.span.clone(), "an entry of `vex` is empty".to_owned(), None));
                }
                Ok(NamedVex {
                    path: path.to_owned(),
                    location: self.location(item.span.clone(), "named here"),
                })
            })
            .collect()
    }

    pub(super) fn justification(&self, node: &Node) -> Result<String, ConfigError> {
        let text = self.string(node, "justification")?;
        if JUSTIFICATIONS.contains(&text) {
            return Ok(text.to_owned());
        }
        let wanted = text.replace('-', "_");
        let near = JUSTIFICATIONS.iter().find(|j| **j == wanted);
        let hint = match near {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None => did_you_mean(text, JUSTIFICATIONS.iter().copied())
                .or_else(|| Some(format!("it is one of {}", JUSTIFICATIONS.join(", ")))),
        };
        let message = format!("there is no justification {}", code(text));
        Err(self.error(node.span.clone(), message, hint))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    fn parse(text: &str) -> Result<Config, super::ConfigError> {
        Config::parse("wellhead.toml", text, &wellhead_rules::rules())
    }

    #[test]
    fn documents_are_named_by_one_path_or_several() {
        for (text, expected) in [
            ("vex = \"a.json\"", &["a.json"][..]),
            ("vex = [\"a.json\", \"b/c.json\"]", &["a.json", "b/c.json"]),
            ("vex = []", &[]),
        ] {
            let config = parse(&format!("[advisories]\n{text}\nmax-age-days = 3")).unwrap();
            let paths: Vec<&str> = config.vex.iter().map(|v| v.path.as_str()).collect();
            assert_eq!(paths, expected, "{text}");
            assert_eq!(config.max_age, Some(3));
            assert!(config.findings.is_empty());
        }
        for (text, message) in [
            ("vex = 3", "`vex` is not a string"),
            ("vex = [\"\"]", "an entry of `vex` is empty"),
        ] {
            assert_eq!(
                parse(&format!("[advisories]\n{text}")).unwrap_err().message,
                message
            );
        }
    }

    #[test]
    fn a_justification_is_a_word_of_openvex() {
        let parse = |word: &str| {
            parse(&format!(
                "[[ignore]]\nrule = \"vulnerable-package\"\nreason = \"r\"\njustification = \"{word}\""
            ))
        };
        let config = parse("vulnerable_code_not_present").unwrap();
        assert_eq!(
            config.ignores[0].justification.as_deref(),
            Some("vulnerable_code_not_present")
        );
        let e = parse("vulnerable-code-not-present").unwrap_err();
        assert_eq!(
            e.message,
            "there is no justification `vulnerable-code-not-present`"
        );
        assert_eq!(
            e.hint.as_deref(),
            Some("did you mean `vulnerable_code_not_present`?")
        );
        assert!(
            parse("because")
                .unwrap_err()
                .hint
                .unwrap()
                .starts_with("it is one of component_not_present")
        );
    }
}
