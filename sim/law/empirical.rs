//! Laws that were measured: a histogram, or percentiles.

use std::time::Duration;

use evenkeel_core::rng::Rng;
use evenkeel_core::time::nanos;

use super::LONGEST_NS;

/// Values with how often each was seen.
#[derive(Debug, PartialEq)]
pub(super) struct Histogram {
    /// How many draws are at or below each value, and the value in nanoseconds; rising.
    below: Vec<(u64, u64)>,
}

impl Histogram {
    pub(super) fn new(values: &[(Duration, u64)]) -> Result<Self, &'static str> {
        let mut sorted: Vec<_> = values.iter().filter(|(_, count)| *count > 0).collect();
        sorted.sort_unstable();
        let mut total = 0_u64;
        let mut below = Vec::with_capacity(sorted.len());
        for (value, count) in sorted {
            let sum = total.checked_add(*count).filter(|sum| *sum < 1 << 63);
            total = sum.ok_or("the counts are too large to add up")?;
            below.push((total, nanos(*value).min(LONGEST_NS)));
        }
        if total == 0 {
            return Err("nothing was counted");
        }
        Ok(Self { below })
    }

    fn total(&self) -> u64 {
        self.below.last().map_or(0, |(total, _)| *total)
    }

    pub(super) fn draw(&self, rng: &mut Rng) -> u64 {
        let place = rng.below(self.total());
        let at = self.below.partition_point(|(below, _)| *below <= place);
        self.below.get(at).map_or(0, |(_, value)| *value)
    }

    pub(super) fn mean_ns(&self) -> f64 {
        let mut before = 0;
        let mut sum = 0.0;
        for (below, value) in &self.below {
            sum += (below - before) as f64 * *value as f64;
            before = *below;
        }
        sum / self.total() as f64
    }
}

/// Points of a distribution function, with straight lines between them.
#[derive(Debug, PartialEq)]
pub(super) struct Quantiles {
    /// Probabilities and values in nanoseconds, both rising, from 0 to 1.
    points: Vec<(f64, f64)>,
}

impl Quantiles {
    pub(super) fn new(given: &[(f64, Duration)]) -> Result<Self, &'static str> {
        let value = |time: Duration| nanos(time).min(LONGEST_NS) as f64;
        let points: Vec<_> = given.iter().map(|(p, time)| (*p, value(*time))).collect();
        match (points.first(), points.last()) {
            (Some((first, _)), Some((last, _))) if *first >= 0.0 && *last == 1.0 => {}
            _ => return Err("the last quantile must be the longest: 100%"),
        }
        if !points.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1) {
            return Err("quantiles must rise");
        }
        // Nothing is below the first value.
        let start = (points[0].0 > 0.0).then_some((0.0, points[0].1));
        Ok(Self {
            points: start.into_iter().chain(points).collect(),
        })
    }

    /// What a draw is below with probability `p`, for `p` in `[0, 1)`.
    pub(super) fn at(&self, p: f64) -> f64 {
        let next = self.points.partition_point(|(below, _)| *below <= p);
        let next = next.clamp(1, self.points.len() - 1);
        let ((p0, low), (p1, high)) = (self.points[next - 1], self.points[next]);
        low + (high - low) * (p - p0) / (p1 - p0)
    }

    pub(super) fn mean_ns(&self) -> f64 {
        let lines = self.points.windows(2);
        lines
            .map(|w| (w[1].0 - w[0].0) * (w[0].1 + w[1].1) / 2.0)
            .sum()
    }
}
