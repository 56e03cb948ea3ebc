//! Terraform's two syntaxes as one tree: HCL by `hcl-edit`, and JSON.
//!
//! A tree of our own stands between parser and evaluation, so that both syntaxes are evaluated by one function and no
//! other part knows the parser. A file that is broken in one place is read block by block, and the rest still counts.

use hcl_edit::{
    Span as _,
    expr::{BinaryOperator, Expression, ObjectKey, TraversalOperator, UnaryOperator},
    structure::{Block as HclBlock, Body as HclBody, Structure},
    template::{Directive, Element, Template},
};
use std::{ops::Range, str::FromStr as _};
use wellhead_formats::text::{Node, Value};

/// An expression and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Expr {
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
}

/// What an expression is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(String),
    /// Parts that make a text together.
    Text(Vec<Part>),
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
    Variable(String),
    /// What follows behind an expression.
    Traversal(Box<Expr>, Vec<Step>),
    Call(String, Vec<Expr>),
    If(Box<[Expr; 3]>),
    Not(Box<Expr>),
    Binary(Operator, Box<[Expr; 2]>),
    For(Box<For>),
    /// It is not followed.
    Unknown,
}

#[derive(Clone, Debug)]
pub(super) enum Part {
    Literal(String),
    Value(Expr),
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Name(String),
    Index(Expr),
    Splat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    And,
    Or,
    Less,
    Greater,
    Add,
    Other,
}

#[derive(Clone, Debug)]
pub(super) struct For {
    pub(super) key: Option<String>,
    pub(super) value: String,
    pub(super) list: Expr,
    pub(super) makes_key: Option<Expr>,
    pub(super) makes: Expr,
    pub(super) condition: Option<Expr>,
}

/// Attributes and blocks.
#[derive(Clone, Debug, Default)]
pub(super) struct Body {
    pub(super) attributes: Vec<Attribute>,
    pub(super) blocks: Vec<Block>,
}

#[derive(Clone, Debug)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) name_span: Range<usize>,
    pub(super) value: Expr,
}

#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) kind: String,
    pub(super) labels: Vec<String>,
    /// Its first line.
    pub(super) span: Range<usize>,
    pub(super) body: Body,
}

impl Body {
    pub(super) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().rev().find(|a| a.name == name)
    }
}

/// Reads HCL that begins at byte `at` of its set. What could not be read is handed back as a place and a reason.
pub(super) fn hcl(text: &str, at: usize) -> (Body, Vec<(Range<usize>, String)>) {
    let mut out = Body::default();
    let mut problems = Vec::new();
    match HclBody::from_str(text) {
        Ok(body) => add(&mut out, &body, at),
        Err(error) => {
            // One place is broken; the blocks around it may be whole.
            let mut whole = 0_usize;
            for (start, chunk) in chunks(text) {
                let place = at.saturating_add(start);
                match HclBody::from_str(chunk) {
                    Ok(body) => {
                        whole = whole.saturating_add(body.iter().count());
                        add(&mut out, &body, place);
                    }
                    Err(error) => {
                        let why = error.to_string();
                        let why = why
                            .lines()
                            .last()
                            .unwrap_or_default()
                            .trim_start_matches(['=', ' ']);
                        problems.push((
                            place..place.saturating_add(chunk.len()),
                            wellhead_core::escape(why),
                        ));
                    }
                }
            }
            if whole == 0 {
                let why = error.to_string();
                let why = why
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .trim_start_matches(['=', ' ']);
                problems = vec![(at..at.saturating_add(text.len()), wellhead_core::escape(why))];
            }
        }
    }
    (out, problems)
}

/// The text behind each line that only closes a block.
fn chunks(text: &str) -> Vec<(usize, &str)> {
    let mut out = Vec::new();
    let (mut start, mut at) = (0_usize, 0_usize);
    for line in text.split_inclusive('\n') {
        at = at.saturating_add(line.len());
        if line.trim_end() == "}" {
            out.push((start, text.get(start..at).unwrap_or_default()));
            start = at;
        }
    }
    out.push((start, text.get(start..).unwrap_or_default()));
    out
}

fn add(out: &mut Body, body: &HclBody, at: usize) {
    for structure in body {
        match structure {
            Structure::Attribute(a) => out.attributes.push(Attribute {
                name: a.key.as_str().to_owned(),
                name_span: moved(a.key.span(), at),
                value: expression(&a.value, at),
            }),
            Structure::Block(b) => out.blocks.push(block(b, at)),
        }
    }
}

fn moved(span: Option<Range<usize>>, at: usize) -> Range<usize> {
    let span = span.unwrap_or(0..0);
    span.start.saturating_add(at)..span.end.saturating_add(at)
}

fn block(b: &HclBlock, at: usize) -> Block {
    let head = moved(b.ident.span(), at);
    let last = b.labels.last().and_then(hcl_edit::Span::span);
    let end = last.map_or(head.end, |s| s.end.saturating_add(at));
    let mut body = Body::default();
    add(&mut body, &b.body, at);
    Block {
        kind: b.ident.as_str().to_owned(),
        labels: b.labels.iter().map(|l| l.as_str().to_owned()).collect(),
        span: head.start..end.max(head.end),
        body,
    }
}

/// The parser bounds how deep expressions nest, so that this may call itself.
fn expression(e: &Expression, at: usize) -> Expr {
    let inner = |e: &Expression| expression(e, at);
    let kind = match e {
        Expression::Null(_) => Kind::Null,
        Expression::Bool(b) => Kind::Bool(*b.value()),
        Expression::Number(n) => Kind::Number(n.value().to_string()),
        Expression::String(s) => Kind::Text(vec![Part::Literal(s.value().clone())]),
        Expression::Array(list) => Kind::List(list.iter().map(inner).collect()),
        Expression::Object(object) => {
            let pair = |(key, value): (&ObjectKey, &hcl_edit::expr::ObjectValue)| {
                let key = match key {
                    ObjectKey::Ident(name) => Expr {
                        span: moved(name.span(), at),
                        kind: Kind::Text(vec![Part::Literal(name.as_str().to_owned())]),
                    },
                    ObjectKey::Expression(e) => inner(e),
                };
                (key, inner(value.expr()))
            };
            Kind::Map(object.iter().map(pair).collect())
        }
        Expression::StringTemplate(t) => Kind::Text(t.iter().map(|e| part(e, at)).collect()),
        // The parser has taken the common indent away already.
        Expression::HeredocTemplate(t) => {
            return Expr {
                span: moved(t.template.span().or_else(|| e.span()), at),
                kind: Kind::Text(parts(&t.template, at)),
            };
        }
        Expression::Parenthesis(p) => return inner(p.inner()),
        Expression::Variable(v) => Kind::Variable(v.as_str().to_owned()),
        Expression::Conditional(c) => Kind::If(Box::new([
            inner(&c.cond_expr),
            inner(&c.true_expr),
            inner(&c.false_expr),
        ])),
        Expression::FuncCall(f) => Kind::Call(
            f.name.name.as_str().to_owned(),
            f.args.iter().map(inner).collect(),
        ),
        Expression::Traversal(t) => Kind::Traversal(
            Box::new(inner(&t.expr)),
            t.operators.iter().map(|o| step(o.value(), at)).collect(),
        ),
        Expression::UnaryOp(u) => match u.operator.value() {
            UnaryOperator::Not => Kind::Not(Box::new(inner(&u.expr))),
            UnaryOperator::Neg => match inner(&u.expr).kind {
                Kind::Number(n) => Kind::Number(format!("-{n}")),
                _ => Kind::Unknown,
            },
        },
        Expression::BinaryOp(b) => Kind::Binary(
            operator(*b.operator.value()),
            Box::new([inner(&b.lhs_expr), inner(&b.rhs_expr)]),
        ),
        Expression::ForExpr(f) => Kind::For(Box::new(For {
            key: f.intro.key_var.as_ref().map(|v| v.as_str().to_owned()),
            value: f.intro.value_var.as_str().to_owned(),
            list: inner(&f.intro.collection_expr),
            makes_key: f.key_expr.as_ref().map(inner),
            makes: inner(&f.value_expr),
            condition: f.cond.as_ref().map(|c| inner(&c.expr)),
        })),
    };
    Expr {
        span: moved(e.span(), at),
        kind,
    }
}

fn operator(o: BinaryOperator) -> Operator {
    match o {
        BinaryOperator::Eq => Operator::Equal,
        BinaryOperator::NotEq => Operator::NotEqual,
        BinaryOperator::And => Operator::And,
        BinaryOperator::Or => Operator::Or,
        BinaryOperator::Less => Operator::Less,
        BinaryOperator::Greater => Operator::Greater,
        BinaryOperator::Plus => Operator::Add,
        _ => Operator::Other,
    }
}

fn step(operator: &TraversalOperator, at: usize) -> Step {
    match operator {
        TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => Step::Splat,
        TraversalOperator::GetAttr(name) => Step::Name(name.as_str().to_owned()),
        TraversalOperator::Index(e) => Step::Index(expression(e, at)),
        TraversalOperator::LegacyIndex(i) => Step::Index(Expr {
            span: 0..0,
            kind: Kind::Number(i.value().to_string()),
        }),
    }
}

/// A template that is a file of its own and begins at byte `at`.
pub(super) fn template(text: &str, at: usize) -> Option<Expr> {
    let template = Template::from_str(text).ok()?;
    Some(Expr {
        span: at..at.saturating_add(text.len()),
        kind: Kind::Text(parts(&template, at)),
    })
}

fn parts(template: &Template, at: usize) -> Vec<Part> {
    template.iter().map(|e| part(e, at)).collect()
}

fn part(element: &Element, at: usize) -> Part {
    match element {
        Element::Literal(text) => Part::Literal(text.value().clone()),
        Element::Interpolation(i) => Part::Value(expression(&i.expr, at)),
        Element::Directive(d) => match &**d {
            Directive::If(d) => {
                let text = |template: &Template| Expr {
                    span: moved(template.span(), at),
                    kind: Kind::Text(parts(template, at)),
                };
                let other = d.else_expr.as_ref().map(|e| text(&e.template));
                let empty = Expr {
                    span: 0..0,
                    kind: Kind::Text(Vec::new()),
                };
                Part::Value(Expr {
                    span: moved(d.span(), at),
                    kind: Kind::If(Box::new([
                        expression(&d.if_expr.cond_expr, at),
                        text(&d.if_expr.template),
                        other.unwrap_or(empty),
                    ])),
                })
            }
            Directive::For(d) => Part::Value(Expr {
                span: moved(d.span(), at),
                kind: Kind::Unknown,
            }),
        },
    }
}

/// The top of a file in JSON: `{"resource": {"type": {"name": {…}}}}`.
pub(super) fn json(root: &Node) -> Body {
    let mut out = Body::default();
    for entry in root.entries() {
        let depth = match entry.key.as_str() {
            "resource" | "data" => 2,
            "variable" | "output" | "module" | "provider" => 1,
            _ => 0,
        };
        labelled(
            &mut out,
            &entry.key,
            entry.key_span.clone(),
            &entry.node,
            depth,
            &mut Vec::new(),
        );
    }
    out
}

fn labelled(
    out: &mut Body,
    kind: &str,
    span: Range<usize>,
    node: &Node,
    depth: u8,
    labels: &mut Vec<String>,
) {
    if depth == 0 {
        for table in std::iter::once(node)
            .chain(node.items())
            .filter(|n| !n.entries().is_empty())
        {
            out.blocks.push(Block {
                kind: kind.to_owned(),
                labels: labels.clone(),
                span: span.clone(),
                body: json_body(table),
            });
        }
        return;
    }
    for table in std::iter::once(node).chain(node.items()) {
        for entry in table.entries() {
            labels.push(entry.key.clone());
            let span = entry.key_span.clone();
            labelled(out, kind, span, &entry.node, depth.saturating_sub(1), labels);
            labels.pop();
        }
    }
}

/// In JSON a nested block and a value look alike; what asks for a block takes a list of tables as well.
fn json_body(node: &Node) -> Body {
    let attributes = node.entries().iter().map(|e| Attribute {
        name: e.key.clone(),
        name_span: e.key_span.clone(),
        value: of_json(&e.node),
    });
    Body {
        attributes: attributes.collect(),
        blocks: Vec::new(),
    }
}

/// A value of JSON; a string is a template. JSON nests no deeper than its reader allows.
pub(super) fn of_json(node: &Node) -> Expr {
    let kind = match &node.value {
        Value::Null => Kind::Null,
        Value::Bool(b) => Kind::Bool(*b),
        Value::Number(n) => Kind::Number(n.clone()),
        Value::String(text) if text.contains("${") => match Template::from_str(text) {
            Ok(template) => {
                let mut all = parts(&template, 0);
                for part in &mut all {
                    if let Part::Value(e) = part {
                        // Escapes move what stands in a string of JSON.
                        e.span = node.span.clone();
                    }
                }
                Kind::Text(all)
            }
            Err(_) => Kind::Unknown,
        },
        Value::String(text) => Kind::Text(vec![Part::Literal(text.clone())]),
        Value::Array(items) => Kind::List(items.iter().map(of_json).collect()),
        Value::Table(entries) => Kind::Map(
            entries
                .iter()
                .map(|e| {
                    let key = Expr {
                        span: e.key_span.clone(),
                        kind: Kind::Text(vec![Part::Literal(e.key.clone())]),
                    };
                    (key, of_json(&e.node))
                })
                .collect(),
        ),
    };
    Expr {
        span: node.span.clone(),
        kind,
    }
}
