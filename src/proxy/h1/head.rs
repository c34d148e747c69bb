//! Request and response heads: start line, fields, and what they mean (RFC 9112 sections 2 to 6).

use super::field::crlf;
use super::framing::Steering;
use super::target::is_host;
use super::{Fields, Form, Framing, Limits, Reject, Span, Status, Target, token};

/// The method of a request. Methods are case-sensitive (RFC 9110 9.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the method of its name")]
pub enum Method {
    Connect,
    Delete,
    #[default]
    Get,
    Head,
    Options,
    /// Any other token; [`RequestHead::method_name`] has its bytes.
    Other,
    Patch,
    Post,
    Put,
    Trace,
}

impl Method {
    /// The method of this name.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        match name {
            b"CONNECT" => Self::Connect,
            b"DELETE" => Self::Delete,
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"OPTIONS" => Self::Options,
            b"PATCH" => Self::Patch,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"TRACE" => Self::Trace,
            _ => Self::Other,
        }
    }

    /// Asks for no change (RFC 9110 9.2.1).
    pub fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options | Self::Trace)
    }

    /// May be sent twice (RFC 9110 9.2.2).
    pub fn is_idempotent(self) -> bool {
        self.is_safe() || matches!(self, Self::Put | Self::Delete)
    }

    /// Whether a response to it can have a body.
    pub fn answers_with_body(self) -> bool {
        self != Self::Head
    }
}

/// The versions that are spoken. A head of HTTP/2 is read and written as the text of an HTTP/1.1
/// head, so that every rule about heads exists once; only its body is framed by HTTP/2 itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    #[default]
    Http11,
    /// HTTP/2; never the outcome of parsing
    Http2,
}

/// A request's head. All spans are ranges of the buffer given to [`parse_request`].
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// The method's bytes.
    pub method_name: Span,
    /// The target and its parts.
    pub target: Target,
    /// The client's version.
    pub version: Version,
    /// Every field line.
    pub fields: Fields,
    /// Host and port that the request is for: the target's, else `Host`; empty when none is named.
    pub authority: Span,
    /// How the body ends: never [`Framing::UntilClose`].
    pub framing: Framing,
    /// The client lets the connection be used again.
    pub keep_alive: bool,
    /// The client waits for 100 before it sends the body (never set without a body).
    pub expect_continue: bool,
    /// An upgrade other than to h2c is asked for, and no body stands before it.
    pub upgrade: bool,
    /// The client said `TE: trailers`.
    pub te_trailers: bool,
    pub(super) names_field: bool,
    seen: usize,
}

/// A response's head. All spans are ranges of the buffer given to [`parse_response`].
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    /// 100 to 999.
    pub status: u16,
    /// The reason phrase, possibly empty.
    pub reason: Span,
    /// The origin's version.
    pub version: Version,
    /// Every field line.
    pub fields: Fields,
    /// How the body ends.
    pub framing: Framing,
    /// `Content-Length`, also where it frames nothing (HEAD, 304).
    pub content_length: Option<u64>,
    /// The connection can be used again once the body has ended.
    pub keep_alive: bool,
    pub(super) names_field: bool,
    seen: usize,
}

impl ResponseHead {
    /// Forgets what was parsed; the memory of its lines stays.
    pub(crate) fn reset(&mut self) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.lines.clear();
        fields.end = 0;
        *self = Self {
            fields,
            ..Self::default()
        };
    }

    /// Whether another head follows this one: 1xx, but not 101.
    pub fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }

    /// Whether the request was received, understood and accepted: 2xx.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The framing towards a client of `version`: chunked where the length is not known, and until
    /// close for one that does not know chunks or ends its streams by itself.
    pub fn framing_for(&self, version: Version) -> Framing {
        match (self.framing, version) {
            (Framing::Chunked | Framing::UntilClose, Version::Http11) => Framing::Chunked,
            (Framing::Chunked, _) => Framing::UntilClose,
            (framing, _) => framing,
        }
    }
}

/// Parses the request head at the start of `buf`. While it is [`Status::Partial`], call again with
/// the same `head` and the grown buffer, and use that head for nothing else; it is valid only after
/// [`Status::Complete`], and can then be used for the next message.
pub fn parse_request(
    buf: &[u8],
    limits: &Limits,
    head: &mut RequestHead,
) -> Result<Status, Reject> {
    let Some(window) = window(buf, limits, &mut head.seen) else {
        return Ok(Status::Partial);
    };
    let parsed = head.parse(window, limits);
    conclude(parsed, window, limits, &mut head.seen)
}

/// Parses the response head at the start of `buf`, the answer to a request of `method`. Partial
/// heads go as in [`parse_request`].
pub fn parse_response(
    buf: &[u8],
    method: Method,
    limits: &Limits,
    head: &mut ResponseHead,
) -> Result<Status, Reject> {
    let Some(window) = window(buf, limits, &mut head.seen) else {
        return Ok(Status::Partial);
    };
    let parsed = head.parse(window, method, limits);
    conclude(parsed, window, limits, &mut head.seen)
}

fn conclude(
    parsed: Result<Option<usize>, Reject>,
    window: &[u8],
    limits: &Limits,
    seen: &mut usize,
) -> Result<Status, Reject> {
    match parsed {
        Ok(None) if window.len() < limits.header_bytes => return Ok(Status::Partial),
        _ => *seen = 0,
    }
    parsed?.map(Status::Complete).ok_or(Reject::TooLarge)
}

/// The part of `buf` that a head may take; `None` while nothing can have changed since the last
/// attempt. Parsing anew only when a line has ended keeps the work for a head that trickles in
/// byte by byte linear in its lines.
fn window<'a>(buf: &'a [u8], limits: &Limits, seen: &mut usize) -> Option<&'a [u8]> {
    let most = limits.header_bytes.min(u32::MAX as usize);
    let before = std::mem::replace(seen, buf.len());
    if before > 0 && buf.len() < most && !buf.get(before..).unwrap_or(buf).contains(&b'\n') {
        return None;
    }
    Some(&buf[..buf.len().min(most)])
}

impl RequestHead {
    fn parse(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<usize>, Reject> {
        // RFC 9112 2.2: some clients send an empty line after a body.
        let start = if buf.starts_with(b"\r\n") { 2 } else { 0 };
        let Some(at) = self.parse_line(buf, start, limits)? else {
            return Ok(None);
        };
        let Some(end) = self.fields.parse(buf, at, limits)? else {
            return Ok(None);
        };
        let steering = Steering::read(buf, &self.fields)?;
        self.framing = steering.framing(self.version, Framing::None)?;
        self.authority = match steering.host {
            None if self.version == Version::Http11 => return Err(Reject::Host),
            Some(host) if !host.is_empty() && !is_host(host.of(buf)) => return Err(Reject::Host),
            _ if matches!(self.target.form, Form::Absolute | Form::Authority) => {
                self.target.authority
            }
            host => host.unwrap_or_default(),
        };
        // What a client sends after CONNECT is meant for a tunnel that is never opened.
        self.keep_alive = steering.persistent(self.version) && self.method != Method::Connect;
        let is_new = self.version == Version::Http11;
        self.expect_continue = steering.expect_continue && is_new && !self.framing.is_empty();
        self.upgrade = steering.upgrade && is_new && self.framing.is_empty();
        self.te_trailers = steering.te_trailers && is_new;
        self.names_field = steering.names_field;
        Ok(Some(end))
    }

    fn parse_line(
        &mut self,
        buf: &[u8],
        start: usize,
        limits: &Limits,
    ) -> Result<Option<usize>, Reject> {
        let space = token::token_end(buf, start);
        match buf.get(space) {
            None => return Ok(None),
            Some(b' ') if space > start => {}
            // A lone CR here may yet become the tolerated empty line.
            Some(b'\r') if space == 0 && buf.len() == 1 => return Ok(None),
            Some(b'\r' | b'\n') if space == start => return Err(Reject::LineEnd),
            Some(_) => return Err(Reject::StartLine),
        }
        self.method_name = Span::new(start, space);
        self.method = Method::of(self.method_name.of(buf));
        let from = space + 1;
        let longest = buf
            .len()
            .min(from.saturating_add(limits.uri_bytes).saturating_add(1));
        let end = token::target_end(&buf[..longest], from);
        if end - from > limits.uri_bytes {
            return Err(Reject::TargetTooLong);
        }
        match buf.get(end) {
            None => return Ok(None),
            Some(b' ') if end > from => {}
            Some(b' ' | b'\r' | b'\n') => return Err(Reject::StartLine),
            Some(_) => return Err(Reject::Target),
        }
        let Some((version, at)) = parse_version(buf, end + 1)? else {
            return Ok(None);
        };
        let Some(at) = crlf(buf, at, Reject::StartLine)? else {
            return Ok(None);
        };
        self.version = version.ok_or(Reject::Version)?;
        self.target = Target::parse(buf, from, end, self.method)?;
        Ok(Some(at))
    }
}

impl ResponseHead {
    fn parse(
        &mut self,
        buf: &[u8],
        method: Method,
        limits: &Limits,
    ) -> Result<Option<usize>, Reject> {
        let Some(at) = self.parse_line(buf)? else {
            return Ok(None);
        };
        let Some(end) = self.fields.parse(buf, at, limits)? else {
            return Ok(None);
        };
        let steering = Steering::read(buf, &self.fields)?;
        let framing = steering.framing(self.version, Framing::UntilClose)?;
        // RFC 9112 6.3 rule 1: these end with their head, whatever their fields say.
        let bodiless = !method.answers_with_body() || matches!(self.status, 100..200 | 204 | 304);
        self.framing = if bodiless { Framing::None } else { framing };
        self.content_length = steering.length;
        self.keep_alive = steering.persistent(self.version) && self.framing != Framing::UntilClose;
        self.names_field = steering.names_field;
        Ok(Some(end))
    }

    fn parse_line(&mut self, buf: &[u8]) -> Result<Option<usize>, Reject> {
        let Some((version, at)) = parse_version(buf, 0)? else {
            return Ok(None);
        };
        self.version = version.ok_or(Reject::Version)?;
        for (i, byte) in buf[at..].iter().take(4).enumerate() {
            if if i == 0 {
                *byte != b' '
            } else {
                !byte.is_ascii_digit()
            } {
                return Err(Reject::StartLine);
            }
        }
        let Some([_, code @ ..]) = buf[at..].first_chunk::<4>() else {
            return Ok(None);
        };
        self.status = code
            .iter()
            .fold(0, |sum, &digit| sum * 10 + u16::from(digit - b'0'));
        if self.status < 100 {
            return Err(Reject::StartLine);
        }
        // Some origins leave out the space with the reason; nothing depends on it.
        let mut from = at + 4;
        match buf.get(from) {
            Some(b' ') => from += 1,
            None | Some(b'\r' | b'\n') => {}
            Some(_) => return Err(Reject::StartLine),
        }
        let end = token::control(buf, from);
        self.reason = Span::new(from, end);
        crlf(buf, end, Reject::StartLine)
    }
}

/// The version at `at` and the position after it; `None` inside for one that is well formed but
/// not spoken, so that `HTTP/2.0` is told apart from nonsense.
fn parse_version(buf: &[u8], at: usize) -> Result<Option<(Option<Version>, usize)>, Reject> {
    const SHAPE: [u8; 8] = *b"HTTP/0.0";
    let Some(text) = buf[at..].first_chunk::<8>() else {
        let begins = buf[at..]
            .iter()
            .zip(SHAPE)
            .all(|(&is, shape)| fits(is, shape));
        return if begins {
            Ok(None)
        } else {
            Err(Reject::StartLine)
        };
    };
    let version = match text {
        b"HTTP/1.1" => Some(Version::Http11),
        b"HTTP/1.0" => Some(Version::Http10),
        _ if text.iter().zip(SHAPE).all(|(&is, shape)| fits(is, shape)) => None,
        _ => return Err(Reject::StartLine),
    };
    Ok(Some((version, at + 8)))
}

fn fits(is: u8, shape: u8) -> bool {
    if shape == b'0' {
        is.is_ascii_digit()
    } else {
        is == shape
    }
}
