//! The interface of OSV (`api.osv.dev/v1`), answered from the advisory database of this machine.
//!
//! Which advisories apply is decided by the same code as in an audit, so clients find what an audit finds. What cannot be
//! answered is refused and never an empty list: to a client that would mean "clean".

use crate::answer::{Answer, Question, Service};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;
use wellhead_core::{
    ArtifactPath, Bucket, Budget, Component, ComponentKind, DatabaseInfo, Ecosystem, Limits, Location, Source,
};
use wellhead_packages::{
    Database, Dependency, ManifestKind,
    advisory::{DatabaseError, Records},
    incident, normalise,
};

/// Most queries in one batch, as at OSV.
pub const MAX_QUERIES: usize = 1_000;
/// Longest name, version or package URL that is looked up; the longest real one has about a hundred characters.
const MAX_TEXT: usize = 1_000;

/// The database and its records.
#[derive(Debug)]
pub struct Osv {
    database: Database,
    records: Records,
}

#[derive(Default, Deserialize)]
struct Query {
    #[serde(default)]
    commit: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    package: Option<Package>,
    /// Every answer has one page, so no token was ever given out.
    #[serde(default, rename = "page_token", alias = "pageToken")]
    _page_token: Option<String>,
}

#[derive(Default, Deserialize)]
struct Package {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    ecosystem: Option<String>,
    #[serde(default)]
    purl: Option<String>,
}

#[derive(Deserialize)]
struct Batch {
    queries: Vec<Query>,
}

/// What is asked of the database: one package, by its normal name, in one version or in all.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    name: String,
    version: Option<String>,
}

impl Osv {
    /// Answers from these.
    pub fn new(database: Database, records: Records) -> Self {
        Self { database, records }
    }

    /// What the database is.
    pub fn info(&self) -> DatabaseInfo {
        self.database.info()
    }

    fn query(&self, body: &[u8], budget: &mut Budget) -> Result<Answer, Answer> {
        let query: Query = parse(body)?;
        let Wanted { name, version } =
            wanted(&query).map_err(|why| Answer::refusal(400, &format!("Invalid query: {why}")))?;
        let mut records = Vec::new();
        for id in self.ids(&name, version.as_deref(), budget)? {
            records.push(self.known(&id, budget)?);
        }
        Ok(Answer::ok(if records.is_empty() {
            "{}".to_owned()
        } else {
            format!("{{\"vulns\":[{}]}}", records.join(","))
        }))
    }

    fn batch(&self, body: &[u8], budget: &mut Budget) -> Result<Answer, Answer> {
        let batch: Batch = parse(body)?;
        if batch.queries.len() > MAX_QUERIES {
            let message = format!("too many queries: at most {MAX_QUERIES} in one batch");
            return Err(Answer::refusal(400, &message));
        }
        let mut results: Vec<Value> = Vec::new();
        for (i, query) in batch.queries.iter().enumerate() {
            let Wanted { name, version } =
                wanted(query).map_err(|why| Answer::refusal(400, &format!("Invalid query {i}: {why}")))?;
            let mut short = Vec::new();
            for id in self.ids(&name, version.as_deref(), budget)? {
                let modified = self.modified(&id, budget)?;
                short.push(serde_json::json!({"id": id, "modified": modified}));
            }
            results.push(if short.is_empty() {
                serde_json::json!({})
            } else {
                serde_json::json!({ "vulns": short })
            });
        }
        Ok(Answer::ok(serde_json::json!({ "results": results }).to_string()))
    }

    fn modified(&self, id: &str, budget: &mut Budget) -> Result<String, Answer> {
        #[derive(Deserialize)]
        struct Modified {
            modified: String,
        }
        let record: Modified = serde_json::from_str(&self.known(id, budget)?)
            .map_err(|e| Answer::refusal(500, &format!("the record {id} is damaged: {e}")))?;
        Ok(record.modified)
    }

    /// A record that applies. Were one that is not there left out, the answer would be "clean".
    fn known(&self, id: &str, budget: &mut Budget) -> Result<String, Answer> {
        self.record(id, budget)?.ok_or_else(|| {
            Answer::refusal(
                500,
                &format!("{id} applies and its record is not there: import the advisories again"),
            )
        })
    }

    fn vulnerability(&self, id: &str, budget: &mut Budget) -> Result<Answer, Answer> {
        match self.record(id, budget)? {
            Some(record) => Ok(Answer::ok(record)),
            None => Err(Answer::refusal(404, "Bug not found.")),
        }
    }

    /// The advisories that an audit names for a version, and every advisory of the package where no version is asked for.
    fn ids(
        &self,
        name: &str,
        version: Option<&str>,
        budget: &mut Budget,
    ) -> Result<BTreeSet<String>, Answer> {
        let Some(version) = version else {
            let known = self.database.package(name, budget).map_err(|e| failed(&e))?;
            let mut ids: BTreeSet<String> = known.iter().flat_map(|k| k.all()).map(|m| m.id).collect();
            ids.extend(incident::incidents(name, None).into_iter().map(|i| i.matched.id));
            return Ok(ids);
        };
        let component = component(name, version);
        let known = Dependency::new(
            component,
            ManifestKind::Requirements,
            Some(&self.database),
            budget,
        )
        .map_err(|e| failed(&e))?;
        let flaws = known.flaws.iter().flatten().chain(&known.attacks);
        let mut ids: BTreeSet<String> = flaws.flat_map(|f| f.advisories.iter().cloned()).collect();
        ids.extend(known.incidents.into_iter().map(|i| i.matched.id));
        Ok(ids)
    }

    fn record(&self, id: &str, budget: &mut Budget) -> Result<Option<String>, Answer> {
        let record = self.records.get(id, budget).map_err(|e| failed(&e))?;
        Ok(record.or_else(|| incident::osv(id).map(|r| r.to_string())))
    }

    fn health(&self) -> Answer {
        let info = self.database.info();
        Answer::ok(
            serde_json::json!({
                "server": "wellhead", "advisories": info.records, "date": info.date, "digest": info.digest,
                "ecosystems": ["PyPI"],
            })
            .to_string(),
        )
    }
}

impl Service for Osv {
    fn answer(&self, question: Question<'_>) -> Answer {
        let mut budget = Budget::new(Limits::default(), std::sync::Arc::default());
        let path = match question.path.trim_end_matches('/') {
            "" => "/",
            path => path,
        };
        let id = path.strip_prefix("/v1/vulns/");
        let answer = match (question.method, path, id) {
            ("GET", "/", _) => Ok(self.health()),
            ("POST", "/v1/query", _) => self.query(question.body, &mut budget),
            ("POST", "/v1/querybatch", _) => self.batch(question.body, &mut budget),
            ("GET", _, Some(id)) => self.vulnerability(id, &mut budget),
            (_, "/" | "/v1/query" | "/v1/querybatch", _) | (_, _, Some(_)) => {
                Err(Answer::refusal(405, "Method Not Allowed"))
            }
            _ => Err(Answer::refusal(404, "Not Found")),
        };
        answer.unwrap_or_else(|refusal| refusal)
    }
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Answer> {
    serde_json::from_slice(body).map_err(|e| Answer::refusal(400, &format!("Invalid query: {e}")))
}

fn failed(e: &DatabaseError) -> Answer {
    Answer::refusal(500, &e.to_string())
}

fn component(name: &str, version: &str) -> Component {
    Component {
        kind: ComponentKind::Library,
        ecosystem: Ecosystem::PyPI,
        name: name.to_owned(),
        written: name.to_owned(),
        version: Some(version.to_owned()),
        specifier: None,
        marker: None,
        hashes: Vec::new(),
        source: Source::Registry { url: None },
        bucket: Bucket::Exact,
        direct: None,
        via: Vec::new(),
        declared: Location::whole(&ArtifactPath::file("query"), ""),
    }
}

/// What a query asks, or why it is none.
fn wanted(query: &Query) -> Result<Wanted, String> {
    let refuse = |why: &str| Err(why.to_owned());
    let filled = |text: &Option<String>| {
        text.as_deref()
            .map(str::trim)
            .filter(|t| !t.is_empty())
            .map(str::to_owned)
    };
    let package = query.package.as_ref();
    let name = package.and_then(|p| filled(&p.name));
    let ecosystem = package.and_then(|p| filled(&p.ecosystem));
    let purl = package.and_then(|p| filled(&p.purl));
    let mut version = filled(&query.version);
    if filled(&query.commit).is_some() {
        if version.is_some() {
            return refuse("`commit` and `version` exclude each other");
        }
        return refuse("commits are not known here: the database holds versions of packages");
    }
    let (name, ecosystem) = match (purl, name) {
        (Some(_), Some(_)) => return refuse("`name` and `purl` exclude each other"),
        (Some(purl), None) => {
            let Some(purl) = Purl::parse(&purl) else {
                return refuse("the package URL is malformed");
            };
            if purl.version.is_some() && version.is_some() {
                return refuse("the version is given twice");
            }
            version = version.or(purl.version);
            (
                purl.name,
                if purl.kind == "pypi" {
                    "PyPI".to_owned()
                } else {
                    purl.kind
                },
            )
        }
        (None, Some(name)) => match ecosystem {
            Some(ecosystem) => (name, ecosystem),
            None => return refuse("the package has no `ecosystem`"),
        },
        (None, None) => return refuse("no package is named"),
    };
    if ecosystem.split(':').next() != Some("PyPI") {
        let shown = wellhead_core::code(&ecosystem);
        return Err(format!("only the ecosystem PyPI is known here, not {shown}"));
    }
    if name.len() > MAX_TEXT || version.as_ref().is_some_and(|v| v.len() > MAX_TEXT) {
        return refuse("no package has so long a name or version");
    }
    Ok(Wanted {
        name: normalise(&name),
        version,
    })
}

/// A package URL, as far as it is asked about here.
#[derive(Debug, PartialEq, Eq)]
struct Purl {
    kind: String,
    name: String,
    version: Option<String>,
}

impl Purl {
    fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_TEXT {
            return None;
        }
        let rest = text.strip_prefix("pkg:")?.trim_start_matches('/');
        let rest = rest.split('#').next()?.split('?').next()?;
        let (kind, rest) = rest.split_once('/')?;
        // The version begins at the last `@`: a scope of another ecosystem begins with one.
        let (path, version) = match rest.rsplit_once('@') {
            Some((path, version)) if !path.is_empty() => (path, Some(decoded(version)?)),
            _ => (rest, None),
        };
        let name = decoded(path.trim_matches('/'))?;
        (!name.is_empty() && !kind.is_empty()).then(|| Self {
            kind: kind.to_ascii_lowercase(),
            name,
            version: version.filter(|v| !v.is_empty()),
        })
    }
}

/// Percent-decoded text.
fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        if b != b'%' {
            out.push(b);
            continue;
        }
        let high = char::from(bytes.next()?).to_digit(16)?;
        let low = char::from(bytes.next()?).to_digit(16)?;
        out.push(u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()?);
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wellhead_core::Blob;
    use wellhead_packages::advisory::{build, build_records};

    const RECORDS: [(&str, &str); 3] = [
        (
            "PYSEC-2024-1",
            r#"{"id": "PYSEC-2024-1", "aliases": ["CVE-2024-1"], "modified": "2024-02-01T00:00:00Z", "summary": "Reads any file",
                "affected": [{"package": {"ecosystem": "PyPI", "name": "Some_Thing"},
                  "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2"}]}]}]}"#,
        ),
        (
            "MAL-2024-9",
            r#"{"id": "MAL-2024-9", "modified": "2024-02-01T00:00:00Z",
                "affected": [{"package": {"ecosystem": "PyPI", "name": "evil"}}]}"#,
        ),
        ("broken", "{"),
    ];

    fn osv() -> Osv {
        let mut budget = Budget::default();
        let (bytes, _) = build("2024-02-02", RECORDS, &mut budget).unwrap();
        let database = Database::open(&Blob::from_bytes(bytes), &mut budget).unwrap();
        let digest = database.info().digest;
        let records = build_records(&digest, RECORDS.map(|(_, r)| r), &mut budget).unwrap();
        let records = Records::open(&Blob::from_bytes(records), &digest, &mut budget).unwrap();
        Osv::new(database, records)
    }

    fn asked(osv: &Osv, method: &str, path: &str, body: &str) -> String {
        let answer = osv.answer(Question {
            method,
            path,
            body: body.as_bytes(),
        });
        let mut short: Value = serde_json::from_str(&answer.body).unwrap();
        // The records themselves are shown once.
        for vuln in short
            .get_mut("vulns")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            *vuln = vuln["id"].clone();
        }
        format!("{} {short}", answer.status).replace(&osv.info().digest, "[digest]")
    }

    #[test]
    fn questions_have_answers_and_what_is_none_is_refused() {
        let osv = osv();
        let cases = [
            ("GET", "/", ""),
            (
                "POST",
                "/v1/query",
                r#"{"package": {"name": "some-thing", "ecosystem": "PyPI"}, "version": "1.0"}"#,
            ),
            (
                "POST",
                "/v1/query",
                r#"{"package": {"name": "SOME.thing", "ecosystem": "PyPI"}, "version": "1.0+cu121"}"#,
            ),
            (
                "POST",
                "/v1/query",
                r#"{"package": {"name": "some-thing", "ecosystem": "PyPI"}, "version": "1.2"}"#,
            ),
            (
                "POST",
                "/v1/query",
                r#"{"package": {"name": "some-thing", "ecosystem": "PyPI"}}"#,
            ),
            (
                "POST",
                "/v1/query",
                r#"{"package": {"purl": "pkg:pypi/some_thing"}, "version": "1.0"}"#,
            ),
            (
                "POST",
                "/v1/query",
                r#"{"package": {"purl": "pkg:pypi/some-thing@1.0%2Bcu1?a=b#c"}, "page_token": "x"}"#,
            ),
            (
                "POST",
                "/v1/query",
                r#"{"package": {"name": "evil", "ecosystem": "PyPI"}, "version": "0.1"}"#,
            ),
            (
                "POST",
                "/v1/query",
                r#"{"package": {"name": "litellm", "ecosystem": "PyPI"}, "version": "1.82.8"}"#,
            ),
            (
                "POST",
                "/v1/query",
                r#"{"commit": "6879efc2c1596d11a6a6ad296f80063b558d5e0f"}"#,
            ),
            ("POST", "/v1/query", r#"{"commit": "68", "version": "1"}"#),
            (
                "POST",
                "/v1/query",
                r#"{"package": {"purl": "pkg:pypi/a@1"}, "version": "1"}"#,
            ),
            (
                "POST",
                "/v1/query",
                r#"{"package": {"purl": "pkg:npm/%40a/b@1"}}"#,
            ),
            ("POST", "/v1/query", r#"{"package": {"purl": "pkg:pypi/%zz"}}"#),
            (
                "POST",
                "/v1/query",
                r#"{"package": {"name": "a", "purl": "pkg:pypi/a"}}"#,
            ),
            (
                "POST",
                "/v1/query",
                r#"{"package": {"name": "a", "ecosystem": "npm"}, "version": "1"}"#,
            ),
            (
                "POST",
                "/v1/query",
                r#"{"package": {"name": "a"}, "version": "1"}"#,
            ),
            ("POST", "/v1/query", r#"{"version": 1}"#),
            ("POST", "/v1/query", "{"),
            ("POST", "/v1/query", ""),
            ("GET", "/v1/query", ""),
            ("DELETE", "/v1/vulns/PYSEC-2024-1", ""),
            ("GET", "/v1/vulns/PYSEC-2024-2", ""),
            ("GET", "/v1/vulns/../../etc/passwd", ""),
            ("GET", "/v2/query", ""),
            ("POST", "/v1/querybatch", r#"{"queries": []}"#),
            (
                "POST",
                "/v1/querybatch",
                r#"{"queries": [{"package": {"name": "some-thing", "ecosystem": "PyPI"}, "version": "1.0"},
                               {"package": {"name": "none", "ecosystem": "PyPI"}, "version": "1.0"}]}"#,
            ),
            ("POST", "/v1/querybatch", r#"{"queries": [{"commit": "68"}, {}]}"#),
            ("POST", "/v1/querybatch", r#"{"queries": {}}"#),
        ];
        let shown: Vec<String> = cases
            .iter()
            .map(|(method, path, body)| {
                let body: String = body.split_whitespace().collect::<Vec<_>>().join(" ");
                format!("{method} {path} {body}\n    {}", asked(&osv, method, path, &body))
            })
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        GET / 
            200 {"advisories":2,"date":"2024-02-02","digest":"[digest]","ecosystems":["PyPI"],"server":"wellhead"}
        POST /v1/query {"package": {"name": "some-thing", "ecosystem": "PyPI"}, "version": "1.0"}
            200 {"vulns":["PYSEC-2024-1"]}
        POST /v1/query {"package": {"name": "SOME.thing", "ecosystem": "PyPI"}, "version": "1.0+cu121"}
            200 {"vulns":["PYSEC-2024-1"]}
        POST /v1/query {"package": {"name": "some-thing", "ecosystem": "PyPI"}, "version": "1.2"}
            200 {}
        POST /v1/query {"package": {"name": "some-thing", "ecosystem": "PyPI"}}
            200 {"vulns":["PYSEC-2024-1"]}
        POST /v1/query {"package": {"purl": "pkg:pypi/some_thing"}, "version": "1.0"}
            200 {"vulns":["PYSEC-2024-1"]}
        POST /v1/query {"package": {"purl": "pkg:pypi/some-thing@1.0%2Bcu1?a=b#c"}, "page_token": "x"}
            200 {"vulns":["PYSEC-2024-1"]}
        POST /v1/query {"package": {"name": "evil", "ecosystem": "PyPI"}, "version": "0.1"}
            200 {"vulns":["MAL-2024-9"]}
        POST /v1/query {"package": {"name": "litellm", "ecosystem": "PyPI"}, "version": "1.82.8"}
            200 {"vulns":["CVE-2026-42208","MAL-2026-2144"]}
        POST /v1/query {"commit": "6879efc2c1596d11a6a6ad296f80063b558d5e0f"}
            400 {"code":3,"message":"Invalid query: commits are not known here: the database holds versions of packages"}
        POST /v1/query {"commit": "68", "version": "1"}
            400 {"code":3,"message":"Invalid query: `commit` and `version` exclude each other"}
        POST /v1/query {"package": {"purl": "pkg:pypi/a@1"}, "version": "1"}
            400 {"code":3,"message":"Invalid query: the version is given twice"}
        POST /v1/query {"package": {"purl": "pkg:npm/%40a/b@1"}}
            400 {"code":3,"message":"Invalid query: only the ecosystem PyPI is known here, not `npm`"}
        POST /v1/query {"package": {"purl": "pkg:pypi/%zz"}}
            400 {"code":3,"message":"Invalid query: the package URL is malformed"}
        POST /v1/query {"package": {"name": "a", "purl": "pkg:pypi/a"}}
            400 {"code":3,"message":"Invalid query: `name` and `purl` exclude each other"}
        POST /v1/query {"package": {"name": "a", "ecosystem": "npm"}, "version": "1"}
            400 {"code":3,"message":"Invalid query: only the ecosystem PyPI is known here, not `npm`"}
        POST /v1/query {"package": {"name": "a"}, "version": "1"}
            400 {"code":3,"message":"Invalid query: the package has no `ecosystem`"}
        POST /v1/query {"version": 1}
            400 {"code":3,"message":"Invalid query: invalid type: integer `1`, expected a string at line 1 column 13"}
        POST /v1/query {
            400 {"code":3,"message":"Invalid query: EOF while parsing an object at line 1 column 1"}
        POST /v1/query 
            400 {"code":3,"message":"Invalid query: EOF while parsing a value at line 1 column 0"}
        GET /v1/query 
            405 {"code":3,"message":"Method Not Allowed"}
        DELETE /v1/vulns/PYSEC-2024-1 
            405 {"code":3,"message":"Method Not Allowed"}
        GET /v1/vulns/PYSEC-2024-2 
            404 {"code":5,"message":"Bug not found."}
        GET /v1/vulns/../../etc/passwd 
            404 {"code":5,"message":"Bug not found."}
        GET /v2/query 
            404 {"code":5,"message":"Not Found"}
        POST /v1/querybatch {"queries": []}
            200 {"results":[]}
        POST /v1/querybatch {"queries": [{"package": {"name": "some-thing", "ecosystem": "PyPI"}, "version": "1.0"}, {"package": {"name": "none", "ecosystem": "PyPI"}, "version": "1.0"}]}
            200 {"results":[{"vulns":[{"id":"PYSEC-2024-1","modified":"2024-02-01T00:00:00Z"}]},{}]}
        POST /v1/querybatch {"queries": [{"commit": "68"}, {}]}
            400 {"code":3,"message":"Invalid query 0: commits are not known here: the database holds versions of packages"}
        POST /v1/querybatch {"queries": {}}
            400 {"code":3,"message":"Invalid query: invalid type: map, expected a sequence at line 1 column 12"}
        "#);
    }

    /// An advisory that is left out of an answer reads as "clean".
    #[test]
    fn a_record_that_is_missing_is_never_left_out() {
        let mut budget = Budget::default();
        let (bytes, _) = build("2024-02-02", RECORDS, &mut budget).unwrap();
        let database = Database::open(&Blob::from_bytes(bytes), &mut budget).unwrap();
        let digest = database.info().digest;
        let records = build_records(&digest, [RECORDS[1].1], &mut budget).unwrap();
        let records = Records::open(&Blob::from_bytes(records), &digest, &mut budget).unwrap();
        let osv = Osv::new(database, records);
        let query = r#"{"package": {"name": "some-thing", "ecosystem": "PyPI"}, "version": "1.0"}"#;
        let says = r#"500 {"code":13,"message":"PYSEC-2024-1 applies and its record is not there: import the advisories again"}"#;
        assert_eq!(asked(&osv, "POST", "/v1/query", query), says);
        let batch = format!(r#"{{"queries": [{query}]}}"#);
        assert_eq!(asked(&osv, "POST", "/v1/querybatch", &batch), says);
    }

    #[test]
    fn a_batch_has_a_limit() {
        let query = r#"{"package": {"name": "none", "ecosystem": "PyPI"}, "version": "1"}"#;
        let asked = |n: usize| {
            let body = format!(r#"{{"queries": [{}]}}"#, vec![query; n].join(","));
            let question = Question {
                method: "POST",
                path: "/v1/querybatch",
                body: body.as_bytes(),
            };
            osv().answer(question)
        };
        let most = asked(MAX_QUERIES);
        assert_eq!((most.status, most.body.matches("{}").count()), (200, MAX_QUERIES));
        let more = asked(MAX_QUERIES + 1);
        assert_eq!(
            (more.status, more.body.as_str()),
            (
                400,
                r#"{"code":3,"message":"too many queries: at most 1000 in one batch"}"#
            )
        );
    }

    #[test]
    fn a_record_is_whole() {
        let answer = osv().answer(Question {
            method: "GET",
            path: "/v1/vulns/PYSEC-2024-1",
            body: b"",
        });
        insta::assert_snapshot!(answer.body, @r#"{"affected":[{"package":{"ecosystem":"PyPI","name":"some-thing","purl":"pkg:pypi/some-thing"},"ranges":[{"events":[{"introduced":"0"},{"fixed":"1.2"}],"type":"ECOSYSTEM"}],"versions":[]}],"aliases":["CVE-2024-1"],"id":"PYSEC-2024-1","modified":"2024-02-01T00:00:00Z","schema_version":"1.6.0","summary":"Reads any file"}"#);
    }

    proptest! {
        #[test]
        fn never_panics(body in any::<Vec<u8>>(), path in any::<String>(), text in any::<String>()) {
            let osv = osv();
            for path in ["/v1/query", "/v1/querybatch", &path] {
                for method in ["GET", "POST"] {
                    let _ = osv.answer(Question { method, path, body: &body });
                }
            }
            let _ = Purl::parse(&text);
            let _ = Purl::parse(&format!("pkg:pypi/{text}"));
        }
    }
}
