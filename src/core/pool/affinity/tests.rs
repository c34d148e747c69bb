//! Where sessions go when their endpoints are up, full, cooling, draining, down or gone.

use std::time::Duration;

use super::*;
use crate::affinity::Session;
use crate::endpoint::{Group, Spec, State as Admin};
use crate::policy;
use crate::policy::Key;
use crate::pool::{Admission, GuardSettings, Settings as PoolSettings, Verdict};
use crate::queue::Token;
use crate::rng::Stream;

const NOW: Timestamp = Timestamp(1_000_000_000);
const COOKIE: Memory = Memory::Cookie { ttl: None };
const TABLE: Memory = Memory::Table {
    ttl: Duration::from_secs(600),
    limit: 3,
};

fn spec(name: &str) -> Spec {
    Spec {
        name: name.into(),
        address: name.into(),
        weight: 1,
        max_connections: None,
        group: Group::Home,
        state: Admin::Up,
    }
}

fn settings(memory: Memory, on_down: OnDown, names: &[&str]) -> PoolSettings {
    PoolSettings {
        policy: policy::Kind::RoundRobin,
        endpoints: names.iter().map(|name| spec(name)).collect(),
        retry: crate::retry::Settings::at_once(200_000),
        queue: crate::queue::Settings::fifo(10),
        guard: GuardSettings::default(),
        affinity: Some(Settings { memory, on_down }),
        spill: Default::default(),
        drain: None,
    }
}

fn pool(memory: Memory, on_down: OnDown) -> Pool {
    Pool::new(0, settings(memory, on_down, &["a", "b", "c"]))
}

fn at(name: &str) -> Claim {
    Claim::Endpoint {
        name: Name::of(name),
        age_s: 0,
    }
}

/// One request as far as an endpoint.
fn ask(pool: &mut Pool, claim: Claim, token: u64, tried: &Tried) -> (Session, Admission) {
    let mut session = Session {
        claim,
        ..Session::default()
    };
    pool.recognise(NOW, &mut session);
    let mut rng = Stream::new(1, "test").at(token);
    let admission = pool.on_behalf(&session, |pool| {
        pool.admit(NOW, Token(token), *tried, Key::None, &mut rng)
    });
    if let Admission::Picked(index) = admission {
        pool.lodge(NOW, &session, index);
    }
    (session, admission)
}

fn name(pool: &Pool, admission: Admission) -> String {
    match admission {
        Admission::Picked(index) => pool.name(index.slot).unwrap_or("nobody").to_owned(),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_session_stays_unless_its_endpoint_cannot_serve_it() {
    use OnDown::{Fail, Queue, Repick};
    type Change = fn(&mut PoolSettings);
    let drain: Change = |s| s.endpoints[1].state = Admin::Drain;
    let down: Change = |s| s.endpoints[1].state = Admin::Down;
    let weightless: Change = |s| s.endpoints[1].weight = 0;
    let gone: Change = |s| _ = s.endpoints.remove(1);
    let backup: Change = |s| s.endpoints[1].group = Group::Backup;
    let cases: [(Change, [(OnDown, &str); 3]); 5] = [
        (drain, [(Repick, "b"), (Fail, "b"), (Queue, "b")]),
        (backup, [(Repick, "b"), (Fail, "b"), (Queue, "b")]),
        (
            down,
            [(Repick, "a"), (Fail, "NoEndpoint"), (Queue, "Queued")],
        ),
        (
            weightless,
            [(Repick, "a"), (Fail, "NoEndpoint"), (Queue, "Queued")],
        ),
        (gone, [(Repick, "a"), (Fail, "a"), (Queue, "a")]),
    ];
    for (number, (change, expected)) in cases.into_iter().enumerate() {
        for (on_down, place) in expected {
            let mut settings = settings(COOKIE, on_down, &["a", "b", "c"]);
            change(&mut settings);
            let mut pool = Pool::new(0, settings);
            let (_, admission) = ask(&mut pool, at("b"), 1, &Tried::default());
            assert_eq!(name(&pool, admission), place, "{number} {on_down:?}");
        }
    }
}

#[test]
fn a_draining_endpoint_takes_no_new_session() {
    let mut settings = settings(COOKIE, OnDown::Repick, &["a", "b"]);
    settings.endpoints[0].state = Admin::Drain;
    let mut pool = Pool::new(0, settings);
    for token in 0..4 {
        let (_, admission) = ask(&mut pool, Claim::None, token, &Tried::default());
        assert_eq!(name(&pool, admission), "b");
    }
    let (session, admission) = ask(&mut pool, at("a"), 9, &Tried::default());
    let Admission::Picked(index) = admission else {
        panic!("{admission:?}");
    };
    assert!(
        pool.lodge(NOW, &session, index),
        "it is kept, and that is said"
    );
}

#[test]
fn an_endpoint_that_failed_the_request_is_not_used_again_for_it() {
    for (on_down, place) in [
        (OnDown::Repick, "b"),
        (OnDown::Fail, "NoEndpoint"),
        (OnDown::Queue, "NoEndpoint"),
    ] {
        let mut pool = pool(COOKIE, on_down);
        let (session, admission) = ask(&mut pool, at("a"), 1, &Tried::default());
        let Admission::Picked(index) = admission else {
            panic!("{admission:?}");
        };
        let mut tried = Tried::default();
        tried.push(index);
        let mut rng = Stream::new(1, "test").at(2);
        let again = pool.on_behalf(&session, |pool| {
            pool.admit(NOW, Token(2), tried, Key::None, &mut rng)
        });
        assert_eq!(name(&pool, again), place, "{on_down:?}");
    }
}

#[test]
fn a_session_waits_for_its_full_endpoint_and_nobody_else_waits_behind_it() {
    let mut settings = settings(COOKIE, OnDown::Repick, &["a", "b"]);
    settings
        .endpoints
        .iter_mut()
        .for_each(|e| e.max_connections = Some(1));
    let mut pool = Pool::new(0, settings);
    let (_, first) = ask(&mut pool, at("a"), 1, &Tried::default());
    let Admission::Picked(a) = first else {
        panic!("{first:?}");
    };
    let (session, second) = ask(&mut pool, at("a"), 2, &Tried::default());
    assert_eq!(second, Admission::Queued, "though b is free");
    let (_, third) = ask(&mut pool, Claim::None, 3, &Tried::default());
    let Admission::Picked(b) = third else {
        panic!("{third:?}");
    };
    let (_, fourth) = ask(&mut pool, Claim::None, 4, &Tried::default());
    assert_eq!(fourth, Admission::Queued);
    let overtakes = pool.complete(NOW, b, Verdict::Success);
    assert_eq!(overtakes.map(|grant| grant.token), Some(Token(4)));
    let grant = pool.complete(NOW, a, Verdict::Success);
    assert_eq!(grant.map(|grant| grant.token), Some(Token(2)));
    let mut rng = Stream::new(1, "test").at(2);
    let taken = pool.on_behalf(&session, |pool| {
        pool.take_up(NOW, Token(2), Tried::default(), Key::None, &mut rng)
    });
    assert_eq!(taken, Admission::Picked(a));
}

#[test]
fn one_that_refused_a_moment_ago_is_left_only_to_repick() {
    for (on_down, place) in [
        (OnDown::Repick, "b"),
        (OnDown::Fail, "a"),
        (OnDown::Queue, "a"),
    ] {
        let mut pool = pool(COOKIE, on_down);
        let (_, admission) = ask(&mut pool, at("a"), 1, &Tried::default());
        let Admission::Picked(a) = admission else {
            panic!("{admission:?}");
        };
        pool.complete(NOW, a, Verdict::DialFailed);
        let (_, admission) = ask(&mut pool, at("a"), 2, &Tried::default());
        assert_eq!(name(&pool, admission), place, "{on_down:?}");
    }
}

#[test]
fn those_who_wait_for_a_down_endpoint_go_there_when_it_is_up_and_elsewhere_when_it_is_gone() {
    for (names, place) in [(&["a", "b"][..], "a"), (&["b"], "b")] {
        let mut down = settings(COOKIE, OnDown::Queue, &["a", "b"]);
        down.endpoints[0].state = Admin::Down;
        let mut pool = Pool::new(0, down);
        let (session, admission) = ask(&mut pool, at("a"), 1, &Tried::default());
        assert_eq!(admission, Admission::Queued);
        let grants = pool.update(NOW, settings(COOKIE, OnDown::Queue, names));
        assert_eq!(grants.len(), 1);
        let mut rng = Stream::new(1, "test").at(1);
        let taken = pool.on_behalf(&session, |pool| {
            pool.take_up(NOW, Token(1), Tried::default(), Key::None, &mut rng)
        });
        assert_eq!(name(&pool, taken), place);
    }
}

/// A cookie is given at the beginning, after a move and at half its time, and at no other.
#[test]
fn a_client_is_told_what_it_does_not_know() {
    let ttl = Some(Duration::from_secs(100));
    let aged = |name, age_s| Claim::Endpoint {
        name: Name::of(name),
        age_s,
    };
    let cases = [
        (Claim::None, Some(Step::Begun), true),
        (aged("a", 0), None, false),
        (aged("a", 50), None, false),
        (aged("a", 51), None, true),
        (aged("a", 101), Some(Step::Begun), true),
        (aged("x", 0), Some(Step::Moved), true),
    ];
    for (claim, expected, tell) in cases {
        let mut pool = pool(Memory::Cookie { ttl }, OnDown::Repick);
        let (mut session, admission) = ask(&mut pool, claim, 1, &Tried::default());
        let Admission::Picked(index) = admission else {
            panic!("{admission:?}");
        };
        let (step, forgets) = pool.settle_in(NOW, &mut session, index, 200);
        assert_eq!(
            (step, session.tell, forgets),
            (expected, tell, false),
            "{claim:?}"
        );
    }
    let mut draining = settings(Memory::Cookie { ttl }, OnDown::Repick, &["a", "b"]);
    draining.endpoints[0].state = Admin::Drain;
    let mut pool = Pool::new(0, draining);
    let (mut session, admission) = ask(&mut pool, aged("a", 99), 1, &Tried::default());
    let Admission::Picked(index) = admission else {
        panic!("{admission:?}");
    };
    pool.settle_in(NOW, &mut session, index, 200);
    assert!(!session.tell, "a draining endpoint's sessions are to end");
}

#[test]
fn the_application_s_sessions_are_learned_and_survive_a_reload() {
    let mut pool = pool(TABLE, OnDown::Repick);
    let (mut first, admission) = ask(&mut pool, Claim::None, 1, &Tried::default());
    first.named = Some(77);
    let Admission::Picked(home) = admission else {
        panic!("{admission:?}");
    };
    let step = pool.settle_in(NOW, &mut first, home, 200);
    assert_eq!(step, (Some(Step::Begun), false));
    let place = name(&pool, admission);
    assert_eq!(pool.sessions(NOW, &place), Some(1));
    // Another order in the file, and a newcomer: slots change, names do not.
    let _ = pool.update(NOW, settings(TABLE, OnDown::Repick, &["c", "d", "a"]));
    for token in 2..6 {
        let (mut session, admission) = ask(&mut pool, Claim::Session(77), token, &Tried::default());
        assert_eq!(name(&pool, admission), place);
        let Admission::Picked(index) = admission else {
            panic!("{admission:?}");
        };
        assert_eq!(pool.settle_in(NOW, &mut session, index, 200).0, None);
    }
    // Its endpoint goes: two requests at once agree on the next one, and one of them moves it.
    let _ = pool.update(NOW, settings(TABLE, OnDown::Repick, &["c", "d"]));
    let (mut one, first) = ask(&mut pool, Claim::Session(77), 7, &Tried::default());
    let (mut two, second) = ask(&mut pool, Claim::Session(77), 8, &Tried::default());
    assert_eq!(first, second);
    let Admission::Picked(index) = first else {
        panic!("{first:?}");
    };
    assert_eq!(
        pool.settle_in(NOW, &mut one, index, 200).0,
        Some(Step::Moved)
    );
    assert_eq!(pool.settle_in(NOW, &mut two, index, 200).0, None);
    let place = name(&pool, first);
    let _ = pool.update(NOW, settings(TABLE, OnDown::Repick, &["a", "c", "d"]));
    let (_, admission) = ask(&mut pool, Claim::Session(77), 9, &Tried::default());
    assert_eq!(name(&pool, admission), place, "it does not flap back");
}

/// After a restart nothing is known: whoever answers a session well has it.
#[test]
fn a_forgotten_session_is_learned_from_who_answers_it() {
    for (status, known) in [(200, 1), (302, 1), (400, 0), (503, 0)] {
        let mut pool = pool(TABLE, OnDown::Repick);
        let (mut session, admission) = ask(&mut pool, Claim::Session(5), 1, &Tried::default());
        let Admission::Picked(index) = admission else {
            panic!("{admission:?}");
        };
        pool.settle_in(NOW, &mut session, index, status);
        let place = name(&pool, admission);
        assert_eq!(pool.sessions(NOW, &place), Some(known), "{status}");
    }
    let mut pool = pool(TABLE, OnDown::Repick);
    for number in 0..5 {
        let (mut session, admission) = ask(&mut pool, Claim::None, number, &Tried::default());
        session.named = Some(number);
        let Admission::Picked(index) = admission else {
            panic!("{admission:?}");
        };
        let (_, forgets) = pool.settle_in(NOW, &mut session, index, 200);
        assert_eq!(forgets, number >= 3, "the table holds three");
    }
}
