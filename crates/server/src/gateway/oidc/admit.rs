//! Who of those that a provider knows may come in. Whom no rule names may not.

use super::token::Identity;

/// A rule: `subject:ID`, `email:NAME@HOST`, `domain:HOST` or `group:NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Subject(String),
    Email(String),
    Domain(String),
    Group(String),
}

impl Rule {
    pub(super) fn read(text: &str) -> Option<Self> {
        let (kind, value) = text.split_once(':')?;
        let value = value.trim().to_owned();
        let at = value.matches('@').count();
        match kind {
            _ if value.is_empty() => None,
            "subject" => Some(Self::Subject(value)),
            "group" => Some(Self::Group(value)),
            "email" if at == 1 && !value.starts_with('@') && !value.ends_with('@') => {
                Some(Self::Email(value))
            }
            "domain" if at == 0 && !value.contains(['*', '/']) => Some(Self::Domain(value)),
            _ => None,
        }
    }

    fn names(&self, who: &Identity) -> bool {
        let email = who.email.as_deref();
        match self {
            Self::Subject(subject) => who.subject == *subject,
            Self::Group(group) => who.groups.contains(group),
            Self::Email(wanted) => email.is_some_and(|e| e.eq_ignore_ascii_case(wanted)),
            // Exactly this one: whoever has a name below it is somebody else's user.
            Self::Domain(domain) => email
                .and_then(|e| e.rsplit_once('@'))
                .is_some_and(|(_, host)| host.eq_ignore_ascii_case(domain)),
        }
    }
}

/// All rules.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) all: Vec<Rule>,
    pub(super) reading: Vec<Rule>,
}

impl Rules {
    /// Whether somebody may come in, and then whether only to read. Who may do more may do more.
    pub(super) fn admit(&self, who: &Identity) -> Option<bool> {
        let any = |rules: &[Rule]| rules.iter().any(|r| r.names(who));
        if any(&self.all) {
            return Some(false);
        }
        any(&self.reading).then_some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_no_rule_names_stays_outside() {
        let ann = Identity {
            subject: "248289761001".to_owned(),
            email: Some("Ann@ML.example".to_owned()),
            groups: vec!["ml team".to_owned()],
        };
        for (rule, named) in [
            ("subject:248289761001", true),
            ("subject:24828976100", false),
            ("email:ann@ml.example", true),
            ("email:ann@ml.example.evil.example", false),
            ("domain:ml.example", true),
            ("domain:example", false),
            ("domain:l.example", false),
            ("group:ml team", true),
            ("group:ML team", false),
            ("group:ml", false),
        ] {
            assert_eq!(Rule::read(rule).unwrap().names(&ann), named, "{rule}");
        }
        let unverified = Identity {
            email: None,
            ..ann.clone()
        };
        assert!(!Rule::read("domain:ml.example").unwrap().names(&unverified));
        let rules = |all: &[&str], reading: &[&str]| {
            let of = |texts: &[&str]| texts.iter().filter_map(|t| Rule::read(t)).collect();
            Rules {
                all: of(all),
                reading: of(reading),
            }
        };
        assert_eq!(rules(&[], &[]).admit(&ann), None);
        assert_eq!(
            rules(&["group:ml team"], &["domain:ml.example"]).admit(&ann),
            Some(false)
        );
        assert_eq!(
            rules(&["group:other"], &["domain:ml.example"]).admit(&ann),
            Some(true)
        );
        for none in [
            "",
            "ann",
            "email:",
            "email:@",
            "email:ann",
            "email:@ml.example",
            "domain:@ml.example",
            "domain:*",
            "group:",
            "all:x",
        ] {
            assert_eq!(Rule::read(none), None, "{none}");
        }
    }
}
