//! What Python runs at every start: lines of `.pth` and `.start` files, `sitecustomize`, `usercustomize`, `._pth`.

use super::{Gather, folder_of, join, name_of, pythons};
use std::{ops::Range, sync::Arc};
use wellhead_packages::installed::{PthUse, innocent, read_path_file, read_pth, read_start};
use wellhead_pycode::{Module, Value};
use wellhead_rules::environment::{Effects, Hook, HookKind, Owner};
use wellhead_sources::environment::Node;

/// Largest file that Python is taken to run at its start.
const MAX_HOOK: usize = 4 << 20;
/// How deep imports of a hook are followed.
const FOLLOWED: usize = 3;
/// Folders to which everybody may write.
const OPEN_FOLDERS: [&str; 5] = ["/tmp", "/var/tmp", "/dev/shm", "\\\\", "//"];

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
        let libraries: Vec<String> = self.sites.iter().cloned().chain(pythons(self.prefix)).collect();
        for library in libraries {
            for name in ["sitecustomize", "usercustomize"] {
                for path in [
                    format!("{name}.py"),
                    format!("{name}/__init__.py"),
                    format!("{name}.pyc"),
                ] {
                    self.customize(&library, &join(&library, &path));
                }
            }
        }
        for folder in ["", "bin", "Scripts"] {
            for name in self.prefix.children(folder) {
                if name.ends_with("._pth") {
                    self.path_file(&join(folder, &name));
                }
            }
        }
    }

    /// The text of a file that Python runs at its start; what cannot be read is said in the coverage.
    fn hook_text(&mut self, path: &str) -> Option<Arc<str>> {
        match self.prefix.text(path, MAX_HOOK) {
            Some(bytes) => Some(Arc::from(String::from_utf8_lossy(&bytes))),
            None => {
                self.suspects.insert(path.to_owned(), ());
                None
            }
        }
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
        for line in read_pth(&text) {
            let content = text.get(line.span.clone()).unwrap_or_default();
            match line.is {
                PthUse::Nothing => {}
                PthUse::Folder => {
                    let open = OPEN_FOLDERS.iter().any(|f| {
                        content
                            .strip_prefix(f)
                            .is_some_and(|r| f.len() == 2 || r.is_empty() || r.starts_with('/'))
                    });
                    if open {
                        let hook = self.hook(path, &text, line.span, HookKind::OpenFolder);
                        self.environment.hooks.push(hook);
                    }
                }
                PthUse::Runs => {
                    self.suspects.insert(path.to_owned(), ());
                    let mut hook = self.hook(path, &text, line.span.clone(), HookKind::Line);
                    hook.known = innocent(content);
                    let module = wellhead_pycode::parse(content, &mut self.budget);
                    hook.effects = Effects::of(&module, &mut self.budget);
                    let follow = hook.known.is_none();
                    for name in imported(&module) {
                        self.follow(site, &name, follow, FOLLOWED, &mut hook);
                    }
                    self.environment.hooks.push(hook);
                }
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
        let text: Arc<str> = if path.ends_with(".pyc") {
            Arc::from("")
        } else {
            match self.hook_text(path) {
                Some(text) => text,
                None => Arc::from(""),
            }
        };
        let mut hook = self.hook(path, &text, 0..0, HookKind::Customize);
        let module = wellhead_pycode::parse(&text, &mut self.budget);
        hook.effects = Effects::of(&module, &mut self.budget);
        // In the folder of the standard library nothing has a record; a maker of interpreters may have put it there.
        if hook.owner == Owner::Nobody && !self.sites.iter().any(|s| s == library) {
            hook.owner = Owner::System;
        }
        self.environment.hooks.push(hook);
    }

    fn path_file(&mut self, path: &str) {
        let Some(text) = self.hook_text(path) else { return };
        let (folders, _) = read_path_file(&text);
        // The embeddable Python has one that stays beside it.
        let leaves = |f: &String| f.contains("..") || f.starts_with(['/', '\\']) || f.contains(':');
        if folders.iter().any(leaves) {
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
