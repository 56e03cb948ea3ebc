//! Walks a serialised R object and keeps what in it would run.
//!
//! The walk has a stack of its own, so that depth costs memory that is paid for. Each value is read in a [`Region`]:
//! the same call is data in a formula, and code in a promise.

use super::stream::{Stop, Stream};
use std::collections::BTreeSet;
use wellhead_core::Budget;

/// What the value that is read is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Region {
    /// The list of variables that `load` assigns.
    Variables,
    /// A value.
    Data,
    /// The list of variables of an environment.
    Frame,
    /// The value of such a variable: arguments that were not used yet are promises there, ordinarily.
    Bound,
    /// Code that runs as soon as somebody touches the value, by its number.
    Code(usize),
    /// The code of a function.
    Function,
    /// Code that has run already, or calls that are kept as data.
    Quoted,
    /// What a value in a representation of its own is, and what it is made from.
    Representation,
    State,
}

#[derive(Clone, Copy, Debug)]
enum Task {
    Item(Region, Place),
    /// As many items.
    Items(Region, u64),
    /// The value of a promise, whose code follows.
    Promise(usize),
    /// One expression of bytecode, its type read before.
    Bytecode(Region),
    /// As many constants of bytecode.
    Constants(Region, u64),
    /// A part of an expression of bytecode.
    Expression(Region, Place),
}

/// Where a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Other,
    /// It is what a call calls.
    Callee,
    /// It is the name of a value in a list.
    Tag,
    /// It is the value of a variable that `load` assigns.
    Variable,
}

/// Code that a value is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Code {
    /// It stands where an argument of a function may ordinarily stand unused.
    pub(super) delayed: bool,
    /// Its value is known, so that it does not run.
    pub(super) forced: bool,
    /// Functions that it calls, and names that it uses.
    pub(super) calls: BTreeSet<String>,
    pub(super) names: BTreeSet<String>,
    /// The first texts in it.
    pub(super) texts: Vec<String>,
    /// Where it is.
    pub(super) at: u64,
    /// The variable that it lies in.
    pub(super) variable: String,
}

/// A vector of numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Vector {
    pub(super) variable: String,
    pub(super) dtype: &'static str,
    pub(super) count: u64,
    pub(super) bytes: std::ops::Range<u64>,
}

/// What a stream holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) codes: Vec<Code>,
    /// Functions that the stream's own functions call, how often, and where first.
    pub(super) called: std::collections::BTreeMap<String, (u64, u64)>,
    /// Variables that `load` assigns a function to.
    pub(super) functions: Vec<(String, u64)>,
    pub(super) variables: Vec<String>,
    pub(super) packages: BTreeSet<String>,
    pub(super) classes: BTreeSet<String>,
    pub(super) vectors: Vec<Vector>,
    /// Files that values are mapped from.
    pub(super) mapped: Vec<(String, u64)>,
    pub(super) bytecode: u64,
    pub(super) values: u64,
}

/// How many of each kind are kept.
const MAX_KEPT: usize = 1000;
/// How many texts are kept of one piece of code.
const MAX_TEXTS: usize = 8;
/// How much a task that waits costs, and a symbol.
const COST: u64 = 48;

pub(super) struct Machine<'a, 's> {
    stream: &'s mut Stream<'a>,
    tasks: Vec<Task>,
    /// What later values may refer to; a name where it is a symbol.
    references: Vec<Option<String>>,
    found: Found,
    variable: String,
    /// The last name in a list, and the class of the representation that is read.
    tag: String,
    representation: Vec<String>,
    is_file: bool,
}

/// Reads what the stream holds; what was found before damage is found.
pub(super) fn run(
    stream: &mut Stream<'_>,
    variables: bool,
    budget: &mut Budget,
) -> (Found, Result<(), Stop>) {
    let region = if variables {
        Region::Variables
    } else {
        Region::Data
    };
    let mut machine = Machine {
        stream,
        tasks: vec![Task::Item(region, Place::Other)],
        references: Vec::new(),
        found: Found::default(),
        variable: String::new(),
        tag: String::new(),
        representation: Vec::new(),
        is_file: variables,
    };
    let end = machine.run(budget);
    (machine.found, end)
}

impl Machine<'_, '_> {
    fn run(&mut self, budget: &mut Budget) -> Result<(), Stop> {
        while let Some(task) = self.tasks.pop() {
            // What was passed over since the last task is paid now.
            let blanks = std::mem::take(&mut self.stream.blanks);
            budget.steps(blanks.saturating_add(1))?;
            match task {
                Task::Item(region, place) => self.item(region, place, budget)?,
                Task::Items(region, count) => {
                    if let Some(left) = count.checked_sub(1) {
                        self.push(Task::Items(region, left), budget)?;
                        self.push(Task::Item(region, Place::Other), budget)?;
                    }
                }
                Task::Promise(code) => {
                    // A value that is not there yet has a mark of its own.
                    let forced = self.stream.peek()? & 0xff != 252;
                    if let Some(code) = self.found.codes.get_mut(code) {
                        code.forced = forced;
                    }
                    self.push(Task::Item(Region::Data, Place::Other), budget)?;
                }
                Task::Bytecode(region) => self.bytecode(region, budget)?,
                Task::Constants(region, count) => {
                    if let Some(left) = count.checked_sub(1) {
                        self.push(Task::Constants(region, left), budget)?;
                        self.constant(region, budget)?;
                    }
                }
                Task::Expression(region, place) => {
                    let kind = self.stream.int()?;
                    self.expression(region, place, kind, budget)?;
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, task: Task, budget: &mut Budget) -> Result<(), Stop> {
        budget.memory(COST)?;
        self.tasks.push(task);
        budget.release(COST);
        // What waits is bounded by the bytes that were read, several tasks for each four of them.
        if self.tasks.len() > 2_000_000 {
            return Err(Stop::Cut("nests too deep".to_owned()));
        }
        Ok(())
    }

    fn refer(&mut self, name: Option<String>, budget: &mut Budget) -> Result<(), Stop> {
        budget.memory(name.as_ref().map_or(0, |n| n.len() as u64).saturating_add(COST))?;
        self.references.push(name);
        Ok(())
    }

    fn item(&mut self, region: Region, place: Place, budget: &mut Budget) -> Result<(), Stop> {
        let at = self.stream.at;
        let flags = self.stream.int()?;
        let kind = flags & 0xff;
        let has_attributes = flags & 0x200 != 0;
        let has_tag = flags & 0x400 != 0;
        self.found.values = self.found.values.saturating_add(1);
        match kind {
            // Marks without content: NULL, environments that every session has, arguments that are missing.
            241 | 242 | 247 | 250..=254 => {}
            1 => self.symbol(region, place, at, budget)?,
            255 => {
                let index = match flags.cast_unsigned() >> 8 {
                    0 => self.stream.int()?.cast_unsigned(),
                    packed => packed,
                };
                let index = usize::try_from(index).ok().and_then(|i| i.checked_sub(1));
                let known = index.and_then(|i| self.references.get(i));
                let Some(known) = known else {
                    return Err(Stop::Damaged("refers to a value that is not there"));
                };
                if let Some(name) = known.clone() {
                    self.named(&name, region, place, at, budget)?;
                }
            }
            // Persistent names, packages, namespaces: a list of texts.
            248 | 249 => self.names(kind, budget)?,
            2 | 6 | 17 | 5 | 3 => {
                self.pair(kind, region, place, has_attributes, has_tag, at, budget)?;
            }
            4 => self.environment(budget)?,
            22 => {
                self.refer(None, budget)?;
                self.attributes(region, has_attributes, budget)?;
                self.push(Task::Items(region, 2), budget)?;
            }
            23 => {
                self.refer(None, budget)?;
                self.attributes(region, has_attributes, budget)?;
            }
            7 | 8 => {
                let length = self.stream.length()?;
                let name = self.stream.text(length, budget)?;
                self.named(&name, region, place, at, budget)?;
                self.attributes(region, has_attributes, budget)?;
            }
            9 => self.characters(region, has_attributes, budget)?,
            10 | 13 | 14 | 15 | 24 => {
                self.numbers(kind, budget)?;
                self.attributes(region, has_attributes, budget)?;
            }
            16 | 19 | 20 => {
                let count = self.stream.length()?;
                // Each of the values takes at least a byte.
                if count > self.stream.len.saturating_sub(self.stream.at) {
                    return Err(Stop::Damaged("ends within a value"));
                }
                self.attributes(region, has_attributes, budget)?;
                let inner = match region {
                    Region::Bound | Region::Variables => Region::Data,
                    region => region,
                };
                self.push(Task::Items(inner, count), budget)?;
            }
            21 => {
                self.found.bytecode = self.found.bytecode.saturating_add(1);
                self.stream.int()?;
                self.attributes(region, has_attributes, budget)?;
                self.push(Task::Bytecode(code_of(region)), budget)?;
            }
            25 => self.attributes(region, has_attributes, budget)?,
            238 => {
                self.representation.clear();
                let inner = match region {
                    Region::Data | Region::Bound | Region::Variables | Region::Frame => Region::State,
                    region => region,
                };
                self.push(Task::Item(Region::Data, Place::Other), budget)?;
                self.push(Task::Item(inner, Place::Other), budget)?;
                self.push(Task::Item(Region::Representation, Place::Other), budget)?;
            }
            _ => return Err(Stop::Damaged("holds a value of a type that R does not have")),
        }
        Ok(())
    }

    /// Attributes stand behind what has them.
    fn attributes(&mut self, region: Region, has: bool, budget: &mut Budget) -> Result<(), Stop> {
        if !has {
            return Ok(());
        }
        let region = match region {
            Region::Bound | Region::Variables | Region::Frame => Region::Data,
            region => region,
        };
        self.push(Task::Item(region, Place::Other), budget)
    }

    fn symbol(&mut self, region: Region, place: Place, at: u64, budget: &mut Budget) -> Result<(), Stop> {
        let flags = self.stream.int()?;
        if flags & 0xff != 9 {
            return Err(Stop::Damaged("holds a symbol without a name"));
        }
        let length = self.stream.int()?;
        let name = match u64::try_from(length) {
            Ok(length) => self.stream.text(length, budget)?,
            Err(_) => "NA".to_owned(),
        };
        self.named(&name, region, place, at, budget)?;
        self.refer(Some(name), budget)
    }

    /// A symbol was used.
    fn named(
        &mut self,
        name: &str,
        region: Region,
        place: Place,
        at: u64,
        budget: &mut Budget,
    ) -> Result<(), Stop> {
        if place == Place::Tag {
            name.clone_into(&mut self.tag);
            if region == Region::Variables {
                name.clone_into(&mut self.variable);
                if self.found.variables.len() < MAX_KEPT {
                    self.found.variables.push(name.to_owned());
                }
            }
            return Ok(());
        }
        match region {
            Region::Code(code) => {
                if let Some(code) = self.found.codes.get_mut(code) {
                    let kept = if place == Place::Callee {
                        &mut code.calls
                    } else {
                        &mut code.names
                    };
                    // A reference to a long name takes four bytes, in each of a thousand pieces of code.
                    if kept.len() < MAX_KEPT && !kept.contains(name) {
                        budget.memory((name.len() as u64).saturating_add(COST))?;
                        kept.insert(name.to_owned());
                    }
                }
            }
            Region::Function if place == Place::Callee => {
                let known = self.found.called.len();
                if known < MAX_KEPT || self.found.called.contains_key(name) {
                    let entry = self.found.called.entry(name.to_owned()).or_insert((0, at));
                    entry.0 = entry.0.saturating_add(1);
                }
            }
            // Only the first is a class; a list goes on for as long as the file likes.
            Region::Representation if self.representation.len() < 16 => {
                self.representation.push(name.to_owned());
            }
            _ => {}
        }
        Ok(())
    }

    fn names(&mut self, kind: i32, budget: &mut Budget) -> Result<(), Stop> {
        if self.stream.int()? != 0 {
            return Err(Stop::Damaged("holds a list of names with names"));
        }
        let count = self.stream.int()?;
        for i in 0..count.clamp(0, 64) {
            budget.steps(1)?;
            if self.stream.int()? & 0xff != 9 {
                return Err(Stop::Damaged("holds a package without a name"));
            }
            let length = self.stream.length()?;
            let name = self.stream.text(length, budget)?;
            if i == 0 && kind == 249 && self.found.packages.len() < MAX_KEPT {
                self.found.packages.insert(name);
            }
        }
        self.refer(None, budget)
    }

    #[expect(clippy::too_many_arguments, reason = "what a pair is, is said by its flags")]
    fn pair(
        &mut self,
        kind: i32,
        region: Region,
        place: Place,
        has_attributes: bool,
        has_tag: bool,
        at: u64,
        budget: &mut Budget,
    ) -> Result<(), Stop> {
        let other = |region| Task::Item(region, Place::Other);
        // In the order in which they are read from the top of the stack: attributes, tag, value, rest.
        match kind {
            5 => {
                let code = self.promise(region, at, budget)?;
                self.push(other(Region::Code(code)), budget)?;
                self.push(Task::Promise(code), budget)?;
                if has_tag {
                    self.push(other(Region::Data), budget)?;
                }
            }
            3 => {
                if place == Place::Variable && self.found.functions.len() < MAX_KEPT {
                    self.found.functions.push((self.variable.clone(), at));
                }
                let code = code_of(region);
                self.push(other(code), budget)?;
                self.push(other(code), budget)?;
                self.push(other(Region::Data), budget)?;
            }
            6 => {
                let code = match region {
                    Region::Code(_) | Region::Function => region,
                    _ => Region::Quoted,
                };
                self.push(other(code), budget)?;
                self.push(Task::Item(code, Place::Callee), budget)?;
                if has_tag {
                    self.push(Task::Item(code, Place::Tag), budget)?;
                }
            }
            _ => {
                // A list goes on as what it is; its values are values.
                let (value, value_place) = match region {
                    Region::Frame => (Region::Bound, Place::Other),
                    Region::Variables => (Region::Data, Place::Variable),
                    Region::Bound if kind == 2 => (Region::Data, Place::Other),
                    region => (region, Place::Other),
                };
                self.push(other(region), budget)?;
                self.push(Task::Item(value, value_place), budget)?;
                if has_tag {
                    self.push(Task::Item(region, Place::Tag), budget)?;
                }
            }
        }
        self.attributes(region, has_attributes, budget)
    }

    fn promise(&mut self, region: Region, at: u64, budget: &mut Budget) -> Result<usize, Stop> {
        if self.found.codes.len() >= MAX_KEPT {
            // The last place is shared by all further ones.
            return Ok(MAX_KEPT.saturating_sub(1));
        }
        budget.memory(512)?;
        self.found.codes.push(Code {
            delayed: region == Region::Bound,
            at,
            variable: self.variable.clone(),
            ..Code::default()
        });
        Ok(self.found.codes.len().saturating_sub(1))
    }

    /// Whether it is locked, then: the enclosing one, the variables, a table of more variables, attributes.
    fn environment(&mut self, budget: &mut Budget) -> Result<(), Stop> {
        self.stream.int()?;
        self.refer(None, budget)?;
        self.push(Task::Item(Region::Data, Place::Other), budget)?;
        self.push(Task::Item(Region::Frame, Place::Other), budget)?;
        self.push(Task::Item(Region::Frame, Place::Other), budget)?;
        self.push(Task::Item(Region::Data, Place::Other), budget)
    }

    fn characters(&mut self, region: Region, has_attributes: bool, budget: &mut Budget) -> Result<(), Stop> {
        let length = self.stream.int()?;
        let Ok(length) = u64::try_from(length) else {
            return self.attributes(Region::Data, has_attributes, budget);
        };
        let at = self.stream.at;
        let text = self.stream.text(length, budget)?;
        match region {
            Region::Code(code) => {
                if let Some(code) = self.found.codes.get_mut(code)
                    && code.texts.len() < MAX_TEXTS
                {
                    code.texts.push(text);
                }
            }
            Region::State => {
                let is_map = self.representation.first().is_some_and(|c| c.starts_with("mmap"));
                if is_map && self.found.mapped.len() < MAX_KEPT {
                    self.found.mapped.push((text, at));
                }
            }
            Region::Data if self.tag == "class" && self.found.classes.len() < 64 => {
                self.found.classes.insert(text);
            }
            _ => {}
        }
        self.attributes(Region::Data, has_attributes, budget)
    }

    fn numbers(&mut self, kind: i32, budget: &mut Budget) -> Result<(), Stop> {
        let count = self.stream.length()?;
        let (dtype, size) = match kind {
            10 => ("logical", 4),
            13 => ("integer", 4),
            14 => ("double", 8),
            15 => ("complex", 16),
            _ => ("raw", 1),
        };
        let bytes = self.stream.skip(count, size, budget)?;
        if count > 1 && self.found.vectors.len() < MAX_KEPT {
            budget.memory(128)?;
            let variable = if self.is_file {
                self.variable.clone()
            } else {
                String::new()
            };
            self.found.vectors.push(Vector {
                variable,
                dtype,
                count,
                bytes,
            });
        }
        Ok(())
    }

    /// The instructions, as a vector of numbers; then how many constants there are, and the constants.
    fn bytecode(&mut self, region: Region, budget: &mut Budget) -> Result<(), Stop> {
        let flags = self.stream.int()?;
        if flags & 0xff != 13 {
            return Err(Stop::Damaged("holds bytecode without instructions"));
        }
        let count = self.stream.length()?;
        self.stream.skip(count, 4, budget)?;
        let constants = self.stream.int()?;
        let constants = u64::try_from(constants).map_err(|_| Stop::Damaged("holds a length below zero"))?;
        self.push(Task::Constants(region, constants), budget)
    }

    fn constant(&mut self, region: Region, budget: &mut Budget) -> Result<(), Stop> {
        let kind = self.stream.int()?;
        match kind {
            21 => self.push(Task::Bytecode(region), budget),
            2 | 6 | 239 | 240 | 243 | 244 => self.expression(region, Place::Other, kind, budget),
            _ => {
                // A constant that is a symbol may be what is called.
                self.push(Task::Item(region, Place::Callee), budget)
            }
        }
    }

    fn expression(
        &mut self,
        region: Region,
        place: Place,
        kind: i32,
        budget: &mut Budget,
    ) -> Result<(), Stop> {
        let mut kind = kind;
        if kind == 243 {
            // An expression that was defined before.
            self.stream.int()?;
            return Ok(());
        }
        if kind == 244 {
            self.stream.int()?;
            kind = self.stream.int()?;
        }
        match kind {
            2 | 6 | 239 | 240 => {
                let head = if matches!(kind, 6 | 240) {
                    Place::Callee
                } else {
                    Place::Other
                };
                self.push(Task::Expression(region, Place::Other), budget)?;
                self.push(Task::Expression(region, head), budget)?;
                self.push(Task::Item(region, Place::Tag), budget)?;
                if matches!(kind, 239 | 240) {
                    self.push(Task::Item(region, Place::Other), budget)?;
                }
                Ok(())
            }
            _ => self.push(Task::Item(region, place), budget),
        }
    }
}

/// What the code of a function is part of: that of a promise is the promise's.
fn code_of(region: Region) -> Region {
    match region {
        Region::Code(_) => region,
        _ => Region::Function,
    }
}
