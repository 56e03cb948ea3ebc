//! What PyTorch compiles or replays: the code of TorchScript modules, the operators of their mobile form, and the
//! graphs that `torch.export` writes.
//!
//! Running such a model is running a program. Its operators only compute, but for a few that open files, and but for
//! those of libraries that the reader has to load first. The one decision: the text is scanned for what it calls and
//! never parsed, since a scanner cannot be led astray by syntax that it does not know.

mod code;
mod exported;

pub(crate) use code::open;
pub(crate) use exported::open as open_exported;

use crate::graph::{Operator, Place};

/// An operator as PyTorch writes it in schemas, `aten::add` or `aten.add`, with its overload left out.
fn operator(domain: &str, name: &str, place: Place, scope: &str) -> Operator {
    Operator {
        domain: domain.to_owned(),
        name: name.to_owned(),
        scope: scope.to_owned(),
        place,
        ..Operator::default()
    }
}

#[cfg(test)]
mod tests;
