//! The parts of a live run by themselves.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_proxy::h1::{self, Limits, RequestHead, Status};

use super::errand::Errand;
use super::*;
use crate::scenario::Scenario;

const SCENARIO: &str = r#"
duration = "10s"
[[config.listener]]
name = "http"
address = "0.0.0.0:80"
[[config.pool]]
name = "app"
endpoints = [{ name = "a", address = "10.0.0.1:80" }, { name = "b", address = "10.0.0.2:80" }]
[origin]
service = { dist = "constant", value = "1ms" }
[network]
resolution = "1us"
[[workload]]
name = "w"
arrivals = { rate = "10/s" }
"#;

fn plan(further: &str) -> Arc<Plan> {
    let text = format!("{SCENARIO}{further}");
    let scenario: Scenario = text.parse().expect("a scenario");
    Arc::new(Plan::new(Arc::new(scenario), None))
}

const ERRAND: Errand = Errand {
    workload: 0,
    n: 7,
    cpu_ns: 1_000_000,
    io_ns: 0,
    status: 200,
    bytes: 3,
};

#[test]
fn what_a_head_says_of_a_request_is_what_was_drawn() {
    let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", ERRAND.lines());
    let mut head = RequestHead::default();
    let status = h1::parse_request(text.as_bytes(), &Limits::default(), &mut head);
    assert_eq!(status, Ok(Status::Complete(text.len())));
    assert_eq!(Errand::of(&head, text.as_bytes()), Some(ERRAND));
}

/// Asks on a connection of its own; what came until it was closed.
fn ask(origin: &Origin, lines: &str) -> String {
    let mut stream = TcpStream::connect(origin.address()).expect("it listens");
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{lines}\r\n");
    stream.write_all(head.as_bytes()).expect("it reads");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn an_origin_answers_as_its_requests_and_faults_say() {
    let burst = "[[fault]]\nat = \"1s\"\nkind = \"error_burst\"\ntarget = \"a\"\nshare = \"100%\"\n\
                 status = 503\nretry_after = \"2s\"\n\
                 [[fault]]\nat = \"2s\"\nkind = \"reset\"\ntarget = \"a\"\nshare = \"100%\"";
    let table = [
        // Before the run begins there are only probes.
        (
            None,
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        ),
        (
            Some(0),
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nxxx",
        ),
        (
            Some(1),
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 2\r\n\
             Connection: close\r\n\r\n",
        ),
        (Some(2), ""),
    ];
    for (began_s, expected) in table {
        let origin = Origin::start(&plan(burst), 1, 0, 0).expect("a free port");
        if let Some(began_s) = began_s {
            let clock = Clock::began(Duration::from_secs(began_s));
            origin.begin(clock).expect("a thread");
        }
        assert_eq!(ask(&origin, &ERRAND.lines()), expected, "{began_s:?}");
    }
}

#[test]
fn an_origin_that_refuses_closes_its_port_and_opens_it_again() {
    let refuse = "[[fault]]\nat = \"1s\"\nkind = \"refuse\"\ntarget = \"a\"\nfor = \"100ms\"";
    let origin = Origin::start(&plan(refuse), 1, 0, 0).expect("a free port");
    origin
        .begin(Clock::began(Duration::from_secs(1)))
        .expect("a thread");
    let connects = |wanted: bool| {
        while TcpStream::connect(origin.address()).is_ok() != wanted {
            std::thread::yield_now();
        }
    };
    connects(false);
    connects(true);
    assert!(ask(&origin, &ERRAND.lines()).starts_with("HTTP/1.1 200"));
}

#[test]
fn tries_are_counted_at_their_endpoints_within_the_window() {
    let plan = plan("");
    // Begun a second after the run did, and two seconds after its end.
    let log = r#"{"time":101.02,"method":"GET","path":"/","client":"1.1.1.1","pool":"app",
"outcome":"complete","status":200,"total_ms":20,"tries":[
{"endpoint":"a","at_ms":0,"outcome":"failed"},{"endpoint":"b","at_ms":5,"outcome":"ok"}]}
{"time":112,"method":"GET","path":"/","client":"1.1.1.1","pool":"app",
"outcome":"complete","status":200,"total_ms":0,"tries":[
{"endpoint":"a","at_ms":0,"outcome":"ok"}]}
"#;
    let log = log.replace(",\n", ",").replace("[\n", "[");
    let records = log::read(std::io::Cursor::new(log.into_bytes())).expect("a log");
    assert_eq!(records.len(), 2);
    let collector = crate::result::Collector::new(plan.setup.clone());
    let mut cell = collector.finish(Timestamp::ZERO, &[]);
    log::count(&plan, &records, 100_000_000, &mut cell);
    assert_eq!((cell.tries.all, cell.tries.first), (2, 1));
    assert_eq!(cell.requests.retried, Some(1));
    let counts = cell.endpoints.iter().map(|e| (e.requests, e.failed));
    assert_eq!(counts.collect::<Vec<_>>(), [(1, 1), (1, 0)]);
    assert_eq!(cell.endpoints[0].share(), Some(0.5));
}

#[test]
fn the_proxy_is_deployed_on_the_loopback() {
    let plan = plan("[config.admin]\naddress = \"0.0.0.0:9901\"");
    let origins = [4001, 4002].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let config = deployed(&plan, plan.config(), &origins);
    let at = |address: &Address| address.to_string();
    assert_eq!(at(&config.listeners[0].address), "127.0.0.1:0");
    let endpoints = config.pools[0].endpoints.iter().map(|e| at(&e.address));
    assert_eq!(
        endpoints.collect::<Vec<_>>(),
        ["127.0.0.1:4001", "127.0.0.1:4002"]
    );
    assert_eq!(
        config.admin.map(|admin| at(&admin.address)),
        Some("127.0.0.1:0".into())
    );
    assert!(config.log.access.is_some());
}

/// Each with a word of the sentence that says why.
#[test]
fn what_cannot_be_live_is_told() {
    let table = [
        ("", None),
        (
            "sockets = { hold = { dist = \"constant\", value = \"1s\" } }",
            Some("sockets"),
        ),
        ("protocol = \"h2\"", Some("HTTP/2")),
        ("[proxies]\ncount = 2", Some("one proxy")),
        (
            "[[network.links]]\nfrom = \"proxy\"\nto = \"a\"\nlatency = \"1ms\"",
            Some("latency"),
        ),
        ("[network.default]\nlatency = \"1ms\"", Some("latency")),
        (
            "[[fault]]\nat = \"1s\"\nkind = \"drain\"\ntarget = \"a\"",
            Some("`drain`"),
        ),
        (
            "[[fault]]\nat = \"1s\"\nkind = \"blackhole\"\ntarget = \"a\"",
            Some("`blackhole`"),
        ),
        (
            "[[fault]]\nat = \"1s\"\nkind = \"hang\"\ntarget = \"a\"",
            None,
        ),
    ];
    for (further, expected) in table {
        let why = obstacle(&plan(further));
        match expected {
            None => assert_eq!(why, None, "{further}"),
            Some(word) => assert!(why.is_some_and(|why| why.contains(word)), "{further}"),
        }
    }
}
