//! Slow start: an endpoint that is new gets a growing part of its share.
//!
//! A process that has just started is slow (code is not compiled yet, caches are empty), and its
//! full share at once would make it slower. While an endpoint is warming, a pick may take it with a
//! probability that grows from a tenth to one; each pick draws once for each warming endpoint, so a
//! policy that looks twice sees the same. That thins every policy alike, and no table is rebuilt.
//! A policy that looks at everybody would prefer an empty endpoint whenever it may take it, so
//! there the probability is that of its fair share.
//!
//! Warmth is relative to the warmest endpoint that can be picked: a pool that is all new, or that
//! comes back after all of it was down, is spread evenly at once.

use std::time::Duration;

use crate::endpoint::EndpointIndex;
use crate::time::Timestamp;

/// The least part of its share that a warming endpoint gets, so that it warms at all.
pub const MIN_WARMTH: f64 = 0.1;

/// What a configuration says of an endpoint's slow start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// How long it takes at most.
    pub time: Duration,
    /// It ends after so many completed requests, too.
    pub requests: Option<u32>,
    /// The curve, in thousandths: warmth is the part that has passed to the power of 1 over this.
    /// 1,000 is a straight line, more gives more at the beginning.
    pub aggression_milli: u32,
}

impl Spec {
    /// The part of its share that an endpoint gets after `age` and `served` requests, from
    /// [`MIN_WARMTH`] to 1.
    #[must_use]
    pub fn warmth(&self, age: Duration, served: u32) -> f64 {
        let part = |done: f64, of: f64| if done < of { done / of } else { 1.0 };
        let by_time = part(age.as_secs_f64(), self.time.as_secs_f64());
        let by_requests = self
            .requests
            .map_or(0.0, |n| part(f64::from(served), f64::from(n)));
        let passed = by_time.max(by_requests);
        let curve = match self.aggression_milli {
            1000 => passed,
            milli => libm::pow(passed, 1000.0 / f64::from(milli.max(1))),
        };
        curve.max(MIN_WARMTH)
    }
}

/// An endpoint that is warming.
#[derive(Clone, Copy, Debug)]
struct Warming {
    endpoint: EndpointIndex,
    spec: Spec,
    entered: Timestamp,
    served: u32,
}

/// The endpoints of a pool that are warming.
#[derive(Debug, Default)]
pub struct State {
    warming: Vec<Warming>,
}

impl State {
    /// Room for `endpoints`, so that none of them allocates when it enters.
    pub fn reserve(&mut self, endpoints: usize) {
        self.warming
            .reserve(endpoints.saturating_sub(self.warming.len()));
    }

    /// Whether nobody is warming: the common case, and nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.warming.is_empty()
    }

    /// `endpoint` can be picked from `now` on and could not before.
    pub fn enter(&mut self, now: Timestamp, endpoint: EndpointIndex, spec: Spec) {
        self.leave(endpoint);
        self.warming.push(Warming {
            endpoint,
            spec,
            entered: now,
            served: 0,
        });
    }

    /// `endpoint` can no longer be picked, or needs no slow start.
    pub fn leave(&mut self, endpoint: EndpointIndex) {
        self.warming.retain(|w| w.endpoint.slot != endpoint.slot);
    }

    /// `endpoint` completed a request.
    pub fn serve(&mut self, endpoint: EndpointIndex) {
        if let Some(w) = self.warming.iter_mut().find(|w| w.endpoint == endpoint) {
            w.served = w.served.saturating_add(1);
        }
    }

    /// Forgets who is warm by `now`.
    pub fn expire(&mut self, now: Timestamp) {
        self.warming.retain(|w| w.warmth(now) < 1.0);
    }

    /// Who is warming, and how warm each is.
    pub fn iter(&self, now: Timestamp) -> impl Iterator<Item = (EndpointIndex, f64)> {
        self.warming
            .iter()
            .map(move |w| (w.endpoint, w.warmth(now)))
    }

    /// How warm the endpoint in `slot` is, from [`MIN_WARMTH`] to 1.
    #[must_use]
    pub fn warmth(&self, now: Timestamp, slot: u32) -> f64 {
        let warming = self.warming.iter().find(|w| w.endpoint.slot == slot);
        warming.map_or(1.0, |w| w.warmth(now))
    }
}

impl Warming {
    fn warmth(&self, now: Timestamp) -> f64 {
        self.spec.warmth(now.since(self.entered), self.served)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn curves() {
        let line = Spec {
            time: S * 10,
            requests: None,
            aggression_milli: 1000,
        };
        let steep = Spec {
            aggression_milli: 2000,
            ..line
        };
        let served = Spec {
            requests: Some(100),
            ..line
        };
        let cases = [
            ("begins at the least", line, 0, 0, 0.1),
            ("a line", line, 5, 0, 0.5),
            ("ends", line, 10, 0, 1.0),
            ("stays", line, 100, 0, 1.0),
            ("requests do not count", line, 5, 1_000, 0.5),
            ("a root", steep, 4, 0, 0.632_455_532_033_675_9),
            (
                "more at the beginning",
                steep,
                1,
                0,
                0.316_227_766_016_837_94,
            ),
            ("requests count", served, 1, 50, 0.5),
            ("time counts, too", served, 7, 50, 0.7),
            ("requests end it", served, 1, 100, 1.0),
        ];
        for (name, spec, age_s, served, warmth) in cases {
            let found = spec.warmth(S * age_s, served);
            assert!((found - warmth).abs() < 1e-15, "{name}: {found}");
        }
    }

    #[test]
    fn who_is_warm_is_forgotten() {
        let index = |slot| EndpointIndex {
            slot,
            generation: 0,
        };
        let spec = Spec {
            time: S * 10,
            requests: Some(2),
            aggression_milli: 1000,
        };
        let mut state = State::default();
        for slot in 0..3 {
            state.enter(Timestamp::ZERO + S * slot, index(slot), spec);
        }
        state.serve(index(2));
        state.serve(index(2));
        let now = Timestamp::ZERO + S * 10;
        state.expire(now);
        let warming: Vec<_> = state.iter(now).collect();
        assert_eq!(warming, [(index(1), 0.9)]);
        assert_eq!((state.warmth(now, 0), state.warmth(now, 1)), (1.0, 0.9));
        state.leave(index(1));
        assert!(state.is_empty());
    }
}
