//! What is sent on: hop-by-hop fields stay behind, forwarded fields follow the rule.

use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use encode::{Forwarded, RequestPlan, ResponsePlan};

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));
const STRANGER: Forwarded = Forwarded {
    peer: Some(PEER),
    trusted: false,
    proto: "http",
};
const FRIEND: Forwarded = Forwarded {
    trusted: true,
    ..STRANGER
};

fn onward(forwarded: Forwarded, keep_alive: bool, input: &str) -> String {
    let head = request(input.as_bytes());
    let plan = RequestPlan {
        forwarded,
        framing: head.framing,
        keep_alive,
        extra: &[],
    };
    let mut out = Vec::new();
    encode::request(&head, input.as_bytes(), &plan, &mut out);
    String::from_utf8(out).unwrap()
}

fn back(version: Version, method: Method, keep_alive: bool, input: &str) -> String {
    let head = response(input.as_bytes(), method);
    let framing = head.framing_for(version);
    let plan = ResponsePlan {
        version,
        framing,
        keep_alive,
        extra: &[("X-Extra", b"1")],
    };
    let mut out = Vec::new();
    encode::response(&head, input.as_bytes(), &plan, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_request_is_sent_on() {
    let sent = onward(
        STRANGER,
        true,
        "POST /a/../b%2f?c HTTP/1.1\r\naccept: x\r\nHost: h:80\r\nContent-Length: 007\r\n\
         Keep-Alive: 5\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\nCookie: k\r\nTE: gzip\r\n\
         Expect: 100-continue\r\nTrailer: t\r\n\r\n",
    );
    let expected = "POST /a/../b%2f?c HTTP/1.1\r\nHost: h:80\r\naccept: x\r\nCookie: k\r\n\
         Trailer: t\r\nX-Forwarded-For: 192.0.2.7\r\n\
         X-Forwarded-Proto: http\r\nX-Forwarded-Host: h:80\r\nVia: 1.1 evenkeel\r\n\
         Content-Length: 7\r\nExpect: 100-continue\r\n\r\n";
    assert_eq!(sent, expected);
}

#[test]
fn connection_cannot_name_what_has_a_rule() {
    let options = "Host, content-length, Transfer-Encoding, x-forwarded-for, X-Forwarded-Host, \
        Forwarded, Via, Cookie, authorization, Drop";
    let fields = "Host: h\r\nContent-Length: 1\r\nX-Forwarded-For: 1.1.1.1\r\n\
        X-Forwarded-Host: o\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Prefix: /p\r\n\
        Forwarded: for=x\r\nVia: 1.0 a\r\nVia: 1.1 b\r\nCookie: k\r\nAuthorization: s\r\nDROP: d\r\n";
    let input = format!("PUT / HTTP/1.1\r\nConnection: {options}\r\n{fields}\r\n");
    assert_eq!(
        onward(FRIEND, false, &input),
        "PUT / HTTP/1.1\r\nHost: h\r\nX-Forwarded-Host: o\r\nX-Forwarded-Proto: https\r\n\
         X-Forwarded-Prefix: /p\r\nForwarded: for=x\r\nCookie: k\r\nAuthorization: s\r\n\
         X-Forwarded-For: 1.1.1.1, 192.0.2.7\r\nVia: 1.0 a, 1.1 b, 1.1 evenkeel\r\n\
         Content-Length: 1\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(
        onward(STRANGER, true, &input),
        "PUT / HTTP/1.1\r\nHost: h\r\nCookie: k\r\nAuthorization: s\r\n\
         X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\n\
         Via: 1.0 a, 1.1 b, 1.1 evenkeel\r\nContent-Length: 1\r\n\r\n"
    );
}

#[test]
fn the_whole_family_of_a_stranger_is_dropped() {
    for name in [
        "For",
        "Host",
        "Proto",
        "Port",
        "Prefix",
        "Server",
        "Ssl",
        "Tls-Client-Cert",
    ] {
        let input = format!("GET / HTTP/1.1\r\nHost: h\r\nx-forwarded-{name}: evil\r\n\r\n");
        assert!(!onward(STRANGER, true, &input).contains("evil"), "{name}");
        assert!(onward(FRIEND, true, &input).contains("evil"), "{name}");
    }
}

/// CGI's environment spells `X-Forwarded-For` and `X_Forwarded_For` the same.
#[test]
fn names_that_only_look_alike_go_no_further() {
    for name in [
        "Content_Length",
        "transfer_encoding",
        "X_Forwarded_For",
        "X-Forwarded_Proto",
        "x_forwarded_anything",
        "Proxy_Authorization",
        "Keep_Alive",
    ] {
        let input = format!("GET / HTTP/1.1\r\nHost: h\r\n{name}: 5\r\nX_Mine: 1\r\n\r\n");
        let head = request(input.as_bytes());
        assert_eq!(
            (head.framing, head.keep_alive),
            (Framing::None, true),
            "{name}"
        );
        let sent = onward(FRIEND, true, &input);
        assert!(!sent.contains(name) && sent.contains("X_Mine: 1"), "{sent}");
    }
}

#[test]
fn the_one_expectation_is_written_anew() {
    for (said, sent) in [
        ("100-Continue", true),
        ("y, 100-continue", false),
        ("100-continue-not", false),
        ("", false),
    ] {
        let input =
            format!("PUT / HTTP/1.1\r\nHost: h\r\nExpect: {said}\r\nContent-Length: 1\r\n\r\n");
        let onward = onward(STRANGER, true, &input);
        let lines = onward.lines().filter(|line| line.starts_with("Expect"));
        let expected = sent.then_some("Expect: 100-continue");
        assert!(lines.eq(expected), "{onward}");
    }
}

#[test]
fn peers_are_written_as_addresses() {
    let input = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: a\r\nX-Forwarded-For: b\r\n\r\n";
    for (peer, written) in [
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::1"),
    ] {
        let forwarded = Forwarded {
            peer: Some(peer.parse().unwrap()),
            ..FRIEND
        };
        let sent = onward(forwarded, true, input);
        assert!(
            sent.contains(&format!("X-Forwarded-For: a, b, {written}\r\n")),
            "{sent}"
        );
    }
    let unix = onward(
        Forwarded {
            peer: None,
            ..STRANGER
        },
        true,
        input,
    );
    assert!(!unix.contains("X-Forwarded-For"), "{unix}");
}

#[test]
fn targets_become_origin_form() {
    for (line, sent) in [
        ("GET http://t:1/a?b", "GET /a?b"),
        ("GET http://t:1", "GET /"),
        ("GET http://t:1?b", "GET /?b"),
        ("OPTIONS http://t:1", "OPTIONS *"),
        ("OPTIONS http://t:1/", "OPTIONS /"),
    ] {
        let out = onward(
            STRANGER,
            true,
            &format!("{line} HTTP/1.1\r\nHost: other\r\n\r\n"),
        );
        assert!(
            out.starts_with(&format!("{sent} HTTP/1.1\r\nHost: t:1\r\n")),
            "{out}"
        );
        assert!(
            out.contains("X-Forwarded-Host: t:1\r\n") && !out.contains("other"),
            "{out}"
        );
    }
}

#[test]
fn an_old_request_is_sent_on_as_a_new_one() {
    let input =
        "PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\nTE: trailers\r\n\r\n";
    assert_eq!(
        onward(STRANGER, true, input),
        "PUT / HTTP/1.1\r\nHost: \r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n\
         Via: 1.0 evenkeel\r\nContent-Length: 1\r\n\r\n"
    );
}

#[test]
fn upgrades_and_trailers_are_asked_for_anew() {
    let upgrade = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, X\r\nX: 1\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n";
    let sent = onward(STRANGER, true, upgrade);
    assert!(
        sent.contains("\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"),
        "{sent}"
    );
    assert!(
        sent.contains("\r\nSec-WebSocket-Key: k\r\n") && !sent.contains("\r\nX: 1"),
        "{sent}"
    );
    let h2c = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\n\
        Upgrade: h2c\r\nHTTP2-Settings: s\r\n\r\n";
    let sent = onward(STRANGER, true, h2c);
    assert!(
        !sent.contains("Upgrade") && !sent.contains("HTTP2"),
        "{sent}"
    );
    let te = "GET / HTTP/1.1\r\nHost: h\r\nConnection: TE\r\nTE: gzip, trailers\r\n\r\n";
    let sent = onward(STRANGER, true, te);
    assert!(
        sent.contains("\r\nTE: trailers\r\nConnection: TE\r\n"),
        "{sent}"
    );
}

#[test]
fn a_response_is_sent_back() {
    let input = "HTTP/1.1 203 Fine by me\r\nDate: d\r\nConnection: x, Date\r\nX: 1\r\n\
        Keep-Alive: timeout=5\r\nVia: 1.1 a\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\
        Upgrade: h2\r\nTransfer-Encoding: chunked\r\n\r\n";
    let start = "HTTP/1.1 203 Fine by me\r\nDate: d\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\
        Via: 1.1 a, 1.1 evenkeel\r\n";
    let end = "X-Extra: 1\r\n\r\n";
    let table = [
        (Version::Http11, true, "Transfer-Encoding: chunked\r\n"),
        (
            Version::Http11,
            false,
            "Transfer-Encoding: chunked\r\nConnection: close\r\n",
        ),
        (Version::Http10, true, "Connection: close\r\n"),
    ];
    for (version, keep_alive, framing) in table {
        let sent = back(version, Method::Get, keep_alive, input);
        assert_eq!(sent, format!("{start}{framing}{end}"));
    }
}

#[test]
fn lengths_of_responses() {
    let table = [
        (
            "200 OK",
            Method::Get,
            "Content-Length: 5\r\nConnection: keep-alive\r\n",
        ),
        (
            "200 OK",
            Method::Head,
            "Content-Length: 5\r\nConnection: keep-alive\r\n",
        ),
        (
            "304 Not Modified",
            Method::Get,
            "Content-Length: 5\r\nConnection: keep-alive\r\n",
        ),
        ("204 No Content", Method::Get, "Connection: keep-alive\r\n"),
        ("103 Early Hints", Method::Get, ""),
        (
            "101 Switching Protocols",
            Method::Get,
            "Connection: upgrade\r\n",
        ),
    ];
    for (line, method, expected) in table {
        let input = format!("HTTP/1.0 {line}\r\nContent-Length: 5\r\n\r\n");
        let sent = back(Version::Http10, method, true, &input);
        let whole = format!("HTTP/1.1 {line}\r\nVia: 1.0 evenkeel\r\n{expected}X-Extra: 1\r\n\r\n");
        assert_eq!(sent, whole);
    }
    let tunnel = "HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let sent = back(Version::Http11, Method::Get, true, tunnel);
    assert!(
        sent.contains("\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"),
        "{sent}"
    );
}

#[test]
fn local_answers() {
    let mut out = Vec::new();
    let mut local = Local {
        status: 503,
        text: "no endpoint is available",
        request_id: "r1",
        close: true,
        head_only: false,
        extra: &[("Retry-After", b"1")],
    };
    local.encode(&mut out);
    let head = response(&out, Method::Get);
    assert_eq!(
        (head.status, head.framing, head.keep_alive),
        (503, Framing::Length(36), false)
    );
    assert!(text(&out).ends_with("\r\n\r\nno endpoint is available\nrequest r1\n"));
    assert_eq!(
        head.fields.values(&out, "retry-after").next(),
        Some(&b"1"[..])
    );
    let body = head.fields.end + 2;
    assert_eq!(out.len() - body, 36);
    local.head_only = true;
    let mut without = Vec::new();
    local.encode(&mut without);
    assert_eq!(without, out[..body]);
}

#[test]
fn numbers() {
    for number in [
        0,
        9,
        10,
        15,
        16,
        255,
        4096,
        65_535,
        u32::MAX as usize,
        usize::MAX,
    ] {
        let mut out = Vec::new();
        encode::decimal(number as u64, &mut out);
        assert_eq!(text(&out), number.to_string());
        if number > 0 {
            out.clear();
            encode::chunk_head(number, &mut out);
            assert_eq!(text(&out), format!("{number:x}\r\n"));
        }
    }
}

proptest! {
    /// parse(encode(parse(x))): the request is the same one, and every field without a rule is
    /// still there, in order.
    #[test]
    fn forwarding_keeps_the_request(
        method in "GET|POST|DELETE|FOO",
        target in "/[!-\"$-~]{0,30}",
        fields in prop::collection::vec(("[A-Za-z-]{1,8}", "([!-~]([ -~]{0,20}[!-~])?)?"), 0..8),
        length in prop::option::of(0..1_u64 << 63),
        trusted in any::<bool>(),
    ) {
        let mut input = format!("{method} {target} HTTP/1.1\r\nHost: h\r\n");
        for (name, value) in &fields {
            input += &format!("x{name}: {value}\r\n");
        }
        if let Some(length) = length {
            input += &format!("Content-Length: {length}\r\n");
        }
        input += "\r\n";
        let once = request(input.as_bytes());
        let sent = onward(Forwarded { trusted, ..STRANGER }, true, &input);
        let buf = sent.as_bytes();
        let mut twice = RequestHead::default();
        let parsed = parse_request(buf, &Limits::default(), &mut twice);
        prop_assert_eq!(parsed, Ok(Status::Complete(buf.len())));
        prop_assert_eq!(text(twice.target.whole.of(buf)), target);
        prop_assert_eq!((once.method, once.framing), (twice.method, twice.framing));
        let others = |head: &RequestHead, buf: &[u8]| -> Vec<_> {
            let others = head.fields.iter().filter(|field| field.known == Known::Other);
            others.map(|it| (it.name.of(buf).to_vec(), it.value.of(buf).to_vec())).collect()
        };
        prop_assert_eq!(others(&once, input.as_bytes()), others(&twice, buf));
    }
}

#[test]
fn an_address_is_written_as_the_standard_library_would() {
    let peers = (0..=255_u8).flat_map(|octet| {
        [
            std::net::IpAddr::from([octet, 0, 255, 9]),
            std::net::IpAddr::from([10, 99, 100, octet]),
        ]
    });
    let others = ["::1", "::ffff:10.1.2.3", "2001:db8::ff00:42:8329"];
    let others = others.map(|text| text.parse().expect("an address"));
    for peer in peers.chain(others) {
        let mut text = [0; 45];
        let text = crate::h1::encode::address(peer, &mut text);
        assert_eq!(text, peer.to_canonical().to_string().as_bytes());
    }
}
