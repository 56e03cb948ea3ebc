//! The pickle machine: a symbolic interpreter that never builds a value.
