use crate::{
    Document, OpenOptions, Role, assemble::assemble, format::table as t, graph::ReferenceKind, identify, open,
};
use wellhead_core::{Blob, Budget};

fn show_as(role: Role, text: &str) -> String {
    let blob = Blob::from_bytes(text);
    let mut budget = Budget::default();
    let identity = identify("config.json", role, &blob, &mut budget);
    let options = OpenOptions {
        role,
        ..OpenOptions::default()
    };
    let opened = open("config.json", &identity, &blob, options, &mut budget);
    let Document::Model(model) = &opened.document else {
        return "no model".to_owned();
    };
    let mut out = Vec::new();
    for o in &model.graph.operators {
        let marks: Vec<_> = o.attributes.iter().map(|(k, v)| format!("{k}={v}")).collect();
        out.push(
            format!(
                "{}::{} in {:?} ×{} {}",
                o.domain,
                o.name,
                o.scope,
                o.count,
                marks.join(" ")
            )
            .trim_end()
            .to_owned(),
        );
    }
    for r in &model.graph.references {
        let kind = if r.kind == ReferenceKind::Url {
            "asks"
        } else {
            "opens"
        };
        out.push(format!("{} {kind} {}", r.by, r.target));
    }
    out.extend(model.defects.iter().map(|d| format!("defect: {}", d.words)));
    for m in &opened.members {
        let role = match m.role {
            Role::As(format) => format.name,
            Role::Pickle => "pickle",
            _ => "plain",
        };
        out.push(format!("member {}: {role}, {} bytes", m.name, m.size));
    }
    out.extend(opened.outcome.why().map(str::to_owned));
    out.join("\n")
}

fn show(text: &str) -> String {
    show_as(Role::Plain, text)
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .chain([&0; 2])
            .take(3)
            .fold(0_u32, |w, b| (w << 8) | u32::from(*b));
        for i in 0..=chunk.len() {
            out.push(char::from(ALPHABET[(word >> (18 - 6 * i)) as usize & 63]));
        }
        out.push_str(&"="[..usize::from(chunk.len() < 3)].repeat(3 - chunk.len()));
    }
    out
}

fn code() -> String {
    base64(&assemble("marshal", "code <lambda>\n  call os.system id\n").unwrap())
}

#[test]
fn objects_at_any_depth_are_operators() {
    insta::assert_snapshot!(show(r#"{"class_name":"Sequential","config":{"name":"m","layers":[
        {"class_name":"TimeDistributed","config":{"name":"t","layer":{"class_name":"Dense","config":{"name":"d","activation":"relu",
        "kernel_initializer":{"module":"keras.initializers","class_name":"Zeros","config":{}}}}}},
        {"class_name":"Dense","config":{"name":"e"}}]},"compile_config":{"loss":{"a":"mse"},"metrics":[["acc"]]}}"#), @r#"
    ::Sequential in "m" ×1
    ::TimeDistributed in "m/t" ×1
    ::Dense in "m/t/d" ×2
    ::relu in "m/t/d" ×1 name=
    keras.initializers::Zeros in "m/t/d" ×1
    ::mse in "m" ×1 name=
    ::acc in "m" ×1 name=
    "#);
}

#[test]
fn a_function_is_told_by_its_module_and_name() {
    insta::assert_snapshot!(show(r#"{"module":"keras","class_name":"Functional","config":{"name":"m","layers":[
        {"module":"os","class_name":"function","config":"system","registered_name":"system"},
        {"module":"acme.layers","class_name":"Mine","config":{"name":"x"},"registered_name":"acme>Mine"},
        {"class_name":"TFOpLambda","config":{"name":"o","function":"io.write_file"}},
        {"class_name":"TensorFlowOpLayer","config":{"name":"p","node_def":{"op":"ReadFile"}}}]}}"#), @r#"
    keras::Functional in "m" ×1
    os::system in "m" ×1 registered_name=system function=
    acme.layers::Mine in "m/x" ×1 registered_name=acme>Mine
    tensorflow::io.write_file in "m/o" ×1 function=
    ::TFOpLambda in "m/o" ×1
    tensorflow.raw_ops::ReadFile in "m/p" ×1 function=
    ::TensorFlowOpLayer in "m/p" ×1
    "#);
}

#[test]
fn code_in_a_layer_is_a_member_however_it_is_written() {
    let code = code();
    let broken: String = code
        .chars()
        .flat_map(|c| [c, '\n'])
        .collect::<String>()
        .replace('\n', "\\n");
    let escaped: String = code.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let odd = code.replace('A', "!A");
    for value in [
        format!(r#"["{code}", null, null]"#),
        format!(r#"["{broken}", null, null]"#),
        format!(r#"["{escaped}", null, null]"#),
        format!(r#"["{odd}", null, null]"#),
        format!(r#"{{"class_name": "__lambda__", "config": {{"value": "{code}"}}}}"#),
    ] {
        let text = format!(
            r#"{{"class_name":"Sequential","config":{{"layers":[{{"\u0063lass_name":"Lambda","config":{{"name":"l","function_type":"lambda","function":{value}}}}}]}}}}"#
        );
        let shown = show(&text);
        assert!(shown.contains("::Lambda in \"l\" ×1 code=bytecode"), "{shown}");
        assert!(shown.contains(": python-bytecode, "), "{shown}");
        assert_eq!(shown.matches("member").count(), 1, "{shown}");
    }
}

#[test]
fn a_lambda_by_name_is_a_function() {
    let text = r#"{"class_name":"Lambda","config":{"name":"l","function":"system","function_type":"function","module":"os"}}"#;
    insta::assert_snapshot!(show(text), @r#"
    os::system in "l" ×1 function=
    ::Lambda in "l" ×1 code=name
    "#);
}

#[test]
fn files_and_addresses_that_layers_read_are_references() {
    insta::assert_snapshot!(show(r#"{"class_name":"Sequential","config":{"layers":[
        {"class_name":"StringLookup","config":{"name":"s","vocabulary":"/etc/passwd"}},
        {"class_name":"StringLookup","config":{"name":"ok","vocabulary":["a","b"]}},
        {"class_name":"TextVectorization","config":{"name":"t","vocabulary":"https://203.0.113.7/v.txt"}},
        {"module":"keras.utils","class_name":"get_file","config":{"name":"g","fname":"x","origin":"https://a.example/x"}}]}}"#), @r#"
    ::Sequential in "" ×1
    ::StringLookup in "s" ×2
    ::TextVectorization in "t" ×1
    keras.utils::get_file in "g" ×1
    vocabulary of s opens /etc/passwd
    vocabulary of t asks https://203.0.113.7/v.txt
    origin of g asks https://a.example/x
    "#);
}

#[test]
fn a_module_of_pytorch_is_unpickled() {
    let pickle = assemble(
        "pickle",
        "PROTO 2\nGLOBAL 'posix system'\nBINUNICODE 'id'\nTUPLE1\nREDUCE\nSTOP",
    )
    .unwrap();
    let text = format!(
        r#"{{"module":"keras.layers","class_name":"TorchModuleWrapper","config":{{"name":"w","module":{{"class_name":"__bytes__","config":{{"value":"{}"}}}}}}}}"#,
        base64(&pickle)
    );
    assert!(
        show(&text).contains("member w torch module: plain, "),
        "{}",
        show(&text)
    );
}

#[test]
fn other_json_is_no_configuration() {
    for text in [
        r#"{"architectures": ["BertModel"], "hidden_size": 768}"#,
        r#"{"class_name": "TextNode", "text": "x"}"#,
        r#"{"class_name": "Reader", "config": {"a": 1}}"#,
        r#"[1, 2]"#,
    ] {
        assert_eq!(show(text), "no model", "{text}");
    }
}

#[test]
fn an_object_with_two_classes_is_both() {
    let shown = show(r#"{"module":"keras","class_name":"Dense","class_name":"Evil","config":{}}"#);
    assert!(
        shown.contains("keras::Dense") && shown.contains("keras::Evil") && shown.contains("twice"),
        "{shown}"
    );
}

#[test]
fn what_a_container_calls_a_configuration_has_to_be_one() {
    let shown = show_as(Role::As(&t::KERAS_CONFIG), r#"{"class_name": "#);
    assert_eq!(shown, "no model");
}
