use super::*;
use crate::samples;
use serde_json::{Value, json};
use wellhead_core::Ignored;

fn finding(package: &str, id: &str) -> Finding {
    let mut f = samples::config();
    f.rule = "vulnerable-package".into();
    f.status = Status::Reported;
    f.help = vec!["update it".to_owned()];
    f.properties.clear();
    f.property("package", package)
        .property("version", "1.0")
        .property("purl", format!("pkg:pypi/{package}@1.0"))
        .property("advisory", id)
        .property("aliases", vec![format!("GHSA-{id}")])
        .property("score", 9.8)
        .property("vector", "CVSS:3.1/AV:N")
        .property("kev", true)
}

fn ignored(mut finding: Finding, expires: Option<&str>) -> Finding {
    finding.status = Status::Ignored(Box::new(Ignored {
        reason: "the service is internal".to_owned(),
        expires: expires.map(str::to_owned),
        by: None,
    }));
    finding
}

fn report() -> Report {
    let said = |status: &str, justification: &str| {
        json!({"status": status, "justification": justification, "statement": "never called", "author": "Acme",
          "document": "v.json"})
    };
    let mut report = samples::report(vec![
        finding("a", "CVE-1"),
        finding("b", "CVE-1"),
        ignored(finding("a", "CVE-2"), Some("2027-03-01")),
        ignored(
            finding("a", "CVE-3").property("vex", said("not_affected", "code_not_reachable")),
            None,
        ),
        ignored(
            finding("a", "CVE-4").property(
                "vex",
                json!({"status": "not_affected", "justification": "component_not_present"}),
            ),
            None,
        ),
        ignored(finding("a", "CVE-5").property("vex", said("fixed", "")), None),
        ignored(
            finding("a", "CVE-6").property("vex", said("not_affected", "requires_configuration")),
            None,
        ),
        finding("a", "CVE-7").property("vex", said("affected", "")),
        finding("a", "MAL-1").property("malicious", true),
        // In one file it is excused, in another it is not.
        ignored(
            finding("c", "CVE-8").property("vex", said("not_affected", "code_not_present")),
            None,
        ),
        finding("c", "CVE-8"),
        samples::config(),
    ]);
    report.databases = samples::everything().databases;
    report
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn openvex_calls_nothing_harmless_that_nobody_called_harmless() {
    let document = parsed(&openvex(&report()));
    let rows: Vec<String> = document["statements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| {
            let text = |key: &str| s[key].as_str().unwrap_or("-").to_owned();
            let products: Vec<&str> = s["products"]
                .as_array()
                .unwrap()
                .iter()
                .map(|p| p["@id"].as_str().unwrap())
                .collect();
            format!(
                "{} {} {} | {} | {} | {} | {}",
                s["vulnerability"]["name"].as_str().unwrap(),
                text("status"),
                products.join(" "),
                text("justification"),
                text("impact_statement"),
                text("action_statement"),
                text("status_notes")
            )
        })
        .collect();
    insta::assert_snapshot!(rows.join("\n"), @r#"
    CVE-1 under_investigation pkg:pypi/a@1.0 pkg:pypi/b@1.0 | - | - | - | update it
    CVE-2 affected pkg:pypi/a@1.0 | - | - | accepted until 2027-03-01: the service is internal | -
    CVE-3 not_affected pkg:pypi/a@1.0 | vulnerable_code_not_in_execute_path | - | - | never called (says Acme)
    CVE-4 not_affected pkg:pypi/a@1.0 | component_not_present | - | - | the service is internal
    CVE-5 fixed pkg:pypi/a@1.0 | - | - | - | never called (says Acme)
    CVE-6 not_affected pkg:pypi/a@1.0 | - | requires configuration: never called (says Acme) | - | -
    CVE-7 affected pkg:pypi/a@1.0 | - | - | update it | never called (says Acme)
    CVE-8 under_investigation pkg:pypi/c@1.0 | - | - | - | update it
    MAL-1 affected pkg:pypi/a@1.0 | - | - | update it | -
    "#);
}

#[test]
fn cyclonedx_says_the_same() {
    let document = parsed(&cyclonedx(&report()));
    let rows: Vec<String> = document["vulnerabilities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| {
            format!(
                "{} {} {} {}",
                v["id"].as_str().unwrap(),
                v["analysis"],
                v["affects"],
                v["recommendation"]
            )
        })
        .collect();
    insta::assert_snapshot!(rows.join("\n"), @r#"
    CVE-1 {"state":"in_triage"} [{"ref":"pkg:pypi/a@1.0"},{"ref":"pkg:pypi/b@1.0"}] "update it"
    CVE-2 {"state":"exploitable"} [{"ref":"pkg:pypi/a@1.0"}] "accepted until 2027-03-01: the service is internal"
    CVE-3 {"detail":"never called (says Acme)","justification":"code_not_reachable","state":"not_affected"} [{"ref":"pkg:pypi/a@1.0"}] null
    CVE-4 {"detail":"the service is internal","justification":"code_not_present","state":"not_affected"} [{"ref":"pkg:pypi/a@1.0"}] null
    CVE-5 {"detail":"never called (says Acme)","state":"resolved"} [{"ref":"pkg:pypi/a@1.0"}] null
    CVE-6 {"detail":"never called (says Acme)","justification":"requires_configuration","state":"not_affected"} [{"ref":"pkg:pypi/a@1.0"}] null
    CVE-7 {"detail":"never called (says Acme)","state":"exploitable"} [{"ref":"pkg:pypi/a@1.0"}] "update it"
    CVE-8 {"state":"in_triage"} [{"ref":"pkg:pypi/c@1.0"}] "update it"
    MAL-1 {"state":"exploitable"} [{"ref":"pkg:pypi/a@1.0"}] "update it"
    "#);
    let first = &document["vulnerabilities"][0];
    insta::assert_snapshot!(format!("{} {} {}", first["ratings"], first["references"], first["properties"]), @r#"[{"method":"CVSSv31","score":9.8,"severity":"low","vector":"CVSS:3.1/AV:N"}] [{"id":"GHSA-CVE-1","source":{"name":"GitHub"}}] [{"name":"wellhead:kev","value":"true"}]"#);
}

/// What the schemas of both formats ask of every document, beside the types.
#[test]
fn documents_keep_the_rules_of_their_schemas() {
    for report in [report(), samples::everything()] {
        let vex = parsed(&openvex(&report));
        for key in ["@context", "@id", "author", "timestamp", "version", "statements"] {
            assert!(vex.get(key).is_some(), "{key}");
        }
        let mut seen = Vec::new();
        for s in vex["statements"].as_array().unwrap() {
            let has = |key: &str| s.get(key).is_some();
            match s["status"].as_str().unwrap() {
                "not_affected" => assert!(has("justification") != has("impact_statement"), "{s}"),
                "affected" => assert!(has("action_statement"), "{s}"),
                "fixed" | "under_investigation" => {}
                other => panic!("{other}"),
            }
            assert!(s["vulnerability"]["name"].is_string());
            assert!(!s["products"].as_array().unwrap().is_empty());
            assert!(!seen.contains(s), "twice: {s}");
            seen.push(s.clone());
        }
        let bom = parsed(&cyclonedx(&report));
        let uuid = bom["serialNumber"].as_str().unwrap();
        assert!(uuid.starts_with("urn:uuid:") && uuid.len() == 45, "{uuid}");
        let known: Vec<&str> = bom["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["bom-ref"].as_str().unwrap())
            .collect();
        for v in bom["vulnerabilities"].as_array().unwrap() {
            for target in v["affects"].as_array().unwrap() {
                assert!(known.contains(&target["ref"].as_str().unwrap()));
            }
            for reference in v["references"].as_array().into_iter().flatten() {
                assert!(reference["source"]["name"].is_string());
            }
        }
    }
}

#[test]
fn the_same_report_gives_the_same_bytes_whatever_the_order_of_its_findings() {
    let one = report();
    let mut other = report();
    other.findings.reverse();
    // The first finding of a flaw gives its rating; all of them are equal here.
    assert_eq!(openvex(&one), openvex(&other));
    assert_eq!(cyclonedx(&one), cyclonedx(&other));
    other.findings.pop();
    assert_ne!(
        parsed(&openvex(&one))["@id"],
        parsed(&openvex(&samples::everything()))["@id"]
    );
}
