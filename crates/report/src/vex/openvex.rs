//! OpenVEX 0.2.0.

use super::{Stance, Statement, statements, timestamp, uuid};
use crate::{json::to_text, packages::text, text::clean};
use serde_json::{Value, json};
use wellhead_core::Report;

pub(super) fn render(report: &Report) -> String {
    let rows: Vec<Value> = statements(report).iter().map(statement).collect();
    let rows = Value::Array(rows);
    let timestamp = timestamp(report);
    let document = json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": uuid(&format!("openvex {timestamp} {rows}")),
        "author": "wellhead",
        "timestamp": timestamp,
        "version": 1,
        "tooling": format!("wellhead {}", clean(&report.tool_version)),
        "statements": rows,
    });
    to_text(&document)
}

fn statement(from: &Statement<'_>) -> Value {
    let answer = &from.answer;
    let mut flaw = json!({"name": clean(from.id)});
    if let (Some(flaw), false) = (flaw.as_object_mut(), from.aliases.is_empty()) {
        let aliases: Vec<String> = from.aliases.iter().map(|a| clean(a)).collect();
        flaw.insert("aliases".to_owned(), json!(aliases));
    }
    if let (Some(flaw), Some(summary)) = (flaw.as_object_mut(), text(from.finding, "summary")) {
        flaw.insert("description".to_owned(), json!(clean(summary)));
    }
    let products: Vec<Value> = from.purls.iter().map(|p| json!({"@id": clean(p)})).collect();
    let status = match answer.stance {
        Stance::Affected => "affected",
        Stance::UnderInvestigation => "under_investigation",
        Stance::NotAffected => "not_affected",
        Stance::Fixed => "fixed",
    };
    let justification = answer.justification.as_deref().and_then(justification);
    let mut out = json!({"vulnerability": flaw, "products": products, "status": status});
    let mut put = |key: &str, value: String| {
        if let Some(out) = out.as_object_mut() {
            out.insert(key.to_owned(), json!(value));
        }
    };
    match (answer.stance, justification) {
        // The schema allows one of the two reasons.
        (Stance::NotAffected, Some(justification)) => {
            put("justification", justification.to_owned());
            answer.why.iter().for_each(|why| put("status_notes", why.clone()));
        }
        (Stance::NotAffected, None) => {
            let word = answer.justification.as_deref().map(|j| j.replace('_', " "));
            let all: Vec<String> = word.into_iter().chain(answer.why.clone()).collect();
            let why = if all.is_empty() {
                "no reason was given".to_owned()
            } else {
                all.join(": ")
            };
            put("impact_statement", why);
        }
        (Stance::Affected, _) => {
            let nothing = || "no action is known".to_owned();
            put("action_statement", answer.action.clone().unwrap_or_else(nothing));
            answer.why.iter().for_each(|why| put("status_notes", why.clone()));
        }
        (Stance::UnderInvestigation | Stance::Fixed, _) => {
            let notes: Vec<String> = answer.why.iter().chain(&answer.action).cloned().collect();
            if !notes.is_empty() {
                put("status_notes", notes.join("; "));
            }
        }
    }
    out
}

/// The word of OpenVEX for a justification; CycloneDX has some for which there is none.
fn justification(word: &str) -> Option<&'static str> {
    Some(match word {
        "component_not_present" => "component_not_present",
        "vulnerable_code_not_present" | "code_not_present" => "vulnerable_code_not_present",
        "vulnerable_code_not_in_execute_path" | "code_not_reachable" => "vulnerable_code_not_in_execute_path",
        "vulnerable_code_cannot_be_controlled_by_adversary" => {
            "vulnerable_code_cannot_be_controlled_by_adversary"
        }
        "inline_mitigations_already_exist"
        | "protected_by_compiler"
        | "protected_at_runtime"
        | "protected_at_perimeter"
        | "protected_by_mitigating_control" => "inline_mitigations_already_exist",
        _ => return None,
    })
}
