//! Distributions end to end from lists of members.
