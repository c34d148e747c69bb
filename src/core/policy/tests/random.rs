//! `random`: shares, and the draw that leaves out whoever cannot.

use super::*;

#[test]
fn shares_are_the_weights() {
    for weights in [
        [1, 1, 1, 1],
        [3, 1, 2, 0],
        [1, 1_000, 10, 100],
        [7, 7, 7, 7],
    ] {
        let mut rig = Rig::new(Kind::Random, &weights);
        assert_shares(&rig.counts(100_000), &weights.map(f64::from));
    }
}

/// 2 of 64 can: most draws miss sixteen times and are counted out, and the shares stay right.
#[test]
fn the_few_that_can_are_found_by_weight() {
    let mut rig = Rig::new(Kind::Random, &[1; 64]);
    rig.endpoints[9].weight = 3;
    rig.rebuild();
    let mut shares = [0.0; 64];
    (shares[9], shares[40]) = (3.0, 1.0);
    for at in (0..64).filter(|at| shares[*at] == 0.0) {
        rig.endpoints[at].max_connections = 0;
    }
    assert_shares(&rig.counts(50_000), &shares);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Against the definition: weight over the sum of the weights of those that can.
    #[test]
    fn shares_are_right_after_any_churn(changes in prop::collection::vec(churn(), 1..60)) {
        let mut rig = Rig::new(Kind::Random, &[1, 2, 3]);
        for change in changes {
            rig.churn(change);
        }
        let eligible = rig.eligible();
        let counts = |at: usize| f64::from(u8::from(eligible.contains(&at)));
            let share = |at: usize| f64::from(rig.endpoints[at].weight) * counts(at);
        let shares: Vec<f64> = (0..rig.endpoints.len()).map(share).collect();
        if !eligible.is_empty() {
            assert_shares(&rig.counts(4_000), &shares);
        }
    }
}
