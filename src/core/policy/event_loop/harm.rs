//! What routes do to each other, learned from times to the head of a response.
//!
//! A time is taken to be `base(route) * 1 + sum of harm(routes in flight when it was sent)`. Each
//! measured time corrects all terms of the sum by a small part of the error, so that who was there
//! in bad times and not in good ones ends up with the blame, and who only waited for a database,
//! with none. Steps shrink from 0.1 to 0.005 with what a route has taught: fast at first, steady
//! later, never blind to a route that changes. An error counts at most 20 usual times; a route that
//! takes long by itself is a poor witness of what others do to it and counts less.

use super::route::ROUTES;
use crate::time::Timestamp;

/// The first and the last step of a harm, and after how many samples it is halfway.
const STEP_FIRST: f64 = 0.1;
const STEP_LAST: f64 = 0.005;
const STEP_SAMPLES: f64 = 50.0;
/// The last step of a base.
const BASE_STEP: f64 = 0.01;
/// Samples of a route that are not bounded by what is usual.
const FIRST: u32 = 4;
/// The least base, in milliseconds.
const BASE_MIN_MS: f64 = 0.05;
/// Errors count up to so many times the usual base.
const BOUND: f64 = 20.0;
/// How fast means over requests forget, and speeds over the requests of an endpoint.
const FORGET: f64 = 0.005;
/// How fast the lateness of an endpoint is learned.
const UNSEEN_STEP: f64 = 0.01;
/// After how long without an answer what is known of an endpoint is halved.
const REST_NS: u64 = 10_000_000_000;
/// Factors nearer to 1 are taken for noise.
const DEAD_BAND: f64 = 0.3;

/// What a pick needs of a route.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Harm {
    /// By how much one request of it in flight delays a newcomer.
    pub(super) harm_ms: f64,
    /// 1 / what it takes by itself; 0 before the first sample.
    pub(super) per_base_ms: f64,
}

/// What learning needs beyond that.
#[derive(Clone, Copy, Debug, Default)]
struct Lesson {
    base_ms: f64,
    samples: u32,
    /// Times that it was seen in flight, by the weight of the witnesses.
    seen: f64,
}

/// All routes.
#[derive(Debug)]
pub(super) struct Harms {
    harms: Vec<Harm>,
    lessons: Vec<Lesson>,
    /// The mean harm of requests.
    pub(super) mean_ms: f64,
    /// The mean logarithm of requests' bases in milliseconds, if any is known.
    log_base: Option<f64>,
}

impl Default for Harms {
    fn default() -> Self {
        Self {
            harms: vec![Harm::default(); ROUTES],
            lessons: vec![Lesson::default(); ROUTES],
            mean_ms: 0.0,
            log_base: None,
        }
    }
}

/// How an endpoint differs from what is known of routes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lag {
    /// How many times as long requests wait there as was to be expected, by least squares over its
    /// requests: the sum of the products of both, and of the squares of the latter.
    product: f64,
    square: f64,
    /// By how much its answers are late whatever is in flight: for what other proxies sent there.
    unseen_ms: f64,
    /// When it answered last.
    heard: Timestamp,
}

impl Lag {
    /// How many times as long requests wait there, 1 if that is near 1, and by how much more.
    pub(super) fn at(&self, now: Timestamp, mean_harm_ms: f64) -> (f64, f64) {
        let kept = self.kept(now);
        let factor = self.factor(kept, mean_harm_ms);
        let differs = (factor - 1.0).abs() >= DEAD_BAND;
        (if differs { factor } else { 1.0 }, kept * self.unseen_ms)
    }

    fn factor(&self, kept: f64, mean_harm_ms: f64) -> f64 {
        let prior = 50.0 * mean_harm_ms * mean_harm_ms + 0.5;
        ((kept * self.product + prior) / (kept * self.square + prior)).clamp(0.5, 4.0)
    }

    /// What is left of what was learned: a half for every 10 s without an answer, or an endpoint
    /// that is avoided would never be heard of again.
    fn kept(&self, now: Timestamp) -> f64 {
        let rests = now.0.saturating_sub(self.heard.0) / REST_NS;
        1.0 / (1_u64 << rests.min(63)) as f64
    }

    /// It answers now.
    pub(super) fn rest(&mut self, now: Timestamp) {
        let kept = self.kept(now);
        self.product *= kept;
        self.square *= kept;
        self.unseen_ms *= kept;
        self.heard = now;
    }
}

impl Harms {
    pub(super) fn of(&self, route: u16) -> Harm {
        self.harms[usize::from(route)]
    }

    /// The number stands for another route from now on.
    pub(super) fn forget(&mut self, route: u16) {
        self.harms[usize::from(route)] = Harm::default();
        self.lessons[usize::from(route)] = Lesson::default();
    }

    /// A request of `route` that was sent while `seen` were in flight took so long.
    pub(super) fn learn(&mut self, route: u16, seen: &[(u16, u16)], took_ms: f64, lag: &mut Lag) {
        let route = usize::from(route);
        if self.lessons[route].samples == 0 {
            self.lessons[route].base_ms = took_ms.max(BASE_MIN_MS);
        }
        let base_ms = self.lessons[route].base_ms;
        let (mut wait_ms, mut squares) = (0.0, 0.0);
        for (other, n) in seen {
            let n = f64::from(*n);
            wait_ms += n * self.harms[usize::from(*other)].harm_ms;
            squares += n * n;
        }
        let error_ms = took_ms - base_ms - wait_ms;
        let usual_ms = self.log_base.map_or(base_ms, libm::exp);
        let bound_ms = BOUND * usual_ms.max(1.0);
        let bounded_ms = error_ms.clamp(-bound_ms, bound_ms);
        let trust = (usual_ms / base_ms).min(1.0);
        let trust = trust * trust;

        let blame_ms =
            (error_ms / lag.factor(1.0, self.mean_ms).max(1.0)).clamp(-bound_ms, bound_ms) * trust
                / (1.0 + squares / 4.0);
        for (other, n) in seen {
            let (other, n) = (usize::from(*other), f64::from(*n));
            let lesson = &mut self.lessons[other];
            lesson.seen += trust * n;
            let step = (STEP_FIRST / (1.0 + lesson.seen / STEP_SAMPLES)).max(STEP_LAST);
            let harm = &mut self.harms[other].harm_ms;
            *harm = (*harm + step * n * blame_ms).max(0.0);
        }

        let own_ms = self.harms[route].harm_ms.min(base_ms);
        let expected_ms = own_ms + wait_ms;
        let waited_ms = took_ms - base_ms + own_ms;
        lag.product = (1.0 - FORGET) * lag.product + trust * expected_ms * waited_ms;
        lag.unseen_ms += UNSEEN_STEP * (trust * bounded_ms - lag.unseen_ms);
        lag.square = (1.0 - FORGET) * lag.square + trust * expected_ms * expected_ms;

        let lesson = &mut self.lessons[route];
        lesson.samples = lesson.samples.saturating_add(1);
        let step = (1.0 / f64::from(lesson.samples)).max(BASE_STEP);
        let correction_ms = match lesson.samples <= FIRST {
            true => error_ms,
            false => bounded_ms,
        };
        lesson.base_ms = (base_ms + step * correction_ms).max(BASE_MIN_MS);
        self.harms[route].per_base_ms = 1.0 / lesson.base_ms;
        self.mean_ms += FORGET * (self.harms[route].harm_ms - self.mean_ms);
        let log_base = libm::log(lesson.base_ms);
        let mean = self.log_base.get_or_insert(log_base);
        *mean += FORGET * (log_base - *mean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Rng, Stream};

    /// Bases and harms of five routes; the third waits for a database for long and harms nobody.
    const ROUTE_MS: [(f64, f64); 5] = [
        (22.0, 2.0),
        (25.0, 4.0),
        (300.0, 0.0),
        (30.0, 8.0),
        (120.0, 90.0),
    ];

    /// A route: one request in twenty is heavy.
    fn draw(rng: &mut Rng) -> u16 {
        match rng.below(20) {
            0 => 4,
            other => (other % 4) as u16,
        }
    }

    /// 8,000 requests that find up to five others in flight, the heavy route rarely.
    #[test]
    fn harms_are_found_in_eight_thousand_requests() {
        let mut rng = Stream::new(7, "harm").at(0);
        let mut harms = Harms::default();
        let mut lag = Lag::default();
        for _ in 0..8_000 {
            let route = draw(&mut rng);
            let others = rng.below(6);
            let there: Vec<u16> = (0..others).map(|_| draw(&mut rng)).collect();
            let mut took_ms = ROUTE_MS[usize::from(route)].0;
            let mut seen: Vec<(u16, u16)> = Vec::new();
            for other in there {
                took_ms += ROUTE_MS[usize::from(other)].1;
                match seen.iter_mut().find(|(known, _)| *known == other) {
                    Some((_, n)) => *n += 1,
                    None => seen.push((other, 1)),
                }
            }
            harms.learn(route, &seen, took_ms, &mut lag);
        }
        let found: Vec<f64> = (0..5).map(|route| harms.of(route).harm_ms).collect();
        for (found, (_, harm_ms)) in found.iter().zip(ROUTE_MS) {
            assert!((found - harm_ms).abs() < 1.0 + 0.1 * harm_ms, "{harms:?}");
        }
        assert!(
            found[2] < 0.05 * 300.0,
            "a database is no harm: {}",
            found[2]
        );
    }

    #[test]
    fn an_endpoint_that_is_silent_is_forgotten() {
        let mut lag = Lag {
            product: 1e6,
            square: 1e5,
            unseen_ms: 100.0,
            heard: Timestamp::ZERO,
        };
        let at = |s: u64| lag.at(Timestamp(s * 1_000_000_000), 1.0);
        assert_eq!(at(9), (4.0, 100.0));
        assert_eq!(at(25).1, 25.0);
        assert_eq!(at(3600), (1.0, 100.0 / (1_u64 << 63) as f64));
        lag.rest(Timestamp(10_000_000_000));
        assert_eq!(lag.unseen_ms, 50.0);
    }
}
