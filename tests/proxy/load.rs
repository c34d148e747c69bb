//! Probes of the load on real sockets: who is asked, how often, and what comes of those that never
//! answer.
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::{GET, HELLO};
use crate::real::evenkeel::{Config, Evenkeel};
use crate::real::origin;

/// What an origin has seen.
#[derive(Default)]
struct Seen {
    probes: AtomicU64,
    under_way: AtomicU64,
    most_at_once: AtomicU64,
    /// Connections that have carried both a probe and a request.
    shared: AtomicBool,
    heads: Mutex<BTreeSet<String>>,
}

/// An origin that answers requests, and probes with `answer`, if there is one.
fn asked(answer: Option<&'static str>) -> (SocketAddr, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let known = Arc::clone(&seen);
    let address = origin::start(move |mut connection| {
        let [mut probed, mut served] = [false, false];
        while let Some(head) = connection.head() {
            let is_probe = head.starts_with("GET /load ");
            let answer = match is_probe {
                true => {
                    let at_once = seen.under_way.fetch_add(1, Ordering::SeqCst) + 1;
                    seen.most_at_once.fetch_max(at_once, Ordering::SeqCst);
                    seen.probes.fetch_add(1, Ordering::SeqCst);
                    seen.heads.lock().expect("nobody panics").insert(head);
                    let Some(answer) = answer else {
                        assert!(connection.ended(), "it says nothing more");
                        seen.under_way.fetch_sub(1, Ordering::SeqCst);
                        return;
                    };
                    seen.under_way.fetch_sub(1, Ordering::SeqCst);
                    answer.as_bytes()
                }
                false => HELLO,
            };
            if connection.say(answer).is_err() {
                return;
            }
            probed |= is_probe;
            served |= !is_probe;
            seen.shared.fetch_or(probed && served, Ordering::SeqCst);
        }
    });
    (address, known)
}

fn before(origins: [SocketAddr; 2], timeout: &str) -> Evenkeel {
    let mut config = Config::new(origins);
    config.pool = format!(
        "policy = {{ name = \"prequal\", probe = {{ path = \"/load\", header = \"x-in-flight\", \
         timeout = \"{timeout}\" }} }}"
    )
    .leak();
    Evenkeel::start(&config)
}

/// Sends requests until `until`; all are answered.
fn send(proxy: &Evenkeel, mut until: impl FnMut() -> bool) {
    let mut client = proxy.client();
    while !until() {
        let answer = client.exchange("GET", GET).expect("an answer");
        assert_eq!(answer.head.status, 200);
    }
}

/// How many probes have come to `outcome`.
fn came_to(proxy: &Evenkeel, outcome: &str) -> u64 {
    let page = String::from_utf8(proxy.admin("/metrics").body).expect("text");
    let label = format!("outcome=\"{outcome}\"");
    let lines = page
        .lines()
        .filter(|line| line.starts_with("evenkeel_load_probes_total{") && line.contains(&label));
    let number = |line: &str| line.rsplit(' ').next().and_then(|n| n.parse::<u64>().ok());
    lines.filter_map(number).sum()
}

#[test]
fn probes_travel_as_requests_do() {
    const FREE: &str = "HTTP/1.1 200 OK\r\nX-In-Flight: 0\r\nContent-Length: 2\r\n\r\nok";
    let ((a, of_a), (b, of_b)) = (asked(Some(FREE)), asked(Some(FREE)));
    let proxy = before([a, b], "1s");
    send(&proxy, || {
        [&of_a, &of_b].iter().all(|seen| {
            seen.probes.load(Ordering::SeqCst) > 20 && seen.shared.load(Ordering::SeqCst)
        })
    });
    for (seen, address) in [(&of_a, a), (&of_b, b)] {
        assert_eq!(seen.most_at_once.load(Ordering::SeqCst), 1);
        let heads = seen.heads.lock().expect("nobody panics");
        let expected =
            format!("GET /load HTTP/1.1\r\nHost: {address}\r\nUser-Agent: evenkeel\r\nAccept: */*");
        let all: Vec<_> = heads.iter().map(|head| head.trim_end()).collect();
        assert_eq!(all, [expected]);
    }
    assert!(came_to(&proxy, "passed") > 20);
    proxy.stop();
}

#[test]
fn who_never_answers_is_passed_over_and_asked_again_after_the_timeout() {
    const FREE: &str = "HTTP/1.1 200 OK\r\nX-In-Flight: 0\r\nContent-Length: 0\r\n\r\n";
    let ((mute, of_mute), (b, of_b)) = (asked(None), asked(Some(FREE)));
    let proxy = before([mute, b], "50ms");
    send(&proxy, || came_to(&proxy, "timeout") >= 3);
    assert!(of_mute.probes.load(Ordering::SeqCst) >= 3);
    assert!(of_b.probes.load(Ordering::SeqCst) >= 3);
    proxy.stop();
}

/// Answers that are no answers: they are counted as what they are, and nobody fails for them.
#[test]
fn odd_answers_are_no_load() {
    let answers = [
        ("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "status"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "header"),
        (
            "HTTP/1.1 200 OK\r\nX-In-Flight: -1\r\nContent-Length: 0\r\n\r\n",
            "header",
        ),
        ("load: none\r\n\r\n", "protocol"),
    ];
    for (answer, outcome) in answers {
        let ((a, _), (b, _)) = (asked(Some(answer)), asked(Some(answer)));
        let proxy = before([a, b], "1s");
        send(&proxy, || came_to(&proxy, outcome) >= 3);
        assert_eq!(came_to(&proxy, "passed"), 0);
        proxy.stop();
    }
}
