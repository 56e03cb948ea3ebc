//! Workflows and actions of GitHub: jobs, the images they run in, the actions they use and the commands of their steps.
//!
//! A job is a [`Resource`] as a build stage is: its commands run in a machine of their own that nobody reaches, so they
//! are what builds, and nothing of it listens. What an expression (`${{ … }}`) stands for is not known from the bytes.

use crate::{
    resource::{Configuration, ConfigurationKind, Resource, Variable, Word},
    shell,
};
use std::sync::Arc;
use wellhead_core::{Budget, Outcome};
use wellhead_formats::text::{Entry, Node};

/// Understands the tree of a workflow or an action that was read from `text`; `None` where it is some other YAML file.
pub fn workflow(text: &str, root: &Node, budget: &mut Budget) -> Option<Configuration> {
    let jobs = root.get("jobs").map_or(&[][..], Node::entries);
    let runs = root.get("runs").filter(|r| r.get("using").is_some());
    let is_job = |job: &&Entry| {
        ["runs-on", "steps", "uses"]
            .iter()
            .any(|key| job.node.get(key).is_some())
    };
    if runs.is_none() && jobs.iter().find(is_job).is_none() {
        return None;
    }
    let mut reader = Reader {
        text,
        out: Vec::new(),
        outcome: Outcome::Analysed,
    };
    if let Some(env) = root.get("env") {
        let mut resource = Resource {
            span: env.span.clone(),
            ..Resource::default()
        };
        reader.environment(env, &mut resource);
        reader.out.push(resource);
    }
    for entry in jobs {
        if !reader.pay(&entry.node, budget) {
            break;
        }
        reader.job(entry);
    }
    if let Some(runs) = runs.filter(|runs| reader.pay(runs, budget)) {
        reader.action(runs);
    }
    Some(Configuration {
        text: Arc::from(text),
        kind: ConfigurationKind::Workflow,
        resources: reader.out,
        outcome: reader.outcome,
    })
}

/// Shells of which simple commands look alike; `python` is none of them.
const SHELLS: &[&str] = &["sh", "bash", "pwsh", "powershell", "cmd"];

struct Reader<'a> {
    text: &'a str,
    out: Vec<Resource>,
    outcome: Outcome,
}

impl Reader<'_> {
    fn pay(&mut self, node: &Node, budget: &mut Budget) -> bool {
        let paid = budget.steps((node.span.len() as u64).saturating_add(1));
        if let Err(why) = paid {
            self.outcome = Outcome::Partly { why: why.to_string() };
            return false;
        }
        true
    }

    fn job(&mut self, entry: &Entry) {
        let node = &entry.node;
        let mut resource = Resource {
            name: entry.key.clone(),
            span: entry.key_span.start..node.span.end.max(entry.key_span.end),
            image: node.get("container").and_then(|c| self.image(c)),
            ..Resource::default()
        };
        if let Some(env) = node.get("env") {
            self.environment(env, &mut resource);
        }
        if let Some(env) = node.get("container").and_then(|c| c.get("env")) {
            self.environment(env, &mut resource);
        }
        // A job may be a workflow of another repository.
        resource.uses.extend(node.get("uses").and_then(|n| self.word(n)));
        let services = node.get("services").map_or(&[][..], Node::entries);
        self.steps(node, &mut resource);
        self.out.push(resource);
        for service in services {
            let image = self.image(&service.node);
            let mut resource =
                self.imaged(&service.key, service.key_span.start..service.node.span.end, image);
            if let Some(env) = service.node.get("env") {
                self.environment(env, &mut resource);
            }
            self.out.push(resource);
        }
    }

    fn action(&mut self, runs: &Node) {
        let mut resource = Resource {
            span: runs.span.clone(),
            ..Resource::default()
        };
        if let Some(env) = runs.get("env") {
            self.environment(env, &mut resource);
        }
        self.steps(runs, &mut resource);
        self.out.push(resource);
        if let Some(word) = runs.get("image").and_then(|n| self.word(n)) {
            self.docker(&word);
        }
    }

    fn steps(&mut self, node: &Node, resource: &mut Resource) {
        for step in node.get("steps").map_or(&[][..], Node::items) {
            if let Some(env) = step.get("env") {
                self.environment(env, resource);
            }
            if let Some(word) = step.get("uses").and_then(|n| self.word(n)) {
                if word.text.starts_with("docker://") {
                    self.docker(&word);
                } else {
                    resource.uses.push(word);
                }
            }
            let Some(run) = step.get("run") else { continue };
            let shell = step.get("shell").and_then(Node::as_str).unwrap_or_default();
            let is_shell = shell.is_empty() || SHELLS.contains(&shell.split(' ').next().unwrap_or_default());
            if let Some(text) = run.as_text().filter(|_| is_shell) {
                resource
                    .build
                    .extend(shell::script_in(text, self.text, &run.span));
            }
        }
    }

    /// An image that a step runs: `docker://name:tag`.
    fn docker(&mut self, word: &Word) {
        let Some(name) = word.text.strip_prefix("docker://") else {
            return;
        };
        let image = Word {
            text: name.to_owned(),
            ..word.clone()
        };
        let resource = self.imaged("", word.span.clone(), Some(image));
        self.out.push(resource);
    }

    #[expect(
        clippy::unused_self,
        reason = "it stands with the other ways to make a resource"
    )]
    fn imaged(&self, name: &str, span: std::ops::Range<usize>, image: Option<Word>) -> Resource {
        Resource {
            name: name.to_owned(),
            span: span.start..span.end.max(span.start),
            image,
            ..Resource::default()
        }
    }

    /// `container: image` or `container: {image: …}`.
    fn image(&self, node: &Node) -> Option<Word> {
        self.word(node.get("image").unwrap_or(node))
    }

    fn word(&self, node: &Node) -> Option<Word> {
        let text = node.as_text()?;
        Some(Word {
            text: text.to_owned(),
            span: node.span.clone(),
            open: text.contains("${{"),
        })
    }

    fn environment(&self, list: &Node, resource: &mut Resource) {
        for entry in list.entries() {
            resource.environment.push(Variable {
                name: entry.key.clone(),
                value: self.word(&entry.node),
                span: entry.key_span.start..entry.node.span.end.max(entry.key_span.end),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wellhead_formats::text::yaml;

    fn shown(text: &str) -> String {
        let mut budget = Budget::default();
        let root = yaml(text, &mut budget).unwrap();
        let Some(found) = workflow(text, &root, &mut budget) else {
            return "no workflow".to_owned();
        };
        let mut rows = Vec::new();
        for r in &found.resources {
            let image = r.image.as_ref().map_or("", |i| i.text.as_str());
            let uses: Vec<&str> = r.uses.iter().map(|u| u.text.as_str()).collect();
            let or_dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
            rows.push(format!(
                "{} [{image}] {}",
                or_dash(r.name.clone()),
                or_dash(uses.join(" "))
            ));
            for variable in &r.environment {
                rows.push(format!(
                    "  {}={}",
                    variable.name,
                    variable.value.as_ref().map_or("", |w| &w.text)
                ));
            }
            for command in &r.build {
                let words: Vec<&str> = command.words.iter().map(|w| w.text.as_str()).collect();
                let place = &text[command.span()];
                assert!(place.starts_with(words[0]), "{place}");
                rows.push(format!("  $ {}", words.join(" ")));
            }
        }
        rows.join("\n")
    }

    #[test]
    fn jobs_say_what_they_use_and_run() {
        let text = "on: push\nenv: {A: b}\njobs:\n  build:\n    runs-on: ubuntu-latest\n    container: {image: 'py:3'}\n    env: {HF_ENDPOINT: https://m.example}\n    services:\n      db: {image: postgres}\n    steps:\n      - uses: actions/checkout@v4\n      - uses: docker://alpine:3\n      - run: |\n          pip install x\n          curl https://a.example/i | sh\n      - run: print(1)\n        shell: python\n      - run: pip install p\n        shell: pwsh\n  call:\n    uses: o/r/.github/workflows/w.yml@main\n";
        insta::assert_snapshot!(shown(text), @r"
        - [] -
          A=b
        - [alpine:3] -
        build [py:3] actions/checkout@v4
          HF_ENDPOINT=https://m.example
          $ pip install x
          $ curl https://a.example/i
          $ sh
          $ pip install p
        db [postgres] -
        call [] o/r/.github/workflows/w.yml@main
        ");
    }

    #[test]
    fn an_action_is_read_and_other_files_are_left_alone() {
        insta::assert_snapshot!(shown("name: a\nruns:\n  using: composite\n  steps:\n    - run: pip install y\n      shell: bash\n    - uses: o/a@v1\n"), @r"
        - [] o/a@v1
          $ pip install y
        ");
        for other in [
            "jobs: 3\n",
            "services: {a: {image: x}}\n",
            "jobs: {a: {schedule: x}}\n",
            "[]\n",
        ] {
            assert_eq!(shown(other), "no workflow", "{other}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(run in "[ -~\n]{0,60}") {
            let text = format!("jobs:\n  a:\n    steps:\n    - run: {run}\n");
            let mut budget = Budget::default();
            if let Ok(root) = yaml(&text, &mut budget) {
                let _ = workflow(&text, &root, &mut budget);
            }
        }
    }
}
