//! The configuration: flat named blocks, joined by name, read with all mistakes at once.
//!
//! Plain data without a runtime's types, so the proxy, the simulator and `check` share it. Every
//! key is declared in one place with its help and the reason for its default; defaults suit
//! Node.js applications.

mod affinity;
mod check;
mod concurrency;
mod health;
mod hedge;
mod limit;
mod listener;
mod outlier;
mod outlook;
mod policy;
mod pool;
mod probe;
mod retry;
mod route;
mod server;
mod slow_start;
mod status;
mod tls;

#[cfg(test)]
mod test;

use std::path::Path;
use std::sync::Arc;

use crate::document::{
    self, Diagnostic, Entry, Integer, Key, Names, Node, Socket, Source, Span, Table, Value,
};

pub use affinity::{Affinity, Cookie, Kind as AffinityKind, SameSite};
pub use health::{Ask, Check, Health, Panic};
pub use limit::Limit;
pub use listener::{Limits, Listener, Redirect, Timeouts as ListenerTimeouts};
pub use policy::{HashKey, Policy, Simulated, policies};
pub use pool::{Endpoint, Idle, Pool, Queue, Timeouts as PoolTimeouts};
pub use probe::Probe;
pub use retry::{Retry, Trigger};
pub use route::{Action, Host, Match, Route, Timeouts as RouteTimeouts};
pub use server::{Access, Admin, Format, Log, Server, Sink};
pub use status::StatusSet;
pub use tls::{Certificate, Clients, Downstream as ListenerTls, Upstream as PoolTls, Version};

/// Everything that a configuration says, with defaults filled in and references checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The process.
    pub server: Server,
    /// Where it listens; at least one.
    pub listeners: Vec<Listener>,
    /// Which request goes where. A file without routes and with one pool has one route to it.
    pub routes: Vec<Route>,
    /// Where requests can go.
    pub pools: Vec<Pool>,
    /// What routes limit their clients by.
    pub limits: Vec<Limit>,
    /// The administration's listener, if there is one.
    pub admin: Option<Admin>,
    /// What is logged.
    pub log: Log,
}

/// Reads a configuration from a file's bytes; `path` is for errors and relative paths.
///
/// The configuration is there if no diagnostic is an error.
pub fn load(path: &Path, text: &[u8]) -> (Option<Config>, Vec<Diagnostic>) {
    document::decode(path, text, |t| read(t, Use::Deploy))
}

/// All keys of a configuration, for the JSON Schema and for `explain`.
pub fn keys(purpose: Use) -> Vec<Key> {
    document::describe(|t| read(t, purpose))
}

impl Config {
    /// The configuration of `serve --listen :8080 --to a:3001,b:3002`: one listener, one pool.
    ///
    /// Diagnostics point into the command line.
    pub fn direct(listen: &str, to: &[&str]) -> (Option<Self>, Vec<Diagnostic>) {
        let mut text = "--listen ".to_owned();
        let mut word = |between: &str, word: &str| {
            text.push_str(between);
            let start = text.len();
            text.push_str(word);
            (
                Span {
                    start,
                    end: text.len(),
                },
                Node::Text(word.to_owned()),
            )
        };
        let entry = |key: &str, (span, node): (Span, Node)| Entry {
            key: key.to_owned(),
            span,
            value: Value { span, node },
        };
        let table = |span, entries| Value {
            span,
            node: Node::Table(entries),
        };
        let address = word("", listen);
        let listener = table(address.0, vec![entry("address", address)]);
        let mut endpoints = Vec::new();
        for (n, endpoint) in to.iter().enumerate() {
            let address = word(if n == 0 { " --to " } else { "," }, endpoint);
            endpoints.push(table(address.0, vec![entry("address", address)]));
        }
        let whole = Span {
            start: 0,
            end: text.len(),
        };
        let pool = vec![
            entry("name", (whole, Node::Text("default".into()))),
            entry("endpoints", (whole, Node::List(endpoints))),
        ];
        let root = [
            entry("listener", (whole, Node::List(vec![listener]))),
            entry("pool", (whole, Node::List(vec![table(whole, pool)]))),
        ];
        document::decode_root(
            Arc::new(Source::new(Path::new("command line"), text)),
            &root,
            |t| read(t, Use::Deploy),
        )
    }
}

/// What a configuration is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// To be served.
    Deploy,
    /// To be simulated: with policies that only a simulation can have, too.
    Simulate,
}

/// Reads a configuration from a table: a file's root, or the `[config]` of a scenario.
pub fn read(t: &mut Table<'_>, purpose: Use) -> Option<Config> {
    t.optional(
        "schema",
        Integer(1..=1_u32),
        "version of this file's format; 1 is the only one",
    );
    let server = t.table("server", "the process as a whole", server::server);
    let mut listener_names = Names::new("listener");
    let example = "at least one [[listener]] with address = \":8080\"";
    let listeners = t.required_tables("listener", example, "where clients connect", |t| {
        listener::listener(t, &mut listener_names)
    });
    let mut pool_names = Names::new("pool");
    let pools = t.tables("pool", "a named group of endpoints, with its policy", |t| {
        pool::pool(t, &mut pool_names, purpose)
    });
    let mut limit_names = Names::new("limit");
    let doc = "how fast a client's requests may come, and how many may be under way";
    let limits = t.tables("limit", doc, |t| limit::limit(t, &mut limit_names));
    let routes = t.tables("route", "which requests go to which pool", |t| {
        route::route(t, &pool_names, &limit_names)
    });
    let admin = t.optional_table(
        "admin",
        "metrics and readiness, for operators",
        server::admin,
    );
    let log = t.table("log", "what is written about requests", server::log);

    check::listeners(t, &listeners, admin.as_ref());
    let serves = !listeners
        .iter()
        .flatten()
        .all(|listener| listener.redirect.is_some());
    check::routes(t, &routes, &pool_names, serves);
    check::limits(t, &routes, &limit_names);
    check::priorities(t, &routes, &pools);
    check::zones(t, server.zone.as_deref(), &pools);
    let admin = match admin {
        Some(admin) => Some(admin?),
        None => None,
    };
    let pools = pools.into_iter().collect::<Option<Vec<Pool>>>()?;
    let limits = limits.into_iter().collect::<Option<Vec<Limit>>>()?;
    let mut routes = routes.into_iter().collect::<Option<Vec<Route>>>()?;
    if let ([], [pool]) = (routes.as_slice(), pools.as_slice()) {
        routes.push(Route::all_to(pool));
    }
    let listeners = listeners.into_iter().collect::<Option<Vec<Listener>>>()?;
    Some(Config {
        server,
        listeners,
        routes,
        pools,
        limits,
        admin,
        log,
    })
}

/// Reads one section of a pool from a table, as it stands in a file: for a change of one pool
/// alone. It goes the way of a reload, so its policy is one that can be served.
pub fn read_pool(t: &mut Table<'_>) -> Option<Pool> {
    pool::pool(t, &mut Names::new("pool"), Use::Deploy)
}

/// Reads one endpoint from a table, as it stands in a pool's section.
pub fn read_endpoint(t: &mut Table<'_>) -> Option<Endpoint> {
    pool::endpoint(t, &mut Names::new("endpoint"))
}

/// An address with the name it goes by: the one given, or the address as written.
fn named_address(t: &mut Table<'_>, socket: Socket, docs: [&'static str; 2]) -> Option<Named> {
    let name = t.optional("name", document::Name, docs[0]);
    let address = t.required("address", socket, docs[1]);
    let written = t.text("address").map(str::to_owned);
    Some(Named {
        name: name.or(written)?,
        address: address?,
    })
}

/// What [`named_address`] reads.
struct Named {
    name: String,
    address: document::Address,
}
