//! Charts of Helm: their templates rendered with their own values, as objects of a cluster.
//!
//! What `helm install` without further values would make. Values are three-valued: what a chart takes from the cluster or
//! from whoever installs it stays unknown through every function, and a condition that is not known is said.

mod eval;
mod functions;
mod syntax;
mod value;

use crate::{
    estate::{Dialect, Document, Reading},
    files::folder,
    kubernetes::{self, object::Object},
    resource::file_name,
};
use eval::{Engine, Out};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};
use syntax::Part;
use value::{Kind, Value};
use wellhead_formats::text::{self, Node};

/// How deep YAML may be indented, how long a text, how long a list may become, and how much one chart may make.
const MOST_INDENT: usize = 256;
const LONGEST: usize = 1 << 20;
const MOST_ITEMS: usize = 4096;
const MOST_MADE: usize = 8 << 20;

/// How deep charts lie in charts.
const DEEPEST_CHART: usize = 6;

/// A chart of the tree.
struct Chart<'a> {
    folder: &'a str,
    about: &'a Node,
    values: Value,
    templates: Vec<&'a Document>,
}

/// Reads all charts; the paths of what belongs to one are handed back.
pub(crate) fn charts<'a>(documents: &'a [Document], reading: &mut Reading<'_>) -> BTreeSet<&'a str> {
    let mut taken = BTreeSet::new();
    let mut all: BTreeMap<&str, Chart<'_>> = BTreeMap::new();
    for document in documents.iter().filter(|d| d.dialect == Dialect::HelmChart) {
        if let Some(about) = &document.root {
            let folder = folder(&document.path);
            all.insert(
                folder,
                Chart {
                    folder,
                    about,
                    values: Value::map(Vec::new()),
                    templates: Vec::new(),
                },
            );
        }
    }
    for document in documents {
        let Some(owner) = owner(&document.path, &all) else {
            continue;
        };
        let Some(chart) = all.get_mut(owner) else { continue };
        let inner = document
            .path
            .get(owner.len()..)
            .unwrap_or_default()
            .trim_start_matches('/');
        if inner == "values.yaml" || inner == "values.yml" {
            chart.values = document.root.as_ref().map(Value::of).unwrap_or_default();
        } else if inner.starts_with("templates/") && !inner.starts_with("templates/tests/") {
            taken.insert(document.path.as_str());
            if matches!(document.dialect, Dialect::HelmTemplate | Dialect::Kubernetes) {
                chart.templates.push(document);
            }
        } else if inner.starts_with("templates/") {
            taken.insert(document.path.as_str());
        }
    }
    let alone = |d: &&Document| d.dialect == Dialect::HelmTemplate && !d.path.ends_with(".tpl");
    for document in documents.iter().filter(alone) {
        if !taken.contains(document.path.as_str()) {
            reading.gap(document.span.clone(), "a template of a chart that was not read");
        }
    }
    let inside = |path: &str| all.keys().any(|other| is_below(path, &below(other, "charts")));
    let roots: Vec<&str> = all.keys().copied().filter(|path| !inside(path)).collect();
    for root in roots {
        render(root, &all, reading);
    }
    taken
}

fn below(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        format!("{name}/")
    } else {
        format!("{folder}/{name}/")
    }
}

fn is_below(path: &str, folder: &str) -> bool {
    path.starts_with(folder)
}

/// The innermost chart that a file lies in.
fn owner<'a>(path: &str, all: &BTreeMap<&'a str, Chart<'_>>) -> Option<&'a str> {
    let mut at = folder(path);
    loop {
        if let Some((found, _)) = all.get_key_value(at) {
            return Some(found);
        }
        if at.is_empty() {
            return None;
        }
        at = folder(at);
    }
}

/// A chart that is rendered, and the values that it gets.
struct Rendered<'a> {
    chart: &'a Chart<'a>,
    values: Value,
}

/// The chart and the charts in it that its values turn on.
fn subcharts<'a>(root: &str, all: &'a BTreeMap<&str, Chart<'a>>) -> Vec<Rendered<'a>> {
    let mut out: Vec<Rendered<'_>> = Vec::new();
    let Some(first) = all.get(root) else { return out };
    let mut queue = vec![(first, first.values.clone(), 0_usize)];
    while let Some((chart, values, depth)) = queue.pop() {
        let charts = below(chart.folder, "charts");
        if depth < DEEPEST_CHART {
            for (path, inner) in all.iter().filter(|(path, _)| is_below(path, &charts)) {
                let name = path.get(charts.len()..).unwrap_or_default();
                if name.contains('/') || !is_on(chart.about, name, &values) {
                    continue;
                }
                let mut given = inner.values.overlaid(&values.get(name), 16);
                let global = values.get("global");
                if !matches!(global.kind, Kind::Nil) {
                    given = given.overlaid(&Value::map(vec![("global".to_owned(), global)]), 16);
                }
                queue.push((inner, given, depth.saturating_add(1)));
            }
        }
        out.push(Rendered { chart, values });
    }
    out
}

/// Whether the `condition` of a dependency turns it on.
fn is_on(about: &Node, name: &str, values: &Value) -> bool {
    let list = about.get("dependencies").map_or(&[][..], Node::items);
    let found = list.iter().find(|d| {
        ["alias", "name"]
            .iter()
            .any(|k| d.get(k).and_then(Node::as_text) == Some(name))
    });
    let Some(condition) = found.and_then(|d| d.get("condition")).and_then(Node::as_str) else {
        return true;
    };
    // The first of them that is there decides.
    for path in condition.split(',') {
        let mut at = values.clone();
        for key in path.trim().split('.') {
            at = at.get(key);
        }
        if !matches!(at.kind, Kind::Nil) {
            return at.truth() != Some(false);
        }
    }
    true
}

fn render(root: &str, all: &BTreeMap<&str, Chart<'_>>, reading: &mut Reading<'_>) {
    let rendered = subcharts(root, all);
    let mut defined: BTreeMap<String, Vec<Part>> = BTreeMap::new();
    let mut parsed: Vec<(usize, &Document, Vec<Part>)> = Vec::new();
    // Parents come first, and what they define wins.
    for (i, one) in rendered.iter().enumerate() {
        for document in &one.chart.templates {
            let text = reading.files.slice(&document.span);
            if !reading.pay(text.len(), &document.span)
                || !reading.hold(text.len().saturating_mul(16), &document.span)
            {
                continue;
            }
            let found = syntax::template(text, document.span.start);
            if let Some((span, why)) = found.problem {
                reading.gap(span, why);
            }
            for (name, parts) in found.defined {
                defined.entry(name).or_insert(parts);
            }
            parsed.push((i, document, found.parts));
        }
    }
    let mut objects: Vec<Object<'_>> = Vec::new();
    let mut gaps = Vec::new();
    for (i, document, parts) in &parsed {
        let name = file_name(&document.path);
        if name.starts_with('_') || name == "NOTES.txt" || name.ends_with(".tpl") {
            continue;
        }
        let Some(one) = rendered.get(*i) else { continue };
        let engine = Engine::new(reading.files, one.chart.folder, &defined, reading.budget);
        let out = engine.file(parts, &context(one, document));
        let problems: Vec<_> = engine.problems.take();
        let exhausted = engine.exhausted.get();
        drop(engine);
        gaps.extend(problems.into_iter().map(|(span, why)| (span, why.to_owned())));
        if exhausted {
            gaps.push((
                document.span.clone(),
                "rendering takes more than the budget".to_owned(),
            ));
        }
        parse(&out, document, reading, &mut objects, &mut gaps);
    }
    for (span, why) in gaps {
        reading.gap(span, why);
    }
    kubernetes::read(&objects, reading);
}

/// What stands in `.` at the top of a template.
fn context(one: &Rendered<'_>, document: &Document) -> Value {
    let about = Value::of(one.chart.about);
    let upper = |(key, value): &(String, Value)| {
        let mut chars = key.chars();
        let first = chars.next().map(|c| c.to_ascii_uppercase()).unwrap_or_default();
        (format!("{first}{}", chars.as_str()), value.clone())
    };
    let chart = Value::map(about.entries().iter().map(upper).collect());
    let text = Value::text;
    let release = vec![
        ("Name", text("release-name")),
        ("Namespace", text("default")),
        ("Service", text("Helm")),
        ("IsInstall", Value::bool(true)),
        ("IsUpgrade", Value::bool(false)),
        ("Revision", Value::number(1)),
    ];
    let (major, minor) = functions::CLUSTER;
    let version = format!("v{major}.{minor}.0");
    let cluster = vec![
        ("Version", text(&version)),
        ("GitVersion", text(&version)),
        ("Major", text(&major.to_string())),
        ("Minor", text(&minor.to_string())),
    ];
    let table =
        |list: Vec<(&str, Value)>| Value::map(list.into_iter().map(|(k, v)| (k.to_owned(), v)).collect());
    let place = format!("{}/templates", one.chart.folder);
    table(vec![
        (
            "Values",
            Value::at(
                &one.values.span,
                Kind::Map(Rc::new(one.values.entries().to_vec())),
            ),
        ),
        ("Chart", chart),
        ("Release", table(release)),
        (
            "Capabilities",
            table(vec![
                ("KubeVersion", table(cluster)),
                ("APIVersions", Value::default()),
            ]),
        ),
        (
            "Template",
            table(vec![("Name", text(&document.path)), ("BasePath", text(&place))]),
        ),
        ("Files", Value::default()),
    ])
}

/// The objects of what was rendered; each document for itself, so that a broken one costs no other.
fn parse(
    out: &Out,
    document: &Document,
    reading: &mut Reading<'_>,
    objects: &mut Vec<Object<'_>>,
    gaps: &mut Vec<(std::ops::Range<usize>, String)>,
) {
    let mut start = 0_usize;
    let mut at = 0_usize;
    let mut pieces = Vec::new();
    for line in out.text.split_inclusive('\n') {
        if line.trim_end() == "---" || line.starts_with("--- ") {
            pieces.push(start..at);
            start = at.saturating_add(line.len());
        }
        at = at.saturating_add(line.len());
    }
    pieces.push(start.min(out.text.len())..out.text.len());
    for piece in pieces {
        let text = out.text.get(piece.clone()).unwrap_or_default();
        if text.trim().is_empty() {
            continue;
        }
        match text::yaml(text, reading.budget) {
            Ok(mut node) => {
                node.relocate(&mut |span| {
                    let moved = span.start.saturating_add(piece.start)..span.end.saturating_add(piece.start);
                    out.place(&moved)
                });
                for object in kubernetes::object::objects(&node, &document.path) {
                    objects.push(Object {
                        node: Cow::Owned(object.node.into_owned()),
                        path: Cow::Owned(document.path.clone()),
                    });
                }
            }
            Err(error) => {
                let at = error.span.start.saturating_add(piece.start);
                let place = out.place(&(at..at.saturating_add(1)));
                gaps.push((place, format!("what the template makes is no YAML: {error}")));
            }
        }
    }
}

#[cfg(test)]
mod tests;
