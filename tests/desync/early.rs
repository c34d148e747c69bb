//! Messages that end at an awkward moment: answers before the request is taken, bytes after the
//! end, tries that are given up half-way. What is left over must not become a message.

use std::sync::Mutex;
use std::sync::mpsc::channel;

use crate::real::PATIENCE;
use crate::real::evenkeel::{Config, Evenkeel};
use crate::real::origin;

const GET: &[u8] = b"GET /next HTTP/1.1\r\nHost: app\r\n\r\n";
const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// The proxy is stopped while the origin leaves and the rest of the body arrives, so that it finds
/// both at once: a body that it has received and cannot pass on.
#[test]
fn a_body_that_nobody_took_is_no_request() {
    const LENGTH: usize = 20_000;
    let (sender, asked) = channel();
    let (leave, gate) = channel::<()>();
    let (sender, gate) = (Mutex::new(sender), Mutex::new(gate));
    let address = origin::start(move |mut connection| {
        let head = connection.head().unwrap_or_default();
        let tell = |what| drop(sender.lock().expect("one sender").send(what));
        tell(head);
        let _ = gate.lock().expect("one receiver").recv();
        // The byte that nobody has read makes the close a reset.
        drop(connection);
        tell("left".into());
    });
    let proxy = Evenkeel::start(&Config::new([address]));
    let mut client = proxy.client();
    let head = format!("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: {LENGTH}\r\n\r\n");
    client.send(&[head.as_bytes(), b"x"].concat()).unwrap();
    asked.recv_timeout(PATIENCE).unwrap();
    proxy.process.signal("STOP");
    drop(leave);
    assert_eq!(asked.recv_timeout(PATIENCE).unwrap(), "left");
    let smuggled = b"GET /smuggled HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n";
    let mut rest = smuggled.repeat(LENGTH / smuggled.len());
    rest.resize(LENGTH - 1, b'x');
    client.send(&rest).unwrap();
    proxy.process.signal("CONT");
    assert_eq!(client.answer("POST").unwrap().head.status, 502);
    // Where the body went is the kernel's choice, and so whether the connection can go on.
    let _ = client.send(&GET.repeat(2));
    let _ = client.answer("GET");
    let smuggled = asked.try_iter().find(|head| head.contains("smuggled"));
    assert_eq!(smuggled, None, "the body became a request");
}

/// What the first try had received of a head says nothing of the second's.
#[test]
fn half_a_head_of_one_try_does_not_hold_up_the_next() {
    let half = b"HTTP/1.1 200 OK\r\nX-Long: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy";
    let (first, second) = (
        origin::start(move |mut connection| {
            connection.head();
            let _ = connection.say(half);
        }),
        origin::start(|mut connection| {
            while connection.head().is_some() {
                let body = [b'z'; 100];
                let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
                if connection.say(&[&head[..], &body].concat()).is_err() {
                    return;
                }
            }
        }),
    );
    let proxy = Evenkeel::start(&Config {
        pool: "policy = \"round_robin\"\ntimeouts = { header = \"2s\" }",
        ..Config::new([first, second])
    });
    for n in 0..6 {
        let answer = proxy.client().exchange("GET", GET).unwrap();
        assert_eq!(
            (answer.head.status, answer.body.len()),
            (200, 100),
            "request {n}"
        );
    }
}

/// An origin that answers `Expect: 100-continue` with a final status may take the connection to be
/// at the next request, although the body was sent: it is not used again.
#[test]
fn an_expectation_that_was_not_met_ends_the_upstream_connection() {
    let address = origin::start(|mut connection| {
        // Reads no body: what stands in it is its next request.
        while let Some(head) = connection.head() {
            let target = head.split(' ').nth(1).unwrap_or_default();
            // The answer to what was smuggled waits for somebody to take it.
            if target == "/smuggled" {
                connection.head();
            }
            let length = target.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{target}");
            if connection.say(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    let proxy = Evenkeel::start(&Config {
        pool: "",
        ..Config::new([address])
    });
    let body = "GET /smuggled HTTP/1.1\r\nHost: app\r\n\r\n";
    let head = "POST /attack HTTP/1.1\r\nHost: app\r\nExpect: 100-continue\r\nContent-Length:";
    for _ in 0..8 {
        let request = format!("{head} {}\r\n\r\n{body}", body.len());
        let attack = proxy.client().exchange("POST", request.as_bytes()).unwrap();
        assert_eq!(attack.body, b"/attack");
        for _ in 0..4 {
            assert_eq!(proxy.client().exchange("GET", GET).unwrap().body, b"/next");
        }
    }
}

/// Bytes that an origin sends on a connection which nobody uses are nobody's answer.
#[test]
fn an_answer_that_comes_before_its_request_is_not_taken_for_one() {
    let (speak, gate) = channel::<()>();
    let (sender, spoken) = channel();
    let (gate, sender) = (Mutex::new(gate), Mutex::new(sender));
    let address = origin::start(move |mut connection| {
        while let Some(head) = connection.head() {
            if connection.say(HELLO).is_err() {
                return;
            }
            if head.starts_with("GET /attack ") {
                let _ = gate.lock().expect("one receiver").recv();
                let smuggled = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled";
                let _ = connection.say(smuggled);
                let _ = sender.lock().expect("one sender").send(());
            }
        }
    });
    let proxy = Evenkeel::start(&Config::new([address]));
    let mut client = proxy.client();
    for _ in 0..20 {
        let attack = b"GET /attack HTTP/1.1\r\nHost: app\r\n\r\n";
        assert_eq!(client.exchange("GET", attack).unwrap().body, b"hello");
        speak.send(()).unwrap();
        spoken.recv_timeout(PATIENCE).unwrap();
        assert_eq!(client.exchange("GET", GET).unwrap().body, b"hello");
    }
}
