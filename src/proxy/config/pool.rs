//! `[[pool]]`: a named group of endpoints, the policy that picks among them, its limits.

use std::time::Duration;

use evenkeel_core::hedge::Settings as Hedge;
use evenkeel_core::pool::SpillSettings;
use evenkeel_core::queue::{self, Order};
use evenkeel_core::{concurrency, outlier, slow_start};

use super::affinity::{Affinity, affinity};
use super::concurrency::concurrency;
use super::health::{Health, Panic, health, panic};
use super::hedge::{self, hedge};
use super::outlier::outlier;
use super::policy::{HashKey, Policy, policy};
use super::probe::Probe;
use super::retry::{Retry, replaced_in_time, retry};
use super::slow_start::slow_start;
use super::{Named, Use, check, named_address, tls};
use crate::document::{Address, Boolean, Choice, Float, Integer, Name, Names, Socket, Table, Time};

/// A named group of endpoints.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// What routes call it.
    pub name: String,
    /// Who is picked.
    pub policy: Policy,
    /// What requests are hashed by, if the policy hashes by a key of the file's choice.
    pub key: Option<HashKey>,
    /// How endpoints are asked for their load, if the policy wants it.
    pub probe: Option<Probe>,
    /// Who can be picked; at least one.
    pub endpoints: Vec<Endpoint>,
    /// TLS to the endpoints, if it is spoken.
    pub tls: Option<tls::Upstream>,
    /// Whether endpoints are spoken to in HTTP/2.
    pub http2: bool,
    /// What happens after a failed try.
    pub retry: Retry,
    /// A second try beside a first one that is late, if there is any.
    pub hedge: Option<Hedge>,
    /// How long an endpoint may take.
    pub timeouts: Timeouts,
    /// Connections kept for later.
    pub idle: Idle,
    /// Requests that wait for an endpoint.
    pub queue: Queue,
    /// Active checks of the endpoints.
    pub health: Option<Health>,
    /// Passive ones.
    pub outlier: Option<outlier::Settings>,
    /// What happens when too few endpoints are fit.
    pub panic: Panic,
    /// How many requests an endpoint has at once, if that is found out.
    pub concurrency: Option<concurrency::Settings>,
    /// What keeps clients with their endpoints, if anything does.
    pub affinity: Option<Affinity>,
    /// How much goes to other endpoints than the first choice.
    pub spill: SpillSettings,
    /// How long a draining endpoint keeps tunnels and sessions, if that has an end.
    pub drain: Option<Duration>,
}

/// One address that can be picked.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// What metrics, logs and scenarios call it.
    pub name: String,
    /// Where it is.
    pub address: Address,
    /// Its share against the others'; 0 takes nothing.
    pub weight: u32,
    /// Most requests in flight, if there is a limit.
    pub max_connections: Option<u32>,
    /// Whether it is used only when others are down.
    pub backup: bool,
    /// Whether it finishes what it has, keeps its sessions and takes nothing new.
    pub drain: bool,
    /// Whether it is out of service.
    pub down: bool,
    /// How slowly it starts, if it does.
    pub slow_start: Option<slow_start::Spec>,
    /// Where it stands, if that is said: a region, a data centre.
    pub zone: Option<String>,
}

/// How long an endpoint may take.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeouts {
    /// To accept a connection.
    pub dial: Duration,
    /// Until the response's head.
    pub header: Duration,
    /// Between two pieces of a body.
    pub idle: Duration,
}

/// Connections kept for later.
#[derive(Clone, Debug, PartialEq)]
pub struct Idle {
    /// How many each worker keeps to one endpoint.
    pub per_worker: u32,
    /// How long one is kept.
    pub timeout: Duration,
}

/// Requests that wait for an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Queue {
    /// How many may wait, and whose turn it is.
    pub settings: queue::Settings,
    /// How long one waits.
    pub timeout: Duration,
}

impl Pool {
    /// Whether an endpoint takes whatever comes, so that nobody ever waits.
    pub(super) fn never_full(&self) -> bool {
        self.concurrency.is_none() && self.endpoints.iter().any(|e| e.max_connections.is_none())
    }
}

pub(super) fn pool(t: &mut Table<'_>, names: &mut Names, purpose: Use) -> Option<Pool> {
    let name = t.required("name", Name, "what routes, metrics and scenarios call it");
    names.declare(t, "name", name.as_deref());
    let doc = "who is picked; p2c avoids a slow endpoint without comparing all of them";
    let (policy, key, probe) = t.shorthand("policy", "name", doc, |t| policy(t, purpose));
    let mut endpoint_names = Names::new("endpoint");
    let example = "at least one, such as [{ address = \"127.0.0.1:3001\" }]";
    let doc = "the addresses that can be picked";
    let endpoints = t.required_tables("endpoints", example, doc, |t| {
        endpoint(t, &mut endpoint_names)
    });
    let tls = tls::upstream(t);
    let doc = "speak HTTP/2 to endpoints, all requests over one connection; false, as few \
               applications do";
    let http2 = t.default("http2", Boolean, false, doc);
    let retry = t.table("retry", "what happens after a failed try", retry);
    let hedge = hedge(t);
    let timeouts = t.table("timeouts", "how long an endpoint may take", timeouts);
    replaced_in_time(t, &retry, &timeouts);
    hedge::check(t, hedge, (&retry, timeouts.header), endpoints.len());
    let idle = t.table("idle", "connections kept for later requests", idle);
    let doc = "requests that wait while every endpoint is full";
    let queue = t.table("queue", doc, queue);
    let doc = "probes of the endpoints; absent: all are taken for fit";
    let health = t.optional_table("health", doc, |t| health(t, http2));
    let doc = "endpoints that fail real requests are passed over for a while; absent: none is";
    let outlier = t.optional_table("outlier", doc, |t| outlier(t, endpoints.len()));
    let doc = "what happens when too few endpoints are fit, by probes and requests";
    let panic = t.shorthand("panic", "below", doc, panic);
    let doc = "how many requests an endpoint has at once, found out from how long they take; \
               absent: as many as `max_connections` says";
    let concurrency = t.optional_table("concurrency", doc, |t| concurrency(t, endpoints.len()));
    let doc = "a growing share for endpoints that come up or join, unless all do; absent: none";
    let slow_start = slow_start(t, doc);
    let doc = "what keeps a client with the endpoint that it began with; absent: nothing";
    let affinity = t.shorthand("affinity", "kind", doc, affinity);
    let spill = overprovision(t);
    let drain = drain(t);
    check::endpoints(t, &endpoints, name.as_deref().unwrap_or_default());
    let mut endpoints = endpoints.into_iter().collect::<Option<Vec<_>>>()?;
    for endpoint in &mut endpoints {
        endpoint.slow_start = endpoint.slow_start.or(slow_start);
    }
    let tls = tls?;
    let health = health.map_or(Some(None), |health| health.map(Some))?;
    check::server_names(t, &endpoints, tls.as_ref());
    Some(Pool {
        name: name?,
        policy,
        key,
        probe,
        endpoints,
        tls,
        http2,
        retry,
        hedge,
        timeouts,
        idle,
        queue,
        health,
        outlier,
        panic,
        concurrency,
        affinity,
        spill,
        drain,
    })
}

/// How long a draining endpoint keeps tunnels and sessions.
fn drain(t: &mut Table<'_>) -> Option<Duration> {
    let doc = "endpoints that drain: they finish what they have and take nothing new";
    t.shorthand("drain", "timeout", doc, |t| {
        let doc = "how long one keeps tunnels and sessions: tunnels are closed one after the \
                   other, spread over this time, and at its end sessions go elsewhere; absent: as \
                   long as they last";
        t.optional("timeout", Time::POSITIVE, doc)
    })
}

/// How much more than its part an endpoint can take.
fn overprovision(t: &mut Table<'_>) -> SpillSettings {
    let usual = SpillSettings::default();
    let doc = "how much more than its part an endpoint can take, before requests go on to other \
               zones and to backups: 1.4 keeps all of them until fewer than 72% of the endpoints \
               are usable; absent: 1.4 between zones, and no backups while any other endpoint can \
               be picked";
    let factor = t.optional("overprovision", Float(1.0..=10.0), doc);
    let percent = factor.map(|factor| (factor * 100.0).round() as u32);
    SpillSettings {
        zones_percent: percent.unwrap_or(usual.zones_percent),
        backups_percent: percent,
    }
}

pub(super) fn endpoint(t: &mut Table<'_>, names: &mut Names) -> Option<Endpoint> {
    let docs = [
        "what metrics, logs and scenarios call it; absent: the address as written",
        "where it is: host and port, or unix:/path",
    ];
    let named = named_address(t, Socket::Connect, docs);
    names.declare(t, "name", named.as_ref().map(|named| named.name.as_str()));
    let doc = "its share against the others' weights; 0 takes nothing, 1 treats all alike";
    let weight = t.default("weight", Integer(0..=65_535_u32), 1, doc);
    let max_connections = t.optional(
        "max_connections",
        Integer(1..=10_000_000_u32),
        "most requests in flight, exactly, over all workers; absent: no limit",
    );
    let backup = t.default(
        "backup",
        Boolean,
        false,
        "used only when all others are down, or too few are left (`overprovision`)",
    );
    let drain = t.default(
        "drain",
        Boolean,
        false,
        "finishes what it has, keeps its sessions and takes nothing new",
    );
    let down = t.default(
        "down",
        Boolean,
        false,
        "out of service until the file says otherwise",
    );
    let slow_start = slow_start(t, "its own instead of the pool's");
    let doc = "where it stands: a region, a data centre; with `server.zone`, those elsewhere are a \
               second choice; absent: in no zone";
    let zone = t.optional("zone", Name, doc);
    let Named { name, address } = named?;
    Some(Endpoint {
        name,
        address,
        weight,
        max_connections,
        backup,
        drain,
        down,
        slow_start,
        zone,
    })
}

fn timeouts(t: &mut Table<'_>) -> Timeouts {
    let mut time =
        |name, seconds, doc| t.default(name, Time::POSITIVE, Duration::from_secs(seconds), doc);
    Timeouts {
        dial: time(
            "dial",
            1,
            "to open a connection; after 1s the kernel only repeats a lost packet, and another \
             endpoint answers sooner",
        ),
        header: time(
            "header",
            60,
            "from the end of the request to the response's head; 60s is what browsers wait out",
        ),
        idle: time(
            "idle",
            60,
            "between two pieces of a response's body; 60s tells slow from dead",
        ),
    }
}

/// Node.js announces that it closes an idle connection after this.
const NODE_KEEP_ALIVE: Duration = Duration::from_secs(5);

fn idle(t: &mut Table<'_>) -> Idle {
    let per_worker = t.default(
        "per_worker",
        Integer(0..=100_000_u32),
        32,
        "connections that each worker keeps to one endpoint; 32 hold 32 requests at once without \
         a dial",
    );
    let timeout = t.default(
        "timeout",
        Time::ANY,
        Duration::from_secs(4),
        "how long an unused connection is kept; 4s is before Node.js closes it at 5s, so no \
         request meets a closing connection",
    );
    if timeout >= NODE_KEEP_ALIVE {
        let message = "Node.js closes idle connections after 5s: requests will meet closed ones";
        let problem = t.problem(t.span("timeout"), message).warning();
        let help = "with `server.keepAliveTimeout` raised in the application, this is right";
        t.report(problem.label("expected less than \"5s\"").help(help));
    }
    Idle {
        per_worker,
        timeout,
    }
}

fn queue(t: &mut Table<'_>) -> Queue {
    const ORDER: Choice<Order> = Choice {
        what: "order",
        of: &[
            ("fifo", Order::Fifo),
            ("lifo", Order::Lifo),
            ("adaptive", Order::Adaptive),
        ],
    };
    let limit = t.default(
        "limit",
        Integer(0..=1_000_000_u32),
        256,
        "requests that may wait, further ones get 503; 0 is no queue; 256 is a second's work of \
         one process",
    );
    let timeout = t.default(
        "timeout",
        Time::POSITIVE,
        Duration::from_secs(1),
        "how long one waits before it gets 503; after 1s people press reload",
    );
    let doc = "whose turn it is: fifo, who came first; lifo, who came last, and a full queue sends \
               away who came first; adaptive, fifo until an overload and lifo in it";
    let order = t.default("order", ORDER, Order::Fifo, doc);
    let doc = "an overload is a queue that has not been empty for so long; 100ms is a burst, and \
               more than that does not end by itself";
    let usual = Duration::from_millis(100);
    let overload = t.default("overload", Time::POSITIVE, usual, doc);
    let doc = "in an overload, who has waited for so long gets 503 when another goes ahead, as \
               CoDel has it; a few times what an endpoint needs for a request; absent: nobody";
    let codel = t.optional("codel", Time::POSITIVE, doc);
    if t.has("overload") && order != Order::Adaptive && codel.is_none() {
        let problem = t.problem(t.span("overload"), "nothing depends on an overload");
        let help = "order = \"adaptive\" turns the queue round, `codel` sends away";
        let label = "expected `order` or `codel` beside it";
        t.report(problem.warning().label(label).help(help));
    }
    if codel.is_some_and(|codel| codel >= timeout) {
        let problem = t.problem(t.span("codel"), "nobody waits for so long");
        t.report(problem.warning().label("expected less than `timeout`"));
    }
    Queue {
        settings: queue::Settings {
            limit: limit as usize,
            order,
            overload,
            codel,
        },
        timeout,
    }
}
