//! PaddlePaddle: a program of blocks and operators as a protocol buffer.
//!
//! Operators of a program may call Python functions that the process has registered, and read and write the files that
//! their attributes name. Weights lie in a file of their own, without names.

use crate::{
    document::Opened,
    graph::{Framework, Graph, Operator, Place, ReferenceKind},
    model::{Model, Opening},
    protobuf::{
        self,
        wire::{Cursor, Field, Stop, Wire},
    },
    tensors::Tensor,
};
use std::ops::Range;
use wellhead_core::{Budget, code};

/// Opens a program.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut reader = Reader {
        wire: Wire::new(opening.blob),
        model: Model::new(opening.identity.format),
        budget,
    };
    reader.model.graph = Graph::new(Framework::Paddle);
    let whole = reader.wire.whole();
    let mut number = 0_u32;
    let result = reader.each(whole, |reader, field| {
        let (1, Some(inner)) = (field.number, field.bytes()) else {
            return Ok(());
        };
        let scope = if number == 0 {
            "main".to_owned()
        } else {
            format!("block {number}")
        };
        number = number.saturating_add(1);
        reader.block(inner, &scope)
    });
    let outcome = protobuf::outcome(&mut reader.wire, result);
    reader.model.defects.append(&mut reader.wire.defects);
    reader.model.opened(Vec::new(), outcome, opening)
}

struct Reader<'a, 'b> {
    wire: Wire<'a>,
    model: Model,
    budget: &'b mut Budget,
}

impl Reader<'_, '_> {
    fn each(
        &mut self,
        range: Range<u64>,
        mut read: impl FnMut(&mut Self, &Field) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let mut cursor = Cursor::from(range);
        while let Some(field) = self.wire.next(&mut cursor, self.budget)? {
            let result = read(self, &field);
            self.wire.settle(result)?;
        }
        Ok(())
    }

    fn block(&mut self, range: Range<u64>, scope: &str) -> Result<(), Stop> {
        self.each(range, |reader, field| match (field.number, field.bytes()) {
            (3, Some(inner)) => reader.variable(inner),
            (4, Some(inner)) => reader.operator(inner, field.at, scope),
            _ => Ok(()),
        })
    }

    /// A variable that is kept between runs is a weight.
    fn variable(&mut self, range: Range<u64>) -> Result<(), Stop> {
        let mut tensor = Tensor {
            name: String::new(),
            dtype: String::new(),
            shape: Vec::new(),
            bytes: 0..0,
        };
        let mut kept = false;
        self.each(range, |reader, field| match (field.number, field.bytes()) {
            (1, Some(inner)) => {
                tensor.name = reader.wire.text(inner);
                Ok(())
            }
            // The type of a variable holds that of its tensor, which holds the shape.
            (2, Some(inner)) => reader.each(inner, |reader, field| match (field.number, field.bytes()) {
                (3, Some(inner)) => reader.each(inner, |reader, field| match (field.number, field.bytes()) {
                    (1, Some(inner)) => reader.description(inner, &mut tensor),
                    _ => Ok(()),
                }),
                _ => Ok(()),
            }),
            (3, None) => {
                kept = field.varint() == Some(1);
                Ok(())
            }
            _ => Ok(()),
        })?;
        if kept && !matches!(tensor.name.as_str(), "feed" | "fetch") {
            self.budget
                .memory((tensor.name.len() as u64).saturating_add(160))?;
            self.model.tensors.push(tensor);
        }
        Ok(())
    }

    fn description(&mut self, range: Range<u64>, tensor: &mut Tensor) -> Result<(), Stop> {
        self.each(range, |reader, field| {
            match field.number {
                1 => {
                    let names = ["bool", "int16", "int32", "int64", "float16", "float32", "float64"];
                    let number = field.varint().unwrap_or(0);
                    let name = usize::try_from(number).ok().and_then(|n| names.get(n));
                    tensor.dtype = name.map_or_else(|| format!("type {number}"), |n| (*n).to_owned());
                }
                2 => {
                    let room = 32_usize.saturating_sub(tensor.shape.len());
                    let more = reader.wire.packed(&field.value, room, reader.budget)?;
                    tensor.shape.extend(more);
                }
                _ => {}
            }
            Ok(())
        })
    }

    fn operator(&mut self, range: Range<u64>, at: u64, scope: &str) -> Result<(), Stop> {
        let place = Place {
            offset: at,
            length: range.end.saturating_sub(at),
        };
        let (mut name, mut attributes) = (String::new(), Vec::new());
        self.each(range, |reader, field| match (field.number, field.bytes()) {
            (3, Some(inner)) => {
                name = reader.wire.text(inner);
                Ok(())
            }
            (4, Some(inner)) => reader.attribute(inner, &mut attributes),
            _ => Ok(()),
        })?;
        for (_, file) in attributes.iter().filter(|(name, _)| name == "file") {
            let by = format!("the operator {}", code(&name));
            self.model.graph.reference(ReferenceKind::File, file, by, place);
        }
        let its_own = !attributes.is_empty();
        let operator = Operator {
            name,
            scope: scope.to_owned(),
            count: 1,
            place,
            attributes,
            ..Operator::default()
        };
        let graph = &mut self.model.graph;
        if its_own {
            graph.operator_of_its_own(operator, self.budget)?;
        } else {
            graph.operator(operator, self.budget)?;
        }
        Ok(())
    }

    fn attribute(&mut self, range: Range<u64>, attributes: &mut Vec<(String, String)>) -> Result<(), Stop> {
        let (mut name, mut number, mut text) = (String::new(), None, None);
        self.each(range, |reader, field| {
            match (field.number, field.bytes()) {
                (1, Some(inner)) => name = reader.wire.text(inner),
                (3 | 13, None) => number = field.varint(),
                (5, Some(inner)) => text = Some(reader.wire.text(inner)),
                _ => {}
            }
            Ok(())
        })?;
        let kept = match name.as_str() {
            "file_path" | "model_path" | "path" => text.map(|t| ("file", t)),
            "endpoint" | "endpoints" | "epmap" => text.map(|t| ("url", t)),
            "forward_callable_id" | "backward_callable_id" => number.map(|n| ("token", n.to_string())),
            _ => None,
        };
        if let Some((label, value)) = kept.filter(|(_, v)| !v.is_empty() && attributes.len() < 16) {
            attributes.push((label.to_owned(), value));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        assemble::assemble,
        document::{Document, OpenOptions, Role},
        identify::identify,
    };
    use wellhead_core::Blob;

    #[test]
    fn operators_of_every_block_are_listed_with_their_files() {
        let listing = "1: {
              1: varint 0
              2: varint -1
              3: {
                1: \"w\"
                2: {
                  3: {
                    1: {
                      1: varint 5
                      2: packed 2 3
                    }
                  }
                }
                3: varint 1
              }
              4: {
                3: \"relu\"
              }
            }
            1: {
              1: varint 1
              2: varint 0
              4: {
                3: \"py_func\"
                4: {
                  1: \"forward_callable_id\"
                  2: varint 0
                  3: varint 0
                }
              }
              4: {
                3: \"save\"
                4: {
                  1: \"file_path\"
                  2: varint 2
                  5: \"/home/user/.bashrc\"
                }
              }
            }";
        let (blob, budget) = (
            Blob::from_bytes(assemble("protobuf", listing).unwrap()),
            &mut Budget::default(),
        );
        let identity = identify("m.pdmodel", Role::Plain, &blob, budget);
        let opened = crate::open::open("m.pdmodel", &identity, &blob, OpenOptions::default(), budget);
        let Document::Model(model) = opened.document else {
            panic!("no model")
        };
        let operators = model.graph.operators.iter();
        let told: Vec<_> = operators
            .map(|o| format!("{} in {} {:?}", o.name, o.scope, o.attributes))
            .collect();
        insta::assert_debug_snapshot!(told, @r#"
        [
            "relu in main []",
            "py_func in block 1 [(\"token\", \"0\")]",
            "save in block 1 [(\"file\", \"/home/user/.bashrc\")]",
        ]
        "#);
        assert_eq!(model.graph.references.len(), 1);
        assert_eq!(model.tensors[0].shape, [2, 3]);
    }
}
