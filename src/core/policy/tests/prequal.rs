//! `prequal`: cold before hot, fast before slow, and what becomes of a probe.

use super::*;
use crate::endpoint::Answer;

const fn kind(quantile_percent: u32) -> Kind {
    Kind::Prequal {
        quantile_percent,
        probes: 3,
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
