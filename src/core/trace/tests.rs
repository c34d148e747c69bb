//! The records that trace hashes are taken over: a change here changes every golden hash.

use super::*;
use crate::queue::Priority;
use crate::request::Local;

/// Those of requests and of connections of clients.
fn kinds() -> Vec<(Kind, u8, u16)> {
    let finished = |outcome| Kind::Finished {
        outcome,
        arrived: Timestamp(5),
        priority: Priority::Low,
    };
    let failed = |failure, sent| Kind::Failed { failure, sent };
    let refused = |reason| Kind::HandshakeFailed { reason };
    let goaway = |reason| Kind::Goaway { reason };
    let limited = |limit| Kind::Limited { limit };
    vec![
        (Kind::Arrived { idempotent: true }, 0, 1),
        (Kind::Queued { budgeted: false }, 1, 0),
        (Kind::Queued { budgeted: true }, 1, 1),
        (Kind::Picked { budgeted: true }, 2, 1),
        (Kind::Connected { reused: true }, 3, 1),
        (Kind::DialFailed, 4, 0),
        (Kind::Stale, 5, 0),
        (Kind::Head { status: 503 }, 6, 503),
        (failed(Failure::Dial, false), 7, 0),
        (failed(Failure::ClientLeft, true), 7, 15),
        (Kind::Completed, 8, 0),
        (finished(Outcome::Complete { status: 200 }), 9, 200),
        (finished(Outcome::Local(Local::BadGateway)), 9, 1003),
        (Kind::Opened, 10, 0),
        (Kind::Closed, 11, 0),
        (Kind::Rejected { status: 431 }, 12, 431),
        (
            Kind::Handshake {
                resumed: true,
                version: 13,
            },
            13,
            27,
        ),
        (refused(HandshakeFailure::Timeout), 14, 0),
        (refused(HandshakeFailure::Protocol), 14, 1),
        (refused(HandshakeFailure::Certificate), 14, 2),
        (refused(HandshakeFailure::Full), 14, 3),
        (refused(HandshakeFailure::Left), 14, 4),
        (
            Kind::Delayed {
                until: Timestamp(7),
            },
            26,
            0,
        ),
        (Kind::Hedged, 29, 0),
        (failed(Failure::Spare, true), 7, 21),
        (Kind::Reset, 15, 0),
        (goaway(Goaway::Resets), 16, 0),
        (goaway(Goaway::Protocol), 16, 2),
        (limited(Limit::Connections), 17, 0),
        (limited(Limit::Resets), 17, 6),
    ]
}

/// Those of the health of endpoints.
fn of_health() -> Vec<(Kind, u8, u16)> {
    let probed = |check, outcome| Kind::Probed { check, outcome };
    let standing = |standing| Kind::Health { standing };
    let ejected = |cause| Kind::Ejected { cause };
    let panic = |mode| Kind::Panic { mode };
    vec![
        (probed(0, health::Outcome::Passed), 18, 0),
        (probed(2, health::Outcome::Slow), 18, 0x208),
        (standing(Standing::Up), 19, 0),
        (standing(Standing::Down), 19, 2),
        (ejected(Cause::ConsecutiveFailures), 20, 0),
        (ejected(Cause::Trial), 20, 4),
        (Kind::OnTrial, 21, 0),
        (Kind::Returned, 22, 0),
        (panic(panic::Mode::Off), 23, 0),
        (panic(panic::Mode::Closed), 23, 2),
    ]
}

/// What is no part of the hash has a number all the same.
const WAITED: (Kind, u8, u16) = (
    Kind::Waited {
        since: Timestamp(5),
    },
    25,
    0,
);

/// What a limit says before a request's life begins.
const THROTTLED: (Kind, u8, u16) = (
    Kind::Throttled {
        rule: 3,
        verdict: limit::Verdict::Requests,
        dry_run: true,
    },
    27,
    0x305,
);

/// Every kind, its number and its detail.
fn all() -> impl Iterator<Item = (Kind, u8, u16)> {
    kinds().into_iter().chain(of_health()).chain([
        WAITED,
        THROTTLED,
        (Kind::Spilled { kept_percent: 70 }, 28, 70),
        (Kind::Bounded { limit: 7 }, 32, 7),
        (Kind::Bounded { limit: 70_000 }, 32, u16::MAX),
        (Kind::Parted, 30, 0),
        (Kind::Drained, 31, 0),
        (
            Kind::Asked {
                outcome: health::Outcome::Timeout,
            },
            33,
            2,
        ),
    ])
}

#[test]
fn records_are_frozen() {
    for (kind, number, detail) in all() {
        let event = Event {
            at: Timestamp(0x0102_0304_0506_0708),
            request: 0x1_0000_0009,
            pool: 3,
            attempt: 2,
            endpoint: None,
            kind,
        };
        let [low, high] = detail.to_le_bytes();
        let at = [8, 7, 6, 5, 4, 3, 2, 1];
        let who = [9, 0, 0, 0, 3, 0, 0xff, 0xff];
        let expected = [&at[..], &who, &[2, number, low, high]].concat();
        assert_eq!(event.bytes().to_vec(), expected, "{kind:?}");
    }
}

#[test]
fn connections_are_outside_of_requests() {
    for (kind, number, _) in all() {
        let outside = [10, 11, 27, 28, 31, 32, 33].contains(&number) || (13..24).contains(&number);
        assert_eq!(kind.is_outside(), outside, "{kind:?}");
    }
}
