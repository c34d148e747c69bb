//! Field lines: where they stand in the buffer, and which of them the codec has a rule for.

use super::{Limits, Reject, Span, token};

/// Field names that this codec has a rule for. `Connection` cannot name one of them (a client
/// that sends `Connection: X-Forwarded-For` does not get rid of it), and none is relayed as a
/// trailer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the field of its name")]
pub enum Known {
    /// Every other field: relayed, unless `Connection` names it.
    #[default]
    Other,
    Authorization,
    Connection,
    ContentLength,
    Cookie,
    Date,
    Expect,
    Forwarded,
    Host,
    KeepAlive,
    /// A name that is another's here but for `_` where that has `-`: some applications cannot tell
    /// the two apart (CGI's environment spells both the same), so it goes no further.
    Lookalike,
    ProxyAuthenticate,
    ProxyAuthorization,
    ProxyConnection,
    Te,
    Trailer,
    TransferEncoding,
    Upgrade,
    Via,
    XForwardedFor,
    XForwardedHost,
    XForwardedProto,
    /// `X-Forwarded-Port`, `X-Forwarded-Prefix` and every other of that family.
    XForwarded,
}

impl Known {
    /// The field of this name, a token in any case.
    pub fn of(name: &[u8]) -> Self {
        // Length and first letter leave one or two candidates.
        let candidates: &[(&str, Self)] = match (name.len(), name[0] | 0x20) {
            (2, b't') => &[("te", Self::Te)],
            (3, b'v') => &[("via", Self::Via)],
            (4, b'h') => &[("host", Self::Host)],
            (4, b'd') => &[("date", Self::Date)],
            (6, b'e') => &[("expect", Self::Expect)],
            (6, b'c') => &[("cookie", Self::Cookie)],
            (7, b't') => &[("trailer", Self::Trailer)],
            (7, b'u') => &[("upgrade", Self::Upgrade)],
            (9, b'f') => &[("forwarded", Self::Forwarded)],
            (10, b'c') => &[("connection", Self::Connection)],
            (10, b'k') => &[("keep-alive", Self::KeepAlive)],
            (13, b'a') => &[("authorization", Self::Authorization)],
            (14, b'c') => &[("content-length", Self::ContentLength)],
            (15, b'x') => &[("x-forwarded-for", Self::XForwardedFor)],
            (16, b'x') => &[("x-forwarded-host", Self::XForwardedHost)],
            (16, b'p') => &[("proxy-connection", Self::ProxyConnection)],
            (17, b't') => &[("transfer-encoding", Self::TransferEncoding)],
            (17, b'x') => &[("x-forwarded-proto", Self::XForwardedProto)],
            (18, b'p') => &[("proxy-authenticate", Self::ProxyAuthenticate)],
            (19, b'p') => &[("proxy-authorization", Self::ProxyAuthorization)],
            _ => &[],
        };
        for (candidate, known) in candidates {
            match likeness(name, candidate.as_bytes()) {
                Likeness::Same => return *known,
                Likeness::Spelt => return Self::Lookalike,
                Likeness::None => {}
            }
        }
        match name.split_at_checked(12) {
            Some((family, _)) => match likeness(family, b"x-forwarded-") {
                Likeness::Same => Self::XForwarded,
                Likeness::Spelt => Self::Lookalike,
                Likeness::None => Self::Other,
            },
            None => Self::Other,
        }
    }
}

enum Likeness {
    Same,
    /// The same, but for `_` instead of `-`.
    Spelt,
    None,
}

/// How alike `name`, a token, and `known`, letters in lower case and `-`, are; both are as long.
fn likeness(name: &[u8], known: &[u8]) -> Likeness {
    let mut same = true;
    for (&is, &known) in name.iter().zip(known) {
        // One bit tells the case of a letter. What else it makes of a byte of a token is no letter,
        // and no `-`.
        if is | 0x20 != known {
            if (is, known) != (b'_', b'-') {
                return Likeness::None;
            }
            same = false;
        }
    }
    if same {
        Likeness::Same
    } else {
        Likeness::Spelt
    }
}

/// One field line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name as received; the line begins with it.
    pub name: Span,
    /// The value without the white space around it.
    pub value: Span,
    /// Which field it is.
    pub known: Known,
}

/// The field lines of one head, in order. Its allocation is reused from head to head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    pub(super) lines: Vec<Field>,
    /// Where the empty line after the last field begins.
    pub(super) end: usize,
}

impl Fields {
    /// All field lines in the order received.
    pub fn iter(&self) -> std::slice::Iter<'_, Field> {
        self.lines.iter()
    }

    /// The values of every field called `name` (any case), in order.
    pub fn values<'a>(&'a self, buf: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(move |field| field.name.of(buf).eq_ignore_ascii_case(name.as_bytes()))
            .map(move |field| field.value.of(buf))
    }

    /// The values of every field that is `known`, in order.
    pub fn known<'a>(&'a self, buf: &'a [u8], known: Known) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(move |field| field.known == known)
            .map(move |field| field.value.of(buf))
    }

    /// Parses the field lines from `at` up to and with the empty line (RFC 9112 section 5).
    /// Returns where that ends, or `None` when more must be read.
    pub(super) fn parse(
        &mut self,
        buf: &[u8],
        mut at: usize,
        limits: &Limits,
    ) -> Result<Option<usize>, Reject> {
        self.lines.clear();
        // Most heads fit; growing step by step would copy each of them.
        self.lines.reserve(16);
        loop {
            self.end = at;
            let colon = token::token_end(buf, at);
            match buf.get(colon) {
                None => return Ok(None),
                Some(b'\r' | b'\n') if colon == at => return crlf(buf, at, Reject::LineEnd),
                Some(b':') if colon > at => {}
                Some(_) => return Err(Reject::FieldName),
            }
            if self.lines.len() >= limits.headers {
                return Err(Reject::TooManyFields);
            }
            let mut start = colon + 1;
            while buf.get(start).is_some_and(|&b| token::is_blank(b)) {
                start += 1;
            }
            let mut end = token::control(buf, start);
            let Some(next) = crlf(buf, end, Reject::FieldValue)? else {
                return Ok(None);
            };
            while end > start && token::is_blank(buf[end - 1]) {
                end -= 1;
            }
            let name = Span::new(at, colon);
            let known = Known::of(name.of(buf));
            self.lines.push(Field {
                name,
                value: Span::new(start, end),
                known,
            });
            at = next;
        }
    }
}

impl<'a> IntoIterator for &'a Fields {
    type Item = &'a Field;
    type IntoIter = std::slice::Iter<'a, Field>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The position after the CRLF at `at`, `None` when more must be read; `other` when what stands
/// there is no line end at all.
pub(super) fn crlf(buf: &[u8], at: usize, other: Reject) -> Result<Option<usize>, Reject> {
    match buf[at..] {
        [] | [b'\r'] => Ok(None),
        [b'\r', b'\n', ..] => Ok(Some(at + 2)),
        [b'\r' | b'\n', ..] => Err(Reject::LineEnd),
        _ => Err(other),
    }
}

/// The members of a comma-separated list, without white space and empty members (RFC 9110 5.6.1).
pub(super) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|&b| b == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}
