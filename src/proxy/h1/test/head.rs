//! What heads are accepted, and what they mean.

use super::*;

#[test]
fn limits_are_exact() {
    let target = format!("/{}", "a".repeat(255));
    let input = format!(
        "GET {target} HTTP/1.1\r\nHost: a\r\n{}\r\n",
        "A: b\r\n".repeat(15)
    );
    assert_eq!(
        request_everywhere(input.as_bytes()),
        Ok(Status::Complete(input.len()))
    );
    let with = |filler| {
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n",
            "b".repeat(filler)
        )
    };
    let most = 2048 - with(0).len();
    assert_eq!(
        request_everywhere(with(most).as_bytes()),
        Ok(Status::Complete(2048))
    );
    assert_eq!(
        request_everywhere(with(most + 1).as_bytes()),
        Err(Reject::TooLarge)
    );
}

#[test]
fn one_empty_line_before_a_request_is_tolerated() {
    let input = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(request_everywhere(input), Ok(Status::Complete(input.len())));
    assert_eq!(request(input).method, Method::Get);
    let early = response_everywhere(b"\r\nHTTP/1.1 200 OK\r\n\r\n", Method::Get);
    assert_eq!(early, Err(Reject::StartLine));
}

#[test]
fn a_head_is_read_into_ranges() {
    let input = b"PATCH /a%2Fb/../c?d=/?e HTTP/1.1\r\nHost: x.example:80\r\nACCEPT:\t a b \t\r\n\
        Empty: \t\r\nVia:\xe9\r\n\r\nbody";
    assert_eq!(
        request_everywhere(input),
        Ok(Status::Complete(input.len() - 4))
    );
    let head = request(input);
    assert_eq!(head.method, Method::Patch);
    assert_eq!(text(head.target.whole.of(input)), "/a%2Fb/../c?d=/?e");
    assert_eq!(text(head.target.path(input)), "/a%2Fb/../c");
    assert_eq!(text(head.target.query.of(input)), "?d=/?e");
    assert_eq!(text(head.authority.of(input)), "x.example:80");
    let fields: Vec<_> = head
        .fields
        .iter()
        .map(|it| (it.name.of(input), it.value.of(input), it.known))
        .collect();
    let expected: [(&[u8], &[u8], Known); 4] = [
        (b"Host", b"x.example:80", Known::Host),
        (b"ACCEPT", b"a b", Known::Other),
        (b"Empty", b"", Known::Other),
        (b"Via", b"\xe9", Known::Via),
    ];
    assert_eq!(fields, expected);
    assert_eq!(
        head.fields.values(input, "accept").collect::<Vec<_>>(),
        [b"a b"]
    );
}

#[test]
fn target_forms() {
    use Form::{Absolute, Asterisk, Authority, Origin};
    let table = [
        ("GET /", Origin, "h", "/", ""),
        ("GET /?a", Origin, "h", "/", "?a"),
        ("GET //a", Origin, "h", "//a", ""),
        ("GET /a|\"<>\\^`{}", Origin, "h", "/a|\"<>\\^`{}", ""),
        ("GET http://t", Absolute, "t", "/", ""),
        ("GET HTTPS://t:1?a", Absolute, "t:1", "/", "?a"),
        ("GET http://[::1]:8/a?b", Absolute, "[::1]:8", "/a", "?b"),
        ("OPTIONS *", Asterisk, "h", "*", ""),
        ("CONNECT t:443", Authority, "t:443", "", ""),
    ];
    for (line, form, authority, path, query) in table {
        let input = format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n");
        let buf = input.as_bytes();
        let head = request(buf);
        assert_eq!(head.target.form, form, "{line}");
        assert_eq!(text(head.authority.of(buf)), authority, "{line}");
        assert_eq!(text(head.target.path(buf)), path, "{line}");
        assert_eq!(text(head.target.query.of(buf)), query, "{line}");
    }
}

#[test]
fn hosts_that_are_valid() {
    for host in [
        "",
        "a",
        "a:",
        "a:65535",
        "1.2.3.4:80",
        "[::1]",
        "[1:2::3.4.5.6]:80",
        "a_b.%41",
    ] {
        let input = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(
            text(request(input.as_bytes()).authority.of(input.as_bytes())),
            host
        );
    }
    assert!(request(b"GET / HTTP/1.0\r\n\r\n").authority.is_empty());
}

#[test]
fn methods() {
    for (name, method, safe, idempotent) in [
        ("GET", Method::Get, true, true),
        ("HEAD", Method::Head, true, true),
        ("OPTIONS", Method::Options, true, true),
        ("TRACE", Method::Trace, true, true),
        ("PUT", Method::Put, false, true),
        ("DELETE", Method::Delete, false, true),
        ("POST", Method::Post, false, false),
        ("PATCH", Method::Patch, false, false),
        ("get", Method::Other, false, false),
        ("M-SEARCH", Method::Other, false, false),
    ] {
        let input = format!("{name} / HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = request(input.as_bytes());
        let is = (
            head.method,
            head.method.is_safe(),
            head.method.is_idempotent(),
        );
        assert_eq!(is, (method, safe, idempotent), "{name}");
        assert_eq!(text(head.method_name.of(input.as_bytes())), name);
    }
}

#[test]
fn request_framing() {
    use Framing::{Chunked, Length, None};
    let table = [
        ("1.1", "", None),
        ("1.1", "Content-Length: 0\r\n", Length(0)),
        ("1.0", "Content-Length: 007\r\n", Length(7)),
        ("1.1", "length: 1\r\n", None),
        (
            "1.1",
            "content-LENGTH:9223372036854775807 \r\n",
            Length(i64::MAX as u64),
        ),
        ("1.1", "transfer-encoding: CHUNKED\t\r\n", Chunked),
    ];
    for (version, fields, framing) in table {
        let input = format!("POST / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
        assert_eq!(
            request_everywhere(input.as_bytes()),
            Ok(Status::Complete(input.len()))
        );
        assert_eq!(
            request(input.as_bytes()).framing,
            framing,
            "{version} {fields:?}"
        );
    }
}

#[test]
fn what_becomes_of_a_connection() {
    let body = "Content-Length: 1\r\n";
    let websocket = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    let table = [
        ("1.1", "".into(), "keep"),
        ("1.0", "".into(), "close"),
        ("1.0", "Connection: Keep-Alive\r\n".into(), "keep"),
        ("1.0", "Connection: keep-alive, close\r\n".into(), "close"),
        (
            "1.1",
            "Connection: x\r\nConnection: ,CLOSE\r\n".into(),
            "close",
        ),
        (
            "1.1",
            format!("{body}Expect: 100-Continue\r\n"),
            "keep expect",
        ),
        ("1.0", format!("{body}Expect: 100-continue\r\n"), "close"),
        ("1.1", "Expect: 100-continue\r\n".into(), "keep"),
        ("1.1", websocket.into(), "keep upgrade"),
        ("1.0", websocket.into(), "close"),
        ("1.1", format!("{websocket}{body}"), "keep"),
        ("1.1", format!("{websocket}Upgrade: a, H2C\r\n"), "keep"),
        ("1.1", "Upgrade: websocket\r\n".into(), "keep"),
        ("1.1", "Connection: upgrade\r\n".into(), "keep"),
    ];
    for (version, fields, expected) in table {
        let input = format!("POST / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
        let head = request(input.as_bytes());
        let mut is = String::from(if head.keep_alive { "keep" } else { "close" });
        is += if head.expect_continue { " expect" } else { "" };
        is += if head.upgrade { " upgrade" } else { "" };
        assert_eq!(is, expected, "{version} {fields:?}");
    }
    assert!(!request(b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n").keep_alive);
}

#[test]
fn response_framing() {
    use Framing::{Chunked, Length, None, UntilClose};
    use Method::{Get, Head};
    let five = "Content-Length: 5\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    let table = [
        ("200 OK", "", Get, UntilClose),
        ("200", five, Get, Length(5)),
        ("200 ", chunked, Get, Chunked),
        ("999 a b\t\u{e9}", five, Get, Length(5)),
        ("200 OK", five, Head, None),
        ("200 OK", chunked, Head, None),
        ("204 No", five, Get, None),
        ("304 Not", five, Get, None),
        ("100 Continue", "", Get, None),
        ("101 Switch", "Upgrade: x\r\n", Get, None),
    ];
    for (line, fields, method, framing) in table {
        let input = format!("HTTP/1.1 {line}\r\n{fields}\r\n");
        let complete = Ok(Status::Complete(input.len()));
        assert_eq!(response_everywhere(input.as_bytes(), method), complete);
        let head = response(input.as_bytes(), method);
        assert_eq!(head.framing, framing, "{line} {fields:?}");
        assert_eq!(head.keep_alive, framing != UntilClose, "{line} {fields:?}");
        assert_eq!(head.is_interim(), head.status == 100);
    }
    let endless = response(b"HTTP/1.1 200 OK\r\n\r\n", Get);
    assert_eq!(endless.framing_for(Version::Http11), Chunked);
    assert_eq!(endless.framing_for(Version::Http10), UntilClose);
    for start in ["HTTP/1.0 200\r\n", "HTTP/1.1 200\r\nConnection: close\r\n"] {
        assert!(!response(format!("{start}{five}\r\n").as_bytes(), Get).keep_alive);
    }
}

#[test]
fn a_head_that_was_reset_is_as_new() {
    let new = format!("{:?}", ResponseHead::default());
    let text = b"HTTP/1.0 201 Made\r\nConnection: close, x\r\nX: y\r\nContent-Length: 3\r\n\r\n";
    for end in [20, text.len()] {
        let mut head = ResponseHead::default();
        let parsed = parse_response(&text[..end], Method::Get, &LIMITS, &mut head);
        assert!(parsed.is_ok(), "{parsed:?}");
        assert_ne!(format!("{head:?}"), new);
        head.reset();
        assert_eq!(format!("{head:?}"), new);
    }
}
