//! What can be asked of a result by name.

use std::fmt;

use strsim::damerau_levenshtein;

/// A number that every result has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Mean latency.
    Mean,
    /// Median latency.
    P50,
    /// 90th percentile of the latency.
    P90,
    /// 99th percentile of the latency.
    P99,
    /// 99.9th percentile of the latency.
    P999,
    /// Longest latency.
    Max,
    /// Failed requests over sent ones.
    ErrorRate,
    /// Requests that were retried over sent ones.
    RetryRate,
    /// Requests sent; at an endpoint, tries that it was picked for.
    Requests,
    /// Complete responses below 500.
    Ok,
    /// Responses of 500 and above, cut, refused and reset ones, timeouts; at an endpoint, tries that
    /// failed.
    Failed,
    /// Requests whose client left.
    Cancelled,
    /// Requests with more than one try.
    Retried,
    /// Tries over requests that were tried.
    RetryAmplification,
    /// The share of time in which an origin computed.
    Utilisation,
    /// An endpoint's share of the tries.
    Share,
    /// Connections to endpoints that could not be opened.
    DialFailures,
    /// Connections to endpoints that were opened.
    Connects,
    /// Endpoints ejected by outlier detection.
    Ejections,
}

/// How a metric's values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds; written with a unit of time.
    Duration,
    /// A share; written as a number or in percent.
    Ratio,
    /// A plain number.
    Count,
}

impl Metric {
    /// All, in the order of the documentation.
    pub const ALL: [Self; 19] = [
        Self::Mean,
        Self::P50,
        Self::P90,
        Self::P99,
        Self::P999,
        Self::Max,
        Self::ErrorRate,
        Self::RetryRate,
        Self::Requests,
        Self::Ok,
        Self::Failed,
        Self::Cancelled,
        Self::Retried,
        Self::RetryAmplification,
        Self::Utilisation,
        Self::Share,
        Self::DialFailures,
        Self::Connects,
        Self::Ejections,
    ];

    /// The name in scenarios and results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P99 => "p99",
            Self::P999 => "p999",
            Self::Max => "max",
            Self::ErrorRate => "error_rate",
            Self::RetryRate => "retry_rate",
            Self::Requests => "requests",
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Retried => "retried",
            Self::RetryAmplification => "retry_amplification",
            Self::Utilisation => "utilisation",
            Self::Share => "share",
            Self::DialFailures => "dial_failures",
            Self::Connects => "connects",
            Self::Ejections => "ejections",
        }
    }

    /// The metric called `name`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// The metric whose name is most like `name`, if any is near.
    #[must_use]
    pub fn nearest(name: &str) -> Option<Self> {
        let distance = |metric: &Self| damerau_levenshtein(metric.name(), name);
        let nearest = Self::ALL.into_iter().min_by_key(distance)?;
        (distance(&nearest) <= 1 + name.len() / 4).then_some(nearest)
    }

    /// How its values are written.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::Mean | Self::P50 | Self::P90 | Self::P99 | Self::P999 | Self::Max => {
                Unit::Duration
            }
            Self::ErrorRate | Self::RetryRate | Self::Utilisation | Self::Share => Unit::Ratio,
            _ => Unit::Count,
        }
    }

    /// Whether it exists in `scope`.
    #[must_use]
    pub const fn exists_in(self, scope: &Scope) -> bool {
        match scope {
            Scope::All => !matches!(self, Self::Share),
            Scope::Class(_) => matches!(
                self,
                Self::Mean
                    | Self::P50
                    | Self::P90
                    | Self::P99
                    | Self::P999
                    | Self::Max
                    | Self::ErrorRate
                    | Self::Requests
                    | Self::Ok
                    | Self::Failed
                    | Self::Cancelled
            ),
            Scope::Endpoint(_) => matches!(
                self,
                Self::Requests
                    | Self::Failed
                    | Self::Utilisation
                    | Self::Share
                    | Self::DialFailures
                    | Self::Connects
                    | Self::Ejections
            ),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a metric is taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All requests.
    All,
    /// The requests of the class with this name.
    Class(String),
    /// The endpoint with this name.
    Endpoint(String),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => Ok(()),
            Self::Class(name) => write!(f, "class:{name} "),
            Self::Endpoint(name) => write!(f, "endpoint:{name} "),
        }
    }
}
