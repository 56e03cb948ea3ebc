use crate::{
    Subject,
    testing::{findings, told},
};
use wellhead_core::{Blob, Budget};
use wellhead_formats::{Document, OpenOptions, Role, identify, open};

/// What the rules say of a configuration, the messages too.
fn judged(text: &str) -> (String, Vec<String>) {
    let blob = Blob::from_bytes(text);
    let mut budget = Budget::default();
    let identity = identify("config.json", Role::Plain, &blob, &mut budget);
    let opened = open(
        "config.json",
        &identity,
        &blob,
        OpenOptions::default(),
        &mut budget,
    );
    let Document::Model(model) = &opened.document else {
        panic!("no configuration: {text}")
    };
    let found = findings("config.json", Subject::Model(model));
    let messages = found.iter().map(|f| f.message.clone()).collect();
    (told(&found), messages)
}

fn object(object: &str) -> String {
    judged(&format!(
        r#"{{"module":"keras","class_name":"Sequential","config":{{"name":"m","layers":[{object}]}}}}"#
    ))
    .0
}

#[test]
fn ordinary_objects_are_silent() {
    for text in [
        r#"{"module":"keras.layers","class_name":"Dense","config":{"name":"d","activation":"relu","kernel_regularizer":{"module":"keras.regularizers","class_name":"L2","config":{"l2":0.01}}}}"#,
        r#"{"class_name":"Conv2D","config":{"name":"c","kernel_initializer":{"class_name":"VarianceScaling","config":{"scale":1.0}},"bias_initializer":"zeros"}}"#,
        r#"{"class_name":"Bidirectional","config":{"layer":{"class_name":"LSTM","config":{"recurrent_activation":"hard_sigmoid"}}}}"#,
        r#"{"module":"builtins","class_name":"function","config":"relu","registered_name":"function"}"#,
        r#"{"module":"keras.src.ops.numpy","class_name":"Add","config":{"name":"add"},"registered_name":"Add"}"#,
        r#"{"module":"keras_hub.src.models.bert.bert_backbone","class_name":"BertBackbone","config":{},"registered_name":"keras_hub>BertBackbone"}"#,
        r#"{"class_name":"TFOpLambda","config":{"name":"tf.math.reduce_mean","function":"math.reduce_mean"}}"#,
        r#"{"class_name":"TFOpLambda","config":{"name":"tf.__operators__.add","function":"__operators__.add"}}"#,
        r#"{"class_name":"StringLookup","config":{"vocabulary":["a","b"]}}"#,
        r#"{"class_name":"Lambda","config":{"function":"relu","function_type":"function"}}"#,
        r#"{"module":"numpy","class_name":"dtype","config":"float32"}"#,
        r#"{"class_name":"__tensor__","config":{"value":[1],"dtype":"float32"}}"#,
    ] {
        assert_eq!(object(text), "", "{text}");
    }
}

#[test]
fn what_loading_calls_is_judged() {
    let critical = "unsafe-keras-object critical";
    for (text, expected) in [
        (
            r#"{"module":"os","class_name":"function","config":"system","registered_name":"system"}"#,
            critical,
        ),
        (
            r#"{"module":"builtins","class_name":"function","config":"eval"}"#,
            critical,
        ),
        (
            r#"{"module":"subprocess","class_name":"Popen","config":{"args":["id"]}}"#,
            critical,
        ),
        (
            r#"{"module":"keras.utils","class_name":"get_file","config":{"fname":"x"}}"#,
            critical,
        ),
        (
            r#"{"module":"keras.src.utils.file_utils","class_name":"function","config":"get_file"}"#,
            critical,
        ),
        (
            r#"{"module":"keras.config","class_name":"function","config":"enable_unsafe_deserialization"}"#,
            critical,
        ),
        (
            r#"{"module":"keras.models","class_name":"function","config":"load_model"}"#,
            critical,
        ),
        (
            r#"{"module":"numpy.os","class_name":"function","config":"system"}"#,
            critical,
        ),
        (
            r#"{"module":"keras.src.utils.python_utils.os","class_name":"function","config":"system"}"#,
            critical,
        ),
        (
            r#"{"module":"keras.layers","class_name":"TFSMLayer","config":{"filepath":"x"}}"#,
            critical,
        ),
        (
            r#"{"class_name":"TFOpLambda","config":{"function":"io.write_file"}}"#,
            critical,
        ),
        (
            r#"{"class_name":"TFOpLambda","config":{"function":"raw_ops.ReadFile"}}"#,
            critical,
        ),
        (
            r#"{"class_name":"TensorFlowOpLayer","config":{"node_def":{"op":"WriteFile"}}}"#,
            critical,
        ),
        (
            r#"{"class_name":"Lambda","config":{"function":"system","function_type":"function","module":"os"}}"#,
            critical,
        ),
        (
            r#"{"module":"evil_module","class_name":"Thing","config":{},"registered_name":"Thing"}"#,
            "unsafe-keras-object high",
        ),
        (
            r#"{"module":"keras.utils","class_name":"function","config":"to_categorical"}"#,
            "unsafe-keras-object high",
        ),
        (
            r#"{"module":"acme.layers","class_name":"Mine","config":{},"registered_name":"acme>Mine"}"#,
            "unsafe-keras-object medium",
        ),
        (
            r#"{"class_name":"MyLayer","config":{}}"#,
            "unsafe-keras-object medium",
        ),
        (
            r#"{"class_name":"Dense","config":{"activation":"my_activation"}}"#,
            "unsafe-keras-object medium",
        ),
        (
            r#"{"class_name":"StringLookup","config":{"vocabulary":"/etc/passwd"}}"#,
            "model-external-reference high",
        ),
    ] {
        assert_eq!(object(text), expected, "{text}");
    }
}

#[test]
fn code_in_a_layer_is_told_once_for_each_layer() {
    let lambda = r#"{"class_name":"Lambda","config":{"name":"NAME","function_type":"lambda","function":["4wAAAAAAAAAAAAAA",null,null]}}"#;
    let inner = r#"{"class_name":"Lambda","config":{"name":"c","function":{"class_name":"__lambda__","config":{"value":"4wAAAAAAAAAAAAAA"}}}}"#;
    let text = [
        lambda.replace("NAME", "a"),
        lambda.replace("NAME", "b"),
        inner.to_owned(),
    ]
    .join(",");
    let all = ["unsafe-keras-lambda high"; 3].join(", ");
    assert_eq!(object(&text), all);
}

#[test]
fn losses_and_metrics_by_name() {
    let (told, messages) = judged(
        r#"{"class_name":"Sequential","config":{"layers":[]},"compile_config":{"loss":"mse","metrics":["acc","made_up"],"optimizer":{"class_name":"Adam","config":{}}}}"#,
    );
    assert_eq!(told, "unsafe-keras-object medium");
    assert_eq!(
        messages,
        ["this model needs `made_up`, which is no part of Keras: whoever loads it supplies the code"]
    );
}

#[test]
fn hostile_names_cannot_break_the_message() {
    let (_, messages) = judged(
        "{\"class_name\":\"Sequential\",\"config\":{\"layers\":[{\"module\":\"os\",\"class_name\":\"sys`tem\\u001b[0m\",\"config\":{}}]}}",
    );
    assert_eq!(
        messages,
        ["loading this model runs `os.sys'tem\\x1b[0m`, named by the model"]
    );
}
