//! `least_request` against a look at everybody.

use super::*;

/// The eligible slots with the least (in flight + 1) / weight.
fn least(rig: &mut Rig) -> Vec<usize> {
    let eligible = rig.eligible();
    let load = |at: usize| {
        let e = &rig.endpoints[at];
        (u128::from(e.in_flight) + 1, u128::from(e.weight))
    };
    let no_more = |a: (u128, u128), b: (u128, u128)| a.0 * b.1 <= b.0 * a.1;
    let is_least = |at: &usize| {
        eligible
            .iter()
            .all(|other| no_more(load(*at), load(*other)))
    };
    eligible.iter().copied().filter(is_least).collect()
}

#[test]
fn the_least_loaded_for_its_weight() {
    let cases: [(&[u32], &[u32], usize); 6] = [
        (&[1, 1, 1], &[2, 1, 3], 1),
        (&[1, 1, 1], &[0, 1, 1], 0),
        (&[1, 4, 1], &[1, 2, 1], 1),
        (&[1, 4, 1], &[0, 4, 1], 0),
        (&[1, u32::MAX, 1], &[0, 1_000_000, 0], 1),
        (&[0, 1, 1], &[0, 5, 4], 2),
    ];
    for (weights, in_flight, expected) in cases {
        let mut rig = Rig::new(Kind::LeastRequest, weights);
        for (endpoint, load) in rig.endpoints.iter_mut().zip(in_flight) {
            endpoint.in_flight = *load;
        }
        assert_eq!(rig.pick(), Some(expected), "{weights:?} {in_flight:?}");
    }
}

#[test]
fn ties_are_drawn_by_weight() {
    let mut rig = Rig::new(Kind::LeastRequest, &[1, 2, 3, 1]);
    for (endpoint, load) in rig.endpoints.iter_mut().zip([0, 1, 2, 1]) {
        endpoint.in_flight = load;
    }
    assert_shares(&rig.counts(60_000), &[1.0, 2.0, 3.0, 0.0]);
}

/// Requests that never end settle in proportion to the weights, within one.
#[test]
fn in_flight_follows_the_weights() {
    let weights = [1, 2, 3, 10];
    let mut rig = Rig::new(Kind::LeastRequest, &weights);
    for _ in 0..1_600 {
        let at = rig.pick().unwrap();
        rig.endpoints[at].in_flight += 1;
    }
    for endpoint in &rig.endpoints {
        assert!(endpoint.in_flight.abs_diff(endpoint.weight * 100) <= 1);
    }
}

proptest! {
    #[test]
    fn agrees_with_a_look_at_everybody(changes in prop::collection::vec(churn(), 1..100)) {
        let mut rig = Rig::new(Kind::LeastRequest, &[1, 2]);
        for change in changes {
            rig.churn(change);
            let least = least(&mut rig);
            match rig.pick() {
                None => prop_assert!(least.is_empty()),
                Some(at) => prop_assert!(least.contains(&at), "{at} not of {least:?}"),
            }
        }
    }
}
