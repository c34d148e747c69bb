//! `ring_hash`: its points against nginx's, its balance, its bound, and which keys move.

use super::*;
use crate::policy::key::crc32;

const PLAIN: Kind = Kind::RingHash {
    bound_percent: None,
};
const BOUNDED: Kind = Kind::RingHash {
    bound_percent: Some(125),
};

/// The primaries' points: hash and place in the file.
fn points(weights: &[u32]) -> Vec<(u32, u32)> {
    match Rig::new(PLAIN, weights).table() {
        Table::Ring([ring, ..]) => ring.points(),
        other => panic!("{other:?}"),
    }
}

/// nginx's points with the bytes written out, in order.
fn naive_points(weights: &[u32]) -> Vec<(u32, u32)> {
    let mut points = Vec::new();
    for (slot, weight) in (0..).zip(weights) {
        let mut last = [0; 4];
        for _ in 0..weight * 160 {
            let text = [format!("10.0.0.{slot}\x003000").as_bytes(), &last].concat();
            let hash = crc32(0, &text);
            points.push((hash, slot));
            last = hash.to_le_bytes();
        }
    }
    points.sort_by_key(|(hash, _)| *hash);
    points.dedup_by_key(|(hash, _)| *hash);
    points
}

/// How far each endpoint's share of the ring is from its share of the weights, relative to it: the
/// most above, and the standard deviation.
fn imbalance(weights: &[u32]) -> (f64, f64) {
    let points = naive_points(weights);
    let mut shares = vec![0_u64; weights.len()];
    let mut last = points.last().expect("there are points").0;
    for (hash, slot) in &points {
        shares[*slot as usize] += u64::from(hash.wrapping_sub(last));
        last = *hash;
    }
    let total = f64::from(weights.iter().sum::<u32>());
    let part = |(share, weight): (&u64, &u32)| {
        *share as f64 / f64::from(u32::MAX) * total / f64::from(*weight)
    };
    let parts: Vec<f64> = shares.iter().zip(weights).map(part).collect();
    let most = parts.iter().copied().fold(0.0, f64::max);
    let square = parts.iter().map(|part| (part - 1.0).powi(2)).sum::<f64>();
    (most, (square / weights.len() as f64).sqrt())
}

/// Key -> endpoint of nginx's ring for 192.168.33.11:8080 and .12, then .13 beside them.
#[test]
fn keys_of_the_guide_stay_where_nginx_puts_them() {
    let pool = |n: usize| {
        let address = |at: usize| (format!("192.168.33.1{}:8080", at + 1), 1);
        Rig::at(PLAIN, (0..n).map(address))
    };
    let cases = [
        ("/", 1, 2),
        ("/webapp/", 1, 1),
        ("user-1", 0, 0),
        ("user-2", 1, 1),
        ("abc", 0, 0),
    ];
    for (key, of_two, of_three) in cases {
        let places = [2, 3].map(|n| pool(n).pick_for(Key::text(key.as_bytes())));
        assert_eq!(places, [Some(of_two), Some(of_three)], "{key}");
    }
}

/// algorithms.md 1.12 has 1.143 and 7 % for 10 random endpoints, 1.204 and 8 % for 100.
#[test]
fn shares_are_as_uneven_as_160_points_make_them() {
    for (weights, most, deviation) in [
        (&[1; 10][..], 1.25, 0.11),
        (&[1; 100], 1.30, 0.11),
        (&[10; 10], 1.08, 0.04),
    ] {
        let (max, sd) = imbalance(weights);
        assert!(
            max < most && sd < deviation,
            "{} endpoints: {max} {sd}",
            weights.len()
        );
    }
}

#[test]
fn only_the_keys_of_who_goes_move() {
    let mut rig = Rig::new(PLAIN, &[1; 10]);
    let before = rig.places(20_000);
    rig.set_member(3, false);
    let after = rig.places(20_000);
    assert_eq!(moved(&before, &after, 3), 0.0);
    assert!(after.iter().all(|at| *at != 3));
    rig.set_member(3, true);
    assert_eq!(rig.places(20_000), before);
}

/// The part of 20,000 requests that stay at home, 2,000 keys of Zipf's law at 20 endpoints, with up
/// to `most` in flight. At no moment has anybody more than 1.25 times the mean.
fn at_home(most: usize) -> f64 {
    const N: usize = 20;
    let weights: Vec<f64> = (1..=2_000).map(|rank| 1.0 / f64::from(rank)).collect();
    let total: f64 = weights.iter().sum();
    let mut rng = Stream::new(3, "zipf").at(0);
    let mut draw = || {
        let mut point = rng.unit() * total;
        let rank = weights.iter().position(|weight| {
            point -= weight;
            point < 0.0
        });
        Key::text(format!("user-{}", rank.unwrap_or(0) + 1).as_bytes())
    };
    let (mut plain, mut rig) = (Rig::new(PLAIN, &[1; N]), Rig::new(BOUNDED, &[1; N]));
    let mut ends = Stream::new(3, "ends").at(0);
    let mut flying = Vec::new();
    let mut at_home = 0;
    for _ in 0..20_000 {
        if flying.len() == most {
            let ended: usize = flying.swap_remove(ends.below(most as u64) as usize);
            rig.endpoints[ended].in_flight -= 1;
        }
        let key = draw();
        let at = rig.pick_for(key).unwrap();
        rig.endpoints[at].in_flight += 1;
        flying.push(at);
        let bound = (1.25 * flying.len() as f64 / N as f64).ceil() as u32;
        assert!(rig.endpoints[at].in_flight <= bound);
        at_home += u32::from(plain.pick_for(key) == Some(at));
    }
    f64::from(at_home) / 20_000.0
}

/// With requests that stay, 4 of 5 are at home (algorithms.md 1.12 has 81 %); with 50 in flight at
/// an endpoint their number varies too, and 3 of 4 are. Where the few popular keys fall decides
/// it: of ten sets of keys on this ring the best had 83 % and the worst 72 %, where not more than
/// 76 % could have stayed within the bound.
#[test]
fn a_bound_holds_at_every_moment_and_keeps_most_keys_at_home() {
    for (most, least) in [(usize::MAX, 0.8), (1_000, 0.75)] {
        let at_home = at_home(most);
        assert!(at_home >= least, "{most} in flight: {at_home}");
    }
}

/// With room for nobody within the bound, the nearest takes it all the same.
#[test]
fn a_bound_refuses_nobody() {
    let mut rig = Rig::new(BOUNDED, &[1, 1, 1]);
    for endpoint in &mut rig.endpoints {
        endpoint.in_flight = 50;
    }
    rig.endpoints[0].max_connections = 0;
    rig.endpoints[1].max_connections = 0;
    assert_eq!(rig.counts(50), [0, 0, 50]);
}

#[test]
fn a_huge_ring_is_scaled_down() {
    let points = points(&[1, 1_000_000]);
    assert!(points.len() <= 1 << 21, "{}", points.len());
    assert!(points.iter().any(|(_, slot)| *slot == 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn agrees_with_the_naive_ring(
        weights in prop::collection::vec(0_u32..5, 1..9),
        keys in prop::collection::vec(any::<u32>(), 1..100),
        out in 0_usize..9,
    ) {
        let naive = naive_points(&weights);
        prop_assert_eq!(points(&weights), naive.clone());
        let mut rig = Rig::new(PLAIN, &weights);
        if let Some(endpoint) = rig.endpoints.get_mut(out) {
            endpoint.max_connections = 0;
        }
        for crc in keys {
            let first = naive.partition_point(|(hash, _)| *hash < crc);
            let order = naive[first..].iter().chain(&naive[..first]);
            let expected = order.map(|(_, slot)| *slot as usize).find(|slot| *slot != out);
            prop_assert_eq!(rig.pick_for(Key::Text { crc, length: 1 }), expected);
        }
    }
}
