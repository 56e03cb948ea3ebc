//! Findings on facts that are made by hand.
