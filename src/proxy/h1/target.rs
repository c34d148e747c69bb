//! The request target and the host it names (RFC 9112 section 3.2).

use super::{Method, Reject, Span, token};

/// The four forms of a request target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// `/path?query`
    #[default]
    Origin,
    /// `http://host/path?query`
    Absolute,
    /// `host:port`, of CONNECT.
    Authority,
    /// `*`, of OPTIONS.
    Asterisk,
}

/// A request target in its parts; nothing in it is decoded or normalised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Which form was sent.
    pub form: Form,
    /// All of it as received.
    pub whole: Span,
    /// Host and port of the absolute and authority forms, else empty.
    pub authority: Span,
    /// Path without query, as received; empty in authority form and after `http://host`.
    pub path: Span,
    /// The query with its `?`, or empty.
    pub query: Span,
}

impl Target {
    /// Takes the target `start..end` of `buf` apart; its bytes have been checked.
    pub(super) fn parse(
        buf: &[u8],
        start: usize,
        end: usize,
        method: Method,
    ) -> Result<Self, Reject> {
        let whole = Span::new(start, end);
        let mut target = Self {
            whole,
            ..Self::default()
        };
        let bytes = whole.of(buf);
        let mut path = start;
        match (bytes[0], method) {
            (_, Method::Connect) => {
                // RFC 9110 9.3.6: a port is required
                if !is_host(bytes) || !bytes.last().is_some_and(u8::is_ascii_digit) {
                    return Err(Reject::Target);
                }
                return Ok(Self {
                    form: Form::Authority,
                    authority: whole,
                    ..target
                });
            }
            (b'/', _) => {}
            (b'*', Method::Options) if bytes.len() == 1 => {
                return Ok(Self {
                    form: Form::Asterisk,
                    path: whole,
                    ..target
                });
            }
            _ => {
                let scheme = scheme(bytes).ok_or(Reject::Target)?;
                let rest = &bytes[scheme..];
                let host = rest
                    .iter()
                    .position(|b| matches!(b, b'/' | b'?'))
                    .unwrap_or(rest.len());
                if host == 0 || !is_host(&rest[..host]) {
                    return Err(Reject::Target);
                }
                path = start + scheme + host;
                target.form = Form::Absolute;
                target.authority = Span::new(start + scheme, path);
            }
        }
        let rest = &buf[path..end];
        let query = path + rest.iter().position(|&b| b == b'?').unwrap_or(rest.len());
        target.path = Span::new(path, query);
        target.query = Span::new(query, end);
        Ok(target)
    }

    /// The path that routes match: as received, `/` when an absolute target has none.
    pub fn path<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        match self.form {
            Form::Absolute if self.path.is_empty() => b"/",
            _ => self.path.of(buf),
        }
    }
}

/// Length of a leading `http://` or `https://`.
fn scheme(target: &[u8]) -> Option<usize> {
    let begins = |with: &[u8]| {
        target
            .get(..with.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    if begins(b"http://") {
        Some(7)
    } else if begins(b"https://") {
        Some(8)
    } else {
        None
    }
}

/// Whether `host` is `uri-host [":" port]` (RFC 9110 7.2) with a non-empty host. User information
/// is not part of it, so an `@` is refused.
pub(super) fn is_host(host: &[u8]) -> bool {
    let (name, port) = if host.first() == Some(&b'[') {
        let Some(close) = host.iter().position(|&b| b == b']') else {
            return false;
        };
        let literal = &host[1..close];
        let is_address = |b: &u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.');
        if !literal.contains(&b':') || !literal.iter().all(is_address) {
            return false;
        }
        (literal, &host[close + 1..])
    } else {
        host.split_at(token::reg_name_end(host))
    };
    !name.is_empty() && is_port(port)
}

/// Nothing, or a colon and a number below 65536 (which may be missing: RFC 3986 3.2.3).
fn is_port(port: &[u8]) -> bool {
    match port {
        [] => true,
        [b':', digits @ ..] if digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit) => {
            let number = digits
                .iter()
                .fold(0u32, |sum, &b| sum * 10 + u32::from(b - b'0'));
            number <= u32::from(u16::MAX)
        }
        _ => false,
    }
}
