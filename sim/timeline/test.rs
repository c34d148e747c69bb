//! What faults of a file become, change by change.

use std::sync::Arc;

use super::*;
use crate::scenario::Scenario;

/// Three endpoints, of which `c` is at the address of `a`, in two pools; 20 seconds.
const SCENARIO: &str = r#"
duration = "20s"
[config]
listener = [{ address = ":80" }]
[[config.route]]
pool = "p"
[[config.route]]
path = "/q"
pool = "q"
[[config.pool]]
name = "p"
endpoints = [{ name = "a", address = "10.0.0.1:80" }, { name = "b", address = "10.0.0.2:80" }]
[[config.pool]]
name = "q"
endpoints = [{ name = "c", address = "10.0.0.1:80" }, { name = "d", address = "10.0.0.4:80" }]
[origin]
service = { dist = "constant", value = "1s" }
[[workload]]
name = "w"
arrivals = { rate = "1/s" }
"#;

fn timeline(faults: &str, seed: u64) -> Timeline {
    let text = format!("{SCENARIO}{faults}");
    let scenario: Scenario = text.parse().expect("it is sound");
    Timeline::new(&Plan::new(Arc::new(scenario), None), seed)
}

/// Changes as `seconds origin change`.
fn told(timeline: &Timeline) -> Vec<String> {
    let seconds = |at: Timestamp| at.0 as f64 / 1e9;
    let changes = timeline.changes.iter();
    changes
        .map(|(at, origin, change)| format!("{} {origin} {change:?}", seconds(*at)))
        .collect()
}

fn fault(keys: &str) -> String {
    let keys: Vec<&str> = keys.split("; ").collect();
    format!("[[fault]]\n{}\n", keys.join("\n"))
}

/// What it shows, faults by their keys, and the changes.
type Case = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const CASES: [Case; 8] = [
    (
        "an end of its own, or that of the arrivals",
        &[
            "at = \"2s\"; kind = \"crash\"; target = \"a\"; for = \"3s\"",
            "at = \"18s\"; kind = \"pause\"; target = \"b\"; for = \"9s\"",
        ],
        &["2 0 Crash", "5 0 Restart", "18 1 Pause", "20 1 Resume"],
    ),
    (
        "a later one of its kind ends it, wherever it is named; another kind does not",
        &[
            "at = \"2s\"; kind = \"slow\"; factor = 9; target = \"a\"",
            "at = \"4s\"; kind = \"slow\"; factor = 2; target = \"q/c\"; for = \"1s\"",
            "at = \"4s\"; kind = \"hang\"; target = \"a\"; for = \"2s\"",
        ],
        &[
            "2 0 Slow(9.0)",
            "4 0 Slow(2.0)",
            "4 0 Hang",
            "5 0 Slow(1.0)",
            "6 0 Release",
        ],
    ),
    (
        "one that is shorter than what it ends ends both",
        &[
            "at = \"2s\"; kind = \"refuse\"; target = \"d\"; for = \"10s\"",
            "at = \"4s\"; kind = \"refuse\"; target = \"d\"; for = \"1s\"",
        ],
        &["2 2 Refuse(true)", "4 2 Refuse(true)", "5 2 Refuse(false)"],
    ),
    (
        "a pool's, each origin once, and repeated until the end",
        &["at = \"9s\"; kind = \"crash\"; target = \"pool:q\"; for = \"1s\"; every = \"6s\""],
        &[
            "9 0 Crash",
            "9 2 Crash",
            "10 0 Restart",
            "10 2 Restart",
            "15 0 Crash",
            "15 2 Crash",
            "16 0 Restart",
            "16 2 Restart",
        ],
    ),
    (
        "one after the other, as long as there is time",
        &[
            "at = \"14s\"; kind = \"rolling_restart\"; target = \"pool:p\"; for = \"3s\"; gap = \"1s\"",
        ],
        &["14 0 Crash", "17 0 Restart", "18 1 Crash", "20 1 Restart"],
    ),
    (
        "shares and statuses",
        &[
            "at = \"1s\"; kind = \"error_burst\"; share = \"25%\"; status = 500; retry_after = \"2s\"; target = \"a\"; for = \"1s\"",
            "at = \"3s\"; kind = \"reset\"; share = \"50%\"; target = \"a\"; for = \"1s\"",
            "at = \"5s\"; kind = \"keepalive_race\"; target = \"a\"; for = \"1s\"",
        ],
        &[
            "1 0 Errors { share: 0.25, status: 500, retry_after: 2s }",
            "2 0 Errors { share: 0.0, status: 500, retry_after: 2s }",
            "3 0 Reset(0.5)",
            "4 0 Reset(0.0)",
            "5 0 Race(1.0)",
            "6 0 Race(0.0)",
        ],
    ),
    (
        "it begins too late",
        &["at = \"20s\"; kind = \"crash\"; target = \"a\""],
        &[],
    ),
    (
        "never",
        &["at = \"1s\"; kind = \"crash\"; target = \"a\"; probability = \"0%\"; every = \"1s\""],
        &[],
    ),
];

#[test]
fn faults_become_changes() {
    for (name, faults, expected) in CASES {
        let text: String = faults.iter().map(|keys| fault(keys)).collect();
        assert_eq!(told(&timeline(&text, 1)), expected, "{name}");
    }
}

/// Evenly: half of the time at less than half of the strength, and its mean is half.
#[test]
fn a_ramp_grows_evenly() {
    let text = fault(
        "at = \"4s\"; kind = \"slow\"; factor = 21; target = \"a\"; ramp = \"8s\"; for = \"12s\"",
    );
    let changes = timeline(&text, 1).changes;
    let factor = |change: &Change| match change {
        Change::Slow(factor) => *factor,
        other => panic!("{other:?}"),
    };
    let factors: Vec<f64> = changes.iter().map(|(.., change)| factor(change)).collect();
    assert_eq!(changes.len(), 22);
    assert_eq!(
        (factors[0], factors[19], factors[20], factors[21]),
        (1.5, 20.5, 21.0, 1.0)
    );
    let mean = factors[..20].iter().sum::<f64>() / 20.0;
    assert!((mean - 11.0).abs() < 1e-9, "{mean}");
    assert_eq!(changes[20].0, Timestamp(12_000_000_000));
    assert_eq!(changes[21].0, Timestamp(16_000_000_000));
    let short = timeline(&text.replace("12s", "2s"), 1).changes;
    assert_eq!(short.len(), 6, "{short:?}");
}

#[test]
fn holes_are_times_and_no_changes() {
    let blackhole = |at, lasts| {
        fault(&format!(
            "at = \"{at}s\"; kind = \"blackhole\"; target = \"b\"; for = \"{lasts}s\""
        ))
    };
    let timeline = timeline(&(blackhole(2, 3) + &blackhole(4, 3) + &blackhole(19, 3)), 1);
    assert_eq!(timeline.changes, []);
    let leaves = |s: u64| timeline.holes[1].leaves(Timestamp(s * 1_000_000_000)).0 / 1_000_000_000;
    assert_eq!([1, 2, 4, 6, 7, 19].map(leaves), [1, 7, 7, 7, 7, 20]);
    assert_eq!(timeline.holes[0], Holes::default());
}

/// 400 occurrences over 40 seeds: five standard deviations of a probability of 0.3 are 0.115; and
/// each of three origins is drawn as often.
#[test]
fn draws_are_the_seeds() {
    let text = fault(
        "at = \"0s\"; kind = \"pause\"; target = \"random:2\"; for = \"1s\"; every = \"2s\"; \
         probability = \"30%\"",
    );
    let mut counts = [0; 3];
    for seed in 0..40 {
        let pauses = timeline(&text, seed);
        assert_eq!(pauses, timeline(&text, seed));
        for pair in pauses
            .changes
            .chunks(2)
            .filter(|pair| pair[0].2 == Change::Pause)
        {
            assert_eq!(pair[0].0, pair[1].0);
            assert_ne!(pair[0].1, pair[1].1, "two of them");
        }
        for (_, origin, _) in pauses.changes.iter().filter(|(.., c)| *c == Change::Pause) {
            counts[*origin] += 1;
        }
    }
    let occurrences = counts.iter().sum::<i32>() / 2;
    assert!((74..166).contains(&occurrences), "{counts:?}");
    let each = f64::from(occurrences) * 2.0 / 3.0;
    assert!(
        counts.iter().all(|n| (f64::from(*n) - each).abs() < 30.0),
        "{counts:?}"
    );
}

#[test]
fn the_longest_standstill_is_found() {
    let table: [(&[&str], u64); 4] = [
        (&["kind = \"crash\"; for = \"9s\""], 0),
        (
            &[
                "kind = \"pause\"; for = \"3s\"",
                "kind = \"blackhole\"; for = \"2s\"",
            ],
            3,
        ),
        (
            &[
                "kind = \"pause\"; for = \"3s\"",
                "kind = \"blackhole\"; for = \"4s\"",
            ],
            4,
        ),
        (&["kind = \"pause\"", "kind = \"crash\"; for = \"1s\""], 18),
    ];
    for (faults, seconds) in table {
        let text = |keys: &&str| fault(&format!("at = \"2s\"; target = \"a\"; {keys}"));
        let text: String = faults.iter().map(text).collect();
        let standstill = timeline(&text, 1).standstill();
        assert_eq!(standstill.as_secs(), seconds, "{faults:?}");
    }
}
