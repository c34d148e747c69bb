//! A pool as all workers share it: the core's state behind a mutex, and where its endpoints are.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use evenkeel_core::endpoint::{self, EndpointIndex, Group};
use evenkeel_core::queue::Grant;
use evenkeel_core::time::Timestamp;
use evenkeel_core::trace::{Event, Kind};
use evenkeel_core::{health, panic, policy, pool, retry};

use crate::affinity;
use crate::config;
use crate::world::Address;

/// One pool. It outlives the configurations that name it.
#[derive(Debug)]
pub struct Pool {
    id: u16,
    name: String,
    /// Its [`panic::Mode`], for who answers a request: 0 in all but bad times.
    panic: AtomicU8,
    shared: Mutex<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: pool::State,
    /// By slot; an endpoint keeps its address until its slot is given to another.
    addresses: Vec<Address>,
}

impl Pool {
    /// Pool number `id`, as configured, of a proxy in `zone`.
    #[must_use]
    pub fn new(id: u16, config: &config::Pool, zone: Option<&str>) -> Self {
        let state = pool::State::new(id, settings(config, zone));
        let mut shared = Shared {
            state,
            addresses: Vec::new(),
        };
        shared.place(config);
        Self {
            id,
            name: config.name.clone(),
            panic: AtomicU8::new(0),
            shared: Mutex::new(shared),
        }
    }

    /// Its number: counters and idle connections are kept by it.
    #[must_use]
    pub const fn id(&self) -> u16 {
        self.id
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Applies a configuration as a difference. The grants are those of requests for which it made
    /// room; they must be delivered. The endpoints are those whose addresses have changed.
    #[must_use]
    pub fn update(
        &self,
        now: Timestamp,
        config: &config::Pool,
        zone: Option<&str>,
    ) -> (Vec<Grant>, Vec<EndpointIndex>) {
        // Tables take milliseconds to make, and every request waits for the lock.
        let update = pool::Update::from(settings(config, zone));
        let mut shared = self.lock();
        let grants = shared.state.update(now, update);
        // Under the same lock: nobody may pick a new endpoint before it has its address.
        (grants, shared.place(config))
    }

    /// All endpoints, gone ones included.
    pub(crate) fn endpoints(&self) -> Vec<EndpointIndex> {
        self.with(|state| state.endpoints().iter().map(|e| e.index).collect())
    }

    /// Runs `f` on the core's state. Never across an await.
    pub fn with<R>(&self, f: impl FnOnce(&mut pool::State) -> R) -> R {
        f(&mut self.lock().state)
    }

    /// Takes note of an event that concerns the pool's health.
    pub(crate) fn note(&self, event: &Event) {
        if let Kind::Panic { mode } = event.kind {
            self.panic.store(mode as u8, Ordering::Relaxed);
        }
    }

    /// How the pool panics, for a response's header; nothing if it does not.
    pub(crate) fn panics(&self) -> Option<&'static str> {
        [panic::Mode::Open, panic::Mode::Closed]
            .into_iter()
            .find(|mode| *mode as u8 == self.panic.load(Ordering::Relaxed))
            .map(panic::Mode::name)
    }

    /// Where the endpoint is.
    #[must_use]
    pub fn address(&self, endpoint: EndpointIndex) -> Option<Address> {
        self.lock().addresses.get(endpoint.slot as usize).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // The state is plain counters; after a panic elsewhere, serving on beats stopping.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Notes where the endpoints are. Returns those that are elsewhere than before.
    fn place(&mut self, config: &config::Pool) -> Vec<EndpointIndex> {
        let mut moved = Vec::new();
        for (slot, state) in self.state.endpoints().iter().enumerate() {
            let name = self.state.name(slot as u32);
            let endpoint = config
                .endpoints
                .iter()
                .find(|e| Some(e.name.as_str()) == name);
            let address = endpoint.map(|e| e.address.clone());
            match (self.addresses.get_mut(slot), address) {
                (Some(known), Some(address)) => {
                    if std::mem::replace(known, address) != *known {
                        moved.push(state.index);
                    }
                }
                (Some(_), None) => {}
                (None, address) => {
                    let address = address.expect("a slot is new because its endpoint is");
                    self.addresses.push(address);
                }
            }
        }
        moved
    }
}

/// What the core needs to know of a configured pool of a proxy in `zone`.
#[must_use]
pub fn settings(config: &config::Pool, zone: Option<&str>) -> pool::Settings {
    // Where nobody is near, nobody is far.
    let near = |e: &config::Endpoint| zone.is_some() && e.zone.as_deref() == zone;
    let divided = config.endpoints.iter().any(near);
    let endpoint = |e: &config::Endpoint| endpoint::Spec {
        name: e.name.clone(),
        address: e.address.to_string(),
        weight: e.weight,
        max_connections: e.max_connections,
        group: match (e.backup, divided && !near(e)) {
            (true, _) => Group::Backup,
            (false, true) => Group::Elsewhere,
            (false, false) => Group::Home,
        },
        state: match (e.down, e.drain) {
            (true, _) => endpoint::State::Down,
            (false, true) => endpoint::State::Drain,
            (false, false) => endpoint::State::Up,
        },
    };
    pool::Settings {
        policy: match config.policy {
            config::Policy::Core(kind) => kind,
            // A simulation puts its own in the place of this one.
            config::Policy::Simulated(_) => policy::Kind::Random,
        },
        endpoints: config.endpoints.iter().map(endpoint).collect(),
        retry: retry::Settings {
            budget_ppm: u64::from(config.retry.budget.ppm()),
            statuses: config.retry.statuses(),
            backoff: config.retry.backoff,
            max_wait: config.retry.max_wait,
            hedge: config.hedge,
        },
        queue: config.queue.settings,
        guard: pool::GuardSettings {
            health: config.health.as_ref().map(|health| health::Settings {
                checks: health.checks.iter().map(config::Check::schedule).collect(),
                initial: health.initial,
            }),
            outlier: config.outlier.clone(),
            panic: panic::Settings {
                below_ppm: config.panic.below.ppm(),
                closed: config.panic.closed,
            },
            concurrency: config.concurrency,
            slow_starts: config.endpoints.iter().map(|e| e.slow_start).collect(),
        },
        affinity: config.affinity.as_ref().map(affinity::settings),
        spill: config.spill,
        drain: config.drain,
    }
}
