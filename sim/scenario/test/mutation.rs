//! Files that somebody, or a broken disk, changed: nothing panics, errors have a place.

use proptest::prelude::*;

use super::*;

/// What is put in at a place, and how many bytes go there; the place is modulo the length.
fn change() -> impl Strategy<Value = (usize, usize, Vec<u8>)> {
    let words = proptest::sample::select(vec![
        "",
        "",
        "0",
        "-1",
        "99999999999999999999",
        "1e999",
        "nan",
        "\"\"",
        "\"0s\"",
        "\"36500d\"",
        "\"1ns\"",
        "\"1..\"",
        "[",
        "]",
        "{",
        "}",
        "=",
        "\"",
        "\n",
        "é",
        "\0",
        "[[fault]]\n",
        "0%",
        "at = \"1s\"\n",
        "true",
        "endpoint:a ",
        "class:",
        "<",
        "!=",
        "/",
        "\"0/s\"",
        "[config]\n",
    ]);
    let words = words.prop_map(|word| word.as_bytes().to_vec());
    let bytes = proptest::collection::vec(any::<u8>(), 1..3);
    (
        any::<usize>(),
        prop_oneof![0..3_usize, 0..60_usize],
        prop_oneof![4 => words, 1 => bytes],
    )
}

/// A path of names, most of which are known somewhere.
fn key() -> impl Strategy<Value = String> {
    let names = proptest::sample::select(vec![
        "duration",
        "seeds",
        "workload",
        "browse",
        "classes",
        "heavy",
        "arrivals",
        "rate",
        "pool",
        "p",
        "endpoints",
        "a",
        "weight",
        "policy",
        "retry",
        "origin",
        "service",
        "override",
        "config",
        "file",
        "fault",
        "threshold",
        "network",
        "name",
        "",
        "é",
    ]);
    proptest::collection::vec(names, 1..5).prop_map(|names| names.join("."))
}

fn value() -> impl Strategy<Value = String> {
    let values = proptest::sample::select(vec![
        "5s",
        "7",
        "\"10/s\"",
        "p2c",
        "[]",
        "[{}]",
        "{}",
        "{ name = \"x\" }",
        "\"",
        "\n",
        "é",
        "",
        "'p99 < 1s'",
        "[{ name = \"a\", x = 1 }]",
        "1..3",
        "1\nv = 2",
        "null",
        "1 # one",
    ]);
    values.prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn nothing_panics(
        changes in proptest::collection::vec(change(), 0..6),
        end in prop_oneof![4 => Just(usize::MAX), 1 => any::<usize>()],
    ) {
        let mut text = format!("{FULL}{CONFIG}").into_bytes();
        for (at, removed, inserted) in changes {
            let start = at % text.len().max(1);
            let stop = (start + removed).min(text.len());
            text.splice(start.min(stop)..stop, inserted);
        }
        if end != usize::MAX {
            text.truncate(end % text.len().max(1));
        }
        is_scenario(Path::new("x"), &text);
        let (scenario, problems) = load(Path::new("x"), &text);
        let failed = problems.iter().any(|problem| problem.severity == Severity::Error);
        prop_assert_eq!(scenario.is_none(), failed);
        for problem in &problems {
            let held = problem.source.text();
            prop_assert!(held.get(problem.span.start..problem.span.end).is_some());
            prop_assert!(!problem.show(false).is_empty());
            prop_assert!(!problem.line().contains('\n'));
        }
    }

    #[test]
    fn nothing_set_panics(
        sets in proptest::collection::vec((key(), value()), 0..4),
    ) {
        let text = format!("{FULL}{CONFIG}");
        let (scenario, problems) = load_with(Path::new("x"), text.as_bytes(), &sets);
        let failed = problems.iter().any(|problem| problem.severity == Severity::Error);
        prop_assert_eq!(scenario.is_none(), failed);
        for problem in &problems {
            let held = problem.source.text();
            prop_assert!(held.get(problem.span.start..problem.span.end).is_some());
            prop_assert!(!problem.show(false).is_empty());
        }
    }
}
