//! Probes and ejections on real sockets: who is asked, who gets requests, what operators see.
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::GET;
use crate::real::evenkeel::{Config, Evenkeel};
use crate::real::origin;

/// An origin that says its name, and whose checks pass while `healthy`.
pub(super) fn checked(name: &'static str, healthy: &Arc<AtomicBool>) -> SocketAddr {
    let healthy = Arc::clone(healthy);
    origin::start(move |mut connection| {
        while let Some(head) = connection.head() {
            let body = match (
                head.starts_with("GET /healthz "),
                healthy.load(Ordering::SeqCst),
            ) {
                (true, true) => "all ok",
                (true, false) => "not so",
                (false, _) => name,
            };
            let length = body.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
            if connection.say(answer.as_bytes()).is_err() {
                return;
            }
        }
    })
}

/// A proxy in front of these, with further lines of its pool.
fn before(origins: [SocketAddr; 2], further: &str) -> Evenkeel {
    let mut config = Config::new(origins);
    config.pool = format!("policy = \"round_robin\"\n{further}").leak();
    Evenkeel::start(&config)
}

pub(super) fn names(proxy: &Evenkeel, many: usize) -> String {
    let mut client = proxy.client();
    let answer = |_| client.exchange("GET", GET).expect("an answer").body;
    let bodies = (0..many).map(answer);
    bodies
        .map(|body| String::from_utf8(body).expect("a name"))
        .collect()
}

/// Quick checks that look at the body, and no panic.
pub(super) const CHECKS: &str = "health = { path = \"/healthz\", interval = \"20ms\", \
                                 interval_in_doubt = \"20ms\", expect = { body = \"ok\" } }\n\
                                 panic = \"0%\"";

#[test]
fn a_body_that_is_not_as_expected_takes_an_endpoint_out() {
    let health = [true, true].map(|healthy| Arc::new(AtomicBool::new(healthy)));
    let origins = [checked("a", &health[0]), checked("b", &health[1])];
    let mut proxy = before(origins, CHECKS);
    proxy.process.says("passes its checks");
    proxy.process.says("passes its checks");
    assert!(names(&proxy, 4).contains('a'));
    health[0].store(false, Ordering::SeqCst);
    proxy.process.says("fails its checks");
    assert_eq!(names(&proxy, 4), "bbbb");
    let metrics = proxy.admin("/metrics");
    let page = String::from_utf8(metrics.body).expect("text");
    let down = page.lines().find(|line| line.contains("state=\"down\"} 1"));
    assert!(
        down.is_some_and(|line| line.starts_with("evenkeel_endpoint_health")),
        "{page}"
    );
    assert!(page.contains("result=\"body\""), "{page}");
    health[1].store(false, Ordering::SeqCst);
    proxy.process.says("fails its checks");
    assert_eq!(proxy.admin("/ready").head.status, 503);
    health[0].store(true, Ordering::SeqCst);
    proxy.process.says("passes its checks");
    assert_eq!(names(&proxy, 4), "aaaa");
    proxy.stop();
}

#[test]
fn a_panic_is_visible() {
    let health = [false, false].map(|healthy| Arc::new(AtomicBool::new(healthy)));
    let origins = [checked("a", &health[0]), checked("b", &health[1])];
    let mut proxy = before(origins, &CHECKS.replace("0%", "30%"));
    proxy.process.says("all are tried");
    let answer = proxy.client().exchange("GET", GET).expect("an answer");
    assert_eq!(answer.head.status, 200);
    assert_eq!(answer.head.field("x-evenkeel-panic"), Some("open"));
    health[0].store(true, Ordering::SeqCst);
    proxy.process.says("enough endpoints are fine");
    let answer = proxy.client().exchange("GET", GET).expect("an answer");
    assert_eq!(answer.head.field("x-evenkeel-panic"), None);
    proxy.stop();
}

#[test]
fn who_answers_errors_is_ejected_and_comes_back() {
    let broken = Arc::new(AtomicBool::new(true));
    let state = Arc::clone(&broken);
    let sick = origin::start(move |mut connection| {
        while connection.head().is_some() {
            let answer: &[u8] = match state.load(Ordering::SeqCst) {
                true => b"HTTP/1.1 503 No\r\nContent-Length: 1\r\n\r\nx",
                false => b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
            };
            if connection.say(answer).is_err() {
                return;
            }
        }
    });
    let well = checked("b", &Arc::default());
    let mut proxy = before([sick, well], "outlier = { eject = \"100ms\" }");
    assert_eq!(names(&proxy, 6).matches('x').count(), 3);
    proxy.process.says("ejected: its requests failed in a row");
    assert!(proxy.counter("evenkeel_ejections_total") >= 1);
    broken.store(false, Ordering::SeqCst);
    while !names(&proxy, 4).contains('a') {}
    proxy.process.says("serves again");
    proxy.stop();
}
