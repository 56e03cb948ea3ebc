//! LightGBM: trees as text, with the parameters of the training behind them. Applying them computes and runs nothing.

use crate::{
    document::Opened,
    model::{Model, Opening},
};
use wellhead_core::{Budget, Outcome};

/// How much of the beginning and of the end is read: all but trees.
const PART: usize = 256 << 10;
const MAX_FACTS: usize = 200;
const MAX_TEXT: usize = 256;

/// Opens the file.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut model = Model::new(opening.identity.format);
    let outcome = match read(opening, &mut model, budget) {
        Ok(()) => Outcome::Analysed,
        Err(why) => Outcome::Partly { why },
    };
    model.opened(Vec::new(), outcome, opening)
}

fn read(opening: &Opening<'_>, model: &mut Model, budget: &mut Budget) -> Result<(), String> {
    budget.steps(PART as u64).map_err(|e| e.to_string())?;
    let io = |e: std::io::Error| format!("could not be read: {e}");
    let head = opening.blob.bytes(0, PART).map_err(io)?;
    let head = String::from_utf8_lossy(&head);
    for line in head.lines().skip(1).take_while(|l| !l.starts_with("Tree=")) {
        if let Some((key, value)) = line.split_once('=') {
            push(model, key, value);
        }
    }
    let from = opening.blob.len().saturating_sub(PART as u64);
    let tail = opening.blob.bytes(from, PART).map_err(io)?;
    let tail = String::from_utf8_lossy(&tail);
    let parameters = tail.lines().skip_while(|l| *l != "parameters:").skip(1);
    for line in parameters.take_while(|l| *l != "end of parameters") {
        let pair = line
            .strip_prefix('[')
            .and_then(|l| l.strip_suffix(']'))
            .and_then(|l| l.split_once(": "));
        if let Some((key, value)) = pair.filter(|(_, value)| !value.is_empty()) {
            push(model, &format!("parameter {key}"), value);
        }
    }
    Ok(())
}

fn push(model: &mut Model, key: &str, value: &str) {
    if model.metadata.len() < MAX_FACTS {
        let cut = |text: &str| text.chars().take(MAX_TEXT).collect::<String>();
        model.metadata.push((cut(key), cut(value)));
    }
}
