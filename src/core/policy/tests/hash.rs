//! `hash`, `ring_hash` and `ip_hash` against nginx: every pick that was observed, and its rules
//! written down naively.

use super::*;
use crate::policy::key::crc32;

const PICKS: &str = include_str!("../../../../tests/data/nginx-picks.json");

/// The three pools that nginx was observed with.
fn pools(kind: Kind, picks: &serde_json::Value) -> Vec<Rig> {
    let address = |name: &str| picks["endpoints"][name].as_str().unwrap().to_owned();
    let pools: [&[(&str, u32)]; 3] = [
        &[("A", 1), ("B", 1)],
        &[("A", 1), ("B", 1), ("C", 1)],
        &[("A", 3), ("B", 1), ("C", 2)],
    ];
    pools
        .iter()
        .map(|pool| {
            Rig::at(
                kind,
                pool.iter().map(|(name, weight)| (address(name), *weight)),
            )
        })
        .collect()
}

#[test]
fn agrees_with_every_pick_observed_from_nginx() {
    let picks: serde_json::Value = serde_json::from_str(PICKS).unwrap();
    let text = |text: &str| Key::text(text.as_bytes());
    let network = |text: &str| Key::network(text.parse().unwrap());
    type OfText = fn(&str) -> Key;
    let ring = Kind::RingHash {
        bound_percent: None,
    };
    let cases: [(&str, Kind, OfText); 3] = [
        ("hash", Kind::Hash, text),
        ("hash_consistent", ring, text),
        ("ip_hash", Kind::IpHash, network),
    ];
    for (name, kind, key) in cases {
        let mut rigs = pools(kind, &picks);
        let rows = picks[name].as_object().unwrap();
        assert_eq!(rows.len(), 200);
        for (from, expected) in rows {
            for (rig, expected) in rigs.iter_mut().zip(expected.as_array().unwrap()) {
                let letter = ["A", "B", "C"][rig.pick_for(key(from)).unwrap()];
                assert_eq!(letter, expected.as_str().unwrap(), "{name} {from}");
            }
        }
    }
}

/// nginx's `hash` with the strings written out.
fn naive_hash(key: &str, weights: &[u32], out: &[usize]) -> Option<usize> {
    let owners: Vec<_> = weights
        .iter()
        .enumerate()
        .flat_map(|(at, weight)| std::iter::repeat_n(at, *weight as usize))
        .collect();
    let mut hash = 0;
    (0..21).find_map(|round| {
        let text = match round {
            0 => key.to_owned(),
            _ => format!("{round}{key}"),
        };
        hash += (crc32(0, text.as_bytes()) >> 16 & 0x7fff) as usize;
        let at = owners[hash % owners.len()];
        (!out.contains(&at)).then_some(at)
    })
}

/// nginx's `ip_hash` with the octets one by one.
fn naive_ip_hash(ip: Ipv4Addr, weights: &[u32], out: &[usize]) -> Option<usize> {
    let total: u32 = weights.iter().sum();
    let mut hash = 89;
    (0..21).find_map(|_| {
        for octet in &ip.octets()[..3] {
            hash = (hash * 113 + u32::from(*octet)) % 6271;
        }
        let mut point = hash % total;
        let at = weights.iter().position(|weight| {
            let hit = point < *weight;
            point = point.saturating_sub(*weight);
            hit
        });
        at.filter(|at| !out.contains(at))
    })
}

proptest! {
    #[test]
    fn agrees_with_the_naive_rules(
        key in "[a-z0-9/]{1,40}",
        ip: u32,
        weights in prop::collection::vec(1_u32..9, 1..8),
        out in prop::collection::vec(0_usize..8, 0..4),
    ) {
        let ip = Ipv4Addr::from(ip);
        let cases = [
            (Kind::Hash, Key::text(key.as_bytes()), naive_hash(&key, &weights, &out)),
            (Kind::IpHash, Key::network(ip.into()), naive_ip_hash(ip, &weights, &out)),
        ];
        for (kind, key, expected) in cases {
            let mut rig = Rig::new(kind, &weights);
            for at in out.iter().filter(|at| **at < weights.len()) {
                rig.endpoints[*at].max_connections = 0;
            }
            // After 21 places the rule is round robin's.
            if expected.is_some() {
                prop_assert_eq!(rig.pick_for(key), expected, "{:?}", kind);
            }
        }
    }
}

/// What makes `hash` the baseline: of 9 in 10 keys that stay, 9 in 10 move.
#[test]
fn hash_moves_nearly_all_keys() {
    let mut rig = Rig::new(Kind::Hash, &[1; 10]);
    let before = rig.places(10_000);
    rig.set_member(9, false);
    let moved = moved(&before, &rig.places(10_000), 9);
    assert!((0.78..0.82).contains(&moved), "{moved}");
}
