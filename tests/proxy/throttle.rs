//! `[[limit]]` on real sockets: exact over two workers, kept by a reload.

use super::HELLO;
use super::operation::reloaded;
use crate::real::client::Client;
use crate::real::evenkeel::{Config, Evenkeel};
use crate::real::gate::gate;
use crate::real::origin;

const LIMITED: &[u8] = b"GET /limited/ HTTP/1.1\r\nHost: app\r\n\r\n";

/// A configuration with a route that has a limit with these lines.
fn limited(lines: &str) -> Config {
    let route = "[[route]]\npath = \"/limited/\"\npool = \"app\"\nlimit = \"each\"\n";
    Config {
        blocks: format!("{route}[[limit]]\nname = \"each\"\n{lines}\n"),
        ..Config::new([origin::saying(HELLO)])
    }
}

/// The status of an answer on a connection of its own, and its `Retry-After`.
fn ask(proxy: &Evenkeel) -> (u16, Option<u64>) {
    let answer = proxy.client().exchange("GET", LIMITED).expect("an answer");
    let again = answer.head.field("retry-after");
    let again = again.map(|seconds| seconds.parse().expect("whole seconds"));
    (answer.head.status, again)
}

/// The counter of a decision.
fn decisions(decision: &str, dry_run: bool) -> String {
    let labels = format!("limit=\"each\",decision=\"{decision}\",dry_run=\"{dry_run}\"");
    format!("evenkeel_limit_decisions_total{{{labels}}}")
}

#[test]
fn beyond_the_burst_is_429_and_says_when_to_come_again() {
    let mut proxy = Evenkeel::start(&limited("rate = \"1/h\"\nburst = 2"));
    for _ in 0..3 {
        assert_eq!(ask(&proxy), (200, None));
    }
    let (status, again) = ask(&proxy);
    assert_eq!(status, 429);
    assert!(
        (3_500..=3_600).contains(&again.expect("it says when")),
        "{again:?}"
    );
    proxy.counts(&decisions("rate", false), 1);
    proxy.counts("evenkeel_limit_keys", 1);
    let free = b"GET / HTTP/1.1\r\nHost: app\r\n\r\n";
    let answer = proxy.client().exchange("GET", free).expect("an answer");
    assert_eq!(answer.head.status, 200, "another route has no limit");

    // Who owes something owes it after a reload.
    let text = limited("rate = \"1/h\"\nburst = 3").text();
    reloaded(&mut proxy, &text);
    assert_eq!([ask(&proxy).0, ask(&proxy).0], [200, 429]);
    let dry = text.replace("burst = 3", "burst = 3\ndry_run = true");
    reloaded(&mut proxy, &dry);
    assert_eq!(ask(&proxy), (200, None));
    proxy.counts(&decisions("rate", true), 1);
    proxy.stop();
}

#[test]
fn forty_clients_at_once_get_no_more_than_one() {
    let proxy = Evenkeel::start(&limited("rate = \"1/h\"\nburst = 9"));
    let mut clients: Vec<Client> = (0..40).map(|_| proxy.client()).collect();
    let statuses = std::thread::scope(|scope| {
        let asks = clients.iter_mut().map(|client| {
            scope.spawn(|| {
                let answer = client.exchange("GET", LIMITED).expect("an answer");
                answer.head.status
            })
        });
        let asks: Vec<_> = asks.collect();
        let statuses = asks.into_iter().map(|ask| ask.join().expect("no panic"));
        statuses.collect::<Vec<u16>>()
    });
    let count = |status| statuses.iter().filter(|s| **s == status).count();
    assert_eq!((count(200), count(429)), (10, 30));
    proxy.stop();
}

#[test]
fn so_many_are_under_way_and_who_leaves_makes_room() {
    let (gate, keeper) = gate();
    let origin = origin::start(move |mut connection| {
        while connection.head().is_some() {
            if !gate.pass() || connection.say(HELLO).is_err() {
                return;
            }
        }
    });
    let proxy = Evenkeel::start(&Config {
        endpoints: vec![("a".into(), origin)],
        ..limited("requests = 2")
    });
    let mut two = [(); 2].map(|()| {
        let mut client = proxy.client();
        client.send(LIMITED).expect("the proxy reads");
        keeper.await_one();
        client
    });
    assert_eq!(ask(&proxy), (429, Some(1)));
    proxy.counts(&decisions("requests", false), 1);
    // Which of them the origin answers first is its own.
    two.iter().for_each(|_| keeper.let_one());
    for client in &mut two {
        client.answer("GET").expect("an answer");
    }
    keeper.let_one();
    assert_eq!(ask(&proxy), (200, None));
    // A client that leaves is not there any more.
    let mut left = proxy.client();
    left.send(LIMITED).expect("the proxy reads");
    (0..2).for_each(|_| keeper.await_one());
    drop(left);
    while proxy.counter("evenkeel_limit_keys") > 0 {
        std::thread::yield_now();
    }
    drop(keeper);
    proxy.stop();
}

#[test]
fn a_burst_is_spread_and_who_leaves_is_let_go() {
    let lines = "rate = \"20/s\"\nburst = 9\ndelay = 0";
    let proxy = Evenkeel::start(&limited(lines));
    let mut clients = [(); 4].map(|()| proxy.client());
    for client in &mut clients {
        client.send(LIMITED).expect("the proxy reads");
    }
    for client in &mut clients {
        assert_eq!(client.answer("GET").expect("an answer").head.status, 200);
    }
    assert!(proxy.counter(&decisions("held", false)) >= 1);
    proxy.stop();

    let proxy = Evenkeel::start(&limited("rate = \"1/h\"\nburst = 9\ndelay = 0"));
    assert_eq!(ask(&proxy), (200, None));
    let mut client = proxy.client();
    client.send(LIMITED).expect("the proxy reads");
    while proxy
        .admin("/metrics")
        .body
        .windows(15)
        .all(|w| w != b"decision=\"held\"")
    {
        std::thread::yield_now();
    }
    drop(client);
    let cancelled = "evenkeel_requests_rejected_total{status=\"0\"}";
    while !String::from_utf8_lossy(&proxy.admin("/metrics").body).contains(cancelled) {
        std::thread::yield_now();
    }
    proxy.stop();
}
