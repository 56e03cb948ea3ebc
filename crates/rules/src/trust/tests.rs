//! Attestations beside the right and the wrong file; versions that gained something and those that did not.

use crate::{
    Subject,
    testing::{findings, told},
};
use wellhead_core::{ArtifactPath, Budget, Digest};
use wellhead_pycode::{Behaviour, compare, parse};
use wellhead_trust::{Attested, attestations};

/// Base64 of a statement about `a-1.0.tar.gz` with the SHA-256 of "hi".
const STATEMENT: &str = "eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEiLCJzdWJqZWN0IjpbeyJuYW1lIjoiYS0xLjAudGFyLmd6IiwiZGlnZXN0Ijp7InNoYTI1NiI6IjhmNDM0MzQ2NjQ4ZjZiOTZkZjg5ZGRhOTAxYzUxNzZiMTBhNmQ4Mzk2MWRkM2MxYWM4OGI1OWIyZGMzMjdhYTQifX1dLCJwcmVkaWNhdGVUeXBlIjoiaHR0cHM6Ly9kb2NzLnB5cGkub3JnL2F0dGVzdGF0aW9ucy9wdWJsaXNoL3YxIiwicHJlZGljYXRlIjpudWxsfQ==";

fn beside(file_name: &str, content: Option<&[u8]>) -> String {
    let json = format!(
        r#"{{"version":1,"envelope":{{"statement":"{STATEMENT}","signature":"aGk="}},
        "verification_material":{{"certificate":"aGk=","transparency_entries":[{{}}]}}}}"#
    );
    let attested = Attested {
        document: attestations(&json, &mut Budget::default()).unwrap(),
        file_name: file_name.to_owned(),
        digest: content.map(Digest::sha256),
    };
    told(&findings("a.attestation", Subject::Attestation(&attested)))
}

#[test]
fn an_attestation_speaks_of_the_file_beside_it_or_not() {
    assert_eq!(beside("a-1.0.tar.gz", Some(b"hi")), "");
    assert_eq!(beside("a-1.0.tar.gz", None), "");
    assert_eq!(
        beside("a-1.0.tar.gz", Some(b"ho")),
        "attestation-subject-mismatch critical"
    );
    assert_eq!(
        beside("b-1.0.tar.gz", Some(b"hi")),
        "attestation-subject-mismatch critical"
    );
}

fn gained(old: &str, new: &str) -> String {
    let package = |source: &str| {
        let mut behaviour = Behaviour::default();
        let module = parse(source, &mut Budget::default());
        behaviour.add(
            "p/__init__.py",
            &ArtifactPath::file("p.whl").member("p/__init__.py"),
            &module,
        );
        behaviour
    };
    let comparison = compare(&package(old), &package(new));
    told(&findings("p.whl", Subject::Comparison(&comparison)))
}

#[test]
fn what_a_new_version_gained() {
    let cases = [
        (
            "x = 1\n",
            "import requests\nrequests.get('http://a.example')\n",
            "new-capability high",
        ),
        (
            "x = 1\n",
            "import subprocess\ndef f():\n    subprocess.run(['ls'])\n",
            "new-capability medium",
        ),
        (
            "import subprocess\ndef f():\n    subprocess.run(['ls'])\n",
            "import subprocess\nsubprocess.run(['ls'])\n",
            "new-capability high",
        ),
        (
            "x = 1\n",
            "import base64\ndef f(s):\n    return base64.b64decode(s)\n",
            "new-capability low",
        ),
        (
            "import requests\nrequests.get('http://a.example')\n",
            "import httpx\nhttpx.get('http://a.example')\n",
            "",
        ),
        ("x = 1\n", "import json\ny = json.loads('1')\n", ""),
    ];
    for (old, new, expected) in cases {
        assert_eq!(gained(old, new), expected, "{new}");
    }
}
