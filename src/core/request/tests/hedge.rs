//! A second try beside a first one that is late: when it begins, who wins, what becomes of the
//! other.

use super::*;
use crate::affinity::{Home, Session};
use crate::hedge::{After, Settings as Hedge};
use crate::retry::On;

/// A plan whose tries may have another one beside them.
const HEDGED: Plan = Plan {
    on: On::FAILURES.and(On::HEDGE),
    ..PLAN
};

/// Three endpoints, and tries that are late after 5 ms.
fn rig(plan: Plan) -> Rig {
    let mut rig = Rig::three(plan);
    rig.shell.retry(retry::Settings {
        hedge: Some(Hedge {
            after: After::Time(MS * 5),
            budget_ppm: 0,
        }),
        ..retry::Settings::at_once(0)
    });
    rig
}

const SENT: [(Event, &str); 2] = [(arrived(true), "connect1 a"), (connected(1), "send1")];

/// A request with two tries, both of which have been sent.
fn racing(plan: Plan) -> Rig {
    let mut rig = rig(plan);
    rig.run(&SENT);
    assert_eq!(rig.request.deadline(), START + MS * 5);
    rig.later(5);
    rig.run(&[(Event::Timer, "keep1, connect2 b"), (connected(2), "send2")]);
    assert_eq!(rig.shell.in_flight(), 2);
    rig
}

#[test]
fn whoever_is_answered_first_goes_on() {
    let mut rig = racing(HEDGED);
    rig.run(&[
        (head(2, 200), "cancel1, forward2"),
        (head(1, 200), ""),
        (lost(1, true), ""),
        (Event::BodyEnded, "finish"),
    ]);
    assert_eq!(
        rig.trace(),
        "0- arrived, 1a picked, 1a connected, 1a hedged, 2b picked on budget, 2b connected, \
         2b head 200, 1a Outrun sent, 2b completed, 2- Complete { status: 200 }"
    );
    assert_eq!(rig.shell.in_flight(), 0);
    let mut rig = racing(HEDGED);
    rig.run(&[
        (head(1, 503), "cancel2, forward1"),
        (Event::BodyEnded, "finish"),
    ]);
    assert!(
        rig.trace()
            .contains("1a head 503, 2b Spare sent, 1a completed")
    );
    assert_eq!(rig.shell.in_flight(), 0);
}

/// Each way in which one of two tries may fail: the other goes on, and a third is another matter.
#[test]
fn who_is_left_goes_on_alone() {
    for attempt in [1, 2] {
        let other = 3 - attempt;
        let mut rig = racing(HEDGED);
        rig.run(&[(lost(attempt, true), "")]);
        let forward = format!("forward{other}");
        assert_eq!(rig.on(head(other, 200)), forward);
        rig.run(&[(Event::BodyEnded, "finish")]);
        let mut rig = racing(HEDGED);
        rig.run(&[
            (lost(attempt, true), ""),
            (lost(other, true), "BadGateway, finish"),
        ]);
        let three = Plan {
            attempts: 3,
            ..HEDGED
        };
        let mut rig = racing(three);
        rig.run(&[(lost(attempt, true), ""), (lost(other, true), "connect3 c")]);
        assert_eq!(rig.shell.in_flight(), 1);
    }
    let mut rig = rig(HEDGED);
    rig.run(&SENT);
    rig.later(5);
    rig.run(&[
        (Event::Timer, "keep1, connect2 b"),
        (dial_failed(2), ""),
        (head(1, 200), "forward1"),
    ]);
    // And a first one that never gets a connection.
    let mut rig = self::rig(HEDGED);
    rig.run(&[(arrived(true), "connect1 a")]);
    rig.later(5);
    rig.run(&[
        (Event::Timer, "keep1, connect2 b"),
        (connected(2), "send2"),
        (dial_failed(1), ""),
        (head(2, 200), "forward2"),
        (Event::BodyEnded, "finish"),
    ]);
    assert_eq!(rig.shell.in_flight(), 0);
}

/// 20 ms for a dial, 30 ms for a head; the second try begins after 5 ms.
#[test]
fn each_try_has_times_of_its_own() {
    let mut rig = racing(HEDGED);
    assert_eq!(rig.request.deadline(), START + MS * 30);
    rig.later(25);
    rig.run(&[(Event::Timer, "cancel1")]);
    assert_eq!(rig.request.deadline(), START + MS * 35);
    rig.later(5);
    rig.run(&[(Event::Timer, "cancel2, GatewayTimeout, finish")]);
    let mut rig = self::rig(HEDGED);
    rig.run(&SENT);
    rig.later(5);
    rig.run(&[(Event::Timer, "keep1, connect2 b")]);
    assert_eq!(rig.request.deadline(), START + MS * 25);
    rig.later(20);
    rig.run(&[(Event::Timer, "cancel2")]);
    assert_eq!(rig.request.deadline(), START + MS * 30);
}

/// An idle connection is replaced for each of them, on its own endpoint.
#[test]
fn each_try_replaces_its_own_connection() {
    let mut rig = rig(HEDGED);
    rig.run(&[(arrived(true), "connect1 a"), (reused(1), "send1")]);
    rig.later(5);
    rig.run(&[
        (Event::Timer, "keep1, connect2 b"),
        (reused(2), "send2"),
        (stale(1, true), "connect1 a fresh"),
        (stale(2, true), "connect2 b fresh"),
        (connected(1), "send1"),
        (head(1, 200), "cancel2, forward1"),
    ]);
}

#[test]
fn both_end_with_their_request() {
    let mut rig = racing(HEDGED);
    rig.run(&[(Event::ClientLeft, "cancel2, cancel1, finish")]);
    assert_eq!(rig.shell.in_flight(), 0);
    let total = Plan {
        total: Span::of(Duration::from_millis(12)),
        ..HEDGED
    };
    let mut rig = racing(total);
    rig.later(7);
    rig.run(&[(Event::Timer, "cancel2, cancel1, GatewayTimeout, finish")]);
    assert_eq!(rig.shell.in_flight(), 0);
}

#[test]
fn what_may_not_have_two_has_one() {
    type Spoil = fn(&mut Rig);
    let none: Spoil = |_| ();
    let first_only = Plan {
        attempts: 1,
        ..HEDGED
    };
    let cases: [(&str, Plan, bool, Spoil); 8] = [
        ("no hedges", PLAN, true, none),
        ("the only try", first_only, true, none),
        ("not idempotent", HEDGED, false, none),
        ("a body that is gone", HEDGED, true, |rig| {
            rig.run(&[(Event::ReplayLost, "")]);
        }),
        ("a pool that has none", HEDGED, true, |rig| {
            rig.shell.retry(retry::Settings::at_once(0));
        }),
        ("a spent budget", HEDGED, true, |rig| {
            rig.shell.leave_retries(0)
        }),
        ("nobody else", HEDGED, true, |rig| {
            assert_eq!(rig.reload(&[spec("a", 1)]), []);
        }),
        (
            "any method, and not idempotent",
            Plan {
                on: HEDGED.on.and(On::ANY_METHOD),
                ..PLAN
            },
            false,
            none,
        ),
    ];
    for (name, plan, idempotent, spoil) in cases {
        let mut rig = rig(plan);
        rig.run(&[(arrived(idempotent), "connect1 a"), (connected(1), "send1")]);
        spoil(&mut rig);
        rig.later(5);
        assert_eq!(rig.on(Event::Timer), "", "{name}");
        assert_eq!(rig.request.deadline(), START + MS * 30, "{name}");
        rig.run(&[(head(1, 200), "forward1"), (Event::BodyEnded, "finish")]);
    }
}

/// What is still coming cannot be sent twice at once; a session is known at its endpoint alone.
#[test]
fn a_request_that_is_not_there_yet_waits_for_its_second_try() {
    let mut rig = rig(HEDGED);
    rig.request = rig.request.partial();
    rig.run(&SENT);
    rig.later(7);
    rig.run(&[(Event::Timer, "")]);
    assert!(rig.request.is_partial());
    rig.run(&[(Event::Received, "")]);
    assert_eq!(rig.request.deadline(), START + MS * 5);
    rig.run(&[(Event::Timer, "keep1, connect2 b")]);
}

#[test]
fn a_session_stays_where_it_is_known() {
    let mut rig = rig(HEDGED);
    rig.run(&SENT);
    rig.shell.session = Some(Session {
        home: Home::At(rig.shell.pool.endpoints()[0].index),
        ..Session::default()
    });
    rig.later(5);
    rig.run(&[(Event::Timer, ""), (head(1, 200), "forward1")]);
}

/// A named status of one is no answer while the other may have a better one.
#[test]
fn a_refusal_leaves_the_other_alone() {
    let on = HEDGED.on.and(On::STATUS);
    let mut rig = racing(Plan { on, ..HEDGED });
    rig.shell.retry(retry::Settings {
        statuses: crate::outlier::Statuses::default().with(503),
        ..retry::Settings::at_once(0)
    });
    rig.run(&[(head(2, 503), "cancel2"), (head(1, 503), "forward1")]);
}

/// Hedges have a budget of their own: ten a second for ten seconds, whatever retries may.
#[test]
fn hedges_have_a_budget() {
    let settings = Hedge {
        after: After::Time(MS),
        budget_ppm: 50_000,
    };
    let mut shell = Shell::new(&THREE.map(|name| spec(name, 1)));
    shell.retry(retry::Settings {
        hedge: Some(settings),
        ..retry::Settings::at_once(1_000_000)
    });
    let pool = &mut shell.pool;
    let mut hedges = |requests| {
        let mut rng = Stream::new(1, "hedge").at(0);
        let mut begun = 0;
        for n in 0..requests {
            let first = pool.arrive(START, Token(n), Key::None, &mut rng);
            assert!(matches!(first, Admission::Picked(_)));
            assert_eq!(pool.late(START), Some(Span::of(MS)));
            let second = pool.hedge(START, Token(n), &Tried::default(), Key::None, &mut rng);
            begun += u32::from(second.is_some());
        }
        begun
    };
    assert_eq!(hedges(1_000), 100, "the least");
    assert_eq!(hedges(9_000), 400, "a share of 10,000 is 500");
}

/// By share, nobody is late until enough is known; then a twentieth is.
#[test]
fn who_is_late_is_learned() {
    let mut rig = rig(HEDGED);
    rig.shell.retry(retry::Settings {
        hedge: Some(Hedge {
            after: After::Quantile { ppm: 950_000 },
            budget_ppm: 0,
        }),
        ..retry::Settings::at_once(0)
    });
    let pool = &mut rig.shell.pool;
    assert_eq!(pool.late(START), None);
    for n in 1..=100 {
        pool.took(START, Span::of(MS * n));
    }
    let late = pool.late(START).expect("a hundred are enough");
    assert!((95..=101).contains(&(late.0 / 1_000_000)), "{late:?}");
    rig.run(&SENT);
    assert_eq!(
        rig.request.deadline(),
        START + PLAN.head,
        "it is later than that"
    );
}
