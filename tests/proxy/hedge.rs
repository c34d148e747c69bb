//! A second try beside one that is late, on real sockets: who answers first is heard, the other one
//! is closed.
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};

use super::{GET, HELLO};
use crate::real::PATIENCE;
use crate::real::evenkeel::{Config, Evenkeel};
use crate::real::origin;

/// Two endpoints of one application, of whose requests all together the first is never answered;
/// the receiver hears when its connection has ended. And how many requests there were.
fn hanging(pool: &'static str) -> (Evenkeel, Receiver<()>, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let (sender, ended) = channel();
    let origins: [SocketAddr; 2] = std::array::from_fn(|_| {
        let (asked, sender) = (Arc::clone(&asked), Mutex::new(sender.clone()));
        origin::start(move |mut connection| {
            while let Some(head) = connection.head() {
                let length = if head.contains("Content-Length: 5") {
                    5
                } else {
                    0
                };
                let body = connection.body(length);
                if asked.fetch_add(1, Ordering::SeqCst) == 0 {
                    assert!(connection.ended(), "nothing more is sent on it");
                    let _ = sender.lock().expect("one at a time").send(());
                    return;
                }
                assert!(length == 0 || body.as_deref() == Some(b"hello"));
                if connection.say(HELLO).is_err() {
                    return;
                }
            }
        })
    });
    let config = Config {
        pool,
        ..Config::new(origins)
    };
    (Evenkeel::start(&config), ended, asked)
}

const HEDGE: &str = "hedge = \"20ms\"";
const PUT: &[u8] = b"PUT / HTTP/1.1\r\nHost: app\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn the_first_answer_counts_and_the_other_try_is_closed() {
    for (method, request) in [("GET", GET), ("PUT", PUT)] {
        let (proxy, ended, asked) = hanging(HEDGE);
        let mut client = proxy.client();
        let answer = client.exchange(method, request).unwrap();
        assert_eq!(
            (answer.head.status, &*answer.body),
            (200, &b"hello"[..]),
            "{method}"
        );
        ended.recv_timeout(PATIENCE).expect("it is given up");
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        for (counter, expected) in [
            ("evenkeel_hedges_total", 1),
            ("evenkeel_hedges_won_total", 1),
            ("evenkeel_outrun_total", 1),
            ("evenkeel_failures_total", 0),
            ("evenkeel_retries_total", 1),
        ] {
            proxy.counts(counter, expected);
        }
        // The client's connection goes on, as does that to the endpoint that has answered.
        assert_eq!(client.exchange("GET", GET).unwrap().body, b"hello");
        proxy.stop();
    }
}

/// A body that is still coming has one way to go.
#[test]
fn a_body_is_sent_twice_once_it_is_there() {
    let (proxy, ended, _) = hanging(HEDGE);
    let mut client = proxy.client();
    let (head, body) = PUT.split_at(PUT.len() - 5);
    client.send(head).unwrap();
    let page = || String::from_utf8(proxy.admin("/metrics").body).expect("text");
    while !page().contains("evenkeel_dials_total{") {}
    assert_eq!(proxy.counter("evenkeel_hedges_total"), 0);
    client.send(body).unwrap();
    assert_eq!(client.answer("PUT").unwrap().body, b"hello");
    ended.recv_timeout(PATIENCE).expect("it is given up");
}

#[test]
fn what_is_not_idempotent_is_never_hedged() {
    let (proxy, ended, asked) = hanging("hedge = \"20ms\"\ntimeouts = { header = \"200ms\" }");
    let post = b"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 5\r\n\r\nhello";
    let answer = proxy.client().exchange("POST", post).unwrap();
    assert_eq!(answer.head.status, 504);
    ended.recv_timeout(PATIENCE).expect("it is given up");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}
