//! Limits of clients in the model: requests go on, wait, or get 429.

use std::cell::RefCell;
use std::ops::DerefMut;
use std::sync::Arc;

use evenkeel_core::limit::{self, Key, Rules, State};
use evenkeel_core::request;
use evenkeel_core::trace::{self, Kind};
use evenkeel_proxy::limit::Limit;

use super::{Engine, Live, What};
use crate::plan::{Ask, Plan};
use crate::result::End;
use crate::workload::Arrival;

/// What a proxy knows of its clients, by limit.
pub(super) type States = Vec<RefCell<State>>;

/// The limits of each workload's classes; none if no route has any.
pub(super) struct Limits {
    rows: Vec<Vec<Vec<Arc<Limit>>>>,
}

/// A request that limits count or hold back.
pub(super) struct Throttled {
    /// By which limits it is counted among those that are there, and for whom.
    counted: Vec<(u16, Key)>,
    /// What it does when it goes on, while it is held back.
    pub(super) held: Option<Entrance>,
}

/// A request that enters its pool.
#[derive(Clone, Copy)]
pub(super) struct Entrance {
    /// Its number at its proxy.
    pub(super) id: u64,
    pub(super) pool: u16,
    pub(super) plan: request::Plan,
    pub(super) idempotent: bool,
}

impl Limits {
    pub(super) fn new(plan: &Plan, generation: usize) -> Option<Self> {
        if plan.config().limits.is_empty() {
            return None;
        }
        let of = |ask: &Ask| plan.limits(generation, &ask.host, &ask.path);
        let rows = plan.asks.iter();
        Some(Self {
            rows: rows.map(|asks| asks.iter().map(of).collect()).collect(),
        })
    }

    fn of(&self, plan: &Plan, generation: usize, arrival: &Arrival) -> Vec<Arc<Limit>> {
        match &arrival.record {
            Some(record) => {
                let ask = Ask::recorded(record);
                plan.limits(generation, &ask.host, &ask.path)
            }
            None => self.rows[usize::from(arrival.workload)][usize::from(arrival.class)].clone(),
        }
    }
}

/// Nobody is known to any limit.
pub(super) fn states(plan: &Plan) -> States {
    let limits = plan.config().limits.iter();
    limits
        .map(|limit| RefCell::new(State::new(limit.settings.clone())))
        .collect()
}

/// A request before its route's limits.
struct Asked<'a> {
    limits: &'a [Arc<Limit>],
    plan: &'a Plan,
    arrival: &'a Arrival,
    states: &'a States,
}

impl Rules for Asked<'_> {
    fn count(&self) -> usize {
        self.limits.len()
    }

    fn key(&self, rule: usize) -> Option<Key> {
        self.plan.counted(self.limits[rule].key(), self.arrival)
    }

    fn lock(&self, rule: usize) -> impl DerefMut<Target = State> {
        let id = usize::from(self.limits[rule].id());
        self.states[id].borrow_mut()
    }
}

impl Engine<'_> {
    /// A request enters its pool, as far as its route's limits allow.
    #[inline(never)]
    pub(super) fn throttle(&mut self, live: &mut Live, entrance: Entrance) {
        let limits = self.limits.as_ref();
        let limits = limits.map(|limits| limits.of(self.plan, self.generation, &live.arrival));
        let limits = limits.unwrap_or_default();
        let asked = Asked {
            limits: &limits,
            plan: self.plan,
            arrival: &live.arrival,
            states: &self.proxies[live.process].limits,
        };
        let (answer, said) = limit::admit(&asked, self.now);
        for note in said.notes {
            let kind = Kind::Throttled {
                rule: limits[note.rule].id(),
                verdict: note.verdict,
                dry_run: note.dry_run,
            };
            self.before_pools(live, entrance.id, kind);
        }
        match answer {
            Ok(go) => {
                let held = (go > self.now).then_some(entrance);
                let counted = said.counted.iter();
                let counted: Vec<_> = counted.map(|(at, key)| (limits[*at].id(), *key)).collect();
                live.throttled = (held.is_some() || !counted.is_empty())
                    .then(|| Box::new(Throttled { counted, held }));
                if held.is_none() {
                    return self.enter(live, entrance);
                }
                let (at, serial) = (live.at, live.serial);
                self.plan_at(go, What::Release { at, serial });
            }
            Err(_) => self.turn_away(live, entrance.id, 429),
        }
    }

    /// A request that was held back goes on.
    pub(super) fn release(&mut self, live: &mut Live) {
        let held = live.throttled.as_mut().and_then(|it| it.held.take());
        if let Some(entrance) = held {
            self.enter(live, entrance);
        }
    }

    /// The client of a request that may be held back has left. True if it was.
    pub(super) fn let_go(&mut self, live: &mut Live) -> bool {
        let held = live.throttled.as_mut().and_then(|it| it.held.take());
        let Some(Entrance { id, .. }) = held else {
            return false;
        };
        self.before_pools(live, id, Kind::Rejected { status: 0 });
        self.left(live);
        self.complete(live, End::Cancelled, self.now);
        true
    }

    /// A request is over: limits count it no longer.
    #[inline(never)]
    pub(super) fn uncount(&mut self, live: &mut Live) {
        let states = &self.proxies[live.process].limits;
        let throttled = live.throttled.take();
        for (limit, key) in throttled.iter().flat_map(|it| &it.counted) {
            states[usize::from(*limit)].borrow_mut().leave(*key);
        }
    }

    /// Answers a request in no pool's name.
    pub(super) fn turn_away(&mut self, live: &mut Live, id: u64, status: u16) {
        self.before_pools(live, id, Kind::Rejected { status });
        self.left(live);
        let done = self.answered(live, 0);
        self.complete(live, End::Status(status), done.at());
    }

    /// Records what is decided of a request before any pool is asked.
    fn before_pools(&mut self, live: &Live, id: u64, kind: Kind) {
        let event = trace::Event {
            at: self.now,
            request: id,
            pool: trace::NO_POOL,
            attempt: 0,
            endpoint: None,
            kind,
        };
        self.collector.record(live.process, &event);
    }
}
