//! Any bytes as a request head: however they arrive they mean the same, what is refused stays
//! refused, and what is sent on means what was received.
#![no_main]

use codec::h1::encode::{self, Forwarded, RequestPlan};
use codec::h1::{self, Known, Limits, Method, RequestHead, Status};
use codec::{Lot, NARROW, assert_one_reading, in_pieces, is_request_framing, meaning};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    for limits in [Limits::default(), NARROW] {
        pieces(input, &limits);
    }
    let mut head = RequestHead::default();
    if let Ok(Status::Complete(_)) = h1::parse_request(input, &Limits::default(), &mut head) {
        onward(&head, input);
    }
});

/// The result is the same in whatever pieces the input arrives, and final.
fn pieces(input: &[u8], limits: &Limits) {
    let (whole, head) = in_pieces(input, limits, [].into_iter());
    let cuts = Lot::of(input).places(input.len());
    let bytewise: Vec<usize> = (0..input.len().min(2 * limits.uri_bytes.min(512))).collect();
    for ends in [cuts.clone(), bytewise] {
        // A fault in a line that goes on may be told when the line ends.
        let longer = [input, b"\n"].concat();
        let (expected, _) = in_pieces(&longer, limits, [].into_iter());
        let (parsed, other) = in_pieces(&longer, limits, ends.into_iter().chain([input.len()]));
        assert_eq!(parsed, expected);
        if matches!(whole, Ok(Status::Complete(_))) {
            assert_eq!(meaning(&other), meaning(&head));
        }
    }
    for more in [
        &b"\n"[..],
        b"\r\n\r\n",
        b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"x",
    ] {
        let longer = [input, more].concat();
        let (parsed, _) = in_pieces(&longer, limits, [].into_iter());
        if whole != Ok(Status::Partial) {
            assert_eq!(parsed, whole, "followed by {}", more.escape_ascii());
        }
    }
    let Ok(Status::Complete(length)) = whole else {
        return;
    };
    assert!(length <= limits.header_bytes && head.fields.iter().len() <= limits.headers);
    assert!(head.target.whole.len() <= limits.uri_bytes);
    assert!(is_request_framing(head.framing, head.version));
    for end in cuts
        .into_iter()
        .filter(|&end| end < length)
        .chain([length - 1])
    {
        let (parsed, _) = in_pieces(&input[..end], limits, [].into_iter());
        assert_eq!(parsed, Ok(Status::Partial), "the first {end} bytes");
    }
}

/// What is sent on is read back as what was received.
fn onward(head: &RequestHead, buf: &[u8]) {
    for trusted in [false, true] {
        let peer = trusted.then(|| "192.0.2.7".parse().expect("an address"));
        let plan = RequestPlan {
            forwarded: Forwarded {
                peer,
                trusted,
                proto: "http",
            },
            framing: head.framing,
            keep_alive: !trusted,
            extra: &[],
        };
        let mut out = Vec::new();
        encode::request(head, buf, &plan, &mut out);
        assert_one_reading(&out);
        let roomy = Limits {
            header_bytes: 1 << 20,
            headers: 200,
            uri_bytes: 1 << 16,
        };
        let (parsed, again) = in_pieces(&out, &roomy, [].into_iter());
        assert_eq!(
            parsed,
            Ok(Status::Complete(out.len())),
            "{}",
            out.escape_ascii()
        );
        assert_eq!(again.method_name.of(&out), head.method_name.of(buf));
        assert_eq!(again.target.whole.of(&out), codec::onward_target(head, buf));
        assert_eq!(again.authority.of(&out), head.authority.of(buf));
        assert_eq!(again.framing, head.framing);
        assert_eq!(
            (again.upgrade, again.te_trailers),
            (head.upgrade, head.te_trailers)
        );
        let kept = plan.keep_alive || head.upgrade;
        assert_eq!(again.keep_alive, kept && head.method != Method::Connect);
        assert_eq!(again.expect_continue, head.expect_continue);
        assert_eq!(relayed(&again, &out), relayed(head, buf));
    }
}

/// The fields that the codec has no rule for and that `Connection` does not name, in order.
fn relayed<'a>(head: &'a RequestHead, buf: &'a [u8]) -> Vec<(&'a [u8], &'a [u8])> {
    let named = |name: &[u8]| {
        let mut options = head
            .fields
            .known(buf, Known::Connection)
            .flat_map(|value| value.split(|&byte| byte == b','));
        options.any(|option| option.trim_ascii().eq_ignore_ascii_case(name))
    };
    head.fields
        .iter()
        .filter(|field| field.known == Known::Other && !named(field.name.of(buf)))
        .map(|field| (field.name.of(buf), field.value.of(buf)))
        .collect()
}
