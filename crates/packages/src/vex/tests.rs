use super::*;
use proptest::prelude::*;
use wellhead_core::{Bucket, Component, ComponentKind, Ecosystem, Source};

fn read(text: &str) -> VexDocument {
    read_vex("v.json", text.to_owned(), &mut Budget::default()).unwrap()
}

/// `status ids purls: justification reason` of each statement, then the problems.
fn told(document: &VexDocument) -> String {
    let mut rows: Vec<String> = document
        .statements
        .iter()
        .map(|s| {
            let ids: Vec<&str> = s.ids.iter().map(String::as_str).collect();
            let products: Vec<String> = s.products.iter().map(|p| p.written.clone()).collect();
            format!(
                "{} {} [{}] {} | {} | {:?}",
                s.status.name(),
                ids.join("+"),
                products.join(", "),
                s.justification.as_deref().unwrap_or("-"),
                s.reason.as_deref().unwrap_or("-"),
                s.when
            )
        })
        .collect();
    rows.extend(
        document
            .problems
            .iter()
            .map(|(span, why)| format!("{}: {why}", span.start > 0)),
    );
    rows.join("\n")
}

#[test]
fn statements_of_openvex_are_read() {
    let text = r#"{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "x", "author": "Acme", "timestamp": "2026-01-02T03:04:05Z",
      "statements": [
        {"vulnerability": {"name": "CVE-2025-32434", "aliases": ["GHSA-a"]}, "status": "not_affected",
         "products": [{"@id": "pkg:oci/app@1", "subcomponents": [{"@id": "pkg:pypi/torch@2.5.1"}]}],
         "justification": "vulnerable_code_not_in_execute_path", "impact_statement": "never loads"},
        {"vulnerability": {"@id": "https://nvd.nist.gov/vuln/detail/CVE-1-1"}, "status": "fixed", "timestamp": "2026-01-02T05:04:05+02:00",
         "products": [{"@id": "x", "identifiers": {"purl": "pkg:pypi/Foo_Bar"}}]},
        {"vulnerability": "CVE-1-2", "status": "affected", "products": ["pkg:pypi/a"], "subcomponents": ["pkg:pypi/b"]},
        {"vulnerability": "CVE-1-3", "status": "not_affected", "products": ["pkg:pypi/a"]},
        {"vulnerability": "CVE-1-4", "status": "great", "products": ["pkg:pypi/a"]},
        {"vulnerability": {}, "status": "fixed", "products": ["pkg:pypi/a"]},
        {"vulnerability": "CVE-1-5", "status": "fixed"}
      ]}"#;
    insta::assert_snapshot!(told(&read(text)), @r"
    not_affected CVE-2025-32434+GHSA-A [pkg:pypi/torch@2.5.1] vulnerable_code_not_in_execute_path | never loads | Some(1767323045)
    fixed CVE-1-1 [pkg:pypi/Foo_Bar] - | - | Some(1767323045)
    affected CVE-1-2 [pkg:pypi/b] - | - | Some(1767323045)
    true: it says `not_affected` and not why: neither `justification` nor `impact_statement`
    true: there is no status `great`
    true: it names no vulnerability
    true: it names no product
    ");
    assert_eq!(read(text).author.as_deref(), Some("Acme"));
}

#[test]
fn analyses_of_cyclonedx_are_read() {
    let text = r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"timestamp": "2026-01-02", "authors": [{"name": "Acme"}]},
      "components": [{"bom-ref": "c1", "name": "torch", "purl": "pkg:pypi/torch@2.5.1", "components": [{"bom-ref": "c2", "purl": "pkg:pypi/b"}]}],
      "vulnerabilities": [
        {"id": "CVE-1-1", "references": [{"id": "GHSA-b"}], "analysis": {"state": "not_affected", "justification": "code_not_reachable", "detail": "d"}, "affects": [{"ref": "c1"}, {"ref": "c2"}]},
        {"id": "CVE-1-2", "analysis": {"state": "false_positive"}, "affects": [{"ref": "urn:cdx:f08a6ccd-4dce-4759-bd84-c626675d60a7/1#pkg%3Apypi%2Fx%401.0"}]},
        {"id": "CVE-1-3", "analysis": {"state": "resolved"}, "affects": [{"ref": "pkg:pypi/y", "versions": [{"version": "1", "status": "unaffected"}, {"version": "2", "status": "affected"}]}]},
        {"id": "CVE-1-4", "analysis": {"state": "in_triage"}, "affects": [{"ref": "c1"}]},
        {"id": "CVE-1-5", "affects": [{"ref": "c1"}]},
        {"id": "CVE-1-6", "analysis": {"state": "not_affected"}, "affects": [{"ref": "c1"}]},
        {"id": "CVE-1-7", "analysis": {"state": "not_affected", "detail": "d"}}
      ]}"#;
    insta::assert_snapshot!(told(&read(text)), @r"
    not_affected CVE-1-1+GHSA-B [pkg:pypi/torch@2.5.1, pkg:pypi/b] code_not_reachable | d | Some(1767312000)
    not_affected CVE-1-2 [pkg:pypi/x@1.0] false_positive | - | Some(1767312000)
    fixed CVE-1-3 [pkg:pypi/y] - | - | Some(1767312000)
    under_investigation CVE-1-4 [pkg:pypi/torch@2.5.1] - | - | Some(1767312000)
    true: it says `not_affected` and not why: neither `justification` nor `detail`
    true: it says of no component that it is about it
    ");
    assert_eq!(read(text).author.as_deref(), Some("Acme"));
}

fn component(ecosystem: Ecosystem, name: &str, version: Option<&str>) -> Component {
    Component {
        kind: ComponentKind::Library,
        ecosystem,
        name: name.to_owned(),
        written: name.to_owned(),
        version: version.map(str::to_owned),
        specifier: None,
        marker: None,
        hashes: Vec::new(),
        source: Source::Registry { url: None },
        bucket: Bucket::Exact,
        direct: None,
        via: Vec::new(),
        declared: Location::whole(&ArtifactPath::file("uv.lock"), ""),
    }
}

/// Whether an OpenVEX statement about `product` covers a package of a project called `app` that has torch 2.5.1 and
/// numpy.
fn covers(product: &str, used: &Component) -> bool {
    let text = format!(
        r#"{{"@context": "https://openvex.dev/ns/v0.2.0", "statements": [{{"vulnerability": {{"name": "CVE-1-1"}},
          "status": "fixed", "products": [{product}]}}]}}"#
    );
    let document = read(&text);
    let all = [
        component(Ecosystem::PyPI, "torch", Some("2.5.1")),
        component(Ecosystem::PyPI, "numpy", Some("1.0")),
    ];
    let project = Inhabitants::new(&all, ["app"].into_iter());
    let meant = Meant::new(used, &project).unwrap();
    let documents = [document];
    let index = VexIndex::new(&documents);
    let found = index
        .speaking(["cve-1-1"].into_iter(), &meant, &mut Budget::default())
        .unwrap();
    !found.is_empty()
}

#[test]
fn packages_are_compared_by_kind_name_version_and_index() {
    let torch = component(Ecosystem::PyPI, "torch", Some("2.5.1"));
    let cuda = component(Ecosystem::PyPI, "torch", Some("2.5.1+cu124"));
    let open = component(Ecosystem::PyPI, "torch", None);
    let learn = component(Ecosystem::PyPI, "scikit-learn", Some("1.0.0"));
    let conda = component(Ecosystem::Conda, "torch", Some("2.5.1"));
    let mut mirrored = torch.clone();
    mirrored.source = Source::Registry {
        url: Some("https://i.example/simple/".to_owned()),
    };
    let host = crate::well_known::PYPI.trim_end_matches("/simple");
    let public = format!("pkg:pypi/torch@2.5.1?repository_url={host}");
    for (purl, used, expected) in [
        ("pkg:pypi/torch@2.5.1", &torch, true),
        ("pkg:pypi/torch", &torch, true),
        ("pkg:pypi/torch", &open, true),
        ("pkg:pypi/Torch@2.5.1?arch=x", &torch, true),
        ("pkg:PyPI/scikit_learn@1.0", &learn, true),
        ("pkg:pypi/torch@2.5.1", &cuda, true),
        ("pkg:pypi/torch@2.5.1%2Bcu124", &cuda, true),
        ("pkg:pypi/torch@2.5.1%2Bcpu", &cuda, false),
        ("pkg:pypi/torch@2.5.1%2Bcpu", &torch, false),
        ("pkg:pypi/torch@2.5.0", &torch, false),
        ("pkg:pypi/torch@2.5.1", &open, false),
        ("pkg:pypi/torch@2.5.1", &conda, false),
        ("pkg:conda/torch@2.5.1?channel=conda-forge", &conda, true),
        ("pkg:pypi/torchvision", &torch, false),
        (
            "pkg:pypi/torch@2.5.1?repository_url=https://i.example/simple",
            &torch,
            false,
        ),
        (
            "pkg:pypi/torch@2.5.1?repository_url=https://i.example/simple",
            &mirrored,
            true,
        ),
        (public.as_str(), &torch, true),
        // The project as a whole.
        ("pkg:pypi/App@1.0", &torch, true),
        ("pkg:github/acme/app", &torch, false),
    ] {
        assert_eq!(
            covers(&format!("{{\"@id\": \"{purl}\"}}"), used),
            expected,
            "{purl} {used:?}"
        );
    }
}

#[test]
fn what_holds_inside_of_another_package_is_no_excuse_for_the_project() {
    let torch = component(Ecosystem::PyPI, "torch", Some("2.5.1"));
    for (whole, expected) in [
        ("pkg:oci/app@sha256%3A00", true),
        ("pkg:pypi/app@1.0", true),
        ("https://acme.example/app", true),
        ("pkg:pypi/numpy@1.0", false),
    ] {
        let product =
            format!("{{\"@id\": \"{whole}\", \"subcomponents\": [{{\"@id\": \"pkg:pypi/torch@2.5.1\"}}]}}");
        assert_eq!(covers(&product, &torch), expected, "{whole}");
    }
}

#[test]
fn the_latest_statement_counts_and_in_doubt_the_one_that_excuses_least() {
    let say = |rows: &[(&str, Option<&str>)]| {
        let statements: Vec<String> = rows
            .iter()
            .map(|(status, day)| {
                let when = day.map_or(String::new(), |d| format!(r#""timestamp": "{d}","#));
                format!(
                    r#"{{"vulnerability": {{"name": "CVE-1-1"}}, {when} "status": "{status}",
                      "impact_statement": "x", "products": [{{"@id": "pkg:pypi/torch"}}]}}"#
                )
            })
            .collect();
        let text = format!(
            r#"{{"@context": "https://openvex.dev/ns", "statements": [{}]}}"#,
            statements.join(",")
        );
        let documents = [read(&text)];
        let index = VexIndex::new(&documents);
        let all: Vec<(usize, usize)> = (0..rows.len()).map(|s| (0, s)).collect();
        index.get(index.deciding(&all).unwrap()).unwrap().1.status.name()
    };
    let (old, new) = (Some("2026-01-01"), Some("2026-02-01"));
    for (rows, expected) in [
        (&[("not_affected", old), ("affected", new)][..], "affected"),
        (&[("affected", old), ("fixed", new)], "fixed"),
        (
            &[("not_affected", new), ("under_investigation", new)],
            "under_investigation",
        ),
        (&[("not_affected", new), ("affected", None)], "affected"),
        (&[("affected", old), ("not_affected", None)], "affected"),
        (&[("not_affected", None), ("fixed", None)], "not_affected"),
    ] {
        assert_eq!(say(rows), expected, "{rows:?}");
    }
}

#[test]
fn versions_of_cyclonedx_limit_what_is_said() {
    let covered = |versions: &str, state: &str, used: &str| {
        let text = format!(
            r#"{{"bomFormat": "CycloneDX", "vulnerabilities": [{{"id": "CVE-1-1", "analysis": {{"state": "{state}", "detail": "d"}},
              "affects": [{{"ref": "pkg:pypi/torch", "versions": {versions}}}]}}]}}"#
        );
        let documents = [read(&text)];
        let torch = component(Ecosystem::PyPI, "torch", Some(used));
        let project = Inhabitants::default();
        let meant = Meant::new(&torch, &project).unwrap();
        let index = VexIndex::new(&documents);
        let found = index.speaking(["CVE-1-1"].into_iter(), &meant, &mut Budget::default());
        !found.unwrap().is_empty()
    };
    for (versions, state, used, expected) in [
        ("[]", "not_affected", "2.5.1", true),
        (
            r#"[{"version": "2.5.1", "status": "unaffected"}]"#,
            "not_affected",
            "2.5.1+cu124",
            true,
        ),
        (
            r#"[{"version": "2.5.0", "status": "unaffected"}]"#,
            "not_affected",
            "2.5.1",
            false,
        ),
        (
            r#"[{"version": "2.5.1", "status": "affected"}]"#,
            "not_affected",
            "2.5.1",
            false,
        ),
        (r#"[{"version": "2.5.1"}]"#, "not_affected", "2.5.1", true),
        (r#"[{"version": "2.5.1"}]"#, "resolved", "2.5.1", false),
        (
            r#"[{"range": "vers:pypi/>=2|<3", "status": "unaffected"}]"#,
            "resolved",
            "2.5.1",
            true,
        ),
        (
            r#"[{"range": "vers:pypi/>=2|<2.5", "status": "unaffected"}]"#,
            "resolved",
            "2.5.1",
            false,
        ),
        (
            r#"[{"range": "nonsense", "status": "unaffected"}]"#,
            "resolved",
            "2.5.1",
            false,
        ),
        (
            r#"[{"version": "2.5.1", "status": "affected"}]"#,
            "in_triage",
            "2.5.1",
            true,
        ),
    ] {
        assert_eq!(
            covered(versions, state, used),
            expected,
            "{versions} {state} {used}"
        );
    }
}

#[test]
fn what_is_no_vex_is_refused_at_its_line() {
    for (text, expected) in [
        ("", "not JSON"),
        ("[]", "neither"),
        ("{}", "neither"),
        ("{\"bomFormat\": \"SPDX\"}", "neither"),
        ("{\"@context\": \"https://example.com\"}", "neither"),
        ("{\n  \"@context\": oops\n}", "not JSON"),
    ] {
        let e = read_vex("v", text.to_owned(), &mut Budget::default()).unwrap_err();
        assert!(e.message.contains(expected), "{text}: {e}");
        if text.contains("oops") {
            assert!(matches!(e.location.span, wellhead_core::Span::Text { start, .. } if start.line == 2));
        }
    }
    // A byte order mark moves nothing.
    let marked = format!(
        "\u{feff}{}",
        r#"{"@context": "https://openvex.dev/ns", "statements": [1]}"#
    );
    let document = read(&marked);
    let (span, _) = &document.problems[0];
    assert_eq!(marked.get(span.clone()), Some("1"));
}

#[test]
fn a_document_of_many_statements_about_one_flaw_has_a_limit() {
    let one =
        r#"{"vulnerability": {"name": "CVE-1-1"}, "status": "fixed", "products": [{"@id": "pkg:pypi/x"}]}"#;
    let text = format!(
        r#"{{"@context": "https://openvex.dev/ns", "statements": [{}]}}"#,
        vec![one; 2000].join(",")
    );
    let documents = [read(&text)];
    let torch = component(Ecosystem::PyPI, "torch", Some("1"));
    let project = Inhabitants::default();
    let meant = Meant::new(&torch, &project).unwrap();
    let limits = wellhead_core::Limits {
        steps: 1000,
        ..wellhead_core::Limits::default()
    };
    let mut budget = Budget::new(limits, std::sync::Arc::default());
    assert!(
        VexIndex::new(&documents)
            .speaking(["CVE-1-1"].into_iter(), &meant, &mut budget)
            .is_err()
    );
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\{\"(@context|bomFormat)\": ?\"(https://openvex.dev/ns|CycloneDX)\",\"(statements|vulnerabilities)\":[\\[\\]{}\":,a-z]{0,40}") {
        let _ = read_vex("v", text, &mut Budget::default());
    }
}
