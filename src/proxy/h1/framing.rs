//! What the fields of a head say about the message: its framing, and what becomes of the
//! connection (RFC 9112 sections 6 and 9.3).

use super::field::members;
use super::{Fields, Known, Reject, Span, Version};

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    #[default]
    None,
    /// `Content-Length`, in bytes.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// It ends with the connection (responses only).
    UntilClose,
}

impl Framing {
    /// Whether it is certain that no byte of a body follows.
    pub fn is_empty(self) -> bool {
        matches!(self, Self::None | Self::Length(0))
    }

    /// Whether it is certain that more than `limit` bytes follow.
    pub fn exceeds(self, limit: u64) -> bool {
        matches!(self, Self::Length(length) if length > limit)
    }
}

/// The fields that frame or steer, read once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Steering {
    pub(super) host: Option<Span>,
    pub(super) length: Option<u64>,
    pub(super) chunked: bool,
    pub(super) expect_continue: bool,
    pub(super) te_trailers: bool,
    /// `Connection: upgrade` beside an `Upgrade` that may be tunnelled.
    pub(super) upgrade: bool,
    /// `Connection` has an option that may name a field.
    pub(super) names_field: bool,
    close: bool,
    keep_alive: bool,
}

impl Steering {
    pub(super) fn read(buf: &[u8], fields: &Fields) -> Result<Self, Reject> {
        let mut it = Self::default();
        let (mut wants_upgrade, mut protocol, mut h2c) = (false, false, false);
        for field in fields {
            if field.known == Known::Other {
                continue;
            }
            let value = field.value.of(buf);
            match field.known {
                Known::Host if it.host.is_some() => return Err(Reject::Host),
                Known::Host => it.host = Some(field.value),
                Known::ContentLength if it.length.is_some() => return Err(Reject::ContentLength),
                Known::ContentLength => it.length = Some(number(value)?),
                Known::TransferEncoding
                    if it.chunked || !value.eq_ignore_ascii_case(b"chunked") =>
                {
                    return Err(Reject::TransferEncoding);
                }
                Known::TransferEncoding => it.chunked = true,
                // Options are tokens (RFC 9110 7.6.1). Some servers pass over a field that has such
                // bytes and close, others read what else it says: so the two would not agree on
                // whether another message follows.
                Known::Connection if !value.is_ascii() => return Err(Reject::FieldValue),
                Known::Connection => {
                    for option in members(value) {
                        if option.eq_ignore_ascii_case(b"close") {
                            it.close = true;
                        } else if option.eq_ignore_ascii_case(b"keep-alive") {
                            it.keep_alive = true;
                        } else if option.eq_ignore_ascii_case(b"upgrade") {
                            wants_upgrade = true;
                        } else {
                            it.names_field = true;
                        }
                    }
                }
                Known::Upgrade => {
                    protocol |= !value.is_empty();
                    h2c |= members(value).any(|it| it.eq_ignore_ascii_case(b"h2c"));
                }
                Known::Expect => it.expect_continue |= value.eq_ignore_ascii_case(b"100-continue"),
                Known::Te => {
                    it.te_trailers |= members(value).any(|it| it.eq_ignore_ascii_case(b"trailers"));
                }
                _ => {}
            }
        }
        // A tunnel of cleartext HTTP/2 would carry requests past routing: it is never opened, and
        // a server may always ignore an upgrade (RFC 9110 7.8).
        it.upgrade = wants_upgrade && protocol && !h2c;
        if it.chunked && it.length.is_some() {
            return Err(Reject::TwoFramings);
        }
        Ok(it)
    }

    /// Whether the sender lets the connection be used again (RFC 9112 9.3).
    pub(super) fn persistent(&self, version: Version) -> bool {
        !self.close && (version == Version::Http11 || self.keep_alive)
    }

    /// The framing that the fields alone give; `otherwise` without any.
    pub(super) fn framing(&self, version: Version, otherwise: Framing) -> Result<Framing, Reject> {
        match (self.chunked, self.length) {
            (true, _) if version == Version::Http10 => Err(Reject::TransferEncoding),
            (true, _) => Ok(Framing::Chunked),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (false, None) => Ok(otherwise),
        }
    }
}

/// A number of digits and nothing else, of at most 63 bits: some recipients count in a signed type.
fn number(value: &[u8]) -> Result<u64, Reject> {
    if value.is_empty() {
        return Err(Reject::ContentLength);
    }
    let number = value.iter().try_fold(0u64, |number, &digit| {
        if !digit.is_ascii_digit() {
            return Err(Reject::ContentLength);
        }
        let tens = number.checked_mul(10).ok_or(Reject::ContentLength)?;
        tens.checked_add(u64::from(digit - b'0'))
            .ok_or(Reject::ContentLength)
    })?;
    i64::try_from(number)
        .map(|_| number)
        .map_err(|_| Reject::ContentLength)
}
