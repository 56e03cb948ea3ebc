//! Texts that a template adds when somebody says a word.
//!
//! A template sees every conversation. One that looks for a word of the user's and then writes instructions of its own is
//! a back door that no scan of weights shows. The one decision: a test counts when it looks for a word in what was said,
//! not for a tag, and a text counts when it is a sentence.

use super::ast::{Body, Id, Kind, Stmt, Target, Tree, parts};
use std::{collections::BTreeMap, ops::Range, rc::Rc};
use wellhead_core::{Budget, Exhausted};

/// Instructions that hang on a word of the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// The word that is looked for; hostile text.
    pub word: String,
    /// The text that is added; hostile text.
    pub text: String,
    /// The test in the template.
    pub test: Range<usize>,
    /// The text in the template.
    pub place: Range<usize>,
}

/// Most that are kept.
const MAX_TRIGGERS: usize = 16;
/// Words that a sentence has at least.
const MIN_WORDS: usize = 4;
/// How deep statements are followed; the parser nests them no deeper.
const MAX_DEPTH: u32 = 64;

/// Looks for them.
///
/// # Errors
/// If the budget for steps or memory has run out.
pub(super) fn triggers(tree: &Tree, text: &str, budget: &mut Budget) -> Result<Vec<Trigger>, Exhausted> {
    let mut search = Search {
        tree,
        text,
        budget,
        said: vec!["user_message".into(), "user_input".into(), "user_content".into()],
        words: BTreeMap::new(),
        sentences: BTreeMap::new(),
        flags: BTreeMap::new(),
        found: Vec::new(),
    };
    search.body(&tree.body, None, 0)?;
    Ok(search.found)
}

/// A test for a word, and where it stands.
#[derive(Clone)]
struct Test {
    word: String,
    span: Range<usize>,
}

/// Texts that come after one another.
#[derive(Default)]
struct Pieces {
    text: String,
    /// The first that says something.
    place: Option<Range<usize>>,
}

impl Pieces {
    fn add(&mut self, text: &str, place: &Range<usize>) {
        if self.text.len() > 4096 || text.trim().is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(text.trim());
        if text.chars().any(char::is_alphabetic) {
            self.place.get_or_insert_with(|| place.clone());
        }
    }
}

struct Search<'t, 'b> {
    tree: &'t Tree,
    text: &'t str,
    budget: &'b mut Budget,
    /// Variables that hold what was said.
    said: Vec<Rc<str>>,
    /// Variables that hold words of the template.
    words: BTreeMap<Rc<str>, String>,
    /// Variables that hold sentences of the template.
    sentences: BTreeMap<Rc<str>, String>,
    /// Variables that are set when a word was said.
    flags: BTreeMap<Rc<str>, Test>,
    found: Vec<Trigger>,
}

impl<'t> Search<'t, '_> {
    fn body(&mut self, body: &'t Body, under: Option<&Test>, depth: u32) -> Result<(), Exhausted> {
        if depth > MAX_DEPTH {
            return Ok(());
        }
        let deeper = depth.saturating_add(1);
        // A sentence may be printed word by word.
        let mut pieces = Pieces::default();
        for stmt in body {
            self.budget.steps(1)?;
            match stmt {
                Stmt::Data(span) => pieces.add(self.text.get(span.clone()).unwrap_or_default(), span),
                Stmt::Output(id) | Stmt::Do(id) => self.output(*id, under, &mut pieces)?,
                Stmt::Set(targets, id) => self.set(targets, *id, under)?,
                Stmt::If(branches) => {
                    for (test, body) in branches {
                        let test = match test {
                            Some(id) => self.test(*id)?,
                            None => None,
                        };
                        self.body(body, test.as_ref().or(under), deeper)?;
                    }
                }
                Stmt::For {
                    targets,
                    over,
                    body,
                    otherwise,
                    ..
                } => {
                    if let Kind::List(items) = self.tree.kind(*over)
                        && let Some(word) = items.iter().find_map(|id| self.word(*id))
                        && let [Target::Name(name)] = targets.as_slice()
                    {
                        self.words.insert(Rc::clone(name), word);
                    }
                    self.body(body, under, deeper)?;
                    self.body(otherwise, under, deeper)?;
                }
                Stmt::SetBlock(target, _, body) => {
                    self.flag(target, under);
                    self.body(body, under, deeper)?;
                }
                Stmt::Macro(_, _, body)
                | Stmt::CallBlock(_, body)
                | Stmt::FilterBlock(_, body)
                | Stmt::With(_, body)
                | Stmt::Block(body) => self.body(body, under, deeper)?,
                Stmt::Load(..) => {}
            }
        }
        self.written(&pieces, under);
        Ok(())
    }

    fn flag(&mut self, target: &Target, under: Option<&Test>) {
        if let Some(test) = under {
            let name = match target {
                Target::Name(name) | Target::Attr(_, name) => name,
            };
            self.flags.insert(Rc::clone(name), test.clone());
        }
    }

    fn set(&mut self, targets: &[Target], id: Id, under: Option<&Test>) -> Result<(), Exhausted> {
        let test = self.test(id)?;
        let said = self.is_said(id)?;
        for target in targets {
            let (Target::Name(name) | Target::Attr(_, name)) = target;
            if let Some(test) = &test {
                self.flags.insert(Rc::clone(name), test.clone());
            } else if said && !self.said.contains(name) {
                self.said.push(Rc::clone(name));
            } else if let Some(word) = self.word(id) {
                self.words.insert(Rc::clone(name), word);
            }
            // What is set to the same for every word is no flag: texts that were said are cut and kept everywhere.
            if !said && matches!(self.tree.kind(id), Kind::Bool(_) | Kind::Int(_) | Kind::Str(_)) {
                self.flag(target, under);
            }
        }
        let mut pieces = Pieces::default();
        self.output(id, under, &mut pieces)?;
        self.written(&pieces, under);
        if is_sentence(&pieces.text) {
            for target in targets {
                let (Target::Name(name) | Target::Attr(_, name)) = target;
                self.sentences.insert(Rc::clone(name), pieces.text.clone());
            }
        }
        Ok(())
    }

    /// Texts of an expression that is printed or kept.
    fn output(&mut self, id: Id, under: Option<&Test>, pieces: &mut Pieces) -> Result<(), Exhausted> {
        let mut queue = vec![id];
        while let Some(id) = queue.pop() {
            self.budget.steps(1)?;
            match self.tree.kind(id) {
                Kind::Str(text) => pieces.add(text, &self.tree.span(id)),
                Kind::Name(name) | Kind::Attr(_, name) if under.is_some() => {
                    if let Some(text) = self.sentences.get(name) {
                        pieces.add(text, &self.tree.span(id));
                    }
                }
                Kind::Cond(test, value, other) => {
                    if let Some(inner) = self.test(*test)? {
                        let mut chosen = Pieces::default();
                        self.output(*value, Some(&inner), &mut chosen)?;
                        self.written(&chosen, Some(&inner));
                    } else {
                        queue.push(*value);
                    }
                    queue.extend(*other);
                }
                // What stops the conversation instructs nobody.
                Kind::Call(callee, _) if matches!(self.tree.kind(*callee), Kind::Name(n) if &**n == "raise_exception") =>
                    {}
                Kind::Compare(..) | Kind::Test(..) | Kind::Item(..) => {}
                kind => queue.extend(parts(kind).into_iter().rev()),
            }
        }
        Ok(())
    }

    fn written(&mut self, pieces: &Pieces, under: Option<&Test>) {
        let (text, Some(test), Some(place)) = (&pieces.text, under, &pieces.place) else {
            return;
        };
        let known = self.found.iter().any(|t| t.test == test.span);
        if known || self.found.len() >= MAX_TRIGGERS || !is_sentence(text) {
            return;
        }
        let place = place.clone();
        self.found.push(Trigger {
            word: test.word.clone(),
            text: text.trim().chars().take(200).collect(),
            test: test.span.clone(),
            place,
        });
    }

    /// The word that a test looks for in what was said, if it does.
    fn test(&mut self, id: Id) -> Result<Option<Test>, Exhausted> {
        let mut queue = vec![id];
        while let Some(id) = queue.pop() {
            self.budget.steps(1)?;
            let word = match self.tree.kind(id) {
                Kind::Compare(left, rest) => {
                    let mut word = None;
                    for (op, right) in rest {
                        let (a, b) = (*left, *right);
                        if matches!(*op, "in" | "not in" | "==") {
                            if self.is_said(b)? {
                                word = word.or_else(|| self.word(a));
                            }
                            if self.is_said(a)? {
                                word = word.or_else(|| self.word(b));
                            }
                        } else if self.is_said(a)? && matches!(*op, "!=" | ">" | ">=") {
                            // `content.find('word') >= 0`
                            queue.push(a);
                        }
                    }
                    word
                }
                Kind::Call(callee, args) => match self.tree.kind(*callee) {
                    Kind::Attr(of, name)
                        if matches!(
                            &**name,
                            "startswith" | "endswith" | "find" | "rfind" | "index" | "count" | "__contains__"
                        ) && self.is_said(*of)? =>
                    {
                        args.plain.first().and_then(|id| self.word(*id))
                    }
                    _ => None,
                },
                Kind::Test(of, name, args)
                    if matches!(&**name, "search" | "match" | "regex" | "contains")
                        && self.is_said(*of)? =>
                {
                    args.plain.first().and_then(|id| self.word(*id))
                }
                Kind::Filter(Some(of), name, args) if name.starts_with("regex") && self.is_said(*of)? => {
                    args.plain.first().and_then(|id| self.word(*id))
                }
                Kind::Name(name) | Kind::Attr(_, name) => {
                    if let Some(test) = self.flags.get(name) {
                        return Ok(Some(test.clone()));
                    }
                    None
                }
                _ => None,
            };
            if let Some(word) = word {
                return Ok(Some(Test {
                    word,
                    span: self.tree.span(id),
                }));
            }
            if let Kind::Binary("and" | "or", a, b) = self.tree.kind(id) {
                queue.extend([*b, *a]);
            }
            if let Kind::Not(a) = self.tree.kind(id) {
                queue.push(*a);
            }
        }
        Ok(None)
    }

    /// Whether an expression holds what was said.
    fn is_said(&mut self, id: Id) -> Result<bool, Exhausted> {
        let mut queue = vec![id];
        while let Some(id) = queue.pop() {
            self.budget.steps(1)?;
            match self.tree.kind(id) {
                Kind::Name(name) if self.said.contains(name) || &**name == "content" => return Ok(true),
                Kind::Attr(_, name) if &**name == "content" || self.said.contains(name) => return Ok(true),
                Kind::Item(of, key) => match self.tree.kind(*key) {
                    Kind::Str(text) if &**text == "content" => return Ok(true),
                    _ => queue.push(*of),
                },
                Kind::Slice(of, _) | Kind::Filter(Some(of), ..) | Kind::Attr(of, _) => queue.push(*of),
                Kind::Call(callee, _) => {
                    if let Kind::Attr(of, _) = self.tree.kind(*callee) {
                        queue.push(*of);
                    }
                }
                _ => {}
            }
        }
        Ok(false)
    }

    /// A word of the template that is no tag and no command: what only somebody's own words contain.
    fn word(&self, id: Id) -> Option<String> {
        let text = match self.tree.kind(id) {
            Kind::Str(text) => text.to_string(),
            Kind::Name(name) => self.words.get(name)?.clone(),
            Kind::List(items) => {
                return items.iter().find_map(|id| match self.tree.kind(*id) {
                    Kind::Str(_) => self.word(*id),
                    _ => None,
                });
            }
            _ => return None,
        };
        let word = text.trim();
        let tag = word.starts_with(['<', '[', '{', '/', '|', '#', '`', '!'])
            || word.ends_with(['>', ']', '}', '|', ':'])
            || word.contains("<|");
        let letters = word.chars().filter(|c| c.is_alphabetic()).count();
        (!tag && letters >= 2).then(|| word.chars().take(80).collect())
    }
}

/// Whether a text has a sentence outside its tags.
fn is_sentence(text: &str) -> bool {
    let mut words = 0_usize;
    let mut ideographs = 0_usize;
    let mut inside = 0_u32;
    let mut word = 0_usize;
    for c in text.chars().take(4096).chain([' ']) {
        match c {
            '<' | '[' => inside = inside.saturating_add(1),
            '>' | ']' => inside = inside.saturating_sub(1),
            _ => {}
        }
        // `A_NAME_OF_MANY_PARTS` is one word.
        if inside == 0 && (c.is_alphabetic() || c == '_') {
            word = word.saturating_add(1);
            ideographs = ideographs.saturating_add(usize::from((0x3040..0xa000).contains(&(c as u32))));
        } else {
            words = words.saturating_add(usize::from(word >= 2));
            word = 0;
        }
    }
    words >= MIN_WORDS || ideographs >= 8
}
