//! Estates as text, for snapshots.

use super::{Estate, EstateFile, estate};
use crate::{
    resource::Resource,
    workload::{Isolation, Opening, Workload},
};
use std::fmt::Write as _;
use wellhead_core::Budget;

/// Reads files that stand in one text, each behind a line `--- path`.
pub(crate) fn read(all: &str) -> Estate {
    let parts: Vec<(&str, &str)> = all
        .split("=== ")
        .skip(1)
        .map(|part| part.split_once('\n').unwrap_or((part, "")))
        .collect();
    let files: Vec<EstateFile<'_>> = parts
        .iter()
        .map(|(path, text)| EstateFile { path, text })
        .collect();
    let out = estate(&files, &mut Budget::default());
    check(&out);
    out
}

/// Every place lies in one file.
pub(crate) fn check(estate: &Estate) {
    for w in &estate.workloads {
        let chains = w.openings.iter().flat_map(|o| o.chain.iter().map(|(s, _)| s));
        let guards = w.openings.iter().flat_map(|o| o.guards.iter().map(|g| &g.span));
        let words = w
            .containers
            .iter()
            .flat_map(|c| c.start.iter().flat_map(|c| c.words.iter().map(|w| &w.span)));
        for span in chains.chain(guards).chain(words).chain([&w.span]) {
            assert!(estate.files.text().get(span.clone()).is_some(), "{span:?}");
            let (file, inner) = estate.files.locate(span).unwrap();
            assert!(file.span.len() >= inner.end, "{span:?}");
        }
    }
}

pub(crate) fn shown(all: &str) -> String {
    let estate = read(all);
    let mut out = String::new();
    for w in &estate.workloads {
        workload(&estate, w, &mut out);
    }
    cloud(&estate, &mut out);
    for s in &estate.settings {
        settings(&estate, s, "", &mut out);
    }
    for gap in &estate.gaps {
        let _ = writeln!(out, "gap {} {}", place(&estate, &gap.span), gap.why);
    }
    out
}

fn settings(estate: &Estate, s: &crate::Settings, indent: &str, out: &mut String) {
    let _ = writeln!(out, "{indent}{:?} {}", s.platform, s.path);
    for s in &s.settings {
        let source = estate.files.slice(&s.span);
        let _ = writeln!(
            out,
            "{indent}  {}={}{} @{} <{source}>",
            s.name,
            s.value.text,
            if s.value.open { "?" } else { "" },
            place(estate, &s.span)
        );
    }
}

fn cloud(estate: &Estate, out: &mut String) {
    let at = |span: &std::ops::Range<usize>| place(estate, span);
    let texts = |words: &[crate::Word]| {
        words
            .iter()
            .map(|w| {
                if w.open {
                    format!("{}?", w.text)
                } else {
                    w.text.clone()
                }
            })
            .collect::<Vec<_>>()
            .join(",")
    };
    for f in &estate.cloud.firewalls {
        let ports = f
            .ports
            .as_ref()
            .map_or("*".to_owned(), |p| format!("{}-{}", p.start, p.end - 1));
        let _ = writeln!(
            out,
            "firewall {} {:?} {ports} @{}",
            f.group,
            f.audience,
            at(&f.span)
        );
    }
    for b in &estate.cloud.buckets {
        let public: Vec<String> = b
            .public
            .iter()
            .map(|p| format!(" {}@{}", if p.writes { "writes" } else { "reads" }, at(&p.span)))
            .collect();
        let blocked = b
            .blocked
            .as_ref()
            .map_or(String::new(), |s| format!(" blocked@{}", at(s)));
        let name = b.name.as_ref().map_or("-", |n| n.text.as_str());
        let _ = writeln!(
            out,
            "bucket {} {name}{}{blocked} @{}",
            b.address,
            public.concat(),
            at(&b.span)
        );
    }
    for g in &estate.cloud.grants {
        let _ = writeln!(
            out,
            "grant {} to [{}] do [{}] on [{}] refers [{}]{} @{}",
            g.address,
            texts(&g.principals),
            texts(&g.actions),
            texts(&g.resources),
            g.refers.join(","),
            if g.conditional { " if" } else { "" },
            at(&g.span)
        );
    }
    for m in &estate.cloud.managed {
        let _ = writeln!(out, "managed {} @{}", m.address, at(&m.span));
        for s in &m.settings {
            let _ = writeln!(
                out,
                "  {}={}{} @{}",
                s.name,
                s.value.text,
                if s.value.open { "?" } else { "" },
                at(&s.span)
            );
        }
    }
}

/// `path:line`
pub(crate) fn place(estate: &Estate, span: &std::ops::Range<usize>) -> String {
    let Some((file, inner)) = estate.files.locate(span) else {
        return "?".to_owned();
    };
    let text = estate.files.slice(&file.span);
    let line = text[..inner.start].matches('\n').count() + 1;
    format!("{}:{line}", file.path)
}

fn workload(estate: &Estate, w: &Workload, out: &mut String) {
    let profiles = if w.profiles.is_empty() {
        String::new()
    } else {
        format!(" profiles={}", w.profiles.join(","))
    };
    let _ = writeln!(
        out,
        "{:?} {} @{}{profiles}",
        w.kind,
        w.name,
        place(estate, &w.span)
    );
    for c in &w.containers {
        container(estate, c, out);
    }
    for o in &w.openings {
        opening(estate, o, out);
    }
    match &w.isolation {
        Isolation::NotApplicable => {}
        Isolation::None => out.push_str("  no network policy\n"),
        Isolation::Limited(list) => {
            for a in list {
                let ports = a
                    .ports
                    .as_ref()
                    .map_or("*".to_owned(), |p| format!("{}-{}", p.start, p.end - 1));
                let _ = writeln!(
                    out,
                    "  admits {:?} to {ports} @{}",
                    a.from,
                    place(estate, &a.span)
                );
            }
            if list.is_empty() {
                out.push_str("  admits nobody\n");
            }
        }
    }
    for s in &w.settings {
        settings(estate, s, "  ", out);
    }
    for m in &w.models {
        let _ = writeln!(out, "  model {} @{}", m.text, place(estate, &m.span));
    }
}

fn container(estate: &Estate, c: &Resource, out: &mut String) {
    let image = c.image.as_ref().map_or("-", |i| i.text.as_str());
    let flags = [
        (c.host_network, " hostnet"),
        (c.arguments_only && !c.start.is_empty(), " args-only"),
        (c.privileged.is_some(), " privileged"),
    ];
    let flags: String = flags.iter().filter(|(on, _)| *on).map(|(_, t)| *t).collect();
    let _ = writeln!(out, "  [{image}]{flags}");
    for command in &c.start {
        let words: Vec<String> = command
            .words
            .iter()
            .map(|w| format!("{}{}", w.text, if w.open { "?" } else { "" }))
            .collect();
        let _ = writeln!(
            out,
            "    $ {} @{}",
            words.join(" "),
            place(estate, &command.span())
        );
    }
    for v in &c.environment {
        let value = v.value.as_ref().map_or("-".to_owned(), |w| {
            format!("{}{}", w.text, if w.open { "?" } else { "" })
        });
        let _ = writeln!(out, "    {}={value} @{}", v.name, place(estate, &v.span));
    }
    for m in &c.mounts {
        let content = m.content.as_ref().map_or(String::new(), |c| {
            format!(" ({} bytes @{})", c.text.len(), place(estate, &c.span))
        });
        let _ = writeln!(out, "    {} <- {}{content}", m.target, m.source);
    }
}

fn opening(estate: &Estate, o: &Opening, out: &mut String) {
    let range = |r: &Option<std::ops::Range<u32>>| match r {
        Some(r) if r.end == r.start + 1 => r.start.to_string(),
        Some(r) => format!("{}-{}", r.start, r.end - 1),
        None => "?".to_owned(),
    };
    let guards: Vec<String> = o
        .guards
        .iter()
        .map(|g| {
            format!(
                " {:?}{} @{}",
                g.kind,
                if g.certain { "" } else { "?" },
                place(estate, &g.span)
            )
        })
        .collect();
    let chain: Vec<String> = o.chain.iter().map(|(s, _)| place(estate, s)).collect();
    let _ = writeln!(
        out,
        "  {:?} {:?} {}->{}{} via {}",
        o.kind,
        o.audience,
        range(&o.outside),
        range(&o.inside),
        guards.concat(),
        chain.join(" ")
    );
}
