//! Everything that a tree says of what runs, for rules that join it over files.
//!
//! The one decision: an estate knows places in one text of all files, a finding needs an artifact and a place in it. The
//! way from one to the other is here and nowhere else, so that no rule on estates knows of files.

use std::{ops::Range, sync::Arc};
use wellhead_core::{ArtifactPath, Location, Sink};
use wellhead_infra::Estate;

/// An estate, and the artifacts that its files are.
#[derive(Clone, Debug)]
pub struct EstateView {
    /// What the files say.
    pub estate: Estate,
    files: Vec<(ArtifactPath, Arc<str>)>,
}

impl EstateView {
    /// Joins an estate with the artifacts of its files, which stand in the order of [`Estate::files`].
    pub fn new(estate: Estate, files: Vec<(ArtifactPath, Arc<str>)>) -> Self {
        Self { estate, files }
    }

    /// The artifact that a place lies in, and the place in its own text.
    pub fn locate(&self, span: &Range<usize>) -> Option<(&ArtifactPath, &Arc<str>, Range<usize>)> {
        let (i, file, inner) = self.estate.files.position(span)?;
        let (artifact, text) = self.files.get(i)?;
        debug_assert_eq!(file.span.len(), text.len());
        Some((artifact, text, inner))
    }

    /// A place of the estate as a place of a finding.
    pub fn place(&self, sink: &Sink, span: &Range<usize>, label: impl Into<String>) -> Location {
        match self.locate(span) {
            Some((artifact, text, inner)) => sink.text_of(artifact, text, inner, label),
            None => sink.whole(label),
        }
    }

    /// Several places with their labels as the places of one finding: those that lie near each other in one artifact are
    /// shown in one excerpt, the others each in one of its own. The first stays first.
    pub fn places(&self, sink: &Sink, marks: &[(Range<usize>, String)]) -> Vec<Location> {
        let mut out: Vec<(Range<usize>, Location)> = Vec::new();
        for (span, label) in marks {
            let near = |had: &Range<usize>| {
                let (first, last) = (had.start.min(span.start), had.end.max(span.end));
                let between = self.estate.files.slice(&(first..last));
                let same = self.estate.files.at(had.start) == self.estate.files.at(span.start);
                same && between.bytes().filter(|b| *b == b'\n').take(NEAR).count() < NEAR
            };
            let place = self.place(sink, span, label.as_str());
            match out.iter().position(|(had, _)| near(had)) {
                Some(i) => {
                    let (had, before) = out.remove(i);
                    out.insert(i, (had, before.joined(place)));
                }
                None => out.push((span.clone(), place)),
            }
        }
        out.into_iter().map(|(_, place)| place).collect()
    }
}

/// How many lines apart two places may be to be shown in one excerpt.
const NEAR: usize = 40;
