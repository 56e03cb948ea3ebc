//! What could be known and is not, for what it would cost.
//!
//! A loop that takes too many turns, a text that grows too long, a function that was entered often enough: bounds keep the
//! walk short, and whoever knows them can put code behind them. The one decision: a value that a bound cut off says so for
//! as long as it is passed on, so that what is run is either seen or told as unseen, and never silently taken for what
//! nobody can know.

use super::{
    call::Arguments,
    machine::Machine,
    value::{Id, Object, Taint, Value, What},
};
use ruff_text_size::TextRange;

/// How deep and how wide a value is looked at.
const DEPTH: u8 = 4;
const WIDTH: usize = 256;

impl<'a> Machine<'a, '_> {
    /// Whether everything in a value is known, so that only a bound keeps what is made of it from being known.
    pub(super) fn is_settled(&self, value: &Value) -> bool {
        self.settled_within(value, DEPTH)
    }

    fn settled_within(&self, value: &Value, depth: u8) -> bool {
        let Some(deeper) = depth.checked_sub(1) else {
            return true;
        };
        match &value.what {
            What::Datum(_) => true,
            What::Object(id) => match self.object(*id) {
                Some(Object::Container(held)) => {
                    let mut inside = held.items.iter().take(WIDTH);
                    !held.vague && inside.all(|item| self.settled_within(item, deeper))
                }
                Some(Object::Function(_)) => true,
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether a call is given something, and all of it is known.
    pub(super) fn are_settled(&self, arguments: &Arguments) -> bool {
        let mut values = arguments.values().peekable();
        values.peek().is_some() && arguments.more.is_none() && values.all(|v| self.is_settled(v))
    }

    /// What comes of values of which all is known, where nothing is known of it.
    pub(super) fn not_computed<'v>(&self, mut from: impl Iterator<Item = &'v Value>) -> Taint {
        match from.all(|v| self.is_settled(v)) {
            true => Taint::cut(),
            false => Taint::default(),
        }
    }

    /// A value as it is in a turn that stands for more than were followed.
    pub(super) fn in_turn(&self, value: Value) -> Value {
        match self.cut_turns {
            0 => value,
            _ => value.with(&Taint::cut()),
        }
    }

    /// Says that what is run here is not known, for what it would cost to know it.
    pub(super) fn runs_unseen(&mut self, taint: &Taint, range: TextRange) {
        if !taint.is_cut() {
            return;
        }
        let start = self.place(range).start;
        let file = self.files.get(self.frame.file);
        let path = file.map_or("", |f| f.path);
        let before = file.and_then(|f| f.text.get(..start)).unwrap_or_default();
        let line = before.matches('\n').count().saturating_add(1);
        self.partly(format!(
            "{} runs on line {line} what takes more to compute than is followed",
            wellhead_core::code(path)
        ));
    }

    /// Remembers when a function runs that is called here and not entered, for the walk is deep already.
    pub(super) fn put_off(&mut self, id: Id) {
        let Some(Object::Function(function)) = self.object(id) else {
            return;
        };
        let key = (function.address(), function.layer);
        let stage = self.frame.stage;
        let known = self.put_off.entry(key).or_insert(stage);
        *known = stage.min(*known);
    }
}
