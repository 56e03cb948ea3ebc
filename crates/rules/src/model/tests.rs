use crate::{
    Subject,
    testing::{findings, told},
};
use wellhead_core::Budget;
use wellhead_formats::{
    format::table as t,
    graph::{Framework, Graph, Operator, Place, ReferenceKind},
    model::Model,
    tensors::{Defect, DefectKind},
};

fn model(framework: Framework, operators: &[Operator]) -> Model {
    let mut model = Model::new(&t::PROTOBUF);
    model.graph = Graph::new(framework);
    for operator in operators {
        let mut budget = Budget::default();
        model
            .graph
            .operator_of_its_own(operator.clone(), &mut budget)
            .unwrap();
    }
    model
}

fn operator(domain: &str, name: &str, scope: &str, attributes: &[(&str, &str)]) -> Operator {
    Operator {
        domain: domain.to_owned(),
        name: name.to_owned(),
        scope: scope.to_owned(),
        attributes: attributes
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect(),
        ..Operator::default()
    }
}

fn verdict(model: &Model) -> String {
    told(&findings("m", Subject::Model(model)))
}

#[test]
fn an_operator_is_judged_by_its_effect_and_its_place() {
    use Framework::{Caffe, Onnx, Paddle, TensorFlow};
    for (framework, domain, name, scope, attributes, verdict_of_it) in [
        (TensorFlow, "", "MatMul", "main", &[][..], ""),
        (TensorFlow, "", "Assert", "main", &[], ""),
        (TensorFlow, "", "SaveV2", "saver: function s", &[], ""),
        (TensorFlow, "", "ShardedFilename", "saver: function s", &[], ""),
        (
            TensorFlow,
            "",
            "SaveV2",
            "function s",
            &[],
            "unsafe-model-operator critical",
        ),
        (
            TensorFlow,
            "",
            "RestoreV2",
            "main",
            &[],
            "unsafe-model-operator high",
        ),
        (
            TensorFlow,
            "",
            "ReadFile",
            "main",
            &[],
            "unsafe-model-operator high",
        ),
        (
            TensorFlow,
            "",
            "ReadFile",
            "saver: function s",
            &[],
            "unsafe-model-operator high",
        ),
        (
            TensorFlow,
            "",
            "WriteFile",
            "main",
            &[],
            "unsafe-model-operator critical",
        ),
        (
            TensorFlow,
            "",
            "PyFunc",
            "main",
            &[],
            "unsafe-model-operator high",
        ),
        (
            TensorFlow,
            "",
            "PrintV2",
            "main",
            &[("output_stream", "stderr")],
            "",
        ),
        (
            TensorFlow,
            "",
            "PrintV2",
            "main",
            &[("url", "file:///x")],
            "unsafe-model-operator critical",
        ),
        (TensorFlow, "", "DebugIdentity", "main", &[], ""),
        (
            TensorFlow,
            "",
            "DebugIdentity",
            "main",
            &[("url", "grpc://203.0.113.7:1")],
            "unsafe-model-operator high",
        ),
        (Onnx, "", "Conv", "main", &[], ""),
        (Onnx, "ai.onnx.ml", "TreeEnsembleClassifier", "main", &[], ""),
        (Onnx, "com.microsoft", "FusedConv", "main", &[], ""),
        (
            Onnx,
            "vendor.example",
            "Layer",
            "main",
            &[],
            "unknown-model-operator high",
        ),
        (
            Onnx,
            "ai.onnx.contrib",
            "PyOp",
            "main",
            &[],
            "unsafe-model-operator critical",
        ),
        (Caffe, "", "Convolution", "main", &[], ""),
        (
            Caffe,
            "",
            "Python",
            "main",
            &[("module", "evil")],
            "unsafe-model-operator critical",
        ),
        (Paddle, "", "py_func", "main", &[], "unsafe-model-operator high"),
    ] {
        let model = model(framework, &[operator(domain, name, scope, attributes)]);
        assert_eq!(verdict(&model), verdict_of_it, "{name} in {scope}");
    }
}

#[test]
fn a_message_says_the_harm_and_the_file() {
    let mut model = model(
        Framework::TensorFlow,
        &[operator("", "ReadFile", "main", &[("file", "/etc/passwd")])],
    );
    model.graph.reference(
        ReferenceKind::Callable,
        "os.system",
        "layer `a`",
        Place::default(),
    );
    let messages: Vec<_> = findings("m", Subject::Model(&model))
        .iter()
        .map(|f| f.message.clone())
        .collect();
    assert_eq!(
        messages,
        [
            "running this model reads `/etc/passwd`, by the operator `ReadFile`",
            "loading this model runs `os.system`"
        ]
    );
}

#[test]
fn a_callable_is_judged_by_what_is_known_of_it() {
    for (path, verdict_of_it) in [
        ("keras.layers.Dense", ""),
        ("keras.src.layers.core.dense.Dense", ""),
        ("torch.nn.modules.linear.Linear", ""),
        ("collections.OrderedDict", ""),
        ("os.system", "unsafe-model-callable critical"),
        ("subprocess:run", "unsafe-model-callable critical"),
        ("eval", "unsafe-model-callable critical"),
        ("keras.src.utils.os.system", "unsafe-model-callable critical"),
        ("keras.layers.Lambda", "unsafe-model-callable high"),
        ("modeling_x.Layer", "unsafe-model-callable high"),
    ] {
        let mut model = model(Framework::Keras, &[]);
        model
            .graph
            .reference(ReferenceKind::Callable, path, "layer `a`", Place::default());
        assert_eq!(verdict(&model), verdict_of_it, "{path}");
    }
}

#[test]
fn files_beside_the_model_are_its_own_and_others_are_not() {
    for (kind, target, verdict_of_it) in [
        (ReferenceKind::File, "weights.bin", ""),
        (
            ReferenceKind::File,
            "../../etc/passwd",
            "model-external-reference high",
        ),
        (ReferenceKind::Library, "libx.so", "model-external-reference high"),
        (
            ReferenceKind::Url,
            "https://x.example/w",
            "model-external-reference high",
        ),
    ] {
        let mut model = model(Framework::Onnx, &[]);
        model
            .graph
            .reference(kind, target, "the tensor `w`", Place::default());
        assert_eq!(verdict(&model), verdict_of_it, "{target}");
    }
}

#[test]
fn each_kind_of_defect_is_one_finding() {
    let mut model = model(Framework::Onnx, &[]);
    for (kind, words) in [
        (DefectKind::Broken, "a length that leads out of the file"),
        (DefectKind::Broken, "another"),
        (DefectKind::Ambiguous, "two graphs"),
    ] {
        model.defects.push(Defect {
            offset: 3,
            length: 1,
            words: words.to_owned(),
            kind,
        });
    }
    assert_eq!(verdict(&model), "model-malformed high, model-malformed medium");
}

#[test]
fn code_in_saved_objects_is_judged_by_where_it_stands() {
    use Framework::{R, Torch7};
    for (framework, domain, name, scope, verdict_of_it) in [
        (R, "promise", "system", "", "code-in-saved-object critical"),
        (R, "promise", "eval", "", "code-in-saved-object critical"),
        (R, "promise", "mean", "", "code-in-saved-object high"),
        (R, "promise", "value", "", "code-in-saved-object high"),
        (R, "delayed", "mean", "", ""),
        (R, "delayed", "eval", "", ""),
        (R, "delayed", "system", "", "code-in-saved-object high"),
        (R, "startup", ".First", ".First", "code-in-saved-object high"),
        (R, "function", "lm", "", ""),
        (R, "function", "eval", "", ""),
        (R, "function", "download.file", "", "code-in-saved-object medium"),
        (
            Torch7,
            "function",
            "Lua bytecode",
            "hook",
            "code-in-saved-object high",
        ),
    ] {
        let model = model(framework, &[operator(domain, name, scope, &[])]);
        assert_eq!(verdict(&model), verdict_of_it, "{domain} {name}");
    }
    let lua = operator(
        "function",
        "Lua source",
        "hook",
        &[("name", "os"), ("name", "execute")],
    );
    assert_eq!(verdict(&model(Torch7, &[lua])), "code-in-saved-object critical");
    let both = [
        operator("startup", ".First", ".First", &[]),
        operator("function", "system", "", &[]),
    ];
    assert_eq!(
        verdict(&model(R, &both)),
        "code-in-saved-object critical, code-in-saved-object medium"
    );
}

#[test]
fn operators_of_small_devices_are_told_apart() {
    use Framework::{ExecuTorch, MxNet, TensorRt, TfLite, Zarr};
    for (framework, domain, name, verdict_of_it) in [
        (TfLite, "", "CONV_2D", ""),
        (TfLite, "custom", "TFLite_Detection_PostProcess", ""),
        (TfLite, "custom", "Convolution2DTransposeBias", ""),
        (TfLite, "custom", "Mine", "unknown-model-operator high"),
        (TfLite, "flex", "Erf", ""),
        (TfLite, "flex", "ReadFile", "unsafe-model-operator high"),
        (TfLite, "flex", "PyFunc", "unsafe-model-operator high"),
        (ExecuTorch, "aten", "add", ""),
        (ExecuTorch, "delegate", "XnnpackBackend", ""),
        (ExecuTorch, "mine", "spawn", "unknown-model-operator high"),
        (ExecuTorch, "delegate", "Mine", "unknown-model-operator high"),
        (MxNet, "", "Convolution", ""),
        (MxNet, "", "Custom", "unsafe-model-operator high"),
        (MxNet, "", "_Native", "unsafe-model-operator critical"),
        (TensorRt, "plugin", "EfficientNMS_TRT", ""),
        (TensorRt, "plugin", "MyPlugin", "unknown-model-operator high"),
        (Zarr, "codec", "blosc", ""),
        (Zarr, "codec", "pickle", "unsafe-model-operator critical"),
        (Zarr, "codec", "mine", "unknown-model-operator high"),
    ] {
        let model = model(framework, &[operator(domain, name, "", &[])]);
        assert_eq!(verdict(&model), verdict_of_it, "{domain} {name}");
    }
}
