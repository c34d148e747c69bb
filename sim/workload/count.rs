//! Laws of whole numbers: how many requests a session has.

use evenkeel_core::rng::Rng;

/// The largest number that is drawn.
const MOST: u32 = 1_000_000;

/// A law of whole numbers from 1 on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Count {
    /// Always the same; at least 1.
    Constant(u32),
    /// Memoryless: after each one it ends with the same probability. The mean is at least 1.
    Geometric {
        /// The mean.
        mean: f64,
    },
}

impl Count {
    /// One number, at least 1. A geometric one is the inverse of its distribution function at one
    /// uniform draw.
    pub fn draw(&self, rng: &mut Rng) -> u32 {
        match *self {
            Self::Constant(count) => count.max(1),
            Self::Geometric { mean } if mean > 1.0 => {
                let more = libm::log(1.0 - rng.unit()) / libm::log(1.0 - 1.0 / mean);
                (more.min(f64::from(MOST)) as u32 + 1).min(MOST)
            }
            Self::Geometric { .. } => 1,
        }
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match *self {
            Self::Constant(count) => f64::from(count.max(1)),
            Self::Geometric { mean } => mean.max(1.0),
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use evenkeel_core::rng::Stream;

    const DRAWS: u64 = 200_000;

    fn draws(law: Count) -> impl Iterator<Item = u32> {
        let stream = Stream::new(3, "count");
        (0..DRAWS).map(move |id| law.draw(&mut stream.at(id)))
    }

    /// The mean within five standard errors, sqrt(1 - p) / p / sqrt(200,000); and against trials:
    /// a number is above k with probability (1 - p)^k.
    #[test]
    fn a_geometric_number_counts_trials_until_success() {
        for mean in [1.0, 1.5, 12.0] {
            let law = Count::Geometric { mean };
            let sum: u64 = draws(law).map(u64::from).sum();
            let sd = (1.0 - 1.0 / mean).sqrt() * mean;
            let bound = 5.0 * sd / (DRAWS as f64).sqrt() + 1e-9;
            let got = sum as f64 / DRAWS as f64;
            assert!((got - mean).abs() < bound, "{mean}: {got}");
            for k in [1, 2, 5, 20] {
                let above = draws(law).filter(|n| *n > k).count() as f64 / DRAWS as f64;
                let p = (1.0 - 1.0 / mean).powi(k as i32);
                let bound = 5.0 * (p * (1.0 - p) / DRAWS as f64).sqrt() + 1e-9;
                assert!(
                    (above - p).abs() < bound,
                    "{mean}, above {k}: {above} not {p}"
                );
            }
        }
    }

    #[test]
    fn no_number_is_below_one_or_above_the_most() {
        let far = Count::Geometric { mean: 1e12 };
        assert!(draws(far).all(|n| (1..=MOST).contains(&n)));
        assert!(draws(Count::Constant(0)).all(|n| n == 1));
        assert_eq!(Count::Constant(7).draw(&mut Stream::new(1, "x").at(1)), 7);
    }
}
