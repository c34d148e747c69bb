//! Requests that two recipients could read in two ways, and the one thing that comes of each.
//!
//! `@@@@` stands for the case's number, so that what arrives can be traced back to it. Whatever
//! arrives as `/@@@@/smuggled` was carried in a body.

use super::chunk;

/// One case: bytes that a client sends, and what must come of them.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// The statuses that the client is answered with before the connection ends.
    pub(crate) answers: &'static [u16],
    /// The last part of the targets that arrive, in order.
    pub(crate) arrives: &'static [&'static str],
    /// The first one's payload.
    pub(crate) body: &'static str,
}

/// What the client sends behind every case.
pub(crate) const NEXT: &str = "GET /@@@@/next HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n";
/// A body with a request behind what ends a chunked one.
pub(crate) const SMUGGLE: &str =
    "0\r\n\r\nGET /@@@@/smuggled HTTP/1.1\r\nHost: app\r\nX: y\r\n\r\n";

pub(crate) fn refused(name: impl Into<String>, bytes: impl AsRef<[u8]>) -> Case {
    answered(&[400], name, bytes)
}

fn answered(answers: &'static [u16], name: impl Into<String>, bytes: impl AsRef<[u8]>) -> Case {
    let (name, bytes) = (name.into(), bytes.as_ref().to_vec());
    Case {
        name,
        bytes,
        answers,
        arrives: &[],
        body: "",
    }
}

pub(crate) fn passed(name: impl Into<String>, bytes: impl AsRef<[u8]>, body: &'static str) -> Case {
    let arrives = &["attack", "next"];
    Case {
        arrives,
        body,
        ..answered(&[200, 200], name, bytes)
    }
}

/// Field lines that say a length of five, as RFC 9112 has them.
const LENGTHS: &[&str] = &[
    "Content-Length: 5",
    "content-length:5",
    "CONTENT-LENGTH:\t 5 \t",
    "Content-Length: 0000000000000000000000005",
];
/// Field lines that somebody takes for a length.
const BAD_LENGTHS: &[&str] = &[
    "Content-Length: +5",
    "Content-Length: -5",
    "Content-Length: 5,5",
    "Content-Length: 5, 6",
    "Content-Length: 5 5",
    "Content-Length: 0x5",
    "Content-Length: 5;",
    "Content-Length: 5.0",
    "Content-Length: 1e1",
    "Content-Length: 5_0",
    "Content-Length: \"5\"",
    "Content-Length:",
    "Content-Length: ,5",
    "Content-Length: 5,",
    "Content-Length: five",
    "Content-Length: \u{0665}",
    "Content-Length: 18446744073709551621",
    "Content-Length: 9223372036854775808",
    "Content-Length: 18446744073709551615",
    "Content-Length: 99999999999999999999999999",
    "Content-Length: 5\r\nContent-Length: 5",
    "Content-Length: 5\r\ncontent-length: 6",
    "Content-Length: 0\r\nContent-Length: 5",
    "Content-Length : 5",
    "Content-Length\t: 5",
    "Content-Length: 5\r\n 6",
    "Content-Length:\r\n 5",
    "X: y\r\n Content-Length: 5",
    "X: y\nContent-Length: 5",
    "X: y\rContent-Length: 5",
    "X: y\r\r\nContent-Length: 5",
    "\tContent-Length: 5",
    " Content-Length: 5",
    "Content-Length\u{b}: 5",
    "\0Content-Length: 5",
    "Content-Length: 5\0",
    "Content-Length: 5\u{b}",
    "Content Length: 5",
    "Content-Length",
];
/// Field lines that say chunks, as RFC 9112 has them.
const CODINGS: &[&str] = &[
    "Transfer-Encoding: chunked",
    "transfer-encoding:CHUNKED",
    "Transfer-Encoding:\t chunked \t",
];
/// Field lines that somebody takes for chunks.
const BAD_CODINGS: &[&str] = &[
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunkedx",
    "Transfer-Encoding: chunk",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: chunked;q=1",
    "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding: 'chunked'",
    "Transfer-Encoding: chunked,",
    "Transfer-Encoding: ,chunked",
    "Transfer-Encoding: chu nked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding:",
    "Transfer-Encoding: gzip",
    "Transfer-Encoding: chunked\0",
    "Transfer-Encoding: \u{b}chunked",
    "Transfer-Encoding: chunked\u{c}",
    "Transfer-Encoding: \u{ff}chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding\t: chunked",
    "Transfer-Encoding\r\n : chunked",
    "Transfer-Encoding:\r\n chunked",
    "Transfer-Encoding: chunked\r\n , identity",
    "X: y\r\n Transfer-Encoding: chunked",
    "X: y\nTransfer-Encoding: chunked",
    "X: y\rTransfer-Encoding: chunked",
    " Transfer-Encoding: chunked",
    "Transfer Encoding: chunked",
    "Transfer-Encoding\0: chunked",
    "Transfer-Encoding chunked",
];

pub(crate) fn post(fields: &str, body: &str) -> String {
    format!("POST /@@@@/attack HTTP/1.1\r\nHost: app\r\n{fields}\r\n\r\n{body}")
}

/// Every case.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    framings(&mut cases);
    chunk::add(&mut cases);
    start_lines(&mut cases);
    fields(&mut cases);
    steering(&mut cases);
    cases
}

/// Lengths and codings alone, and in pairs in both orders.
fn framings(cases: &mut Vec<Case>) {
    const CHUNKED: &str = "5\r\nhello\r\n0\r\n\r\n";
    let short = |text: &str| text.escape_debug().to_string();
    for line in LENGTHS {
        cases.push(passed(short(line), post(line, "hello"), "hello"));
    }
    for line in CODINGS {
        cases.push(passed(short(line), post(line, CHUNKED), "hello"));
    }
    for line in BAD_LENGTHS.iter().chain(BAD_CODINGS) {
        cases.push(refused(short(line), post(line, SMUGGLE)));
        let after = format!("{line}\r\nX: y");
        cases.push(refused(short(&after), post(&after, SMUGGLE)));
    }
    // Of two that are wrong either alone is enough, so one of each pair is right.
    let all = |good: &'static [&str], bad: &'static [&str]| good.iter().chain(bad);
    for (n, length) in all(LENGTHS, BAD_LENGTHS).enumerate() {
        for (m, coding) in all(CODINGS, BAD_CODINGS).enumerate() {
            if n >= LENGTHS.len() && m >= CODINGS.len() {
                continue;
            }
            for pair in [
                format!("{length}\r\n{coding}"),
                format!("{coding}\r\n{length}"),
            ] {
                cases.push(refused(short(&pair), post(&pair, SMUGGLE)));
            }
        }
    }
}

/// Request lines, and what stands before them.
fn start_lines(cases: &mut Vec<Case>) {
    let host = |line: &str| format!("{line}\r\nHost: app\r\n\r\n");
    for line in [
        "GET  /@@@@/attack HTTP/1.1",
        "GET\t/@@@@/attack HTTP/1.1",
        "GET /@@@@/attack  HTTP/1.1",
        "GET /@@@@/attack\tHTTP/1.1",
        " GET /@@@@/attack HTTP/1.1",
        "GET /@@@@/attack HTTP/1.1 ",
        "GET /@@@@/attack HTTP/1.1\r",
        "\nGET /@@@@/attack HTTP/1.1",
        "\rGET /@@@@/attack HTTP/1.1",
        "\r\n\r\nGET /@@@@/attack HTTP/1.1",
        "\r\n GET /@@@@/attack HTTP/1.1",
        "\0GET /@@@@/attack HTTP/1.1",
        "GET /@@@@/attack",
        "GET /@@@@/attack ",
        "GET /@@@@/attack http/1.1",
        "GET /@@@@/attack HTTP/1.1x",
        "GET /@@@@/attack HTTP/1.10",
        "GET /@@@@/attack HTTP/1,1",
        "GET /@@@@/attack HTTP/ 1.1",
        "GET /@@@@/attack HTTP/11",
        "GET /@@@@/attack HTTP/-1.1",
        "GET /@@@@/attack HTTP/1.1 HTTP/1.1",
        "GET /@@@@/attack X HTTP/1.1",
        "GET /@@@@/attack#x HTTP/1.1",
        "GET /@@@@/\0 HTTP/1.1",
        "GET /@@@@/\u{7f} HTTP/1.1",
        "GET /@@@@/\u{e9} HTTP/1.1",
        "GET @@@@ HTTP/1.1",
        "GET ?@@@@ HTTP/1.1",
        "GET * HTTP/1.1",
        "GET app:80 HTTP/1.1",
        "GET  HTTP/1.1",
        "GET http:///@@@@/attack HTTP/1.1",
        "GET http://a@app/@@@@/attack HTTP/1.1",
        "GET ftp://app/@@@@/attack HTTP/1.1",
        "GET http:/app/@@@@/attack HTTP/1.1",
        "GET http://app:99999/@@@@/attack HTTP/1.1",
        "GET http://[::1/@@@@/attack HTTP/1.1",
        "GE(T /@@@@/attack HTTP/1.1",
        "GET: /@@@@/attack HTTP/1.1",
        "/@@@@/attack HTTP/1.1",
        "POST /@@@@/attack HTTP/1.1\nContent-Length: 5",
    ] {
        cases.push(refused(line.escape_debug().to_string(), host(line)));
    }
    for version in ["HTTP/0.9", "HTTP/2.0", "HTTP/1.2", "HTTP/9.9", "HTTP/3.0"] {
        cases.push(answered(
            &[505],
            version,
            host(&format!("GET /@@@@/attack {version}")),
        ));
    }
    let connect = "CONNECT app:80 HTTP/1.1\r\nContent-Length: 5";
    cases.push(answered(&[405], "CONNECT with a body", host(connect)));
    for line in ["\r\nGET /@@@@/attack HTTP/1.1", "get /@@@@/attack HTTP/1.1"] {
        cases.push(passed(line.escape_debug().to_string(), host(line), ""));
    }
    let other = "GET http://app/@@@@/attack HTTP/1.1\r\nHost: other\r\n\r\n";
    cases.push(passed("absolute-form with another Host", other, ""));
}

/// Fields that are wrong wherever they stand, and hosts.
fn fields(cases: &mut Vec<Case>) {
    for line in [
        "X: a\0b",
        "X: a\rb",
        "X: a\nb",
        "X: a\u{7f}b",
        "X: a\u{b}b",
        ": y",
        "X",
        "X y: z",
        "X\u{e9}: y",
        "X(: y",
        "\tX: y",
        " X: y",
        "X: y\r\n z",
        "X: y\r\n\t",
        "X : y",
        "X\t: y",
        "X: y\r\r\nZ: z",
        "X: y\n\r\nZ: z",
        "\rX: y",
        "\nX: y",
    ] {
        let request = format!("GET /@@@@/attack HTTP/1.1\r\n{line}\r\nHost: app\r\n\r\n");
        cases.push(refused(format!("first {}", line.escape_debug()), request));
        let request = format!("GET /@@@@/attack HTTP/1.1\r\nHost: app\r\n{line}\r\n\r\n");
        cases.push(refused(format!("last {}", line.escape_debug()), request));
    }
    for line in [
        "X: y",
        "Host: app\r\nHost: app",
        "Host: app\r\nhost: other",
        "Host: a b",
        "Host: a/b",
        "Host: a@b",
        "Host: app:80:80",
        "Host: app:99999",
        "Host: [::1",
        "Host: [app]",
        "Host : app",
        "Host: app\0",
        "Host:\r\n app",
        "Host\r\n: app",
        "Host: app#",
        "Host: app?x",
        "Host: a, b",
        "Host: http://app",
        "Host: app\\b",
        "Host: \u{e9}",
        "Host: :80",
        "Host: app:+80",
    ] {
        let request = format!("GET /@@@@/attack HTTP/1.1\r\n{line}\r\n\r\n");
        cases.push(refused(line.escape_debug().to_string(), request));
    }
}

/// Fields that somebody lets frame or steer, and that do not here.
const UNSTEERED: &[&str] = &[
    "Content_Length: 5",
    "Transfer_Encoding: chunked",
    "content_length: 5\r\nX: y",
    "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
    "Upgrade: websocket\r\nConnection: Upgrade",
    "Expect: 100-continue",
    "Expect: x",
    "TE: chunked",
    "Trailer: Content-Length",
    "Proxy-Connection: close",
    "Keep-Alive: max=1",
    "X-HTTP-Method-Override: POST",
    "Content-Encoding: chunked",
    "Connection: ,,,",
];

/// Requests of one framing whose fields could lose it on the way, and old versions.
fn steering(cases: &mut Vec<Case>) {
    for option in [
        "content-length",
        "Content-Length, close-not",
        "host",
        "transfer-encoding, host",
    ] {
        let fields = format!("Connection: {option}\r\nContent-Length: 5");
        cases.push(passed(
            format!("Connection: {option}"),
            post(&fields, "hello"),
            "hello",
        ));
        let fields = format!("Transfer-Encoding: chunked\r\nConnection: {option}");
        let body = "5\r\nhello\r\n0\r\n\r\n";
        cases.push(passed(
            format!("chunked, Connection: {option}"),
            post(&fields, body),
            "hello",
        ));
    }
    for line in UNSTEERED {
        let request = format!("GET /@@@@/attack HTTP/1.1\r\nHost: app\r\n{line}\r\n\r\n");
        cases.push(passed(line.escape_debug().to_string(), request, ""));
        let fields = format!("{line}\r\nContent-Length: 5");
        cases.push(passed(
            format!("{}, length", line.escape_debug()),
            post(&fields, "hello"),
            "hello",
        ));
    }
    let whole = "GET /@@@@/smuggled HTTP/1.1\r\nHost: app\r\n\r\n";
    let length = format!("Content-Length: {}", whole.len());
    let body = "GET /@@@@/smuggled HTTP/1.1\r\nHost: app\r\n\r\n";
    cases.push(passed("a request as body", post(&length, whole), body));
    let get = post(&length, whole).replace("POST", "GET");
    cases.push(passed("a request as body of a GET", get, body));
    let old = |fields: &str| format!("POST /@@@@/attack HTTP/1.0\r\n{fields}\r\n\r\n");
    cases.push(refused(
        "chunked on HTTP/1.0",
        old("Transfer-Encoding: chunked") + SMUGGLE,
    ));
    let kept = old("Host: app\r\nConnection: keep-alive\r\nContent-Length: 5") + "hello";
    cases.push(passed("HTTP/1.0 kept alive", kept, "hello"));
    let closed = post("Connection: close\r\nContent-Length: 5", "hello");
    let (arrives, body) = (&["attack"][..], "hello");
    cases.push(Case {
        arrives,
        body,
        ..answered(&[200], "close, then a request", closed)
    });
    let closed = old("Host: app\r\nContent-Length: 5") + "hello";
    cases.push(Case {
        arrives,
        body,
        ..answered(&[200], "HTTP/1.0, then a request", closed)
    });
    let long = post("Content-Length: 9223372036854775807", "hello");
    cases.push(answered(&[408], "a body that never ends", long));
    let long = post("Transfer-Encoding: chunked", "ffffffffffffffff\r\nhello");
    cases.push(answered(&[408], "a chunk that never ends", long));
}
