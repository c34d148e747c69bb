//! What can be asked of a result by name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a metric's values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds; written with a unit of time.
    Duration,
    /// A share; written in percent.
    Ratio,
    /// A plain number.
    Count,
}

macro_rules! metrics {
    ($($(#[doc = $doc:literal])* $metric:ident $name:literal $unit:ident $scopes:literal)*) => {
        /// A number that every result has.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Metric { $($(#[doc = $doc])* $metric,)* }

        impl Metric {
            /// All, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$metric),*];

            const fn row(self) -> (&'static str, Unit, &'static str) {
                match self { $(Self::$metric => ($name, Unit::$unit, $scopes),)* }
            }
        }
    };
}

// The letters are the scopes that have it: `a`ll requests, a `c`lass, an `e`ndpoint.
metrics! {
    /// Mean latency.
    Mean "mean" Duration "ac"
    /// Median latency.
    P50 "p50" Duration "ac"
    /// 90th percentile of the latency.
    P90 "p90" Duration "ac"
    /// 99th percentile of the latency.
    P99 "p99" Duration "ac"
    /// 99.9th percentile of the latency.
    P999 "p999" Duration "ac"
    /// Longest latency.
    Max "max" Duration "ac"
    /// Failed requests over sent ones.
    ErrorRate "error_rate" Ratio "ac"
    /// Requests that were retried over sent ones.
    RetryRate "retry_rate" Ratio "a"
    /// Requests sent; at an endpoint, tries that it was picked for.
    Requests "requests" Count "ace"
    /// Complete responses below 500.
    Ok "ok" Count "ac"
    /// Responses of 500 and above, cut, refused and reset ones, timeouts; at an endpoint, tries
    /// that failed.
    Failed "failed" Count "ace"
    /// Requests whose client left.
    Cancelled "cancelled" Count "ac"
    /// How often clients sent a request again.
    ClientRetries "client_retries" Count "ac"
    /// Sessions that began; at an endpoint, those that affinity bound to it.
    Sessions "sessions" Count "ae"
    /// Sessions that more than one endpoint served.
    SessionsMoved "sessions_moved" Count "a"
    /// Sessions of which a request failed.
    SessionsBroken "sessions_broken" Count "a"
    /// Sessions that more than one endpoint served over those that began.
    MovedRate "moved_rate" Ratio "a"
    /// Sessions of which a request failed over those that began.
    BrokenRate "broken_rate" Ratio "a"
    /// Sockets that were opened, again or for the first time.
    Sockets "sockets" Count "a"
    /// Sockets that ended before their clients wanted them to.
    SocketsCut "sockets_cut" Count "a"
    /// Attempts to open a socket again.
    Reconnects "reconnects" Count "a"
    /// How often a request had to wait for an endpoint.
    Queued "queued" Count "a"
    /// Responses of 429: requests beyond a limit of their clients.
    Limited "limited" Count "ac"
    /// How often a limit held a request back.
    Held "held" Count "a"
    /// Second tries beside those that were late.
    Hedges "hedges" Count "a"
    /// Those of them that were answered first.
    HedgesWon "hedges_won" Count "a"
    /// Requests with more than one try.
    Retried "retried" Count "a"
    /// Tries over requests that were tried.
    RetryAmplification "retry_amplification" Count "a"
    /// The share of time in which an origin computed.
    Utilisation "utilisation" Ratio "ae"
    /// Requests that were there at a time, on average: of clients from being due to their ends, of
    /// an endpoint at its origin.
    InFlight "in_flight_mean" Count "ace"
    /// Those over what comes in a second times how long it stays: 1 by Little's law, but for those
    /// who are there when the measured window begins or ends.
    Little "little" Count "ace"
    /// An endpoint's share of the tries.
    Share "share" Ratio "e"
    /// Connections to endpoints that could not be opened.
    DialFailures "dial_failures" Count "ae"
    /// Connections to endpoints that were opened.
    Connects "connects" Count "ae"
    /// Endpoints ejected by outlier detection.
    Ejections "ejections" Count "ae"
    /// Times that checks took an endpoint out.
    Outages "outages" Count "ae"
    /// Times that too few endpoints of a pool were fine.
    Panics "panics" Count "a"
}

impl Metric {
    /// The name in scenarios and results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// How its values are written.
    #[must_use]
    pub const fn unit(self) -> Unit {
        self.row().1
    }

    /// The metric called `name`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let named = |metric: &&Self| metric.name() == name;
        Self::ALL.iter().find(named).copied()
    }

    /// How many requests it takes until this percentile is not one of a few odd ones: ten beyond
    /// it.
    #[must_use]
    pub const fn least_requests(self) -> Option<u64> {
        match self {
            Self::P50 => Some(20),
            Self::P90 => Some(100),
            Self::P99 => Some(1_000),
            Self::P999 => Some(10_000),
            _ => None,
        }
    }

    /// Whether less of it is better: settings can be ranked by it.
    #[must_use]
    pub const fn is_cost(self) -> bool {
        !matches!(
            self,
            Self::Requests
                | Self::Ok
                | Self::Sessions
                | Self::Sockets
                | Self::Utilisation
                | Self::Little
                | Self::Share
        )
    }

    /// Whether it exists in `scope`.
    #[must_use]
    pub fn exists_in(self, scope: &Scope) -> bool {
        let letter = match scope {
            Scope::All => 'a',
            Scope::Class(_) => 'c',
            Scope::Endpoint(_) => 'e',
        };
        self.row().2.contains(letter)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a metric is taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// All requests.
    All,
    /// The requests of the class with this name.
    Class(String),
    /// The endpoint with this name: its own if no other pool has one of that name, else with its
    /// pool's before it, `nodejs/a`.
    Endpoint(String),
}
