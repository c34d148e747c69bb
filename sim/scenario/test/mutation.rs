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
}
