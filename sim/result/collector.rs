//! Collects one cell while it runs: what clients saw, and what the core decided.
//!
//! Clients' numbers are of requests *due* in the measured window. Tries, connections and retries
//! carry no due time: theirs are of what happened in it.

use std::sync::Arc;

use evenkeel_core::account::Account;
use evenkeel_core::affinity::Step;
use evenkeel_core::health::Standing;
use evenkeel_core::limit::Verdict;
use evenkeel_core::panic::Mode;
use evenkeel_core::pool;
use evenkeel_core::request::Failure;
use evenkeel_core::time::Timestamp;
use evenkeel_core::trace::{Event, Kind};

use super::check::Check;
use super::completion::{Completion, End, Turn};
use super::course::Recorder;
use super::drift::Batches;
use super::hash::{Digest, TraceHash};
use super::invariant::{Checker, Limit};
use super::latency::Latency;
use super::roster::Roster;
use super::run::{Cell, Class, Endpoint, Requests, Sessions, Sockets, Tries};
use super::share::Promise;
use super::witness::{Subject, Witness};
use crate::origin::Load;
use crate::presence::Presence;

/// What a collector must know beforehand.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The matrix's keys and their values in this cell.
    pub settings: Vec<(String, String)>,
    /// The beginning of the measured window: the end of the warm-up.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// The names of each workload's classes; classes of one name are counted together. A workload
    /// without classes gives its own name as the only one.
    pub classes: Vec<Vec<String>>,
    /// The names of each pool's endpoints: a row of the results each.
    pub endpoints: Vec<Vec<String>>,
    /// What each pool itself calls them.
    pub names: Vec<Vec<String>>,
    /// What each pool promises about retries.
    pub limits: Vec<Limit>,
    /// What each pool promises about its picks.
    pub promises: Vec<Promise>,
    /// Whether the course of the run is kept.
    pub course: bool,
    /// The request that is watched, if one is.
    pub subject: Option<Subject>,
}

/// The counts of one class.
#[derive(Debug, Default)]
struct Row {
    sent: u64,
    client_retries: u64,
    /// A handful of different ends: a short list beats a map.
    ends: Vec<(End, u64)>,
    latency: Latency,
    /// The integral of those in flight over the window, modulo 2^64: each adds what is left of the
    /// window when it is due, and takes back what is left when it ends.
    in_flight_ns: u64,
    /// The times of those that were due in the window.
    stay_ns: u128,
}

/// Collects one cell.
#[derive(Debug)]
pub struct Collector {
    setup: Arc<Setup>,
    names: Vec<String>,
    /// The row of each workload's classes.
    index: Vec<Vec<usize>>,
    rows: Vec<Row>,
    failed_latency: Latency,
    endpoints: Vec<Vec<Endpoint>>,
    tries: Tries,
    retried: u64,
    panics: u64,
    queued: u64,
    held: u64,
    hedges: u64,
    hedges_won: u64,
    sessions: Sessions,
    sockets: Sockets,
    proxies: Vec<Proxy>,
    course: Option<Box<Recorder>>,
    witness: Option<Box<Witness>>,
    batches: Batches,
}

/// What is kept of one process of a proxy: its trace, and what it has promised.
#[derive(Debug)]
struct Proxy {
    hash: TraceHash,
    checker: Checker,
    roster: Roster,
}

impl Proxy {
    fn new(setup: &Setup) -> Self {
        Self {
            hash: TraceHash::default(),
            checker: Checker::new(&setup.limits, &setup.promises),
            roster: Roster::new(setup.promises.iter().map(|promise| promise.weights.len())),
        }
    }
}

impl Collector {
    /// A collector that has seen nothing.
    #[must_use]
    pub fn new(setup: impl Into<Arc<Setup>>) -> Self {
        let setup = setup.into();
        let mut names: Vec<String> = Vec::new();
        let mut row = |name: &String| {
            names.iter().position(|n| n == name).unwrap_or_else(|| {
                names.push(name.clone());
                names.len() - 1
            })
        };
        let index: Vec<Vec<usize>> = setup
            .classes
            .iter()
            .map(|classes| classes.iter().map(&mut row).collect())
            .collect();
        let endpoint = |name: &String| Endpoint {
            name: name.clone(),
            ..Endpoint::default()
        };
        let pool = |names: &Vec<String>| names.iter().map(endpoint).collect();
        Self {
            index,
            rows: names.iter().map(|_| Row::default()).collect(),
            names,
            failed_latency: Latency::default(),
            endpoints: setup.endpoints.iter().map(pool).collect(),
            tries: Tries::default(),
            retried: 0,
            panics: 0,
            queued: 0,
            held: 0,
            hedges: 0,
            hedges_won: 0,
            sessions: Sessions::default(),
            sockets: Sockets::default(),
            proxies: vec![Proxy::new(&setup)],
            course: setup.course.then(|| {
                let endpoints = setup.endpoints.iter().map(Vec::len);
                Box::new(Recorder::new(setup.until, endpoints))
            }),
            witness: setup.subject.map(|subject| Box::new(Witness::new(subject))),
            batches: Batches::new(setup.from, setup.until),
            setup,
        }
    }

    /// A client sent a request.
    pub fn sent(&mut self, due: Timestamp, workload: u16, class: u16) {
        let (measured, left_ns) = (self.measured(due), self.left_ns(due));
        if let Some(course) = &mut self.course {
            course.sent(due);
        }
        if let Some(row) = self.row(workload, class) {
            row.sent += u64::from(measured);
            row.in_flight_ns = row.in_flight_ns.wrapping_add(left_ns);
        }
    }

    /// A client sent a request again that was due at `due`.
    pub fn client_retry(&mut self, due: Timestamp, workload: u16, class: u16) {
        if self.measured(due)
            && let Some(row) = self.row(workload, class)
        {
            row.client_retries += 1;
        }
    }

    /// A session began.
    pub fn session(&mut self, at: Timestamp) {
        if let Some(course) = &mut self.course {
            course.session(at);
        }
        self.sessions.started += u64::from(self.measured(at));
    }

    /// A session that began at `began` is over: whether it was served by more than one endpoint,
    /// and whether a request of it failed.
    pub fn session_ended(&mut self, began: Timestamp, moved: bool, broken: bool) {
        if let Some(course) = &mut self.course {
            course.session_ended(began, moved, broken);
        }
        if self.measured(began) {
            self.sessions.moved += u64::from(moved);
            self.sessions.broken += u64::from(broken);
        }
    }

    /// Something happened to a client's socket.
    pub fn socket(&mut self, at: Timestamp, turn: Turn) {
        if self.measured(at) {
            match turn {
                Turn::Opened => self.sockets.opened += 1,
                Turn::Cut => self.sockets.cut += 1,
                Turn::Reconnect => self.sockets.reconnects += 1,
            }
        }
    }

    /// A request ended.
    pub fn complete(&mut self, completion: &Completion) {
        let &Completion {
            due,
            done,
            workload,
            class,
            end,
        } = completion;
        let (measured, left_ns) = (self.measured(due), self.left_ns(done));
        let latency_ns = done.0.saturating_sub(due.0);
        if let Some(course) = &mut self.course {
            course.complete(completion);
        }
        if matches!(end, End::Status(..500) | End::Timeout) {
            self.batches.add(done, latency_ns);
        }
        let Some(row) = self.row(workload, class) else {
            return;
        };
        row.in_flight_ns = row.in_flight_ns.wrapping_sub(left_ns);
        if !measured {
            return;
        }
        row.stay_ns += u128::from(latency_ns);
        match row.ends.iter_mut().find(|(known, _)| *known == end) {
            Some((_, count)) => *count += 1,
            None => row.ends.push((end, 1)),
        }
        match end {
            End::Status(..500) | End::Timeout => row.latency.record(latency_ns),
            End::Cancelled => {}
            _ => self.failed_latency.record(latency_ns),
        }
    }

    /// Another process of a proxy begins: returns its number. The first one, 0, is always there.
    pub fn proxy(&mut self) -> usize {
        self.proxies.push(Proxy::new(&self.setup));
        self.proxies.len() - 1
    }

    /// A pool of process number `proxy` has changed, or may be another one than at the beginning of
    /// the run; from now on it promises `limit`.
    pub fn learn(&mut self, proxy: usize, at: Timestamp, state: &pool::State, limit: Limit) {
        let names = self.setup.names.get(usize::from(state.id()));
        let Proxy {
            checker, roster, ..
        } = &mut self.proxies[proxy];
        let places = roster.learn(state, names.map_or(&[], Vec::as_slice));
        checker.change(at, state.id(), &places, limit);
    }

    /// The run is over, and a pool of process number `proxy`, called `name`, is as it was left.
    pub fn rest(&mut self, proxy: usize, name: &str, state: &pool::State) {
        self.proxies[proxy].checker.rest(name, state);
    }

    /// Where to write down why the picks of a request of process number `proxy` come out as they
    /// do, if it is the one that is watched.
    #[inline(always)]
    pub fn accounts(&mut self, proxy: usize, request: u64) -> Option<&mut Vec<Account>> {
        self.witness.as_mut()?.accounts(proxy, request)
    }

    /// The core of process number `proxy` decided something.
    // Inlined, down to where the kind is known: its four matches cost more than what they choose.
    #[inline(always)]
    pub fn record(&mut self, proxy: usize, event: &Event) {
        let Proxy {
            hash,
            checker,
            roster,
        } = &mut self.proxies[proxy];
        hash.record(event);
        if let Some(witness) = &mut self.witness {
            witness.record(proxy, event);
        }
        // A value and no reference to one of two: what is known of the event stays known.
        let event = &Event {
            endpoint: roster.seat(event),
            ..*event
        };
        checker.on(event);
        if let Some(course) = &mut self.course {
            course.record(
                event,
                event.endpoint.map(|e| roster.row(event.pool, e.slot)),
            );
        }
        if !(self.setup.from <= event.at && event.at < self.setup.until) {
            return;
        }
        let row = event.endpoint.map(|e| roster.row(event.pool, e.slot));
        match event.kind {
            Kind::Picked { .. } => {
                self.tries.all += 1;
                self.tries.first += u64::from(event.attempt == 1);
                self.retried += u64::from(event.attempt == 2);
                self.at(event, row, |endpoint| endpoint.requests += 1);
            }
            Kind::Connected { reused: false } => self.at(event, row, |e| e.connects += 1),
            Kind::Failed { failure, .. } if !failure.is_given_up() => {
                self.at(event, row, |endpoint| endpoint.failed += 1);
            }
            Kind::DialFailed => self.at(event, row, |e| e.dial_failures += 1),
            Kind::Ejected { .. } => self.at(event, row, |e| e.ejections += 1),
            Kind::Health {
                standing: Standing::Down,
            } => self.at(event, row, |e| e.outages += 1),
            Kind::Session {
                step: Step::Begun | Step::Moved,
            } => self.at(event, row, |endpoint| endpoint.sessions += 1),
            Kind::Queued { .. } => self.queued += 1,
            Kind::Throttled {
                verdict: Verdict::Held,
                dry_run: false,
                ..
            } => self.held += 1,
            Kind::Hedged => self.hedges += 1,
            Kind::Failed {
                failure: Failure::Outrun,
                ..
            } => self.hedges_won += 1,
            Kind::Panic { mode } => self.panics += u64::from(mode != Mode::Off),
            _ => {}
        }
    }

    /// The result at the end of the run. `loads` are the origins', by pool and slot.
    #[must_use]
    pub fn finish(self, now: Timestamp, loads: &[Vec<Load>]) -> Cell {
        let mut requests = Requests {
            retried: Some(self.retried),
            ..Requests::default()
        };
        let mut latency = Latency::default();
        let window_ns = self.left_ns(self.setup.from);
        let mut classes = Vec::with_capacity(self.rows.len());
        for (name, row) in self.names.into_iter().zip(self.rows) {
            let class = row.close(window_ns);
            requests.absorb(&class.requests);
            latency.absorb(&class.latency_ms);
            classes.push((name, class));
        }
        let mut failed_latency = self.failed_latency;
        latency.close();
        failed_latency.close();
        let (trace_hash, invariants) = close(self.proxies, now);
        let mut endpoints = self.endpoints;
        for (pool, loads) in endpoints.iter_mut().zip(loads) {
            for (endpoint, load) in pool.iter_mut().zip(loads) {
                endpoint.load = *load;
            }
        }
        let mut endpoints: Vec<Endpoint> = endpoints.into_iter().flatten().collect();
        for endpoint in &mut endpoints {
            endpoint.total = self.tries.all;
        }
        Cell {
            settings: self.setup.settings.clone(),
            trace_hash,
            requests,
            latency_ms: latency,
            failed_latency_ms: failed_latency,
            classes,
            endpoints,
            sessions: self.sessions,
            sockets: self.sockets,
            tries: self.tries,
            panics: self.panics,
            queued: self.queued,
            held: self.held,
            course: self.course.map(|course| course.finish()),
            witness: self.witness.map(|witness| *witness),
            drift: self.batches.drift(),
            hedges: self.hedges,
            hedges_won: self.hedges_won,
            invariants,
            ..Cell::default()
        }
    }

    #[inline]
    fn measured(&self, at: Timestamp) -> bool {
        self.setup.from <= at && at < self.setup.until
    }

    /// What is left of the measured window.
    #[inline]
    fn left_ns(&self, at: Timestamp) -> u64 {
        self.setup
            .until
            .0
            .saturating_sub(at.0.max(self.setup.from.0))
    }

    fn row(&mut self, workload: u16, class: u16) -> Option<&mut Row> {
        let index = self
            .index
            .get(usize::from(workload))?
            .get(usize::from(class))?;
        self.rows.get_mut(*index)
    }

    fn at(&mut self, event: &Event, row: Option<usize>, count: impl FnOnce(&mut Endpoint)) {
        let pool = self.endpoints.get_mut(usize::from(event.pool));
        if let Some(endpoint) = pool.zip(row).and_then(|(pool, row)| pool.get_mut(row)) {
            count(endpoint);
        }
    }
}

/// The hash and the invariants of all processes: of several, the hash of their hashes, in order.
fn close(proxies: Vec<Proxy>, now: Timestamp) -> (Digest, Vec<Check>) {
    let mut hashes = Vec::with_capacity(proxies.len());
    let mut checks: Vec<Check> = Vec::new();
    for proxy in proxies {
        hashes.push(proxy.hash.finish());
        let more = proxy.checker.into_checks(now);
        match checks.is_empty() {
            true => checks = more,
            false => checks.iter_mut().zip(more).for_each(|(a, b)| a.absorb(b)),
        }
    }
    let hash = match hashes.as_slice() {
        [one] => *one,
        several => Digest::of(several.iter().copied()),
    };
    (hash, checks)
}

impl Row {
    fn close(mut self, window_ns: u64) -> Class {
        self.latency.close();
        let mut requests = Requests {
            sent: self.sent,
            client_retries: self.client_retries,
            ..Requests::default()
        };
        let mut ended = 0;
        for (end, count) in self.ends {
            ended += count;
            match end {
                End::Status(..500) => requests.ok += count,
                End::Cancelled => requests.cancelled += count,
                _ => requests.failed += count,
            }
            requests.by_status.insert(end.name(), count);
        }
        requests.in_flight = self.sent.saturating_sub(ended);
        Class {
            requests,
            latency_ms: self.latency,
            presence: Presence {
                in_flight_ns: self.in_flight_ns.into(),
                stay_ns: self.stay_ns,
                window_ns,
            },
        }
    }
}
