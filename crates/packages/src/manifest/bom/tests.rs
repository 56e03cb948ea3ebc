use super::*;
use proptest::prelude::*;

fn rows(name: &str, text: &str) -> String {
    let root = json(text, &mut Budget::default()).ok();
    let Some(kind) = identify_bom(name, text, root.as_ref()) else {
        return "no bill".to_owned();
    };
    let m = read_bom(
        kind,
        &ArtifactPath::file(name),
        text,
        root.as_ref(),
        &mut Budget::default(),
    );
    let mut rows: Vec<String> = m
        .components
        .iter()
        .map(|c| {
            format!(
                "{} {} {:?} direct={:?} via={:?} hashes={}",
                c.purl(),
                c.specifier.as_deref().unwrap_or("-"),
                c.bucket,
                c.direct,
                c.via,
                c.hashes.len()
            )
        })
        .collect();
    rows.extend(m.problems.iter().map(|p| format!("problem: {}", p.message)));
    rows.push(format!(
        "{} of {:?} {:?}",
        kind.name(),
        m.project.and_then(|p| p.name),
        m.outcome
    ));
    rows.join("\n")
}

#[test]
fn cyclonedx_components_have_their_buckets() {
    let text = r#"{"bomFormat": "CycloneDX", "specVersion": "1.6",
      "metadata": {"component": {"type": "application", "bom-ref": "app", "name": "My App"}},
      "components": [
        {"type": "library", "bom-ref": "t", "name": "torch", "version": "2.2.0", "purl": "pkg:pypi/torch@2.2.0%2Bcu121",
         "hashes": [{"alg": "SHA-256", "content": "aa"}, {"alg": "odd", "content": "aa"}],
         "components": [{"type": "library", "bom-ref": "n", "name": "numpy", "purl": "pkg:pypi/NumPy@1.26.0",
           "externalReferences": [{"type": "distribution", "url": "x", "hashes": [{"alg": "SHA-512", "content": "bb"}]}]}]},
        {"type": "library", "name": "left-pad", "version": "1.0.0", "purl": "pkg:npm/left-pad@1.0.0"},
        {"type": "library", "name": "libc6", "version": "2.36", "purl": "pkg:deb/debian/libc6@2.36?arch=amd64"},
        {"type": "library", "name": "mystery", "version": "1"},
        {"type": "library", "name": "odd", "purl": "pypi:odd"},
        {"type": "library", "name": "none", "purl": "pkg:pypi/none"},
        {"type": "library", "name": "old", "purl": "pkg:pypi/old@2004d"},
        {"type": "library", "name": "liar", "version": "9.9", "purl": "pkg:pypi/liar@1.0"},
        {"type": "library", "name": "mamba", "purl": "pkg:conda/pytorch@2.2.0?channel=pytorch"},
        {"type": "machine-learning-model", "name": "bert", "purl": "pkg:huggingface/google/bert@abc"},
        {"type": "library", "version": "1"}
      ],
      "dependencies": [{"ref": "app", "dependsOn": ["t"]}, {"ref": "t", "dependsOn": ["n", "t", "missing"]}, {"ref": "n", "dependsOn": ["t"]}]}"#;
    insta::assert_snapshot!(rows("any.json", text), @r#"
    pkg:pypi/torch@2.2.0%2Bcu121 - Exact direct=Some(true) via=["my app"] hashes=1
    pkg:pypi/numpy@1.26.0 - Exact direct=Some(false) via=["torch", "my app"] hashes=1
    pkg:generic/left-pad@1.0.0 - Unauditable { why: "ecosystem `npm` is not matched" } direct=None via=[] hashes=0
    pkg:generic/debian/libc6@2.36 - Unauditable { why: "ecosystem `deb` is not matched" } direct=None via=[] hashes=0
    pkg:generic/mystery@1 - Unauditable { why: "it has no package URL, so nobody knows which ecosystem's it is" } direct=None via=[] hashes=0
    pkg:generic/odd - Unauditable { why: "its package URL is none: `pypi:odd`" } direct=None via=[] hashes=0
    pkg:pypi/none - Unauditable { why: "no version is stated" } direct=None via=[] hashes=0
    pkg:pypi/old@2004d - Unauditable { why: "its version is none of PEP 440" } direct=None via=[] hashes=0
    pkg:pypi/liar@1.0 - Exact direct=None via=[] hashes=0
    pkg:conda/pytorch@2.2.0 - Exact direct=None via=[] hashes=0
    pkg:huggingface/google/bert@abc - Unauditable { why: "a model or data set of a hub, which no advisory names" } direct=None via=[] hashes=0
    problem: a component without a name
    problem: `liar` is listed with version `9.9` and with a package URL of version `1.0`, which is the one that is judged
    cyclonedx of Some("my app") Analysed
    "#);
}

#[test]
fn a_bill_that_says_nothing_is_not_clean() {
    for (name, text, expected) in [
        (
            "a.json",
            r#"{"bomFormat": "CycloneDX", "specVersion": "1.5"}"#,
            "it lists no components",
        ),
        (
            "a.json",
            r#"{"bomFormat": "CycloneDX", "specVersion": "1.5", "components": {}}"#,
            "`components` is no list",
        ),
        (
            "a.json",
            r#"{"bomFormat": "CycloneDX", "specVersion": "2.0", "components": []}"#,
            "version `2.0` of CycloneDX",
        ),
        (
            "a.json",
            r#"{"bomFormat": "CycloneDX", "components": ["#,
            "not JSON",
        ),
        ("x.cdx.json", "{", "not JSON"),
        ("x.spdx.json", "{", "not JSON"),
        (
            "a.json",
            r#"{"spdxVersion": "SPDX-2.3", "packages": []}"#,
            "it lists no components",
        ),
        (
            "a.json",
            r#"{"properties": {"bomFormat": {"enum": ["CycloneDX"]}}}"#,
            "no bill",
        ),
        ("a.json", r#"{"dependencies": {"cyclonedx": "1"}}"#, "no bill"),
    ] {
        let said = rows(name, text);
        assert!(said.contains(expected), "{text}: {said}");
    }
}

#[test]
fn spdx_two_components_have_their_buckets() {
    let text = r#"{"sbom": {"spdxVersion": "SPDX-2.3", "documentDescribes": ["SPDXRef-app"], "packages": [
        {"SPDXID": "SPDXRef-app", "name": "app", "versionInfo": "NOASSERTION"},
        {"SPDXID": "SPDXRef-t", "name": "torch", "versionInfo": "2.2.0",
         "checksums": [{"algorithm": "SHA256", "checksumValue": "aa"}],
         "externalRefs": [{"referenceCategory": "SECURITY", "referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:a"},
                          {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:pypi/torch@2.2.0"}]},
        {"SPDXID": "SPDXRef-r", "name": "pip:requests", "versionInfo": ">= 2.0, < 3",
         "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:pypi/requests"}]},
        {"SPDXID": "SPDXRef-x", "name": "actions/checkout", "versionInfo": "4.*.*",
         "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:githubactions/actions/checkout@4.%2A.%2A"}]},
        {"SPDXID": "SPDXRef-n", "name": "nothing"}],
      "relationships": [
        {"spdxElementId": "SPDXRef-app", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": "SPDXRef-t"},
        {"spdxElementId": "SPDXRef-r", "relationshipType": "DEPENDENCY_OF", "relatedSpdxElement": "SPDXRef-t"}]}}"#;
    insta::assert_snapshot!(rows("sbom.json", text), @r#"
    pkg:pypi/torch@2.2.0 - Exact direct=Some(true) via=["app"] hashes=1
    pkg:pypi/requests >= 2.0, < 3 Unpinned direct=Some(false) via=["torch", "app"] hashes=0
    pkg:generic/actions/checkout@4.%2A.%2A - Unauditable { why: "ecosystem `githubactions` is not matched" } direct=Some(false) via=[] hashes=0
    pkg:generic/nothing - Unauditable { why: "it has no package URL, so nobody knows which ecosystem's it is" } direct=Some(false) via=[] hashes=0
    spdx of Some("app") Analysed
    "#);
}

#[test]
fn spdx_tags_and_values_are_read() {
    let text = "SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\nSPDXID: SPDXRef-DOCUMENT\nDocumentComment: <text>PackageName: no\nPackageName: no\n</text>\n\
        # a comment\nPackageName: app\nSPDXID: SPDXRef-app\n\nPackageName: torch\nSPDXID: SPDXRef-t\nPackageVersion: 2.2.0\n\
        PackageChecksum: SHA256: aabb\nExternalRef: PACKAGE-MANAGER purl pkg:pypi/torch@2.2.0\n\
        PackageName: libc\nPackageVersion: NOASSERTION\nFileName: ./x\nSPDXID: SPDXRef-file\n\
        Relationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-app\nRelationship: SPDXRef-app DEPENDS_ON SPDXRef-t\nodd\n";
    insta::assert_snapshot!(rows("x.spdx", text), @r#"
    pkg:pypi/torch@2.2.0 - Exact direct=Some(true) via=["app"] hashes=1
    pkg:generic/libc - Unauditable { why: "it has no package URL, so nobody knows which ecosystem's it is" } direct=None via=[] hashes=0
    problem: a line that is no tag with a value
    spdx of Some("app") Analysed
    "#);
}

#[test]
fn spdx_three_is_read_in_its_basic_shape() {
    let text = r#"{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [
        {"type": "SpdxDocument", "spdxId": "urn:doc", "rootElement": ["urn:app"]},
        {"type": "software_Package", "spdxId": "urn:app", "name": "app"},
        {"type": "software_Package", "spdxId": "urn:t", "name": "torch", "software_packageVersion": "2.2.0",
         "software_packageUrl": "pkg:pypi/torch@2.2.0", "verifiedUsing": [{"type": "Hash", "algorithm": "sha256", "hashValue": "aa"}]},
        {"type": "software_Package", "spdxId": "urn:n", "name": "numpy",
         "externalIdentifier": [{"externalIdentifierType": "packageUrl", "identifier": "pkg:pypi/numpy@1.26.0"}]},
        {"type": "ai_AIPackage", "spdxId": "urn:m", "name": "bert"},
        {"type": "Relationship", "from": "urn:app", "relationshipType": "dependsOn", "to": ["urn:t"]},
        {"type": "Relationship", "from": "urn:t", "relationshipType": "dependsOn", "to": ["urn:n"]}]}"#;
    insta::assert_snapshot!(rows("b.json", text), @r#"
    pkg:pypi/torch@2.2.0 - Exact direct=Some(true) via=["app"] hashes=1
    pkg:pypi/numpy@1.26.0 - Exact direct=Some(false) via=["torch", "app"] hashes=0
    pkg:generic/bert - Unauditable { why: "it has no package URL, so nobody knows which ecosystem's it is" } direct=Some(false) via=[] hashes=0
    spdx of Some("app") Analysed
    "#);
}

#[test]
fn cyclonedx_as_xml_says_the_same() {
    let text = r#"<?xml version="1.0"?><!-- a <remark> -->
<bom xmlns="http://cyclonedx.org/schema/bom/1.5" version="1">
  <metadata><component type="application" bom-ref="app"><name>app</name></component></metadata>
  <components>
    <component type="library" bom-ref="t"><name>torch</name><version>2.2.0</version>
      <hashes><hash alg="SHA-256">aabb</hash></hashes>
      <purl>pkg:pypi/torch@2.2.0?x=1&amp;y=2</purl>
      <components><component type="library" bom-ref="n"><name>numpy</name><purl><![CDATA[pkg:pypi/numpy@1.26.0]]></purl></component></components>
    </component>
    <component type="library"><name>mystery</name></component>
    <component type="library"/>
  </components>
  <dependencies><dependency ref="app"><dependency ref="t"/></dependency><dependency ref="t"><dependency ref="n"/></dependency></dependencies>
</bom>"#;
    insta::assert_snapshot!(rows("bom.xml", text), @r#"
    pkg:pypi/torch@2.2.0 - Exact direct=Some(true) via=["app"] hashes=1
    pkg:pypi/numpy@1.26.0 - Exact direct=Some(false) via=["torch", "app"] hashes=0
    pkg:generic/mystery - Unauditable { why: "it has no package URL, so nobody knows which ecosystem's it is" } direct=None via=[] hashes=0
    problem: a component without a name
    cyclonedx of Some("app") Analysed
    "#);
    assert!(rows("bom.xml", &text.replace("</components>\n  <dep", "<dep")).contains("not XML"));
    assert_eq!(rows("pom.xml", "<project><name>x</name></project>"), "no bill");
}

#[test]
fn hostile_bills_end() {
    let many = format!(
        r#"{{"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [{}{{"name": "b"}}]}}"#,
        r#"{"name":"a"},"#.repeat(20_000)
    );
    let root = json(&many, &mut Budget::default()).unwrap();
    let limits = wellhead_core::Limits {
        memory: 4 << 20,
        ..Default::default()
    };
    let mut budget = Budget::new(limits, std::sync::Arc::default());
    let path = ArtifactPath::file("a.json");
    let m = read_bom(ManifestKind::CycloneDx, &path, &many, Some(&root), &mut budget);
    assert!(matches!(m.outcome, Outcome::Partly { .. }) && m.components.len() < 5_000);
    let name = "a".repeat(10_000);
    let long = format!(
        r#"{{"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [{{"name": "{name}", "purl": "pkg:pypi/{name}@1"}}]}}"#
    );
    assert!(rows("a.json", &long).contains("Exact"));
}

proptest! {
    #[test]
    fn never_panics(text in "(\\{|\\}|\\[|\\]|,|:|\"bomFormat\"|\"CycloneDX\"|\"components\"|\"spdxVersion\"|\"SPDX-2.3\"|\"packages\"|\"name\"|\"purl\"|\"pkg:pypi/a@1\"|\"@graph\"|\"bom-ref\"|1){0,60}") {
        let _ = rows("x.cdx.json", &text);
    }

    #[test]
    fn xml_never_panics(text in "<bom xmlns='http://cyclonedx.org/schema/bom/1.5'>(<component|</component>|<components>|</components>| a='b'|/>|>|<name>|x|é|&amp;|&#x|<!--|-->|<!\\[CDATA\\[|\\]\\]>|</bom>){0,30}") {
        let _ = rows("x.xml", &text);
    }

    #[test]
    fn tags_never_panic(text in "SPDXVersion: SPDX-2.3\n(PackageName: |a|\n|<text>|</text>|ExternalRef: |purl |x |:|é){0,40}") {
        let _ = rows("x.spdx", &text);
    }
}

#[test]
fn what_readers_would_see_differently_is_said() {
    let text = r#"{"bomFormat": "CycloneDX", "specVersion": "1.7",
      "components": [{"name": "hidden", "purl": "pkg:pypi/hidden@1"}],
      "components": [
        {"name": "a", "purl": "pkg:pypi/hidden@1", "purl": "pkg:pypi/a@1"},
        {"name": "b", "purl": "pkg:pypi/acme/b@1"},
        {"name": "c", "purl": "pkg:pypi/%00c@1"},
        {"name": "d", "versionRange": "vers:pypi/>=1.0|<2", "isExternal": true, "purl": "pkg:pypi/d"},
        {"name": "e", "versionRange": "vers:npm/>=1.0|<2", "purl": "pkg:pypi/e"}
      ]}"#;
    insta::assert_snapshot!(rows("any.json", text), @r#"
    pkg:pypi/a@1 - Exact direct=None via=[] hashes=0
    pkg:pypi/acme/b@1 - Unauditable { why: "its name cannot be one of PyPI, so no advisory can name it" } direct=None via=[] hashes=0
    pkg:pypi/%5Cx00c@1 - Unauditable { why: "its name cannot be one of PyPI, so no advisory can name it" } direct=None via=[] hashes=0
    pkg:pypi/d >=1.0, <2 Unpinned direct=None via=[] hashes=0
    pkg:pypi/e - Unauditable { why: "no version is stated" } direct=None via=[] hashes=0
    problem: `components` stands here twice, and only the last of them was judged
    problem: `purl` stands here twice, and only the last of them was judged
    cyclonedx of None Analysed
    "#);
}

#[test]
fn a_commit_is_one_whatever_stands_behind_it() {
    // As `cyclonedx-py requirements` writes `git+https://…@COMMIT#egg=black`.
    let revision = "a".repeat(40);
    let purl = format!("pkg:pypi/black?vcs_url=git%2Bhttps://git.example/black%40{revision}%23egg%3Dblack");
    let purl = Purl::parse(&purl).unwrap();
    let Source::Vcs { revision: found, .. } = source(Some(&purl)) else {
        panic!("no repository");
    };
    assert_eq!(found.as_deref(), Some(revision.as_str()));
}

#[test]
fn classes_of_spdx_3_may_be_written_in_full() {
    let text = r#"{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [
        {"@type": "https://spdx.org/rdf/3.0.1/terms/Software/Package", "@id": "a", "name": "torch", "software_packageUrl": "pkg:pypi/torch@2.0.0"},
        {"@type": ["software_Package"], "@id": "b", "name": "b"}]}"#;
    insta::assert_snapshot!(rows("any.json", text), @r#"
    pkg:pypi/torch@2.0.0 - Exact direct=None via=[] hashes=0
    pkg:generic/b - Unauditable { why: "it has no package URL, so nobody knows which ecosystem's it is" } direct=None via=[] hashes=0
    spdx of None Analysed
    "#);
}

#[test]
fn spdx_as_rdf_is_no_empty_bill() {
    let text = "<?xml version=\"1.0\"?><rdf:RDF xmlns=\"http://spdx.org/rdf/terms#\"><Package/></rdf:RDF>";
    let said = rows("x.rdf", text);
    assert!(
        said.contains("SPDX as RDF is not read") && said.contains("NotAnalysed"),
        "{said}"
    );
}
