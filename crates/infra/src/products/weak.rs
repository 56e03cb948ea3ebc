//! Settings that weaken a platform: what is asked of its start, its variables and its configuration files.
//!
//! The one decision: a condition is one text, and its look says where it is asked. `--name` is an option, `NAME` a variable,
//! `some.route` a setting of a file. So a weakness is a line of data of its platform, in every place where it can be said.

use super::start::{Bind, Flags, bind_of, env_says, host_part, is_value};
use crate::{resource::Resource, settings::Settings};
use std::ops::Range;

/// A setting that weakens a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weak {
    /// The check that it belongs to; empty where it belongs to none.
    pub check: &'static str,
    /// What kind of weakness it is.
    pub is: Weakness,
    /// Any of these says so; parts of one that are joined by ` & ` all have to.
    pub when: &'static [&'static str],
    /// None of these is said.
    pub unless: &'static [&'static str],
    /// Whether it is as bad where nobody else reaches the platform.
    pub anyway: bool,
    /// The harm, as a sentence that may name the platform.
    pub says: &'static str,
    /// What to do, as an imperative.
    pub fix: &'static str,
}

/// What kind of weakness a setting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weakness {
    /// It is open anyway, and this makes that worse: told with the rest.
    Open,
    /// It stops protecting a signed-in user from other pages.
    Browser,
    /// Anybody can make an account, or needs none that means something.
    SignUp,
    /// Its secret is one that everybody knows.
    Credentials,
    /// It runs what others send it, or with more rights than it needs.
    Dangerous,
}

/// What is said to a platform, wherever it is.
pub(crate) struct Told<'a> {
    pub(crate) resource: Option<&'a Resource>,
    pub(crate) settings: &'a [&'a Settings],
}

impl Told<'_> {
    /// Where any of these is said; the place is missing where what is said is that something is not.
    pub(crate) fn any(&self, conditions: &[&str]) -> Option<Option<Range<usize>>> {
        conditions.iter().find_map(|c| self.all(c))
    }

    /// Where its configuration files say that it listens, by any of these settings.
    pub(crate) fn bind(&self, names: &[&str]) -> Option<(Bind, Range<usize>)> {
        let mut all = names
            .iter()
            .flat_map(|n| self.settings.iter().map(move |s| (n, s)));
        all.find_map(|(name, settings)| {
            let setting = settings.settings.iter().rev().find(|s| is_named(&s.name, name))?;
            let value = setting.value.text.trim_matches(['"', '\'']);
            let value = if value.is_empty() { "*" } else { host_part(value) };
            Some((bind_of(value, setting.value.open), setting.span.clone()))
        })
    }

    /// Every place where any of these is said; nothing where none is.
    pub(crate) fn every(&self, conditions: &[&str]) -> Option<Vec<Range<usize>>> {
        let said: Vec<_> = conditions.iter().filter_map(|c| self.all(c)).collect();
        let mut places: Vec<Range<usize>> = Vec::new();
        for place in said.iter().flatten() {
            if !places.contains(place) {
                places.push(place.clone());
            }
        }
        (!said.is_empty()).then_some(places)
    }

    fn all(&self, condition: &str) -> Option<Option<Range<usize>>> {
        let mut place = None;
        for term in condition.split(" & ") {
            if let Some(absent) = term.strip_prefix('!') {
                if self.one(absent).is_some() || self.may_be_elsewhere(absent) {
                    return None;
                }
            } else {
                place = Some(self.one(term)?);
            }
        }
        Some(place)
    }

    /// Whether what is not said here may be said where nobody looked.
    fn may_be_elsewhere(&self, term: &str) -> bool {
        let is_variable = !term.starts_with('-') && !term.bytes().any(|b| b.is_ascii_lowercase());
        is_variable && self.resource.is_none_or(|r| r.more_environment)
    }

    fn one(&self, term: &str) -> Option<Range<usize>> {
        if term.starts_with('-') {
            let commands = self.resource.map_or(&[][..], |r| &r.start);
            return commands.iter().find_map(|c| Flags { words: &c.words }.says(term));
        }
        let end = term.find(['=', '~']).unwrap_or(term.len());
        let name = term.get(..end).unwrap_or_default();
        let is_variable = !name.bytes().any(|b| b.is_ascii_lowercase());
        let variable = || {
            self.resource
                .and_then(|r| variable_says(r, name, term.get(end..)?))
        };
        let file = || {
            self.settings
                .iter()
                .find_map(|s| file_says(s, name, term.get(end..)?))
        };
        if is_variable {
            variable().or_else(file)
        } else {
            file().or_else(variable)
        }
    }
}

fn variable_says(resource: &Resource, name: &str, rest: &str) -> Option<Range<usize>> {
    let Some(part) = rest.strip_prefix('~') else {
        return env_says(resource, &format!("{name}{rest}"));
    };
    let variable = resource.variable(name)?;
    let value = variable.value.as_ref().filter(|w| !w.open)?;
    holds(&value.text, part).then(|| variable.span.clone())
}

/// Where a file says a setting whose route is that, or ends so.
fn file_says(settings: &Settings, name: &str, rest: &str) -> Option<Range<usize>> {
    let is_named = |full: &str| is_named(full, name);
    let fits = |value: &crate::resource::Word| match (rest.strip_prefix('='), rest.strip_prefix('~')) {
        (Some(wanted), _) => !value.open && is_value(value.text.trim_matches(['"', '\'']), wanted),
        (_, Some(part)) => !value.open && holds(&value.text, part),
        (None, None) => value.open || !value.text.is_empty(),
    };
    // The last one counts, except where a setting has several values.
    let mut found = settings.settings.iter().rev().filter(|s| is_named(&s.name));
    let last = found.next()?;
    if fits(&last.value) {
        return Some(last.span.clone());
    }
    found
        .take_while(|s| s.name == last.name && s.span != last.span)
        .find(|s| rest.starts_with('~') && fits(&s.value))
        .map(|s| s.span.clone())
}

fn is_named(full: &str, name: &str) -> bool {
    let at = full.len().saturating_sub(name.len());
    let before = full.get(..at).unwrap_or_default();
    let tail = full.get(at..).unwrap_or_default();
    tail.eq_ignore_ascii_case(name) && (before.is_empty() || before.ends_with('.'))
}

fn holds(text: &str, part: &str) -> bool {
    text.to_ascii_lowercase().contains(&part.to_ascii_lowercase())
}

/// Whether a value stands where a secret should and is none: it is in documentation, in a vendor's own files, or in
/// everybody's first guess.
pub fn is_placeholder(value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    // What a variable hides is not known.
    if value.contains(['$', '{']) {
        return false;
    }
    // `user:password` has the secret behind the colon.
    let value = value.rsplit(':').next().unwrap_or(value);
    let low = value.to_ascii_lowercase();
    let plain: String = low.chars().filter(char::is_ascii_alphanumeric).collect();
    let same = value.len() >= 8 && value.bytes().all(|b| Some(b) == value.bytes().next());
    let starts = [
        "changeme",
        "changethis",
        "replaceme",
        "replacethis",
        "putyour",
        "yoursecret",
        "yourpassword",
        "yourkey",
    ];
    // Whole keys that vendors ship in the files that everybody starts with.
    let shipped = [
        "sk9f73s3ljtxvcmt3blb3ljtqtskighxvcmt3blbkfjlk7u",
        "16f8c0ef4a5d391b26034086c628469d",
        "f34be427ebb29de8d88c107a71546019",
    ];
    same || shipped.iter().any(|s| plain.starts_with(s))
        || KNOWN.contains(&plain.as_str())
        || starts.iter().any(|s| plain.starts_with(s))
        || (low.starts_with("your") && low.ends_with("here"))
}

/// Whether an address has a password in it: `postgresql://user:password@host/name`.
pub(crate) fn has_password(address: &str) -> bool {
    let rest = address.split_once("://").map_or("", |(_, rest)| rest);
    let user = rest.split('/').next().and_then(|host| host.rsplit_once('@'));
    let password = user.and_then(|(user, _)| user.split_once(':')).map(|(_, p)| p);
    password.is_some_and(|p| !p.is_empty() && !p.contains(['$', '{', '<', '*']))
}

const KNOWN: [&str; 46] = [
    "123456",
    "12345678",
    "admin",
    "admin123",
    "adminpassword",
    "airflow",
    "airflowjwtsecret",
    "argilla",
    "argillaapikey",
    "changeit",
    "default",
    "dummy",
    "example",
    "flowise",
    "infiniragflow",
    "insecure",
    "langflow",
    "letmein",
    "minio",
    "minio123",
    "minioadmin",
    "miniosecret",
    "myredissecret",
    "mysalt",
    "mysecret",
    "mysecretkey",
    "mysecretpassword",
    "notsecret",
    "pass",
    "passw0rd",
    "password",
    "password123",
    "password1234",
    "placeholder",
    "postgres",
    "root",
    "s3admin",
    "salt",
    "secret",
    "secretkey",
    "sk1234",
    "supersecret",
    "test",
    "testnondevsecret",
    "todo",
    "wvf5ythahlkywhgusmcrgsx3td5ngdn8pkih",
];

#[cfg(test)]
mod tests {
    use super::is_placeholder;

    #[test]
    fn a_secret_that_everybody_knows_is_none() {
        for known in [
            "changeme",
            "CHANGE_ME_PLEASE",
            "mysecret",
            "mysalt",
            "sk-1234",
            "admin:admin",
            "password1234",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "your-secret-key-here",
            "'secret'",
        ] {
            assert!(is_placeholder(known), "{known}");
        }
        for own in ["", "x7Gq0v2LkP", "${SECRET}", "0000001", "testing-cluster-key-9"] {
            assert!(!is_placeholder(own), "{own}");
        }
    }
}
