//! Checks: when probes are asked for, what their results come to, what a reload keeps.

use proptest::prelude::*;

use super::*;

const S: Duration = Duration::from_secs(1);

fn check(name: &str) -> Check {
    Check {
        name: name.into(),
        interval: S * 5,
        interval_in_doubt: S * 2,
        timeout: S,
        rise: 2,
        fall: 3,
    }
}

fn settings(checks: &[Check]) -> Settings {
    Settings {
        checks: checks.to_vec(),
        initial: Standing::Checking,
    }
}

fn index(slot: u32) -> EndpointIndex {
    EndpointIndex {
        slot,
        generation: 0,
    }
}

/// `slots` endpoints that are all probed.
fn state(settings: Settings, slots: u32) -> State {
    let mut state = State::new(settings.clone(), Stream::new(1, "health"));
    let endpoints = (0..slots).map(|slot| (index(slot), true));
    state.update(Timestamp::ZERO, settings, endpoints);
    state
}

/// The time of the only endpoint's probes, each of which has the result next in line.
fn history(state: &mut State, results: &str) -> Vec<(u64, Standing)> {
    let mut times = Vec::new();
    for result in results.chars() {
        let now = state.next_deadline();
        let order = state.order(now).expect("it is due");
        assert_eq!(state.order(now), None, "one at a time");
        state.report(now, &order, result == '+');
        times.push((now.0 / 1_000_000, state.standing(0)));
    }
    times
}

#[test]
fn rise_and_fall() {
    use Standing::{Checking, Down, Up};
    let cases: [(&str, &str, &[Standing]); 6] = [
        ("the first pass ends the wait", "+", &[Up]),
        ("nothing passes", "---", &[Checking, Checking, Down]),
        ("two are not enough", "+--+--+", &[Up; 7]),
        ("three are", "+---", &[Up, Up, Up, Down]),
        (
            "one pass is not enough",
            "---+-+",
            &[Checking, Checking, Down, Down, Down, Down],
        ),
        ("two are", "+---++", &[Up, Up, Up, Down, Down, Up]),
    ];
    for (name, results, expected) in cases {
        let mut state = state(settings(&[check("a")]), 1);
        let found: Vec<_> = history(&mut state, results)
            .iter()
            .map(|(_, s)| *s)
            .collect();
        assert_eq!(found, expected, "{name}");
    }
}

/// Intervals of 5 s, of 2 s while in doubt, each up to a tenth shorter.
#[test]
fn doubt_hurries() {
    let mut state = state(settings(&[check("a")]), 1);
    let times = history(&mut state, "+++-+---+++");
    let expected = [5, 5, 5, 2, 5, 2, 2, 5, 2, 5];
    for (pair, expected_s) in times.windows(2).zip(expected) {
        let gap_ms = pair[1].0 - pair[0].0;
        let range = expected_s * 900..=expected_s * 1000;
        assert!(range.contains(&gap_ms), "{pair:?}: expected {expected_s} s");
    }
}

#[test]
fn detection_follows_from_the_configuration() {
    let ms = Duration::from_millis(1);
    // 0 or 5 s to the next probe, two further ones 2 s apart, and the last one's own time.
    assert_eq!(check("a").detection(ms), (S * 13 / 2 + ms, S * 9 + ms));
    assert_eq!(check("a").detection(S * 60), (S * 15 / 2, S * 10));
    let slow = Check {
        timeout: S * 3,
        ..check("a")
    };
    assert_eq!(slow.detection(S * 60), (S * 23 / 2, S * 14));
    // 0 or 5 s to the first pass, and one more 2 s later.
    assert_eq!(check("a").recovery(ms), (S * 9 / 2 + ms, S * 7 + ms));
}

#[test]
fn a_late_end_delays_the_next_probe() {
    let mut state = state(settings(&[check("a")]), 1);
    let order = state.order(Timestamp::ZERO).expect("it is due");
    assert_eq!(state.next_deadline(), Timestamp::MAX, "it is under way");
    let late = Timestamp::ZERO + S * 9;
    state.report(late, &order, true);
    assert_eq!(state.next_deadline(), late);
    assert_eq!(state.report(late, &order, false), None, "reported already");
    assert_eq!(state.standing(0), Standing::Up);
}

#[test]
fn all_checks_must_pass() {
    let mut state = state(settings(&[check("a"), check("b")]), 1);
    let now = Timestamp::ZERO;
    let orders = [state.order(now), state.order(now)].map(|order| order.expect("it is due"));
    assert_eq!(orders.map(|order| order.check), [0, 1]);
    assert_eq!(state.report(now, &orders[1], true), None);
    assert_eq!(state.standing(0), Standing::Checking);
    assert_eq!(state.report(now, &orders[0], true), Some(Standing::Up));
    let mut down = None;
    while down.is_none() {
        let now = state.next_deadline();
        let order = state.order(now).expect("it is due");
        down = state.report(now, &order, order.check == 0);
    }
    assert_eq!(
        (down, state.standing(0)),
        (Some(Standing::Down), Standing::Down)
    );
    assert!(state.is_blemished(0));
}

#[test]
fn a_reload_keeps_what_is_named_the_same() {
    let mut state = state(settings(&[check("a")]), 2);
    let now = Timestamp::ZERO;
    for slot in 0..2 {
        let order = state.order(now).expect("it is due");
        assert_eq!(order.endpoint, index(slot));
        state.report(now, &order, true);
    }
    let faster = Check {
        fall: 1,
        ..check("a")
    };
    let everybody = || (0..2).map(|slot| (index(slot), true));
    state.update(now, settings(&[faster]), everybody());
    assert_eq!(state.standing(0), Standing::Up, "the check is the same");
    state.update(now, settings(&[check("b")]), everybody());
    assert_eq!(state.standing(0), Standing::Checking, "another check");
    let order = state.order(now).expect("it is due");
    let next_owner = EndpointIndex {
        slot: 0,
        generation: 1,
    };
    state.update(
        now,
        settings(&[check("b")]),
        [(next_owner, true)].into_iter(),
    );
    assert_eq!(
        state.report(now, &order, true),
        None,
        "its endpoint is gone"
    );
    assert_eq!(state.standing(0), Standing::Checking);
    let nobody = [next_owner, index(1)].map(|owner| (owner, false));
    state.update(now, settings(&[check("b")]), nobody.into_iter());
    assert_eq!(
        state.next_deadline(),
        Timestamp::MAX,
        "nobody probes what is down"
    );
}

/// A report names its check by the place in the list.
#[test]
fn a_check_that_gets_another_place_is_probed_on() {
    for lists in [["ab", "b"], ["ab", "ba"]] {
        let [before, after] = lists.map(|list| {
            let checks: Vec<_> = list.chars().map(|c| check(&c.to_string())).collect();
            settings(&checks)
        });
        let mut state = state(before, 1);
        let start = Timestamp::ZERO;
        let orders = [state.order(start), state.order(start)].map(|o| o.expect("it is due"));
        let now = start + S;
        state.update(now, after, [(index(0), true)].into_iter());
        assert_eq!(state.next_deadline(), now, "{lists:?}");
        for order in orders {
            assert_eq!(state.report(now, &order, false), None, "{lists:?}");
        }
        while let Some(order) = state.order(now) {
            state.report(now, &order, true);
        }
        assert_eq!(state.standing(0), Standing::Up, "{lists:?}");
    }
}

/// What all results so far come to, looked up in their list.
fn naive(results: &[bool], rise: usize, fall: usize) -> Standing {
    let mut standing = Standing::Checking;
    let mut changed = 0;
    for end in 1..=results.len() {
        let run = |n: usize, passed| {
            end - changed >= n && results[end - n..end].iter().all(|r| *r == passed)
        };
        let next = match standing {
            Standing::Checking if run(1, true) => Standing::Up,
            Standing::Down if run(rise, true) => Standing::Up,
            Standing::Checking | Standing::Up if run(fall, false) => Standing::Down,
            same => same,
        };
        if next != standing {
            (standing, changed) = (next, end);
        }
    }
    standing
}

proptest! {
    /// Two endpoints under two checks, with results that come in any order and at any time.
    #[test]
    fn agrees_with_a_list_of_all_results(
        (rise, fall) in (1_u32..4, 1_u32..4),
        steps in prop::collection::vec((0_u64..3_000, any::<usize>(), any::<bool>()), 1..150),
    ) {
        let check = |name| Check { rise, fall, ..check(name) };
        let mut state = state(settings(&[check("a"), check("b")]), 2);
        let mut results = [[(); 2]; 2].map(|row| row.map(|()| Vec::new()));
        let mut under_way = Vec::new();
        let mut now = Timestamp::ZERO;
        for (ms, which, passed) in steps {
            now = now + Duration::from_millis(ms);
            while let Some(order) = state.order(now) {
                under_way.push(order);
            }
            if under_way.is_empty() {
                continue;
            }
            let order: Order = under_way.swap_remove(which % under_way.len());
            let row = &mut results[order.endpoint.slot as usize];
            let worst = |row: &[Vec<bool>; 2]| {
                let all = row.iter().map(|list| naive(list, rise as usize, fall as usize));
                all.max_by_key(|s| *s as u8).unwrap()
            };
            let before = worst(row);
            row[usize::from(order.check)].push(passed);
            let after = worst(row);
            prop_assert_eq!(state.report(now, &order, passed), (before != after).then_some(after));
            prop_assert_eq!(state.standing(order.endpoint.slot), after);
            prop_assert!(state.next_deadline() >= now);
        }
    }
}
