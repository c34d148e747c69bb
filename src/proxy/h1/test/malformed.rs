//! Which heads are refused, and with what.

use super::*;

fn get(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}

fn line(line: &str) -> String {
    format!("{line}\r\nHost: a\r\n\r\n")
}

fn host(host: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

fn refused<const N: usize>(table: [(String, Reject); N]) {
    for (input, expected) in table {
        let parsed = request_everywhere(input.as_bytes());
        assert_eq!(parsed, Err(expected), "{}", input.escape_debug());
    }
}

#[test]
fn lengths() {
    refused([
        (
            get("Content-Length: 5\r\nContent-Length: 6\r\n"),
            Reject::ContentLength,
        ),
        (
            get("Content-Length: 5\r\ncontent-length: 5\r\n"),
            Reject::ContentLength,
        ),
        (get("Content-Length: 5, 5\r\n"), Reject::ContentLength),
        (get("Content-Length: 5,5\r\n"), Reject::ContentLength),
        (get("Content-Length: +5\r\n"), Reject::ContentLength),
        (get("Content-Length: -5\r\n"), Reject::ContentLength),
        (get("Content-Length: 0x5\r\n"), Reject::ContentLength),
        (get("Content-Length: 5 5\r\n"), Reject::ContentLength),
        (get("Content-Length:\r\n"), Reject::ContentLength),
        (get("Content-Length: \u{666}\r\n"), Reject::ContentLength),
        (
            get("Content-Length: 9223372036854775808\r\n"),
            Reject::ContentLength,
        ),
        (
            get("Content-Length: 18446744073709551616\r\n"),
            Reject::ContentLength,
        ),
        (
            get("Content-Length: 99999999999999999999999\r\n"),
            Reject::ContentLength,
        ),
    ]);
}

#[test]
fn transfer_encodings() {
    refused([
        (
            get("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
            Reject::TwoFramings,
        ),
        (
            get("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
            Reject::TwoFramings,
        ),
        (
            get("Transfer-Encoding: xchunked\r\n"),
            Reject::TransferEncoding,
        ),
        (
            get("Transfer-Encoding: chunked, identity\r\n"),
            Reject::TransferEncoding,
        ),
        (
            get("Transfer-Encoding: gzip, chunked\r\n"),
            Reject::TransferEncoding,
        ),
        (
            get("Transfer-Encoding: chunked, chunked\r\n"),
            Reject::TransferEncoding,
        ),
        (
            get("Transfer-Encoding: chunked;q=1\r\n"),
            Reject::TransferEncoding,
        ),
        (
            get("Transfer-Encoding: \"chunked\"\r\n"),
            Reject::TransferEncoding,
        ),
        (
            get("Transfer-Encoding: identity\r\n"),
            Reject::TransferEncoding,
        ),
        (get("Transfer-Encoding:\r\n"), Reject::TransferEncoding),
        (
            get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
            Reject::TransferEncoding,
        ),
        (
            get("Transfer-Encoding: \x0bchunked\r\n"),
            Reject::FieldValue,
        ),
        (get("Transfer-Encoding : chunked\r\n"), Reject::FieldName),
        (
            "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".into(),
            Reject::TransferEncoding,
        ),
    ]);
}

#[test]
fn field_lines() {
    refused([
        (get("A: b\r\n folded\r\n"), Reject::FieldName),
        (get("A: b\r\n\tfolded\r\n"), Reject::FieldName),
        (get("A:\r\n b\r\n"), Reject::FieldName),
        (get("A: b\nC: d\r\n"), Reject::LineEnd),
        (get("A: b\rC: d\r\n"), Reject::LineEnd),
        (get("A: b\r\r\n"), Reject::LineEnd),
        (get("A: b\r\n\n"), Reject::LineEnd),
        (get("A: b\r\n\rC: d\r\n"), Reject::LineEnd),
        (get("A\r\n"), Reject::FieldName),
        (get(": b\r\n"), Reject::FieldName),
        (get("A\0: b\r\n"), Reject::FieldName),
        (get("\u{e9}: b\r\n"), Reject::FieldName),
        (get("A: b\0c\r\n"), Reject::FieldValue),
        (get("A: b\x01\r\n"), Reject::FieldValue),
        (
            get("Connection: keep-alive, \u{e9}\r\n"),
            Reject::FieldValue,
        ),
        (get("A: \x7f\r\n"), Reject::FieldValue),
        (
            get("A: 0123456789abcdef0123456789\x1f\r\n"),
            Reject::FieldValue,
        ),
    ]);
}

#[test]
fn line_ends_outside_fields() {
    refused([
        ("GET / HTTP/1.1\nHost: a\n\n".into(), Reject::LineEnd),
        ("GET / HTTP/1.1\rHost: a\r\n\r\n".into(), Reject::LineEnd),
        (
            "GET / HTTP/1.1\r\n Host: a\r\n\r\n".into(),
            Reject::FieldName,
        ),
        (
            "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            Reject::LineEnd,
        ),
        (
            "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            Reject::LineEnd,
        ),
        (
            "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            Reject::LineEnd,
        ),
    ]);
}

#[test]
fn request_lines() {
    refused([
        (line("GET  / HTTP/1.1"), Reject::StartLine),
        (line("GET /  HTTP/1.1"), Reject::StartLine),
        (line("GET / HTTP/1.1 "), Reject::StartLine),
        (line(" GET / HTTP/1.1"), Reject::StartLine),
        (line("GET\t/ HTTP/1.1"), Reject::StartLine),
        (line("GET /"), Reject::StartLine),
        (line("GET"), Reject::StartLine),
        (line("G(T / HTTP/1.1"), Reject::StartLine),
        (line("GET / http/1.1"), Reject::StartLine),
        (line("GET / HTTP/1.1x"), Reject::StartLine),
        (line("GET / HTTPS/1.1"), Reject::StartLine),
        (line("GET / HTTP/11"), Reject::StartLine),
        (line("GET / HTTP/2.0"), Reject::Version),
        (line("GET / HTTP/1.2"), Reject::Version),
        (line("GET / HTTP/0.9"), Reject::Version),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), Reject::Version),
    ]);
}

#[test]
fn targets() {
    refused([
        (line("GET /a b HTTP/1.1"), Reject::StartLine),
        (line("GET /a#b HTTP/1.1"), Reject::Target),
        (line("GET /\u{e9} HTTP/1.1"), Reject::Target),
        (line("GET /\x01 HTTP/1.1"), Reject::Target),
        (line("GET /\0 HTTP/1.1"), Reject::Target),
        (line("GET /\t HTTP/1.1"), Reject::Target),
        (line("GET a HTTP/1.1"), Reject::Target),
        (line("GET * HTTP/1.1"), Reject::Target),
        (line("OPTIONS ** HTTP/1.1"), Reject::Target),
        (line("GET ftp://a/ HTTP/1.1"), Reject::Target),
        (line("GET http:///a HTTP/1.1"), Reject::Target),
        (line("GET http://u@a/ HTTP/1.1"), Reject::Target),
        (line("GET http://a:x/ HTTP/1.1"), Reject::Target),
        (line("GET a:443 HTTP/1.1"), Reject::Target),
        (line("CONNECT a HTTP/1.1"), Reject::Target),
        (line("CONNECT /a HTTP/1.1"), Reject::Target),
        (
            line(&format!("GET /{} HTTP/1.1", "a".repeat(256))),
            Reject::TargetTooLong,
        ),
        (
            line(&format!("GET /{} HTTP/1.1", "a".repeat(9999))),
            Reject::TargetTooLong,
        ),
        (
            line(&format!("GET /{}\0 HTTP/1.1", "a".repeat(256))),
            Reject::TargetTooLong,
        ),
    ]);
}

#[test]
fn hosts() {
    refused([
        ("GET / HTTP/1.1\r\n\r\n".into(), Reject::Host),
        ("GET http://a/ HTTP/1.1\r\n\r\n".into(), Reject::Host),
        (get("Host: b\r\n"), Reject::Host),
        (get("HOST: a\r\n"), Reject::Host),
        (
            "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n".into(),
            Reject::Host,
        ),
        (host("a b"), Reject::Host),
        (host("a/b"), Reject::Host),
        (host("u@a"), Reject::Host),
        (host("a:65536"), Reject::Host),
        (host("a:1:2"), Reject::Host),
        (host(":80"), Reject::Host),
        (host("[::1"), Reject::Host),
        (host("[::1]x"), Reject::Host),
        (host("[]"), Reject::Host),
        (host("\u{e9}"), Reject::Host),
    ]);
}

#[test]
fn sizes() {
    refused([
        (get(&"A: b\r\n".repeat(16)), Reject::TooManyFields),
        (
            get(&format!("A: {}\r\n", "b".repeat(2048))),
            Reject::TooLarge,
        ),
        (get(&format!("A: {}", "b".repeat(9999))), Reject::TooLarge),
        ("A".repeat(9999), Reject::TooLarge),
    ]);
}

#[test]
fn rejections_have_their_status() {
    use Reject::*;
    for reject in [
        LineEnd,
        Target,
        FieldName,
        FieldValue,
        Host,
        ContentLength,
        TwoFramings,
    ] {
        assert_eq!(reject.status(), 400);
    }
    for reject in [
        StartLine,
        TransferEncoding,
        ChunkSize,
        ChunkExtension,
        ChunkEnd,
    ] {
        assert_eq!(reject.status(), 400);
    }
    let others = [TargetTooLong, TooManyFields, TooLarge, Version].map(Reject::status);
    assert_eq!(others, [414, 431, 431, 505]);
}

#[test]
fn responses() {
    let ok = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
    let table = [
        (
            ok("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
            Reject::TwoFramings,
        ),
        (
            ok("Content-Length: 1\r\nContent-Length: 1\r\n"),
            Reject::ContentLength,
        ),
        (ok("Transfer-Encoding: gzip\r\n"), Reject::TransferEncoding),
        (ok("A: b\r\n c\r\n"), Reject::FieldName),
        (ok("A : b\r\n"), Reject::FieldName),
        (ok("A: b\n"), Reject::LineEnd),
        (ok("A: b\0\r\n"), Reject::FieldValue),
        (ok(&"A: b\r\n".repeat(17)), Reject::TooManyFields),
        (
            ok(&format!("A: {}\r\n", "b".repeat(2048))),
            Reject::TooLarge,
        ),
        (
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".into(),
            Reject::TransferEncoding,
        ),
        ("HTTP/1.1 200 OK\nA: b\r\n\r\n".into(), Reject::LineEnd),
        ("HTTP/1.1 200\n\r\n\r\n".into(), Reject::LineEnd),
        ("HTTP/1.1 200 O\x01K\r\n\r\n".into(), Reject::StartLine),
        ("HTTP/1.1 20 OK\r\n\r\n".into(), Reject::StartLine),
        ("HTTP/1.1 2000 OK\r\n\r\n".into(), Reject::StartLine),
        ("HTTP/1.1 099 OK\r\n\r\n".into(), Reject::StartLine),
        ("HTTP/1.1  200 OK\r\n\r\n".into(), Reject::StartLine),
        ("HTTP/1.1\t200 OK\r\n\r\n".into(), Reject::StartLine),
        ("HTTP/2.0 200 OK\r\n\r\n".into(), Reject::Version),
        ("ICY 200 OK\r\n\r\n".into(), Reject::StartLine),
        ("<html>\r\n\r\n".into(), Reject::StartLine),
    ];
    for (input, expected) in table {
        let parsed = response_everywhere(input.as_bytes(), Method::Get);
        assert_eq!(parsed, Err(expected), "{}", input.escape_debug());
    }
}
