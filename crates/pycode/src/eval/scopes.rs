//! Names, and what they may be after a branch that may not be taken.
//!
//! The one decision: a branch is walked in the scopes themselves and undone by a journal, so that a scope never has to be
//! copied; what the branches bound is joined afterwards.

use super::{
    machine::{Changes, Machine, Name},
    sinks,
    value::{Id, Object, Scope, Value},
};
use crate::hash::HashMap;
use std::rc::Rc;

impl<'a> Machine<'a, '_> {
    pub(super) fn scope(&self, id: Id) -> Option<&Scope> {
        match self.object(id)? {
            Object::Scope(scope) => Some(scope),
            _ => None,
        }
    }

    pub(super) fn scope_mut(&mut self, id: Id) -> Option<&mut Scope> {
        match self.objects.get_mut(id.0 as usize)? {
            Object::Scope(scope) => Some(scope),
            _ => None,
        }
    }

    /// Binds a name of a scope, and remembers what it was for as long as a branch is open.
    pub(super) fn define(&mut self, scope: Id, name: &str, value: Value) {
        let Some(Object::Scope(held)) = self.objects.get_mut(scope.0 as usize) else {
            return;
        };
        let journal = self.journals.last_mut();
        match (held.names.get_mut(name), journal) {
            (Some(slot), None) => *slot = value,
            (None, None) => {
                held.names.insert(Rc::from(name), value);
            }
            (Some(slot), Some(journal)) => {
                let old = std::mem::replace(slot, value);
                let key = held.names.get_key_value(name).map(|(key, _)| Rc::clone(key));
                let key = key.unwrap_or_else(|| Rc::from(name));
                journal.entry((scope, key)).or_insert(Some(old));
            }
            (None, Some(journal)) => {
                let name: Rc<str> = Rc::from(name);
                held.names.insert(Rc::clone(&name), value);
                journal.entry((scope, name)).or_insert(None);
            }
        }
    }

    /// Binds a name where the walk is.
    pub(super) fn assign(&mut self, name: &str, value: Value) {
        let here = self.frame.scope;
        let elsewhere = self.scope(here).and_then(|s| s.elsewhere.get(name).copied());
        match elsewhere {
            Some(other) => {
                let old = self.scope(other).and_then(|s| s.names.get(name).cloned());
                let value = match old {
                    Some(old) => old.or(value),
                    None => value,
                };
                self.define(other, name, value);
            }
            None => self.define(here, name, value),
        }
    }

    pub(super) fn lookup(&self, name: &str) -> Option<Value> {
        let mut at = Some(self.frame.scope);
        let mut first = true;
        while let Some(scope) = at.and_then(|id| self.scope(id)) {
            if (first || !scope.is_class)
                && let Some(value) = scope.names.get(name)
            {
                return Some(value.clone());
            }
            first = false;
            at = scope.parent;
        }
        let file = self.files.get(self.frame.file)?;
        let stars = &self.scope(file.scope)?.stars;
        for star in stars {
            let full = format!("{star}.{name}");
            if sinks::kind_of(&full).is_some() || super::sources::of_name(&full).is_some() {
                return Some(Value::path(&full));
            }
        }
        None
    }

    /// Runs something that may not happen: what it binds is joined with what was.
    pub(super) fn maybe<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.begin_branch();
        let out = work(self);
        let after = self.end_branch(before);
        self.join(vec![after], true);
        out
    }

    /// Opens a branch.
    pub(super) fn begin_branch(&mut self) -> u32 {
        self.journals.push(HashMap::default());
        let unsure = self.frame.unsure;
        self.frame.unsure = unsure.saturating_add(1);
        unsure
    }

    /// Closes a branch, undoes what it bound and says what that was.
    pub(super) fn end_branch(&mut self, unsure: u32) -> Changes {
        self.frame.unsure = unsure;
        let journal = self.journals.pop().unwrap_or_default();
        let mut out = Vec::with_capacity(journal.len());
        for ((scope, name), old) in journal {
            let Some(held) = self.scope_mut(scope) else {
                continue;
            };
            let new = match old {
                Some(old) => held.names.insert(Rc::clone(&name), old),
                None => held.names.remove(&name),
            };
            out.push(((scope, name), new));
        }
        out
    }

    /// Joins what branches bound; `or_none` where it may be that no branch was taken.
    pub(super) fn join(&mut self, branches: Vec<Changes>, or_none: bool) {
        let count = branches.len();
        let mut branches = branches.into_iter();
        let mut merged: Vec<(Name, (usize, Option<Value>))> = Vec::new();
        for (name, value) in branches.next().into_iter().flatten() {
            merged.push((name, (1, value)));
        }
        let mut at: HashMap<Name, usize> = HashMap::default();
        if count > 1 {
            at.extend(
                merged
                    .iter()
                    .enumerate()
                    .map(|(at, (name, _))| (name.clone(), at)),
            );
        }
        for (name, value) in branches.flatten() {
            let slot = *at.entry(name).or_insert_with_key(|name| {
                merged.push((name.clone(), (0, None)));
                merged.len().saturating_sub(1)
            });
            let Some((_, slot)) = merged.get_mut(slot) else {
                continue;
            };
            slot.0 = slot.0.saturating_add(1);
            slot.1 = match (slot.1.take(), value) {
                (Some(a), Some(b)) => Some(a.or(b)),
                (a, b) => a.or(b),
            };
        }
        for ((scope, name), (times, value)) in merged {
            let old = self.scope(scope).and_then(|s| s.names.get(&name).cloned());
            let value = match (value, old) {
                (Some(new), Some(old)) if or_none || times < count => Some(old.or(new)),
                (new, old) => new.or(old),
            };
            if let Some(value) = value {
                self.define(scope, &name, value);
            }
        }
    }
}
