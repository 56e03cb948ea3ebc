//! What the real writers of protocol buffers write is read to the end, without defects.

#![expect(
    clippy::disallowed_methods,
    reason = "the files are made by the programs that users make them with"
)]

use super::real::written;
use crate::{Document, OpenOptions, Role, identify, open};
use wellhead_core::{Blob, Budget, Outcome};

#[test]
fn models_of_onnx() {
    let Some(dir) = written(
        r#"
import numpy as np, onnx
from onnx import helper, numpy_helper, TensorProto as T
x = helper.make_tensor_value_info("x", T.FLOAT, ["n", 4])
y = helper.make_tensor_value_info("y", T.FLOAT, None)
rng = np.random.default_rng(0)
def init(name, dtype, shape=(4, 3)):
    return numpy_helper.from_array((rng.random(shape) * 5).astype(dtype), name)
inits = [init("w", "float32"), init("h", "float16"), init("d", "float64"), init("i", "int64"), init("b", "bool"),
         init("z", "complex64"), init("empty", "float32", (0, 3)), init("scalar", "float32", ()),
         numpy_helper.from_array(np.array(["a", "bc"], object), "s"),
         helper.make_tensor("typed", T.FLOAT, [2], [1.0, 2.0]), helper.make_tensor("four", T.INT4, [3], [1, 2, 3])]
then = helper.make_graph([helper.make_node("Add", ["x", "x"], ["t"])], "then", [], [y])
other = helper.make_graph([helper.make_node("Constant", [], ["e"], value=init("c", "float32"))], "else", [], [y])
nodes = [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("If", ["k"], ["q"], then_branch=then, else_branch=other),
         helper.make_node("Twice", ["m"], ["y"], domain="local")]
f = helper.make_function("local", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])],
                         [helper.make_opsetid("", 17)])
sparse = helper.make_sparse_tensor(helper.make_tensor("v", T.FLOAT, [2], [1.0, 2.0]), helper.make_tensor("at", T.INT64, [2], [0, 5]), [9])
g = helper.make_graph(nodes, "g", [x], [y], inits, sparse_initializer=[sparse])
m = helper.make_model(g, functions=[f], opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("local", 1)])
helper.set_model_props(m, {"author": "somebody", "classes": "{0: 'cat'}"})
onnx.save(m, "inline.onnx")
onnx.save(m, "beside.onnx", save_as_external_data=True, location="beside.bin", size_threshold=0)
open("tensor.pb", "wb").write(init("t", "float32").SerializeToString())
open("sequence.pb", "wb").write(numpy_helper.from_list([np.ones(3, "float32"), np.ones(2, "float32")], "s").SerializeToString())
"#,
    ) else {
        return;
    };
    for (name, format, operators, tensors, files) in [
        ("inline.onnx", "onnx", 5, 13, 0),
        ("beside.onnx", "onnx", 5, 13, 1),
        ("tensor.pb", "onnx-tensor", 0, 1, 0),
        ("sequence.pb", "onnx-tensor", 0, 2, 0),
    ] {
        let blob = Blob::from_bytes(std::fs::read(dir.path().join(name)).unwrap());
        let budget = &mut Budget::default();
        let identity = identify(name, Role::Plain, &blob, budget);
        assert_eq!(
            (identity.format.name, identity.mismatch),
            (format, None),
            "{name}"
        );
        let opened = open(name, &identity, &blob, OpenOptions::default(), budget);
        assert_eq!(opened.outcome, Outcome::Analysed, "{name}");
        let Document::Model(model) = opened.document else {
            panic!("{name} is no model")
        };
        assert_eq!(model.defects, [], "{name}");
        assert_eq!(
            (model.graph.operators.len(), model.tensors.len()),
            (operators, tensors),
            "{name} {:?}",
            model.graph.operators
        );
        assert!(
            model.graph.operators.iter().all(|o| o.domain.is_empty()),
            "{name}"
        );
        let mut named: Vec<_> = model.graph.references.iter().map(|r| r.target.as_str()).collect();
        named.dedup();
        assert_eq!(named.len(), files, "{name} {named:?}");
        assert!(named.iter().all(|n| *n == "beside.bin"));
    }
}
