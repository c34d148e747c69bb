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
mod race;
mod report;
mod session;
mod throttle;
mod upstream;
mod wire;

use std::collections::VecDeque;

use evenkeel_core::queue::{Grant, Token};
use evenkeel_core::request::{Event, Request};
use evenkeel_core::rng::Stream;
use evenkeel_core::time::{Span, Timestamp};
use evenkeel_proxy::key::Source;

use self::agenda::Agenda;
use self::deadline::Deadlines;
use self::downstream::Downstream;
use self::live::Live;
use self::planned::{Planned, What};
use self::probe::Probes;
use self::proxy::{Place, Proxy};
use self::session::Given;
use self::throttle::{Entrance, Limits};
use self::upstream::Origin;
use self::wire::{Hop, Wires};
use crate::engine::{Ended, Error, Seen};
use crate::hole::Holes;
use crate::link::Arrival as Arrived;
use crate::origin::Load;
use crate::plan::{Ask, COOL_DOWN, Plan, Way};
use crate::result::Collector;
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
    if let Some(why) = plan.scenario.needs_net() {
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
    /// Slots that no request has.
    free: Vec<usize>,
    /// Where each workload's classes go, and whether they are idempotent.
    ways: Vec<Vec<(Way, bool)>>,
    /// What each pool hashes by.
    keys: Vec<Source>,
    /// What clients are limited by, if they are.
    limits: Option<Limits>,
    /// The configuration in force.
    generation: usize,
    /// All processes that there have been, and who is in which place.
    proxies: Vec<Proxy>,
    places: Vec<Place>,
    downstream: Downstream,
    wires: Wires,
    /// What every way takes, where all are alike and nothing is drawn or held up.
    distance: Option<Span>,
    origins: Vec<Origin>,
    /// Whether some policy wants to know how much work endpoints have left.
    foresees: bool,
    timeline: Timeline,
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
        let proxies: Vec<_> = (0..count).map(proxy).collect();
        Self {
            foresees: proxies.iter().any(Proxy::foresees),
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
            free: Vec::new(),
            ways: ways(plan, 0),
            keys: keys(plan, 0),
            limits: Limits::new(plan, 0),
            generation: 0,
            proxies,
            places: (0..count).map(Place::new).collect(),
            downstream: Downstream::default(),
            distance: wires.distance().filter(|_| !holds_up),
            wires,
            origins: Origin::all(plan, seed),
            timeline,
            probes: Probes::new(),
            deadlines: Deadlines::default(),
            patience: Deadlines::default(),
            grants: VecDeque::new(),
            collector,
            service: Service::new(seed, plan.cpu.clone(), plan.io.clone()).of(&plan.workloads),
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
        // Apart from the engine, so that who works on one of them has the rest at hand.
        let slots = &mut Vec::new();
        loop {
            let arrival = self.arrivals.due();
            let under_way = self.planned.first();
            let (acts, origin) = self.agenda.first();
            let deadline = self.deadlines.first();
            let patience = self.patience.first();
            let event = under_way.min(acts).at();
            let now = arrival.min(event).min(change).min(turn);
            let next = now.min(deadline).min(patience).min(self.probes.next);
            let drained = arrival == Timestamp::MAX && self.free.len() == slots.len();
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
                if acts < under_way {
                    self.advance(slots, origin);
                } else if let Some(what) = self.planned.pop() {
                    self.happen(slots, what);
                }
            } else if change == next {
                if let Some((_, origin, change)) = changes.next() {
                    self.change(slots, origin, change);
                }
                change = changes.peek().map_or(Timestamp::MAX, |(at, ..)| *at);
            } else if turn == next {
                if let Some((_, turn)) = turns.next() {
                    self.turn(slots, turn);
                }
                turn = turns.peek().map_or(Timestamp::MAX, |(at, _)| *at);
            } else if deadline == next {
                if let Some(at) = self.deadlines.pop() {
                    self.expire(&mut slots[at]);
                }
            } else if patience == next {
                if let Some(at) = self.patience.pop() {
                    self.lose_patience(slots, at);
                }
            } else if self.probes.next == next {
                self.look();
            } else if let Some(arrival) = self.arrivals.next() {
                self.due(slots, arrival);
            }
            self.after_news();
            while let Some(Grant { token }) = self.grants.pop_front() {
                self.report(&mut slots[token.0 as usize], Event::Granted);
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

    /// Plans `what`, which concerns no slot, for `at`; at once if that is now.
    fn until(&mut self, at: Timestamp, what: What) {
        if at <= self.now {
            self.happen_beside(what);
        } else {
            self.plan_at(at, what);
        }
    }

    fn plan_at(&mut self, at: Timestamp, what: What) {
        self.planned.push(at, self.serial, what);
        self.serial += 1;
    }

    /// What was planned comes to pass, if the slot still waits for it.
    fn happen(&mut self, slots: &mut Vec<Live>, what: What) {
        let Some(at) = what.slot() else {
            return self.happen_beside(what);
        };
        if let What::Client { client, act, .. } = what {
            return self.act(slots, at, client, act);
        }
        let live = &mut slots[at];
        match what {
            What::Arrive { .. } => self.arrive(live),
            What::Offer { sent, .. } => self.offer(live, sent),
            _ if !what.serial().is_some_and(|serial| live.awaits(serial)) => {}
            What::Dial { attempt, .. } => {
                if let Some(event) = self.dialled(live, attempt) {
                    self.report(live, event);
                }
            }
            What::Connected { attempt, .. } => {
                self.opened(live);
                let reused = false;
                self.report(live, Event::Connected { attempt, reused });
            }
            What::Refused { attempt, .. } => self.report(live, Event::DialFailed { attempt }),
            What::Reply {
                attempt, status, ..
            } => self.reply(live, attempt, status),
            What::Received { .. } => self.report(live, Event::Received),
            What::Ended { .. } => self.report(live, Event::BodyEnded),
            What::Release { .. } => self.release(live),
            What::Client { .. } | What::Probe { .. } | What::Idle { .. } | What::Replace { .. } => {
            }
        }
    }

    /// The same of what concerns no slot.
    fn happen_beside(&mut self, what: What) {
        match what {
            What::Probe { at, serial, step } => self.probe_at(at, serial, step),
            What::Idle {
                key,
                place,
                process,
            } if self.places[place].process == process => self.downstream.put(key, place),
            What::Replace { place, process }
                if self.places[place].leaving && self.places[place].process == process =>
            {
                self.replace(place);
            }
            _ => {}
        }
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
    fn arrive(&mut self, live: &mut Live) {
        let Place {
            process, leaving, ..
        } = self.places[live.place];
        if leaving {
            return self.refuse(live);
        }
        let proxy = &mut self.proxies[process];
        let id = proxy.requests;
        proxy.requests += 1;
        proxy.open += 1;
        live.process = process;
        let (way, idempotent) = self.way(&live.arrival);
        match way {
            Way::Pool(pool, plan) => {
                let entrance = Entrance {
                    id,
                    pool,
                    plan,
                    idempotent,
                };
                match self.limits {
                    None => self.enter(live, entrance),
                    Some(_) => self.throttle(live, entrance),
                }
            }
            Way::Answer(status) => self.turn_away(live, id, status),
        }
    }

    /// A request enters its pool.
    #[inline(always)]
    fn enter(&mut self, live: &mut Live, entrance: Entrance) {
        let Entrance {
            id,
            pool,
            plan,
            idempotent,
        } = entrance;
        live.session = self.claim(live, live.process, pool);
        let key = self.plan.key(&self.keys[usize::from(pool)], &live.arrival);
        live.request = Request::new(id, Token(live.at as u64), pool, plan).keyed(key);
        if live.uploaded > self.now || !live.plain {
            self.wait_for_all(live);
        }
        live.rng = self.proxies[live.process].picks.at(id);
        live.pool = pool;
        live.offers = 0;
        let next = self.decide(live, Event::Arrived { idempotent });
        self.go_on(live, next);
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
        let load = |origin: &usize| self.origins[*origin].station.load(self.now);
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
