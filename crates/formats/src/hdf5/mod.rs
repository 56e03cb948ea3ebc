//! HDF5: groups, arrays and attributes, in which Keras keeps models and PyTables keeps pickles.
//!
//! The library follows addresses through trees and heaps of several generations; so does this reader, over all of them,
//! because a scanner that knows only one layout is passed by writing the other. Bytes are read where an address leads and
//! nowhere else, so a model costs its headers. The one decision: what is text in an attribute is not judged here. A
//! configuration of Keras and a pickle go back to the queue as members, and what a data set takes from other files
//! is a reference.

mod attribute;
mod dataset;
mod fields;
mod group;
mod heap;
mod object;
mod superblock;
#[cfg(test)]
mod tests;
mod tree;
mod types;

use crate::{
    bytes::Source,
    document::{Member, Opened, Role},
    format::table as t,
    graph::{Framework, Graph, Place, ReferenceKind},
    identify, keras,
    model::{Model, Opening},
    tensors::{Defect, Tensor, defect},
};
use attribute::Attribute;
use group::Target;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use types::{Datatype, Kind};
use wellhead_core::{Blob, Budget, Exhausted, Outcome, code};

/// Longest path of an object; groups of groups in a circle of links would grow for ever.
const MAX_PATH: usize = 4096;
/// Longest value of an attribute that is shown.
const MAX_SHOWN: usize = 1024;
/// Most attributes that are shown.
const MAX_ATTRIBUTES: usize = 1000;
/// Most members that attributes become.
const MAX_MEMBERS: usize = 1 << 14;
/// Most bytes that are looked through for pickles in the heap.
const MAX_SCANNED: u64 = 4 << 30;

/// Why a structure was not read.
#[derive(Debug)]
enum Fault {
    /// A ceiling was reached: everything stops.
    Exhausted(Exhausted),
    /// It is damaged, which was noted: the rest goes on.
    Damaged,
}

impl From<Exhausted> for Fault {
    fn from(why: Exhausted) -> Self {
        Self::Exhausted(why)
    }
}

/// Where the objects of one global heap collection lie.
type Collection = (u64, BTreeMap<u32, (u64, u64)>);

struct Reader<'s, 'b> {
    source: Source<'s>,
    budget: &'b mut Budget,
    /// Where the file's own addresses begin.
    base: u64,
    /// Bytes of an address.
    offsets: usize,
    /// Bytes of a length.
    lengths: usize,
    defects: Vec<Defect>,
    /// The first thing that was passed over.
    unseen: Option<String>,
    collection: Option<Collection>,
}

impl Reader<'_, '_> {
    /// At most `n` bytes at an address.
    fn bytes(&mut self, at: u64, n: usize) -> Result<Vec<u8>, Fault> {
        self.budget.steps((n as u64 / 64).saturating_add(4))?;
        let left = self.source.blob.len().saturating_sub(at);
        self.budget.memory(left.min(n as u64))?;
        let bytes = self.source.bytes(self.base.saturating_add(at), n);
        self.budget.release(left.min(n as u64));
        Ok(bytes)
    }

    /// `n` bytes at an address, whose memory stays taken.
    fn paid(&mut self, at: u64, n: u64) -> Result<Vec<u8>, Fault> {
        let left = self
            .source
            .blob
            .len()
            .saturating_sub(at.saturating_add(self.base));
        let n = n.min(left);
        self.hold(n)?;
        self.budget.steps(n / 64)?;
        let bytes = self
            .source
            .bytes(self.base.saturating_add(at), usize::try_from(n).unwrap_or(0));
        Ok(bytes)
    }

    fn hold(&mut self, n: u64) -> Result<(), Fault> {
        self.budget.memory(n)?;
        Ok(())
    }

    /// Whether an address is the one that stands for none.
    fn is_nowhere(&self, address: u64) -> bool {
        let bits = u32::try_from(self.offsets.saturating_mul(8)).unwrap_or(64);
        address
            == u64::MAX
                .checked_shr(64_u32.saturating_sub(bits))
                .unwrap_or(u64::MAX)
    }

    fn defect(&mut self, at: u64, words: impl Into<String>) {
        let at = at.saturating_add(self.base);
        defect(&mut self.defects, at..at.saturating_add(1), words);
    }

    /// Notes damage that ends what is being read.
    fn broken(&mut self, at: u64, words: &str) -> Fault {
        self.defect(at, words);
        self.unseen(words);
        Fault::Damaged
    }

    fn unseen(&mut self, what: &str) {
        self.unseen.get_or_insert_with(|| what.to_owned());
    }
}

/// Opens the file.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut file = File {
        model: Model::new(&t::HDF5),
        members: Vec::new(),
        chunks: BTreeMap::new(),
        sequences: false,
    };
    file.model.graph = Graph::new(Framework::Keras);
    let mut r = Reader {
        source: Source::new(opening.blob),
        budget,
        base: 0,
        offsets: 8,
        lengths: 8,
        defects: Vec::new(),
        unseen: None,
        collection: None,
    };
    let ended = file.read(&mut r);
    let why = match ended {
        Err(Fault::Exhausted(why)) => Some(why.to_string()),
        _ => None,
    };
    let why = why
        .or_else(|| r.source.failed.take().map(|e| format!("could not be read: {e}")))
        .or_else(|| r.unseen.take());
    file.model.defects = r.defects;
    let outcome = match why {
        Some(why) => Outcome::Partly { why },
        None => Outcome::Analysed,
    };
    file.model.opened(file.members, outcome, opening)
}

struct File {
    model: Model,
    members: Vec<Member>,
    /// Texts that were too long for one attribute and were cut into several, by the path, name and number of each.
    chunks: BTreeMap<(String, String), BTreeMap<u32, Vec<u8>>>,
    /// There are values of variable length that no attribute holds.
    sequences: bool,
}

impl File {
    fn read(&mut self, r: &mut Reader<'_, '_>) -> Result<(), Fault> {
        let root = superblock::read(r)?;
        self.user_block(r);
        let mut seen = BTreeSet::from([root]);
        let mut queue = VecDeque::from([(String::new(), root)]);
        while let Some((path, address)) = queue.pop_front() {
            r.budget.entries(1)?;
            match self.object(r, &path, address, &mut queue, &mut seen) {
                Ok(()) | Err(Fault::Damaged) => {}
                Err(why) => return Err(why),
            }
        }
        self.join_chunks(r)?;
        if self.sequences {
            self.scan_heap(r)?;
        }
        Ok(())
    }

    /// What stands in front of the superblock; a pickle there is a second reading of the file already.
    fn user_block(&mut self, r: &Reader<'_, '_>) {
        let block = r.source.blob.slice(0, r.base);
        if r.base > 0 && identify::glance(&block).is_some_and(|f| *f != t::PICKLE) {
            self.members
                .push(Member::stored("user block", Role::Plain, block));
        }
    }

    fn object(
        &mut self,
        r: &mut Reader<'_, '_>,
        path: &str,
        address: u64,
        queue: &mut VecDeque<(String, u64)>,
        seen: &mut BTreeSet<u64>,
    ) -> Result<(), Fault> {
        let messages = object::messages(r, address)?;
        let held: u64 = messages.iter().map(|m| m.data.len() as u64).sum();
        for attribute in attribute::read(r, &messages)? {
            self.attribute(r, path, &attribute)?;
            r.budget.release(attribute.held());
        }
        self.dataset(r, path, &messages)?;
        let mut links = group::links(r, &messages)?;
        links.sort_by(|a, b| a.name.cmp(&b.name));
        for link in links {
            r.budget.release(link.held());
            let below = format!("{path}/{}", link.name);
            match link.target {
                Target::Object(to) if below.len() > MAX_PATH || !seen.insert(to) => {}
                Target::Object(to) => {
                    r.hold((below.len() as u64).saturating_add(64))?;
                    queue.push_back((below, to));
                }
                Target::External { file } => {
                    let place = place(r, link.at);
                    let by = format!("the link {below}");
                    self.model.graph.reference(ReferenceKind::File, &file, by, place);
                }
                Target::Soft => {}
                Target::Other(kind) => {
                    let words = format!(
                        "the link {} is of the kind {kind}, which a program defines for itself",
                        code(&below)
                    );
                    r.defect(link.at, words);
                }
            }
        }
        r.budget.release(held);
        Ok(())
    }

    fn dataset(
        &mut self,
        r: &mut Reader<'_, '_>,
        path: &str,
        messages: &[object::Message],
    ) -> Result<(), Fault> {
        let Some(set) = dataset::read(r, messages)? else {
            return Ok(());
        };
        let name = path.trim_start_matches('/');
        r.hold((name.len() as u64).saturating_add(96))?;
        for (file, at) in &set.outside {
            let place = place(r, *at);
            let by = format!("the data set {name}");
            self.model.graph.reference(ReferenceKind::File, file, by, place);
        }
        if let (Some(bytes), Some(datatype)) = (&set.bytes, &set.datatype)
            && set.filters.is_empty()
            && holds_bytes(datatype)
        {
            let length = bytes.end.saturating_sub(bytes.start);
            self.hidden(name, r.source.blob.slice(bytes.start, length));
        }
        if let Some(Kind::Sequence(_)) = set.datatype.as_ref().map(|d| &d.kind) {
            self.sequences = true;
        }
        self.model.tensors.push(Tensor {
            name: name.to_owned(),
            dtype: set.datatype.map_or_else(|| "?".to_owned(), |d| d.name()),
            shape: set.shape,
            bytes: set.bytes.filter(|_| set.filters.is_empty()).unwrap_or(0..0),
        });
        Ok(())
    }

    /// Bytes that a program may take for something else go back to the queue where they look like it.
    fn hidden(&mut self, name: &str, blob: Blob) {
        if self.members.len() < MAX_MEMBERS && identify::glance(&blob).is_some() {
            self.members.push(Member::stored(name, Role::Plain, blob));
        }
    }

    fn attribute(&mut self, r: &mut Reader<'_, '_>, path: &str, attribute: &Attribute) -> Result<(), Fault> {
        let full = if path.is_empty() {
            attribute.name.clone()
        } else {
            format!("{} {}", path.trim_start_matches('/'), attribute.name)
        };
        if !attribute.is_text() {
            return Ok(());
        }
        let (stem, number) = numbered(&attribute.name);
        for (i, value) in attribute.values.iter().enumerate() {
            let name = if attribute.values.len() > 1 {
                format!("{full} {i}")
            } else {
                full.clone()
            };
            self.value(r, &name, value)?;
            if let (Some(number), [_]) = (number, attribute.values.as_slice()) {
                let texts = path.len().saturating_add(stem.len()).saturating_add(value.len());
                r.hold((texts as u64).saturating_add(96))?;
                let of = (path.to_owned(), stem.to_owned());
                self.chunks.entry(of).or_default().insert(number, value.clone());
            }
        }
        if let [only] = attribute.values.as_slice()
            && only.len() <= MAX_SHOWN
            && self.model.metadata.len() < MAX_ATTRIBUTES
        {
            let text = String::from_utf8_lossy(only).into_owned();
            self.model.metadata.push((full, text));
        }
        Ok(())
    }

    /// A text or bytes in an attribute: a configuration of Keras, a pickle, or nothing that is read further.
    fn value(&mut self, r: &mut Reader<'_, '_>, name: &str, value: &[u8]) -> Result<(), Fault> {
        if self.members.len() >= MAX_MEMBERS {
            r.unseen("attributes of a file with too many");
            return Ok(());
        }
        let role = if keras::may_be_config(value) {
            Role::As(&t::KERAS_CONFIG)
        } else if value.len() > 2 && identify::glance(&Blob::from_bytes(value)).is_some() {
            Role::Plain
        } else {
            return Ok(());
        };
        r.hold(value.len() as u64)?;
        self.members.push(Member::decoded(name, role, value));
        Ok(())
    }

    /// Puts texts together that were cut into several attributes, as Keras does with what is longer than 64 kB.
    fn join_chunks(&mut self, r: &mut Reader<'_, '_>) -> Result<(), Fault> {
        for ((path, stem), parts) in std::mem::take(&mut self.chunks) {
            let in_order = (0_u32..).zip(parts.keys()).all(|(i, number)| i == *number);
            if parts.len() < 2 || !in_order {
                continue;
            }
            let whole: Vec<u8> = parts.into_values().flatten().collect();
            r.hold(whole.len() as u64)?;
            let name = format!("{path}{}{stem}", if path.is_empty() { "" } else { " " });
            self.value(r, name.trim_start_matches('/'), &whole)?;
        }
        Ok(())
    }

    /// Looks for pickles among the values of variable length: PyTables keeps rows of objects so. Which row is where
    /// depends on indexes of many kinds, so all that lies in the heap is looked at instead.
    fn scan_heap(&mut self, r: &mut Reader<'_, '_>) -> Result<(), Fault> {
        const STEP: usize = 1 << 20;
        let end = r.source.blob.len();
        if end > MAX_SCANNED {
            r.unseen("the heap of a file that is very large");
            return Ok(());
        }
        let mut at = 0_u64;
        while at < end {
            r.budget.steps((STEP / 16) as u64)?;
            let window = r.source.bytes(at, STEP);
            // Collections begin at multiples of eight.
            let found: Vec<u64> = window
                .chunks(8)
                .enumerate()
                .filter(|(_, word)| word.starts_with(b"GCOL\x01"))
                .map(|(i, _)| at.saturating_add((i as u64).saturating_mul(8)))
                .collect();
            for place in found {
                self.collection(r, place.saturating_sub(r.base))?;
            }
            at = at.saturating_add(STEP as u64);
        }
        Ok(())
    }

    fn collection(&mut self, r: &mut Reader<'_, '_>, address: u64) -> Result<(), Fault> {
        let objects = match heap::collection(r, address) {
            Ok(objects) => objects,
            Err(Fault::Damaged) => return Ok(()),
            Err(why) => return Err(why),
        };
        for (index, (at, size)) in objects {
            let blob = r.source.blob.slice(r.base.saturating_add(at), size);
            if size > 2 && identify::is_pickle(&blob) {
                let name = format!("heap {address:#x} object {index}");
                if self.members.len() >= MAX_MEMBERS {
                    r.unseen("objects of a heap with too many");
                    return Ok(());
                }
                self.members.push(Member::stored(name, Role::Plain, blob));
            }
        }
        Ok(())
    }
}

fn place(r: &Reader<'_, '_>, at: u64) -> Place {
    Place {
        offset: at.saturating_add(r.base),
        length: 1,
    }
}

/// Whether the elements are bytes, so that all of them together may be something else.
fn holds_bytes(datatype: &Datatype) -> bool {
    match &datatype.kind {
        Kind::Text | Kind::Opaque => true,
        Kind::Number(_) => datatype.size == 1,
        Kind::Array(inner) => holds_bytes(inner),
        Kind::VariableText | Kind::Sequence(_) | Kind::Other(_) => false,
    }
}

/// The name without the number at its end.
fn numbered(name: &str) -> (&str, Option<u32>) {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name.get(stem.len()..).and_then(|n| n.parse().ok());
    (stem, number)
}
