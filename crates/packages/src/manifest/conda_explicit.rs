//! Lists of conda packages as text: addresses below `@EXPLICIT`, or the lines of `conda list --export`.
//!
//! Both name every package with its version and build. conda-lock adds what pip is to install as comments, and reads
//! those comments again, so they are no comments here either.

use super::{
    Line, LineUse, Manifest, ManifestKind, Problem,
    document::paid,
    matchspec::{component, from_address},
    requirements,
};
use crate::{index::mask, version::parse};
use std::ops::Range;
use wellhead_core::{
    ArtifactPath, Bucket, Budget, Component, Digest, Ecosystem, Lines, Location, Outcome, code,
};

/// Whether a text is such a list.
pub(super) fn is_one(text: &str) -> bool {
    let mut head = text.lines().take(200).map(str::trim);
    head.any(|l| l == "@EXPLICIT" || (l.starts_with('#') && l.contains("conda create --name")))
}

/// Reads such a list.
pub(super) fn read(artifact: &ArtifactPath, text: &str, budget: &mut Budget) -> Manifest {
    let masked = mask(text);
    let text: &str = &masked.text;
    let lines = Lines::new(text);
    let at = |span: Range<usize>, label: &str| Location::text_in(artifact, text, &lines, span, label);
    let mut out = Manifest::new(ManifestKind::CondaExplicit);
    for secret in &masked.secrets {
        let place = at(secret.clone(), "a password in plain text");
        out.indexes.credentials.push(place);
    }
    let mut platform: Option<String> = None;
    let mut from = 0_usize;
    for line in text.split_inclusive('\n') {
        let lead = line.len().saturating_sub(line.trim_start().len());
        let trimmed = line.trim();
        let start = from.saturating_add(lead);
        let span = start..start.saturating_add(trimmed.len());
        from = from.saturating_add(line.len());
        if out.outcome != Outcome::Analysed || !paid(&mut out, budget, || at(span.clone(), "")) {
            break;
        }
        if let Some(named) = trimmed.strip_prefix("# platform:") {
            platform = Some(wellhead_core::escape(named.trim()));
        }
        let is = match read_line(trimmed, &at(span.clone(), "")) {
            None => LineUse::Empty,
            Some(Err(_)) if trimmed == "@EXPLICIT" => LineUse::Setting,
            Some(Ok(mut component)) => {
                component.direct = None;
                component.marker = component.marker.or_else(|| platform.clone());
                out.components.push(component);
                LineUse::Component(out.components.len().saturating_sub(1))
            }
            Some(Err(message)) => {
                out.problems.push(Problem {
                    message,
                    at: at(span.clone(), ""),
                });
                LineUse::Problem(out.problems.len().saturating_sub(1))
            }
        };
        out.lines.push(Line { span, is });
    }
    out
}

fn read_line(text: &str, declared: &Location) -> Option<Result<Component, String>> {
    if let Some(rest) = text.strip_prefix("# pip ") {
        return Some(pip(rest.trim(), declared.clone()));
    }
    if text.is_empty() || text.starts_with('#') {
        return None;
    }
    if text.contains("://") || text.ends_with(".conda") || text.ends_with(".tar.bz2") {
        let found = from_address(text, declared.clone());
        return Some(found.ok_or_else(|| format!("{} names no package of conda", code(text))));
    }
    Some(component(text, declared.clone()).map(|mut c| {
        // What pip installed stands in the same list, under its own name.
        if text.ends_with("=pypi_0") || text.ends_with("=<pip>") {
            c.ecosystem = Ecosystem::PyPI;
            c.name = crate::normalise(&c.written);
            if c.version.as_deref().is_some_and(|v| parse(v).is_none()) {
                c.bucket = Bucket::Unauditable {
                    why: "its version is none of PEP 440".to_owned(),
                };
            }
        }
        c
    }))
}

/// `torch @ https://…/torch-2.2.0-….whl --hash=sha256=…`, as conda-lock writes it behind `# pip`.
fn pip(text: &str, declared: Location) -> Result<Component, String> {
    let (body, options) = text.split_once(" --hash").unwrap_or((text, ""));
    let mut component = requirements::component(body.trim(), false, declared)?;
    let options = options.trim_start_matches('=').trim();
    component
        .hashes
        .extend(Digest::parse(&options.replacen('=', ":", 1)));
    Ok(component)
}

#[cfg(test)]
mod tests {
    use super::super::testing::shown;
    use super::*;
    use proptest::prelude::*;

    const EXPLICIT: &str = "# This file may be used to create an environment using:\n# platform: linux-64\n@EXPLICIT\n\
https://u:hunter2@conda.example/conda-forge/linux-64/numpy-1.24.0-py311_0.conda#0123456789abcdef0123456789abcdef\n\
https://conda.example/conda-forge/noarch/tzdata-2024a-h0c530f3_0.tar.bz2\n\
# pip torch @ https://files.example/torch-2.2.0-cp311-cp311-linux_x86_64.whl --hash=sha256=abcd\n\
https://conda.example/what\n\nplain words here ?\n";

    const EXPORTED: &str = "# $ conda create --name <env> --file <this file>\n# platform: linux-64\n\
numpy=1.24.0=py311_0\ntorch=2.2.0=pypi_0\n_libgcc_mutex=0.1=main\n";

    fn of(text: &str) -> Manifest {
        read(&ArtifactPath::file("explicit.txt"), text, &mut Budget::default())
    }

    #[test]
    fn lists_are_read() {
        let m = of(EXPLICIT);
        insta::assert_snapshot!(shown(&m), @"
        4: conda/numpy 1.24.0 exact from https://conda.example/conda-forge hashes=1 ; linux-64
        5: conda/tzdata 2024a exact from https://conda.example/conda-forge ; linux-64
        6: pypi/torch 2.2.0 (@ https://files.example/torch-2.2.0-cp311-cp311-linux_x86_64.whl) exact at https://files.example/torch-2.2.0-cp311-cp311-linux_x86_64.whl hashes=1 ; linux-64
        7: problem: `https://conda.example/what` names no package of conda
        9: problem: `plain words here ?` is no conda package: malformed version
        ");
        assert!(!format!("{m:?}").contains("hunter2"));
        insta::assert_snapshot!(shown(&of(EXPORTED)), @"
        3: conda/numpy 1.24.0 exact ; linux-64
        4: pypi/torch 2.2.0 exact ; linux-64
        5: conda/_libgcc_mutex 0.1 exact ; linux-64
        ");
        assert!(is_one(EXPLICIT) && is_one(EXPORTED) && !is_one("numpy==1\n"));
    }

    proptest! {
        #[test]
        fn every_line_is_accounted_for(text in any::<String>()) {
            prop_assert_eq!(of(&text).lines.len(), text.split_inclusive('\n').count());
        }
    }
}
