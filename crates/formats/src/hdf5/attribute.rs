//! Attributes: a name, a type, and values that may lie in the global heap.

use super::{
    Fault, Reader,
    fields::Fields,
    group::text,
    heap::{self, FractalHeap, MAX_OBJECT},
    object::{self, Message, kind},
    tree,
    types::{Datatype, Kind, shape},
};

/// Most values of one attribute that are read.
const MAX_VALUES: usize = 1 << 16;
/// What a value takes in memory besides its bytes.
const VALUE: u64 = 56;

/// An attribute.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) datatype: Datatype,
    /// Its values one by one, texts without the zeros behind them.
    pub(super) values: Vec<Vec<u8>>,
}

impl Attribute {
    /// Whether its values are texts or bytes that a program may take for something else.
    pub(super) fn is_text(&self) -> bool {
        is_text(&self.datatype)
    }

    /// What was paid for its values, which whoever is done with it gives back.
    pub(super) fn held(&self) -> u64 {
        let each = |value: &Vec<u8>| (value.len() as u64).saturating_add(VALUE);
        self.values.iter().map(each).fold(0, u64::saturating_add)
    }
}

fn is_text(datatype: &Datatype) -> bool {
    match &datatype.kind {
        Kind::Text | Kind::VariableText | Kind::Opaque => true,
        Kind::Array(inner) | Kind::Sequence(inner) => {
            is_text(inner)
                || matches!(&inner.kind, Kind::Number(name) if name.ends_with("u1") || name.ends_with("i1"))
        }
        Kind::Number(_) | Kind::Other(_) => false,
    }
}

/// The attributes that an object's messages hold or lead to.
pub(super) fn read(r: &mut Reader<'_, '_>, messages: &[Message]) -> Result<Vec<Attribute>, Fault> {
    let mut out = Vec::new();
    for message in messages {
        match message.kind {
            kind::ATTRIBUTE if message.shared => r.unseen("an attribute that is shared between objects"),
            kind::ATTRIBUTE => one(r, &message.data, message.at, &mut out)?,
            kind::ATTRIBUTE_INFO => dense(r, message, &mut out)?,
            _ => {}
        }
    }
    Ok(out)
}

fn dense(r: &mut Reader<'_, '_>, message: &Message, out: &mut Vec<Attribute>) -> Result<(), Fault> {
    let mut f = Fields::new(&message.data);
    let mut read = || {
        f.skip(1)?;
        let flags = f.u8()?;
        if flags & 1 != 0 {
            f.skip(2)?;
        }
        Some((f.uint(r.offsets)?, f.uint(r.offsets)?))
    };
    let Some((heap, names)) = read() else {
        r.defect(message.at, "the list of attributes is damaged");
        return Ok(());
    };
    if r.is_nowhere(heap) || r.is_nowhere(names) {
        return Ok(());
    }
    let heap = FractalHeap::open(r, heap)?;
    let records = tree::records(r, names)?;
    for record in &records {
        // Eight bytes of id, then flags, of which the second says that the attribute lies elsewhere.
        if record.get(8).is_some_and(|flags| flags & 2 != 0) {
            r.unseen("an attribute that is shared between objects");
            continue;
        }
        let id = record.get(..8).unwrap_or_default();
        if let Some((at, bytes)) = heap.object(r, id)? {
            one(r, &bytes, at, out)?;
            r.budget.release(bytes.len() as u64);
        }
    }
    r.budget.release(tree::held(&records));
    Ok(())
}

fn one(r: &mut Reader<'_, '_>, bytes: &[u8], at: u64, out: &mut Vec<Attribute>) -> Result<(), Fault> {
    r.budget.steps(1)?;
    match parts(r, bytes)? {
        Some((name, datatype, count, data)) => {
            let values = values(r, &datatype, count, data)?;
            out.push(Attribute {
                name,
                datatype,
                values,
            });
        }
        None => r.defect(at, "an attribute is damaged"),
    }
    Ok(())
}

type Parts<'b> = (String, Datatype, u64, &'b [u8]);

fn parts<'b>(r: &mut Reader<'_, '_>, bytes: &'b [u8]) -> Result<Option<Parts<'b>>, Fault> {
    let mut f = Fields::new(bytes);
    let mut split = || {
        let version = f.u8()?;
        let flags = f.u8()?;
        let (name, datatype, space) = (f.size(2)?, f.size(2)?, f.size(2)?);
        if version >= 3 {
            f.skip(1)?;
        }
        let mut part = |n: usize| {
            let part = f.take(n)?;
            if version == 1 {
                f.align();
            }
            Some(part)
        };
        let name = part(name)?;
        let datatype = part(datatype)?;
        let space = part(space)?;
        let flags = if version == 1 { 0 } else { flags };
        (1..=3)
            .contains(&version)
            .then_some((name, datatype, space, flags))
    };
    let Some((name, datatype, space, flags)) = split() else {
        return Ok(None);
    };
    let name = text(name.split(|b| *b == 0).next().unwrap_or_default());
    let datatype = if flags & 1 != 0 {
        committed(r, datatype)?
    } else {
        Datatype::read(datatype)
    };
    let sizes = shape(space, r.lengths);
    let (Some(datatype), Some(sizes)) = (datatype, sizes) else {
        return Ok(None);
    };
    let count = sizes.iter().fold(1_u64, |n, size| n.saturating_mul(*size));
    Ok(Some((name, datatype, count, f.rest())))
}

/// The type that a shared message points at.
pub(super) fn committed(r: &mut Reader<'_, '_>, shared: &[u8]) -> Result<Option<Datatype>, Fault> {
    let mut f = Fields::new(shared);
    let mut read = || {
        let version = f.u8()?;
        let of = f.u8()?;
        if version == 1 {
            f.skip(6)?;
        } else if version == 3 && of == 1 {
            return None;
        }
        f.uint(r.offsets)
    };
    let Some(address) = read() else {
        r.unseen("a type that is shared between objects");
        return Ok(None);
    };
    let messages = object::messages(r, address)?;
    let held: u64 = messages.iter().map(|m| m.data.len() as u64).sum();
    r.budget.release(held);
    Ok(messages
        .iter()
        .find(|m| m.kind == kind::DATATYPE && !m.shared)
        .and_then(|m| Datatype::read(&m.data)))
}

/// The values one by one, as bytes.
fn values(
    r: &mut Reader<'_, '_>,
    datatype: &Datatype,
    count: u64,
    data: &[u8],
) -> Result<Vec<Vec<u8>>, Fault> {
    let mut out = Vec::new();
    if datatype.size == 0 {
        return Ok(out);
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > MAX_VALUES {
        r.unseen("values of an attribute with too many");
    }
    for value in data.chunks_exact(datatype.size).take(count.min(MAX_VALUES)) {
        flatten(r, datatype, value, &mut out)?;
    }
    Ok(out)
}

fn flatten(
    r: &mut Reader<'_, '_>,
    datatype: &Datatype,
    value: &[u8],
    out: &mut Vec<Vec<u8>>,
) -> Result<(), Fault> {
    r.budget.steps(1)?;
    // A value may be an array of many.
    if out.len() >= MAX_VALUES {
        r.unseen("values of an attribute with too many");
        return Ok(());
    }
    match &datatype.kind {
        Kind::Array(inner) if is_text(inner) && inner.size > 0 => {
            for part in value.chunks_exact(inner.size) {
                if out.len() >= MAX_VALUES {
                    r.unseen("values of an attribute with too many");
                    break;
                }
                flatten(r, inner, part, out)?;
            }
        }
        Kind::VariableText | Kind::Sequence(_) => {
            if let Some(bytes) = variable(r, datatype, value)? {
                r.hold(VALUE)?;
                out.push(bytes);
            }
        }
        Kind::Text => {
            let end = value
                .iter()
                .rposition(|b| *b != 0)
                .map_or(0, |i| i.saturating_add(1));
            let kept = value.get(..end).unwrap_or_default();
            r.hold((kept.len() as u64).saturating_add(VALUE))?;
            out.push(kept.to_vec());
        }
        Kind::Opaque | Kind::Number(_) | Kind::Array(_) | Kind::Other(_) => {
            r.hold((value.len() as u64).saturating_add(VALUE))?;
            out.push(value.to_vec());
        }
    }
    Ok(())
}

/// A value of variable length out of the global heap.
fn variable(r: &mut Reader<'_, '_>, datatype: &Datatype, value: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    let mut f = Fields::new(value);
    let (Some(length), Some(address), Some(index)) = (f.u32(), f.uint(r.offsets), f.u32()) else {
        return Ok(None);
    };
    // An empty text lies nowhere.
    if length == 0 || address == 0 || r.is_nowhere(address) {
        return Ok(Some(Vec::new()));
    }
    let Some((at, stored)) = heap::global(r, address, index)? else {
        r.defect(address, "a text points at nothing in its heap");
        return Ok(None);
    };
    let each = match &datatype.kind {
        Kind::Sequence(inner) => inner.size as u64,
        _ => 1,
    };
    let wanted = u64::from(length).saturating_mul(each).min(stored);
    if wanted > MAX_OBJECT {
        r.unseen("a text that is too long");
        return Ok(None);
    }
    let mut bytes = r.paid(at, wanted)?;
    if datatype.kind == Kind::VariableText {
        let end = bytes
            .iter()
            .rposition(|b| *b != 0)
            .map_or(0, |i| i.saturating_add(1));
        bytes.truncate(end);
    }
    Ok(Some(bytes))
}
