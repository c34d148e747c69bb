//! Distributions of durations: how long a service, a wait or a pause takes.
//!
//! Every draw goes through the inverse of the distribution function, so one uniform number makes
//! one duration: two scenarios that differ in a law still share their luck, which is what makes a
//! comparison paired. Logarithms and exponentials come from `libm`, for they are part of the trace.

mod normal;

use std::time::Duration;

use evenkeel_core::rng::Rng;
use evenkeel_core::time::nanos;

/// The longest duration that a law draws, 2^53 ns (104 days): sums of draws stay far from overflow
/// and every draw is exact as an `f64`.
pub const LONGEST_NS: u64 = 1 << 53;

/// A distribution of durations. Build it with the function named like it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Law(Kind);

/// The parameters in nanoseconds, prepared so that a draw computes nothing twice.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Exponential { mean: f64 },
    Constant { value: u64 },
    Uniform { min: u64, span: u64 },
    Normal { mean: f64, sd: f64, below: f64 },
    Lognormal { median: f64, sigma: f64 },
    Bimodal { a: u64, b: u64, p: f64 },
    Pareto { min: f64, alpha: f64 },
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

    /// One duration in nanoseconds, at most [`LONGEST_NS`].
    pub fn draw(&self, rng: &mut Rng) -> u64 {
        match self.0 {
            Kind::Exponential { mean } => exponential(mean, rng),
            Kind::Constant { value } => value,
            Kind::Uniform { min, span } => min + rng.below(span),
            Kind::Normal { mean, sd, below } => {
                let p = (below + (1.0 - below) * open(rng)).min(1.0 - f64::EPSILON / 2.0);
                whole(mean + sd * normal::quantile(p))
            }
            Kind::Lognormal { median, sigma } => {
                whole(median * libm::exp(sigma * normal::quantile(open(rng))))
            }
            Kind::Bimodal { a, b, p } => {
                if rng.unit() < p {
                    b
                } else {
                    a
                }
            }
            Kind::Pareto { min, alpha } => whole(min * libm::pow(1.0 - rng.unit(), -1.0 / alpha)),
        }
    }

    /// The mean in nanoseconds, by closed form.
    #[must_use]
    pub fn mean_ns(&self) -> f64 {
        match self.0 {
            Kind::Exponential { mean } => mean,
            Kind::Constant { value } => value as f64,
            Kind::Uniform { min, span } => min as f64 + (span - 1) as f64 / 2.0,
            Kind::Normal { mean, sd, below } => {
                mean + sd * normal::density(mean / sd) / (1.0 - below)
            }
            Kind::Lognormal { median, sigma } => median * libm::exp(sigma * sigma / 2.0),
            Kind::Bimodal { a, b, p } => a as f64 * (1.0 - p) + b as f64 * p,
            Kind::Pareto { min, alpha } => min * alpha / (alpha - 1.0),
        }
    }
}

/// An exponential duration in nanoseconds; `mean_ns` need not be whole, as a rate's gap is not.
pub(crate) fn exponential(mean_ns: f64, rng: &mut Rng) -> u64 {
    whole(-mean_ns * libm::log(1.0 - rng.unit()))
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
