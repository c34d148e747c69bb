//! How many requests an endpoint has at once, found out by what more of them do to the time that
//! each takes (adaptive concurrency).
//!
//! A bound that is written down is right for one machine and one kind of requests. This one follows
//! what an endpoint can do now, by the gradient of Envoy's adaptive concurrency filter and of
//! Netflix's concurrency-limits (`Gradient2Limit`): the time that requests take while it has hardly
//! anything to do, its *base*, against the time that they take now.
//!
//! - A *window* is what was sent since the last one ended. What was sent before says what an
//!   earlier limit has led to. Its time is the median of its first-byte times, which a few heavy
//!   requests do not move.
//! - Up to the base and what is tolerated above it, the limit grows: to what was in flight, as many
//!   times as the window was faster than that, and its square root more. So it grows only while it
//!   is felt.
//! - Beyond it, the limit falls in the same way. The root is what keeps a short queue at the
//!   endpoint: without one nobody would find out that there is room for more.
//! - The base is measured in windows in which `min` or fewer were in flight. If there was none for
//!   a while, the limit is lowered to `min` until there is: for one endpoint of a pool at a time,
//!   and not for long, so that the others take what it cannot.
//! - Before anything is known, nothing is limited but by `max`.
//!
//! A request costs a few steps, and the end of a window a look at its few hundred counters.

use std::time::Duration;

use crate::endpoint::EndpointIndex;
use crate::outlier::{Ended, Report};
use crate::quantile;
use crate::time::{Timestamp, nanos};

/// The shortest window.
pub const WINDOW: Duration = Duration::from_millis(100);
/// The fewest requests in a window.
pub const LEAST: u32 = 20;
/// The fewest requests in one that measures the base, which lasts longer than a limit.
pub const LEAST_BASE: u32 = 50;
/// The longest time that a limit is lowered to measure the base.
pub const MEASURING: Duration = Duration::from_secs(5);

/// Bounds of what a window multiplies a limit by, in parts per million.
const FALL_PPM: u64 = 250_000;
const RISE_PPM: u64 = 2_000_000;
/// Limits are kept in thousandths, so that small ones grow.
const MILLI: u64 = 1_000;

/// What a configuration says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The lowest limit, and the number in flight at which the base is measured; at least 1.
    pub min: u32,
    /// The highest limit; `min` or more.
    pub max: u32,
    /// How much longer than the base requests may take, in parts per million of it.
    pub tolerance_ppm: u32,
    /// How long a base is believed.
    pub interval: Duration,
}

impl Settings {
    /// The longest time that is no sign of too many requests, if the base is so long.
    fn tolerated_us(&self, base_us: u64) -> u64 {
        base_us + base_us * u64::from(self.tolerance_ppm) / 1_000_000
    }

    fn clamp(&self, limit_milli: u64) -> u64 {
        limit_milli.clamp(u64::from(self.min) * MILLI, u64::from(self.max) * MILLI)
    }
}

/// What is counted of the requests of a window.
#[derive(Debug)]
struct Window {
    begun: Timestamp,
    /// The most that were in flight.
    most: u32,
    requests: u32,
    /// First-byte times.
    times: Box<[u32; quantile::BUCKETS]>,
}

impl Window {
    fn new(begun: Timestamp) -> Self {
        Self {
            begun,
            most: 0,
            requests: 0,
            times: Box::new([0; quantile::BUCKETS]),
        }
    }

    fn restart(&mut self, now: Timestamp) {
        (self.begun, self.most, self.requests) = (now, 0, 0);
        self.times.fill(0);
    }

    fn count(&mut self, took_us: u64) {
        self.requests += 1;
        self.times[quantile::place(took_us.min(quantile::MOST_US))] += 1;
    }

    /// The lower median, at most a sixteenth too long, and above zero.
    fn median_us(&self) -> u64 {
        let rank = self.requests.div_ceil(2);
        let mut seen = 0;
        let reached = self.times.iter().position(|n| {
            seen += n;
            seen >= rank
        });
        reached.map_or(1, quantile::end_us).max(1)
    }
}

/// What is known of an endpoint.
#[derive(Debug)]
struct Row {
    owner: EndpointIndex,
    limit_milli: u64,
    /// How long requests take while there are few, in microseconds.
    base_us: Option<u64>,
    /// Until when that is believed.
    due: Timestamp,
    window: Window,
}

impl Row {
    fn new(now: Timestamp, owner: EndpointIndex, settings: &Settings) -> Self {
        Self {
            owner,
            limit_milli: settings.clamp(u64::MAX),
            base_us: None,
            due: now,
            window: Window::new(now),
        }
    }

    /// How long a request took, if it says anything. An error may be fast because it is one. A try
    /// without an answer took at least so long, which tells something once that is too long.
    fn took_us(&self, now: Timestamp, report: &Report, settings: &Settings) -> Option<u64> {
        let time = |took: Duration| nanos(took) / 1_000;
        match (report.ended, report.first_byte) {
            (Ended::Answered(429 | 500..), _) => None,
            (_, Some(first_byte)) => Some(time(first_byte)),
            (_, None) => {
                let tolerated_us = settings.tolerated_us(self.base_us?);
                Some(time(now.since(report.dispatched))).filter(|us| *us > tolerated_us)
            }
        }
    }

    /// A window of few requests has ended: the base comes halfway to what it says.
    fn measured(&mut self, now: Timestamp, settings: &Settings) {
        let median_us = self.window.median_us();
        let base_us = self
            .base_us
            .map_or(median_us, |base| (base + median_us) / 2);
        self.base_us = Some(base_us);
        self.due = now + settings.interval;
    }

    /// A window has ended: the limit follows it.
    fn adjust(&mut self, settings: &Settings) {
        let Some(base_us) = self.base_us else {
            return;
        };
        let median_us = self.window.median_us();
        let used_milli = self.limit_milli.min(u64::from(self.window.most) * MILLI);
        let ppm = settings.tolerated_us(base_us) * 1_000_000 / median_us;
        let scaled = used_milli * ppm.clamp(FALL_PPM, RISE_PPM) / 1_000_000;
        let wanted = scaled + (used_milli * MILLI).isqrt();
        let limit_milli = match ppm >= 1_000_000 {
            true => self.limit_milli.max(wanted),
            false => self.limit_milli.min(wanted),
        };
        self.limit_milli = settings.clamp(limit_milli);
    }
}

/// The limits of a pool's endpoints.
#[derive(Debug)]
pub struct State {
    settings: Settings,
    /// By slot.
    rows: Vec<Row>,
    /// The slot whose limit is lowered to measure its base, and until when at most.
    measuring: Option<(u32, Timestamp)>,
}

impl State {
    /// No endpoint yet.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self {
            settings,
            rows: Vec::new(),
            measuring: None,
        }
    }

    /// Applies a configuration and a table of endpoints by slot: known ones keep what was learned.
    pub fn update(
        &mut self,
        now: Timestamp,
        settings: Settings,
        endpoints: impl Iterator<Item = EndpointIndex>,
    ) {
        self.settings = settings;
        for (slot, owner) in endpoints.enumerate() {
            match self.rows.get_mut(slot) {
                Some(row) if row.owner == owner => {
                    row.limit_milli = settings.clamp(row.limit_milli)
                }
                Some(row) => {
                    *row = Row::new(now, owner, &settings);
                    self.measuring.take_if(|(at, _)| *at as usize == slot);
                }
                None => self.rows.push(Row::new(now, owner, &settings)),
            }
        }
    }

    /// The most that the endpoint in `slot` may have in flight now.
    #[must_use]
    pub fn limit(&self, slot: u32) -> u32 {
        if self.is_measuring(slot) {
            return self.settings.min;
        }
        let row = self.rows.get(slot as usize);
        row.map_or(u32::MAX, |row| (row.limit_milli / MILLI) as u32)
    }

    fn is_measuring(&self, slot: u32) -> bool {
        self.measuring.is_some_and(|(at, _)| at == slot)
    }

    /// A try at `who` has ended, which was one of so many in flight there. True if limits may have
    /// changed.
    pub fn judge(
        &mut self,
        now: Timestamp,
        who: EndpointIndex,
        in_flight: u32,
        report: &Report,
    ) -> bool {
        let given_up = self.give_up(now);
        let settings = self.settings;
        let row = self.rows.get_mut(who.slot as usize);
        let Some(row) = row.filter(|row| row.owner == who) else {
            return given_up;
        };
        row.window.most = row.window.most.max(in_flight);
        if report.dispatched >= row.window.begun
            && let Some(took_us) = row.took_us(now, report, &settings)
        {
            row.window.count(took_us);
            return self.close(now, who.slot) || given_up;
        }
        given_up
    }

    /// Ends the window of the endpoint in `slot` if that is time.
    fn close(&mut self, now: Timestamp, slot: u32) -> bool {
        let measures = self.is_measuring(slot);
        let row = &mut self.rows[slot as usize];
        let is_quiet = row.window.most <= self.settings.min;
        let least = if measures || is_quiet {
            LEAST_BASE
        } else {
            LEAST
        };
        if row.window.requests < least || now < row.window.begun + WINDOW {
            return false;
        }
        if measures || is_quiet {
            row.measured(now, &self.settings);
        }
        match measures {
            true => self.measuring = None,
            false => row.adjust(&self.settings),
        }
        row.window.restart(now);
        if now >= row.due && self.measuring.is_none() {
            self.measuring = Some((slot, now + MEASURING));
        }
        true
    }

    /// Ends a measurement that takes too long, with what it has found out. True if there was one.
    fn give_up(&mut self, now: Timestamp) -> bool {
        let Some((slot, _)) = self.measuring.take_if(|(_, until)| *until <= now) else {
            return false;
        };
        let row = &mut self.rows[slot as usize];
        row.due = now + self.settings.interval;
        if row.window.requests >= LEAST {
            row.measured(now, &self.settings);
        }
        row.window.restart(now);
        true
    }
}

#[cfg(test)]
mod tests;
