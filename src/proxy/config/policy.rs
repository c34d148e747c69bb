//! `[[pool]] policy`: how an endpoint is chosen, and what requests are hashed by.

use std::ops::RangeInclusive;
use std::time::Duration;

use evenkeel_core::endpoint::Until;
use evenkeel_core::policy::{CHOICES_MAX, Kind};
use serde_json::{Value as Json, json};

use super::Use;
use super::probe::{Probe, probe};
use crate::document::{self, Choice, Float, Integer, Node, Sink, Table, Time, Value};
use Policy::Core;

/// How one endpoint is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// A policy of the core.
    Core(Kind),
    /// As no proxy could; [`Use::Simulate`] alone allows it.
    Simulated(Simulated),
}

/// Policies that know what only a simulation knows, or that only mathematics needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simulated {
    /// An idle endpoint, or a wait in one line for all.
    CentralQueue,
    /// An idle endpoint, or any.
    JoinIdleQueue,
    /// The one that will be done first.
    LeastWorkLeft,
    /// The fewest in flight, by a board that is renewed once a period.
    Stale {
        /// How many endpoints are compared.
        of: u32,
        /// How long the board stays as it is.
        period: Duration,
    },
}

impl Policy {
    /// Whether a key of the file's choice says where a request goes.
    #[must_use]
    pub const fn is_keyed(self) -> bool {
        matches!(
            self,
            Self::Core(Kind::Hash | Kind::RingHash { .. } | Kind::Maglev | Kind::Rendezvous)
        )
    }
}

/// What requests are hashed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashKey {
    /// The client's address.
    Address,
    /// The path, without query.
    Path,
    /// A field of the request.
    Header(String),
    /// A cookie.
    Cookie(String),
    /// A parameter of the query.
    Query(String),
}

/// Policies by name, with the defaults of their parameters; from [`DEPLOYED`] on those that only a
/// simulation can have.
const POLICIES: [(&str, Policy); 17] = [
    ("round_robin", Core(Kind::RoundRobin)),
    ("random", Core(Kind::Random)),
    ("least_request", Core(Kind::LeastRequest)),
    ("p2c", Core(Kind::P2c { choices: CHOICES })),
    ("least_time", Core(Kind::LeastTime { until: UNTIL })),
    ("peak_ewma", Core(Kind::PeakEwma { decay: DECAY })),
    ("prequal", Core(PREQUAL)),
    ("event_loop", Core(EVENT_LOOP)),
    ("ip_hash", Core(Kind::IpHash)),
    ("hash", Core(Kind::Hash)),
    ("ring_hash", Core(UNBOUNDED)),
    ("maglev", Core(Kind::Maglev)),
    ("rendezvous", Core(Kind::Rendezvous)),
    ("central_queue", Policy::Simulated(Simulated::CentralQueue)),
    (
        "join_idle_queue",
        Policy::Simulated(Simulated::JoinIdleQueue),
    ),
    (
        "least_work_left",
        Policy::Simulated(Simulated::LeastWorkLeft),
    ),
    ("stale", STALE),
];
const DEPLOYED: usize = 13;
const STALE: Policy = Policy::Simulated(Simulated::Stale {
    of: EVERYONE,
    period: PERIOD,
});
const EVERYONE: u32 = 65_000;
const PERIOD: Duration = Duration::from_secs(1);
const CHOICES: u32 = 2;
const UNTIL: Until = Until::Header;
const UNTILS: Choice<Until> = Choice {
    what: "end of a measurement",
    of: &[("header", Until::Header), ("last_byte", Until::LastByte)],
};
const DECAY: Duration = Duration::from_secs(10);
const PREQUAL: Kind = Kind::Prequal {
    quantile_percent: 30,
    probes: PROBES,
    asks: false,
};
/// The paper's 0.84 is for a hundred endpoints and several times worse for eight.
const QUANTILE: f64 = 0.3;
const PROBES: u32 = 3;
const EVENT_LOOP: Kind = Kind::EventLoop { spare_percent: 50 };
const SPARE: f64 = 0.5;
const UNBOUNDED: Kind = Kind::RingHash {
    bound_percent: None,
};
/// Below 1.05 nearly every key is moved, above 10 nearly none is.
const BOUND: RangeInclusive<f64> = 1.05..=10.0;

/// The names of all policies that can be served, in the order of the help.
pub fn policies() -> impl Iterator<Item = &'static str> {
    POLICIES[..DEPLOYED].iter().map(|(name, _)| *name)
}

/// What each name stands for.
const NAMES: &str = "round_robin (in turn), random, least_request (fewest in flight of all), p2c \
    (fewest in flight of a few drawn at random), least_time (fastest for its load), peak_ewma (the \
    faster of two drawn at random), prequal (the fastest that is not hot), event_loop (for \
    Node.js: fewest in flight, weighed by how long each route keeps others waiting); the same key \
    to the same endpoint: ip_hash and hash (nginx's), ring_hash (nginx's `hash ... consistent`), \
    maglev (even shares), rendezvous (for few endpoints)";

/// The policy, the key if it hashes by one of the file's choice, and how it has endpoints asked for
/// their load if it does.
pub(super) fn policy(t: &mut Table<'_>, purpose: Use) -> (Policy, Option<HashKey>, Option<Probe>) {
    let (choice, simulates) = choice(t, purpose);
    let named = t.default("name", choice, Core(Kind::P2c { choices: CHOICES }), NAMES);
    let doc = "p2c: how many are drawn; 2 has nearly all of the effect, more herds";
    let choices = t.default("choices", Integer(2..=CHOICES_MAX as u32), CHOICES, doc);
    let doc = "least_time: up to where an answer is measured, header or last_byte; a slow client \
               makes a last byte late, whichever endpoint sent it";
    let until = t.default("until", UNTILS, UNTIL, doc);
    let doc = "peak_ewma: how fast a latency is forgotten; 10s outlasts a pause of garbage \
               collection and not a restart";
    let decay = t.default("decay", Time::POSITIVE, DECAY, doc);
    let (prequal, probe) = prequal(t);
    let doc = "event_loop: how much of what a request would make others wait it is charged; 0.5 is \
               best for light requests and the mean, at the price of heavy ones; 0 helps all a \
               little";
    let spare = t.default("spare", Float(0.0..=1.0), SPARE, doc);
    let doc = "hash, ring_hash, maglev, rendezvous: what a request is hashed by; the address is \
               what every request has; one without its header, cookie or query is given out in turn";
    let key = t.default("key", Keyed, HashKey::Address, doc);
    let doc = "ring_hash: most in flight at an endpoint against its share, beyond it keys go to \
               their neighbours; absent: no bound; 1.25 keeps 4 of 5 requests of popular keys at \
               home";
    let bound = t.optional("bound", Float(BOUND), doc);
    let (of, period) = if simulates {
        let doc = "stale: how many endpoints are compared; absent: all";
        let of = t.default("of", Integer(1..=EVERYONE), EVERYONE, doc);
        let doc = "stale: how long the board of requests in flight stays as it is";
        (of, t.default("period", Time::POSITIVE, PERIOD, doc))
    } else {
        (EVERYONE, PERIOD)
    };
    let (policy, options): (_, &[&str]) = match named {
        Core(Kind::P2c { .. }) => (Core(Kind::P2c { choices }), &["choices"]),
        Core(Kind::LeastTime { .. }) => (Core(Kind::LeastTime { until }), &["until"]),
        Core(Kind::PeakEwma { .. }) => (Core(Kind::PeakEwma { decay }), &["decay"]),
        Core(Kind::Prequal { .. }) => (Core(prequal), &["quantile", "probes", "probe"]),
        Core(Kind::EventLoop { .. }) => {
            let spare_percent = percent(spare);
            (Core(Kind::EventLoop { spare_percent }), &["spare"])
        }
        Core(Kind::RingHash { .. }) => {
            let bound_percent = bound.map(percent);
            (Core(Kind::RingHash { bound_percent }), &["key", "bound"])
        }
        STALE => (
            Policy::Simulated(Simulated::Stale { of, period }),
            &["of", "period"],
        ),
        keyed if keyed.is_keyed() => (keyed, &["key"]),
        plain => (plain, &[]),
    };
    misplaced(t, options);
    let asks = matches!(policy, Core(kind) if kind.asks());
    (
        policy,
        policy.is_keyed().then_some(key),
        probe.filter(|_| asks),
    )
}

/// `prequal` with its parameters, and how it asks endpoints, if it does.
fn prequal(t: &mut Table<'_>) -> (Kind, Option<Probe>) {
    let doc = "prequal: the part of recent probes above which an endpoint is hot; 0 is in flight \
               alone, 1 latency alone; 0.84 is the paper's for a hundred endpoints, 0.3 is better \
               for a few";
    let quantile = t.default("quantile", Float(0.0..=1.0), QUANTILE, doc);
    let doc = "prequal: endpoints probed for each pick; 3 is the paper's, fewer are stale";
    let probes = t.default("probes", Integer(1..=8_u32), PROBES, doc);
    let doc = "prequal: endpoints are asked how they are, and those that do not answer are passed \
               over; absent: what this proxy knows of them is all";
    let probe = t.optional_table("probe", doc, probe).flatten();
    let prequal = Kind::Prequal {
        quantile_percent: percent(quantile),
        probes,
        asks: probe.is_some(),
    };
    (prequal, probe)
}

/// A part of one.
fn percent(part: f64) -> u32 {
    (part * 100.0).round() as u32
}

/// The policies by name, and whether those are among them that only a simulation can have. Who
/// names one of these to serve it is told what it is.
fn choice(t: &mut Table<'_>, purpose: Use) -> (Choice<Policy>, bool) {
    let (deployed, simulated) = POLICIES.split_at(DEPLOYED);
    let named = |name: &str| simulated.iter().any(|(known, _)| *known == name);
    let refused = purpose == Use::Deploy && t.text("name").is_some_and(named);
    if refused {
        let message = "this policy knows what only a simulation can know";
        let problem = t.problem(t.span("name"), message);
        t.report(problem.label("expected one that can be served, such as \"least_request\""));
    }
    let simulates = refused || purpose == Use::Simulate;
    let of = if simulates { &POLICIES } else { deployed };
    let what = "policy";
    (Choice { what, of }, simulates)
}

/// Parameters of another policy than the one named.
fn misplaced(t: &mut Table<'_>, options: &[&str]) {
    const OWNERS: [(&str, &str, &str); 11] = [
        ("choices", "p2c has", "p2c"),
        ("until", "least_time has", "least_time"),
        ("decay", "peak_ewma has", "peak_ewma"),
        ("quantile", "prequal has", "prequal"),
        ("probes", "prequal has", "prequal"),
        ("probe", "prequal has", "prequal"),
        ("spare", "event_loop has", "event_loop"),
        (
            "key",
            "hash, ring_hash, maglev and rendezvous have",
            "one of them",
        ),
        ("bound", "ring_hash has", "ring_hash"),
        ("of", "stale has", "stale"),
        ("period", "stale has", "stale"),
    ];
    for (option, have, owner) in OWNERS {
        if t.has(option) && !options.contains(&option) && !t.describing() {
            let problem = t.problem(t.span(option), format!("only {have} `{option}`"));
            t.report(problem.label(format!("leave it out, or use {owner}")));
        }
    }
}

/// `"address"`, `"path"`, `"header:NAME"`, `"cookie:NAME"` or `"query:NAME"`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keyed;

impl Keyed {
    const EXPECTED: &str =
        "\"address\", \"path\", \"header:NAME\", \"cookie:NAME\" or \"query:NAME\"";
    const KNOWN: [&str; 5] = ["address", "path", "header:", "cookie:", "query:"];
}

impl document::Kind for Keyed {
    type Value = HashKey;

    fn expected(&self) -> String {
        Self::EXPECTED.into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<HashKey> {
        let Node::Text(text) = &value.node else {
            sink.mismatch(value, Self::EXPECTED);
            return None;
        };
        let (kind, name) = text.split_once(':').unwrap_or((text, ""));
        // Headers and cookies are named by tokens (RFC 9110 5.6.2, RFC 6265 4.1.1).
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        let can_be = match kind {
            "query" => !name
                .bytes()
                .any(|b| b.is_ascii_control() || b"&=#? ".contains(&b)),
            _ => name.bytes().all(token),
        };
        let key = match kind {
            "address" if text == kind => return Some(HashKey::Address),
            "path" if text == kind => return Some(HashKey::Path),
            "header" => HashKey::Header(name.to_owned()),
            "cookie" => HashKey::Cookie(name.to_owned()),
            "query" => HashKey::Query(name.to_owned()),
            _ => {
                sink.unknown(value.span, text, "key", &Self::KNOWN);
                return None;
            }
        };
        if name.is_empty() || !can_be {
            sink.mismatch(
                value,
                format!("\"{kind}:\" and a name that a {kind} can have"),
            );
            return None;
        }
        Some(key)
    }

    fn show(&self, value: &HashKey) -> Json {
        match value {
            HashKey::Address => json!("address"),
            HashKey::Path => json!("path"),
            HashKey::Header(name) => json!(format!("header:{name}")),
            HashKey::Cookie(name) => json!(format!("cookie:{name}")),
            HashKey::Query(name) => json!(format!("query:{name}")),
        }
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "pattern": r"^(address|path|(header|cookie|query):.+)$" })
    }
}
