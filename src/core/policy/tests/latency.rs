//! `least_time` and `peak_ewma`: picks against their formulas, and endpoints that are slow, stuck,
//! new, or fail fast.

use super::*;
use crate::endpoint::Answer;

const MS: u64 = 1_000_000;
const DECAY: Duration = Duration::from_secs(10);
const LEAST_TIME: Kind = Kind::LeastTime {
    until: Until::Header,
};
const PEAK_EWMA: Kind = Kind::PeakEwma { decay: DECAY };
const PREQUAL: Kind = Kind::Prequal {
    quantile_percent: 84,
    probes: 3,
    asks: false,
};
const BOTH: [Kind; 2] = [LEAST_TIME, PEAK_EWMA];
/// The present of [`Rig::pick`].
const NOW: Timestamp = Timestamp(MS);

impl Rig {
    /// The endpoint answered once, just now, after so many microseconds.
    fn took(&mut self, slot: usize, us: u64) {
        let how = self.policy.measure().map(|measure| (measure, Answer::Good));
        let sent = Timestamp(NOW.0 - us * 1_000);
        self.endpoints[slot].latency.begin(sent);
        self.endpoints[slot].latency.end(NOW, sent, how);
    }
}

#[test]
fn the_faster_of_two_idle_ones_is_taken() {
    for kind in BOTH {
        let mut rig = Rig::new(kind, &[1, 1]);
        rig.took(0, 200);
        rig.took(1, 100);
        assert_eq!(rig.counts(100), [0, 100], "{kind:?}");
        // Twice as fast is worth one request in flight, not two.
        rig.endpoints[1].in_flight = 2;
        assert_eq!(rig.counts(100), [100, 0], "{kind:?}");
    }
}

#[test]
fn a_new_endpoint_is_not_slammed() {
    for kind in BOTH {
        let mut rig = Rig::new(kind, &[1, 1]);
        rig.took(0, 500);
        for _ in 0..40 {
            rig.send();
        }
        let flying: Vec<_> = rig.endpoints.iter().map(|e| e.in_flight).collect();
        assert!(flying[0].abs_diff(flying[1]) <= 1, "{kind:?}: {flying:?}");
    }
}

/// Its answers were good until it stopped answering: only the age of what it has shows it.
#[test]
fn least_time_sees_who_is_stuck_right_now() {
    let mut rig = Rig::new(LEAST_TIME, &[1, 1]);
    rig.took(0, 100);
    rig.took(1, 200);
    assert_eq!(rig.counts(10), [10, 0]);
    rig.endpoints[0].latency.begin(Timestamp(NOW.0 - 900_000));
    assert_eq!(rig.counts(10), [0, 10]);
}

/// Requests one at a time, 1 ms apart: a heavier weight is more room, not more speed.
#[test]
fn weights_are_room() {
    for kind in BOTH {
        let mut rig = Rig::new(kind, &[1, 3]);
        rig.took(0, 100);
        rig.took(1, 100);
        for _ in 0..400 {
            rig.send();
        }
        let flying: Vec<_> = rig.endpoints.iter().map(|e| e.in_flight).collect();
        assert!(flying[0].abs_diff(100) <= 1, "{kind:?}: {flying:?}");
    }
}

proptest! {
    /// The formula of `least_time`, naively; `peak_ewma` compares two by its own.
    #[test]
    fn agrees_with_the_formula(
        endpoints in prop::collection::vec(
            (1_u32..5, prop::option::of(1_u64..900), 0_u32..5, prop::option::of(1_u64..900)),
            1..9,
        ),
    ) {
        let weights: Vec<u32> = endpoints.iter().map(|e| e.0).collect();
        let total: u32 = weights.iter().sum();
        let mean_weight = f64::from(total) / weights.len() as f64;
        let fastest = endpoints.iter().filter_map(|e| e.1).min().unwrap_or(0);
        for kind in BOTH {
            let mut rig = Rig::new(kind, &weights);
            for (slot, (_, took_us, in_flight, age_us)) in endpoints.iter().enumerate() {
                took_us.iter().for_each(|us| rig.took(slot, *us));
                rig.endpoints[slot].in_flight = *in_flight;
                if let Some(age) = age_us {
                    rig.endpoints[slot].latency.begin(Timestamp(NOW.0 - age * 1_000));
                }
            }
            let score = |slot: usize| {
                let (weight, took, in_flight, age) = endpoints[slot];
                let crowd = 1.0 + f64::from(in_flight) * mean_weight / f64::from(weight);
                let took = took.unwrap_or(fastest) as f64;
                let age = age.filter(|_| kind == LEAST_TIME);
                let took = took.max(age.unwrap_or(0) as f64);
                took.max(1e-6) * crowd
            };
            let best = (0..endpoints.len()).map(score).fold(f64::INFINITY, f64::min);
            let worst = (0..endpoints.len()).map(score).fold(0.0, f64::max);
            let known = endpoints.iter().all(|e| e.1.is_some());
            for _ in 0..20 {
                let picked = score(rig.pick().unwrap());
                if kind == LEAST_TIME {
                    prop_assert!(picked <= best * 1.000_001);
                } else if known && worst > best * 1.000_001 && endpoints.len() == 2 {
                    prop_assert!(picked < worst);
                }
            }
        }
    }
}

/// A simulation in a nutshell: requests every 500 us at 20 endpoints that take 20 ms; two of them
/// fail within 100 us from second 5 on. The share of requests that each policy loses after that.
fn lost(kind: Kind) -> f64 {
    let mut rig = Rig::new(kind, &[1; 20]);
    let measure = rig.policy.measure();
    let mut flying: std::collections::BTreeSet<(u64, u64, usize)> =
        std::collections::BTreeSet::new();
    let (mut lost, mut all) = (0, 0);
    for n in 0..40_000_u64 {
        let now = n * MS / 2;
        while let Some((end, sent, slot)) = flying.first().copied().filter(|f| f.0 <= now) {
            flying.pop_first();
            let failed = end - sent < MS;
            let answer = if failed { Answer::Bad } else { Answer::Good };
            let how = measure.map(|measure| (measure, answer));
            let endpoint = &mut rig.endpoints[slot];
            endpoint.in_flight -= 1;
            endpoint.latency.end(Timestamp(end), Timestamp(sent), how);
        }
        let mut cx = PickContext {
            now: Timestamp(now),
            rng: &mut rig.rng,
            tried: &rig.tried,
            tier: rig.tier,
            key: Key::None,
            in_flight: 0,
        };
        let slot = rig.policy.pick(&rig.endpoints, &mut cx).unwrap().slot as usize;
        let endpoint = &mut rig.endpoints[slot];
        endpoint.in_flight += 1;
        endpoint.latency.begin(Timestamp(now));
        let fails = slot < 2 && now > 5_000 * MS;
        let takes = if fails { MS / 10 } else { 20 * MS };
        flying.insert((now + takes, now, slot));
        if now > 6_000 * MS {
            all += 1;
            lost += u32::from(fails);
        }
    }
    f64::from(lost) / f64::from(all)
}

/// Two of 20 that fail fast: least_request loses most, p2c at most 1 - (18 / 20)^2, and those that
/// hold failures against an endpoint next to nothing from a second later on.
#[test]
fn who_fails_fast_is_left() {
    let (jsq, p2c) = (lost(Kind::LeastRequest), lost(Kind::P2c { choices: 2 }));
    assert!(jsq > 0.5, "{jsq}");
    assert!((0.1..0.25).contains(&p2c), "{p2c}");
    for (kind, most) in [(PEAK_EWMA, 0.005), (LEAST_TIME, 0.01), (PREQUAL, 0.05)] {
        let lost = lost(kind);
        assert!(lost < most, "{kind:?}: {lost}");
    }
}
