//! What is known of a callable, from `data/callables.toml`.
//!
//! The one decision: only the allowlist says that something is harmless. The list of dangers never decides that
//! something is safe; it turns "unknown" into "dangerous" and says in words what the callable does.

use std::{collections::HashMap, sync::LazyLock};

/// How a pickle uses a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Usage {
    /// It is only referred to.
    Reference,
    /// An instance gets its state.
    State,
    /// Items are put into an instance.
    Items,
    /// An empty instance is made.
    New,
    /// It is called.
    Call,
}

/// What is known of a name in a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Harmless in this use.
    Allowed,
    /// It gives an attacker power.
    Dangerous(&'static Danger),
    /// Nothing is known.
    Unknown,
}

/// A family of dangerous callables.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Danger {
    /// The class of the requirements.
    pub(crate) class: &'static str,
    /// What it does, as a verb: "runs programs".
    pub(crate) does: &'static str,
    /// The advisory that made it known, if one did.
    pub(crate) cve: Option<&'static str>,
}

struct Allow {
    may: Vec<Usage>,
    members: bool,
}

/// Entries under one module name.
#[derive(Default)]
struct Module {
    allowed: HashMap<&'static str, Vec<usize>>,
    allowed_classes: Vec<usize>,
    dangerous: HashMap<&'static str, usize>,
    wholly_dangerous: Option<usize>,
}

struct Table {
    allow: Vec<Allow>,
    danger: Vec<Danger>,
    exact: HashMap<&'static str, Module>,
    below: HashMap<&'static str, Module>,
}

static TEXT: &str = include_str!("../../data/callables.toml");
static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(TEXT));

/// What is known of `module.name` in a use.
pub(crate) fn judge(module: &str, name: &str, usage: Usage) -> Judgement {
    TABLE.judge(module, name, usage)
}

impl Table {
    /// Reads the table, entry by entry. It is a file of ours whose shape a test checks, so that whatever does not fit
    /// is passed over: an entry of the allowlist that is lost makes a finding more, never one less.
    fn parse(text: &'static str) -> Self {
        let mut table = Self {
            allow: Vec::new(),
            danger: Vec::new(),
            exact: HashMap::new(),
            below: HashMap::new(),
        };
        for entry in entries(text) {
            table.add(&entry);
        }
        table
    }

    fn add(&mut self, entry: &Entry) {
        let names = entry.list("names");
        let allows = entry.allows;
        let at = if allows {
            let may = entry.text("may").split_whitespace().filter_map(usage).collect();
            self.allow.push(Allow {
                may,
                members: entry.flag("members"),
            });
            self.allow.len().saturating_sub(1)
        } else {
            let cve = entry.text("cve");
            self.danger.push(Danger {
                class: entry.text("class"),
                does: entry.text("does"),
                cve: (!cve.is_empty()).then_some(cve),
            });
            self.danger.len().saturating_sub(1)
        };
        for module in entry.list("modules") {
            let slot = match module.strip_suffix(".*") {
                Some(parent) => self.below.entry(parent),
                None => self.exact.entry(module),
            };
            let slot = slot.or_default();
            for name in &names {
                if allows {
                    slot.allowed.entry(*name).or_default().push(at);
                } else {
                    slot.dangerous.entry(*name).or_insert(at);
                }
            }
            if allows && entry.flag("classes") {
                slot.allowed_classes.push(at);
            }
            if !allows && names.is_empty() {
                slot.wholly_dangerous.get_or_insert(at);
            }
        }
    }

    /// The entries that cover a module: its own, then those of its parents, nearest first.
    fn covering<'a>(&'a self, module: &'a str) -> impl Iterator<Item = &'a Module> {
        let parents = std::iter::successors(Some(module), |m| m.rsplit_once('.').map(|(parent, _)| parent));
        self.exact
            .get(module)
            .into_iter()
            .chain(parents.filter_map(|parent| self.below.get(parent)))
    }

    fn judge(&'static self, module: &str, name: &str, usage: Usage) -> Judgement {
        // What a harmless call returned may be given its state.
        let permits = |at: &usize| {
            self.allow.get(*at).is_some_and(|a| {
                usage == Usage::Reference
                    || a.may.contains(&usage)
                    || (usage == Usage::State && a.may.contains(&Usage::Call))
            })
        };
        if self
            .covering(module)
            .any(|m| m.allowed.get(name).is_some_and(|a| a.iter().any(permits)))
        {
            return Judgement::Allowed;
        }
        let danger = |at: usize| {
            self.danger
                .get(at)
                .map_or(Judgement::Unknown, Judgement::Dangerous)
        };
        if let Some(at) = self.covering(module).find_map(|m| m.dangerous.get(name)) {
            return danger(*at);
        }
        if let Some((outer, member)) = name.rsplit_once('.') {
            return self.judge_dotted(module, outer, member, usage);
        }
        // A class of an allowed family is more precise than a parent module that is dangerous as a whole, and less
        // than one that is dangerous itself.
        for m in self.covering(module) {
            if is_class(name) && m.allowed_classes.iter().any(permits) {
                return Judgement::Allowed;
            }
            if let Some(at) = m.wholly_dangerous {
                return danger(at);
            }
        }
        Judgement::Unknown
    }

    /// `Outer.member`: refused unless the whole path is listed, or it is a member of an enumeration.
    fn judge_dotted(&'static self, module: &str, outer: &str, member: &str, usage: Usage) -> Judgement {
        let constant = member.starts_with(|c: char| c.is_ascii_uppercase())
            && member
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        let enumeration = |at: &usize| self.allow.get(*at).is_some_and(|a| a.members);
        let listed = self
            .covering(module)
            .any(|m| m.allowed.get(outer).into_iter().flatten().any(enumeration));
        if constant && listed && usage == Usage::Reference {
            return Judgement::Allowed;
        }
        // The way through another module's attributes is how a harmless module reaches a dangerous one.
        let reaches = |part: &str| {
            part.starts_with("__")
                || part == "func_globals"
                || self
                    .exact
                    .get(part)
                    .or_else(|| self.below.get(part))
                    .is_some_and(|m| m.wholly_dangerous.is_some())
                || matches!(part, "sys" | "builtins" | "modules")
        };
        let through = outer
            .split('.')
            .any(|part| reaches(part) || reaches(part.trim_start_matches('_')));
        if through || member.starts_with("__") {
            return Judgement::Dangerous(&TRAVERSAL);
        }
        match self.judge(module, outer, Usage::Reference) {
            Judgement::Dangerous(danger) => Judgement::Dangerous(danger),
            _ => match self.judge(&format!("{module}.{outer}"), member, usage) {
                Judgement::Dangerous(danger) => Judgement::Dangerous(danger),
                _ if is_notorious(member) => Judgement::Dangerous(&TRAVERSAL),
                _ => Judgement::Unknown,
            },
        }
    }
}

static TRAVERSAL: Danger = Danger {
    class: "N18",
    does: "reaches another module through attributes",
    cve: None,
};

/// Functions that run code under whatever path they are reached.
fn is_notorious(name: &str) -> bool {
    matches!(
        name,
        "system"
            | "popen"
            | "Popen"
            | "exec"
            | "eval"
            | "execfile"
            | "loads"
            | "load"
            | "import_module"
            | "CDLL"
            | "open"
    )
}

fn usage(word: &str) -> Option<Usage> {
    Some(match word {
        "state" => Usage::State,
        "items" => Usage::Items,
        "new" => Usage::New,
        "call" => Usage::Call,
        _ => return None,
    })
}

/// Whether a name is written like a class.
fn is_class(name: &str) -> bool {
    let bare = name.trim_start_matches('_');
    bare.starts_with(|c: char| c.is_ascii_uppercase())
        && !name.starts_with("__")
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// One entry, its values still text.
struct Entry {
    allows: bool,
    values: Vec<(&'static str, &'static str)>,
}

impl Entry {
    fn text(&self, key: &str) -> &'static str {
        let raw = self.values.iter().find(|(k, _)| *k == key).map_or("", |(_, v)| v);
        raw.trim_matches('"')
    }

    fn flag(&self, key: &str) -> bool {
        self.text(key) == "true"
    }

    fn list(&self, key: &str) -> Vec<&'static str> {
        let raw = self.values.iter().find(|(k, _)| *k == key).map_or("", |(_, v)| v);
        raw.trim_matches(['[', ']'])
            .split(',')
            .map(|n| n.trim().trim_matches('"'))
            .filter(|n| !n.is_empty())
            .collect()
    }
}

/// The entries of the table. The file keeps to a corner of TOML (one value a line, no escapes), so that it is read
/// without building a tree: this runs in every audit that meets a pickle.
fn entries(text: &'static str) -> Vec<Entry> {
    let mut out: Vec<Entry> = Vec::new();
    for line in text.lines().map(str::trim) {
        match line {
            "[[allow]]" | "[[danger]]" => out.push(Entry {
                allows: line == "[[allow]]",
                values: Vec::new(),
            }),
            _ if line.is_empty() || line.starts_with('#') => {}
            _ => {
                if let (Some((key, value)), Some(entry)) = (line.split_once(" = "), out.last_mut()) {
                    entry.values.push((key, value));
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests;
