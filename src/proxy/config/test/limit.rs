//! Limits of clients: what a good file means, what the author of a wrong one is told.

use evenkeel_core::limit;
use evenkeel_core::time::Span;

use super::*;

#[test]
fn every_key_of_limits_arrives() {
    let each = Limit {
        name: "each".into(),
        key: Some(HashKey::Address),
        settings: limit::Settings {
            rate: Some(limit::Rate {
                every: Span::of(s(2)),
                burst: 9,
                delay: Some(4),
            }),
            requests: None,
            keys: 100,
            dry_run: false,
        },
    };
    let reports = Limit {
        name: "reports".into(),
        key: None,
        settings: limit::Settings {
            rate: None,
            requests: Some(3),
            keys: 65_536,
            dry_run: true,
        },
    };
    assert_eq!(full().limits, [each, reports]);
}

/// A file of 7 lines whose route has the limit `a`, which has the lines.
fn limited(lines: &str) -> String {
    let route = "[[route]]\npool = \"p\"\nlimit = \"a\"\n[[limit]]\nname = \"a\"";
    with_pool(&format!(
        "endpoints = [{{ address = \"a:1\" }}]\n{route}\n{lines}"
    ))
}

const SETTINGS: &[(&str, &[&str])] = &[
    (
        "keys = 5",
        &[":8:1: error: it limits nothing; expected `rate` or `requests`"],
    ),
    (
        "rate = \"9/s\"",
        &[":10:8: warning: of two requests at once one is refused; expected `burst` beside it"],
    ),
    ("rate = \"9/s\"\nburst = 0", &[]),
    (
        "requests = 9\nburst = 9",
        &[":11:9: error: `burst` is of a rate; expected `rate` beside it"],
    ),
    (
        "rate = \"9/s\"\nburst = 9\ndelay = 9",
        &[":12:9: warning: nobody waits: all of the burst go on at once; expected less than"],
    ),
    (
        "rate = \"1/s\"\nburst = 20\ndelay = 5",
        &[":12:9: warning: the last of a burst waits 15s; expected a `burst` that is over in"],
    ),
    (
        "rate = \"0/s\"",
        &[":10:8: error: `limit.rate` is the string \"0/s\"; expected a rate above 0"],
    ),
    (
        "requests = 9\nkey = \"cookies:a\"",
        &[":11:7: error: `limit.key`: unknown key \"cookies:a\""],
    ),
];

#[test]
fn limits_that_cannot_work() {
    check(
        SETTINGS
            .iter()
            .map(|(text, wanted)| (limited(text), *wanted)),
    );
}

#[test]
fn routes_have_limits_that_there_are() {
    let limits = "[[limit]]\nname = \"a\"\nrequests = 9\n[[limit]]\nname = \"b\"\nrequests = 9";
    let file = |route: &str| {
        let pool = "endpoints = [{ address = \"a:1\" }]";
        with_pool(&format!("{pool}\n[[route]]\n{route}\n{limits}"))
    };
    let pool = "pool = \"p\"\nlimit =";
    let cases: [(String, &[&str]); 3] = [
        (
            file(&format!("{pool} [\"a\", \"c\"]")),
            &[
                ":7:9: error: unknown limit `c`",
                ":12:8: warning: no route has the limit `b`; expected `limit` in a [[route]]",
            ],
        ),
        (
            file(&format!("{pool} [\"a\", \"b\", \"a\"]")),
            &[":7:9: error: the limit `a` stands here twice; expected each name once"],
        ),
        (
            file(&format!(
                "{pool} [\"a\", \"b\"]\n[[route]]\npath = \"/x\"\nlimit = \"a\"\nredirect = {{ to = \"/\" }}"
            )),
            &[":10:9: error: a redirect has no limits: it costs nothing; leave it out"],
        ),
    ];
    check(cases.into_iter());
}
