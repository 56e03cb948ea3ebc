//! One file of the target, with all that lies inside it.
//!
//! The unpack queue: an artifact is identified, opened, judged, and its members go back to the queue. All of it runs
//! under one budget, and each artifact inside one `catch_unwind`, so that a bug in a parser costs one artifact.

use crate::{
    carriers,
    distribution::Shipped,
    estate::{self, Configured},
    facts::Fact,
    repository::{self, Packed},
    run::Options,
    scoreboard::Scoreboard,
    subjects,
};
use std::{
    borrow::Cow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};
use wellhead_core::{
    ArtifactPath, Blob, Budget, Coverage, Depth, Exhausted, Finding, Location, Outcome, Resource, Severity,
    Sink, sha256_of,
};
use wellhead_formats::{
    Document, Family, Format, Identity, Member, OpenOptions, Opened, Role, Support, identify,
    is_named_like_model, may_hide_model, open,
};
use wellhead_infra::{Dialect, dialect};
use wellhead_rules::{ARCHIVE_BOMB, DIGEST_MISMATCH, INTERNAL_ERROR, NOT_FULLY_ANALYSED, Subject};
use wellhead_sources::{Content, Entry};

/// Files of an index up to this size are fetched in one piece.
const HAD_WHOLE: u64 = 64 << 20;

/// What one file of the target came to.
#[derive(Debug, Default)]
pub(crate) struct FileResult {
    pub(crate) coverage: Vec<Coverage>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) scoreboard: Scoreboard,
    pub(crate) is_model: bool,
    pub(crate) bytes: u64,
    /// What is kept of its distributions until all files are judged.
    pub(crate) shipments: Vec<crate::clones::Shipment>,
    /// The distributions in it, while it is judged.
    pub(crate) shipped: Shipped,
    /// What of it says how something is run, until that is judged together.
    pub(crate) configured: Vec<Configured>,
    /// How many files it speaks of, where that is more than one.
    pub(crate) covers: u64,
    /// Whether the file itself is a package.
    pub(crate) is_package: bool,
    /// Whether the time ran out or somebody interrupted, so that another run may come to something else.
    pub(crate) ran_out: bool,
}

/// An artifact that waits in the queue.
struct Queued {
    path: ArtifactPath,
    content: Waiting,
    /// Whether something round it runs code when it is loaded, so that what cannot be seen of it matters.
    in_model: bool,
    /// Whether an archive round it bears a model's name, so that what cannot be had of it matters.
    hides: bool,
    /// The format of the container it is a member of.
    inside: Option<&'static Format>,
}

/// What members inherit from the container round them.
#[derive(Clone, Copy)]
struct Round {
    in_model: bool,
    hides: bool,
    format: &'static Format,
}

enum Waiting {
    File(Blob),
    Member(Box<Member>),
}

/// Somebody who is shown every artifact after it was judged.
pub(crate) trait Visitor {
    /// An artifact was opened.
    fn visit(&mut self, input: &subjects::Input<'_>, budget: &mut Budget);

    /// Whether the packages in the file are to be judged as a whole.
    fn judges_packages(&self) -> bool {
        true
    }
}

/// A visitor that does not look.
struct Blind;

impl Visitor for Blind {
    fn visit(&mut self, _: &subjects::Input<'_>, _: &mut Budget) {}
}

/// Judges a file and all its members.
pub(crate) fn analyse(path: &str, entry: &Entry, options: &Options<'_>) -> FileResult {
    visit(path, entry, options, &mut Blind)
}

/// Judges a file and all its members, and shows each to a visitor.
pub(crate) fn visit(
    path: &str,
    entry: &Entry,
    options: &Options<'_>,
    visitor: &mut dyn Visitor,
) -> FileResult {
    let artifact = ArtifactPath::file(path);
    let mut file = Analysis {
        options,
        budget: Budget::new(options.limits.clone(), Arc::clone(&options.cancelled)),
        result: FileResult::default(),
        queue: Vec::new(),
        packed: Vec::new(),
        carriers: carriers::Kept::default(),
        visitor,
    };
    let mut source = None;
    match entry.open() {
        Ok(blob) => {
            file.result.bytes = blob.len();
            source = Some(blob.clone());
            file.queue.push(Queued {
                path: artifact,
                content: Waiting::File(blob),
                in_model: false,
                hides: false,
                inside: None,
            });
        }
        Err(why) => file.cover(artifact, Outcome::NotAnalysed { why }, None),
    }
    file.run();
    file.repositories();
    file.estates();
    if file.visitor.judges_packages() {
        file.distributions(path);
        file.carriers();
    }
    if let Some(blob) = source {
        file.origin(path, entry, &blob);
        if let Some(why) = blob.failure() {
            file.failed_to_read(path, &why);
        }
    }
    file.bomb(path);
    file.result.ran_out = file.budget.depends_on_time();
    file.result
}

struct Analysis<'a> {
    options: &'a Options<'a>,
    budget: Budget,
    result: FileResult,
    queue: Vec<Queued>,
    packed: Vec<Packed>,
    carriers: carriers::Kept,
    visitor: &'a mut dyn Visitor,
}

impl Analysis<'_> {
    fn run(&mut self) {
        while let Some(next) = self.queue.pop() {
            let path = next.path.clone();
            // A parser that panics leaves at most its own artifact half-judged; the queue and the results are only
            // ever appended to.
            if catch_unwind(AssertUnwindSafe(|| self.one(next))).is_err() {
                self.failed(path);
            }
        }
    }

    /// Judges the model repositories that lie packed in the file.
    fn repositories(&mut self) {
        let packed = std::mem::take(&mut self.packed);
        if packed.is_empty() {
            return;
        }
        for repository in repository::archives(packed, &self.result.coverage, self.options) {
            let path = repository.documents.values().next().map(|d| d.artifact.clone());
            let mut sink = Sink::new(path.unwrap_or_else(|| ArtifactPath::file("")));
            let enabled = |rule: &wellhead_core::Rule| self.options.enables(rule);
            wellhead_rules::judge(Subject::Repository(&repository), &enabled, &mut sink);
            self.result.findings.extend(sink.into_findings());
        }
    }

    /// Judges what archives in the file hold of configuration; what lies beside the file waits for the rest of the target.
    fn estates(&mut self) {
        let (outside, inside) = std::mem::take(&mut self.result.configured)
            .into_iter()
            .partition(|c| c.artifact.nesting() == 0);
        self.result.configured = outside;
        let told = estate::of_archives(inside, &mut self.budget, self.options);
        let versions = told.tell(
            &mut self.result.findings,
            &mut self.result.coverage,
            &mut self.result.scoreboard,
        );
        self.result.facts.extend(versions.facts);
    }

    /// Judges the distributions that the file is or holds.
    fn distributions(&mut self, path: &str) {
        let shipped = std::mem::take(&mut self.result.shipped);
        let artifact = ArtifactPath::file(path);
        self.result.is_package = shipped.is_one(&artifact);
        let judged = catch_unwind(AssertUnwindSafe(|| {
            let mut judge = Judge {
                options: self.options,
                path: &artifact,
                result: &mut self.result,
            };
            shipped.judge(&mut judge, &mut self.budget)
        }));
        match judged {
            Ok(partly) => {
                for (path, why) in partly {
                    self.less_seen(&path, why);
                }
            }
            Err(_) => self.failed(artifact),
        }
    }

    /// Judges what the packages in the file carry beside their source.
    fn carriers(&mut self) {
        for (path, carriers) in carriers::packages(std::mem::take(&mut self.carriers), &self.result.facts) {
            let mut sink = Sink::new(path);
            let enabled = |rule: &wellhead_core::Rule| self.options.enables(rule);
            wellhead_rules::judge(Subject::Carriers(&carriers), &enabled, &mut sink);
            self.result.findings.extend(sink.into_findings());
        }
    }

    fn failed(&mut self, path: ArtifactPath) {
        let finding = Finding::new(
            &INTERNAL_ERROR,
            "nothing is known about this artifact: wellhead itself failed on it",
            Location::whole(&path, "not judged"),
        );
        if self.options.enables(&INTERNAL_ERROR) {
            self.result
                .findings
                .push(finding.help("report it as SECURITY.md describes, and do not load it until then"));
        }
        self.cover(
            path,
            Outcome::NotAnalysed {
                why: "internal error".to_owned(),
            },
            None,
        );
    }

    fn cover(&mut self, artifact: ArtifactPath, outcome: Outcome, format: Option<&'static Format>) {
        self.cover_to(artifact, outcome, format, self.options.depth);
    }

    fn cover_to(
        &mut self,
        artifact: ArtifactPath,
        outcome: Outcome,
        format: Option<&'static Format>,
        depth: Depth,
    ) {
        self.result.coverage.push(Coverage {
            artifact,
            outcome,
            depth,
            format: format.map(|f| Cow::Borrowed(f.name)),
        });
    }

    fn one(&mut self, next: Queued) {
        let Queued {
            path,
            content,
            in_model,
            hides,
            inside,
        } = next;
        let (blob, role, had) = match content {
            Waiting::File(blob) => match blob.bytes(0, 1) {
                Ok(_) => (blob, Role::Plain, Outcome::Analysed),
                Err(e) => {
                    let why = format!("could not be read: {e}");
                    (
                        Blob::from_bytes(Vec::new()),
                        Role::Plain,
                        Outcome::NotAnalysed { why },
                    )
                }
            },
            Waiting::Member(member) => {
                let body = member.body(&mut self.budget);
                (body.blob, member.role, body.outcome)
            }
        };
        let name = path.leaf().to_owned();
        let mut identity = identify(&name, role, &blob, &mut self.budget);
        identity.inside = inside;
        let format = identity.format;
        let is_model = in_model || runs_code(&identity);
        let hides = hides || may_hide_model(&name, format);
        self.result.is_model |= is_model_file(format);
        if matches!(had, Outcome::NotAnalysed { .. }) && blob.is_empty() {
            let could_run = is_model || hides || runs_code_by_name(&identity) || is_named_like_model(&name);
            self.unseen(&path, &had, role, could_run);
            self.result.shipped.unread(&path);
            self.cover(path, had, identity.by_name);
            return;
        }
        let depth = self.depth_for(role);
        let mut opened = open(
            &name,
            &identity,
            &blob,
            OpenOptions { depth, role },
            &mut self.budget,
        );
        let members = std::mem::take(&mut opened.members);
        let had_all = had.why().is_none();
        let outcome = had.and(as_template(&path, &opened).unwrap_or_else(|| opened.outcome.clone()));
        let outcome = self.judge(&path, &identity, &opened, &blob, role, outcome);
        let nothing = members.is_empty() && matches!(outcome, Outcome::NotAnalysed { .. });
        let round = Round {
            in_model: is_model,
            hides,
            format,
        };
        let outcome = self.enqueue(&path, members, round, outcome);
        // A pickle of which a part was not seen has a rule of its own that says how far loaders get.
        if !matches!(opened.document, Document::Pickle(_)) {
            let archive = format.family == Family::Archive;
            // Bytes that could not be had may be those of a model, if a name says so.
            let named = hides || runs_code_by_name(&identity) || is_named_like_model(&name);
            let could_run = is_model || (named && !had_all) || (archive && may_hide_model(&name, format));
            self.unseen(&path, &outcome, role, could_run);
            if archive && nothing && !could_run {
                self.closed(&path, &outcome);
            }
        }
        let read = if reads_all(&opened.document) {
            Depth::Full
        } else {
            depth
        };
        self.cover_to(path, outcome, Some(format), read);
    }

    fn depth_for(&self, role: Role) -> Depth {
        // Tensor bytes are probed at their heads unless all was asked for.
        if role == Role::Tensor {
            self.options.depth
        } else {
            self.options.depth.max(Depth::Headers)
        }
    }

    /// Puts members in the queue, the first on top.
    fn enqueue(
        &mut self,
        path: &ArtifactPath,
        members: Vec<Member>,
        round: Round,
        outcome: Outcome,
    ) -> Outcome {
        if members.is_empty() {
            return outcome;
        }
        let depth = self.budget.limits().depth;
        if path.nesting() >= usize::try_from(depth).unwrap_or(usize::MAX) {
            let why = Exhausted {
                resource: Resource::Depth,
                limit: depth.into(),
            };
            self.bomb_at(path, why, Severity::High);
            return outcome.and(Outcome::Partly { why: why.to_string() });
        }
        let queued = members.into_iter().rev().map(|member| Queued {
            path: path.member(member.name.clone()),
            content: Waiting::Member(Box::new(member)),
            in_model: round.in_model,
            hides: round.hides,
            inside: Some(round.format),
        });
        self.queue.extend(queued);
        outcome
    }

    /// Whether the file is the one that its source says it is, as far as that can be told without fetching it twice.
    fn origin(&mut self, path: &str, entry: &Entry, blob: &Blob) {
        let offered = matches!(entry.content, Content::Offered(_));
        let full = self.options.depth == Depth::Full;
        match blob.claimed() {
            [] if offered => {
                self.less_seen(
                    &ArtifactPath::file(path),
                    "the index states no digest of it".to_owned(),
                );
            }
            [] => {}
            // An index's file of that size was had whole, so that to compare it costs nothing.
            _ if full || offered && blob.len() <= HAD_WHOLE => self.compare(path, blob),
            _ if offered => {
                let why = "its digest was not compared with that of the index: use `--full`".to_owned();
                self.less_seen(&ArtifactPath::file(path), why);
            }
            _ => {}
        }
    }

    /// Whether the file is the one that its source says it is.
    fn compare(&mut self, path: &str, blob: &Blob) {
        if !self.options.enables(&DIGEST_MISMATCH) {
            return;
        }
        let path = ArtifactPath::file(path);
        let found = match sha256_of(blob, &mut self.budget) {
            Ok(found) => found,
            Err(why) => {
                self.less_seen(&path, format!("its digest could not be compared: {why}"));
                return;
            }
        };
        let stated = blob.claimed().iter().find(|c| c.algorithm == found.algorithm);
        if let Some(stated) = stated.filter(|c| !c.hex.eq_ignore_ascii_case(&found.hex)) {
            self.result.findings.push(
                Finding::new(
                    &DIGEST_MISMATCH,
                    "whoever loads this gets another file than its source lists: the bytes were replaced or damaged",
                    Location::whole(&path, "not what the source lists"),
                )
                .note(format!("listed: sha256 {}", stated.hex))
                .note(format!("sent: sha256 {}", found.hex))
                .help("do not load it; fetch it again past caches and mirrors and compare"),
            );
        }
    }

    fn less_seen(&mut self, path: &ArtifactPath, why: String) {
        let row = self.result.coverage.iter_mut().find(|row| row.artifact == *path);
        if let Some(row) = row
            && row.outcome.why().is_none()
        {
            row.outcome = Outcome::Partly { why };
        }
    }

    /// Readers take a failure for the end here and there, so a file of which a read failed was not wholly seen,
    /// whatever they said.
    fn failed_to_read(&mut self, path: &str, why: &str) {
        let artifact = ArtifactPath::file(path);
        let why = format!("could not be read: {why}");
        self.less_seen(&artifact, why.clone());
        let told = |f: &Finding| {
            f.rule == NOT_FULLY_ANALYSED.id && f.locations.iter().any(|l| l.artifact == artifact)
        };
        if !self.result.findings.iter().any(told) {
            let could_run = self.result.is_model || is_named_like_model(path);
            self.unseen(&artifact, &Outcome::Partly { why }, Role::Plain, could_run);
        }
    }

    /// A file whose members grew beyond the ceiling: one that is small for that was made to do so.
    fn bomb(&mut self, path: &str) {
        let Some(why) = self.budget.exhausted() else {
            return;
        };
        let severity = match why.resource {
            Resource::Ratio => Severity::High,
            Resource::ExpandedBytes if why.limit / 100 > self.result.bytes => Severity::High,
            Resource::ExpandedBytes => Severity::Medium,
            _ => return,
        };
        self.bomb_at(&ArtifactPath::file(path), why, severity);
    }

    fn bomb_at(&mut self, path: &ArtifactPath, why: Exhausted, severity: Severity) {
        if !self.options.enables(&ARCHIVE_BOMB) {
            return;
        }
        let message =
            format!("unpacking this may fill memory or disk, and it was not unpacked to its end: {why}");
        self.result.findings.push(
            Finding::new(
                &ARCHIVE_BOMB,
                message,
                Location::whole(path, "not unpacked further"),
            )
            .severity(severity)
            .help("do not unpack it; if it is your own, raise the ceiling or store it without compression")
            .subject(format!("{:?}", why.resource)),
        );
    }

    /// "Not looked at" is a finding of its own where what was not seen could run code.
    fn unseen(&mut self, path: &ArtifactPath, outcome: &Outcome, role: Role, could_run: bool) {
        let Some(why) = outcome.why() else { return };
        if !(could_run || role == Role::Pickle) || !self.options.enables(&NOT_FULLY_ANALYSED) {
            return;
        }
        let message = match outcome {
            Outcome::NotAnalysed { .. } => {
                format!("this was not looked at and may run code when it is loaded: {why}")
            }
            _ => format!("only a part of this was seen, the rest may run code when it is loaded: {why}"),
        };
        self.result.findings.push(
            Finding::new(&NOT_FULLY_ANALYSED, message, Location::whole(path, "not seen"))
                .help("ask for the same weights as safetensors, or raise the ceiling if the artifact is your own")
                .subject(why.to_owned()),
        );
    }

    /// An archive of which not even a name was seen: whether a model is in it nobody can tell.
    fn closed(&mut self, path: &ArtifactPath, outcome: &Outcome) {
        let (Some(why), true) = (outcome.why(), self.options.enables(&NOT_FULLY_ANALYSED)) else {
            return;
        };
        let message = format!("this archive was not looked into, and may hold what runs code: {why}");
        self.result.findings.push(
            Finding::new(&NOT_FULLY_ANALYSED, message, Location::whole(path, "not seen"))
                .severity(Severity::Medium)
                .help("unpack it where that is safe, and audit what comes out")
                .subject(why.to_owned()),
        );
    }

    fn judge(
        &mut self,
        path: &ArtifactPath,
        identity: &Identity,
        opened: &Opened,
        blob: &Blob,
        role: Role,
        outcome: Outcome,
    ) -> Outcome {
        let mut judge = Judge {
            options: self.options,
            path,
            result: &mut self.result,
        };
        let input = subjects::Input {
            path,
            identity,
            opened,
            blob,
            role,
        };
        let more = subjects::judge(&input, &mut judge, &mut self.budget);
        self.visitor.visit(&input, &mut self.budget);
        repository::keep(&input, &mut self.packed);
        self.result.shipped.keep(&input, &outcome, &mut self.budget);
        carriers::keep(&input, &mut self.carriers, &mut self.budget);
        outcome.and(more)
    }
}

/// Hands subjects to the rules and keeps what they say.
pub(crate) struct Judge<'a, 'o> {
    options: &'a Options<'o>,
    pub(crate) path: &'a ArtifactPath,
    pub(crate) result: &'a mut FileResult,
}

impl Judge<'_, '_> {
    /// Whether a rule that no subject raises is wanted.
    pub(crate) fn enables(&self, rule: &wellhead_core::Rule) -> bool {
        self.options.enables(rule)
    }

    /// Whether the artifact was named as a lock.
    pub(crate) fn is_lock(&self) -> bool {
        self.options.locks.contains(&self.path.to_string())
    }

    /// Whether somebody named the file outright.
    pub(crate) fn is_asked(&self) -> bool {
        self.options.asked.contains(&self.path.to_string())
    }

    /// Judges one subject. Structured subjects count on the scoreboard; `counts` is false for what every file is.
    pub(crate) fn subject(&mut self, subject: Subject<'_>, counts: bool) {
        let sink = Sink::new(self.path.clone());
        let sink = match subject.text() {
            Some(text) => sink.of_text(Arc::clone(text)),
            None => sink,
        };
        self.place(subject, counts, sink);
    }

    /// The same for a subject that lies elsewhere than the artifact.
    pub(crate) fn subject_at(&mut self, subject: Subject<'_>, sink: Sink) {
        self.place(subject, true, sink);
    }

    fn place(&mut self, subject: Subject<'_>, counts: bool, mut sink: Sink) {
        let enabled = |rule: &wellhead_core::Rule| self.options.enables(rule);
        let measures = wellhead_rules::judge(subject, &enabled, &mut sink);
        if counts {
            for measure in measures {
                self.result.scoreboard.judged(measure, self.path.to_string());
            }
        }
        self.result.findings.extend(sink.into_findings());
    }

    /// Keeps a text that says how something is run, until all are there that it speaks of.
    pub(crate) fn configured(&mut self, text: &Arc<str>, budget: &mut Budget) -> Outcome {
        estate::keep(self.path, text, self.options, &mut self.result.configured, budget)
    }

    /// Keeps what the file takes from elsewhere, where a policy asks for it.
    pub(crate) fn take(&mut self, taken: impl FnOnce() -> Vec<wellhead_rules::Taken>) {
        if self.options.config.sources.is_some() {
            self.result.facts.push(crate::facts::Fact::Taken(taken()));
        }
    }
}

/// Whether a document of this kind is always read to its last byte; of the others only what decides is.
fn reads_all(document: &Document) -> bool {
    match document {
        Document::Pickle(_)
        | Document::Bytecode(_)
        | Document::Compressed(_)
        | Document::Data(_)
        | Document::Text(_) => true,
        Document::Zip(_)
        | Document::Tar(_)
        | Document::Archive(_)
        | Document::Safetensors(_)
        | Document::Npy(_)
        | Document::Model(_)
        | Document::Native(_)
        | Document::Opaque => false,
    }
}

/// Whether loading it runs what it says, as far as its content or its name tell. Formats that are recognised and not
/// read yet are told in the last line of the run and are no finding each.
fn runs_code(identity: &Identity) -> bool {
    let format = identity.format;
    // Native code is told of where it is damaged, and is no model that somebody loads.
    format.runs_code_on_load && format.support == Support::Opened && format.family != Family::Executable
}

fn runs_code_by_name(identity: &Identity) -> bool {
    identity.by_name.is_some_and(|f| f.runs_code_on_load)
}

fn is_model_file(format: &Format) -> bool {
    format.family == Family::Model
}

/// A template of a chart is no YAML before it is filled in, which the estate does: that it does not parse says nothing.
fn as_template(path: &ArtifactPath, opened: &Opened) -> Option<Outcome> {
    let Document::Data(data) = &opened.document else {
        return None;
    };
    let only_that = opened.outcome.why()?.starts_with("not valid YAML");
    let text = &data.text.text;
    (only_that && dialect(path.leaf(), text) == Some(Dialect::HelmTemplate)).then_some(Outcome::Analysed)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken;

    impl Visitor for Broken {
        fn visit(&mut self, input: &subjects::Input<'_>, _: &mut Budget) {
            assert!(input.path.top() != "b.txt", "a bug in a parser");
        }
    }

    #[test]
    fn a_bug_in_a_parser_costs_one_artifact() {
        let entry = Entry {
            path: "b.txt".to_owned(),
            content: Content::Blob(Blob::from_bytes(*b"x")),
        };
        let result = visit("b.txt", &entry, &Options::default(), &mut Broken);
        assert_eq!(
            result
                .findings
                .iter()
                .map(|f| f.rule.as_ref())
                .collect::<Vec<_>>(),
            ["internal-error"]
        );
        assert_eq!(
            result.coverage.last().and_then(|c| c.outcome.why()),
            Some("internal error")
        );
    }
}
