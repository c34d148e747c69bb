//! A limit as all workers share it: the core's state behind a mutex, and how clients are told
//! apart.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use evenkeel_core::limit::{Key, Rules, State};
use evenkeel_core::time::Timestamp;

use crate::config::{self, HashKey};

/// One limit. It outlives the configurations that name it.
#[derive(Debug)]
pub struct Limit {
    id: u16,
    name: String,
    key: Option<HashKey>,
    state: Mutex<State>,
}

impl Limit {
    /// Limit number `id`, as configured.
    #[must_use]
    pub fn new(id: u16, config: &config::Limit) -> Self {
        Self {
            id,
            name: config.name.clone(),
            key: config.key.clone(),
            state: Mutex::new(State::new(config.settings.clone())),
        }
    }

    /// Its number, by which events tell of it.
    #[must_use]
    pub const fn id(&self) -> u16 {
        self.id
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// By what it tells clients apart; `None`: it does not.
    #[must_use]
    pub const fn key(&self) -> Option<&HashKey> {
        self.key.as_ref()
    }

    /// How many clients it knows.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.lock().len()
    }

    /// As configured from now on; a new limit if its keys mean something else. Who owes something
    /// goes on owing it.
    #[must_use]
    pub fn updated(self: &Arc<Self>, config: &config::Limit) -> Arc<Self> {
        if self.key != config.key {
            return Arc::new(Self::new(self.id, config));
        }
        self.lock().update(config.settings.clone());
        Arc::clone(self)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Plain counters; after a panic elsewhere, serving on beats stopping.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Limits that count a request among those that are under way, and whom each counts it for.
pub(crate) type Counted = Vec<(Arc<Limit>, Key)>;

/// A request that is over is counted no longer.
pub(crate) fn leave(counted: Counted, now: Timestamp) {
    for (limit, key) in counted {
        limit.lock().leave(now, key);
    }
}

/// A request before its route's limits.
pub(crate) struct Asked<'a> {
    /// In the order of their numbers, which is the same for all requests.
    pub(crate) limits: &'a [Arc<Limit>],
    /// Whom it comes from, by limit.
    pub(crate) keys: Vec<Option<Key>>,
}

impl Rules for Asked<'_> {
    fn count(&self) -> usize {
        self.limits.len()
    }

    fn key(&self, rule: usize) -> Option<Key> {
        self.keys[rule]
    }

    fn with<R>(&self, rule: usize, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.limits[rule].lock())
    }
}
