//! `rendezvous`: its picks against the rule over all endpoints, and which keys move.

use super::*;

#[test]
fn shares_are_the_weights() {
    for weights in [&[1; 10][..], &[1, 2, 3, 10], &[0, 5, 1]] {
        let mut rig = Rig::new(Kind::Rendezvous, weights);
        let shares: Vec<_> = weights.iter().copied().map(f64::from).collect();
        assert_shares(&rig.counts(40_000), &shares);
    }
}

#[test]
fn only_the_keys_of_who_goes_move() {
    let mut rig = Rig::new(Kind::Rendezvous, &[1; 10]);
    let before = rig.places(20_000);
    rig.set_member(3, false);
    let after = rig.places(20_000);
    assert_eq!(moved(&before, &after, 3), 0.0);
    // They spread over all others.
    let orphans = before
        .iter()
        .zip(&after)
        .filter(|(before, _)| **before == 3);
    let mut counts = [0; 10];
    orphans.for_each(|(_, after)| counts[*after] += 1);
    assert_shares(&counts, &[1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
}

/// A weight that grows takes keys and gives none up.
#[test]
fn a_weight_that_grows_only_attracts() {
    let mut rig = Rig::new(Kind::Rendezvous, &[1, 1, 2]);
    let before = rig.places(20_000);
    rig.churn(Churn::Weight(1, 2));
    let after = rig.places(20_000);
    let changes = before
        .iter()
        .zip(&after)
        .filter(|(before, after)| before != after);
    assert!(changes.clone().count() > 1_000);
    assert!(changes.into_iter().all(|(_, after)| *after == 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Who wins among all wins among any that it is one of.
    #[test]
    fn leaving_a_loser_out_changes_nothing(
        weights in prop::collection::vec(1_u32..6, 2..12),
        key: u64,
        out: usize,
    ) {
        let mut rig = Rig::new(Kind::Rendezvous, &weights);
        let key = Key::text(&key.to_le_bytes());
        let winner = rig.pick_for(key);
        let out = out % weights.len();
        rig.endpoints[out].max_connections = 0;
        let after = rig.pick_for(key);
        prop_assert_eq!(after == winner, winner != Some(out));
    }
}
