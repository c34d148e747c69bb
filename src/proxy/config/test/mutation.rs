//! Files that somebody, or a broken disk, changed: nothing panics, errors have a place.

use proptest::prelude::*;

use super::*;

/// A change to a file's bytes; positions are taken modulo its length.
#[derive(Clone, Debug)]
enum Change {
    Flip(usize, u8),
    Delete(usize, usize),
    Truncate(usize),
    Copy(usize, usize, usize),
    Insert(usize, &'static str),
    SwapLines(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<usize>;
    let words = proptest::sample::select(vec![
        "0",
        "-1",
        "9999999999999999999999999999999999999999",
        "1e999",
        "nan",
        "\"\"",
        "\"30\"",
        "[",
        "]",
        "{",
        "}",
        "[[",
        "=",
        "\"",
        "'''",
        "\n",
        "\r",
        "\t",
        "é",
        "\u{feff}",
        "\0",
        "[pool]\n",
        "[[pool]]\n",
        "name = \"a\"\n",
        "1979-05-27",
        "true",
        "null",
        "x.y.z",
        ",",
    ]);
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(i, byte)| Change::Flip(i, byte)),
        (at(), 1..40_usize).prop_map(|(i, n)| Change::Delete(i, n)),
        at().prop_map(Change::Truncate),
        (at(), at(), 1..40_usize).prop_map(|(from, to, n)| Change::Copy(from, to, n)),
        (at(), words).prop_map(|(i, word)| Change::Insert(i, word)),
        (at(), at()).prop_map(|(a, b)| Change::SwapLines(a, b)),
    ]
}

fn apply(text: &mut Vec<u8>, change: &Change) {
    if text.is_empty() {
        return;
    }
    let length = text.len();
    match *change {
        Change::Flip(i, byte) => text[i % length] = byte,
        Change::Delete(i, n) => _ = text.drain(i % length..(i % length + n).min(length)),
        Change::Truncate(i) => text.truncate(i % length),
        Change::Copy(from, to, n) => {
            let part = text[from % length..(from % length + n).min(length)].to_vec();
            _ = text.splice(to % length..to % length, part);
        }
        Change::Insert(i, word) => _ = text.splice(i % length..i % length, word.bytes()),
        Change::SwapLines(a, b) => {
            let mut lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
            let count = lines.len();
            lines.swap(a % count, b % count);
            *text = lines.join(&b'\n');
        }
    }
}

const JSON: &str = r#"{ "schema": 1, "server": { "workers": 4, "drain": "10s" },
  "listener": [{ "address": ":8080", "trusted_proxies": ["10.0.0.0/8"], "limits": {} }],
  "route": [{ "host": "é.example", "path": { "exact": "/" }, "pool": "p" }],
  "pool": [{ "name": "p", "policy": "p2c", "retry": { "budget": "1%" }, "endpoints":
    [{ "name": "a", "address": "[::1]:80", "weight": 1 }, { "address": "b:1" }] }] }"#;

proptest! {
    #[test]
    fn nothing_panics(
        json in any::<bool>(),
        changes in proptest::collection::vec(change(), 0..6),
    ) {
        let mut text = if json { JSON } else { FULL }.as_bytes().to_vec();
        for change in &changes {
            apply(&mut text, change);
        }
        let (config, problems) = load(Path::new("x"), &text);
        let failed = problems.iter().any(|problem| problem.severity == Severity::Error);
        prop_assert_eq!(config.is_none(), failed);
        for problem in &problems {
            let held = problem.source.text();
            prop_assert!(held.get(problem.span.start..problem.span.end).is_some());
            prop_assert!(!problem.show(false).is_empty());
            prop_assert!(!problem.line().contains('\n'));
        }
    }
}
