//! What a configuration says of more requests than endpoints can take.

use evenkeel_core::concurrency;

use super::{check, full, s, with_pool};

#[test]
fn priorities_need_somebody_who_waits() {
    let file = |pool: &str, route: &str| {
        with_pool(&format!(
            "{pool}\n[[route]]\npool = \"p\"\n[[route]]\npath = \"/x\"\n{route}"
        ))
    };
    let bounded = "endpoints = [{ address = \"a:1\", max_connections = 9 }]";
    let low = "pool = \"p\"\npriority = \"low\"";
    let cases: [(String, &[&str]); 6] = [
        (file(bounded, low), &[]),
        (
            file(
                "endpoints = [{ address = \"a:1\" }]",
                "pool = \"p\"\npriority = \"normal\"",
            ),
            &[],
        ),
        (
            file("endpoints = [{ address = \"a:1\" }]", low),
            &[
                ":7:1: warning: nobody waits for pool `p`: an endpoint of it is never full, so a \
               priority changes nothing; expected `concurrency`, or `max_connections` of all of its endpoints",
            ],
        ),
        (
            file(&format!("{bounded}\nqueue = {{ limit = 0 }}"), low),
            &[
                ":8:1: warning: nobody waits for pool `p`: it has no queue, so a priority changes \
               nothing; expected `queue.limit`",
            ],
        ),
        (
            file(bounded, "redirect = { to = \"/\" }\npriority = \"low\""),
            &[":10:12: error: a redirect waits for nobody; leave it out"],
        ),
        (
            file(bounded, "pool = \"p\"\npriority = \"lowest\""),
            &[":10:12: error: `route.priority`: unknown priority \"lowest\""],
        ),
    ];
    check(cases.into_iter());
}

#[test]
fn every_key_of_concurrency_arrives() {
    let concurrency = concurrency::Settings {
        min: 4,
        max: 90,
        tolerance_ppm: 400_000,
        interval: s(30),
    };
    assert_eq!(full().pools[0].concurrency, Some(concurrency));
}

#[test]
fn limits_that_are_found_out_have_bounds_that_make_sense() {
    let file = |keys: &str| {
        let endpoints = "endpoints = [{ address = \"a:1\" }, { address = \"b:1\" }]";
        with_pool(&format!("{endpoints}\nconcurrency = {{ {keys} }}"))
    };
    let alone = "endpoints = [{ address = \"a:1\" }]\nconcurrency =";
    let cases: [(String, &[&str]); 8] = [
        (file(""), &[]),
        (with_pool(&format!("{alone} {{ min = 20 }}")), &[]),
        (
            with_pool(&format!("{alone} {{}}")),
            &[":5:15: warning: nobody takes what the one endpoint cannot while it is measured"],
        ),
        (file("min = 20, max = 20, interval = \"10s\""), &[]),
        (
            file("min = 9, max = 8"),
            &[":5:32: error: the highest limit is below the lowest; expected at least `min`, 9"],
        ),
        (
            file("tolerance = \"0%\""),
            &[":5:29: warning: every limit falls: times always vary; expected some percent"],
        ),
        (
            file("interval = \"9s\""),
            &[":5:28: error: most of the time would go into measuring; expected at least \"10s\""],
        ),
        (
            file("min = 0"),
            &[":5:23: error: `pool.concurrency.min` is the integer 0; expected"],
        ),
    ];
    check(cases.into_iter());
}
