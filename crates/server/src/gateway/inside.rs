//! The models that the body of a request names, read while it passes.
//!
//! Nothing is held back or copied for it: JSON is followed byte by byte with a few hundred bytes of memory, however large it
//! is and wherever in it the name stands, and of gRPC the start of the first message is looked at. So the names stand in the
//! line that is written when the request has ended, never in the way of a stream.

use super::policy::Pattern;
use hyper::{HeaderMap, header};
use std::sync::{Arc, Mutex, PoisonError};

/// Longest name, in bytes of JSON; longer ones are told of without being repeated.
const MAX_TEXT: usize = 1 << 10;
/// Names of one body; beyond them the last of each key is kept, which is the one that most readers of JSON take.
const MAX_NAMES: usize = 8;
/// What is looked at of a message.
const MAX_MESSAGE: usize = 1 << 10;
/// Instead of a name that is too long.
const TOO_LONG: &str = "(a name of more than 1,024 bytes)";
/// Beside the names when there were too many.
const MORE: &str = "(more names)";
/// Where a body names a model in a way that cannot be followed, so that silence does not mean that it named none.
const NOT_READ: &str = "(body not read)";
/// Python skips it before JSON.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Platforms, their paths, and the keys of the outermost object that name models; joined where they are parts of one name.
struct Place {
    products: &'static [&'static str],
    paths: &'static [&'static str],
    keys: &'static [&'static str],
    joined: bool,
}

const PLACES: &[Place] = &[
    Place {
        products: &["ollama"],
        paths: &["/api/*"],
        keys: &["model", "name", "source", "destination"],
        joined: false,
    },
    Place {
        products: &["open-webui"],
        paths: &["/api/**", "/ollama/**", "/openai/**"],
        keys: &["model"],
        joined: false,
    },
    Place {
        products: &["mlflow"],
        paths: &[
            "/api/2.0/mlflow/registered-models/*",
            "/api/2.0/mlflow/model-versions/*",
            "/ajax-api/2.0/mlflow/registered-models/*",
            "/ajax-api/2.0/mlflow/model-versions/*",
        ],
        keys: &["name", "new_name", "version"],
        joined: true,
    },
    // All that speak as OpenAI does; some name the model on paths of their own, too.
    Place {
        products: &[
            "fastchat",
            "koboldcpp",
            "litellm",
            "llama-cpp",
            "lm-studio",
            "lmdeploy",
            "localai",
            "nim",
            "ollama",
            "sglang",
            "tabbyapi",
            "tei",
            "text-generation-webui",
            "tgi",
            "vllm",
            "xinference",
        ],
        paths: &["/**"],
        keys: &["model"],
        joined: false,
    },
];

/// Services of gRPC, and whether the first field of a message is the name or holds it.
const SERVICES: &[(&str, bool)] = &[
    ("/inference.GRPCInferenceService/", false),
    ("/tensorflow.serving.PredictionService/", true),
];

/// What watches the bodies of one platform.
#[derive(Debug)]
pub(crate) struct Inside {
    places: Vec<(Vec<Pattern>, &'static Place)>,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list().entries(self.keys).finish()
    }
}

impl Inside {
    pub(crate) fn of(product: &str) -> Self {
        let mine = PLACES.iter().filter(|p| p.products.contains(&product));
        let compiled = mine.map(|p| (p.paths.iter().filter_map(|t| Pattern::new(t)).collect(), p));
        Self {
            places: compiled.collect(),
        }
    }

    /// What watches a body on this path; nothing where it names no models.
    pub(crate) fn watch(&self, path: &str, headers: &HeaderMap, grpc: bool) -> Option<Watched> {
        // Not everybody minds what is said of the coding, so that it is followed all the same.
        let coded = headers.get_all(header::CONTENT_ENCODING).iter().any(|v| {
            let mut codings = v.as_bytes().split(|b| *b == b',').map(<[u8]>::trim_ascii);
            codings.any(|c| !c.is_empty() && !c.eq_ignore_ascii_case(b"identity"))
        });
        let watch = if grpc {
            let (_, nested) = SERVICES.iter().find(|(service, _)| path.starts_with(service))?;
            Watch::Message {
                start: Vec::new(),
                nested: *nested,
            }
        } else {
            let fits = |patterns: &[Pattern]| patterns.iter().any(|p| p.matches(path));
            let (_, place) = self.places.iter().find(|(patterns, _)| fits(patterns))?;
            Watch::Json(Json::new(place.keys), place.joined)
        };
        let body = Followed {
            watch,
            coded,
            began: false,
        };
        Some(Watched(Arc::new(Mutex::new(body))))
    }
}

/// A body on its way, and who wants to know of it.
#[derive(Clone, Debug)]
pub(crate) struct Watched(Arc<Mutex<Followed>>);

#[derive(Debug)]
struct Followed {
    watch: Watch,
    /// Compressed, as the client says.
    coded: bool,
    /// There was something of it.
    began: bool,
}

#[derive(Debug)]
enum Watch {
    Json(Json, bool),
    Message { start: Vec<u8>, nested: bool },
}

impl Watched {
    pub(crate) fn saw(&self, bytes: &[u8]) {
        let body = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        body.began |= !bytes.is_empty();
        match &mut body.watch {
            Watch::Json(json, _) => json.feed(bytes),
            Watch::Message { start, .. } => {
                let room = MAX_MESSAGE.saturating_sub(start.len()).min(bytes.len());
                start.extend_from_slice(bytes.get(..room).unwrap_or_default());
            }
        }
    }

    /// The names that were seen, and whether there can be others.
    pub(crate) fn names(&self) -> Vec<String> {
        let body = &*self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut names, read) = match &body.watch {
            Watch::Json(json, joined) => (json.names(*joined), json.is_read()),
            Watch::Message { start, nested } => {
                let name = message(start, *nested);
                // The first byte says whether the message is compressed.
                let read = name.is_some() || start.first() == Some(&0);
                (name.into_iter().collect(), read)
            }
        };
        if body.began && (body.coded || !read) {
            names.push(NOT_READ.to_owned());
        }
        names
    }
}

/// Follows bytes as both kinds of bodies, for fuzzing. Whether it matters how they arrive, which it must not.
pub(super) fn fuzzed(bytes: &[u8]) -> bool {
    let followed = |step: usize| {
        let mut json = Json::new(&["model", "name"]);
        bytes.chunks(step.max(1)).for_each(|part| json.feed(part));
        json.names(false)
    };
    let _ = (message(bytes, false), message(bytes, true));
    followed(bytes.len()) != followed(1)
}

/// Follows JSON without keeping it: the texts of some keys of the outermost object.
#[derive(Debug)]
struct Json {
    wanted: &'static [&'static str],
    depth: u64,
    /// Within the outermost object: a key comes next.
    at_key: bool,
    /// Which of the keys the value belongs to.
    key: Option<usize>,
    text: Option<Text>,
    found: Vec<(usize, String)>,
    /// There were more names than are kept.
    more: bool,
    /// Bytes of a mark that came before the object.
    mark: usize,
    /// It is no JSON, or what it says is not in it.
    odd: bool,
    over: bool,
}

/// A text that has begun.
#[derive(Debug)]
struct Text {
    /// With its quotes, if it is wanted.
    raw: Option<Vec<u8>>,
    escaped: bool,
}

impl Json {
    fn new(wanted: &'static [&'static str]) -> Self {
        Self {
            wanted,
            depth: 0,
            at_key: false,
            key: None,
            text: None,
            found: Vec::new(),
            more: false,
            mark: 0,
            odd: false,
            over: false,
        }
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        while !self.over && !bytes.is_empty() {
            // Most of a body is inside of texts that nobody wants.
            if let Some(text) = &self.text
                && text.raw.is_none()
                && !text.escaped
            {
                let skipped = bytes.iter().position(|b| matches!(b, b'"' | b'\\'));
                bytes = bytes.get(skipped.unwrap_or(bytes.len())..).unwrap_or_default();
            }
            let Some((byte, rest)) = bytes.split_first() else {
                return;
            };
            bytes = rest;
            if self.text.is_some() {
                self.inside(*byte);
            } else {
                self.outside(*byte);
            }
        }
    }

    fn outside(&mut self, byte: u8) {
        match byte {
            b'"' if self.depth > 0 => {
                let wanted = self.depth == 1 && (self.at_key || self.key.is_some());
                self.text = Some(Text {
                    raw: wanted.then(|| vec![b'"']),
                    escaped: false,
                });
            }
            b'{' | b'[' => {
                self.over = self.depth == 0 && byte == b'[';
                self.odd |= self.over;
                self.depth = self.depth.saturating_add(1);
                self.at_key = self.depth == 1;
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.over = self.depth == 0;
            }
            b',' if self.depth == 1 => (self.at_key, self.key) = (true, None),
            b':' if self.depth == 1 => self.at_key = false,
            b',' | b':' if self.depth > 0 => {}
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ if self.depth == 0 && BYTE_ORDER_MARK.get(self.mark) == Some(&byte) => {
                self.mark = self.mark.saturating_add(1);
            }
            // Only an object can name anything.
            _ if self.depth == 0 => (self.over, self.odd) = (true, true),
            // Comments, other quotes, keys without them: others may read on where this does not.
            _ => self.odd |= self.at_key || !(byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)),
        }
    }

    fn inside(&mut self, byte: u8) {
        let Some(text) = &mut self.text else {
            return;
        };
        if let Some(raw) = &mut text.raw
            && raw.len() <= MAX_TEXT
        {
            raw.push(byte);
        }
        if text.escaped || byte != b'"' {
            text.escaped = !text.escaped && byte == b'\\';
            return;
        }
        let Some(raw) = self.text.take().and_then(|t| t.raw) else {
            return;
        };
        let read = serde_json::from_slice::<String>(&raw).ok();
        if self.at_key {
            self.key = read.and_then(|k| self.wanted.iter().position(|w| is_key(&k, w)));
        } else if let Some(key) = self.key {
            let long = || (raw.len() > MAX_TEXT).then(|| TOO_LONG.to_owned());
            match read.or_else(long) {
                Some(name) => self.keep(key, name),
                // Not UTF-8, which some mend and go on.
                None => self.odd = true,
            }
        }
    }

    fn keep(&mut self, key: usize, name: String) {
        if self.found.iter().any(|(k, n)| *k == key && *n == name) {
            return;
        }
        if self.found.len() >= MAX_NAMES {
            self.more = true;
            if let Some(last) = self.found.iter_mut().rfind(|(k, _)| *k == key) {
                last.1 = name;
                return;
            }
        }
        self.found.push((key, name));
    }

    /// Whether it was one object from its start to its end.
    fn is_read(&self) -> bool {
        self.over && !self.odd
    }

    fn names(&self, joined: bool) -> Vec<String> {
        let mut found = self.found.clone();
        found.retain(|(_, name)| !name.is_empty());
        found.sort_by_key(|(key, _)| *key);
        let mut names: Vec<String> = found.into_iter().map(|(_, name)| name).collect();
        if joined && !names.is_empty() {
            names = vec![names.join("/")];
        }
        names.extend(self.more.then(|| MORE.to_owned()));
        names
    }
}

/// Go's reader of JSON, which Ollama has, does not mind case, of two letters not even in Unicode.
fn is_key(given: &str, wanted: &str) -> bool {
    let folded = given.chars().map(|c| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    });
    folded.eq(wanted.chars())
}

/// The name in the first message of a call. gRPC puts five bytes before each: whether it is compressed, and its length.
fn message(start: &[u8], nested: bool) -> Option<String> {
    let (head, body) = start.split_at_checked(5)?;
    if head.first() != Some(&0) {
        return None;
    }
    let name = first_field(body)?;
    let name = if nested { first_field(name)? } else { name };
    let name = std::str::from_utf8(name).ok()?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// The bytes of field 1, where it is among what is known of the message.
fn first_field(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let tag = varint(&mut rest)?;
        let skipped = match tag & 7 {
            0 => {
                varint(&mut rest)?;
                0
            }
            1 => 8,
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                if tag >> 3 == 1 {
                    // The tail of a large message is not known, and not needed.
                    return rest.get(..length.min(rest.len()));
                }
                length
            }
            5 => 4,
            _ => return None,
        };
        rest = rest.get(skipped..)?;
    }
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut out = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, left) = rest.split_first()?;
        *rest = left;
        out |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(out);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(product: &str, path: &str, body: &str, step: usize) -> Vec<String> {
        let Some(watched) = Inside::of(product).watch(path, &HeaderMap::new(), false) else {
            return Vec::new();
        };
        for part in body.as_bytes().chunks(step.max(1)) {
            watched.saw(part);
        }
        watched.names()
    }

    #[test]
    fn a_model_is_named_wherever_it_stands() {
        let long = "x".repeat(100_000);
        let last = format!(r#"{{"messages":[{{"content":"{long}\"}},{{\"model\":\"no\""}}],"model":"yes"}}"#);
        let endless = format!(r#"{{"model":"{long}","stream":true}}"#);
        for (product, path, body, names) in [
            ("ollama", "/api/pull", r#"{"name":"llama3"}"#, &["llama3"][..]),
            (
                "ollama",
                "/api/copy",
                r#" {"destination":"b" , "source":"a"}"#,
                &["a", "b"],
            ),
            ("ollama", "/v1/chat/completions", r#"{"model":"m"}"#, &["m"]),
            ("ollama", "/api/show", r#"{"MODEL":"m"}"#, &["m"]),
            ("ollama", "/api/blobs/sha256:ab", r#"{"name":"m"}"#, &[]),
            ("vllm", "/v1/chat/completions", &last, &["yes"]),
            (
                "vllm",
                "/invocations",
                r#"{"a":{"model":"no"},"b":["model","no"],"c":"model","model":"m"}"#,
                &["m"],
            ),
            (
                "vllm",
                "/v1/completions",
                r#"{"\u006dodel":"a\u002fb"}"#,
                &["a/b"],
            ),
            (
                "vllm",
                "/v1/completions",
                r#"{"model":"one","model":"two"}"#,
                &["one", "two"],
            ),
            ("vllm", "/v1/completions", r#"{"model":7,"prompt":"x"}"#, &[]),
            (
                "vllm",
                "/v1/completions",
                r#"{"model":["x"],"model":{"model":"x"}}"#,
                &[],
            ),
            ("vllm", "/v1/completions", r#"[{"model":"x"}]"#, &[NOT_READ]),
            ("vllm", "/v1/completions", r#""{\"model\":\"x\"}""#, &[NOT_READ]),
            ("vllm", "/v1/completions", r#"{"model":"x"#, &[NOT_READ]),
            ("vllm", "/v1/completions", r#"{"model":"a"}{"model":"b"}"#, &["a"]),
            ("vllm", "/v1/completions", &endless, &[TOO_LONG]),
            ("vllm", "/v1/completions", "", &[]),
            ("vllm", "/v1/completions", "{}", &[]),
            ("vllm", "/v1/completions", "\u{feff}{\"model\":\"m\"}", &["m"]),
            ("vllm", "/v1/completions", "{\0\"\0m\0", &[NOT_READ]),
            ("vllm", "/v1/completions", "--x\r\nmodel", &[NOT_READ]),
            ("vllm", "/v1/completions", r#"{model:"x"}"#, &[NOT_READ]),
            (
                "vllm",
                "/v1/completions",
                r#"{"a":1 /*"*/,"model":"x"}"#,
                &[NOT_READ],
            ),
            (
                "vllm",
                "/v1/completions",
                r#"{"a":[-1.5e+3,true,null],"model":"m"}"#,
                &["m"],
            ),
            ("ollama", "/api/copy", "{\"\u{17f}ource\":\"a\"}", &["a"]),
            (
                "mlflow",
                "/api/2.0/mlflow/model-versions/create",
                r#"{"version":"3","name":"fraud"}"#,
                &["fraud/3"],
            ),
            (
                "mlflow",
                "/api/2.0/mlflow/experiments/create",
                r#"{"name":"x"}"#,
                &[],
            ),
            ("tensorboard", "/v1/x", r#"{"model":"x"}"#, &[]),
        ] {
            for step in [1, 7, body.len()] {
                assert_eq!(
                    watched(product, path, body, step),
                    names,
                    "{product} {path} by {step}"
                );
            }
        }
    }

    #[test]
    fn a_name_is_not_hidden_behind_others() {
        let many: String = (0..20).map(|n| format!(r#""model":"a{n}","#)).collect();
        let body = format!(r#"{{{many}"model":"secret","name":"b"}}"#);
        for step in [1, body.len()] {
            let names = watched("ollama", "/api/generate", &body, step);
            assert!(names.len() <= MAX_NAMES + 2, "{names:?}");
            for name in ["a0", "secret", "b", MORE] {
                assert!(names.iter().any(|n| n == name), "{name}: {names:?}");
            }
        }
        let same = r#""model":"a","#.repeat(8);
        let body = format!(r#"{{{same}"model":"secret"}}"#);
        assert_eq!(watched("vllm", "/v1/x", &body, 1), ["a", "secret"]);
    }

    #[test]
    fn what_is_said_of_a_coding_hides_nothing() {
        for (coding, names) in [
            ("identity", &["m"][..]),
            ("Identity, identity", &["m"]),
            ("gzip", &["m", NOT_READ]),
            ("identity, br", &["m", NOT_READ]),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_ENCODING, coding.parse().unwrap());
            let watched = Inside::of("vllm").watch("/v1/x", &headers, false).unwrap();
            assert!(watched.names().is_empty(), "no body");
            watched.saw(br#"{"model":"m"}"#);
            assert_eq!(watched.names(), names, "{coding}");
        }
        let call = "/inference.GRPCInferenceService/ModelInfer";
        let watched = Inside::of("triton").watch(call, &HeaderMap::new(), true).unwrap();
        watched.saw(b"\x01\0\0\0\x08compress");
        assert_eq!(watched.names(), [NOT_READ]);
    }

    #[test]
    fn every_platform_of_the_table_is_in_the_catalogue() {
        for id in PLACES.iter().flat_map(|p| p.products) {
            assert!(wellhead_infra::PRODUCTS.iter().any(|p| p.id == *id), "{id}");
        }
        let patterns = PLACES.iter().flat_map(|p| p.paths);
        assert!(patterns.into_iter().all(|p| Pattern::new(p).is_some()));
    }

    #[test]
    fn the_first_message_of_a_call_names_its_model() {
        for (bytes, nested, name) in [
            (&b"\0\0\0\0\x08\x0a\x06resnet"[..], false, Some("resnet")),
            (b"\0\0\0\0\x0b\x12\x011\x0a\x06resnet", false, Some("resnet")),
            (b"\0\0\0\0\x0a\x0a\x08\x0a\x06resnet", true, Some("resnet")),
            (b"\x01\0\0\0\x08\x0a\x06resnet", false, None),
            (b"\0\0\0\0\x08\x0a\x06re\xffnet", false, None),
            (b"\0\0\0\0\x02\x0a\0", false, None),
            (b"\0\0\0\0", false, None),
            (
                b"\0\0\0\0\x09\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                false,
                None,
            ),
            (
                b"\0\0\0\0\x09\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x0a",
                false,
                None,
            ),
        ] {
            assert_eq!(message(bytes, nested).as_deref(), name, "{bytes:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(body in r#"[{}\[\],:"\\modelu0a ]{0,60}"#, bytes in proptest::collection::vec(0_u8..=255, 0..40)) {
            let whole = watched("vllm", "/v1/x", &body, 60);
            proptest::prop_assert_eq!(&whole, &watched("vllm", "/v1/x", &body, 1));
            // Whatever is JSON is read as JSON is.
            if let Ok(serde_json::Value::Object(all)) = serde_json::from_str(&body)
                && let Some(serde_json::Value::String(model)) = all.get("model")
                && !model.is_empty()
            {
                proptest::prop_assert!(whole.contains(model));
            }
            let _ = (message(&bytes, false), message(&bytes, true));
        }
    }
}
