//! What holds for every policy that places by key: who moves when somebody cannot take requests,
//! that a table is made of the file alone, and requests without a key.

use super::*;

/// Every policy that places by key.
const KEYED: [Kind; 6] = [
    Kind::IpHash,
    Kind::Hash,
    Kind::Maglev,
    Kind::Rendezvous,
    Kind::RingHash {
        bound_percent: None,
    },
    Kind::RingHash {
        bound_percent: Some(125),
    },
];

/// Places a policy gives to keys, and how they move when endpoints come and go.
impl Rig {
    /// The slot of each of `n` keys.
    pub(super) fn places(&mut self, n: u32) -> Vec<usize> {
        let key = |n: u32| Key::text(format!("/path/{n}?q").as_bytes());
        (0..n)
            .map(|n| self.pick_for(key(n)).expect("somebody is eligible"))
            .collect()
    }

    /// The endpoint leaves its pool, or is back.
    pub(super) fn set_member(&mut self, slot: usize, is_member: bool) {
        self.endpoints[slot].state = if is_member { State::Up } else { State::Down };
        self.endpoints[slot].weight = u32::from(is_member);
        self.rebuild();
    }
}

/// Which part of the keys that were not at `gone` are elsewhere now.
pub(super) fn moved(before: &[usize], after: &[usize], gone: usize) -> f64 {
    let others = before
        .iter()
        .zip(after)
        .filter(|(before, _)| **before != gone);
    others.filter(|(before, after)| before != after).count() as f64 / before.len() as f64
}

/// The keyed policies: what an endpoint that is out of service for a while does to other keys.
#[test]
fn only_the_keys_of_who_cannot_move() {
    for kind in [
        Kind::Hash,
        Kind::Maglev,
        Kind::Rendezvous,
        Kind::RingHash {
            bound_percent: None,
        },
    ] {
        let mut rig = Rig::new(kind, &[1, 2, 3, 1, 1]);
        let before = rig.places(5_000);
        for state in [State::Down, State::Drain] {
            rig.endpoints[2].state = state;
            rig.rebuild();
            let after = rig.places(5_000);
            assert!(after.iter().all(|at| *at != 2), "{kind:?}");
            assert_eq!(moved(&before, &after, 2), 0.0, "{kind:?} {state:?}");
        }
        rig.endpoints[2].state = State::Up;
        rig.rebuild();
        assert_eq!(rig.places(5_000), before, "{kind:?}");
    }
}

/// A pool's slots depend on its history; its tables depend on the file alone.
#[test]
fn tables_do_not_depend_on_slots() {
    for kind in KEYED {
        let mut first = Rig::new(kind, &[1, 2, 3]);
        let mut second = Rig::new(kind, &[3, 2, 1]);
        for (slot, endpoint) in second.endpoints.iter_mut().enumerate() {
            let as_first = first.endpoints[2 - slot];
            (endpoint.identity, endpoint.place) = (as_first.identity, as_first.place);
        }
        second.addresses.reverse();
        second.rebuild();
        for _ in 0..1_000 {
            assert_eq!(first.pick(), second.pick().map(|slot| 2 - slot), "{kind:?}");
        }
    }
}

/// Without a key, in turn.
#[test]
fn without_a_key_in_turn() {
    for kind in KEYED {
        let mut rig = Rig::new(kind, &[1, 1, 1]);
        let picks: Vec<_> = (0..6).map(|_| rig.pick_for(Key::None).unwrap()).collect();
        assert_eq!(picks, [0, 1, 2, 0, 1, 2], "{kind:?}");
    }
}

proptest! {
    // Every change builds a table anew.
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn churn_never_leads_a_table_to_a_wrong_pick(
        changes in prop::collection::vec(churn_up_to(1_000), 1..60),
    ) {
        for kind in EVERY.into_iter().filter(|kind| has_large_table(*kind)) {
            stays_right(kind, &changes)?;
        }
    }
}
