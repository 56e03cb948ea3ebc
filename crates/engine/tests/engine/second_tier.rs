//! Models of the second tier, whole: a hostile one of each kind is found for the right reason, its honest twin is silent.

use super::{audit, repositories::of};
use wellhead_engine::Options;
use wellhead_formats::assemble::assemble;

/// The findings of one file, assembled.
fn told(name: &str, kind: &str, listing: &str) -> Vec<String> {
    let bytes = assemble(kind, listing).unwrap();
    let report = audit(&[(name, bytes.as_slice())], &Options::default());
    of(&report)
}

/// A TensorFlow Lite model with one operator of that name.
fn tflite(operator: &str) -> Vec<String> {
    let listing = format!(
        "identifier TFL3
0 u32 3
1 tables
  -
    0 u8 32
    1 text {operator}
2 tables
  -
    3 tables
      -
        0 u32 0
    4 text main
4 tables
  -
"
    );
    told("model.tflite", "flatbuffer", &listing)
}

#[test]
fn operators_of_tensorflow_lite() {
    assert_eq!(tflite("TFLite_Detection_PostProcess"), Vec::<String>::new());
    assert_eq!(tflite("FlexErf"), Vec::<String>::new());
    for (operator, expected) in [
        ("FlexReadFile", "unsafe-model-operator"),
        ("FlexWriteFile", "unsafe-model-operator"),
        ("FlexPyFunc", "unsafe-model-operator"),
        ("Mine", "unknown-model-operator"),
    ] {
        let told = tflite(operator);
        assert!(
            told.len() == 1 && told[0].contains(expected),
            "{operator}: {told:?}"
        );
    }
}

#[test]
fn second_readings_of_json() {
    for (name, text, expected) in [
        (
            "model-symbol.json",
            r#"{"nodes":[{"op":"null","name":"x","inputs":[]},{"op":"Custom","name":"y","attrs":{"op_type":"z"},"inputs":[]}]}"#,
            "unsafe-model-operator",
        ),
        (
            "w.zarr/.zarray",
            r#"{"chunks":[5],"compressor":null,"dtype":"|O","filters":[{"id":"pickle"}],"zarr_format":2}"#,
            "unsafe-model-operator",
        ),
        (
            "_METADATA",
            r#"{"tree_metadata":{},"a":{"driver":"zarr","kvstore":{"driver":"file","path":"../../etc/shadow"}}}"#,
            "model-external-reference",
        ),
    ] {
        let report = audit(&[(name, text.as_bytes())], &Options::default());
        let told = of(&report);
        assert!(told.len() == 1 && told[0].contains(expected), "{name}: {told:?}");
    }
    let honest = [
        (
            "w.zarr/.zarray",
            r#"{"chunks":[5],"compressor":{"id":"blosc"},"dtype":"<f4","filters":null,"zarr_format":2}"#,
        ),
        (
            "_METADATA",
            r#"{"tree_metadata":{},"a":{"driver":"zarr","kvstore":{"driver":"file","path":"params.w/"}}}"#,
        ),
    ];
    for (name, text) in honest {
        let told = of(&audit(&[(name, text.as_bytes())], &Options::default()));
        assert_eq!(told, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn pickles_and_programs_among_numbers() {
    let pickle = "80 02 63 6f 73 0a 73 79 73 74 65 6d 0a 58 02 00 00 00 69 64 85 52 2e";
    let told = told(
        "flax_model.msgpack",
        "binary",
        &format!("hex 81 a4\ntext data\nhex c4 17 {pickle}"),
    );
    assert!(
        told.iter().any(|t| t.contains("unsafe-pickle-import")),
        "{told:?}"
    );
}

#[test]
fn lua_functions_and_engines() {
    let function = "u32 3 1 1\nu32 2\nstr32 f\nu32 8 2\nstr32 os.execute('id')\nu32 3 3 0";
    let found = told("model.t7", "binary", function);
    assert!(
        found.len() == 1 && found[0].contains("code-in-saved-object"),
        "{found:?}"
    );
    let honest = "u32 3 1 1\nu32 2\nstr32 rate\nu32 1\nf64 0.5";
    assert_eq!(told("model.t7", "binary", honest), Vec::<String>::new());
    let engine = told("m.engine", "binary", "text ftrt\nzeros 100");
    assert!(
        engine.len() == 1 && engine[0].contains("not-fully-analysed"),
        "{engine:?}"
    );
}

/// F01 and F02 in YAML, which `model_from_yaml` of older Keras reads.
#[test]
fn keras_configurations_in_yaml_are_read() {
    let layer = |module: &str, class: &str| {
        format!(
            "class_name: Sequential\nconfig:\n  name: m\n  layers:\n  - module: {module}\n    class_name: {class}\n    config: {{}}\n"
        )
    };
    assert_eq!(
        told("model.yaml", "text", &layer("keras.layers", "Flatten")),
        Vec::<String>::new()
    );
    let hostile = told("model.yaml", "text", &layer("os", "system"));
    assert!(
        hostile.iter().any(|f| f.contains("unsafe-keras-object")),
        "{hostile:?}"
    );
    let other = told(
        "compose.yaml",
        "text",
        "services:\n  web:\n    image: nginx@sha256:0\n",
    );
    assert!(!other.iter().any(|f| f.contains("keras")), "{other:?}");
}

/// F11: a header that no reader accepts is still a header by the file's name.
#[test]
fn broken_safetensors_are_said_to_be_broken() {
    for header in ["ffffffffffffffff 7b7d", "0000000001000000 7b7d"] {
        let told = told("m.safetensors", "hex", header);
        assert!(
            told.iter().any(|f| f.contains("safetensors-malformed")),
            "{header}: {told:?}"
        );
    }
}
