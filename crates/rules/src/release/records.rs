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

/// Most functions of which callers are looked up, and most hosts that are looked for.
const MOST_CALLED: usize = 32;
const MOST_HOSTS: usize = 256;

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

/// A call by the function that makes it: file, function, kind, callee.
type Call<'a> = (&'a str, &'a str, SinkKind, &'a str);

/// The records of the old distribution, to be taken one by one. Each list is taken from its end and never looked through
/// again, so that matching is linear in the records.
struct Known<'a> {
    records: Vec<(&'a SinkRecord, bool)>,
    by_place: BTreeMap<(&'a str, &'a str, Deed), Vec<usize>>,
    by_deed: BTreeMap<Deed, Vec<usize>>,
    by_call: BTreeMap<Call<'a>, Vec<usize>>,
    /// By the last part of the function's name, the callee, and whether it runs by itself.
    by_name: BTreeMap<(&'a str, SinkKind, &'a str, bool), Vec<usize>>,
    /// One record of each call, and what the calls came to.
    calls: BTreeMap<Call<'a>, &'a SinkRecord>,
    acts: BTreeSet<(Call<'a>, &'static str)>,
    /// What anything in it came to.
    abilities: BTreeSet<&'static str>,
}

impl<'a> Known<'a> {
    fn new(side: &'a Side) -> Self {
        let mut known = Self {
            records: Vec::new(),
            by_place: BTreeMap::new(),
            by_deed: BTreeMap::new(),
            by_call: BTreeMap::new(),
            by_name: BTreeMap::new(),
            calls: BTreeMap::new(),
            acts: BTreeSet::new(),
            abilities: BTreeSet::new(),
        };
        for (at, record) in side.analysis.records.iter().enumerate().rev() {
            let deed = deed(side, record);
            let call = call(record);
            let (module, function, kind, callee) = call;
            let act = of_record(record, &deed.given).name;
            known.acts.insert((call, act));
            known.abilities.insert(act);
            known.calls.insert(call, record);
            known.by_call.entry(call).or_default().push(at);
            let name = (last(function), kind, callee, deed.alone);
            known.by_name.entry(name).or_default().push(at);
            known.by_deed.entry(deed.clone()).or_default().push(at);
            known
                .by_place
                .entry((module, function, deed))
                .or_default()
                .push(at);
        }
        known.records = side.analysis.records.iter().map(|r| (r, false)).collect();
        known
    }
}

/// Takes one of these that was not taken.
fn take<'a>(records: &mut [(&'a SinkRecord, bool)], of: Option<&mut Vec<usize>>) -> Option<&'a SinkRecord> {
    let of = of?;
    while let Some(at) = of.pop() {
        if let Some((record, taken)) = records.get_mut(at)
            && !*taken
        {
            *taken = true;
            return Some(record);
        }
    }
    None
}

fn call(record: &SinkRecord) -> Call<'_> {
    (&record.module, &record.function, record.kind, &record.callee)
}

fn last(function: &str) -> &str {
    function.rsplit('.').next().unwrap_or(function)
}

/// The arguments without what every release changes.
fn given(side: &Side, record: &SinkRecord) -> String {
    let joined = record.arguments.join(", ");
    let words: Vec<&str> = joined.split_whitespace().collect();
    let plain = without_numbers(&words.join(" "));
    match side.distribution.version.as_deref() {
        Some(version) if version.len() > 2 => plain.replace(version, "{version}"),
        _ => plain,
    }
}

/// A text without the numbers of what is not known, which are counted anew in each walk: `$TEMP/…~2836`.
fn without_numbers(text: &str) -> String {
    let mut parts = text.split("…~");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push('…');
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    out
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
        Trigger::Install => (stage <= Stage::Use).then_some(Alone::Install),
        // Builders of other packages call what they need of a package that is installed.
        Trigger::Build => at_import.then_some(Alone::Install),
        Trigger::Import | Trigger::Plugin | Trigger::Run => at_import.then_some(Alone::Import),
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
    let records = &mut known.records;
    let mut left: Vec<(&SinkRecord, Deed)> = new.analysis.records.iter().map(|r| (r, deed(new, r))).collect();
    // In its place; then anywhere; then what formerly ran by itself and now has to be asked.
    left.retain(|(r, deed)| {
        let place = (r.module.as_str(), r.function.as_str(), deed.clone());
        take(records, known.by_place.get_mut(&place)).is_none()
    });
    left.retain(|(_, deed)| take(records, known.by_deed.get_mut(deed)).is_none());
    left.retain(|(_, deed)| {
        let earlier = Deed {
            alone: true,
            ..deed.clone()
        };
        deed.alone || take(records, known.by_deed.get_mut(&earlier)).is_none()
    });
    let mut untouched = Untouched::new(old, new);
    let mut groups: BTreeMap<(&str, &str, Option<Alone>), Vec<Fresh>> = BTreeMap::new();
    for (record, deed) in left {
        let file = new.files.get(&record.module);
        if is_apart(&record.module, file) {
            continue;
        }
        let call = call(record);
        let (module, function, kind, callee) = call;
        let name = (last(function), kind, callee, deed.alone);
        let act = of_record(record, &deed.given);
        let same = untouched.holds(module, function);
        // One call gives as many records as there are callers, so a function that is the same has gained nothing by one
        // more, unless what it is given makes it something else.
        let before = take(&mut known.records, known.by_call.get_mut(&call))
            .or_else(|| take(&mut known.records, known.by_name.get_mut(&name)))
            .or_else(|| known.calls.get(&call).copied().filter(|_| same));
        let was = before.map(|b| given(old, b));
        let mild = match &was {
            Some(_) if same => known.acts.contains(&(call, act.name)),
            Some(was) => !act.sharp || is_same_command(was, &deed.given),
            None => false,
        };
        let alone = alone(file, record.stage);
        groups.entry((module, function, alone)).or_default().push(Fresh {
            act,
            mild,
            untouched: same,
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
    let mut hosts = Hosts {
        old,
        known: BTreeMap::new(),
    };
    let mut out: Vec<Gained> = groups
        .into_iter()
        .filter_map(|(place, fresh)| group(old, step, &known.abilities, &mut hosts, place, fresh))
        .collect();
    out.sort_by(|a, b| {
        let order = |g: &Gained| (std::cmp::Reverse(g.severity()), std::cmp::Reverse(g.score()));
        (order(a), &a.module, &a.function).cmp(&(order(b), &b.module, &b.function))
    });
    let told = out
        .iter_mut()
        .filter(|g| g.severity().is_some() && g.new_function);
    for gained in told.take(MOST_CALLED) {
        gained.callers = callers(old, new, last(&gained.function));
    }
    out
}

fn group(
    old: &Side,
    step: Step,
    abilities: &BTreeSet<&'static str>,
    hosts: &mut Hosts<'_>,
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
    // One call may be several things, and is told for the worst of them.
    let mut places: BTreeSet<(usize, usize, u8)> = BTreeSet::new();
    fresh.retain(|f| places.insert((f.range.start, f.range.end, f.layer)));
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
    if !first.mild && !abilities.contains(first.act.name) {
        terms.push(("new-ability", 10));
    }
    terms.extend(alone.map(Alone::term));
    terms.extend(step.term());
    // The whole text of the old distribution is searched only where it decides.
    let sum: u32 = terms.iter().map(|(_, weight)| weight).sum();
    if sum.saturating_add(10) >= REVIEW && hosts.are_new(&fresh) {
        terms.push(("new-host", 10));
    }
    let old_file = old.files.get(module);
    Some(Gained {
        module: module.to_owned(),
        function: function.to_owned(),
        new_function: !function.is_empty() && old_file.is_none_or(|f| !f.functions.contains(function)),
        new_file: old_file.is_none(),
        alone,
        fresh,
        terms,
        callers: Vec::new(),
    })
}

/// Which functions have the same text in both; of a module itself, whether the files are the same.
struct Untouched<'a> {
    old: &'a Side,
    new: &'a Side,
    texts: BTreeMap<&'a str, (Definitions<'a>, Definitions<'a>)>,
    known: BTreeMap<(&'a str, &'a str), bool>,
}

/// The texts of functions by their names, each up to the next definition that is not inside of it.
type Definitions<'a> = BTreeMap<&'a str, Vec<&'a str>>;

impl<'a> Untouched<'a> {
    fn new(old: &'a Side, new: &'a Side) -> Self {
        Self {
            old,
            new,
            texts: BTreeMap::new(),
            known: BTreeMap::new(),
        }
    }

    fn holds(&mut self, module: &'a str, function: &'a str) -> bool {
        let (Some(a), Some(b)) = (self.old.files.get(module), self.new.files.get(module)) else {
            return false;
        };
        if a.digest.is_some() && a.digest == b.digest {
            return true;
        }
        let (Some(a), Some(b), false) = (&a.text, &b.text, function.is_empty()) else {
            return false;
        };
        let name = last(function);
        if let Some(known) = self.known.get(&(module, name)) {
            return *known;
        }
        let (a, b) = self
            .texts
            .entry(module)
            .or_insert_with(|| (definitions(a), definitions(b)));
        let holds = match (a.get(name), b.get(name)) {
            (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same_code(a, b)),
            _ => false,
        };
        self.known.insert((module, name), holds);
        holds
    }
}

/// All functions of a text by their lines alone. What follows a function may be taken for a part of it.
fn definitions(text: &str) -> Definitions<'_> {
    let mut out: Definitions<'_> = BTreeMap::new();
    // Indentation, name and beginning of what is open.
    let mut open: Vec<(usize, &str, usize)> = Vec::new();
    let mut at = 0_usize;
    for line in text.split_inclusive('\n') {
        let code = line.trim_start();
        let indent = line.len().saturating_sub(code.len());
        let begins = ["def ", "async def ", "class ", "@"]
            .iter()
            .any(|w| code.starts_with(w));
        if begins {
            while let Some((_, name, start)) = open.pop_if(|(outer, ..)| indent <= *outer) {
                out.entry(name).or_default().extend(text.get(start..at));
            }
        }
        let defined = code.strip_prefix("async ").unwrap_or(code).strip_prefix("def ");
        if let Some(rest) = defined {
            let rest = rest.trim_start();
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
            let name = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            open.push((indent, name, at));
        }
        at = at.saturating_add(line.len());
    }
    while let Some((_, name, start)) = open.pop() {
        out.entry(name).or_default().extend(text.get(start..));
    }
    out
}

/// Whether two functions have the same lines. A string that is open at the end may hide what follows, so it is none.
fn is_same_code(a: &str, b: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    };
    let closed = |quote: &str| a.matches(quote).count().is_multiple_of(2);
    closed("\"\"\"") && closed("\'\'\'") && lines(a) == lines(b)
}

/// Whether a sharp call was as sharp before: what changed is what no command is.
fn is_same_command(was: &str, given: &str) -> bool {
    let start = |text: &str| -> String { text.chars().take(24).collect() };
    start(was) == start(given) && hosts(was) == hosts(given)
}

/// Which hosts stand nowhere in the old distribution.
struct Hosts<'a> {
    old: &'a Side,
    known: BTreeMap<String, bool>,
}

impl Hosts<'_> {
    /// Whether something new is sent to, or fetched from, such a host.
    fn are_new(&mut self, fresh: &[Fresh]) -> bool {
        let speaks = |f: &&Fresh| {
            let kind = matches!(
                f.kind,
                SinkKind::NetworkSend | SinkKind::Process | SinkKind::DnsName
            );
            kind && !(f.mild && f.untouched)
        };
        let named: BTreeSet<String> = fresh
            .iter()
            .filter(speaks)
            .flat_map(|f| hosts(&f.given))
            .collect();
        named.into_iter().take(8).any(|host| {
            if let Some(known) = self.known.get(&host) {
                return !known;
            }
            // Behind so many, a host is taken for a new one.
            if self.known.len() >= MOST_HOSTS {
                return true;
            }
            let stands = |f: &ReleasedFile| f.text.as_ref().is_some_and(|t| t.contains(host.as_str()));
            let stands = self.old.files.values().any(stands);
            self.known.insert(host, stands);
            !stands
        })
    }
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
        let text = "def f(x):\n    return g(x)\n\nclass A:\n    def f(self):\n        def h(): pass\n    def g(self): pass\nX = 1\n";
        let found = definitions(text);
        assert_eq!(
            found["f"],
            [
                "def f(x):\n    return g(x)\n\n",
                "    def f(self):\n        def h(): pass\n"
            ]
        );
        assert_eq!(found["g"], ["    def g(self): pass\nX = 1\n"]);
        assert!(is_same_code("def f():\n    x()  \n\n", "def f():\n    x()\n"));
        // A string that looks like a definition ends nothing.
        let hidden = definitions("def f():\n    x = '''\ndef g(): '''\n    evil()\n")["f"][0];
        assert!(!is_same_code(hidden, hidden));
    }

    #[test]
    fn what_is_not_known_has_no_number() {
        for (text, expected) in [
            ("… < $TEMP/…~2836", "… < $TEMP/…"),
            ("…~1/…~22x, ~3", "…/…x, ~3"),
            ("plain ~5", "plain ~5"),
            ("", ""),
        ] {
            assert_eq!(without_numbers(text), expected);
        }
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
