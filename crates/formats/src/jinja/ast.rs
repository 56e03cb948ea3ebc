//! Templates as trees.
//!
//! Expressions lie in one list and name each other by number, so that none is ever dropped recursively; the depth of
//! each is known when it is made, and one that is too deep becomes [`Kind::Lost`].

use std::{ops::Range, rc::Rc};

/// An expression's number.
pub(super) type Id = u32;

/// Deepest expression that is followed; those of honest templates are below 20.
pub(super) const MAX_DEPTH: u16 = 64;

#[derive(Clone, Debug)]
pub(super) struct Expr {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
    pub(super) depth: u16,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Str(Rc<str>),
    Int(i64),
    Float(f64),
    Bool(bool),
    None,
    Name(Rc<str>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Attr(Id, Rc<str>),
    Item(Id, Id),
    Slice(Id, [Option<Id>; 3]),
    Call(Id, Args),
    /// A filter; without what it is applied to in a filter block.
    Filter(Option<Id>, Rc<str>, Args),
    Test(Id, Rc<str>, Args),
    Not(Id),
    Minus(Id),
    Binary(&'static str, Id, Id),
    /// `a + b + c`
    Sum(Vec<Id>),
    /// `a ~ b ~ c`
    Concat(Vec<Id>),
    Compare(Id, Vec<(&'static str, Id)>),
    /// Test, value, other value.
    Cond(Id, Id, Option<Id>),
    /// Not understood, or too deep.
    Lost,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Args {
    pub(super) plain: Vec<Id>,
    pub(super) named: Vec<(Rc<str>, Id)>,
    /// What stands behind `*` or `**`.
    pub(super) spread: Vec<Id>,
}

impl Args {
    pub(super) fn ids(&self) -> impl Iterator<Item = Id> {
        let named = self.named.iter().map(|(_, id)| *id);
        self.plain
            .iter()
            .copied()
            .chain(named)
            .chain(self.spread.iter().copied())
    }
}

/// What a `set` writes to.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Name(Rc<str>),
    /// An attribute of a namespace.
    Attr(Rc<str>, Rc<str>),
}

pub(super) type Body = Vec<Stmt>;

#[derive(Clone, Debug)]
pub(super) enum Stmt {
    Data(Range<usize>),
    Output(Id),
    If(Vec<(Option<Id>, Body)>),
    For {
        targets: Vec<Target>,
        over: Id,
        filter: Option<Id>,
        body: Body,
        otherwise: Body,
    },
    Set(Vec<Target>, Id),
    SetBlock(Target, Vec<Id>, Body),
    Macro(Rc<str>, Vec<(Rc<str>, Option<Id>)>, Body),
    CallBlock(Id, Body),
    FilterBlock(Id, Body),
    With(Vec<(Target, Id)>, Body),
    Block(Body),
    Do(Id),
    /// `import`, `include` or `extends`; the names that it brings.
    Load(&'static str, Id, Vec<Rc<str>>),
}

/// A template.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    pub(super) exprs: Vec<Expr>,
    pub(super) body: Body,
    /// The names of all macros, wherever they are defined: one may call another that stands behind it.
    pub(super) macros: std::collections::HashSet<Rc<str>>,
    /// Where something was too deep to be followed.
    pub(super) too_deep: Option<Range<usize>>,
}

impl Tree {
    pub(super) fn kind(&self, id: Id) -> &Kind {
        self.exprs.get(id as usize).map_or(&Kind::Lost, |e| &e.kind)
    }

    pub(super) fn span(&self, id: Id) -> Range<usize> {
        self.exprs.get(id as usize).map_or(0..0, |e| e.span.clone())
    }

    fn depth(&self, id: Id) -> u16 {
        self.exprs.get(id as usize).map_or(0, |e| e.depth)
    }

    /// Keeps an expression whose parts were kept before.
    pub(super) fn add(&mut self, kind: Kind, span: Range<usize>) -> Id {
        let deepest = parts(&kind).into_iter().map(|id| self.depth(id)).max();
        let depth = deepest.unwrap_or(0).saturating_add(1);
        let kind = if depth > MAX_DEPTH {
            self.too_deep.get_or_insert_with(|| span.clone());
            Kind::Lost
        } else {
            kind
        };
        self.exprs.push(Expr {
            kind,
            span,
            depth: depth.min(MAX_DEPTH),
        });
        u32::try_from(self.exprs.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }
}

/// The expressions that one is made of.
pub(super) fn parts(kind: &Kind) -> Vec<Id> {
    match kind {
        Kind::Str(_)
        | Kind::Int(_)
        | Kind::Float(_)
        | Kind::Bool(_)
        | Kind::None
        | Kind::Name(_)
        | Kind::Lost => Vec::new(),
        Kind::List(items) | Kind::Sum(items) | Kind::Concat(items) => items.clone(),
        Kind::Dict(pairs) => pairs.iter().flat_map(|(k, v)| [*k, *v]).collect(),
        Kind::Attr(of, _) | Kind::Not(of) | Kind::Minus(of) => vec![*of],
        Kind::Item(a, b) | Kind::Binary(_, a, b) => vec![*a, *b],
        Kind::Slice(of, ends) => [Some(*of)].iter().chain(ends).filter_map(|e| *e).collect(),
        Kind::Call(of, args) | Kind::Test(of, _, args) => [*of].into_iter().chain(args.ids()).collect(),
        Kind::Filter(of, _, args) => of.iter().copied().chain(args.ids()).collect(),
        Kind::Compare(first, rest) => [*first]
            .into_iter()
            .chain(rest.iter().map(|(_, id)| *id))
            .collect(),
        Kind::Cond(a, b, c) => [*a, *b].into_iter().chain(*c).collect(),
    }
}
