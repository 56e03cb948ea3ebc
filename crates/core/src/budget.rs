//! What reading one artifact may cost.
//!
//! Every reader takes `&mut Budget` and pays before it works. Running out is an ordinary outcome: the reader stops,
//! the artifact is "partly analysed" with the reason, and a finding says so. A budget belongs to one file of the
//! target together with all its members, so that the same file gets the same verdict whatever lies beside it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// The ceilings of one artifact.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How deep containers may nest.
    pub depth: u32,
    /// How many members all containers together may list.
    pub entries: u64,
    /// How many bytes may come out of decompression, all members together.
    pub expanded_bytes: u64,
    /// How many times larger than its compressed form a member may get, once it is over a mebibyte.
    pub ratio: u64,
    /// How many interpreter steps (pickle opcodes, syntax nodes, template tokens) may be taken.
    pub steps: u64,
    /// How many bytes of working memory a parser may hold at a time.
    pub memory: u64,
    /// How long the artifact may take.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 8,
            entries: 200_000,
            expanded_bytes: 8 << 30,
            ratio: 1_100,
            steps: 2_000_000_000,
            memory: 200 << 20,
            time: Duration::from_secs(120),
        }
    }
}

/// What ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Nesting of containers.
    Depth,
    /// Members of containers.
    Entries,
    /// Bytes out of decompression.
    ExpandedBytes,
    /// Growth of one member.
    Ratio,
    /// Interpreter steps.
    Steps,
    /// Working memory.
    Memory,
    /// Time.
    Time,
    /// Somebody pressed Ctrl-C.
    Cancelled,
}

/// A ceiling was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Exhausted {
    /// What ran out.
    pub resource: Resource,
    /// The ceiling, in the resource's unit (seconds for time).
    pub limit: u64,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.limit;
        match self.resource {
            Resource::Depth => write!(f, "nested deeper than {n} containers"),
            Resource::Entries => write!(f, "more than {n} members"),
            Resource::ExpandedBytes => write!(f, "expands to more than {n} bytes"),
            Resource::Ratio => write!(f, "expands to more than {n} times its size"),
            Resource::Steps => write!(f, "takes more than {n} steps"),
            Resource::Memory => write!(f, "needs more than {n} bytes of memory"),
            Resource::Time => write!(f, "takes longer than {n} seconds"),
            Resource::Cancelled => f.write_str("interrupted"),
        }
    }
}

/// How often the clock is looked at, in steps.
const CLOCK_EVERY: u64 = 1 << 16;

/// What is left of one artifact's [`Limits`].
#[derive(Clone, Debug)]
pub struct Budget {
    limits: Limits,
    depth: u32,
    entries: u64,
    expanded: u64,
    steps: u64,
    memory: u64,
    clock_at: u64,
    deadline: Instant,
    cancelled: Arc<AtomicBool>,
    first: Option<Exhausted>,
}

impl Budget {
    /// A fresh budget whose time starts now; `cancelled` ends it early.
    pub fn new(limits: Limits, cancelled: Arc<AtomicBool>) -> Self {
        let deadline = Instant::now()
            .checked_add(limits.time)
            .unwrap_or_else(Instant::now);
        Self {
            limits,
            depth: 0,
            entries: 0,
            expanded: 0,
            steps: 0,
            memory: 0,
            clock_at: CLOCK_EVERY,
            deadline,
            cancelled,
            first: None,
        }
    }

    /// The ceilings.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether the clock or a key ended the work, or may have: then another run may come to something else.
    pub fn depends_on_time(&self) -> bool {
        let late = Instant::now() >= self.deadline || self.cancelled.load(Ordering::Relaxed);
        let told = |why: Exhausted| matches!(why.resource, Resource::Time | Resource::Cancelled);
        late || self.first.is_some_and(told)
    }

    /// The first ceiling that was reached, if any.
    pub fn exhausted(&self) -> Option<Exhausted> {
        self.first
    }

    fn fail(&mut self, resource: Resource, limit: u64) -> Exhausted {
        let why = Exhausted { resource, limit };
        self.first.get_or_insert(why);
        why
    }

    /// Goes one container deeper; pair it with [`Budget::leave`].
    ///
    /// # Errors
    /// When containers nest too deep.
    pub fn enter(&mut self) -> Result<(), Exhausted> {
        if self.depth >= self.limits.depth {
            return Err(self.fail(Resource::Depth, self.limits.depth.into()));
        }
        self.depth = self.depth.saturating_add(1);
        Ok(())
    }

    /// Comes back from a container.
    pub fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Pays for `n` members.
    ///
    /// # Errors
    /// When there are too many.
    pub fn entries(&mut self, n: u64) -> Result<(), Exhausted> {
        self.entries = self.entries.saturating_add(n);
        if self.entries > self.limits.entries {
            return Err(self.fail(Resource::Entries, self.limits.entries));
        }
        self.check_clock()
    }

    /// Pays for `n` bytes that came out of decompression.
    ///
    /// # Errors
    /// When too many came out.
    pub fn expanded(&mut self, n: u64) -> Result<(), Exhausted> {
        self.expanded = self.expanded.saturating_add(n);
        if self.expanded > self.limits.expanded_bytes {
            return Err(self.fail(Resource::ExpandedBytes, self.limits.expanded_bytes));
        }
        self.check_clock()
    }

    /// Checks how much one member grows; small members may grow as they like.
    ///
    /// # Errors
    /// When it grows like a bomb.
    pub fn ratio(&mut self, compressed: u64, expanded: u64) -> Result<(), Exhausted> {
        let ceiling = compressed.max(1).saturating_mul(self.limits.ratio);
        if expanded > (1 << 20) && expanded > ceiling {
            return Err(self.fail(Resource::Ratio, self.limits.ratio));
        }
        Ok(())
    }

    /// Pays for `n` interpreter steps and now and then looks at the clock.
    ///
    /// # Errors
    /// When steps or time ran out.
    pub fn steps(&mut self, n: u64) -> Result<(), Exhausted> {
        self.steps = self.steps.saturating_add(n);
        if self.steps > self.limits.steps {
            return Err(self.fail(Resource::Steps, self.limits.steps));
        }
        if self.steps >= self.clock_at {
            self.clock_at = self.steps.saturating_add(CLOCK_EVERY);
            return self.check_clock();
        }
        Ok(())
    }

    /// Takes `n` bytes of working memory; give them back with [`Budget::release`].
    ///
    /// # Errors
    /// When a parser would hold too much.
    pub fn memory(&mut self, n: u64) -> Result<(), Exhausted> {
        let next = self.memory.saturating_add(n);
        if next > self.limits.memory {
            return Err(self.fail(Resource::Memory, self.limits.memory));
        }
        self.memory = next;
        Ok(())
    }

    /// Gives working memory back.
    pub fn release(&mut self, n: u64) {
        self.memory = self.memory.saturating_sub(n);
    }

    /// Looks at the clock and at Ctrl-C now.
    ///
    /// # Errors
    /// When the time is over or the run was cancelled.
    pub fn check_clock(&mut self) -> Result<(), Exhausted> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(self.fail(Resource::Cancelled, 0));
        }
        if Instant::now() > self.deadline {
            return Err(self.fail(Resource::Time, self.limits.time.as_secs()));
        }
        Ok(())
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(Limits::default(), Arc::new(AtomicBool::new(false)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tight() -> Budget {
        let limits = Limits {
            depth: 1,
            entries: 2,
            expanded_bytes: 10,
            steps: 3,
            memory: 4,
            ..Limits::default()
        };
        Budget::new(limits, Arc::default())
    }

    #[test]
    fn each_ceiling_is_reported_by_name_and_the_first_is_kept() {
        let mut b = tight();
        b.enter().unwrap();
        assert_eq!(
            b.enter().unwrap_err().to_string(),
            "nested deeper than 1 containers"
        );
        assert_eq!(b.entries(3).unwrap_err().to_string(), "more than 2 members");
        assert_eq!(
            b.expanded(11).unwrap_err().to_string(),
            "expands to more than 10 bytes"
        );
        assert_eq!(b.steps(4).unwrap_err().to_string(), "takes more than 3 steps");
        assert_eq!(
            b.memory(5).unwrap_err().to_string(),
            "needs more than 4 bytes of memory"
        );
        assert_eq!(b.exhausted().unwrap().resource, Resource::Depth);
    }

    #[test]
    fn memory_comes_back() {
        let mut b = tight();
        b.memory(4).unwrap();
        b.release(3);
        b.memory(3).unwrap();
    }

    #[test]
    fn ctrl_c_ends_a_long_loop() {
        let stop = Arc::new(AtomicBool::new(false));
        let mut b = Budget::new(Limits::default(), Arc::clone(&stop));
        stop.store(true, Ordering::Relaxed);
        assert_eq!(b.steps(CLOCK_EVERY).unwrap_err().resource, Resource::Cancelled);
    }

    #[test]
    fn a_small_member_may_grow_a_bomb_may_not() {
        let mut b = Budget::default();
        b.ratio(10, 100_000).unwrap();
        assert_eq!(b.ratio(1_000, 100 << 20).unwrap_err().resource, Resource::Ratio);
    }
}
