//! XGBoost beside UBJSON: the same tree as JSON, and the binary form of old versions. Applying a model runs nothing.

use crate::{
    bytes::{array_at, u64_at},
    document::Opened,
    json_models,
    model::{Model, Opening},
    text::{Node, Value},
};
use wellhead_core::{Budget, Exhausted, Outcome};

/// Bytes of the numbers that the binary form begins with.
const PARAMETERS: usize = 136;
const MAX_FACTS: usize = 200;

/// The name of the objective in the binary form, which stands behind the numbers.
fn objective(head: &[u8]) -> Option<&str> {
    let start = if head.starts_with(b"binf") { 4_usize } else { 0 };
    let at = start.saturating_add(PARAMETERS);
    let length = usize::try_from(u64_at(head, at)?).ok()?;
    let name = head
        .get(at.saturating_add(8)..)?
        .get(..length)
        .filter(|n| (3..=64).contains(&n.len()))?;
    std::str::from_utf8(name).ok()
}

/// Whether bytes are the binary form: an objective where one has to stand.
pub(crate) fn is_binary(head: &[u8]) -> bool {
    let families = ["reg:", "binary:", "multi:", "rank:", "survival:", "count:"];
    objective(head).is_some_and(|name| families.iter().any(|f| name.starts_with(f)))
}

/// Opens the binary form.
pub(crate) fn open(opening: &Opening<'_>, _: &mut Budget) -> Opened {
    let mut model = Model::new(opening.identity.format);
    let head = opening.blob.bytes(0, 4096).unwrap_or_default();
    if let Some(name) = objective(&head) {
        model.metadata.push(("objective".to_owned(), name.to_owned()));
    }
    let start = if head.starts_with(b"binf") { 4_usize } else { 0 };
    let features = array_at(&head, start.saturating_add(4)).map(u32::from_le_bytes);
    if let Some(features) = features {
        model.metadata.push(("features".to_owned(), features.to_string()));
    }
    model.opened(Vec::new(), Outcome::Analysed, opening)
}

/// What the JSON form says of itself.
pub(crate) fn facts(root: &Node, model: &mut Model, budget: &mut Budget) -> Result<(), Exhausted> {
    json_models::walk(root, budget, |path, node, budget| {
        let (Value::String(text) | Value::Number(text)) = &node.value else {
            return Ok(());
        };
        if model.metadata.len() < MAX_FACTS && path.matches('/').count() < 5 {
            budget.memory(512)?;
            let text: String = text.chars().take(256).collect();
            model.metadata.push((path.to_owned(), text));
        }
        Ok(())
    })
}
