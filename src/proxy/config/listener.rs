//! `[[listener]]`: where clients connect, how long they may take and how much they may send.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{Named, named_address, tls};
use crate::document::{
    self, Address, Boolean, Cidr, Integer, Kind, List, Names, Network, Node, Size, Socket, Table,
    Time, Value,
};

/// Where clients connect.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// What metrics and logs call it.
    pub name: String,
    /// Where it listens.
    pub address: Address,
    /// Certificates, if TLS is spoken.
    pub tls: Option<tls::Downstream>,
    /// Whether HTTP/2 is spoken: offered over TLS, by its preface in plain text.
    pub http2: bool,
    /// Where every request is sent instead of to a route.
    pub redirect: Option<Redirect>,
    /// Whose forwarded headers are believed.
    pub trusted_proxies: Vec<Network>,
    /// How long a client may take.
    pub timeouts: Timeouts,
    /// How much a client may send.
    pub limits: Limits,
}

/// The same host, path and query over https.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The port there; 443 is left out of the `Location`.
    pub port: u16,
}

/// How long a client may take.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeouts {
    /// From a connection to the end of its TLS handshake.
    pub handshake: Duration,
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
    /// TLS handshakes under way at once; further ones wait.
    pub handshakes: u32,
    /// Bytes of a request's head.
    pub header_bytes: u64,
    /// Header fields of a request.
    pub headers: u32,
    /// Bytes of a request's target.
    pub uri_bytes: u64,
    /// Requests open at once on an HTTP/2 connection.
    pub streams: u32,
    /// Requests that a client may reset within 10 s on an HTTP/2 connection.
    pub resets: u32,
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
    let doc = "speak TLS; absent: plain text";
    let tls = t.optional_table("tls", doc, tls::downstream);
    let http2 = t.default(
        "http2",
        Boolean,
        true,
        "speak HTTP/2 with clients that want it; true, as it costs the others nothing",
    );
    let redirect = t.optional(
        "redirect",
        RedirectKind,
        "send every request to the same place over https (301) and serve nothing else",
    );
    let trusted_proxies = t.default(
        "trusted_proxies",
        List(Cidr),
        Vec::new(),
        "networks whose X-Forwarded-* headers are believed; from anyone else they are replaced",
    );
    let timeouts = t.table("timeouts", "how long a client may take", timeouts);
    let limits = t.table("limits", "how much a client may send", limits);
    let Named { name, address } = named?;
    let tls = match tls {
        Some(tls) => Some(tls?),
        None => None,
    };
    Some(Listener {
        name,
        address,
        tls,
        http2,
        redirect,
        trusted_proxies,
        timeouts,
        limits,
    })
}

fn timeouts(t: &mut Table<'_>) -> Timeouts {
    let mut time =
        |name, seconds, doc| t.default(name, Time::POSITIVE, Duration::from_secs(seconds), doc);
    Timeouts {
        handshake: time(
            "handshake",
            10,
            "from a connection to the end of its TLS handshake; 10s is slow for any client",
        ),
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
        handshakes: t.default(
            "handshakes",
            Integer(1..=1_000_000_u32),
            100,
            "TLS handshakes under way at once, further ones wait; 100 keep a core busy for 30ms",
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
        streams: t.default(
            "streams",
            Integer(1..=10_000_u32),
            128,
            "requests open at once on an HTTP/2 connection, which its client is told; those beyond \
             are refused before they are requests, and no metric counts them; 128 is what browsers \
             are used to",
        ),
        resets: t.default(
            "resets",
            Integer(1..=1_000_000_u32),
            200,
            "requests that a client may reset within 10s on an HTTP/2 connection, then it is \
             closed; 200 is more than leaving a page costs",
        ),
    }
}

/// `https`, or `https:` and a port.
struct RedirectKind;

impl RedirectKind {
    fn parse(text: &str) -> Option<Redirect> {
        let port = match text.strip_prefix("https")? {
            "" => 443,
            port => port
                .strip_prefix(':')?
                .parse()
                .ok()
                .filter(|port| *port > 0)?,
        };
        Some(Redirect { port })
    }
}

impl Kind for RedirectKind {
    type Value = Redirect;

    fn expected(&self) -> String {
        "\"https\", or \"https:8443\" with another port".into()
    }

    fn read(&self, value: &Value, sink: &mut document::Sink<'_>) -> Option<Redirect> {
        let parsed = match &value.node {
            Node::Text(text) => Self::parse(text),
            _ => None,
        };
        if parsed.is_none() {
            sink.mismatch(value, self.expected());
        }
        parsed
    }

    fn show(&self, value: &Redirect) -> Json {
        json!(match value.port {
            443 => "https".to_owned(),
            port => format!("https:{port}"),
        })
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "pattern": r"^https(:[0-9]+)?$" })
    }
}
