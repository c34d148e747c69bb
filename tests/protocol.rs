//! What protocols cost in a simulation: round trips to begin, and nothing after that.
#![cfg(feature = "sim")]

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use evenkeel_core::time::nanos;
use evenkeel_sim::engine::{Ended, Seen};
use evenkeel_sim::plan::Plan;
use evenkeel_sim::result::End;
use evenkeel_sim::scenario::{Engine, Scenario};
use evenkeel_sim::sweep;

const TICK: Duration = Duration::from_micros(50);

/// What the parties speak.
#[derive(Clone, Copy, Debug)]
struct Case {
    /// A key of the listener.
    listener: &'static str,
    client: &'static str,
    /// Keys of the pool.
    pool: &'static str,
}

const PLAIN: Case = Case {
    listener: "",
    client: "http/1.1",
    pool: "",
};
const TLS: &str = r#"tls = { certificates = [{ cert = "none.pem", key = "none.key" }] }"#;

/// A certificate for `named.example` and nobody else.
const NAMED: &str = "-----BEGIN CERTIFICATE-----
MIIBRjCB+aADAgECAhRGSHjbFxe9racBEOKA9wDiYlqAFzAFBgMrZXAwDDEKMAgG
A1UEAwwBeDAeFw0yNjExMjIyMjAzNTdaFw0zNjExMTkyMjAzNTdaMAwxCjAIBgNV
BAMMAXgwKjAFBgMrZXADIQCHDABPoWtaNorrV5xeyHOiRZx3VXeSfrNb3yEDLAUI
5qNtMGswHQYDVR0OBBYEFOzJsP+hT20GBek7E8atirJ0AoaGMB8GA1UdIwQYMBaA
FOzJsP+hT20GBek7E8atirJ0AoaGMA8GA1UdEwEB/wQFMAMBAf8wGAYDVR0RBBEw
D4INbmFtZWQuZXhhbXBsZTAFBgMrZXADQQCvq8vG5t/xEvWMvDE5kg0xaddvwB+E
O1JLrGhM1E7HGdjeJogDucNr6/C4b7mFFnh8IPiz3vzsMwChBA4Jh2kD
-----END CERTIFICATE-----
";

fn plan(case: Case, latency: &str, rate: &str, engine: Engine) -> Plan {
    let Case {
        listener,
        client,
        pool,
    } = case;
    read(
        &format!(
            r#"
duration = "3s"
[config]
[[config.listener]]
address = "0.0.0.0:8080"
{listener}
[[config.pool]]
name = "app"
policy = "round_robin"
{pool}
endpoints = [{{ address = "10.0.0.1:3000" }}, {{ address = "10.0.0.2:3000" }}]
[origin]
model = "fifo"
service = {{ dist = "exponential", mean = "20ms" }}
[[workload]]
name = "all"
protocol = "{client}"
arrivals = {{ process = "constant", rate = "{rate}" }}
[network]
resolution = "50us"
default = {{ latency = "{latency}" }}
"#
        ),
        engine,
    )
}

fn read(text: &str, engine: Engine) -> Plan {
    let scenario: Scenario = text.parse().expect("it is sound");
    Plan::new(Arc::new(scenario), Some(engine))
}

fn run(plan: Plan) -> Vec<Seen> {
    let plan = Arc::new(plan);
    let run = || sweep::execute(&plan, 1, true, &mut |_| true).expect("it runs to its end");
    let ended: Ended = thread::scope(|scope| scope.spawn(run).join().expect("it does not panic"));
    for check in &ended.cell.invariants {
        assert!(check.ok, "{check:?}");
    }
    let mut seen = ended.seen;
    seen.sort_unstable_by_key(|seen| seen.n);
    seen
}

fn latency(seen: &Seen) -> i64 {
    (seen.completion.done.0 - seen.completion.due.0) as i64
}

/// By how much the first request of `case` is later than in plain text, and one when all
/// connections are open.
fn first(case: Case) -> (i64, i64) {
    let seen = |case| run(plan(case, "10ms", "8/s", Engine::Net));
    let (plain, other) = (seen(PLAIN), seen(case));
    assert_eq!(other[0].completion.end, End::Status(200), "{case:?}");
    let late = |n: usize| latency(&other[n]) - latency(&plain[n]);
    (late(0), late(20))
}

#[test]
fn a_handshake_costs_its_round_trips() {
    let old = r#"tls = { certificates = [{ cert = "a", key = "b" }], protocols = ["1.2"] }"#;
    #[rustfmt::skip]
    let cases = [
        // What the listener says, the client, the pool; round trips more for the first request.
        (TLS,           "http/1.1", "",                          1),
        (old,           "http/1.1", "",                          2),
        ("",            "h2",       "",                          0),
        (TLS,           "h2",       "",                          1),
        ("",            "http/1.1", "tls = true",                1),
        ("",            "http/1.1", "http2 = true",              1),
        (TLS,           "h2",       "tls = true\nhttp2 = true",  3),
    ];
    let round_trip = nanos(Duration::from_millis(20)) as i64;
    let ticks = 8 * nanos(TICK) as i64;
    for (listener, client, pool, trips) in cases {
        let case = Case {
            listener,
            client,
            pool,
        };
        let (first, later) = first(case);
        assert!(
            (first - trips * round_trip).abs() <= ticks,
            "{case:?}: {first} ns more for the first request"
        );
        assert!(
            later.abs() <= ticks,
            "{case:?}: {later} ns more for a later one"
        );
    }
}

/// Engine `net` against `model`, request by request: the bound is 8 ticks, 4 of them
/// for handshakes.
#[test]
fn both_engines_agree_under_every_protocol() {
    let both = "tls = true\nhttp2 = true";
    let cases = [
        (TLS, "http/1.1", ""),
        ("", "h2", "http2 = true"),
        (TLS, "h2", both),
    ];
    for (listener, client, pool) in cases {
        let case = Case {
            listener,
            client,
            pool,
        };
        let seen = |engine| run(plan(case, "0us", "60/s", engine));
        let (net, model) = (seen(Engine::Net), seen(Engine::Model));
        assert_eq!(net.len(), model.len());
        let tick = nanos(TICK);
        let apart = |(net, model): (&Seen, &Seen)| {
            assert_eq!(net.completion.end, model.completion.end, "{case:?}");
            net.completion
                .done
                .0
                .abs_diff(model.completion.done.0)
                .div_ceil(tick)
        };
        let worst = net.iter().zip(&model).map(apart).max();
        println!("{case:?}: {worst:?}");
        assert!(worst <= Some(8), "{case:?}: {worst:?} ticks apart");
    }
}

#[test]
fn a_certificate_that_has_expired_is_refused_by_clients() {
    let case = Case {
        // Each request comes on a connection of its own.
        listener: concat!(
            r#"tls = { certificates = [{ cert = "none.pem", key = "none.key" }] }"#,
            "\ntimeouts = { idle = \"1ms\" }"
        ),
        ..PLAIN
    };
    let mut plan = plan(case, "0us", "10/s", Engine::Net);
    plan.certificate_life = Duration::from_secs(1);
    let mut counts = [0, 0];
    for seen in run(plan) {
        let completion = seen.completion;
        // The second in which it ends is its last.
        let valid = nanos(Duration::from_secs(2)) > completion.due.0;
        let end = if valid {
            End::Status(200)
        } else {
            End::Refused
        };
        assert_eq!(completion.end, end, "due at {}", completion.due);
        counts[usize::from(valid)] += 1;
    }
    assert!(counts.iter().all(|count| *count >= 9), "{counts:?}");
}

/// A certificate's names are those of its file, or the hosts of the routes, and always the
/// simulator's own. Keys are not needed.
#[test]
fn clients_believe_the_names_of_a_certificate() {
    let named = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(named.path(), NAMED).expect("writable");
    let named = named.path().display().to_string();
    let cases = [
        // The certificate's file, the host that is asked, whether it is believed.
        (&*named, "named.example", true),
        (&*named, "routed.example", false),
        (&*named, "evenkeel.sim", true),
        ("none.pem", "routed.example", true),
        ("none.pem", "a.wild.example", true),
        ("none.pem", "192.0.2.1", true),
        ("none.pem", "named.example", false),
    ];
    for (file, host, believed) in cases {
        let text = format!(
            r#"
duration = "1s"
origin.service = {{ dist = "constant", value = "20ms" }}
[config]
listener = [{{ address = ":443", tls = {{ certificates = [{{ cert = '{file}', key = "none.key" }}] }} }}]
pool = [{{ name = "app", endpoints = [{{ address = "10.0.0.1:3000" }}] }}]
route = [
  {{ host = ["routed.example", "*.wild.example", "192.0.2.1"], pool = "app" }},
  {{ pool = "app" }},
]
[[workload]]
name = "all"
arrivals = {{ process = "constant", rate = "4/s" }}
classes = [{{ name = "all", host = "{host}" }}]
"#
        );
        let seen = run(read(&text, Engine::Net));
        let end = if believed {
            End::Status(200)
        } else {
            End::Refused
        };
        for seen in seen {
            assert_eq!(seen.completion.end, end, "{file}, {host}");
        }
    }
}
