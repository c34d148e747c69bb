//! A worker's life: bind, accept, drain. Written once, for every world.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::time::Timestamp;
use evenkeel_core::trace::{Kind, Limit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Listener;
use crate::connection::{self, Terms};
use crate::generation::Proxy;
use crate::log::Log;
use crate::worker::Worker;
use crate::world::{Address, World};

/// How long accepting pauses after an error such as "too many open files": trying at once would
/// turn a shortage into a busy loop.
pub(crate) const BREATH: Duration = Duration::from_millis(50);

/// What the workers of a listener share: its places for connections and for TLS handshakes.
#[derive(Clone, Debug)]
pub struct Places(Vec<[Arc<Semaphore>; 2]>);

impl Places {
    /// Places for each listener of a configuration, in its order.
    #[must_use]
    pub fn new(listeners: &[Listener]) -> Self {
        let places = |most: u32| Arc::new(Semaphore::new((most as usize).min(MOST_PLACES)));
        let limits = listeners.iter().map(|listener| &listener.limits);
        Self(
            limits
                .map(|limits| [places(limits.connections), places(limits.handshakes)])
                .collect(),
        )
    }
}

/// What a semaphore can count.
const MOST_PLACES: usize = Semaphore::MAX_PERMITS;

/// A worker that has bound its listeners.
#[expect(
    missing_debug_implementations,
    reason = "a world's sockets need not have one"
)]
pub struct Bound<W: World> {
    worker: Rc<Worker<W>>,
    listeners: Vec<(W::Listener, Rc<Terms>, Arc<Semaphore>)>,
    addresses: Vec<(String, Address)>,
}

/// A listener that could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} (listener `{name}`): {source}")]
pub struct BindError {
    /// The listener's name.
    pub name: String,
    /// Where it was to listen.
    pub address: Address,
    /// What the system said.
    pub source: io::Error,
}

/// Makes a worker of `proxy` and binds its listeners. `at` replaces their addresses where it has
/// one: the workers of a port 0 must meet on the port that the first one got.
///
/// # Errors
///
/// If an address is in use, not ours, or not allowed.
pub async fn bind<W: World>(
    world: W,
    proxy: Arc<Proxy>,
    places: &Places,
    at: &[Address],
    log: Option<Log>,
) -> Result<Bound<W>, BindError> {
    let worker = Worker::start(world, proxy, log);
    let generation = worker.generation();
    let mut bound = Bound {
        worker,
        listeners: Vec::new(),
        addresses: Vec::new(),
    };
    for (n, config) in generation.config.listeners.iter().enumerate() {
        let address = at.get(n).unwrap_or(&config.address);
        let error = |source| BindError {
            name: config.name.clone(),
            address: address.clone(),
            source,
        };
        let world = &bound.worker.world;
        let listener = world
            .bind(address, bound.worker.number())
            .await
            .map_err(error)?;
        let address = world.local_address(&listener).map_err(error)?;
        bound.addresses.push((config.name.clone(), address));
        let [connections, handshakes] = places.0[n].clone();
        let terms = Rc::new(Terms::new(config, handshakes));
        bound.listeners.push((listener, terms, connections));
    }
    Ok(bound)
}

impl<W: World> Bound<W> {
    /// Name and address of each listener.
    #[must_use]
    pub fn addresses(&self) -> &[(String, Address)] {
        &self.addresses
    }

    /// Serves until the proxy is drained, and then until every client is gone or the configured
    /// time for it is over. Returns whether all were served; calls `closed` when nothing listens
    /// any more.
    pub async fn run(self, closed: impl FnOnce()) -> bool {
        let Self {
            worker, listeners, ..
        } = self;
        let mut accepting = Vec::new();
        for (listener, terms, places) in listeners {
            let task = accept(Rc::clone(&worker), listener, terms, places);
            accepting.push(worker.world.spawn(task));
        }
        for task in accepting {
            // One that panicked has closed its socket, too.
            let _ = task.await;
        }
        closed();
        let limit = worker.generation().config.server.drain;
        let over = worker.world.sleep_until(worker.world.now() + limit);
        tokio::select! {
            biased;
            () = worker.emptied() => true,
            () = over => false,
        }
    }
}

/// Waits until a connection of the listener's ends; nothing if the worker is drained first.
async fn wait_for_place<W: World>(
    worker: &Worker<W>,
    places: &Arc<Semaphore>,
) -> Option<OwnedSemaphorePermit> {
    let limit = Limit::Connections;
    worker.record(0, Kind::Limited { limit });
    tokio::select! {
        biased;
        place = Arc::clone(places).acquire_owned() => place.ok(),
        () = worker.drained() => None,
    }
}

/// Accepts connections until the worker is drained, the ones that were already queued included:
/// closing the socket would reset them.
async fn accept<W: World>(
    worker: Rc<Worker<W>>,
    listener: W::Listener,
    terms: Rc<Terms>,
    places: Arc<Semaphore>,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            accepted = worker.world.accept(&listener) => accepted,
            () = worker.drained() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Only now: a worker that held a place while nobody came would keep it from the
                // others. What waits here is one connection of each worker.
                let place = match Arc::clone(&places).try_acquire_owned() {
                    Ok(place) => Some(place),
                    Err(_) => wait_for_place(&worker, &places).await,
                };
                let open = (worker.open(), place);
                let serving = connection::serve(open, stream, peer, Rc::clone(&terms));
                worker.world.spawn(serving);
            }
            Err(_) => {
                let later: Timestamp = worker.world.now() + BREATH;
                worker.world.sleep_until(later).await;
            }
        }
    }
}
