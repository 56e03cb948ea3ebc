//! What Python runs at every start: lines of `.pth` and `.start` files, `sitecustomize`, `usercustomize`, `._pth`.

use super::{Gather, folder_of, is_code, join, name_of, pythons};
use std::{ops::Range, sync::Arc};
use wellhead_core::Outcome;
use wellhead_packages::installed::{
    Placement, PthUse, innocent, read_path_file, read_pth, read_start, read_venv_config, resolve,
};
use wellhead_pycode::{Module, Value};
use wellhead_rules::environment::{Effects, Hook, HookKind, Owner};
use wellhead_sources::environment::Node;

/// Largest file that Python is taken to run at its start.
const MAX_HOOK: usize = 4 << 20;
/// Most folders of one file that are looked at.
const MOST_ENTRIES: usize = 1000;
/// How deep imports of a hook are followed.
const FOLLOWED: usize = 3;
/// How folders of other machines begin.
const REMOTE: [&str; 2] = ["\\\\", "//"];
/// What the lines that are known by their content import of Python itself.
const STANDARD: [&str; 6] = [
    "os",
    "sys",
    "types",
    "importlib",
    "importlib.util",
    "importlib.machinery",
];
/// Modules that Python imports at every start if it finds them.
const CUSTOMIZE: [&str; 2] = ["sitecustomize", "usercustomize"];

impl Gather<'_, '_> {
    pub(super) fn hooks(&mut self) {
        for site in self.sites.clone() {
            for name in self.prefix.children(&site) {
                let path = join(&site, &name);
                if name.ends_with(".pth") {
                    self.pth(&site, &path);
                } else if name.ends_with(".start") {
                    self.start(&site, &path);
                }
            }
        }
        for library in self.libraries() {
            self.customized(&library);
        }
        for folder in ["", "bin", "Scripts"] {
            for name in self.prefix.children(folder) {
                if name.ends_with("._pth") {
                    self.path_file(&join(folder, &name));
                }
            }
        }
        self.configured();
    }

    /// The folders that are on the path of the interpreter without that anybody names them.
    fn libraries(&self) -> Vec<String> {
        let standard = pythons(self.prefix).flat_map(|lib| [format!("{lib}/lib-dynload"), lib]);
        let windows = self.sites.iter().any(|site| site.starts_with("Lib/"));
        let more = ["Lib", "DLLs", ""]
            .into_iter()
            .filter(|_| windows)
            .map(str::to_owned);
        let mut all: Vec<String> = self.sites.iter().cloned().chain(standard).chain(more).collect();
        // On systems without capital letters two of these may be one.
        all.dedup();
        all
    }

    /// `sitecustomize` and `usercustomize` of a folder: as source, as a package, as bytecode, as an extension.
    fn customized(&mut self, library: &str) {
        for name in self.prefix.children(library) {
            let (stem, rest) = name.split_once('.').unwrap_or((&name, ""));
            if !CUSTOMIZE.contains(&stem) {
                continue;
            }
            let path = join(library, &name);
            if rest.is_empty() {
                for module in ["__init__.py", "__init__.pyc"] {
                    self.customize(library, &join(&path, module));
                }
            } else if is_code(&name) {
                self.customize(library, &path);
            }
        }
    }

    /// What says where the standard library lies.
    fn configured(&mut self) {
        for folder in ["bin", "Scripts"] {
            let path = join(folder, "pyvenv.cfg");
            if self.prefix.look(&path) != Node::Missing {
                let text = self.text_of_hook(&path).unwrap_or_else(|_| Arc::from(""));
                let hook = self.hook(&path, &text, 0..text.len(), HookKind::InnerConfig);
                self.environment.hooks.push(hook);
            }
        }
        let Ok(text) = self.text_of_hook("pyvenv.cfg") else {
            return;
        };
        let home = read_venv_config(&text).home.unwrap_or_default();
        if home.starts_with('/') && self.prefix.is_open(&home) {
            let at = text.find(&home).unwrap_or_default();
            let span = at..at.saturating_add(home.len());
            let hook = self.hook("pyvenv.cfg", &text, span, HookKind::OpenFolder);
            self.environment.hooks.push(hook);
        }
    }

    /// The text of a file that Python runs at its start; of one that cannot be read it is said that it is run.
    fn hook_text(&mut self, path: &str) -> Option<Arc<str>> {
        let unread = match (self.prefix.look(path), self.text_of_hook(path)) {
            (Node::Folder | Node::Missing, _) => return None,
            (_, Ok(text)) if text.len() <= MAX_HOOK => return Some(text),
            (_, Ok(_)) => "it is larger than any honest one",
            (Node::Link { .. }, Err(_)) => "it is a link that leaves the environment",
            (_, Err(_)) => "it cannot be read",
        };
        self.suspects.insert(path.to_owned(), ());
        let hook = self.hook(path, &Arc::from(""), 0..0, HookKind::Unread(unread));
        self.environment.hooks.push(hook);
        None
    }

    fn text_of_hook(&self, path: &str) -> Result<Arc<str>, ()> {
        let bytes = self.prefix.text(path, MAX_HOOK.saturating_add(1)).ok_or(())?;
        Ok(Arc::from(String::from_utf8_lossy(&bytes)))
    }

    fn hook(&self, path: &str, text: &Arc<str>, span: Range<usize>, is: HookKind) -> Hook {
        Hook {
            artifact: self.artifact(path),
            text: Arc::clone(text),
            span,
            is,
            owner: self.owner(path),
            known: None,
            unvouched: Vec::new(),
            effects: Effects::default(),
        }
    }

    fn pth(&mut self, site: &str, path: &str) {
        let Some(text) = self.hook_text(path) else { return };
        let mut places = vec![site.to_owned()];
        for line in read_pth(&text) {
            let content = text.get(line.span.clone()).unwrap_or_default();
            match line.is {
                PthUse::Nothing => {}
                PthUse::Folder if places.len() > MOST_ENTRIES => {
                    let why = format!("more than {MOST_ENTRIES} folders are put on the path");
                    let artifact = self.artifact(path);
                    self.cover(artifact, Outcome::Partly { why });
                    break;
                }
                PthUse::Folder => {
                    let inside = self.path_entry(site, path, &text, line.span.clone());
                    places.push(inside.unwrap_or_default());
                }
                PthUse::Runs => {
                    self.suspects.insert(path.to_owned(), ());
                    let mut hook = self.hook(path, &text, line.span.clone(), HookKind::Line);
                    hook.known = innocent(content);
                    let module = wellhead_pycode::parse(content, &mut self.budget);
                    hook.effects = Effects::of(&module, &mut self.budget);
                    let names = imported(&module);
                    let mut found = Vec::new();
                    for name in &names {
                        let place = places.iter().find(|place| self.module(place, name).is_some());
                        found.extend(place.map(|place| (place.clone(), name)));
                        // What is imported from elsewhere is not what the line is known for.
                        if place.is_none() && !STANDARD.contains(&name.as_str()) {
                            hook.known = None;
                        }
                    }
                    let follow = hook.known.is_none();
                    for (site, name) in found {
                        let site = site.as_str();
                        self.follow(site, name, follow, FOLLOWED, &mut hook);
                    }
                    self.environment.hooks.push(hook);
                }
            }
        }
    }

    /// A folder that a line adds to the path: who may write to it, and whether Python runs something of it at once.
    /// Gives the folder where it is one of the environment.
    fn path_entry(&mut self, site: &str, path: &str, text: &Arc<str>, span: Range<usize>) -> Option<String> {
        let content = text.get(span.clone()).unwrap_or_default().trim_end();
        let windows = site.starts_with("Lib/");
        let placed = resolve(&self.prefix.absolute(), site, content, windows);
        let open = match &placed {
            _ if REMOTE.iter().any(|r| content.starts_with(r)) => true,
            Placement::Inside(_) => false,
            Placement::Outside => self
                .prefix
                .is_open(&absolute(&self.prefix.absolute(), site, content)),
        };
        if open {
            let hook = self.hook(path, text, span.clone(), HookKind::OpenFolder);
            self.environment.hooks.push(hook);
        }
        match placed {
            Placement::Inside(folder) => {
                if !self.libraries().contains(&folder) {
                    self.customized(&folder);
                }
                Some(folder)
            }
            Placement::Outside => {
                let names = CUSTOMIZE.map(|name| format!("{name}.py"));
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let found = self.prefix.beyond(content, &names);
                if !found.is_empty() {
                    let mut hook = self.hook(path, text, span, HookKind::Customize);
                    hook.unvouched = found;
                    self.environment.hooks.push(hook);
                }
                None
            }
        }
    }

    fn start(&mut self, site: &str, path: &str) {
        let Some(text) = self.hook_text(path) else { return };
        for entry in read_start(&text) {
            let Some(callable) = &entry.callable else { continue };
            self.suspects.insert(path.to_owned(), ());
            let mut hook = self.hook(path, &text, entry.span.clone(), HookKind::EntryPoint);
            if let Some((_, module)) = self.module(site, &entry.module) {
                // What is called at every start counts as what runs at import.
                let stages = module.flow.stages();
                let first = callable.split('.').next().unwrap_or_default();
                let called = module.flow.of_name(first);
                for deed in wellhead_pycode::deeds(&module, &mut self.budget) {
                    let early = Module::stage(deed.place, &stages) == wellhead_pycode::Stage::Import;
                    if early || called == Some(deed.place.scope) {
                        hook.effects.at_start.insert((deed.kind, deed.what, deed.given));
                    }
                }
            }
            self.follow(site, &entry.module, true, FOLLOWED, &mut hook);
            self.environment.hooks.push(hook);
        }
    }

    fn customize(&mut self, library: &str, path: &str) {
        match self.prefix.look(path) {
            Node::Missing | Node::Folder => return,
            _ => {}
        }
        self.suspects.insert(path.to_owned(), ());
        let text: Arc<str> = if path.ends_with(".py") {
            self.text_of_hook(path).unwrap_or_else(|()| Arc::from(""))
        } else {
            Arc::from("")
        };
        let mut hook = self.hook(path, &text, 0..0, HookKind::Customize);
        let module = wellhead_pycode::parse(&text, &mut self.budget);
        hook.effects = Effects::of(&module, &mut self.budget);
        // In the folder of the standard library nothing has a record; a maker of interpreters may have put it there.
        let standard = || self.libraries().iter().any(|l| l == library);
        if hook.owner == Owner::Nobody && !self.sites.iter().any(|s| s == library) && standard() {
            hook.owner = Owner::System;
        }
        self.environment.hooks.push(hook);
    }

    fn path_file(&mut self, path: &str) {
        let Some(text) = self.hook_text(path) else { return };
        let (folders, _) = read_path_file(&text);
        // The embeddable Python has one that stays beside it.
        let leaves = |f: &String| f.contains("..") || f.starts_with(['/', '\\']) || f.contains(':');
        // Elsewhere than on Windows nobody ships one.
        if folders.iter().any(leaves) || path.starts_with("bin/") {
            let hook = self.hook(path, &text, 0..text.len(), HookKind::PathFile);
            self.environment.hooks.push(hook);
        }
    }

    /// Looks at a module that a hook imports: whether a record vouches for it, and what it does.
    fn follow(&mut self, site: &str, name: &str, judged: bool, depth: usize, hook: &mut Hook) {
        let Some((path, module)) = self.module(site, name) else {
            return;
        };
        let vouched = matches!(self.owner(&path), Owner::Verified(_) | Owner::System);
        if !vouched {
            let shown = self.artifact(&path).to_string();
            if hook.unvouched.contains(&shown) {
                return;
            }
            hook.unvouched.push(shown);
            self.suspects.insert(path, ());
        }
        if !judged && vouched {
            return;
        }
        let effects = Effects::of(&module, &mut self.budget);
        hook.effects.merge(&Effects {
            at_start: effects.at_start,
            later: Default::default(),
        });
        let Some(depth) = depth.checked_sub(1) else { return };
        if !vouched {
            for name in imported(&module) {
                self.follow(site, &name, judged, depth, hook);
            }
        }
    }

    /// The module of a dotted name in a folder, with its path.
    fn module(&mut self, site: &str, name: &str) -> Option<(String, Module)> {
        let relative = name.replace('.', "/");
        if relative.is_empty() || relative.contains("..") {
            return None;
        }
        let path = [format!("{relative}/__init__.py"), format!("{relative}.py")]
            .into_iter()
            .map(|p| join(site, &p))
            .find(|p| self.listing.contains_key(p))?;
        let bytes = self.prefix.text(&path, MAX_HOOK)?;
        let module = wellhead_pycode::parse(&String::from_utf8_lossy(&bytes), &mut self.budget);
        Some((path, module))
    }

    /// What a file of Python does; nothing for what is none.
    pub(super) fn effects(&mut self, path: &str) -> Effects {
        let name = name_of(path);
        let scripts = matches!(folder_of(path), "bin" | "Scripts") && !name.contains('.');
        if !(name.ends_with(".py") || name.ends_with(".pyw") || scripts) {
            return Effects::default();
        }
        let Some(bytes) = self.prefix.text(path, MAX_HOOK) else {
            return Effects::default();
        };
        let module = wellhead_pycode::parse(&String::from_utf8_lossy(&bytes), &mut self.budget);
        Effects::of(&module, &mut self.budget)
    }
}

/// A folder that a line names, as an absolute path: relative ones start at the folder of the file.
fn absolute(prefix: &str, site: &str, folder: &str) -> String {
    if folder.starts_with('/') {
        return folder.to_owned();
    }
    format!("{prefix}/{site}/{folder}")
}

/// The modules that a line imports, by `import` and by calls with a constant name.
fn imported(module: &Module) -> Vec<String> {
    let mut names: Vec<String> = module.imports.iter().map(|i| i.path.clone()).collect();
    for call in &module.calls {
        let by_call = call
            .callees
            .iter()
            .any(|c| matches!(c.as_str(), "__import__" | "importlib.import_module"));
        if let (true, Some(Value::Text(name))) = (by_call, call.positional.first().map(|a| &a.value)) {
            names.push(name.clone());
        }
    }
    names.sort();
    names.dedup();
    names
}
