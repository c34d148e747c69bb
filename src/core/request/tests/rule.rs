//! Each rule for trying again of the module's documentation, as a story.

use super::*;

/// What the last story ends with if it may not be tried again.
const BAD: &str = "BadGateway, finish";

/// A story of one request, idempotent or not, with its trace.
fn story(rig: &mut Rig, idempotent: bool, events: &Story, trace: &[&str]) {
    rig.run(&[(arrived(idempotent), "connect1 a")]);
    rig.run(events);
    assert_eq!(
        rig.trace(),
        [&["0- arrived", "1a picked"], trace].concat().join(", ")
    );
    let live = u32::from(!rig.request.is_finished());
    assert_eq!(rig.shell.in_flight(), live);
}

#[test]
fn rule_1_an_idle_connection_found_closed_is_replaced() {
    for (idempotent, sent) in [(false, false), (true, false), (true, true)] {
        let mut rig = Rig::three(PLAN);
        rig.shell.leave_retries(0);
        story(
            &mut rig,
            idempotent,
            &[
                (reused(1), "send1"),
                (stale(1, sent), "connect1 a fresh"),
                (connected(1), "send1"),
                (head(1, 200), "forward1"),
                (Event::BodyEnded, "finish"),
            ],
            &[
                "1a reused",
                "1a stale",
                "1a connected",
                "1a head 200",
                "1a completed",
                "1- Complete { status: 200 }",
            ],
        );
    }
}

#[test]
fn rule_1_costs_no_attempt_and_leaves_the_endpoint_without_fault() {
    let mut rig = Rig::three(PLAN);
    rig.run(&[
        (arrived(true), "connect1 a"),
        (reused(1), "send1"),
        (stale(1, true), "connect1 a fresh"),
        (connected(1), "send1"),
        (lost(1, true), "connect2 b"),
        (reused(2), "send2"),
        (stale(2, true), "connect2 b fresh"),
        (connected(2), "send2"),
        (lost(2, true), BAD),
    ]);
    assert!(!rig.shell.pool.endpoints()[0].is_cooling(rig.now));
}

#[test]
fn rule_1_holds_once_a_try() {
    let mut rig = Rig::three(PLAN);
    story(
        &mut rig,
        true,
        &[
            (reused(1), "send1"),
            (stale(1, true), "connect1 a fresh"),
            (reused(1), "send1"),
            (stale(1, true), "connect2 b"),
        ],
        &[
            "1a reused",
            "1a stale",
            "1a reused",
            "1a Lost sent",
            "2b picked on budget",
        ],
    );
}

#[test]
fn rule_1_yields_to_rule_5() {
    let mut rig = Rig::three(PLAN);
    let trace = ["1a reused", "1a Lost sent", "1- Local(BadGateway)"];
    story(
        &mut rig,
        false,
        &[(reused(1), "send1"), (stale(1, true), BAD)],
        &trace,
    );
    let mut rig = Rig::three(PLAN);
    let events = [
        (reused(1), "send1"),
        (Event::ReplayLost, ""),
        (stale(1, true), BAD),
    ];
    story(&mut rig, true, &events, &trace);
}

#[test]
fn rule_2_a_failed_dial_costs_an_attempt_and_no_budget() {
    for idempotent in [false, true] {
        let mut rig = Rig::three(PLAN);
        rig.shell.leave_retries(0);
        story(
            &mut rig,
            idempotent,
            &[(dial_failed(1), "connect2 b"), (dial_failed(2), BAD)],
            &[
                "1a dial failed",
                "1a Dial",
                "2b picked",
                "2b dial failed",
                "2b Dial",
                "2- Local(BadGateway)",
            ],
        );
        let cooling: Vec<_> = rig
            .shell
            .pool
            .endpoints()
            .iter()
            .map(|e| e.is_cooling(rig.now))
            .collect();
        assert_eq!(cooling, [true, true, false]);
    }
}

#[test]
fn rule_2_without_another_endpoint_is_a_bad_gateway() {
    let mut rig = Rig::new(&[spec("a", 1)], PLAN);
    rig.run(&[(arrived(true), "connect1 a"), (dial_failed(1), BAD)]);
}

#[test]
fn rule_3_other_retries_draw_on_the_budget() {
    let trace = ["1a connected", "1a Lost sent", "2b picked on budget"];
    let mut rig = Rig::three(PLAN);
    rig.shell.leave_retries(1);
    story(
        &mut rig,
        true,
        &[(connected(1), "send1"), (lost(1, true), "connect2 b")],
        &trace,
    );
    let trace = ["1a connected", "1a Lost sent", "1- Local(BadGateway)"];
    let mut rig = Rig::three(PLAN);
    rig.shell.leave_retries(0);
    story(
        &mut rig,
        true,
        &[(connected(1), "send1"), (lost(1, true), BAD)],
        &trace,
    );
    let mut rig = Rig::three(PLAN);
    rig.shell.leave_retries(0);
    story(
        &mut rig,
        false,
        &[(lost(1, false), BAD)],
        &["1a Lost", "1- Local(BadGateway)"],
    );
}

/// A retry that had to wait has drawn on the budget before, and does so once.
#[test]
fn rule_3_is_traced_when_the_retry_waits() {
    let one = |name| Spec {
        max_connections: Some(1),
        ..spec(name, 1)
    };
    let mut rig = Rig::new(&[one("a"), one("b")], PLAN);
    rig.run(&[(arrived(true), "connect1 a"), (connected(1), "send1")]);
    let mut rng = Stream::new(1, "other").at(0);
    let other = rig
        .shell
        .pool
        .arrive(rig.now, Token(9), Key::None, &mut rng);
    let Admission::Picked(b) = other else {
        panic!("{other:?}");
    };
    rig.run(&[(lost(1, true), "wait")]);
    let grant = rig.shell.pool.complete(rig.now, b, Verdict::Success);
    assert!(grant.is_some(), "it waits");
    rig.run(&[(Event::Granted, "connect2 b"), (dial_failed(2), BAD)]);
    let trace = rig.trace();
    assert!(
        trace.contains("1- queued on budget, 1- waited, 2b picked,"),
        "{trace}"
    );
}

/// An endpoint that accepted a connection after it had refused one is no longer passed over,
/// whatever became of the try. A connection that was idle proves nothing, nor does one that was
/// opened before.
#[test]
fn a_connection_ends_the_pause_after_a_failed_dial() {
    let ends: [&[Event]; 4] = [
        &[lost(1, true)],
        &[Event::ClientLeft],
        &[head(1, 200), lost(1, true)],
        &[head(1, 200), Event::ClientLeft],
    ];
    let cases = [
        ("opened after it", 3, false, false),
        ("opened before it", 1, false, true),
        ("idle until then", 3, true, true),
    ];
    for (name, connected_ms, reused, is_cooling) in cases {
        for end in ends {
            let mut rig = Rig::new(&[spec("a", 1)], PLAN);
            rig.run(&[(arrived(false), "connect1 a")]);
            for ms in 1..4 {
                rig.later(1);
                if ms == connected_ms {
                    let attempt = 1;
                    rig.run(&[(Event::Connected { attempt, reused }, "send1")]);
                }
                if ms == 2 {
                    rig.refuse();
                }
            }
            end.iter().for_each(|event| drop(rig.on(*event)));
            let a = rig.shell.pool.endpoints()[0];
            assert_eq!(a.is_cooling(rig.now), is_cooling, "{name}, {end:?}");
        }
    }
}

/// A try that was never connected says nothing of the endpoint either.
#[test]
fn no_connection_ends_no_pause() {
    for end in [Event::ClientLeft, lost(1, false)] {
        let mut rig = Rig::new(&[spec("a", 1)], PLAN);
        rig.run(&[(arrived(false), "connect1 a")]);
        rig.refuse();
        rig.on(end);
        assert!(rig.shell.pool.endpoints()[0].is_cooling(rig.now), "{end:?}");
    }
}

#[test]
fn rule_4_no_endpoint_twice() {
    let plan = Plan {
        attempts: 8,
        ..PLAN
    };
    let mut rig = Rig::three(plan);
    rig.run(&[
        (arrived(true), "connect1 a"),
        (connected(1), "send1"),
        (lost(1, true), "connect2 b"),
        (dial_failed(2), "connect3 c"),
        (lost(3, false), BAD),
    ]);
}

/// More attempts than a request can remember endpoints would use one a second time.
#[test]
fn rule_4_bounds_the_attempts() {
    let plan = Plan {
        attempts: u8::MAX,
        ..PLAN
    };
    let endpoints: Vec<_> = (0..20).map(|n| spec(&n.to_string(), 1)).collect();
    let mut rig = Rig::new(&endpoints, plan);
    rig.on(arrived(true));
    for attempt in 1..=7 {
        assert!(rig.on(dial_failed(attempt)).starts_with("connect"));
    }
    assert_eq!(rig.on(dial_failed(8)), BAD);
}

#[test]
fn rule_5_what_was_sent_is_sent_again_only_if_it_may() {
    let cases = [
        // idempotent, replay lost, sent: may it be sent again?
        (true, false, true, true),
        (true, true, true, false),
        (false, false, true, false),
        (false, true, true, false),
        (true, true, false, true),
        (false, false, false, true),
    ];
    for (idempotent, replay_lost, sent, again) in cases {
        let mut rig = Rig::three(PLAN);
        rig.run(&[(arrived(idempotent), "connect1 a"), (connected(1), "send1")]);
        if replay_lost {
            rig.run(&[(Event::ReplayLost, "")]);
        }
        assert_eq!(rig.request.may_replay(), idempotent && !replay_lost);
        let expected = if again { "connect2 b" } else { BAD };
        assert_eq!(
            rig.on(lost(1, sent)),
            expected,
            "{idempotent} {replay_lost} {sent}"
        );
    }
}

#[test]
fn rule_6_a_body_cut_after_its_head_is_passed_on_as_cut() {
    let mut rig = Rig::three(PLAN);
    story(
        &mut rig,
        true,
        &[
            (connected(1), "send1"),
            (head(1, 206), "forward1"),
            (lost(1, true), "finish"),
        ],
        &[
            "1a connected",
            "1a head 206",
            "1a Cut sent",
            "1- Cut { status: 206 }",
        ],
    );
    let mut rig = Rig::three(PLAN);
    story(
        &mut rig,
        true,
        &[
            (connected(1), "send1"),
            (upgraded(1), "forward1"),
            (lost(1, true), "finish"),
        ],
        &[
            "1a connected",
            "1a head 101",
            "1a Cut sent",
            "1- Cut { status: 101 }",
        ],
    );
}
