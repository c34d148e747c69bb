//! The words between a request and its shell: what happened, what to do about it, what became of
//! it.
//!
//! All of it is `Copy` and says everything by itself, so that a shell needs no other knowledge of
//! the machine behind it.

use crate::endpoint::{EndpointIndex, TRIED_MAX};
use crate::queue::{Priority, Token};
use crate::retry::On;
use crate::time::Span;

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
    /// The endpoint's answer was one to try again for.
    Refused,
    /// A hedge was answered before it.
    Outrun,
    /// It was a hedge, and the try beside it was answered first.
    Spare,
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
    /// Sent away from the queue in an overload: 503.
    Shed,
}

impl Local {
    /// Whether there was nobody who had room for the request.
    #[must_use]
    pub const fn is_overload(self) -> bool {
        matches!(self, Self::QueueFull | Self::QueueTimeout | Self::Shed)
    }

    /// The status code that the client gets (RFC 9110 section 15.6).
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::NoEndpoint | Self::QueueFull | Self::QueueTimeout | Self::Shed => 503,
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

/// Most tries of a request: beyond them it could not remember where it has failed.
pub const ATTEMPTS_MAX: u8 = TRIED_MAX as u8 + 1;

/// The times and bounds that a request's route and pool set for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Most tries, the first included; from 1 to [`ATTEMPTS_MAX`].
    pub attempts: u8,
    /// Longest silence before the head of a try in whose place there may be another; beyond `head`
    /// for no difference. Milliseconds, so that it fits beside `attempts`.
    pub patience_ms: u32,
    /// What it is tried again for.
    pub on: On,
    /// Which line it waits in.
    pub priority: Priority,
    /// Longest wait in the queue.
    pub queue: Span,
    /// Longest time to open a connection.
    pub dial: Span,
    /// Longest silence between sending and the head of the response.
    pub head: Span,
    /// Longest silence inside the body of the response.
    pub idle: Span,
    /// Longest silence in both directions of a tunnel.
    pub tunnel: Span,
    /// Longest time from arrival to the end of the response; [`Span::MAX`] for no bound.
    pub total: Span,
}

impl Plan {
    /// One try that may take for ever.
    pub const PATIENT: Self = Self {
        attempts: 1,
        patience_ms: u32::MAX,
        on: On::FAILURES,
        priority: Priority::Normal,
        queue: Span::MAX,
        dial: Span::MAX,
        head: Span::MAX,
        idle: Span::MAX,
        tunnel: Span::MAX,
        total: Span::MAX,
    };

    /// Whether a response of this status may be one to try again for: an error, as nothing else can
    /// be configured. Most are none, and their requests ask nobody.
    #[must_use]
    pub fn may_refuse(&self, status: u16) -> bool {
        status >= 400 && self.on.contains(On::STATUS)
    }
}

/// What a shell reports. A report about an earlier try is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The request was parsed and routed to the pool.
    Arrived {
        /// Whether its method is idempotent (RFC 9110 section 9.2.2).
        idempotent: bool,
    },
    /// The [`crate::queue::Grant`] that the request waits for.
    Granted,
    /// A connection is ready.
    Connected {
        /// The try.
        attempt: u8,
        /// Whether it was idle before.
        reused: bool,
    },
    /// No connection could be opened.
    DialFailed {
        /// The try.
        attempt: u8,
    },
    /// The reused connection turned out closed before any byte of a response.
    StaleConnection {
        /// The try.
        attempt: u8,
        /// Whether any byte of the request had been sent on it.
        sent: bool,
    },
    /// The final head of the response arrived (not a 1xx).
    Head {
        /// The try.
        attempt: u8,
        /// Its status code.
        status: u16,
        /// How long it asks to wait before another try (`Retry-After`, RFC 9110 section 10.2.3);
        /// zero if it does not. Looked at where [`Plan::on`] has [`On::STATUS`].
        retry_after: Span,
    },
    /// The request's body can no longer be sent a second time.
    ReplayLost,
    /// The last of a request that was [`super::Request::partial`] has come.
    Received,
    /// The endpoint's response is complete.
    BodyEnded,
    /// The connection to the endpoint was lost, or what it said was not HTTP.
    UpstreamFailed {
        /// The try.
        attempt: u8,
        /// Whether any byte of the request had been sent on it.
        sent: bool,
    },
    /// The endpoint agreed to switch protocols: the connection is a tunnel from now on.
    Upgraded {
        /// The try.
        attempt: u8,
    },
    /// Both directions of the tunnel have ended.
    TunnelEnded,
    /// The configuration has changed: a tunnel's endpoint may drain now.
    Reloaded,
    /// [`super::Request::deadline`] has passed.
    Timer,
    /// The client left, or did not keep the listener's times.
    ClientLeft,
}

/// What the shell has to do, in order. If nothing of it says what to wait for, the request waits
/// for the try that it still has, if it has one, and for its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Wait for a [`crate::queue::Grant`] with this token.
    Wait {
        /// The request's.
        token: Token,
    },
    /// Get a connection to `endpoint`.
    Connect {
        /// The try, from 1.
        attempt: u8,
        /// Where to.
        endpoint: EndpointIndex,
        /// Open a new one: an idle one has just failed.
        fresh: bool,
    },
    /// Send the request on the connection.
    Send {
        /// The try.
        attempt: u8,
    },
    /// The try goes on beside the one that the next action begins.
    Keep {
        /// The try.
        attempt: u8,
    },
    /// Drop the connection of this try.
    Cancel {
        /// The try.
        attempt: u8,
    },
    /// Pass the head and body of the response on to the client.
    Forward {
        /// The try.
        attempt: u8,
    },
    /// Answer the client in the endpoint's place.
    Answer(Local),
    /// Nothing more will happen; the last action.
    Finish(Outcome),
}

/// Most actions of a transition.
const ACTIONS_MAX: usize = 4;

impl Failure {
    /// Whether the try was given up for no fault of its endpoint.
    #[must_use]
    pub const fn is_given_up(self) -> bool {
        matches!(self, Self::ClientLeft | Self::Outrun | Self::Spare)
    }
}

/// Up to four actions, inline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actions {
    /// What is beyond `len` means nothing.
    list: [Action; ACTIONS_MAX],
    len: u8,
}

impl Default for Actions {
    fn default() -> Self {
        Self {
            list: [Action::Send { attempt: 0 }; ACTIONS_MAX],
            len: 0,
        }
    }
}

impl Actions {
    pub(super) fn push(&mut self, action: Action) {
        let free = self.list.get_mut(usize::from(self.len));
        *free.expect("no transition has more than four actions") = action;
        self.len += 1;
    }

    /// The actions, in order. They have just been written: who reads them where they are need not
    /// wait until they can be copied.
    #[must_use]
    pub fn as_slice(&self) -> &[Action] {
        &self.list[..usize::from(self.len)]
    }
}

impl IntoIterator for Actions {
    type Item = Action;
    type IntoIter = std::iter::Take<std::array::IntoIter<Action, ACTIONS_MAX>>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter().take(usize::from(self.len))
    }
}
