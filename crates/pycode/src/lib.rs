//! Python source and notebooks to behaviour: which calls are made with which arguments, what a module can do to its
//! host, and what a new version can do that the old one could not.
//!
//! Nothing is executed and nothing is guessed from text: a real parser builds the tree, names are followed through
//! imports and simple assignments, and what cannot be known stays [`Value::Unknown`]. The one decision: a rule never
//! sees syntax. It sees a [`Call`] with resolved names and folded arguments, so that `np.load(f, **{"allow_pickle":
//! True})` and `numpy.load(f, allow_pickle=True)` are the same thing to it.

#![deny(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::string_slice,
        reason = "tests may fail loudly"
    )
)]

mod behaviour;
mod capability;
mod compare;
mod deeds;
pub mod eval;
mod flow;
mod hash;
mod module;
mod notebook;
mod python;

pub use behaviour::{
    Analysis, Hop, Language, Layer, SinkKind, SinkRecord, SourceFile, SourceKind, analyse_package,
};
pub use capability::Capability;
pub use compare::{Behaviour, Change, Comparison, compare};
pub use deeds::{Deed, DeedKind, deeds};
pub use eval::command_runs_fetched;
pub use flow::{Flow, FlowScope, ScopeKind, Stage, is_plugin_hook};
pub use module::{
    Argument, AttributeWrite, Call, Command, EnvironmentWrite, Import, ImportCondition, Issue, Keyword,
    Module, Place, Use, Value,
};
pub use notebook::{notebook, notebook_code};
pub use python::foreign_encoding;
pub use python::names;
pub use python::parse;
pub use python::{Function, FunctionIndex, Overlap};
