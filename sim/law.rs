//! Distributions of durations: how long a service, a wait or a pause takes.
//!
//! A draw goes through the inverse of the distribution function wherever there is one, so one
//! uniform number makes one duration: two scenarios that differ in a law still share their luck,
//! which is what makes a comparison paired (`erlang` and `hyperexponential` take more). Logarithms
//! and exponentials come from `libm`, for they are part of the trace.

mod empirical;
mod logarithm;
pub(crate) mod normal;

use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::rng::Rng;
use evenkeel_core::time::nanos;

use empirical::{Histogram, Quantiles};

/// The longest duration that a law draws, 2^53 ns (104 days): sums of draws stay far from overflow
/// and every draw is exact as an `f64`.
pub const LONGEST_NS: u64 = 1 << 53;

/// A distribution of durations. Build it with the function named like it.
#[derive(Clone, Debug, PartialEq)]
pub struct Law(Kind);

/// The parameters in nanoseconds, prepared so that a draw computes nothing twice.
#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Exponential { mean: f64 },
    Constant { value: u64 },
    Uniform { min: u64, span: u64 },
    Normal { mean: f64, sd: f64, below: f64 },
    Lognormal { median: f64, sigma: f64 },
    Bimodal { a: u64, b: u64, p: f64 },
    Pareto { min: f64, alpha: f64 },
    Erlang { stage: f64, stages: u32 },
    Hyperexponential { often: f64, means: [f64; 2] },
    Histogram(Arc<Histogram>),
    Quantiles(Arc<Quantiles>),
}

/// Parameters that make no distribution. The text says which and what is expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(&'static str);

impl Law {
    /// Memoryless, with mean `mean`.
    #[must_use]
    pub fn exponential(mean: Duration) -> Self {
        Self(Kind::Exponential { mean: float(mean) })
    }

    /// Always `value`.
    #[must_use]
    pub fn constant(value: Duration) -> Self {
        let value = nanos(value).min(LONGEST_NS);
        Self(Kind::Constant { value })
    }

    /// Every nanosecond in `[min, max]` alike.
    ///
    /// # Errors
    /// `max` is below `min`.
    pub fn uniform(min: Duration, max: Duration) -> Result<Self, Invalid> {
        if max < min {
            return Err(Invalid("max is below min"));
        }
        let (min, max) = (nanos(min).min(LONGEST_NS), nanos(max).min(LONGEST_NS));
        let span = max - min + 1;
        Ok(Self(Kind::Uniform { min, span }))
    }

    /// The normal law with the part below zero cut off and the rest scaled up: its mean is a little
    /// above `mean` when `sd` is large. An `sd` of 0 makes it constant.
    #[must_use]
    pub fn normal(mean: Duration, sd: Duration) -> Self {
        if sd.is_zero() {
            return Self::constant(mean);
        }
        let (mean, sd) = (float(mean), float(sd));
        let below = normal::distribution(-mean / sd);
        Self(Kind::Normal { mean, sd, below })
    }

    /// The lognormal law whose median is `p50` and whose 99th percentile is `p99`.
    ///
    /// # Errors
    /// `p50` is zero, or `p99` is below it.
    pub fn lognormal(p50: Duration, p99: Duration) -> Result<Self, Invalid> {
        if p50.is_zero() {
            return Err(Invalid("p50 must be above zero"));
        }
        if p99 < p50 {
            return Err(Invalid("p99 is below p50"));
        }
        let median = float(p50);
        let sigma = libm::log(float(p99) / median) / normal::quantile(0.99);
        Ok(Self(Kind::Lognormal { median, sigma }))
    }

    /// `b` with probability `p`, else `a`.
    ///
    /// # Errors
    /// `p` is not in `[0, 1]`.
    pub fn bimodal(a: Duration, b: Duration, p: f64) -> Result<Self, Invalid> {
        if !(0.0..=1.0).contains(&p) {
            return Err(Invalid("p must be a probability from 0 to 1"));
        }
        let (a, b) = (nanos(a).min(LONGEST_NS), nanos(b).min(LONGEST_NS));
        Ok(Self(Kind::Bimodal { a, b, p }))
    }

    /// Pareto's law: never below `min`, and above x with probability (min/x)^alpha.
    ///
    /// # Errors
    /// `alpha` is not a finite number above 1: at 1 and below the mean, and so the load, is
    /// infinite.
    pub fn pareto(min: Duration, alpha: f64) -> Result<Self, Invalid> {
        if !(alpha > 1.0 && alpha.is_finite()) {
            return Err(Invalid("alpha must be above 1, or the mean is infinite"));
        }
        let min = float(min);
        Ok(Self(Kind::Pareto { min, alpha }))
    }

    /// The sum of `k` exponential stages with mean `mean` together: scv 1/k.
    ///
    /// # Errors
    /// `k` is 0.
    pub fn erlang(mean: Duration, k: u32) -> Result<Self, Invalid> {
        if k == 0 {
            return Err(Invalid("k must be at least 1"));
        }
        let stage = float(mean) / f64::from(k);
        Ok(Self(Kind::Erlang { stage, stages: k }))
    }

    /// One of two exponential laws, by chance: mean `mean`, variance over squared mean `scv`. Of
    /// all such mixtures the one with balanced means, whose two laws make up half of the mean each
    /// (Whitt, 1982).
    ///
    /// # Errors
    /// `scv` is not a finite number from 1 on: below, no mixture of exponential laws has it.
    pub fn hyperexponential(mean: Duration, scv: f64) -> Result<Self, Invalid> {
        if !(scv >= 1.0 && scv.is_finite()) {
            return Err(Invalid("scv must be at least 1: an erlang law is below"));
        }
        let often = (1.0 + libm::sqrt((scv - 1.0) / (scv + 1.0))) / 2.0;
        let half = float(mean) / 2.0;
        let means = [half / often, half / (1.0 - often)];
        Ok(Self(Kind::Hyperexponential { often, means }))
    }

    /// What was counted: each value as often as its count says, and nothing in between.
    ///
    /// # Errors
    /// All counts are 0, or their sum is beyond 2^63.
    pub fn histogram(values: &[(Duration, u64)]) -> Result<Self, Invalid> {
        let histogram = Histogram::new(values).map_err(Invalid)?;
        Ok(Self(Kind::Histogram(Arc::new(histogram))))
    }

    /// What percentiles say: each value is not exceeded with its probability, straight lines in
    /// between, and nothing is below the first value.
    ///
    /// # Errors
    /// Probabilities or values do not rise, or the last probability is not 1.
    pub fn quantiles(points: &[(f64, Duration)]) -> Result<Self, Invalid> {
        let quantiles = Quantiles::new(points).map_err(Invalid)?;
        Ok(Self(Kind::Quantiles(Arc::new(quantiles))))
    }

    /// One duration in nanoseconds, at most [`LONGEST_NS`].
    pub fn draw(&self, rng: &mut Rng) -> u64 {
        match &self.0 {
            &Kind::Exponential { mean } => exponential(mean, rng),
            &Kind::Constant { value } => value,
            &Kind::Uniform { min, span } => min + rng.below(span),
            &Kind::Normal { mean, sd, below } => {
                let p = (below + (1.0 - below) * open(rng)).min(1.0 - f64::EPSILON / 2.0);
                whole(mean + sd * normal::quantile(p))
            }
            &Kind::Lognormal { median, sigma } => {
                whole(median * libm::exp(sigma * normal::quantile(open(rng))))
            }
            &Kind::Bimodal { a, b, p } => {
                if rng.unit() < p {
                    b
                } else {
                    a
                }
            }
            &Kind::Pareto { min, alpha } => whole(min * libm::pow(1.0 - rng.unit(), -1.0 / alpha)),
            &Kind::Erlang { stage, stages } => {
                // A sum of logarithms: the product of many uniform numbers would be zero.
                let sum: f64 = (0..stages).map(|_| libm::log(1.0 - rng.unit())).sum();
                whole(-stage * sum)
            }
            &Kind::Hyperexponential { often, means } => {
                let seldom = usize::from(rng.unit() >= often);
                exponential(means[seldom], rng)
            }
            Kind::Histogram(histogram) => histogram.draw(rng),
            Kind::Quantiles(quantiles) => whole(quantiles.at(rng.unit())),
        }
    }

    /// One duration of each generator, as [`Self::draw`] makes it.
    pub(crate) fn draw_all<const N: usize>(&self, rngs: [Rng; N]) -> [u64; N] {
        match &self.0 {
            &Kind::Exponential { mean } => exponentials(mean, rngs),
            _ => rngs.map(|mut rng| self.draw(&mut rng)),
        }
    }

    /// The mean in nanoseconds, by closed form.
    #[must_use]
    pub fn mean_ns(&self) -> f64 {
        match &self.0 {
            &Kind::Exponential { mean } => mean,
            &Kind::Constant { value } => value as f64,
            &Kind::Uniform { min, span } => min as f64 + (span - 1) as f64 / 2.0,
            &Kind::Normal { mean, sd, below } => {
                mean + sd * normal::density(mean / sd) / (1.0 - below)
            }
            &Kind::Lognormal { median, sigma } => median * libm::exp(sigma * sigma / 2.0),
            &Kind::Bimodal { a, b, p } => a as f64 * (1.0 - p) + b as f64 * p,
            &Kind::Pareto { min, alpha } => min * alpha / (alpha - 1.0),
            &Kind::Erlang { stage, stages } => stage * f64::from(stages),
            &Kind::Hyperexponential { often, means } => often * means[0] + (1.0 - often) * means[1],
            Kind::Histogram(histogram) => histogram.mean_ns(),
            Kind::Quantiles(quantiles) => quantiles.mean_ns(),
        }
    }
}

/// An exponential duration in nanoseconds; `mean_ns` need not be whole, as a rate's gap is not.
fn exponential(mean_ns: f64, rng: &mut Rng) -> u64 {
    whole(-mean_ns * libm::log(1.0 - rng.unit()))
}

/// The same of each generator, in less time.
pub(crate) fn exponentials<const N: usize>(mean_ns: f64, rngs: [Rng; N]) -> [u64; N] {
    let logarithms = logarithm::all(rngs.map(|mut rng| 1.0 - rng.unit()));
    logarithms.map(|ln| whole(-mean_ns * ln))
}

fn float(duration: Duration) -> f64 {
    nanos(duration).min(LONGEST_NS) as f64
}

/// The nearest whole nanosecond in `[0, LONGEST_NS]`; the cast maps negatives and NaN to 0.
fn whole(value_ns: f64) -> u64 {
    ((value_ns + 0.5) as u64).min(LONGEST_NS)
}

/// Uniform in (0, 1), both ends excluded: the quantile of 0 is minus infinity.
fn open(rng: &mut Rng) -> f64 {
    ((rng.next_u64() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
}

#[cfg(test)]
mod test;
