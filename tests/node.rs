//! Real Node.js servers, one of which dies: the application of `examples/node` behind
//! `evenkeel serve`, every answer checked byte for byte. The same client is tested against Node.js
//! alone, so that what it finds wrong behind the proxy is the proxy's doing.
mod real;

use real::client::Client;
use real::evenkeel::{Config, Evenkeel};
use real::message::Failure;
use real::node::Node;
use real::origin;
use real::traffic::{self, Call, Outcome, Verdict};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

/// The victim lives, is dead, is back.
const BEFORE: usize = 0;
const DEAD: usize = 1;
const BACK: usize = 2;

/// Sends `calls` calls over `connections` connections; `seen` is told the number of answers after
/// each, and may change the phase.
fn drive(
    address: SocketAddr,
    connections: usize,
    calls: usize,
    mut seen: impl FnMut(usize, &AtomicUsize),
) -> Vec<Outcome> {
    let (next, phase) = (AtomicUsize::new(0), AtomicUsize::new(BEFORE));
    let (sender, receiver) = channel();
    std::thread::scope(|scope| {
        for _ in 0..connections {
            let (sender, next, phase) = (sender.clone(), &next, &phase);
            scope.spawn(move || traffic::send(address, calls, next, phase, &sender));
        }
        drop(sender);
        let mut outcomes = Vec::with_capacity(calls);
        for outcome in receiver {
            outcomes.push(outcome);
            seen(outcomes.len(), &phase);
        }
        outcomes
    })
}

/// Names of the servers that answered requests sent in `phase`.
fn served(outcomes: &[Outcome], phase: usize) -> BTreeSet<&str> {
    let then = outcomes.iter().filter(|outcome| outcome.phase == phase);
    then.filter_map(|outcome| outcome.origin.as_deref())
        .collect()
}

#[test]
fn a_server_killed_under_load_costs_no_get() {
    const CALLS: usize = 20_000;
    const VICTIM: usize = 1;
    let mut nodes = ["a", "b", "c", "d"].map(|name| Node::start(name, 0));
    let proxy = Evenkeel::start(&Config::new(nodes.iter().map(|node| node.address)));

    let outcomes = drive(proxy.http, 64, CALLS, |answers, phase| match answers {
        10_000 => {
            nodes[VICTIM].process.kill();
            phase.store(DEAD, Ordering::SeqCst);
        }
        12_000 => {
            nodes[VICTIM] = Node::start("b", nodes[VICTIM].address.port());
            phase.store(BACK, Ordering::SeqCst);
        }
        _ => {}
    });

    assert_eq!(outcomes.len(), CALLS);
    let wrong: Vec<_> = outcomes
        .iter()
        .filter(|outcome| !allowed(outcome))
        .collect();
    let count = |verdict| {
        outcomes
            .iter()
            .filter(|outcome| outcome.verdict == verdict)
            .count()
    };
    println!(
        "{} cut, {} POSTs lost",
        count(Verdict::Cut),
        count(Verdict::BadGateway)
    );
    assert!(
        wrong.is_empty(),
        "{} wrong: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(3)]
    );

    assert_eq!(
        served(&outcomes, BEFORE),
        BTreeSet::from(["a", "b", "c", "d"])
    );
    let more = if served(&outcomes, BACK).contains("b") {
        0
    } else {
        ask_until_b(proxy.http)
    };

    proxy.counts(
        "evenkeel_requests_total",
        u64::try_from(CALLS + more).unwrap(),
    );
    proxy.stop();
}

/// What may happen to a request when server `b` is killed once.
fn allowed(outcome: &Outcome) -> bool {
    match &outcome.verdict {
        Verdict::Whole => true,
        // Once the victim is dead no head of it can arrive any more.
        Verdict::Cut => outcome.phase == BEFORE && outcome.origin.as_deref() == Some("b"),
        // Its idle connections can be picked for as long as the proxy has not seen them closed.
        Verdict::BadGateway => outcome.phase != BACK,
        Verdict::Wrong(_) => false,
    }
}

/// An endpoint that refused is skipped for up to 5 s, which may outlast the load: asks on, and
/// returns the number of requests that it took until `b` answered.
fn ask_until_b(address: SocketAddr) -> usize {
    let mut client = Client::connect(address).expect("the proxy accepts");
    let request = b"GET /io?ms=20 HTTP/1.1\r\nHost: app\r\n\r\n";
    let asked = (1..=1000).find(|_| {
        let answer = client.exchange("GET", request).expect("an answer");
        assert_eq!(answer.head.status, 200);
        answer.head.field("x-origin") == Some("b")
    });
    asked.expect("b serves again after its restart")
}

#[test]
fn node_alone_answers_every_call() {
    let node = Node::start("a", 0);
    let outcomes = drive(node.address, 16, 2_000, |_, _| {});
    assert_eq!(outcomes.len(), 2_000);
    let wrong: Vec<_> = outcomes
        .iter()
        .filter(|o| o.verdict != Verdict::Whole)
        .collect();
    assert!(
        wrong.is_empty(),
        "{} wrong: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(3)]
    );
    assert_eq!(served(&outcomes, BEFORE), BTreeSet::from(["a"]));
}

#[test]
fn the_client_notices_what_a_kill_cuts() {
    let half = traffic::body(500, 7);
    let begun = b"POST /echo HTTP/1.1\r\nHost: app\r\nContent-Length: 1000\r\n\r\n";
    let cases: [(&str, Vec<u8>); 2] = [
        (
            "GET",
            b"GET /bytes?n=67108864&seed=7 HTTP/1.1\r\nHost: app\r\n\r\n".to_vec(),
        ),
        ("POST", [begun.as_slice(), &half].concat()),
    ];
    for (method, request) in cases {
        let mut node = Node::start("a", 0);
        let mut client = Client::connect(node.address).unwrap();
        client.send(&request).unwrap();
        let head = client.head().unwrap();
        client.wait_for(&half).unwrap();
        node.process.kill();
        match client.body(head, method) {
            Err(Failure::CutBody(_, body)) => assert!(body.starts_with(&half), "{method}"),
            other => panic!("{method}: {other:?}"),
        }
    }
}

#[test]
fn the_application_drains_on_sigterm() {
    let mut node = Node::start("a", 0);
    let mut idle = Client::connect(node.address).unwrap();
    let mut busy = Client::connect(node.address).unwrap();
    let call = Call::Echo { n: 1000, seed: 7 };
    let request = call.request();
    let (first, last) = request.split_at(request.len() - 1);
    busy.send(first).unwrap();
    let head = busy.head().unwrap();

    node.process.terminate();
    assert!(idle.ended());
    busy.send(last).unwrap();
    let answer = busy.body(head, "POST");
    assert_eq!(call.judge(&answer).0, Verdict::Whole);
    assert!(busy.ended());
    assert_eq!(node.process.exit().code(), Some(0));
}

/// What origins do in the simulator, too (`sim/origin`): each answer of `/cpu` is a hundredth of a
/// millisecond shorter than the one before.
#[test]
fn node_works_on_what_was_given_up_while_it_was_stopped() {
    const GET: &[u8] = b"GET /cpu?ms=1&wait=1 HTTP/1.1\r\nHost: a\r\n\r\n";
    let node = Node::start_with("a", 0, &["--warmup", "100,2"]);
    let connect = || Client::connect(node.address).unwrap();
    let mut kept = connect();
    kept.exchange("GET", GET).unwrap();
    node.process.freeze();
    kept.send(GET).unwrap();
    drop(kept);
    for _ in 0..4 {
        connect().send(GET).unwrap();
    }
    let mut last = connect();
    last.send(GET).unwrap();
    node.process.wake();
    let answer = last.answer("GET").unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let before = (2.0 - answer["ms"].as_f64().unwrap()) * 100.0;
    assert_eq!(before.round(), 6.0, "{answer}");
}

/// Answers that are not whole, and what the client says of them.
const BROKEN: &[(&[u8], &str)] = &[
    (b"", "closed before an answer"),
    (
        b"HTTP/1.1 200 OK\r\nContent-",
        "cut in the head after 25 bytes",
    ),
    (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfour",
        "cut after 4 bytes of the body of a 200",
    ),
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfour",
        "cut after 4 bytes of the body of a 200",
    ),
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n",
        "cut after 4 bytes of the body of a 200",
    ),
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n",
        "cut after 4 bytes of the body of a 200",
    ),
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nfour\r\n",
        "malformed",
    ),
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+4\r\nfour\r\n",
        "malformed",
    ),
    (b"HTTP/1.1 200 OK\r\n\r\nwithout an end", "malformed"),
    (
        b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n1",
        "malformed",
    ),
    (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n1",
        "malformed",
    ),
    (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "malformed",
    ),
    (
        b"HTTP/1.1 200 OK\r\nA b: c\r\nContent-Length: 0\r\n\r\n",
        "malformed",
    ),
    (
        b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        "malformed",
    ),
    (b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", "malformed"),
    (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "malformed"),
];

#[test]
fn the_client_refuses_what_is_not_whole() {
    for &(answer, complaint) in BROKEN {
        let answer = answer.to_vec();
        let shown = String::from_utf8_lossy(&answer).into_owned();
        let address = origin::start(move |mut connection| {
            connection.head();
            connection.say(&answer).expect("the client reads");
        });
        let mut client = Client::connect(address).unwrap();
        let failure = client
            .exchange("GET", b"GET / HTTP/1.1\r\nHost: app\r\n\r\n")
            .unwrap_err();
        assert!(
            failure.to_string().starts_with(complaint),
            "{failure}, not {complaint}: {shown}"
        );
    }
}
