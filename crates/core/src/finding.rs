//! A finding: the harm in words, the places that show it, and what to do.

use crate::{
    artifact::ArtifactPath,
    digest::hex,
    location::{Lines, Location},
    rule::{Confidence, Measure, Rule, Severity, named},
    untrusted::Untrusted,
};
use sha2::{Digest as _, Sha256};
use std::{
    borrow::Cow,
    cell::{OnceCell, RefCell},
    collections::BTreeMap,
    ops::Range,
    sync::Arc,
};

named!(
    /// What the policy makes of a rule.
    Level, "level", {
        /// The rule is off.
        Allow = "allow",
        /// Findings are shown and never fail the run.
        Warn = "warn",
        /// Findings fail the run whatever their severity.
        Deny = "deny",
    }
);

named!(
    /// Whether an edit may change what runs.
    Disposition, "disposition", {
        /// Pins or restricts, nothing else.
        Safe = "safe",
        /// Needs a human.
        Unsafe = "unsafe",
    }
);

/// An ignore of the policy that covers a finding.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ignored {
    /// Why, in the words of whoever wrote the ignore.
    pub reason: String,
    /// The day until which the ignore holds (`2027-03-01`), if it ends.
    pub expires: Option<String>,
    /// The place in the configuration.
    pub by: Option<Location>,
}

/// Whether a finding counts.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Status {
    /// It counts.
    Reported,
    /// An ignore covers it.
    Ignored(Box<Ignored>),
    /// A baseline held it already.
    Suppressed,
}

impl Status {
    /// The name in every machine format.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Ignored(_) => "ignored",
            Self::Suppressed => "suppressed",
        }
    }
}

/// A replacement of bytes in a text artifact.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Edit {
    /// The artifact.
    pub artifact: ArtifactPath,
    /// The bytes to replace.
    pub range: Range<u64>,
    /// What to put there.
    pub replacement: String,
}

/// A way to mend what was found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fix {
    /// What it does, as an imperative.
    pub description: String,
    /// Whether it may change what runs.
    pub disposition: Disposition,
    /// The edits, if it is one of text.
    pub edits: Vec<Edit>,
    /// The command, if it is one for another tool.
    pub command: Option<String>,
}

/// Something that was found. All text in it is safe to show: what came from outside has been escaped.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Finding {
    /// The rule's id. Text and not a reference to the rule, since a saved report may come from another version.
    pub rule: Cow<'static, str>,
    /// How much harm is done.
    pub severity: Severity,
    /// How sure it is.
    pub confidence: Confidence,
    /// The measure it belongs to.
    pub measure: Measure,
    /// Whether it counts.
    pub status: Status,
    /// What the policy says of the rule, where it says anything.
    pub level: Option<Level>,
    /// The harm, in one sentence without a full stop; code in backticks.
    pub message: String,
    /// The places, the first of which is the place itself. Never empty.
    pub locations: Vec<Location>,
    /// Facts worth adding, a sentence each.
    pub notes: Vec<String>,
    /// What to do, a sentence each, as imperatives.
    pub help: Vec<String>,
    /// Ways to mend it.
    pub fixes: Vec<Fix>,
    /// What a field's meaning needs beyond the others; keys are documented in the JSON reference.
    pub properties: BTreeMap<String, serde_json::Value>,
    /// What makes two findings of one rule in one artifact different, beside their position: a callable's name, a
    /// package and an advisory. Goes into the fingerprint, so that it survives lines being moved.
    pub subject: String,
}

impl Finding {
    /// A finding with the rule's own severity and confidence.
    pub fn new(rule: &'static Rule, message: impl Into<String>, location: Location) -> Self {
        Self {
            rule: Cow::Borrowed(rule.id),
            severity: rule.severity,
            confidence: rule.confidence,
            measure: rule.measure,
            status: Status::Reported,
            level: None,
            message: message.into(),
            locations: vec![location],
            notes: Vec::new(),
            help: Vec::new(),
            fixes: Vec::new(),
            properties: BTreeMap::new(),
            subject: String::new(),
        }
    }

    /// Sets the severity of this case.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Sets the confidence of this case.
    #[must_use]
    pub fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// Adds a related place.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        self.locations.push(location);
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds a way to mend it.
    #[must_use]
    pub fn fix(mut self, fix: Fix) -> Self {
        self.fixes.push(fix);
        self
    }

    /// Sets what makes this finding different from others of its rule in the artifact.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    /// Adds a property.
    #[must_use]
    pub fn property(mut self, key: &str, value: impl Into<serde_json::Value>) -> Self {
        self.properties.insert(key.to_owned(), value.into());
        self
    }

    /// The place itself.
    pub fn primary(&self) -> Option<&Location> {
        self.locations.first()
    }

    /// Whether it counts.
    pub fn is_reported(&self) -> bool {
        self.status == Status::Reported
    }

    /// A name for this finding that survives edits elsewhere in the file: SHA-256 over rule, artifact and subject
    /// (or the marked text, where the rule gave no subject), 32 hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        };
        part(&self.rule);
        if let Some(primary) = self.primary() {
            part(&primary.artifact.to_string());
            if self.subject.is_empty() {
                let excerpt = primary.excerpt.iter();
                for (e, mark) in
                    excerpt.flat_map(|e| e.marks.iter().filter(|m| m.primary).map(move |m| (e, m)))
                {
                    let line = e.lines.iter().find(|l| l.number == mark.line);
                    part(line.map_or("", |l| l.text.trim()));
                }
            }
        }
        part(if self.subject.is_empty() {
            &self.message
        } else {
            &self.subject
        });
        let digest = hash.finalize();
        hex(digest.get(..16).unwrap_or_default())
    }
}

/// Where a check puts what it found about one artifact.
#[derive(Debug)]
pub struct Sink {
    artifact: ArtifactPath,
    findings: Vec<Finding>,
    /// The text that is judged, and its lines once a place in it was asked for. It is held so that nothing else can
    /// come to lie where it lies.
    text: Option<(Arc<str>, OnceCell<Lines>)>,
    /// The same for the last text of another artifact: what is found in one text comes together.
    other: RefCell<Option<(Arc<str>, Lines)>>,
}

impl Sink {
    /// A sink for what is found in `artifact`.
    pub fn new(artifact: ArtifactPath) -> Self {
        Self {
            artifact,
            findings: Vec::new(),
            text: None,
            other: RefCell::new(None),
        }
    }

    /// The same for an artifact of this text: its lines are counted once for all that is found in it.
    #[must_use]
    pub fn of_text(mut self, text: Arc<str>) -> Self {
        self.text = Some((text, OnceCell::new()));
        self
    }

    /// The artifact that is being judged.
    pub fn artifact(&self) -> &ArtifactPath {
        &self.artifact
    }

    /// Takes a finding. A check calls it once for each place that needs a decision of its own.
    pub fn push(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// A place in the artifact's text.
    pub fn text(&self, text: &str, range: Range<usize>, label: impl Into<String>) -> Location {
        match &self.text {
            Some((own, lines)) if std::ptr::eq::<str>(&**own, text) => {
                let lines = lines.get_or_init(|| Lines::new(own));
                Location::text_in(&self.artifact, own, lines, range, label)
            }
            _ => Location::text(&self.artifact, text, range, label),
        }
    }

    /// A place in the text of another artifact, where many artifacts are judged together. The lines of the last text
    /// are kept, so that a place in it does not cost a way through all of it.
    pub fn text_of(
        &self,
        artifact: &ArtifactPath,
        text: &Arc<str>,
        range: Range<usize>,
        label: impl Into<String>,
    ) -> Location {
        let mut last = self.other.borrow_mut();
        let known = last.take().filter(|(known, _)| Arc::ptr_eq(known, text));
        let (_, lines) = last.insert(known.unwrap_or_else(|| (Arc::clone(text), Lines::new(text))));
        Location::text_in(artifact, text, lines, range, label)
    }

    /// A place in the artifact's text with a second labelled part of it in the excerpt, as [`Location::and`].
    pub fn and(
        &self,
        place: Location,
        text: &str,
        range: Range<usize>,
        label: impl Into<String>,
    ) -> Location {
        place.joined(self.text(text, range, label))
    }

    /// Bytes of the artifact.
    pub fn bytes(&self, offset: u64, length: u64, label: impl Into<String>) -> Location {
        Location::bytes(&self.artifact, offset, length, label)
    }

    /// The whole artifact.
    pub fn whole(&self, label: impl Into<String>) -> Location {
        Location::whole(&self.artifact, label)
    }

    /// What was found.
    pub fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}

/// Text from outside in a message: escaped and in backticks, cut after 80 characters.
pub fn code(text: &str) -> String {
    format!("`{}`", Untrusted::from(text).shown(80).replace('`', "'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::testing::RULE;

    #[test]
    fn a_fingerprint_survives_lines_that_move() {
        let path = ArtifactPath::file("a.py");
        let find = |text: &str| {
            let start = text.find("bad").unwrap();
            Finding::new(
                &RULE,
                "bad thing",
                Location::text(&path, text, start..start + 3, ""),
            )
            .fingerprint()
        };
        assert_eq!(find("x\nbad\n"), find("x\ny\nz\nbad\n"));
        assert_ne!(find("x\nbad\n"), find("x\nbad = 2\n"));
        assert_eq!(find("bad").len(), 32);
    }

    #[test]
    fn a_sink_that_knows_its_text_gives_the_same_places() {
        let text: Arc<str> = "a\nb c\n".into();
        let knows = Sink::new(ArtifactPath::file("a.py")).of_text(Arc::clone(&text));
        let plain = Sink::new(ArtifactPath::file("a.py"));
        let other = "x\ny\nz z";
        for (from, text) in [(2, &*text), (4, other)] {
            let place = |sink: &Sink| {
                let place = sink.text(text, from..from + 1, "here");
                sink.and(place, text, from + 2..from + 3, "there")
            };
            assert_eq!(place(&knows), place(&plain));
        }
    }

    #[test]
    fn a_sink_counts_the_lines_of_another_text_once() {
        let (path, sink) = (ArtifactPath::file("b.py"), Sink::new(ArtifactPath::file("a.py")));
        let (one, two): (Arc<str>, Arc<str>) = ("a\nb\nc\n".into(), "x\ny z\n".into());
        let counted = || {
            let last = sink.other.borrow();
            last.as_ref()
                .map(|(_, lines)| std::ptr::from_ref(lines.starts()).addr())
        };
        for text in [&one, &two, &one] {
            let mut seen = None;
            for from in [0, 2, 4] {
                let place = sink.text_of(&path, text, from..from + 1, "here");
                assert_eq!(place, Location::text(&path, text, from..from + 1, "here"));
                assert_eq!(
                    *seen.get_or_insert(counted()),
                    counted(),
                    "lines were counted anew"
                );
            }
        }
    }

    #[test]
    fn text_from_outside_cannot_break_out_of_its_backticks() {
        assert_eq!(code("a`b\x1b[0m"), "`a'b\\x1b[0m`");
    }
}
