//! Heads of HTTP/2 as the text of HTTP/1.1 heads, and back (RFC 9113 section 8).

use std::io;

use bytes::Bytes;
use h2::ext::Protocol;
use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, HOST, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};

use crate::h1::encode::{decimal, field};
use crate::h1::{self, Fields, Known, Limits, RequestHead, ResponseHead, Status};

/// The text that we wrote ourselves is not bounded again.
const UNBOUNDED: Limits = Limits {
    header_bytes: usize::MAX,
    headers: usize::MAX,
    uri_bytes: usize::MAX,
};

/// What a WebSocket's handshake needs over HTTP/1.1; RFC 8441 has neither it nor its answer, so any
/// valid nonce does.
const WEBSOCKET_KEY: &str = "ZXZlbmtlZWwgb3ZlciBoMg==";

/// Writes a client's request. `ends` says that no body follows. An extended CONNECT for a WebSocket
/// (RFC 8441) becomes the upgrade that it is over HTTP/1.1.
pub(super) fn request_text<B>(request: &Request<B>, ends: bool, out: &mut Vec<u8>) {
    let uri = request.uri();
    let upgrade = is_websocket(request);
    let method = if upgrade {
        "GET"
    } else {
        request.method().as_str()
    };
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    match uri.path_and_query() {
        Some(path) if upgrade || request.method() != Method::CONNECT => {
            out.extend_from_slice(path.as_str().as_bytes());
        }
        _ => out.extend_from_slice(uri.authority().map_or("*", |a| a.as_str()).as_bytes()),
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let host = uri
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    if let Some(host) = host {
        field(b"host", host, out);
    }
    if upgrade {
        field(b"connection", b"upgrade", out);
        field(b"upgrade", b"websocket", out);
        field(b"sec-websocket-key", WEBSOCKET_KEY.as_bytes(), out);
    }
    let headers = request.headers();
    for (name, value) in headers {
        // One that says otherwise is kept, and so refused as a second one.
        let repeats =
            || name == HOST && host.is_some_and(|h| h.eq_ignore_ascii_case(value.as_bytes()));
        if name != COOKIE && !repeats() {
            field(name.as_str().as_bytes(), value.as_bytes(), out);
        }
    }
    crumbs(headers, out);
    if !ends && !upgrade && !headers.contains_key(CONTENT_LENGTH) {
        field(b"transfer-encoding", b"chunked", out);
    }
    out.extend_from_slice(b"\r\n");
}

/// Whether a request opens a WebSocket by RFC 8441.
pub(super) fn is_websocket<B>(request: &Request<B>) -> bool {
    let protocol = request.extensions().get::<Protocol>();
    protocol.is_some_and(|protocol| protocol.as_str() == "websocket")
}

/// One `Cookie` of several (RFC 9113 section 8.2.3).
fn crumbs(headers: &HeaderMap, out: &mut Vec<u8>) {
    let mut before: &[u8] = b"cookie: ";
    for value in headers.get_all(COOKIE) {
        out.extend_from_slice(before);
        out.extend_from_slice(value.as_bytes());
        before = b"; ";
    }
    if before == b"; " {
        out.extend_from_slice(b"\r\n");
    }
}

/// Writes a server's response, interim or final.
pub(super) fn response_text<B>(response: &Response<B>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal(u64::from(response.status().as_u16()), out);
    out.extend_from_slice(b" \r\n");
    for (name, value) in response.headers() {
        field(name.as_str().as_bytes(), value.as_bytes(), out);
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes trailers as lines, without those that may not stand there (RFC 9110 section 6.5.1).
pub(super) fn trailer_lines(trailers: &HeaderMap, out: &mut Vec<u8>) {
    for (name, value) in trailers {
        let name = name.as_str().as_bytes();
        if Known::of(name) == Known::Other {
            field(name, value.as_bytes(), out);
        }
    }
}

/// Reads lines as [`trailer_lines`] and the codec's decoder write them.
pub(super) fn trailers(lines: &[u8]) -> io::Result<HeaderMap> {
    let mut text = b"HTTP/1.1 200 \r\n".to_vec();
    text.extend_from_slice(lines);
    text.extend_from_slice(b"\r\n");
    let (head, _) = parse_response(&text, h1::Method::Get)?.ok_or_else(invalid)?;
    let mut headers = HeaderMap::new();
    copy(&head.fields, &Bytes::from(text), &mut headers)?;
    Ok(headers)
}

/// A response whose head stands at the front of `text`, and its length. `None` while more must
/// come. The codec has judged what it wrote here: the lines are only taken apart.
pub(super) fn response(text: &[u8]) -> io::Result<Option<(Response<()>, usize)>> {
    let Some((lines, length)) = extent(text) else {
        return Ok(None);
    };
    let text = Bytes::copy_from_slice(&text[..length]);
    let status = text.get(9..12).unwrap_or_default();
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_bytes(status).map_err(|_| invalid())?;
    let headers = response.headers_mut();
    headers.reserve(lines);
    let mut at = h1::control(&text, 0) + 2;
    for _ in 1..lines {
        let end = h1::control(&text, at);
        let line = &text[at..end];
        let colon = line.iter().position(|&b| b == b':').ok_or_else(invalid)?;
        let name = HeaderName::from_bytes(&line[..colon]).map_err(|_| invalid())?;
        if !is_of_a_connection(&name) {
            let value = text.slice_ref(line[colon + 1..].trim_ascii());
            let value = HeaderValue::from_maybe_shared(value).map_err(|_| invalid())?;
            headers.append(name, value);
        }
        at = end + 2;
    }
    Ok(Some((response, length)))
}

/// How many lines the head at the front of `text` has, without the empty one, and how many bytes
/// with it. `None` if it does not end in there.
fn extent(text: &[u8]) -> Option<(usize, usize)> {
    let (mut lines, mut at) = (0, 0);
    while at < text.len() {
        let end = h1::control(text, at);
        if end + 2 > text.len() {
            return None;
        }
        if end == at {
            return Some((lines, end + 2));
        }
        lines += 1;
        at = end + 2;
    }
    None
}

/// Whether HTTP/2 forbids the field (RFC 9113 section 8.2.2).
fn is_of_a_connection(name: &HeaderName) -> bool {
    [CONNECTION, TRANSFER_ENCODING, UPGRADE].contains(name)
        || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

/// A request whose head stands at the front of `text`, and its length. `None` while more must come.
pub(super) fn request(
    text: &[u8],
    scheme: &'static str,
) -> io::Result<Option<(Request<()>, usize)>> {
    let mut head = RequestHead::default();
    let length = match h1::parse_request(text, &UNBOUNDED, &mut head) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(_) => return Err(invalid()),
    };
    let text = Bytes::copy_from_slice(&text[..length]);
    let mut request = Request::new(());
    *request.method_mut() =
        Method::from_bytes(head.method_name.of(&text)).map_err(|_| invalid())?;
    *request.uri_mut() = uri(&head, &text, scheme).map_err(|_| invalid())?;
    copy(&head.fields, &text, request.headers_mut())?;
    Ok(Some((request, length)))
}

fn uri(head: &RequestHead, text: &[u8], scheme: &'static str) -> Result<Uri, http::Error> {
    let (target, authority) = (head.target.whole.of(text), head.authority.of(text));
    if authority.is_empty() {
        return Ok(Uri::try_from(target)?);
    }
    let uri = Uri::builder().scheme(scheme).authority(authority);
    uri.path_and_query(target).build()
}

fn parse_response(text: &[u8], method: h1::Method) -> io::Result<Option<(ResponseHead, usize)>> {
    let mut head = ResponseHead::default();
    match h1::parse_response(text, method, &UNBOUNDED, &mut head) {
        Ok(Status::Complete(length)) => Ok(Some((head, length))),
        Ok(Status::Partial) => Ok(None),
        Err(_) => Err(invalid()),
    }
}

/// Copies fields but those that HTTP/2 forbids or says otherwise (RFC 9113 section 8.2.2). The
/// values share the text's memory.
fn copy(fields: &Fields, text: &Bytes, headers: &mut HeaderMap) -> io::Result<()> {
    headers.reserve(fields.iter().len());
    for line in fields {
        let te = line.known == Known::Te;
        if matches!(
            line.known,
            Known::Connection
                | Known::Host
                | Known::KeepAlive
                | Known::ProxyConnection
                | Known::TransferEncoding
                | Known::Upgrade
        ) || te && line.value.of(text) != b"trailers"
        {
            continue;
        }
        let name = HeaderName::from_bytes(line.name.of(text)).map_err(|_| invalid())?;
        let value = HeaderValue::from_maybe_shared(text.slice_ref(line.value.of(text)));
        headers.append(name, value.map_err(|_| invalid())?);
    }
    Ok(())
}

/// What HTTP/1.1 can say and HTTP/2 cannot.
fn invalid() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not expressible in HTTP/2")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"HTTP/1.1 404 Not Found\r\nServer: x\r\nA:b\r\nA: \tc d \r\nEmpty:\r\n\
        Connection: close\r\nKeep-Alive: 5\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n\
        Odd: \xff:\t;\r\n\r\n";

    #[test]
    fn a_response_is_taken_apart() {
        let more = [TEXT, b"body\r\n\r\n"].concat();
        let (response, length) = response(&more).unwrap().unwrap();
        assert_eq!((response.status().as_u16(), length), (404, TEXT.len()));
        let fields = response.headers().iter();
        let fields: Vec<(&str, &[u8])> = fields.map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
        let expected: [(&str, &[u8]); 5] = [
            ("server", b"x"),
            ("a", b"b"),
            ("a", b"c d"),
            ("empty", b""),
            ("odd", b"\xff:\t;"),
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn a_response_that_is_cut_waits_for_more() {
        for cut in 0..TEXT.len() {
            assert!(response(&TEXT[..cut]).unwrap().is_none(), "{cut}");
        }
    }
}
