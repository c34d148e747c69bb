//! `[[fault]]` of the kinds that happen to the proxies or between the parties: runtime changes, a
//! restart, names, certificates, links.

mod kind;

use std::net::IpAddr;
use std::time::Duration;

use evenkeel_proxy::config::{self, Config, Endpoint, Pool};
use evenkeel_proxy::document::{
    self, Address, Boolean, Integer, List, Name, Node, Sink, Span, Table, Time, Value,
};
use serde_json::{Value as Json, json};

use super::link::{self, Known, Party};
use super::proxies::Proxies;
use super::target::{self, Target};
pub(super) use kind::{Kind, unused};

/// Something that happens to the proxies or between the parties.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// When.
    pub at: Duration,
    /// How long it lasts. A change of the configuration without an end stays; any other one ends
    /// with the arrivals.
    pub lasts: Option<Duration>,
    /// How likely it is, by the seed.
    pub probability: f64,
    /// What.
    pub what: What,
}

impl Change {
    /// It and its repetitions, `every` so often before `end`, and no more than `most`.
    pub(super) fn occurrences(
        self,
        every: Option<Duration>,
        end: Duration,
        most: usize,
    ) -> Vec<Self> {
        let Some(every) = every.filter(|_| self.at < end) else {
            return vec![self];
        };
        let again = |n: u32| self.at.checked_add(every.checked_mul(n)?);
        let times = (0..).map_while(again).take_while(|at| *at < end);
        let occurrence = |at| Self { at, ..self.clone() };
        times.take(most).map(occurrence).collect()
    }
}

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A pool gets another endpoint.
    Add {
        /// Its place among all endpoints that there will ever be.
        target: Target,
    },
    /// An endpoint is taken out of its pool.
    Remove(Target),
    /// An endpoint is to take nothing new.
    Drain(Target),
    /// An endpoint gets another weight.
    Reweight {
        /// The endpoint.
        target: Target,
        /// Its weight from then on.
        weight: u32,
    },
    /// A pool gets another section.
    Reload(Box<Pool>),
    /// A proxy ends and a new process takes its place.
    Restart {
        /// Which; none is every one.
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
    /// A link has another latency.
    Latency {
        /// Its ends.
        between: [Party; 2],
        /// So many times as long.
        factor: f64,
        /// And so much longer.
        plus: Duration,
        /// It grows to that in so much time.
        ramp: Duration,
    },
    /// No byte passes a link.
    Partition([Party; 2]),
}

impl What {
    /// What scenarios call it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Add { .. } => "add",
            Self::Remove(_) => "remove",
            Self::Drain(_) => "drain",
            Self::Reweight { .. } => "reweight",
            Self::Reload(_) => "reload",
            Self::Restart { .. } => "proxy_restart",
            Self::Resolve { .. } => "dns_change",
            Self::Swap => "cert_swap",
            Self::Latency { .. } => "latency",
            Self::Partition(_) => "partition",
        }
    }

    /// Why engine `model` cannot do it, if it cannot.
    #[must_use]
    pub const fn needs_net(&self) -> Option<&'static str> {
        match self {
            Self::Resolve { .. } => Some("dns_change is about names, which it does not resolve"),
            Self::Swap => Some("cert_swap is about TLS, which it does not speak"),
            _ => None,
        }
    }
}

/// The keys that only these kinds have, as they were read.
pub(super) struct Keys {
    endpoint: Option<Endpoint>,
    weight: Option<u32>,
    pool: Option<Pool>,
    handover: bool,
    host: Option<String>,
    addresses: Vec<IpAddr>,
    plus: Duration,
    ends: [Option<Party>; 2],
}

/// Declares and reads them.
pub(super) fn keys(t: &mut Table<'_>, known: Option<Known<'_>>) -> Keys {
    let doc =
        "add: the new endpoint, as in a pool's section; it is there from the start of the run";
    let endpoint = t.optional_table("endpoint", doc, config::read_endpoint);
    let doc = "reweight: the new weight";
    let weight = t.optional("weight", Integer(0..=65_535_u32), doc);
    let doc = "reload: a pool's section, as in a configuration; it replaces the one of its name";
    let pool = t.optional_table("pool", doc, config::read_pool);
    let doc = "proxy_restart: the new process listens before the old one drains; false: the old \
               one drains first, and nobody listens meanwhile";
    let handover = t.default("handover", Boolean, true, doc);
    let doc = "dns_change: the name in an endpoint's address";
    let host = t.optional("host", Name, doc);
    let doc = "dns_change: what it resolves to from then on";
    let addresses = t.default("addresses", List(Ip), Vec::new(), doc);
    let doc = "latency: how much longer each way is";
    let plus = t.default("plus", Time::ANY, Duration::ZERO, doc);
    let ends = link::ends(t, known, false);
    Keys {
        endpoint: endpoint.flatten(),
        weight,
        pool: pool.flatten(),
        handover,
        host,
        addresses,
        plus,
        ends,
    }
}

/// `"10.0.0.9"`.
#[derive(Clone, Copy, Debug)]
struct Ip;

impl document::Kind for Ip {
    type Value = IpAddr;

    fn expected(&self) -> String {
        "an IP address such as \"10.0.0.9\"".into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<IpAddr> {
        let parsed = match &value.node {
            Node::Text(text) => text.parse().ok(),
            _ => None,
        };
        if parsed.is_none() {
            sink.mismatch(value, document::Kind::expected(self));
        }
        parsed
    }

    fn show(&self, ip: &IpAddr) -> Json {
        json!(ip.to_string())
    }

    fn schema(&self) -> Json {
        json!({ "type": "string" })
    }
}

/// The keys that all faults have, and two that some do.
pub(super) struct Frame {
    pub(super) at: Option<Duration>,
    pub(super) lasts: Option<Duration>,
    pub(super) every: Option<Duration>,
    pub(super) probability: f64,
    pub(super) target: Option<String>,
    pub(super) factor: Option<f64>,
    pub(super) ramp: Duration,
}

/// Makes a change of its keys. `all` has every endpoint that there will ever be, and gets those
/// that this one brings.
pub(super) fn change(
    t: &mut Table<'_>,
    kind: Kind,
    frame: Frame,
    keys: Keys,
    (all, proxies): (&mut Option<Config>, &Proxies),
) -> Option<Change> {
    unused(t, Some(kind));
    kind::missing(t, kind);
    if t.has("for") && !kind.can_end() {
        let problem = t.problem(t.span("for"), format!("{} has no end", kind.name()));
        t.report(problem.label("leave it out"));
    }
    repeats(t, kind, &frame);
    let what = what(t, kind, &frame, keys, (all.as_mut()?, proxies))?;
    Some(Change {
        at: frame.at?,
        lasts: frame.lasts,
        probability: frame.probability,
        what,
    })
}

/// What has an end can only happen again once it has ended.
fn repeats(t: &mut Table<'_>, kind: Kind, frame: &Frame) {
    let Some(every) = frame.every.filter(|_| kind.can_end()) else {
        return;
    };
    if frame.lasts.is_none_or(|lasts| every < lasts) {
        let message = format!("{} happens again before it has ended", kind.name());
        let problem = t.problem(t.span("every"), message);
        t.report(problem.label("expected `for`, and no less than that"));
    }
}

fn what(
    t: &mut Table<'_>,
    kind: Kind,
    frame: &Frame,
    keys: Keys,
    (all, proxies): (&mut Config, &Proxies),
) -> Option<What> {
    let between = |[from, to]: [Option<Party>; 2]| Some([from?, to?]);
    let endpoint = |t: &mut Table<'_>, all: &Config| {
        let name = frame.target.as_ref()?;
        target::resolve(t, t.span("target"), all, name)
    };
    Some(match kind {
        Kind::Add => {
            let name = frame.target.as_deref()?;
            add(t, name, keys.endpoint?, all)?
        }
        Kind::Remove => What::Remove(endpoint(t, all)?),
        Kind::Drain => What::Drain(endpoint(t, all)?),
        Kind::Reweight => What::Reweight {
            target: endpoint(t, all)?,
            weight: keys.weight?,
        },
        Kind::Reload => reload(t, keys.pool?, all)?,
        Kind::Restart => What::Restart {
            proxy: proxy(t, frame.target.as_deref(), proxies)?,
            handover: keys.handover,
        },
        Kind::Resolve => resolve(t, keys.host?, keys.addresses, all)?,
        Kind::Swap => What::Swap,
        Kind::Latency => {
            if frame.factor.is_none() && keys.plus.is_zero() {
                let problem = t.problem(t.own_span(), "the latency stays what it is");
                t.report(problem.label("expected `factor` or `plus`"));
            }
            What::Latency {
                between: between(keys.ends)?,
                factor: frame.factor.unwrap_or(1.0),
                plus: keys.plus,
                ramp: frame.ramp,
            }
        }
        Kind::Partition => What::Partition(between(keys.ends)?),
    })
}

fn add(t: &mut Table<'_>, name: &str, endpoint: Endpoint, all: &mut Config) -> Option<What> {
    let span = t.span("target");
    let Some(pool) = name.strip_prefix("pool:") else {
        let problem = t.problem(span, format!("an endpoint cannot be added to {name:?}"));
        t.report(problem.label("expected a pool, such as \"pool:nodejs\""));
        return None;
    };
    let pool = link::pool_of(t, span, all, pool)?;
    let endpoints = &mut all.pools[pool].endpoints;
    if endpoints.iter().any(|known| known.name == endpoint.name) {
        let message = format!("the pool has an endpoint `{}` already", endpoint.name);
        let problem = t.problem(t.span("endpoint"), message);
        t.report(problem.label("expected another name"));
        return None;
    }
    endpoints.push(endpoint);
    Some(What::Add {
        target: Target {
            pool,
            endpoint: endpoints.len() - 1,
        },
    })
}

fn reload(t: &mut Table<'_>, section: Pool, all: &mut Config) -> Option<What> {
    let span = t.span("pool");
    let place = link::pool_of(t, span, all, &section.name)?;
    let known = &mut all.pools[place];
    if (&known.tls, known.http2) != (&section.tls, section.http2) {
        let problem = t.problem(span, "the pool's `tls` and `http2` are others than before");
        t.report(problem.label("expected the same: a simulated origin keeps what it speaks"));
    }
    for endpoint in &section.endpoints {
        match known.endpoints.iter().find(|e| e.name == endpoint.name) {
            None => known.endpoints.push(endpoint.clone()),
            Some(known) if known.address == endpoint.address => {}
            Some(known) => {
                let (name, address) = (&known.name, &known.address);
                let problem = t.problem(span, format!("endpoint `{name}` was at {address} before"));
                t.report(problem.label("expected a new name for a new address, here"));
            }
        }
    }
    Some(What::Reload(Box::new(section)))
}

/// Which proxy; the outer `None` is an error.
#[expect(clippy::option_option, reason = "every proxy, one, or an error")]
fn proxy(t: &mut Table<'_>, target: Option<&str>, proxies: &Proxies) -> Option<Option<u16>> {
    let name = match target {
        None | Some("proxy") => return Some(None),
        Some(name) => name,
    };
    let number = name.strip_prefix("proxy:").and_then(|n| n.parse().ok());
    let number = number.filter(|number| *number < proxies.count);
    if number.is_none() {
        let problem = t.problem(t.span("target"), format!("there is no proxy {name:?}"));
        let last = proxies.count.saturating_sub(1);
        t.report(problem.label(format!(
            "expected \"proxy\" for all, or \"proxy:0\" to \"proxy:{last}\""
        )));
    }
    number.map(Some)
}

fn resolve(t: &mut Table<'_>, name: String, addresses: Vec<IpAddr>, all: &Config) -> Option<What> {
    let endpoints = all.pools.iter().flat_map(|pool| &pool.endpoints);
    let names: Vec<&str> = endpoints
        .filter_map(|endpoint| match &endpoint.address {
            Address::Name(name, _) => Some(name.as_str()),
            Address::Ip(_) | Address::Unix(_) => None,
        })
        .collect();
    if !names.contains(&name.as_str()) {
        t.unknown(t.span("host"), &name, "host of an endpoint", &names);
        return None;
    }
    let span: Span = t.span("addresses");
    if addresses.is_empty() {
        let problem = t.problem(span, "the name resolves to nothing");
        t.report(problem.label("expected IP addresses, such as [\"10.0.0.9\"]"));
    }
    Some(What::Resolve { name, addresses })
}
