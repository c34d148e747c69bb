//! What is tried again beyond lost connections: answers that the pool names, and what an endpoint
//! asks to wait.
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{GET, HELLO};
use crate::real::evenkeel::{Config, Evenkeel};
use crate::real::origin;

/// Two endpoints that answer `refusal` to the first `refused` requests of all together, and then
/// 200; and how many requests there were.
fn refusing(
    refused: usize,
    refusal: &'static [u8],
    pool: &'static str,
) -> (Evenkeel, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let origins: [SocketAddr; 2] = std::array::from_fn(|_| {
        let asked = Arc::clone(&asked);
        origin::start(move |mut connection| {
            while let Some(head) = connection.head() {
                let length = if head.contains("Content-Length: 5") {
                    5
                } else {
                    0
                };
                let body = connection.body(length);
                let answer = match asked.fetch_add(1, Ordering::SeqCst) {
                    n if n < refused => refusal,
                    _ => HELLO,
                };
                if body.is_none() || connection.say(answer).is_err() {
                    return;
                }
            }
        })
    });
    let config = Config {
        pool,
        ..Config::new(origins)
    };
    (Evenkeel::start(&config), asked)
}

const BUSY: &[u8] = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";
const LATER: &[u8] = b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy";
const STATUS: &str = "retry = { on = [\"connect\", 503], max_wait = \"500ms\" }";

#[test]
fn a_named_status_is_tried_again_elsewhere() {
    let (proxy, asked) = refusing(1, BUSY, STATUS);
    let mut client = proxy.client();
    assert_eq!(client.exchange("GET", GET).unwrap().body, b"hello");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    // The body is sent again; nothing of the first answer has reached the client.
    let (proxy, asked) = refusing(1, BUSY, STATUS);
    let put = b"PUT / HTTP/1.1\r\nHost: app\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(proxy.client().exchange("PUT", put).unwrap().body, b"hello");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[test]
fn an_answer_is_passed_on_where_it_is_not_tried_again() {
    let post: &[u8] = b"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 5\r\n\r\nhello";
    let cases = [
        ("no status is named", BUSY, GET, 1, "policy = \"p2c\""),
        ("it may not be sent again", BUSY, post, 1, STATUS),
        ("it asks for too long a wait", LATER, GET, 1, STATUS),
        ("both refuse", BUSY, GET, 2, STATUS),
    ];
    for (name, refusal, request, requests, pool) in cases {
        let (proxy, asked) = refusing(requests, refusal, pool);
        let method = if request == post { "POST" } else { "GET" };
        let mut client = proxy.client();
        let answer = client.exchange(method, request).unwrap();
        assert_eq!(
            (answer.head.status, &*answer.body),
            (503, &b"busy"[..]),
            "{name}"
        );
        assert_eq!(asked.load(Ordering::SeqCst), requests, "{name}");
        let kept = client.exchange("GET", GET).unwrap();
        assert_eq!(kept.body, b"hello", "{name}: its connection goes on");
    }
}

#[test]
fn what_an_endpoint_asks_for_is_waited_for() {
    let pool = "retry = { on = [503], max_wait = \"1s\" }";
    let (proxy, asked) = refusing(1, LATER, pool);
    assert_eq!(proxy.client().exchange("GET", GET).unwrap().body, b"hello");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    proxy.counts("evenkeel_retries_delayed_total", 1);
}
