//! One view of what a model computes and points at, for all formats that hold it.
//!
//! A rule such as "an operator that runs code" is written once against this view. The one decision: operators of one
//! kind are counted, not listed one by one, so that a graph of a million nodes costs as much as it has kinds.

use std::{collections::BTreeMap, fmt};
use wellhead_core::{Budget, Exhausted};

/// What a model computes, what it names, and what lies in it.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Whose operators these are.
    pub framework: Framework,
    /// The operators, each kind once.
    pub operators: Vec<Operator>,
    /// What the model points at outside itself.
    pub references: Vec<Reference>,
    kinds: BTreeMap<(String, String), usize>,
}

/// The vocabulary that operators are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Framework {
    /// None that is known.
    #[default]
    Unknown,
    /// ONNX operators.
    Onnx,
    /// TensorFlow operators, in graphs and saved models.
    TensorFlow,
    /// TensorFlow Lite operators.
    TfLite,
    /// Keras layers and the objects that their configuration names.
    Keras,
    /// PyTorch operators, in TorchScript and exported programs.
    Torch,
    /// ExecuTorch operators.
    ExecuTorch,
    /// Core ML layers and operations.
    CoreMl,
    /// OpenVINO operations.
    OpenVino,
    /// Caffe layers.
    Caffe,
    /// PaddlePaddle operators.
    Paddle,
    /// MXNet operators.
    MxNet,
    /// CNTK functions.
    Cntk,
    /// TensorRT layers and plugins.
    TensorRt,
    /// R: code in serialised objects.
    R,
    /// Torch7: Lua functions in serialised objects.
    Torch7,
    /// Codecs of arrays in chunks, of Zarr and numcodecs.
    Zarr,
}

impl Framework {
    /// The name in machine formats and data tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Onnx => "onnx",
            Self::TensorFlow => "tensorflow",
            Self::TfLite => "tflite",
            Self::Keras => "keras",
            Self::Torch => "torch",
            Self::ExecuTorch => "executorch",
            Self::CoreMl => "coreml",
            Self::OpenVino => "openvino",
            Self::Caffe => "caffe",
            Self::Paddle => "paddle",
            Self::MxNet => "mxnet",
            Self::Cntk => "cntk",
            Self::TensorRt => "tensorrt",
            Self::R => "r",
            Self::Torch7 => "torch7",
            Self::Zarr => "zarr",
        }
    }

    /// The name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Unknown => "an unknown framework",
            Self::Onnx => "ONNX",
            Self::TensorFlow => "TensorFlow",
            Self::TfLite => "TensorFlow Lite",
            Self::Keras => "Keras",
            Self::Torch => "PyTorch",
            Self::ExecuTorch => "ExecuTorch",
            Self::CoreMl => "Core ML",
            Self::OpenVino => "OpenVINO",
            Self::Caffe => "Caffe",
            Self::Paddle => "PaddlePaddle",
            Self::MxNet => "MXNet",
            Self::Cntk => "CNTK",
            Self::TensorRt => "TensorRT",
            Self::R => "R",
            Self::Torch7 => "Torch7",
            Self::Zarr => "Zarr",
        }
    }
}

impl fmt::Display for Framework {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.title())
    }
}

/// Bytes of the artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Place {
    /// Where they begin.
    pub offset: u64,
    /// How many they are.
    pub length: u64,
}

/// A kind of operator and where it is first used.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Operator {
    /// The set of operators that it comes from; empty for the framework's own. Hostile text.
    pub domain: String,
    /// Its name there; hostile text.
    pub name: String,
    /// The first node that uses it; hostile text, empty if nodes have no names.
    pub node: String,
    /// The part of the model that node is in, such as `main`, `function f` or `node if_1: then_branch`; hostile text.
    pub scope: String,
    /// How many nodes use it.
    pub count: u64,
    /// That node in the artifact.
    pub place: Place,
    /// What of its attributes matters to a judgement, name and value; hostile text.
    pub attributes: Vec<(String, String)>,
}

/// Something outside itself that a model names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// What it is.
    pub kind: ReferenceKind,
    /// Its name as it stands there; hostile text.
    pub target: String,
    /// What names it, such as "the tensor `w`" or "layer `custom`"; hostile text.
    pub by: String,
    /// Where in the artifact.
    pub place: Place,
}

/// What a model points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReferenceKind {
    /// A file that the loader opens, relative to the model unless it is absolute.
    File,
    /// A native library that the loader links.
    Library,
    /// A Python callable, as a dotted path, that the loader imports and calls.
    Callable,
    /// A class or function of Python, as a dotted path, that the loader imports: of a class it makes an instance without
    /// calling it, a function waits for whoever uses the model.
    Object,
    /// An address that the loader asks.
    Url,
}

/// Most references that are kept of one model.
const MAX_REFERENCES: usize = 4096;
/// Longest text of the model that is kept as a name or a value.
const MAX_TEXT: usize = 1024;

impl Graph {
    /// An empty graph of that framework.
    pub fn new(framework: Framework) -> Self {
        Self {
            framework,
            ..Self::default()
        }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.operators.is_empty() && self.references.is_empty()
    }

    /// Counts a node. The first of its kind is kept with its place and attributes.
    ///
    /// # Errors
    /// If the budget for steps or memory has run out.
    pub fn operator(&mut self, operator: Operator, budget: &mut Budget) -> Result<(), Exhausted> {
        budget.steps(1)?;
        let key = (operator.domain.clone(), operator.name.clone());
        if let Some(index) = self.kinds.get(&key) {
            if let Some(known) = self.operators.get_mut(*index) {
                known.count = known.count.saturating_add(operator.count.max(1));
            }
            return Ok(());
        }
        let cost = operator.domain.len().saturating_add(operator.name.len());
        budget.memory((cost as u64).saturating_mul(2).saturating_add(256))?;
        self.kinds.insert(key, self.operators.len());
        self.operators.push(Operator {
            domain: clipped(operator.domain),
            name: clipped(operator.name),
            node: clipped(operator.node),
            scope: clipped(operator.scope),
            count: operator.count.max(1),
            place: operator.place,
            attributes: operator
                .attributes
                .into_iter()
                .map(|(name, value)| (clipped(name), clipped(value)))
                .collect(),
        });
        Ok(())
    }

    /// Keeps a node on its own although others of its kind are known, because its attributes matter.
    ///
    /// # Errors
    /// If the budget for steps or memory has run out.
    pub fn operator_of_its_own(&mut self, operator: Operator, budget: &mut Budget) -> Result<(), Exhausted> {
        budget.steps(1)?;
        budget.memory(512)?;
        if self.operators.len() < MAX_REFERENCES {
            self.operators.push(Operator {
                domain: clipped(operator.domain),
                name: clipped(operator.name),
                node: clipped(operator.node),
                scope: clipped(operator.scope),
                count: operator.count.max(1),
                ..operator
            });
        }
        Ok(())
    }

    /// Keeps what the model points at, unless there are thousands already.
    pub fn reference(&mut self, kind: ReferenceKind, target: &str, by: impl Into<String>, place: Place) {
        if self.references.len() < MAX_REFERENCES {
            self.references.push(Reference {
                kind,
                target: clipped(target.to_owned()),
                by: clipped(by.into()),
                place,
            });
        }
    }
}

/// A text of the model, cut at a length that nothing honest has.
fn clipped(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        let mut end = MAX_TEXT;
        while !text.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_of_one_kind_are_counted() {
        let mut graph = Graph::new(Framework::Onnx);
        let mut budget = Budget::default();
        for node in ["a", "b", "c"] {
            let operator = Operator {
                name: "Conv".to_owned(),
                node: node.to_owned(),
                ..Operator::default()
            };
            graph.operator(operator, &mut budget).unwrap();
        }
        assert_eq!(graph.operators.len(), 1);
        assert_eq!(
            (graph.operators[0].count, graph.operators[0].node.as_str()),
            (3, "a")
        );
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        let cut = clipped("ä".repeat(MAX_TEXT));
        assert!(cut.len() <= MAX_TEXT + '…'.len_utf8());
        assert!(cut.ends_with("ä…"));
    }
}
