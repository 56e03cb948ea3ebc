//! Maps and sets of names.
//!
//! Names come from hostile files, so the hash is seeded anew in every process; it need not be one that holds against
//! somebody who learns the seed, since nobody is told what it gives.

use foldhash::fast::RandomState;

pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
pub(crate) type HashSet<K> = std::collections::HashSet<K, RandomState>;
