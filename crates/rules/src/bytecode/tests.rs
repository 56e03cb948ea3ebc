use crate::{
    Subject,
    testing::{findings, told},
};
use wellhead_core::{Blob, Budget};
use wellhead_formats::{assemble::assemble, marshal};

fn judged(name: &str, listing: &str) -> String {
    let bytes = assemble("marshal", listing).unwrap();
    let bytecode = marshal::read(&Blob::from_bytes(bytes), &mut Budget::default()).unwrap();
    told(&findings(name, Subject::Bytecode(&bytecode)))
}

#[test]
fn a_function_in_a_model_has_no_use_for_the_system() {
    let critical = "unsafe-bytecode critical";
    for (body, expected) in [
        ("call os.system id", critical),
        ("call subprocess.run id", critical),
        ("call eval 1", critical),
        ("call __import__ os", critical),
        ("name exec", critical),
        ("name socket", critical),
        ("import urllib.request", critical),
        ("call tf.reduce_mean x", ""),
        ("call K.square x", ""),
        ("call keras.ops.relu x", ""),
        ("call abs x", ""),
    ] {
        for version in ["3.6", "3.8", "3.11", "3.14"] {
            let listing = format!("code <lambda> python={version}\n  {body}\n");
            assert_eq!(judged("m.json", &listing), expected, "{version} {body}");
        }
    }
}

#[test]
fn an_ordinary_module_is_silent() {
    for body in [
        "import os\n    code f\n      call os.system id\n",
        "call os.path.join a\n    import subprocess\n    code f\n      call subprocess.run id\n",
        "call os.getenv HOME\n    call re.compile x\n",
        "call print x\n    main\n    call os.system id\n",
        "import socket\n    call logging.getLogger x\n",
        "call exec x\n    call getattr x\n    call globals x\n    call ctypes.CDLL x\n    call os.remove x\n",
    ] {
        let listing = format!("pyc 3.12\n  code <module>\n    {body}");
        assert_eq!(judged("a/b.pyc", &listing), "", "{body}");
    }
}

#[test]
fn a_module_that_runs_a_program_when_it_is_imported() {
    let listing =
        "pyc 3.12 unchecked\n  code <module>\n    code f\n      call os.system id\n    call-function f\n";
    assert_eq!(judged("a/b.pyc", listing), "unsafe-bytecode critical");
    let packed = "pyc 3.11\n  code <module>\n    call base64.b64decode eA\n    call exec x\n";
    assert_eq!(judged("a/b.pyc", packed), "unsafe-bytecode critical");
    assert_eq!(
        judged("a/__pycache__/b.cpython-312.pyc", listing),
        "unsafe-bytecode medium"
    );
}
