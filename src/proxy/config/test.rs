//! Configurations: what a good one means, what the author of a wrong one is told.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::document::{Address, Network, Percent, Severity, render};

const FULL: &str = r#"
schema = 1

[server]
workers = 4
drain = "10s"
memory = "1GiB"

[[listener]]
name = "http"
address = ":8080"
trusted_proxies = ["10.0.0.0/8", "::1"]
timeouts = { header = "5s", body = "6s", write = "7s", idle = "8s" }
limits = { connections = 100, header_bytes = "8KiB", headers = 50, uri_bytes = "1KiB" }

[[route]]
path = { exact = "/" }
redirect = { status = 307, to = "/webapp/" }

[[route]]
host = ["Example.com", "*.example.com"]
path = "/webapp/"
pool = "nodejs"
timeouts = { header = "1s", idle = "2s", total = "3s" }
body_limit = "1MiB"

[[pool]]
name = "nodejs"
policy = { name = "p2c", choices = 3 }
endpoints = [
  { name = "a", address = "127.0.0.1:3001" },
  { address = "App:3002", weight = 2, max_connections = 100 },
  { name = "c", address = "unix:app.sock", backup = true, down = true },
]
retry = { attempts = 3, budget = "0.5%", buffer = "1KiB" }
timeouts = { dial = "500ms", header = "1m", idle = "2m" }
idle = { per_worker = 8, timeout = "2s" }
queue = { limit = 0, timeout = "250ms" }

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

#[test]
fn every_key_arrives() {
    let (config, problems) = load(Path::new("/etc/e.toml"), FULL.as_bytes());
    assert_eq!(problems, []);
    let config = config.expect("it has no errors");
    let s = Duration::from_secs;
    assert_eq!(
        config.server,
        Server {
            workers: Some(4),
            drain: s(10),
            memory_bytes: 1 << 30
        }
    );
    let network = |address: &str, prefix| Network {
        address: address.parse().expect("an address"),
        prefix,
    };
    let ip = |address: &str| Address::Ip(address.parse().expect("an address"));
    let listener = Listener {
        name: "http".into(),
        address: ip("0.0.0.0:8080"),
        trusted_proxies: vec![network("10.0.0.0", 8), network("::1", 128)],
        timeouts: ListenerTimeouts {
            header: s(5),
            body: s(6),
            write: s(7),
            idle: s(8),
        },
        limits: Limits {
            connections: 100,
            header_bytes: 8192,
            headers: 50,
            uri_bytes: 1024,
        },
    };
    assert_eq!(config.listeners, [listener]);
    let home = Route {
        hosts: vec![],
        path: Match::Exact("/".into()),
        action: Action::Redirect {
            status: 307,
            to: "/webapp/".into(),
        },
        timeouts: RouteTimeouts::default(),
        body_limit_bytes: None,
    };
    let timeouts = RouteTimeouts {
        header: Some(s(1)),
        idle: Some(s(2)),
        total: Some(s(3)),
    };
    let webapp = Route {
        hosts: vec![
            Host::Exact("example.com".into()),
            Host::Wildcard(".example.com".into()),
        ],
        path: Match::Prefix("/webapp/".into()),
        action: Action::Pool("nodejs".into()),
        timeouts,
        body_limit_bytes: Some(1 << 20),
    };
    assert_eq!(config.routes, [home, webapp]);
    let endpoint = |name: &str, address| Endpoint {
        name: name.into(),
        address,
        weight: 1,
        max_connections: None,
        backup: false,
        down: false,
    };
    let b = Endpoint {
        weight: 2,
        max_connections: Some(100),
        ..endpoint("App:3002", Address::Name("app".into(), 3002))
    };
    let sock = Address::Unix("/etc/app.sock".into());
    let c = Endpoint {
        backup: true,
        down: true,
        ..endpoint("c", sock)
    };
    let budget = "0.5%".to_owned();
    let [pool] = config.pools.as_slice() else {
        panic!("{:?}", config.pools)
    };
    assert_eq!(pool.name, "nodejs");
    assert_eq!(pool.policy, Policy::P2c { choices: 3 });
    assert_eq!(pool.endpoints, [endpoint("a", ip("127.0.0.1:3001")), b, c]);
    assert_eq!((pool.retry.attempts, pool.retry.buffer_bytes), (3, 1024));
    assert_eq!(pool.retry.budget.to_string(), budget);
    let timeouts = PoolTimeouts {
        dial: Duration::from_millis(500),
        header: s(60),
        idle: s(120),
    };
    assert_eq!(pool.timeouts, timeouts);
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
            limit: 0,
            timeout: Duration::from_millis(250)
        }
    );
    assert_eq!(
        config.admin,
        Some(Admin {
            address: ip("127.0.0.1:9901")
        })
    );
    let access = Access {
        path: Sink::File("/etc/log/access.json".into()),
        format: Format::Json,
    };
    assert_eq!(
        config.log,
        Log {
            access: Some(access)
        }
    );
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
    assert_eq!(config.listeners[0].name, ":8080");
    let pool = &config.pools[0];
    assert_eq!(pool.endpoints[1].name, "127.0.0.1:3002");
    assert_eq!(pool.policy, Policy::P2c { choices: 2 });
    let retry = Retry {
        attempts: 2,
        budget: Percent::new(20),
        buffer_bytes: 65_536,
    };
    assert_eq!(pool.retry, retry);
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
            limit: 256,
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
            .contains("no endpoints")
    );
}

#[test]
fn pools_that_cannot_work() {
    let one = "endpoints = [{ address = \"a:1\" }]";
    let cases: &[(&str, &[&str])] = &[
        (
            "",
            &[":2:1: error: pool `p` has no endpoints; expected endpoints = [{"],
        ),
        (
            "endpoints = []",
            &[":4:13: error: pool `p` has no endpoints"],
        ),
        (
            "endpoints = [{ address = \"a:1\", weight = 0 }, { address = \"b:1\", backup = true }]",
            &[
                ":4:13: error: all weights of pool `p` are 0; expected a weight above 0 for an \
               endpoint that is not a backup",
            ],
        ),
        (
            "endpoints = [{ name = \"a\", address = \"a:1\" }, { name = \"a\", address = \"a:2\" }]",
            &[":4:56: error: two endpoints are named `a`; the second one"],
        ),
        (
            "endpoints = [{ name = \"a\", address = \"a:1\" }, { name = \"b\", address = \"a:1\" }]",
            &[":4:47: warning: two endpoints have the address a:1"],
        ),
        (
            "endpoints = [{ address = \"a:1\", down = true }]",
            &[":4:13: warning: every endpoint of pool `p` is down"],
        ),
        (
            &format!("{one}\nretry = {{ attempts = 9 }}"),
            &[":5:22: error: `pool.retry.attempts` is the integer 9; \
               expected an integer from 1 to 8"],
        ),
        (
            &format!("{one}\ntimeouts = {{ dial = \"0s\" }}"),
            &[":5:21: error: `pool.timeouts.dial` is the string \"0s\"; expected more than zero"],
        ),
        (
            &format!("{one}\nidle = {{ timeout = \"5s\" }}"),
            &[":5:20: warning: Node.js closes idle connections after 5s"],
        ),
        (
            &format!("{one}\npolicy = {{ name = \"random\", choices = 2 }}"),
            &[":5:39: error: only p2c has `choices`"],
        ),
        (
            &format!("{one}\npolicy = \"p2\""),
            &[":5:10: error: `pool.policy.name`: unknown policy \"p2\"; did you mean `p2c`?"],
        ),
        (
            "endpoints = [{ adress = \"a:1\" }]",
            &[":4:16: error: unknown key `adress` in"],
        ),
        (
            "endpoints = [{ name = \"a\" }]",
            &[":4:14: error: `pool.endpoints.address` is missing"],
        ),
        (
            "endpoints = [{ address = \"a\" }]",
            &[":4:26: error: `pool.endpoints.address` is"],
        ),
    ];
    check(
        cases
            .iter()
            .map(|(text, wanted)| (with_pool(text), *wanted)),
    );
}

#[test]
fn blocks_that_contradict_each_other() {
    let pool = "\n[[pool]]\nname = \"nodejs\"\nendpoints = [{ address = \"a:1\" }]";
    let listener = "\n[[listener]]\naddress = \":80\"";
    let cases: &[(&str, &[&str])] = &[
        (
            pool,
            &[":1:1: error: nothing listens: `listener` is missing; expected [[listener]]"],
        ),
        (
            listener,
            &[":1:1: error: there is no pool to send requests to"],
        ),
        (
            &format!("[server]\nworkers = 0{pool}{listener}"),
            &[":2:11: error: `server.workers` is the integer 0; expected an integer from 1"],
        ),
        (
            &format!("{pool}{listener}{listener}"),
            &[":7:1: error: two listeners on 0.0.0.0:80; the second one"],
        ),
        (
            &format!("[admin]\naddress = \"0.0.0.0:80\"{pool}{listener}"),
            &[":1:1: error: two listeners on 0.0.0.0:80"],
        ),
        (
            &format!("{pool}{}{listener}", pool.replace("nodejs", "b")),
            &[":6:8: error: several pools, and no route that says which"],
        ),
        (
            &format!("{pool}{pool}{listener}"),
            &[
                ":6:8: error: two pools are named `nodejs`; the second one",
                ":6:8: error: several pools",
            ],
        ),
        (
            &format!("{pool}{listener}\n[[route]]\npool = \"nodesj\""),
            &[
                ":3:8: warning: no route goes to pool `nodejs`",
                ":8:8: error: unknown pool `nodesj`; did you mean `nodejs`?",
            ],
        ),
        (
            &format!("{pool}{listener}\n[[route]]\nredirect = {{ to = \"/a\" }}"),
            &[":3:8: warning: no route goes to pool `nodejs`; never used"],
        ),
        // A pool that lost its name is one mistake, not two.
        (
            &format!(
                "{}{listener}\n[[route]]\npool = \"b\"",
                pool.replace("name", "nmae")
            ),
            &[":3:1: error: unknown key `nmae` in `pool`; did you mean `name`?"],
        ),
    ];
    check(
        cases
            .iter()
            .map(|(text, wanted)| ((*text).to_owned(), *wanted)),
    );
}

#[test]
fn routes_that_cannot_work() {
    let cases: &[(&str, &[&str])] = &[
        (
            "pool = \"p\"\n[[route]]\npool = \"p\"",
            &[":8:1: error: two routes for any host and"],
        ),
        (
            "pool = \"p\"\nhost = \"a\"\n[[route]]\npool = \"p\"\nhost = [\"b\", \"A\"]",
            &[":9:1: error: two routes for host `a` and paths from `/`; the second one"],
        ),
        (
            "pool = \"p\"\npath = { exact = \"/a\" }\n[[route]]\npool = \"p\"\npath = \"/a\"",
            &[],
        ),
        (
            "",
            &[":6:1: error: the route goes nowhere; expected `pool` or `redirect`"],
        ),
        (
            "pool = \"p\"\nredirect = { to = \"/\" }",
            &[":6:1: error: a route has a pool or a redirect, not both"],
        ),
        (
            "pool = \"p\"\npath = \"app\"",
            &[
                ":8:8: error: `route.path.prefix` is the string \"app\"; expected a path that begins \
               with a slash: \"/app\"",
            ],
        ),
        (
            "pool = \"p\"\npath = \"/a?b=1\"",
            &[":8:8: error: `route.path.prefix`"],
        ),
        (
            "pool = \"p\"\npath = { exact = \"/a\", prefix = \"/\" }",
            &[":8:8: error: a path is exact or a prefix, not both"],
        ),
        (
            "pool = \"p\"\nhost = [\"http://a.b/\", \"a.b:80\", \"a/\", \"a.*.b\", \"*\", 5]",
            &[
                ":8:9: error: `route.host` is the string \"http://a.b/\"; \
                 expected a host without a scheme: \"a.b\"",
                ":8:24: error: `route.host` is the string \"a.b:80\"; \
                 expected a host without a port: \"a.b\"",
                ":8:34: error: `route.host` is the string \"a/\"; \
                 expected a host without a path: \"a\"",
                ":8:40: error: `route.host` is the string \"a.*.b\"; expected a host such as",
                ":8:49: error: `route.host` is the string \"*\"; expected a host such as",
                ":8:54: error: `route.host` is the integer 5; expected a host such as",
            ],
        ),
        (
            "pool = \"p\"\nhost = []",
            &[":8:8: error: a route for no host is never taken"],
        ),
        (
            "redirect = { status = 304, to = \"x\" }\n[[route]]\npath = \"/b\"\npool = \"p\"",
            &[
                ":7:23: error: 304 is not a redirect; expected 301, 302, 303, 307 or 308",
                ":7:33: error: cannot redirect to \"x\"",
            ],
        ),
    ];
    let start = with_pool("endpoints = [{ address = \"a:1\" }]");
    let start = start.replacen("\n\n", "\n", 1);
    check(
        cases
            .iter()
            .map(|(text, wanted)| (format!("{start}\n[[route]]\n{text}\n"), *wanted)),
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
    assert!(visit(&keys()) > 50);
    let schema = document::schema("configuration", &keys());
    let header = &schema["properties"]["pool"]["items"]["properties"]["timeouts"]["properties"];
    assert_eq!(header["header"]["default"], "60s");
}

mod mutation {
    //! Files that somebody, or a broken disk, changed: nothing panics, errors have a place.

    use super::*;
    use proptest::prelude::*;

    /// A change to a file's bytes; positions are taken modulo its length.
    #[derive(Clone, Debug)]
    enum Change {
        Flip(usize, u8),
        Delete(usize, usize),
        Truncate(usize),
        Copy(usize, usize, usize),
        Insert(usize, &'static str),
        SwapLines(usize, usize),
    }

    fn change() -> impl Strategy<Value = Change> {
        let at = any::<usize>;
        let words = proptest::sample::select(vec![
            "0",
            "-1",
            "9999999999999999999999999999999999999999",
            "1e999",
            "nan",
            "\"\"",
            "\"30\"",
            "[",
            "]",
            "{",
            "}",
            "[[",
            "=",
            "\"",
            "'''",
            "\n",
            "\r",
            "\t",
            "é",
            "\u{feff}",
            "\0",
            "[pool]\n",
            "[[pool]]\n",
            "name = \"a\"\n",
            "1979-05-27",
            "true",
            "null",
            "x.y.z",
            ",",
        ]);
        prop_oneof![
            (at(), any::<u8>()).prop_map(|(i, byte)| Change::Flip(i, byte)),
            (at(), 1..40_usize).prop_map(|(i, n)| Change::Delete(i, n)),
            at().prop_map(Change::Truncate),
            (at(), at(), 1..40_usize).prop_map(|(from, to, n)| Change::Copy(from, to, n)),
            (at(), words).prop_map(|(i, word)| Change::Insert(i, word)),
            (at(), at()).prop_map(|(a, b)| Change::SwapLines(a, b)),
        ]
    }

    fn apply(text: &mut Vec<u8>, change: &Change) {
        if text.is_empty() {
            return;
        }
        let length = text.len();
        match *change {
            Change::Flip(i, byte) => text[i % length] = byte,
            Change::Delete(i, n) => _ = text.drain(i % length..(i % length + n).min(length)),
            Change::Truncate(i) => text.truncate(i % length),
            Change::Copy(from, to, n) => {
                let part = text[from % length..(from % length + n).min(length)].to_vec();
                _ = text.splice(to % length..to % length, part);
            }
            Change::Insert(i, word) => _ = text.splice(i % length..i % length, word.bytes()),
            Change::SwapLines(a, b) => {
                let mut lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
                let count = lines.len();
                lines.swap(a % count, b % count);
                *text = lines.join(&b'\n');
            }
        }
    }

    const JSON: &str = r#"{ "schema": 1, "server": { "workers": 4, "drain": "10s" },
      "listener": [{ "address": ":8080", "trusted_proxies": ["10.0.0.0/8"], "limits": {} }],
      "route": [{ "host": "é.example", "path": { "exact": "/" }, "pool": "p" }],
      "pool": [{ "name": "p", "policy": "p2c", "retry": { "budget": "1%" }, "endpoints":
        [{ "name": "a", "address": "[::1]:80", "weight": 1 }, { "address": "b:1" }] }] }"#;

    proptest! {
        #[test]
        fn nothing_panics(
            json in any::<bool>(),
            changes in proptest::collection::vec(change(), 0..6),
        ) {
            let mut text = if json { JSON } else { FULL }.as_bytes().to_vec();
            for change in &changes {
                apply(&mut text, change);
            }
            let (config, problems) = load(Path::new("x"), &text);
            let failed = problems.iter().any(|problem| problem.severity == Severity::Error);
            prop_assert_eq!(config.is_none(), failed);
            for problem in &problems {
                let held = problem.source.text();
                prop_assert!(held.get(problem.span.start..problem.span.end).is_some());
                prop_assert!(!problem.show(false).is_empty());
                prop_assert!(!problem.line().contains('\n'));
            }
        }
    }
}
