//! Ejection: what leads to it, how long it lasts, and the way back.

use proptest::prelude::*;

use super::*;

const S: Duration = Duration::from_secs(1);

fn settings() -> Settings {
    Settings {
        consecutive_failures: 3,
        statuses: Statuses::default().with(500).with(503),
        window: S * 10,
        error_rate: None,
        success_rate: None,
        latency: None,
        eject: S * 5,
        eject_max: S * 60,
        max_ejected_ppm: 500_000,
    }
}

fn index(slot: u32) -> EndpointIndex {
    EndpointIndex {
        slot,
        generation: 0,
    }
}

fn state(settings: Settings) -> State {
    let mut state = State::new(Timestamp::ZERO, settings.clone(), Stream::new(1, "health"));
    state.update(Timestamp::ZERO, settings, (0..3).map(index));
    state
}

fn report(dispatched: Timestamp, ended: Ended) -> Report {
    Report {
        dispatched,
        ended,
        first_byte: None,
    }
}

#[test]
fn statuses() {
    let set = Statuses::default()
        .with(100)
        .with(503)
        .with(599)
        .with(600)
        .with(99);
    let found: Vec<_> = (0..1000).filter(|status| set.contains(*status)).collect();
    assert_eq!(found, [100, 503, 599]);
}

#[test]
fn failures_in_a_row() {
    let ok = Ended::Answered(200);
    let error = Ended::Answered(503);
    let other = Ended::Answered(501);
    let (lost, left) = (Ended::Failed, Ended::Left);
    let cases: [(&str, &[Ended], bool); 6] = [
        ("three errors", &[error, error, error], true),
        ("any failures", &[error, lost, lost], true),
        ("an answer between", &[lost, lost, ok, lost, lost], false),
        (
            "another status between",
            &[lost, lost, other, lost, lost],
            false,
        ),
        (
            "clients that left are nothing",
            &[lost, left, lost, left, lost],
            true,
        ),
        ("clients that left alone", &[left, left, left, left], false),
    ];
    for (name, tries, expected) in cases {
        let mut state = state(settings());
        let judge = |ended: &Ended| state.judge(index(0), &report(Timestamp::ZERO, *ended));
        let last = tries.iter().map(judge).last();
        let guilty = Some(Finding::Guilty(Cause::ConsecutiveFailures));
        assert_eq!(last == guilty, expected, "{name}");
    }
}

/// 5, 10, 20, 40, 60, 60 s, each up to a tenth longer.
#[test]
fn ejections_double() {
    let mut state = state(settings());
    let mut now = Timestamp::ZERO;
    for expected_s in [5, 10, 20, 40, 60, 60] {
        state.eject(now, index(0));
        let pardon = (1..).map(|ms| now + Duration::from_millis(ms));
        let pardon = pardon.take(100_000).find(|at| state.pardon(*at).is_some());
        let lasted = pardon.expect("it ends").since(now).as_millis();
        assert!(
            (expected_s * 1000..=expected_s * 1100 + 1).contains(&lasted),
            "{lasted}"
        );
        now = now + S * 100;
    }
}

#[test]
fn windows_without_ejection_forgive() {
    let mut state = state(settings());
    let mut now = Timestamp::ZERO;
    for _ in 0..3 {
        state.eject(now, index(0));
        now = now + S * 30;
        assert_eq!(state.pardon(now), Some(index(0)));
        state.restore(now, index(0));
    }
    // The window of the last ejection does not count, the two after it do.
    for _ in 0..3 {
        now = now + S * 10;
        assert_eq!(state.close_window(now), []);
    }
    state.eject(now, index(0));
    assert_eq!(state.pardon(now + S * 9), None);
    assert_eq!(state.pardon(now + S * 11), Some(index(0)), "10 s, not 40 s");
}

#[test]
fn one_request_decides() {
    let cases = [
        (Ended::Answered(200), Finding::Returned),
        (Ended::Answered(503), Finding::Guilty(Cause::Trial)),
        (Ended::Failed, Finding::Guilty(Cause::Trial)),
        (Ended::Left, Finding::Void),
    ];
    for (ended, finding) in cases {
        let mut state = state(settings());
        state.eject(Timestamp::ZERO, index(0));
        assert!(state.is_out(0) && state.is_ejected(0));
        let now = Timestamp::ZERO + S * 6;
        assert_eq!(state.pardon(now), Some(index(0)));
        assert!(!state.is_out(0) && state.is_ejected(0));
        assert!(state.pick(0), "the one that tries it");
        assert!(state.is_out(0) && !state.pick(0), "no other");
        let old = report(Timestamp::ZERO + S, Ended::Answered(200));
        assert_eq!(state.judge(index(0), &old), Finding::Nothing, "from before");
        assert_eq!(state.judge(index(0), &report(now, ended)), finding);
        assert_eq!(state.is_out(0), finding != Finding::Void);
    }
}

#[test]
fn what_was_dispatched_before_the_return_tells_nothing() {
    let mut state = state(settings());
    state.eject(Timestamp::ZERO, index(0));
    let now = Timestamp::ZERO + S * 6;
    state.pardon(now);
    state.restore(now, index(0));
    let old = report(Timestamp::ZERO + S * 5, Ended::Failed);
    for _ in 0..9 {
        assert_eq!(state.judge(index(0), &old), Finding::Nothing);
    }
    let new = report(now, Ended::Failed);
    let found = [(); 3].map(|()| state.judge(index(0), &new));
    assert_eq!(found[2], Finding::Guilty(Cause::ConsecutiveFailures));
}

#[test]
fn a_window_is_judged_at_its_end_and_then_forgotten() {
    let mut state = state(Settings {
        consecutive_failures: 0,
        error_rate: Some(ErrorRate {
            above_ppm: 200_000,
            requests: 10,
        }),
        ..settings()
    });
    for n in 0..30 {
        let ended = if n < 12 {
            Ended::Failed
        } else {
            Ended::Answered(200)
        };
        let finding = state.judge(index(n % 3), &report(Timestamp::ZERO, Ended::Answered(200)));
        assert_eq!(finding, Finding::Nothing);
        assert_eq!(
            state.judge(index(1), &report(Timestamp::ZERO, ended)),
            Finding::Nothing
        );
    }
    let end = Timestamp::ZERO + S * 10;
    assert_eq!(state.next_deadline(), end);
    assert_eq!(state.close_window(end - S), []);
    assert_eq!(state.close_window(end), [(index(1), Cause::ErrorRate)]);
    assert_eq!(state.next_deadline(), end + S * 10);
    assert_eq!(state.close_window(end + S * 10), []);
}

proptest! {
    /// The run of failures against the list of all that was said since the last good one.
    #[test]
    fn agrees_with_a_list_of_all_tries(
        most in 0_u32..5,
        tries in prop::collection::vec(0_u8..4, 1..100),
    ) {
        let mut state = state(Settings { consecutive_failures: most, ..settings() });
        let mut told = Vec::new();
        for kind in tries {
            let ended = match kind {
                0 => Ended::Answered(200),
                1 => Ended::Answered(500),
                2 => Ended::Failed,
                _ => Ended::Left,
            };
            if kind < 3 {
                told.push(kind > 0);
            }
            let run = told.iter().rev().take_while(|failed| **failed).count();
            let guilty = most > 0 && kind < 3 && run >= most as usize;
            let found = state.judge(index(0), &report(Timestamp::ZERO, ended));
            prop_assert_eq!(found != Finding::Nothing, guilty);
        }
    }
}
