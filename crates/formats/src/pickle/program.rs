//! What the machine understood of a pickle: a program that rules can read and people can be shown.
//!
//! Everything in it is bounded, owned and deduplicated: one [`Import`] per name, one [`Call`] per callee, with counts.
//! So a pickle of a hundred million calls of one harmless class is one line here.

use wellhead_core::{Blob, Outcome};

/// What the caller knows about where the bytes come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// Who will load it.
    pub loader: Loader,
}

/// The library that loads a pickle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loader {
    /// Nobody knows: `pickle.load` and whatever else.
    #[default]
    Any,
    /// `torch.load` (a `data.pkl` in a zip of tensors).
    Torch,
    /// `torch.jit.load`, which finds the classes below `__torch__` in the code of the same archive.
    TorchScript,
    /// `joblib.load`.
    Joblib,
    /// `numpy.load` (an array of objects).
    Numpy,
}

/// How the pickles of a file are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flavour {
    /// One pickle, or several one after the other.
    #[default]
    Plain,
    /// `torch.save` before its zip format: five pickles, then raw storages.
    TorchLegacy,
    /// `joblib.dump`: array bytes stand between the opcodes.
    Joblib,
}

/// Where an instruction is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site {
    /// The byte of the opcode.
    pub offset: u64,
    /// The number of the instruction, over all streams, from 0.
    pub index: u64,
    /// An instruction a little before it, from which a listing can start.
    pub context_offset: u64,
    /// The number of that instruction.
    pub context_index: u64,
    /// The stream it belongs to, as an index into [`Program::streams`].
    pub stream: u32,
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// With STOP, as it should.
    Stop,
    /// A loader would have failed at `offset`; what stood before has run by then.
    Damaged {
        /// The instruction at which loaders give up.
        offset: u64,
        /// Why, in a few words.
        why: String,
    },
    /// The bytes ended before a STOP.
    EndOfData,
    /// The budget ran out.
    Unfinished {
        /// What ran out.
        why: String,
    },
}

/// One pickle of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// The first byte.
    pub offset: u64,
    /// Number of bytes.
    pub length: u64,
    /// The protocol it declares; 0 or 1 declare none.
    pub protocol: u8,
    /// How it ended.
    pub end: End,
    /// Whether it was found by searching after damage or junk, so that loaders reach it only by seeking.
    pub found_by_search: bool,
    /// Opcodes in it.
    pub opcodes: u64,
}

/// An index into [`Program::imports`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImportId(pub u32);

/// How a name came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// It stands in the pickle as it is.
    Literal,
    /// The pickle computes it, by joining, decoding or looking up attributes.
    Computed,
    /// It was looked up in the registry of `copyreg` by a code.
    Extension,
    /// An attribute of an instance that the pickle makes: the name is that of the class, with the attribute behind it.
    Bound,
}

/// A name that the pickle imports, once per name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The module that is imported, by the name that Python 3 uses.
    pub module: String,
    /// The name in it, with dots where attributes of it are taken. Empty for the module itself.
    pub name: String,
    /// Module and name as the pickle writes them, where a loader renames them.
    pub written: Option<(String, String)>,
    /// Where it is imported first.
    pub site: Site,
    /// The opcode that does it.
    pub opcode: &'static str,
    /// How the name came about.
    pub origin: Origin,
    /// How often it is imported.
    pub count: u64,
    /// Whether loaders fail before they reach it.
    pub after_damage: bool,
}

impl Import {
    /// `module.name`, as people write it.
    pub fn path(&self) -> String {
        if self.name.is_empty() {
            self.module.clone()
        } else {
            format!("{}.{}", self.module, self.name)
        }
    }
}

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Callee {
    /// An imported name.
    Import(ImportId),
    /// What a call of an imported name returned.
    Result(ImportId),
    /// An object that the loader supplies for a persistent id.
    Persistent,
    /// Something that could not be followed.
    Unknown,
}

/// What an instruction does with its callee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallKind {
    /// REDUCE: calls it.
    Reduce,
    /// NEWOBJ or NEWOBJ_EX: calls its `__new__`.
    New,
    /// INST or OBJ: makes an instance, or calls it.
    Instance,
    /// A call that the pickle brings about through another one: `map(f, …)`, `partial(f)()`.
    Indirect,
    /// `partial(f, …)`: nothing is called yet, whoever uses the object calls it.
    Bind,
}

/// A call, once per callee and kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// What is called.
    pub callee: Callee,
    /// How.
    pub kind: CallKind,
    /// The opcode of the first call.
    pub opcode: &'static str,
    /// The first call.
    pub site: Site,
    /// How often.
    pub count: u64,
    /// Arguments of the first calls, a few of them.
    pub samples: Vec<Vec<Expr>>,
    /// Imported names that are among the arguments of any of the calls, also inside containers.
    pub passes: Vec<ImportId>,
    /// Whether an argument could not be followed, so that it may be anything.
    pub passes_unknown: bool,
    /// Whether every one of them was followed to the name or value it returns (`getattr` of known things).
    pub followed: bool,
    /// Whether loaders fail before they reach it.
    pub after_damage: bool,
}

/// How an object is changed after it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WriteKind {
    /// BUILD: `__setstate__`, or attributes.
    State,
    /// SETITEM, SETITEMS: `obj[key] = value`.
    Items,
    /// APPEND, APPENDS: `obj.append(value)`.
    Append,
    /// ADDITEMS: `obj.add(value)`.
    Add,
}

/// A change of an object that is not a plain container, once per target and kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// [`Callee::Import`] where the imported thing itself is changed, [`Callee::Result`] for its instances.
    pub target: Callee,
    /// How.
    pub kind: WriteKind,
    /// The first one.
    pub site: Site,
    /// How often.
    pub count: u64,
    /// Attributes or keys that are written, the first few.
    pub keys: Vec<String>,
    /// Imported names among what is written.
    pub passes: Vec<ImportId>,
    /// Whether loaders fail before they reach it.
    pub after_damage: bool,
}

/// Text in the state of an object whose class runs it as code when it is unpickled, or a pickle that a call loads and
/// that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluated {
    /// The class.
    pub class: ImportId,
    /// The attribute that holds the text; empty where the state could not be followed, `argument` for a call.
    pub key: String,
    /// The text, where it could be followed.
    pub text: Option<String>,
    /// Where the object gets its state.
    pub site: Site,
}

/// A symbolic value, cut to what fits on a line.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number whose value does not matter.
    Number,
    /// Text, cut.
    Str(String),
    /// Bytes: the first few and how many there are.
    Bytes(Vec<u8>, u64),
    /// An imported name.
    Import(ImportId),
    /// What a call returned.
    Call(Box<Self>, Vec<Self>),
    /// A tuple.
    Tuple(Vec<Self>),
    /// A list.
    List(Vec<Self>),
    /// A dictionary.
    Dict(Vec<(Self, Self)>),
    /// A set.
    Set(Vec<Self>),
    /// An object that the loader supplies for an id.
    Persistent(Box<Self>),
    /// More than fits.
    More,
    /// Not followed.
    Unknown,
}

/// A place where two loaders read the same bytes differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differential {
    /// Where.
    pub site: Site,
    /// Who reads what, in one sentence without a full stop.
    pub words: String,
    /// Whether honest writers never produce it.
    pub deliberate: bool,
}

/// A code of the `copyreg` registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// The code.
    pub code: i64,
    /// Where it is used.
    pub site: Site,
    /// The name, where the pickle registers it itself.
    pub import: Option<ImportId>,
}

/// How a constant hides a pickle.
#[derive(Clone, Debug)]
pub struct Nested {
    /// The instruction that holds the constant.
    pub site: Site,
    /// How it is written: "base64", "zlib in hex"; empty if as it is.
    pub encoding: String,
    /// What unpickles it, if a call does.
    pub loaded_by: Option<ImportId>,
    /// How many constants hold the same program.
    pub count: u64,
    /// What it does.
    pub program: Box<Program>,
}

/// Bytes after the last stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailing {
    /// The first byte.
    pub offset: u64,
    /// How many.
    pub length: u64,
    /// Whether they are the raw storages of a torch file.
    pub storages: bool,
}

/// A persistent id.
#[derive(Clone, Debug, PartialEq)]
pub struct Persistent {
    /// Where the first one is.
    pub site: Site,
    /// The first ids.
    pub samples: Vec<Expr>,
    /// How many there are.
    pub count: u64,
}

/// What a file of pickles does.
#[derive(Clone, Debug)]
pub struct Program {
    /// How the file is laid out.
    pub flavour: Flavour,
    /// Who will load it.
    pub loader: Loader,
    /// The pickles in it.
    pub streams: Vec<Stream>,
    /// What they import.
    pub imports: Vec<Import>,
    /// What they call.
    pub calls: Vec<Call>,
    /// What they change.
    pub writes: Vec<Write>,
    /// Text that classes run as code.
    pub evaluated: Vec<Evaluated>,
    /// Objects that the loader is asked for.
    pub persistent: Option<Persistent>,
    /// Codes of the `copyreg` registry.
    pub extensions: Vec<Extension>,
    /// Pickles hidden in constants.
    pub nested: Vec<Nested>,
    /// Places that loaders read differently.
    pub differentials: Vec<Differential>,
    /// Bytes that belong to no stream.
    pub trailing: Option<Trailing>,
    /// A value that is exponentially larger than the pickle, and where it is made.
    pub expansion: Option<Site>,
    /// How the analysis ended.
    pub outcome: Outcome,
    /// Opcodes that were read.
    pub opcodes: u64,
    pub(crate) blob: Blob,
}
