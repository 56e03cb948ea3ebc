//! Files that another tool writes: the command that has it write them anew with another version of one package.

use super::Command;
use crate::manifest::{Manifest, ManifestKind};
use wellhead_core::ArtifactPath;

/// The command; nothing for files that people write.
pub(super) fn command(
    path: &ArtifactPath,
    manifest: &Manifest,
    package: &str,
    to: &str,
    text: Option<&str>,
) -> Option<Command> {
    let pin = format!("'{package}=={to}'");
    let requirements = matches!(
        manifest.kind,
        ManifestKind::Requirements | ManifestKind::Constraints
    );
    if requirements {
        let hashed =
            manifest.indexes.require_hashes || manifest.components.iter().any(|c| !c.hashes.is_empty());
        return hashed.then(|| compiled(path, &pin, text));
    }
    let upgrade = format!("--upgrade-package {pin}");
    // By name, since kinds differ in nothing else here.
    let (head, each, tail) = match manifest.kind.name() {
        "uv-lock" => ("uv lock".to_owned(), upgrade, String::new()),
        "poetry-lock" => ("poetry update".to_owned(), package.to_owned(), String::new()),
        "pdm-lock" => ("pdm update".to_owned(), package.to_owned(), String::new()),
        "pipfile-lock" => ("pipenv upgrade".to_owned(), pin, String::new()),
        "pylock" => (
            "uv pip compile".to_owned(),
            upgrade,
            format!("pyproject.toml -o {}", file(path)),
        ),
        "conda-lock" => (
            format!("conda-lock lock --lockfile {}", file(path)),
            format!("--update {package}"),
            String::new(),
        ),
        "conda-explicit" => (
            "conda install".to_owned(),
            format!("'{package}={to}'"),
            String::new(),
        ),
        "pixi-lock" => ("pixi update".to_owned(), package.to_owned(), String::new()),
        "installed" => ("python -m pip install".to_owned(), pin, String::new()),
        _ => return None,
    };
    Some(Command { head, each, tail })
}

/// The name of the file, quoted where a shell would take it apart.
fn file(path: &ArtifactPath) -> String {
    let name = path.top().rsplit('/').next().unwrap_or_default();
    let plain = !name.is_empty() && !name.starts_with('-') && name.chars().all(plain);
    if plain {
        name.to_owned()
    } else {
        format!("'./{}'", wellhead_core::escape(name).replace('\'', ""))
    }
}

fn plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '=' | '+' | ',')
}

/// Digests belong to one version, so the file has to be compiled again: by the command that it says it was made by, as long as
/// that is plain words.
fn compiled(path: &ArtifactPath, pin: &str, text: Option<&str>) -> Command {
    let said = text.unwrap_or_default().lines().take(12).find_map(|line| {
        let words = line.strip_prefix('#')?.trim();
        let known = ["uv pip compile ", "pip-compile "]
            .iter()
            .any(|c| words.starts_with(c));
        let plain = words.len() < 400 && words.split(' ').all(|w| w.chars().all(plain));
        (known && plain).then(|| words.to_owned())
    });
    let each = format!("--upgrade-package {pin}");
    let (head, tail) = match said {
        Some(command) => (command, String::new()),
        None => {
            let name = file(path);
            let source = name
                .strip_suffix(".txt")
                .map_or_else(|| "requirements.in".to_owned(), |stem| format!("{stem}.in"));
            (
                "uv pip compile --generate-hashes".to_owned(),
                format!("{source} -o {name}"),
            )
        }
    };
    Command { head, each, tail }
}
