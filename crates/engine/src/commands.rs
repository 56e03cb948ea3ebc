//! Commands that install, wherever they stand: recipes, workflows, scripts, notebooks, programs.
//!
//! Each becomes a manifest of its own. What installs from an ecosystem that no advisories are asked for is counted, so
//! that the report can say that it was not looked at.

mod hooks;

use crate::{artifact::Judge, facts::Fact, subjects::Input};
use std::{collections::BTreeMap, ops::Range};
use wellhead_core::{Budget, Outcome};
use wellhead_formats::{
    Document,
    text::{Node, Value},
};
use wellhead_infra::{Command, Configuration, ConfigurationKind, Variable, Word, script, script_in};
use wellhead_packages::manifest::{Spoken, installs_elsewhere, is_index_variable, read_installs};
use wellhead_pycode::{Call, Module, Value as PyValue};

/// What commands of one artifact install, under which variables.
#[derive(Default)]
struct Found {
    variables: Vec<(String, Word)>,
    commands: Vec<Command>,
}

impl Found {
    fn variable(&mut self, name: &str, text: &str, span: &Range<usize>) {
        if is_index_variable(name) {
            let word = Word {
                text: text.trim_matches(['"', '\'']).to_owned(),
                span: span.clone(),
                open: false,
            };
            self.variables.push((name.to_owned(), word));
        }
    }

    fn of(variables: &[Variable]) -> Self {
        let mut out = Self::default();
        for v in variables {
            if let Some(value) = &v.value {
                out.variable(&v.name, &value.text, &value.span);
            }
        }
        out
    }

    /// Hands over a manifest for each command that installs; `count` numbers those of one artifact.
    fn hand_over(&self, input: &Input<'_>, text: &str, judge: &mut Judge<'_, '_>, count: &mut usize) {
        fn spoken(word: &Word) -> Spoken<'_> {
            Spoken {
                text: &word.text,
                span: word.span.clone(),
            }
        }
        let variables: Vec<_> = self
            .variables
            .iter()
            .map(|(name, word)| (name.as_str(), spoken(word)))
            .collect();
        let commands: Vec<Vec<Spoken<'_>>> = self
            .commands
            .iter()
            .map(|c| c.variables.iter().chain(&c.words).map(spoken).collect())
            .collect();
        self.started(input, text, judge);
        let mut elsewhere: BTreeMap<&'static str, u64> = BTreeMap::new();
        for tool in commands.iter().filter_map(|words| installs_elsewhere(words)) {
            let n = elsewhere.entry(tool).or_default();
            *n = n.saturating_add(1);
        }
        let facts = &mut judge.result.facts;
        facts.extend(elsewhere.into_iter().map(|(tool, n)| Fact::Elsewhere(tool, n)));
        for manifest in read_installs(input.path, text, &variables, &commands) {
            // One artifact may install in many ways, and each is a manifest with its own indexes.
            *count = count.saturating_add(1);
            let place = input.path.member(format!("install {count}"));
            facts.push(Fact::Manifest(place, Box::new(manifest)));
        }
    }

    /// Keeps which programs the commands start, for what is said of packages that nobody imports.
    fn started(&self, input: &Input<'_>, text: &str, judge: &mut Judge<'_, '_>) {
        if input.path.nesting() > 0 || self.commands.is_empty() {
            return;
        }
        let mut first: BTreeMap<String, usize> = BTreeMap::new();
        for command in &self.commands {
            let words: Vec<&str> = command.words.iter().map(|w| w.text.as_str()).collect();
            let at = command.words.first().map_or(0, |w| w.span.start);
            for program in crate::reach::started(&words) {
                let known = first.entry(program.to_ascii_lowercase()).or_insert(at);
                *known = at.min(*known);
            }
        }
        let mut places: Vec<(usize, String)> = first.into_iter().map(|(program, at)| (at, program)).collect();
        places.sort();
        let (mut from, mut line) = (0, 1_u32);
        let mut started = crate::reach::Started::default();
        for (at, program) in places {
            let between = text.as_bytes().get(from..at).unwrap_or_default();
            let breaks = between.iter().filter(|b| **b == b'\n').count();
            line = line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
            from = from.max(at);
            started.programs.insert(program, line);
        }
        judge
            .result
            .facts
            .push(Fact::Started(input.path.clone(), started));
    }
}

/// The commands of a recipe, a compose file or a workflow.
pub(crate) fn of_configuration(
    input: &Input<'_>,
    configuration: &Configuration,
    judge: &mut Judge<'_, '_>,
) -> Outcome {
    let mut count = 0;
    let mut looked = 0_usize;
    // What a workflow sets for all its jobs stands first and by itself.
    let shared = configuration.resources.first().filter(|first| {
        configuration.kind == ConfigurationKind::Workflow && first.name.is_empty() && first.build.is_empty()
    });
    for resource in &configuration.resources {
        let mut found = Found::default();
        if let Some(first) = shared.filter(|first| !std::ptr::eq(*first, resource)) {
            found = Found::of(&first.environment);
        }
        found.variables.extend(Found::of(&resource.environment).variables);
        found
            .commands
            .extend(resource.build.iter().chain(&resource.start).cloned());
        let is_recipe = configuration.kind == ConfigurationKind::Dockerfile;
        let speaks = found.variables.iter().any(|(name, _)| is_index_variable(name));
        if found.commands.is_empty() && !speaks && !is_recipe {
            continue;
        }
        // Each is looked up in the whole text.
        looked = looked.saturating_add(configuration.text.len());
        if looked > MOST_LOOKED {
            return Outcome::Partly {
                why: "it starts too many programs to look through all for what they install".to_owned(),
            };
        }
        found.hand_over(input, &configuration.text, judge, &mut count);
    }
    Outcome::Analysed
}

/// How many bytes are gone through for the commands of one file.
const MOST_LOOKED: usize = 512 << 20;

/// The commands of scripts, of make's recipes and of other hosts' workflows.
pub(crate) fn of_text(input: &Input<'_>, judge: &mut Judge<'_, '_>, budget: &mut Budget) -> Outcome {
    let Some(file) = input.text() else {
        return Outcome::Analysed;
    };
    let text: &str = &file.text;
    let name = input.path.name();
    let read: Option<fn(&str) -> Found> = if is_shell(input) {
        Some(|text| Found {
            commands: script(text, 0),
            ..Found::default()
        })
    } else if is_make(name) {
        Some(make)
    } else if name == "tox.ini" {
        Some(tox)
    } else {
        None
    };
    let root = match &input.opened.document {
        Document::Data(data) if is_ci(input.path.leaf()) || hooks::is_one(name) => data.root.as_ref().ok(),
        _ => None,
    };
    if read.is_none() && root.is_none() {
        return Outcome::Analysed;
    }
    if let Err(e) = budget.steps((text.len() as u64).saturating_mul(8)) {
        return Outcome::Partly { why: e.to_string() };
    }
    let found = match (read, root) {
        (Some(read), _) => read(text),
        (None, Some(root)) if hooks::is_one(name) => hooks::read(root, &mut judge.result.facts),
        (None, Some(root)) => {
            let mut found = Found::default();
            pipeline(root, text, false, &mut found);
            found
        }
        (None, None) => return Outcome::Analysed,
    };
    found.hand_over(input, text, judge, &mut 0);
    Outcome::Analysed
}

fn is_shell(input: &Input<'_>) -> bool {
    let name = input.path.name();
    input.identity.format.name == "shell"
        || [".sh", ".bash", ".zsh", ".ksh"]
            .iter()
            .any(|end| name.ends_with(end))
}

fn is_make(name: &str) -> bool {
    matches!(
        name,
        "Makefile" | "makefile" | "GNUmakefile" | "justfile" | "Justfile"
    ) || name.ends_with(".mk")
}

/// Whether a file tells a host of code, other than by GitHub's conventions, what to run.
fn is_ci(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or_default();
    let folder = |f: &str| lower.starts_with(f) || lower.contains(&format!("/{f}"));
    name.ends_with("gitlab-ci.yml")
        || name.ends_with("gitlab-ci.yaml")
        || name.starts_with("azure-pipelines")
        || name.starts_with("bitbucket-pipelines.")
        || name.starts_with("taskfile.")
        || name.starts_with("cloudbuild.")
        || name.starts_with("buildspec.")
        || matches!(
            name,
            ".travis.yml"
                | ".drone.yml"
                | ".cirrus.yml"
                | "appveyor.yml"
                | ".readthedocs.yaml"
                | "devcontainer.json"
                | ".devcontainer.json"
                | ".gitpod.yml"
                | ".readthedocs.yml"
        )
        || [
            ".circleci/",
            ".gitlab/",
            ".buildkite/",
            ".azure/",
            ".woodpecker/",
            ".azure-pipelines/",
        ]
        .into_iter()
        .any(folder)
}

/// Keys under which commands stand, and keys under which variables do.
const COMMANDS: &[&str] = &[
    "script",
    "before_script",
    "after_script",
    "run",
    "bash",
    "pwsh",
    "powershell",
    "command",
    "commands",
    "cmds",
    "cmd",
    "install",
    "before_install",
    "after_success",
    "pre_install",
    "post_install",
    "build_script",
    "init",
    "before",
    "initializeCommand",
    "onCreateCommand",
    "updateContentCommand",
    "postCreateCommand",
    "postStartCommand",
    "postAttachCommand",
];
const VARIABLES: &[&str] = &["env", "variables", "environment", "env_vars"];

/// Takes what stands under such keys, however deep; the tree is no deeper than its reader allows.
fn pipeline(node: &Node, text: &str, commands: bool, found: &mut Found) {
    match &node.value {
        Value::String(script) if commands => found.commands.extend(script_in(script, text, &node.span)),
        Value::Array(items) => items
            .iter()
            .for_each(|item| pipeline(item, text, commands, found)),
        Value::Table(entries) => {
            for entry in entries {
                let key = entry.key.as_str();
                if VARIABLES.contains(&key) {
                    for v in entry.node.entries() {
                        let value = v.node.get("value").unwrap_or(&v.node);
                        found.variable(&v.key, value.as_text().unwrap_or_default(), &value.span);
                    }
                    for v in entry.node.items() {
                        let part = |key: &str| v.get(key).and_then(Node::as_text);
                        if let (Some(name), Some(value)) = (part("name"), part("value")) {
                            found.variable(name, value, &v.span);
                        }
                    }
                }
                pipeline(&entry.node, text, COMMANDS.contains(&key), found);
            }
        }
        _ => {}
    }
}

/// The recipes of a makefile: indented lines, without the marks in front of them.
fn make(text: &str) -> Found {
    let mut recipes = String::with_capacity(text.len());
    let mut goes_on = false;
    for line in text.split_inclusive('\n') {
        let is_recipe = goes_on || line.starts_with(['\t', ' ']);
        goes_on = is_recipe && line.trim_end().ends_with('\\');
        if !is_recipe {
            // Other lines keep their length, so that every place stays where it is.
            let (head, recipe) = line.split_at(recipe_behind(line));
            recipes.extend(head.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
            recipes.push_str(recipe);
            goes_on = !recipe.is_empty() && line.trim_end().ends_with('\\');
            continue;
        }
        let start = line.len().saturating_sub(line.trim_start().len());
        let marks = line
            .trim_start()
            .bytes()
            .take_while(|b| b"@-+".contains(b))
            .count();
        recipes.extend(std::iter::repeat_n(' ', start.saturating_add(marks)));
        recipes.push_str(line.get(start.saturating_add(marks)..).unwrap_or_default());
    }
    Found {
        commands: script(&recipes, 0),
        ..Found::default()
    }
}

/// Where in a line that names targets the recipe begins that stands behind a semicolon: `all: ; pip install x`.
fn recipe_behind(line: &str) -> usize {
    let colon = line
        .find(':')
        .filter(|i| !line.get(i.saturating_add(1)..).unwrap_or("=").starts_with('='));
    let is_rule = colon.filter(|i| !line.get(..*i).unwrap_or_default().contains(['=', '#', '"', '\'']));
    let behind = is_rule.and_then(|colon| {
        let semicolon = line.get(colon..)?.find(';')?.saturating_add(colon);
        let between = line.get(colon..semicolon)?;
        (!between.contains(['=', '#'])).then_some(semicolon.saturating_add(1))
    });
    behind.unwrap_or(line.len())
}

/// `deps` and `commands` of tox: each dependency is a line for pip.
fn tox(text: &str) -> Found {
    let mut found = Found::default();
    let mut key = String::new();
    let mut at = 0_usize;
    for line in text.split_inclusive('\n') {
        let start = at;
        at = at.saturating_add(line.len());
        let bare = line.trim_end();
        if bare.trim().is_empty() || bare.trim_start().starts_with(['#', ';']) {
            continue;
        }
        let mut value = bare;
        if bare.starts_with('[') {
            key.clear();
            continue;
        }
        if !bare.starts_with([' ', '\t']) {
            let Some((name, rest)) = bare.split_once('=') else {
                continue;
            };
            name.trim().clone_into(&mut key);
            value = rest;
        }
        // `py311: package` holds for some environments only.
        if let Some((when, rest)) = value.split_once(": ")
            && when
                .trim()
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_,.{}!".contains(c))
        {
            value = rest;
        }
        let offset = start.saturating_add((value.as_ptr() as usize).saturating_sub(line.as_ptr() as usize));
        match key.as_str() {
            "deps" | "requires" => found.commands.extend(dependency(value, offset)),
            "commands" | "commands_pre" => found.commands.extend(script(value, offset)),
            _ => {}
        }
    }
    found
}

/// A line of `deps`, as the command that tox makes of it.
fn dependency(line: &str, at: usize) -> Option<Command> {
    let line = line.split(" #").next().unwrap_or_default();
    let parts: Vec<&str> = if line.trim().starts_with('-') {
        line.split_whitespace().collect()
    } else {
        vec![line.trim()]
    };
    let words = parts.into_iter().filter(|p| !p.is_empty()).map(|part| {
        let from = (part.as_ptr() as usize).saturating_sub(line.as_ptr() as usize);
        let start = at.saturating_add(from);
        word(part, &(start..start.saturating_add(part.len())))
    });
    let words: Vec<Word> = words.collect();
    let span = words.first()?.span.clone();
    let verb = ["pip", "install"].map(|text| word(text, &span));
    Some(command(verb.into_iter().chain(words).collect()))
}

fn word(text: &str, span: &Range<usize>) -> Word {
    Word {
        text: text.to_owned(),
        span: span.clone(),
        open: false,
    }
}

/// The commands of notebook cells, and those that a program hands to a shell or to the system.
pub(crate) fn of_module(input: &Input<'_>, module: &Module, judge: &mut Judge<'_, '_>) {
    let mut found = Found::default();
    let mut open: Option<(String, Range<usize>)> = None;
    for command in &module.commands {
        // A line that goes on was cut where it ends.
        let (text, range) = match open.take() {
            Some((before, from)) => (
                before + &command.text,
                from.start..command.range.end.max(from.end),
            ),
            None => (command.text.clone(), command.range.clone()),
        };
        match text.strip_suffix('\\') {
            Some(before) => open = Some((before.to_owned(), range)),
            None => found
                .commands
                .extend(script_in(to_shell(&text), &module.text, &range)),
        }
    }
    if let Some((text, range)) = open {
        found
            .commands
            .extend(script_in(to_shell(&text), &module.text, &range));
    }
    let nox = input.path.name() == "noxfile.py";
    for call in &module.calls {
        found.commands.extend(called(call, nox, &module.text));
    }
    found.hand_over(input, &module.text, judge, &mut 0);
}

/// What a line of a notebook hands to a shell: `%system` and `%sx` are other names of `!`.
fn to_shell(line: &str) -> &str {
    let of = |magic: &str| line.strip_prefix(magic);
    of("system ").or_else(|| of("sx ")).unwrap_or(line)
}

/// What a call runs by way of IPython: the functions that `!`, `%` and `%%` stand for.
fn by_ipython(call: &Call) -> Option<String> {
    let of = |name: &str| {
        let method = |c: &String| {
            c.strip_suffix(name)
                .is_some_and(|c| c.ends_with("get_ipython()."))
        };
        call.callees.iter().any(method)
    };
    let text = |i: usize| call.positional.get(i).and_then(|a| a.value.texts().next());
    if ["system", "system_raw", "getoutput", "system_piped"]
        .into_iter()
        .any(of)
    {
        return text(0).map(str::to_owned);
    }
    if ["run_line_magic", "magic"].into_iter().any(of) {
        let line = format!("{} {}", text(0)?, text(1).unwrap_or_default());
        return Some(to_shell(&line).to_owned());
    }
    let shell = ["bash", "sh", "!", "sx", "system", "script"];
    let cell = of("run_cell_magic") && text(0).is_some_and(|magic| shell.contains(&magic));
    cell.then(|| text(2).map(str::to_owned)).flatten()
}

/// What a session of nox installs, or runs that installs.
fn by_nox(call: &Call) -> Option<Command> {
    let before: &[&str] = if call.is_method("install") {
        &["pip", "install"]
    } else if call.is_method("conda_install") {
        &["conda", "install"]
    } else if ["run", "run_always", "run_install"]
        .iter()
        .any(|name| call.is_method(name))
    {
        &[]
    } else {
        return None;
    };
    let said = call
        .positional
        .iter()
        .map(|a| word(a.value.texts().next().unwrap_or("$…"), &a.range));
    let mut words: Vec<Word> = before.iter().map(|t| word(t, &call.callee_range)).collect();
    words.extend(said);
    // One keyword of theirs names a channel.
    let channels = call.keywords.iter().filter(|k| k.name == "channel");
    for channel in channels.filter(|_| before.first() == Some(&"conda")) {
        if let Some(text) = channel.argument.value.texts().next() {
            words.extend(["-c", text].map(|t| word(t, &channel.argument.range)));
        }
    }
    Some(command(words))
}

/// What a call runs, as far as it is written out.
fn called(call: &Call, nox: bool, source: &str) -> Vec<Command> {
    let shell = [
        "os.system",
        "os.popen",
        "subprocess.getoutput",
        "subprocess.getstatusoutput",
    ];
    let lists = ["run", "call", "check_call", "check_output", "Popen"];
    let is_list = call.callees.iter().any(|c| {
        c.strip_prefix("subprocess.")
            .is_some_and(|name| lists.contains(&name))
    });
    let pip = ["pip.main", "pip._internal.main", "pip._internal.cli.main.main"];
    if nox && let Some(command) = by_nox(call) {
        return vec![command];
    }
    let placed = |text: &str, range: &Range<usize>| -> Vec<Command> {
        let mut commands = script(text, 0);
        for c in &mut commands {
            let words = c.variables.iter_mut().chain(&mut c.words);
            words.for_each(|w| w.span = range.clone());
        }
        commands
    };
    if let Some(text) = by_ipython(call) {
        return placed(&text, &call.range);
    }
    let Some(first) = call.positional.first() else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for value in first.value.alternatives() {
        match value {
            PyValue::Text(text) if is_list || shell.iter().any(|n| call.may_be(n)) => {
                out.extend(placed(text, &first.range));
            }
            // What is put together while it runs still shows how it begins.
            PyValue::Unknown if is_list || shell.iter().any(|n| call.may_be(n)) => {
                let raw = source.get(first.range.clone()).unwrap_or_default();
                out.extend(begun(raw).iter().flat_map(|text| placed(text, &first.range)));
            }
            PyValue::List(items) if is_list => out.push(command(listed(items, &first.range))),
            PyValue::List(items) if pip.iter().any(|n| call.may_be(n)) => {
                let mut words = vec![word("pip", &first.range)];
                words.extend(listed(items, &first.range));
                out.push(command(words));
            }
            _ => {}
        }
    }
    out
}

/// The beginning of a text that a program puts together, as far as it is written out: `"pip install x==" + version` and
/// `f"pip install {name}"`.
fn begun(raw: &str) -> Option<String> {
    // In a notebook it stands in a string of JSON.
    let raw = raw.replace("\\\"", "\"");
    let bare = raw.trim_start_matches(['f', 'F', 'r', 'R', '(', ' ']);
    let quote = bare.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = bare.trim_start_matches(quote);
    let end = inner.find(quote)?;
    let open = !inner.get(end..)?.trim_matches([quote, ')', ' ']).is_empty();
    let text = inner.get(..end)?;
    Some(if open {
        format!("{text}$…")
    } else {
        text.to_owned()
    })
}

fn command(words: Vec<Word>) -> Command {
    Command {
        words,
        ..Command::default()
    }
}

/// The words of a list; what is not written out is a variable.
fn listed(items: &[PyValue], range: &Range<usize>) -> Vec<Word> {
    let text = |value: &PyValue| match value {
        PyValue::Path(path) => format!("${{{path}}}"),
        value => value.texts().next().unwrap_or("$…").to_owned(),
    };
    items.iter().map(|v| word(&text(v), range)).collect()
}

/// Takes out what was counted of other ecosystems, and says it in one line.
pub(crate) fn elsewhere(facts: Vec<Fact>) -> (Vec<Fact>, Option<String>) {
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut rest = Vec::with_capacity(facts.len());
    for fact in facts {
        match fact {
            Fact::Elsewhere(tool, n) => {
                let count = counts.entry(tool).or_default();
                *count = count.saturating_add(n);
            }
            fact => rest.push(fact),
        }
    }
    let all: u64 = counts.values().sum();
    let listed: Vec<String> = counts.iter().map(|(tool, n)| format!("{n} by {tool}")).collect();
    let said = (all > 0).then(|| {
        let (commands, install) = if all == 1 { ("command", "installs") } else { ("commands", "install") };
        format!(
            "{all} {commands} that {install} packages of other ecosystems, which are not matched against advisories: {}",
            listed.join(", ")
        )
    });
    (rest, said)
}
