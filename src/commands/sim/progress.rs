//! Progress and an estimate, on standard error: a line that is drawn anew on a terminal, a line now
//! and then elsewhere.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "people wait in real time"
)]

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use evenkeel_sim::shrink::Step;
use evenkeel_sim::sweep::Progress;

/// Work that ends before this shows nothing.
const PATIENCE: Duration = Duration::from_millis(700);
/// How often a terminal's line is drawn.
const DRAW: Duration = Duration::from_millis(100);
/// How often a line is written where there is no terminal, while no run ends and while they do.
const WRITE: Duration = Duration::from_secs(15);
const WRITE_NEWS: Duration = Duration::from_secs(3);

pub(super) struct Bar {
    label: String,
    began: Instant,
    shown: Option<Instant>,
    /// Runs that had ended when it was shown.
    done: usize,
    terminal: bool,
}

impl Bar {
    pub(super) fn new(label: &str) -> Self {
        let terminal = stderr().is_terminal();
        Self {
            label: label.into(),
            began: Instant::now(),
            shown: None,
            done: 0,
            terminal,
        }
    }

    pub(super) fn show(&mut self, progress: Progress) {
        let Progress { done, all, share } = progress;
        self.draw(done, share, |label| {
            format!("{label}: {done} of {all} runs, {:.0} %", share * 100.0)
        });
    }

    /// Shrinking takes as many runs as it needs: what is left says more than a share.
    pub(super) fn shrunk(&mut self, step: &Step) {
        let Step { runs, budget, left } = step;
        self.draw(*runs as usize, 0.0, |label| {
            format!("{label}: {runs} of at most {budget} runs, {left} left")
        });
    }

    /// Fuzzing takes as long as it is told to.
    pub(super) fn fuzzed(&mut self, scenarios: usize, share: f64) {
        self.draw(scenarios, share, |label| {
            format!("{label}: {scenarios} scenarios, {:.0} %", share * 100.0)
        });
    }

    /// One long work, of which a share is done.
    pub(super) fn shared(&mut self, share: f64) {
        self.draw(0, share, |label| format!("{label}: {:.0} %", share * 100.0));
    }

    /// Writes a line if it is time for one; `share` of the work is done.
    fn draw(&mut self, done: usize, share: f64, line: impl FnOnce(&str) -> String) {
        let pause = match self.terminal {
            true => DRAW,
            false if done > self.done => WRITE_NEWS,
            false => WRITE,
        };
        let since = self.shown.unwrap_or(self.began).elapsed();
        if self.began.elapsed() < PATIENCE || since < pause {
            return;
        }
        self.shown = Some(Instant::now());
        self.done = done;
        let spent = self.began.elapsed().as_secs_f64();
        let left = if share > 0.01 {
            format!(", about {:.0} s left", (spent / share - spent).ceil())
        } else {
            String::new()
        };
        let line = line(&self.label) + &left;
        // Nobody to look at it is no reason to stop.
        let _ = if self.terminal {
            write!(stderr(), "\r\x1b[2K{line}")
        } else {
            writeln!(stderr(), "{line}")
        };
        let _ = stderr().flush();
    }

    pub(super) fn clear(&mut self) {
        if self.terminal && self.shown.is_some() {
            let _ = write!(stderr(), "\r\x1b[2K");
        }
    }
}
