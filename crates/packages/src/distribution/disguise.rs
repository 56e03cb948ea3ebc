//! Programs under names that promise text, pictures or data.

use super::{AnomalyKind, MemberKind, Reader};
use wellhead_core::code;

/// Extensions that promise something which nothing runs.
const INERT: &[&str] = &[
    "txt", "md", "rst", "json", "toml", "ini", "cfg", "csv", "tsv", "html", "css", "xml", "yaml", "yml",
    "png", "jpg", "jpeg", "gif", "bmp", "ico", "svg", "webp", "wav", "mp3", "ogg", "mp4", "ttf", "woff",
    "woff2", "pdf", "po", "pyi", "log", "in", "typed",
];

pub(super) fn check(r: &mut Reader<'_>) {
    let parts = r.parts;
    for member in &parts.members {
        let name = member.path.rsplit('/').next().unwrap_or_default();
        let Some((stem, extension)) = name.rsplit_once('.') else {
            continue;
        };
        let extension = extension.to_ascii_lowercase();
        let kind = MemberKind::of(member.format);
        let program = matches!(kind, MemberKind::Native | MemberKind::Bytecode);
        let source = extension == "py" && matches!(kind, MemberKind::Native | MemberKind::Bytecode);
        if stem.is_empty() || !(source || program && INERT.contains(&extension.as_str())) {
            continue;
        }
        let words = format!(
            "{} is {} and its name promises none",
            code(&member.path),
            member.format.with_article()
        );
        r.tell(AnomalyKind::Disguised, Some(&member.path), None, words);
    }
}
