//! Configurations: what a good one means, what the author of a wrong one is told.

mod health;
mod limit;
mod log;
mod mutation;
mod overload;
mod route;
mod wrong;
mod zone;

use std::path::Path;
use std::time::Duration;

use evenkeel_core::endpoint::Until;
use evenkeel_core::hedge;
use evenkeel_core::outlier::Statuses;
use evenkeel_core::policy::Kind;
use evenkeel_core::retry::On;
use evenkeel_core::{pool, queue};

use super::*;
use crate::document::{Address, Network, Percent, Severity, render};

const FULL: &str = r#"
schema = 1

[server]
zone = "east"
workers = 4
drain = "10s"

[[listener]]
name = "http"
address = ":8080"
trusted_proxies = ["10.0.0.0/8", "::1"]
http2 = false
redirect = "https:8443"
timeouts = { handshake = "4s", header = "5s", body = "6s", write = "7s", idle = "8s" }
limits = { connections = 100, header_bytes = "8KiB", headers = 50, uri_bytes = "1KiB", handshakes = 9, streams = 10, resets = 11 }

[listener.tls]
certificates = [{ cert = "a.pem", key = "/keys/a.key" }, { cert = "b.pem", key = "b.key" }]
protocols = ["1.3"]
clients = { ca = "clients.pem", required = false }

[[route]]
path = { exact = "/" }
redirect = { status = 307, to = "/webapp/" }

[[route]]
host = ["Example.com", "*.example.com"]
path = "/webapp/"
pool = "nodejs"
timeouts = { header = "1s", idle = "2s", total = "3s", tunnel = "4s" }
body_limit = "1MiB"
limit = ["each", "reports"]
priority = "high"

[[limit]]
name = "each"
rate = "30/m"
burst = 9
delay = 4
keys = 100

[[limit]]
name = "reports"
key = "all"
requests = 3
dry_run = true

[[pool]]
name = "nodejs"
policy = { name = "p2c", choices = 3 }
endpoints = [
  { name = "a", address = "127.0.0.1:3001", max_connections = 9 },
  { address = "App:3002", weight = 2, max_connections = 100, zone = "east" },
  { name = "c", address = "unix:app.sock", max_connections = 9, backup = true, down = true },
]
retry = { attempts = 3, budget = "0.5%", timeout = "2s", buffer = "1KiB", backoff = "25ms",
  max_wait = "2s", on = ["connect", "timeout", 503, 429] }
hedge = { after = "p99.5", budget = "2%" }
timeouts = { dial = "500ms", header = "1m", idle = "2m" }
idle = { per_worker = 8, timeout = "2s" }
overprovision = 1.5
concurrency = { min = 4, max = 90, tolerance = "40%", interval = "30s" }
drain = "40s"
queue = { limit = 9, timeout = "250ms", order = "adaptive", overload = "50ms", codel = "20ms" }
http2 = true
tls = { ca = "ca.pem", server_name = "app.internal", certificate = { cert = "me.pem", key = "me.key" } }

[admin]
address = "127.0.0.1:9901"

[log]
access = { path = "log/access.json", format = "json" }
"#;

/// The diagnostics of a configuration, one line each, without the file's name.
fn lines(text: &str) -> Vec<String> {
    let (config, problems) = load(Path::new("x"), text.as_bytes());
    let failed = problems
        .iter()
        .any(|problem| problem.severity == Severity::Error);
    assert_eq!(config.is_none(), failed, "{text}");
    problems
        .iter()
        .map(|problem| problem.line()[1..].to_owned())
        .collect()
}

/// A file whose only pool has these lines, beside what is needed.
fn with_pool(lines: &str) -> String {
    format!("listener = [{{ address = \":80\" }}]\n[[pool]]\nname = \"p\"\n{lines}\n")
}

fn full() -> Config {
    let (config, problems) = load(Path::new("/etc/e.toml"), FULL.as_bytes());
    assert_eq!(problems, []);
    config.expect("it has no errors")
}

fn ip(address: &str) -> Address {
    Address::Ip(address.parse().expect("an address"))
}

fn certificate(cert: &str, key: &str) -> Certificate {
    Certificate {
        cert: cert.into(),
        key: key.into(),
    }
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn every_key_of_the_process_and_its_listeners_arrives() {
    let config = full();
    assert_eq!(
        config.server,
        Server {
            workers: Some(4),
            drain: s(10),
            zone: Some("east".into()),
        }
    );
    let network = |address: &str, prefix| Network {
        address: address.parse().expect("an address"),
        prefix,
    };
    let listener = Listener {
        name: "http".into(),
        address: ip("0.0.0.0:8080"),
        tls: Some(ListenerTls {
            certificates: vec![
                certificate("/etc/a.pem", "/keys/a.key"),
                certificate("/etc/b.pem", "/etc/b.key"),
            ],
            protocols: vec![Version::Tls13],
            clients: Some(Clients {
                ca: "/etc/clients.pem".into(),
                required: false,
            }),
        }),
        http2: false,
        redirect: Some(Redirect { port: 8443 }),
        trusted_proxies: vec![network("10.0.0.0", 8), network("::1", 128)],
        timeouts: ListenerTimeouts {
            handshake: s(4),
            header: s(5),
            body: s(6),
            write: s(7),
            idle: s(8),
        },
        limits: Limits {
            connections: 100,
            handshakes: 9,
            header_bytes: 8192,
            headers: 50,
            uri_bytes: 1024,
            streams: 10,
            resets: 11,
        },
    };
    assert_eq!(config.listeners, [listener]);
    assert_eq!(
        config.admin,
        Some(Admin {
            address: ip("127.0.0.1:9901")
        })
    );
    let access = Access {
        path: Sink::File("/etc/log/access.json".into()),
        format: Format::Json,
        explain: Percent::default(),
    };
    assert_eq!(
        config.log,
        Log {
            access: Some(access)
        }
    );
}

#[test]
fn every_key_of_pools_arrives() {
    let config = full();
    let endpoint = |name: &str, address| Endpoint {
        name: name.into(),
        address,
        weight: 1,
        max_connections: Some(9),
        backup: false,
        drain: false,
        down: false,
        slow_start: None,
        zone: None,
    };
    let b = Endpoint {
        weight: 2,
        max_connections: Some(100),
        zone: Some("east".into()),
        ..endpoint("App:3002", Address::Name("app".into(), 3002))
    };
    let sock = Address::Unix("/etc/app.sock".into());
    let c = Endpoint {
        backup: true,
        down: true,
        ..endpoint("c", sock)
    };
    let [pool] = config.pools.as_slice() else {
        panic!("{:?}", config.pools)
    };
    assert_eq!(pool.name, "nodejs");
    let tls = PoolTls {
        ca: Some("/etc/ca.pem".into()),
        server_name: Some("app.internal".into()),
        verify: true,
        certificate: Some(certificate("/etc/me.pem", "/etc/me.key")),
    };
    assert_eq!((&pool.tls, pool.http2), (&Some(tls), true));
    assert_eq!(pool.policy, Policy::Core(Kind::P2c { choices: 3 }));
    assert_eq!(pool.endpoints, [endpoint("a", ip("127.0.0.1:3001")), b, c]);
    let timeouts = PoolTimeouts {
        dial: Duration::from_millis(500),
        header: s(60),
        idle: s(120),
    };
    assert_eq!(pool.timeouts, timeouts);
    let spill = pool::SpillSettings {
        zones_percent: 150,
        backups_percent: Some(150),
    };
    assert_eq!(pool.spill, spill);
    assert_eq!(pool.drain, Some(s(40)));
    assert_eq!(
        pool.idle,
        Idle {
            per_worker: 8,
            timeout: s(2)
        }
    );
    assert_eq!(
        pool.queue,
        Queue {
            settings: queue::Settings {
                limit: 9,
                order: queue::Order::Adaptive,
                overload: Duration::from_millis(50),
                codel: Some(Duration::from_millis(20)),
            },
            timeout: Duration::from_millis(250)
        }
    );
}

#[test]
fn every_key_of_retries_arrives() {
    let retry = &full().pools[0].retry;
    assert_eq!((retry.attempts, retry.buffer_bytes), (3, 1024));
    assert_eq!(retry.patience(), Some(s(2)));
    let causes = On::CONNECT.and(On::STATUS);
    assert_eq!(retry.causes(), causes, "a time is no cause");
    let statuses = Statuses::default().with(429).with(503);
    assert_eq!(retry.statuses(), statuses);
    let backoff = Duration::from_millis(25);
    assert_eq!((retry.backoff, retry.max_wait), (backoff, s(2)));
    assert_eq!(retry.budget.to_string(), "0.5%");
    let hedge = hedge::Settings {
        after: hedge::After::Quantile { ppm: 995_000 },
        budget_ppm: 20_000,
    };
    assert_eq!(full().pools[0].hedge, Some(hedge));
}

#[test]
fn the_smallest_file_has_the_defaults_of_the_contract() {
    let (direct, problems) = Config::direct(":8080", &["127.0.0.1:3001", "127.0.0.1:3002"]);
    assert_eq!(problems, []);
    let text = "[[listener]]\naddress = \":8080\"\n[[pool]]\nname = \"default\"\n\
                endpoints = [{ address = \"127.0.0.1:3001\" }, { address = \"127.0.0.1:3002\" }]\n";
    let (config, problems) = load(Path::new("x"), text.as_bytes());
    assert_eq!(problems, []);
    assert_eq!(config, direct);
    let config = config.expect("it has no errors");
    assert_eq!(config.routes, [Route::all_to(&config.pools[0])]);
    let listener = &config.listeners[0];
    assert_eq!(listener.name, ":8080");
    assert_eq!((&listener.tls, listener.http2), (&None, true));
    assert_eq!(
        (listener.limits.streams, listener.limits.resets),
        (128, 200)
    );
    assert_eq!(config.routes[0].timeouts.tunnel, s(3600));
    let pool = &config.pools[0];
    assert_eq!((&pool.tls, pool.http2), (&None, false));
    assert_eq!(pool.endpoints[1].name, "127.0.0.1:3002");
    assert_eq!(pool.policy, Policy::Core(Kind::P2c { choices: 2 }));
    let retry = Retry {
        attempts: 2,
        budget: Percent::new(20),
        on: vec![Trigger::Connect, Trigger::Reset, Trigger::Timeout],
        any_method: false,
        timeout: None,
        backoff: Duration::ZERO,
        max_wait: s(1),
        buffer_bytes: 65_536,
    };
    assert_eq!((&pool.retry, pool.hedge), (&retry, None));
    assert_eq!(
        pool.idle,
        Idle {
            per_worker: 32,
            timeout: Duration::from_secs(4)
        }
    );
    assert_eq!(
        pool.queue,
        Queue {
            settings: queue::Settings::fifo(256),
            timeout: Duration::from_secs(1)
        }
    );
    assert_eq!(config.server.drain, Duration::from_secs(30));
    assert_eq!(config.log, Log { access: None });
}

#[test]
fn a_wrong_command_line_is_shown_as_it_was_typed() {
    let (config, problems) = Config::direct("8080", &["127.0.0.1:3001", "http://b:3002/"]);
    assert_eq!(config, None);
    let wanted = "\
error: `listener.address` is the string \"8080\"
 --> command line:1:10
  |
1 | --listen 8080 --to 127.0.0.1:3001,http://b:3002/
  |          ^^^^ expected a colon before the port: \":8080\"
  |
  = help: `listener.address`: address to listen on; `:8080` is every IPv4 interface

error: `pool.endpoints.address` is the string \"http://b:3002/\"
 --> command line:1:35
  |
1 | --listen 8080 --to 127.0.0.1:3001,http://b:3002/
  |                                   ^^^^^^^^^^^^^^ expected an address, not a URL: \"b:3002\"
  |
  = help: `pool.endpoints.address`: where it is: host and port, or unix:/path

2 errors
";
    assert_eq!(render(&problems, false), wanted);
    assert!(
        Config::direct(":80", &[]).1[0]
            .message
            .contains("`pool.endpoints` is an empty list")
    );
}

/// Each file's diagnostics begin like those wanted, and there are no others.
fn check<'a>(cases: impl Iterator<Item = (String, &'a [&'a str])>) {
    for (text, wanted) in cases {
        let found = lines(&text);
        let equal = found.len() == wanted.len()
            && found
                .iter()
                .zip(wanted)
                .all(|(found, wanted)| found.starts_with(wanted));
        assert!(equal, "{text}\nfound {found:#?}\nwanted {wanted:#?}");
    }
}

#[test]
fn every_key_has_its_help() {
    fn visit(keys: &[Key]) -> usize {
        for key in keys {
            assert!(key.doc.len() > 9, "{} needs help", key.name);
        }
        keys.len() + keys.iter().map(|key| visit(key.keys())).sum::<usize>()
    }
    assert!(visit(&keys(Use::Deploy)) > 50);
    let schema = document::schema("configuration", &keys(Use::Deploy));
    let header = &schema["properties"]["pool"]["items"]["properties"]["timeouts"]["properties"];
    assert_eq!(header["header"]["default"], "60s");
}

#[test]
fn policies_have_their_parameters() {
    let policy = |text: &str| {
        let file = format!(
            "[[listener]]\naddress = \":8080\"\n[[pool]]\nname = \"a\"\npolicy = {text}\n\
             endpoints = [{{ address = \"a:1\" }}]\n"
        );
        let (config, problems) = load(Path::new("x"), file.as_bytes());
        assert_eq!(problems, [], "{text}");
        let pool = config.expect("it has no errors").pools.remove(0);
        (pool.policy, pool.key)
    };
    let address = || Some(HashKey::Address);
    let cases = [
        ("\"maglev\"", Policy::Core(Kind::Maglev), address()),
        ("\"ip_hash\"", Policy::Core(Kind::IpHash), None),
        (
            "{ name = \"prequal\", quantile = 0.3 }",
            Policy::Core(Kind::Prequal {
                quantile_percent: 30,
                probes: 3,
                asks: false,
            }),
            None,
        ),
        (
            "\"event_loop\"",
            Policy::Core(Kind::EventLoop { spare_percent: 50 }),
            None,
        ),
        (
            "{ name = \"event_loop\", spare = 0.0 }",
            Policy::Core(Kind::EventLoop { spare_percent: 0 }),
            None,
        ),
        ("\"rendezvous\"", Policy::Core(Kind::Rendezvous), address()),
        (
            "{ name = \"hash\", key = \"header:X-User\" }",
            Policy::Core(Kind::Hash),
            Some(HashKey::Header("X-User".into())),
        ),
        (
            "{ name = \"ring_hash\", key = \"query:k\", bound = 1.25 }",
            Policy::Core(Kind::RingHash {
                bound_percent: Some(125),
            }),
            Some(HashKey::Query("k".into())),
        ),
        (
            "{ name = \"least_time\", until = \"last_byte\" }",
            Policy::Core(Kind::LeastTime {
                until: Until::LastByte,
            }),
            None,
        ),
        (
            "{ name = \"peak_ewma\", decay = \"3s\" }",
            Policy::Core(Kind::PeakEwma { decay: s(3) }),
            None,
        ),
    ];
    for (text, expected, key) in cases {
        assert_eq!(policy(text), (expected, key), "{text}");
    }
}
