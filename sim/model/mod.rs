//! Engine `model`: the core alone, driven by a discrete-event loop.
//!
//! Same scenario, arrivals, service draws, faults and results as engine `net`, without connections
//! and bytes: fast enough for fleets and days, and the exact reference that `net` is held against.
//! What it leaves out: reading and writing take no time, clients have connections already (but
//! for the first request of a session or user, and sockets), a dial
//! costs a round trip (one more with TLS, one more with HTTP/2) and nothing else, and who closes an
//! idle connection is heard at once.

mod agenda;
mod body;
mod client;
mod deadline;
mod downstream;
mod idle;
mod live;
mod planned;
mod probe;
mod proxy;
mod report;
mod session;
mod upstream;
mod wire;

use std::collections::VecDeque;

use evenkeel_core::queue::{Grant, Token};
use evenkeel_core::request::{Event, Request};
use evenkeel_core::rng::Stream;
use evenkeel_core::time::{Span, Timestamp};
use evenkeel_core::trace;
use evenkeel_proxy::key::Source;

use self::agenda::Agenda;
use self::deadline::Deadlines;
use self::downstream::Downstream;
use self::live::Live;
use self::planned::{Planned, What};
use self::probe::Probes;
use self::proxy::{Place, Proxy};
use self::session::Given;
use self::wire::{Hop, Wires};
use crate::engine::{Ended, Error, Seen};
use crate::hole::Holes;
use crate::link::Arrival as Arrived;
use crate::origin::{self, Load, Station, Trouble};
use crate::plan::{Ask, COOL_DOWN, Plan, Way};
use crate::result::{Collector, End};
use crate::timeline::Timeline;
use crate::workload::{Arrival, Arrivals, Conduct, Service, Visitors};

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
    let mut changes = plan.scenario.changes.iter();
    if let Some(why) = changes.find_map(|change| change.what.needs_net()) {
        return Err(Error::Model(why));
    }
    let arrivals = Arrivals::new(seed, &plan.workloads, plan.end())?;
    let mut engine = Engine::new(plan, seed, observe, arrivals);
    engine.begin_probes();
    engine.run(on_time)?;
    Ok(engine.into_ended())
}

struct Engine<'a> {
    plan: &'a Plan,
    seed: u64,
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
    /// What each pool hashes by.
    keys: Vec<Source>,
    /// The configuration in force.
    generation: usize,
    /// All processes that there have been, and who is in which place.
    proxies: Vec<Proxy>,
    places: Vec<Place>,
    downstream: Downstream,
    wires: Wires,
    /// What every way takes, where all are alike and nothing is drawn or held up.
    distance: Option<Span>,
    stations: Vec<Station>,
    timeline: Timeline,
    /// What is wrong with each origin.
    troubles: Vec<Trouble>,
    /// While an origin is paused: what has reached it and is not read.
    unread: Vec<Option<Vec<What>>>,
    /// And how many new connections wait in its backlog.
    unaccepted: Vec<u32>,
    probes: Probes,
    deadlines: Deadlines,
    /// When clients lose patience.
    patience: Deadlines,
    grants: VecDeque<Grant>,
    collector: Collector,
    service: Service,
    jitter: Stream,
    finished: Vec<(u64, Timestamp)>,
    visitors: Visitors<Given>,
}

impl<'a> Engine<'a> {
    fn new(plan: &'a Plan, seed: u64, observe: bool, arrivals: Arrivals) -> Self {
        let count = usize::from(plan.scenario.proxies.count);
        let timeline = Timeline::new(plan, seed);
        let wires = Wires::new(plan);
        let holds_up = timeline
            .holes
            .iter()
            .any(|holes| *holes != Holes::default());
        let mut collector = Collector::new(plan.setup.clone());
        (1..count).for_each(|_| _ = collector.proxy());
        let proxy = |place| Proxy::new(plan, 0, seed, &plan.proxy_name(place, 0));
        Self {
            plan,
            seed,
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
            ways: ways(plan, 0),
            keys: keys(plan, 0),
            generation: 0,
            proxies: (0..count).map(proxy).collect(),
            places: (0..count).map(Place::new).collect(),
            downstream: Downstream::default(),
            distance: wires.distance().filter(|_| !holds_up),
            wires,
            stations: plan
                .origins
                .iter()
                .zip(0..)
                .map(|(origin, n)| Station::new(origin.spec.clone(), origin::draws(seed, n)))
                .collect(),
            timeline,
            troubles: vec![Trouble::new(seed); plan.origins.len()],
            unread: vec![None; plan.origins.len()],
            unaccepted: vec![0; plan.origins.len()],
            probes: Probes::new(),
            deadlines: Deadlines::default(),
            patience: Deadlines::default(),
            grants: VecDeque::new(),
            collector,
            service: Service::new(seed, plan.cpu.clone(), plan.io.clone()),
            jitter: Stream::new(seed, "jitter"),
            finished: Vec::new(),
            visitors: Visitors::default(),
        }
    }

    fn run(&mut self, on_time: &mut dyn FnMut(Timestamp) -> bool) -> Result<(), Error> {
        let changes = std::mem::take(&mut self.timeline.changes);
        let mut changes = changes.into_iter().peekable();
        let mut turns = self.plan.turns.iter().peekable();
        let mut change = changes.peek().map_or(Timestamp::MAX, |(at, ..)| *at);
        let mut turn = turns.peek().map_or(Timestamp::MAX, |(at, _)| *at);
        let last = self.plan.end() + COOL_DOWN;
        let mut steps = 0_u32;
        loop {
            let arrival = self.arrivals.due();
            let (under_way, planned) = self.planned.first();
            let (origins, acting, origin) = self.agenda.first();
            let deadline = self.deadlines.first();
            let patience = self.patience.first();
            let event = under_way.min(origins);
            let now = arrival.min(event).min(change).min(turn);
            let next = now.min(deadline).min(patience).min(self.probes.next);
            let drained = arrival == Timestamp::MAX && self.free.len() == self.live.len();
            if next > last || (drained && change == Timestamp::MAX) {
                return Ok(());
            }
            self.now = next;
            steps = steps.wrapping_add(1);
            if steps.is_multiple_of(1 << 16) && !on_time(next) {
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
                change = changes.peek().map_or(Timestamp::MAX, |(at, ..)| *at);
            } else if turn == next {
                if let Some((_, turn)) = turns.next() {
                    self.turn(turn);
                }
                turn = turns.peek().map_or(Timestamp::MAX, |(at, _)| *at);
            } else if deadline == next {
                if let Some(at) = self.deadlines.pop() {
                    self.expire(at);
                }
            } else if patience == next {
                if let Some(at) = self.patience.pop() {
                    self.lose_patience(at);
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

    /// When `bytes` of request number `n` arrive that are ready at `sent`; each leg draws its own.
    // Inlined: where nothing is drawn, it is one addition.
    #[inline(always)]
    fn arrival(&self, hop: Hop, n: u64, leg: u64, sent: Timestamp, bytes: u64) -> Arrived {
        if let Some(latency) = self.distance {
            return Arrived::At(sent + latency);
        }
        self.jittered(hop, n, leg, sent, bytes)
    }

    fn jittered(&self, hop: Hop, n: u64, leg: u64, sent: Timestamp, bytes: u64) -> Arrived {
        let rng = || self.jitter.child(n).at(leg);
        let sent = match hop {
            Hop::Up(_, origin) | Hop::Back(_, origin) => self.timeline.holes[origin].leaves(sent),
            Hop::Down(_) | Hop::Answer(_) => sent,
        };
        self.wires.arrival(hop, sent, bytes, rng)
    }

    /// Plans `what` for `at`; at once if that is now.
    fn until(&mut self, at: Timestamp, what: What) {
        if at <= self.now {
            self.happen(what);
        } else {
            self.plan_at(at, what);
        }
    }

    fn plan_at(&mut self, at: Timestamp, what: What) {
        self.planned.push(at, self.serial, what);
        self.serial += 1;
    }

    fn happen(&mut self, what: What) {
        if !self.is_awaited(what) {
            return;
        }
        match what {
            What::Arrive { at } => self.arrive(at),
            What::Dial { at, attempt, .. } => {
                if let Some(event) = self.dialled(at, attempt) {
                    self.report(at, event);
                }
            }
            What::Connected { at, attempt, .. } => {
                self.opened(at);
                let reused = false;
                self.report(at, Event::Connected { attempt, reused });
            }
            What::Refused { at, attempt, .. } => self.report(at, Event::DialFailed { attempt }),
            What::Offer { at, attempt, .. } => self.offer(at, attempt),
            What::Reply {
                at,
                attempt,
                status,
                ..
            } => self.reply(at, attempt, status),
            What::Ended { at, .. } => self.report(at, Event::BodyEnded),
            What::Probe { at, serial, step } => self.probe_at(at, serial, step),
            What::Client { at, client, act } => self.act(at, client, act),
            What::Idle { key, place, .. } => self.downstream.put(key, place),
            What::Replace { place, .. } => self.replace(place),
        }
    }

    /// Whether whoever it was planned for is still there and waits for it.
    fn is_awaited(&self, what: What) -> bool {
        match what {
            What::Dial { at, serial, .. }
            | What::Connected { at, serial, .. }
            | What::Refused { at, serial, .. }
            | What::Offer { at, serial, .. }
            | What::Reply { at, serial, .. }
            | What::Ended { at, serial } => self.is(at, serial),
            What::Idle { place, process, .. } => self.places[place].process == process,
            What::Replace { place, process } => {
                self.places[place].leaving && self.places[place].process == process
            }
            What::Arrive { .. } | What::Probe { .. } | What::Client { .. } => true,
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
                let way = self.plan.way(self.generation, &ask.host, &ask.path);
                (way, ask.is_idempotent())
            }
            None => self.ways[usize::from(arrival.workload)][usize::from(arrival.class)],
        }
    }

    /// A request reaches the proxy.
    fn arrive(&mut self, at: usize) {
        let Place {
            process, leaving, ..
        } = self.places[self.live[at].place];
        if leaving {
            return self.refuse(at);
        }
        let proxy = &mut self.proxies[process];
        let id = proxy.requests;
        proxy.requests += 1;
        proxy.open += 1;
        self.live[at].process = process;
        let (way, idempotent) = self.way(&self.live[at].arrival);
        match way {
            Way::Pool(pool, plan) => {
                let session = self.claim(at, process, pool);
                let live = &mut self.live[at];
                live.session = session;
                let key = self.plan.key(&self.keys[usize::from(pool)], &live.arrival);
                live.request = Request::new(id, Token(at as u64), pool, plan).keyed(key);
                live.rng = self.proxies[process].picks.at(id);
                live.pool = pool;
                live.offers = 0;
                let next = self.decide(at, Event::Arrived { idempotent });
                self.go_on(at, next);
            }
            Way::Answer(status) => {
                let event = trace::Event {
                    at: self.now,
                    request: id,
                    pool: trace::NO_POOL,
                    attempt: 0,
                    endpoint: None,
                    kind: trace::Kind::Rejected { status },
                };
                self.collector.record(process, &event);
                self.left(at);
                let done = self.answered(at, 0);
                self.complete(at, End::Status(status), done.at());
            }
        }
    }

    fn into_ended(mut self) -> Ended {
        self.visitors.close(&mut self.collector);
        for (number, proxy) in self.proxies.iter().enumerate() {
            proxy.rest(number, self.plan.config(), &mut self.collector);
        }
        let loads = self.loads();
        Ended {
            cell: self.collector.finish(self.now, &loads),
            now: self.now,
            seen: self.seen,
            notes: self.plan.notes(&self.arrivals),
        }
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

/// What each pool hashes by.
fn keys(plan: &Plan, generation: usize) -> Vec<Source> {
    let pools = &plan.generations[generation].config.pools;
    pools.iter().map(Source::new).collect()
}

/// Where each workload's classes go, and whether they are idempotent.
fn ways(plan: &Plan, generation: usize) -> Vec<Vec<(Way, bool)>> {
    let way = |ask: &Ask| {
        let way = plan.way(generation, &ask.host, &ask.path);
        (way, ask.is_idempotent())
    };
    let asks = plan.asks.iter();
    asks.map(|asks| asks.iter().map(way).collect()).collect()
}

#[cfg(test)]
mod test;
