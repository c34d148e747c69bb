//! What a client prints when it is done: one JSON object on one line.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Requests, their latencies and what went wrong.
#[derive(Debug)]
pub(crate) struct Report {
    latency_ns: Histogram<u64>,
    errors: u64,
    /// The first error, in words.
    first: Option<String>,
}

impl Report {
    pub(crate) fn new() -> Self {
        let minute_ns = 60_000_000_000;
        let latency_ns = Histogram::new_with_max(minute_ns, 3).expect("the bounds are sane");
        Self {
            latency_ns,
            errors: 0,
            first: None,
        }
    }

    /// Counts one answered request. What took longer than a minute counts as a minute.
    pub(crate) fn answered(&mut self, latency: Duration) {
        let ns = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.latency_ns.saturating_record(ns);
    }

    /// Counts `n` requests that were not answered as they should be.
    pub(crate) fn failed(&mut self, n: u64, why: impl ToString) {
        if n > 0 {
            self.errors += n;
            self.first.get_or_insert_with(|| why.to_string());
        }
    }

    /// Requests answered or failed.
    pub(crate) fn ended(&self) -> u64 {
        self.latency_ns.len() + self.errors
    }

    /// Prints it. `note` is more to say: what TLS agreed on.
    pub(crate) fn print(&self, elapsed: Duration, note: &str) {
        let us = |quantile| {
            let ns = self.latency_ns.value_at_quantile(quantile);
            Duration::from_nanos(ns).as_secs_f64() * 1e6
        };
        let requests = self.latency_ns.len();
        let words = self.first.as_deref().unwrap_or_default();
        println!(
            "{{\"requests\":{requests},\"errors\":{},\"error\":{words:?},\"note\":{note:?},\
             \"seconds\":{:.6},\"p50_us\":{:.1},\"p90_us\":{:.1},\"p99_us\":{:.1},\
             \"p999_us\":{:.1},\"max_us\":{:.1}}}",
            self.errors,
            elapsed.as_secs_f64(),
            us(0.5),
            us(0.9),
            us(0.99),
            us(0.999),
            us(1.0),
        );
    }
}
