use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile,
};
use wellhead_pycode::{Argument, Call, Module, Value};

/// Downloads that accept any certificate.
pub(crate) static DISABLED_TLS_VERIFICATION: Rule = Rule {
    id: "disabled-tls-verification",
    summary: "a connection accepts any certificate",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Sources,
    scenario: None,
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 4,
        ml_application: 3,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever stands between the program and the server",
        vector: "an answer under a certificate of the attacker's own",
        weakness: "the certificate is not checked",
        impact: "what is downloaded can be exchanged, and tokens can be read",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(295)],
    page: include_str!("disabled_tls_verification.md"),
    file: file!(),
};

const MESSAGE: &str = "whoever stands in between can exchange what is downloaded here";
const ADVICE: &str = "verify certificates; for an authority of your own name its file: `verify=\"ca.pem\"`";

const METHODS: &[&str] = &[
    "get", "post", "put", "patch", "delete", "head", "request", "send", "stream",
];

pub(super) fn check(module: &Module, sink: &mut Sink) {
    for call in &module.calls {
        if let Some((argument, confidence)) = unverified(call)
            && !is_local(call)
        {
            let place = sink.text(
                &module.text,
                argument.range.clone(),
                "any certificate is accepted",
            );
            let place = sink.and(place, &module.text, call.callee_range.clone(), "connects here");
            push(place, confidence, sink);
        } else if call.may_be("ssl._create_unverified_context") {
            let place = sink.text(
                &module.text,
                call.callee_range.clone(),
                "any certificate is accepted",
            );
            push(place, Confidence::High, sink);
        }
    }
    for write in &module.attributes {
        let for_all = write.target == "ssl._create_default_https_context"
            && matches!(&write.value, Value::Path(p) if p.contains("unverified"));
        let for_session = write.target.ends_with(".verify")
            && is_session(&write.target)
            && write.value == Value::Bool(false);
        let for_context = write.target.ends_with(".verify_mode")
            && matches!(&write.value, Value::Path(p) if p.ends_with("CERT_NONE"));
        if for_all || for_session || for_context {
            let place = sink.text(
                &module.text,
                write.range.clone(),
                "any certificate is accepted from here on",
            );
            push(place, Confidence::High, sink);
        }
    }
    for write in &module.environment {
        let off = match write.name.as_str() {
            "CURL_CA_BUNDLE" | "REQUESTS_CA_BUNDLE" => write.value.texts().any(str::is_empty),
            "PYTHONHTTPSVERIFY" => write.value.texts().any(|t| t == "0"),
            _ => false,
        };
        if off {
            let place = sink.text(
                &module.text,
                write.range.clone(),
                "any certificate is accepted from here on",
            );
            push(place, Confidence::High, sink);
        }
    }
}

fn push(place: Location, confidence: Confidence, sink: &mut Sink) {
    sink.push(
        Finding::new(&DISABLED_TLS_VERIFICATION, MESSAGE, place)
            .confidence(confidence)
            .help(ADVICE),
    );
}

fn is_session(path: &str) -> bool {
    ["requests.", "httpx.", "aiohttp."]
        .iter()
        .any(|p| path.starts_with(p))
        || path.contains("session")
}

/// The argument that switches verification off, and how sure that is.
fn unverified(call: &Call) -> Option<(&Argument, Confidence)> {
    let off = |name: &str| call.keyword(name).filter(|a| a.value == Value::Bool(false));
    let known = call.callees.iter().any(|c| is_session(c));
    if let Some(argument) = off("verify") {
        // `jwt.decode(…, verify=False)` is about something else.
        let by_method = METHODS.iter().any(|m| call.is_method(m));
        return match (known, by_method) {
            (true, _) => Some((argument, Confidence::High)),
            (false, true) => Some((argument, Confidence::Medium)),
            _ => None,
        };
    }
    let by_other = off("verify_ssl").or_else(|| off("ssl")).filter(|_| known);
    by_other.map(|argument| (argument, Confidence::High))
}

/// Whether the address is one of the same machine.
fn is_local(call: &Call) -> bool {
    let address = call
        .argument(0, "url")
        .and_then(|a| a.value.as_text().map(str::to_owned));
    address.is_some_and(|url| {
        let host = url.split("://").nth(1).unwrap_or_default();
        ["localhost", "127.", "[::1]"].iter().any(|l| host.starts_with(l))
    })
}
