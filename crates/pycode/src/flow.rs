//! Which function of a module runs which, so that what a module does can be told by when it does it.

use std::collections::VecDeque;

/// What a scope is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeKind {
    /// The module itself.
    Module,
    /// The body of a class.
    Class,
    /// A function or method.
    Function,
}

/// One scope: the module, a class body or a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowScope {
    /// `Class.method`; empty for the module.
    pub name: String,
    /// What it is.
    pub kind: ScopeKind,
    /// The scope round it; the module is its own.
    pub parent: usize,
    /// Scopes that run when this one does.
    pub leads: Vec<usize>,
}

/// All scopes of a module, the module itself first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// The scopes.
    pub scopes: Vec<FlowScope>,
}

/// When something in a module happens, the earliest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// When the module is imported.
    Import,
    /// When one of its classes is created, or a loader calls the function that it looks for by name.
    Load,
    /// When a method of one of its classes is called.
    Use,
    /// When somebody calls a function that nothing in the module calls, or runs the file as a program.
    Call,
}

impl Stage {
    /// The time in words, as the end of a sentence.
    pub fn when(self) -> &'static str {
        match self {
            Self::Import => "when it is imported",
            Self::Load => "when the model is created",
            Self::Use => "when the model is used",
            Self::Call => "when it is called",
        }
    }
}

/// Methods that creating, loading or unpickling an object runs.
const LOADS: &[&str] = &[
    "__init__",
    "__new__",
    "__post_init__",
    "__init_subclass__",
    "__setstate__",
    "__reduce__",
    "__getattr__",
    "__enter__",
    "__del__",
    "__class_getitem__",
    "__set_name__",
    "post_init",
    "build",
    "setup",
    "from_pretrained",
    "from_config",
    "_from_config",
    "from_dict",
    "_load_pretrained_model",
    "_load_state_dict",
    "load_state_dict",
    "_init_weights",
    "init_weights",
    "load",
    "load_model",
    "load_context",
    "initialize",
    "_info",
    "_split_generators",
    "_generate_examples",
];

/// Functions that loaders look for by name.
const HOOKS: &[&str] = &[
    "_load_pyfunc",
    "load_model",
    "model_fn",
    "handle",
    "init",
    "initialize",
    "register",
    "get_model",
    "build_model",
    "__getattr__",
    "__dir__",
    // Of build backends (PEP 517, PEP 660).
    "build_wheel",
    "build_sdist",
    "build_editable",
    "prepare_metadata_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "get_requires_for_build_wheel",
    "get_requires_for_build_sdist",
    "get_requires_for_build_editable",
    // Of extensions of Jupyter and IPython.
    "_load_jupyter_server_extension",
    "load_jupyter_server_extension",
    "_jupyter_server_extension_points",
    "_jupyter_server_extension_paths",
    "_jupyter_nbextension_paths",
    "_jupyter_labextension_paths",
    "load_ipython_extension",
];

/// Whether a program that loads plug-ins calls a function of that name.
pub fn is_plugin_hook(name: &str) -> bool {
    // Whatever begins so is a hook of pytest.
    name.starts_with("pytest_")
        || name.starts_with("_jupyter_")
        || matches!(
            name,
            "_load_jupyter_server_extension" | "load_jupyter_server_extension" | "load_ipython_extension"
        )
}

/// When a function runs that nothing in the module calls, by its name and whether it is a method.
pub(crate) fn stage_of(name: &str, in_class: bool) -> Stage {
    match in_class {
        true if LOADS.contains(&name) => Stage::Load,
        true => Stage::Use,
        false if HOOKS.contains(&name) || is_plugin_hook(name) => Stage::Load,
        false => Stage::Call,
    }
}

impl Flow {
    /// The scope of a definition by its name; the last one counts, as it does in Python.
    pub fn of_name(&self, name: &str) -> Option<usize> {
        self.scopes.iter().rposition(|s| s.name == name)
    }

    /// When each scope first runs, if nothing but a loader touches the module.
    pub fn stages(&self) -> Vec<Stage> {
        let mut stages = vec![Stage::Call; self.scopes.len()];
        self.spread(&mut stages, std::iter::once((0, Stage::Import)));
        let methods = self.scopes.iter().enumerate().skip(1).filter_map(|(at, scope)| {
            let name = scope.name.rsplit('.').next().unwrap_or_default();
            let parent = self.scopes.get(scope.parent)?;
            let in_class = match (scope.kind, parent.kind) {
                (ScopeKind::Function, ScopeKind::Class) => true,
                (ScopeKind::Function, ScopeKind::Module) => false,
                _ => return None,
            };
            Some((at, stage_of(name, in_class))).filter(|(_, stage)| *stage != Stage::Call)
        });
        let roots: Vec<_> = methods.collect();
        self.spread(&mut stages, roots.into_iter());
        stages
    }

    /// Lets scopes run at a stage, and everything that they lead to.
    pub fn spread(&self, stages: &mut [Stage], roots: impl Iterator<Item = (usize, Stage)>) {
        let mut waiting: VecDeque<(usize, Stage)> = roots.collect();
        while let Some((at, stage)) = waiting.pop_front() {
            let Some(known) = stages.get_mut(at) else { continue };
            if *known <= stage {
                continue;
            }
            *known = stage;
            let leads = self.scopes.get(at).map_or(&[][..], |s| s.leads.as_slice());
            waiting.extend(leads.iter().map(|to| (*to, stage)));
        }
    }
}
