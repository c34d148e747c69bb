//! Why a message is not accepted, and the status that says so.

/// A malformed or oversized message. From a client it is answered with [`Reject::status`] and the
/// connection closes; from an endpoint the proxy answers 502. Never worth a retry of the parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// A line that does not end in CRLF, or a CR that ends none.
    #[error("a line does not end in CRLF")]
    LineEnd,
    /// The start line has no method, no single spaces, or no `HTTP/x.y`.
    #[error("malformed start line")]
    StartLine,
    /// A byte or form that no request target has.
    #[error("invalid request target")]
    Target,
    /// The request target exceeds [`Limits::uri_bytes`](super::Limits::uri_bytes).
    #[error("request target too long")]
    TargetTooLong,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    #[error("unsupported HTTP version")]
    Version,
    /// A field name that is no token, a space before the colon, or a folded line.
    #[error("invalid header field name")]
    FieldName,
    /// A control character in a field value, or a byte beyond ASCII in `Connection`.
    #[error("invalid header field value")]
    FieldValue,
    /// More than [`Limits::headers`](super::Limits::headers) fields.
    #[error("too many header fields")]
    TooManyFields,
    /// More than [`Limits::header_bytes`](super::Limits::header_bytes).
    #[error("header fields too large")]
    TooLarge,
    /// No `Host` on HTTP/1.1, two, or one that is not a host.
    #[error("missing, repeated or invalid Host")]
    Host,
    /// Repeated, listed, signed, overflowing or otherwise not one number.
    #[error("invalid Content-Length")]
    ContentLength,
    /// Anything but one `chunked`, or any at all on HTTP/1.0.
    #[error("invalid Transfer-Encoding")]
    TransferEncoding,
    /// `Content-Length` beside `Transfer-Encoding`.
    #[error("both Content-Length and Transfer-Encoding")]
    TwoFramings,
    /// A chunk size that is not 1 to 16 hexadecimal digits.
    #[error("invalid chunk size")]
    ChunkSize,
    /// Chunk extensions with control characters, or more than 16 KiB of them in one body.
    #[error("invalid or too large chunk extension")]
    ChunkExtension,
    /// Chunk data that is not followed by CRLF.
    #[error("chunk does not end in CRLF")]
    ChunkEnd,
}

impl Reject {
    /// The status that answers a client which sent this.
    pub fn status(self) -> u16 {
        match self {
            Self::TargetTooLong => 414,
            Self::TooManyFields | Self::TooLarge => 431,
            Self::Version => 505,
            _ => 400,
        }
    }
}
