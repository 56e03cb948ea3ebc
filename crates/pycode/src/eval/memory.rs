//! The table of objects, and what of it nobody can reach any more.
//!
//! A walk over a large package makes millions of objects, of which almost all are those of functions that it has left.
//! The one decision: nothing is given back in the middle of a function, where values lie on the stack of the walk; between
//! two functions everything that matters is reached from files, from functions that wait and from what functions give.

use super::{
    machine::Machine,
    value::{Class, Container, Id, Instance, Kind, Object, Scope, Value, What},
};
use crate::hash::HashMap;
use std::collections::BTreeMap;

/// How many new objects make it worth looking for old ones.
const OFTEN: usize = 60_000;
/// How many objects one function or file makes before it is followed with less known.
const COARSE: usize = 120_000;
/// How many objects one function or file makes before it is left.
const MOST: usize = 400_000;
/// How many values lie in containers before large ones are known in part only.
const CROWD: usize = 500_000;
/// How many values make a container a large one.
const LARGE: usize = 1_000;
/// How many values make a container a small one, which is whole whatever else there is.
const SMALL: usize = 8;
/// How many values of a large container stay.
const SAMPLE: usize = 4;

/// Numbers of objects, and which of them are free.
#[derive(Debug, Default)]
pub(super) struct Places {
    free: Vec<Id>,
    /// Objects that were made since the last look.
    new: usize,
    /// How many were reached by it.
    old: usize,
    /// How many values lie in containers.
    held: usize,
    /// How many of them were reached by the last look.
    held_before: usize,
}

impl<'a> Machine<'a, '_> {
    pub(super) fn object(&self, id: Id) -> Option<&Object<'a>> {
        self.objects.get(id.0 as usize)
    }

    pub(super) fn container(&self, value: &Value) -> Option<&Container> {
        match &value.what {
            What::Object(id) => match self.object(*id)? {
                Object::Container(container) => Some(container),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn container_mut(&mut self, value: &Value) -> Option<&mut Container> {
        match &value.what {
            What::Object(id) => match self.objects.get_mut(id.0 as usize)? {
                Object::Container(container) => Some(container),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn class(&self, id: Id) -> Option<&Class> {
        match self.object(id)? {
            Object::Class(class) => Some(class),
            _ => None,
        }
    }

    pub(super) fn new_scope(&mut self, parent: Option<Id>, is_class: bool) -> Id {
        self.add(Object::Scope(Scope {
            names: HashMap::default(),
            parent,
            is_class,
            elsewhere: HashMap::default(),
            stars: Vec::new(),
        }))
    }

    pub(super) fn new_container(&mut self, kind: Kind, items: Vec<Value>) -> Value {
        let mut container = Container::new(kind, self.frame.unsure);
        for item in items {
            container.push(item);
        }
        let taint = container.taint.clone();
        Value::from(self.add(Object::Container(container))).with(&taint)
    }

    pub(super) fn new_instance(&mut self, class: Id) -> Id {
        self.add(Object::Instance(Instance {
            class,
            names: BTreeMap::new(),
            begun: false,
        }))
    }

    /// Whether so many values lie in containers that no further large one is made.
    pub(super) fn is_crowded(&self, more: usize) -> bool {
        let held = self.places.held.saturating_add(more);
        more > LARGE && held > CROWD || more > SMALL && held > CROWD.saturating_mul(2)
    }

    /// Whether there is room for one more value in a container.
    pub(super) fn hold_one(&mut self) -> bool {
        self.places.held = self.places.held.saturating_add(1);
        self.places.held < CROWD.saturating_mul(2)
    }

    /// Puts an object into the table.
    pub(super) fn add(&mut self, mut object: Object<'a>) -> Id {
        if let Object::Container(container) = &mut object {
            let held = container.items.len().saturating_add(container.keys.len());
            self.fuel = self.fuel.saturating_sub(container.items.len() as u64);
            if self.is_crowded(held) {
                container.shorten(SAMPLE);
                self.partly("more values in lists and dictionaries than are held".to_owned());
            } else {
                self.places.held = self.places.held.saturating_add(held);
            }
        }
        self.places.new = self.places.new.saturating_add(1);
        if self.places.new > COARSE || self.places.held > CROWD.saturating_mul(2) {
            self.fuel = 0;
            if self.places.new > MOST {
                self.leave("makes more objects than are followed");
            }
        }
        if let Some(id) = self.places.free.pop()
            && let Some(slot) = self.objects.get_mut(id.0 as usize)
        {
            *slot = object;
            return id;
        }
        let id = Id(u32::try_from(self.objects.len()).unwrap_or(u32::MAX));
        self.objects.push(object);
        id
    }

    /// Gives back what nobody can reach, where it is worth it. Only between functions.
    pub(super) fn collect(&mut self) {
        let crowded = self.places.held > (CROWD / 2).max(self.places.held_before.saturating_mul(2));
        if self.places.new < OFTEN.max(self.places.old) && !crowded {
            return;
        }
        let mut seen = vec![false; self.objects.len()];
        let mut waiting: Vec<Id> = self.files.iter().map(|f| f.scope).collect();
        waiting.push(self.frame.scope);
        waiting.extend(self.frame.class);
        for entry in self.entries.values() {
            waiting.extend(entry.plain.iter().flat_map(objects_in));
        }
        for at in 0..self.functions.len() {
            let Some(id) = self.functions.get(at).copied() else {
                continue;
            };
            if self.is_done(id) {
                // The number may be that of another object soon.
                if let Some(slot) = self.functions.get_mut(at) {
                    *slot = Id::NOBODY;
                }
            } else {
                waiting.push(id);
            }
        }
        let (mut reached, mut held) = (0_usize, 0_usize);
        while let Some(id) = waiting.pop() {
            match seen.get_mut(id.0 as usize) {
                Some(slot) if !*slot => *slot = true,
                _ => continue,
            }
            reached = reached.saturating_add(1);
            if let Some(object) = self.objects.get(id.0 as usize) {
                reach(object, &mut waiting);
                if let Object::Container(container) = object {
                    held = held.saturating_add(container.items.len());
                }
            }
        }
        self.places.free.clear();
        for (at, (slot, seen)) in self.objects.iter_mut().zip(&seen).enumerate().rev() {
            if !*seen {
                *slot = Object::Free;
                self.places.free.extend(u32::try_from(at).ok().map(Id));
            }
        }
        self.places.new = 0;
        self.places.old = reached;
        self.places.held = held;
        self.places.held_before = held;
    }
}

fn objects_in(value: &Value) -> impl Iterator<Item = Id> + '_ {
    value.choices().iter().filter_map(|choice| match &choice.what {
        What::Object(id) => Some(*id),
        _ => None,
    })
}

/// What an object refers to.
fn reach(object: &Object<'_>, out: &mut Vec<Id>) {
    let mut values = |values: &mut dyn Iterator<Item = &Value>| {
        for value in values {
            out.extend(objects_in(value));
        }
    };
    match object {
        Object::Scope(scope) => {
            values(&mut scope.names.values());
            out.extend(scope.parent);
            out.extend(scope.elsewhere.values());
        }
        Object::Function(function) => {
            values(&mut function.defaults.iter().map(|(_, v)| v));
            out.push(function.scope);
            out.extend(function.class);
        }
        Object::Class(class) => {
            values(&mut class.bases.iter());
            out.push(class.scope);
            out.extend(class.sample);
        }
        Object::Instance(instance) => {
            values(&mut instance.names.values());
            out.push(instance.class);
        }
        Object::Container(container) => values(&mut container.items.iter().chain(&container.keys)),
        Object::Bound {
            callee,
            positional,
            keywords,
        } => {
            let given = positional.iter().chain(keywords.iter().map(|(_, v)| v));
            values(&mut std::iter::once(callee).chain(given));
        }
        Object::Method { receiver, .. } => values(&mut std::iter::once(receiver)),
        Object::Names(scope) => out.push(*scope),
        Object::File(_) | Object::Free => {}
    }
}
