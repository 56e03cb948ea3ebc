//! A conversation as a service document, the same that anybody else may record.

use super::talk::Talk;
use serde_json::{Value, json};
use wellhead_infra::Exchange;
use wellhead_sources::probe::Scheme;

/// So much of all bodies together is kept whole; of each after that only its beginning is.
const WHOLE: usize = 4 << 20;
/// That beginning.
const BEGINNING: usize = 16 << 10;

/// One exchange a line, so that a place in it is one that people find.
pub(super) fn write(talk: &Talk) -> String {
    let mut kept = 0_usize;
    let mut lines = Vec::new();
    for (exchange, received) in talk.exchanges.iter().zip(&talk.received) {
        let most = if kept < WHOLE { usize::MAX } else { BEGINNING };
        let body = beginning(&exchange.body, most);
        kept = kept.saturating_add(body.len());
        let mut response = json!({
            "status": exchange.status,
            "headers": exchange.headers,
            "body": body,
            "sha256": received.sha256,
            "bytes": received.bytes,
        });
        if received.is_cut
            && let Value::Object(response) = &mut response
        {
            response.insert("cut".to_owned(), true.into());
        }
        lines.push(json!({"request": request(exchange), "response": response}).to_string());
    }
    let trouble: Vec<Value> = talk
        .trouble
        .iter()
        .map(|(path, why)| json!({"path": path, "why": why}))
        .collect();
    let notes: &[&str] = match talk.site.scheme {
        Scheme::Http => &[],
        Scheme::Https => &["the certificate was not verified"],
    };
    format!(
        "{{\"schema\":{{\"name\":\"wellhead-service\",\"version\":\"1.0-draft\"}},\n\"service\":{},\n\"notes\":{},\n\
         \"unanswered\":{},\n\"exchanges\":[\n{}\n]}}\n",
        Value::from(talk.url()),
        json!(notes),
        Value::from(trouble),
        lines.join(",\n"),
    )
}

fn request(exchange: &Exchange) -> Value {
    let headers: serde_json::Map<String, Value> = exchange
        .request_headers
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().into()))
        .collect();
    json!({"method": exchange.method, "path": exchange.path, "headers": headers})
}

/// The first bytes of a text, not through a character.
fn beginning(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len()))
        .rev()
        .find(|i| text.is_char_boundary(*i));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}
