//! `least_request` against a look at everybody.

use super::*;

/// The eligible slots with the least in flight / weight.
fn least(rig: &mut Rig) -> Vec<usize> {
    let eligible = rig.eligible();
    let load = |at: usize| {
        let e = &rig.endpoints[at];
        (u128::from(e.in_flight), u128::from(e.weight))
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
        (&[1, u32::MAX, 1], &[1, 1_000_000, 1], 1),
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

/// A thousand silent WebSockets repel no request.
#[test]
fn tunnels_are_not_compared() {
    for kind in [Kind::LeastRequest, Kind::P2c { choices: 2 }] {
        let mut rig = Rig::new(kind, &[1, 1]);
        rig.endpoints[0].tunnels = 1_000;
        assert_shares(&rig.counts(20_000), &[1.0, 1.0]);
        rig.endpoints[1].in_flight = 1;
        assert_eq!(rig.counts(100), [100, 0], "{kind:?}");
    }
}

#[test]
fn ties_are_drawn_by_weight() {
    let mut rig = Rig::new(Kind::LeastRequest, &[1, 2, 3, 1]);
    for (endpoint, load) in rig.endpoints.iter_mut().zip([1, 2, 3, 2]) {
        endpoint.in_flight = load;
    }
    assert_shares(&rig.counts(60_000), &[1.0, 2.0, 3.0, 0.0]);
}

/// With as many requests in flight all the time, an endpoint never has more than one above its part
/// of them by weight, and so never more than n - 1 below it.
#[test]
fn in_flight_follows_the_weights() {
    for weights in WEIGHTS {
        for load in LOADS {
            let mut rig = Rig::new(Kind::LeastRequest, weights);
            let others = weights.len() as f64 - 1.0;
            let total = f64::from(weights.iter().sum::<u32>());
            let part = |weight: u32| f64::from(load) * f64::from(weight) / total;
            rig.circulate(load, 10_000, |endpoints| {
                for e in endpoints {
                    let above = f64::from(e.in_flight) - part(e.weight);
                    assert!(
                        (-others..=1.0).contains(&above),
                        "{weights:?} {load}: {above}"
                    );
                }
            });
        }
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
