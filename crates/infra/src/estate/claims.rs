//! Which reader a file belongs to, by its name and what it holds: one table.
//!
//! Names alone mislead (`values.yaml` and `config.json` are everybody's), so most lines ask for both. The first line that
//! fits decides.

use crate::{resource::file_name, settings};

/// What a file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// A recipe for an image.
    Dockerfile,
    /// A compose file.
    Compose,
    /// Objects of Kubernetes.
    Kubernetes,
    /// Terraform or OpenTofu.
    Terraform,
    /// The same in JSON.
    TerraformJson,
    /// Values for its variables.
    TerraformVariables,
    /// What Kustomize builds.
    Kustomization,
    /// What a chart of Helm says of itself.
    HelmChart,
    /// Values of a chart.
    HelmValues,
    /// A template of a chart.
    HelmTemplate,
    /// A cluster file of `ray up`.
    RayUp,
    /// A unit of systemd, or the programs of a supervisor.
    Unit,
    /// A script of a shell, or a list of processes.
    Script,
    /// The configuration of a platform itself.
    Settings,
    /// Variables: `.env` and its relatives.
    Environment,
    /// The configuration of a reverse proxy.
    ProxyConfiguration,
}

/// The syntax below a dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    Yaml,
    Json,
    Text,
}

impl Dialect {
    pub(crate) fn syntax(self) -> Syntax {
        match self {
            Self::Kustomization => Syntax::Yaml,
            Self::Compose | Self::Kubernetes | Self::RayUp | Self::HelmChart | Self::HelmValues => {
                Syntax::Yaml
            }
            Self::TerraformJson => Syntax::Json,
            Self::Terraform | Self::TerraformVariables => Syntax::Text,
            Self::Unit | Self::Script | Self::Settings | Self::HelmTemplate => Syntax::Text,
            Self::Dockerfile | Self::Environment | Self::ProxyConfiguration => Syntax::Text,
        }
    }
}

/// A line of the table: a dialect, what the file is called (in lower case), and what it holds.
struct Claim {
    dialect: Dialect,
    named: fn(&str) -> bool,
    holds: fn(&str) -> bool,
}

/// Endings of files that are about recipes and are none: `dockerfile.rs`, `dockerfile.vim`.
const SOURCES: [&str; 24] = [
    "c", "cc", "cpp", "css", "d", "go", "h", "html", "java", "js", "json", "lock", "lua", "md", "py", "rb",
    "rs", "rst", "ts", "toml", "txt", "vim", "yaml", "yml",
];

static CLAIMS: &[Claim] = &[
    Claim {
        dialect: Dialect::Kustomization,
        named: |n| matches!(n, "kustomization.yaml" | "kustomization.yml" | "kustomization"),
        holds: |_| true,
    },
    Claim {
        dialect: Dialect::HelmChart,
        named: |n| n == "chart.yaml" || n == "chart.yml",
        holds: |t| t.contains("apiVersion") && t.contains("name:"),
    },
    Claim {
        dialect: Dialect::HelmValues,
        named: |n| is_yaml(n) && n.starts_with("values"),
        holds: |_| true,
    },
    Claim {
        dialect: Dialect::RayUp,
        named: is_yaml,
        holds: |t| line_starts(t, &["head_start_ray_commands:"]),
    },
    Claim {
        dialect: Dialect::Unit,
        named: |n| n.ends_with(".service"),
        holds: |t| t.contains("[Service]"),
    },
    Claim {
        dialect: Dialect::Unit,
        named: |n| n.ends_with(".container"),
        holds: |t| t.contains("[Container]"),
    },
    Claim {
        dialect: Dialect::Unit,
        named: |n| n.ends_with(".conf"),
        holds: |t| t.contains("[Service]") || t.contains("[program:"),
    },
    Claim {
        dialect: Dialect::Script,
        named: |n| [".sh", ".bash", ".zsh"].iter().any(|e| n.ends_with(e)) || n == "procfile",
        holds: |_| true,
    },
    Claim {
        dialect: Dialect::Script,
        named: |n| !n.contains('.'),
        holds: |t| t.starts_with("#!") && t.lines().next().is_some_and(|l| l.ends_with("sh")),
    },
    Claim {
        dialect: Dialect::Dockerfile,
        named: |n| {
            let is_other = n.rsplit('.').next().is_some_and(|e| SOURCES.contains(&e));
            !is_other
                && ["dockerfile", "containerfile"].iter().any(|d| {
                    n == *d
                        || n.strip_prefix(d)
                            .is_some_and(|rest| rest.starts_with(['.', '-', '_']))
                        || n.strip_suffix(d).is_some_and(|rest| rest.ends_with('.'))
                })
        },
        holds: |_| true,
    },
    Claim {
        dialect: Dialect::Terraform,
        named: |n| n.ends_with(".tf") || n.ends_with(".tofu"),
        holds: |_| true,
    },
    Claim {
        dialect: Dialect::TerraformJson,
        named: |n| {
            [".tf.json", ".tofu.json", ".tfvars.json"]
                .iter()
                .any(|e| n.ends_with(e))
        },
        holds: |_| true,
    },
    Claim {
        dialect: Dialect::TerraformVariables,
        named: |n| n.ends_with(".tfvars"),
        holds: |_| true,
    },
    Claim {
        dialect: Dialect::Kubernetes,
        named: |n| is_yaml(n) || n.ends_with(".json"),
        holds: |t| t.contains("apiVersion") && t.contains("kind"),
    },
    Claim {
        dialect: Dialect::Compose,
        named: is_yaml,
        holds: |t| line_starts(t, &["services:", "include:"]),
    },
    // Values to install a chart with, beside the chart's own.
    Claim {
        dialect: Dialect::HelmValues,
        named: |n| {
            let ends = [".values.", "-values.", "_values."];
            is_yaml(n) && ends.iter().any(|e| n.contains(e))
        },
        holds: |_| true,
    },
    // The guide of JupyterHub's chart calls them `config.yaml`.
    Claim {
        dialect: Dialect::HelmValues,
        named: is_yaml,
        holds: |t| {
            let is_whole = |part: &&str| line_starts(t, &[*part]);
            let parts = ["hub:", "proxy:", "singleuser:"]
                .iter()
                .filter(|p| is_whole(p))
                .count();
            let inner = line_starts(t, &["jupyterhub:", "binderhub:", "daskhub:"]) && t.contains("  hub:");
            parts >= 2 || inner || (parts == 1 && t.contains("authenticator_class:"))
        },
    },
    Claim {
        dialect: Dialect::Environment,
        named: |n| n == ".env" || n.ends_with(".env") || n.starts_with(".env."),
        holds: |t| t.contains('='),
    },
    Claim {
        dialect: Dialect::ProxyConfiguration,
        named: |n| n.starts_with("caddyfile") || n.ends_with(".caddyfile"),
        holds: |_| true,
    },
    Claim {
        dialect: Dialect::ProxyConfiguration,
        named: |n| n.ends_with(".conf") || n.ends_with(".conf.template") || n.ends_with(".nginx"),
        holds: |t| t.contains("proxy_pass"),
    },
    Claim {
        dialect: Dialect::ProxyConfiguration,
        named: |n| n.contains("haproxy") && (n.ends_with(".cfg") || n.ends_with(".conf")),
        holds: |t| line_starts(t, &["frontend ", "listen "]),
    },
    Claim {
        dialect: Dialect::ProxyConfiguration,
        named: is_yaml,
        holds: |t| line_starts(t, &["static_resources:"]),
    },
];

/// The dialect of a file; `None` where no reader claims it.
pub fn dialect(path: &str, text: &str) -> Option<Dialect> {
    // A template has the name of what it makes; its folder and its braces tell.
    let in_templates = path.starts_with("templates/") || path.contains("/templates/");
    let is_template = [".yaml", ".yml", ".tpl"].iter().any(|e| path.ends_with(e));
    if in_templates && is_template && (text.contains("{{") || path.ends_with(".tpl")) {
        return Some(Dialect::HelmTemplate);
    }
    let name = file_name(path).to_ascii_lowercase();
    let in_values = path.starts_with("values/") || path.contains("/values/");
    let claimed = CLAIMS.iter().find(|c| (c.named)(&name) && (c.holds)(text));
    // Platforms have a table of their own.
    claimed
        .map(|c| c.dialect)
        .or_else(|| settings::is_one(path, text).then_some(Dialect::Settings))
        .or_else(|| (in_values && is_yaml(&name)).then_some(Dialect::HelmValues))
}

fn is_yaml(name: &str) -> bool {
    name.ends_with(".yaml") || name.ends_with(".yml")
}

/// Whether a line starts with one of these.
fn line_starts(text: &str, keys: &[&str]) -> bool {
    text.lines().any(|l| keys.iter().any(|k| l.starts_with(k)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_content_decide_together() {
        let table: &[(&str, &str, Option<Dialect>)] = &[
            ("a/Dockerfile", "FROM x", Some(Dialect::Dockerfile)),
            ("Dockerfile.gpu", "FROM x", Some(Dialect::Dockerfile)),
            ("serve.dockerfile", "FROM x", Some(Dialect::Dockerfile)),
            ("dockerfiles.txt", "FROM x", None),
            ("src/dockerfile.rs", "FROM x", None),
            (
                "deploy/stack.yml",
                "services:\n  a: {image: b}\n",
                Some(Dialect::Compose),
            ),
            ("a.yaml", "x: 1\n", None),
            (
                "c/Chart.yaml",
                "apiVersion: v2\nname: c\n",
                Some(Dialect::HelmChart),
            ),
            ("c/values.yaml", "a: 1\n", Some(Dialect::HelmValues)),
            ("c/prod.values.yaml", "a: 1\n", Some(Dialect::HelmValues)),
            (
                "config.yaml",
                "hub: {}\nsingleuser: {}\n",
                Some(Dialect::HelmValues),
            ),
            ("config.yaml", "proxy: {}\nlogging: {}\n", None),
            ("c/values/prod.yaml", "a: 1\n", Some(Dialect::HelmValues)),
            (
                "c/templates/a.yaml",
                "a: {{ .Values.a }}\n",
                Some(Dialect::HelmTemplate),
            ),
            ("x.service", "[Service]\nExecStart=a\n", Some(Dialect::Unit)),
            ("run", "#!/bin/sh\n", Some(Dialect::Script)),
            ("airflow.cfg", "[core]\n", Some(Dialect::Settings)),
            ("a.py", "c.JupyterHub.x = 1\n", Some(Dialect::Settings)),
            ("b.py", "x = 1\n", None),
            ("a.yml", "apiVersion: v1\nkind: Pod\n", Some(Dialect::Kubernetes)),
            (".env", "A=1\n", Some(Dialect::Environment)),
            ("prod.env", "A=1\n", Some(Dialect::Environment)),
            (
                "nginx.conf",
                "proxy_pass http://a;\n",
                Some(Dialect::ProxyConfiguration),
            ),
            ("other.conf", "a b\n", None),
        ];
        for (path, text, expected) in table {
            assert_eq!(dialect(path, text), *expected, "{path}");
        }
    }
}
