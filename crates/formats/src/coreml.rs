//! Core ML: layers or a program as a protocol buffer.
//!
//! The format runs nothing by itself: a custom layer names a class that the application has to bring along, a linked model
//! names a file. Other programs use the format for layers of their own (kraken keeps its networks so), which only they read.

use crate::{
    document::Opened,
    graph::{Framework, Graph, Operator, Place, ReferenceKind},
    model::{Model, Opening},
    protobuf::{
        self,
        wire::{Cursor, Field, Stop, Wire},
    },
};
use std::ops::Range;
use wellhead_core::Budget;

/// How deep pipelines, branches and blocks may nest.
const MAX_NESTING: u32 = 24;

/// Opens a model.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut reader = Reader {
        wire: Wire::new(opening.blob),
        model: Model::new(opening.identity.format),
        budget,
    };
    reader.model.graph = Graph::new(Framework::CoreMl);
    let whole = reader.wire.whole();
    let result = reader.model(whole, "main", 0);
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
        mut read: impl FnMut(&mut Self, &Field, Range<u64>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let mut cursor = Cursor::from(range);
        while let Some(field) = self.wire.next(&mut cursor, self.budget)? {
            let Some(inner) = field.message() else { continue };
            let result = read(self, &field, inner);
            self.wire.settle(result)?;
        }
        Ok(())
    }

    fn keep(&mut self, name: &str, range: Range<u64>) {
        let value = self.wire.head(range, 4096);
        if !value.is_empty() && self.model.metadata.len() < 1000 {
            let value = String::from_utf8_lossy(&value).into_owned();
            self.model.metadata.push((name.to_owned(), value));
        }
    }

    fn model(&mut self, range: Range<u64>, scope: &str, depth: u32) -> Result<(), Stop> {
        if depth > MAX_NESTING {
            self.wire
                .partly
                .get_or_insert_with(|| format!("models nest deeper than {MAX_NESTING}"));
            return Ok(());
        }
        let deeper = depth.saturating_add(1);
        self.each(range, |reader, field, inner| match field.number {
            2 if depth == 0 => reader.description(inner),
            // Pipelines of a classifier and a regressor hold one in their first field.
            200 | 201 => reader.each(inner, |reader, field, inner| match field.number {
                1 => reader.pipeline(inner, deeper),
                _ => Ok(()),
            }),
            202 => reader.pipeline(inner, deeper),
            303 | 403 | 500 => reader.network(inner, scope, deeper),
            502 => reader.program(inner, deeper),
            555 => reader.custom(inner, field.at, "the model", scope),
            556 => reader.linked(inner, field.at),
            3000 => reader.each(inner, |reader, field, inner| match field.number {
                1 => {
                    reader.keep("serialized model", inner);
                    Ok(())
                }
                _ => Ok(()),
            }),
            number => reader.count(kind(number), "", scope, field.at, inner.end),
        })
    }

    fn pipeline(&mut self, range: Range<u64>, depth: u32) -> Result<(), Stop> {
        self.each(range, |reader, field, inner| match field.number {
            1 => reader.model(inner, "a model of the pipeline", depth),
            _ => Ok(()),
        })
    }

    fn description(&mut self, range: Range<u64>) -> Result<(), Stop> {
        self.each(range, |reader, field, inner| {
            if field.number != 100 {
                return Ok(());
            }
            reader.each(inner, |reader, field, inner| {
                let name = match field.number {
                    1 => "description",
                    2 => "version",
                    3 => "author",
                    4 => "license",
                    100 => return reader.user_defined(inner),
                    _ => return Ok(()),
                };
                reader.keep(name, inner);
                Ok(())
            })
        })
    }

    fn user_defined(&mut self, range: Range<u64>) -> Result<(), Stop> {
        let mut key = String::new();
        self.each(range, |reader, field, inner| {
            match field.number {
                1 => key = reader.wire.text(inner),
                2 => reader.keep(&key, inner),
                _ => {}
            }
            Ok(())
        })
    }

    fn network(&mut self, range: Range<u64>, scope: &str, depth: u32) -> Result<(), Stop> {
        if depth > MAX_NESTING {
            self.wire
                .partly
                .get_or_insert_with(|| format!("networks nest deeper than {MAX_NESTING}"));
            return Ok(());
        }
        self.each(range, |reader, field, inner| match field.number {
            1 => reader.layer(inner, field.at, scope, depth),
            _ => Ok(()),
        })
    }

    fn layer(&mut self, range: Range<u64>, at: u64, scope: &str, depth: u32) -> Result<(), Stop> {
        let mut name = String::new();
        let end = range.end;
        let deeper = depth.saturating_add(1);
        self.each(range, |reader, field, inner| match field.number {
            1 => {
                name = reader.wire.text(inner);
                Ok(())
            }
            500 => reader.custom(inner, at, &name, scope),
            605 | 615 => {
                let words = format!("layer {name}");
                reader.count("branch or loop", &name, scope, at, end)?;
                reader.each(inner, |reader, _, inner| reader.network(inner, &words, deeper))
            }
            number @ 100.. => reader.count(&format!("layer {number}"), &name, scope, at, end),
            _ => Ok(()),
        })
    }

    fn count(&mut self, kind: &str, node: &str, scope: &str, at: u64, end: u64) -> Result<(), Stop> {
        if kind.is_empty() {
            return Ok(());
        }
        self.add("", kind, node, scope, at..end, Vec::new())
    }

    fn add(
        &mut self,
        domain: &str,
        name: &str,
        node: &str,
        scope: &str,
        at: Range<u64>,
        attributes: Vec<(String, String)>,
    ) -> Result<(), Stop> {
        let operator = Operator {
            domain: domain.to_owned(),
            name: name.to_owned(),
            node: node.to_owned(),
            scope: scope.to_owned(),
            count: 1,
            place: Place {
                offset: at.start,
                length: at.end.saturating_sub(at.start),
            },
            attributes,
        };
        Ok(self.model.graph.operator(operator, self.budget)?)
    }

    /// A layer or a model whose class is the application's.
    fn custom(&mut self, range: Range<u64>, at: u64, node: &str, scope: &str) -> Result<(), Stop> {
        let (mut class, mut attributes) = (String::new(), Vec::new());
        let end = range.end;
        self.each(range, |reader, field, inner| {
            match field.number {
                10 => class = reader.wire.text(inner),
                40 => attributes.push(("description".to_owned(), reader.wire.text(inner))),
                _ => {}
            }
            Ok(())
        })?;
        self.add("custom", &class, node, scope, at..end, attributes)
    }

    fn linked(&mut self, range: Range<u64>, at: u64) -> Result<(), Stop> {
        let place = Place {
            offset: at,
            length: range.end.saturating_sub(at),
        };
        self.each(range, |reader, _, file| {
            reader.each(file, |reader, _, text| {
                reader.each(text, |reader, field, inner| {
                    if field.number == 1 {
                        let target = reader.wire.text(inner);
                        reader
                            .model
                            .graph
                            .reference(ReferenceKind::File, &target, "the linked model", place);
                    }
                    Ok(())
                })
            })
        })
    }

    /// A program: functions of blocks of operations.
    fn program(&mut self, range: Range<u64>, depth: u32) -> Result<(), Stop> {
        self.each(range, |reader, field, entry| {
            if field.number != 2 {
                return Ok(());
            }
            let mut name = String::new();
            reader.each(entry, |reader, field, inner| match field.number {
                1 => {
                    name = reader.wire.text(inner);
                    Ok(())
                }
                2 => {
                    let scope = format!("function {name}");
                    // Blocks are kept by the set of operations that they are written for.
                    reader.each(inner, |reader, field, inner| match field.number {
                        3 => reader.each(inner, |reader, field, inner| match field.number {
                            2 => reader.block(inner, &scope, depth),
                            _ => Ok(()),
                        }),
                        _ => Ok(()),
                    })
                }
                _ => Ok(()),
            })
        })
    }

    fn block(&mut self, range: Range<u64>, scope: &str, depth: u32) -> Result<(), Stop> {
        if depth > MAX_NESTING {
            self.wire
                .partly
                .get_or_insert_with(|| format!("blocks nest deeper than {MAX_NESTING}"));
            return Ok(());
        }
        self.each(range, |reader, field, inner| match field.number {
            3 => reader.operation(inner, field.at, scope, depth.saturating_add(1)),
            _ => Ok(()),
        })
    }

    fn operation(&mut self, range: Range<u64>, at: u64, scope: &str, depth: u32) -> Result<(), Stop> {
        let mut kind = String::new();
        let end = range.end;
        self.each(range, |reader, field, inner| match field.number {
            1 => {
                kind = reader.wire.text(inner);
                Ok(())
            }
            4 => reader.block(inner, scope, depth),
            5 => reader.blob_file(inner, at),
            _ => Ok(()),
        })?;
        let domain = if kind.starts_with("custom") { "custom" } else { "" };
        self.add(domain, &kind, "", scope, at..end, Vec::new())
    }

    /// An attribute whose numbers lie in a file of the package.
    fn blob_file(&mut self, range: Range<u64>, at: u64) -> Result<(), Stop> {
        self.each(range, |reader, field, value| {
            if field.number != 2 {
                return Ok(());
            }
            reader.each(value, |reader, field, file| {
                if field.number != 5 {
                    return Ok(());
                }
                let place = Place {
                    offset: at,
                    length: file.end.saturating_sub(at),
                };
                reader.each(file, |reader, field, inner| {
                    if field.number == 1 {
                        let name = reader.wire.text(inner);
                        // The package's own folder is written so.
                        let name = name.strip_prefix("@model_path/").unwrap_or(&name);
                        // All operations of a program name the same file.
                        let last = reader.model.graph.references.last();
                        let known = last.is_some_and(|r| r.target == name);
                        if !known {
                            let graph = &mut reader.model.graph;
                            graph.reference(ReferenceKind::File, name, "the weights of an operation", place);
                        }
                    }
                    Ok(())
                })
            })
        })
    }
}

/// What kind of model a field of the outermost message is; empty for those that are none.
fn kind(number: u32) -> &'static str {
    match number {
        300 | 400 => "generalized linear model",
        301 | 401 => "support vector machine",
        302 | 402 => "tree ensemble",
        304 => "probit regressor",
        404 => "nearest neighbors",
        501 => "item similarity",
        560 | 600..=610 | 900 => "feature engineering",
        2000..=2006 => "model of the system",
        _ => "",
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

    fn open(listing: &str) -> Model {
        let blob = Blob::from_bytes(assemble("protobuf", listing).unwrap());
        let budget = &mut Budget::default();
        let identity = identify("m.mlmodel", Role::Plain, &blob, budget);
        let opened = crate::open::open("m.mlmodel", &identity, &blob, OpenOptions::default(), budget);
        let Document::Model(model) = opened.document else {
            panic!("{} is no model", identity.format.name)
        };
        *model
    }

    fn told(model: &Model) -> Vec<String> {
        let operators = model.graph.operators.iter();
        let operators = operators.map(|o| format!("{}::{} x{} in {}", o.domain, o.name, o.count, o.scope));
        let references = model.graph.references.iter();
        operators
            .chain(references.map(|r| format!("{:?} {}", r.kind, r.target)))
            .collect()
    }

    #[test]
    fn a_custom_layer_is_found_in_a_branch_of_a_pipeline() {
        let model = open(
            "1: varint 4
            2: {
              100: {
                3: \"somebody\"
              }
            }
            202: {
              1: {
                1: varint 4
                500: {
                  1: {
                    1: \"relu\"
                    130: {
                    }
                  }
                  1: {
                    1: \"if\"
                    605: {
                      1: {
                        1: {
                          1: \"evil\"
                          500: {
                            10: \"EvilLayer\"
                          }
                        }
                      }
                    }
                  }
                }
              }
            }",
        );
        insta::assert_debug_snapshot!(told(&model), @r#"
        [
            "::layer 130 x1 in a model of the pipeline",
            "::branch or loop x1 in a model of the pipeline",
            "custom::EvilLayer x1 in layer if",
        ]
        "#);
        assert_eq!(model.metadata, [("author".to_owned(), "somebody".to_owned())]);
    }

    #[test]
    fn a_program_names_its_operations_and_the_file_of_its_weights() {
        let block = "3: {
                1: \"const\"
                5: {
                  1: \"val\"
                  2: {
                    5: {
                      1: \"@model_path/../../weights.bin\"
                    }
                  }
                }
              }
              3: {
                1: \"custom_layer\"
              }";
        let model = open(&format!(
            "1: varint 7\n502: {{\n2: {{\n1: \"main\"\n2: {{\n3: {{\n1: \"CoreML5\"\n2: {{\n{block}\n}}\n}}\n}}\n}}\n}}"
        ));
        insta::assert_debug_snapshot!(told(&model), @r#"
        [
            "::const x1 in function main",
            "custom::custom_layer x1 in function main",
            "File ../../weights.bin",
        ]
        "#);
    }

    #[test]
    fn a_linked_model_names_a_file() {
        let model = open("1: varint 4\n556: {\n1: {\n1: {\n1: \"/tmp/x.mlmodelc\"\n}\n}\n}");
        assert_eq!(told(&model), ["File /tmp/x.mlmodelc"]);
    }
}
