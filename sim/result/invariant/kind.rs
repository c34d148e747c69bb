//! The names of what is checked.

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invariant {
    /// Every request has exactly one outcome, and nothing happens to it afterwards.
    OneOutcome,
    /// A request has at most one try in flight, two if one is a hedge, and none when it is
    /// finished: in flight is never negative, and zero at the end.
    InFlight,
    /// Tries = completions + failures.
    Tries,
    /// Arrivals = outcomes + unfinished requests.
    Arrivals,
    /// Tries are numbered from 1 and stay within `attempts`.
    Attempts,
    /// Retries that draw on the budget stay within it, and hedges within theirs.
    Budget,
    /// No request that is not idempotent is retried after it was sent, or hedged.
    SafeRetry,
    /// Nothing is picked that is down or has no weight.
    InService,
    /// Picks follow the weights, where the policy alone decides.
    Weights,
    /// No endpoint holds more requests and tunnels than `max_connections`, or is sent more requests
    /// than the limit that was found out.
    MaxConnections,
    /// Nothing is picked that fails its checks or is ejected, but in a panic.
    Fit,
    /// Nobody waits for a place while an endpoint that could take it has one.
    Conserving,
    /// Once every request has ended, the pools themselves count none: none in flight, none that
    /// waits, no tunnel, no answer awaited.
    AtRest,
}

impl Invariant {
    pub(in crate::result) const ALL: [Self; 13] = [
        Self::OneOutcome,
        Self::InFlight,
        Self::Tries,
        Self::Arrivals,
        Self::Attempts,
        Self::Budget,
        Self::SafeRetry,
        Self::InService,
        Self::Weights,
        Self::MaxConnections,
        Self::Fit,
        Self::Conserving,
        Self::AtRest,
    ];

    /// The name in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneOutcome => "one_outcome",
            Self::InFlight => "in_flight",
            Self::Tries => "tries",
            Self::Arrivals => "arrivals",
            Self::Attempts => "attempts",
            Self::Budget => "retry_budget",
            Self::SafeRetry => "safe_retry",
            Self::InService => "in_service",
            Self::Weights => "weights",
            Self::MaxConnections => "max_connections",
            Self::Fit => "fit",
            Self::Conserving => "work_conserving",
            Self::AtRest => "at_rest",
        }
    }
}
