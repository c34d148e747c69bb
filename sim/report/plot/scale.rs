//! An axis: where a value stands, and which values are written beside it.
//!
//! Logarithms are the project's own and not the drawing library's, so that a picture has the same
//! bytes on every machine.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// A linear or logarithmic axis.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::report) struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
    ticks: Vec<f64>,
}

impl Scale {
    /// From `low` to `high`, with these ticks.
    pub(in crate::report) fn linear(low: f64, high: f64, ticks: Vec<f64>) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self {
            low,
            high,
            logarithmic: false,
            ticks,
        }
    }

    /// From zero, with about `count` round ticks.
    pub(in crate::report) fn from_zero(high: f64, count: usize) -> Self {
        let step = round_up(high / count.max(1) as f64);
        let steps = (high / step).ceil().max(1.0);
        let ticks = (0..=steps as u32).map(|n| f64::from(n) * step).collect();
        Self::linear(0.0, steps * step, ticks)
    }

    /// Logarithmic, from a little below `low` to a little above `high`, both above zero.
    pub(in crate::report) fn logarithmic(low: f64, high: f64) -> Self {
        let (low, high) = (low * 0.9, (high * 1.1).max(low * 2.0));
        let decades = libm::floor(libm::log10(low)) as i32..=libm::ceil(libm::log10(high)) as i32;
        // In less than three decades there is room between the powers of ten.
        let steps: &[f64] = match high / low {
            ..30.0 => &[1.0, 2.0, 3.0, 5.0, 7.0],
            ..1_000.0 => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        let ticks = decades.flat_map(|decade| {
            let power = libm::pow(10.0, f64::from(decade));
            steps.iter().map(move |step| step * power)
        });
        Self {
            low,
            high,
            logarithmic: true,
            ticks: ticks.filter(|tick| low <= *tick && *tick <= high).collect(),
        }
    }

    /// For `values` that are not negative: from zero, or logarithmic if they lie far apart.
    pub(in crate::report) fn fit(values: impl Iterator<Item = f64>) -> Self {
        let mut range: Option<(f64, f64)> = None;
        for value in values.filter(|value| *value > 0.0 && value.is_finite()) {
            let (low, high) = range.unwrap_or((value, value));
            range = Some((low.min(value), high.max(value)));
        }
        match range {
            Some((low, high)) if high / low > 12.0 => Self::logarithmic(low, high),
            Some((_, high)) => Self::from_zero(high, 5),
            None => Self::from_zero(1.0, 2),
        }
    }

    pub(in crate::report) fn ticks(&self) -> &[f64] {
        &self.ticks
    }

    pub(in crate::report) const fn is_logarithmic(&self) -> bool {
        self.logarithmic
    }

    /// From 0 at its low to 1 at its high end.
    pub(in crate::report) fn place(&self, value: f64) -> f64 {
        let of = |value: f64| match self.logarithmic {
            true => libm::log10(value.max(self.low)),
            false => value,
        };
        let place = (of(value) - of(self.low)) / (of(self.high) - of(self.low));
        if place.is_nan() {
            0.0
        } else {
            place.clamp(0.0, 1.0)
        }
    }
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        from + libm::round(f64::from(to - from) * self.place(*value)) as i32
    }

    /// All ticks for the bold lines, and none between them.
    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        match hint.bold_points() {
            0 => Vec::new(),
            _ => self.ticks.clone(),
        }
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Scale {
    fn format(value: &f64) -> String {
        tick(*value)
    }
}

/// 1, 2, 2.5 or 5 times a power of ten, from `step` on.
fn round_up(step: f64) -> f64 {
    if step <= 0.0 || !step.is_finite() {
        return 1.0;
    }
    let power = libm::pow(10.0, libm::floor(libm::log10(step)));
    let rounds = [1.0, 2.0, 2.5, 5.0, 10.0].map(|round| round * power);
    rounds
        .into_iter()
        .find(|round| *round >= step * 0.999_999)
        .unwrap_or(step)
}

/// A tick without needless digits.
pub(in crate::report) fn tick(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => 0,
        ..0.001 => 5,
        ..0.01 => 4,
        ..0.1 => 3,
        ..1.0 => 2,
        ..1_000.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn ticks_are_round_and_values_have_their_places() {
        let scale = Scale::from_zero(87.0, 4);
        assert_eq!(scale.ticks, [0.0, 25.0, 50.0, 75.0, 100.0]);
        assert_eq!(scale.map(&50.0, (200, 0)), 100);
        assert_eq!(scale.map(&1e9, (200, 0)), 0);
        let scale = Scale::fit([3.0, 4_000.0, 0.0, f64::NAN].into_iter());
        assert!(scale.is_logarithmic());
        assert_eq!(scale.ticks, [10.0, 100.0, 1_000.0]);
        assert!(scale.place(10.0) < 0.2 && scale.place(0.0) == 0.0);
        let scale = Scale::fit([30.0, 100.0].into_iter());
        assert_eq!(scale.ticks, [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        let nothing = Scale::fit(std::iter::empty());
        assert_eq!(nothing.ticks, [0.0, 0.5, 1.0]);
        let written = [0.0, 0.5, 12.5, 20.0, 0.004].map(tick);
        assert_eq!(written, ["0", "0.5", "12.5", "20", "0.004"]);
    }
}
