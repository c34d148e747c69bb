//! What clients and origins see of the proxy, byte by byte: raw sockets on both sides of
//! `evenkeel serve`.
#[path = "proxy/affinity.rs"]
mod affinity;
#[path = "proxy/bad_input.rs"]
mod bad_input;
#[path = "proxy/body.rs"]
mod body;
#[path = "proxy/bound.rs"]
mod bound;
#[path = "proxy/certificate.rs"]
mod certificate;
#[path = "proxy/grpc.rs"]
mod grpc;
#[path = "proxy/health.rs"]
mod health;
#[path = "proxy/hedge.rs"]
mod hedge;
#[path = "proxy/http2_abuse.rs"]
mod http2_abuse;
#[path = "proxy/limit.rs"]
mod limit;
#[path = "proxy/load.rs"]
mod load;
#[path = "proxy/operation.rs"]
mod operation;
#[path = "proxy/priority.rs"]
mod priority;
mod real;
#[path = "proxy/retry.rs"]
mod retry;
#[path = "proxy/throttle.rs"]
mod throttle;
#[path = "proxy/tunnel.rs"]
mod tunnel;
#[path = "proxy/zone.rs"]
mod zone;

use real::client::Client;
use real::evenkeel::{Config, Evenkeel};
use real::message::{Answer, Failure};
use real::origin::{self, Connection, REFUSING};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::sync::Mutex;
use std::sync::mpsc::channel;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: app\r\n\r\n";
const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// The proxy in front of one origin.
fn before(origin: SocketAddr) -> Evenkeel {
    Evenkeel::start(&Config::new([origin]))
}

/// The proxy in front of one origin that runs `script` on each connection.
fn scripted(script: impl Fn(Connection) + Send + Sync + 'static) -> Evenkeel {
    before(origin::start(script))
}

/// An answer of the proxy's own: the status, a short text, the name of the request for the log.
/// Returns that name.
fn local(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.head.status, status, "{answer:?}");
    let kind = answer
        .head
        .field("content-type")
        .expect("its body has a type");
    assert!(kind.starts_with("text/plain"), "{kind}");
    assert!((1..=200).contains(&answer.body.len()), "{answer:?}");
    assert!(answer.body.is_ascii());
    answer
        .head
        .field("x-request-id")
        .expect("it has a request id")
        .into()
}

// ---- answers of the proxy's own -----------------------------------------------------------------

#[test]
fn refused_by_the_only_endpoint_is_502() {
    let proxy = before(REFUSING);
    let mut client = proxy.client();
    let ids = [1, 2].map(|_| local(&client.exchange("GET", GET).unwrap(), 502));
    assert_ne!(ids[0], ids[1]);
    proxy.stop();
}

#[test]
fn no_route_is_404() {
    let config = Config {
        path: "/app/",
        ..Config::new([origin::saying(HELLO)])
    };
    let proxy = Evenkeel::start(&config);
    let mut client = proxy.client();
    for (path, status) in [("/app/x", 200), ("/app", 404), ("/", 404), ("/apple/", 404)] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: app\r\n\r\n");
        let answer = client.exchange("GET", request.as_bytes()).unwrap();
        assert_eq!(answer.head.status, status, "{path}");
        if status == 404 {
            local(&answer, 404);
        }
    }
}

#[test]
fn connect_is_405() {
    let proxy = before(origin::saying(HELLO));
    let request = b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n";
    local(&proxy.client().exchange("CONNECT", request).unwrap(), 405);
}

#[test]
fn a_request_of_two_lengths_is_400_and_ends_the_connection() {
    let proxy = scripted(|_| panic!("an origin was asked"));
    let fields = ["Content-Length: 5", "Transfer-Encoding: chunked"];
    for (first, second) in [(fields[0], fields[1]), (fields[1], fields[0])] {
        let mut client = proxy.client();
        let request =
            format!("POST / HTTP/1.1\r\nHost: app\r\n{first}\r\n{second}\r\n\r\n0\r\n\r\n");
        let answer = client.exchange("POST", request.as_bytes()).unwrap();
        assert_eq!(answer.head.status, 400, "{first}, then {second}");
        assert!(answer.head.closes() && client.ended());
    }
}

#[test]
fn half_a_head_then_silence_is_408() {
    let config = Config {
        listener: "timeouts = { header = \"200ms\" }",
        ..Config::new([origin::saying(HELLO)])
    };
    let proxy = Evenkeel::start(&config);
    let mut client = proxy.client();
    client.send(b"GET / HTTP/1.1\r\nHos").unwrap();
    let answer = client.answer("GET").unwrap();
    assert_eq!(answer.head.status, 408);
    assert!(answer.head.closes() && client.ended());
}

// ---- what is relayed ----------------------------------------------------------------------------

#[test]
fn connection_close_is_honoured() {
    let proxy = before(origin::saying(HELLO));
    let mut client = proxy.client();
    let request = b"GET / HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n";
    let answer = client.exchange("GET", request).unwrap();
    assert_eq!(answer.body, b"hello");
    assert!(answer.head.closes() && client.ended());
}

#[test]
fn a_client_of_http_1_0_gets_no_chunks() {
    const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for said in [HELLO, CHUNKED] {
        let proxy = before(origin::saying(said));
        let mut client = proxy.client();
        let answer = client.exchange("GET", b"GET / HTTP/1.0\r\n\r\n").unwrap();
        assert_eq!(
            (answer.head.status, answer.body.as_slice()),
            (200, b"hello".as_slice())
        );
        assert_eq!(answer.head.field("transfer-encoding"), None);
        assert!(client.ended());
    }
}

#[test]
fn head_keeps_the_length_and_has_no_body() {
    let proxy = scripted(|mut connection| {
        while let Some(head) = connection.head() {
            let length: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
            let said = if head.starts_with("HEAD ") {
                length
            } else {
                HELLO
            };
            connection.say(said).expect("the proxy reads");
        }
    });
    let mut client = proxy.client();
    for _ in 0..2 {
        let answer = client
            .exchange("HEAD", b"HEAD / HTTP/1.1\r\nHost: app\r\n\r\n")
            .unwrap();
        assert_eq!(
            (answer.head.status, answer.head.field("content-length")),
            (200, Some("5"))
        );
        assert_eq!(client.exchange("GET", GET).unwrap().body, b"hello");
    }
}

#[test]
fn chunks_are_relayed_as_they_come() {
    let (go_on, gate) = channel();
    let gate = Mutex::new(gate);
    let proxy = scripted(move |mut connection| {
        connection.head();
        let begun = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n";
        connection.say(begun).expect("the proxy reads");
        if gate.lock().expect("one connection").recv().is_ok() {
            connection
                .say(b"8\r\n, second\r\n0\r\n\r\n")
                .expect("the proxy reads");
        }
        connection.head();
    });
    let mut client = proxy.client();
    client.send(GET).unwrap();
    client.wait_for(b"first").unwrap();
    go_on.send(()).unwrap();
    assert_eq!(client.answer("GET").unwrap().body, b"first, second");
}

#[test]
fn the_origin_decides_what_expect_gets() {
    let proxy = scripted(|mut connection| {
        while let Some(head) = connection.head() {
            assert!(
                head.to_lowercase().contains("\r\nexpect: 100-continue\r\n"),
                "{head}"
            );
            if head.starts_with("POST /refused ") {
                let refusal = b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n";
                let _ = connection.say(refusal);
                return;
            }
            connection
                .say(b"HTTP/1.1 100 Continue\r\n\r\n")
                .expect("the proxy reads");
            assert_eq!(connection.body(5).as_deref(), Some(b"hello".as_slice()));
            connection.say(HELLO).expect("the proxy reads");
        }
    });
    let request = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: app\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        )
    };
    let mut client = proxy.client();
    client.send(request("/wanted").as_bytes()).unwrap();
    assert_eq!(client.head().unwrap().status, 100);
    client.send(b"hello").unwrap();
    assert_eq!(client.answer("POST").unwrap().body, b"hello");

    let mut client = proxy.client();
    client.send(request("/refused").as_bytes()).unwrap();
    assert_eq!(client.head().unwrap().status, 417);
}

#[test]
fn a_body_cut_by_the_origin_is_never_whole() {
    let cases: &[(&str, &[u8])] = &[
        (
            "within a length",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello",
        ),
        (
            "within a chunk",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello",
        ),
        (
            "between chunks",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        ),
        (
            "before the last empty line",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        ),
    ];
    for &(place, said) in cases {
        let proxy = scripted(move |mut connection| {
            connection.head();
            connection.say(said).expect("the proxy reads");
        });
        let failure = proxy.client().exchange("GET", GET).unwrap_err();
        match &failure {
            Failure::CutBody(_, body) => assert!(b"hello".starts_with(body), "{place}"),
            _ => panic!("{place}: {failure}"),
        }
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let proxy = scripted(|mut connection| {
        while let Some(head) = connection.head() {
            let path = head.split(' ').nth(1).expect("a request line").to_string();
            let length = path.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{path}");
            connection.say(answer.as_bytes()).expect("the proxy reads");
        }
    });
    let paths = ["/a", "/bb", "/ccc", "/dddd"];
    let requests = paths.map(|path| format!("GET {path} HTTP/1.1\r\nHost: app\r\n\r\n"));
    let mut client = proxy.client();
    client.send(requests.concat().as_bytes()).unwrap();
    for path in paths {
        assert_eq!(client.answer("GET").unwrap().body, path.as_bytes());
    }
}

#[test]
fn a_client_that_leaves_frees_its_origin() {
    let (sender, ended) = channel();
    let sender = Mutex::new(sender);
    let proxy = scripted(move |mut connection| {
        let Some(head) = connection.head() else {
            return;
        };
        if head.starts_with("GET /small ") {
            let _ = connection.say(HELLO);
            return;
        }
        let endless = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n";
        connection.say(endless).expect("the proxy reads");
        let stopped = loop {
            if let Err(error) = connection.say(&[b'x'; 65_536]) {
                break error.kind();
            }
        };
        sender
            .lock()
            .expect("one sender")
            .send(stopped)
            .expect("the test listens");
    });
    let mut client = proxy.client();
    client.send(GET).unwrap();
    client.wait_for(b"xxxx").unwrap();
    drop(client);
    let stopped = ended.recv_timeout(real::PATIENCE * 2).unwrap();
    assert!(
        matches!(stopped, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
        "{stopped}"
    );
    let small = b"GET /small HTTP/1.1\r\nHost: app\r\n\r\n";
    assert_eq!(
        proxy.client().exchange("GET", small).unwrap().body,
        b"hello"
    );
}

// ---- the life of the process --------------------------------------------------------------------

#[test]
fn a_port_in_use_is_said_and_ends_with_1() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let (mut process, _folder) = Evenkeel::launch(&Config {
        address,
        ..Config::new([REFUSING])
    });
    assert_eq!(process.exit().code(), Some(1));
    let complaint = process.complaint();
    assert!(complaint.contains(&address.to_string()), "{complaint}");
    assert!(complaint.to_lowercase().contains("in use"), "{complaint}");
    assert!(!complaint.contains("panicked"), "{complaint}");
}

#[test]
fn a_drain_finishes_what_is_in_flight() {
    let (gate, keeper) = real::gate::gate();
    let proxy = scripted(move |mut connection| {
        let Some(head) = connection.head() else {
            return;
        };
        if head.starts_with("GET /begun ") {
            let begun = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe";
            connection.say(begun).expect("the proxy reads");
            gate.pass();
            connection.say(b"llo").expect("the proxy reads");
        } else {
            gate.pass();
            connection.say(HELLO).expect("the proxy reads");
        }
    });
    let (mut idle, mut waiting, mut begun) = (proxy.client(), proxy.client(), proxy.client());
    waiting.send(GET).unwrap();
    begun
        .send(b"GET /begun HTTP/1.1\r\nHost: app\r\n\r\n")
        .unwrap();
    begun.wait_for(b"he").unwrap();
    for _ in 0..2 {
        keeper.await_one();
    }

    let Evenkeel {
        http, mut process, ..
    } = proxy;
    process.terminate();
    while process.line_with("event")["event"] != "draining" {}
    assert!(Client::connect(http).is_err(), "a draining proxy accepts");
    assert!(idle.ended());
    for _ in 0..2 {
        keeper.let_one();
    }
    let answer = waiting.answer("GET").unwrap();
    assert_eq!(answer.body, b"hello");
    assert!(answer.head.closes() && waiting.ended());
    assert_eq!(begun.answer("GET").unwrap().body, b"hello");
    assert!(begun.ended());
    assert_eq!(process.exit().code(), Some(0));
}
