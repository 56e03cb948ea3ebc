//! VEX documents that the user names. None is ever looked for: whoever wrote what is audited does not excuse its flaws.

use crate::failure::Failure;
use std::path::{Path, PathBuf};
use wellhead_core::Budget;
use wellhead_engine::Config;
use wellhead_packages::vex::{VexDocument, read_vex};

/// Largest document that is read.
const MAX_VEX: u64 = 64 << 20;

/// Reads the documents of the command line and of the configuration, whose paths begin at `folder`.
pub(crate) fn documents(
    typed: &[PathBuf],
    config: &Config,
    folder: &Path,
) -> Result<Vec<VexDocument>, Failure> {
    let mut out = Vec::new();
    for path in typed {
        out.push(read(path, path)?);
    }
    for named in &config.vex {
        let document = read(&folder.join(&named.path), Path::new(&named.path)).map_err(|mut failure| {
            // A place in the document itself is nearer to what is wrong.
            failure
                .location
                .get_or_insert_with(|| Box::new(named.location.clone()));
            failure
        });
        out.push(document?);
    }
    Ok(out)
}

/// One document; `name` is how it is called in locations.
fn read(path: &Path, name: &Path) -> Result<VexDocument, Failure> {
    const HINT: &str = "give an OpenVEX document, or CycloneDX as JSON with `vulnerabilities`";
    let bytes = wellhead_sources::read_bounded(path, MAX_VEX)?;
    let shown = wellhead_core::code(&name.to_string_lossy());
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::new(format!("the VEX document {shown} is not UTF-8")).hint(HINT))?;
    read_vex(&name.to_string_lossy(), text, &mut Budget::default()).map_err(|e| Failure {
        message: format!("the VEX document {shown} cannot be read: {e}"),
        hints: vec![HINT.to_owned()],
        location: Some(e.location),
    })
}
