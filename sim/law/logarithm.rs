//! Logarithms of several numbers at a time.
//!
//! Half of what a draw of the exponential law costs is its logarithm. This is the algorithm of
//! `libm::log` (Sun's fdlibm, `e_log.c`) for normal numbers alone, which needs no branch: a loop of
//! it becomes vector instructions. It has the same bits, for they are part of the trace.

/// Of a number in this form, the upper half of the bits: 1, and the square root of 1/2.
const ONE: u64 = 0x3ff0_0000 << 32;
const ROOT: u64 = 0x3fe6_a09e << 32;
const MANTISSA: u64 = (1 << 52) - 1;

/// The logarithm of 2 in two parts, of which the first has few bits.
const LN2: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];

/// The coefficients of the series in s^2, s^4, ... that is least wrong.
const SERIES: [f64; 7] = [
    6.666_666_666_666_735e-1,
    3.999_999_999_940_942e-1,
    2.857_142_874_366_239e-1,
    2.222_219_843_214_978_4e-1,
    1.818_357_216_161_805e-1,
    1.531_383_769_920_937_3e-1,
    1.479_819_860_511_658_6e-1,
];

/// `libm::log` of each of `values`, which are positive and normal.
pub(super) fn all<const N: usize>(mut values: [f64; N]) -> [f64; N] {
    for value in &mut values {
        *value = one(*value);
    }
    values
}

/// ln(2^k m) with m between the root of 1/2 and that of 2, by s = (m - 1) / (m + 1).
#[inline(always)]
fn one(value: f64) -> f64 {
    let bits = value.to_bits().wrapping_add(ONE - ROOT);
    let k = f64::from((bits >> 52) as i32 - 1023);
    let f = f64::from_bits((bits & MANTISSA) + ROOT) - 1.0;
    let square = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let [a, b, c, d, e, g, h] = SERIES;
    let even = w * (b + w * (d + w * g));
    let odd = z * (a + w * (c + w * (e + w * h)));
    s * (square + (odd + even)) + k * LN2[1] - square + f + k * LN2[0]
}

#[cfg(test)]
mod test {
    use super::*;
    use evenkeel_core::rng::Stream;

    /// All that a draw asks for, from 2^-53 to 1, and numbers of all sizes.
    #[test]
    fn it_has_the_bits_of_libm() {
        let stream = Stream::new(1, "logarithm");
        let edges = [1.0, 0.5, f64::EPSILON / 2.0, f64::MIN_POSITIVE, f64::MAX];
        let check = |values: [f64; 16]| {
            for (value, ln) in values.into_iter().zip(all(values)) {
                assert_eq!(ln.to_bits(), libm::log(value).to_bits(), "{value:e}");
            }
        };
        edges.into_iter().for_each(|edge| check([edge; 16]));
        for n in 0..60_000 {
            let mut rng = stream.at(n);
            check([(); 16].map(|()| 1.0 - rng.unit()));
            // Any exponent but those of zero, subnormal numbers, infinity and NaN.
            check([(); 16].map(|()| {
                let exponent = 1 + rng.below(2046);
                f64::from_bits(exponent << 52 | rng.next_u64() >> 12)
            }));
        }
    }
}
