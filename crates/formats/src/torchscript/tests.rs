use crate::{
    Document, OpenOptions, Role,
    format::{Format, table as t},
    identify, open,
};
use proptest::prelude::*;
use wellhead_core::{Blob, Budget};

fn show(name: &str, format: &'static Format, text: &str) -> String {
    let (blob, budget) = (Blob::from_bytes(text.as_bytes()), &mut Budget::default());
    let role = Role::As(format);
    let identity = identify(name, role, &blob, budget);
    let options = OpenOptions {
        role,
        ..OpenOptions::default()
    };
    let opened = open(name, &identity, &blob, options, budget);
    let Document::Model(model) = opened.document else {
        return String::new();
    };
    let ops = model.graph.operators.iter().map(|o| {
        let attributes: Vec<_> = o.attributes.iter().map(|(n, v)| format!("{n}={v}")).collect();
        format!("{}::{} {}", o.domain, o.name, attributes.join(" "))
            .trim_end()
            .to_owned()
    });
    let references = model
        .graph
        .references
        .iter()
        .map(|r| format!("calls {}", r.target));
    ops.chain(references).collect::<Vec<_>>().join("\n")
}

#[test]
fn code_calls_operators() {
    let code = r#"
class M(Module):
  __parameters__ = ["weight", ]
  weight : Tensor
  packed : __torch__.torch.classes.quantized.LinearPackedParamsBase
  def forward(self: __torch__.M, x: Tensor) -> Tensor:
    _0 = "/tmp/\"of its choice"
    _1 = __torch__.torch.nn.functional.relu
    y = torch.conv2d(x, self.weight, None, [1, 1])  # torch.save(x, "in a comment")
    text = "torch.save(in a string)"
    b = ops.quantized.linear(y, self.packed, 1., 0)
    torch.save(torch.to(y, 6), _0)
    z = torch.from_file("/etc/passwd", False, 100)
    c = ops.mylib.custom_op(z)
    d = ^MyFunction("x")(z)
    e = (self).save(z)
    f = ops.torchvision.nms(z, z, 0.5)
    return (torch.add(_1(y), z)).torch.save
"#;
    insta::assert_snapshot!(show("m.py", &t::TORCHSCRIPT_CODE, code), @r#"
    quantized::LinearPackedParamsBase
    aten::conv2d
    quantized::linear
    aten::save file=/tmp/\"of its choice
    aten::to
    aten::from_file file=/etc/passwd
    mylib::custom_op
    prim::PythonOp callable=MyFunction
    torchvision::nms
    aten::add
    "#);
}

#[test]
fn tables_of_the_mobile_form_name_operators() {
    let table = "(X\u{a}\0\0\0aten::convX\u{a}\0\0\0aten::saveq\u{2}X\u{14}\0\0\0prim::RaiseExceptionq :: x:: ::y aten::loose";
    insta::assert_snapshot!(show("bytecode.pkl", &t::TORCHSCRIPT_CODE, table), @"
    aten::conv
    aten::save
    prim::RaiseException
    ");
}

#[test]
fn exported_graphs_name_operators_and_callables() {
    let json = r#"{"graph_module": {"graph": {"nodes": [
        {"target": "torch.ops.aten.linear.default", "inputs": [], "outputs": []},
        {"target": "torch.ops.mylib.foo.default", "inputs": []},
        {"target": "torch.ops.higher_order.cond", "inputs": []},
        {"target": "torch.sym_max", "inputs": []},
        {"target": "_operator.mul", "inputs": []},
        {"target": "_operator.methodcaller", "inputs": []},
        {"target": "math.trunc", "inputs": []},
        {"target": "torch.serialization.os.system", "inputs": []},
        {"target": "torch._higher_order_ops.wrap.os.system", "inputs": []},
        {"target": "L['x']"}]}}}"#;
    insta::assert_snapshot!(show("model.json", &t::TORCH_EXPORT_GRAPH, json), @"
    aten::linear
    mylib::foo
    higher_order::cond
    calls operator.methodcaller
    calls torch.serialization.os.system
    calls torch._higher_order_ops.wrap.os.system
    ");
}

proptest! {
    #[test]
    fn never_panics(which in 0usize..3, text in "[a-z_.:^('\"\\\\)# \n]{0,200}|\\PC{0,50}") {
        let (name, format) = [
            ("m.py", &t::TORCHSCRIPT_CODE),
            ("bytecode.pkl", &t::TORCHSCRIPT_CODE),
            ("m.json", &t::TORCH_EXPORT_GRAPH),
        ][which];
        show(name, format, &text);
    }
}
