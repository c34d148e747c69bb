//! What lies between two processes, as the handle applies it.

use std::time::Duration;

/// One direction of the way between two processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// One way.
    pub latency: Duration,
    /// Added to each segment, uniform in `[0, jitter)`; segments of a connection keep their order.
    pub jitter: Duration,
}
