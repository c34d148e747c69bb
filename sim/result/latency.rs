//! Latencies: their sum, their maximum, and a histogram for the percentiles.

use hdrhistogram::Histogram;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// What the histogram tells apart: half a microsecond, and 3 significant digits above 1 ms.
const RESOLUTION_NS: u64 = 1_000;

/// The longest latency with a percentile of its own: an hour. A longer one counts as an hour there;
/// mean and maximum are exact.
const LONGEST_NS: u64 = 3_600_000_000_000;

const NS_PER_MS: f64 = 1e6;

/// A set of latencies.
#[derive(Clone, Debug)]
pub struct Latency {
    histogram: Histogram<u64>,
    sum_ns: u128,
    max_ns: u64,
}

impl Default for Latency {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(RESOLUTION_NS, LONGEST_NS, 3)
            .expect("the bounds are constants that the histogram accepts");
        Self {
            histogram,
            sum_ns: 0,
            max_ns: 0,
        }
    }
}

impl Latency {
    /// Takes one latency.
    pub fn record(&mut self, latency_ns: u64) {
        self.histogram.saturating_record(latency_ns);
        self.sum_ns += u128::from(latency_ns);
        self.max_ns = self.max_ns.max(latency_ns);
    }

    /// Takes all of another set.
    pub fn absorb(&mut self, other: &Self) {
        self.histogram
            .add(&other.histogram)
            .expect("all histograms have the same bounds");
        self.sum_ns += other.sum_ns;
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The mean in milliseconds: an integer sum divided once. `None` of an empty set.
    #[must_use]
    pub fn mean_ms(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.sum_ns as f64 / self.count() as f64 / NS_PER_MS)
    }

    /// The latency in milliseconds that a share of `quantile` does not exceed, from above by at
    /// most
    /// 0.1 % or 1 us. `None` of an empty set.
    #[must_use]
    pub fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        let value_ns = self.histogram.value_at_quantile(quantile);
        (self.count() > 0).then(|| value_ns.min(self.max_ns) as f64 / NS_PER_MS)
    }

    /// The longest in milliseconds, exactly. `None` of an empty set.
    #[must_use]
    pub fn max_ms(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.max_ns as f64 / NS_PER_MS)
    }

    /// The histogram in nanoseconds, to be kept as a log.
    #[must_use]
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }
}

/// Mean, percentiles and maximum in milliseconds; `{}` of an empty set.
impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let entries = [
            ("mean", self.mean_ms()),
            ("p50", self.quantile_ms(0.5)),
            ("p90", self.quantile_ms(0.9)),
            ("p99", self.quantile_ms(0.99)),
            ("p999", self.quantile_ms(0.999)),
            ("max", self.max_ms()),
        ];
        for (name, value) in entries {
            if let Some(value) = value {
                map.serialize_entry(name, &value)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use evenkeel_core::rng::Stream;

    /// Against sorting: the mean exactly, every quantile from above within 0.1 % or 1 us.
    #[test]
    fn quantiles_agree_with_sorting() {
        let law = crate::law::Law::exponential(std::time::Duration::from_millis(3));
        let mut all: Vec<u64> = (0..50_000)
            .map(|id| law.draw(&mut Stream::new(1, "latency").at(id)))
            .collect();
        let (mut one, mut two) = (Latency::default(), Latency::default());
        for (n, latency) in all.iter().enumerate() {
            if n % 3 == 0 {
                one.record(*latency)
            } else {
                two.record(*latency)
            }
        }
        one.absorb(&two);
        all.sort_unstable();
        let mean = all.iter().sum::<u64>() as f64 / 50_000.0 / 1e6;
        assert_eq!(one.mean_ms(), Some(mean));
        assert_eq!(one.max_ms(), Some(all[49_999] as f64 / 1e6));
        for quantile in [0.01, 0.5, 0.9, 0.99, 0.999] {
            let exact = all[(quantile * 50_000.0_f64).ceil() as usize - 1] as f64 / 1e6;
            let got = one.quantile_ms(quantile).unwrap();
            assert!(
                got >= exact && got <= exact * 1.001 + 0.001,
                "{quantile}: {got} not {exact}"
            );
        }
    }

    #[test]
    fn an_empty_set_says_nothing() {
        let none = Latency::default();
        assert_eq!(
            (none.mean_ms(), none.quantile_ms(0.5), none.max_ms()),
            (None, None, None)
        );
        assert_eq!(serde_json::to_string(&none).unwrap(), "{}");
    }

    #[test]
    fn longer_than_an_hour_keeps_its_maximum() {
        let mut latency = Latency::default();
        latency.record(u64::MAX);
        assert_eq!(latency.count(), 1);
        assert!(latency.quantile_ms(0.5).unwrap() >= 3.6e6);
        assert_eq!(latency.max_ms(), Some(u64::MAX as f64 / 1e6));
    }
}
