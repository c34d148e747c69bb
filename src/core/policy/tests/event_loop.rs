//! `event_loop`: who is avoided once something was learned, and that nothing that comes from
//! outside unsettles it.

use super::*;
use crate::endpoint::Answer;
use crate::pool;
use crate::queue::Token;

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

/// A reload may put another policy in the place of this one: what the first one sent is no ticket
/// of the second.
#[test]
fn a_ticket_is_of_one_policy() {
    let settings = |spare_percent| pool::Settings {
        policy: Kind::EventLoop { spare_percent },
        endpoints: vec![spec("a", 1)],
        retry: crate::retry::Settings::at_once(0),
        queue: crate::queue::Settings::fifo(0),
        guard: pool::GuardSettings::default(),
        affinity: None,
        spill: Default::default(),
        drain: None,
    };
    let mut state = pool::State::new(0, settings(50));
    let now = Timestamp::ZERO;
    let send = |state: &mut pool::State| {
        let mut rng = Stream::new(7, "pick").at(0);
        let pool::Admission::Picked(index) = state.arrive(now, Token(0), light(), &mut rng) else {
            panic!("there is an endpoint");
        };
        state.send(now, index, light()).expect("it is measured")
    };
    let first = send(&mut state);
    assert!(state.update(now, settings(0)).is_empty());
    assert_ne!(first, send(&mut state));
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

/// The rule written down once more, with lists and without tables.
#[derive(Default)]
struct Naive {
    routes: [Route; 4],
    slots: Vec<Slot>,
    mean_ms: f64,
    log_base: Option<f64>,
}

#[derive(Clone, Copy, Default)]
struct Route {
    harm_ms: f64,
    base_ms: f64,
    samples: f64,
    seen: f64,
}

#[derive(Clone, Default)]
struct Slot {
    flying: Vec<usize>,
    product: f64,
    square: f64,
    unseen_ms: f64,
}

impl Naive {
    fn factor(&self, slot: &Slot) -> f64 {
        let prior = 50.0 * self.mean_ms * self.mean_ms + 0.5;
        ((slot.product + prior) / (slot.square + prior)).clamp(0.5, 4.0)
    }

    fn wait_ms(&self, flying: &[usize]) -> f64 {
        flying.iter().map(|route| self.routes[*route].harm_ms).sum()
    }

    fn score(&self, slot: &Slot, route: usize) -> f64 {
        let own = self.routes[route].harm_ms;
        let victim = |route: &usize| match self.routes[*route].base_ms {
            0.0 => 0.0,
            base_ms => (own / base_ms).min(1.0),
        };
        let victims: f64 = slot.flying.iter().map(victim).sum();
        let factor = self.factor(slot);
        let factor = if (factor - 1.0).abs() < 0.3 {
            1.0
        } else {
            factor
        };
        factor * (self.wait_ms(&slot.flying) + own)
            + slot.unseen_ms
            + 0.5 * self.mean_ms.max(0.02) * slot.flying.len() as f64
            + 0.5 * own * victims.min(6.0)
    }

    fn learn(&mut self, slot: usize, route: usize, found: &[usize], took_ms: f64) {
        if self.routes[route].samples == 0.0 {
            self.routes[route].base_ms = took_ms.max(0.05);
        }
        let base_ms = self.routes[route].base_ms;
        let wait_ms = self.wait_ms(found);
        let error_ms = took_ms - base_ms - wait_ms;
        let usual_ms = self.log_base.map_or(base_ms, libm::exp);
        let bound_ms = 20.0 * usual_ms.max(1.0);
        let bounded_ms = error_ms.clamp(-bound_ms, bound_ms);
        let trust = libm::pow((usual_ms / base_ms).min(1.0), 2.0);
        let factor = self.factor(&self.slots[slot]).max(1.0);
        let count = |route: usize| found.iter().filter(|r| **r == route).count() as f64;
        let squares: f64 = (0..4).map(|route| count(route) * count(route)).sum();
        let blame_ms =
            (error_ms / factor).clamp(-bound_ms, bound_ms) * trust / (1.0 + squares / 4.0);
        for at in (0..4).filter(|route| count(*route) > 0.0) {
            let n = count(at);
            let other = &mut self.routes[at];
            other.seen += trust * n;
            let step = (0.1 / (1.0 + other.seen / 50.0)).max(0.005);
            other.harm_ms = (other.harm_ms + step * n * blame_ms).max(0.0);
        }
        let own_ms = self.routes[route].harm_ms.min(base_ms);
        let (expected_ms, waited_ms) = (own_ms + wait_ms, took_ms - base_ms + own_ms);
        let lag = &mut self.slots[slot];
        lag.product = 0.995 * lag.product + trust * expected_ms * waited_ms;
        lag.square = 0.995 * lag.square + trust * expected_ms * expected_ms;
        lag.unseen_ms += 0.01 * (trust * bounded_ms - lag.unseen_ms);
        let own = &mut self.routes[route];
        own.samples += 1.0;
        let correction_ms = if own.samples <= 4.0 {
            error_ms
        } else {
            bounded_ms
        };
        own.base_ms = (base_ms + (1.0 / own.samples).max(0.01) * correction_ms).max(0.05);
        self.mean_ms += 0.005 * (own.harm_ms - self.mean_ms);
        let log_base = libm::log(own.base_ms);
        let mean = self.log_base.unwrap_or(log_base);
        self.log_base = Some(mean + 0.005 * (log_base - mean));
    }
}

/// A request in flight: its slot, ticket and route, and what was there before it.
type Flying = (usize, u32, usize, Vec<usize>);

proptest! {
    #[test]
    fn agrees_with_lists(
        steps in prop::collection::vec(
            (0..4_usize, any::<bool>(), any::<usize>(), 1..400_u64),
            1..300,
        ),
    ) {
        let key = |route: usize| Key::route(b"GET", &[b'/', b'a' + route as u8]);
        let mut rig = Rig::new(KIND, &[1, 1, 1]);
        let mut naive = Naive { slots: vec![Slot::default(); 3], ..Naive::default() };
        let mut flying: Vec<Flying> = Vec::new();
        for (route, ends, which, ms) in steps {
            if ends && !flying.is_empty() {
                let (slot, ticket, route, found) = flying.swap_remove(which % flying.len());
                rig.answered(slot, ticket, ms, Answer::Good);
                let there = &mut naive.slots[slot].flying;
                let at = there.iter().position(|r| *r == route).unwrap();
                there.swap_remove(at);
                naive.learn(slot, route, &found, ms as f64);
            }
            let picked = rig.pick_for(key(route)).unwrap();
            let score = |slot: usize| naive.score(&naive.slots[slot], route);
            let least = (0..3).map(score).fold(f64::INFINITY, f64::min);
            let picked_score = score(picked);
            prop_assert!(
                picked_score <= least + 1e-9 * (1.0 + least.abs()),
                "{picked}: {picked_score} is not {least}"
            );
            let ticket = rig.dispatch(picked, key(route));
            let there = &mut naive.slots[picked].flying;
            flying.push((picked, ticket, route, there.clone()));
            there.push(route);
        }
    }
}
