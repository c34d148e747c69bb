//! Files that are wrong in one way each, and what their authors are told.

use std::path::Path;

use super::*;

#[derive(Clone, Debug, PartialEq)]
struct Pool {
    name: String,
    dial: std::time::Duration,
    weights: Vec<u32>,
    policy: u8,
}

fn pool(t: &mut Table<'_>) -> Option<Pool> {
    let name = t.required("name", Name, "what routes call it");
    let dial = t.default(
        "dial",
        Time::POSITIVE,
        std::time::Duration::from_secs(1),
        "to connect",
    );
    let weights = t.default("weights", List(Integer(0..=100_u32)), vec![1], "shares");
    let policy = t.shorthand("policy", "name", "who is picked", |t| {
        const POLICY: Choice<u8> = Choice {
            what: "policy",
            of: &[("round_robin", 1), ("random", 2), ("p2c", 3)],
        };
        t.optional("choices", Integer(2..=8_u32), "how many are compared");
        t.default("name", POLICY, 3, "the algorithm")
    });
    Some(Pool {
        name: name?,
        dial,
        weights,
        policy,
    })
}

fn file(t: &mut Table<'_>) -> Option<Vec<Pool>> {
    t.table("server", "the process", |t| {
        t.optional("workers", Integer(1..=1024_u32), "threads");
        t.optional("memory", Size, "all buffers");
        t.default("log", Boolean, true, "whether to log");
    });
    let pools = t.tables("pool", "endpoints", pool);
    pools.into_iter().collect()
}

/// The diagnostics of a TOML file, one line each, without the file's name.
fn lines(text: impl AsRef<[u8]>) -> Vec<String> {
    lines_of("x.toml", text)
}

fn lines_of(path: &str, text: impl AsRef<[u8]>) -> Vec<String> {
    let (_, problems) = decode(Path::new(path), text.as_ref(), file);
    let line = |problem: &Diagnostic| problem.line().trim_start_matches(path).to_owned();
    problems.iter().map(line).collect()
}

#[test]
fn a_good_file_has_its_values_and_defaults() {
    let toml = "[server]\nworkers = 2\n\
                [[pool]]\nname = \"a\"\ndial = \"1.5s\"\npolicy = \"random\"\n\
                [[pool]]\nname = \"b\"\nweights = [0, 7]\npolicy = { name = \"p2c\", choices = 3 }\n";
    let json = r#"{ "server": { "workers": 2 }, "pool": [
        { "name": "a", "dial": "1.5s", "policy": "random" },
        { "name": "b", "weights": [0, 7], "policy": { "name": "p2c", "choices": 3 } } ] }"#;
    let pool = |name: &str, dial, weights, policy| Pool {
        name: name.into(),
        dial: std::time::Duration::from_millis(dial),
        weights,
        policy,
    };
    let wanted = vec![pool("a", 1500, vec![1], 2), pool("b", 1000, vec![0, 7], 3)];
    for text in [
        toml.to_owned(),
        toml.replace('\n', "\r\n"),
        format!("\u{feff}{toml}"),
        json.into(),
    ] {
        assert_eq!(
            decode(Path::new("x"), text.as_bytes(), file),
            (Some(wanted.clone()), vec![])
        );
    }
}

/// Files, and what is told about each.
const MISTAKES: &[(&str, &[&str])] = &[
    // Keys.
    (
        "[[pool]]\nnmae = \"a\"\n",
        &[":2:1: error: unknown key `nmae` in `pool`; did you mean `name`?"],
    ),
    (
        "[[pool]]\nname = \"a\"\nxyzzy = 1\n",
        &[
            ":3:1: error: unknown key `xyzzy` in `pool`; not a known key here; \
               known: name, dial, weights, policy",
        ],
    ),
    (
        "[servre]\n",
        &[":1:2: error: unknown key `servre`; did you mean `server`?"],
    ),
    (
        "[[pool]]\n",
        &[
            ":1:1: error: `pool.name` is missing; expected `name`, a name without blanks; \
               `name`: what routes call it",
        ],
    ),
    // Shapes.
    (
        "[pool]\nname = \"a\"\n",
        &[":1:1: error: `pool` is a table; expected [[pool]] or a list: there may be several"],
    ),
    (
        "[[server]]\n",
        &[":1:1: error: `server` is a list; expected [server]: there is only one"],
    ),
    (
        "server = 1\n",
        &[":1:10: error: `server` is the integer 1; expected a table"],
    ),
    (
        "pool = [1]\n",
        &[":1:9: error: `pool` is the integer 1; expected a table"],
    ),
    // Values.
    (
        "[server]\nworkers = 0\nmemory = 5\nlog = \"yes\"\n",
        &[
            ":2:11: error: `server.workers` is the integer 0; expected an integer from 1 to \
                 1024; `server.workers`: threads",
            ":3:10: error: `server.memory` is the integer 5; expected a unit, such as \"5B\"; \
                 `server.memory`: all buffers",
            ":4:7: error: `server.log` is the string \"yes\"; expected true or false; \
                 `server.log`: whether to log",
        ],
    ),
    (
        "[[pool]]\nname = \"a b\"\ndial = \"0s\"\nweights = [1, 101, -1]\n",
        &[
            ":2:8: error: `pool.name` is the string \"a b\"; expected a name of 1 to 128 bytes \
                 without blanks; `pool.name`: what routes call it",
            ":3:8: error: `pool.dial` is the string \"0s\"; expected more than zero; \
                 `pool.dial`: to connect",
            ":4:15: error: `pool.weights` is the integer 101; expected an integer from 0 to \
                 100; `pool.weights`: shares",
            ":4:20: error: `pool.weights` is the integer -1; expected an integer from 0 to \
                 100; `pool.weights`: shares",
        ],
    ),
    (
        "[[pool]]\nname = \"é\"\npolicy = \"round-robbin\"\n",
        &[
            ":3:10: error: `pool.policy.name`: unknown policy \"round-robbin\"; \
               did you mean `round_robin`?",
        ],
    ),
    (
        "[[pool]]\nname = \"é\"\npolicy = { name = \"zzz\", choice = 2 }\n",
        &[
            ":3:19: error: `pool.policy.name`: unknown policy \"zzz\"; not a known policy; \
                 known: round_robin, random, p2c",
            ":3:26: error: unknown key `choice` in `pool.policy`; did you mean `choices`?",
        ],
    ),
    // Syntax: all of it too.
    (
        "[server]\nworkers = \nmemory = 64KiB\nlog = tru\n",
        &[
            ":2:11: error: the value is missing; \
                 expected a value, such as 1, true or \"text\"",
            ":3:10: error: text must stand in quotes; expected \"64KiB\"",
            ":4:7: error: invalid boolean; expected `true`",
        ],
    ),
    (
        "a = 1\na = 2\n",
        &[":2:1: error: `a` is written twice; the second one"],
    ),
];

#[test]
fn every_mistake_is_told_where_it_is() {
    for (text, wanted) in MISTAKES {
        assert_eq!(lines(text), *wanted, "{text}");
    }
}

#[test]
fn json_says_the_same() {
    let cases: &[(&str, &[&str])] = &[
        (
            "",
            &[":1:1: error: the file is not a JSON object; expected {"],
        ),
        (
            "[]",
            &[":1:1: error: the file is not a JSON object; expected {"],
        ),
        (
            "{\"server\": {},}",
            &[":1:14: error: not JSON: trailing commas are not allowed"],
        ),
        (
            "{} // no",
            &[":1:4: error: not JSON: comments are not allowed"],
        ),
        (
            "{ \"server\": { \"wokers\": 1 },\n  \"server\": {} }",
            &[":2:3: error: `server` is written twice; the second one"],
        ),
        (
            "{\n\t\"server\": { \"wokers\": null } }",
            &[":2:14: error: unknown key `wokers` in `server`; did you mean `workers`?"],
        ),
    ];
    for (text, wanted) in cases {
        let wanted: Vec<String> = wanted.iter().map(|line| line.replace(":1:1", "")).collect();
        let found: Vec<String> = lines_of("x.json", text)
            .iter()
            .map(|line| line.replace(":1:1", ""))
            .collect();
        assert_eq!(found, wanted, "{text}");
    }
}

#[test]
fn columns_count_characters_whatever_the_line_ends() {
    for end in ["\n", "\r\n"] {
        for start in ["", "\u{feff}"] {
            let text = format!("{start}# Grüße{end}server = {{ \"é\" = 1,\tworkers = -1 }}{end}");
            let found = lines(&text);
            assert!(
                found[0].starts_with(":2:12: error: unknown key `é`"),
                "{found:?}"
            );
            assert!(
                found[1].starts_with(":2:31: error: `server.workers`"),
                "{found:?}"
            );
            let shown = decode(Path::new("x.toml"), text.as_bytes(), file).1[1].show(false);
            assert!(shown.contains("--> x.toml:2:31\n"), "{shown}");
        }
    }
}

#[test]
fn what_is_not_text_is_said() {
    let latin = b"[server]\nlog = \"\xe9t\xe9\"\n";
    let wanted = ":2:8: error: byte 0xe9 is not UTF-8; expected UTF-8 text; save the file as UTF-8";
    assert_eq!(lines(latin), [wanted]);
    assert_eq!(
        lines(b"\xff\xfe[\0"),
        [": error: the file is UTF-16; save it as UTF-8"]
    );
    assert_eq!(
        lines(vec![b' '; (16 << 20) + 1]),
        [": error: the file is larger than 16 MiB"]
    );
}

#[test]
fn depth_is_limited() {
    for depth in [60, 70, 100, 1_000, 100_000] {
        let toml = format!("a = {}{}", "[".repeat(depth), "]".repeat(depth));
        let json = format!("{{\"a\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
        for text in [toml, json] {
            assert!(!lines(&text).is_empty(), "{depth}");
        }
    }
}

#[test]
fn a_mistake_is_shown_with_its_line() {
    let text = "[server]\nlog = true\n[[pool]]\nname = \"a\"\ndail = \"2s\"\n";
    let (_, problems) = decode(Path::new("conf/x.toml"), text.as_bytes(), file);
    let wanted = "\
error: unknown key `dail` in `pool`
 --> conf/x.toml:5:1
  |
5 | dail = \"2s\"
  | ^^^^ did you mean `dial`?

1 error
";
    assert_eq!(render(&problems, false), wanted);
}

#[test]
fn the_nearest_name() {
    let known = [
        "round_robin",
        "random",
        "least_request",
        "p2c",
        "timeouts",
        "to",
    ];
    let cases = [
        ("round-robin", Some("round_robin")),
        ("RoundRobin", Some("round_robin")),
        ("roundrobbin", Some("round_robin")),
        ("rnadom", Some("random")),
        ("least_requests", Some("least_request")),
        ("p2d", Some("p2c")),
        ("timeout", Some("timeouts")),
        ("t", None),
        ("x", None),
        ("maglev", None),
        ("", None),
    ];
    for (written, wanted) in cases {
        assert_eq!(nearest(written, known), wanted, "{written}");
    }
}

#[test]
fn declarations_describe_themselves() {
    let keys = describe(file);
    let schema = schema("pools", &keys);
    let pool = &schema["properties"]["pool"];
    assert_eq!(pool["items"]["required"], serde_json::json!(["name"]));
    assert_eq!(pool["items"]["properties"]["dial"]["default"], "1s");
    assert_eq!(
        pool["items"]["properties"]["dial"]["description"],
        "to connect"
    );
    assert_eq!(
        pool["items"]["properties"]["policy"]["anyOf"][0]["default"],
        "p2c"
    );
    assert_eq!(
        schema["properties"]["server"]["properties"]["workers"]["maximum"],
        1024
    );
    let wanted = "pool.dial: a duration such as \"30s\", \"250ms\" or \"1.5h\"; default \"1s\"\n  \
                  to connect\n";
    assert_eq!(explain(&keys, "dial").as_deref(), Ok(wanted));
    assert_eq!(explain(&keys, "pool.dial").as_deref(), Ok(wanted));
    assert_eq!(explain(&keys, "pool.dail"), Err(Some("pool.dial".into())));
    let policy = explain(&keys, "policy").expect("it is declared");
    assert!(
        policy.starts_with("pool.policy: a table, or the value of its `name`\n"),
        "{policy}"
    );
    assert!(
        policy.contains("    choices  how many are compared\n"),
        "{policy}"
    );
}

#[test]
fn a_broken_generator_is_told_enough() {
    let unknown: String = (0..100_000).map(|n| format!("key_{n} = 1\n")).collect();
    let broken = "= 1\n".repeat(100_000);
    for text in [unknown, broken] {
        let (_, problems) = decode(Path::new("x"), text.as_bytes(), file);
        assert_eq!(problems.len(), 1_000);
        assert!(render(&problems, false).ends_with("... and 950 more\n1000 errors\n"));
    }
}

#[test]
fn warnings_do_not_crowd_out_an_error() {
    let (result, problems) = decode(Path::new("x"), b"a = 1", |t| {
        for _ in 0..5_000 {
            let warning = t.problem(t.own_span(), "odd").warning();
            t.report(warning);
        }
        Some(())
    });
    assert_eq!((result, problems.len()), (None, 1_001));
}
