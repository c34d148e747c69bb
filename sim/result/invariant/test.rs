//! Lives that are right and lives that break one rule each.

use super::*;
use crate::result::test::event;
use evenkeel_core::queue::Priority;
use evenkeel_core::request::Failure;
use evenkeel_core::trace::{self, Goaway, HandshakeFailure};
use proptest::prelude::*;

pub(super) const LIMIT: Limit = Limit {
    attempts: 3,
    budget_ppm: 200_000,
    hedge_ppm: 50_000,
    concurrency: u32::MAX,
};

pub(super) const ARRIVED: Kind = Kind::Arrived { idempotent: true };
pub(super) const UNSAFE: Kind = Kind::Arrived { idempotent: false };
pub(super) const PICKED: Kind = Kind::Picked { budgeted: false };
pub(super) const RETRIED: Kind = Kind::Picked { budgeted: true };
const WAITS: Kind = Kind::Queued { budgeted: true };
pub(super) const COMPLETED: Kind = Kind::Completed;
const UPGRADED: Kind = Kind::Head { status: 101 };
pub(super) const HEAD: Kind = Kind::Head { status: 200 };
const REFUSED: Kind = Kind::Failed {
    failure: Failure::Dial,
    sent: false,
};
pub(super) const LOST: Kind = Kind::Failed {
    failure: Failure::Lost,
    sent: true,
};

const fn finished(outcome: Outcome) -> Kind {
    Kind::Finished {
        outcome,
        arrived: Timestamp::ZERO,
        priority: Priority::Normal,
    }
}

pub(super) const DONE: Kind = finished(Outcome::Complete { status: 200 });
const LEFT: Kind = finished(Outcome::Cancelled);

/// Request, try, kind.
pub(super) type Fed = (u64, u8, Kind);

/// Feeds (request, try, kind) at one event a millisecond; what was violated and its sentence.
pub(super) fn check(events: &[Fed]) -> Vec<(&'static str, String)> {
    let promise = Promise {
        weights: vec![1],
        bounds: vec![200],
        law: None,
        takes_anybody: true,
    };
    let mut checker = Checker::new(&[LIMIT], &[promise]);
    for (at, &(request, attempt, kind)) in (1..).zip(events) {
        checker.on(&event(at * 1_000_000, request, attempt, Some(0), kind));
    }
    let checks = checker.into_checks(Timestamp(1_000_000_000));
    let broken = checks.into_iter().filter(|check| !check.ok);
    broken
        .map(|check| (check.name, check.first.unwrap()))
        .collect()
}

/// A pool may count what the events say is in flight, and nothing beyond it.
#[test]
fn a_pool_is_at_rest_once_its_requests_have_ended() {
    let end = Timestamp(1_000_000_000);
    for (fed, expected) in [
        (
            &[(0, 0, ARRIVED), (0, 1, PICKED)][..],
            ["one_outcome", "in_flight", "tries"].as_slice(),
        ),
        (
            &[
                (0, 0, ARRIVED),
                (0, 1, PICKED),
                (0, 1, COMPLETED),
                (0, 0, DONE),
            ],
            &["at_rest"],
        ),
    ] {
        let mut checker = Checker::new(&[LIMIT], &[]);
        for &(request, attempt, kind) in fed {
            checker.on(&event(1_000_000, request, attempt, Some(0), kind));
        }
        checker.leftovers.push("a leak".to_owned());
        let checks = checker.into_checks(end);
        let broken = checks.iter().filter(|check| !check.ok);
        let broken: Vec<&str> = broken.map(|check| check.name).collect();
        assert_eq!(broken, expected);
    }
}

#[test]
fn right_lives_pass() {
    let table: [(&str, &[Fed]); 7] = [
        ("nothing", &[]),
        (
            "one try",
            &[
                (0, 0, ARRIVED),
                (0, 1, PICKED),
                (0, 1, HEAD),
                (0, 1, COMPLETED),
                (0, 1, DONE),
            ],
        ),
        (
            "a tunnel",
            &[
                (0, 0, ARRIVED),
                (0, 1, PICKED),
                (0, 1, UPGRADED),
                (0, 1, COMPLETED),
                (0, 1, DONE),
            ],
        ),
        (
            "refused, lost, done",
            &[
                (0, 0, ARRIVED),
                (0, 1, PICKED),
                (0, 1, Kind::DialFailed),
                (0, 1, REFUSED),
                (0, 2, PICKED),
                (0, 2, LOST),
                (0, 3, RETRIED),
                (0, 3, COMPLETED),
                (0, 3, DONE),
            ],
        ),
        (
            "not idempotent and never sent",
            &[
                (0, 0, UNSAFE),
                (0, 1, PICKED),
                (0, 1, REFUSED),
                (0, 2, PICKED),
                (0, 2, LOST),
                (0, 2, LEFT),
            ],
        ),
        (
            "in another order, with a number that never arrives",
            &[
                (3, 0, ARRIVED),
                (0, 0, ARRIVED),
                (0, 0, LEFT),
                (3, 0, LEFT),
                (1, 0, ARRIVED),
                (1, 0, LEFT),
            ],
        ),
        (
            "left before it was routed",
            &[(0, 0, LEFT), (1, 0, ARRIVED), (1, 0, LEFT)],
        ),
    ];
    for (name, events) in table {
        assert_eq!(check(events), [], "{name}");
    }
}

/// What is violated, by which events, and the sentence about it.
type Case = (&'static str, &'static [Fed], &'static str);

const BROKEN: [Case; 13] = [
    (
        "one_outcome",
        &[(4, 0, ARRIVED)],
        "request 4 at 1.000000000s: the run ended without its outcome",
    ),
    (
        "one_outcome",
        &[(1, 0, ARRIVED), (1, 0, LEFT), (1, 0, LEFT)],
        "request 1 at 0.003000000s: something happened after its outcome",
    ),
    (
        "one_outcome",
        &[(0, 0, ARRIVED), (0, 0, LEFT), (0, 0, ARRIVED)],
        "request 0 at 0.003000000s: something happened after its outcome",
    ),
    (
        "in_flight",
        &[(0, 0, ARRIVED), (0, 1, COMPLETED), (0, 1, DONE)],
        "request 0 at 0.002000000s: a try ended that was not in flight",
    ),
    (
        "in_flight",
        &[(0, 0, ARRIVED), (0, 1, PICKED), (0, 1, DONE)],
        "request 0 at 0.003000000s: it finished with a try in flight",
    ),
    (
        "in_flight",
        &[(0, 0, ARRIVED), (0, 0, UPGRADED), (0, 0, LEFT)],
        "request 0 at 0.002000000s: what became a tunnel was no request in flight",
    ),
    (
        "in_flight",
        &[
            (0, 0, ARRIVED),
            (0, 1, PICKED),
            (0, 1, UPGRADED),
            (0, 1, UPGRADED),
        ],
        "request 0 at 0.004000000s: what became a tunnel was no request in flight",
    ),
    (
        "tries",
        &[(0, 0, ARRIVED), (0, 1, PICKED), (0, 1, DONE)],
        "request 0 at 1.000000000s: 1 tries, but 0 completed and 0 failed",
    ),
    (
        "arrivals",
        &[(0, 0, DONE)],
        "request 0 at 0.001000000s: it has an outcome and never arrived",
    ),
    (
        "arrivals",
        &[(u64::MAX, 0, ARRIVED)],
        "request 18446744073709551615 at 0.001000000s: its number is far ahead of the others'",
    ),
    (
        "attempts",
        &[
            (0, 0, ARRIVED),
            (0, 2, PICKED),
            (0, 2, COMPLETED),
            (0, 2, DONE),
        ],
        "request 0 at 0.002000000s: its tries are not numbered one by one",
    ),
    (
        "attempts",
        &[
            (0, 0, ARRIVED),
            (0, 1, PICKED),
            (0, 1, REFUSED),
            (0, 2, PICKED),
            (0, 2, REFUSED),
            (0, 3, PICKED),
            (0, 3, REFUSED),
            (0, 4, PICKED),
            (0, 4, REFUSED),
            (0, 4, LEFT),
        ],
        "request 0 at 0.008000000s: it has more tries than `attempts` allows",
    ),
    (
        "safe_retry",
        &[
            (0, 0, UNSAFE),
            (0, 1, PICKED),
            (0, 1, LOST),
            (0, 2, RETRIED),
            (0, 2, COMPLETED),
            (0, 2, DONE),
        ],
        "request 0 at 0.004000000s: it is not idempotent, was sent, and was dispatched again",
    ),
];

#[test]
fn each_rule_is_found_broken() {
    for (name, events, first) in BROKEN {
        let broken = check(events);
        assert!(
            broken.contains(&(name, first.to_owned())),
            "{name}: {broken:?}"
        );
    }
}

/// `count` requests a millisecond apart, of which every `every`-th is lost once and retried.
fn retries(count: u64, every: u64) -> Vec<Fed> {
    let life = |request: u64| {
        let again = request % every == every - 1;
        let retry = [(request, 1, LOST), (request, 2, RETRIED)];
        let end = [(request, 2, COMPLETED), (request, 2, DONE)];
        [(request, 0, ARRIVED), (request, 1, PICKED)]
            .into_iter()
            .chain(retry.into_iter().filter(move |_| again))
            .chain(end)
    };
    (0..count).flat_map(life).collect()
}

/// 20 % of 1,000 requests in 10 s are 200 retries; 10 a second, 100, are always allowed.
#[test]
fn the_budget_is_a_share_of_ten_seconds_and_a_minimum() {
    assert_eq!(check(&retries(1_000, 5)), []);
    assert_eq!(check(&retries(100, 1)), []);
    let broken = check(&retries(101, 1));
    assert_eq!(broken.len(), 1);
    assert_eq!(broken[0].0, "retry_budget");
    assert!(broken[0].1.starts_with("request 100 "), "{}", broken[0].1);
    assert_eq!(check(&retries(1_000, 4))[0].0, "retry_budget");
    // Those that wait have drawn, and do not again when they are picked.
    let delayed = Kind::Delayed {
        until: Timestamp::MAX,
    };
    for wait in [WAITS, delayed] {
        let waits = |(request, attempt, kind): Fed| match kind {
            RETRIED => vec![(request, 1, wait), (request, attempt, PICKED)],
            _ => vec![(request, attempt, kind)],
        };
        let waiting = |count| {
            let events = retries(count, 1).into_iter();
            check(&events.flat_map(waits).collect::<Vec<_>>())
        };
        assert_eq!(waiting(100), []);
        assert_eq!(waiting(101)[0].0, "retry_budget");
    }
}

/// What concerns connections bears the number of no request, and disturbs none.
#[test]
fn what_is_outside_of_requests_is_passed_over() {
    let outside = [
        Kind::Opened,
        Kind::Handshake {
            resumed: false,
            version: 13,
        },
        Kind::HandshakeFailed {
            reason: HandshakeFailure::Full,
        },
        Kind::Limited {
            limit: trace::Limit::Handshakes,
        },
        Kind::Reset,
        Kind::Goaway {
            reason: Goaway::Resets,
        },
        Kind::Closed,
    ];
    let life = [ARRIVED, PICKED, COMPLETED, DONE];
    let events: Vec<Fed> = life
        .into_iter()
        .flat_map(|kind| [kind].into_iter().chain(outside))
        .map(|kind| (0, 1, kind))
        .collect();
    assert_eq!(check(&events), []);
}

/// Requests and tunnels share the bound: what a tunnel holds is free when it has ended.
#[test]
fn nobody_is_sent_beyond_the_bound() {
    let promise = Promise {
        weights: vec![1, 1],
        bounds: vec![2, u32::MAX],
        law: None,
        takes_anybody: true,
    };
    let opened: &[Fed] = &[
        (0, 0, ARRIVED),
        (0, 1, PICKED),
        (0, 1, UPGRADED),
        (1, 0, ARRIVED),
        (1, 1, PICKED),
    ];
    let third: &[Fed] = &[(2, 0, ARRIVED), (2, 1, PICKED)];
    let cases: [(&[Fed], bool); 4] = [
        (&[], false),
        (&[(1, 1, UPGRADED)], false),
        (&[(0, 1, COMPLETED), (0, 1, DONE)], true),
        (&[(1, 1, LOST), (1, 1, LEFT)], true),
    ];
    for (between, ok) in cases {
        for slot in [0, 1] {
            let mut checker = Checker::new(&[LIMIT], std::slice::from_ref(&promise));
            for (request, attempt, kind) in opened.iter().chain(between).chain(third) {
                checker.on(&event(1, *request, *attempt, Some(slot), *kind));
            }
            let bound = Invariant::MaxConnections as usize;
            assert_eq!(checker.checks[bound].ok, ok || slot == 1, "{between:?}");
        }
    }
}

#[test]
fn the_ring_slides() {
    let mut checker = Checker::new(&[LIMIT], &[]);
    for request in 0..100_000 {
        checker.on(&event(request, request * 2, 0, None, ARRIVED));
        checker.on(&event(request, request * 2, 0, None, LEFT));
    }
    assert!(checker.lives.room() as u64 <= 4 * life::ABSENT);
    assert!(
        checker
            .into_checks(Timestamp(0))
            .iter()
            .all(|check| check.ok)
    );
}

proptest! {
    /// No sequence of events makes it panic.
    #[test]
    fn any_events_are_taken(
        events in prop::collection::vec((0_u64..6, any::<u8>(), 0_usize..12, any::<u32>()), 0..200),
    ) {
        let kinds = [
            ARRIVED, UNSAFE, WAITS, PICKED, RETRIED, HEAD, UPGRADED, COMPLETED, REFUSED, LOST, DONE,
            LEFT,
        ];
        let mut checker = Checker::new(&[LIMIT], &[]);
        for (request, attempt, kind, at) in events {
            checker.on(&event(u64::from(at) * 1_000, request, attempt, None, kinds[kind]));
        }
        prop_assert_eq!(checker.into_checks(Timestamp::MAX).len(), Invariant::ALL.len());
    }
}
