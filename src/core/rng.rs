//! Randomness that does not depend on the order of events.
//!
//! A draw is hash(seed, stream, id): what one request draws is the same whatever other requests did
//! before it, so that an added host, a changed policy or another interleaving shifts nothing. The
//! generator is SplitMix64 (Steele, Lea, Flood, OOPSLA 2014); it is written out here because its
//! stream is part of the golden hashes and may never change with a version of somebody's crate.

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A named source of independent generators, one for each id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    key: u64,
}

impl Stream {
    /// The stream `name` of `seed`. Names keep streams apart: arrivals, service, pick, jitter.
    #[must_use]
    pub fn new(seed: u64, name: &str) -> Self {
        let mut key = mix(seed.wrapping_add(GOLDEN));
        for byte in name.bytes() {
            key = mix(key ^ u64::from(byte)).wrapping_add(GOLDEN);
        }
        Self { key }
    }

    /// The generator of `id`: the arrival's number, a request's, a connection's.
    #[must_use]
    pub const fn at(self, id: u64) -> Rng {
        Rng {
            state: mix(self.key ^ mix(id.wrapping_add(GOLDEN))),
        }
    }

    /// A stream within this one: `workload` of `arrivals`, `try` of `service`.
    #[must_use]
    pub const fn child(self, id: u64) -> Self {
        Self {
            key: self.at(id).state,
        }
    }
}

/// A small generator, passed to whatever draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// The next 64 uniform bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// A uniform integer in `[0, n)`, without bias (Lemire, TOMACS 2019); 0 for `n` = 0.
    pub const fn below(&mut self, n: u64) -> u64 {
        let mut wide = self.next_u64() as u128 * n as u128;
        if (wide as u64) < n {
            let threshold = n.wrapping_neg() % n;
            while (wide as u64) < threshold {
                wide = self.next_u64() as u128 * n as u128;
            }
        }
        (wide >> 64) as u64
    }

    /// A uniform number in `[0, 1)` with 53 bits.
    pub const fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }
}

/// Spreads every bit of `z` over all of the result; one to one.
pub(crate) const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden: a change here changes every trace hash.
    #[test]
    fn the_stream_is_frozen() {
        let mut rng = Stream::new(1, "pick").at(0);
        let first = [rng.next_u64(), rng.next_u64()];
        let mut again = Stream::new(1, "pick").at(0);
        assert_eq!(first, [again.next_u64(), again.next_u64()]);
        assert_eq!(
            first,
            [4_493_348_645_388_878_640, 16_833_832_042_217_651_387]
        );
    }

    #[test]
    fn names_ids_and_seeds_keep_streams_apart() {
        let draw = |seed, name, id| Stream::new(seed, name).at(id).next_u64();
        let all = [
            draw(1, "a", 0),
            draw(2, "a", 0),
            draw(1, "b", 0),
            draw(1, "a", 1),
        ];
        for (i, x) in all.iter().enumerate() {
            assert!(!all[i + 1..].contains(x));
        }
    }

    /// 100,000 draws below 7: each count within 5 standard deviations (sd about 110) of 1/7.
    #[test]
    fn below_is_uniform() {
        let mut counts = [0_i64; 7];
        for id in 0..100_000 {
            counts[Stream::new(3, "x").at(id).below(7) as usize] += 1;
        }
        assert!(
            counts.iter().all(|c| (c - 14_286).abs() < 550),
            "{counts:?}"
        );
        assert_eq!(Stream::new(3, "x").at(0).below(0), 0);
    }

    #[test]
    fn unit_stays_below_one() {
        let mut rng = Stream::new(9, "u").at(1);
        let mean = (0..10_000)
            .map(|_| rng.unit())
            .inspect(|u| assert!((0.0..1.0).contains(u)));
        let mean = mean.sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.015, "{mean}");
    }
}
