//! `p2c` against the exact probabilities, by enumeration of all draws.

use super::*;

/// The share of each slot: all ways to draw `choices` different eligible endpoints one after the
/// other by weight, the first of the least loaded taken.
fn shares(rig: &mut Rig, choices: usize) -> Vec<f64> {
    let eligible = rig.eligible();
    let mut shares = vec![0.0; rig.endpoints.len()];
    draw(
        &rig.endpoints,
        &eligible,
        choices,
        &mut Vec::new(),
        1.0,
        &mut shares,
    );
    shares
}

fn draw(
    endpoints: &[Endpoint],
    left: &[usize],
    choices: usize,
    drawn: &mut Vec<usize>,
    probability: f64,
    shares: &mut [f64],
) {
    if drawn.len() == choices || left.is_empty() {
        let load =
            |at: &usize| f64::from(endpoints[*at].in_flight) / f64::from(endpoints[*at].weight);
        // `min_by` keeps the first of equals.
        let best = drawn.iter().min_by(|a, b| load(a).total_cmp(&load(b)));
        shares[*best.expect("somebody was drawn")] += probability;
        return;
    }
    let total: f64 = left.iter().map(|at| f64::from(endpoints[*at].weight)).sum();
    for at in left {
        let p = probability * f64::from(endpoints[*at].weight) / total;
        let rest: Vec<_> = left.iter().copied().filter(|other| other != at).collect();
        drawn.push(*at);
        draw(endpoints, &rest, choices, drawn, p, shares);
        drawn.pop();
    }
}

#[test]
fn shares_are_those_of_all_draws_counted() {
    let cases: [(usize, &[u32], &[u32]); 6] = [
        (2, &[1, 1, 1, 1], &[0, 0, 0, 0]),
        (2, &[1, 1, 1, 1], &[0, 1, 2, 3]),
        (2, &[4, 1, 2, 1], &[5, 0, 1, 0]),
        (2, &[3, 1], &[2, 0]),
        (3, &[1, 1, 1, 1, 1], &[4, 3, 2, 1, 0]),
        (3, &[4, 1, 2, 1, 1], &[9, 2, 5, 2, 3]),
    ];
    for (choices, weights, in_flight) in cases {
        let kind = Kind::P2c {
            choices: u32::try_from(choices).unwrap(),
        };
        let mut rig = Rig::new(kind, weights);
        for (endpoint, load) in rig.endpoints.iter_mut().zip(in_flight) {
            endpoint.in_flight = *load;
        }
        let shares = shares(&mut rig, choices);
        assert_shares(&rig.counts(60_000), &shares);
    }
}

/// Each choice is another endpoint, so of two the more loaded never wins, whatever their weights.
#[test]
fn of_two_the_less_loaded_is_certain() {
    for weights in [[1, 1], [1, 1_000], [1, u32::MAX]] {
        let mut rig = Rig::new(Kind::P2c { choices: 2 }, &weights);
        rig.endpoints[1].in_flight = weights[1];
        assert_eq!(rig.counts(1_000), [1_000, 0], "{weights:?}");
    }
}

#[test]
fn choices_are_bounded() {
    for choices in [0, 1, 8, 9, u32::MAX] {
        let mut rig = Rig::new(Kind::P2c { choices }, &[1; 20]);
        assert_shares(&rig.counts(20_000), &[1.0; 20]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn shares_are_right_after_any_churn(changes in prop::collection::vec(churn(), 1..60)) {
        let mut rig = Rig::new(Kind::P2c { choices: 2 }, &[1, 2, 3]);
        for change in changes {
            rig.churn(change);
        }
        let shares = if rig.eligible().is_empty() { return Ok(()) } else { shares(&mut rig, 2) };
        assert_shares(&rig.counts(4_000), &shares);
    }
}
