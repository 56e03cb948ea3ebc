//! Caffe: layers as a protocol buffer, or as text in the same words.
//!
//! One kind of layer is code: `Python` imports the module that it names and runs its class, in the network's description
//! as well as in its weights. Layers of data name files. Everything else computes.

use crate::{
    document::Opened,
    graph::{Framework, Graph, Operator, Place, ReferenceKind},
    model::{Model, Opening},
    protobuf::{
        self,
        text::{Entry, Value as Text},
        wire::{Cursor, Field, Stop, Wire},
    },
    tensors::{Tensor, defect},
};
use std::ops::Range;
use wellhead_core::{Budget, Exhausted, Outcome, code};

/// A field of a parameter: its number, its name in text, what it is kept as.
type Part = (u32, &'static str, &'static str);

/// Parameters of layers that are told: the field, its name in text, and its own fields.
const PARAMETERS: [(u32, &str, &[Part]); 6] = [
    (
        130,
        "python_param",
        &[
            (1, "module", "module"),
            (2, "layer", "layer"),
            (3, "param_str", "argument"),
        ],
    ),
    (107, "data_param", &[(1, "source", "file")]),
    (112, "hdf5_data_param", &[(1, "source", "file")]),
    (113, "hdf5_output_param", &[(1, "file_name", "file")]),
    (
        115,
        "image_data_param",
        &[(1, "source", "file"), (12, "root_folder", "file")],
    ),
    (129, "window_data_param", &[(1, "source", "file")]),
];

/// Opens the weights of a network, or a network as a message.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut reader = Reader {
        wire: Wire::new(opening.blob),
        model: Model::new(opening.identity.format),
        budget,
    };
    reader.model.graph = Graph::new(Framework::Caffe);
    let whole = reader.wire.whole();
    let result = reader.network(whole);
    let outcome = protobuf::outcome(&mut reader.wire, result);
    reader.model.defects.append(&mut reader.wire.defects);
    reader.model.opened(Vec::new(), outcome, opening)
}

/// Opens a network that is written as text.
pub(crate) fn open_text(opening: &Opening<'_>, text: &str, budget: &mut Budget) -> Opened {
    let mut model = Model::new(opening.identity.format);
    model.graph = Graph::new(Framework::Caffe);
    let outcome = match protobuf::text::parse(text, budget) {
        Err(e) => {
            defect(&mut model.defects, e.at..e.at.saturating_add(1), e.words.clone());
            Outcome::Partly { why: e.words }
        }
        Ok(entries) => match network_of_text(&mut model, &entries, budget) {
            Ok(()) => Outcome::Analysed,
            Err(why) => Outcome::Partly { why: why.to_string() },
        },
    };
    model.opened(Vec::new(), outcome, opening)
}

/// A layer on its way into the graph.
#[derive(Default)]
struct Layer {
    name: String,
    kind: String,
    attributes: Vec<(String, String)>,
}

fn add(model: &mut Model, layer: Layer, place: Place, budget: &mut Budget) -> Result<(), Exhausted> {
    let mut attributes = layer.attributes;
    let get = |name: &str| attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    if let Some(module) = get("module") {
        let callable = get("layer").map_or(module.clone(), |class| format!("{module}.{class}"));
        attributes.insert(0, ("callable".to_owned(), callable));
    }
    for (_, file) in attributes.iter().filter(|(name, _)| name == "file") {
        let by = format!("the layer {}", code(&layer.name));
        model.graph.reference(ReferenceKind::File, file, by, place);
    }
    let its_own = !attributes.is_empty();
    let operator = Operator {
        name: layer.kind,
        node: layer.name,
        scope: "main".to_owned(),
        count: 1,
        place,
        attributes,
        ..Operator::default()
    };
    if its_own {
        model.graph.operator_of_its_own(operator, budget)
    } else {
        model.graph.operator(operator, budget)
    }
}

fn network_of_text(model: &mut Model, entries: &[Entry], budget: &mut Budget) -> Result<(), Exhausted> {
    for entry in entries {
        let Text::Message(fields) = &entry.value else {
            if let ("name", Text::Scalar(text)) = (entry.name.as_str(), &entry.value) {
                model.metadata.push(("name".to_owned(), text.clone()));
            }
            continue;
        };
        if !matches!(entry.name.as_str(), "layer" | "layers") {
            continue;
        }
        let mut layer = Layer::default();
        for field in fields {
            match (field.name.as_str(), &field.value) {
                ("name", Text::Scalar(text)) => layer.name.clone_from(text),
                ("type", Text::Scalar(text)) => layer.kind.clone_from(text),
                (name, Text::Message(inner)) => {
                    let known = PARAMETERS.iter().find(|(_, n, _)| *n == name);
                    for (_, word, label) in known.map_or(&[][..], |(_, _, fields)| fields) {
                        layer
                            .attributes
                            .extend(inner.iter().filter(|e| e.name == *word).filter_map(
                                |e| match &e.value {
                                    Text::Scalar(text) => Some(((*label).to_owned(), text.clone())),
                                    Text::Message(_) => None,
                                },
                            ));
                    }
                }
                _ => {}
            }
        }
        let place = Place {
            offset: entry.at,
            length: entry.end.saturating_sub(entry.at),
        };
        add(model, layer, place, budget)?;
    }
    Ok(())
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

    fn network(&mut self, range: Range<u64>) -> Result<(), Stop> {
        self.each(range, |reader, field| match (field.number, field.bytes()) {
            (1, Some(inner)) => {
                let name = reader.wire.text(inner);
                reader.model.metadata.push(("name".to_owned(), name));
                Ok(())
            }
            (2, Some(inner)) => reader.layer(inner, field.at, (4, 5, 6)),
            (100, Some(inner)) => reader.layer(inner, field.at, (1, 2, 7)),
            _ => Ok(()),
        })
    }

    /// A layer, by the numbers of its name, type and weights: the older kind of layer numbers them otherwise.
    fn layer(&mut self, range: Range<u64>, at: u64, numbers: (u32, u32, u32)) -> Result<(), Stop> {
        let mut layer = Layer::default();
        let length = range.end.saturating_sub(at);
        self.each(range, |reader, field| {
            let Some(inner) = field.bytes() else {
                if field.number == numbers.1 {
                    layer.kind = format!("type {}", field.varint().unwrap_or(0));
                }
                return Ok(());
            };
            if field.number == numbers.0 {
                layer.name = reader.wire.text(inner);
            } else if field.number == numbers.1 {
                layer.kind = reader.wire.text(inner);
            } else if field.number == numbers.2 {
                return reader.blob(inner, &layer.name);
            } else if let Some((_, _, fields)) = PARAMETERS.iter().find(|(n, _, _)| *n == field.number) {
                return reader.each(inner, |reader, field| {
                    let known = fields.iter().find(|(n, _, _)| *n == field.number);
                    if let (Some((_, _, label)), Some(inner)) = (known, field.bytes())
                        && layer.attributes.len() < 16
                    {
                        let value = reader.wire.text(inner);
                        layer.attributes.push(((*label).to_owned(), value));
                    }
                    Ok(())
                });
            }
            Ok(())
        })?;
        let place = Place { offset: at, length };
        Ok(add(&mut self.model, layer, place, self.budget)?)
    }

    fn blob(&mut self, range: Range<u64>, layer: &str) -> Result<(), Stop> {
        let mut tensor = Tensor {
            name: layer.to_owned(),
            dtype: "float32".to_owned(),
            shape: Vec::new(),
            bytes: 0..0,
        };
        self.each(range, |reader, field| {
            match (field.number, field.bytes()) {
                // The older shape is four numbers.
                (1..=4, _) => tensor
                    .shape
                    .extend(field.varint().filter(|_| tensor.shape.len() < 4)),
                (5, Some(inner)) => tensor.bytes = inner,
                (8, Some(inner)) => {
                    tensor.bytes = inner;
                    tensor.dtype = "float64".to_owned();
                }
                (7, Some(inner)) => {
                    return reader.each(inner, |reader, field| {
                        let room = 32_usize.saturating_sub(tensor.shape.len());
                        let more = reader.wire.packed(&field.value, room, reader.budget)?;
                        tensor.shape.extend(more);
                        Ok(())
                    });
                }
                _ => {}
            }
            Ok(())
        })?;
        self.budget.memory((layer.len() as u64).saturating_add(160))?;
        self.model.tensors.push(tensor);
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

    fn open(name: &str, bytes: Vec<u8>) -> (Model, Outcome) {
        let (blob, budget) = (Blob::from_bytes(bytes), &mut Budget::default());
        let identity = identify(name, Role::Plain, &blob, budget);
        let opened = crate::open::open(name, &identity, &blob, OpenOptions::default(), budget);
        let Document::Model(model) = opened.document else {
            panic!("{} is no model", identity.format.name)
        };
        (*model, opened.outcome)
    }

    fn told(model: &Model) -> Vec<String> {
        let operators = model.graph.operators.iter();
        operators
            .map(|o| {
                let attributes: Vec<_> = o.attributes.iter().map(|(n, v)| format!(" {n}={v}")).collect();
                format!("{} x{} {}{}", o.name, o.count, o.node, attributes.concat())
            })
            .collect()
    }

    #[test]
    fn a_layer_of_python_names_what_it_runs_in_both_ways_of_writing() {
        let message = "1: \"net\"
            100: {
              1: \"conv1\"
              2: \"Convolution\"
              7: {
                5: zeros 16
                7: {
                  1: packed 2 2
                }
              }
            }
            100: {
              1: \"p\"
              2: \"Python\"
              130: {
                1: \"evil\"
                2: \"Run\"
              }
            }
            100: {
              1: \"d\"
              2: \"HDF5Data\"
              112: {
                1: \"/data/list.txt\"
              }
            }";
        let text = "name: \"net\"
            layer { name: \"conv1\" type: \"Convolution\" convolution_param { num_output: 20 } }
            layer {
              name: 'p'  # a comment
              type: \"Py\" \"thon\"
              python_param: < module: \"evil\"; layer: \"Run\", >
            }
            layer { name: \"d\" type: \"HDF5Data\" hdf5_data_param { source: \"/data/list.txt\" } }";
        for (name, bytes) in [
            ("m.caffemodel", assemble("protobuf", message).unwrap()),
            ("m.prototxt", text.as_bytes().to_vec()),
        ] {
            let (model, outcome) = open(name, bytes);
            assert_eq!(outcome, Outcome::Analysed);
            assert_eq!(
                told(&model),
                [
                    "Convolution x1 conv1",
                    "Python x1 p callable=evil.Run module=evil layer=Run",
                    "HDF5Data x1 d file=/data/list.txt"
                ],
                "{name}"
            );
            assert_eq!(model.graph.references.len(), 1);
        }
    }

    #[test]
    fn text_that_is_none_is_said_to_be_so() {
        let (model, outcome) = open("m.prototxt", b"layer { name: \"x\"".to_vec());
        assert!(matches!(outcome, Outcome::Partly { .. }));
        assert_eq!(model.defects.len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>, text: String) {
            let identity = |format| identify("x", Role::As(format), &Blob::from_bytes([]), &mut Budget::default());
            for (format, bytes) in [
                (&crate::format::table::CAFFE, bytes),
                (&crate::format::table::CAFFE_TEXT, text.into_bytes()),
            ] {
                let mut identity = identity(format);
                identity.format = format;
                let _ = crate::open::open("x", &identity, &Blob::from_bytes(bytes), OpenOptions::default(), &mut Budget::default());
            }
        }
    }
}
