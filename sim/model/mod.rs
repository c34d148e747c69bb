//! Engine `model`: the core alone, driven by a discrete-event loop.
//!
//! Same scenario, arrivals, service draws, faults and results as engine `net`, without connections
//! and bytes: fast enough for fleets and days, and the exact reference that `net` is held against.
//! What it leaves out: reading and writing take no time, clients have connections already (but
//! for the first request of a session or user, and sockets), a dial
//! costs a round trip (one more with TLS, one more with HTTP/2) and nothing else, and nobody closes
//! an idle connection unless a fault does.

mod agenda;
mod client;
mod deadline;
mod idle;
mod key;
mod planned;
mod probe;
mod upstream;

use std::collections::VecDeque;
use std::time::Duration;

use evenkeel_core::pool;
use evenkeel_core::queue::{Grant, Token};
use evenkeel_core::request::{self, Action, Event, Outcome, PoolAccess, Request};
use evenkeel_core::rng::{Rng, Stream};
use evenkeel_core::time::Timestamp;
use evenkeel_core::trace;
use evenkeel_proxy::key::Source;

use self::agenda::Agenda;
use self::client::{Act, Waiting};
use self::deadline::Deadlines;
use self::idle::Idle;
use self::planned::{Planned, What};
use self::probe::Probes;
use crate::engine::{Ended, Error, Seen};
use crate::origin::{self, Load, Station, Trouble};
use crate::plan::{Ask, COOL_DOWN, Plan, Way};
use crate::result::{Collector, End};
use crate::timeline::Timeline;
use crate::workload::{Arrival, Arrivals, Conduct, Service};

/// Runs `plan` under `seed`. With `observe`, every request is reported. `on_time` is called now and
/// then with the simulated time; false ends the run.
///
/// # Errors
///
/// A recorded workload cannot be opened, or the run was ended.
pub fn run(
    plan: &Plan,
    seed: u64,
    observe: bool,
    on_time: &mut dyn FnMut(Timestamp) -> bool,
) -> Result<Ended, Error> {
    let arrivals = Arrivals::new(seed, &plan.workloads, plan.end())?;
    let mut engine = Engine::new(plan, seed, observe, arrivals);
    engine.begin_probes(seed);
    engine.run(on_time)?;
    let (loads, now) = (engine.loads(), engine.now);
    let cell = engine.collector.finish(now, &loads);
    Ok(Ended {
        cell,
        now,
        seen: engine.seen,
        notes: plan.notes(&engine.arrivals),
    })
}

/// A request on its way, in a slot that is used again.
struct Live {
    request: Request,
    rng: Rng,
    arrival: Arrival,
    pool: u16,
    /// Counts the slot's requests and their tries: what an earlier one left behind is ignored.
    serial: u32,
    /// How often it has reached an origin: each time draws a service of its own.
    offers: u8,
    /// The connection of the present try was idle before.
    reused: bool,
    /// What its client is at.
    waiting: Waiting,
}

/// Of a slot's request until the first one reaches the proxy.
const BLANK: request::Plan = request::Plan {
    attempts: 1,
    queue: Duration::ZERO,
    dial: Duration::ZERO,
    head: Duration::ZERO,
    idle: Duration::ZERO,
    tunnel: Duration::ZERO,
    total: None,
};

impl Live {
    /// A slot with its first request, which has not reached the proxy.
    fn new(arrival: Arrival, picks: Stream) -> Self {
        Self {
            request: Request::new(0, Token::default(), 0, BLANK),
            rng: picks.at(0),
            arrival,
            pool: 0,
            serial: 0,
            offers: 0,
            reused: false,
            waiting: Waiting::default(),
        }
    }
}

struct Engine<'a> {
    plan: &'a Plan,
    observe: bool,
    seen: Vec<Seen>,
    now: Timestamp,
    arrivals: Arrivals,
    conduct: Conduct,
    planned: Planned,
    /// When each origin acts next.
    agenda: Agenda,
    /// Numbers what is planned: equal instants are taken in the order of planning.
    serial: u64,
    live: Vec<Live>,
    free: Vec<usize>,
    /// Where each workload's classes go, and whether they are idempotent.
    ways: Vec<Vec<(Way, bool)>>,
    pools: Vec<pool::State>,
    /// What each pool hashes by.
    keys: Vec<Source>,
    stations: Vec<Station>,
    timeline: Timeline,
    /// What is wrong with each origin.
    troubles: Vec<Trouble>,
    /// While an origin is paused: what has reached it and is not read.
    unread: Vec<Option<Vec<What>>>,
    idle: Idle,
    probes: Probes,
    deadlines: Deadlines,
    /// When clients lose patience.
    patience: Deadlines,
    grants: VecDeque<Grant>,
    collector: Collector,
    service: Service,
    picks: Stream,
    jitter: Stream,
    requests: u64,
    finished: Vec<(u64, Timestamp)>,
}

impl<'a> Engine<'a> {
    fn new(plan: &'a Plan, seed: u64, observe: bool, arrivals: Arrivals) -> Self {
        let way = |ask: &Ask| (plan.way(&ask.host, &ask.path), ask.is_idempotent());
        let ways = |asks: &Vec<Ask>| asks.iter().map(way).collect();
        Self {
            plan,
            observe,
            seen: Vec::new(),
            now: Timestamp::ZERO,
            arrivals,
            conduct: Conduct::new(seed, &plan.workloads),
            planned: Planned::default(),
            agenda: Agenda::new(plan.origins.len()),
            serial: 0,
            live: Vec::new(),
            free: Vec::new(),
            ways: plan.asks.iter().map(ways).collect(),
            pools: plan.pools(),
            keys: plan.config().pools.iter().map(Source::new).collect(),
            stations: plan
                .origins
                .iter()
                .zip(0..)
                .map(|(origin, n)| Station::new(origin.spec.clone(), origin::draws(seed, n)))
                .collect(),
            timeline: Timeline::new(plan, seed),
            troubles: vec![Trouble::new(seed); plan.origins.len()],
            unread: vec![None; plan.origins.len()],
            idle: Idle::new(plan.config()),
            probes: Probes::new(),
            deadlines: Deadlines::default(),
            patience: Deadlines::default(),
            grants: VecDeque::new(),
            collector: Collector::new(plan.setup.clone()),
            service: Service::new(seed, plan.cpu.clone(), plan.io.clone()),
            picks: Stream::new(seed, "proxy/pick"),
            jitter: Stream::new(seed, "jitter"),
            requests: 0,
            finished: Vec::new(),
        }
    }

    fn run(&mut self, on_time: &mut dyn FnMut(Timestamp) -> bool) -> Result<(), Error> {
        let changes = std::mem::take(&mut self.timeline.changes);
        let mut changes = changes.into_iter().peekable();
        let last = self.plan.end() + COOL_DOWN;
        let mut turns = 0_u32;
        loop {
            let arrival = self.arrivals.due();
            let (under_way, planned) = self.planned.first();
            let (origins, acting, origin) = self.agenda.first();
            let change = changes.peek().map_or(Timestamp::MAX, |(at, ..)| *at);
            let deadline = self.deadlines.first();
            let patience = self.patience.first();
            let event = under_way.min(origins);
            let next = arrival.min(event).min(change).min(deadline).min(patience);
            let next = next.min(self.probes.next);
            let drained = arrival == Timestamp::MAX && self.free.len() == self.live.len();
            if next > last || (drained && change == Timestamp::MAX) {
                return Ok(());
            }
            self.now = next;
            turns = turns.wrapping_add(1);
            if turns.is_multiple_of(1 << 16) && !on_time(next) {
                return Err(Error::Interrupted);
            }
            // At one instant: what was on its way, then faults, then deadlines, the proxy's before
            // clients', then what pools do by themselves, then new requests.
            if event == next {
                if (origins, acting) < (under_way, planned) {
                    self.advance(origin);
                } else if let Some(what) = self.planned.pop() {
                    self.happen(what);
                }
            } else if change == next {
                if let Some((_, origin, change)) = changes.next() {
                    self.change(origin, change);
                }
            } else if deadline == next {
                if let Some((at, serial)) = self.deadlines.pop() {
                    self.expire(at, serial);
                }
            } else if patience == next {
                if let Some((at, client)) = self.patience.pop() {
                    self.act(at, client, Act::GiveUp);
                }
            } else if self.probes.next == next {
                self.look();
            } else if let Some(arrival) = self.arrivals.next() {
                self.due(arrival);
            }
            self.after_news();
            while let Some(Grant { token }) = self.grants.pop_front() {
                self.report(token.0 as usize, Event::Granted);
            }
        }
    }

    /// One way over a link, `leg` of request number `n`.
    fn latency(&self, n: u64, leg: u64) -> u64 {
        let network = &self.plan.scenario.network;
        let jitter = network.jitter.as_nanos() as u64;
        let drawn = if jitter == 0 {
            0
        } else {
            self.jitter.child(n).at(leg).below(jitter)
        };
        network.latency.as_nanos() as u64 + drawn
    }

    /// Plans `what` for `delay` nanoseconds from now; at once if there is none.
    fn after(&mut self, delay: u64, what: What) {
        if delay == 0 {
            self.happen(what);
        } else {
            self.plan_at(Timestamp(self.now.0 + delay), what);
        }
    }

    fn plan_at(&mut self, at: Timestamp, what: What) {
        self.planned.push(at, self.serial, what);
        self.serial += 1;
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Arrive { at } => self.arrive(at),
            What::Dial {
                at,
                serial,
                attempt,
            } if self.is(at, serial) => {
                if let Some(event) = self.dialled(at, attempt) {
                    self.report(at, event);
                }
            }
            What::Connected {
                at,
                serial,
                attempt,
            } if self.is(at, serial) => {
                self.opened(at);
                self.report(
                    at,
                    Event::Connected {
                        attempt,
                        reused: false,
                    },
                );
            }
            What::Refused {
                at,
                serial,
                attempt,
            } if self.is(at, serial) => {
                self.report(at, Event::DialFailed { attempt });
            }
            What::Offer {
                at,
                serial,
                attempt,
            } if self.is(at, serial) => self.offer(at, attempt),
            What::Reply {
                at,
                serial,
                attempt,
                status,
            } if self.is(at, serial) => {
                self.reply(at, attempt, status);
            }
            What::Deadline { at, serial } => self.expire(at, serial),
            What::Probe { at, serial, step } => self.probe_at(at, serial, step),
            What::Client { at, client, act } => self.act(at, client, act),
            What::Dial { .. }
            | What::Connected { .. }
            | What::Refused { .. }
            | What::Offer { .. }
            | What::Reply { .. } => {}
        }
    }

    fn is(&self, at: usize, serial: u32) -> bool {
        self.live[at].serial == serial
    }

    /// Where a request goes, and whether it is idempotent.
    fn way(&self, arrival: &Arrival) -> (Way, bool) {
        match &arrival.record {
            Some(record) => {
                let ask = Ask::recorded(record);
                (self.plan.way(&ask.host, &ask.path), ask.is_idempotent())
            }
            None => self.ways[usize::from(arrival.workload)][usize::from(arrival.class)],
        }
    }

    /// A request reaches the proxy.
    fn arrive(&mut self, at: usize) {
        let id = self.requests;
        self.requests += 1;
        let (way, idempotent) = self.way(&self.live[at].arrival);
        match way {
            Way::Pool(pool, plan) => {
                let live = &mut self.live[at];
                let key = key::of(&self.keys[usize::from(pool)], &live.arrival, self.plan);
                live.request = Request::new(id, Token(at as u64), pool, plan).keyed(key);
                live.rng = self.picks.at(id);
                live.pool = pool;
                live.offers = 0;
                self.report(at, Event::Arrived { idempotent });
            }
            Way::Answer(status) => {
                self.collector.record(&trace::Event {
                    at: self.now,
                    request: id,
                    pool: trace::NO_POOL,
                    attempt: 0,
                    endpoint: None,
                    kind: trace::Kind::Rejected { status },
                });
                self.complete(at, End::Status(status));
            }
        }
    }

    /// Reports to the core and performs what it says, until it waits for something.
    fn report(&mut self, at: usize, event: Event) {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let live = &mut self.live[at];
            let mut access = Access {
                pool: &mut self.pools[usize::from(live.pool)],
                grants: &mut self.grants,
                collector: &mut self.collector,
                disturbed: &mut self.probes.disturbed,
            };
            for action in live.request.on(event, self.now, &mut access, &mut live.rng) {
                match action {
                    Action::Wait { .. } | Action::Answer(_) => {}
                    Action::Connect {
                        attempt,
                        endpoint,
                        fresh,
                    } => {
                        next = self.connect(at, attempt, endpoint, fresh);
                    }
                    Action::Send { attempt } => self.dispatch(at, attempt),
                    Action::Cancel { .. } => self.live[at].serial += 1,
                    Action::Forward { .. } => next = self.forward(at),
                    Action::Finish(outcome) => return self.finish(at, outcome),
                }
            }
        }
        let live = &self.live[at];
        if !live.request.is_finished() {
            let deadline = live.request.deadline();
            self.wait_until(at, deadline);
        }
    }

    fn wait_until(&mut self, at: usize, deadline: Timestamp) {
        let live = &self.live;
        let serial = live[at].serial;
        let done = |at: usize, serial: u32| live[at].serial != serial;
        if deadline != Timestamp::MAX
            && !self.deadlines.push(self.now, deadline, (at, serial), done)
        {
            self.plan_at(deadline, What::Deadline { at, serial });
        }
    }

    fn expire(&mut self, at: usize, serial: u32) {
        if !self.is(at, serial) {
            return;
        }
        match self.live[at].request.deadline() {
            deadline if deadline <= self.now => self.report(at, Event::Timer),
            Timestamp::MAX => {}
            // The messages of a tunnel have moved it.
            deadline => self.plan_at(deadline, What::Deadline { at, serial }),
        }
    }

    fn finish(&mut self, at: usize, outcome: Outcome) {
        let end = match outcome {
            Outcome::Complete { status } => End::Status(status),
            Outcome::Local(local) => End::Status(local.status()),
            Outcome::Cut { .. } => End::Cut,
            Outcome::Cancelled => End::Cancelled,
        };
        self.complete(at, end);
    }

    fn loads(&self) -> Vec<Vec<Load>> {
        let load = |origin: &usize| self.stations[*origin].load(self.now);
        self.plan
            .behind
            .iter()
            .map(|row| row.iter().map(load).collect())
            .collect()
    }
}

struct Access<'a> {
    pool: &'a mut pool::State,
    grants: &'a mut VecDeque<Grant>,
    collector: &'a mut Collector,
    /// The health of endpoints has changed.
    disturbed: &'a mut bool,
}

impl PoolAccess for Access<'_> {
    fn with<R>(&mut self, f: impl FnOnce(&mut pool::State) -> R) -> R {
        f(self.pool)
    }

    fn grant(&mut self, grant: Grant) {
        self.grants.push_back(grant);
    }

    fn record(&mut self, event: trace::Event) {
        *self.disturbed |= event.kind.is_outside();
        self.collector.record(&event);
    }
}

#[cfg(test)]
mod test;
