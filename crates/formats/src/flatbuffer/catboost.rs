//! CatBoost: `CBM1`, a length, a FlatBuffer of trees, and parts behind it. Applying one computes and runs nothing.

use super::Buffer;
use crate::{
    document::Opened,
    model::{Model, Opening},
    tensors::defect,
};
use wellhead_core::{Budget, Exhausted, Outcome};

/// Opens a model.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut model = Model::new(opening.identity.format);
    let mut buffer = Buffer::new(opening.blob);
    let read = read(opening, &mut buffer, &mut model, budget);
    model.defects.append(&mut buffer.defects);
    let outcome = match read {
        Err(why) => Outcome::Partly { why: why.to_string() },
        Ok(false) => Outcome::Partly {
            why: "its root table is damaged".to_owned(),
        },
        Ok(true) => Outcome::Analysed,
    };
    model.opened(Vec::new(), outcome, opening)
}

fn read(
    opening: &Opening<'_>,
    buffer: &mut Buffer<'_>,
    model: &mut Model,
    budget: &mut Budget,
) -> Result<bool, Exhausted> {
    let size = u64::from(buffer.u32(4).unwrap_or(0));
    if size.saturating_add(8) > opening.blob.len() {
        defect(
            &mut buffer.defects,
            4..8,
            "its trees end behind the end of the file",
        );
    }
    let Some(root) = buffer.root(8) else {
        return Ok(false);
    };
    let version = buffer.text(root, 0, "the version");
    model.metadata.push(("version".to_owned(), version));
    let entries = buffer.vector(root, 2, 4, "what the model says of itself");
    for i in 0..entries.count.min(1000) {
        budget.steps(4)?;
        if let Some(entry) = buffer.element(entries, i, "what the model says of itself") {
            let key = buffer.text(entry, 0, "a key");
            let value = buffer.text(entry, 1, "a value");
            budget.memory((key.len() as u64).saturating_add(value.len() as u64))?;
            model.metadata.push((key, value));
        }
    }
    let trees = buffer.child(root, 1, "the trees");
    if let Some(trees) = trees {
        let dimension = buffer.int(trees, 0);
        model
            .metadata
            .push(("approximation dimension".to_owned(), dimension.to_string()));
    }
    Ok(true)
}
