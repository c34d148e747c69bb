//! How an arrival rate changes with time: a factor, linear between points.
//!
//! An open process runs on a clock of its own, whose hand moves at the factor's pace: an arrival
//! that the unshaped process has at `s` is due when the integral of the factor has reached `s`. So
//! a shape thins nothing and shifts no draw, and where the factor is 1 throughout nothing changes.

use std::time::Duration;

use evenkeel_core::time::nanos;

/// Straight pieces of one period of a sine: no further from it than 4e-5 of its height.
const PIECES: u32 = 360;

/// A factor over time, never below zero. Build it with the function named like it.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Instants (ns) and factors, in order, the first at 0; two at one instant are a step.
    points: Vec<(u64, f64)>,
    /// Whether what follows the last point is the first one again; else its factor lasts.
    cyclic: bool,
}

/// A straight piece: where it begins, how long it is (for ever, if that is infinite), the factors
/// at both ends.
#[derive(Clone, Copy, Debug)]
struct Piece {
    length_ns: f64,
    from: f64,
    to: f64,
}

impl Piece {
    fn area(self) -> f64 {
        self.length_ns * (self.from + self.to) / 2.0
    }

    /// The area of its first `ns`.
    fn area_of(self, ns: f64) -> f64 {
        let slope = (self.to - self.from) / self.length_ns;
        ns * (self.from + slope * ns / 2.0)
    }

    /// How much of it has this area: the root of a parabola, in the form that loses no digits.
    fn reach(self, area: f64) -> f64 {
        if area <= 0.0 {
            return 0.0;
        }
        let slope = (self.to - self.from) / self.length_ns;
        let root = (self.from * self.from + 2.0 * slope * area).max(0.0).sqrt();
        (2.0 * area / (self.from + root)).min(self.length_ns)
    }
}

impl Shape {
    /// Linear between `points`, which must be in order and not negative; before the first and
    /// after the last one the factor stays. Without points it is 1.
    #[must_use]
    pub fn linear(points: &[(Duration, f64)]) -> Self {
        let mut all: Vec<(u64, f64)> = points.iter().map(|(at, x)| (nanos(*at), *x)).collect();
        let first = all.first().map_or(1.0, |(_, x)| *x);
        if all.first().is_none_or(|(at, _)| *at > 0) {
            all.insert(0, (0, first));
        }
        Self {
            points: all,
            cyclic: false,
        }
    }

    /// A sine between `low` and `high`, which begins at its low point.
    #[must_use]
    pub fn sine(period: Duration, low: f64, high: f64) -> Self {
        let point = |piece: u32| {
            let turn = f64::from(piece) / f64::from(PIECES);
            let wave = libm::cos(turn * std::f64::consts::TAU);
            let at = u128::from(nanos(period)) * u128::from(piece) / u128::from(PIECES);
            let x = f64::midpoint(low, high) - (high - low) / 2.0 * wave;
            (at as u64, x.max(0.0))
        };
        Self {
            points: (0..=PIECES).map(point).collect(),
            cyclic: true,
        }
    }

    /// 1, and `x` in the last `length` of every `every`.
    #[must_use]
    pub fn burst(every: Duration, length: Duration, x: f64) -> Self {
        let (every, length) = (nanos(every), nanos(length));
        let begin = every.saturating_sub(length);
        Self {
            points: vec![(0, 1.0), (begin, 1.0), (begin, x), (every, x)],
            cyclic: true,
        }
    }

    /// The mean factor between two instants; at `from`, if there is no time between them.
    #[must_use]
    pub fn mean(&self, from: Duration, until: Duration) -> f64 {
        let (from, until) = (
            nanos(from),
            nanos(until.max(from + Duration::from_nanos(1))),
        );
        (self.integral(until) - self.integral(from)) / (until - from) as f64
    }

    /// The integral from 0 to `at_ns`, in nanoseconds.
    fn integral(&self, at_ns: u64) -> f64 {
        let mut left = at_ns as f64;
        let mut sum = 0.0;
        let cycle = self.cycle();
        if let Some((length_ns, area)) = cycle {
            let cycles = (left / length_ns).floor();
            (left, sum) = (left - cycles * length_ns, cycles * area);
        }
        for index in 0..self.points.len() {
            let piece = self.piece(index);
            if left <= piece.length_ns {
                return sum + if left > 0.0 { piece.area_of(left) } else { 0.0 };
            }
            left -= piece.length_ns;
            sum += piece.area();
        }
        sum
    }

    /// Length and area of a cycle.
    fn cycle(&self) -> Option<(f64, f64)> {
        let last = self.points.last().filter(|_| self.cyclic)?;
        let pieces = (0..self.points.len() - 1).map(|index| self.piece(index).area());
        Some((last.0 as f64, pieces.sum()))
    }

    /// The piece that begins at point `index`; at the last one it lasts for ever.
    fn piece(&self, index: usize) -> Piece {
        let (at, from) = self.points[index];
        match self.points.get(index + 1) {
            Some((end, to)) => Piece {
                length_ns: (end - at) as f64,
                from,
                to: *to,
            },
            None => Piece {
                length_ns: f64::INFINITY,
                from,
                to: from,
            },
        }
    }
}

/// A shape that is followed forwards.
#[derive(Debug)]
pub(super) struct Warp {
    shape: Shape,
    end_ns: f64,
    index: usize,
    begin_ns: f64,
    area: f64,
}

impl Warp {
    /// Follows `shape` up to `end_ns`.
    pub(super) const fn new(shape: Shape, end_ns: u64) -> Self {
        Self {
            shape,
            end_ns: end_ns as f64,
            index: 0,
            begin_ns: 0.0,
            area: 0.0,
        }
    }

    /// When (ns) the integral reaches `area_ns`, which must never fall; `None` if it does not
    /// before the end.
    pub(super) fn at(&mut self, area_ns: u64) -> Option<u64> {
        let wanted = area_ns as f64;
        while self.begin_ns < self.end_ns {
            let piece = self.shape.piece(self.index);
            let rest = wanted - self.area;
            if piece.length_ns.is_infinite() {
                let due_ns = self.begin_ns + rest / piece.from;
                return (piece.from > 0.0).then_some((due_ns + 0.5) as u64);
            }
            let area = piece.area();
            if area > rest {
                return Some((self.begin_ns + piece.reach(rest) + 0.5) as u64);
            }
            self.begin_ns += piece.length_ns;
            self.area += area;
            self.index += 1;
            if self.shape.cyclic && self.index + 1 == self.shape.points.len() {
                self.index = 0;
            }
        }
        None
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// Times in seconds of the arrivals that the unshaped process has at `areas` seconds.
    fn times(shape: Shape, areas: &[f64]) -> Vec<Option<f64>> {
        let mut warp = Warp::new(shape, 1_000 * SECOND);
        let at = |area: &f64| Some(warp.at((area * 1e9) as u64)? as f64 / 1e9);
        areas.iter().map(at).collect()
    }

    /// Its name, areas, and when they are reached.
    type Case<'a> = (&'a str, Shape, &'a [f64], &'a [Option<f64>]);

    #[test]
    fn what_is_reached_when() {
        let ramp = Shape::linear(&[(s(0.0), 0.0), (s(10.0), 2.0)]);
        let step = Shape::linear(&[(s(0.0), 1.0), (s(4.0), 1.0), (s(4.0), 5.0)]);
        let silent = Shape::linear(&[(s(2.0), 1.0), (s(2.0), 0.0), (s(6.0), 0.0), (s(6.0), 1.0)]);
        let ends = Shape::linear(&[(s(0.0), 1.0), (s(2.0), 0.0)]);
        let burst = Shape::burst(s(10.0), s(1.0), 5.0);
        let cases: [Case<'_>; 6] = [
            (
                "none",
                Shape::linear(&[]),
                &[0.0, 7.5],
                &[Some(0.0), Some(7.5)],
            ),
            (
                "ramp",
                ramp,
                &[0.0, 0.1, 2.5, 10.0, 14.0],
                &[0.0, 1.0, 5.0, 10.0, 12.0].map(Some),
            ),
            (
                "step",
                step,
                &[3.0, 4.0, 4.5, 14.0],
                &[3.0, 4.0, 4.1, 6.0].map(Some),
            ),
            (
                "silent",
                silent,
                &[1.9, 2.0, 3.0],
                &[1.9, 6.0, 7.0].map(Some),
            ),
            (
                "ends",
                ends,
                &[0.75, 0.999_999, 1.5],
                &[Some(1.0), Some(1.998), None],
            ),
            (
                "burst",
                burst,
                &[9.0, 11.5, 14.0, 23.5],
                &[9.0, 9.5, 10.0, 19.1].map(Some),
            ),
        ];
        for (name, shape, areas, wanted) in cases {
            let got = times(shape, areas);
            for (got, wanted) in got.iter().zip(wanted) {
                let near = match (got, wanted) {
                    (Some(got), Some(wanted)) => (got - wanted).abs() < 1e-3,
                    (got, wanted) => got == wanted,
                };
                assert!(near, "{name}: {got:?} not {wanted:?}");
            }
        }
    }

    /// Pieces of a sine against the sine: low at 0, high in the middle, the mean over a period.
    #[test]
    fn a_sine_begins_low() {
        let shape = Shape::sine(s(86_400.0), 0.3, 1.0);
        assert!((shape.mean(s(0.0), s(86_400.0)) - 0.65).abs() < 1e-9);
        for hour in 0..48 {
            let at = f64::from(hour) * 3_600.0 + 1_234.5;
            let exact = 0.65 - 0.35 * libm::cos(at / 86_400.0 * std::f64::consts::TAU);
            let got = shape.mean(s(at - 1.0), s(at + 1.0));
            assert!(
                (got - exact).abs() < 4e-5 * 0.7,
                "{hour}: {got} not {exact}"
            );
        }
    }

    fn shapes() -> impl Strategy<Value = Shape> {
        let points = prop::collection::vec((0_u32..20, 0_u32..4), 0..6).prop_map(|points| {
            let mut points: Vec<_> = points
                .into_iter()
                .map(|(at, x)| (s(f64::from(at) / 4.0), f64::from(x) / 2.0))
                .collect();
            points.sort_by_key(|(at, _)| *at);
            Shape::linear(&points)
        });
        prop_oneof![
            points,
            (1_u32..20).prop_map(|n| Shape::sine(s(f64::from(n) / 4.0), 0.2, 1.5)),
            (2_u32..20).prop_map(|n| Shape::burst(s(f64::from(n) / 4.0), s(0.3), 4.0)),
        ]
    }

    proptest! {
        /// Against sums of thin slices: the integral up to a due time is what was asked for.
        #[test]
        fn due_times_agree_with_thin_slices(
            shape in shapes(),
            gaps in prop::collection::vec(0_u64..SECOND, 1..12),
        ) {
            const SLICES: u64 = 20_000;
            let end = 20 * SECOND;
            let mut warp = Warp::new(shape.clone(), end);
            let (mut area, mut before) = (0, 0);
            for gap in gaps {
                area += gap;
                let Some(due) = warp.at(area).filter(|due| *due < end) else {
                    prop_assert!(shape.integral(end) <= area as f64 * (1.0 + 1e-9) + 1.0);
                    break;
                };
                prop_assert!(due >= before, "due times never fall");
                before = due;
                let width = due / SLICES;
                let slice = |n: u64| {
                    let middle = Duration::from_nanos(n * width + width / 2);
                    shape.mean(middle, middle) * width as f64
                };
                let naive: f64 = (0..SLICES).map(slice).sum();
                let bound = (due as f64 + area as f64) * 1e-3 + 1e6;
                prop_assert!((naive - area as f64).abs() < bound, "{due}: {naive} not {area}");
            }
        }
    }
}
