//! Counters of the live proxy, fed by the event stream, read by `/metrics`.
//!
//! Each worker counts into its own table, so nothing is contended but for a scrape. An endpoint is
//! counted under its pool and slot; names are put to them when they are read.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evenkeel_core::affinity::Step;
use evenkeel_core::health::Outcome;
use evenkeel_core::limit::Verdict;
use evenkeel_core::outlier::Cause;
use evenkeel_core::panic;
use evenkeel_core::queue::Priority;
use evenkeel_core::request;
use evenkeel_core::time::nanos;
use evenkeel_core::trace::{Event, Goaway, HandshakeFailure, Kind, Limit, NO_POOL};

/// Upper bounds of the latency histogram's buckets, in milliseconds.
pub const BUCKETS_MS: [u64; 14] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 60_000,
];

/// One worker's counters.
#[derive(Debug, Default)]
pub struct Worker(Mutex<Counts>);

/// What has been counted so far.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// By pool number.
    pub pools: Vec<Pool>,
    /// What concerns no pool.
    pub downstream: Downstream,
}

/// What is counted of connections of clients.
#[derive(Clone, Debug, Default)]
pub struct Downstream {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections open now.
    pub open: u64,
    /// Requests answered before any pool was asked, by status: 400, 404, 405, 408, 413, 414, 431...
    pub rejected: Vec<(u16, u64)>,
    /// TLS handshakes completed, by version (12, 13) and whether a session was resumed.
    pub handshakes: Vec<((u8, bool), u64)>,
    /// TLS handshakes that failed.
    pub handshake_failures: Vec<(HandshakeFailure, u64)>,
    /// HTTP/2 streams that clients reset.
    pub resets: u64,
    /// HTTP/2 connections ended because of what their clients did.
    pub goaways: Vec<(Goaway, u64)>,
    /// Times that a limit of a listener was reached.
    pub limited: Vec<(Limit, u64)>,
    /// What limits of clients did, or would have done: by limit, what, and whether it was not done.
    pub throttled: Vec<((u16, Verdict, bool), u64)>,
}

/// What is counted of a pool.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    /// Requests routed to it.
    pub arrived: u64,
    /// Requests that had to wait for an endpoint.
    pub queued: u64,
    /// Requests that found no place in time, or were sent away, by [`Priority`].
    pub turned_away: [u64; Priority::ALL.len()],
    /// Retries that drew on the budget.
    pub retried: u64,
    /// Those of them that had to wait for their time.
    pub delayed: u64,
    /// Second tries beside those that were late, which drew on it too.
    pub hedges: u64,
    /// Those of them that were answered first.
    pub hedges_won: u64,
    /// Finished, by status code as the client saw it; 0 for a client that left.
    pub finished: Vec<(u16, u64)>,
    /// Responses cut inside the body.
    pub cut: u64,
    /// From arrival to the end.
    pub latency: Histogram,
    /// In the queue.
    pub wait: Histogram,
    /// Times that it began to panic.
    pub panics: u64,
    /// Steps of sessions, by [`Step`].
    pub sessions: [u64; Step::ALL.len()],
    /// By slot.
    pub endpoints: Vec<Endpoint>,
}

/// What is counted of an endpoint.
#[derive(Clone, Debug, Default)]
pub struct Endpoint {
    /// Times it was picked.
    pub picked: u64,
    /// Complete responses.
    pub completed: u64,
    /// Tries that failed there.
    pub failed: u64,
    /// Tries given up because another one beside them was answered first.
    pub outrun: u64,
    /// Dials that failed.
    pub dial_failed: u64,
    /// New connections to it.
    pub connected: u64,
    /// Idle connections used again.
    pub reused: u64,
    /// Idle connections found closed and replaced.
    pub stale: u64,
    /// Tunnels closed because it drained.
    pub parted: u64,
    /// Probes, by what they came to.
    pub probes: Vec<(Outcome, u64)>,
    /// Probes of its load, by what they came to.
    pub asked: Vec<(Outcome, u64)>,
    /// Steps of sessions at it, by [`Step`].
    pub sessions: [u64; Step::ALL.len()],
    /// Times it was ejected, by cause.
    pub ejections: Vec<(Cause, u64)>,
}

/// Durations by size.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// How many there were in each bucket of [`BUCKETS_MS`], and beyond.
    pub counts: [u64; BUCKETS_MS.len() + 1],
    /// Their sum in nanoseconds.
    pub sum_ns: u64,
}

impl Histogram {
    fn record(&mut self, took: Duration) {
        let took_ns = nanos(took);
        let bucket = BUCKETS_MS.partition_point(|ms| ms * 1_000_000 < took_ns);
        self.counts[bucket] += 1;
        self.sum_ns += took_ns;
    }

    fn add(&mut self, other: &Self) {
        self.sum_ns += other.sum_ns;
        sum(&mut self.counts, &other.counts);
    }
}

impl Worker {
    /// Counts a decision.
    pub fn count(&self, event: &Event) {
        self.lock().count(event);
    }

    /// A copy of everything counted so far.
    #[must_use]
    pub fn snapshot(&self) -> Counts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Counters stay usable after a panic elsewhere: each change is one addition.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Downstream {
    fn count(&mut self, kind: Kind) {
        match kind {
            Kind::Opened => {
                self.accepted += 1;
                self.open += 1;
            }
            Kind::Closed => self.open -= 1,
            Kind::Rejected { status } => bump(&mut self.rejected, status),
            Kind::Handshake { resumed, version } => {
                bump(&mut self.handshakes, (version, resumed));
            }
            Kind::HandshakeFailed { reason } => bump(&mut self.handshake_failures, reason),
            Kind::Reset => self.resets += 1,
            Kind::Goaway { reason } => bump(&mut self.goaways, reason),
            Kind::Limited { limit } => bump(&mut self.limited, limit),
            Kind::Throttled {
                rule,
                verdict,
                dry_run,
            } => bump(&mut self.throttled, (rule, verdict, dry_run)),
            _ => {}
        }
    }

    fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.open += other.open;
        self.resets += other.resets;
        merge(&mut self.rejected, &other.rejected);
        merge(&mut self.handshakes, &other.handshakes);
        merge(&mut self.handshake_failures, &other.handshake_failures);
        merge(&mut self.goaways, &other.goaways);
        merge(&mut self.limited, &other.limited);
        merge(&mut self.throttled, &other.throttled);
    }
}

impl Counts {
    fn count(&mut self, event: &Event) {
        if event.pool == NO_POOL {
            return self.downstream.count(event.kind);
        }
        let pool = at(&mut self.pools, usize::from(event.pool));
        match event.kind {
            Kind::Arrived { .. } => pool.arrived += 1,
            Kind::Queued { budgeted } => {
                pool.queued += 1;
                pool.retried += u64::from(budgeted);
            }
            Kind::Waited { since } => pool.wait.record(event.at.since(since)),
            Kind::Delayed { .. } => {
                pool.retried += 1;
                pool.delayed += 1;
            }
            Kind::Hedged => pool.hedges += 1,
            Kind::Failed {
                failure: request::Failure::Outrun,
                ..
            } => pool.hedges_won += 1,
            Kind::Picked { budgeted } => pool.retried += u64::from(budgeted),
            Kind::Finished {
                outcome,
                arrived,
                priority,
            } => {
                pool.finish(outcome, event.at.since(arrived));
                if let request::Outcome::Local(local) = outcome
                    && local.is_overload()
                {
                    pool.turned_away[priority as usize] += 1;
                }
            }
            Kind::Connected { .. }
            | Kind::DialFailed
            | Kind::Stale
            | Kind::Head { .. }
            | Kind::Failed { .. }
            | Kind::Completed
            | Kind::Opened
            | Kind::Closed
            | Kind::Rejected { .. }
            | Kind::Handshake { .. }
            | Kind::HandshakeFailed { .. }
            | Kind::Reset
            | Kind::Goaway { .. }
            | Kind::Limited { .. }
            | Kind::Throttled { .. }
            | Kind::Spilled { .. }
            | Kind::Bounded { .. }
            | Kind::Parted
            | Kind::Drained
            | Kind::Probed { .. }
            | Kind::Asked { .. }
            | Kind::Health { .. }
            | Kind::Ejected { .. }
            | Kind::OnTrial
            | Kind::Returned => {}
            Kind::Session { step } => pool.sessions[step as usize] += 1,
            Kind::Panic { mode } => pool.panics += u64::from(mode != panic::Mode::Off),
        }
        if let Some(index) = event.endpoint {
            at(&mut pool.endpoints, index.slot as usize).count(event.kind);
        }
    }

    /// Adds another worker's counts.
    pub fn add(&mut self, other: &Self) {
        self.downstream.add(&other.downstream);
        for (id, pool) in other.pools.iter().enumerate() {
            at(&mut self.pools, id).add(pool);
        }
    }
}

impl Pool {
    fn finish(&mut self, outcome: request::Outcome, took: Duration) {
        let status = match outcome {
            request::Outcome::Complete { status } => status,
            request::Outcome::Cut { status } => {
                self.cut += 1;
                status
            }
            request::Outcome::Local(local) => local.status(),
            request::Outcome::Cancelled => 0,
        };
        bump(&mut self.finished, status);
        self.latency.record(took);
    }

    fn add(&mut self, other: &Self) {
        self.arrived += other.arrived;
        self.queued += other.queued;
        self.retried += other.retried;
        self.delayed += other.delayed;
        self.hedges += other.hedges;
        self.hedges_won += other.hedges_won;
        self.cut += other.cut;
        self.panics += other.panics;
        sum(&mut self.sessions, &other.sessions);
        sum(&mut self.turned_away, &other.turned_away);
        self.latency.add(&other.latency);
        self.wait.add(&other.wait);
        merge(&mut self.finished, &other.finished);
        for (slot, endpoint) in other.endpoints.iter().enumerate() {
            at(&mut self.endpoints, slot).add(endpoint);
        }
    }
}

impl Endpoint {
    fn count(&mut self, kind: Kind) {
        match kind {
            Kind::Picked { .. } => self.picked += 1,
            Kind::Connected { reused: true } => self.reused += 1,
            Kind::Connected { reused: false } => self.connected += 1,
            Kind::DialFailed => self.dial_failed += 1,
            Kind::Stale => self.stale += 1,
            Kind::Failed {
                failure: request::Failure::Outrun | request::Failure::Spare,
                ..
            } => self.outrun += 1,
            Kind::Parted => self.parted += 1,
            Kind::Failed { .. } => self.failed += 1,
            Kind::Completed => self.completed += 1,
            Kind::Probed { outcome, .. } => bump(&mut self.probes, outcome),
            Kind::Asked { outcome } => bump(&mut self.asked, outcome),
            Kind::Ejected { cause } => bump(&mut self.ejections, cause),
            Kind::Session { step } => self.sessions[step as usize] += 1,
            _ => {}
        }
    }

    fn add(&mut self, other: &Self) {
        self.picked += other.picked;
        self.completed += other.completed;
        self.failed += other.failed;
        self.outrun += other.outrun;
        self.dial_failed += other.dial_failed;
        self.connected += other.connected;
        self.reused += other.reused;
        self.stale += other.stale;
        self.parted += other.parted;
        sum(&mut self.sessions, &other.sessions);
        merge(&mut self.probes, &other.probes);
        merge(&mut self.asked, &other.asked);
        merge(&mut self.ejections, &other.ejections);
    }
}

fn at<T: Default>(list: &mut Vec<T>, index: usize) -> &mut T {
    if index >= list.len() {
        list.resize_with(index + 1, T::default);
    }
    &mut list[index]
}

/// Few different keys occur, so a list in order of first sight beats a table.
fn bump<K: PartialEq>(list: &mut Vec<(K, u64)>, key: K) {
    match list.iter_mut().find(|(known, _)| *known == key) {
        Some((_, n)) => *n += 1,
        None => list.push((key, 1)),
    }
}

fn sum<const N: usize>(sums: &mut [u64; N], other: &[u64; N]) {
    sums.iter_mut().zip(other).for_each(|(sum, n)| *sum += n);
}

fn merge<K: PartialEq + Copy>(list: &mut Vec<(K, u64)>, other: &[(K, u64)]) {
    for (key, n) in other {
        match list.iter_mut().find(|(known, _)| known == key) {
            Some((_, sum)) => *sum += n,
            None => list.push((*key, *n)),
        }
    }
}
