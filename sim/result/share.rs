//! Whom a pool may pick, and how often: what is out of service never, the others by weight.

use evenkeel_core::policy::Kind;
use evenkeel_core::time::Timestamp;
use evenkeel_proxy::config::{self, Policy};

use super::roster::Place;
use crate::scenario::{Scenario, What};

/// What a pool promises about its picks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Promise {
    /// The weight of each slot; 0 for one that is down or takes nothing.
    pub weights: Vec<u32>,
    /// The most requests and tunnels that each slot may hold together; `u32::MAX` for no bound.
    pub bounds: Vec<u32>,
    /// The law by which picks follow the weights, where the policy alone decides.
    pub law: Option<Law>,
    /// Whether any endpoint that has room may take any request: no session keeps one waiting for
    /// its own, and no policy waits for an idle one.
    pub takes_anybody: bool,
}

/// How closely picks follow the weights of a pool in which nothing fails and nobody waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// Each count is at most one pick an endpoint away from its part.
    RoundRobin,
    /// Each count is within six standard deviations of its part (a binomial law).
    Random,
}

impl Promise {
    /// The promises of all pools.
    #[must_use]
    pub fn all(scenario: &Scenario) -> Vec<Self> {
        let zone = scenario.config.server.zone.is_some();
        let pools = scenario.config.pools.iter();
        let mut all: Vec<Self> = pools.map(|pool| Self::new(pool, zone)).collect();
        for change in &scenario.changes {
            if let What::Reload(pool) = &change.what {
                let place = scenario
                    .config
                    .pools
                    .iter()
                    .position(|p| p.name == pool.name);
                if let Some(known) = place.and_then(|place| all.get_mut(place)) {
                    known.takes_anybody &= Self::new(pool, zone).takes_anybody;
                }
            }
        }
        all
    }

    /// `zone`: some endpoints may be preferred to others for where they are.
    fn new(pool: &config::Pool, zone: bool) -> Self {
        let endpoints = &pool.endpoints;
        let free = endpoints
            .iter()
            .all(|e| !e.backup && !zone && e.max_connections.is_none());
        let law = match pool.policy {
            Policy::Core(Kind::RoundRobin) => Some(Law::RoundRobin),
            Policy::Core(Kind::Random) => Some(Law::Random),
            // Load, latency or keys decide beside the weights.
            _ => None,
        };
        let weight = |e: &config::Endpoint| if e.down || e.drain { 0 } else { e.weight };
        let bound = |e: &config::Endpoint| e.max_connections.unwrap_or(u32::MAX);
        Self {
            weights: endpoints.iter().map(weight).collect(),
            bounds: endpoints.iter().map(bound).collect(),
            law: law.filter(|_| free && pool.affinity.is_none()),
            takes_anybody: pool.affinity.is_none() && matches!(pool.policy, Policy::Core(_)),
        }
    }
}

/// The picks of one pool.
#[derive(Debug, Default)]
pub(super) struct Share {
    promise: Promise,
    counts: Vec<u64>,
    /// Something failed or had to wait: from then on more than the weights decided.
    disturbed: bool,
    /// When the pool was changed last: a request that had been promised a place may take it up.
    changed: Option<Timestamp>,
}

impl Share {
    pub(super) fn new(promise: &Promise) -> Self {
        let counts = vec![0; promise.weights.len()];
        Self {
            promise: promise.clone(),
            counts,
            disturbed: false,
            changed: None,
        }
    }

    /// What each seat may take from now on.
    pub(super) fn change(&mut self, at: Timestamp, places: &[Place]) {
        let weights: Vec<u32> = places.iter().map(|place| place.weight).collect();
        self.disturbed |= weights != self.promise.weights;
        self.counts.resize(weights.len(), 0);
        self.promise.weights = weights;
        self.changed = Some(at);
    }

    /// Counts a pick; false if the endpoint is out of service.
    pub(super) fn pick(&mut self, seat: u32, at: Timestamp) -> bool {
        let seat = seat as usize;
        if let Some(count) = self.counts.get_mut(seat) {
            *count += 1;
        }
        let weight = self.promise.weights.get(seat);
        weight.is_none_or(|weight| *weight > 0) || self.changed == Some(at)
    }

    /// Whether an endpoint is in service.
    pub(super) fn serves(&self, seat: u32) -> bool {
        let weight = self.promise.weights.get(seat as usize);
        weight.is_some_and(|weight| *weight > 0)
    }

    /// See [`Promise::takes_anybody`].
    pub(super) const fn takes_anybody(&self) -> bool {
        self.promise.takes_anybody
    }

    pub(super) const fn disturb(&mut self) {
        self.disturbed = true;
    }

    /// What is wrong with the counts, if anything is.
    pub(super) fn fault(&self) -> Option<String> {
        let law = self.promise.law.filter(|_| !self.disturbed)?;
        let all: u64 = self.counts.iter().sum();
        let weights: u64 = self.promise.weights.iter().map(|w| u64::from(*w)).sum();
        let wrong = self.counts.iter().zip(&self.promise.weights).enumerate();
        wrong.into_iter().find_map(|(slot, (count, weight))| {
            let part = f64::from(*weight) / weights as f64;
            let expected = all as f64 * part;
            let bound = match law {
                Law::RoundRobin => self.counts.len() as f64,
                Law::Random => 6.0 * libm::sqrt(expected * (1.0 - part)) + 1.0,
            };
            let off = (*count as f64 - expected).abs();
            (off > bound).then(|| {
                format!(
                    "slot {slot} had {count} of {all} picks; by weight {expected:.1} ± {bound:.1}"
                )
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(law: Law, counts: &[u64]) -> Share {
        let mut share = Share::new(&Promise {
            weights: vec![3, 1, 0],
            bounds: vec![u32::MAX; 3],
            law: Some(law),
            takes_anybody: true,
        });
        share.counts = counts.to_vec();
        share
    }

    #[test]
    fn picks_by_weight_keep_the_promise() {
        assert_eq!(share(Law::RoundRobin, &[753, 247, 0]).fault(), None);
        assert_eq!(share(Law::Random, &[730, 270, 0]).fault(), None);
    }

    #[test]
    fn picks_against_the_weights_break_it() {
        assert!(share(Law::RoundRobin, &[740, 260, 0]).fault().is_some());
        assert!(share(Law::Random, &[600, 400, 0]).fault().is_some());
        let mut disturbed = share(Law::Random, &[600, 400, 0]);
        disturbed.disturb();
        assert_eq!(disturbed.fault(), None);
    }

    #[test]
    fn nobody_out_of_service_is_picked() {
        let mut share = share(Law::Random, &[0, 0, 0]);
        assert!(share.pick(0, Timestamp::ZERO) && !share.pick(2, Timestamp::ZERO));
    }
}
