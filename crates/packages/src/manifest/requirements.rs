//! Requirements and constraints files as pip reads them.

use super::{
    Include, Line, LineUse, Manifest, ManifestKind, Problem,
    document::paid,
    lines::{Logical, each_line},
    requirement::{Requirement, Wanted},
    source::{Place, is_place, place},
};
use crate::{
    index::{Address, IndexEntry, IndexRole, Manager, TrustedHost, mask},
    name::normalise,
    version::parse,
};
use std::ops::Range;
use wellhead_core::{
    ArtifactPath, Bucket, Budget, Component, ComponentKind, Digest, Ecosystem, Lines, Location, Source, code,
    escape,
};

/// Options that stand alone, and change nothing about which package comes from where.
const FLAGS: &[&str] = &[
    "--pre",
    "--prefer-binary",
    "--use-pep517",
    "--no-use-pep517",
    "--always-unzip",
    "-Z",
    "--no-build-isolation",
];

/// Options with a value, likewise.
const SETTINGS: &[&str] = &[
    "--no-binary",
    "--only-binary",
    "--use-feature",
    "--global-option",
    "--install-option",
    "--config-settings",
    "--config-setting",
    "--cert",
    "--client-cert",
    "--proxy",
    "--process-dependency-links",
    "--uploaded-prior-to",
    "--build-constraint",
];

/// Options with a value that is kept.
const TAKERS: &[&str] = &[
    "-i",
    "--index-url",
    "--pypi-url",
    "--extra-index-url",
    "-f",
    "--find-links",
    "--trusted-host",
    "-r",
    "--requirement",
    "-c",
    "--constraint",
];

/// Reads a requirements or constraints file.
pub fn read_requirements(
    kind: ManifestKind,
    artifact: &ArtifactPath,
    text: &str,
    budget: &mut Budget,
) -> Manifest {
    let masked = mask(text);
    let text: &str = &masked.text;
    let mut reader = Reader::new(artifact, text, Manifest::new(kind));
    for secret in &masked.secrets {
        let at = reader.at(secret.clone(), "a password in plain text");
        reader.out.indexes.credentials.push(at);
    }
    // A byte order mark is not part of the first name.
    let bom = if text.starts_with('\u{feff}') { 3 } else { 0 };
    each_line(text.get(bom..).unwrap_or_default(), |line| {
        reader.paid_line(&line.shifted(bom), budget)
    });
    reader.out
}

/// Reads lines that another file holds. `text` has no secrets any more.
pub(super) fn read_lines(
    out: Manifest,
    artifact: &ArtifactPath,
    text: &str,
    lines: &[Logical],
    budget: &mut Budget,
) -> Manifest {
    let mut reader = Reader::new(artifact, text, out);
    for line in lines {
        if !reader.paid_line(line, budget) {
            break;
        }
    }
    reader.out
}

struct Reader<'a> {
    artifact: &'a ArtifactPath,
    text: &'a str,
    lines: Lines,
    out: Manifest,
    /// The component that `# via` comments speak of.
    annotated: Option<usize>,
}

impl<'a> Reader<'a> {
    fn new(artifact: &'a ArtifactPath, text: &'a str, out: Manifest) -> Self {
        Self {
            artifact,
            text,
            lines: Lines::new(text),
            out,
            annotated: None,
        }
    }
}

impl Reader<'_> {
    /// Reads a line if the budget has what it costs; `false` where the rest is to be left out.
    fn paid_line(&mut self, line: &Logical, budget: &mut Budget) -> bool {
        let (artifact, text, lines) = (self.artifact, self.text, &self.lines);
        let at = || Location::text_in(artifact, text, lines, line.span.clone(), "not read from here on");
        // An empty line or a comment costs next to nothing to keep.
        let steps = (line.text.len() as u64).saturating_add(64);
        let can = match budget.steps(steps) {
            Ok(()) if line.text.trim().is_empty() => {
                budget.memory(64).is_ok() || paid(&mut self.out, budget, at)
            }
            _ => paid(&mut self.out, budget, at),
        };
        if can {
            self.line(line);
        }
        can
    }

    fn at(&self, range: Range<usize>, label: &str) -> Location {
        Location::text_in(self.artifact, self.text, &self.lines, range, label)
    }

    fn line(&mut self, line: &Logical) {
        let trimmed = line.text.trim();
        let lead = line.text.len().saturating_sub(line.text.trim_start().len());
        let is = if trimmed.is_empty() {
            self.annotation(&line.comment);
            LineUse::Empty
        } else if trimmed.starts_with('-') {
            self.annotated = None;
            self.options(line, trimmed, lead)
        } else {
            let is = self.requirement(line, trimmed, lead, false);
            self.annotated = match is {
                LineUse::Component(i) => Some(i),
                _ => None,
            };
            // pip-compile may put the annotation behind the requirement.
            self.annotation(&line.comment);
            is
        };
        self.out.lines.push(Line {
            span: line.span.clone(),
            is,
        });
    }

    /// `# via x` below a requirement, as pip-compile and uv write it: who asked for it.
    fn annotation(&mut self, comment: &str) {
        let Some(i) = self.annotated else { return };
        if comment.is_empty() {
            return;
        }
        let words = comment.trim_start_matches('#').trim();
        let names = match words.strip_prefix("via") {
            Some(rest) => rest,
            None if comment.starts_with("#   ") => words,
            None => {
                self.annotated = None;
                return;
            }
        };
        let Some(component) = self.out.components.get_mut(i) else {
            return;
        };
        for who in names.split([',', ' ']).map(str::trim).filter(|w| !w.is_empty()) {
            if who == "-r"
                || who == "-c"
                || who.starts_with('(')
                || who.contains(['/', '\\'])
                || who.ends_with(".in")
                || who.ends_with(".toml")
                || who.ends_with(".txt")
            {
                component.direct = Some(true);
            } else if crate::name::is_valid(who) && component.via.is_empty() {
                component.via.push(normalise(who));
            }
        }
    }

    fn problem(&mut self, at: Location, message: String) -> LineUse {
        self.out.problems.push(Problem { message, at });
        LineUse::Problem(self.out.problems.len().saturating_sub(1))
    }

    fn options(&mut self, line: &Logical, trimmed: &str, lead: usize) -> LineUse {
        let mut is = LineUse::Setting;
        let mut rest = trimmed;
        while !rest.trim_start().is_empty() {
            let token_at = lead.saturating_add(offset(trimmed, rest.trim_start()));
            let (name, after) = option_name(rest.trim_start());
            let name = full_name(name);
            let known_flag = FLAGS.contains(&name) || matches!(name, "--no-index" | "--require-hashes");
            if known_flag {
                self.flag(name);
                rest = after;
                continue;
            }
            let editable = matches!(name, "-e" | "--editable");
            // What an editable line names may hold white space: extras and a marker.
            let (value, behind) = if editable {
                (after.trim(), "")
            } else {
                option_value(after)
            };
            let value_at = lead.saturating_add(offset(trimmed, value));
            let span = line.place(token_at..value_at.saturating_add(value.len()));
            let value = unquoted(value);
            let known = editable || TAKERS.contains(&name) || SETTINGS.contains(&name);
            if !known {
                let at = self.at(span, "not understood");
                return self.problem(at, format!("{} is no option of a requirements file", code(name)));
            }
            if value.is_empty() {
                let at = self.at(span, "not understood");
                return self.problem(at, format!("{} names nothing", code(name)));
            }
            if editable {
                return self.requirement(line, value, value_at, true);
            }
            self.setting(name, value, &span, &mut is);
            rest = behind;
        }
        is
    }

    fn flag(&mut self, name: &str) {
        match name {
            "--no-index" => self.out.indexes.no_index = true,
            "--require-hashes" => self.out.indexes.require_hashes = true,
            _ => {}
        }
    }

    /// Takes an option with a value.
    fn setting(&mut self, name: &str, value: &str, span: &Range<usize>, is: &mut LineUse) {
        let role = match name {
            "-i" | "--index-url" | "--pypi-url" => Some(IndexRole::Default),
            "--extra-index-url" => Some(IndexRole::Extra),
            "-f" | "--find-links" => Some(IndexRole::FindLinks),
            _ => None,
        };
        if let Some(role) = role {
            let declared = self.at(span.clone(), "named here");
            self.out.indexes.entries.push(IndexEntry {
                manager: Manager::Pip,
                role,
                name: None,
                address: Address::new(value),
                declared,
            });
            return;
        }
        match name {
            "--trusted-host" => {
                let declared = self.at(span.clone(), "its certificate is not checked");
                self.out.indexes.trusted_hosts.push(TrustedHost {
                    host: escape(value),
                    declared,
                });
            }
            "-r" | "--requirement" | "-c" | "--constraint" => {
                let constraint = matches!(name, "-c" | "--constraint");
                let kind = if constraint || self.out.kind == ManifestKind::Constraints {
                    ManifestKind::Constraints
                } else {
                    ManifestKind::Requirements
                };
                let declared = self.at(span.clone(), "");
                self.out.includes.push(Include {
                    path: value.to_owned(),
                    kind,
                    declared,
                });
                *is = LineUse::Include(self.out.includes.len().saturating_sub(1));
            }
            _ => {}
        }
    }

    fn requirement(&mut self, line: &Logical, text: &str, at: usize, editable: bool) -> LineUse {
        let (body, options) = split_options(text);
        let body = body.trim_end();
        // The marker says when, not what: it is left out of the place.
        let said = match Requirement::parse(body) {
            Ok(r) if !editable => r.span,
            _ => 0..body.len(),
        };
        let span = line.place(at.saturating_add(said.start)..at.saturating_add(said.end));
        let declared = self.at(span, "");
        let mut hashes = Vec::new();
        let mut rest = options;
        while !rest.trim_start().is_empty() {
            let (name, after) = option_name(rest.trim_start());
            let name = full_name(name);
            let (value, behind) = option_value(after);
            match (name, Digest::parse(value)) {
                ("--hash", Some(digest)) => hashes.push(digest),
                ("--hash", None) => {
                    return self.problem(declared, format!("{} is no hash", code(value)));
                }
                // What is said of a whole list means nothing here: pip takes it and leaves it.
                (other, _) if SETTINGS.contains(&other) || TAKERS.contains(&other) => {}
                ("-e" | "--editable", _) => {}
                (other, _)
                    if FLAGS.contains(&other) || matches!(other, "--no-index" | "--require-hashes") =>
                {
                    rest = after;
                    continue;
                }
                (other, _) => {
                    return self.problem(declared, format!("{} is no option of a requirement", code(other)));
                }
            }
            rest = behind;
        }
        match component(body, editable, declared.clone()) {
            Ok(mut component) => {
                component.hashes.extend(hashes);
                self.out.components.push(component);
                LineUse::Component(self.out.components.len().saturating_sub(1))
            }
            Err(message) => match variable(body, declared.clone()) {
                Some(mut component) => {
                    component.hashes.extend(hashes);
                    self.out.components.push(component);
                    LineUse::Component(self.out.components.len().saturating_sub(1))
                }
                None => self.problem(declared, message),
            },
        }
    }
}

/// The component of a line whose version pip takes from a variable, such as `torch==${TORCH}`. Only names in capitals
/// are replaced by pip.
fn variable(text: &str, declared: Location) -> Option<Component> {
    let (before, rest) = text.split_once("${")?;
    let (name, _) = rest.split_once('}')?;
    let capitals = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let end = before.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')));
    let package = before.get(..end?).filter(|n| crate::name::is_valid(n))?;
    if name.is_empty() || !name.chars().all(capitals) {
        return None;
    }
    let mut component = super::parts::bare(package, declared);
    component.specifier = text.get(package.len()..).map(|s| escape(s.trim()));
    component.direct = None;
    component.bucket =
        super::parts::unauditable("a variable of the machine that installs it decides its version");
    Some(component)
}

/// The option that a name begins: pip takes `--extra-index` for `--extra-index-url`, as long as no other begins so.
fn full_name(name: &str) -> &str {
    let alone = ["--no-index", "--require-hashes", "--editable", "--hash"];
    let all = || FLAGS.iter().chain(SETTINGS).chain(TAKERS).chain(&alone);
    if name.len() < 4 || !name.starts_with("--") || all().any(|o| *o == name) {
        return name;
    }
    let mut begun = all().filter(|o| o.starts_with(name));
    match (begun.next(), begun.next()) {
        (Some(one), None) => one,
        // Two spellings of one option are one.
        (Some(one), Some(other)) if other.strip_suffix('s') == Some(one) && begun.next().is_none() => one,
        (Some(one), Some(other)) if one.strip_suffix('s') == Some(other) && begun.next().is_none() => one,
        _ => name,
    }
}

/// The component that a requirement, a path or an address declares.
pub(super) fn component(text: &str, editable: bool, declared: Location) -> Result<Component, String> {
    match Requirement::parse(text) {
        Ok(r) if !editable && !is_bare_file(&r, text) => Ok(from_requirement(&r, declared)),
        Err(why) if !editable && !is_place(text.split(';').next().unwrap_or_default()) => {
            Err(format!("{} is no requirement: {why}", code(text)))
        }
        _ => {
            let (body, marker) = match text.split_once(" ;").or_else(|| text.split_once("; ")) {
                Some((body, marker)) => (body.trim(), Some(escape(marker.trim()))),
                None => (text, None),
            };
            let place = place(body, editable);
            let name = place.name.clone().unwrap_or_else(|| escape(body));
            Ok(from_place(&name, place, marker, None, declared))
        }
    }
}

/// `ray-2.9.0-py3-none-any.whl` is also a name by the grammar; pip takes it for a file.
fn is_bare_file(requirement: &Requirement, text: &str) -> bool {
    requirement.written.is_empty()
        && requirement.extras.is_empty()
        && is_place(text.split(';').next().unwrap_or(text))
}

/// The component of a PEP 508 requirement.
pub(crate) fn from_requirement(r: &Requirement, declared: Location) -> Component {
    let marker = r.marker.as_deref().map(escape);
    if let Wanted::Address(address) = &r.wanted {
        let mut place = place(address, false);
        // The name in front of the `@` is the one that gets installed; a file of another name proves no version.
        let same = place
            .name
            .as_deref()
            .is_none_or(|n| normalise(n) == normalise(&r.name));
        // A repository may be called as it likes, and a file that gives no version proved none anyway.
        if !same && place.version.take().is_some() {
            place.why = "a file named for another package";
        }
        return from_place(&r.name, place, marker, Some(address), declared);
    }
    let version = r.exact();
    let bucket = match &version {
        Some(v) if parse(v).is_some() => Bucket::Exact,
        Some(_) => Bucket::Unauditable {
            why: "its version is none of PEP 440".to_owned(),
        },
        None => Bucket::Unpinned,
    };
    Component {
        kind: ComponentKind::Library,
        ecosystem: Ecosystem::PyPI,
        name: normalise(&r.name),
        written: r.name.clone(),
        version: version.map(|v| escape(&v)),
        specifier: (!r.written.is_empty()).then(|| escape(&r.written)),
        marker,
        hashes: Vec::new(),
        source: Source::Registry { url: None },
        bucket,
        direct: None,
        via: Vec::new(),
        declared,
    }
}

fn from_place(
    name: &str,
    place: Place,
    marker: Option<String>,
    written: Option<&str>,
    declared: Location,
) -> Component {
    let bucket = match &place.version {
        Some(_) => Bucket::Exact,
        None => Bucket::Unauditable {
            why: place.why.to_owned(),
        },
    };
    // A path such as `.` gives no name away.
    let normal = Some(normalise(name)).filter(|n| n.contains(|c: char| c.is_alphanumeric()));
    Component {
        kind: ComponentKind::Library,
        ecosystem: Ecosystem::PyPI,
        name: normal.unwrap_or_else(|| escape(name)),
        written: escape(name),
        version: place.version,
        specifier: written.map(|w| format!("@ {}", Address::new(w).shown)),
        marker,
        hashes: place.hashes,
        source: place.source,
        bucket,
        direct: None,
        via: Vec::new(),
        declared,
    }
}

/// Where `part` starts in `whole`, of which it is a part.
fn offset(whole: &str, part: &str) -> usize {
    (part.as_ptr() as usize)
        .saturating_sub(whole.as_ptr() as usize)
        .min(whole.len())
}

/// Splits `--name=value …`, `--name value …`, `-ivalue …` behind the name.
fn option_name(text: &str) -> (&str, &str) {
    if text.starts_with('-') && !text.starts_with("--") {
        let end = text.chars().take(2).map(char::len_utf8).sum();
        return text.split_at_checked(end).unwrap_or((text, ""));
    }
    let end = text
        .find(|c: char| c.is_whitespace() || c == '=')
        .unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    (name, rest.strip_prefix('=').unwrap_or(rest))
}

/// Splits the value of an option from what follows; quotes keep white space together.
fn option_value(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote)
            && let Some(end) = inner.find(quote)
        {
            return text.split_at_checked(end.saturating_add(2)).unwrap_or((text, ""));
        }
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn unquoted(text: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|t| t.strip_suffix(quote)) {
            return inner;
        }
    }
    text
}

/// Splits a requirement from its options: the first word that starts with a dash.
fn split_options(text: &str) -> (&str, &str) {
    let mut before = 'x';
    for (at, c) in text.char_indices() {
        if c == '-' && before.is_whitespace() {
            return text.split_at_checked(at).unwrap_or((text, ""));
        }
        before = c;
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::super::lines::logical_lines;
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Manifest {
        read_requirements(
            ManifestKind::Requirements,
            &ArtifactPath::file("requirements.txt"),
            text,
            &mut Budget::default(),
        )
    }

    /// One row per line: what it is, and what was understood.
    fn table(text: &str) -> String {
        let m = read(text);
        let rows: Vec<String> = m
            .lines
            .iter()
            .map(|l| {
                let what = match &l.is {
                    LineUse::Empty => "empty".to_owned(),
                    LineUse::Setting => "setting".to_owned(),
                    LineUse::Include(i) => format!("{} {}", m.includes[*i].kind.name(), m.includes[*i].path),
                    LineUse::Problem(i) => format!("problem: {}", m.problems[*i].message),
                    LineUse::Component(i) => {
                        let c = &m.components[*i];
                        let bucket = match &c.bucket {
                            Bucket::Exact => "exact".to_owned(),
                            Bucket::Unpinned => "unpinned".to_owned(),
                            Bucket::Unauditable { why } => format!("unauditable ({why})"),
                        };
                        format!("{} {} {bucket}", c.name, c.version.as_deref().unwrap_or("-"))
                    }
                };
                format!("{:?}\n    {what}", &text[l.span.clone()])
            })
            .collect();
        rows.join("\n")
    }

    /// The shapes that other tools drop in silence.
    #[test]
    fn every_line_has_its_bucket() {
        let text = concat!(
            "--index-url http://pypi.internal.example/simple\n",
            "--extra-index-url https://wheels.example/whl/cu121 --trusted-host pypi.internal.example\n",
            "--find-links ./wheels\n",
            "-r base.txt\n",
            "-cconstraints.txt\n",
            "torch==2.2.0+cu121 ; sys_platform == \"linux\"\n",
            "ray[default] @ https://files.example/ray-2.9.0-cp311-cp311-manylinux2014_x86_64.whl\n",
            "other @ https://files.example/ray-2.9.0-cp311-cp311-manylinux2014_x86_64.whl\n",
            "git+https://git.example/peft.git@main#egg=peft\n",
            "accelerate @ git+https://git.example/accelerate@v0.27.0\n",
            "./local_pkg\n",
            "-e ../other[extra]\n",
            "x-1.0-py3-none-any.whl\n",
            "jinja2==3.1.2 \\\n    --hash=sha256:abcd \\\n    --hash=sha256:ef01\n",
            "aiohttp \\\n    ==3.9.1\n",
            "odd===2013-weird\n",
            "torch=2.0\n",
            "--frobnicate\n",
            "--index-url\n",
            "numpy==1.0 --hash=crc:zz\n",
            "# comment\x0cevil==1.0\n",
            "\n",
            "-e git+https://git.example/a.git\n",
        );
        insta::assert_snapshot!(table(text), @r##"
        "--index-url http://pypi.internal.example/simple"
            setting
        "--extra-index-url https://wheels.example/whl/cu121 --trusted-host pypi.internal.example"
            setting
        "--find-links ./wheels"
            setting
        "-r base.txt"
            requirements base.txt
        "-cconstraints.txt"
            constraints constraints.txt
        "torch==2.2.0+cu121 ; sys_platform == \"linux\""
            torch 2.2.0+cu121 exact
        "ray[default] @ https://files.example/ray-2.9.0-cp311-cp311-manylinux2014_x86_64.whl"
            ray 2.9.0 exact
        "other @ https://files.example/ray-2.9.0-cp311-cp311-manylinux2014_x86_64.whl"
            other - unauditable (a file named for another package)
        "git+https://git.example/peft.git@main#egg=peft"
            peft - unauditable (a branch or tag of a repository, which can move)
        "accelerate @ git+https://git.example/accelerate@v0.27.0"
            accelerate - unauditable (a branch or tag of a repository, which can move)
        "./local_pkg"
            local-pkg - unauditable (a path of the project)
        "-e ../other[extra]"
            other - unauditable (a path of the project)
        "x-1.0-py3-none-any.whl"
            x 1.0 exact
        "jinja2==3.1.2 \\\n    --hash=sha256:abcd \\\n    --hash=sha256:ef01"
            jinja2 3.1.2 exact
        "aiohttp \\\n    ==3.9.1"
            aiohttp 3.9.1 exact
        "odd===2013-weird"
            odd 2013-weird unauditable (its version is none of PEP 440)
        "torch=2.0"
            problem: `torch=2.0` is no requirement: malformed version specifier
        "--frobnicate"
            problem: `--frobnicate` is no option of a requirements file
        "--index-url"
            problem: `--index-url` names nothing
        "numpy==1.0 --hash=crc:zz"
            problem: `crc:zz` is no hash
        "# comment"
            empty
        "evil==1.0"
            evil 1.0 exact
        ""
            empty
        "-e git+https://git.example/a.git"
            a - unauditable (a repository at whatever its default branch is)
        "##);
    }

    #[test]
    fn hashes_annotations_and_places_are_kept() {
        let text = "\u{feff}a==1 --hash=sha256:AB\n    # via\n    #   b\n    #   project\nc==2  # via -r requirements.in\n";
        let m = read(text);
        let [a, c] = m.components.as_slice() else { panic!() };
        assert_eq!(
            (a.name.as_str(), a.hashes[0].to_string().as_str()),
            ("a", "sha256:ab")
        );
        assert_eq!(
            (a.via.as_slice(), c.direct),
            (["b".to_owned()].as_slice(), Some(true))
        );
        let wellhead_core::Span::Text { start, .. } = &c.declared.span else {
            panic!()
        };
        assert_eq!((start.line, start.column), (5, 1));
    }

    #[test]
    fn no_secret_gets_out() {
        let m = read(
            "-i https://u:hunter2@pypi.example/simple\nx @ https://u:hunter2@f.example/x-1.0.tar.gz\n# https://u:hunter2@h\n",
        );
        assert_eq!(m.indexes.credentials.len(), 3);
        assert!(!format!("{m:?}").contains("hunter2"));
    }

    /// As pip reads them, tried against its own parser.
    #[test]
    fn options_are_taken_as_pip_takes_them() {
        let of = |text: &str| {
            let m = read_requirements(
                ManifestKind::Requirements,
                &ArtifactPath::file("requirements.txt"),
                text,
                &mut Budget::default(),
            );
            let packages: Vec<String> = m.components.iter().map(|c| c.name.clone()).collect();
            (
                packages.join(","),
                m.indexes.entries.len(),
                m.includes.len(),
                m.problems.len(),
            )
        };
        for (text, packages, indexes, includes, problems) in [
            // An option of the list behind a requirement is taken and left.
            (
                "torch==2.2.0 --index-url https://i.example/simple",
                "torch",
                0,
                0,
                0,
            ),
            ("torch==2.2.0 -r base.txt", "torch", 0, 0, 0),
            ("torch==2.2.0 --no-index", "torch", 0, 0, 0),
            ("torch==2.2.0 --unknown", "", 0, 0, 1),
            // What begins one option only is that option.
            ("--extra-index https://i.example/simple", "", 1, 0, 0),
            ("--extra-index=https://i.example/simple", "", 1, 0, 0),
            ("--find ./wheels", "", 1, 0, 0),
            ("--requirem base.txt", "", 0, 1, 0),
            ("--req base.txt", "", 0, 0, 1),
            ("torch==2.2.0;", "torch", 0, 0, 0),
            ("a@https://f.example/a-1.zip;python_version > '3'", "a", 0, 0, 0),
            ("torch==${TORCH}", "torch", 0, 0, 0),
            ("torch==${torch}", "", 0, 0, 1),
            ("${PACKAGE}", "", 0, 0, 1),
        ] {
            assert_eq!(
                of(text),
                (packages.to_owned(), indexes, includes, problems),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_line_is_accounted_for(text in any::<String>()) {
            let m = read(&text);
            prop_assert_eq!(m.lines.len(), logical_lines(text.trim_start_matches('\u{feff}')).len());
        }

        #[test]
        fn never_panics_near_the_grammar(text in "([-a1=<>;@# \\\\\n'\"]|--hash=|--index-url |-e |://|git\\+){0,40}") {
            let _ = read(&text);
        }
    }
}
