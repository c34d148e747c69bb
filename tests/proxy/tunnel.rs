//! Upgrades (RFC 9110, section 7.8): afterwards the connection is the two parties' own.
use std::sync::Mutex;
use std::sync::mpsc::channel;

use super::operation::reloaded;
use super::{GET, HELLO, before, local, scripted};
use crate::real::PATIENCE;
use crate::real::client::Client;
use crate::real::evenkeel::{Config, Evenkeel};
use crate::real::http2::{DATA, END_HEADERS, HEADERS, Http2, frame, request};
use crate::real::origin::{self, Connection};

const ASK: &[u8] =
    b"GET /chat HTTP/1.1\r\nHost: app\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
const SWITCH: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";

/// Agrees to an upgrade, then gives back every byte until a `.`.
fn echo(connection: &mut Connection) {
    let Some(head) = connection.head() else {
        return;
    };
    let head = head.to_lowercase();
    assert!(head.contains("\r\nupgrade: echo\r\n"), "{head}");
    assert!(head.contains("\r\nconnection: upgrade\r\n"), "{head}");
    connection.say(SWITCH).expect("the proxy reads");
    while let Some(byte) = connection.body(1) {
        if byte == b"." || connection.say(&byte).is_err() {
            return;
        }
    }
}

#[test]
fn a_tunnel_carries_both_ways_and_ends_with_the_origin() {
    let proxy = scripted(|mut connection| echo(&mut connection));
    let mut client = proxy.client();
    client.send(ASK).unwrap();
    let head = client.head().unwrap();
    assert_eq!((head.status, head.field("upgrade")), (101, Some("echo")));
    let long = vec![b'x'; 300_000];
    for said in [&b"one"[..], b"\0\r\n\r\n", b"0\r\n\r\n", &long] {
        client.send(said).unwrap();
        assert_eq!(client.bytes(said.len()).unwrap(), said);
    }
    client.send(b".").unwrap();
    assert!(client.ended());
    proxy.stop();
}

#[test]
fn a_tunnel_ends_with_the_client() {
    let (sender, ended) = channel();
    let sender = Mutex::new(sender);
    let proxy = scripted(move |mut connection| {
        echo(&mut connection);
        let _ = sender.lock().expect("one sender").send(());
    });
    let mut client = proxy.client();
    client.send(ASK).unwrap();
    assert_eq!(client.head().unwrap().status, 101);
    client.send(b"x").unwrap();
    assert_eq!(client.bytes(1).unwrap(), b"x");
    drop(client);
    ended.recv_timeout(PATIENCE).unwrap();
}

/// Four tunnels to an endpoint that drains, over two workers: all are closed in its time.
#[test]
fn tunnels_of_a_draining_endpoint_end_with_its_time() {
    let (sender, ended) = channel();
    let sender = Mutex::new(sender);
    let origin = origin::start(move |mut connection| {
        echo(&mut connection);
        let _ = sender.lock().expect("one sender").send(());
    });
    let config = Config {
        pool: "drain = \"400ms\"",
        ..Config::new([origin])
    };
    let mut proxy = Evenkeel::start(&config);
    let mut clients = [(); 4].map(|()| {
        let mut client = proxy.client();
        client.send(ASK).unwrap();
        assert_eq!(client.head().unwrap().status, 101);
        client.send(b"x").unwrap();
        assert_eq!(client.bytes(1).unwrap(), b"x");
        client
    });
    let draining = Config {
        endpoint: ", drain = true",
        ..config
    };
    reloaded(&mut proxy, &draining.text());
    local(&proxy.client().exchange("GET", GET).unwrap(), 503);
    assert!(clients.iter_mut().all(Client::ended));
    (0..4).for_each(|_| ended.recv_timeout(PATIENCE).unwrap());
    proxy.process.says("is drained: nothing is left there");
    proxy.counts("evenkeel_drained_tunnels_total", 4);
    proxy.counts("evenkeel_endpoint_tunnels", 0);
    proxy.stop();
}

#[test]
fn bytes_that_travel_with_the_heads_are_the_tunnels() {
    let proxy = scripted(|mut connection| {
        connection.head();
        connection
            .say(&[SWITCH, b"early"].concat())
            .expect("the proxy reads");
        assert_eq!(connection.body(5).as_deref(), Some(&b"eager"[..]));
        connection.say(b"late").expect("the proxy reads");
    });
    let mut client = proxy.client();
    client.send(&[ASK, b"eager"].concat()).unwrap();
    assert_eq!(client.head().unwrap().status, 101);
    assert_eq!(client.bytes(9).unwrap(), b"earlylate");
    assert!(client.ended());
}

#[test]
fn an_upgrade_that_is_not_wanted_is_an_ordinary_request() {
    let proxy = scripted(
        |mut connection| {
            while connection.head().is_some() && connection.say(HELLO).is_ok() {}
        },
    );
    let mut client = proxy.client();
    for _ in 0..2 {
        assert_eq!(client.exchange("GET", ASK).unwrap().body, b"hello");
    }
}

#[test]
fn a_switch_that_nobody_asked_for_is_502() {
    let proxy = scripted(|mut connection| {
        connection.head();
        connection.say(SWITCH).expect("the proxy reads");
        connection.head();
    });
    let mut client = proxy.client();
    local(&client.exchange("GET", GET).unwrap(), 502);
}

#[test]
fn a_client_that_has_said_all_still_hears_the_origin_out() {
    const LONG: &[u8] = &[b'x'; 300_000];
    let proxy = scripted(|mut connection| {
        connection.head();
        connection.say(SWITCH).expect("the proxy reads");
        assert_eq!(connection.body(3).as_deref(), Some(&b"all"[..]));
        assert!(connection.ended());
        connection.say(LONG).expect("the proxy still reads");
    });
    let mut client = proxy.client();
    client.send(ASK).unwrap();
    assert_eq!(client.head().unwrap().status, 101);
    client.send(b"all").unwrap();
    client.finish();
    assert_eq!(client.bytes(LONG.len()).unwrap(), LONG);
    assert!(client.ended());
}

#[test]
fn an_origin_that_has_said_all_ends_the_conversation() {
    const LONG: &[u8] = &[b'x'; 300_000];
    let (sender, ended) = channel();
    let sender = Mutex::new(sender);
    let proxy = scripted(move |mut connection| {
        connection.head();
        connection.say(SWITCH).expect("the proxy reads");
        connection.say(LONG).expect("the proxy reads");
        connection.finish();
        let sent = sender.lock().expect("one sender").send(connection.ended());
        sent.expect("the test listens");
    });
    let mut client = proxy.client();
    client.send(ASK).unwrap();
    assert_eq!(client.head().unwrap().status, 101);
    assert_eq!(client.bytes(LONG.len()).unwrap(), LONG);
    assert!(client.ended());
    assert!(ended.recv_timeout(PATIENCE).unwrap());
}

/// A client of RFC 8441 takes any 2xx for a WebSocket that is open.
#[test]
fn a_websocket_over_http2_is_opened_by_101_alone() {
    // As HPACK has them: 200 stands in its static table, the others are spelled.
    const OK: &[u8] = &[0x80 | 8];
    const BAD_GATEWAY: &[u8] = &[0x40 | 8, 0x80 | 2, 0x6c, 0x02];
    let cases: [(&[u8], &[u8], &[u8]); 4] = [
        (SWITCH, OK, b"early"),
        (HELLO, BAD_GATEWAY, b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", BAD_GATEWAY, b""),
        (
            b"HTTP/1.1 299 Well\r\nContent-Length: 5\r\n\r\nhello",
            BAD_GATEWAY,
            b"",
        ),
    ];
    for (said, status, early) in cases {
        let shown = said.escape_ascii();
        let proxy = before(origin::start(move |mut connection| {
            while connection.head().is_some() && connection.say(&[said, early].concat()).is_ok() {}
        }));
        let mut client = Http2::connect(proxy.http).unwrap();
        let open = request("CONNECT", "/", &[(b":protocol", b"websocket")]);
        client.send(&frame(HEADERS, END_HEADERS, 1, &open)).unwrap();
        let head = client.next_of(HEADERS).expect("a response");
        assert!(head.payload.starts_with(status), "{shown}: {head:?}");
        let data = client.next_of(DATA).expect("bytes, or our own words");
        assert_eq!(data.payload == early, status == OK, "{shown}: {data:?}");
        assert_ne!(data.payload, b"hello", "{shown}");
    }
}
