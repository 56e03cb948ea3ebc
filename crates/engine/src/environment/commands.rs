//! Commands of an environment: whoever activates it puts their folder before all others.

use super::{Gather, folder_of, name_of};
use wellhead_packages::distribution::{is_packaging_tool, is_system_tool};
use wellhead_rules::environment::{Command, CommandKind, Kind, Owner};
use wellhead_sources::environment::Node;

/// How much of a script is read to know its interpreter.
const HEAD: usize = 512;

impl Gather<'_, '_> {
    pub(super) fn commands(&mut self) {
        if !matches!(self.environment.kind, Kind::Virtual | Kind::Conda) {
            return;
        }
        let folders = self.prefix.commands();
        let files: Vec<(String, Node)> = folders
            .iter()
            .flat_map(|folder| {
                let start = format!("{folder}/");
                let below = self.listing.range(start.clone()..);
                below
                    .take_while(move |(path, _)| path.starts_with(&start))
                    .map(|(path, node)| (path.clone(), node.clone()))
            })
            .collect();
        for (path, node) in files {
            let name = name_of(&path).to_owned();
            let plain = name.strip_suffix(".exe").unwrap_or(&name).to_ascii_lowercase();
            let owner = self.owner(&path);
            let unowned = matches!(owner, Owner::Nobody);
            let shadows = is_system_tool(&plain) || (is_packaging_tool(&plain) && unowned);
            if shadows && self.is_of_conda(&path, &node) {
                continue;
            }
            if shadows {
                self.suspects.insert(path.clone(), ());
                self.command(&path, &name, CommandKind::Shadows, owner);
                continue;
            }
            if let Node::Link {
                target,
                inside: false,
            } = &node
                && is_interpreter(&plain)
                && target.starts_with('/')
                && self.prefix.is_open(target)
            {
                self.command(&path, &name, CommandKind::OpenInterpreter(target.clone()), owner);
                continue;
            }
            // The names of an interpreter lead to each other; what the last one is, is told once.
            let own_link = matches!(&node, Node::Link { target, inside: true } if !is_interpreter(name_of(target)))
                && is_interpreter(&plain);
            if node != Node::File && !own_link {
                continue;
            }
            let Some(head) = self.prefix.open(&path).ok().and_then(|b| b.bytes(0, HEAD).ok()) else {
                continue;
            };
            if !head.starts_with(b"#!") {
                continue;
            }
            if is_interpreter(&plain) && (unowned || own_link) {
                self.suspects.insert(path.clone(), ());
                self.command(&path, &name, CommandKind::FalseInterpreter, owner);
            } else if let Some(other) = self.foreign(&String::from_utf8_lossy(&head)) {
                self.command(&path, &name, CommandKind::Foreign(other), owner);
            }
        }
    }

    /// Whether conda installed it as it lies there: its prefixes hold tools of systems by their names.
    fn is_of_conda(&self, path: &str, node: &Node) -> bool {
        let fits = self.verified.contains(path) || matches!(node, Node::Link { inside: true, .. });
        let mut owners = self.owners.get(path).into_iter().flatten();
        fits && owners.any(|at| self.installed.get(*at).is_some_and(|one| one.conda))
    }

    fn command(&mut self, path: &str, name: &str, is: CommandKind, owner: Owner) {
        let command = Command {
            artifact: self.artifact(path),
            name: name.to_owned(),
            is,
            owner,
        };
        self.environment.commands.push(command);
    }

    /// The interpreter of a script, where it is a Python outside of the environment.
    fn foreign(&self, head: &str) -> Option<String> {
        let root = self.prefix.absolute();
        let mut lines = head.lines();
        let first = lines.next()?.strip_prefix("#!")?.trim();
        let mut interpreter = first.split_whitespace().next()?;
        // Paths with spaces and long ones hide behind a shell: `'''exec' "/path/python" "$0" "$@"`.
        if interpreter == "/bin/sh" {
            let second = lines.next()?.strip_prefix("'''exec' ")?;
            interpreter = second.trim_start_matches('"').split('"').next()?;
            interpreter = interpreter.split(" \"$0\"").next()?;
        }
        let is_python =
            name_of(interpreter).starts_with("python") || name_of(interpreter).starts_with("pypy");
        let own = [root.as_str(), self.prefix.shown.trim_end_matches('/')]
            .iter()
            .any(|r| !r.is_empty() && interpreter.starts_with(&format!("{r}/")));
        let foreign = is_python && interpreter.starts_with('/') && !own && !root.is_empty();
        // A path over a link may lead here all the same.
        (foreign && !self.prefix.leads_inside(folder_of(interpreter))).then(|| interpreter.to_owned())
    }
}

fn is_interpreter(name: &str) -> bool {
    let rest = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy"));
    rest.is_some_and(|r| r.chars().all(|c| c.is_ascii_digit() || c == '.'))
}
