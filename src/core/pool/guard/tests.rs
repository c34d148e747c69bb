//! The guard in its pool: who may be picked while checks fail, ejections last and endpoints warm.

mod limit;
mod machine;
mod slow;

use std::time::Duration;

use super::*;
use crate::endpoint::{Spec, Tried};
use crate::health::Check;
use crate::outlier::{Ended, Statuses};
use crate::policy::tests::spec;
use crate::policy::{Key, Kind};
use crate::pool::{Admission, Settings as PoolSettings, State as Pool, Verdict};
use crate::queue::{Grant, Token};

const S: Duration = Duration::from_secs(1);
const START: Timestamp = Timestamp(1_000_000_000);

fn checks() -> health::Settings {
    health::Settings {
        checks: vec![Check {
            name: "http".into(),
            interval: S * 5,
            interval_in_doubt: S * 2,
            timeout: S,
            rise: 2,
            fall: 3,
        }],
        initial: Standing::Checking,
    }
}

fn outliers() -> outlier::Settings {
    outlier::Settings {
        consecutive_failures: 3,
        statuses: Statuses::default().with(500),
        window: S * 10,
        error_rate: None,
        success_rate: None,
        latency: None,
        eject: S * 5,
        eject_max: S * 60,
        max_ejected_ppm: 500_000,
    }
}

fn settings(names: &str, guard: Settings) -> PoolSettings {
    PoolSettings {
        policy: Kind::RoundRobin,
        endpoints: names
            .chars()
            .map(|name| spec(&name.to_string(), 1))
            .collect(),
        retry: crate::retry::Settings::at_once(0),
        queue: crate::queue::Settings::fifo(3),
        guard,
        affinity: None,
        spill: Default::default(),
        drain: None,
    }
}

fn pool(names: &str, guard: Settings) -> Pool {
    Pool::new(0, settings(names, guard))
}

fn rng(id: u64) -> Rng {
    Stream::new(1, "pick").at(id)
}

/// The names of those that `n` requests get, or `-` for nobody.
fn picks(pool: &mut Pool, now: Timestamp, n: u64) -> String {
    let mut names = String::new();
    for id in 0..n {
        let picked = pool.arrive(now, Token(id), Key::None, &mut rng(id));
        match picked {
            Admission::Picked(who) => {
                names += pool.name(who.slot).expect("it is there");
                pool.complete(now, who, Verdict::Success);
            }
            _ => names.push('-'),
        }
    }
    names
}

/// Performs the probes that are due at `now`: those of `healthy` endpoints pass.
fn probe(pool: &mut Pool, now: Timestamp, healthy: &str) {
    assert_eq!(pool.tick(now), []);
    while let Some(order) = pool.order(now) {
        let name = pool.name(order.endpoint.slot).expect("it is there");
        let outcome = match healthy.contains(name) {
            true => Outcome::Passed,
            false => Outcome::Refused,
        };
        assert_eq!(pool.probed(now, &order, outcome), []);
    }
}

/// A request that fails at the endpoint in `slot`, so many times.
fn fail(pool: &mut Pool, now: Timestamp, slot: u32, times: u32) {
    let who = pool.endpoints()[slot as usize].index;
    for _ in 0..times {
        pool.judge(now, who, &told(now, Ended::Failed));
    }
}

fn told(dispatched: Timestamp, ended: Ended) -> Report {
    Report {
        dispatched,
        ended,
        first_byte: None,
    }
}

fn news(pool: &mut Pool) -> Vec<(Option<u32>, trace::Kind)> {
    let events = std::iter::from_fn(|| pool.news());
    events
        .map(|event| (event.endpoint.map(|e| e.slot), event.kind))
        .collect()
}

#[test]
fn without_settings_there_is_no_guard() {
    let mut plain = pool("ab", Settings::default());
    assert!(plain.guard.is_none());
    assert_eq!(plain.next_deadline(), Timestamp::MAX);
    fail(&mut plain, START, 0, 100);
    assert_eq!(
        (picks(&mut plain, START, 2), plain.news()),
        ("ab".into(), None)
    );
}

#[test]
fn who_fails_its_checks_is_not_picked() {
    let mut pool = pool(
        "abc",
        Settings {
            health: Some(checks()),
            panic: panic::Settings {
                below_ppm: 300_000,
                closed: false,
            },
            ..Settings::default()
        },
    );
    assert_eq!(
        picks(&mut pool, START, 3),
        "abc",
        "nothing is known against anybody"
    );
    let mut now = START;
    while pool.standing(1) != Standing::Down {
        now = pool.next_deadline().max(now);
        probe(&mut pool, now, "ac");
    }
    assert!(now.since(START) <= S * 9);
    assert_eq!(picks(&mut pool, now, 4), "acac");
    while pool.standing(1) == Standing::Down {
        now = pool.next_deadline();
        probe(&mut pool, now, "abc");
    }
    assert!(picks(&mut pool, now, 3).contains('b'));
}

#[test]
fn too_few_are_a_panic() {
    for (closed, mode, tried) in [(false, Mode::Open, "abc"), (true, Mode::Closed, "---")] {
        let mut pool = pool(
            "abc",
            Settings {
                health: Some(checks()),
                panic: panic::Settings {
                    below_ppm: 500_000,
                    closed,
                },
                ..Settings::default()
            },
        );
        let mut now = START;
        while pool.standing(1) != Standing::Down || pool.standing(2) != Standing::Down {
            now = pool.next_deadline().max(now);
            probe(&mut pool, now, "a");
        }
        assert_eq!(pool.panic(), mode);
        assert!(news(&mut pool).contains(&(None, trace::Kind::Panic { mode })));
        assert_eq!(picks(&mut pool, now, 3), tried);
        while pool.standing(1) == Standing::Down {
            now = pool.next_deadline();
            probe(&mut pool, now, "ab");
        }
        assert_eq!(pool.panic(), Mode::Off);
        assert!(!picks(&mut pool, now, 4).contains(['c', '-']));
    }
}

/// A configuration that asks for no checks any more ends their panic, too; and nothing that they
/// have found out is lost.
#[test]
fn a_panic_ends_with_its_guard() {
    let guard = Settings {
        health: Some(checks()),
        panic: panic::Settings {
            below_ppm: 500_000,
            closed: true,
        },
        ..Settings::default()
    };
    let mut pool = pool("ab", guard);
    let mut now = START;
    while pool.panic() == Mode::Off {
        now = pool.next_deadline().max(now);
        probe(&mut pool, now, "");
    }
    assert_eq!(picks(&mut pool, now, 1), "-");
    assert_eq!(pool.update(now, settings("ab", Settings::default())), []);
    assert_eq!(picks(&mut pool, now, 2), "ab");
    assert_eq!(pool.next_deadline(), Timestamp::ZERO, "there is news");
    let panics: Vec<_> = news(&mut pool)
        .into_iter()
        .filter_map(|(_, kind)| match kind {
            trace::Kind::Panic { mode } => Some(mode),
            _ => None,
        })
        .collect();
    assert_eq!(panics, [Mode::Closed, Mode::Off]);
    assert_eq!(pool.next_deadline(), Timestamp::MAX);
}

#[test]
fn who_fails_requests_is_ejected_tried_and_returns() {
    let guard = Settings {
        outlier: Some(outliers()),
        ..Settings::default()
    };
    let mut pool = pool("abc", guard);
    fail(&mut pool, START, 1, 3);
    let cause = Cause::ConsecutiveFailures;
    assert_eq!(news(&mut pool), [(Some(1), trace::Kind::Ejected { cause })]);
    assert_eq!(picks(&mut pool, START, 4), "acac");
    let now = START + S * 6;
    assert!(pool.next_deadline() <= now);
    assert_eq!(pool.tick(now), []);
    assert_eq!(news(&mut pool), [(Some(1), trace::Kind::OnTrial)]);
    // Its completions are not reported here: one request tries it, and it takes no second one.
    let tried = picks(&mut pool, now, 6);
    assert_eq!(tried.matches('b').count(), 1, "{tried}");
    let who = pool.endpoints()[1].index;
    assert!(pool.judge(now, who, &told(now, Ended::Answered(200))));
    assert_eq!(news(&mut pool), [(Some(1), trace::Kind::Returned)]);
    assert_eq!(picks(&mut pool, now, 6).matches('b').count(), 2);
}

#[test]
fn never_too_many_and_never_the_last() {
    // Share that may be ejected, endpoints, how many of them are.
    let cases = [
        (500_000, "abcd", 2),
        (500_000, "abc", 1),
        (100_000, "abcd", 1),
    ];
    let all = [
        (1_000_000, "abcd", 3),
        (1_000_000, "ab", 1),
        (1_000_000, "a", 0),
    ];
    for (max_ejected_ppm, names, expected) in cases.into_iter().chain(all) {
        let guard = Settings {
            outlier: Some(outlier::Settings {
                max_ejected_ppm,
                ..outliers()
            }),
            ..Settings::default()
        };
        let mut pool = pool(names, guard);
        for slot in 0..names.len() as u32 {
            fail(&mut pool, START, slot, 9);
        }
        let slots = 0..names.len() as u32;
        let ejected = slots.filter(|slot| pool.is_ejected(*slot)).count();
        assert_eq!(ejected, expected, "{max_ejected_ppm} of {names}");
        assert!(!picks(&mut pool, START, 1).contains('-'));
    }
}

#[test]
fn who_waits_learns_of_a_change() {
    let bounded = |name: &str| Spec {
        max_connections: Some(1),
        ..spec(name, 1)
    };
    let guard = Settings {
        outlier: Some(outliers()),
        ..Settings::default()
    };
    let mut pool = Pool::new(
        0,
        PoolSettings {
            endpoints: vec![bounded("a"), bounded("b")],
            ..settings("", guard)
        },
    );
    let arrive =
        |pool: &mut Pool, token| pool.arrive(START, Token(token), Key::None, &mut rng(token));
    let Admission::Picked(a) = arrive(&mut pool, 1) else {
        panic!("a is free")
    };
    assert!(matches!(arrive(&mut pool, 2), Admission::Picked(_)));
    let mut not_a = Tried::default();
    not_a.push(a);
    assert_eq!(
        pool.admit(START, Token(3), not_a, Key::None, &mut rng(3)),
        Admission::Queued
    );
    fail(&mut pool, START, 1, 3);
    assert_eq!(
        pool.next_deadline(),
        Timestamp::ZERO,
        "somebody waits for nobody"
    );
    assert_eq!(pool.tick(START), [Grant { token: Token(3) }]);
    let taken = pool.take_up(START, Token(3), not_a, Key::None, &mut rng(3));
    assert_eq!(taken, Admission::NoEndpoint);
}

/// What is known of an endpoint belongs to its name, and goes with it.
#[test]
fn a_reload_keeps_ejections_by_name() {
    let guard = Settings {
        outlier: Some(outliers()),
        ..Settings::default()
    };
    let mut pool = pool("abc", guard.clone());
    fail(&mut pool, START, 1, 3);
    assert_eq!(pool.update(START, settings("cb", guard.clone())), []);
    assert_eq!(picks(&mut pool, START, 2), "cc");
    assert_eq!(pool.update(START, settings("cd", guard)), []);
    assert!(
        picks(&mut pool, START, 2).contains('d'),
        "in b's slot or a's"
    );
    assert_eq!(pool.update(START, settings("cb", Settings::default())), []);
    assert!(
        picks(&mut pool, START, 2).contains('b'),
        "no guard, nobody ejected"
    );
}

/// A pool that refuses while too few are fine lets one request at a time try who was ejected, or it
/// would refuse for ever.
#[test]
fn a_closed_pool_finds_out_who_is_well_again() {
    let guard = Settings {
        outlier: Some(outliers()),
        panic: panic::Settings {
            below_ppm: 600_000,
            closed: true,
        },
        ..Settings::default()
    };
    let mut pool = pool("ab", guard);
    fail(&mut pool, START, 1, 3);
    assert_eq!(pool.panic(), Mode::Closed);
    assert_eq!(picks(&mut pool, START, 2), "--");
    let later = START + S * 6;
    assert_eq!(pool.tick(later), []);
    assert_eq!(picks(&mut pool, later, 2), "b-", "one tries it");
    let who = pool.endpoints()[1].index;
    pool.judge(later, who, &told(later, Ended::Answered(200)));
    assert_eq!(pool.panic(), Mode::Off);
    assert!(!picks(&mut pool, later, 4).contains('-'));
}
