//! What of a service was understood: a service nobody knows is not one that is closed.

use wellhead_core::{Outcome, code};
use wellhead_infra::{ServiceDocument, State, judge};

/// How far the answers of a service were understood.
pub(crate) fn outcome(document: &ServiceDocument) -> Outcome {
    let judged = judge(document);
    let unanswered = document.unanswered.first().map(|(path, why)| {
        let more = document.unanswered.len().saturating_sub(1);
        let more = if more == 0 {
            String::new()
        } else {
            format!(", and {more} more")
        };
        format!("{} was not answered: {why}{more}", code(path))
    });
    if judged.is_empty() {
        let why = "an unknown service: nothing in the catalogue answers like it";
        return Outcome::NotAnalysed {
            why: unanswered.map_or_else(|| why.to_owned(), |u| format!("{why}; {u}")),
        };
    }
    let unknown = judged.iter().find(|j| j.state == State::Unknown);
    if let Some(unknown) = unknown {
        return Outcome::Partly {
            why: format!(
                "it is {}, and nothing that it answered proves whether it asks for a password",
                unknown.product.name
            ),
        };
    }
    // What was not answered may stand open behind a password that was seen elsewhere.
    let safe = judged.iter().any(|j| j.state == State::Protected);
    match unanswered.filter(|_| safe) {
        Some(why) => Outcome::Partly { why },
        None => Outcome::Analysed,
    }
}
