//! How requests and sockets end, as their clients see it: what both engines tell a collector.

use evenkeel_core::time::Timestamp;

/// How a request ended for its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A complete response with this status.
    Status(u16),
    /// A response that ended too early.
    Cut,
    /// No connection.
    Refused,
    /// A connection lost before the response.
    Reset,
    /// The client's patience ended.
    Timeout,
    /// The client left on purpose.
    Cancelled,
}

impl End {
    /// Whether a client may want to try again: not if it has left by itself.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        !matches!(self, Self::Status(..500) | Self::Cancelled)
    }

    pub(super) fn name(self) -> String {
        match self {
            Self::Status(status) => status.to_string(),
            Self::Cut => "cut".to_owned(),
            Self::Refused => "refused".to_owned(),
            Self::Reset => "reset".to_owned(),
            Self::Timeout => "timeout".to_owned(),
            Self::Cancelled => "cancelled".to_owned(),
        }
    }
}

/// A request that ended, as its client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// When it was due: latency counts from here.
    pub due: Timestamp,
    /// When it ended.
    pub done: Timestamp,
    /// Its workload, by its place in the scenario.
    pub workload: u16,
    /// Its class, by its place in the workload.
    pub class: u16,
    /// How it ended.
    pub end: End,
}

/// What happens to a long-lived socket, as its client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is open.
    Opened,
    /// It ended before its client wanted it to.
    Cut,
    /// Its client tries to open it again.
    Reconnect,
}
