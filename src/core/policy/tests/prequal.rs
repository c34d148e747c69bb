//! `prequal`: cold before hot, fast before slow, and what becomes of a probe.

use super::*;
use crate::endpoint::Answer;

pub(super) const fn kind(quantile_percent: u32) -> Kind {
    Kind::Prequal {
        quantile_percent,
        probes: 3,
        asks: false,
    }
}

/// The same, with endpoints that are asked.
pub(super) const fn asking(quantile_percent: u32) -> Kind {
    Kind::Prequal {
        quantile_percent,
        probes: 3,
        asks: true,
    }
}

/// Endpoints with so many in flight, and so many microseconds of latency.
fn rig(quantile_percent: u32, endpoints: &[(u32, u64)]) -> Rig {
    let mut rig = Rig::new(kind(quantile_percent), &vec![1; endpoints.len()]);
    let how = rig.policy.measure().map(|measure| (measure, Answer::Good));
    for (endpoint, (in_flight, us)) in rig.endpoints.iter_mut().zip(endpoints) {
        endpoint.in_flight = *in_flight;
        let (sent, now) = (Timestamp(1_000_000 - us * 1_000), Timestamp(1_000_000));
        endpoint.latency.begin(sent);
        endpoint.latency.end(now, sent, how);
    }
    rig
}

/// Half of the endpoints are fast, a quarter of those busy: with a high quantile the fast get more
/// than by chance, with quantile 0 it is in flight that decides.
#[test]
fn the_quantile_weighs_latency_against_in_flight() {
    let endpoints: Vec<(u32, u64)> = (0..64)
        .map(|at| {
            (
                if at % 4 == 0 { 9 } else { 2 },
                if at % 2 == 0 { 10 } else { 500 },
            )
        })
        .collect();
    let shares = |quantile| {
        let counts = rig(quantile, &endpoints).counts(8_000);
        let of = |part: fn(usize) -> bool| {
            let all = counts.iter().enumerate().filter(|(at, _)| part(*at));
            all.map(|(_, count)| *count).sum::<u64>() as f64 / 8_000.0
        };
        (of(|at| at % 2 == 0), of(|at| at % 4 == 0))
    };
    let (fast, busy) = shares(60);
    assert!(fast > 0.6 && busy < 0.02, "{fast} {busy}");
    let (_, busy) = shares(0);
    assert!(busy < 0.02, "{busy}");
    let (fast, busy) = shares(100);
    assert!(fast > 0.8 && busy > 0.3, "{fast} {busy}");
}

/// If everybody is hot against what was usual, the least busy takes it.
#[test]
fn of_hot_ones_the_least_busy() {
    let mut rig = rig(84, &[(0, 10), (0, 10), (0, 10), (0, 10)]);
    rig.counts(100);
    for (endpoint, in_flight) in rig.endpoints.iter_mut().zip([60, 50, 40, 30]) {
        endpoint.in_flight = in_flight;
    }
    let counts = rig.counts(8);
    assert!(counts[3] + counts[2] > counts[0] + counts[1], "{counts:?}");
}

/// With 400 in flight all the time shares are within 10 % of all picks of the weights: a pool of
/// two probes knows half of four endpoints.
#[test]
fn weights_are_honoured_under_load() {
    for weights in [&[1, 1, 1, 1][..], &[1, 2, 3, 10]] {
        let mut rig = Rig::new(kind(84), weights);
        let counts = rig.circulate(400, 20_000, |_| ());
        let shares: Vec<_> = weights.iter().copied().map(f64::from).collect();
        assert_shares_within(0.1, &counts, &shares);
    }
}

/// Nobody has all: a probe is used up.
#[test]
fn equals_share() {
    let counts = Rig::new(kind(84), &[1; 10]).circulate(40, 20_000, |_| ());
    assert!(
        counts.iter().all(|count| (1_400..2_600).contains(count)),
        "{counts:?}"
    );
}

/// Asks all who are wanted, and answers with what `load` says of a slot; without that, never.
fn answer(rig: &mut Rig, load: impl Fn(usize) -> Option<Load>) {
    while let Some(index) = rig.policy.wanted() {
        let slot = index.slot as usize;
        let endpoint = &rig.endpoints[slot];
        if let Some(load) = load(slot) {
            rig.policy.told(endpoint, Timestamp(1_000_000), Some(load));
        }
    }
}

const fn load(in_flight: Option<u32>, ms: u64) -> Option<Load> {
    let took = Duration::from_millis(ms);
    Some(Load { in_flight, took })
}

/// How often each of eight is picked, if who answers does so before the next pick; the first picks
/// are by chance.
fn asked(quantile_percent: u32, load: impl Fn(usize) -> Option<Load>) -> Vec<u64> {
    let mut rig = Rig::new(asking(quantile_percent), &[1; 8]);
    for _ in 0..50 {
        rig.pick();
        answer(&mut rig, &load);
    }
    let mut counts = vec![0; 8];
    for _ in 0..2_000 {
        counts[rig.pick().expect("somebody is eligible")] += 1;
        answer(&mut rig, &load);
    }
    counts
}

#[test]
fn who_does_not_answer_takes_nearly_nothing() {
    let counts = asked(30, |slot| match slot < 4 {
        true => load(Some(2), 1),
        false => None,
    });
    assert!(counts[4..].iter().sum::<u64>() < 40, "{counts:?}");
    assert!(counts[..4].iter().all(|count| *count > 300), "{counts:?}");
}

#[test]
fn what_an_endpoint_says_counts_and_else_how_soon_it_says_anything() {
    let counts = asked(0, |slot| load(Some(if slot == 5 { 0 } else { 9 }), 1));
    assert!(counts[5] > 400, "{counts:?}");
    let counts = asked(0, |slot| load(None, if slot == 5 { 1 } else { 9 }));
    assert!(counts[5] > 400, "it is the first to answer: {counts:?}");
}

#[test]
fn nobody_is_asked_twice_at_once_and_a_failure_frees() {
    let mut rig = Rig::new(asking(30), &[1; 8]);
    let round = |rig: &mut Rig| {
        let mut asked = [0; 8];
        for _ in 0..200 {
            rig.pick();
            while let Some(index) = rig.policy.wanted() {
                asked[index.slot as usize] += 1;
            }
        }
        asked
    };
    assert_eq!(round(&mut rig), [1; 8]);
    rig.policy.told(&rig.endpoints[3], Timestamp(2), None);
    assert_eq!(round(&mut rig), [0, 0, 0, 1, 0, 0, 0, 0]);
}
