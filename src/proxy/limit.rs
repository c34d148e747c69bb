//! A limit as all workers share it: the core's state behind a mutex, and how clients are told
//! apart.

use std::ops::DerefMut;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use evenkeel_core::limit::{Counted, Key, Rules, State};

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

/// A request before its route's limits, which are in the order of their numbers: the same for all
/// requests.
pub(crate) struct Asked<'a, F> {
    pub(crate) limits: &'a [Arc<Limit>],
    /// Whom it comes from, as a limit tells clients apart.
    pub(crate) key: F,
}

impl<F: Fn(&Limit) -> Option<Key>> Rules for Asked<'_, F> {
    fn count(&self) -> usize {
        self.limits.len()
    }

    fn key(&self, rule: usize) -> Option<Key> {
        (self.key)(&self.limits[rule])
    }

    fn lock(&self, rule: usize) -> impl DerefMut<Target = State> {
        self.limits[rule].lock()
    }
}

/// A request that limits count for as long as it is there.
pub(crate) struct Presence<'a> {
    pub(crate) limits: &'a [Arc<Limit>],
    /// Which of them, and for whom.
    pub(crate) counted: Counted,
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        for (rule, key) in &self.counted {
            self.limits[*rule].lock().leave(*key);
        }
    }
}
