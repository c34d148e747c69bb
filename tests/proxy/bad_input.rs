//! Bad inputs that every proxy meets, by HTTP/1: each has one answer, and nothing of what is
//! refused reaches the origin. Their numbers are those of the list that they were taken from.
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::affinity::{cookie_of, named, sticky, sticky_config};
use super::{GET, HELLO, local};
use crate::real::evenkeel::{Config, Evenkeel};
use crate::real::message::Answer;
use crate::real::origin;

/// The proxy in front of an origin that notes the heads it is sent, and the notes.
fn noting(config: Config) -> (Evenkeel, Arc<Mutex<Vec<String>>>) {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&notes);
    let origin = origin::start(move |mut connection| {
        while let Some(head) = connection.head() {
            shared.lock().expect("short").push(head);
            if connection.say(HELLO).is_err() {
                return;
            }
        }
    });
    let endpoints = vec![("a".to_owned(), origin)];
    (
        Evenkeel::start(&Config {
            endpoints,
            ..config
        }),
        notes,
    )
}

fn post(fields: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: app\r\n{fields}\r\n\r\n{body}")
}

/// Number, fields, body; all are answered with 400.
const REFUSED: &[(u8, &str, &str)] = &[
    (
        1,
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "0\r\n\r\n",
    ),
    (
        1,
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "0\r\n\r\n",
    ),
    (2, "Content-Length: 5\r\nContent-Length: 6", "hello"),
    (2, "Content-Length: 5\r\nContent-Length: 5", "hello"),
    (3, "Content-Length: +5", "hello"),
    (3, "Content-Length: 5,5", "hello"),
    (3, "Content-Length: -5", "hello"),
    (4, "Transfer-Encoding: xchunked", "0\r\n\r\n"),
    (4, "Transfer-Encoding: chunked, identity", "0\r\n\r\n"),
    (5, "Transfer-Encoding : chunked", "0\r\n\r\n"),
    (6, "X: y\r\n z", ""),
    (6, "X: y\r\n\tTransfer-Encoding: chunked", "0\r\n\r\n"),
    (7, "X: y\nZ: z", ""),
    (7, "X: y\rZ: z", ""),
    (8, "Transfer-Encoding: chunked", "0x5\r\nhello\r\n0\r\n\r\n"),
    (
        8,
        "Transfer-Encoding: chunked",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
    ),
    (9, "X: y\0z", ""),
    (10, "Host: app", ""),
    (10, "Host: other", ""),
];

/// Number, request, status.
fn refused() -> Vec<(u8, String, u16)> {
    let fields = |many: usize| "X: y\r\n".repeat(many);
    let long = "y".repeat(8 << 10);
    let get = |path: &str, fields: &str| format!("GET {path} HTTP/1.1\r\n{fields}\r\n");
    let mut all = vec![
        (7, get("/", "Host: app\r\n").replace('\r', ""), 400),
        (10, get("/", ""), 400),
        (11, get("/", &format!("Host: app\r\n{}", fields(100))), 431),
        (12, get(&format!("/{long}"), "Host: app\r\n"), 414),
        (12, post(&format!("X: {}", long.repeat(4)), ""), 431),
    ];
    let listed = REFUSED.iter();
    all.extend(listed.map(|&(number, fields, body)| (number, post(fields, body), 400)));
    all
}

#[test]
fn what_is_refused_is_told_so_and_reaches_nobody() {
    let (proxy, notes) = noting(Config::new([]));
    for (number, request, status) in refused() {
        let mut client = proxy.client();
        let answer = client.exchange("GET", request.as_bytes());
        let shown = request
            .get(..200)
            .unwrap_or(&request)
            .escape_debug()
            .to_string();
        let answer = answer.unwrap_or_else(|failure| panic!("{number}: {failure}: {shown}"));
        assert_eq!(answer.head.status, status, "{number}: {shown}");
        local(&answer, status);
        assert!(answer.head.closes() && client.ended(), "{number}: {shown}");
    }
    // Of a body that goes wrong the head has gone ahead; nothing else has.
    let notes = notes.lock().unwrap();
    let heads: Vec<&String> = notes
        .iter()
        .filter(|head| !head.contains("chunked"))
        .collect();
    assert!(heads.is_empty(), "{heads:?}");
    assert!(notes.len() <= 2, "{notes:?}");
}

/// 11 and 12: what just fits passes.
#[test]
fn what_a_limit_allows_is_served() {
    let (proxy, notes) = noting(Config::new([]));
    let path = format!("/{}", "y".repeat((8 << 10) - 1));
    let fields = "X: y\r\n".repeat(99);
    let request = format!("GET {path} HTTP/1.1\r\nHost: app\r\n{fields}\r\n");
    let answer = proxy.client().exchange("GET", request.as_bytes()).unwrap();
    assert_eq!(answer.body, b"hello");
    let head = &notes.lock().unwrap()[0];
    assert!(head.starts_with(&format!("GET {path} ")), "{head}");
    assert_eq!(head.matches("X: y\r\n").count(), 99);
}

/// 10: the target's host is the one that counts (RFC 9112 3.2.2), and the only one that is sent.
#[test]
fn of_two_hosts_the_targets_counts() {
    let (proxy, notes) = noting(Config::new([]));
    let request = b"GET http://app/x HTTP/1.1\r\nHost: other\r\n\r\n";
    assert_eq!(
        proxy.client().exchange("GET", request).unwrap().body,
        b"hello"
    );
    let head = &notes.lock().unwrap()[0];
    assert!(
        head.starts_with("GET /x HTTP/1.1\r\nHost: app\r\n"),
        "{head}"
    );
    assert!(!head.contains("other"), "{head}");
}

/// 13: patience is with the head as a whole, however diligently its bytes come.
#[test]
fn a_head_that_trickles_is_408() {
    let (proxy, notes) = noting(Config {
        listener: "timeouts = { header = \"400ms\" }",
        ..Config::new([])
    });
    let mut stream = TcpStream::connect(proxy.http).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let mut answer = [0; 12];
    let length = loop {
        // Reading for a moment is what paces the bytes.
        match stream.read(&mut answer) {
            Ok(length) => break length,
            Err(error) => assert!(
                matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
                "{error}"
            ),
        }
        let _ = stream.write_all(b"X");
    };
    assert_eq!(&answer[..length], b"HTTP/1.1 408");
    assert!(notes.lock().unwrap().is_empty());
}

/// 14: who lets the endpoint wait for a body gives the place back.
#[test]
fn a_body_that_does_not_come_frees_the_place_at_the_endpoint() {
    let origin = origin::start(|mut connection| {
        if connection
            .head()
            .is_some_and(|head| head.starts_with("GET "))
        {
            let _ = connection.say(HELLO);
        }
        while connection.body(1).is_some() {}
    });
    let proxy = Evenkeel::start(&Config {
        listener: "timeouts = { body = \"200ms\" }",
        endpoint: ", max_connections = 1",
        pool: "queue = { limit = 5, timeout = \"20s\" }",
        ..Config::new([origin])
    });
    let mut slow = proxy.client();
    slow.send(post("Content-Length: 5", "h").as_bytes())
        .unwrap();
    let mut waiting = proxy.client();
    waiting.send(GET).unwrap();
    local(&slow.answer("POST").unwrap(), 408);
    assert_eq!(waiting.answer("GET").unwrap().body, b"hello");
}

/// 22: without a 101 there is no tunnel: what follows is the next request.
#[test]
fn bytes_after_an_upgrade_that_was_not_granted_are_a_request() {
    let (proxy, notes) = noting(Config::new([]));
    let ask = b"GET /ws HTTP/1.1\r\nHost: app\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let mut client = proxy.client();
    client.send(&[&ask[..], b"\x81\x05hello"].concat()).unwrap();
    assert_eq!(client.answer("GET").unwrap().head.status, 200);
    local(&client.answer("GET").unwrap(), 400);
    assert!(client.ended());
    assert_eq!(notes.lock().unwrap().len(), 1);
}

/// 23 and 24: what the origin is told of the client, and by whom.
#[test]
fn the_client_cannot_say_who_it_is() {
    let spoofed = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n\
        X-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /evil\r\nForwarded: for=6.6.6.6\r\n\
        X_Forwarded_For: 6.6.6.6\r\nx-forwarded_proto: https\r\n";
    let named = "Connection: X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, Host, Via\r\n";
    let (proxy, notes) = noting(Config::new([]));
    let mut client = proxy.client();
    for fields in [
        spoofed.to_owned(),
        named.to_owned(),
        format!("{named}{spoofed}"),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: app\r\n{fields}\r\n");
        assert_eq!(
            client.exchange("GET", request.as_bytes()).unwrap().body,
            b"hello"
        );
    }
    for head in notes.lock().unwrap().iter() {
        for line in [
            "X-Forwarded-For: 127.0.0.1",
            "X-Forwarded-Proto: http",
            "X-Forwarded-Host: app",
        ] {
            assert!(head.contains(&format!("\r\n{line}\r\n")), "{head}");
        }
        for gone in ["6.6.6.6", "evil", "https", "Port", "_"] {
            assert!(!head.contains(gone), "{gone} in {head}");
        }
    }

    let (proxy, notes) = noting(Config {
        listener: "trusted_proxies = [\"127.0.0.0/8\"]",
        ..Config::new([])
    });
    let request = b"GET / HTTP/1.1\r\nHost: app\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n";
    assert_eq!(
        proxy.client().exchange("GET", request).unwrap().body,
        b"hello"
    );
    let head = &notes.lock().unwrap()[0];
    assert!(
        head.contains("\r\nX-Forwarded-For: 6.6.6.6, 127.0.0.1\r\n"),
        "{head}"
    );
}

/// 25: nothing in a path is decoded or taken away; what is matched is what is sent.
#[test]
fn a_path_is_matched_and_sent_as_the_same_bytes() {
    let (proxy, notes) = noting(Config {
        path: "/a/",
        ..Config::new([])
    });
    let mut client = proxy.client();
    let cases = [
        ("/a/%2e%2e/admin", 200),
        ("/a/../admin", 200),
        ("/a//admin", 200),
        ("/a/admin%2f", 200),
        ("/a/%00", 200),
        ("/a/\\..\\admin", 200),
        ("/a/;x=/../admin", 200),
        ("/a/?x=/../y", 200),
        ("//a/admin", 404),
        ("/%61/admin", 404),
        ("/a%2fadmin", 404),
        ("/A/admin", 404),
        ("/./a/admin", 404),
        ("/b/../a/admin", 404),
    ];
    for (path, status) in cases {
        let request = format!("GET {path} HTTP/1.1\r\nHost: app\r\n\r\n");
        let answer = client.exchange("GET", request.as_bytes()).unwrap();
        assert_eq!(answer.head.status, status, "{path}");
    }
    let notes = notes.lock().unwrap();
    let sent = notes
        .iter()
        .map(|head| head.split(' ').nth(1).unwrap_or_default());
    let served = cases.iter().filter(|case| case.1 == 200).map(|case| case.0);
    assert!(sent.eq(served), "{notes:?}");
}

/// Requests with one `Cookie` each.
fn asking(proxy: &Evenkeel, cookie: &str) -> Answer {
    let request = format!("GET / HTTP/1.1\r\nHost: app\r\nCookie: {cookie}\r\n\r\n");
    let answer = proxy.client().exchange("GET", request.as_bytes());
    answer.expect("an answer")
}

/// 26: a cookie that is forged, cut, of another key or of 8 KiB is ignored and counted, and the
/// client is treated as a new one.
#[test]
fn cookies_that_we_have_not_made_are_ignored_and_counted() {
    let strange = sticky([named("a")]);
    let theirs = cookie_of(&strange.client().exchange("GET", GET).unwrap()).expect("a new client");
    let proxy = sticky([named("a"), named("b")]);
    let ours = cookie_of(&proxy.client().exchange("GET", GET).unwrap()).expect("a new client");
    let changed = match ours.strip_suffix('A') {
        Some(rest) => format!("{rest}B"),
        None => format!("{}A", &ours[..ours.len() - 1]),
    };
    let huge = format!("srv={}", "x".repeat(8 << 10));
    let bad = [
        &ours[..20],
        "srv=",
        "srv=10.0.0.1:3000",
        &theirs,
        &changed,
        &huge,
    ];
    for (count, cookie) in (1..).zip(bad) {
        let answer = asking(&proxy, cookie);
        assert_eq!(answer.head.status, 200, "{cookie}");
        assert!(cookie_of(&answer).is_some(), "{cookie}: it is a new client");
        proxy.counts("evenkeel_session_cookies_forged_total", count);
    }
    assert_eq!(cookie_of(&asking(&proxy, &ours)), None, "this one is known");
    proxy.stop();
}

/// 27: a cookie that names a server that is gone: another one, and a new cookie, once.
#[test]
fn a_cookie_of_a_server_that_is_gone_is_replaced_once() {
    let origins = [named("a"), named("b")];
    let proxy = sticky(origins);
    let first = proxy.client().exchange("GET", GET).unwrap();
    let (cookie, gone) = (cookie_of(&first).expect("a new client"), first.body);
    let mut config = sticky_config(origins);
    config.endpoints.retain(|(name, _)| name.as_bytes() != gone);
    proxy.reload(&config.text());
    let moved = (0..1000)
        .map(|_| asking(&proxy, &cookie))
        .find(|answer| answer.body != gone);
    let moved = moved.expect("the reload removes it");
    let new = cookie_of(&moved).expect("it is told where it lives");
    for _ in 0..10 {
        let answer = asking(&proxy, &new);
        assert_eq!(
            (cookie_of(&answer), answer.body),
            (None, moved.body.clone())
        );
    }
    proxy.reload(&sticky_config(origins).text());
    for _ in 0..10 {
        assert_eq!(
            asking(&proxy, &new).body,
            moved.body,
            "it does not flap back"
        );
    }
    proxy.stop();
}

/// 28: of two sticky cookies the first valid one counts.
#[test]
fn of_two_cookies_the_first_valid_one_counts() {
    let proxy = sticky([named("a"), named("b")]);
    let mut of = BTreeMap::new();
    while of.len() < 2 {
        let answer = proxy.client().exchange("GET", GET).unwrap();
        let cookie = cookie_of(&answer).expect("a new client");
        of.insert(answer.body, cookie);
    }
    let (a, b) = (&of[&b"a"[..]], &of[&b"b"[..]]);
    for (cookies, expected) in [
        (format!("{a}; {b}"), b"a"),
        (format!("{b}; {a}"), b"b"),
        (format!("srv=x; {b}; {a}"), b"b"),
        (format!("srv=; srv={}; {a}", "y".repeat(38)), b"a"),
    ] {
        for _ in 0..4 {
            assert_eq!(asking(&proxy, &cookies).body, expected, "{cookies}");
        }
    }
    proxy.stop();
}
