//! What is known of a callable, from `data/callables.toml`.
//!
//! The one decision: only the allowlist says that something is harmless. The list of dangers never decides that
//! something is safe; it turns "unknown" into "dangerous" and says in words what the callable does.

use std::{
    collections::HashMap,
    sync::{LazyLock, OnceLock},
};

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

/// The names of an entry, told apart when somebody asks for one of them: a small model touches few entries, and all of
/// them together are thousands of names.
struct Names {
    raw: &'static str,
    sorted: OnceLock<Vec<&'static str>>,
}

impl Names {
    fn sorted(&self) -> &[&'static str] {
        self.sorted.get_or_init(|| {
            let mut names = list(self.raw);
            names.sort_unstable();
            names
        })
    }

    fn contain(&self, name: &str) -> bool {
        self.sorted().binary_search(&name).is_ok()
    }
}

struct Allow {
    names: Names,
    may: Vec<Usage>,
    classes: bool,
    members: bool,
}

/// Entries under one module name, as indices into those of the table.
#[derive(Default)]
struct Module {
    allow: Vec<usize>,
    danger: Vec<usize>,
}

struct Table {
    allow: Vec<Allow>,
    danger: Vec<Danger>,
    /// The names of each danger; empty for whole modules.
    dangerous: Vec<Names>,
    exact: HashMap<&'static str, Module>,
    below: HashMap<&'static str, Module>,
}

static TEXT: &str = include_str!("../../data/callables.toml");
static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(TEXT));

/// What is known of `module.name` in a use.
pub(crate) fn judge(module: &str, name: &str, usage: Usage) -> Judgement {
    TABLE.judge(module, name, usage)
}

/// What is known of an attribute of an instance: `module.Class.attribute`, where nobody knows what `attribute` is.
///
/// Python writes a bound method so. It is harmless to refer to where its class may be made, and what it does when it is
/// called is not known.
pub(crate) fn judge_bound(module: &str, name: &str, usage: Usage) -> Judgement {
    let plain = judge(module, name, usage);
    let Some((class, attribute)) = name.rsplit_once('.') else {
        return plain;
    };
    let made = [Usage::New, Usage::Call]
        .iter()
        .any(|usage| judge(module, class, *usage) == Judgement::Allowed);
    let word = attribute.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain == Judgement::Unknown
        && usage == Usage::Reference
        && made
        && word
        && !attribute.starts_with("__")
    {
        return Judgement::Allowed;
    }
    plain
}

impl Table {
    /// Reads the table, entry by entry. It is a file of ours whose shape a test checks, so that whatever does not fit
    /// is passed over: an entry of the allowlist that is lost makes a finding more, never one less.
    fn parse(text: &'static str) -> Self {
        let mut table = Self {
            allow: Vec::new(),
            danger: Vec::new(),
            dangerous: Vec::new(),
            exact: HashMap::new(),
            below: HashMap::new(),
        };
        for entry in entries(text) {
            table.add(&entry);
        }
        table
    }

    fn add(&mut self, entry: &Entry) {
        let names = Names {
            raw: entry.raw("names"),
            sorted: OnceLock::new(),
        };
        let at = if entry.allows {
            self.allow.push(Allow {
                names,
                may: entry.text("may").split_whitespace().filter_map(usage).collect(),
                classes: entry.flag("classes"),
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
            self.dangerous.push(names);
            self.danger.len().saturating_sub(1)
        };
        for module in list(entry.raw("modules")) {
            let slot = match module.strip_suffix(".*") {
                Some(parent) => self.below.entry(parent),
                None => self.exact.entry(module),
            };
            let slot = slot.or_default();
            if entry.allows {
                slot.allow.push(at);
            } else {
                slot.danger.push(at);
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
        let permits = |a: &&Allow| {
            usage == Usage::Reference
                || a.may.contains(&usage)
                || (usage == Usage::State && a.may.contains(&Usage::Call))
        };
        if self
            .covering(module)
            .any(|m| self.allowing(m).filter(permits).any(|a| a.names.contain(name)))
        {
            return Judgement::Allowed;
        }
        let named = |m: &Module| self.endangering(m).find(|(names, _)| names.contain(name));
        if let Some((_, danger)) = self.covering(module).find_map(named) {
            return Judgement::Dangerous(danger);
        }
        if let Some((outer, member)) = name.rsplit_once('.') {
            return self.judge_dotted(module, outer, member, usage);
        }
        // A class of an allowed family is more precise than a parent module that is dangerous as a whole, and less
        // than one that is dangerous itself.
        for m in self.covering(module) {
            if is_class(name) && self.allowing(m).filter(permits).any(|a| a.classes) {
                return Judgement::Allowed;
            }
            if let Some(danger) = self.wholly_dangerous(m) {
                return Judgement::Dangerous(danger);
            }
        }
        Judgement::Unknown
    }

    fn allowing<'a>(&'a self, module: &'a Module) -> impl Iterator<Item = &'a Allow> {
        module.allow.iter().filter_map(|at| self.allow.get(*at))
    }

    fn endangering(
        &'static self,
        module: &Module,
    ) -> impl Iterator<Item = (&'static Names, &'static Danger)> {
        let entry = |at: &usize| Some((self.dangerous.get(*at)?, self.danger.get(*at)?));
        module.danger.iter().filter_map(entry)
    }

    fn wholly_dangerous(&'static self, module: &Module) -> Option<&'static Danger> {
        self.endangering(module)
            .find(|(names, _)| names.raw.is_empty())
            .map(|(_, danger)| danger)
    }

    /// `Outer.member`: refused unless the whole path is listed, or it is a member of an enumeration.
    fn judge_dotted(&'static self, module: &str, outer: &str, member: &str, usage: Usage) -> Judgement {
        let constant = member.starts_with(|c: char| c.is_ascii_uppercase())
            && member
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        let enumeration = |a: &&Allow| a.members && a.names.contain(outer);
        let listed = self
            .covering(module)
            .any(|m| self.allowing(m).any(|a| enumeration(&a)));
        if constant && listed && usage == Usage::Reference {
            return Judgement::Allowed;
        }
        // The way through another module's attributes is how a harmless module reaches a dangerous one.
        let reaches = |part: &str| {
            part.starts_with("__")
                || is_inside(part)
                || self
                    .exact
                    .get(part)
                    .or_else(|| self.below.get(part))
                    .is_some_and(|m| self.wholly_dangerous(m).is_some())
                || matches!(part, "sys" | "builtins" | "modules")
        };
        let through = outer
            .split('.')
            .any(|part| reaches(part) || reaches(part.trim_start_matches('_')));
        if through || member.starts_with("__") || is_inside(member) {
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

/// Functions that run code, or touch files, under whatever path they are reached.
fn is_notorious(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "CDLL",
        "LoadLibrary",
        "Popen",
        "check_call",
        "check_output",
        "chmod",
        "dlopen",
        "dump",
        "eval",
        "exec",
        "exec_module",
        "execfile",
        "execv",
        "execve",
        "find_class",
        "fork",
        "get_data",
        "getattr",
        "getoutput",
        "getstatusoutput",
        "hardlink_to",
        "import_module",
        "kill",
        "load",
        "load_module",
        "loads",
        "open",
        "popen",
        "query",
        "rmdir",
        "rmtree",
        "run_module",
        "run_path",
        "runcode",
        "runsource",
        "setattr",
        "spawn",
        "startfile",
        "symlink_to",
        "system",
        "to_csv",
        "to_pickle",
        "to_sql",
        "touch",
        "unlink",
        "urlopen",
        "urlretrieve",
        "write_bytes",
        "write_text",
    ];
    NAMES.binary_search(&name).is_ok()
}

/// Attributes through which a function, a generator or an exception gives away its frame and its module.
fn is_inside(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "ag_code",
        "ag_frame",
        "cr_code",
        "cr_frame",
        "cr_origin",
        "f_back",
        "f_builtins",
        "f_code",
        "f_globals",
        "f_locals",
        "func_closure",
        "func_code",
        "func_defaults",
        "func_dict",
        "func_globals",
        "gi_code",
        "gi_frame",
        "gi_yieldfrom",
        "im_class",
        "im_func",
        "im_self",
        "mro",
        "tb_frame",
        "tb_next",
    ];
    NAMES.binary_search(&name).is_ok()
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
    fn raw(&self, key: &str) -> &'static str {
        self.values.iter().find(|(k, _)| *k == key).map_or("", |(_, v)| v)
    }

    fn text(&self, key: &str) -> &'static str {
        self.raw(key).trim_matches('"')
    }

    fn flag(&self, key: &str) -> bool {
        self.text(key) == "true"
    }
}

/// The strings of an array.
fn list(raw: &'static str) -> Vec<&'static str> {
    raw.trim_matches(['[', ']'])
        .split(',')
        .map(|n| n.trim().trim_matches('"'))
        .filter(|n| !n.is_empty())
        .collect()
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
