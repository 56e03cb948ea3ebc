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

fn listing(text: &str) -> (Model, Outcome) {
    open("model.onnx", assemble("protobuf", text).unwrap())
}

/// Operators as `domain::name xN in scope`, references as `target by`, defects.
fn told(model: &Model) -> Vec<String> {
    let operators = model.graph.operators.iter().map(|o| {
        let attributes: Vec<_> = o.attributes.iter().map(|(n, v)| format!(" {n}={v}")).collect();
        format!(
            "{}::{} x{} in {}{}",
            o.domain,
            o.name,
            o.count,
            o.scope,
            attributes.concat()
        )
    });
    let references = model
        .graph
        .references
        .iter()
        .map(|r| format!("{:?} {} by {}", r.kind, r.target, r.by));
    let defects = model.defects.iter().map(|d| format!("{:?}: {}", d.kind, d.words));
    operators.chain(references).chain(defects).collect()
}

const EXTERNAL: &str = "
7: {
  1: {
    4: \"If\"
    3: \"branch\"
    5: {
      1: \"then_branch\"
      6: {
        1: {
          4: \"Constant\"
          5: {
            1: \"value\"
            5: {
              1: packed 2
              2: varint 1
              13: {
                1: \"location\"
                2: \"/etc/passwd\"
              }
              14: varint 1
            }
          }
        }
      }
    }
  }
  5: {
    1: packed 2 3
    2: varint 1
    8: \"w\"
    13: {
      1: \"location\"
      2: \"..\\\\x\"
    }
    13: {
      1: \"offset\"
      2: \"0\"
    }
    14: varint 1
  }
}
25: {
  1: \"F\"
  10: \"local\"
  7: {
    4: \"Constant\"
    5: {
      1: \"value\"
      22: {
        1: {
          8: \"s\"
          2: varint 1
          13: {
            1: \"location\"
            2: \"../../s\"
          }
          14: varint 1
        }
      }
    }
  }
}
";

#[test]
fn files_are_found_wherever_a_tensor_may_stand() {
    let (model, outcome) = listing(EXTERNAL);
    assert_eq!(outcome, Outcome::Analysed);
    insta::assert_debug_snapshot!(told(&model), @r#"
    [
        "::Constant x2 in node branch: then_branch",
        "::If x1 in main",
        "File /etc/passwd by attribute value",
        "File ..\\x by the tensor `w`",
        "File ../../s by the tensor `s`",
    ]
    "#);
    assert_eq!(model.tensors.len(), 2);
    assert_eq!(
        (model.tensors[0].dtype.as_str(), model.tensors[0].shape.as_slice()),
        ("float32", &[2, 3][..])
    );
}

#[test]
fn operators_keep_their_domain_unless_the_model_defines_them() {
    let (model, _) = listing(
        "7: {
          1: {
            4: \"Conv\"
          }
          1: {
            4: \"F\"
            7: \"local\"
          }
          1: {
            4: \"Decode\"
            7: \"vendor.example\"
            5: {
              1: \"mode\"
              4: \"fast\"
            }
          }
          1: {
            4: \"PyOp\"
            7: \"pyop\"
            5: {
              1: \"module\"
              4: \"evil\"
            }
            5: {
              1: \"class_name\"
              4: \"Run\"
            }
          }
        }
        25: {
          1: \"F\"
          10: \"local\"
          7: {
            4: \"Relu\"
          }
        }",
    );
    insta::assert_debug_snapshot!(told(&model), @r#"
    [
        "::Conv x1 in main",
        "::local.F x1 in main",
        "vendor.example::Decode x1 in main mode=fast",
        "pyop::PyOp x1 in main callable=evil.Run module=evil class_name=Run",
        "::Relu x1 in function F",
    ]
    "#);
}

#[test]
fn what_contradicts_itself_is_a_defect() {
    for (text, words) in [
        (
            "7: {\n5: {\n1: packed 2 3\n2: varint 1\n8: \"w\"\n9: zeros 20\n}\n}",
            "Broken: the tensor `w` needs 24 bytes by its shape and has 20",
        ),
        (
            "7: {\n5: {\n1: packed 4611686018427387904 3\n2: varint 1\n8: \"w\"\n}\n}",
            "Broken: the tensor `w` has a shape that no memory holds",
        ),
        (
            "7: {\n5: {\n1: packed -1\n2: varint 1\n8: \"w\"\n}\n}",
            "Broken: the tensor `w` has a shape that no memory holds",
        ),
        (
            "7: {\n5: {\n1: packed 1\n2: varint 99\n8: \"w\"\n}\n}",
            "Broken: the tensor `w` has the type 99, which does not exist",
        ),
        (
            "7: {\n5: {\n1: packed 1\n2: varint 1\n8: \"w\"\n14: varint 1\n}\n}",
            "Broken: the tensor `w` lies in a file of its own that is not named",
        ),
        (
            "7: {\n1: {\n4: \"Relu\"\n}\n}\n7: {\n1: {\n4: \"Relu\"\n}\n}",
            "Ambiguous: it holds 2 graphs where readers expect one, and not all of them join them alike",
        ),
        (
            "7: {\n1: {\n4: \"Relu\"\n}\n}\n14: {\n1: \"session.load_model_format\"\n2: \"ORT\"\n}",
            "Ambiguous: its metadata sets `session.load_model_format` of the runtime, which some runtimes follow and others do not",
        ),
        (
            "7: {\n1: {\n4: \"Relu\"\n}\n}\n7: length=99 {\n}",
            "Broken: field 7 is said to have 99 bytes where 0 are left",
        ),
    ] {
        let (model, _) = listing(text);
        assert!(told(&model).contains(&words.to_owned()), "{:?}", told(&model));
    }
}

#[test]
fn training_graphs_are_walked() {
    let (model, _) = listing(
        "20: {\n2: {\n1: {\n4: \"PythonOp\"\n7: \"com.microsoft\"\n}\n}\n}\n7: {\n1: {\n4: \"Relu\"\n}\n}",
    );
    assert_eq!(model.graph.operators[0].scope, "training: algorithm");
}

#[test]
fn graphs_that_nest_without_end_are_bounded() {
    let deep = 200;
    let text = format!(
        "7: {{\n{}{}}}",
        "1: {\n4: \"If\"\n5: {\n6: {\n".repeat(deep),
        "}\n}\n}\n".repeat(deep)
    );
    let (model, outcome) = listing(&text);
    assert!(matches!(outcome, Outcome::Partly { .. }));
    assert!(model.graph.operators.iter().all(|o| o.name == "If"));
}

proptest::proptest! {
    #[test]
    fn never_panics(bytes: Vec<u8>) {
        let blob = Blob::from_bytes(bytes);
        let identity = identify("x", Role::As(&crate::format::table::ONNX), &blob, &mut Budget::default());
        let _ = crate::open::open("x", &identity, &blob, OpenOptions::default(), &mut Budget::default());
    }

    #[test]
    fn never_panics_on_a_model_with_a_flipped_byte(at in 0_usize..400, to: u8) {
        let mut bytes = assemble("protobuf", EXTERNAL).unwrap();
        let at = at % bytes.len();
        bytes[at] = to;
        let blob = Blob::from_bytes(bytes);
        let identity = identify("x", Role::As(&crate::format::table::ONNX), &blob, &mut Budget::default());
        let _ = crate::open::open("x", &identity, &blob, OpenOptions::default(), &mut Budget::default());
    }
}

/// Opens a model of one graph with little memory.
fn frugal(graph: &[u8]) -> Outcome {
    let mut bytes = b"\x08\x08\x3a".to_vec();
    bytes.extend(length(graph.len()));
    bytes.extend(graph);
    let limits = wellhead_core::Limits {
        memory: 1 << 20,
        ..Default::default()
    };
    let (blob, budget) = (
        Blob::from_bytes(bytes),
        &mut Budget::new(limits, Default::default()),
    );
    let identity = identify("model.onnx", Role::As(&crate::format::table::ONNX), &blob, budget);
    let opened = crate::open::open("model.onnx", &identity, &blob, OpenOptions::default(), budget);
    opened.outcome
}

fn length(mut n: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while n > 127 {
        out.push((n & 127) as u8 | 128);
        n >>= 7;
    }
    out.push(n as u8);
    out
}

fn framed(tag: u8, inner: &[u8]) -> Vec<u8> {
    [&[tag][..], &length(inner.len()), inner].concat()
}

#[test]
fn attributes_of_one_node_are_paid_for_and_given_back_with_it() {
    let attributes = |n: usize| [b"\x22\x01x".to_vec(), b"\x2a\x05\x0a\x01a\x18\x01".repeat(n)].concat();
    let many = frugal(&framed(0x0a, &attributes(50_000)));
    assert!(many.why().is_some_and(|why| why.contains("memory")), "{many:?}");
    let nodes = frugal(&framed(0x0a, &attributes(10)).repeat(5_000));
    assert_eq!(nodes, Outcome::Analysed);
}
