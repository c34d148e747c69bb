//! Requests with two tries at once: what is right, and what is found wrong.

use super::test::{ARRIVED, COMPLETED, DONE, Fed, HEAD, LOST, PICKED, RETRIED, UNSAFE, check};
use super::*;
use evenkeel_core::request::Failure;

const OUTRUN: Kind = Kind::Failed {
    failure: Failure::Outrun,
    sent: true,
};

/// A hedged request of which the second try is answered first.
fn hedged(request: u64) -> Vec<Fed> {
    vec![
        (request, 0, ARRIVED),
        (request, 1, PICKED),
        (request, 1, Kind::Hedged),
        (request, 2, RETRIED),
        (request, 2, HEAD),
        (request, 1, OUTRUN),
        (request, 2, COMPLETED),
        (request, 2, DONE),
    ]
}

#[test]
fn two_tries_at_once_are_right_if_one_is_a_hedge() {
    assert_eq!(check(&hedged(0)), []);
    let mut failing = hedged(0);
    // The second one fails, and the first goes on.
    failing[4..7].copy_from_slice(&[(0, 2, LOST), (0, 1, HEAD), (0, 1, COMPLETED)]);
    assert_eq!(check(&failing), []);
}

#[test]
fn what_is_wrong_with_hedges_is_found() {
    let cases: [(usize, Fed, &str, &str); 4] = [
        (
            0,
            (0, 0, UNSAFE),
            "safe_retry",
            "it is not idempotent, and was hedged",
        ),
        (
            1,
            (0, 0, HEAD),
            "in_flight",
            "it was hedged without one try in flight",
        ),
        (
            2,
            (0, 1, HEAD),
            "in_flight",
            "it was dispatched with a try in flight",
        ),
        (
            5,
            (0, 1, HEAD),
            "in_flight",
            "it finished with a try in flight",
        ),
    ];
    for (at, wrong, name, text) in cases {
        let mut events = hedged(0);
        events[at] = wrong;
        let broken = check(&events);
        let found = |(broken, told): &(&str, String)| *broken == name && told.ends_with(text);
        assert!(broken.iter().any(found), "{text}: {broken:?}");
    }
}

/// Ten a second for ten seconds are always allowed; then a share of 5 %.
#[test]
fn hedges_have_a_budget_of_their_own() {
    let hedges = |count| (0..count).flat_map(hedged).collect::<Vec<Fed>>();
    assert_eq!(check(&hedges(100)), []);
    let broken = check(&hedges(101));
    assert!(
        broken[0].1.ends_with("beyond the budget of 10 s"),
        "{broken:?}"
    );
}
