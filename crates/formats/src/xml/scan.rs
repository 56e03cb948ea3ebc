//! A walk over markup that keeps what a parser would act on.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};
use wellhead_core::{Budget, Exhausted};

/// How many entities, includes and instructions are kept.
const MANY: usize = 1024;

/// What a parser would act on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declarations {
    /// The root element that the DOCTYPE names; none without a DOCTYPE.
    pub doctype: Option<String>,
    /// The external part of the document type, and its place.
    pub external: Option<(External, Range<usize>)>,
    /// Entities in the order of the text.
    pub entities: Vec<Entity>,
    /// Elements that include other files.
    pub includes: Vec<Include>,
    /// Stylesheets that instructions name, and their place.
    pub stylesheets: Vec<(String, Range<usize>)>,
    /// How large the text would become with all references followed, and the first reference that does it.
    pub expanded: u64,
    /// The entity that grows most, with its size.
    pub largest: Option<(String, u64, Range<usize>)>,
    /// An entity that contains itself.
    pub recursive: Option<(String, Range<usize>)>,
}

/// A public and a system identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct External {
    /// The public identifier; hostile text.
    pub public: Option<String>,
    /// The system identifier: where a parser looks; hostile text.
    pub system: String,
}

/// An entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// Its name; hostile text.
    pub name: String,
    /// It is used in the document type alone.
    pub parameter: bool,
    /// What it stands for.
    pub value: EntityValue,
    /// Its declaration.
    pub place: Range<usize>,
}

/// What an entity stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntityValue {
    /// A text; hostile.
    Internal(String),
    /// What lies somewhere else.
    External(External),
}

/// An element that includes another file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// What; hostile text.
    pub target: String,
    /// The element.
    pub place: Range<usize>,
}

struct Scan<'t> {
    text: &'t str,
    found: Declarations,
    /// How often each entity is referred to outside of declarations.
    references: BTreeMap<&'t str, u64>,
    names: BTreeSet<String>,
    /// Whether the text names the namespace of inclusion at all.
    includes: bool,
}

/// Reads what a parser of this text would act on.
///
/// # Errors
/// When it costs too much.
pub fn declarations(text: &str, budget: &mut Budget) -> Result<Declarations, Exhausted> {
    let mut scan = Scan {
        text,
        found: Declarations::default(),
        references: BTreeMap::new(),
        names: BTreeSet::new(),
        includes: text.contains("www.w3.org/2001/XInclude"),
    };
    scan.markup(budget)?;
    scan.grow(budget)?;
    Ok(scan.found)
}

impl<'t> Scan<'t> {
    fn rest(&self, at: usize) -> &'t str {
        self.text.get(at..).unwrap_or_default()
    }

    /// The place behind the next `end`, or that of the end of the text.
    fn behind(&self, at: usize, end: &str) -> usize {
        let found = self.rest(at).find(end);
        found.map_or(self.text.len(), |n| {
            at.saturating_add(n).saturating_add(end.len())
        })
    }

    /// The place behind the `>` that closes a tag or a declaration, quotes passed over.
    fn closed(&self, at: usize) -> usize {
        let mut quote = None;
        for (i, b) in self.rest(at).bytes().enumerate() {
            match (quote, b) {
                (None, b'"' | b'\'') => quote = Some(b),
                (Some(q), b) if q == b => quote = None,
                (None, b'>') => return at.saturating_add(i).saturating_add(1),
                _ => {}
            }
        }
        self.text.len()
    }

    fn markup(&mut self, budget: &mut Budget) -> Result<(), Exhausted> {
        let mut at = 0_usize;
        while let Some(next) = self.rest(at).find(['<', '&']) {
            let start = at.saturating_add(next);
            let rest = self.rest(start);
            let end = if rest.starts_with('&') {
                self.reference(start)
            } else if rest.starts_with("<!--") {
                self.behind(start.saturating_add(4), "-->")
            } else if rest.starts_with("<![CDATA[") {
                self.behind(start, "]]>")
            } else if rest.starts_with("<?") {
                let end = self.behind(start, "?>");
                self.instruction(start..end);
                end
            } else if starts_with(rest, "<!DOCTYPE") && self.found.doctype.is_none() {
                self.doctype(start, budget)?
            } else {
                let end = self.closed(start);
                self.element(start..end);
                end
            };
            budget.steps(1_u64.saturating_add(end.saturating_sub(at) as u64 / 16))?;
            at = end.max(start.saturating_add(1));
            while !self.text.is_char_boundary(at) {
                at = at.saturating_add(1);
            }
        }
        Ok(())
    }

    fn reference(&mut self, at: usize) -> usize {
        let name = self.rest(at.saturating_add(1));
        let length = name.bytes().take(256).position(|b| b == b';');
        let Some(name) = length.and_then(|n| name.get(..n)) else {
            return at.saturating_add(1);
        };
        // Only names that are declared are kept.
        if self.names.contains(name) {
            let n = self.references.entry(name).or_insert(0);
            *n = n.saturating_add(1);
        }
        at.saturating_add(name.len()).saturating_add(2)
    }

    fn instruction(&mut self, range: Range<usize>) {
        let text = self.text.get(range.clone()).unwrap_or_default();
        let is_program = text.contains("xsl\"") || text.contains("xsl'") || text.contains("xslt");
        if text.starts_with("<?xml-stylesheet")
            && is_program
            && self.found.stylesheets.len() < MANY
            && let Some(href) = attribute(text, "href")
        {
            self.found.stylesheets.push((href.to_owned(), range));
        }
    }

    fn element(&mut self, range: Range<usize>) {
        let text = self.text.get(range.clone()).unwrap_or_default();
        let name = text.get(1..).unwrap_or_default();
        let name = name
            .split(|c: char| c.is_whitespace() || c == '>' || c == '/')
            .next()
            .unwrap_or_default();
        let local = name.rsplit(':').next().unwrap_or(name);
        if local == "include"
            && name != local
            && self.found.includes.len() < MANY
            && self.includes
            && let Some(href) = attribute(text, "href")
        {
            self.found.includes.push(Include {
                target: href.to_owned(),
                place: range.clone(),
            });
        }
        // References stand in attributes too.
        let mut at = range.start;
        while let Some(next) = self.text.get(at..range.end).and_then(|t| t.find('&')) {
            at = self.reference(at.saturating_add(next));
            if at >= range.end {
                break;
            }
        }
    }

    fn doctype(&mut self, start: usize, budget: &mut Budget) -> Result<usize, Exhausted> {
        let mut at = start.saturating_add("<!DOCTYPE".len());
        let head = self.rest(at);
        let name: String = head.trim_start().chars().take_while(|c| !is_end(*c)).collect();
        at = at
            .saturating_add(head.len().saturating_sub(head.trim_start().len()))
            .saturating_add(name.len());
        self.found.doctype = Some(name);
        let (external, length) = external(self.rest(at));
        if let Some(external) = external {
            self.found.external = Some((external, start..at.saturating_add(length)));
        }
        at = at.saturating_add(length);
        loop {
            budget.steps(1)?;
            let rest = self.rest(at);
            let Some(next) = rest.find(['[', '>']) else {
                return Ok(self.text.len());
            };
            at = at.saturating_add(next).saturating_add(1);
            if rest.get(next..).is_some_and(|r| r.starts_with('>')) {
                return Ok(at);
            }
            at = self.subset(at, budget)?;
        }
    }

    /// The declarations between the brackets; the place behind the closing one.
    fn subset(&mut self, from: usize, budget: &mut Budget) -> Result<usize, Exhausted> {
        let mut at = from;
        while let Some(next) = self.rest(at).find(['<', ']']) {
            let start = at.saturating_add(next);
            let rest = self.rest(start);
            if rest.starts_with(']') {
                return Ok(start.saturating_add(1));
            }
            let end = if rest.starts_with("<!--") {
                self.behind(start.saturating_add(4), "-->")
            } else if rest.starts_with("<?") {
                self.behind(start, "?>")
            } else {
                self.closed(start)
            };
            budget.steps(1_u64.saturating_add(end.saturating_sub(at) as u64 / 16))?;
            if starts_with(rest, "<!ENTITY") {
                self.entity(start..end);
            }
            at = end;
        }
        Ok(self.text.len())
    }

    fn entity(&mut self, place: Range<usize>) {
        let body = self.text.get(place.clone()).unwrap_or_default();
        let mut rest = body.get("<!ENTITY".len()..).unwrap_or_default().trim_start();
        let parameter = rest.starts_with('%');
        if parameter {
            rest = rest.get(1..).unwrap_or_default().trim_start();
        }
        let name: String = rest.chars().take_while(|c| !is_end(*c)).collect();
        rest = rest.get(name.len()..).unwrap_or_default().trim_start();
        let value = match external(rest).0 {
            Some(external) => EntityValue::External(external),
            None => EntityValue::Internal(quoted(rest).map_or("", |(text, _)| text).to_owned()),
        };
        if self.found.entities.len() < MANY {
            self.names.insert(name.clone());
            self.found.entities.push(Entity {
                name,
                parameter,
                value,
                place,
            });
        }
    }

    /// How large the text becomes when every reference is followed.
    fn grow(&mut self, budget: &mut Budget) -> Result<(), Exhausted> {
        let mut sizes: BTreeMap<(bool, &str), u64> = BTreeMap::new();
        // Each pass settles the entities whose parts are known; those of a bomb stand in order, so a few are enough,
        // and what is never settled contains itself.
        for _ in 0..self.found.entities.len().min(64) {
            let before = sizes.len();
            for e in &self.found.entities {
                if sizes.contains_key(&(e.parameter, e.name.as_str())) {
                    continue;
                }
                if let Some(size) = size(e, &self.found.entities, &sizes, budget)? {
                    sizes.insert((e.parameter, e.name.as_str()), size);
                }
            }
            if sizes.len() == before {
                break;
            }
        }
        let known = |e: &&Entity| !sizes.contains_key(&(e.parameter, e.name.as_str()));
        let recursive = self.found.entities.iter().find(known);
        let recursive = recursive.map(|e| (e.name.clone(), e.place.clone()));
        let largest = self.found.entities.iter().filter_map(|e| {
            let size = *sizes.get(&(e.parameter, e.name.as_str()))?;
            Some((e.name.clone(), size, e.place.clone()))
        });
        let largest = largest.max_by_key(|(_, size, place)| (*size, usize::MAX.saturating_sub(place.start)));
        let expanded = self.references.iter().map(|(name, n)| {
            let size = sizes.get(&(false, *name)).copied().unwrap_or_default();
            size.saturating_mul(*n)
        });
        let expanded = expanded.fold(0, u64::saturating_add);
        self.found.expanded = expanded;
        self.found.largest = largest;
        self.found.recursive = recursive;
        Ok(())
    }
}

/// The size of an entity with all that it refers to, once that is known.
fn size(
    e: &Entity,
    all: &[Entity],
    sizes: &BTreeMap<(bool, &str), u64>,
    budget: &mut Budget,
) -> Result<Option<u64>, Exhausted> {
    let EntityValue::Internal(text) = &e.value else {
        return Ok(Some(0));
    };
    budget.steps(1_u64.saturating_add(text.len() as u64 / 16))?;
    let mut total = text.len() as u64;
    for (mark, parameter) in [('&', false), ('%', true)] {
        let mut pieces = text.split(mark);
        pieces.next();
        for piece in pieces {
            budget.steps(1)?;
            let Some(name) = piece
                .split_once(';')
                .map(|(name, _)| name)
                .filter(|n| n.len() < 256)
            else {
                continue;
            };
            let key = (parameter, name);
            match sizes.get(&key) {
                Some(size) => {
                    let written = (name.len() as u64).saturating_add(2);
                    total = total.saturating_sub(written).saturating_add(*size);
                }
                None if all
                    .iter()
                    .any(|other| (other.parameter, other.name.as_str()) == key) =>
                {
                    budget.steps(all.len() as u64 / 16)?;
                    return Ok(None);
                }
                None => {}
            }
        }
    }
    Ok(Some(total))
}

fn is_end(c: char) -> bool {
    c.is_whitespace() || matches!(c, '>' | '[' | '"' | '\'' | '<')
}

/// Whether a text begins so, whatever its case: readers of HTML take both.
fn starts_with(text: &str, start: &str) -> bool {
    text.get(..start.len())
        .is_some_and(|t| t.eq_ignore_ascii_case(start))
}

/// `SYSTEM "…"` or `PUBLIC "…" "…"`, and how long that is.
fn external(text: &str) -> (Option<External>, usize) {
    let start = text.trim_start();
    let skipped = text.len().saturating_sub(start.len());
    let (public, mut rest) = if starts_with(start, "SYSTEM") {
        (None, start.get(6..).unwrap_or_default())
    } else if starts_with(start, "PUBLIC") {
        match quoted(start.get(6..).unwrap_or_default()) {
            Some((public, rest)) => (Some(public.to_owned()), rest),
            None => return (None, 0),
        }
    } else {
        return (None, 0);
    };
    let mut system = "";
    if let Some((text, behind)) = quoted(rest) {
        (system, rest) = (text, behind);
    }
    let length = skipped.saturating_add(start.len().saturating_sub(rest.len()));
    let system = system.to_owned();
    (Some(External { public, system }), length)
}

/// The text between quotes that stands next, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    text.get(1..)?.split_once(quote)
}

/// The value of an attribute in a tag or an instruction.
pub(super) fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let mut rest = tag;
    while let Some(at) = rest.find(name) {
        let before = rest.get(..at)?.chars().next_back();
        let behind = rest.get(at.saturating_add(name.len())..)?;
        let value = behind.trim_start().strip_prefix('=');
        if before.is_some_and(char::is_whitespace)
            && let Some((text, _)) = value.and_then(quoted)
        {
            return Some(text);
        }
        rest = behind;
    }
    None
}
