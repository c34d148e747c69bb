//! The core's request with what it needs at hand: its pool, its randomness, its worker.

use std::rc::Rc;
use std::sync::Arc;

use evenkeel_core::account::Account;
use evenkeel_core::affinity::Session;
use evenkeel_core::policy::Key;
use evenkeel_core::queue::Grant;
use evenkeel_core::request::{Actions, Event, PoolAccess, Request};
use evenkeel_core::rng::Rng;
use evenkeel_core::time::Timestamp;
use evenkeel_core::{pool, trace};

use crate::generation::{Generation, PoolTarget};
use crate::log::Entry;
use crate::pool::Pool;
use crate::probe;
use crate::worker::Worker;
use crate::world::World;

/// A request that is being served. Dropping it unfinished is the client's leaving, so no way out
/// of the data path can forget to release its endpoint.
pub(crate) struct Life<W: World> {
    pub(crate) request: Request,
    pub(crate) id: u64,
    pub(crate) entry: Option<Box<Entry>>,
    /// Its session, if its pool keeps any.
    pub(crate) session: Option<Session>,
    /// Why its picks came out as they did, if somebody asks.
    accounts: Option<Vec<Account>>,
    pool: Arc<Pool>,
    /// What this request was routed by.
    generation: Arc<Generation>,
    rng: Rng,
    worker: Rc<Worker<W>>,
}

impl<W: World> Life<W> {
    pub(crate) fn new(
        worker: &Rc<Worker<W>>,
        id: u64,
        generation: Arc<Generation>,
        target: &PoolTarget,
        (key, session): (Key, Option<Session>),
        entry: Option<Box<Entry>>,
    ) -> Self {
        let pool = Arc::clone(&target.pool);
        Self {
            request: Request::new(id, worker.token(id), pool.id(), target.plan).keyed(key),
            id,
            entry,
            session,
            accounts: worker.accounts(id),
            rng: worker.picks.at(id),
            pool,
            generation,
            worker: Rc::clone(worker),
        }
    }

    /// Reports to the core.
    pub(crate) fn on(&mut self, event: Event, now: Timestamp) -> Actions {
        let Self {
            request,
            rng,
            pool,
            worker,
            entry,
            session,
            accounts,
            ..
        } = self;
        let mut access = Access {
            pool,
            worker,
            entry,
            session,
            accounts,
        };
        request.on(event, now, &mut access, rng)
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The number of the generation that it was routed by.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.number
    }
}

impl<W: World> Drop for Life<W> {
    fn drop(&mut self) {
        if !self.request.is_finished() {
            self.on(Event::ClientLeft, self.worker.world.now());
        }
        let accounts = self.accounts.as_deref().unwrap_or_default();
        if self.accounts.is_some() {
            self.worker.world.account(self.id, accounts);
        }
        if let (Some(log), Some(entry)) = (&self.worker.log, &self.entry) {
            let unix = self.worker.world.unix_now();
            let name = |slot| self.pool.with(|state| state.name(slot).map(str::to_owned));
            entry.write(log, &self.worker.request_id(self.id), unix, name, accounts);
        }
    }
}

struct Access<'a, W: World> {
    pool: &'a Arc<Pool>,
    worker: &'a Rc<Worker<W>>,
    entry: &'a mut Option<Box<Entry>>,
    session: &'a mut Option<Session>,
    accounts: &'a mut Option<Vec<Account>>,
}

impl<W: World> PoolAccess for Access<'_, W> {
    fn with<R>(&mut self, f: impl FnOnce(&mut pool::State) -> R) -> R {
        self.pool.with(f)
    }

    fn grant(&mut self, grant: Grant) {
        self.worker.grant(grant);
    }

    fn session(&mut self) -> Option<&mut Session> {
        self.session.as_mut()
    }

    fn accounts(&mut self) -> Option<&mut Vec<Account>> {
        self.accounts.as_mut()
    }

    fn probe(&mut self, wanted: pool::Wanted) {
        probe::ask_load(self.worker, self.pool, wanted);
    }

    fn record(&mut self, event: trace::Event) {
        if let Some(entry) = self.entry {
            entry.note(&event);
        }
        if event.kind.is_outside() {
            // The worker that watches may have to wake up earlier than it thought.
            self.worker.proxy.note(self.pool, &event);
            self.worker.proxy.disturb();
        }
        self.worker.world.record(&event);
    }
}
