//! Probes in the model: what the core's checks and policies ask for, as round trips to origins and
//! work there.
//!
//! A probe is a request without work of its own: it waits for its turn at the origin as all
//! requests do, so an event loop that is behind fails its check. One of the health has a connection
//! of its own, one of the load a kept one if there is any. Faults that hit a share of requests
//! spare it. As in engine `net`, an answer is 200 and says how many requests there are beside it.

use std::time::Duration;

use evenkeel_core::endpoint::EndpointIndex;
use evenkeel_core::health::{Order, Outcome};
use evenkeel_core::policy::Load;
use evenkeel_core::pool::Wanted;
use evenkeel_core::time::Timestamp;
use evenkeel_proxy::config::{self, Ask, Check};

use super::{Engine, Hop, Live, What};
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
    /// The answer is back, with the number of requests there, or the loss of the connection.
    Reply(Option<u32>),
    /// Its time is over.
    Deadline,
}

/// What a probe is for.
#[derive(Clone, Copy, Debug)]
enum Purpose {
    Health(Order),
    Load(Wanted),
}

impl Purpose {
    const fn endpoint(self) -> EndpointIndex {
        match self {
            Self::Health(order) => order.endpoint,
            Self::Load(wanted) => wanted.endpoint,
        }
    }
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
    purpose: Purpose,
    /// It has a connection that was kept.
    reused: bool,
    /// What it asks was sent, and its origin has not read it.
    on_way: bool,
    /// When it set out; one of the load, when its request did.
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
    /// Whom a policy wants asked, after a pick for the request at hand.
    pub(super) wanted: Vec<Wanted>,
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
            wanted: Vec::new(),
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
                    self.probe(place, process, pool as u16, Purpose::Health(order));
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

    /// Asks those for their load whom a policy wants asked, after a pick for `live`.
    #[cold]
    pub(super) fn ask_loads(&mut self, live: &Live) {
        while let Some(wanted) = self.probes.wanted.pop() {
            self.probe(live.place, live.process, live.pool, Purpose::Load(wanted));
        }
    }

    fn probe(&mut self, place: usize, process: usize, pool: u16, purpose: Purpose) {
        let at = self.probes.free.pop().unwrap_or(self.probes.live.len());
        let serial = self.probes.live.get(at).map_or(0, |probe| probe.serial);
        let endpoint = purpose.endpoint();
        let mut probe = Probe {
            serial,
            number: NUMBERS + self.probes.number,
            process,
            place,
            pool,
            origin: self.proxies[process].origin(pool, endpoint),
            purpose,
            reused: false,
            on_way: false,
            began: self.now,
        };
        let deadline = match purpose {
            Purpose::Health(order) => order.deadline,
            Purpose::Load(_) => {
                let idle = &mut self.proxies[process].idle;
                probe.reused = idle.take(pool, endpoint.slot, self.now);
                let section = self.section(pool).and_then(|pool| pool.probe.as_ref());
                self.now + section.map_or(Duration::ZERO, |probe| probe.timeout)
            }
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
        self.plan_at(deadline, over);
        let first = match probe.reused {
            true => Step::Offer,
            false => Step::Dial,
        };
        self.step(at, 0, first);
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
        self.probes.live[at].on_way |= matches!(step, Step::Offer);
        self.until(arrives, What::Probe { at, serial, step });
    }

    /// A probe has come to `step`.
    pub(super) fn probe_at(&mut self, at: usize, serial: u32, step: Step) {
        let probe = self.probes.live[at];
        if probe.serial != serial && !matches!(step, Step::Offer) {
            return;
        }
        match step {
            Step::Dial => {
                let welcome = self.origins[probe.origin].is_welcoming();
                let pool = &self.plan.config().pools[usize::from(probe.pool)];
                let tls = u64::from(pool.tls.is_some());
                // The endpoint's first frame is waited for, by who begins a connection for others.
                let kept = matches!(probe.purpose, Purpose::Load(_));
                let http2 = u64::from(pool.http2 && kept);
                let more = if welcome { tls + http2 } else { 0 };
                self.step(at, more, Step::Dialled(welcome));
            }
            Step::Dialled(false) => self.end(at, Err(Outcome::Refused)),
            Step::Dialled(true) => self.send_probe(at),
            Step::Offer => self.offer_probe(at, serial),
            Step::Reply(Some(in_flight)) => self.end(at, Ok(in_flight)),
            Step::Reply(None) => self.end(at, Err(Outcome::Lost)),
            Step::Deadline => self.end(at, Err(Outcome::Timeout)),
        }
    }

    /// A probe has a new connection.
    fn send_probe(&mut self, at: usize) {
        let now = self.now;
        let probe = &mut self.probes.live[at];
        match probe.purpose {
            Purpose::Load(Wanted { endpoint, .. }) => {
                probe.began = now;
                let (process, pool) = (probe.process, probe.pool);
                self.proxies[process].idle.open(pool, endpoint.slot);
            }
            Purpose::Health(_) => {
                let probe = *probe;
                if self
                    .check(&probe)
                    .is_some_and(|check| check.ask == Ask::Tcp)
                {
                    return self.end(at, Ok(0));
                }
            }
        }
        self.step(at, 0, Step::Offer);
    }

    fn offer_probe(&mut self, at: usize, serial: u32) {
        let Probe {
            origin,
            number,
            reused,
            ..
        } = self.probes.live[at];
        if let Some(unread) = &mut self.origins[origin].unread {
            let step = Step::Offer;
            return unread.push(What::Probe { at, serial, step });
        }
        let probe = &mut self.probes.live[at];
        probe.on_way = false;
        let over = probe.serial != serial;
        if over {
            self.probes.free.push(at);
        }
        let job = Job {
            id: PROBE | u64::from(serial) << 32 | at as u64,
            connection: number,
            fresh: !reused,
            cpu_ns: 0,
            io_ns: 0,
        };
        if self.origins[origin].station.offer(self.now, &job) {
            self.plan_station(origin);
        } else if !over {
            self.step(at, 0, Step::Reply(None));
        }
    }

    /// The job of a probe is done, or lost.
    pub(super) fn settle_probe(&mut self, id: u64, done: bool) {
        let (at, serial) = ((id & 0xffff_ffff) as usize, ((id & !PROBE) >> 32) as u32);
        let probe = self.probes.live[at];
        if probe.serial == serial {
            let in_flight = self.origins[probe.origin].station.in_flight();
            self.step(at, 0, Step::Reply(done.then_some(in_flight)));
        }
    }

    /// What the configuration in force says of a pool.
    fn section(&self, pool: u16) -> Option<&config::Pool> {
        let config = &self.plan.generations[self.generation].config;
        config.pools.get(usize::from(pool))
    }

    fn check(&self, probe: &Probe) -> Option<&Check> {
        let Purpose::Health(order) = probe.purpose else {
            return None;
        };
        let checks = &self.section(probe.pool)?.health.as_ref()?.checks;
        checks.get(usize::from(order.check))
    }

    /// A probe has been answered with so many requests in flight, or has failed.
    fn end(&mut self, at: usize, answer: Result<u32, Outcome>) {
        let probe = self.probes.live[at];
        let live = &mut self.probes.live[at];
        live.serial = live.serial.wrapping_add(1) & 0x7fff_ffff;
        // Who is given up is read all the same.
        if !probe.on_way {
            self.probes.free.push(at);
        }
        match probe.purpose {
            Purpose::Health(order) => self.report_health(&probe, &order, answer),
            Purpose::Load(wanted) => self.report_load(&probe, wanted, answer),
        }
    }

    fn report_health(&mut self, probe: &Probe, order: &Order, answer: Result<u32, Outcome>) {
        let took = self.now.since(probe.began);
        let outcome = match (answer, self.check(probe)) {
            (Ok(_), Some(check)) => check.expect.latency(took),
            (Ok(_), None) => Outcome::Passed,
            (Err(outcome), _) => outcome,
        };
        let pool = usize::from(probe.pool);
        let state = &mut self.proxies[probe.process].pools[pool];
        let grants = state.probed(self.now, order, outcome);
        self.grants.extend(grants);
        self.spread(probe.process, pool);
        self.probes.disturbed = true;
    }

    fn report_load(&mut self, probe: &Probe, wanted: Wanted, answer: Result<u32, Outcome>) {
        let section = self.section(probe.pool);
        let (says, http2) = section.map_or((false, false), |pool| {
            let asked = pool.probe.as_ref();
            let says = asked.is_some_and(|probe| probe.header.is_some());
            (says, pool.http2)
        });
        let load = answer.map(|in_flight| Load {
            in_flight: says.then_some(in_flight),
            took: self.now.since(probe.began),
        });
        let proxy = &mut self.proxies[probe.process];
        if load.is_ok() && !http2 {
            proxy.idle.put(probe.pool, wanted.endpoint.slot, self.now);
        }
        let event = proxy.pools[usize::from(probe.pool)].told(self.now, wanted, load);
        self.collector.record(probe.process, &event);
    }
}
