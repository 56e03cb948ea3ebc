//! The classes of tricks that the machine must see through, each as a listing beside what it must see.

mod joblib;
mod oracle;
mod properties;
mod streams;

use super::{Hints, Nested, Program, analyse, assemble::assemble};
use wellhead_core::{Blob, Budget};

pub(super) fn program(listing: &str) -> Program {
    of_bytes(&assemble(listing).unwrap())
}

pub(super) fn of_bytes(bytes: &[u8]) -> Program {
    analyse(&Blob::from_bytes(bytes), Hints::default(), &mut Budget::default())
}

/// Calls with their first arguments, in the order of their places: `posix.system('x')`.
pub(super) fn calls(program: &Program) -> Vec<String> {
    let mut calls: Vec<_> = program.calls.iter().collect();
    calls.sort_by_key(|c| c.site.index);
    calls
        .iter()
        .map(|c| {
            let args: Vec<_> = c
                .samples
                .first()
                .into_iter()
                .flatten()
                .map(|a| program.show(a))
                .collect();
            let damaged = if c.after_damage { " after damage" } else { "" };
            format!("{}({}){damaged}", program.callee_name(c.callee), args.join(", "))
        })
        .collect()
}

/// The calls of the pickles hidden in it, at any depth.
pub(super) fn nested_calls(program: &Program) -> Vec<String> {
    let inner = |n: &Nested| {
        let mut all: Vec<String> = calls(&n.program)
            .iter()
            .map(|c| format!("[{}] {c}", n.encoding))
            .collect();
        all.extend(nested_calls(&n.program));
        all
    };
    program.nested.iter().flat_map(inner).collect()
}
