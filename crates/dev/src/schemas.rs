//! JSON schemas: of the configuration, from its table of keys and the rule slice; of the report, from its layout.

use crate::generated::Made;
use anyhow::Result;
use serde_json::{Map, Value, json};
use wellhead_core::{Level, Severity};
use wellhead_engine::{IGNORE_KEYS, KEYS, SOURCES_KEYS};

/// All schemas.
///
/// # Errors
/// If one cannot be written as JSON.
pub fn all() -> Result<Vec<Made>> {
    let report = format!(
        "docs/schema/report-{}.schema.json",
        wellhead_report::json::SCHEMA_VERSION
    );
    Ok(vec![
        pretty("docs/schema/wellhead.toml.schema.json", &configuration())?,
        Made::text(report, wellhead_report::json::schema()),
    ])
}

fn pretty(path: &str, schema: &Value) -> Result<Made> {
    let mut text = serde_json::to_string_pretty(schema)?;
    text.push('\n');
    Ok(Made::text(path, text))
}

/// The schema of `wellhead.toml`. A key that the table of keys names and this does not know fails the build's tests.
pub fn configuration() -> Value {
    let mut properties = Map::new();
    for &(key, description) in KEYS {
        let mut schema = match key {
            "fail-on" => {
                let mut names: Vec<&str> = Severity::ALL.iter().map(|s| s.name()).collect();
                names.push("never");
                json!({ "enum": names, "default": "high" })
            }
            "rules" => levels(),
            "advisories" => json!({
                "type": "object",
                "properties": {
                    "max-age-days": { "type": "integer", "minimum": 0, "default": 14 },
                    "vex": { "oneOf": [
                        { "type": "string" },
                        { "type": "array", "items": { "type": "string" } },
                    ] },
                },
                "additionalProperties": false,
            }),
            "sources" => sources(),
            "ignore" => json!({ "type": "array", "items": ignore() }),
            _ => json!({}),
        };
        describe(&mut schema, description);
        properties.insert(key.to_owned(), schema);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "wellhead.toml",
        "description": "The policy of `wellhead audit`: also as [tool.wellhead] in pyproject.toml",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn levels() -> Value {
    let names: Vec<&str> = Level::ALL.iter().map(|l| l.name()).collect();
    let level = json!({ "enum": names });
    let table = json!({ "type": "object", "properties": { "level": level }, "required": ["level"] });
    let mut rules = Map::new();
    for rule in wellhead_rules::rules() {
        rules.insert(
            rule.id.to_owned(),
            json!({ "anyOf": [level, table], "description": rule.summary }),
        );
    }
    json!({ "type": "object", "properties": rules, "additionalProperties": false })
}

/// Each key of `[sources]` takes a list of texts, or one.
fn sources() -> Value {
    let mut properties = Map::new();
    for &(key, description) in SOURCES_KEYS {
        let one = json!({ "type": "string", "minLength": 1 });
        let list = json!({ "type": "array", "items": one });
        properties.insert(
            key.to_owned(),
            json!({ "anyOf": [one, list], "description": description }),
        );
    }
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn ignore() -> Value {
    let ids: Vec<&str> = wellhead_rules::rules().iter().map(|r| r.id).collect();
    let mut properties = Map::new();
    for &(key, description) in IGNORE_KEYS {
        let mut schema = match key {
            "rule" => json!({ "enum": ids }),
            "until" => json!({ "const": "fixed" }),
            "justification" => json!({ "enum": wellhead_packages::vex::JUSTIFICATIONS }),
            // A TOML date, which editors show to the schema as text.
            "expires" => json!({ "type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$" }),
            "reason" => json!({ "type": "string", "minLength": 1 }),
            "digest" => {
                let one = json!({ "type": "string", "pattern": "^sha256:[0-9a-fA-F]{64}$" });
                json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
            }
            _ => json!({ "type": "string" }),
        };
        describe(&mut schema, description);
        properties.insert(key.to_owned(), schema);
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": ["rule", "reason"],
        "additionalProperties": false,
    })
}

fn describe(schema: &mut Value, description: &str) {
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".to_owned(), json!(description));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_configuration_has_a_shape() {
        let schema = configuration();
        for &(key, _) in KEYS {
            let shape = &schema["properties"][key];
            assert!(
                shape.get("type").is_some() || shape.get("enum").is_some(),
                "`{key}` has a description and no shape"
            );
        }
    }
}
