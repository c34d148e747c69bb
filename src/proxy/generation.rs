//! A configuration, ready to serve; and the proxy that outlives it.
//!
//! A request holds the generation that routed it. Pools, their load and what was learned of their
//! endpoints live beside the generations, by name.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evenkeel_core::endpoint::EndpointIndex;
use evenkeel_core::hedge::After;
use evenkeel_core::queue::{Grant, Token};
use evenkeel_core::request::Plan;
use evenkeel_core::retry::On;
use evenkeel_core::time::Span;
use evenkeel_core::time::Timestamp;
use evenkeel_core::trace::Event;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;

use crate::affinity::Keeper;
use crate::config::{self, Action, Config};
use crate::key;
use crate::limit::Limit;
use crate::notice::Notices;
use crate::pool::Pool;
use crate::route::Router;
use crate::tls::{self, Material};

/// Where a route leads.
#[derive(Debug)]
pub enum Target {
    /// To a pool.
    Pool(Arc<PoolTarget>),
    /// Elsewhere.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// The `Location`.
        to: String,
    },
}

/// A pool, with what the route and the pool say of the request.
#[derive(Debug)]
pub struct PoolTarget {
    /// The pool.
    pub pool: Arc<Pool>,
    /// TLS to its endpoints, if it is spoken.
    pub tls: Option<Arc<tls::Client>>,
    /// Whether its endpoints are spoken to in HTTP/2.
    pub http2: bool,
    /// What its policy hashes by.
    pub key: key::Source,
    /// What reads and writes its sessions, if it keeps any.
    pub affinity: Option<Keeper>,
    /// Times and attempts.
    pub plan: Plan,
    /// How many idle connections a worker keeps to an endpoint, and for how long.
    pub idle: (usize, Duration),
    /// Bytes of a request's body that are kept for another try.
    pub replay_limit: usize,
    /// Most bytes of a request's body.
    pub body_limit: u64,
    /// What its clients are limited by, in the order of their numbers.
    pub limits: Vec<Arc<Limit>>,
}

/// A configuration, ready to serve.
#[derive(Debug)]
pub struct Generation {
    /// Counts from 1.
    pub number: u64,
    /// The routes.
    pub router: Router<Target>,
    /// Certificates, keys and what else TLS needs.
    pub material: Material,
    /// What it was made of.
    pub config: Config,
    /// Pools' numbers and their endpoints to which connections lead elsewhere, or are made in
    /// another way, than in the generation before.
    moved: Vec<(u16, EndpointIndex)>,
}

impl Generation {
    /// The endpoints to which connections of earlier generations are of no use.
    pub(crate) fn moved(&self) -> &[(u16, EndpointIndex)] {
        &self.moved
    }
}

/// What a worker finds in its mailbox.
#[derive(Debug)]
pub enum Mail {
    /// A waiting request of this worker may go ahead.
    Grant(Grant),
    /// From now on, requests are routed by this.
    Generation(Arc<Generation>),
    /// Take nothing new, finish what is there.
    Drain,
}

/// What all workers of a proxy share.
#[derive(Debug)]
pub struct Proxy {
    shared: Mutex<Shared>,
    /// Wakes the worker that watches the health of endpoints.
    watch: Notify,
    notices: Notices,
    requests: AtomicU64,
}

#[derive(Debug)]
struct Shared {
    kept: Kept,
    generation: Arc<Generation>,
    /// By number of the worker.
    mailboxes: Vec<UnboundedSender<Mail>>,
}

/// What outlives configurations, by name.
#[derive(Debug, Default)]
struct Kept {
    pools: BTreeMap<String, Arc<Pool>>,
    limits: BTreeMap<String, Arc<Limit>>,
}

impl Shared {
    fn send(&self, grant: Grant) {
        let worker = worker_of(grant.token);
        if let Some(mailbox) = self.mailboxes.get(worker) {
            // A worker that has ended has no request that waits.
            let _ = mailbox.send(Mail::Grant(grant));
        }
    }
}

/// The token of request number `id` at worker number `worker`.
pub(crate) const fn token(worker: usize, id: u64) -> Token {
    Token((worker as u64) << 48 | id & 0xffff_ffff_ffff)
}

/// The worker whose request waits under `token`.
pub(crate) const fn worker_of(token: Token) -> usize {
    (token.0 >> 48) as usize
}

impl Proxy {
    /// A proxy that serves `config`, with the material that was loaded for it.
    #[must_use]
    pub fn new(config: Config, material: Material) -> Self {
        let mut kept = Kept::default();
        let made_of = (config, material);
        let (generation, _) = build(None, made_of, &mut kept, Timestamp::ZERO);
        let generation = Arc::new(generation);
        let shared = Shared {
            kept,
            generation,
            mailboxes: Vec::new(),
        };
        Self {
            shared: Mutex::new(shared),
            watch: Notify::new(),
            notices: Notices::default(),
            requests: AtomicU64::new(0),
        }
    }

    /// The configuration in force.
    #[must_use]
    pub fn generation(&self) -> Arc<Generation> {
        Arc::clone(&self.lock().generation)
    }

    /// Puts another configuration in force at `now`, with the material that was loaded for it.
    pub fn reload(&self, now: Timestamp, config: Config, mut material: Material) {
        let mut shared = self.lock();
        let before = Arc::clone(&shared.generation);
        material.keep(&before.material);
        let made_of = (config, material);
        let (generation, grants) = build(Some(&before), made_of, &mut shared.kept, now);
        shared.generation = Arc::new(generation);
        for grant in grants {
            shared.send(grant);
        }
        for mailbox in &shared.mailboxes {
            // A worker that has ended needs no news.
            let _ = mailbox.send(Mail::Generation(Arc::clone(&shared.generation)));
        }
        self.disturb();
    }

    /// Something has changed in the health of endpoints, or in what is configured about it.
    pub(crate) fn disturb(&self) {
        self.watch.notify_one();
    }

    /// Takes note of an event that concerns the health of a pool's endpoints.
    pub(crate) fn note(&self, pool: &Pool, event: &Event) {
        pool.note(event);
        self.notices.take(pool, event);
    }

    /// The next sentence that an operator should read.
    pub(crate) async fn notice(&self) -> String {
        self.notices.next().await
    }

    /// Ends after the next [`Proxy::disturb`], or at once after one that nobody waited for.
    pub(crate) async fn disturbed(&self) {
        self.watch.notified().await;
    }

    /// Asks all workers to finish.
    pub fn drain(&self) {
        for mailbox in &self.lock().mailboxes {
            let _ = mailbox.send(Mail::Drain);
        }
    }

    /// The pools, by name.
    #[must_use]
    pub fn pools(&self) -> Vec<Arc<Pool>> {
        self.lock().kept.pools.values().cloned().collect()
    }

    /// The limits, by name.
    #[must_use]
    pub fn limits(&self) -> Vec<Arc<Limit>> {
        self.lock().kept.limits.values().cloned().collect()
    }

    /// Registers a worker's mailbox; returns the worker's number.
    pub(crate) fn join(&self, mailbox: UnboundedSender<Mail>) -> usize {
        let mut shared = self.lock();
        shared.mailboxes.push(mailbox);
        shared.mailboxes.len() - 1
    }

    /// Hands a grant to the worker whose request waits for it.
    pub(crate) fn send(&self, grant: Grant) {
        self.lock().send(grant);
    }

    /// The number of the next request, in order of arrival over all workers.
    pub(crate) fn number(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Nothing in it is half-changed when a panic passes.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The generation after `before`, and the grants of requests for which it made room.
fn build(
    before: Option<&Generation>,
    (config, material): (Config, Material),
    kept: &mut Kept,
    now: Timestamp,
) -> (Generation, Vec<Grant>) {
    let Kept { pools, limits } = kept;
    let (mut grants, mut moved) = (Vec::new(), Vec::new());
    let zone = config.server.zone.as_deref();
    for limit in &config.limits {
        let new = match limits.get(&limit.name) {
            Some(known) => known.updated(limit),
            None => Arc::new(Limit::new(limits.len() as u16, limit)),
        };
        limits.insert(limit.name.clone(), new);
    }
    for (place, pool) in config.pools.iter().enumerate() {
        match pools.get(&pool.name) {
            Some(known) => {
                let (granted, elsewhere) = known.update(now, pool, zone);
                grants.extend(granted);
                let was = before.and_then(|b| b.config.pools.iter().find(|p| p.name == pool.name));
                let elsewhere = match was.is_some_and(|was| was.tls != pool.tls) {
                    true => known.endpoints(),
                    false => elsewhere,
                };
                moved.extend(elsewhere.into_iter().map(|endpoint| (known.id(), endpoint)));
            }
            None => {
                let id = u16::try_from(pools.len().max(place)).unwrap_or(u16::MAX - 1);
                pools.insert(pool.name.clone(), Arc::new(Pool::new(id, pool, zone)));
            }
        }
    }
    let target = |route: &config::Route| match &route.action {
        Action::Redirect { status, to } => Some(Target::Redirect {
            status: *status,
            to: to.clone(),
        }),
        Action::Pool(name) => {
            let pool = config.pools.iter().find(|pool| pool.name == *name)?;
            Some(Target::Pool(Arc::new(pool_target(
                pool,
                Arc::clone(pools.get(name)?),
                limits,
                &material,
                route,
            ))))
        }
    };
    let routes = config.routes.iter();
    let router = Router::new(routes.filter_map(|r| Some((&r.hosts[..], &r.path, target(r)?))));
    let generation = Generation {
        number: before.map_or(1, |before| before.number + 1),
        router,
        material,
        config,
        moved,
    };
    (generation, grants)
}

/// What its hedges are begun for.
fn hedges(config: &config::Pool) -> On {
    match config.hedge.map(|hedge| hedge.after) {
        None => On::default(),
        Some(After::Time(_)) => On::HEDGE,
        Some(After::Quantile { .. }) => On::HEDGE.and(On::QUANTILE),
    }
}

fn pool_target(
    config: &config::Pool,
    pool: Arc<Pool>,
    limits: &BTreeMap<String, Arc<Limit>>,
    material: &Material,
    route: &config::Route,
) -> PoolTarget {
    let limits = route.limits.iter().filter_map(|name| limits.get(name));
    let mut limits: Vec<_> = limits.cloned().collect();
    limits.sort_by_key(|limit| limit.id());
    PoolTarget {
        pool,
        tls: material.client(&config.name).cloned(),
        http2: config.http2,
        key: key::Source::new(config),
        affinity: material.keeper(config),
        plan: Plan {
            attempts: u8::try_from(config.retry.attempts).unwrap_or(u8::MAX),
            queue: Span::of(config.queue.timeout),
            dial: Span::of(config.timeouts.dial),
            head: Span::of(route.timeouts.header.unwrap_or(config.timeouts.header)),
            on: config.retry.causes().and(hedges(config)),
            priority: route.priority,
            patience_ms: config.retry.patience().map_or(u32::MAX, |timeout| {
                u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX)
            }),
            idle: Span::of(route.timeouts.idle.unwrap_or(config.timeouts.idle)),
            tunnel: Span::of(route.timeouts.tunnel),
            total: route.timeouts.total.map_or(Span::MAX, Span::of),
        },
        idle: (config.idle.per_worker as usize, config.idle.timeout),
        replay_limit: usize::try_from(config.retry.buffer_bytes).unwrap_or(usize::MAX),
        body_limit: route.body_limit_bytes.unwrap_or(u64::MAX),
        limits,
    }
}
