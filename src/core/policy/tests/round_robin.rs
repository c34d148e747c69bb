//! `round_robin` against nginx's own picks, and against its rule written down naively.

use super::*;

/// nginx's rule with nothing saved on equal weights: credits in a list, everybody looked at; who
/// cannot is left out of everything.
struct Naive(Vec<i128>);

impl Naive {
    fn pick(&mut self, weights: &[u32], out: &[usize]) -> Option<usize> {
        let mut best: Option<usize> = None;
        let mut total = 0;
        for at in (0..weights.len()).filter(|at| !out.contains(at)) {
            self.0[at] += i128::from(weights[at]);
            total += i128::from(weights[at]);
            if best.is_none_or(|best| self.0[at] > self.0[best]) {
                best = Some(at);
            }
        }
        self.0[best?] -= total;
        best
    }
}

impl Rig {
    /// The endpoints that take nothing for now.
    fn set_out(&mut self, out: &[usize]) {
        for (at, endpoint) in self.endpoints.iter_mut().enumerate() {
            endpoint.max_connections = if out.contains(&at) { 0 } else { u32::MAX };
        }
    }
}

fn letters(rig: &mut Rig, n: usize) -> String {
    let letter = |slot: usize| char::from(b'A' + u8::try_from(slot).expect("few"));
    (0..n)
        .map(|_| letter(rig.pick().expect("all are up")))
        .collect()
}

#[test]
fn agrees_with_every_pick_observed_from_nginx() {
    let file = include_str!("../../../../tests/data/nginx-picks.json");
    let picks: serde_json::Value = serde_json::from_str(file).unwrap();
    let rows = picks["smooth_weighted_round_robin"].as_object().unwrap();
    assert_eq!(rows.len(), 3);
    for (weights, expected) in rows {
        let expected = expected.as_str().unwrap();
        let weights: Vec<u32> = weights.split(',').map(|w| w.parse().unwrap()).collect();
        let mut rig = Rig::new(Kind::RoundRobin, &weights);
        assert_eq!(letters(&mut rig, expected.len()), expected, "{weights:?}");
    }
}

#[test]
fn equal_weights_are_a_plain_cycle() {
    for weights in [[1, 1, 1], [5, 5, 5], [u32::MAX; 3]] {
        assert_eq!(
            letters(&mut Rig::new(Kind::RoundRobin, &weights), 7),
            "ABCABCA"
        );
    }
}

#[test]
fn who_cannot_is_passed_over() {
    let mut rig = Rig::new(Kind::RoundRobin, &[1, 1, 1]);
    rig.endpoints[1].max_connections = 0;
    assert_eq!(letters(&mut rig, 6), "ACACAC");
    rig.endpoints[1].max_connections = 1;
    assert_eq!(letters(&mut rig, 6), "ABCABC");
}

/// The one difference from nginx: B, out for one pick, has earned a turn there; in a cycle it waits
/// for the next round.
#[test]
fn equal_weights_keep_no_turn_for_who_could_not() {
    let mut rig = Rig::new(Kind::RoundRobin, &[1, 1, 1]);
    let mut naive = Naive(vec![0; 3]);
    let turns: [&[usize]; 4] = [&[], &[1], &[], &[]];
    let (mut cycle, mut nginx) = (Vec::new(), Vec::new());
    for out in turns {
        rig.set_out(out);
        cycle.extend(rig.pick());
        nginx.extend(naive.pick(&[1, 1, 1], out));
    }
    assert_eq!(cycle, [0, 2, 0, 1]);
    assert_eq!(nginx, [0, 2, 1, 2]);
}

#[test]
fn a_change_of_endpoints_starts_the_round_again() {
    let mut rig = Rig::new(Kind::RoundRobin, &[5, 1, 1]);
    assert_eq!(letters(&mut rig, 3), "AAB");
    rig.rebuild();
    assert_eq!(letters(&mut rig, 4), "ACAA");
    assert_eq!(letters(&mut rig, 3), "AAB");
    rig.churn(Churn::Weight(0, 3));
    assert_eq!(letters(&mut rig, 5), "ABACA");
}

/// Credit earned with a large weight would keep its owner out, or in, for as many picks.
#[test]
fn a_large_weight_leaves_nothing_behind() {
    let mut rig = Rig::new(Kind::RoundRobin, &[1_000_000, 1_000_000, 1]);
    rig.pick();
    rig.churn(Churn::Weight(0, 1));
    rig.churn(Churn::Weight(1, 2));
    assert_eq!(rig.counts(400), [100, 200, 100]);
}

/// Two primaries full from time to time and a backup: the backup's turns take none from either.
#[test]
fn a_turn_of_the_backups_does_not_start_the_round_again() {
    let mut rig = Rig::new(Kind::RoundRobin, &[1, 1, 1]);
    rig.endpoints[2].group = Group::Backup;
    rig.rebuild();
    let mut counts = [0; 3];
    for _ in 0..100 {
        for tier in [0, 2] {
            rig.tier = Tier::ORDER[tier];
            counts[rig.pick().unwrap()] += 1;
        }
    }
    assert_eq!(counts, [50, 50, 100]);
}

proptest! {
    #[test]
    fn agrees_with_the_naive_rule(
        weights in prop::collection::vec(
            prop_oneof![1_u32..8, Just(3), any::<u32>().prop_map(|w| w.max(1))],
            1..12,
        ),
        n in 1_usize..200,
    ) {
        let mut rig = Rig::new(Kind::RoundRobin, &weights);
        let mut naive = Naive(vec![0; weights.len()]);
        for _ in 0..n {
            prop_assert_eq!(rig.pick(), naive.pick(&weights, &[]));
        }
    }

    /// With unequal weights, also when some cannot for some of the time.
    #[test]
    fn agrees_with_the_naive_rule_when_some_cannot(
        weights in prop::collection::vec(1_u32..8, 1..8),
        turns in prop::collection::vec(prop::collection::vec(0_usize..9, 0..4), 1..100),
    ) {
        let weights: Vec<u32> = weights.into_iter().chain([9]).collect();
        let mut rig = Rig::new(Kind::RoundRobin, &weights);
        let mut naive = Naive(vec![0; weights.len()]);
        for out in turns {
            rig.set_out(&out);
            prop_assert_eq!(rig.pick(), naive.pick(&weights, &out));
        }
    }

    /// Each full round (the sum of the weights) gives each endpoint exactly its weight.
    #[test]
    fn every_round_is_exact(weights in prop::collection::vec(0_u32..9, 1..9)) {
        let round = weights.iter().sum::<u32>() as usize;
        let mut rig = Rig::new(Kind::RoundRobin, &weights);
        for _ in 0..3 {
            let counts = rig.counts(round);
            // A plain cycle is exact after each turn.
            prop_assert_eq!(counts, weights.iter().copied().map(u64::from).collect::<Vec<_>>());
        }
    }

    /// After any churn the shares are right again: what is left of old credit is a constant.
    #[test]
    fn shares_recover_from_churn(changes in prop::collection::vec(churn(), 1..60)) {
        let mut rig = Rig::new(Kind::RoundRobin, &[1, 2, 3]);
        for change in changes {
            rig.churn(change);
            rig.pick();
        }
        rig.tier = Tier::ORDER[0];
        rig.tried = Tried::default();
        for (at, endpoint) in rig.endpoints.iter_mut().enumerate() {
            *endpoint = Endpoint::new(endpoint.index, &spec("", 1 + at as u32 % 3));
        }
        rig.rebuild();
        let total: u32 = rig.endpoints.iter().map(|e| e.weight).sum();
        let before = rig.counts(1_000 * total as usize);
        let after = rig.counts(1_000 * total as usize);
        for (at, endpoint) in rig.endpoints.iter().enumerate() {
            let fair = u64::from(endpoint.weight) * 1_000;
            prop_assert!(after[at].abs_diff(fair) <= 2, "{before:?} {after:?}");
        }
    }
}
