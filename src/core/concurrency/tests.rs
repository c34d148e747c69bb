//! Limits that are found out: at endpoints of known capacity, by what single requests tell, and
//! against lists of everything.

mod list;
mod station;

use super::*;

const MS: Duration = Duration::from_millis(1);
const START: Timestamp = Timestamp(1_000_000_000);

const SETTINGS: Settings = Settings {
    min: 3,
    max: 1_000,
    tolerance_ppm: 250_000,
    interval: Duration::from_secs(60),
};

fn index(slot: u32) -> EndpointIndex {
    EndpointIndex {
        slot,
        generation: 0,
    }
}

fn state(endpoints: u32) -> State {
    let mut state = State::new(SETTINGS);
    state.update(START, SETTINGS, (0..endpoints).map(index));
    state
}

/// An answer of this status that has just come, and took so long.
fn answered(now: Timestamp, took: Duration, status: u16) -> Report {
    Report {
        dispatched: now - took,
        ended: Ended::Answered(status),
        first_byte: Some(took),
    }
}

/// A window of requests to `slot`, a millisecond apart, each of which took so long while so many
/// were in flight.
fn window(state: &mut State, begin: Timestamp, slot: u32, took: Duration, most: u32) -> Timestamp {
    let mut now = begin + took;
    for _ in 0..100 {
        let _ = state.judge(now, index(slot), most, &answered(now, took, 200));
        now = now + MS;
    }
    now
}

/// The base of `slot` is known to be 10 ms.
fn known(state: &mut State, slot: u32) -> Timestamp {
    let now = window(state, START, slot, MS * 10, 1);
    assert!(state.rows[slot as usize].base_us.is_some());
    now
}

#[test]
fn before_anything_is_known_nothing_is_limited() {
    assert_eq!(state(1).limit(0), 1_000);
    assert_eq!(state(1).limit(7), u32::MAX, "nobody has that slot");
}

/// The rule of one window, from a limit of 100 that is used up.
#[test]
fn the_limit_follows_the_gradient() {
    let table = [
        // Base: 100 * 1.25 + 10.
        (MS * 10, 100, 131..=135),
        // Much faster than the base: twice as much at most.
        (MS * 2, 100, 210..=210),
        // Used by a tenth, and fast: it stays.
        (MS * 10, 10, 100..=100),
        // As long as is tolerated, about.
        (MS * 12, 100, 110..=118),
        // Twice that: half, and the root.
        (MS * 25, 100, 58..=62),
        // A hundred times: a quarter, and the root.
        (MS * 1_250, 100, 35..=35),
        // Only what was in flight counts.
        (MS * 1_250, 16, 8..=8),
    ];
    for (took, most, expected) in table {
        let mut state = state(1);
        let now = known(&mut state, 0);
        state.rows[0].limit_milli = 100_000;
        // Until the present window is over, and another one.
        state.rows[0].window.restart(now);
        let mut end = now + took;
        while !state.judge(end, index(0), most, &answered(end, took, 200)) {
            end = end + MS * 5;
        }
        assert!(
            expected.contains(&state.limit(0)),
            "{took:?}: {}",
            state.limit(0)
        );
    }
}

/// What was sent under an earlier limit, errors, and clients that leave early tell nothing.
#[test]
fn not_everything_tells_something() {
    let mut state = state(1);
    let now = known(&mut state, 0) + MS * 500;
    state.rows[0].window.restart(now - MS * 100);
    let left = |took| Report {
        dispatched: now - took,
        ended: Ended::Left,
        first_byte: None,
    };
    let failed = Report {
        ended: Ended::Failed,
        ..left(MS * 90)
    };
    let table = [
        (answered(now, MS * 10, 200), 1),
        (answered(now, MS * 10, 404), 1),
        (answered(now, MS * 10, 429), 0),
        (answered(now, MS * 10, 500), 0),
        (answered(now, MS * 101, 200), 0),
        (left(MS * 5), 0),
        (left(MS * 20), 1),
        (failed, 1),
    ];
    for (report, counted) in table {
        let before = state.rows[0].window.requests;
        let _ = state.judge(now, index(0), 1, &report);
        let after = state.rows[0].window.requests;
        assert_eq!(after - before, counted, "{report:?}");
    }
}

/// The others take what one that measures cannot: one at a time, and each gets its limit back.
#[test]
fn one_endpoint_measures_at_a_time() {
    let mut state = state(2);
    let now = window(&mut state, START, 0, MS * 10, 50);
    let now = window(&mut state, now, 1, MS * 10, 50);
    assert_eq!((state.limit(0), state.limit(1)), (3, 1_000));
    let now = window(&mut state, now, 0, MS * 10, 3);
    assert_eq!((state.limit(0), state.limit(1)), (1_000, 1_000));
    let now = window(&mut state, now, 1, MS * 10, 50);
    assert_eq!((state.limit(0), state.limit(1)), (1_000, 3));
    let until = now + SETTINGS.interval;
    let _ = window(&mut state, until, 0, MS * 10, 50);
    assert_eq!(state.limit(1), 1_000, "it took too long");
}

#[test]
fn a_quiet_endpoint_is_never_lowered() {
    let mut state = state(1);
    let mut now = START;
    for _ in 0..2_000 {
        now = window(&mut state, now, 0, MS * 10, 3);
        assert_eq!(state.limit(0), 1_000);
    }
}

#[test]
fn an_update_keeps_what_was_learned_and_forgets_who_is_gone() {
    let mut state = state(2);
    let now = known(&mut state, 0);
    let now = window(&mut state, now, 0, MS * 100, 40);
    let limit = state.limit(0);
    assert!(limit < 40, "{limit}");
    state.update(now, SETTINGS, (0..3).map(index));
    assert_eq!((state.limit(0), state.limit(2)), (limit, 1_000));
    let low = Settings { max: 5, ..SETTINGS };
    state.update(now, low, (0..3).map(index));
    assert_eq!((state.limit(0), state.limit(1)), (5, 5));
    let next = EndpointIndex {
        slot: 0,
        generation: 1,
    };
    state.update(now, SETTINGS, [next].into_iter());
    assert_eq!(state.limit(0), 1_000);
    let old = answered(now, MS, 200);
    assert!(!state.judge(now, index(0), 1, &old), "it is gone");
}
