//! The pool: who gets in, who waits, who is granted what, and what a change of configuration keeps.

mod machine;

use std::time::Duration;

use super::*;
use crate::endpoint::{Group, State as Admin};
use crate::policy::Kind;
use crate::policy::tests::spec;
use crate::queue::Token;
use crate::rng::Stream;

const NOW: Timestamp = Timestamp(1_000_000_000);

pub(super) fn settings(endpoints: &[Spec]) -> Settings {
    Settings {
        policy: Kind::RoundRobin,
        endpoints: endpoints.to_vec(),
        retry: crate::retry::Settings::at_once(0),
        queue: crate::queue::Settings::fifo(3),
        guard: Default::default(),
        affinity: None,
        spill: Default::default(),
        drain: None,
    }
}

fn bounded(name: &str, max_connections: u32) -> Spec {
    Spec {
        max_connections: Some(max_connections),
        ..spec(name, 1)
    }
}

fn backup(name: &str) -> Spec {
    Spec {
        group: Group::Backup,
        ..spec(name, 1)
    }
}

fn rng() -> Rng {
    Stream::new(1, "pick").at(1)
}

fn arrive(pool: &mut State, token: u64) -> Admission {
    pool.arrive(NOW, Token(token), Key::None, &mut rng())
}

/// Requests 0 to `n`, whatever becomes of them.
fn arrivals(pool: &mut State, n: u64) {
    for token in 0..n {
        arrive(pool, token);
    }
}

/// The name of the endpoint that a new request gets.
fn picked(pool: &mut State, token: u64) -> String {
    match arrive(pool, token) {
        Admission::Picked(index) => pool.name(index.slot).expect("it is there").into(),
        other => panic!("{other:?}"),
    }
}

fn index(pool: &State, name: &str) -> EndpointIndex {
    let owner = |e: &&Endpoint| pool.name(e.index.slot) == Some(name);
    pool.endpoints()
        .iter()
        .find(owner)
        .expect("it is there")
        .index
}

fn in_flight(pool: &State, name: &str) -> u32 {
    pool.endpoints()[index(pool, name).slot as usize].in_flight
}

fn done(pool: &mut State, name: &str, verdict: Verdict) -> Option<u64> {
    let index = index(pool, name);
    pool.complete(NOW, index, verdict)
        .map(|grant| grant.token.0)
}

fn tried(pool: &State, names: &[&str]) -> Tried {
    let mut tried = Tried::default();
    names.iter().for_each(|name| tried.push(index(pool, name)));
    tried
}

#[test]
fn bounds_are_exact_then_the_queue_then_no() {
    let mut pool = State::new(0, settings(&[bounded("a", 2), bounded("b", 1)]));
    let admissions: Vec<_> = (0..7).map(|token| arrive(&mut pool, token)).collect();
    let (a, b) = (index(&pool, "a"), index(&pool, "b"));
    use Admission::{Picked, QueueFull, Queued};
    assert_eq!(
        admissions,
        [
            Picked(a),
            Picked(b),
            Picked(a),
            Queued,
            Queued,
            Queued,
            QueueFull
        ]
    );
    assert_eq!((in_flight(&pool, "a"), in_flight(&pool, "b")), (2, 1));
    assert_eq!(pool.queued(), 3);
}

#[test]
fn tunnels_and_requests_share_the_bound() {
    let mut pool = State::new(0, settings(&[bounded("a", 2)]));
    let a = index(&pool, "a");
    let counts = |pool: &State| {
        let endpoint = &pool.endpoints()[0];
        (endpoint.in_flight, endpoint.tunnels)
    };
    arrivals(&mut pool, 5);
    pool.upgrade(NOW, a);
    assert_eq!((counts(&pool), pool.queued()), ((1, 1), 3));
    assert_eq!(done(&mut pool, "a", Verdict::Success), Some(2));
    pool.upgrade(NOW, a);
    assert_eq!((counts(&pool), pool.queued()), ((0, 2), 2));
    // Not even a tunnel above the bound makes room below it.
    assert_eq!(pool.update(NOW, settings(&[bounded("a", 1)])), []);
    assert_eq!(pool.hang_up(NOW, a, Verdict::Success), None);
    let grant = pool.hang_up(NOW, a, Verdict::Success);
    assert_eq!(grant, Some(Grant { token: Token(3) }));
    assert_eq!((counts(&pool), pool.queued()), ((1, 0), 1));
}

#[test]
fn no_endpoint_is_said_at_once() {
    let down = |state| Spec {
        state,
        ..spec("a", 1)
    };
    let cases: [(&str, &[Spec]); 4] = [
        ("empty", &[]),
        ("weight zero", &[spec("a", 0)]),
        ("down", &[down(Admin::Down)]),
        ("drained", &[down(Admin::Drain)]),
    ];
    for (name, endpoints) in cases {
        let mut pool = State::new(0, settings(endpoints));
        assert_eq!(arrive(&mut pool, 1), Admission::NoEndpoint, "{name}");
        assert_eq!(pool.queued(), 0, "{name}");
    }
}

#[test]
fn what_is_freed_goes_to_the_first_who_can_use_it() {
    let mut pool = State::new(0, settings(&[bounded("a", 1), bounded("b", 1)]));
    (0..2).for_each(|token| assert!(matches!(arrive(&mut pool, token), Admission::Picked(_))));
    let not_a = tried(&pool, &["a"]);
    assert_eq!(
        pool.admit(NOW, Token(10), not_a, Key::None, &mut rng()),
        Admission::Queued
    );
    assert_eq!(arrive(&mut pool, 11), Admission::Queued);
    assert_eq!(arrive(&mut pool, 12), Admission::Queued);
    assert_eq!(
        done(&mut pool, "a", Verdict::Success),
        Some(11),
        "10 has tried a"
    );
    assert_eq!(done(&mut pool, "b", Verdict::Success), Some(10));
    assert_eq!(
        done(&mut pool, "b", Verdict::Failed { dialled: None }),
        Some(12)
    );
    assert_eq!(done(&mut pool, "b", Verdict::Success), None);
    assert_eq!((in_flight(&pool, "a"), in_flight(&pool, "b")), (1, 0));
}

#[test]
fn a_granted_waiter_that_leaves_hands_on() {
    let mut pool = State::new(0, settings(&[bounded("a", 1)]));
    arrivals(&mut pool, 4);
    assert_eq!(done(&mut pool, "a", Verdict::Success), Some(1));
    let a = index(&pool, "a");
    let next = Grant { token: Token(2) };
    assert_eq!(pool.leave(NOW, Token(1)), Some(next));
    assert_eq!(pool.leave(NOW, Token(3)), None, "it only waited");
    let taken = pool.take_up(NOW, Token(2), Tried::default(), Key::None, &mut rng());
    assert_eq!(taken, Admission::Picked(a));
    assert_eq!(
        pool.leave(NOW, Token(2)),
        None,
        "taken: only completion ends it"
    );
    assert_eq!(in_flight(&pool, "a"), 1);
    assert_eq!(done(&mut pool, "a", Verdict::Success), None);
    assert_eq!((in_flight(&pool, "a"), pool.queued()), (0, 0));
}

#[test]
fn backups_and_then_endpoints_that_refused() {
    let mut pool = State::new(0, settings(&[spec("a", 1), backup("b")]));
    assert_eq!(picked(&mut pool, 1), "a");
    assert_eq!(done(&mut pool, "a", Verdict::DialFailed), None);
    assert_eq!(picked(&mut pool, 2), "b");
    assert_eq!(done(&mut pool, "b", Verdict::DialFailed), None);
    assert_eq!(picked(&mut pool, 3), "a", "all cool: better than nobody");
    let later = NOW + Duration::from_millis(100);
    let admission = pool.arrive(later, Token(4), Key::None, &mut rng());
    assert_eq!(admission, Admission::Picked(index(&pool, "a")));
}

#[test]
fn a_success_ends_the_pause_after_a_failed_dial() {
    let mut pool = State::new(0, settings(&[spec("a", 1), backup("b")]));
    arrivals(&mut pool, 2);
    done(&mut pool, "a", Verdict::DialFailed);
    assert_eq!(picked(&mut pool, 3), "b");
    done(&mut pool, "a", Verdict::Success);
    assert_eq!(picked(&mut pool, 4), "a");
}

#[test]
fn a_tunnel_that_opens_ends_the_pause_after_a_failed_dial() {
    let mut pool = State::new(0, settings(&[spec("a", 1), backup("b")]));
    arrivals(&mut pool, 2);
    done(&mut pool, "a", Verdict::DialFailed);
    let a = index(&pool, "a");
    pool.upgrade(NOW, a);
    assert_eq!(picked(&mut pool, 3), "a");
}

#[test]
fn arrivals_earn_the_retry_budget() {
    let mut pool = State::new(0, settings(&[spec("a", 1)]));
    let share = Settings {
        retry: crate::retry::Settings::at_once(200_000),
        ..settings(&[spec("a", 1)])
    };
    let _ = pool.update(NOW, share);
    arrivals(&mut pool, 1_000);
    let mut retry = |_: &u64| {
        let admission = pool.retry(NOW, Token(0), Tried::default(), Key::None, &mut rng());
        admission.is_some()
    };
    assert_eq!((0..1_000).filter(|n| retry(n)).count(), 200);
}

#[test]
fn a_reload_keeps_load_by_name() {
    let mut pool = State::new(0, settings(&[spec("a", 1), spec("b", 1)]));
    arrivals(&mut pool, 4);
    let (a, b) = (index(&pool, "a"), index(&pool, "b"));
    let moved = [spec("c", 1), spec("b", 3), spec("a", 1)];
    assert_eq!(pool.update(NOW, settings(&moved)), []);
    assert_eq!((index(&pool, "a"), index(&pool, "b")), (a, b));
    let load = |name| in_flight(&pool, name);
    assert_eq!((load("a"), load("b"), load("c")), (2, 2, 0));
    assert_eq!(pool.endpoints()[b.slot as usize].weight, 3);
}

#[test]
fn a_late_completion_never_counts_at_the_next_owner() {
    let mut pool = State::new(0, settings(&[spec("a", 1)]));
    let old = index(&pool, "a");
    arrivals(&mut pool, 2);
    let _ = pool.update(NOW, settings(&[]));
    assert_eq!(pool.name(old.slot), None);
    assert_eq!(pool.complete(NOW, old, Verdict::Success), None);
    let _ = pool.update(NOW, settings(&[spec("b", 1)]));
    assert_eq!(index(&pool, "b").slot, old.slot, "slots are used again");
    assert_eq!(picked(&mut pool, 3), "b");
    assert_eq!(pool.complete(NOW, old, Verdict::DialFailed), None);
    assert_eq!(in_flight(&pool, "b"), 1);
    assert!(!pool.endpoints()[old.slot as usize].is_cooling(NOW));
}

#[test]
fn a_reload_wakes_those_it_makes_room_for() {
    let (full, none) = (
        bounded("a", 1),
        Spec {
            state: Admin::Drain,
            ..spec("b", 1)
        },
    );
    let changes: [(&str, &[Spec], &[u64]); 5] = [
        ("nothing", &[full.clone(), none.clone()], &[]),
        ("a higher bound", &[bounded("a", 3), none.clone()], &[1, 2]),
        ("no bound", &[spec("a", 1)], &[1, 2, 3]),
        ("another endpoint", &[full.clone(), bounded("c", 1)], &[1]),
        (
            "an end of a drain",
            &[full.clone(), spec("b", 1)],
            &[1, 2, 3],
        ),
    ];
    for (name, after, expected) in changes {
        let mut pool = State::new(0, settings(&[full.clone(), none.clone()]));
        arrivals(&mut pool, 4);
        assert_eq!(pool.queued(), 3);
        let grants = pool.update(NOW, settings(after));
        let tokens: Vec<_> = grants.iter().map(|grant| grant.token.0).collect();
        assert_eq!(tokens, expected, "{name}");
    }
}

/// Endpoints that refused are still known to have after a reload: as a last resort they are asked.
#[test]
fn a_reload_does_not_forget_who_refused() {
    let endpoints = [spec("a", 1)];
    let mut pool = State::new(0, settings(&endpoints));
    assert_eq!(picked(&mut pool, 1), "a");
    done(&mut pool, "a", Verdict::DialFailed);
    let _ = pool.update(NOW, settings(&endpoints));
    assert_eq!(picked(&mut pool, 2), "a");
}

#[test]
fn a_reload_changes_weights_and_policy() {
    let mut pool = State::new(0, settings(&[spec("a", 1), spec("b", 1)]));
    let _ = pool.update(NOW, settings(&[spec("a", 2), spec("b", 1)]));
    let order: String = (0..6).map(|token| picked(&mut pool, token)).collect();
    assert_eq!(order, "abaaba");
    let least = Settings {
        policy: Kind::LeastRequest,
        ..settings(&[spec("a", 1), spec("b", 1)])
    };
    let _ = pool.update(NOW, least);
    assert_eq!(picked(&mut pool, 7), "b", "4 in flight at a, 2 at b");
}

#[test]
fn a_retry_without_anywhere_to_go_draws_nothing() {
    let mut pool = State::new(0, settings(&[spec("a", 1), spec("b", 1)]));
    let both = tried(&pool, &["a", "b"]);
    let only_a = tried(&pool, &["a"]);
    for _ in 0..500 {
        let nowhere = pool.retry(NOW, Token(1), both, Key::None, &mut rng());
        assert_eq!(nowhere, Some(Admission::NoEndpoint));
    }
    // The minimum of 10/s over 10 s is still whole.
    let retries = (0..500).filter(|_| {
        pool.retry(NOW, Token(1), only_a, Key::None, &mut rng())
            .is_some()
    });
    assert_eq!(retries.count(), 100);
    assert_eq!((in_flight(&pool, "a"), in_flight(&pool, "b")), (0, 100));
}

#[test]
fn a_retry_without_a_place_in_the_queue_draws_nothing() {
    let mut pool = State::new(0, settings(&[spec("a", 1), bounded("b", 1)]));
    let only_a = tried(&pool, &["a"]);
    let mut retry = |token| pool.retry(NOW, Token(token), only_a, Key::None, &mut rng());
    assert!(matches!(retry(0), Some(Admission::Picked(_))));
    for token in 1..4 {
        assert_eq!(retry(token), Some(Admission::Queued));
    }
    for token in 4..500 {
        assert_eq!(retry(token), Some(Admission::QueueFull));
    }
    // Four of the hundred that are always allowed.
    let only_b = tried(&pool, &["b"]);
    let retries = (0..500).filter(|n| {
        pool.retry(NOW, Token(*n), only_b, Key::None, &mut rng())
            .is_some()
    });
    assert_eq!(retries.count(), 96);
}
