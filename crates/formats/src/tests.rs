//! Whole artifacts through identification and opening, as the engine drives them.

mod boosters;
mod classes;
mod keras;
mod messages;
mod real;

use crate::{Document, OpenOptions, Role, assemble::assemble, identify, open};
use wellhead_core::{Blob, Budget, Depth, Outcome, Untrusted};

/// The tree of an artifact: what each part was taken for, and what the pickles in it call.
fn tree(name: &str, bytes: Vec<u8>) -> String {
    tree_at(name, bytes, Depth::Headers)
}

fn tree_at(name: &str, bytes: Vec<u8>, depth: Depth) -> String {
    let mut out = Vec::new();
    let mut budget = Budget::default();
    let mut queue = vec![(
        0,
        name.to_owned(),
        Role::Plain,
        Blob::from_bytes(bytes),
        Outcome::Analysed,
    )];
    while let Some((level, name, role, blob, had)) = queue.pop() {
        assert!(
            level < 20 && out.len() < 500,
            "an artifact that never ends: {out:?}"
        );
        let identity = identify(&name, role, &blob, &mut budget);
        let opened = open(&name, &identity, &blob, OpenOptions { depth, role }, &mut budget);
        let mut line = format!(
            "{}{}: {}",
            "  ".repeat(level),
            Untrusted::from(name.as_str()),
            identity.format.name
        );
        if let Some(m) = identity.mismatch {
            line += &format!(" (promises {})", m.promised.name);
        }
        let calls = |program: &crate::pickle::Program| -> Vec<String> {
            program.imports.iter().map(|i| i.path()).collect()
        };
        match &opened.document {
            Document::Pickle(program) => line += &format!(" imports {:?}", calls(program)),
            Document::Zip(a) if !a.differences.is_empty() => {
                let kinds: Vec<_> = a.differences.iter().map(|d| d.kind).collect();
                line += &format!(" {kinds:?}");
            }
            Document::Tar(a) if !a.damage.is_empty() => line += &format!(" {:?}", a.damage[0].1),
            Document::Safetensors(f) if !f.defects.is_empty() => {
                line += &format!(" {:?}", f.defects[0].words);
            }
            Document::Npy(a) if !a.defects.is_empty() => line += &format!(" {:?}", a.defects[0].words),
            Document::Compressed(c) if !c.damage.is_empty() || c.trailing > 0 => {
                line += &format!(" damage {:?}, trailing {}", c.damage, c.trailing);
            }
            _ => {}
        }
        let outcome = had.and(opened.outcome.clone());
        if let Some(why) = outcome.why() {
            line += &format!(" [{}: {why}]", outcome.name());
        }
        out.push(line);
        for member in opened.members.iter().rev() {
            let body = member.body(&mut budget);
            queue.push((
                level + 1,
                member.name.clone(),
                member.role,
                body.blob,
                body.outcome,
            ));
        }
    }
    out.join("\n")
}

fn listed(name: &str, kind: &str, listing: &str) -> String {
    tree(name, assemble(kind, listing).unwrap())
}

/// A pickle that calls something; the callee does nothing.
const CALL: &str = "PROTO 2\nGLOBAL 'builtins print'\nEMPTY_TUPLE\nREDUCE\nSTOP";

/// The same without a protocol opcode, as protocol 0 writes it.
const CALL_0: &str = "GLOBAL 'builtins print'\nMARK\nTUPLE\nREDUCE\nSTOP";

fn pickled(listing: &str) -> Vec<u8> {
    assemble("pickle", listing).unwrap()
}

fn indent(text: &str) -> String {
    text.lines().map(|l| format!("  {l}\n")).collect()
}
