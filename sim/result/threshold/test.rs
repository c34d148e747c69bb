//! Thresholds and the metrics that they name: what is read, what a wrong one's author is told.

use super::super::test::cell;
use super::*;

#[test]
fn thresholds_compare_with_the_cell() {
    let cell = cell();
    let table = [
        ("p99 < 400ms", Some(500.0), false),
        ("max <= 0.5s", Some(500.0), true),
        ("class:light p99<41ms", Some(40.0), true),
        ("class:heavy error_rate >= 100%", Some(1.0), true),
        ("error_rate < 0.1%", Some(0.375), false),
        ("error_rate == 37.5%", Some(0.375), true),
        ("requests == 8", Some(8.0), true),
        ("requests == 8.08 +- 1%", Some(8.0), true),
        ("requests == 8.1 +- 1%", Some(8.0), false),
        ("max == 490ms +- 2%", Some(500.0), false),
        ("max == 495ms +-2%", Some(500.0), true),
        ("retried > 0", Some(1.0), true),
        ("retry_rate < 12.5%", Some(0.125), false),
        ("endpoint:b share > 80%", Some(0.875), true),
        ("endpoint:b utilisation != 25%", Some(0.25), false),
        ("utilisation <= 25%", Some(0.25), true),
        ("endpoint:a dial_failures == 1", Some(1.0), true),
        ("endpoint:a failed == 1", Some(1.0), true),
        ("ejections > 0", Some(0.0), false),
        ("class:heavy in_flight_mean < 1", Some(0.53), true),
        ("class:heavy little == 1", Some(1.0), true),
        ("endpoint:b little == 1.25", Some(1.25), true),
        ("endpoint:c share > 0%", None, false),
        ("class:none p99 < 1s", None, false),
    ];
    for (text, value, ok) in table {
        let verdict = Threshold::parse(text).unwrap().evaluate(&cell);
        let expected = Verdict {
            metric: text.to_owned(),
            value,
            ok,
        };
        assert_eq!(verdict, expected);
    }
}

/// Text, where it is wrong, how much of it, and how the message begins.
const WRONG: [(&str, usize, usize, &str); 21] = [
    (
        "p99 < 1ms +- 1%",
        13,
        2,
        "only what is compared by == has a tolerance; expected `== VALUE +- 1%`",
    ),
    (
        "p99 == 1ms +- some",
        14,
        4,
        "`some` is no tolerance; expected a percentage such as 1%",
    ),
    (
        "",
        0,
        0,
        "the metric is missing; expected a condition such as",
    ),
    (
        "p98 < 1ms",
        0,
        3,
        "unknown metric `p98`; did you mean `p90`?",
    ),
    (
        "errorrate < 1%",
        0,
        9,
        "unknown metric `errorrate`; did you mean `error_rate`?",
    ),
    (
        "latency < 1ms",
        0,
        7,
        "unknown metric `latency`; not a known metric",
    ),
    (
        "p99",
        3,
        0,
        "nothing compares `p99`; expected one of < <= > >= == != and a value",
    ),
    (
        "p99 = 4ms",
        4,
        1,
        "`=` does not compare; expected one of < <=",
    ),
    (
        "ok <> 4",
        3,
        2,
        "`<>` does not compare; expected one of < <=",
    ),
    (
        "p99 < 400",
        6,
        3,
        "`p99` cannot be compared with `400`; expected a duration such as",
    ),
    (
        "p99 < -4ms",
        6,
        4,
        "`p99` cannot be compared with `-4ms`; expected a duration",
    ),
    (
        "p99 <",
        5,
        0,
        "`p99` is compared with nothing; expected a duration",
    ),
    (
        "error_rate < 1ms",
        13,
        3,
        "`error_rate` cannot be compared with `1ms`; expected a per",
    ),
    (
        "error_rate < 0.1",
        13,
        3,
        "`error_rate` cannot be compared with `0.1`; expected a per",
    ),
    (
        "failed == inf",
        10,
        3,
        "`failed` cannot be compared with `inf`; expected a number",
    ),
    (
        "share > 1%",
        0,
        5,
        "`share` is not measured for all requests; expected `endpoint:NAME share",
    ),
    (
        "class:light share > 0",
        12,
        5,
        "`share` is not measured for a class; a class has mean, p50",
    ),
    (
        "  endpoint:a p99 < 1s",
        13,
        3,
        "`p99` is not measured for an endpoint; an endpoint has req",
    ),
    (
        "class:",
        0,
        6,
        "the condition ends too early; expected a name and a metric, as in `class:a",
    ),
    (
        "clas:x p99 < 1s",
        0,
        4,
        "unknown scope `clas`; did you mean `class`?",
    ),
    (
        "pool:x p99 < 1s",
        0,
        4,
        "unknown scope `pool`; not a known scope",
    ),
];

#[test]
fn wrong_thresholds_say_where_and_what_was_expected() {
    for (text, at, len, message) in WRONG {
        let error = Threshold::parse(text).unwrap_err();
        assert!(error.to_string().starts_with(message), "{text}: {error}");
        assert_eq!((error.at, error.len), (at, len), "{text}");
    }
}

/// The table of metrics is true: in a scope where something was measured, those that exist there
/// have a value, and the others have none.
#[test]
fn metrics_exist_where_results_have_them() {
    let mut cell = cell();
    cell.sessions.started = 1;
    let class = Scope::Class("light".to_owned());
    let endpoint = Scope::Endpoint("b".to_owned());
    for metric in Metric::ALL {
        assert_eq!(Metric::parse(&metric.to_string()), Some(*metric));
        for scope in [&Scope::All, &class, &endpoint] {
            let value = cell.value(*metric, scope);
            assert_eq!(
                value.is_some(),
                metric.exists_in(scope),
                "{metric} {scope:?}"
            );
        }
    }
}

#[test]
fn signs_compare() {
    let table = [
        ("<", [true, false, false]),
        ("<=", [true, true, false]),
        (">", [false, false, true]),
        (">=", [false, true, true]),
        ("==", [false, true, false]),
        ("!=", [true, false, true]),
    ];
    for (sign, expected) in table {
        let Threshold { op, bound, .. } = Threshold::parse(&format!("p99{sign}0.1s")).unwrap();
        assert_eq!(
            [99.9, 100.0, 100.1].map(|ms| op.holds(ms, bound)),
            expected,
            "{sign}"
        );
    }
}

proptest::proptest! {
    /// No text makes the grammar panic, and what it reads it can print and read again.
    #[test]
    fn any_text_is_read_as_a_threshold(
        text in "(class:|endpoint:)?[a-zµ ]{0,6}(p99|ok|share)? ?[<=>!]{0,2} ?[0-9.]{0,4}(ms|%|s)?"
    ) {
        if let Ok(threshold) = Threshold::parse(&text) {
            proptest::prop_assert_eq!(Threshold::parse(&threshold.to_string()), Ok(threshold));
        }
    }
}
