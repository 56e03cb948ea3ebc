//! Objects of JSON in which every name stands once: of two, one program reads the first and another the last.

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// An object.
#[derive(Debug)]
pub(super) struct Object(BTreeMap<String, Value>);

impl Object {
    /// Nothing where the bytes are no object, or a name stands in it twice.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// A number of seconds since 1970. Some providers write fractions.
    pub(super) fn seconds(&self, name: &str) -> Option<u64> {
        let value = self.get(name)?;
        value.as_u64().or_else(|| {
            let fine = value.as_f64().filter(|f| (0.0..9.0e15).contains(f))?;
            // Within these bounds a whole part has one text.
            format!("{:.0}", fine.floor()).parse().ok()
        })
    }

    /// The texts of a list, or one text.
    pub(super) fn texts(&self, name: &str) -> Vec<&str> {
        match self.get(name) {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Names)
    }
}

struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = Object;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut out = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if out.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(Object(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_stands_twice_has_two_readings() {
        for (text, fine) in [
            (r#"{"a":1,"b":{"a":2}}"#, true),
            (r#"{"a":1,"a":1}"#, false),
            (r#"{"a":1,"\u0061":1}"#, false),
            (r#"{"a":1} "#, true),
            (r#"{"a":1}{"a":1}"#, false),
            ("[]", false),
            ("", false),
        ] {
            assert_eq!(Object::read(text.as_bytes()).is_some(), fine, "{text}");
        }
    }

    #[test]
    fn seconds_may_have_fractions_and_nothing_else() {
        for (text, seconds) in [
            ("17", Some(17)),
            ("17.9", Some(17)),
            ("-1", None),
            ("1e300", None),
            ("\"17\"", None),
            ("null", None),
        ] {
            let object = Object::read(format!("{{\"exp\":{text}}}").as_bytes()).unwrap();
            assert_eq!(object.seconds("exp"), seconds, "{text}");
        }
    }
}
