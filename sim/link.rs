//! What lies between two parties: when bytes that are sent arrive, in both engines.
//!
//! A pure function of the time of sending, so that faults of a link need no events: the whole
//! timeline of a link is known when a run begins.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::rng::Rng;
use evenkeel_core::time::{Timestamp, nanos};

/// Bytes of a segment: what Ethernet leaves of 1500 for TCP over IPv4.
pub const SEGMENT_BYTES: u64 = 1460;
/// How long a lost segment is waited for before it is sent again: Linux's least RTO. It doubles.
pub const RTO: Duration = Duration::from_millis(200);
/// A segment that is lost so often in a row takes its connection with it.
pub const MOST_LOSSES: u32 = 6;
const MILLION: u64 = 1_000_000;

/// One direction of the way between two parties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// One way.
    pub latency: Duration,
    /// Added to each message, uniform in `[0, jitter)`; a connection's bytes keep their order.
    pub jitter: Duration,
    /// Bytes a second that the link carries, one after another; none is no bound.
    pub bandwidth: Option<u64>,
    /// Segments lost per million; each is sent again after [`RTO`].
    pub loss_ppm: u32,
}

impl Link {
    /// Whether only its latency and jitter matter, so that all connections may share it.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.bandwidth.is_none() && self.loss_ppm == 0
    }
}

/// A time in which a link is not as usual, from `from` (included) to `until` (excluded).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spell {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// What it does.
    pub effect: Effect,
}

/// What a [`Spell`] does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    /// The latency is another one.
    Slow {
        /// So many times as long.
        factor: f64,
        /// And so much longer.
        plus: Duration,
        /// It grows to that in so much time.
        ramp: Duration,
    },
    /// Nothing leaves before the end, when everything leaves that was held.
    Cut,
}

/// When something arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Then.
    At(Timestamp),
    /// Never: it was lost [`MOST_LOSSES`] times, and its connection is given up then.
    Lost(Timestamp),
}

impl Arrival {
    /// When it is over, one way or the other.
    #[must_use]
    pub const fn at(self) -> Timestamp {
        match self {
            Self::At(at) | Self::Lost(at) => at,
        }
    }
}

/// One direction between two parties, with its timeline; all that they send shares it.
#[derive(Debug, Default)]
pub struct Wire {
    link: Cell<Link>,
    spells: Arc<[Spell]>,
    /// When the last byte that was sent has left.
    free: Cell<Timestamp>,
}

impl Wire {
    /// A wire of this link, with its timeline.
    #[must_use]
    pub fn new(link: Link, spells: Arc<[Spell]>) -> Self {
        Self {
            link: Cell::new(link),
            spells,
            free: Cell::default(),
        }
    }

    /// It is of this link from now on.
    pub fn set(&self, link: Link) {
        self.link.set(link);
    }

    /// When `bytes` that are ready at `sent` arrive; `rng` is theirs alone. They wait for whatever
    /// was sent before them and for the end of a cut. What is lost delays the whole message, as
    /// its bytes keep their order.
    pub fn arrival(&self, sent: Timestamp, bytes: u64, mut rng: Rng) -> Arrival {
        let link = self.link.get();
        let jitter = rng.below(nanos(link.jitter));
        let left = match link.bandwidth {
            None => self.uncut(sent),
            Some(bandwidth) => {
                let begins = self.uncut(sent.max(self.free.get()));
                let left = begins + takes(bytes, bandwidth);
                self.free.set(left);
                left
            }
        };
        let at = left + self.latency(link.latency, left) + Duration::from_nanos(jitter);
        match losses(link.loss_ppm, bytes, &mut rng) {
            0 => Arrival::At(at),
            n if n < MOST_LOSSES => Arrival::At(at + waited(n)),
            _ => Arrival::Lost(at + waited(MOST_LOSSES)),
        }
    }

    /// When something that is ready at `at` may leave.
    fn uncut(&self, mut at: Timestamp) -> Timestamp {
        let holds = |spell: &&Spell, at| {
            spell.effect == Effect::Cut && spell.from <= at && at < spell.until
        };
        // Each turn passes one of finitely many ends.
        while let Some(spell) = self.spells.iter().find(|spell| holds(spell, at)) {
            at = spell.until;
        }
        at
    }

    fn latency(&self, usual: Duration, at: Timestamp) -> Duration {
        let mut ns = nanos(usual) as f64;
        for spell in self.spells.iter() {
            if let Effect::Slow { factor, plus, ramp } = spell.effect
                && spell.from <= at
                && at < spell.until
            {
                let share = match nanos(ramp) {
                    0 => 1.0,
                    ramp => (at.since(spell.from).as_nanos() as f64 / ramp as f64).min(1.0),
                };
                ns = ns * (1.0 + (factor - 1.0) * share) + nanos(plus) as f64 * share;
            }
        }
        Duration::from_nanos(ns as u64)
    }
}

/// How long so many bytes take to leave.
fn takes(bytes: u64, bandwidth: u64) -> Duration {
    let ns = u128::from(bytes) * 1_000_000_000 / u128::from(bandwidth.max(1));
    Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
}

/// How often the unluckiest segment of `bytes` is lost, at most [`MOST_LOSSES`].
fn losses(loss_ppm: u32, bytes: u64, rng: &mut Rng) -> u32 {
    if loss_ppm == 0 {
        return 0;
    }
    let mut most = 0;
    for _ in 0..bytes.div_ceil(SEGMENT_BYTES).max(1) {
        let mut lost = 0;
        while lost < MOST_LOSSES && rng.below(MILLION) < u64::from(loss_ppm) {
            lost += 1;
        }
        most = most.max(lost);
    }
    most
}

/// The time that a segment takes longer after so many losses.
fn waited(losses: u32) -> Duration {
    RTO * ((1 << losses) - 1)
}

#[cfg(test)]
mod test;
