//! evenkeel's own HTTP/1.1 codec: heads, bodies and what is written onward, without any I/O.
//!
//! It exists because request smuggling is a disagreement between two parsers, and a parser that
//! repairs what it reads cannot refuse it. This one accepts one spelling of everything that frames
//! a message and rejects the rest; what it forwards it frames itself. It is used by the proxy on
//! both sides and by the simulator's clients and origins.
//!
//! A head is parsed in one scan into ranges of the received buffer ([`Span`]), so nothing is
//! allocated per field. Where RFC 9112 leaves room, the stricter reading is taken:
//!
//! - lines end in CRLF, never in a bare LF; a CR anywhere else is an error (section 2.2 allows a
//!   recipient to be lenient). One empty line before a request line is tolerated, not two.
//! - `Content-Length` stands once, digits only; identical repeats are rejected too (6.3 rule 5).
//!   Beyond 63 bits it is rejected: some recipients count in a signed type.
//! - a name with `_` that spells one of ours with `-` is another field, and is not sent on.
//! - `Expect` is sent on as the one expectation that there is, or not at all.
//! - `Transfer-Encoding` is exactly one `chunked`; anything else is 400, also where section 6.1
//!   suggests 501: the framing is unknown either way and the connection closes.
//! - an empty `Host` is what a client must send that has no authority (3.2), so it is accepted.
//! - a target is any visible ASCII but `#`; it is matched and forwarded as the same bytes.

mod body;
pub mod encode;
mod field;
mod framing;
mod head;
mod local;
mod reject;
mod target;
#[cfg(test)]
mod test;
mod token;

pub use body::{Decoder, Eof, Step};
pub use field::{Field, Fields, Known};
pub use framing::Framing;
pub use head::{Method, RequestHead, ResponseHead, Version, parse_request, parse_response};
pub use local::{Local, reason};
pub use reject::Reject;
pub use target::{Form, Target};
pub(crate) use token::control;

/// Bounds of what one message may make us hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a head, start line and final empty line included; of a trailer section too.
    pub header_bytes: usize,
    /// Number of fields of a head or trailer section.
    pub headers: usize,
    /// Bytes of a request target.
    pub uri_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 32 << 10,
            headers: 100,
            uri_bytes: 8 << 10,
        }
    }
}

/// What parsing a head came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The head ends after this many bytes of the buffer.
    Complete(usize),
    /// Read more, then parse again with the same head and the grown buffer.
    Partial,
}

/// A range of the received buffer, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// `start..end`; both fit because a head is never parsed beyond 4 GiB.
    fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= u32::MAX as usize);
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    /// The bytes. `buf` must be the buffer that was parsed, from the same first byte.
    pub fn of(self, buf: &[u8]) -> &[u8] {
        &buf[self.start as usize..self.end as usize]
    }

    /// Length in bytes.
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether it holds no byte.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}
