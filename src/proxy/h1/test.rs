//! Tests of the codec as its users see it: bytes in, meaning and bytes out.

mod body;

mod head;
mod hostile;
mod malformed;
mod onward;
mod plain;

use super::*;

const LIMITS: Limits = Limits {
    header_bytes: 2048,
    headers: 16,
    uri_bytes: 256,
};

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Parses a complete request head.
fn request(buf: &[u8]) -> RequestHead {
    let mut head = RequestHead::default();
    let parsed = parse_request(buf, &LIMITS, &mut head);
    assert!(
        matches!(parsed, Ok(Status::Complete(_))),
        "{parsed:?}: {}",
        buf.escape_ascii()
    );
    head
}

/// Parses a complete response head.
fn response(buf: &[u8], method: Method) -> ResponseHead {
    let mut head = ResponseHead::default();
    let parsed = parse_response(buf, method, &LIMITS, &mut head);
    assert!(
        matches!(parsed, Ok(Status::Complete(_))),
        "{parsed:?}: {}",
        buf.escape_ascii()
    );
    head
}

/// The outcome of parsing `input` in one piece, checked to be the same in two pieces split
/// anywhere, and byte by byte.
fn everywhere<H: Default>(
    input: &[u8],
    parse: impl Fn(&[u8], &mut H) -> Result<Status, Reject>,
) -> Result<Status, Reject> {
    let whole = parse(input, &mut H::default());
    for split in 0..input.len() {
        let mut head = H::default();
        let mut pieces = parse(&input[..split], &mut head);
        if pieces == Ok(Status::Partial) {
            pieces = parse(input, &mut head);
        }
        assert_eq!(pieces, whole, "split at {split}: {}", input.escape_ascii());
    }
    let mut head = H::default();
    let bytewise = (0..=input.len())
        .map(|end| parse(&input[..end], &mut head))
        .find(|parsed| *parsed != Ok(Status::Partial));
    assert_eq!(
        bytewise.unwrap_or(Ok(Status::Partial)),
        whole,
        "{}",
        input.escape_ascii()
    );
    whole
}

fn request_everywhere(input: &[u8]) -> Result<Status, Reject> {
    everywhere(input, |buf, head| parse_request(buf, &LIMITS, head))
}

fn response_everywhere(input: &[u8], method: Method) -> Result<Status, Reject> {
    everywhere(input, |buf, head| {
        parse_response(buf, method, &LIMITS, head)
    })
}
