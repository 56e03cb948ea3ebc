//! Package URLs as bills of materials write them.

/// A package URL in its parts; hostile text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Purl {
    /// The type in lower case: `pypi`.
    pub(crate) kind: String,
    /// The namespace with its slashes; empty where there is none.
    pub(crate) namespace: String,
    /// The name.
    pub(crate) name: String,
    /// The version.
    pub(crate) version: Option<String>,
    /// Keys in lower case, and values.
    pub(crate) qualifiers: Vec<(String, String)>,
}

impl Purl {
    /// Reads a package URL; `None` where the text is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let scheme = text.get(..4)?;
        if !scheme.eq_ignore_ascii_case("pkg:") || text.len() > 64 << 10 {
            return None;
        }
        let rest = text.get(4..)?.trim_start_matches('/');
        let rest = rest.split('#').next().unwrap_or_default();
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (kind, path) = path.split_once('/')?;
        // A scope of npm may stand there with its `@` as it is; a version stands behind the last slash.
        let name_at = path
            .trim_end_matches('/')
            .rfind('/')
            .map_or(0, |i| i.saturating_add(1));
        let (namespace, last) = path.split_at_checked(name_at)?;
        let (name, version) = match last.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (last, None),
        };
        let kind_ok = !kind.is_empty()
            && kind
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b".+-".contains(&b));
        let name = decoded(name.trim_matches('/'));
        (kind_ok && !name.is_empty()).then(|| Self {
            kind: kind.to_ascii_lowercase(),
            namespace: decoded(namespace.trim_matches('/')),
            name,
            version: version.map(decoded).filter(|v| !v.is_empty()),
            qualifiers: query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(key, value)| (key.to_ascii_lowercase(), decoded(value)))
                .collect(),
        })
    }

    /// The value of a qualifier.
    pub(crate) fn qualifier(&self, key: &str) -> Option<&str> {
        self.qualifiers
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, value)| value.as_str())
    }
}

/// Resolves `%XX`; what is no escape stays as it is.
pub(crate) fn decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = |b: &u8| char::from(*b).to_digit(16);
        match (first, after) {
            (b'%', [a, b, tail @ ..]) if hex(a).is_some() && hex(b).is_some() => {
                let high = hex(a).unwrap_or_default().wrapping_shl(4);
                let byte = high | hex(b).unwrap_or_default();
                out.push(u8::try_from(byte).unwrap_or(b'?'));
                rest = tail;
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn package_urls_are_read() {
        for (text, expected) in [
            ("pkg:pypi/torch@2.2.0%2Bcu121", "pypi||torch|2.2.0+cu121"),
            (
                "pkg:PyPI/Django_Rest@1.0?repository_url=https://i.example/simple#sub",
                "pypi||Django_Rest|1.0",
            ),
            ("pkg:npm/%40angular/core@12", "npm|@angular|core|12"),
            ("pkg:npm/@angular/core", "npm|@angular|core|"),
            ("pkg://huggingface/bert/base@0a1b", "huggingface|bert|base|0a1b"),
            ("pkg:golang/a.example/b/c@v1", "golang|a.example/b|c|v1"),
            ("pkg:pypi/", "none"),
            ("pkg:/x", "none"),
            ("torch==1", "none"),
            ("pkg:pypi/%zz@%", "pypi||%zz|%"),
        ] {
            let said = Purl::parse(text).map_or("none".to_owned(), |p| {
                let version = p.version.unwrap_or_default();
                format!("{}|{}|{}|{version}", p.kind, p.namespace, p.name)
            });
            assert_eq!(said, expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "(pkg:|/|@|%|4|é|\\?|=|&|#|a){0,20}") {
            let _ = Purl::parse(&text);
        }
    }
}
