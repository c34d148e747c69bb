//! Why something went no further, for what is decided outside of requests.
//!
//! Each has a fixed number, which the trace hash sees, and a name, which metrics show.

/// Why a TLS handshake with a client failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum HandshakeFailure {
    /// It did not end in time.
    Timeout,
    /// What the client said is not TLS, or has no version, cipher or protocol in common with us.
    Protocol,
    /// The client's certificate is missing, or is not one that we trust.
    Certificate,
    /// As many as may be were under way.
    Full,
    /// The client left.
    Left,
}

impl HandshakeFailure {
    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::Certificate => "certificate",
            Self::Full => "full",
            Self::Left => "left",
        }
    }
}

/// Why we ended an HTTP/2 connection with GOAWAY (RFC 9113 section 6.8), other than to drain it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Goaway {
    /// The client reset more streams than it may.
    Resets,
    /// It sent more frames than its requests need: pings, settings, empty data, continuations.
    Flood,
    /// What it sent is not HTTP/2.
    Protocol,
}

impl Goaway {
    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resets => "resets",
            Self::Flood => "flood",
            Self::Protocol => "protocol",
        }
    }
}

/// A limit of a listener, by its key in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Limit {
    /// Connections open.
    Connections,
    /// TLS handshakes under way.
    Handshakes,
    /// Bytes of a head.
    HeaderBytes,
    /// Fields of a head.
    Headers,
    /// Bytes of a request target.
    UriBytes,
    /// Streams open on one HTTP/2 connection.
    Streams,
    /// Streams that a client resets on one HTTP/2 connection.
    Resets,
}

impl Limit {
    /// Its key, which is its name in metrics too.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Handshakes => "handshakes",
            Self::HeaderBytes => "header_bytes",
            Self::Headers => "headers",
            Self::UriBytes => "uri_bytes",
            Self::Streams => "streams",
            Self::Resets => "resets",
        }
    }
}
