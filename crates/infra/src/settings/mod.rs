//! Configuration files of the platforms themselves, whatever they are written in.
//!
//! All of them end in the same list of settings by their route (`ServerApp.token`, `core.auth_backends`), each with its
//! place, so that a rule names a setting and not a syntax. A file counts for itself, and for the container that it is
//! mounted into.

pub(crate) mod ini;
mod python;

use crate::{
    cloud::Setting,
    estate::{Document, Reading},
    mapped::Mapped,
    resource::{Word, file_name},
};
use ini::Style;
use std::ops::Range;
use wellhead_core::Budget;
use wellhead_formats::text::{self, Node, Value};

/// How many settings of one file are kept, and how deep.
const MOST_SETTINGS: usize = 8192;
const DEEPEST: usize = 32;

/// A configuration file of a platform.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Whose it is.
    pub platform: Platform,
    /// Where the file stands; inside the container where it is mounted.
    pub path: String,
    /// Its settings in the order of the file; a setting of several values is there several times.
    pub settings: Vec<Setting>,
    /// All of it.
    pub span: Range<usize>,
}

impl Settings {
    /// A setting; the last one counts.
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.settings
            .iter()
            .rev()
            .find(|s| s.name.eq_ignore_ascii_case(name))
    }
}

/// Whose configuration a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Platform {
    /// Jupyter: Server, Lab, Notebook.
    Jupyter,
    /// `JupyterHub`.
    JupyterHub,
    /// `TorchServe`.
    TorchServe,
    /// What `MLflow` asks for a password.
    MlflowAuth,
    /// Airflow, and its web server.
    Airflow,
    /// Superset, which is configured as Airflow's web server is.
    Superset,
    /// Streamlit.
    Streamlit,
    /// Dask's scheduler and dashboard.
    Dask,
    /// `LiteLLM`.
    LiteLlm,
    /// `MLServer`.
    MlServer,
    /// Spark.
    Spark,
    /// Qdrant.
    Qdrant,
    /// Milvus.
    Milvus,
    /// Elasticsearch.
    Elasticsearch,
    /// The API server of `ClearML`.
    ClearMl,
    /// Grafana.
    Grafana,
    /// code-server.
    CodeServer,
    /// Values that are given to a chart of Helm.
    HelmValues,
}

#[derive(Clone, Copy)]
enum Syntax {
    Python,
    Json,
    Yaml,
    Toml,
    Lines(Style),
}

/// A platform, what its file is called and what it holds.
struct Shape {
    platform: Platform,
    named: fn(&str) -> bool,
    holds: fn(&str) -> bool,
    syntax: Syntax,
}

static SHAPES: &[Shape] = &[
    Shape {
        platform: Platform::JupyterHub,
        named: |n| n.ends_with(".py"),
        holds: |t| t.contains("c.JupyterHub.") || t.contains("c.Authenticator.") || t.contains("c.Spawner."),
        syntax: Syntax::Python,
    },
    Shape {
        platform: Platform::Jupyter,
        named: |n| n.ends_with(".py"),
        holds: |t| {
            [
                "c.ServerApp.",
                "c.NotebookApp.",
                "c.IdentityProvider.",
                "c.PasswordIdentityProvider.",
                "c.LabApp.",
                "c.VoilaConfiguration.",
            ]
            .iter()
            .any(|s| t.contains(s))
        },
        syntax: Syntax::Python,
    },
    Shape {
        platform: Platform::Jupyter,
        named: |n| n.starts_with("jupyter") && n.ends_with(".json"),
        holds: |t| t.contains("App\"") || t.contains("IdentityProvider\""),
        syntax: Syntax::Json,
    },
    Shape {
        platform: Platform::TorchServe,
        named: |n| n.ends_with(".properties"),
        holds: |t| {
            [
                "inference_address",
                "management_address",
                "model_store",
                "disable_token_authorization",
            ]
            .iter()
            .any(|s| t.contains(s))
        },
        syntax: Syntax::Lines(Style::Properties),
    },
    Shape {
        platform: Platform::MlflowAuth,
        named: |n| n.ends_with(".ini"),
        holds: |t| t.contains("[mlflow]"),
        syntax: Syntax::Lines(Style::Ini),
    },
    Shape {
        platform: Platform::Airflow,
        named: |n| n.ends_with("airflow.cfg"),
        holds: |_| true,
        syntax: Syntax::Lines(Style::Ini),
    },
    Shape {
        platform: Platform::Airflow,
        named: |n| n == "webserver_config.py",
        holds: |t| t.contains("AUTH_"),
        syntax: Syntax::Python,
    },
    Shape {
        platform: Platform::Superset,
        named: |n| n.starts_with("superset_config") && n.ends_with(".py"),
        holds: |_| true,
        syntax: Syntax::Python,
    },
    Shape {
        platform: Platform::Streamlit,
        named: |n| n == "config.toml",
        holds: |t| t.contains("[server]") || t.contains("[browser]"),
        syntax: Syntax::Toml,
    },
    Shape {
        platform: Platform::Dask,
        named: |n| matches!(n, "dask.yaml" | "distributed.yaml" | "dask.yml"),
        holds: |t| t.contains("distributed:"),
        syntax: Syntax::Yaml,
    },
    Shape {
        platform: Platform::LiteLlm,
        named: |n| n.ends_with(".yaml") || n.ends_with(".yml"),
        holds: |t| t.lines().any(|l| l.starts_with("model_list:")),
        syntax: Syntax::Yaml,
    },
    Shape {
        platform: Platform::MlServer,
        named: |n| n == "settings.json",
        holds: |t| {
            t.contains("\"http_port\"") || t.contains("\"parallel_workers\"") || t.contains("\"grpc_port\"")
        },
        syntax: Syntax::Json,
    },
    Shape {
        platform: Platform::Spark,
        named: |n| n == "spark-defaults.conf",
        holds: |t| t.contains("spark."),
        syntax: Syntax::Lines(Style::Spark),
    },
    Shape {
        platform: Platform::Milvus,
        named: |n| n.starts_with("milvus") && n.ends_with(".yaml"),
        holds: |t| t.contains("proxy:") || t.contains("common:"),
        syntax: Syntax::Yaml,
    },
    Shape {
        platform: Platform::Qdrant,
        named: |n| n.ends_with(".yaml") || n.ends_with(".yml"),
        holds: |t| {
            let top = |key: &str| t.lines().any(|l| l.starts_with(key));
            top("service:") && (t.contains("http_port") || t.contains("grpc_port") || t.contains("api_key"))
        },
        syntax: Syntax::Yaml,
    },
    Shape {
        platform: Platform::Elasticsearch,
        named: |n| n == "elasticsearch.yml",
        holds: |_| true,
        syntax: Syntax::Yaml,
    },
    Shape {
        platform: Platform::ClearMl,
        named: |n| n == "apiserver.conf",
        holds: |t| t.contains("auth"),
        syntax: Syntax::Lines(Style::Properties),
    },
    Shape {
        platform: Platform::Grafana,
        named: |n| n == "grafana.ini" || n == "custom.ini",
        holds: |t| t.contains("[auth") || t.contains("[security]"),
        syntax: Syntax::Lines(Style::Ini),
    },
    Shape {
        platform: Platform::CodeServer,
        named: |n| n == "config.yaml" || n == "config.yml",
        holds: |t| t.contains("bind-addr:") && t.contains("auth:"),
        syntax: Syntax::Yaml,
    },
];

fn shape(path: &str, text: &str) -> Option<&'static Shape> {
    let name = file_name(path).to_ascii_lowercase();
    SHAPES.iter().find(|s| (s.named)(&name) && (s.holds)(text))
}

/// Whether a file is the configuration of a platform.
pub(crate) fn is_one(path: &str, text: &str) -> bool {
    shape(path, text).is_some()
}

/// Reads a file that stands in the set as it is.
pub(crate) fn of_document(document: &Document, reading: &mut Reading<'_>) -> Option<Settings> {
    let text = reading.files.slice(&document.span);
    let word = Word {
        text: text.to_owned(),
        span: document.span.clone(),
        open: false,
    };
    if !reading.hold(text.len().saturating_mul(2), &document.span) {
        return None;
    }
    let all = reading.files.text();
    match read(&document.path, &word, all, reading.budget) {
        Ok(found) => found,
        Err(why) => {
            reading.gap(document.span.clone(), why);
            None
        }
    }
}

/// The values of a chart, whether or not the chart is there.
pub(crate) fn of_values(document: &Document, reading: &mut Reading<'_>) -> Option<Settings> {
    let root = document.root.as_ref()?;
    if !reading.hold(document.span.len().saturating_mul(2), &document.span) {
        return None;
    }
    Some(of_tree(root, &document.path, &document.span))
}

/// Values that are given to a chart in a file of something else.
pub(crate) fn of_tree(root: &Node, path: &str, span: &Range<usize>) -> Settings {
    Settings {
        platform: Platform::HelmValues,
        path: path.to_owned(),
        settings: flattened(root),
        span: span.clone(),
    }
}

/// Reads what a word holds as the file of that path, with the places in `all` from which the word was made.
pub(crate) fn read(
    path: &str,
    content: &Word,
    all: &str,
    budget: &mut Budget,
) -> Result<Option<Settings>, String> {
    let Some(shape) = shape(path, &content.text) else {
        return Ok(None);
    };
    let size = content.text.len() as u64;
    budget
        .steps(size)
        .and_then(|()| budget.memory(size))
        .map_err(|e| e.to_string())?;
    let text = content.text.as_str();
    let mut settings = match shape.syntax {
        Syntax::Python => python::assignments(text),
        Syntax::Lines(style) => ini::settings(text, style),
        Syntax::Json => flattened(&text::json(text, budget).map_err(|e| e.to_string())?),
        Syntax::Yaml => flattened(&text::yaml(text, budget).map_err(|e| e.to_string())?),
        Syntax::Toml => flattened(&text::toml(text, budget).map_err(|e| e.to_string())?),
    };
    let places = Places::new(content, all, budget).map_err(|e| e.to_string())?;
    for setting in &mut settings {
        setting.span = places.of(&setting.span);
        setting.value.span = places.of(&setting.value.span);
    }
    Ok(Some(Settings {
        platform: shape.platform,
        path: path.to_owned(),
        settings,
        span: content.span.clone(),
    }))
}

/// The YAML that a word holds, with the places in `all` from which the word was made.
pub(crate) fn yaml(content: &Word, all: &str, budget: &mut Budget) -> Result<Node, String> {
    let size = content.text.len() as u64;
    budget.steps(size).map_err(|e| e.to_string())?;
    let mut root = text::yaml(&content.text, budget).map_err(|e| e.to_string())?;
    let places = Places::new(content, all, budget).map_err(|e| e.to_string())?;
    root.relocate(&mut |span| places.of(span));
    Ok(root)
}

/// Leads from the bytes of a text to the bytes that it was made from.
struct Places {
    start: usize,
    /// Each byte's place, where the text does not stand there as it is.
    bytes: Option<Vec<usize>>,
}

impl Places {
    fn new(content: &Word, all: &str, budget: &mut Budget) -> Result<Self, wellhead_core::Exhausted> {
        let raw = all.get(content.span.clone()).unwrap_or_default();
        if raw.starts_with(&content.text) {
            return Ok(Self {
                start: content.span.start,
                bytes: None,
            });
        }
        budget.memory((content.text.len() as u64).saturating_mul(24))?;
        let mapped = Mapped::scalar(&content.text, all, &content.span);
        let mut bytes = Vec::with_capacity(content.text.len());
        for (i, c) in content.text.chars().enumerate() {
            let at = mapped.span(i..i.saturating_add(1)).start;
            bytes.extend((0..c.len_utf8()).map(|n| at.saturating_add(n)));
        }
        Ok(Self {
            start: content.span.start,
            bytes: Some(bytes),
        })
    }

    fn of(&self, span: &Range<usize>) -> Range<usize> {
        let Some(bytes) = &self.bytes else {
            return self.start.saturating_add(span.start)..self.start.saturating_add(span.end);
        };
        let start = bytes
            .get(span.start)
            .or(bytes.last())
            .copied()
            .unwrap_or(self.start);
        let last = span.end.checked_sub(1).and_then(|e| bytes.get(e)).copied();
        let end = last.map_or(start, |e| e.saturating_add(1));
        start..end.max(start)
    }
}

/// A tree as settings by their routes.
fn flattened(root: &Node) -> Vec<Setting> {
    let mut out = Vec::new();
    let place = root.span.clone();
    flatten(root, &place, "", 0, &mut out);
    out
}

fn flatten(node: &Node, place: &Range<usize>, route: &str, depth: usize, out: &mut Vec<Setting>) {
    if depth > DEEPEST || out.len() >= MOST_SETTINGS {
        return;
    }
    let deeper = depth.saturating_add(1);
    let text = match &node.value {
        Value::Table(entries) => {
            for e in entries {
                let route = if route.is_empty() {
                    e.key.clone()
                } else {
                    format!("{route}.{}", e.key)
                };
                let place = e.key_span.start..e.node.span.end.max(e.key_span.end);
                flatten(&e.node, &place, &route, deeper, out);
            }
            return;
        }
        Value::Array(items) => {
            for item in items {
                flatten(item, &item.span, route, deeper, out);
            }
            return;
        }
        Value::Null => String::new(),
        Value::Bool(b) => b.to_string(),
        Value::Number(text) | Value::String(text) => text.clone(),
    };
    out.push(Setting {
        name: route.to_owned(),
        value: Word {
            open: text.contains("${") || text.starts_with("os.environ/"),
            text,
            span: node.span.clone(),
        },
        span: place.clone(),
    });
}
