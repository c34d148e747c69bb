//! Outlier detection: endpoints are judged by what became of real requests.
//!
//! Four rules, each of which may be off. One acts at once: failures in a row. Three look at a
//! window when it ends, and compare endpoints with each other, so that a fault that all share (a
//! database is down) ejects nobody:
//!
//! - *error rate*: an endpoint's share of failures is above the pool's median by so much. Up to
//!   half of a pool can be found bad.
//! - *success rate* (Envoy's): its share of successes is below the mean by so many standard
//!   deviations. With k equally bad ones of n endpoints the deviation is at most the root of
//!   (n - k) / k: 1.9 is never reached once k / n is 21.7 % or more.
//! - *latency*: the median of its first-byte times is so many times the pool's median of those
//!   medians, and above it by an absolute least, too. Successes alone count: an error is fast.
//!
//! An ejected endpoint takes nothing for a time that doubles with each ejection in a row and comes
//! down by one for each window without. Then one request tries it: what becomes of that one decides
//! whether it returns. A request whose client left says nothing about the endpoint. Who may be
//! ejected at all (a share of the pool, never the last one) is the pool's to say.

mod rule;
mod window;

use std::time::Duration;

use crate::endpoint::EndpointIndex;
use crate::rng::Stream;
use crate::time::{Timestamp, nanos};

use rule::Standing;
pub use rule::{ErrorRate, Latency, SuccessRate};
use window::Window;

/// The part of an ejection that is drawn on top of it, one in so many at most, so that endpoints
/// ejected together do not return together.
const JITTER: u64 = 10;

/// What a configuration says about outliers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Failures in a row that eject; 0 for never.
    pub consecutive_failures: u32,
    /// The statuses that are failures.
    pub statuses: Statuses,
    /// How long the windows of the other rules are.
    pub window: Duration,
    /// Too many failures.
    pub error_rate: Option<ErrorRate>,
    /// Too few successes against the others.
    pub success_rate: Option<SuccessRate>,
    /// Too slow against the others.
    pub latency: Option<Latency>,
    /// How long the first ejection lasts; above zero.
    pub eject: Duration,
    /// How long one lasts at most.
    pub eject_max: Duration,
    /// The share of a pool's endpoints that may be ejected at once, in parts per million; one may
    /// be in any case.
    pub max_ejected_ppm: u32,
}

/// A set of statuses from 100 to 599.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statuses([u64; 8]);

impl Statuses {
    /// Adds a status; others than 100 to 599 are in no set.
    #[must_use]
    pub const fn with(mut self, status: u16) -> Self {
        if let 100..=599 = status {
            let at = status as usize - 100;
            self.0[at / 64] |= 1 << (at % 64);
        }
        self
    }

    /// Whether it has `status`.
    #[must_use]
    pub const fn contains(self, status: u16) -> bool {
        match status {
            100..=599 => self.0[(status as usize - 100) / 64] >> ((status - 100) % 64) & 1 == 1,
            _ => false,
        }
    }
}

/// Why an endpoint was ejected. The numbers are the trace's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Cause {
    /// Failures in a row.
    ConsecutiveFailures,
    /// The share of failures in a window.
    ErrorRate,
    /// The share of successes against the other endpoints.
    SuccessRate,
    /// The time to the first byte against the other endpoints.
    Latency,
    /// The request that was to try it failed.
    Trial,
}

impl Cause {
    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConsecutiveFailures => "consecutive_failures",
            Self::ErrorRate => "error_rate",
            Self::SuccessRate => "success_rate",
            Self::Latency => "latency",
            Self::Trial => "trial",
        }
    }
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With a complete response of this status, or a tunnel.
    Answered(u16),
    /// Without: no connection, a lost one, or no answer in time.
    Failed,
    /// The client left: nothing is known.
    Left,
}

/// What a try tells of its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// When the endpoint was picked for it.
    pub dispatched: Timestamp,
    /// How it ended.
    pub ended: Ended,
    /// From then to the head of the response, if one came.
    pub first_byte: Option<Duration>,
}

/// What a report led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Nothing.
    Nothing,
    /// It should be ejected.
    Guilty(Cause),
    /// The trial is void: another request is to try the endpoint.
    Void,
    /// The trial has ended well.
    Returned,
}

/// Where an endpoint stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Serves, since then: what was dispatched before tells nothing of it now.
    In(Timestamp),
    /// Takes nothing until then.
    Out(Timestamp),
    /// Waits for one request to try it, since then; whether that is under way.
    Trial(Timestamp, bool),
}

#[derive(Debug)]
struct Row {
    owner: EndpointIndex,
    phase: Phase,
    /// Failures in a row.
    streak: u32,
    /// Ejections, less windows without one.
    ejections: u32,
    /// Whether it was ejected in the present window.
    struck: bool,
    /// Counts all its ejections: what jitter is drawn by.
    number: u64,
    window: Window,
}

impl Row {
    fn new(owner: EndpointIndex, now: Timestamp, with_latency: bool) -> Self {
        Self {
            owner,
            phase: Phase::In(now),
            streak: 0,
            ejections: 0,
            struck: false,
            number: 0,
            window: Window::new(with_latency),
        }
    }
}

/// Outlier detection over a pool's endpoints.
#[derive(Debug)]
pub struct State {
    settings: Settings,
    /// By slot.
    rows: Vec<Row>,
    window_ends: Timestamp,
    /// The generator of jitter.
    stream: Stream,
}

impl State {
    /// No endpoint yet; the first window begins at `now`. `stream` draws the jitter.
    #[must_use]
    pub fn new(now: Timestamp, settings: Settings, stream: Stream) -> Self {
        Self {
            window_ends: now + settings.window,
            settings,
            rows: Vec::new(),
            stream,
        }
    }

    /// Draws the jitter from another stream from now on.
    pub fn draw_from(&mut self, stream: Stream) {
        self.stream = stream;
    }

    /// Applies a configuration and a table of endpoints by slot: known ones keep their state.
    pub fn update(
        &mut self,
        now: Timestamp,
        settings: Settings,
        endpoints: impl Iterator<Item = EndpointIndex>,
    ) {
        if settings.window != self.settings.window {
            self.window_ends = now + settings.window;
        }
        let with_latency = settings.latency.is_some();
        self.settings = settings;
        for (slot, owner) in endpoints.enumerate() {
            match self.rows.get_mut(slot) {
                Some(row) if row.owner == owner => row.window.measure(with_latency),
                Some(row) => *row = Row::new(owner, now, with_latency),
                None => self.rows.push(Row::new(owner, now, with_latency)),
            }
        }
    }

    /// Whether the endpoint in `slot` takes nothing now.
    #[must_use]
    pub fn is_out(&self, slot: u32) -> bool {
        let phase = self.rows.get(slot as usize).map(|row| row.phase);
        matches!(phase, Some(Phase::Out(_) | Phase::Trial(_, true)))
    }

    /// Whether the endpoint in `slot` was ejected and has not returned.
    #[must_use]
    pub fn is_ejected(&self, slot: u32) -> bool {
        let phase = self.rows.get(slot as usize).map(|row| row.phase);
        matches!(phase, Some(Phase::Out(_) | Phase::Trial(..)))
    }

    /// A request goes to the endpoint in `slot`. True if it is the one that tries it: from now on
    /// the endpoint takes nothing.
    pub fn pick(&mut self, slot: u32) -> bool {
        match self.rows.get_mut(slot as usize).map(|row| &mut row.phase) {
            Some(Phase::Trial(_, busy)) => !std::mem::replace(busy, true),
            _ => false,
        }
    }

    /// A try has ended.
    pub fn judge(&mut self, endpoint: EndpointIndex, report: &Report) -> Finding {
        let Some(row) = self.rows.get_mut(endpoint.slot as usize) else {
            return Finding::Nothing;
        };
        if row.owner != endpoint {
            return Finding::Nothing;
        }
        let failed = match report.ended {
            Ended::Answered(status) => Some(self.settings.statuses.contains(status)),
            Ended::Failed => Some(true),
            Ended::Left => None,
        };
        match (row.phase, failed) {
            (Phase::Out(_), _) => Finding::Nothing,
            (Phase::In(since) | Phase::Trial(since, _), _) if report.dispatched < since => {
                Finding::Nothing
            }
            (Phase::Trial(since, _), None) => {
                row.phase = Phase::Trial(since, false);
                Finding::Void
            }
            (Phase::Trial(..), Some(true)) => Finding::Guilty(Cause::Trial),
            (Phase::Trial(..), Some(false)) => Finding::Returned,
            (Phase::In(_), None) => Finding::Nothing,
            (Phase::In(_), Some(failed)) => {
                row.window.count(failed, report.first_byte);
                row.streak = if failed {
                    row.streak.saturating_add(1)
                } else {
                    0
                };
                match self.settings.consecutive_failures {
                    most @ 1.. if row.streak >= most => Finding::Guilty(Cause::ConsecutiveFailures),
                    _ => Finding::Nothing,
                }
            }
        }
    }

    /// Ejects `endpoint`.
    pub fn eject(&mut self, now: Timestamp, endpoint: EndpointIndex) {
        let (first, most) = (self.settings.eject, self.settings.eject_max);
        let Some(row) = self.rows.get_mut(endpoint.slot as usize) else {
            return;
        };
        let doublings = 1_u32 << row.ejections.min(30);
        let lasts = first.saturating_mul(doublings).min(most.max(first));
        let who = u64::from(endpoint.slot) << 32 | u64::from(endpoint.generation);
        let jitter = self
            .stream
            .child(who)
            .at(row.number)
            .below(nanos(lasts) / JITTER + 1);
        row.number += 1;
        row.ejections = row.ejections.saturating_add(1);
        row.struck = true;
        row.streak = 0;
        row.window.clear();
        row.phase = Phase::Out(now + lasts + Duration::from_nanos(jitter));
    }

    /// `endpoint` returns.
    pub fn restore(&mut self, now: Timestamp, endpoint: EndpointIndex) {
        if let Some(row) = self.rows.get_mut(endpoint.slot as usize) {
            row.phase = Phase::In(now);
        }
    }

    /// When to call [`State::pardon`] and [`State::close_window`] next.
    #[must_use]
    pub fn next_deadline(&self) -> Timestamp {
        let out = self.rows.iter().filter_map(|row| match row.phase {
            Phase::Out(until) => Some(until),
            Phase::In(_) | Phase::Trial(..) => None,
        });
        out.min().unwrap_or(Timestamp::MAX).min(self.window_ends)
    }

    /// An endpoint whose ejection is over by `now`: one request may try it.
    pub fn pardon(&mut self, now: Timestamp) -> Option<EndpointIndex> {
        let over = |row: &&mut Row| matches!(row.phase, Phase::Out(until) if until <= now);
        let row = self.rows.iter_mut().find(over)?;
        row.phase = Phase::Trial(now, false);
        Some(row.owner)
    }

    /// Ends the window if it is over by `now`. Returns who should be ejected, the worst first.
    pub fn close_window(&mut self, now: Timestamp) -> Vec<(EndpointIndex, Cause)> {
        if now < self.window_ends {
            return Vec::new();
        }
        let serving = self
            .rows
            .iter()
            .filter(|row| matches!(row.phase, Phase::In(_)));
        let standings: Vec<_> = serving
            .map(|row| Standing::of(row.owner, &row.window))
            .collect();
        let guilty = rule::judge(&self.settings, &standings);
        for row in &mut self.rows {
            row.window.clear();
            if !std::mem::take(&mut row.struck) && matches!(row.phase, Phase::In(_)) {
                row.ejections = row.ejections.saturating_sub(1);
            }
        }
        self.window_ends = now + self.settings.window;
        guilty
    }
}

#[cfg(test)]
mod tests;
