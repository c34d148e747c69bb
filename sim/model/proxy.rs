//! A process of a proxy in the model: its own pools, idle connections and draws; and what happens
//! to it.

use std::collections::{BTreeMap, VecDeque};

use evenkeel_core::endpoint::EndpointIndex;
use evenkeel_core::pool;
use evenkeel_core::queue::Grant;
use evenkeel_core::request::Event;
use evenkeel_core::rng::Stream;
use evenkeel_core::time::Timestamp;
use evenkeel_proxy::config::{self, Config, Simulated};
use evenkeel_proxy::pool::settings;

use super::idle::Idle;
use super::throttle::{self, States};
use super::{Engine, Live, What};
use crate::plan::{self, Plan, Turn};
use crate::policy::{self, Board};
use crate::result::Collector;

/// One process.
pub(super) struct Proxy {
    pub(super) pools: Vec<pool::State>,
    /// Where pools whose policy knows it are told how much work their endpoints have left.
    boards: Vec<(usize, Board)>,
    /// The origin behind each slot's present owner, by pool.
    origins: Vec<Vec<usize>>,
    pub(super) idle: Idle,
    /// What limits know of clients.
    pub(super) limits: States,
    /// Picks, by request.
    pub(super) picks: Stream,
    /// Requests that have come.
    pub(super) requests: u64,
    /// Those that are not finished.
    pub(super) open: usize,
}

impl Proxy {
    pub(super) fn new(plan: &Plan, generation: usize, seed: u64, name: &str) -> Self {
        let mut pools = plan.pools(generation);
        let boards = simulate(&mut pools, &plan.generations[generation].config);
        let health = Stream::new(seed, &format!("{name}/health"));
        for pool in &mut pools {
            pool.begin(health.child(pool.id().into()));
        }
        let mut proxy = Self {
            pools,
            boards,
            origins: Vec::new(),
            idle: Idle::new(&plan.generations[generation].config, plan.keep_alive()),
            limits: throttle::states(plan),
            picks: Stream::new(seed, &format!("{name}/pick")),
            requests: 0,
            open: 0,
        };
        proxy.look(plan);
        proxy
    }

    /// Looks up where the endpoints are. One that is gone is where it was: requests may still be
    /// on their way there and back.
    fn look(&mut self, plan: &Plan) {
        let pools = self.pools.iter().enumerate();
        let origins = pools.map(|(pool, state)| {
            let names = plan.setup.names[pool].as_slice();
            let mut rows: BTreeMap<&str, usize> = BTreeMap::new();
            let mut row = |slot: u32, name: &str| {
                // Before the first change slots are rows.
                if names.get(slot as usize).is_some_and(|known| known == name) {
                    return Some(slot as usize);
                }
                if rows.is_empty() {
                    rows.extend(names.iter().map(String::as_str).zip(0..));
                }
                rows.get(name).copied()
            };
            let mut origin = |slot| {
                let row = row(slot, state.name(slot)?)?;
                plan.behind[pool].get(row).copied()
            };
            let before = |slot: u32| self.origins.get(pool)?.get(slot as usize).copied();
            let slots = 0..state.endpoints().len() as u32;
            slots
                .map(|slot| origin(slot).or_else(|| before(slot)).unwrap_or(usize::MAX))
                .collect()
        });
        let origins = origins.collect();
        self.origins = origins;
    }

    /// Whether a policy wants to know how much work endpoints have left.
    pub(super) fn foresees(&self) -> bool {
        !self.boards.is_empty()
    }

    /// An origin has work until then.
    pub(super) fn foresee(&self, origin: usize, until: Timestamp) {
        for (pool, board) in &self.boards {
            let slots = (0..).zip(&self.origins[*pool]);
            for (slot, _) in slots.filter(|(_, behind)| **behind == origin) {
                board.set(slot, until);
            }
        }
    }

    /// The origin of an endpoint that was picked now.
    pub(super) fn origin(&self, pool: u16, endpoint: EndpointIndex) -> usize {
        self.origins[usize::from(pool)][endpoint.slot as usize]
    }

    /// An origin has closed its connections.
    pub(super) fn clear(&mut self, origin: usize) {
        for (pool, origins) in (0..).zip(&self.origins) {
            let slots = (0..).zip(origins).filter(|(_, behind)| **behind == origin);
            slots.for_each(|(slot, _)| self.idle.clear(pool, slot));
        }
    }

    /// Another configuration is in force.
    fn reload(
        &mut self,
        plan: &Plan,
        config: &Config,
        now: Timestamp,
        grants: &mut VecDeque<Grant>,
    ) {
        for (state, pool) in self.pools.iter_mut().zip(&config.pools) {
            let before: Vec<_> = state.endpoints().iter().map(|e| e.index).collect();
            grants.extend(state.update(now, settings(pool, config.server.zone.as_deref())));
            let known = |endpoint: &evenkeel_core::endpoint::Endpoint| {
                before.get(endpoint.index.slot as usize) == Some(&endpoint.index)
            };
            let kept: Vec<bool> = state.endpoints().iter().map(known).collect();
            self.idle.change(config, pool, state.id(), &kept);
        }
        self.look(plan);
    }

    /// Tells what the pools may do from now on.
    pub(super) fn teach(
        &self,
        number: usize,
        now: Timestamp,
        config: &Config,
        collector: &mut Collector,
    ) {
        for (state, pool) in self.pools.iter().zip(&config.pools) {
            collector.learn(number, now, state, plan::limit(pool));
        }
    }

    /// Tells what the pools have come to at the end of the run.
    pub(super) fn rest(&self, number: usize, config: &Config, collector: &mut Collector) {
        for (state, pool) in self.pools.iter().zip(&config.pools) {
            collector.rest(number, &pool.name, state);
        }
    }
}

/// One of the scenario's proxies: the process that takes what is new.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Its number among all processes.
    pub(super) process: usize,
    /// It finishes what it has, and nobody listens.
    pub(super) leaving: bool,
    /// How many processes there were before.
    restarts: u32,
}

impl Place {
    pub(super) const fn new(process: usize) -> Self {
        Self {
            process,
            leaving: false,
            restarts: 0,
        }
    }
}

/// Gives pools the policies that no proxy could have, and returns the boards of those that ask how
/// much work endpoints have left.
fn simulate(pools: &mut [pool::State], config: &Config) -> Vec<(usize, Board)> {
    let mut boards = Vec::new();
    for (id, (pool, config)) in pools.iter_mut().zip(&config.pools).enumerate() {
        if let config::Policy::Simulated(simulated) = config.policy {
            let board = Board::default();
            pool.replace_policy(policy::build(simulated, &board));
            if simulated == Simulated::LeastWorkLeft {
                boards.push((id, board));
            }
        }
    }
    boards
}

impl Engine<'_> {
    /// Something happens to the proxies.
    pub(super) fn turn(&mut self, slots: &mut [Live], turn: &Turn) {
        match turn {
            Turn::Reload(generation) => self.reload(slots, *generation),
            Turn::Restart { proxy, handover } => {
                for place in 0..self.places.len() {
                    if proxy.is_none_or(|number| usize::from(number) == place) {
                        self.restart(place, *handover);
                    }
                }
            }
            // Refused before the run.
            Turn::Resolve { .. } | Turn::Swap => {}
        }
    }

    fn reload(&mut self, slots: &mut [Live], generation: usize) {
        self.generation = generation;
        self.ways = super::ways(self.plan, generation);
        self.keys = super::keys(self.plan, generation);
        self.limits = super::Limits::new(self.plan, generation);
        let config = &self.plan.generations[generation].config;
        for place in &self.places {
            let proxy = &mut self.proxies[place.process];
            proxy.reload(self.plan, config, self.now, &mut self.grants);
            proxy.teach(place.process, self.now, config, &mut self.collector);
        }
        // A pool that has come to another judgement says so before anybody relies on it.
        self.look();
        for live in slots.iter_mut().filter(|live| live.waiting.upgraded) {
            self.report(live, Event::Reloaded);
        }
    }

    fn restart(&mut self, at: usize, handover: bool) {
        let process = self.places[at].process;
        self.downstream.close(at);
        if handover || self.proxies[process].open == 0 {
            return self.replace(at);
        }
        self.places[at].leaving = true;
        let config = &self.plan.generations[self.generation].config;
        let limit = self.now + config.server.drain;
        self.plan_at(limit, What::Replace { place: at, process });
    }

    /// A new process takes the place.
    pub(super) fn replace(&mut self, at: usize) {
        let place = &mut self.places[at];
        place.restarts += 1;
        place.leaving = false;
        let name = self.plan.proxy_name(at, place.restarts);
        let proxy = Proxy::new(self.plan, self.generation, self.seed, &name);
        place.process = self.collector.proxy();
        let config = &self.plan.generations[self.generation].config;
        proxy.teach(place.process, self.now, config, &mut self.collector);
        self.foresees |= proxy.foresees();
        self.proxies.push(proxy);
        self.probes.disturbed = true;
    }

    /// A request has left its process; one that waited for that makes room for the next.
    pub(super) fn left(&mut self, live: &mut Live) {
        if live.throttled.is_some() {
            self.uncount(live);
        }
        let (place, process) = (live.place, live.process);
        let proxy = &mut self.proxies[process];
        proxy.open -= 1;
        if proxy.open == 0 && self.places[place].leaving && self.places[place].process == process {
            self.replace(place);
        }
    }
}
