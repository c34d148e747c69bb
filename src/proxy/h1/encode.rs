//! Writes heads and chunks as the proxy sends them on.
//!
//! What concerns one connection only stays behind, what frames the message is written anew, and
//! everything else is copied as received, in order, in as few pieces as possible. The caller
//! decides; nothing here can fail.

use std::io::Write as _;
use std::net::IpAddr;

use super::field::members;
use super::{Field, Fields, Form, Framing, Known, RequestHead, ResponseHead, Version};

/// A field that the proxy adds. Neither part may hold CR, LF or NUL.
pub type Extra<'a> = (&'a str, &'a [u8]);

/// Who sent a request, for the `X-Forwarded-*` fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// The address of the connection's other end; `None` where it has none (Unix sockets).
    pub peer: Option<IpAddr>,
    /// Whether what the peer says about where a request came from is believed.
    pub trusted: bool,
    /// `http` or `https`: what the client spoke to the listener.
    pub proto: &'static str,
}

/// What was decided about a request that is sent on.
#[derive(Clone, Copy, Debug)]
pub struct RequestPlan<'a> {
    /// Where it came from.
    pub forwarded: Forwarded,
    /// How its body is framed; [`Framing::UntilClose`] is not for requests and counts as none.
    pub framing: Framing,
    /// Whether the upstream connection is kept.
    pub keep_alive: bool,
    /// Fields to add.
    pub extra: &'a [Extra<'a>],
}

/// What was decided about a response that is sent on.
#[derive(Clone, Copy, Debug)]
pub struct ResponsePlan<'a> {
    /// The client's version.
    pub version: Version,
    /// How its body is framed, see [`ResponseHead::framing_for`].
    pub framing: Framing,
    /// Whether the downstream connection is kept; never after [`Framing::UntilClose`].
    pub keep_alive: bool,
    /// Fields to add.
    pub extra: &'a [Extra<'a>],
}

/// Writes the head of a request that goes to an endpoint, as HTTP/1.1. The target is sent as the
/// bytes received, in origin form. `buf` is the buffer that `head` was parsed from.
pub fn request(head: &RequestHead, buf: &[u8], plan: &RequestPlan<'_>, out: &mut Vec<u8>) {
    out.reserve(head.fields.end + 256);
    out.extend_from_slice(head.method_name.of(buf));
    out.push(b' ');
    if head.target.form == Form::Authority {
        out.extend_from_slice(head.target.whole.of(buf));
    } else if head.target.form == Form::Absolute
        && head.method == super::Method::Options
        && head.target.path.is_empty()
        && head.target.query.is_empty()
    {
        // RFC 9112 3.2.4
        out.push(b'*');
    } else {
        out.extend_from_slice(head.target.path(buf));
        out.extend_from_slice(head.target.query.of(buf));
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let host = head.authority.of(buf);
    field(b"Host", host, out);
    let trusted = plan.forwarded.trusted;
    copy(
        &head.fields,
        buf,
        head.names_field,
        out,
        |known| match known {
            Known::Forwarded
            | Known::XForwardedHost
            | Known::XForwardedProto
            | Known::XForwarded => trusted,
            Known::Host | Known::XForwardedFor => false,
            _ => passes(known),
        },
    );
    forwarded(&head.fields, buf, &plan.forwarded, host, out);
    joined("Via", Known::Via, &head.fields, buf, via(head.version), out);
    framing(plan.framing, out);
    if head.expect_continue {
        field(b"Expect", b"100-continue", out);
    }
    if head.te_trailers {
        field(b"TE", b"trailers", out);
    }
    let options: &[u8] = match (head.upgrade, head.te_trailers, plan.keep_alive) {
        (true, true, _) => b"upgrade, TE",
        (true, false, _) => b"upgrade",
        (false, true, false) => b"close, TE",
        (false, true, true) => b"TE",
        (false, false, false) => b"close",
        (false, false, true) => b"",
    };
    if head.upgrade {
        joined("Upgrade", Known::Upgrade, &head.fields, buf, b"", out);
    }
    if !options.is_empty() {
        field(b"Connection", options, out);
    }
    finish(plan.extra, out);
}

/// Writes the head of a response that goes to a client. `buf` is the buffer that `head` was
/// parsed from. A 101 keeps its upgrade: whether one was asked for is the caller's question.
pub fn response(head: &ResponseHead, buf: &[u8], plan: &ResponsePlan<'_>, out: &mut Vec<u8>) {
    // With room for the small body that is often sent along.
    out.reserve(head.fields.end + 512);
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal(u64::from(head.status), out);
    out.push(b' ');
    out.extend_from_slice(head.reason.of(buf));
    out.extend_from_slice(b"\r\n");
    copy(&head.fields, buf, head.names_field, out, passes);
    joined("Via", Known::Via, &head.fields, buf, via(head.version), out);
    match (head.status, plan.framing) {
        // RFC 9110 8.6: no length on these
        (100..200 | 204, _) => {}
        // The length that the body would have had (HEAD, 304)
        (_, Framing::None) => {
            framing(
                head.content_length.map_or(Framing::None, Framing::Length),
                out,
            );
        }
        (_, decided) => framing(decided, out),
    }
    let keep_alive = plan.keep_alive && plan.framing != Framing::UntilClose;
    match head.status {
        101 if plan.version != Version::Http2 => {
            joined("Upgrade", Known::Upgrade, &head.fields, buf, b"", out);
            field(b"Connection", b"upgrade", out);
        }
        100..200 => {}
        _ if plan.version == Version::Http2 => {}
        _ if !keep_alive => field(b"Connection", b"close", out),
        _ if plan.version == Version::Http10 => field(b"Connection", b"keep-alive", out),
        _ => {}
    }
    finish(plan.extra, out);
}

/// Writes one field line. Neither part may hold CR, LF or NUL.
pub fn field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    debug_assert!(
        !name
            .iter()
            .chain(value)
            .any(|b| matches!(b, b'\r' | b'\n' | 0))
    );
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Writes a number in decimal.
pub fn decimal(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Writes the line before the data of a chunk of `length` bytes, which is not 0: an empty chunk
/// would end the body. After the data comes CRLF.
pub fn chunk_head(length: usize, out: &mut Vec<u8>) {
    debug_assert!(length > 0);
    let mut shift = (usize::BITS - length.leading_zeros()).div_ceil(4) * 4;
    while shift > 0 {
        shift -= 4;
        out.push(b"0123456789abcdef"[length >> shift & 15]);
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes `data` as one chunk, and nothing if it is empty.
pub fn chunk(data: &[u8], out: &mut Vec<u8>) {
    if data.is_empty() {
        return;
    }
    out.reserve(data.len() + 20);
    chunk_head(data.len(), out);
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

/// Writes the last chunk and the trailer lines, as [`Decoder::trailers`](super::Decoder::trailers)
/// gives them.
pub fn last_chunk(trailers: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n");
    out.extend_from_slice(trailers);
    out.extend_from_slice(b"\r\n");
}

/// Whether a field is copied in either direction, when nothing else is said of it. The rest is
/// hop-by-hop (RFC 9110 7.6.1) or written anew.
fn passes(known: Known) -> bool {
    !matches!(
        known,
        Known::Connection
            | Known::ContentLength
            | Known::Expect
            | Known::KeepAlive
            | Known::Lookalike
            | Known::ProxyAuthenticate
            | Known::ProxyAuthorization
            | Known::ProxyConnection
            | Known::Te
            | Known::TransferEncoding
            | Known::Upgrade
            | Known::Via
    )
}

/// Copies the lines that `keep` wants and `Connection` does not name, neighbours in one piece.
fn copy(
    fields: &Fields,
    buf: &[u8],
    names_field: bool,
    out: &mut Vec<u8>,
    keep: impl Fn(Known) -> bool,
) {
    let mut run = None;
    for line in fields {
        let named = || line.known == Known::Other && is_named(fields, buf, line);
        if keep(line.known) && !(names_field && named()) {
            run.get_or_insert(line.name.start as usize);
        } else if let Some(start) = run.take() {
            out.extend_from_slice(&buf[start..line.name.start as usize]);
        }
    }
    if let Some(start) = run {
        out.extend_from_slice(&buf[start..fields.end]);
    }
}

fn is_named(fields: &Fields, buf: &[u8], line: &Field) -> bool {
    let name = line.name.of(buf);
    fields
        .known(buf, Known::Connection)
        .flat_map(members)
        .any(|option| option.eq_ignore_ascii_case(name))
}

/// Writes one field with all received values of `known` and then `own` as one list; nothing when
/// there is no value.
fn joined(name: &str, known: Known, fields: &Fields, buf: &[u8], own: &[u8], out: &mut Vec<u8>) {
    let mut before: [&[u8]; 2] = [name.as_bytes(), b": "];
    let mut add = |value: &[u8]| {
        if !value.is_empty() {
            for text in [before[0], before[1], value] {
                out.extend_from_slice(text);
            }
            before = [b"", b", "];
        }
    };
    fields.known(buf, known).for_each(&mut add);
    add(own);
    if before[0].is_empty() {
        out.extend_from_slice(b"\r\n");
    }
}

/// `X-Forwarded-For`, `-Proto` and `-Host`; what a trusted peer sent has been copied.
fn forwarded(fields: &Fields, buf: &[u8], from: &Forwarded, host: &[u8], out: &mut Vec<u8>) {
    let sent = |known| from.trusted && fields.iter().any(|field| field.known == known);
    let mut text = [0; 45];
    let peer = from.peer.map_or(&b""[..], |peer| address(peer, &mut text));
    if sent(Known::XForwardedFor) {
        joined(
            "X-Forwarded-For",
            Known::XForwardedFor,
            fields,
            buf,
            peer,
            out,
        );
    } else if !peer.is_empty() {
        field(b"X-Forwarded-For", peer, out);
    }
    if !sent(Known::XForwardedProto) {
        field(b"X-Forwarded-Proto", from.proto.as_bytes(), out);
    }
    if !sent(Known::XForwardedHost) && !host.is_empty() {
        field(b"X-Forwarded-Host", host, out);
    }
}

/// The text of an address, an IPv4 address in IPv6 as the IPv4 address it is.
pub(crate) fn address(address: IpAddr, text: &mut [u8; 45]) -> &[u8] {
    let length = match address.to_canonical() {
        // By far the most common, on every request: without the machinery of formatting.
        IpAddr::V4(address) => dotted(address.octets(), text),
        address @ IpAddr::V6(_) => {
            let room = text.len();
            let mut rest = &mut text[..];
            write!(rest, "{address}").expect("no address is longer than 45 bytes");
            room - rest.len()
        }
    };
    &text[..length]
}

/// Writes four numbers with dots between them, and returns how many bytes that took.
fn dotted(octets: [u8; 4], text: &mut [u8; 45]) -> usize {
    let mut at = 0;
    let mut put = |byte| {
        text[at] = byte;
        at += 1;
    };
    for (n, octet) in octets.into_iter().enumerate() {
        if n > 0 {
            put(b'.');
        }
        if octet >= 100 {
            put(b'0' + octet / 100);
        }
        if octet >= 10 {
            put(b'0' + octet / 10 % 10);
        }
        put(b'0' + octet % 10);
    }
    at
}

/// RFC 9110 7.6.3: the version is that of the message received.
fn via(received: Version) -> &'static [u8] {
    match received {
        Version::Http10 => b"1.0 evenkeel",
        Version::Http11 => b"1.1 evenkeel",
        Version::Http2 => b"2.0 evenkeel",
    }
}

fn framing(framing: Framing, out: &mut Vec<u8>) {
    match framing {
        Framing::Length(length) => {
            out.extend_from_slice(b"Content-Length: ");
            decimal(length, out);
            out.extend_from_slice(b"\r\n");
        }
        Framing::Chunked => field(b"Transfer-Encoding", b"chunked", out),
        Framing::None | Framing::UntilClose => {}
    }
}

fn finish(extra: &[Extra<'_>], out: &mut Vec<u8>) {
    for (name, value) in extra {
        field(name.as_bytes(), value, out);
    }
    out.extend_from_slice(b"\r\n");
}
