//! Charts of Helm: their templates rendered with their own values, as objects of a cluster.
//!
//! What `helm install` without further values would make, and what it makes with each file of values that lies beside
//! the chart's own (`values-prod.yaml`): whoever installs it takes one of them. Values are three-valued: what a chart takes from the cluster or
//! from whoever installs it stays unknown through every function, and a condition that is not known is said.

mod eval;
mod functions;
mod release;
mod syntax;
mod value;

use crate::{
    estate::{Dialect, Document, Reading},
    files::folder,
    kubernetes::{self, object::Object},
    resource::{Resource, file_name},
    workload::Workload,
};
use eval::{Engine, Out};
pub(crate) use release::{release, releases};
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
    /// What further files of values say over its own.
    overlays: Vec<Value>,
    templates: Vec<&'a Document>,
}

/// How often a chart is rendered besides with its own values.
const MOST_OVERLAYS: usize = 8;

/// Whether a path below a chart is that of values to install it with: `values-prod.yaml`, `prod.values.yaml`,
/// `values/prod.yaml`.
fn is_overlay(inner: &str) -> bool {
    let Some(name) = [".yaml", ".yml"].iter().find_map(|e| inner.strip_suffix(e)) else {
        return false;
    };
    match name.rsplit_once('/') {
        Some((folder, _)) => matches!(folder, "values" | "environments" | "envs"),
        // Those of the chart's own tests are nobody's.
        None => {
            ["-values", "_values", ".values"]
                .iter()
                .any(|e| name.ends_with(e))
                || name.starts_with("values")
        }
    }
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
                    overlays: Vec::new(),
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
        } else if is_overlay(inner) && document.dialect == Dialect::HelmValues {
            if chart.overlays.len() < MOST_OVERLAYS {
                chart.overlays.extend(document.root.as_ref().map(Value::of));
            }
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
        let before = (reading.workloads.len(), reading.loose.len(), reading.gaps.len());
        render(root, &all, None, reading);
        let overlays = all.get(root).map_or(&[][..], |c| c.overlays.as_slice());
        for overlay in overlays {
            let own = (reading.workloads.len(), reading.loose.len(), reading.gaps.len());
            render(root, &all, Some(overlay), reading);
            join(reading, before, own);
        }
    }
    taken
}

/// Joins what a chart makes with other values, which begins at `own`, with what it made before: a workload that is the same
/// is reached in all of their ways, and nothing is said twice.
fn join(reading: &mut Reading<'_>, before: (usize, usize, usize), own: (usize, usize, usize)) {
    let mut more = reading.workloads.split_off(own.0);
    let known = reading.workloads.get_mut(before.0..).unwrap_or_default();
    more.retain_mut(|new| {
        let same = known.iter_mut().find(|old| is_same(old, new));
        let Some(old) = same else { return true };
        let ways = std::mem::take(&mut new.openings).into_iter();
        let ways: Vec<_> = ways.filter(|way| !old.openings.contains(way)).collect();
        old.openings.extend(ways);
        false
    });
    reading.workloads.append(&mut more);
    let loose = reading.loose.split_off(own.1);
    for route in loose {
        if !reading.loose.iter().skip(before.1).any(|r| *r == route) {
            reading.loose.push(route);
        }
    }
    let gaps = reading.gaps.split_off(own.2);
    for gap in gaps {
        if !reading.gaps.iter().skip(before.2).any(|g| *g == gap) {
            reading.gaps.push(gap);
        }
    }
}

/// Whether two renderings made the same of a template, but for its image and who reaches it.
fn is_same(old: &Workload, new: &Workload) -> bool {
    let containers = old.containers.len() == new.containers.len()
        && old.containers.iter().zip(&new.containers).all(|(a, b)| {
            let plain = |r: &Resource| Resource {
                image: None,
                ..r.clone()
            };
            plain(a) == plain(b)
        });
    let own = |w: &Workload| (w.kind, w.span.clone(), w.name.clone());
    containers && own(old) == own(new) && old.isolation == new.isolation && old.models == new.models
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
fn subcharts<'a>(
    root: &str,
    all: &'a BTreeMap<&str, Chart<'a>>,
    overlay: Option<&Value>,
) -> Vec<Rendered<'a>> {
    let mut out: Vec<Rendered<'_>> = Vec::new();
    let Some(first) = all.get(root) else { return out };
    let values = overlay.map_or_else(|| first.values.clone(), |over| first.values.overlaid(over, 16));
    let mut queue = vec![(first, values, 0_usize)];
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

fn render(root: &str, all: &BTreeMap<&str, Chart<'_>>, overlay: Option<&Value>, reading: &mut Reading<'_>) {
    let rendered = subcharts(root, all, overlay);
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
