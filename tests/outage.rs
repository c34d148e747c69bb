//! Real Node.js processes that stand still, answer errors, are replaced or have too much to do:
//! what the configuration of the pool saves, and what operators see of it. `tests/node.rs` has the
//! one that is killed.
mod real;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use real::client::Client;
use real::evenkeel::{Config, Evenkeel};
use real::node::Node;
use real::traffic::{self, Outcome, Verdict};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: app\r\n\r\n";

fn four() -> [Node; 4] {
    ["a", "b", "c", "d"].map(|name| Node::start(name, 0))
}

fn before(nodes: &[Node], pool: &'static str) -> Config {
    Config {
        pool,
        ..Config::new(nodes.iter().map(|node| node.address))
    }
}

/// Who answers so many requests with what, one after the other on one connection.
fn ask(proxy: &Evenkeel, many: usize) -> BTreeMap<(u16, String), usize> {
    let mut client = proxy.client();
    let mut answers = BTreeMap::new();
    for _ in 0..many {
        let head = client.exchange("GET", GET).expect("an answer").head;
        if head.closes() {
            client = proxy.client();
        }
        let origin = head.field("x-origin").unwrap_or("none").to_owned();
        *answers.entry((head.status, origin)).or_default() += 1;
    }
    answers
}

#[test]
fn traffic_leaves_a_process_that_stands_still() {
    let nodes = four();
    let pool = "policy = \"round_robin\"\ntimeouts = { header = \"300ms\" }\n\
                health = { path = \"/healthz\", interval = \"200ms\", timeout = \"100ms\" }";
    let mut proxy = Evenkeel::start(&before(&nodes, pool));
    for _ in &nodes {
        proxy.process.says("passes its checks");
    }
    nodes[1].process.freeze();
    proxy.process.says("fails its checks");
    let answers = ask(&proxy, 90);
    let whole = ["a", "c", "d"].map(|name| ((200, name.to_owned()), 30));
    assert_eq!(answers, BTreeMap::from(whole));
    nodes[1].process.wake();
    proxy.process.says("passes its checks");
    let answers = ask(&proxy, 40);
    assert_eq!(answers.get(&(200, "b".into())), Some(&10), "{answers:?}");
    proxy.stop();
}

#[test]
fn a_process_that_answers_500_to_everything_is_ejected() {
    let nodes = [
        Node::start("a", 0),
        Node::start_with("b", 0, &["--status", "500"]),
        Node::start("c", 0),
    ];
    // The worst case: who fails at once is always the least loaded.
    let pool = "policy = \"least_request\"\noutlier = { eject = \"60s\" }";
    let mut proxy = Evenkeel::start(&before(&nodes, pool));
    let answers = ask(&proxy, 300);
    // One connection: nothing else is under way when the third failure ejects.
    assert_eq!(answers.get(&(500, "b".into())), Some(&3), "{answers:?}");
    proxy.process.says("ejected: its requests failed in a row");
    proxy.counts("evenkeel_ejections_total", 1);
    proxy.stop();
}

/// Puts `text` in force, and waits until it is.
fn reload(proxy: &Evenkeel, text: &str) {
    let before = proxy.counter("evenkeel_generation");
    proxy.reload(text);
    while proxy.counter("evenkeel_generation") == before {
        std::thread::yield_now();
    }
}

/// What `name` has in flight.
fn in_flight(proxy: &Evenkeel, name: &str) -> u64 {
    let page = String::from_utf8(proxy.admin("/metrics").body).expect("metrics are text");
    let series = format!("evenkeel_requests_in_flight{{pool=\"app\",endpoint=\"{name}\"}} ");
    let value = page.lines().find_map(|line| line.strip_prefix(&series));
    let value = value.and_then(|value| value.parse().ok());
    value.unwrap_or_else(|| panic!("no {series} in\n{page}"))
}

/// Drains `name`, has its process replaced, and takes it back.
fn replace(proxy: &Evenkeel, text: &str, name: &str, node: &mut Node) {
    let serves = format!("name = \"{name}\",");
    let drains = format!("name = \"{name}\", drain = true,");
    reload(proxy, &text.replace(&serves, &drains));
    while in_flight(proxy, name) > 0 {
        std::thread::yield_now();
    }
    node.process.terminate();
    assert_eq!(node.process.exit().code(), Some(0));
    *node = Node::start(name, node.address.port());
    reload(proxy, text);
}

#[test]
fn a_rolling_restart_of_four_costs_nothing() {
    const CALLS: usize = 50_000;
    let mut nodes = four();
    let config = before(&nodes, "policy = \"p2c\"");
    let proxy = Evenkeel::start(&config);
    let (next, phase) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (sender, receiver) = channel();
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(CALLS);
    std::thread::scope(|scope| {
        for _ in 0..32 {
            let (sender, next, phase) = (sender.clone(), &next, &phase);
            scope.spawn(move || traffic::send(proxy.http, CALLS, next, phase, &sender));
        }
        drop(sender);
        for outcome in receiver {
            outcomes.push(outcome);
            let turn = outcomes.len() / 10_000;
            if outcomes.len().is_multiple_of(10_000) && (1..=4).contains(&turn) {
                let name = &config.endpoints[turn - 1].0;
                replace(&proxy, &config.text(), name, &mut nodes[turn - 1]);
                phase.store(turn, Ordering::SeqCst);
            }
        }
    });
    assert_eq!(outcomes.len(), CALLS);
    let wrong: Vec<_> = outcomes
        .iter()
        .filter(|outcome| outcome.verdict != Verdict::Whole)
        .take(3)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for name in ["a", "b", "c", "d"] {
        let answers = ask(&proxy, 100);
        assert!(answers.contains_key(&(200, name.into())), "{answers:?}");
    }
    proxy.stop();
}

#[test]
fn a_full_queue_is_503_until_the_process_goes_on() {
    let node = Node::start("a", 0);
    let config = Config {
        endpoint: ", max_connections = 1",
        ..before(
            std::slice::from_ref(&node),
            "queue = { limit = 2, timeout = \"30s\", order = \"lifo\" }",
        )
    };
    let proxy = Evenkeel::start(&config);
    node.process.freeze();
    let sent = |waits: u64| {
        let mut client = proxy.client();
        client.send(GET).expect("the proxy reads");
        while (
            in_flight(&proxy, "a"),
            proxy.counter("evenkeel_queue_depth"),
        ) != (1, waits)
        {
            std::thread::yield_now();
        }
        client
    };
    let mut served = vec![sent(0)];
    let mut oldest = sent(1);
    served.push(sent(2));
    // The newest goes first, so the oldest has no place any more.
    served.push(sent(2));
    let head = oldest.head().expect("an answer");
    assert_eq!((head.status, head.field("retry-after")), (503, Some("1")));
    node.process.wake();
    for client in &mut served {
        assert_eq!(answer(client), (200, Some("a".into())));
    }
    let metrics = String::from_utf8(proxy.admin("/metrics").body).expect("text");
    let waited = "evenkeel_queue_duration_seconds_count{pool=\"app\"} 3";
    assert!(metrics.lines().any(|line| line == waited), "{metrics}");
    proxy.stop();
}

fn answer(client: &mut Client) -> (u16, Option<String>) {
    let head = client.head().expect("an answer");
    let (status, origin) = (head.status, head.field("x-origin").map(str::to_owned));
    client.body(head, "GET").expect("a body");
    (status, origin)
}
