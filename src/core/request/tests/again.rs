//! What is tried again beyond lost connections, and what a retry waits for.

use super::*;
use crate::outlier::Statuses;
use crate::retry::{self, On};

/// A plan of three tries, for 503 too.
const STATUS: Plan = Plan {
    attempts: 3,
    on: On::FAILURES.and(On::STATUS),
    ..PLAN
};

/// Three endpoints whose 503 are tried again after up to `backoff_ms`, or what they ask for.
fn rig(plan: Plan, backoff_ms: u32) -> Rig {
    let mut rig = Rig::three(plan);
    rig.shell.retry(retry::Settings {
        statuses: Statuses::default().with(503),
        backoff: MS * backoff_ms,
        max_wait: MS * 100,
        ..retry::Settings::at_once(0)
    });
    rig
}

const fn refused(attempt: u8, asked_ms: u32) -> Event {
    Event::Head {
        attempt,
        status: 503,
        retry_after: Span(asked_ms as u64 * 1_000_000),
    }
}

const SENT: [(Event, &str); 2] = [(arrived(true), "connect1 a"), (connected(1), "send1")];

#[test]
fn a_named_status_is_another_endpoints_chance() {
    let mut rig = rig(STATUS, 0);
    rig.run(&SENT);
    rig.run(&[
        (refused(1, 0), "cancel1, connect2 b"),
        (refused(1, 0), ""),
        (connected(2), "send2"),
        (refused(2, 0), "cancel2, connect3 c"),
        (connected(3), "send3"),
        (refused(3, 0), "forward3"),
        (Event::BodyEnded, "finish"),
    ]);
    assert_eq!(
        rig.trace(),
        "0- arrived, 1a picked, 1a connected, 1a head 503, 1a Refused sent, \
         2b picked on budget, 2b connected, 2b head 503, 2b Refused sent, \
         3c picked on budget, 3c connected, 3c head 503, 3c completed, 3- Complete { status: 503 }"
    );
    assert_eq!(rig.shell.in_flight(), 0);
}

/// A response is better than none: it is given up only for a try that is certain.
#[test]
fn what_cannot_be_tried_again_is_passed_on() {
    type Spoil = fn(&mut Rig);
    let cases: [(&str, Plan, Spoil); 5] = [
        ("another status", STATUS, |rig| {
            rig.shell.retry(retry::Settings::at_once(0));
        }),
        (
            "the last try",
            Plan {
                attempts: 1,
                ..STATUS
            },
            |_| (),
        ),
        ("a body that is gone", STATUS, |rig| {
            rig.run(&[(Event::ReplayLost, "")]);
        }),
        ("a spent budget", STATUS, |rig| rig.shell.leave_retries(0)),
        ("nobody else", STATUS, |rig| {
            assert_eq!(rig.reload(&[spec("a", 1)]), []);
        }),
    ];
    for (name, plan, spoil) in cases {
        let mut rig = rig(plan, 0);
        rig.run(&SENT);
        spoil(&mut rig);
        assert_eq!(rig.on(refused(1, 0)), "forward1", "{name}");
        rig.run(&[(Event::BodyEnded, "finish")]);
    }
    let mut rig = rig(STATUS, 0);
    rig.run(&[(arrived(false), "connect1 a"), (connected(1), "send1")]);
    assert_eq!(rig.on(refused(1, 0)), "forward1", "it is not idempotent");
}

/// All others are full: nobody waits in the queue who has an answer.
#[test]
fn a_response_is_not_given_up_for_a_place_in_the_queue() {
    let full = |name| Spec {
        max_connections: Some(1),
        ..spec(name, 1)
    };
    let mut rig = rig(STATUS, 0);
    assert_eq!(rig.reload(&[full("a"), full("b"), full("c")]), []);
    rig.run(&SENT);
    for token in [2, 3] {
        let mut rng = Stream::new(1, "other").at(token);
        let pool = &mut rig.shell.pool;
        let other = pool.arrive(START, Token(token), Key::None, &mut rng);
        assert!(matches!(other, Admission::Picked(_)));
    }
    assert_eq!(rig.on(refused(1, 0)), "forward1");
}

#[test]
fn a_pool_says_what_is_tried_again() {
    let none = Plan {
        on: On::default(),
        ..PLAN
    };
    Rig::three(none).run(&[
        (arrived(true), "connect1 a"),
        (dial_failed(1), "BadGateway, finish"),
    ]);
    let mut rig = Rig::three(none);
    rig.run(&SENT);
    rig.run(&[(lost(1, true), "BadGateway, finish")]);
    // A connection that was idle is replaced all the same: that is no retry.
    Rig::three(none).run(&[
        (arrived(true), "connect1 a"),
        (reused(1), "send1"),
        (stale(1, true), "connect1 a fresh"),
    ]);
    let any = Plan {
        on: On::FAILURES.and(On::ANY_METHOD),
        ..PLAN
    };
    Rig::three(any).run(&[
        (arrived(false), "connect1 a"),
        (connected(1), "send1"),
        (lost(1, true), "connect2 b"),
    ]);
}

/// The time is drawn from the request's own generator, below the bound; the budget pays before.
#[test]
fn a_retry_waits_for_its_time() {
    let mut rig = rig(STATUS, 20);
    rig.shell.leave_retries(1);
    rig.run(&SENT);
    rig.run(&[(lost(1, true), "")]);
    let ends = rig.request.deadline();
    assert!(START < ends && ends < START + MS * 20, "{ends}");
    rig.request.touch(rig.now);
    rig.run(&[(Event::Timer, ""), (lost(1, true), ""), (connected(1), "")]);
    assert_eq!(rig.request.deadline(), ends);
    rig.now = ends;
    rig.run(&[(Event::Timer, "connect2 b")]);
    assert_eq!(
        rig.trace(),
        "0- arrived, 1a picked, 1a connected, 1a Lost sent, 1- delayed, 2b picked"
    );
}

#[test]
fn a_failed_dial_waits_for_nothing() {
    rig(STATUS, 20).run(&[
        (arrived(true), "connect1 a"),
        (dial_failed(1), "connect2 b"),
    ]);
}

#[test]
fn what_an_endpoint_asks_for_is_waited_for_or_passed_on() {
    let limited = Plan {
        total: Span::of(Duration::from_millis(50)),
        ..STATUS
    };
    // Asked for, and the least that it then takes; none: it is passed on.
    let cases = [
        (STATUS, 100, Some(100)),
        (STATUS, 101, None),
        (limited, 49, Some(49)),
        (limited, 50, None),
    ];
    for (plan, asked_ms, least_ms) in cases {
        let mut rig = rig(plan, 0);
        rig.run(&SENT);
        let Some(least_ms) = least_ms else {
            assert_eq!(rig.on(refused(1, asked_ms)), "forward1", "{asked_ms}");
            continue;
        };
        assert_eq!(rig.on(refused(1, asked_ms)), "cancel1", "{asked_ms}");
        assert_eq!(rig.request.deadline(), START + MS * least_ms);
        rig.later(least_ms);
        rig.run(&[(Event::Timer, "connect2 b")]);
    }
}

#[test]
fn a_client_may_leave_between_two_tries() {
    let mut rig = rig(STATUS, 20);
    rig.run(&SENT);
    rig.run(&[(refused(1, 5), "cancel1"), (Event::ClientLeft, "finish")]);
    assert_eq!(rig.shell.in_flight(), 0);
    assert_eq!(rig.request.deadline(), Timestamp::MAX);
}

#[test]
fn who_has_no_time_left_does_not_wait() {
    let plan = Plan {
        total: Span::of(Duration::from_nanos(1)),
        ..STATUS
    };
    let mut rig = rig(plan, 20);
    rig.run(&SENT);
    rig.run(&[(lost(1, true), "BadGateway, finish")]);
}
