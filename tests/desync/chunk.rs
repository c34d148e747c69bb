//! Chunked bodies: the cases of a request whose framing is beyond doubt, but not its chunks.

use super::corpus::{Case, SMUGGLE, passed, post, refused};

/// Bodies that carry `hello`.
const WHOLE: &[&str] = &[
    "5\r\nhello\r\n0\r\n\r\n",
    "05\r\nhello\r\n00\r\n\r\n",
    "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    "5;a=b\r\nhello\r\n0;c\r\n\r\n",
    "5 ; a=\"b\"\r\nhello\r\n0\r\n\r\n",
    "0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n",
    "5\r\nhello\r\n0\r\nX: y\r\n\r\n",
    "5\r\nhello\r\n0\r\nContent-Length: 99\r\n\r\n",
    "5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\nHost: other\r\n\r\n",
    "5\r\nhello\r\n0\r\nTransfer_Encoding: chunked\r\nContent_Length: 9\r\n\r\n",
];
/// Lines that are no chunk size.
const SIZES: &[&str] = &[
    "5\n",
    "5\r",
    "+5\r\n",
    "-5\r\n",
    "0x5\r\n",
    " 5\r\n",
    "\t5\r\n",
    "5 \r\n",
    "5\t\r\n",
    "5,5\r\n",
    "5.0\r\n",
    "g\r\n",
    "5g\r\n",
    "\u{0665}\r\n",
    ";a\r\n",
    "\r\n",
    "\r\n5\r\n",
    "10000000000000005\r\n",
    "fffffffffffffffff\r\n",
    "00000000000000005\r\n",
    "5;a\n",
    "5;a\r",
    "5;a\nb\r\n",
    "5;a\rb\r\n",
    "5;a\0\r\n",
    "5;\u{7f}\r\n",
    "5 a\r\n",
    "5\0\r\n",
    "5\u{b}\r\n",
    "5\r\r\n",
    "5=\r\n",
    "\"5\"\r\n",
];
/// What may not stand where five bytes and CRLF should.
const ENDS: &[&str] = &[
    "helloXX",
    "hello",
    "hell\r\n",
    "hello\n",
    "hello\r",
    "hello\rX",
    "helloo\r\n",
    "hello\n\n",
    "hello\n\r",
    "hello \r\n",
];
/// What may not stand behind the last chunk.
const TRAILERS: &[&str] = &[
    "\n",
    "\rX",
    "X: y\n\r\n",
    "X : y\r\n\r\n",
    " X: y\r\n\r\n",
    "X\r\n\r\n",
    ": y\r\n\r\n",
    "X: y\r\n z\r\n\r\n",
    "X: \0\r\n\r\n",
    "X: y\rZ: z\r\n\r\n",
    "\r\r\n",
    "X y: z\r\n\r\n",
    "GET /@@@@/smuggled HTTP/1.1\r\nHost: app\r\n\r\n",
];

/// Adds them.
pub(crate) fn add(cases: &mut Vec<Case>) {
    let chunked = |body: &str| post("Transfer-Encoding: chunked", body);
    for body in WHOLE {
        cases.push(passed(
            format!("chunks {}", body.escape_debug()),
            chunked(body),
            "hello",
        ));
    }
    let hidden = "1b\r\n0\r\n\r\nGET /@@@@/smuggled HTT\r\n0\r\n\r\n";
    let inside = "0\r\n\r\nGET /@@@@/smuggled HTT";
    cases.push(passed("an end inside of a chunk", chunked(hidden), inside));
    for size in SIZES {
        let body = format!("{size}hello\r\n{SMUGGLE}");
        cases.push(refused(
            format!("chunk size {}", size.escape_debug()),
            chunked(&body),
        ));
    }
    for end in ENDS {
        let body = format!("5\r\n{end}{SMUGGLE}");
        cases.push(refused(
            format!("chunk data {}", end.escape_debug()),
            chunked(&body),
        ));
    }
    for trailer in TRAILERS {
        let body = format!("5\r\nhello\r\n0\r\n{trailer}");
        cases.push(refused(
            format!("trailer {}", trailer.escape_debug()),
            chunked(&body),
        ));
    }
}
