//! Probes in the model: what the core's checks ask for, as round trips to origins and work there.
//!
//! A probe is a connection of its own and a request without work of its own: it waits for its turn
//! at the origin as all requests do, so an event loop that is behind fails its check. Faults that
//! hit a share of requests spare it. As in engine `net`, an answer is 200 and has no more to it.

use evenkeel_core::health::{Order, Outcome};
use evenkeel_core::time::Timestamp;
use evenkeel_proxy::config::{Ask, Check};

use super::{Engine, Hop, What};
use crate::origin::Job;

/// Marks the jobs of probes, whose serial numbers stay below it.
pub(super) const PROBE: u64 = 1 << 63;
/// Numbers of probes, as far as draws for their links are concerned, begin here.
const NUMBERS: u64 = 1 << 60;

/// Where a probe is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// The beginning of its connection reaches the origin.
    Dial,
    /// Its connection is ready, or refused.
    Dialled(bool),
    /// What it asks reaches the origin.
    Offer,
    /// The answer is back, or the loss of the connection.
    Reply(bool),
    /// Its time is over.
    Deadline,
}

/// A probe under way, in a slot that is used again.
#[derive(Clone, Copy, Debug)]
struct Probe {
    /// Counts the slot's probes: what an earlier one left behind is ignored.
    serial: u32,
    number: u64,
    /// Whose it is, and where that stood when it began.
    process: usize,
    place: usize,
    pool: u16,
    origin: usize,
    order: Order,
    began: Timestamp,
}

/// The probes of all pools.
#[derive(Debug)]
pub(super) struct Probes {
    live: Vec<Probe>,
    free: Vec<usize>,
    number: u64,
    /// When a pool has something to do by itself; never without checks.
    pub(super) next: Timestamp,
    /// A request has changed when that is.
    pub(super) disturbed: bool,
}

impl Probes {
    /// Nothing under way; pools are looked at once in any case.
    pub(super) const fn new() -> Self {
        Self {
            live: Vec::new(),
            free: Vec::new(),
            number: 0,
            next: Timestamp::MAX,
            disturbed: false,
        }
    }
}

impl Engine<'_> {
    /// Begins to watch.
    pub(super) fn begin_probes(&mut self) {
        self.reckon();
    }

    /// When to look next.
    fn reckon(&mut self) {
        self.probes.disturbed = false;
        let processes = self.places.iter().map(|place| &self.proxies[place.process]);
        let pools = processes.flat_map(|proxy| &proxy.pools);
        let next = pools.map(|pool| pool.next_deadline());
        let next = next.min().unwrap_or(Timestamp::MAX);
        self.probes.next = match next {
            Timestamp::MAX => next,
            next => next.max(self.now),
        };
    }

    /// A request or a probe may have changed when to look next.
    pub(super) fn after_news(&mut self) {
        if self.probes.disturbed {
            self.reckon();
        }
    }

    /// Does what is due in all pools of those that take what is new.
    pub(super) fn look(&mut self) {
        for place in 0..self.places.len() {
            let process = self.places[place].process;
            for pool in 0..self.proxies[process].pools.len() {
                let now = self.now;
                let grants = self.proxies[process].pools[pool].tick(now);
                self.grants.extend(grants);
                while let Some(order) = self.proxies[process].pools[pool].order(now) {
                    self.probe(place, pool as u16, order);
                }
                self.spread(process, pool);
            }
        }
        self.reckon();
    }

    /// Records what a pool has found out.
    fn spread(&mut self, process: usize, pool: usize) {
        while let Some(event) = self.proxies[process].pools[pool].news() {
            self.collector.record(process, &event);
        }
    }

    fn probe(&mut self, place: usize, pool: u16, order: Order) {
        let process = self.places[place].process;
        let at = self.probes.free.pop().unwrap_or(self.probes.live.len());
        let serial = self.probes.live.get(at).map_or(0, |probe| probe.serial);
        let probe = Probe {
            serial,
            number: NUMBERS + self.probes.number,
            process,
            place,
            pool,
            origin: self.proxies[process].origin(pool, order.endpoint),
            order,
            began: self.now,
        };
        self.probes.number += 1;
        match self.probes.live.get_mut(at) {
            Some(free) => *free = probe,
            None => self.probes.live.push(probe),
        }
        let over = What::Probe {
            at,
            serial,
            step: Step::Deadline,
        };
        self.plan_at(order.deadline, over);
        self.step(at, 0, Step::Dial);
    }

    /// Plans the next step of a probe: one way to its origin or back, after so many round trips.
    fn step(&mut self, at: usize, trips: u64, step: Step) {
        let probe = self.probes.live[at];
        let (there, back) = (
            Hop::Up(probe.place, probe.origin),
            Hop::Back(probe.place, probe.origin),
        );
        let (leg, hop) = match step {
            Step::Dial => (0, there),
            Step::Dialled(_) => (1, back),
            Step::Offer => (2, there),
            Step::Reply(_) | Step::Deadline => (3, back),
        };
        let mut arrives = self.arrival(hop, probe.number, leg, self.now, 0).at();
        for trip in 0..trips {
            let leg = 4 + 2 * trip;
            arrives = self.arrival(there, probe.number, leg, arrives, 0).at();
            arrives = self.arrival(back, probe.number, leg + 1, arrives, 0).at();
        }
        let serial = probe.serial;
        self.until(arrives, What::Probe { at, serial, step });
    }

    /// A probe has come to `step`.
    pub(super) fn probe_at(&mut self, at: usize, serial: u32, step: Step) {
        let probe = self.probes.live[at];
        if probe.serial != serial {
            return;
        }
        match step {
            Step::Dial => {
                let welcome = self.origins[probe.origin].is_welcoming();
                let pool = &self.plan.config().pools[usize::from(probe.pool)];
                let tls = pool.tls.is_some();
                self.step(at, u64::from(welcome && tls), Step::Dialled(welcome));
            }
            Step::Dialled(false) => self.end(at, Outcome::Refused),
            Step::Dialled(true) => match self.check(&probe).map(|check| &check.ask) {
                Some(Ask::Tcp) => self.end(at, Outcome::Passed),
                _ => self.step(at, 0, Step::Offer),
            },
            Step::Offer => self.offer_probe(at, serial),
            Step::Reply(true) => self.end(at, Outcome::Passed),
            Step::Reply(false) => self.end(at, Outcome::Lost),
            Step::Deadline => self.end(at, Outcome::Timeout),
        }
    }

    fn offer_probe(&mut self, at: usize, serial: u32) {
        let origin = self.probes.live[at].origin;
        if let Some(unread) = &mut self.origins[origin].unread {
            let step = Step::Offer;
            return unread.push(What::Probe { at, serial, step });
        }
        let job = Job {
            id: PROBE | u64::from(serial) << 32 | at as u64,
            connection: self.probes.live[at].number,
            fresh: true,
            cpu_ns: 0,
            io_ns: 0,
        };
        if self.origins[origin].station.offer(self.now, &job) {
            self.plan_station(origin);
        } else {
            self.step(at, 0, Step::Reply(false));
        }
    }

    /// The job of a probe is done, or lost.
    pub(super) fn settle_probe(&mut self, id: u64, done: bool) {
        let (at, serial) = ((id & 0xffff_ffff) as usize, ((id & !PROBE) >> 32) as u32);
        if self.probes.live[at].serial == serial {
            self.step(at, 0, Step::Reply(done));
        }
    }

    fn check(&self, probe: &Probe) -> Option<&Check> {
        let config = &self.plan.generations[self.generation].config;
        let pool = config.pools.get(usize::from(probe.pool))?;
        let checks = &pool.health.as_ref()?.checks;
        checks.get(usize::from(probe.order.check))
    }

    fn end(&mut self, at: usize, outcome: Outcome) {
        let probe = self.probes.live[at];
        let took = self.now.since(probe.began);
        let outcome = match (outcome, self.check(&probe)) {
            (Outcome::Passed, Some(check)) => check.expect.latency(took),
            _ => outcome,
        };
        let live = &mut self.probes.live[at];
        live.serial = live.serial.wrapping_add(1) & 0x7fff_ffff;
        self.probes.free.push(at);
        let pool = usize::from(probe.pool);
        let state = &mut self.proxies[probe.process].pools[pool];
        let grants = state.probed(self.now, &probe.order, outcome);
        self.grants.extend(grants);
        self.spread(probe.process, pool);
        self.probes.disturbed = true;
    }
}
