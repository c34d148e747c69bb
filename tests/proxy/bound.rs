//! What clients may take of the proxy's time and room before a request is served, each bound with
//! what operators are told of it.
use std::net::SocketAddr;

use super::{GET, HELLO};
use crate::real::certificate::Authority;
use crate::real::client::Client;
use crate::real::evenkeel::{Config, Evenkeel};
use crate::real::http2::{self, *};
use crate::real::origin;
use tempfile::TempDir;

/// A proxy with a second listener, `https`, that has these further lines.
fn secure(folder: &TempDir, lines: &str) -> Evenkeel {
    let authority = Authority::new("test");
    authority.sign(folder.path(), "site", &["localhost"]);
    let [cert, key] = ["site.pem", "site.key"].map(|name| folder.path().join(name));
    Evenkeel::start(&Config {
        blocks: format!(
            "[[listener]]\nname = \"https\"\naddress = \"127.0.0.1:0\"\n\
             tls = {{ certificates = [{{ cert = {cert:?}, key = {key:?} }}] }}\n{lines}\n"
        ),
        ..Config::new([origin::saying(HELLO)])
    })
}

fn https(proxy: &Evenkeel) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], proxy.port("https")))
}

#[test]
fn who_says_nothing_in_tls_is_let_go_and_counted() {
    let folder = TempDir::new().unwrap();
    let proxy = secure(&folder, "timeouts = { handshake = \"300ms\" }");
    let mut silent = Client::connect(https(&proxy)).unwrap();
    assert!(silent.ended());
    let failures = "evenkeel_tls_handshake_failures_total{reason=\"timeout\"}";
    proxy.counts(failures, 1);
}

#[test]
fn handshakes_beyond_the_limit_wait_and_are_told_apart() {
    let folder = TempDir::new().unwrap();
    let lines = "timeouts = { handshake = \"500ms\" }\nlimits = { handshakes = 1 }";
    let proxy = secure(&folder, lines);
    let mut silent = [(); 2].map(|()| Client::connect(https(&proxy)).unwrap());
    assert!(silent.iter_mut().all(Client::ended));
    for reason in ["timeout", "full"] {
        let failures = format!("evenkeel_tls_handshake_failures_total{{reason=\"{reason}\"}}");
        proxy.counts(&failures, 1);
    }
    let limited = "evenkeel_limited_total{limit=\"handshakes\"}";
    proxy.counts(limited, 1);
}

#[test]
fn plain_text_to_tls_is_a_protocol_failure() {
    let folder = TempDir::new().unwrap();
    let proxy = secure(&folder, "");
    let mut client = Client::connect(https(&proxy)).unwrap();
    client.send(GET).unwrap();
    assert!(client.wait_for(b"never").is_err());
    let failures = "evenkeel_tls_handshake_failures_total{reason=\"protocol\"}";
    proxy.counts(failures, 1);
}

/// Streams that are reset while they are served, one after another: the slow form of 16.
#[test]
fn more_resets_than_allowed_end_the_connection() {
    let config = Config {
        listener: "limits = { resets = 5 }",
        ..Config::new([origin::start(
            |mut connection| while connection.head().is_some() {},
        )])
    };
    let proxy = Evenkeel::start(&config);
    let mut client = Http2::connect(proxy.http).expect("the proxy accepts");
    let mut resets = 0;
    let goaway = (0..20).map(|n| n * 2 + 1).find_map(|stream| {
        // The pong comes after the request was taken up.
        let ping = frame(PING, 0, 0, &[0; 8]);
        let reset = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        client.send(&[http2::get(stream), ping].concat()).ok()?;
        let answer = std::iter::from_fn(|| client.next())
            .find(|frame| frame.kind == GOAWAY || frame.kind == PING && frame.flags == ACK)?;
        if answer.kind == GOAWAY {
            return answer.error();
        }
        client.send(&reset).ok()?;
        resets += 1;
        None
    });
    // What the client still sends meets a closed connection, whose reset may overtake the GOAWAY.
    assert!(goaway.is_none_or(|error| error == ENHANCE_YOUR_CALM));
    assert!((5..20).contains(&resets), "{resets}");
    let goaways = "evenkeel_http2_goaways_total{reason=\"resets\"}";
    proxy.counts(goaways, 1);
}

/// No endpoint is asked for a body that is announced too large.
#[test]
fn a_body_above_the_limit_is_refused_before_any_endpoint() {
    let mut config = Config::new([origin::saying(HELLO)]);
    config.path = "/else/";
    config.blocks = "[[route]]\npath = \"/\"\npool = \"app\"\nbody_limit = \"4B\"\n".to_owned();
    let proxy = Evenkeel::start(&config);
    for (length, body, status) in [(4, "four", 200), (5, "", 413)] {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        let request = [head.as_bytes(), body.as_bytes()].concat();
        let answer = proxy.client().exchange("POST", &request).unwrap();
        assert_eq!(answer.head.status, status);
    }
    proxy.counts("evenkeel_requests_rejected_total{status=\"413\"}", 1);
    proxy.counts("evenkeel_picks_total", 1);
}

#[test]
fn a_limit_that_acts_is_counted_by_its_name() {
    let config = Config {
        listener: "limits = { headers = 2, uri_bytes = \"20B\", header_bytes = \"300B\" }",
        ..Config::new([origin::saying(HELLO)])
    };
    let proxy = Evenkeel::start(&config);
    let many = "GET / HTTP/1.1\r\nHost: a\r\nb: c\r\nd: e\r\n\r\n".to_owned();
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(20));
    let large = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nb: {}\r\n\r\n",
        "x".repeat(300)
    );
    for (request, status, limit) in [
        (many, 431, "headers"),
        (long, 414, "uri_bytes"),
        (large, 431, "header_bytes"),
    ] {
        let answer = proxy.client().exchange("GET", request.as_bytes()).unwrap();
        assert_eq!(answer.head.status, status, "{limit}");
        let limited = format!("evenkeel_limited_total{{limit=\"{limit}\"}}");
        proxy.counts(&limited, 1);
    }
}
