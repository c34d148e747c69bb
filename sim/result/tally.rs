//! Counts of latencies while a run lasts.
//!
//! The classes are those of the histogram that results are kept as (HdrHistogram, half a
//! microsecond and 3 significant digits); found with constants they cost a third of its own time.

use super::latency::{LONGEST_NS, RESOLUTION_NS};

/// The first classes are 2^9 ns wide.
const WIDTH_BITS: u32 = RESOLUTION_NS.ilog2();
/// With each power of two their width doubles, and there are 2^10 of them: enough for 3 digits.
const CLASS_BITS: u32 = 10;
/// Below this are the first 2^11 classes, all of the same width.
const EVEN: u64 = 1 << (WIDTH_BITS + CLASS_BITS + 1);
/// What is not below this counts as [`LONGEST_NS`].
const BEYOND: u64 = LONGEST_NS.next_power_of_two();

/// How many latencies were in each class.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    counts: Vec<u64>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            counts: vec![0; class(BEYOND - 1) + 1],
        }
    }
}

impl Tally {
    /// Takes `count` latencies of `value_ns`.
    #[inline]
    pub(super) fn add(&mut self, value_ns: u64, count: u64) {
        let value_ns = if value_ns < BEYOND {
            value_ns
        } else {
            LONGEST_NS
        };
        if let Some(known) = self.counts.get_mut(class(value_ns)) {
            *known += count;
        }
    }

    /// Takes all of another one.
    pub(super) fn absorb(&mut self, other: &Self) {
        for (own, other) in self.counts.iter_mut().zip(&other.counts) {
            *own += other;
        }
    }

    /// The longest latency of each class that has any, in ascending order, and how many it has.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        let counts = self.counts.iter().enumerate();
        let some = counts.filter(|(_, count)| **count > 0);
        some.map(|(class, count)| (longest(class as u64), *count))
    }
}

/// The class of a value: the power of two that it exceeds, and its place among those above that.
#[inline]
const fn class(value_ns: u64) -> usize {
    let doublings = (value_ns | (EVEN - 1)).ilog2() - (EVEN - 1).ilog2();
    let place = value_ns >> (doublings + WIDTH_BITS);
    ((doublings as u64) << CLASS_BITS) as usize + place as usize
}

/// The greatest value of a class.
const fn longest(class: u64) -> u64 {
    let doublings = (class >> CLASS_BITS).saturating_sub(1);
    let place = class - (doublings << CLASS_BITS);
    ((place + 1) << (doublings + WIDTH_BITS as u64)) - 1
}

#[cfg(test)]
mod test {
    use super::*;
    use evenkeel_core::rng::Stream;
    use hdrhistogram::Histogram;

    fn histogram() -> Histogram<u64> {
        Histogram::new_with_bounds(RESOLUTION_NS, LONGEST_NS, 3).unwrap()
    }

    /// For values of all sizes and at the edges of all powers of two.
    #[test]
    fn its_classes_are_the_histograms() {
        let (stream, histogram) = (Stream::new(1, "tally"), histogram());
        let drawn = (0..200_000).map(|n| stream.at(n).next_u64() >> (n % 64));
        let edges = (1..42).flat_map(|n| [(1 << n) - 1, 1 << n, (1 << n) + 1]);
        for value in drawn.chain(edges).filter(|value| *value < BEYOND) {
            let expected = histogram.highest_equivalent(value);
            assert_eq!(longest(class(value) as u64), expected, "{value}");
        }
    }

    #[test]
    fn it_counts_as_the_histogram_does() {
        let (mut tally, mut histogram) = (Tally::default(), histogram());
        let values = [
            0,
            511,
            512,
            70_000,
            LONGEST_NS - 1,
            LONGEST_NS,
            LONGEST_NS + 1,
        ];
        for value in values.into_iter().chain([BEYOND - 1, BEYOND, u64::MAX]) {
            tally.add(value, 2);
            histogram.saturating_record_n(value, 2);
        }
        let recorded = histogram.iter_recorded();
        let recorded = recorded.map(|step| (step.value_iterated_to(), step.count_at_value()));
        assert_eq!(
            tally.iter().collect::<Vec<_>>(),
            recorded.collect::<Vec<_>>()
        );
    }
}
