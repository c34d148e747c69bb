//! `prequal`: the fastest endpoint that is not hot, by probes of a moment ago.
//!
//! Problem: what is in flight says how busy an endpoint will be, latency says how busy it is, and
//! no sum of the two is right everywhere. Rule: a pool of up to 16 probes, each the requests in
//! flight at an endpoint and its latency. A probe is hot if its in flight is above a quantile of
//! the recent ones. Of the cold ones the fastest is taken, if all are hot the one with the least in
//! flight; with less than two probes an endpoint is drawn by weight. The probe taken counts one
//! more in flight; after `reuse` uses, after 1 s, or when the pool is full and it is the oldest, a
//! probe is dropped, and with every pick one more: in turn the oldest and the worst (the most in
//! flight if any is hot, else the slowest). Then new endpoints are probed, for the picks to come.
//!
//! A probe is either read from what this proxy knows of the endpoint, at once and at no cost: what
//! it has sent there and the mean time to the head; or, with `probe`, the endpoint is asked. Then a
//! pick says whom to ask, never one that is being asked, and the answer is for the picks to come:
//! its round trip is the latency, and it may say how many are in flight, which the paper's does;
//! else that is the proxy's own count when it comes. The paper's latency is a median of requests
//! near the present in flight: an event loop's answer says more, for the probe has waited its turn.
//! What differs from the paper: who is asked anew has no probe until it answers, so that one that
//! is blocked is passed over at once; a probe decides one pick, as the next answer is a moment
//! away; one probe is enough for a pick; and without any, an endpoint is drawn that is not being
//! asked, if there is one.
//!
//! Behind four proxies at eight event loops of which one route blocks one in twenty times
//! (`scenarios/event_loop/probes.toml`, five seeds), who asks has p99 of 0.84, 0.82 and 1.12 at a
//! load of 0.5, 0.7 and 0.9 of who reads, and a mean of 0.86, 0.81 and 0.83; of `least_request`,
//! 0.94, 0.97 and 1.20, and 0.96, 0.96 and 0.97. At 0.9 loops are behind for longer than a probe
//! may take, and the tail is worse. That endpoints say what is in flight adds little: 0 to 4 % of
//! p99. Counts that come with answers to requests do not replace probes: they are as old as the
//! last answer, and all run to who was idle then (p99 +14 % at 0.8).
//!
//! Parameters: `quantile` (0.3; the paper has 0.84, for a hundred endpoints): 0 is in flight alone,
//! 1 latency alone; `probes` (3) for each pick. reuse = max(1, 2 / ((1 - m / n) * probes - 1)) for
//! m probes and n endpoints, with chance for its fraction; below 32 endpoints m is n / 2; 1 if
//! endpoints are asked. Cost: O(probes + 16). Weights: probes are drawn by weight, and in flight
//! counts relative to it. Pathology: with few endpoints and a high
//! quantile nearly nobody is hot, and all run to the fastest; 0.3 was better with 8 event loops.
//! Source: Wydrowski and others, "Load is not what you should balance: introducing Prequal", NSDI
//! 2024.

use super::wheel::Wheel;
use super::{Best, Load, Measure, PickContext, Policy, Table, Until, Weighing, mean_weight};
use crate::endpoint::{Endpoint, EndpointIndex};
use crate::time::Timestamp;

/// Most probes kept.
const SIZE: usize = 16;
/// How long a probe is worth something.
const LIFE_NS: u64 = 1_000_000_000;
/// Draws for an endpoint that is not being asked; with half of them being asked, 1 in 256 fails.
const DRAWS: u32 = 8;
/// Recent probes whose in flight makes the quantile.
const RECENT: usize = 64;

/// What an endpoint was like a moment ago.
#[derive(Clone, Copy, Debug)]
struct Probe {
    index: EndpointIndex,
    at: Timestamp,
    /// In flight, for a weight relative to the mean.
    in_flight: f64,
    latency_ns: f64,
    /// Picks that it may still decide.
    uses: u32,
}

/// See the module.
#[derive(Debug)]
pub struct Prequal {
    quantile_percent: u32,
    probes: u32,
    wheel: Wheel,
    mean_weight: f64,
    /// The oldest first.
    pool: Vec<Probe>,
    size: usize,
    reuse: f64,
    /// In flight of recent probes, a ring.
    recent: [f64; RECENT],
    probed: usize,
    oldest_goes: bool,
    asks: bool,
    /// By slot, who is being asked.
    under_way: Vec<Option<EndpointIndex>>,
    /// Those of them whom nobody has asked yet.
    wanted: Vec<EndpointIndex>,
}

impl Prequal {
    /// A policy with this quantile, 0 to 100 percent, and so many probes a pick, 1 to 8. If it
    /// `asks`, endpoints are probed by somebody else.
    #[must_use]
    pub fn new(quantile_percent: u32, probes: u32, asks: bool) -> Self {
        Self {
            quantile_percent: quantile_percent.min(100),
            probes: probes.clamp(1, 8),
            wheel: Wheel::default(),
            mean_weight: 1.0,
            pool: Vec::with_capacity(SIZE),
            size: 0,
            reuse: 1.0,
            recent: [0.0; RECENT],
            probed: 0,
            oldest_goes: true,
            asks,
            under_way: Vec::new(),
            wanted: Vec::new(),
        }
    }

    /// Where the probe decides a pick at `now`, if it is not too old.
    fn is_fresh(probe: &Probe, now: Timestamp) -> bool {
        now.0.saturating_sub(probe.at.0) <= LIFE_NS
    }

    /// In flight above which a probe is hot.
    fn threshold(&self) -> f64 {
        let mut recent = self.recent;
        let known = &mut recent[..self.probed.min(RECENT)];
        let Some(last) = known.len().checked_sub(1) else {
            return 0.0;
        };
        let at = last * self.quantile_percent as usize / 100;
        *known.select_nth_unstable_by(at, f64::total_cmp).1
    }

    /// Where the best probe of an endpoint that is eligible stands, if there are two of them.
    fn best(&self, endpoints: &[Endpoint], cx: &PickContext<'_>, hot: f64) -> Option<usize> {
        let is_eligible = |probe: &Probe| cx.eligible(&endpoints[probe.index.slot as usize]);
        let eligible = || self.pool.iter().enumerate().filter(|(_, p)| is_eligible(p));
        // Of a single one that was only read, all requests of a moment would make a herd.
        eligible().nth(usize::from(!self.asks))?;
        let cold = eligible().filter(|(_, p)| p.in_flight <= hot);
        cold.min_by(|a, b| a.1.latency_ns.total_cmp(&b.1.latency_ns))
            .or_else(|| eligible().min_by(|a, b| a.1.in_flight.total_cmp(&b.1.in_flight)))
            .map(|(at, _)| at)
    }

    /// Takes note that the probe decided a pick.
    fn used(&mut self, at: usize) -> EndpointIndex {
        let probe = &mut self.pool[at];
        let index = probe.index;
        probe.in_flight += 1.0;
        probe.uses = probe.uses.saturating_sub(1);
        if probe.uses == 0 {
            self.pool.remove(at);
        }
        index
    }

    /// Drops the oldest or the worst.
    fn shrink(&mut self, hot: f64) {
        if self.pool.is_empty() {
            return;
        }
        let worst = |p: &Probe| match p.in_flight > hot {
            true => (1, p.in_flight),
            false => (0, p.latency_ns),
        };
        let at = match self.oldest_goes {
            true => Some(0),
            false => (0..self.pool.len()).max_by(|a, b| {
                let (a, b) = (worst(&self.pool[*a]), worst(&self.pool[*b]));
                a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
            }),
        };
        at.map(|at| self.pool.remove(at));
        self.oldest_goes ^= true;
    }

    /// Draws endpoints, and probes them or wants them probed.
    fn probe(&mut self, endpoints: &[Endpoint], cx: &mut PickContext<'_>, picked: EndpointIndex) {
        let whole = self.reuse as u32;
        let fraction = self.reuse - f64::from(whole);
        for _ in 0..self.probes {
            let Some(slot) = self.wheel.draw(endpoints, cx, None) else {
                return;
            };
            let endpoint = &endpoints[slot];
            let index = endpoint.index;
            if self.asks {
                self.want(index);
                continue;
            }
            let more = u32::from(index == picked);
            self.put(
                endpoint,
                Probe {
                    index,
                    at: cx.now,
                    in_flight: f64::from(endpoint.in_flight + more),
                    latency_ns: endpoint.latency.mean_ns(cx.now).unwrap_or(0.0),
                    uses: whole + u32::from(cx.rng.unit() < fraction),
                },
            );
        }
    }

    /// Wants an endpoint asked, unless it is being asked. What it has said before is in doubt until
    /// it answers.
    fn want(&mut self, index: EndpointIndex) {
        let under_way = &mut self.under_way[index.slot as usize];
        if under_way.is_none() {
            *under_way = Some(index);
            self.wanted.push(index);
            self.forget(index);
        }
    }

    /// An endpoint by weight, for a pick that no probe decides; rather none that is being asked.
    fn draw(&self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Option<usize> {
        let mut slot = self.wheel.draw(endpoints, cx, None)?;
        for _ in 0..DRAWS {
            if !self.asks || self.under_way[slot].is_none() {
                break;
            }
            slot = self.wheel.draw(endpoints, cx, None)?;
        }
        Some(slot)
    }

    /// Takes a probe into the pool.
    fn put(&mut self, endpoint: &Endpoint, mut probe: Probe) {
        probe.in_flight *= self.mean_weight / f64::from(endpoint.weight);
        self.recent[self.probed % RECENT] = probe.in_flight;
        self.probed += 1;
        self.forget(probe.index);
        if self.pool.len() == self.size {
            self.pool.remove(0);
        }
        self.pool.push(probe);
    }

    fn forget(&mut self, index: EndpointIndex) {
        self.pool.retain(|probe| probe.index != index);
    }
}

impl Policy for Prequal {
    fn pick(&mut self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Option<EndpointIndex> {
        self.pool.retain(|probe| Self::is_fresh(probe, cx.now));
        let hot = self.threshold();
        let picked = match self.best(endpoints, cx, hot) {
            Some(at) => self.used(at),
            None => endpoints[self.draw(endpoints, cx)?].index,
        };
        self.shrink(hot);
        self.probe(endpoints, cx, picked);
        Some(picked)
    }

    fn weigh(&self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Weighing {
        let probes: Vec<&Probe> = (self.pool.iter())
            .filter(|probe| Self::is_fresh(probe, cx.now))
            .filter(|probe| cx.eligible(&endpoints[probe.index.slot as usize]))
            .collect();
        if probes.len() <= usize::from(!self.asks) {
            let drawn = self.draw(endpoints, cx);
            return Weighing::by_chance(endpoints, cx, drawn);
        }
        let hot = self.threshold();
        let is_hot = |probe: &&&Probe| probe.in_flight > hot;
        let score = |score: fn(&Probe) -> f64| {
            let scored = probes
                .iter()
                .map(move |p| (p.index.slot as usize, score(p)));
            scored.collect::<Vec<_>>()
        };
        if probes.iter().all(|probe| is_hot(&probe)) {
            let unit = "requests in flight at its probe, for its weight; all are hot";
            return Weighing::new(unit, Best::Least, score(|p| p.in_flight));
        }
        let heat = |slot: usize| {
            let of = |probe: &&&Probe| probe.index.slot as usize == slot;
            probes.iter().find(of).filter(is_hot).map(|_| "hot")
        };
        let unit = "ms at its probe";
        Weighing::new(unit, Best::Least, score(|p| p.latency_ns / 1e6)).behind(heat)
    }

    fn rebuild(&mut self, endpoints: &[Endpoint], _: Table) {
        self.wheel.rebuild(endpoints);
        self.mean_weight = mean_weight(endpoints);
        // What they say of their endpoints may be of those that had the slots before.
        self.pool.clear();
        self.under_way.resize(endpoints.len(), None);
        for (asked, endpoint) in self.under_way.iter_mut().zip(endpoints) {
            *asked = asked.filter(|index| *index == endpoint.index);
        }
        let is_there = |index: &EndpointIndex| endpoints[index.slot as usize].index == *index;
        self.wanted.retain(is_there);
        self.wanted.reserve(endpoints.len());
        let n = endpoints.iter().filter(|e| e.is_in_service()).count();
        self.size = (n / 2).clamp(2, SIZE);
        let kept = 1.0 - self.size as f64 / n.max(2 * self.size) as f64;
        // At least half of each probe is left: with few of them, each is used up to four times.
        let left = (kept * f64::from(self.probes) - 1.0).max(0.5);
        self.reuse = (2.0 / left).max(1.0);
    }

    fn wanted(&mut self) -> Option<EndpointIndex> {
        self.wanted.pop()
    }

    fn told(&mut self, endpoint: &Endpoint, now: Timestamp, load: Option<Load>) {
        let index = endpoint.index;
        let under_way = self.under_way.get_mut(index.slot as usize);
        if under_way.and_then(Option::take).is_none() {
            return;
        }
        if let Some(Load { in_flight, took }) = load
            && endpoint.weight > 0
        {
            self.put(
                endpoint,
                Probe {
                    index,
                    at: now,
                    in_flight: in_flight.unwrap_or(endpoint.in_flight).into(),
                    latency_ns: took.as_nanos() as f64,
                    uses: 1,
                },
            );
        }
    }

    fn measure(&self) -> Option<Measure> {
        (!self.asks).then_some(Measure::Mean {
            until: Until::Header,
        })
    }
}
