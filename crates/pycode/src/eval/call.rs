//! Calls: of functions and classes of the package, which are entered, and of everything else.

use super::{
    Datum,
    machine::{Entries, Frame, Machine},
    value::{Code, Cut, Function, Id, Object, Taint, Value, What},
};
use crate::flow::Stage;
use ruff_python_ast::{self as ast, Expr, ExprCall};
use ruff_text_size::{Ranged, TextRange};
use std::rc::Rc;

/// How deep calls are followed.
const CALLS: u32 = 14;
/// How often a function is entered again without being found to compute a constant: a short one, and a long one.
const AGAIN: (u32, u32) = (6, 2);
/// What a short function is, in bytes.
const SHORT: usize = 1_500;
/// What entering a function again may cost where it gives nothing back, in steps for each byte of it and besides.
const SPEND: (u64, u64) = (40, 4_000);
/// With how many different sources a function is entered.
const TAINTS: usize = 8;

/// What a call is given.
#[derive(Clone, Debug, Default)]
pub(super) struct Arguments {
    pub positional: Vec<Value>,
    pub keywords: Vec<(Rc<str>, Value)>,
    /// What is in `*args` and `**kwargs` of unknown content.
    pub more: Option<Taint>,
}

impl Arguments {
    pub(super) fn of(positional: Vec<Value>) -> Self {
        Self {
            positional,
            ..Self::default()
        }
    }

    pub(super) fn keyword(&self, name: &str) -> Option<&Value> {
        self.keywords
            .iter()
            .rev()
            .find(|(n, _)| &**n == name)
            .map(|(_, v)| v)
    }

    pub(super) fn get(&self, at: usize, name: &str) -> Option<&Value> {
        self.positional.get(at).or_else(|| self.keyword(name))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Value> {
        self.positional.iter().chain(self.keywords.iter().map(|(_, v)| v))
    }
}

impl<'a> Machine<'a, '_> {
    pub(super) fn eval_call(&mut self, call: &'a ExprCall) -> Value {
        let range = call.range();
        if let Expr::Attribute(attribute) = &*call.func {
            let name = attribute.attr.as_str();
            if let Expr::Call(inner) = &*attribute.value
                && matches!(&*inner.func, Expr::Name(n) if n.id.as_str() == "super")
            {
                let arguments = self.arguments(&call.arguments);
                return self.call_super(name, arguments, range);
            }
            let owner = self.eval(&attribute.value);
            let arguments = self.arguments(&call.arguments);
            return self.call_method(&owner, name, arguments, range);
        }
        let callee = self.eval(&call.func);
        let arguments = self.arguments(&call.arguments);
        self.call(&callee, arguments, range)
    }

    fn arguments(&mut self, given: &'a ast::Arguments) -> Arguments {
        let mut out = Arguments::default();
        for argument in &given.args {
            if let Expr::Starred(starred) = argument {
                let value = self.eval(&starred.value);
                match self.items_of(&value) {
                    Some(items) => out.positional.extend(items),
                    None => out.more = Some(self.deep_taint(&value).and(&out.more.unwrap_or_default())),
                }
            } else {
                let value = self.eval(argument);
                out.positional.push(value);
            }
        }
        for keyword in &given.keywords {
            let value = self.eval(&keyword.value);
            if let Some(name) = &keyword.arg {
                out.keywords.push((Rc::from(name.as_str()), value));
                continue;
            }
            match self.container(&value).filter(|c| !c.vague) {
                Some(container) => {
                    for (key, item) in container.keys.iter().zip(&container.items) {
                        if let Some(name) = key.as_str() {
                            out.keywords.push((Rc::from(name), item.clone()));
                        }
                    }
                }
                None => out.more = Some(self.deep_taint(&value).and(&out.more.unwrap_or_default())),
            }
        }
        out
    }

    /// Everything that is given, joined.
    pub(super) fn given(&self, arguments: &Arguments) -> Taint {
        let mut taint = arguments.more.clone().unwrap_or_default();
        for value in arguments.values() {
            taint = taint.and(&self.deep_taint(value));
        }
        taint
    }

    pub(super) fn call(&mut self, callee: &Value, arguments: Arguments, range: TextRange) -> Value {
        if !self.tick() || !self.deeper() {
            return Value::unknown();
        }
        let value = self.call_one(callee, arguments, range);
        self.depth = self.depth.saturating_sub(1);
        value
    }

    fn call_one(&mut self, callee: &Value, mut arguments: Arguments, range: TextRange) -> Value {
        match &callee.what {
            What::Path(path) => {
                let path = Rc::clone(path);
                self.external(&path, &callee.taint, &arguments, range)
            }
            What::OneOf(choices) => {
                let choices = Rc::clone(choices);
                let mut out: Option<Value> = None;
                for choice in choices.iter() {
                    let value = self.maybe(|m| m.call(choice, arguments.clone(), range));
                    out = Some(match out {
                        Some(old) => old.or(value),
                        None => value,
                    });
                }
                out.unwrap_or_else(Value::unknown)
            }
            What::Object(id) => match self.object(*id) {
                Some(Object::Function(function)) => {
                    let function = function.clone();
                    self.enter(*id, &function, arguments, range)
                }
                Some(Object::Class(_)) => self.instantiate(*id, arguments, range),
                Some(Object::Bound {
                    callee,
                    positional,
                    keywords,
                }) => {
                    let callee = callee.clone();
                    let mut all = positional.clone();
                    all.append(&mut arguments.positional);
                    let mut named = keywords.clone();
                    named.append(&mut arguments.keywords);
                    self.call(
                        &callee,
                        Arguments {
                            positional: all,
                            keywords: named,
                            more: arguments.more,
                        },
                        range,
                    )
                }
                Some(Object::Method { receiver, name }) => {
                    let (receiver, name) = (receiver.clone(), Rc::clone(name));
                    self.data_method(&receiver, &name, &arguments, range)
                }
                Some(Object::Instance(_)) => self.call_method(callee, "__call__", arguments, range),
                _ => self.unknown_call(callee, &arguments),
            },
            _ => self.unknown_call(callee, &arguments),
        }
    }

    pub(super) fn unknown_call(&mut self, callee: &Value, arguments: &Arguments) -> Value {
        self.vague = self.vague.saturating_add(1);
        let taint = self.given(arguments).and(&callee.taint);
        Value::unknown().with(&taint)
    }

    fn call_method(&mut self, owner: &Value, name: &str, arguments: Arguments, range: TextRange) -> Value {
        match &owner.what {
            What::OneOf(choices) => {
                let choices = Rc::clone(choices);
                let mut out: Option<Value> = None;
                for choice in choices.iter() {
                    let value = self.maybe(|m| m.call_method(choice, name, arguments.clone(), range));
                    out = Some(match out {
                        Some(old) => old.or(value),
                        None => value,
                    });
                }
                out.unwrap_or_else(Value::unknown)
            }
            What::Path(path) => {
                let path = Rc::clone(path);
                self.path_method(&path, owner, name, &arguments, range)
            }
            What::Object(id) => match self.object(*id) {
                Some(Object::Instance(instance)) => {
                    let class = instance.class;
                    let mut callee = self.attribute(owner, name);
                    if name == "start"
                        && !self.is_callable(&callee)
                        && self.class_member(class, "run", 0).is_some()
                    {
                        callee = self.attribute(owner, "run");
                    }
                    self.call(&callee, arguments, range)
                }
                Some(Object::Container(_) | Object::Names(_) | Object::File(_)) => {
                    self.data_method(owner, name, &arguments, range)
                }
                _ => {
                    let callee = self.attribute(owner, name);
                    self.call(&callee, arguments, range)
                }
            },
            What::Module(_) => {
                let callee = self.attribute(owner, name);
                self.call(&callee, arguments, range)
            }
            What::Datum(_) | What::Shape(_) | What::Unknown | What::Symbol(_) => {
                self.data_method(owner, name, &arguments, range)
            }
        }
    }

    fn call_super(&mut self, name: &str, mut arguments: Arguments, range: TextRange) -> Value {
        let bases = self
            .frame
            .class
            .and_then(|c| self.class(c))
            .map_or_else(Vec::new, |c| c.bases.clone());
        let receiver = self
            .lookup("self")
            .or_else(|| self.lookup("cls"))
            .unwrap_or_else(Value::unknown);
        for base in bases.iter().take(8) {
            match &base.what {
                What::Object(id) => {
                    if let Some(member) = self.class_member(*id, name, 0) {
                        arguments.positional.insert(0, receiver);
                        return self.call(&member, arguments, range);
                    }
                }
                What::Path(path) => {
                    let full = super::attributes::join_path(&format!("{path}()"), name);
                    if super::sinks::kind_of(&full).is_some() {
                        return self.external(&full, &Taint::default(), &arguments, range);
                    }
                }
                _ => {}
            }
        }
        self.unknown_call(&Value::unknown(), &arguments)
    }

    fn instantiate(&mut self, class: Id, mut arguments: Arguments, range: TextRange) -> Value {
        let instance = self.new_instance(class);
        let value = Value::from(instance);
        if let Some(init) = self.class_member(class, "__init__", 0) {
            arguments.positional.insert(0, value.clone());
            self.call(&init, arguments, range);
        } else {
            for (name, given) in &arguments.keywords {
                self.set_attribute(&value, name, given);
            }
            let taint = self.given(&arguments);
            if !taint.is_empty() {
                return value.with(&taint);
            }
        }
        value
    }

    // Entering functions.

    /// Enters a function with what it is given, or takes what is known of it.
    pub(super) fn enter(
        &mut self,
        id: Id,
        function: &Function<'a>,
        arguments: Arguments,
        range: TextRange,
    ) -> Value {
        let key = (function.address(), function.layer);
        let sources = self.sources_of(&arguments);
        let entry = self.entries.entry(key).or_default();
        let (open, vain, spent) = (entry.open, entry.vain, entry.spent);
        let vain_of_known = entry.vain_of_known;
        let new_taint = sources != 0 && entry.taints.len() < TAINTS && !entry.taints.contains(&sources);
        if open >= 3 || self.calls >= CALLS {
            self.vague = self.vague.saturating_add(1);
            let mut given = self.given(&arguments);
            if self.are_settled(&arguments) {
                given = given.and(&Taint::cut(Cut::Early));
            }
            if open < 3 {
                self.put_off(id, arguments);
            }
            return Value::unknown().with(&given);
        }
        let telling = arguments
            .values()
            .any(|v| !matches!(v.what, What::Unknown | What::Symbol(_)));
        let most = if function.length() < SHORT {
            AGAIN.0
        } else {
            AGAIN.1
        };
        let may_spend = (function.length() as u64)
            .saturating_mul(SPEND.0)
            .saturating_add(SPEND.1);
        let settled = self.are_settled(&arguments);
        // What a function makes of what is not known says nothing of what it makes of what is.
        let vain = if settled { vain_of_known } else { vain };
        let again = telling && vain < most && spent < may_spend && self.fuel > 0;
        if !again && !new_taint {
            self.vague = self.vague.saturating_add(1);
            let mut given = self.given(&arguments);
            if settled {
                given = given.and(&Taint::cut(Cut::Early));
            }
            return self.enter_plain(id, function).with(&given);
        }
        if let Some(entry) = self.entries.get_mut(&key)
            && new_taint
        {
            entry.taints.push(sources);
        }
        let step = self.step(None, range, &function.name);
        let bound = self.bind_parameters(function, arguments, &step);
        let stage = self.frame.stage;
        let before = self.ticks;
        let result = self.walk(function, bound, stage, self.frame.loops.max(1));
        let cost = self.ticks.saturating_sub(before);
        if let Some(entry) = self.entries.get_mut(&key) {
            match result.datum() {
                // Who gives nothing back may have done something, and most have not.
                Some(Datum::None) => entry.spent = entry.spent.saturating_add(cost),
                Some(_) => {}
                None if settled => entry.vain_of_known = entry.vain_of_known.saturating_add(1),
                None => entry.vain = entry.vain.saturating_add(1),
            }
        }
        result
    }

    /// Which sources are in which argument, as one number.
    fn sources_of(&self, arguments: &Arguments) -> u64 {
        let mut out = 0_u64;
        for value in arguments.values() {
            let bits = u64::from(self.deep_bits(value));
            out = out.wrapping_mul(31).wrapping_add(bits);
        }
        out
    }

    /// Enters a function with nothing known, once.
    pub(super) fn enter_plain(&mut self, id: Id, function: &Function<'a>) -> Value {
        let key = (function.address(), function.layer);
        let stage = self.frame.stage;
        let entry = self.entries.entry(key).or_default();
        if let Some(known) = &entry.plain
            && entry.plain_stage <= stage
        {
            return known.clone();
        }
        if entry.open > 0 || self.calls >= CALLS {
            self.put_off(id, Arguments::default());
            return Value::unknown();
        }
        let bound = self.plain_parameters(function);
        let result = self.walk(function, bound, stage, 0);
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.plain = Some(result.clone());
            entry.plain_stage = stage;
        }
        result
    }

    fn walk(
        &mut self,
        function: &Function<'a>,
        bound: Vec<(Rc<str>, Value)>,
        stage: Stage,
        loops: u32,
    ) -> Value {
        let scope = self.new_scope(Some(function.scope), false);
        if let Some(held) = self.scope_mut(scope) {
            held.names.extend(bound);
        }
        let frame = Frame {
            file: function.file,
            function: Rc::clone(&function.name),
            scope,
            class: function.class.or(self.frame.class),
            stage,
            layer: function.layer,
            origin: function.origin.clone(),
            result: None,
            unsure: self.frame.unsure,
            maybe_left: false,
            yields: None,
            loops,
            tree: function.tree,
        };
        let key = (function.address(), function.layer);
        self.opened(key, true);
        self.calls = self.calls.saturating_add(1);
        let outer = std::mem::replace(&mut self.frame, frame);
        let result = match function.code {
            Code::Def(def) => {
                self.block(&def.body);
                match self.frame.yields.take() {
                    Some((items, sure)) => {
                        let value = self.new_container(super::value::Kind::List, items);
                        if !sure {
                            self.blur(&value);
                        }
                        value
                    }
                    None => self.frame.result.take().unwrap_or_else(|| Datum::None.into()),
                }
            }
            Code::Lambda(lambda) => self.eval(&lambda.body),
        };
        self.frame = outer;
        self.calls = self.calls.saturating_sub(1);
        self.opened(key, false);
        result
    }

    fn opened(&mut self, key: (usize, u8), begins: bool) {
        let entry: &mut Entries = self.entries.entry(key).or_default();
        entry.visited = true;
        entry.open = if begins {
            entry.open.saturating_add(1)
        } else {
            entry.open.saturating_sub(1)
        };
    }

    fn bind_parameters(
        &mut self,
        function: &Function<'a>,
        arguments: Arguments,
        step: &super::value::Step,
    ) -> Vec<(Rc<str>, Value)> {
        let parameters = match function.code {
            Code::Def(def) => Some(&*def.parameters),
            Code::Lambda(lambda) => lambda.parameters.as_deref(),
        };
        let Some(parameters) = parameters else {
            return Vec::new();
        };
        let more = arguments.more.clone();
        let passed = |value: Value| Value {
            taint: value.taint.then(step.clone()),
            what: value.what,
        };
        let mut positional = arguments.positional.into_iter();
        let mut keywords = arguments.keywords;
        let mut out: Vec<(Rc<str>, Value)> = Vec::new();
        let plain = parameters
            .posonlyargs
            .iter()
            .chain(&parameters.args)
            .map(|p| (p, true));
        for (parameter, by_place) in plain.chain(parameters.kwonlyargs.iter().map(|p| (p, false))) {
            let name = parameter.parameter.name.as_str();
            let named = keywords
                .iter()
                .position(|(n, _)| &**n == name)
                .map(|at| keywords.swap_remove(at).1);
            let value = if by_place {
                positional.next().or(named)
            } else {
                named
            };
            let value = match (value, &more) {
                (Some(value), _) => passed(value),
                (None, Some(taint)) => Value::unknown().with(&taint.then(step.clone())),
                (None, None) => {
                    let default = function.defaults.iter().find(|(n, _)| &**n == name);
                    default.map_or_else(Value::unknown, |(_, v)| v.clone())
                }
            };
            out.push((Rc::from(name), value));
        }
        if let Some(rest) = &parameters.vararg {
            let items: Vec<Value> = positional.map(passed).collect();
            let value = self.new_container(super::value::Kind::Tuple, items);
            if let Some(taint) = &more {
                self.blur(&value);
                out.push((Rc::from(rest.name.as_str()), value.with(taint)));
            } else {
                out.push((Rc::from(rest.name.as_str()), value));
            }
        }
        if let Some(rest) = &parameters.kwarg {
            let mut held = super::value::Container::new(super::value::Kind::Dict, self.frame.unsure);
            for (name, value) in keywords {
                held.set(Value::text(&name), passed(value));
            }
            held.vague = more.is_some();
            let taint = held.taint.and(&more.unwrap_or_default());
            let value = Value::from(self.add(Object::Container(held))).with(&taint);
            out.push((Rc::from(rest.name.as_str()), value));
        }
        out
    }

    /// Parameters of which nothing is known, but that each is the same throughout.
    fn plain_parameters(&mut self, function: &Function<'a>) -> Vec<(Rc<str>, Value)> {
        let parameters = match function.code {
            Code::Def(def) => Some(&*def.parameters),
            Code::Lambda(lambda) => lambda.parameters.as_deref(),
        };
        let Some(parameters) = parameters else {
            return Vec::new();
        };
        let mut out: Vec<(Rc<str>, Value)> = Vec::new();
        let plain = parameters
            .posonlyargs
            .iter()
            .chain(&parameters.args)
            .chain(&parameters.kwonlyargs);
        for (at, parameter) in plain.enumerate() {
            let name: Rc<str> = Rc::from(parameter.parameter.name.as_str());
            let receiver = (at == 0 && !function.is_static)
                .then_some(function.class)
                .flatten();
            let value = match receiver {
                Some(class) if function.is_class_method => class.into(),
                Some(class) => self.sample(class),
                None => {
                    let default = function
                        .defaults
                        .iter()
                        .find(|(n, _)| *n == name)
                        .map(|(_, v)| v.clone());
                    let symbol = self.symbol();
                    match default {
                        // A default that is the environment comes in by itself.
                        Some(default)
                            if !self.deep_taint(&default).is_empty() || self.is_callable(&default) =>
                        {
                            symbol.or(default)
                        }
                        _ => symbol,
                    }
                }
            };
            out.push((name, value));
        }
        for rest in [&parameters.vararg, &parameters.kwarg].into_iter().flatten() {
            let value = self.symbol();
            out.push((Rc::from(rest.name.as_str()), value));
        }
        out
    }

    /// What stands for all instances of a class, once its `__init__` has run.
    fn sample(&mut self, class: Id) -> Value {
        let Some(sample) = self.class(class).and_then(|c| c.sample) else {
            return Value::unknown();
        };
        let begun = matches!(self.object(sample), Some(Object::Instance(i)) if i.begun);
        if !begun {
            if let Some(Object::Instance(instance)) = self.objects.get_mut(sample.0 as usize) {
                instance.begun = true;
            }
            if let Some(init) = self.class_member(class, "__init__", 0)
                && let What::Object(id) = init.what
                && let Some(Object::Function(function)) = self.object(id)
            {
                let function = function.clone();
                let stage = std::mem::replace(&mut self.frame.stage, Stage::Load);
                self.frame.stage = stage.min(Stage::Load);
                self.enter_plain(id, &function);
                self.frame.stage = stage;
            }
        }
        sample.into()
    }
}

/// Whether a module is one of the standard library that attackers use and packages name their own files after.
pub(super) fn is_standard(module: &str) -> bool {
    let top = module.split('.').next().unwrap_or(module);
    matches!(
        top,
        "os" | "sys"
            | "subprocess"
            | "socket"
            | "urllib"
            | "http"
            | "base64"
            | "zlib"
            | "gzip"
            | "bz2"
            | "lzma"
            | "codecs"
            | "binascii"
            | "marshal"
            | "pickle"
            | "ctypes"
            | "importlib"
            | "builtins"
            | "types"
            | "json"
            | "platform"
            | "getpass"
            | "shutil"
            | "tempfile"
            | "pathlib"
            | "threading"
            | "multiprocessing"
            | "asyncio"
            | "functools"
            | "itertools"
            | "operator"
            | "random"
            | "re"
            | "io"
            | "time"
            | "winreg"
            | "struct"
            | "string"
            | "smtplib"
            | "ftplib"
            | "ssl"
            | "webbrowser"
            | "zipimport"
            | "runpy"
            | "code"
            | "hashlib"
            | "uuid"
    )
}
