//! The ways through a life that need no retry: answers, clients that leave, late reports.

use super::*;
use crate::endpoint;

#[test]
fn a_request_that_goes_well() {
    let mut rig = Rig::three(PLAN);
    rig.run(&[
        (arrived(false), "connect1 a"),
        (reused(1), "send1"),
        (head(1, 503), "forward1"),
        (Event::BodyEnded, "finish"),
    ]);
    let expected = "0- arrived, 1a picked, 1a reused, 1a head 503, 1a completed, \
                    1- Complete { status: 503 }";
    assert_eq!(rig.trace(), expected);
    assert_eq!(rig.shell.in_flight(), 0);
}

/// It is no request in flight while it lasts, and neither when it has ended, however it ends.
#[test]
fn a_tunnel_counts_apart() {
    let ends: [(Event, u32, &str, &str); 4] = [
        (
            Event::TunnelEnded,
            0,
            "finish",
            "1a completed, 1- Complete { status: 101 }",
        ),
        (
            lost(1, true),
            0,
            "finish",
            "1a Cut sent, 1- Cut { status: 101 }",
        ),
        (
            Event::ClientLeft,
            0,
            "cancel1, finish",
            "1a ClientLeft sent, 1- Cancelled",
        ),
        (
            Event::Timer,
            50,
            "cancel1, finish",
            "1a IdleTimeout sent, 1- Cut { status: 101 }",
        ),
    ];
    for (end, after_ms, expected, trace) in ends {
        let mut rig = Rig::three(PLAN);
        rig.run(&[(arrived(true), "connect1 a"), (connected(1), "send1")]);
        assert_eq!((rig.shell.in_flight(), rig.shell.tunnels()), (1, 0));
        rig.run(&[(upgraded(1), "forward1"), (Event::BodyEnded, "")]);
        assert_eq!((rig.shell.in_flight(), rig.shell.tunnels()), (0, 1));
        rig.later(after_ms);
        rig.run(&[(end, expected)]);
        assert_eq!((rig.shell.in_flight(), rig.shell.tunnels()), (0, 0));
        assert!(rig.trace().ends_with(trace), "{}", rig.trace());
    }
}

/// A tunnel whose endpoint goes in a reload is counted nowhere any more.
#[test]
fn a_tunnel_outlives_its_endpoint() {
    let mut rig = Rig::three(PLAN);
    rig.run(&[(arrived(true), "connect1 a"), (connected(1), "send1")]);
    rig.run(&[(upgraded(1), "forward1")]);
    assert_eq!(rig.reload(&[spec("new", 1)]), []);
    assert_eq!(rig.shell.tunnels(), 0);
    rig.run(&[(Event::TunnelEnded, "finish")]);
    assert_eq!((rig.shell.in_flight(), rig.shell.tunnels()), (0, 0));
}

/// The place of a tunnel is free when the tunnel ends, and not before.
#[test]
fn the_end_of_a_tunnel_grants_its_place() {
    let only = Spec {
        max_connections: Some(1),
        ..spec("a", 1)
    };
    let mut rig = Rig::new(&[only], PLAN);
    rig.run(&[(arrived(true), "connect1 a"), (connected(1), "send1")]);
    let mut rng = Stream::new(1, "other").at(0);
    let waits = |rig: &mut Rig, token, rng: &mut Rng| {
        let other = rig.shell.pool.arrive(START, Token(token), Key::None, rng);
        assert_eq!(other, Admission::Queued);
    };
    waits(&mut rig, 8, &mut rng);
    rig.run(&[(upgraded(1), "forward1")]);
    waits(&mut rig, 9, &mut rng);
    assert_eq!(rig.shell.grants, []);
    rig.run(&[(Event::TunnelEnded, "finish")]);
    assert_eq!(rig.shell.grants, [Grant { token: Token(8) }]);
    assert_eq!((rig.shell.in_flight(), rig.shell.tunnels()), (1, 0));
}

#[test]
fn the_pool_says_no() {
    let full = Spec {
        max_connections: Some(0),
        ..spec("a", 1)
    };
    let mut rig = Rig::new(&[], PLAN);
    rig.run(&[(arrived(true), "NoEndpoint, finish")]);
    assert_eq!(rig.trace(), "0- arrived, 0- Local(NoEndpoint)");
    let mut rig = Rig::new(&[full], PLAN);
    for token in [7, 8] {
        let mut rng = Stream::new(1, "other").at(0);
        rig.shell
            .pool
            .arrive(START, Token(token), Key::None, &mut rng);
    }
    rig.run(&[(arrived(true), "QueueFull, finish")]);
    assert_eq!(rig.trace(), "0- arrived, 0- Local(QueueFull)");
}

#[test]
fn a_wait_and_its_grant() {
    let mut rig = Rig::waiting(PLAN);
    rig.other_ends();
    rig.run(&[
        (Event::Granted, "connect1 a"),
        (Event::Granted, ""),
        (connected(1), "send1"),
        (head(1, 200), "forward1"),
        (Event::BodyEnded, "finish"),
    ]);
    assert!(
        rig.trace()
            .starts_with("0- arrived, 0- queued, 0- waited, 1a picked, 1a connected")
    );
    assert_eq!(rig.shell.in_flight(), 0);
}

/// The second wait of a request is not mistaken for its first: it gives back what that one booked.
#[test]
fn a_second_wait_is_another_one() {
    let one = |name| Spec {
        max_connections: Some(1),
        ..spec(name, 1)
    };
    let mut rig = Rig::new(&[one("a"), one("b")], PLAN);
    let mut rng = Stream::new(1, "other").at(0);
    let others = [8, 9].map(|token| {
        rig.shell
            .pool
            .arrive(START, Token(token), Key::None, &mut rng)
    });
    let [Admission::Picked(a), Admission::Picked(b)] = others else {
        panic!("{others:?}");
    };
    rig.run(&[(arrived(true), "wait")]);
    rig.shell.pool.complete(START, a, Verdict::Success);
    rig.run(&[(Event::Granted, "connect1 a"), (dial_failed(1), "wait")]);
    let grant = rig.shell.pool.complete(START, b, Verdict::Success);
    assert!(grant.is_some());
    rig.run(&[(Event::ClientLeft, "finish")]);
    assert_eq!(rig.shell.in_flight(), 0);
}

/// A request that waits for the one endpoint, and whose grant is on its way when a reload leaves
/// `after` instead.
fn granted_what_is_gone(after: &[Spec]) -> Rig {
    let mut rig = Rig::waiting(PLAN);
    rig.other_ends();
    rig.later(3);
    assert_eq!(rig.reload(after), []);
    rig
}

#[test]
fn a_grant_whose_endpoint_is_gone_is_admitted_again() {
    let cases: [(&[Spec], &str, &str); 2] = [
        (&[spec("new", 1)], "connect1 a", "1a picked"),
        (&[], "NoEndpoint, finish", "0- Local(NoEndpoint)"),
    ];
    for (after, expected, trace) in cases {
        let mut rig = granted_what_is_gone(after);
        rig.run(&[(Event::Granted, expected)]);
        assert!(rig.trace().ends_with(trace), "{}", rig.trace());
        assert_eq!(rig.shell.in_flight(), u32::from(!after.is_empty()));
    }
}

/// It waits once more if it must, and altogether no longer than it would have.
#[test]
fn a_void_grant_does_not_prolong_the_wait() {
    let full = Spec {
        max_connections: Some(0),
        ..spec("new", 1)
    };
    let mut rig = granted_what_is_gone(&[full]);
    rig.run(&[(Event::Granted, "wait")]);
    assert_eq!(rig.request.deadline(), START + PLAN.queue);
    assert_eq!(rig.reload(&[spec("new", 1)]), [Grant { token: Token(1) }]);
    rig.run(&[(Event::Granted, "connect1 a")]);
}

/// What a request has tried and spent before its wait stays so, whatever a reload does meanwhile.
#[test]
fn a_void_grant_costs_no_attempt_and_forgets_no_failure() {
    let one = |name| Spec {
        max_connections: Some(1),
        ..spec(name, 1)
    };
    let mut rig = Rig::new(&[spec("a", 1), one("b")], PLAN);
    let mut rng = Stream::new(1, "other").at(0);
    rig.run(&[(arrived(true), "connect1 a")]);
    let other = rig.shell.pool.arrive(START, Token(9), Key::None, &mut rng);
    let Admission::Picked(b) = other else {
        panic!("{other:?}");
    };
    rig.run(&[(dial_failed(1), "wait")]);
    let grant = rig.shell.pool.complete(START, b, Verdict::Success);
    assert_eq!(grant, Some(Grant { token: Token(1) }));
    assert_eq!(rig.reload(&[spec("a", 1), spec("c", 1)]), []);
    rig.run(&[(Event::Granted, "connect2 b")]);
    let c = rig.shell.pool.endpoints()[1].index;
    assert_eq!(rig.request.endpoint(), Some(c), "in the slot of b");
}

/// A reload after which nobody can ever serve those who wait: they are told, and answered at once.
#[test]
fn nobody_waits_for_nobody() {
    let drained = Spec {
        state: endpoint::State::Drain,
        ..spec("a", 1)
    };
    let cases: [&[Spec]; 3] = [&[], &[drained], &[spec("a", 0)]];
    for after in cases {
        let mut rig = Rig::waiting(PLAN);
        assert_eq!(rig.reload(after), [Grant { token: Token(1) }], "{after:?}");
        assert_eq!(rig.shell.pool.queued(), 0);
        rig.run(&[(Event::Granted, "NoEndpoint, finish")]);
    }
}

/// One whose only untried endpoint goes is answered as if there had never been another.
#[test]
fn nobody_waits_for_endpoints_that_failed() {
    let full = Spec {
        max_connections: Some(0),
        ..spec("b", 1)
    };
    let mut rig = Rig::new(&[spec("a", 1), full], PLAN);
    rig.run(&[(arrived(true), "connect1 a"), (dial_failed(1), "wait")]);
    assert_eq!(rig.reload(&[spec("a", 1)]), [Grant { token: Token(1) }]);
    rig.run(&[(Event::Granted, "BadGateway, finish")]);
}

#[test]
fn a_client_may_leave_in_every_phase() {
    let phases: [(&str, &[Event], &str, &str); 5] = [
        ("new", &[], "finish", "0- Cancelled"),
        (
            "connecting",
            &[arrived(true)],
            "cancel1, finish",
            "1a ClientLeft, 1- Cancelled",
        ),
        (
            "sent",
            &[arrived(true), connected(1)],
            "cancel1, finish",
            "1a ClientLeft sent, 1- Cancelled",
        ),
        (
            "body",
            &[arrived(true), connected(1), head(1, 200)],
            "cancel1, finish",
            "1a ClientLeft sent, 1- Cancelled",
        ),
        (
            "tunnel",
            &[arrived(true), connected(1), upgraded(1)],
            "cancel1, finish",
            "1a ClientLeft sent, 1- Cancelled",
        ),
    ];
    for (name, events, expected, trace) in phases {
        let mut rig = Rig::three(PLAN);
        for event in events {
            rig.on(*event);
        }
        assert_eq!(rig.on(Event::ClientLeft), expected, "{name}");
        assert!(rig.trace().ends_with(trace), "{name}: {}", rig.trace());
        assert_eq!(rig.shell.in_flight(), 0, "{name}");
        assert!(!rig.shell.pool.endpoints()[0].is_cooling(rig.now), "{name}");
    }
}

#[test]
fn a_client_may_leave_the_queue_before_and_after_its_grant() {
    let mut rig = Rig::waiting(PLAN);
    assert_eq!(rig.on(Event::ClientLeft), "finish");
    assert_eq!((rig.shell.in_flight(), rig.shell.pool.queued()), (1, 0));
    let mut rig = Rig::waiting(PLAN);
    rig.other_ends();
    assert_eq!(rig.on(Event::ClientLeft), "finish");
    assert_eq!((rig.shell.in_flight(), rig.shell.pool.queued()), (0, 0));
    assert_eq!(rig.on(Event::Granted), "");
}

#[test]
fn who_is_sent_away_from_the_queue_is_told_and_gets_503() {
    let mut rig = Rig::waiting(PLAN);
    rig.shell.queue(queue::Settings {
        order: queue::Order::Lifo,
        ..queue::Settings::fifo(1)
    });
    rig.later(4);
    let mut newer = Request::new(2, Token(2), 0, PLAN);
    let mut rng = Stream::new(1, "pick").at(2);
    newer.on(arrived(true), rig.now, &mut rig.shell, &mut rng);
    assert_eq!(rig.shell.grants, [Grant { token: Token(1) }]);
    assert_eq!(rig.on(Event::Granted), "Shed, finish");
    let waits = rig.shell.trace.iter().filter_map(|event| match event.kind {
        trace::Kind::Waited { since } => Some((event.request, event.at.since(since))),
        _ => None,
    });
    assert_eq!(waits.collect::<Vec<_>>(), [(1, MS * 4)]);
    assert_eq!((rig.shell.in_flight(), rig.shell.pool.queued()), (1, 1));
}

/// Every report that names a try.
fn reports(attempt: u8) -> [Event; 9] {
    [
        connected(attempt),
        reused(attempt),
        dial_failed(attempt),
        stale(attempt, false),
        stale(attempt, true),
        head(attempt, 200),
        upgraded(attempt),
        lost(attempt, false),
        lost(attempt, true),
    ]
}

#[test]
fn late_reports_of_earlier_tries_are_ignored() {
    let phases: [&[Event]; 4] = [
        &[],
        &[connected(2)],
        &[connected(2), head(2, 200)],
        &[connected(2), upgraded(2)],
    ];
    for events in phases {
        let mut rig = Rig::three(PLAN);
        rig.on(arrived(true));
        rig.on(dial_failed(1));
        for event in events {
            rig.on(*event);
        }
        let before = rig.trace();
        for late in reports(1).into_iter().chain(reports(3)) {
            assert_eq!(rig.on(late), "", "{late:?} after {before}");
        }
        assert_eq!(rig.trace(), before);
    }
}

#[test]
fn nothing_follows_the_end() {
    let rest = [
        arrived(true),
        Event::Granted,
        Event::ReplayLost,
        Event::BodyEnded,
        Event::TunnelEnded,
        Event::Timer,
        Event::ClientLeft,
    ];
    let ends: [&[Event]; 4] = [
        &[Event::ClientLeft],
        &[arrived(true), connected(1), head(1, 200), Event::BodyEnded],
        &[arrived(false), connected(1), lost(1, true)],
        &[arrived(true), connected(1), head(1, 200), lost(1, true)],
    ];
    for end in ends {
        let mut rig = Rig::three(PLAN);
        for event in end {
            rig.on(*event);
        }
        assert!(rig.request.is_finished(), "{end:?}");
        let before = rig.trace();
        rig.now = Timestamp::MAX;
        for late in reports(0).into_iter().chain(reports(1)).chain(rest) {
            assert_eq!(rig.on(late), "", "{late:?} after {before}");
        }
        assert_eq!(rig.trace(), before);
        assert_eq!(rig.shell.in_flight(), 0);
    }
}

#[test]
fn statuses_and_codes_are_frozen() {
    let locals = [
        (Local::NoEndpoint, 503, 1000),
        (Local::QueueFull, 503, 1001),
        (Local::QueueTimeout, 503, 1002),
        (Local::BadGateway, 502, 1003),
        (Local::GatewayTimeout, 504, 1004),
    ];
    for (local, status, code) in locals {
        assert_eq!(
            (local.status(), Outcome::Local(local).code()),
            (status, code)
        );
    }
    assert_eq!(Outcome::Complete { status: 404 }.code(), 404);
    assert_eq!(Outcome::Cut { status: 200 }.code(), 1100);
    assert_eq!(Outcome::Cancelled.code(), 1200);
}
