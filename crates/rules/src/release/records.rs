//! From the records of two distributions to what only the new one does.
//!
//! The one decision: records are matched by what they do before they are matched by where they stand, so that code that
//! moved, or a function that was renamed, has gained nothing; what is left of both sides in one function is a call
//! whose arguments changed.

use super::{
    act::{Act, of_record},
    facts::{ReleasedFile, Side},
    step::Step,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};
use wellhead_core::Severity;
use wellhead_packages::distribution::Trigger;
use wellhead_pycode::{SinkKind, SinkRecord, SourceKind, Stage};

/// From this sum on something is an error to be reviewed.
const HIGH: u32 = 50;
/// From this sum on something is to be reviewed.
pub(super) const REVIEW: u32 = 40;

/// When something of a package runs by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alone {
    Startup,
    Install,
    Import,
}

impl Alone {
    pub(super) fn term(self) -> (&'static str, u32) {
        match self {
            Self::Startup => ("at-startup", 30),
            Self::Install => ("at-install", 30),
            Self::Import => ("at-import", 20),
        }
    }

    pub(super) fn when(self) -> &'static str {
        match self {
            Self::Startup => "at every start of Python",
            Self::Install => "when it is built or installed",
            Self::Import => "when it is imported",
        }
    }
}

/// A call that only the new distribution makes.
#[derive(Clone, Debug)]
pub(super) struct Fresh {
    pub(super) act: Act,
    pub(super) kind: SinkKind,
    pub(super) callee: String,
    pub(super) given: String,
    pub(super) sources: BTreeSet<SourceKind>,
    pub(super) range: Range<usize>,
    pub(super) layer: u8,
    /// What the old one gave to the same call in the same function.
    pub(super) was: Option<String>,
    /// What changed of a known call is not what makes it an attack.
    pub(super) mild: bool,
    /// The function itself is as it was.
    pub(super) untouched: bool,
    pub(super) hops: Vec<(String, Range<usize>, String)>,
}

/// What one function of the new distribution does that the old distribution does not.
#[derive(Clone, Debug)]
pub(super) struct Gained {
    pub(super) module: String,
    /// Empty for the module itself.
    pub(super) function: String,
    /// The old distribution has no function of that name in that file.
    pub(super) new_function: bool,
    /// The old distribution has no such file.
    pub(super) new_file: bool,
    pub(super) alone: Option<Alone>,
    /// The calls, the worst first.
    pub(super) fresh: Vec<Fresh>,
    /// The sum, in tenths.
    pub(super) terms: Vec<(&'static str, u32)>,
    /// Where the new function is called that was not before: file, function, place.
    pub(super) callers: Vec<(String, String, Range<usize>)>,
}

impl Gained {
    pub(super) fn score(&self) -> u32 {
        self.terms.iter().map(|(_, weight)| weight).sum()
    }

    /// How bad it is; nothing where it is only to be known.
    pub(super) fn severity(&self) -> Option<Severity> {
        let path = self.fresh.iter().any(|f| f.act.path && !f.mild);
        match self.score() {
            _ if path && self.alone.is_some() => Some(Severity::Critical),
            score if score >= HIGH => Some(Severity::High),
            score if score >= REVIEW => Some(Severity::Medium),
            _ => None,
        }
    }
}

/// What a call does, wherever it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Deed {
    kind: SinkKind,
    callee: String,
    given: String,
    sources: BTreeSet<SourceKind>,
    alone: bool,
}

struct Known<'a> {
    records: Vec<(&'a SinkRecord, Deed, bool)>,
    by_place: BTreeMap<(&'a str, &'a str), Vec<usize>>,
    by_deed: BTreeMap<Deed, Vec<usize>>,
    /// By file, function and callee; by the last part of the function's name and callee.
    by_call: BTreeMap<(&'a str, &'a str, SinkKind, &'a str), Vec<usize>>,
    by_name: BTreeMap<(&'a str, SinkKind, &'a str), Vec<usize>>,
}

impl<'a> Known<'a> {
    fn new(side: &'a Side) -> Self {
        let mut known = Self {
            records: Vec::new(),
            by_place: BTreeMap::new(),
            by_deed: BTreeMap::new(),
            by_call: BTreeMap::new(),
            by_name: BTreeMap::new(),
        };
        for record in &side.analysis.records {
            let at = known.records.len();
            let deed = deed(side, record);
            let (module, function) = (record.module.as_str(), record.function.as_str());
            let last = last(function);
            known.by_place.entry((module, function)).or_default().push(at);
            known.by_deed.entry(deed.clone()).or_default().push(at);
            let callee = record.callee.as_str();
            let call = (module, function, record.kind, callee);
            known.by_call.entry(call).or_default().push(at);
            known
                .by_name
                .entry((last, record.kind, callee))
                .or_default()
                .push(at);
            known.records.push((record, deed, false));
        }
        known
    }

    /// Takes the first of these that was not taken, if one is right.
    fn take(
        records: &mut [(&'a SinkRecord, Deed, bool)],
        of: Option<&Vec<usize>>,
        is: impl Fn(&Deed) -> bool,
    ) -> Option<&'a SinkRecord> {
        for at in of.into_iter().flatten() {
            if let Some((record, deed, taken)) = records.get_mut(*at)
                && !*taken
                && is(deed)
            {
                *taken = true;
                return Some(record);
            }
        }
        None
    }
}

fn last(function: &str) -> &str {
    function.rsplit('.').next().unwrap_or(function)
}

/// The arguments without what every release changes.
fn given(side: &Side, record: &SinkRecord) -> String {
    let joined = record.arguments.join(", ");
    let words: Vec<&str> = joined.split_whitespace().collect();
    let plain = words.join(" ");
    match side.distribution.version.as_deref() {
        Some(version) if version.len() > 2 => plain.replace(version, "{version}"),
        _ => plain,
    }
}

fn deed(side: &Side, record: &SinkRecord) -> Deed {
    Deed {
        kind: record.kind,
        callee: record.callee.clone(),
        given: given(side, record),
        sources: record.sources.clone(),
        alone: alone(side.files.get(&record.module), record.stage).is_some(),
    }
}

/// When a call runs without being asked.
fn alone(file: Option<&ReleasedFile>, stage: Stage) -> Option<Alone> {
    let at_import = stage == Stage::Import;
    match file?.trigger {
        Trigger::Startup | Trigger::Activation => at_import.then_some(Alone::Startup),
        // A build runs methods of commands as well.
        Trigger::Install | Trigger::Build => (stage <= Stage::Use).then_some(Alone::Install),
        Trigger::Import | Trigger::Plugin => at_import.then_some(Alone::Import),
        Trigger::EntryPoint | Trigger::Lazy | Trigger::Never => None,
    }
}

/// Files that nobody runs who uses the package.
fn is_apart(path: &str, file: Option<&ReleasedFile>) -> bool {
    let Some(file) = file else { return false };
    if file.trigger == Trigger::Never {
        return true;
    }
    let test = |part: &str| {
        matches!(
            part,
            "test" | "tests" | "testing" | "examples" | "docs" | "benchmarks"
        )
    };
    file.trigger >= Trigger::Lazy && path.split('/').any(test)
}

/// What the code of the new distribution does and that of the old one does not, the worst first.
pub(super) fn gained(old: &Side, new: &Side, step: Step) -> Vec<Gained> {
    let mut known = Known::new(old);
    let mut left: Vec<(&SinkRecord, Deed)> = new.analysis.records.iter().map(|r| (r, deed(new, r))).collect();
    let Known {
        records,
        by_place,
        by_deed,
        by_call,
        by_name,
    } = &mut known;
    // In its place; then anywhere; then what formerly ran by itself and now has to be asked.
    left.retain(|(r, deed)| {
        let at = by_place.get(&(r.module.as_str(), r.function.as_str()));
        Known::take(records, at, |known| known == deed).is_none()
    });
    left.retain(|(_, deed)| Known::take(records, by_deed.get(deed), |_| true).is_none());
    left.retain(|(_, deed)| {
        let earlier = Deed {
            alone: true,
            ..deed.clone()
        };
        deed.alone || Known::take(records, by_deed.get(&earlier), |_| true).is_none()
    });
    let mut groups: BTreeMap<(&str, &str, Option<Alone>), Vec<Fresh>> = BTreeMap::new();
    for (record, deed) in left {
        let file = new.files.get(&record.module);
        if is_apart(&record.module, file) {
            continue;
        }
        let (module, function) = (record.module.as_str(), record.function.as_str());
        let callee = record.callee.as_str();
        let same = by_call.get(&(module, function, record.kind, callee));
        let moved = by_name.get(&(last(function), record.kind, callee));
        let before = Known::take(records, same, |_| true)
            .or_else(|| Known::take(records, moved, |known| known.alone == deed.alone));
        let alone = alone(file, record.stage);
        let act = of_record(record, &deed.given);
        let untouched = is_untouched(old, new, module, function);
        // One call gives as many records as there are callers, so a function that is the same has gained nothing by one
        // more, unless what it is given makes it something else.
        let context = || {
            same.into_iter()
                .flatten()
                .find_map(|at| records.get(*at).map(|r| r.0))
        };
        let before = before.or_else(|| if untouched { context() } else { None });
        let was = before.map(|b| given(old, b));
        let mild = match before.zip(was.as_ref()) {
            Some((b, was)) if untouched => of_record(b, was).name == act.name,
            Some((_, was)) => !act.sharp || is_same_command(was, &deed.given),
            None => false,
        };
        groups.entry((module, function, alone)).or_default().push(Fresh {
            act,
            mild,
            untouched,
            was,
            kind: record.kind,
            callee: record.callee.clone(),
            given: deed.given,
            sources: record.sources.clone(),
            range: record.range.clone(),
            layer: record.layer,
            hops: record
                .hops
                .iter()
                .map(|h| (h.module.clone(), h.range.clone(), h.what.clone()))
                .collect(),
        });
    }
    let before: Vec<Act> = old
        .analysis
        .records
        .iter()
        .map(|r| of_record(r, &given(old, r)))
        .collect();
    let mut out: Vec<Gained> = groups
        .into_iter()
        .filter_map(|((module, function, alone), fresh)| {
            group(old, new, step, &before, (module, function, alone), fresh)
        })
        .collect();
    out.sort_by(|a, b| {
        let order = |g: &Gained| (std::cmp::Reverse(g.severity()), std::cmp::Reverse(g.score()));
        (order(a), &a.module, &a.function).cmp(&(order(b), &b.module, &b.function))
    });
    out
}

fn group(
    old: &Side,
    new: &Side,
    step: Step,
    before: &[Act],
    (module, function, alone): (&str, &str, Option<Alone>),
    mut fresh: Vec<Fresh>,
) -> Option<Gained> {
    fresh.sort_by_key(|f| {
        (
            f.mild,
            std::cmp::Reverse((f.act.path, f.act.weight)),
            f.range.start,
        )
    });
    fresh.dedup_by(|a, b| (a.act, &a.callee, &a.given, &a.range) == (b.act, &b.callee, &b.given, &b.range));
    let mut terms: BTreeMap<&'static str, u32> = BTreeMap::new();
    for one in &fresh {
        // A call that was there weighs less, unless it became what attacks need; and least where only a caller is new.
        let (name, weight) = match (one.mild, one.untouched) {
            (false, _) => (one.act.name, one.act.weight),
            (true, false) => ("changed-argument", 10),
            (true, true) => ("other-caller", 5),
        };
        terms.insert(name, weight);
    }
    let first = fresh.first()?;
    let mut terms: Vec<(&'static str, u32)> = terms.into_iter().collect();
    terms.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    if fresh.iter().any(|f| f.layer > 0) {
        terms.push(("in-decoded-layer", 10));
    }
    if !first.mild && !before.iter().any(|b| b.name == first.act.name) {
        terms.push(("new-ability", 10));
    }
    terms.extend(alone.map(Alone::term));
    terms.extend(step.term());
    // The whole text of the old distribution is searched only where it decides.
    let sum: u32 = terms.iter().map(|(_, weight)| weight).sum();
    if sum.saturating_add(10) >= REVIEW && names_new_host(old, &fresh) {
        terms.push(("new-host", 10));
    }
    let old_file = old.files.get(module);
    let mut gained = Gained {
        module: module.to_owned(),
        function: function.to_owned(),
        new_function: !function.is_empty() && old_file.is_none_or(|f| !f.functions.contains(function)),
        new_file: old_file.is_none(),
        alone,
        fresh,
        terms,
        callers: Vec::new(),
    };
    if gained.severity().is_some() && gained.new_function {
        gained.callers = callers(old, new, last(function));
    }
    Some(gained)
}

/// Whether a function has the same text in both; of a module itself, whether the files are the same.
fn is_untouched(old: &Side, new: &Side, module: &str, function: &str) -> bool {
    let (Some(a), Some(b)) = (old.files.get(module), new.files.get(module)) else {
        return false;
    };
    if a.digest.is_some() && a.digest == b.digest {
        return true;
    }
    let (Some(a), Some(b)) = (&a.text, &b.text) else {
        return false;
    };
    let name = last(function);
    match (blocks(a, name), blocks(b, name)) {
        (Some(a), Some(b)) => !name.is_empty() && !a.is_empty() && a == b,
        _ => false,
    }
}

/// The texts of all functions of a name, each up to the next definition that is not inside of it; nothing where a
/// string could hide that end. What follows a function may be taken for a part of it, never the other way round.
fn blocks<'t>(text: &'t str, name: &str) -> Option<Vec<Vec<&'t str>>> {
    let mut out: Vec<Vec<&str>> = Vec::new();
    let mut open: Option<(usize, Vec<&str>)> = None;
    for line in text.lines() {
        let code = line.trim_start();
        let indent = line.len().saturating_sub(code.len());
        let begins = ["def ", "async def ", "class ", "@"]
            .iter()
            .any(|w| code.starts_with(w));
        if begins && open.as_ref().is_some_and(|(outer, _)| indent <= *outer) {
            out.extend(open.take().map(|(_, block)| block));
        }
        let defined = code
            .strip_prefix("async ")
            .unwrap_or(code)
            .strip_prefix("def ")
            .and_then(|rest| rest.trim_start().strip_prefix(name))
            .is_some_and(|rest| rest.trim_start().starts_with(['(', '[']));
        if defined && open.is_none() {
            open = Some((indent, Vec::new()));
        }
        if let Some((_, block)) = &mut open
            && !code.is_empty()
        {
            block.push(line.trim_end());
        }
    }
    out.extend(open.map(|(_, block)| block));
    let quotes = |block: &Vec<&str>, quote: &str| {
        let count: usize = block.iter().map(|line| line.matches(quote).count()).sum();
        count.is_multiple_of(2)
    };
    let whole = |block: &Vec<&str>| quotes(block, "\"\"\"") && quotes(block, "'''");
    out.iter().all(whole).then_some(out)
}

/// Whether a sharp call was as sharp before: what changed is what no command is.
fn is_same_command(was: &str, given: &str) -> bool {
    let start = |text: &str| -> String { text.chars().take(24).collect() };
    start(was) == start(given) && hosts(was) == hosts(given)
}

/// Whether something new is sent to, or fetched from, a host that stands nowhere in the old distribution.
fn names_new_host(old: &Side, fresh: &[Fresh]) -> bool {
    let speaks = |f: &&Fresh| {
        matches!(
            f.kind,
            SinkKind::NetworkSend | SinkKind::Process | SinkKind::DnsName
        )
    };
    let named: BTreeSet<String> = fresh
        .iter()
        .filter(speaks)
        .flat_map(|f| hosts(&f.given))
        .take(8)
        .collect();
    named.iter().any(|host| {
        let stands = |f: &ReleasedFile| f.text.as_ref().is_some_and(|t| t.contains(host.as_str()));
        !old.files.values().any(stands)
    })
}

/// The hosts of the addresses in a text.
fn hosts(text: &str) -> BTreeSet<String> {
    text.match_indices("://")
        .filter_map(|(at, _)| {
            let rest = text.get(at.saturating_add(3)..)?;
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')));
            let host = rest.get(..end.unwrap_or(rest.len()))?;
            (host.contains('.')).then(|| host.to_owned())
        })
        .collect()
}

/// Where a function of that name is called that was not called there before.
fn callers(old: &Side, new: &Side, name: &str) -> Vec<(String, String, Range<usize>)> {
    let mut out = Vec::new();
    for (path, file) in &new.files {
        for call in file.calls.iter().filter(|c| c.callee == name) {
            let known = old.files.get(path).is_some_and(|f| {
                f.calls
                    .iter()
                    .any(|c| c.callee == name && c.function == call.function)
            });
            if !known && out.len() < 4 {
                out.push((path.clone(), call.function.clone(), call.range.clone()));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_the_text_up_to_the_next_definition() {
        let text = "def f(x):\n    return g(x)\n\nclass A:\n    def f(self):\n        pass\n    def g(self): pass\nX = 1\n";
        assert_eq!(
            blocks(text, "f").unwrap(),
            [
                vec!["def f(x):", "    return g(x)"],
                vec!["    def f(self):", "        pass"]
            ]
        );
        assert_eq!(
            blocks(text, "g").unwrap(),
            [vec!["    def g(self): pass", "X = 1"]]
        );
        // A string that looks like a definition ends nothing.
        assert_eq!(
            blocks("def f():\n    x = '''\ndef g(): '''\n    evil()\n", "f"),
            None
        );
    }

    #[test]
    fn hosts_are_those_of_addresses() {
        let found = hosts("[curl, https://a.example/x, http://203.0.113.7:80/y, file:///etc, s3://bucket]");
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            ["203.0.113.7", "a.example"]
        );
    }
}
