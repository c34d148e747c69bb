//! What happens to the proxies, made ready: which configuration is in force when, and the rest.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::pool;
use evenkeel_core::time::Timestamp;
use evenkeel_proxy::config::{Config, Endpoint, Pool};
use evenkeel_proxy::generation::Proxy;
use evenkeel_proxy::pool::settings;

use crate::scenario::{Change, Scenario, Target, What};

/// A configuration that is in force for a while.
#[derive(Clone, Debug)]
pub struct Generation {
    /// What it says.
    pub config: Arc<Config>,
    /// Its routes.
    pub routes: Arc<Proxy>,
    /// Its pools as the core wants to know them.
    pub pools: Vec<pool::Settings>,
}

impl Generation {
    fn new(config: Config) -> Self {
        Self {
            routes: Arc::new(Proxy::new(config.clone(), Default::default())),
            pools: {
                let zone = config.server.zone.as_deref();
                let pools = config.pools.iter();
                pools.map(|pool| settings(pool, zone)).collect()
            },
            config: Arc::new(config),
        }
    }
}

/// What happens to proxies.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    /// Another configuration is in force, by its place in [`super::Plan::generations`].
    Reload(usize),
    /// A process ends and another one takes its place.
    Restart {
        /// Of which proxy; none is every one.
        proxy: Option<u16>,
        /// The new one listens before the old one stops.
        handover: bool,
    },
    /// A name has other addresses.
    Resolve {
        /// The name.
        name: String,
        /// Its addresses.
        addresses: Vec<IpAddr>,
    },
    /// Certificates are renewed.
    Swap,
}

/// All configurations in the order in which they are in force, and everything that happens in
/// order of time.
pub(super) fn turns(scenario: &Scenario) -> (Vec<Generation>, Vec<(Timestamp, Turn)>) {
    let mut ready = Vec::new();
    let mut turns = Vec::new();
    for (n, (at, config)) in generations(scenario).into_iter().enumerate() {
        ready.push(Generation::new(config));
        if n > 0 {
            turns.push((at, Turn::Reload(n)));
        }
    }
    for Change { at, what, .. } in &scenario.changes {
        let turn = match what {
            What::Restart { proxy, handover } => Turn::Restart {
                proxy: *proxy,
                handover: *handover,
            },
            What::Resolve { name, addresses } => Turn::Resolve {
                name: name.clone(),
                addresses: addresses.clone(),
            },
            What::Swap => Turn::Swap,
            _ => continue,
        };
        turns.push((Timestamp::ZERO + *at, turn));
    }
    // Stable: configurations first, then in the order of the file.
    turns.sort_by_key(|(at, _)| *at);
    (ready, turns)
}

/// The configurations and from when on they are in force: the scenario's own first, then one for
/// each instant at which a change begins or ends that makes a difference.
pub(crate) fn generations(scenario: &Scenario) -> Vec<(Timestamp, Config)> {
    let span = |change: &Change| {
        let end = change
            .lasts
            .map_or(Duration::MAX, |lasts| change.at + lasts);
        (change.at, end)
    };
    let changes = || scenario.changes.iter().filter(|c| is_of_config(&c.what));
    let mut instants: Vec<Duration> = changes()
        .flat_map(|change| <[Duration; 2]>::from(span(change)))
        .filter(|at| *at != Duration::MAX)
        .collect();
    instants.sort_unstable();
    instants.dedup();
    // Stable: what the file says first is done first.
    let mut ordered: Vec<&Change> = changes().collect();
    ordered.sort_by_key(|change| change.at);
    let mut all = vec![(Timestamp::ZERO, scenario.config.clone())];
    for at in instants {
        let mut config = scenario.config.clone();
        for change in &ordered {
            let (from, until) = span(change);
            if from <= at && at < until {
                apply(&mut config, &change.what, &scenario.all);
            }
        }
        if all.last().is_some_and(|(_, known)| *known != config) {
            all.push((Timestamp::ZERO + at, config));
        }
    }
    all
}

const fn is_of_config(what: &What) -> bool {
    matches!(
        what,
        What::Add { .. }
            | What::Remove(_)
            | What::Drain(_)
            | What::Reweight { .. }
            | What::Reload(_)
    )
}

/// Both have the same pools in the same order.
fn apply(config: &mut Config, what: &What, all: &Config) {
    let known = |target: &Target| &all.pools[target.pool].endpoints[target.endpoint];
    let mut change = |target: &Target, f: &dyn Fn(&mut Endpoint)| {
        let endpoints = &mut config.pools[target.pool].endpoints;
        let name = &known(target).name;
        endpoints.iter_mut().filter(|e| e.name == *name).for_each(f);
    };
    match what {
        What::Drain(target) => change(target, &|endpoint| endpoint.drain = true),
        What::Reweight { target, weight } => change(target, &|endpoint| endpoint.weight = *weight),
        What::Add { target } => {
            let (endpoints, new) = (&mut config.pools[target.pool].endpoints, known(target));
            if endpoints.iter().all(|endpoint| endpoint.name != new.name) {
                endpoints.push(new.clone());
            }
        }
        What::Remove(target) => {
            let endpoints = &mut config.pools[target.pool].endpoints;
            endpoints.retain(|endpoint| endpoint.name != known(target).name);
        }
        What::Reload(section) => {
            let mut pools = config.pools.iter_mut();
            if let Some(pool) = pools.find(|pool| pool.name == section.name) {
                *pool = Pool::clone(section);
            }
        }
        _ => {}
    }
}
