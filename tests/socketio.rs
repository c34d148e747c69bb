//! Real Socket.IO servers behind `evenkeel serve`, with clients that poll first and change to a
//! WebSocket: the servers and clients of `examples/socketio`, which `.ci/test` installs.
#![allow(
    clippy::disallowed_methods,
    reason = "real programs on real sockets are what these tests are about"
)]

mod real;

use real::evenkeel::{Config, Evenkeel};
use real::process::Process;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/socketio");
const CLIENTS: u64 = 200;
const LEARN: &str = "policy = \"p2c\"\naffinity = { kind = \"learn\", from = \"query:sid\" }";
const COOKIE: &str = "policy = \"p2c\"\naffinity = { kind = \"cookie\", name = \"srv\" }";
const NONE: &str = "policy = \"round_robin\"";

fn script(file: &str, arguments: &[&str]) -> Process {
    let modules = Path::new(EXAMPLE).join("node_modules/socket.io");
    assert!(
        modules.exists(),
        "Socket.IO is missing; `.ci/test` installs it, or: npm ci --prefix examples/socketio"
    );
    let mut command = Command::new("node");
    command.arg(Path::new(EXAMPLE).join(file)).args(arguments);
    Process::start(file, &mut command)
}

/// One of several servers.
fn server(name: &str) -> (SocketAddr, Process) {
    let mut process = script("server.mjs", &["--name", name, "--drain", "1"]);
    (real::tool::listening(&mut process), process)
}

fn servers() -> [(SocketAddr, Process); 4] {
    ["a", "b", "c", "d"].map(server)
}

/// A proxy in front of them.
fn before(servers: &[(SocketAddr, Process)], pool: &'static str) -> Evenkeel {
    let mut config = Config::new(servers.iter().map(|(address, _)| *address));
    config.pool = pool;
    Evenkeel::start(&config)
}

/// Clients of the proxy.
fn clients(proxy: &Evenkeel, more: Value) -> Process {
    let mut settings = json!({ "url": format!("http://{}", proxy.http), "clients": CLIENTS });
    let (Value::Object(settings), Value::Object(more)) = (&mut settings, more) else {
        unreachable!("both are objects");
    };
    settings.extend(more);
    script("client.mjs", &[&json!(settings).to_string()])
}

/// Clients that connect, say something and leave; what they report.
fn visit(proxy: &Evenkeel, more: Value) -> Value {
    clients(proxy, more).line_with("connected")
}

#[test]
fn with_affinity_every_client_connects_and_changes_to_a_websocket() {
    let servers = servers();
    for (pool, cookies) in [(LEARN, false), (COOKIE, true)] {
        let proxy = before(&servers, pool);
        let report = visit(&proxy, json!({ "cookies": cookies }));
        assert_eq!(report["well"], CLIENTS, "{pool}: {report}");
        assert_eq!(report["websockets"], CLIENTS, "{pool}: {report}");
        assert_eq!(report["errors"], json!({}), "{pool}: {report}");
        let homes = report["homes"].as_object().expect("names");
        assert_eq!(homes.len(), 4, "all of them have clients: {report}");
        // Without WebSockets, too: each request is one of its own.
        let report = visit(&proxy, json!({ "cookies": cookies, "polling": true }));
        assert_eq!(report["well"], CLIENTS, "{pool}: {report}");
        proxy.stop();
    }
}

#[test]
fn without_affinity_sessions_are_unknown() {
    let servers = servers();
    let proxy = before(&servers, NONE);
    let report = visit(&proxy, json!({}));
    let unknown = report["errors"]["Session ID unknown"].as_u64().unwrap_or(0);
    assert!(unknown > CLIENTS / 2, "{report}");
    assert!(report["well"].as_u64() < Some(CLIENTS / 2), "{report}");
    // A cookie is of no use to clients that keep none.
    let proxy = before(&servers, COOKIE);
    let report = visit(&proxy, json!({ "cookies": false, "polling": true }));
    assert!(report["well"].as_u64() < Some(CLIENTS), "{report}");
}

/// One of four servers is drained: it takes nothing new, lets its sockets go one after another, and
/// they come back at the others. Nobody meets an error.
#[test]
fn a_drained_server_s_sockets_come_back_at_the_others() {
    let mut servers = servers();
    let mut config = Config::new(servers.iter().map(|(address, _)| *address));
    config.pool = LEARN;
    let proxy = Evenkeel::start(&config);
    let mut clients = clients(&proxy, json!({ "stay": true, "gone": "b" }));
    let before = clients.line_with("connected");
    assert_eq!(before["connected"], CLIENTS, "{before}");
    let moved = before["homes"]["b"].as_u64().expect("it has clients");

    let drained = "name = \"b\", drain = true,";
    proxy.reload(&config.text().replace("name = \"b\",", drained));
    while proxy.counter("evenkeel_generation") < 2 {}
    servers[1].1.terminate();
    assert_eq!(servers[1].1.exit().code(), Some(0), "within its time");
    clients.enter();
    let after = clients.line_with("returned");
    assert_eq!(after["returned"], CLIENTS, "{after}");
    assert_eq!(
        after["returns"], moved,
        "nobody else has been cut off: {after}"
    );
    assert_eq!(after["errors"], json!({}), "{after}");
    let more = |name: &str| {
        let of = |report: &Value| report["homes"][name].as_u64().unwrap_or(0);
        of(&after).saturating_sub(of(&before))
    };
    let spread = ["a", "c", "d"].map(more);
    assert_eq!(spread.iter().sum::<u64>(), moved, "{spread:?}");
    assert!(spread.iter().all(|more| *more >= moved / 6), "{spread:?}");
}
