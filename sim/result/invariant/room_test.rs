//! Who waits, and who should not have had to.

use std::time::Duration;

use evenkeel_core::health::Standing;

use super::test::LIMIT;
use super::*;
use crate::result::test::event;

const MS: u64 = 1_000_000;
const PICKED: Kind = Kind::Picked { budgeted: false };
const QUEUED: Kind = Kind::Queued { budgeted: false };

/// When in ms, request, slot, what.
type Fed = (u64, u64, Option<u32>, Kind);

fn arrived(at: u64, request: u64) -> Fed {
    (at, request, None, Kind::Arrived { idempotent: true })
}

/// Two endpoints with a place each, taken by 1 and 2; 3 waits from 10 ms on. Then `events`, and at
/// 100 ms the wait is over. Whether that is found wrong.
fn is_wrong(events: &[Fed], takes_anybody: bool) -> bool {
    let promise = Promise {
        weights: vec![1, 1],
        bounds: vec![1, 1],
        law: None,
        takes_anybody,
    };
    let mut checker = Checker::new(&[LIMIT], &[promise]);
    let waited = Kind::Waited {
        since: Timestamp::ZERO + Duration::from_millis(10),
    };
    let before = [
        arrived(1, 1),
        (1, 1, Some(0), PICKED),
        arrived(2, 2),
        (2, 2, Some(1), PICKED),
        arrived(10, 3),
        (10, 3, None, QUEUED),
    ];
    let after = (100, 3, None, waited);
    for (at, request, slot, kind) in before.iter().chain(events).chain([&after]) {
        let attempt = u8::from(slot.is_some());
        checker.on(&event(at * MS, *request, attempt, *slot, *kind));
    }
    let checks = checker.into_checks(Timestamp(1_000 * MS));
    let check = checks.iter().find(|check| check.name == "work_conserving");
    !check.expect("it is checked").ok
}

#[test]
fn a_place_that_is_free_goes_to_who_waits() {
    let down = Kind::Health {
        standing: Standing::Down,
    };
    let free = (50, 1, Some(0), Kind::Completed);
    let cases: [(&str, &[Fed], bool); 6] = [
        ("all are full", &[], false),
        ("one is free", &[free], true),
        ("just now", &[(90, 1, Some(0), Kind::Completed)], false),
        (
            "somebody else goes there",
            &[free, arrived(60, 4), (60, 4, Some(0), PICKED)],
            false,
        ),
        ("it is down", &[free, (55, 0, Some(0), down)], false),
        (
            "nobody has been there since the other went down",
            &[free, (55, 0, Some(1), down)],
            false,
        ),
    ];
    for (name, events, expected) in cases {
        assert_eq!(is_wrong(events, true), expected, "{name}");
        assert!(!is_wrong(events, false), "{name}: it may want another one");
    }
}
