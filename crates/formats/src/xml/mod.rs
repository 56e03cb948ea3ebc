//! XML, as far as reading it can do harm: what a parser opens, asks and expands on its own, and the layers of OpenVINO.
//!
//! The one decision: nothing is expanded and nothing is fetched. Declarations are read, and what a parser that follows
//! them would do is counted.

mod openvino;
mod scan;

pub(crate) use openvino::open as open_openvino;
pub use scan::{Declarations, Entity, EntityValue, External, Include, declarations};

/// Whether a text is an OpenVINO graph: a `net` with a name or a version, and layers.
pub(crate) fn is_openvino(text: &str) -> bool {
    let mut rest = text;
    // Behind the prolog, comments and a DOCTYPE.
    for _ in 0..16 {
        let Some(at) = rest.find('<') else { return false };
        rest = rest.get(at..).unwrap_or_default();
        if let Some(net) = rest.strip_prefix("<net") {
            return net.starts_with(|c: char| c.is_whitespace()) && rest.contains("<layers");
        }
        let end = if rest.starts_with("<!--") { "-->" } else { ">" };
        if !rest.starts_with("<?") && !rest.starts_with("<!") {
            return false;
        }
        let Some(end) = rest.find(end) else { return false };
        rest = rest.get(end..).unwrap_or_default();
    }
    false
}
