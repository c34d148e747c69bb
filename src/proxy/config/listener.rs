//! `[[listener]]`: where clients connect, how long they may take and how much they may send.

use std::time::Duration;

use super::{Named, named_address};
use crate::document::{Address, Cidr, Integer, List, Names, Network, Size, Socket, Table, Time};

/// Where clients connect.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// What metrics and logs call it.
    pub name: String,
    /// Where it listens.
    pub address: Address,
    /// Whose forwarded headers are believed.
    pub trusted_proxies: Vec<Network>,
    /// How long a client may take.
    pub timeouts: Timeouts,
    /// How much a client may send.
    pub limits: Limits,
}

/// How long a client may take.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeouts {
    /// From the first byte of a head to its last.
    pub header: Duration,
    /// Between two pieces of a request's body.
    pub body: Duration,
    /// Between two pieces of a response that the client takes.
    pub write: Duration,
    /// Between two requests.
    pub idle: Duration,
}

/// How much a client may send.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Connections open at once; further ones wait in the kernel.
    pub connections: u32,
    /// Bytes of a request's head.
    pub header_bytes: u64,
    /// Header fields of a request.
    pub headers: u32,
    /// Bytes of a request's target.
    pub uri_bytes: u64,
}

pub(super) fn listener(t: &mut Table<'_>, names: &mut Names) -> Option<Listener> {
    let docs = [
        "what metrics and logs call it; absent: the address as written",
        "address to listen on; `:8080` is every IPv4 interface",
    ];
    let named = named_address(t, Socket::Listen, docs);
    // A name that is the address is told apart by the address.
    if t.has("name") {
        names.declare(t, "name", named.as_ref().map(|named| named.name.as_str()));
    }
    let trusted_proxies = t.default(
        "trusted_proxies",
        List(Cidr),
        Vec::new(),
        "networks whose X-Forwarded-* headers are believed; from anyone else they are replaced",
    );
    let timeouts = t.table("timeouts", "how long a client may take", timeouts);
    let limits = t.table("limits", "how much a client may send", limits);
    let Named { name, address } = named?;
    Some(Listener {
        name,
        address,
        trusted_proxies,
        timeouts,
        limits,
    })
}

fn timeouts(t: &mut Table<'_>) -> Timeouts {
    let mut time =
        |name, seconds, doc| t.default(name, Time::POSITIVE, Duration::from_secs(seconds), doc);
    Timeouts {
        header: time(
            "header",
            10,
            "from the first byte of a request's head to its last; 10s is slow for any client and \
             short for one that means harm",
        ),
        body: time(
            "body",
            30,
            "between two pieces of a request's body; 30s outlasts a bad mobile link",
        ),
        write: time(
            "write",
            30,
            "between two pieces of a response that the client takes; 30s outlasts a bad mobile link",
        ),
        idle: time(
            "idle",
            75,
            "between two requests of a connection; 75s is longer than browsers and balancers in \
             front wait, so they close first",
        ),
    }
}

fn limits(t: &mut Table<'_>) -> Limits {
    Limits {
        connections: t.default(
            "connections",
            Integer(1..=10_000_000_u32),
            10_000,
            "connections open at once, further ones wait in the kernel; 10,000 needs as many open \
             files",
        ),
        header_bytes: t.default(
            "header_bytes",
            Size,
            16 << 10,
            "bytes of a request's head, else 431; 16KiB is what Node.js accepts",
        ),
        headers: t.default(
            "headers",
            Integer(1..=10_000_u32),
            100,
            "header fields of a request, else 431; 100 is twice what browsers behind proxies send",
        ),
        uri_bytes: t.default(
            "uri_bytes",
            Size,
            8 << 10,
            "bytes of a request's target, else 414; 8KiB is what other servers accept",
        ),
    }
}
