//! One request's life.

/// Why a try ended without a complete response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Failure {
    /// The connection was refused or could not be routed.
    Dial,
    /// The connection was not open in time.
    DialTimeout,
    /// The connection was lost before the head of the response.
    Lost,
    /// The head did not come in time.
    HeadTimeout,
    /// The connection was lost inside the body.
    Cut,
    /// The body stood still for too long.
    IdleTimeout,
    /// The request's total time ran out.
    TotalTimeout,
    /// The client left.
    ClientLeft,
}

/// Why the proxy answers by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Local {
    /// No endpoint may take the request: 503.
    NoEndpoint,
    /// The queue is full: 503.
    QueueFull,
    /// Waited too long in the queue: 503.
    QueueTimeout,
    /// The last try could not connect, or lost its connection: 502.
    BadGateway,
    /// The endpoint's head did not come in time: 504.
    GatewayTimeout,
}

impl Local {
    /// The status code that the client gets (RFC 9110 section 15.6).
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::NoEndpoint | Self::QueueFull | Self::QueueTimeout => 503,
            Self::BadGateway => 502,
            Self::GatewayTimeout => 504,
        }
    }
}

/// What became of a request. Every request has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A complete response of an endpoint, whatever its status.
    Complete {
        /// The response's status code.
        status: u16,
    },
    /// An answer of the proxy's own.
    Local(Local),
    /// The head was passed on, and then the body ended too early. The client can tell.
    Cut {
        /// The status code that had been passed on.
        status: u16,
    },
    /// The client left before it had its response.
    Cancelled,
}

impl Outcome {
    /// A number for the trace: the status of a complete response; 1000 and up for the others.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Complete { status } => status,
            Self::Local(local) => 1000 + local as u16,
            Self::Cut { .. } => 1100,
            Self::Cancelled => 1200,
        }
    }
}
