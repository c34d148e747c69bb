//! What is measured in a run, by name.

/// What a metric's number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds, written as a duration.
    Milliseconds,
    /// A fraction of one, written in percent.
    Fraction,
    /// A plain number.
    Number,
}

macro_rules! metrics {
    ($($(#[doc = $doc:literal])* $metric:ident $name:literal $unit:ident $scopes:literal)*) => {
        /// What is measured.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Metric { $($(#[doc = $doc])* $metric,)* }

        impl Metric {
            /// All of them: name, metric, unit, and the scopes that have it (`a`ll, `c`lass,
            /// `e`ndpoint).
            pub(super) const TABLE: &[(&str, Self, Unit, &str)] =
                &[$(($name, Self::$metric, Unit::$unit, $scopes)),*];
        }
    };
}

metrics! {
    /// Mean latency.
    Mean "mean" Milliseconds "ac"
    /// The median latency.
    P50 "p50" Milliseconds "ac"
    /// Latency that one in 10 exceeds.
    P90 "p90" Milliseconds "ac"
    /// Latency that one in 100 exceeds.
    P99 "p99" Milliseconds "ac"
    /// Latency that one in 1,000 exceeds.
    P999 "p999" Milliseconds "ac"
    /// The longest latency.
    Max "max" Milliseconds "ac"
    /// Failed requests of all.
    ErrorRate "error_rate" Fraction "ac"
    /// Retried requests of all.
    RetryRate "retry_rate" Fraction "ac"
    /// Requests sent; of an endpoint: tries.
    Requests "requests" Number "ace"
    /// Complete responses below 500.
    Ok "ok" Number "ac"
    /// Requests that failed.
    Failed "failed" Number "ace"
    /// Requests whose client left.
    Cancelled "cancelled" Number "ac"
    /// Requests tried more than once.
    Retried "retried" Number "ac"
    /// Tries for each request.
    RetryAmplification "retry_amplification" Number "a"
    /// Time that the endpoint works, of all.
    Utilisation "utilisation" Fraction "e"
    /// Requests of the endpoint, of all.
    Share "share" Fraction "e"
    /// Connections that could not be opened.
    DialFailures "dial_failures" Number "ae"
    /// Connections opened.
    Connects "connects" Number "ae"
}

impl Metric {
    fn row(self) -> (&'static str, Self, Unit, &'static str) {
        let row = Self::TABLE.iter().find(|(_, metric, ..)| *metric == self);
        *row.expect("the table and the enum are made of the same list")
    }

    /// Its name in a threshold.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// What its number counts.
    pub fn unit(self) -> Unit {
        self.row().2
    }

    /// How many requests it takes until this latency percentile means something: ten beyond it.
    pub(super) fn least_requests(self) -> Option<f64> {
        match self {
            Self::P50 => Some(20.0),
            Self::P90 => Some(100.0),
            Self::P99 => Some(1_000.0),
            Self::P999 => Some(10_000.0),
            _ => None,
        }
    }
}
