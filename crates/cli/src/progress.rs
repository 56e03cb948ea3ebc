//! One line of totals on standard error, after 300 ms, on a terminal only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};
use wellhead_engine::Observer;

/// How long a run may be silent. Shorter runs never flicker.
const PATIENCE: Duration = Duration::from_millis(300);

/// Draws the line, if it is to be drawn.
pub(crate) struct Progress {
    begun: Instant,
    shown: bool,
    bar: OnceLock<ProgressBar>,
    total: std::sync::atomic::AtomicU64,
    done: std::sync::atomic::AtomicU64,
}

impl Progress {
    pub(crate) fn new(shown: bool) -> Self {
        Self {
            begun: Instant::now(),
            shown,
            bar: OnceLock::new(),
            total: 0.into(),
            done: 0.into(),
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

impl Observer for Progress {
    fn listed(&self, files: u64) {
        self.total.fetch_add(files, std::sync::atomic::Ordering::Relaxed);
    }

    fn judged(&self, path: &str) {
        use std::sync::atomic::Ordering::Relaxed;
        let done = self.done.fetch_add(1, Relaxed).saturating_add(1);
        if !self.shown || self.begun.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_init(|| {
            let bar = ProgressBar::with_draw_target(
                Some(self.total.load(Relaxed)),
                ProgressDrawTarget::stderr_with_hz(10),
            );
            if let Ok(style) = ProgressStyle::with_template("  Auditing {pos}/{len} files  {wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        bar.set_position(done);
        bar.set_message(wellhead_core::escape(path));
    }
}

/// A line about services that are asked, if it is to be drawn.
pub(crate) struct Asking {
    begun: Instant,
    shown: bool,
    bar: OnceLock<ProgressBar>,
}

impl Asking {
    pub(crate) fn new(shown: bool) -> Self {
        Self {
            begun: Instant::now(),
            shown,
            bar: OnceLock::new(),
        }
    }

    fn bar(&self) -> Option<&ProgressBar> {
        if !self.shown || self.begun.elapsed() < PATIENCE {
            return None;
        }
        Some(self.bar.get_or_init(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            if let Ok(style) = ProgressStyle::with_template("  {wide_msg}") {
                bar.set_style(style);
            }
            bar
        }))
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

impl wellhead_engine::LiveWatcher for Asking {
    fn tried(&self, done: u64, all: u64) {
        if let Some(bar) = self.bar() {
            bar.set_message(format!("Connecting: {done} of {all} ports tried"));
            bar.tick();
        }
    }

    fn asking(&self, service: &str) {
        if let Some(bar) = self.bar() {
            bar.set_message(format!("Asking {}", wellhead_core::escape(service)));
            bar.tick();
        }
    }
}

/// A line about bytes that come over a network, if it is to be drawn.
pub(crate) struct Transfer {
    begun: Instant,
    shown: bool,
    bar: OnceLock<ProgressBar>,
}

impl Transfer {
    pub(crate) fn new(shown: bool) -> Self {
        Self {
            begun: Instant::now(),
            shown,
            bar: OnceLock::new(),
        }
    }

    /// So much is there, of so much.
    pub(crate) fn at(&self, done: u64, all: Option<u64>) {
        if !self.shown || self.begun.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_init(|| {
            let target = ProgressDrawTarget::stderr_with_hz(10);
            let bar = ProgressBar::with_draw_target(all, target);
            let template = if all.is_some() {
                "  Fetching {wide_bar} {bytes}/{total_bytes}, {eta} left"
            } else {
                "  Fetching {pos}"
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        if let Some(all) = all {
            bar.set_length(all);
        }
        bar.set_position(done);
    }

    /// Says something on standard error without leaving half a bar there.
    pub(crate) fn say(&self, text: &str) {
        match self.bar.get() {
            Some(bar) => bar.suspend(|| crate::output::to_stderr(text)),
            None => crate::output::to_stderr(text),
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}
