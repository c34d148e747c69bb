//! `[network] links`: what lies between two parties, and how a scenario names parties.

use std::time::Duration;

use evenkeel_proxy::config::Config;
use evenkeel_proxy::document::{
    Kind, Name, Node, Percent, Share, Sink, Size, Span, Table, Time, Value,
};
use serde_json::{Value as Json, json};

use super::proxies::Proxies;
use super::target::{self, Target};
use crate::link::Link;

/// One end of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party {
    /// All clients.
    Downstream,
    /// Every proxy.
    Proxy,
    /// The endpoints of a pool, by its place in the configuration.
    Pool(usize),
    /// The endpoints and the proxies of a zone.
    Zone(String),
    /// One endpoint.
    Endpoint(Target),
}

/// What lies between two parties, each way unless the way back is listed, too.
#[derive(Clone, Debug, PartialEq)]
pub struct Between {
    /// The sender.
    pub from: Party,
    /// The receiver.
    pub to: Party,
    /// One way.
    pub link: Link,
}

/// Who can be named: every endpoint that there will ever be, and the proxies.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) config: &'a Config,
    pub(super) proxies: &'a Proxies,
}

/// The keys of a link.
pub(super) fn link(t: &mut Table<'_>) -> Link {
    let doc = "one way; 0 is a loopback";
    let latency = t.default("latency", Time::ANY, Duration::ZERO, doc);
    let doc = "added to the latency, uniform from 0; a connection's bytes keep their order";
    let jitter = t.default("jitter", Time::ANY, Duration::ZERO, doc);
    let doc = "what passes in a second, one byte after another, of all connections between two \
               of the parties (all clients are one of them); absent: no bound";
    let bandwidth = t.optional("bandwidth", Bandwidth, doc);
    let doc = "segments of 1460 bytes that are lost; each is sent again after 200ms, 400ms ..; \
               the sixth time in a row ends its connection";
    let loss = t.default("loss", Share, Percent::default(), doc);
    Link {
        latency,
        jitter,
        bandwidth,
        loss_ppm: loss.ppm(),
    }
}

/// One entry of the list.
pub(super) fn between(t: &mut Table<'_>, known: Option<Known<'_>>) -> Option<Between> {
    let [from, to] = ends(t, known, true);
    let link = link(t);
    Some(Between {
        from: from?,
        to: to?,
        link,
    })
}

/// The keys `from` and `to`, which must be there if they are `needed`.
pub(super) fn ends(
    t: &mut Table<'_>,
    known: Option<Known<'_>>,
    needed: bool,
) -> [Option<Party>; 2] {
    let doc = "downstream, proxy, pool:NAME, an endpoint or a zone";
    let mut end = |key| {
        let name = match needed {
            true => t.required(key, Name, doc),
            false => t.optional(key, Name, doc),
        };
        party(t, key, &name?, known?)
    };
    [end("from"), end("to")]
}

fn party(t: &mut Table<'_>, key: &str, name: &str, known: Known<'_>) -> Option<Party> {
    let span = t.span(key);
    match (name, name.strip_prefix("pool:")) {
        ("downstream", _) => return Some(Party::Downstream),
        ("proxy", _) => return Some(Party::Proxy),
        (_, Some(pool)) => return pool_of(t, span, known.config, pool).map(Party::Pool),
        _ => {}
    }
    let zones = zones(known);
    if zones.contains(&name) {
        return Some(Party::Zone(name.to_owned()));
    }
    target::resolve(t, span, known.config, name).map(Party::Endpoint)
}

/// The pool of that name, by its place; a name that none has is reported at `span`.
pub(super) fn pool_of(t: &mut Table<'_>, span: Span, config: &Config, name: &str) -> Option<usize> {
    let mut pools = config.pools.iter();
    let place = pools.position(|pool| pool.name == name);
    if place.is_none() {
        let known: Vec<&str> = config.pools.iter().map(|pool| pool.name.as_str()).collect();
        t.unknown(span, name, "pool", &known);
    }
    place
}

/// The zones that an endpoint or the proxies stand in.
fn zones(known: Known<'_>) -> Vec<&str> {
    let pools = known.config.pools.iter();
    let endpoints = pools.flat_map(|pool| &pool.endpoints);
    let zones = endpoints.map(|endpoint| &endpoint.zone);
    let mut zones: Vec<&str> = zones
        .chain([&known.proxies.zone])
        .filter_map(|zone| zone.as_deref())
        .collect();
    zones.sort_unstable();
    zones.dedup();
    zones
}

/// Bytes a second: `"100MB/s"`.
#[derive(Clone, Copy, Debug)]
struct Bandwidth;

impl Bandwidth {
    const EXPECTED: &str = "bytes a second such as \"100MB/s\" or \"64KiB/s\"";

    fn parse(text: &str) -> Result<u64, String> {
        let size = text.strip_suffix("/s").ok_or(Self::EXPECTED)?;
        match Size::parse(size).map_err(|problem| format!("{problem}, each second"))? {
            0 => Err("more than nothing: \"0B/s\" carries no byte".into()),
            bytes => Ok(bytes),
        }
    }
}

impl Kind for Bandwidth {
    type Value = u64;

    fn expected(&self) -> String {
        Self::EXPECTED.into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<u64> {
        let parsed = match &value.node {
            Node::Text(text) => Self::parse(text),
            _ => Err(Self::EXPECTED.to_owned()),
        };
        parsed
            .map_err(|expected| sink.mismatch(value, expected))
            .ok()
    }

    fn show(&self, bytes: &u64) -> Json {
        json!(format!("{}/s", Size::format(*bytes)))
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(B|[kKMGT]B|[KMGT]iB)/s$" })
    }
}
