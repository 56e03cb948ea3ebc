//! What the machine writes down: names, calls and changes, each once with a count.

use super::{
    array::Dtype,
    compat,
    fold::Function,
    machine::LISTED,
    program::{
        Call, CallKind, Callee, Differential, Evaluated, Expr, Extension, Import, ImportId, Nested, Origin,
        Persistent, Site, Stream, Write, WriteKind,
    },
    value::Value,
};
use std::collections::HashMap;

/// How many names are told apart; a pickle with more is not one of data.
const IMPORTS: usize = 1 << 16;
/// How many calls are listed with their arguments.
const SAMPLES: usize = 3;
/// A thing that is imported is called, or what it returned is, in each of the five kinds.
const WAYS: usize = 10;
/// The longest module or name that is kept.
const NAME: usize = 512;

/// What is collected while streams run.
#[derive(Default)]
pub(super) struct Records {
    pub(super) streams: Vec<Stream>,
    pub(super) imports: Vec<Import>,
    pub(super) calls: Vec<Call>,
    pub(super) writes: Vec<Write>,
    pub(super) evaluated: Vec<Evaluated>,
    pub(super) persistent: Option<Persistent>,
    pub(super) extensions: Vec<Extension>,
    pub(super) nested: Vec<Nested>,
    pub(super) differentials: Vec<Differential>,
    pub(super) expansion: Option<Site>,
    pub(super) partly: Option<String>,
    /// Imports by protocol family, module and name.
    ids: HashMap<Box<[u8]>, u32>,
    key: Vec<u8>,
    /// The calls of each import by what is done with it: `[callee, result] × kinds`, plus one; 0 is none.
    call_slots: Vec<[u32; WAYS]>,
    call_ids: HashMap<(Callee, CallKind), usize>,
    write_ids: HashMap<(Callee, WriteKind), usize>,
    last_write: Option<((Callee, WriteKind), usize)>,
    /// What BUILD gave to attributes of imported things, by module and dotted name.
    pub(super) attributes: HashMap<(String, String), Value>,
    /// What calling each import does, as far as the machine follows it.
    pub(super) functions: Vec<Function>,
    /// Of the class of each import, the attribute that it runs as code when it gets its state.
    pub(super) evaluates: Vec<Option<&'static str>>,
    /// Constants that were looked into, by offset.
    pub(super) looked: HashMap<u64, usize>,
    /// Bytes of each storage of a torch file, by key, and the order of the keys.
    pub(super) storages: HashMap<String, Option<u64>>,
    /// numpy dtypes.
    pub(super) dtypes: Vec<Dtype>,
    /// Whether array bytes of joblib were skipped.
    pub(super) arrays: u64,
    /// Names that the pickle registers under a code.
    pub(super) codes: HashMap<i64, u32>,
    /// Names taken from the stack, by the two strings.
    pub(super) stack_names: HashMap<(Value, Value), u32>,
}

/// Where and how a name is imported.
#[derive(Clone, Copy)]
pub(super) struct Importing {
    pub(super) site: Site,
    pub(super) opcode: &'static str,
    pub(super) origin: Origin,
    pub(super) old_names: bool,
    pub(super) after_damage: bool,
}

impl Records {
    /// The import of that name; the first one is written down.
    pub(super) fn import(
        &mut self,
        module: &[u8],
        name: &[u8],
        how: impl FnOnce() -> Importing,
        old: bool,
        bound: bool,
    ) -> u32 {
        let module = module.get(..NAME).unwrap_or(module);
        let name = name.get(..NAME).unwrap_or(name);
        self.key.clear();
        // What an instance's attribute is says nothing of the name in the module.
        self.key.push(u8::from(old) | (u8::from(bound) << 1));
        self.key.extend_from_slice(module);
        self.key.push(b'\n');
        self.key.extend_from_slice(name);
        if let Some(id) = self.ids.get(self.key.as_slice()).copied() {
            let again = self.imports.get_mut(id as usize);
            if let Some(import) = again {
                import.count = import.count.saturating_add(1);
                if import.after_damage {
                    let how = how();
                    if !how.after_damage {
                        import.after_damage = false;
                        import.site = how.site;
                        import.opcode = how.opcode;
                    }
                }
            }
            return id;
        }
        if self.imports.len() >= IMPORTS {
            self.partly
                .get_or_insert_with(|| format!("imports more than {IMPORTS} names"));
            return (IMPORTS.saturating_sub(1)) as u32;
        }
        let id = self.imports.len() as u32;
        let how = how();
        let module = String::from_utf8_lossy(module).into_owned();
        let name = String::from_utf8_lossy(name).into_owned();
        let (resolved, written) = match compat::renamed(&module, &name).filter(|_| how.old_names && !bound) {
            Some((m, n)) => ((m.to_owned(), n.to_owned()), Some((module.clone(), name.clone()))),
            None => ((module, name), None),
        };
        self.ids.insert(self.key.clone().into_boxed_slice(), id);
        self.functions.push(if bound {
            Function::Other
        } else {
            Function::of(&resolved.0, &resolved.1)
        });
        self.evaluates.push(evaluated_attribute(&resolved.0));
        self.imports.push(Import {
            module: resolved.0,
            name: resolved.1,
            written,
            site: how.site,
            opcode: how.opcode,
            origin: how.origin,
            count: 1,
            after_damage: how.after_damage,
        });
        id
    }

    pub(super) fn name_of(&self, id: u32) -> Option<(&str, &str)> {
        self.imports
            .get(id as usize)
            .map(|i| (i.module.as_str(), i.name.as_str()))
    }

    /// The record of a call, made where it is the first; says whether its arguments are still wanted.
    pub(super) fn call(
        &mut self,
        callee: Callee,
        kind: CallKind,
        opcode: &'static str,
        after_damage: bool,
        site: impl FnOnce() -> Site,
    ) -> (usize, bool) {
        let key = (callee, kind);
        let slot = match callee {
            Callee::Import(id) => Some((id.0 as usize, kind as usize)),
            Callee::Result(id) => Some((id.0 as usize, (kind as usize).saturating_add(WAYS / 2))),
            Callee::Persistent | Callee::Unknown => None,
        };
        let known = match slot {
            Some((id, way)) => self
                .call_slots
                .get(id)
                .and_then(|ways| ways.get(way))
                .and_then(|at| (*at as usize).checked_sub(1)),
            None => self.call_ids.get(&key).copied(),
        };
        let at = known.unwrap_or(self.calls.len());
        if known.is_none() {
            self.file_call(key, slot, at);
        }
        if let Some(call) = self.calls.get_mut(at) {
            call.count = call.count.saturating_add(1);
            if call.after_damage && !after_damage {
                call.after_damage = false;
                call.site = site();
                call.samples.clear();
            }
            return (at, call.samples.len() < SAMPLES);
        }
        self.calls.push(Call {
            callee,
            kind,
            opcode,
            site: site(),
            count: 1,
            samples: Vec::new(),
            passes: Vec::new(),
            passes_unknown: false,
            followed: true,
            after_damage,
        });
        (at, true)
    }

    fn file_call(&mut self, key: (Callee, CallKind), slot: Option<(usize, usize)>, at: usize) {
        let Some((id, way)) = slot else {
            self.call_ids.insert(key, at);
            return;
        };
        if self.call_slots.len() <= id {
            self.call_slots.resize(id.saturating_add(1), [0; WAYS]);
        }
        let ways = self.call_slots.get_mut(id);
        if let Some(place) = ways.and_then(|ways| ways.get_mut(way)) {
            *place = u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1);
        }
    }

    /// The record of a change, made where it is the first.
    pub(super) fn write(
        &mut self,
        target: Callee,
        kind: WriteKind,
        after_damage: bool,
        site: impl FnOnce() -> Site,
    ) -> Option<&mut Write> {
        let key = (target, kind);
        let known = match self.last_write {
            Some((k, i)) if k == key => Some(i),
            _ => self.write_ids.get(&key).copied(),
        };
        let at = known.unwrap_or_else(|| {
            let i = self.writes.len();
            self.write_ids.insert(key, i);
            i
        });
        self.last_write = Some((key, at));
        if at == self.writes.len() {
            self.writes.push(Write {
                target,
                kind,
                site: site(),
                count: 0,
                keys: Vec::new(),
                passes: Vec::new(),
                after_damage,
            });
        }
        let write = self.writes.get_mut(at)?;
        write.count = write.count.saturating_add(1);
        write.after_damage &= after_damage;
        Some(write)
    }

    pub(super) fn sample(&mut self, at: usize, args: Vec<Expr>) {
        if let Some(call) = self.calls.get_mut(at) {
            call.samples.push(args);
        }
    }

    pub(super) fn passes(&mut self, at: usize, id: u32) {
        if let Some(call) = self.calls.get_mut(at) {
            note(&mut call.passes, id);
        }
    }

    pub(super) fn not_followed(&mut self, at: usize) {
        if let Some(call) = self.calls.get_mut(at) {
            call.followed = false;
        }
    }

    pub(super) fn passes_unknown(&mut self, at: usize) {
        if let Some(call) = self.calls.get_mut(at) {
            call.passes_unknown = true;
        }
    }
}

/// Distributions of scipy `exec` a template that is part of their state, and statsmodels evaluates the formula of a
/// model again.
fn evaluated_attribute(module: &str) -> Option<&'static str> {
    match module {
        "statsmodels.base.data" => Some("formula"),
        _ if module == "scipy.stats" || module.starts_with("scipy.stats.") => Some("_parse_arg_template"),
        _ => None,
    }
}

/// Adds an import to a short list of different ones.
pub(super) fn note(list: &mut Vec<ImportId>, id: u32) {
    let id = ImportId(id);
    if list.last() != Some(&id) && list.len() < 16 * LISTED && !list.contains(&id) {
        list.push(id);
    }
}
