//! `event_loop`: who is avoided once something was learned, and that nothing that comes from
//! outside unsettles it.

use super::*;
use crate::endpoint::Answer;

const KIND: Kind = Kind::EventLoop { spare_percent: 50 };
const MS: u64 = 1_000_000;

fn light() -> Key {
    Key::route(b"GET", b"/items/4711")
}

fn heavy() -> Key {
    Key::route(b"POST", b"/report")
}

impl Rig {
    /// Sends to a slot; the ticket.
    fn dispatch(&mut self, slot: usize, key: Key) -> u32 {
        self.endpoints[slot].in_flight += 1;
        self.policy.send(self.endpoints[slot].index, key)
    }

    /// What was dispatched is answered after so many milliseconds.
    fn answered(&mut self, slot: usize, ticket: u32, ms: u64, answer: Answer) {
        self.endpoints[slot].in_flight -= 1;
        self.policy.heard(ticket, Timestamp(MS), ms * MS, answer);
    }

    /// Light requests take 2 ms, and 102 ms behind a heavy one.
    fn lessons(&mut self, n: usize) {
        for key in [light(), heavy()] {
            self.pick_for(key);
        }
        for at in 0..n {
            let slot = at % self.endpoints.len();
            let alone = self.dispatch(slot, light());
            self.answered(slot, alone, 2, Answer::Good);
            let first = self.dispatch(slot, heavy());
            let behind = self.dispatch(slot, light());
            self.answered(slot, first, 100, Answer::Good);
            self.answered(slot, behind, 102, Answer::Good);
        }
    }
}

/// A heavy request in flight weighs more than several light ones, once that is known.
#[test]
fn who_is_behind_a_heavy_request_is_avoided() {
    for (lessons, expected) in [(0, [200, 0]), (2_000, [0, 200])] {
        let mut rig = Rig::new(KIND, &[1, 1]);
        rig.lessons(lessons);
        rig.dispatch(0, heavy());
        (0..3).for_each(|_| _ = rig.dispatch(1, light()));
        rig.key = Some(light());
        assert_eq!(rig.counts(200), expected, "after {lessons}");
    }
}

/// Errors and clients that leave teach nothing: a route that fails fast does not look fast.
#[test]
fn only_answers_teach() {
    for answer in [Answer::Bad, Answer::Unknown] {
        let mut rig = Rig::new(KIND, &[1, 1]);
        rig.lessons(2_000);
        for _ in 0..5_000 {
            let first = rig.dispatch(0, heavy());
            let behind = rig.dispatch(0, light());
            rig.answered(0, first, 0, answer);
            rig.answered(0, behind, 0, answer);
        }
        rig.dispatch(0, heavy());
        (0..3).for_each(|_| _ = rig.dispatch(1, light()));
        rig.key = Some(light());
        assert_eq!(rig.counts(200), [0, 200], "{answer:?}");
    }
}

proptest! {
    /// Answers that take no time or for ever, tickets that nobody gave out, endpoints that are
    /// gone: somebody eligible is picked all the same.
    #[test]
    fn nothing_unsettles_it(
        steps in prop::collection::vec((churn(), 0..6_u8, any::<u32>(), any::<u64>()), 1..200),
    ) {
        let mut rig = Rig::new(KIND, &[1, 1]);
        for (change, route, ticket, took_ns) in steps {
            rig.churn(change);
            rig.key = Some(Key::route(b"GET", &[b'/', b'a' + route]));
            let eligible = rig.eligible();
            let picked = rig.pick();
            prop_assert_eq!(picked.is_some(), !eligible.is_empty());
            if let Some(slot) = picked {
                prop_assert!(eligible.contains(&slot));
                rig.policy.send(rig.endpoints[slot].index, rig.key.unwrap_or_default());
            }
            rig.policy.heard(ticket % 64, Timestamp(took_ns), took_ns, Answer::Good);
            rig.policy.heard(ticket, Timestamp(MS), u64::MAX, Answer::Good);
        }
    }
}
