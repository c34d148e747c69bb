//! Each timeout in each phase: when it is due, what happens then, and what puts it off.

use super::*;

/// Brings a request into a phase; the events, and how long that phase may be silent, in ms.
const PHASES: [(&str, &Story, u32); 4] = [
    ("connecting", &[], 20),
    ("sent", &[(connected(1), "send1")], 30),
    (
        "body",
        &[(connected(1), "send1"), (head(1, 200), "forward1")],
        40,
    ),
    (
        "tunnel",
        &[(connected(1), "send1"), (upgraded(1), "forward1")],
        50,
    ),
];

fn rig(phase: usize, plan: Plan) -> Rig {
    let mut rig = Rig::three(plan);
    rig.run(&[(arrived(true), "connect1 a")]);
    rig.run(PHASES[phase].1);
    rig
}

/// Waits until the deadline; a timer a nanosecond before it does nothing.
fn due(rig: &mut Rig) -> String {
    let deadline = rig.request.deadline();
    rig.now = deadline - Duration::from_nanos(1);
    assert_eq!(rig.on(Event::Timer), "", "too early");
    rig.now = deadline;
    let told = rig.shell.trace.len();
    let done = rig.on(Event::Timer);
    let words: Vec<_> = rig.shell.trace[told..].iter().map(note).collect();
    format!("{done} | {}", words.join(", "))
}

#[test]
fn silence_has_an_end_in_every_phase() {
    let expected = [
        "cancel1, connect2 b | 1a dial failed, 1a DialTimeout, 2b picked",
        "cancel1, GatewayTimeout, finish | 1a HeadTimeout sent, 1- Local(GatewayTimeout)",
        "cancel1, finish | 1a IdleTimeout sent, 1- Cut { status: 200 }",
        "cancel1, finish | 1a IdleTimeout sent, 1- Cut { status: 101 }",
    ];
    for (phase, expected) in expected.into_iter().enumerate() {
        let (name, _, silence_ms) = PHASES[phase];
        let mut rig = rig(phase, PLAN);
        assert_eq!(rig.request.deadline(), START + MS * silence_ms, "{name}");
        assert_eq!(due(&mut rig), expected, "{name}");
    }
}

#[test]
fn the_last_dial_that_takes_too_long_is_a_bad_gateway() {
    let plan = Plan {
        attempts: 1,
        ..PLAN
    };
    let trace = "1a dial failed, 1a DialTimeout, 1- Local(BadGateway)";
    assert_eq!(
        due(&mut rig(0, plan)),
        format!("cancel1, BadGateway, finish | {trace}")
    );
}

#[test]
fn the_total_time_ends_all_but_tunnels() {
    let plan = Plan {
        total: Span::of(MS * 15),
        ..PLAN
    };
    let expected = [
        "cancel1, GatewayTimeout, finish | 1a TotalTimeout, 1- Local(GatewayTimeout)",
        "cancel1, GatewayTimeout, finish | 1a TotalTimeout sent, 1- Local(GatewayTimeout)",
        "cancel1, finish | 1a TotalTimeout sent, 1- Cut { status: 200 }",
        "cancel1, finish | 1a IdleTimeout sent, 1- Cut { status: 101 }",
    ];
    for (phase, expected) in expected.into_iter().enumerate() {
        let mut rig = rig(phase, plan);
        let due_ms = if phase == 3 { 50 } else { 15 };
        assert_eq!(rig.request.deadline(), START + MS * due_ms);
        assert_eq!(due(&mut rig), expected, "{}", PHASES[phase].0);
    }
}

#[test]
fn the_total_time_counts_from_the_arrival() {
    let plan = Plan {
        total: Span::of(MS * 25),
        ..PLAN
    };
    let mut rig = rig(0, plan);
    rig.later(20);
    rig.run(&[(Event::Timer, "cancel1, connect2 b")]);
    assert_eq!(rig.request.deadline(), START + MS * 25);
    rig.later(5);
    rig.run(&[(Event::Timer, "cancel2, GatewayTimeout, finish")]);
}

#[test]
fn waiting_has_an_end() {
    let mut rig = Rig::waiting(PLAN);
    assert_eq!(rig.request.deadline(), START + MS * 10);
    assert_eq!(
        due(&mut rig),
        "QueueTimeout, finish | 0- waited, 0- Local(QueueTimeout)"
    );
    assert_eq!(rig.shell.pool.queued(), 0);
    let plan = Plan {
        total: Span::of(MS * 5),
        ..PLAN
    };
    let mut rig = Rig::waiting(plan);
    assert_eq!(rig.request.deadline(), START + MS * 5);
    assert_eq!(
        due(&mut rig),
        "GatewayTimeout, finish | 0- waited, 0- Local(GatewayTimeout)"
    );
}

/// The grant is on its way when the wait ends: the endpoint is given back, and to whom it came too
/// late it says nothing.
#[test]
fn a_grant_that_comes_too_late_is_handed_on() {
    let mut rig = Rig::waiting(PLAN);
    let mut rng = Stream::new(1, "other").at(0);
    let next = rig.shell.pool.arrive(START, Token(2), Key::None, &mut rng);
    assert_eq!(next, Admission::Queued);
    let grant = rig.other_ends();
    assert_eq!(grant.token, Token(1));
    rig.later(10);
    rig.run(&[(Event::Timer, "QueueTimeout, finish"), (Event::Granted, "")]);
    assert_eq!(rig.shell.grants, [Grant { token: Token(2) }]);
    assert_eq!(rig.shell.in_flight(), 1);
}

/// Bytes put off the end of a silence, and nothing else: a client that sends its body drop by drop
/// prolongs neither a dial nor a wait.
#[test]
fn bytes_put_off_silence_alone() {
    for (phase, (name, _, silence_ms)) in PHASES.into_iter().enumerate() {
        let mut rig = rig(phase, PLAN);
        rig.later(8);
        rig.request.touch(rig.now);
        let moved_ms = if name == "connecting" { 0 } else { 8 };
        assert_eq!(
            rig.request.deadline(),
            START + MS * (silence_ms + moved_ms),
            "{name}"
        );
    }
    let mut rig = Rig::waiting(PLAN);
    rig.request.touch(START + MS * 8);
    assert_eq!(rig.request.deadline(), START + MS * 10);
}

#[test]
fn nothing_is_due_before_the_arrival_and_after_the_end() {
    let mut rig = Rig::three(PLAN);
    assert_eq!(rig.request.deadline(), Timestamp::MAX);
    rig.run(&[
        (arrived(true), "connect1 a"),
        (Event::ClientLeft, "cancel1, finish"),
    ]);
    assert_eq!(rig.request.deadline(), Timestamp::MAX);
}

/// A replaced idle connection has the whole dial time.
#[test]
fn a_replacement_has_the_whole_time_again() {
    let mut rig = rig(0, PLAN);
    rig.run(&[(reused(1), "send1")]);
    rig.later(12);
    rig.run(&[(stale(1, true), "connect1 a fresh")]);
    assert_eq!(rig.request.deadline(), START + MS * 32);
}

/// A plan whose tries are replaced after 10 ms.
const IMPATIENT: Plan = Plan {
    patience_ms: 10,
    ..PLAN
};

#[test]
fn a_try_without_a_head_is_replaced_while_there_may_be_another() {
    let mut rig = Rig::three(IMPATIENT);
    rig.run(&[(arrived(true), "connect1 a"), (connected(1), "send1")]);
    assert_eq!(rig.request.deadline(), START + MS * 10);
    rig.later(10);
    rig.run(&[
        (Event::Timer, "cancel1, connect2 b"),
        (head(1, 200), ""),
        (connected(2), "send2"),
    ]);
    let last = rig.now + PLAN.head;
    assert_eq!(rig.request.deadline(), last, "there is no third");
    rig.later(30);
    assert_eq!(rig.on(Event::Timer), "cancel2, GatewayTimeout, finish");
    assert!(
        rig.trace().contains("2b picked on budget"),
        "{}",
        rig.trace()
    );
}

#[test]
fn what_may_not_be_sent_twice_is_waited_for() {
    let mut rig = Rig::three(IMPATIENT);
    rig.run(&[(arrived(false), "connect1 a"), (connected(1), "send1")]);
    assert_eq!(rig.request.deadline(), START + PLAN.head);
    let mut rig = Rig::three(IMPATIENT);
    rig.run(&[
        (arrived(true), "connect1 a"),
        (connected(1), "send1"),
        (Event::ReplayLost, ""),
    ]);
    assert_eq!(rig.request.deadline(), START + PLAN.head);
}

#[test]
fn a_spent_budget_replaces_nothing() {
    let mut rig = Rig::three(IMPATIENT);
    rig.shell.leave_retries(0);
    rig.run(&[(arrived(true), "connect1 a"), (connected(1), "send1")]);
    rig.later(10);
    assert_eq!(rig.on(Event::Timer), "cancel1, GatewayTimeout, finish");
    assert_eq!(rig.shell.in_flight(), 0);
}
