//! A scenario made ready for an engine: routes looked up, origins numbered, faults in order.
//!
//! Both engines run the same plan, so what is decided here is decided once.

pub mod client;
pub mod lane;
pub mod turn;
mod watch;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::pool;
use evenkeel_core::request;
use evenkeel_core::rng::Stream;
use evenkeel_core::time::Timestamp;
use evenkeel_proxy::config::{Config, Listener, Pool};
use evenkeel_proxy::document::Address;
use evenkeel_proxy::generation::Target;
use evenkeel_proxy::h1::Method;
use evenkeel_proxy::limit::Limit;

use crate::certificate;
use crate::law::Law;
use crate::origin;
use crate::origin::connection::{KEEP_ALIVE_ADVERTISED, KEEP_ALIVE_REAL};
use crate::result::{self, Promise, Setup, Threshold};
use crate::scenario::{self, Change, Engine, Process, Scenario, Source, What, endpoint_names};
use crate::workload::{self, Arrivals};

use client::Asked;
pub use client::{ANYBODY, KEPT};
pub use lane::Lane;
pub use turn::{Generation, Turn};

/// The host that simulated clients ask if their class names none.
pub const HOST: &str = "evenkeel.sim";
/// How long after the last arrival a run may still finish requests.
pub const COOL_DOWN: Duration = Duration::from_secs(600);

/// The listener that clients connect to: the first one that does more than redirect.
pub(crate) fn front(config: &Config) -> Option<&Listener> {
    let mut listeners = config.listeners.iter();
    let serving = listeners.find(|listener| listener.redirect.is_none());
    serving.or(config.listeners.first())
}

/// A scenario, ready to run.
#[derive(Debug)]
pub struct Plan {
    /// What it was made of.
    pub scenario: Arc<Scenario>,
    /// Which engine runs it.
    pub engine: Engine,
    /// The workloads.
    pub workloads: Vec<workload::Spec>,
    /// What each workload's classes ask for.
    pub asks: Vec<Vec<Ask>>,
    /// The law of the computing of a request.
    pub cpu: Law,
    /// The law of its wait.
    pub io: Option<Law>,
    /// The applications, one for each address.
    pub origins: Vec<Origin>,
    /// The origin behind each pool's endpoints, with those that are added later.
    pub behind: Vec<Vec<usize>>,
    /// What must hold for every seed.
    pub thresholds: Vec<Threshold>,
    /// What must hold for at least one seed.
    pub sometimes: Vec<Threshold>,
    /// What collectors must know.
    pub setup: Arc<Setup>,
    /// The configurations that will be in force; the scenario's own is the first.
    pub generations: Vec<Generation>,
    /// What happens to proxies, in order of time.
    pub turns: Vec<(Timestamp, Turn)>,
    /// How long certificates last from the beginning.
    pub certificate_life: Duration,
    asked: Asked,
}

/// What a class of requests asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Method.
    pub method: String,
    /// Host, as it stands in the request.
    pub host: String,
    /// Path and query.
    pub path: String,
    /// Further fields of its head, each a line.
    pub fields: String,
    /// Bytes of the request's body.
    pub body_bytes: u64,
    /// Bytes of the response's body.
    pub response_bytes: u64,
}

impl Ask {
    /// What a recorded request asks for.
    #[must_use]
    pub fn recorded(record: &workload::log::Record) -> Self {
        Self {
            method: record.method.to_string(),
            host: record.host.as_deref().unwrap_or(HOST).to_owned(),
            path: record.path.to_string(),
            fields: String::new(),
            body_bytes: 0,
            response_bytes: record.bytes,
        }
    }

    /// The head that asks for it, without the empty line at its end.
    #[must_use]
    pub fn head(&self) -> String {
        let Self {
            method,
            host,
            path,
            fields,
            body_bytes,
            ..
        } = self;
        let mut head = String::with_capacity(128);
        let _ = write!(head, "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{fields}");
        if *body_bytes > 0 {
            let _ = write!(head, "Content-Length: {body_bytes}\r\n");
        }
        head
    }

    /// Whether it may be sent twice, as the proxy sees it.
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        Method::of(self.method.as_bytes()).is_idempotent()
    }
}

/// One simulated application.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Where it listens.
    pub address: Address,
    /// How it behaves.
    pub spec: origin::Spec,
    /// The origin in whose place a name will lead to it.
    pub like: Option<usize>,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// To pool number so and so, under this plan.
    Pool(u16, request::Plan),
    /// To no pool: answered with this status.
    Answer(u16),
}

impl Plan {
    /// Makes `scenario` ready for `engine`, or for its own choice, or for `net`.
    #[must_use]
    pub fn new(scenario: Arc<Scenario>, engine: Option<Engine>) -> Self {
        let (origins, behind) = origins(&scenario);
        let (generations, turns) = turn::turns(&scenario);
        Self {
            engine: engine.or(scenario.engine).unwrap_or(Engine::Net),
            workloads: scenario.workloads.iter().map(spec).collect(),
            asks: scenario.workloads.iter().map(asks).collect(),
            cpu: scenario.origin.service.clone(),
            io: scenario.origin.io.clone(),
            origins,
            behind,
            thresholds: applicable(&scenario, &scenario.thresholds),
            sometimes: applicable(&scenario, &scenario.sometimes),
            setup: Arc::new(setup(&scenario)),
            asked: Asked::by(&generations),
            generations,
            turns,
            certificate_life: certificate::LIFE,
            scenario,
        }
    }

    /// The plan with those of its changes that happen under `seed`.
    #[must_use]
    pub fn under(self: &Arc<Self>, seed: u64) -> Arc<Self> {
        let changes = &self.scenario.changes;
        if changes.iter().all(|change| change.probability >= 1.0) {
            return Arc::clone(self);
        }
        let draws = Stream::new(seed, "change");
        let happens = |(n, change): (u64, &Change)| {
            let happens = draws.at(n).unit() < change.probability;
            happens.then(|| change.clone())
        };
        let scenario = Scenario {
            changes: (0..).zip(changes).filter_map(happens).collect(),
            ..Scenario::clone(&self.scenario)
        };
        let plan = Self {
            certificate_life: self.certificate_life,
            ..Self::new(Arc::new(scenario), Some(self.engine))
        };
        Arc::new(plan.observed(self.setup.course, self.setup.subject))
    }

    /// The end of the arrivals.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        Timestamp::ZERO + self.scenario.duration
    }

    /// How long an origin keeps a connection with nothing to do, if it ever closes one.
    #[must_use]
    pub fn keep_alive(&self) -> Option<Duration> {
        // Node.js closes later than it announces.
        let grace = KEEP_ALIVE_REAL - KEEP_ALIVE_ADVERTISED;
        let origin = &self.scenario.origin;
        (origin.model == scenario::Model::Node).then(|| origin.keep_alive + grace)
    }

    /// The configuration at the beginning.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.scenario.config
    }

    /// The listener that clients connect to.
    #[must_use]
    pub fn front(&self) -> Option<&Listener> {
        front(self.config())
    }

    /// What the process of a proxy is called: its draws and its links go by it.
    #[must_use]
    pub fn proxy_name(&self, proxy: usize, restarts: u32) -> String {
        let mut name = "proxy".to_owned();
        if self.scenario.proxies.count > 1 {
            let _ = write!(name, "/{proxy}");
        }
        if restarts > 0 {
            let _ = write!(name, "/restart-{restarts}");
        }
        name
    }

    /// The proxy that gets a connection, by its place: its number, and that of its client's
    /// address.
    #[must_use]
    pub fn deal(&self, connection: u64, address: u32) -> usize {
        let proxies = &self.scenario.proxies;
        proxies.balancer.deal(proxies.count, connection, address)
    }

    /// What a user should know of `arrivals` that have been taken: logs with broken lines, a note
    /// each.
    #[must_use]
    pub fn notes(&self, arrivals: &Arrivals) -> Vec<String> {
        let spoilt = arrivals
            .summaries()
            .filter(|(_, summary)| !summary.is_clean());
        let note = |(workload, summary)| {
            let name = &self.scenario.workloads[usize::from(workload)].name;
            format!("{name}: {summary}")
        };
        spoilt.map(note).collect()
    }

    /// Fresh pools of a generation, by number.
    #[must_use]
    pub fn pools(&self, generation: usize) -> Vec<pool::State> {
        let pools = (0..).zip(&self.generations[generation].pools);
        pools
            .map(|(id, settings)| pool::State::new(id, settings.clone()))
            .collect()
    }

    /// Where a request to `host` for `path` (query included) goes under a generation.
    #[must_use]
    pub fn way(&self, generation: usize, host: &str, path: &str) -> Way {
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        let generation = self.generations[generation].routes.generation();
        match generation
            .router
            .find(host.as_bytes(), path.as_bytes())
            .map(|t| &**t)
        {
            Some(Target::Pool(target)) => Way::Pool(target.pool.id(), target.plan),
            Some(Target::Redirect { status, .. }) => Way::Answer(*status),
            None => Way::Answer(404),
        }
    }

    /// The limits that a request to `host` for `path` (query included) has under a generation.
    #[must_use]
    pub fn limits(&self, generation: usize, host: &str, path: &str) -> Vec<Arc<Limit>> {
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        let generation = self.generations[generation].routes.generation();
        let target = generation.router.find(host.as_bytes(), path.as_bytes());
        match target.map(|t| &**t) {
            Some(Target::Pool(target)) => target.limits.clone(),
            _ => Vec::new(),
        }
    }
}

fn spec(workload: &scenario::Workload) -> workload::Spec {
    // Sessions begin at the rate of requests over their mean.
    let requests = workload
        .sessions
        .as_ref()
        .map_or(1.0, |s| s.requests.mean());
    let source = match &workload.source {
        Source::Open {
            process,
            rate_per_s,
            ..
        } => {
            let rate = rate_per_s / requests;
            match process {
                Process::Poisson => workload::Source::Poisson { rate },
                Process::Constant => workload::Source::Constant { rate },
            }
        }
        Source::Closed { users, think, .. } => workload::Source::Users {
            users: *users,
            think: think.clone(),
        },
        Source::Recorded {
            file,
            speed,
            routes,
        } => workload::Source::Trace {
            file: file.clone(),
            speed: *speed,
            routes: routes.iter().map(|(_, route)| route.clone()).collect(),
        },
    };
    let class = |class: &scenario::Class| workload::Class {
        weight: class.weight,
        cost: class.cost,
        service: class.service.clone(),
        io: class.io.clone(),
    };
    workload::Spec {
        shape: workload.shape.clone(),
        sessions: workload.sessions.clone(),
        client: workload.client.clone(),
        sockets: workload.sockets.clone(),
        classes: workload.source.classes().iter().map(class).collect(),
        source,
    }
}

fn asks(workload: &scenario::Workload) -> Vec<Ask> {
    let ask = |class: &scenario::Class| Ask {
        method: class.method.to_owned(),
        host: class.host.clone().unwrap_or_else(|| HOST.to_owned()),
        path: class.path.clone(),
        fields: String::new(),
        body_bytes: class.body_bytes,
        response_bytes: class.response_bytes,
    };
    workload.source.classes().iter().map(ask).collect()
}

/// The applications, and which of them is behind each endpoint: two endpoints of one address are
/// one application.
fn origins(scenario: &Scenario) -> (Vec<Origin>, Vec<Vec<usize>>) {
    let mut origins: Vec<Origin> = Vec::new();
    let mut places: BTreeMap<&Address, usize> = BTreeMap::new();
    let mut behind = Vec::new();
    for (p, pool) in scenario.all.pools.iter().enumerate() {
        let mut row = Vec::new();
        for (e, endpoint) in pool.endpoints.iter().enumerate() {
            let known = places.get(&endpoint.address).copied();
            row.push(known.unwrap_or_else(|| {
                let speed = |s: &&scenario::Speed| s.target.pool == p && s.target.endpoint == e;
                let speed = scenario
                    .origin
                    .speeds
                    .iter()
                    .find(speed)
                    .map_or(1.0, |s| s.speed);
                let spec = origin::Spec {
                    model: scenario.origin.discipline(),
                    speed,
                    overhead: scenario.origin.overhead,
                    runtime: scenario.origin.runtime.clone(),
                    from: Timestamp::ZERO + scenario.warmup,
                    until: Timestamp::ZERO + scenario.duration,
                };
                origins.push(Origin {
                    address: endpoint.address.clone(),
                    spec,
                    like: None,
                });
                origins.len() - 1
            }));
            places.entry(&endpoint.address).or_insert(row[e]);
        }
        behind.push(row);
    }
    relocate(scenario, &mut origins);
    (origins, behind)
}

/// Adds the origins to which names will lead: each like the one that the name leads to at first.
fn relocate(scenario: &Scenario, origins: &mut Vec<Origin>) {
    for change in &scenario.changes {
        let What::Resolve { name, addresses } = &change.what else {
            continue;
        };
        for like in 0..origins.len() {
            let port = match &origins[like].address {
                Address::Name(known, port) if known == name => *port,
                _ => continue,
            };
            for ip in addresses {
                let address = Address::Ip(SocketAddr::new(*ip, port));
                if origins.iter().all(|origin| origin.address != address) {
                    origins.push(Origin {
                        address,
                        spec: origins[like].spec.clone(),
                        like: Some(like),
                    });
                }
            }
        }
    }
}

/// Those that are about this cell.
fn applicable(scenario: &Scenario, all: &[Threshold]) -> Vec<Threshold> {
    let here = |threshold: &&Threshold| threshold.is_about(&scenario.settings);
    all.iter().filter(here).cloned().collect()
}

fn setup(scenario: &Scenario) -> Setup {
    let config = &scenario.config;
    let classes = |workload: &scenario::Workload| match &workload.source {
        Source::Recorded { routes, .. } => {
            let names = routes.iter().map(|(name, _)| name);
            names.chain([&workload.name]).cloned().collect()
        }
        made => made.classes().iter().map(|c| c.name.clone()).collect(),
    };
    Setup {
        settings: scenario.settings.clone(),
        from: Timestamp::ZERO + scenario.warmup,
        until: Timestamp::ZERO + scenario.duration,
        classes: scenario.workloads.iter().map(classes).collect(),
        endpoints: endpoint_names(&scenario.all),
        names: scenario.all.pools.iter().map(names).collect(),
        limits: config.pools.iter().map(limit).collect(),
        promises: Promise::all(scenario),
        course: false,
        subject: None,
    }
}

fn names(pool: &Pool) -> Vec<String> {
    pool.endpoints.iter().map(|e| e.name.clone()).collect()
}

/// What a pool promises about retries.
pub(crate) fn limit(pool: &Pool) -> result::Limit {
    result::Limit {
        attempts: u8::try_from(pool.retry.attempts).unwrap_or(u8::MAX),
        budget_ppm: u64::from(pool.retry.budget.ppm()),
        hedge_ppm: pool.hedge.map_or(0, |hedge| hedge.budget_ppm),
        concurrency: pool.concurrency.map_or(u32::MAX, |it| it.max),
    }
}

#[cfg(test)]
mod test;
