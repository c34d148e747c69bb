//! What HTTP/1.1 costs: a request's head as a browser sends it read and written for an endpoint, an
//! answer's head on its way back, and a body in chunks.
//!
//! The codec alone, without a socket: what it costs here is added to every request of `serve` and
//! of engine `net`. Time is told for each message, of bodies for each byte too.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use evenkeel_proxy::h1::encode::{self, Forwarded, RequestPlan, ResponsePlan};
use evenkeel_proxy::h1::{
    Decoder, Framing, Limits, Method, RequestHead, ResponseHead, Status, Version, parse_request,
    parse_response,
};

/// As `curl` asks.
const SHORT: &[u8] = b"GET /api/items HTTP/1.1\r\nHost: example.com\r\nUser-Agent: curl/8.0\r\n\
    Accept: */*\r\n\r\n";

/// As a browser asks, with cookies.
const LONG: &[u8] = b"GET /webapp/items?page=3&sort=name HTTP/1.1\r\nHost: www.example.com\r\n\
    Connection: keep-alive\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Safari\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
    Cookie: srv_id=q83vEjRWeJCrze8SNFZ4kKvN7xI; theme=dark; consent=yes; visits=17\r\n\
    Referer: https://www.example.com/webapp/items?page=2\r\nSec-Fetch-Dest: document\r\n\
    Sec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nUpgrade-Insecure-Requests: 1\r\n\r\n";

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n\
    Content-Length: 1024\r\nETag: W/\"400-abc\"\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
    Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n";

const FROM: Forwarded = Forwarded {
    peer: None,
    trusted: false,
    proto: "https",
};

fn request(text: &[u8], head: &mut RequestHead) {
    let parsed = parse_request(black_box(text), &Limits::default(), head);
    assert_eq!(parsed, Ok(Status::Complete(text.len())));
}

fn requests(c: &mut Criterion) {
    let mut group = c.benchmark_group("a request's head");
    group.throughput(Throughput::Elements(1));
    for (name, text) in [("as curl asks", SHORT), ("as a browser asks", LONG)] {
        let mut head = RequestHead::default();
        group.bench_function(BenchmarkId::new("read", name), |b| {
            b.iter(|| request(text, &mut head));
        });
        let plan = RequestPlan {
            forwarded: FROM,
            framing: Framing::None,
            keep_alive: true,
            extra: &[],
        };
        let mut out = Vec::with_capacity(4_096);
        group.bench_function(BenchmarkId::new("read and sent on", name), |b| {
            b.iter(|| {
                request(text, &mut head);
                out.clear();
                encode::request(&head, text, &plan, &mut out);
                black_box(&out);
            });
        });
    }
    group.finish();
}

fn answers(c: &mut Criterion) {
    let mut group = c.benchmark_group("an answer's head");
    group.throughput(Throughput::Elements(1));
    let (mut head, mut out) = (ResponseHead::default(), Vec::with_capacity(4_096));
    group.bench_function("read and sent on", |b| {
        b.iter(|| {
            let limits = Limits::default();
            let parsed = parse_response(black_box(ANSWER), Method::Get, &limits, &mut head);
            assert_eq!(parsed, Ok(Status::Complete(ANSWER.len())));
            out.clear();
            let plan = ResponsePlan {
                version: Version::Http11,
                framing: head.framing_for(Version::Http11),
                keep_alive: true,
                extra: &[],
            };
            encode::response(&head, ANSWER, &plan, &mut out);
            black_box(&out);
        });
    });
    group.finish();
}

/// 64 KiB in chunks of one size.
fn bodies(c: &mut Criterion) {
    const WHOLE: usize = 64 << 10;
    let mut group = c.benchmark_group("64 KiB of a body in chunks, by their size");
    group.throughput(Throughput::Bytes(WHOLE as u64));
    for size in [64, 1 << 10, 16 << 10] {
        let mut text = Vec::new();
        for _ in 0..WHOLE / size {
            encode::chunk(&vec![b'x'; size], &mut text);
        }
        encode::last_chunk(&[], &mut text);
        group.bench_function(BenchmarkId::new("found", size), |b| {
            b.iter(|| {
                let mut decoder = Decoder::new(Framing::Chunked, &Limits::default());
                let (mut rest, mut payload) = (black_box(&text[..]), 0);
                while !decoder.is_end() {
                    let step = decoder.decode(rest).expect("it is well-formed");
                    payload += step.payload.len();
                    rest = &rest[step.consumed..];
                }
                assert_eq!(payload, WHOLE);
            });
        });
    }
    group.finish();
}

fn main() {
    let mut c = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    requests(&mut c);
    answers(&mut c);
    bodies(&mut c);
    c.final_summary();
}
