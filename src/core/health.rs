//! Active health checks: who passes its probes.
//!
//! One state for each endpoint of a pool and each of its checks; an endpoint is up when all of its
//! checks are. Results count in a row: `fall` failures take an endpoint down, `rise` passes bring
//! it back, and the first pass ends the wait of a new one. While a state is in doubt, probes come
//! faster. The machine asks for a probe as data ([`Order`]); a shell performs it and reports.
//!
//! How long a fault stays unseen follows from the configuration alone: [`Check::detection`]; and
//! how long its end: [`Check::recovery`].

use std::time::Duration;

use crate::endpoint::EndpointIndex;
use crate::rng::Stream;
use crate::time::{Timestamp, nanos};

/// The part of an interval by which a probe may come early, one in so many: probes of many
/// endpoints and proxies drift apart, and none comes late, so that detection times hold.
pub const JITTER: u64 = 10;

/// What a configuration says of the checks of a pool's endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The checks, each with a name of its own; an endpoint has to pass all.
    pub checks: Vec<Check>,
    /// What an endpoint is before its first result: [`Standing::Checking`] or [`Standing::Up`].
    pub initial: Standing,
}

/// When one check probes, and what its results lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its identity: counters belong to it and survive a change of the rest.
    pub name: String,
    /// From the start of a probe to the start of the next.
    pub interval: Duration,
    /// The same while the state is in doubt: before the first result, and between a result that
    /// contradicts the state and the change that enough of them bring.
    pub interval_in_doubt: Duration,
    /// Longest time for a probe.
    pub timeout: Duration,
    /// Passes in a row that bring an endpoint up.
    pub rise: u32,
    /// Failures in a row that take it down.
    pub fall: u32,
}

impl Check {
    /// Mean and longest time from the end of a fault to the end of the probe that brings the
    /// endpoint back, if each probe passes after `passing`.
    #[must_use]
    pub fn recovery(&self, passing: Duration) -> (Duration, Duration) {
        self.found(self.rise, passing)
    }

    /// The first of `probes` in a row comes within an interval, the others while in doubt.
    fn found(&self, probes: u32, each: Duration) -> (Duration, Duration) {
        let certain = self.interval_in_doubt.max(each) * probes.saturating_sub(1) + each;
        (self.interval / 2 + certain, self.interval + certain)
    }

    /// Mean and longest time from a fault to the end of the probe that takes the endpoint down, if
    /// each probe fails after `failing` (a round trip where connections are refused, the timeout
    /// where nothing answers).
    #[must_use]
    pub fn detection(&self, failing: Duration) -> (Duration, Duration) {
        self.found(self.fall, failing.min(self.timeout))
    }
}

/// What is known of an endpoint by its checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Standing {
    /// Passes all checks, or has none.
    #[default]
    Up,
    /// Has not passed yet.
    Checking,
    /// Fails a check.
    Down,
}

impl Standing {
    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Checking => "checking",
            Self::Down => "down",
        }
    }
}

/// What a probe came to. The numbers are the trace's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// All that was expected.
    Passed,
    /// No connection.
    Refused,
    /// No end in time.
    Timeout,
    /// The connection was lost.
    Lost,
    /// What was said is not the protocol.
    Protocol,
    /// The status is not one that was expected.
    Status,
    /// A header is not as expected.
    Header,
    /// The body is not as expected.
    Body,
    /// It passed, but took too long to count.
    Slow,
}

impl Outcome {
    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Lost => "lost",
            Self::Protocol => "protocol",
            Self::Status => "status",
            Self::Header => "header",
            Self::Body => "body",
            Self::Slow => "slow",
        }
    }
}

/// A probe that a shell has to perform, and to report once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Whom it asks.
    pub endpoint: EndpointIndex,
    /// The check, by its place in [`Settings::checks`].
    pub check: u8,
    /// Counts the probes of this endpoint and check; a report names it.
    pub number: u32,
    /// When it has failed, if it has not ended.
    pub deadline: Timestamp,
}

/// An endpoint under one check.
#[derive(Clone, Copy, Debug)]
struct Track {
    standing: Standing,
    /// Results in a row that contradict the standing.
    streak: u32,
    /// Whether any probe has failed.
    blemished: bool,
    /// When the next probe is due; never while one is under way.
    next: Timestamp,
    /// When the latest probe began.
    began: Timestamp,
    /// Probes so far.
    number: u32,
}

impl Track {
    const fn new(now: Timestamp, standing: Standing) -> Self {
        Self {
            standing,
            streak: 0,
            blemished: false,
            next: now,
            began: now,
            number: 0,
        }
    }

    /// The same of a check that stands elsewhere in its list now. A report names a check by its
    /// place, so that of a probe under way will not come: it is begun anew.
    fn moved(self, now: Timestamp) -> Self {
        Self {
            next: match self.next {
                Timestamp::MAX => now,
                next => next,
            },
            ..self
        }
    }

    fn is_in_doubt(&self) -> bool {
        self.standing == Standing::Checking || self.streak > 0
    }

    fn count(&mut self, check: &Check, passed: bool) {
        self.blemished |= !passed;
        let (contradicts, needed, then) = match (self.standing, passed) {
            (Standing::Checking, true) => (true, 1, Standing::Up),
            (Standing::Down, true) => (true, check.rise, Standing::Up),
            (Standing::Checking | Standing::Up, false) => (true, check.fall, Standing::Down),
            (Standing::Up, true) | (Standing::Down, false) => (false, 0, self.standing),
        };
        self.streak = if contradicts { self.streak + 1 } else { 0 };
        if contradicts && self.streak >= needed {
            self.standing = then;
            self.streak = 0;
        }
    }
}

/// An endpoint under all checks.
#[derive(Debug)]
struct Row {
    owner: EndpointIndex,
    /// Whether it is to be probed.
    wanted: bool,
    tracks: Vec<Track>,
}

impl Row {
    fn standing(&self) -> Standing {
        let worst = self.tracks.iter().map(|t| t.standing);
        worst.max_by_key(|s| *s as u8).unwrap_or_default()
    }
}

/// The checks of a pool's endpoints.
#[derive(Debug)]
pub struct State {
    settings: Settings,
    /// By slot.
    rows: Vec<Row>,
    /// The generator of jitter.
    stream: Stream,
}

impl State {
    /// No endpoint yet. `stream` draws the jitter.
    #[must_use]
    pub fn new(settings: Settings, stream: Stream) -> Self {
        Self {
            settings,
            rows: Vec::new(),
            stream,
        }
    }

    /// Draws the jitter from another stream from now on.
    pub fn draw_from(&mut self, stream: Stream) {
        self.stream = stream;
    }

    /// Applies a configuration and a table of endpoints (by slot, and whether each is to be
    /// probed): endpoints and checks that are known keep their state.
    pub fn update(
        &mut self,
        now: Timestamp,
        settings: Settings,
        endpoints: impl Iterator<Item = (EndpointIndex, bool)>,
    ) {
        let before = std::mem::replace(&mut self.settings, settings);
        let place = |check: &Check| before.checks.iter().position(|b| b.name == check.name);
        let known: Vec<Option<usize>> = self.settings.checks.iter().map(place).collect();
        let fresh = Track::new(now, self.settings.initial);
        for (slot, (owner, wanted)) in endpoints.enumerate() {
            let tracks = match self.rows.get(slot) {
                Some(row) if row.owner == owner && row.wanted && wanted => {
                    let kept = |(place, at): (usize, &Option<usize>)| match *at {
                        None => fresh,
                        Some(at) if at == place => row.tracks[at],
                        Some(at) => row.tracks[at].moved(now),
                    };
                    known.iter().enumerate().map(kept).collect()
                }
                _ => vec![fresh; self.settings.checks.len()],
            };
            let row = Row {
                owner,
                wanted,
                tracks,
            };
            match self.rows.get_mut(slot) {
                Some(old) => *old = row,
                None => self.rows.push(row),
            }
        }
    }

    /// What is known of the endpoint in `slot`.
    #[must_use]
    pub fn standing(&self, slot: u32) -> Standing {
        self.rows
            .get(slot as usize)
            .map_or(Standing::Up, Row::standing)
    }

    /// Whether any probe of the endpoint in `slot` has failed so far.
    #[must_use]
    pub fn is_blemished(&self, slot: u32) -> bool {
        let row = self.rows.get(slot as usize);
        row.is_some_and(|row| row.tracks.iter().any(|t| t.blemished))
    }

    /// When the next probe is due; never if none is.
    #[must_use]
    pub fn next_deadline(&self) -> Timestamp {
        let wanted = self.rows.iter().filter(|row| row.wanted);
        let due = wanted.flat_map(|row| row.tracks.iter().map(|t| t.next));
        due.min().unwrap_or(Timestamp::MAX)
    }

    /// A probe that is due, in order of slots and checks. It is under way until it is reported.
    pub fn order(&mut self, now: Timestamp) -> Option<Order> {
        let rows = self.rows.iter_mut().filter(|row| row.wanted);
        let tracks = rows.flat_map(|row| {
            let owner = row.owner;
            (0_u8..)
                .zip(&mut row.tracks)
                .map(move |(check, t)| (owner, check, t))
        });
        let (endpoint, check, track) = tracks.into_iter().find(|(.., t)| t.next <= now)?;
        track.next = Timestamp::MAX;
        track.began = now;
        track.number = track.number.wrapping_add(1);
        Some(Order {
            endpoint,
            check,
            number: track.number,
            deadline: now + self.settings.checks[usize::from(check)].timeout,
        })
    }

    /// The probe that `order` asked for has ended. Returns what is known of the endpoint now, if
    /// that has changed. The report of a probe that nobody waits for any more is passed over.
    pub fn report(&mut self, now: Timestamp, order: &Order, passed: bool) -> Option<Standing> {
        let Order {
            endpoint,
            check,
            number,
            ..
        } = *order;
        let row = self.rows.get_mut(endpoint.slot as usize)?;
        if row.owner != endpoint {
            return None;
        }
        let before = row.standing();
        let track = row.tracks.get_mut(usize::from(check))?;
        if track.number != number || track.next != Timestamp::MAX {
            return None;
        }
        let check = &self.settings.checks[usize::from(check)];
        track.count(check, passed);
        let interval = match track.is_in_doubt() {
            true => check.interval_in_doubt,
            false => check.interval,
        };
        let who = u64::from(endpoint.slot) << 32 | u64::from(endpoint.generation);
        let stream = self.stream.child(who).child(u64::from(order.check));
        let early = stream
            .at(u64::from(number))
            .below(nanos(interval) / JITTER + 1);
        let next = track.began + interval - Duration::from_nanos(early);
        track.next = next.max(now);
        let after = row.standing();
        (after != before).then_some(after)
    }
}

#[cfg(test)]
mod tests;
