//! Clients of HTTP/2 that waste what they are given: each is shown the door, and nobody else
//! notices. Their numbers are those of the list that they were taken from.
use super::{GET, HELLO};
use crate::real::evenkeel::{Config, Evenkeel};
use crate::real::http2::{self, *};
use crate::real::origin;

fn proxy() -> Evenkeel {
    Evenkeel::start(&Config::new([origin::saying(HELLO)]))
}

/// Sends `flood` until the connection breaks or `rounds` are over, while another thread reads.
/// Returns the error code of the GOAWAY.
fn goaway(proxy: &Evenkeel, rounds: u32, flood: impl Fn(u32) -> Vec<u8> + Send) -> Option<u32> {
    let mut client = Http2::connect(proxy.http).expect("the proxy accepts");
    let mut reader = client.reader().expect("a second handle");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for round in 0..rounds {
                if client.send(&flood(round)).is_err() {
                    return;
                }
            }
        });
        let goaway = std::iter::from_fn(|| reader.next())
            .find(|frame| frame.kind == GOAWAY && frame.error() != Some(0));
        goaway.and_then(|frame| frame.error())
    })
}

/// Others are served as ever.
fn serves(proxy: &Evenkeel) {
    let answer = proxy.client().exchange("GET", GET);
    assert_eq!(answer.expect("it answers").body, b"hello");
    let mut client = Http2::connect(proxy.http).expect("the proxy accepts");
    client.send(&http2::get(1)).expect("the proxy reads");
    assert_eq!(client.next_of(DATA).expect("it answers").payload, b"hello");
}

/// A client's stream numbers are odd.
fn odd(round: u32) -> u32 {
    round * 2 + 1
}

/// 16
#[test]
fn rapid_resets_end_the_connection() {
    let proxy = proxy();
    let reset = |round| {
        let stream = odd(round);
        [
            http2::get(stream),
            frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()),
        ]
        .concat()
    };
    assert_eq!(goaway(&proxy, 10_000, reset), Some(ENHANCE_YOUR_CALM));
    serves(&proxy);
}

/// 17: the client makes the server reset, by a window that is too large, or updated by nothing.
#[test]
fn resets_that_a_client_provokes_end_the_connection() {
    let proxy = proxy();
    for (increment, code) in [(0x7fff_ffff_u32, ENHANCE_YOUR_CALM), (0, PROTOCOL_ERROR)] {
        let provoke = |round| {
            let stream = odd(round);
            let post = frame(HEADERS, END_HEADERS, stream, &request("POST", "/", &[]));
            let update = frame(WINDOW_UPDATE, 0, stream, &increment.to_be_bytes());
            [post, update].concat()
        };
        assert_eq!(goaway(&proxy, 1_024, provoke), Some(code), "{increment}");
    }
    serves(&proxy);
}

/// 18
#[test]
fn an_endless_head_ends_the_connection() {
    let proxy = proxy();
    let endless = |round| match round {
        0 => frame(HEADERS, END_STREAM, 1, &request("GET", "/", &[])),
        _ => frame(CONTINUATION, 0, 1, &literal(b"x", &[b'y'; 1000])),
    };
    assert!(goaway(&proxy, 20_000, endless).is_some());
    let empty = |round| match round {
        0 => frame(HEADERS, END_STREAM, 1, &request("GET", "/", &[])),
        _ => frame(CONTINUATION, 0, 1, b""),
    };
    assert!(goaway(&proxy, 100_000, empty).is_some());
    serves(&proxy);
}

/// 19: a field of the table that costs one byte each time it is said, and crumbs of a cookie.
#[test]
fn a_small_block_that_means_a_large_head_is_refused() {
    let proxy = proxy();
    // With incremental indexing: it takes the first place of the dynamic table, 62.
    let mut bomb = request("GET", "/", &[]);
    let mut indexed = literal(b"x", &[b'y'; 3000]);
    indexed[0] = 0x40;
    bomb.extend(indexed);
    bomb.extend([0x80 | 62; 10_000]);
    let mut crumbs = request("GET", "/", &[]);
    let mut crumb = literal(b"cookie", b"a=b");
    crumb[0] = 0x40;
    crumbs.extend(crumb);
    crumbs.extend([0x80 | 62; 15_000]);
    let before = proxy.process.resident_kib();
    for block in [bomb, crumbs] {
        let mut client = Http2::connect(proxy.http).unwrap();
        client
            .send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block))
            .unwrap();
        let answer = std::iter::from_fn(|| client.next())
            .find(|frame| matches!(frame.kind, HEADERS | RST_STREAM | GOAWAY))
            .expect("an answer");
        // 431 stands in no static table: it is a literal.
        let is_431 = answer.payload.windows(3).any(|three| three == b"431")
            || answer.payload.len() > 3 && answer.kind == HEADERS;
        assert!(
            answer.error().is_some_and(|code| code != 0) || is_431,
            "{answer:?}"
        );
    }
    let grown = proxy.process.resident_kib().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB");
    serves(&proxy);
}

/// 20: frames that carry nothing.
#[test]
fn floods_of_nothing_end_the_connection_or_cost_nothing() {
    let proxy = proxy();
    let before = proxy.process.resident_kib();
    let data = |round| match round {
        0 => frame(HEADERS, END_HEADERS, 1, &request("POST", "/", &[])),
        _ => frame(DATA, 0, 1, b"").repeat(100),
    };
    assert_eq!(goaway(&proxy, 1_000, data), Some(ENHANCE_YOUR_CALM));
    // What must be answered is read as fast as its answers are taken, here not at all.
    for flood in [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, b"")] {
        let mut client = Http2::connect(proxy.http).unwrap();
        client.stall();
        while client.send(&flood.repeat(1_000)).is_ok() {}
        serves(&proxy);
    }
    let grown = proxy.process.resident_kib().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB");
}

/// 21, and 10: heads that HTTP/2 forbids, or that would have two readings behind the proxy.
#[test]
fn a_malformed_head_is_a_protocol_error() {
    let proxy = proxy();
    let fields: &[(&[u8], &[u8])] = &[
        (b"X-Upper", b"y"),
        (b"connection", b"close"),
        (b"transfer-encoding", b"chunked"),
        (b"keep-alive", b"5"),
        (b"upgrade", b"x"),
        (b"x", b"y\r\nz: a"),
        (b"x", b"y\0"),
        (b"x\r\ny", b"z"),
        (b"x y", b"z"),
        (b"", b"z"),
        (b":x", b"z"),
        (b":path", b"/other"),
        (b"te", b"gzip"),
        (b"host", b"other"),
        (b"content-length", b"5"),
        (b"content-length", b"+0"),
    ];
    for field in fields {
        let shown = format!("{}: {}", field.0.escape_ascii(), field.1.escape_ascii());
        let mut client = Http2::connect(proxy.http).unwrap();
        let block = request("GET", "/", &[*field]);
        client
            .send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block))
            .unwrap();
        let answer = std::iter::from_fn(|| client.next())
            .find(|frame| matches!(frame.kind, HEADERS | RST_STREAM | GOAWAY))
            .expect(&shown);
        let is_400 = answer.payload.first() == Some(&(0x80 | 12));
        assert!(
            answer.error() == Some(PROTOCOL_ERROR) || is_400,
            "{shown}: {answer:?}"
        );
    }
    serves(&proxy);
}
