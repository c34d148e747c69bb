//! A run's result: what thresholds look into. The types are kept in files as they stand here, so
//! that results of parts of a sweep can be joined; `--format json` prints them as `json.rs` says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::check::Check;
use super::course::Course;
use super::drift::Drift;
use super::hash::Digest;
use super::latency::Latency;
use super::metric::{Metric, Scope};
use super::threshold::Verdict;
use super::witness::Witness;
use crate::origin::Load;
use crate::presence::Presence;

/// One scenario under one seed: one line of JSON.
#[derive(Clone, Debug)]
pub struct Run {
    /// The version of this shape: 1.
    pub schema: u32,
    /// The scenario's name.
    pub scenario: String,
    /// `net` or `model`.
    pub engine: &'static str,
    /// The seed.
    pub seed: u64,
    /// The hash of the cells' hashes, in their order.
    pub trace_hash: Digest,
    /// Simulated time of all cells, in seconds.
    pub simulated_s: f64,
    /// Time on the wall, in seconds; the one number that may differ between equal runs.
    pub wall_s: f64,
    /// One for each combination of the matrix; one without a matrix.
    pub cells: Vec<Cell>,
}

impl Run {
    /// The runs of a matrix's cells under one seed as one, in their order; at least one.
    #[must_use]
    pub fn join(cells: Vec<Self>) -> Option<Self> {
        let mut cells = cells.into_iter();
        let mut run = cells.next()?;
        for cell in cells {
            run.simulated_s += cell.simulated_s;
            run.wall_s += cell.wall_s;
            run.cells.extend(cell.cells);
        }
        run.trace_hash = Digest::of(run.cells.iter().map(|cell| cell.trace_hash));
        Some(run)
    }

    /// Whether all thresholds of all cells hold. What must be seen *sometimes* is a question to all
    /// seeds: [`unseen`].
    #[must_use]
    pub fn passed(&self) -> bool {
        self.cells
            .iter()
            .flat_map(|cell| &cell.thresholds)
            .all(|verdict| verdict.ok)
    }

    /// Whether all invariants of all cells held.
    #[must_use]
    pub fn sound(&self) -> bool {
        self.cells
            .iter()
            .flat_map(|cell| &cell.invariants)
            .all(|check| check.ok)
    }
}

/// The `sometimes` that no run saw, by cell and as written. The runs are seeds of one scenario.
#[must_use]
pub fn unseen(runs: &[Run]) -> Vec<(usize, &str)> {
    let Some(first) = runs.first() else {
        return Vec::new();
    };
    let mut unseen = Vec::new();
    for (cell, expected) in first.cells.iter().enumerate() {
        for (index, verdict) in expected.sometimes.iter().enumerate() {
            let saw = |run: &Run| run.cells.get(cell)?.sometimes.get(index).map(|v| v.ok);
            if !runs.iter().any(|run| saw(run) == Some(true)) {
                unseen.push((cell, verdict.metric.as_str()));
            }
        }
    }
    unseen
}

/// One combination of settings.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Cell {
    /// The matrix's keys and their values here.
    pub settings: Vec<(String, String)>,
    /// The hash of its events.
    pub trace_hash: Digest,
    /// What became of its requests.
    pub requests: Requests,
    /// Latency of responses below 500 and of client timeouts.
    pub latency_ms: Latency,
    /// Latency of all other failures.
    pub failed_latency_ms: Latency,
    /// By class, in the scenario's order.
    pub classes: Vec<(String, Class)>,
    /// By endpoint, in the configuration's order.
    pub endpoints: Vec<Endpoint>,
    /// What became of sessions.
    pub sessions: Sessions,
    /// What became of long-lived sockets.
    pub sockets: Sockets,
    /// Tries, for each request that was tried.
    pub tries: Tries,
    /// Times that too few endpoints of a pool were fine.
    #[serde(default)]
    pub panics: u64,
    /// How often a request had to wait for an endpoint.
    #[serde(default)]
    pub queued: u64,
    /// How often a limit held a request back.
    #[serde(default)]
    pub held: u64,
    /// Second tries beside late ones.
    #[serde(default)]
    pub hedges: u64,
    /// Those of them that were answered first.
    #[serde(default)]
    pub hedges_won: u64,
    /// What became of its thresholds.
    pub thresholds: Vec<Verdict>,
    /// What became of its `sometimes`: for a run of its own, whether it was seen in it.
    pub sometimes: Vec<Verdict>,
    /// What became of the invariants.
    pub invariants: Vec<Check>,
    /// Why its numbers should not be believed, a sentence each.
    pub warnings: Vec<String>,
    /// How latency changes in the course of the window, if it does.
    #[serde(skip)]
    pub drift: Option<Drift>,
    /// What happened when, if that was kept.
    #[serde(skip)]
    pub course: Option<Course>,
    /// What was seen of the request that was watched, if one was.
    #[serde(skip)]
    pub witness: Option<Witness>,
}

/// Counts of requests that were due in the measured window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    /// All.
    pub sent: u64,
    /// Complete responses below 500.
    pub ok: u64,
    /// 500 and above, cut, refused, reset, timeout.
    pub failed: u64,
    /// Those whose client left.
    pub cancelled: u64,
    /// Those with more than one try; not known by class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retried: Option<u64>,
    /// How often clients sent one of them again.
    pub client_retries: u64,
    /// Those without an end when the run ended.
    pub in_flight: u64,
    /// By status code, or `cut`, `refused`, `reset`, `timeout`, `cancelled`.
    pub by_status: BTreeMap<String, u64>,
}

/// The requests of one class.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Class {
    /// Their counts.
    pub requests: Requests,
    /// Latency of responses below 500 and of client timeouts.
    pub latency_ms: Latency,
    /// How many were there, from being due to their ends, and how long.
    #[serde(default)]
    pub presence: Presence,
}

/// Tries and the requests that they belong to, in the measured window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    /// How often an endpoint was picked.
    pub all: u64,
    /// For how many requests; so many tries were first ones.
    pub first: u64,
}

/// What one endpoint did in the measured window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its name.
    pub name: String,
    /// Tries that it was picked for.
    pub requests: u64,
    /// Tries that any endpoint was picked for.
    pub total: u64,
    /// Tries at it that failed; a client that left is not held against it.
    pub failed: u64,
    /// Connections that could not be opened.
    pub dial_failures: u64,
    /// Connections that were opened.
    pub connects: u64,
    /// How often outlier detection ejected it.
    pub ejections: u64,
    /// How often its checks took it out.
    #[serde(default)]
    pub outages: u64,
    /// Sessions that began at it or moved to it.
    pub sessions: u64,
    /// What its origin carried.
    pub load: Load,
}

/// What became of sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions {
    /// Begun.
    pub started: u64,
    /// Those of which a request failed.
    pub broken: u64,
    /// Those that more than one endpoint served.
    pub moved: u64,
}

/// What became of long-lived sockets in the measured window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sockets {
    /// Opened, first and again.
    pub opened: u64,
    /// Ended before their clients wanted them to.
    pub cut: u64,
    /// Attempts to open one again.
    pub reconnects: u64,
}

impl Requests {
    pub(super) fn absorb(&mut self, other: &Self) {
        self.sent += other.sent;
        self.ok += other.ok;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.client_retries += other.client_retries;
        self.in_flight += other.in_flight;
        if let (Some(sum), Some(more)) = (&mut self.retried, other.retried) {
            *sum += more;
        }
        for (status, count) in &other.by_status {
            *self.by_status.entry(status.clone()).or_default() += count;
        }
    }
}

impl Tries {
    /// Tries for each request that was tried; `None` if none was.
    #[must_use]
    pub fn amplification(self) -> Option<f64> {
        quotient(self.all, self.first)
    }
}

impl Endpoint {
    /// Its share of the tries.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        quotient(self.requests, self.total)
    }

    /// The share of time in which its origin computed.
    #[must_use]
    pub fn utilisation(&self) -> Option<f64> {
        let Load {
            busy_ns,
            capacity_ns,
            ..
        } = self.load;
        (capacity_ns > 0).then(|| busy_ns as f64 / capacity_ns as f64)
    }

    /// The mean number of requests at its origin.
    #[must_use]
    pub fn in_flight_mean(&self) -> Option<f64> {
        self.load.presence.mean()
    }

    fn absorb(&mut self, other: &Self) {
        self.requests += other.requests;
        self.total += other.total;
        self.failed += other.failed;
        self.dial_failures += other.dial_failures;
        self.connects += other.connects;
        self.ejections += other.ejections;
        self.outages += other.outages;
        self.sessions += other.sessions;
        self.load.busy_ns += other.load.busy_ns;
        self.load.presence.absorb(other.load.presence);
        self.load.capacity_ns += other.load.capacity_ns;
    }
}

impl Cell {
    /// The value of `metric` in `scope`: latencies in milliseconds, shares as numbers up to 1.
    /// `None` if the scope does not exist here or nothing was measured in it.
    #[must_use]
    pub fn value(&self, metric: Metric, scope: &Scope) -> Option<f64> {
        match scope {
            Scope::All => self.total(metric),
            Scope::Class(name) => {
                let (_, class) = self.classes.iter().find(|(n, _)| n == name)?;
                match metric {
                    Metric::InFlight => class.presence.mean(),
                    Metric::Little => class.presence.little(),
                    _ => of_requests(metric, &class.requests, &class.latency_ms),
                }
            }
            Scope::Endpoint(name) => {
                let endpoint = self.endpoints.iter().find(|e| e.name == *name)?;
                match metric {
                    Metric::Share => endpoint.share(),
                    Metric::Utilisation => endpoint.utilisation(),
                    Metric::Requests => Some(endpoint.requests as f64),
                    Metric::Failed => Some(endpoint.failed as f64),
                    Metric::InFlight => endpoint.in_flight_mean(),
                    Metric::Little => endpoint.load.presence.little(),
                    _ => of_endpoint(metric, endpoint).map(|count| count as f64),
                }
            }
        }
    }

    /// Adds another seed's cell of the same settings, as if both were one run. The verdicts stay
    /// what they were.
    pub fn absorb(&mut self, other: &Self) {
        self.requests.absorb(&other.requests);
        self.latency_ms.absorb(&other.latency_ms);
        self.failed_latency_ms.absorb(&other.failed_latency_ms);
        for ((_, class), (_, more)) in self.classes.iter_mut().zip(&other.classes) {
            class.requests.absorb(&more.requests);
            class.latency_ms.absorb(&more.latency_ms);
            class.presence.absorb(more.presence);
        }
        for (endpoint, more) in self.endpoints.iter_mut().zip(&other.endpoints) {
            endpoint.absorb(more);
        }
        self.sessions.started += other.sessions.started;
        self.sessions.broken += other.sessions.broken;
        self.sessions.moved += other.sessions.moved;
        self.sockets.opened += other.sockets.opened;
        self.sockets.cut += other.sockets.cut;
        self.sockets.reconnects += other.sockets.reconnects;
        self.tries.all += other.tries.all;
        self.tries.first += other.tries.first;
        self.panics += other.panics;
        self.queued += other.queued;
        self.held += other.held;
        self.hedges += other.hedges;
        self.hedges_won += other.hedges_won;
    }

    /// That of all classes.
    fn presence(&self) -> Presence {
        let mut classes = self.classes.iter().map(|(_, class)| class.presence);
        let mut all = classes.next().unwrap_or_default();
        classes.for_each(|class| all.beside(class));
        all
    }

    fn total(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::RetryAmplification => self.tries.amplification(),
            Metric::Retried => self.requests.retried.map(|count| count as f64),
            Metric::Sessions => Some(self.sessions.started as f64),
            Metric::SessionsMoved => Some(self.sessions.moved as f64),
            Metric::SessionsBroken => Some(self.sessions.broken as f64),
            Metric::MovedRate => quotient(self.sessions.moved, self.sessions.started),
            Metric::BrokenRate => quotient(self.sessions.broken, self.sessions.started),
            Metric::Sockets => Some(self.sockets.opened as f64),
            Metric::SocketsCut => Some(self.sockets.cut as f64),
            Metric::Reconnects => Some(self.sockets.reconnects as f64),
            Metric::RetryRate => quotient(self.requests.retried?, self.requests.sent),
            Metric::Utilisation => {
                let busy: u128 = self.endpoints.iter().map(|e| e.load.busy_ns).sum();
                let all: u128 = self.endpoints.iter().map(|e| e.load.capacity_ns).sum();
                (all > 0).then(|| busy as f64 / all as f64)
            }
            Metric::InFlight => self.presence().mean(),
            Metric::Little => self.presence().little(),
            Metric::Panics => Some(self.panics as f64),
            Metric::Queued => Some(self.queued as f64),
            Metric::Held => Some(self.held as f64),
            Metric::Hedges => Some(self.hedges as f64),
            Metric::HedgesWon => Some(self.hedges_won as f64),
            Metric::DialFailures | Metric::Connects | Metric::Ejections | Metric::Outages => {
                let counts = self.endpoints.iter().filter_map(|e| of_endpoint(metric, e));
                Some(counts.sum::<u64>() as f64)
            }
            _ => of_requests(metric, &self.requests, &self.latency_ms),
        }
    }
}

fn of_endpoint(metric: Metric, endpoint: &Endpoint) -> Option<u64> {
    match metric {
        Metric::DialFailures => Some(endpoint.dial_failures),
        Metric::Connects => Some(endpoint.connects),
        Metric::Ejections => Some(endpoint.ejections),
        Metric::Outages => Some(endpoint.outages),
        Metric::Sessions => Some(endpoint.sessions),
        _ => None,
    }
}

fn of_requests(metric: Metric, requests: &Requests, latency: &Latency) -> Option<f64> {
    match metric {
        Metric::Mean => latency.mean_ms(),
        Metric::P50 => latency.quantile_ms(0.5),
        Metric::P90 => latency.quantile_ms(0.9),
        Metric::P99 => latency.quantile_ms(0.99),
        Metric::P999 => latency.quantile_ms(0.999),
        Metric::Max => latency.max_ms(),
        Metric::ErrorRate => quotient(requests.failed, requests.sent),
        Metric::Requests => Some(requests.sent as f64),
        Metric::Ok => Some(requests.ok as f64),
        Metric::Failed => Some(requests.failed as f64),
        Metric::Cancelled => Some(requests.cancelled as f64),
        Metric::ClientRetries => Some(requests.client_retries as f64),
        Metric::Limited => Some(requests.by_status.get("429").map_or(0.0, |n| *n as f64)),
        _ => None,
    }
}

fn quotient(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
