//! The only place that knows public hosts by name: users' files name them, and which of them are the real ones decides
//! what a finding says.

/// The simple interface of the Python Package Index.
pub(crate) const PYPI: &str = "https://pypi.org/simple";
