//! Latencies: their sum, their maximum, and counts for the percentiles.
//!
//! While a run lasts they are counted in a tally of 192 KiB. Then only the counts that are not
//! zero are kept, so that the results of thousands of runs fit into memory.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer as Reader, Serializer as _, V2DeflateSerializer};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::tally::Tally;

/// What the histogram tells apart: half a microsecond, and 3 significant digits above 1 ms.
pub(super) const RESOLUTION_NS: u64 = 1_000;

/// The longest latency with a percentile of its own: an hour. A longer one counts as an hour there;
/// mean and maximum are exact.
pub(super) const LONGEST_NS: u64 = 3_600_000_000_000;

const NS_PER_MS: f64 = 1e6;

/// A set of latencies.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    counts: Counts,
    sum_ns: u128,
    max_ns: u64,
}

#[derive(Clone, Debug)]
enum Counts {
    Open(Tally),
    /// Values in ascending order, each the highest that its class of equals has, and how many.
    Closed(Vec<(u64, u64)>),
}

impl Default for Counts {
    fn default() -> Self {
        Self::Closed(Vec::new())
    }
}

impl Counts {
    fn histogram(&self) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(RESOLUTION_NS, LONGEST_NS, 3)
            .expect("the bounds are constants that the histogram accepts");
        for (value, count) in self.list().iter() {
            histogram.saturating_record_n(*value, *count);
        }
        histogram
    }

    /// As if closed.
    fn list(&self) -> Cow<'_, [(u64, u64)]> {
        match self {
            Self::Open(tally) => tally.iter().collect(),
            Self::Closed(counts) => counts.into(),
        }
    }

    fn open(&mut self) -> &mut Tally {
        if let Self::Closed(counts) = self {
            let mut tally = Tally::default();
            for (value, count) in counts {
                tally.add(*value, *count);
            }
            *self = Self::Open(tally);
        }
        match self {
            Self::Open(tally) => tally,
            Self::Closed(_) => unreachable!("it was opened above"),
        }
    }

    fn close(&mut self) {
        *self = Self::Closed(self.list().into_owned());
    }
}

impl Latency {
    /// Takes one latency.
    pub fn record(&mut self, latency_ns: u64) {
        self.counts.open().add(latency_ns, 1);
        self.sum_ns += u128::from(latency_ns);
        self.max_ns = self.max_ns.max(latency_ns);
    }

    /// Takes all of another set.
    pub fn absorb(&mut self, other: &Self) {
        let own = self.counts.open();
        match &other.counts {
            Counts::Open(tally) => own.absorb(tally),
            Counts::Closed(counts) => counts.iter().for_each(|(value, n)| own.add(*value, *n)),
        }
        self.sum_ns += other.sum_ns;
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// Nothing more will come for now: keeps only what is there, in less memory.
    pub fn close(&mut self) {
        self.counts.close();
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.list().iter().map(|(_, count)| count).sum()
    }

    /// The mean in milliseconds: an integer sum divided once. `None` of an empty set.
    #[must_use]
    pub fn mean_ms(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum_ns as f64 / count as f64 / NS_PER_MS)
    }

    /// The latency in milliseconds that a share of `quantile` does not exceed, from above by at
    /// most 0.1 % or 1 us. `None` of an empty set.
    #[must_use]
    pub fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        let all = self.count();
        let wanted = ((quantile.min(1.0) * all as f64).ceil() as u64).max(1);
        let mut seen = 0;
        let reached = |(_, count): &&(u64, u64)| {
            seen += count;
            seen >= wanted
        };
        let counts = self.counts.list();
        let value_ns = counts.iter().find(reached).map_or(0, |(value, _)| *value);
        (all > 0).then(|| value_ns.min(self.max_ns) as f64 / NS_PER_MS)
    }

    /// The longest in milliseconds, exactly. `None` of an empty set.
    #[must_use]
    pub fn max_ms(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.max_ns as f64 / NS_PER_MS)
    }

    /// The histogram in nanoseconds, to be kept as a log.
    #[must_use]
    pub fn histogram(&self) -> Histogram<u64> {
        self.counts.histogram()
    }
}

/// A set of latencies as it is kept in files.
#[derive(Serialize, Deserialize)]
struct Stored {
    sum_ns: u128,
    max_ns: u64,
    /// The histogram, compressed (HdrHistogram V2) and in base64; empty of an empty set.
    counts: String,
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        if self.count() > 0 {
            V2DeflateSerializer::new()
                .serialize(&self.histogram(), &mut bytes)
                .map_err(S::Error::custom)?;
        }
        let counts = BASE64_STANDARD.encode(bytes);
        let (sum_ns, max_ns) = (self.sum_ns, self.max_ns);
        let stored = Stored {
            sum_ns,
            max_ns,
            counts,
        };
        stored.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Stored {
            sum_ns,
            max_ns,
            counts,
        } = Stored::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD.decode(counts).map_err(D::Error::custom)?;
        let mut latency = Self {
            counts: Counts::default(),
            sum_ns,
            max_ns,
        };
        if !bytes.is_empty() {
            let read = Reader::new().deserialize::<u64, _>(&mut bytes.as_slice());
            let read = read.map_err(|error| D::Error::custom(format!("{error:?}")))?;
            let counts = read.iter_recorded();
            let counts = counts.map(|step| (step.value_iterated_to(), step.count_at_value()));
            latency.counts = Counts::Closed(counts.collect());
        }
        Ok(latency)
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
        let open = one.clone();
        one.close();
        all.sort_unstable();
        let mean = all.iter().sum::<u64>() as f64 / 50_000.0 / 1e6;
        assert_eq!(one.mean_ms(), Some(mean));
        assert_eq!(one.max_ms(), Some(all[49_999] as f64 / 1e6));
        for quantile in [0.01, 0.5, 0.9, 0.99, 0.999] {
            let exact = all[(quantile * 50_000.0_f64).ceil() as usize - 1] as f64 / 1e6;
            let got = one.quantile_ms(quantile).unwrap();
            assert_eq!(open.quantile_ms(quantile), Some(got));
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
    }

    #[test]
    fn longer_than_an_hour_keeps_its_maximum() {
        let mut latency = Latency::default();
        latency.record(u64::MAX);
        assert_eq!(latency.count(), 1);
        assert!(latency.quantile_ms(0.5).unwrap() >= 3.6e6);
        assert_eq!(latency.max_ms(), Some(u64::MAX as f64 / 1e6));
    }

    #[test]
    fn what_is_kept_in_a_file_is_what_was_counted() {
        let mut latency = Latency::default();
        for n in 0..1_000_u64 {
            latency.record(n * n * n * 7);
        }
        latency.record(u64::MAX);
        for kept in [Latency::default(), latency] {
            let text = serde_json::to_string(&kept).unwrap();
            let again: Latency = serde_json::from_str(&text).unwrap();
            let all = |l: &Latency| (l.histogram(), l.sum_ns, l.max_ns, l.quantile_ms(0.99));
            assert_eq!(all(&kept), all(&again));
            assert_eq!(serde_json::to_string(&again).unwrap(), text);
        }
        assert!(
            serde_json::from_str::<Latency>("{\"sum_ns\":1,\"max_ns\":1,\"counts\":\"AAAA\"}")
                .is_err()
        );
    }
}
