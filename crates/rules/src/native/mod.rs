//! Rules about native code and compiled Python as carriers: what nobody reads, and what runs all the same.
//!
//! A library of native code is no accusation, half of the wheels that matter have some. These rules tell of what it does
//! before anybody calls it, and of code that lies where the package says that there is none.

mod bytecode_not_of_source;
mod bytecode_without_source;
mod code_behind_media;
mod native_code_at_load;
mod packed_native_code;
mod started_script;
#[cfg(test)]
mod tests;
mod unexpected_native_code;

use crate::{Check, Registered};
use std::{collections::BTreeSet, sync::Arc};
use wellhead_core::ArtifactPath;
use wellhead_formats::{
    media::Tail,
    native::{Ability, Form, System},
};

pub(crate) static RULES: &[Registered] = &[
    Registered {
        rule: &bytecode_not_of_source::BYTECODE_NOT_OF_SOURCE,
        check: Check::Carriers(bytecode_not_of_source::check),
    },
    Registered {
        rule: &bytecode_without_source::BYTECODE_WITHOUT_SOURCE,
        check: Check::Carriers(bytecode_without_source::check),
    },
    Registered {
        rule: &code_behind_media::CODE_BEHIND_MEDIA,
        check: Check::Carriers(code_behind_media::check),
    },
    Registered {
        rule: &native_code_at_load::NATIVE_CODE_AT_LOAD,
        check: Check::Native(native_code_at_load::check),
    },
    Registered {
        rule: &packed_native_code::PACKED_NATIVE_CODE,
        check: Check::Native(packed_native_code::check),
    },
    Registered {
        rule: &started_script::STARTED_SCRIPT,
        check: Check::Carriers(started_script::check),
    },
    Registered {
        rule: &unexpected_native_code::UNEXPECTED_NATIVE_CODE,
        check: Check::Carriers(unexpected_native_code::check),
    },
];

/// What lies in one package beside its Python source and runs.
#[derive(Clone, Debug, Default)]
pub struct Carriers {
    /// What its wheel says of itself, where there is one.
    pub wheel: Option<WheelTags>,
    /// It is a source distribution: what is in it was not built yet.
    pub is_source: bool,
    /// Its native code.
    pub natives: Vec<CarriedNative>,
    /// Its compiled Python.
    pub compiled: Vec<Compiled>,
    /// Pictures and recordings with something behind their end.
    pub media: Vec<CarriedMedia>,
    /// Scripts of another language that Python code names which starts programs.
    pub scripts: Vec<CarriedScript>,
}

/// What the file `WHEEL` says.
#[derive(Clone, Debug)]
pub struct WheelTags {
    /// The file.
    pub artifact: ArtifactPath,
    /// It goes where only Python goes: `Root-Is-Purelib: true`.
    pub pure: bool,
    /// Its tags: `py3-none-any`.
    pub tags: Vec<String>,
}

/// A file of native code in a package.
#[derive(Clone, Debug)]
pub struct CarriedNative {
    /// The file.
    pub artifact: ArtifactPath,
    /// Whose loader reads it; of several, the first.
    pub system: System,
    /// How it is used.
    pub form: Form,
    /// It is for the processor of a computer, and not for that of a graphics card.
    pub is_general: bool,
    /// It is a module for Python.
    pub is_module: bool,
    /// What it can do, each with the function that does it; hostile text.
    pub abilities: Vec<(Ability, String)>,
}

/// A picture or recording with something behind its end.
#[derive(Clone, Debug)]
pub struct CarriedMedia {
    /// The file.
    pub artifact: ArtifactPath,
    /// What follows its end.
    pub tail: Tail,
    /// A Python file of the package that names it.
    pub named_in: Option<ArtifactPath>,
}

/// A script of another language.
#[derive(Clone, Debug)]
pub struct CarriedScript {
    /// The file.
    pub artifact: ArtifactPath,
    /// Its bytes.
    pub size: u64,
    /// Its names are those of a tool that hides what it does.
    pub is_obfuscated: bool,
    /// Places of secrets that it names.
    pub secrets: Vec<&'static str>,
    /// It speaks to the network.
    pub speaks: bool,
    /// The Python file that names it and starts programs.
    pub named_in: ArtifactPath,
}

/// Compiled Python in a package, and the names of the source that it should be of.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The file.
    pub artifact: ArtifactPath,
    /// The source that lies where Python looks for it.
    pub source: Option<Arc<SourceNames>>,
    /// Importing the module by its name runs this file, because it lies where Python looks for modules.
    pub importable: bool,
    /// No interpreter compares it with its source.
    pub unchecked: bool,
    /// The Python that writes it: 3 and 11.
    pub python: Option<(u8, u8)>,
    /// Names that its code uses, each once; hostile text.
    pub names: BTreeSet<String>,
    /// Callables that it calls, in the order of its code; hostile text.
    pub calls: Vec<String>,
}

/// The names of a source.
#[derive(Clone, Debug)]
pub struct SourceNames {
    /// The file.
    pub artifact: ArtifactPath,
    /// Every name that stands in it.
    pub names: BTreeSet<String>,
    /// All of it was read.
    pub whole: bool,
}
