//! MXNet: arrays in a `.params` file, the graph in a JSON file beside it.
//!
//! The arrays are numbers. The graph names operators, and a few of those call what the process has registered, or even
//! an address that stands in the node as a number.

use crate::{
    bytes::{Pages, array_at},
    document::Opened,
    graph::{Framework, Graph, Operator, Place},
    model::{Model, Opening},
    tensors::{Tensor, defect},
    text::{Node, Value},
};
use wellhead_core::{Budget, Exhausted, Outcome};

/// Element types, by number, and bytes of one.
static TYPES: &[(&str, u64)] = &[
    ("float32", 4),
    ("float64", 8),
    ("float16", 2),
    ("uint8", 1),
    ("int32", 4),
    ("int8", 1),
    ("int64", 8),
    ("bool", 1),
    ("int16", 2),
    ("uint16", 2),
    ("uint32", 4),
    ("uint64", 8),
    ("bfloat16", 2),
];

const V1: u32 = 0xf993_fac8;
const V2: u32 = 0xf993_fac9;
const V3: u32 = 0xf993_faca;
const MAX_RANK: u32 = 32;
/// Longest name that is kept.
const MAX_NAME: usize = 256;

/// Opens the arrays.
pub(crate) fn open_params(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut model = Model::new(opening.identity.format);
    model.graph = Graph::new(Framework::MxNet);
    let mut reader = Reader {
        pages: Pages::new(opening.blob),
        at: 16,
        len: opening.blob.len(),
    };
    let read = reader.list(&mut model, budget);
    let outcome = match (read, reader.pages.failed()) {
        (_, Some(why)) => Outcome::Partly {
            why: format!("could not be read: {why}"),
        },
        (Ok(Some(())), None) => Outcome::Analysed,
        (Ok(None), None) => {
            let at = reader.at.min(reader.len);
            defect(
                &mut model.defects,
                at..reader.len,
                "an array is cut off or of no known kind",
            );
            Outcome::Partly {
                why: "damaged: an array is cut off or of no known kind".to_owned(),
            }
        }
        (Err(why), None) => Outcome::Partly { why: why.to_string() },
    };
    model.opened(Vec::new(), outcome, opening)
}

struct Reader<'a> {
    pages: Pages<'a>,
    at: u64,
    len: u64,
}

impl Reader<'_> {
    fn u32(&mut self) -> Option<u32> {
        let value = array_at(self.pages.get(self.at, 4), 0).map(u32::from_le_bytes);
        self.at = self.at.checked_add(4)?;
        value
    }

    fn u64(&mut self) -> Option<u64> {
        let value = array_at(self.pages.get(self.at, 8), 0).map(u64::from_le_bytes);
        self.at = self.at.checked_add(8)?;
        value
    }

    fn list(&mut self, model: &mut Model, budget: &mut Budget) -> Result<Option<()>, Exhausted> {
        let Some(count) = self.u64() else {
            return Ok(None);
        };
        // Each array takes some bytes.
        if count > self.len / 4 {
            return Ok(None);
        }
        for _ in 0..count {
            budget.steps(16)?;
            budget.memory(256)?;
            let Some(tensor) = self.array(budget)? else {
                return Ok(None);
            };
            model.tensors.push(tensor);
        }
        let Some(names) = self.u64() else {
            return Ok(None);
        };
        for i in 0..names {
            budget.steps(8)?;
            let Some(name) = self.name() else {
                return Ok(None);
            };
            let tensor = usize::try_from(i).ok().and_then(|i| model.tensors.get_mut(i));
            if let Some(tensor) = tensor {
                tensor.name = name;
            }
        }
        Ok(Some(()))
    }

    fn name(&mut self) -> Option<String> {
        let length = self.u64()?;
        let end = self.at.checked_add(length).filter(|end| *end <= self.len)?;
        let wanted = usize::try_from(length).ok()?.min(MAX_NAME);
        let name = String::from_utf8_lossy(self.pages.get(self.at, wanted)).into_owned();
        self.at = end;
        Some(name)
    }

    fn shape(&mut self, rank: u32, wide: bool) -> Option<Vec<u64>> {
        if rank > MAX_RANK {
            return None;
        }
        (0..rank)
            .map(|_| {
                if wide {
                    self.u64()
                } else {
                    self.u32().map(u64::from)
                }
            })
            .collect()
    }

    fn array(&mut self, budget: &mut Budget) -> Result<Option<Tensor>, Exhausted> {
        budget.steps(8)?;
        Ok(self.one())
    }

    fn one(&mut self) -> Option<Tensor> {
        let magic = self.u32()?;
        let mut storage = 0;
        let shape = match magic {
            V1 => {
                let rank = self.u32()?;
                self.shape(rank, true)?
            }
            V2 | V3 => {
                storage = self.u32()?;
                if (1..=2).contains(&storage) {
                    let rank = self.u32()?;
                    self.shape(rank, true)?;
                }
                let rank = self.u32()?;
                self.shape(rank, true)?
            }
            // The oldest files begin with the number of dimensions.
            rank => self.shape(rank, false)?,
        };
        let empty = Tensor {
            name: String::new(),
            dtype: "none".to_owned(),
            shape: Vec::new(),
            bytes: self.at..self.at,
        };
        if shape.is_empty() && magic != V3 {
            return Some(empty);
        }
        // The device that it was on.
        self.u64()?;
        let kind = self.u32()?;
        let (dtype, size) = usize::try_from(kind).ok().and_then(|k| TYPES.get(k)).copied()?;
        let mut parts = vec![(shape.clone(), size)];
        for _ in 0..if storage <= 2 { storage } else { 0 } {
            let kind = self.u32()?;
            let (_, size) = usize::try_from(kind).ok().and_then(|k| TYPES.get(k)).copied()?;
            let rank = self.u32()?;
            parts.push((self.shape(rank, true)?, size));
        }
        let start = self.at;
        for (shape, size) in parts {
            let elements = shape.iter().try_fold(1_u64, |n, d| n.checked_mul(*d))?;
            let end = elements.checked_mul(size)?.checked_add(self.at)?;
            self.at = Some(end).filter(|end| *end <= self.len)?;
        }
        Some(Tensor {
            dtype: dtype.to_owned(),
            shape,
            bytes: start..self.at,
            ..empty
        })
    }
}

/// What the nodes of a graph are, from its JSON.
pub(crate) fn graph(root: &Node, model: &mut Model, budget: &mut Budget) -> Result<(), Exhausted> {
    model.graph = Graph::new(Framework::MxNet);
    let nodes = root.get("nodes").map(Node::items).unwrap_or_default();
    for node in nodes {
        let text = |key| {
            node.get(key)
                .and_then(Node::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let name = text("op");
        if name == "null" || name.is_empty() {
            continue;
        }
        let attributes = ["attrs", "attr", "param"]
            .into_iter()
            .filter_map(|key| node.get(key))
            .flat_map(Node::entries);
        let kept: Vec<(String, String)> = attributes
            .take(32)
            .map(|e| {
                let value = e.node.as_str().unwrap_or_default().to_owned();
                let key = if e.key == "op_type" {
                    "callable"
                } else {
                    e.key.as_str()
                };
                (key.to_owned(), value)
            })
            .collect();
        let special = name == "Custom" || name.starts_with('_');
        let operator = Operator {
            name,
            node: text("name"),
            place: Place {
                offset: node.span.start as u64,
                length: (node.span.end.saturating_sub(node.span.start)) as u64,
            },
            attributes: if special { kept } else { Vec::new() },
            ..Operator::default()
        };
        model.graph.operator(operator, budget)?;
    }
    let version = root.path(&["attrs", "mxnet_version"]).map(Node::items);
    if let Some([_, version]) = version
        && let Value::Number(number) = &version.value
    {
        model.metadata.push(("MXNet".to_owned(), number.clone()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Document, OpenOptions, Role, assemble::assemble, format::table as t, identify, open};
    use proptest::prelude::*;
    use wellhead_core::Blob;

    fn show(bytes: Vec<u8>) -> String {
        let blob = Blob::from_bytes(bytes);
        let mut budget = Budget::default();
        let identity = identify("x.params", Role::As(&t::MXNET), &blob, &mut budget);
        let opened = open("x.params", &identity, &blob, OpenOptions::default(), &mut budget);
        let Document::Model(model) = &opened.document else {
            return "nothing".to_owned();
        };
        let mut out: Vec<String> = model
            .tensors
            .iter()
            .map(|t| format!("{} {} {:?} {:?}", t.name, t.dtype, t.shape, t.bytes))
            .collect();
        out.extend(opened.outcome.why().map(str::to_owned));
        out.join("\n")
    }

    #[test]
    fn arrays_of_all_ages_are_read() {
        let listing = "
            u64 0x112 0 3
            u32 0xf993fac9 0 2
            u64 2 3
            u32 1 0 0
            zeros 24
            u32 0xf993fac8 1
            u64 2
            u32 1 0 6
            zeros 16
            u32 1 4
            u32 1 0 3
            zeros 4
            u64 3
            str64 arg:a
            str64 arg:b
            str64 aux:c";
        let bytes = assemble("binary", listing).unwrap();
        insta::assert_snapshot!(show(bytes.clone()), @r"
        arg:a float32 [2, 3] 64..88
        arg:b int64 [2] 116..132
        aux:c uint8 [4] 152..156
        ");
        assert!(show(bytes[..100].to_vec()).contains("cut off"));
    }

    proptest! {
        #[test]
        fn never_panics(words in proptest::collection::vec(0_u32..20, 0..100), noise in any::<u64>()) {
            let mut bytes = 0x112_u64.to_le_bytes().to_vec();
            bytes.extend(words.iter().flat_map(|w| w.to_le_bytes()));
            bytes.extend(noise.to_le_bytes());
            show(bytes);
        }
    }
}
