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
