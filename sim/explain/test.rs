//! Explanations against what happened: under every policy, in both engines.

use std::thread;

use evenkeel_core::account::{Account, Reason};
use evenkeel_core::policy::Best;
use evenkeel_core::pool::Admission;
use evenkeel_core::trace::Kind;
use evenkeel_proxy::config;

use super::*;
use crate::scenario::{Engine, Scenario};
use crate::sweep;

/// Four endpoints, of which `b` dies: requests wait, are tried again and find places.
const TEXT: &str = r#"
name = "made up"
duration = "3s"
[config]
listener = [{ address = ":80" }]
[[config.pool]]
name = "p"
policy = "POLICY"
endpoints = [
  { name = "a", address = "10.0.0.1:80", max_connections = 2 },
  { name = "b", address = "10.0.0.2:80", weight = 2, max_connections = 2 },
  { name = "c", address = "10.0.0.3:80", max_connections = 2 },
  { name = "d", address = "10.0.0.4:80", backup = true },
]
retry = { attempts = 3, budget = "100%" }
queue = { limit = 50, timeout = "500ms" }
[origin]
model = "fifo"
service = { dist = "exponential", mean = "12ms" }
[[workload]]
name = "w"
arrivals = { rate = "150/s" }
[network]
resolution = "100us"
default = { latency = "0s" }
[[fault]]
at = "1s"
kind = "crash"
target = "b"
for = "1s"
"#;

fn plan(text: &str, engine: Engine) -> Arc<Plan> {
    let scenario: Scenario = text.parse().expect("it is sound");
    Arc::new(Plan::new(Arc::new(scenario), Some(engine)))
}

/// The run of a plan in which `request` is watched.
fn run(text: &str, engine: Engine, request: u64) -> (Arc<Plan>, Run) {
    let plan = watching(&plan(text, engine), Subject { proxy: 0, request });
    let told = thread::scope(|scope| {
        let told = scope.spawn(|| {
            let ended = sweep::execute(&plan, 1, false, &mut |_| true).expect("it runs");
            sweep::tell(&plan, 1, ended)
        });
        told.join().expect("it does not panic")
    });
    (plan, told.run)
}

/// Whether what is told of a pick leads to its outcome.
fn holds(account: &Account) -> bool {
    let Admission::Picked(index) = account.outcome else {
        return account.candidates.iter().all(|c| c.score.is_none());
    };
    let Reason::Policy { best, .. } = account.reason else {
        return false;
    };
    let drawn = account.candidates.iter().any(|c| c.drawn > 0);
    let in_draw = account.candidates.iter().filter(|c| !drawn || c.drawn > 0);
    let scores = in_draw.filter(|c| c.behind.is_none());
    let scores: Vec<_> = scores
        .filter_map(|c| Some((c.endpoint, c.score?)))
        .collect();
    let chosen = scores.iter().find(|(endpoint, _)| *endpoint == index);
    chosen.is_some_and(|(_, chosen)| {
        scores.iter().all(|(_, other)| match best {
            Best::Least => chosen <= other,
            Best::Most => chosen >= other,
            Best::Drawn => true,
        })
    })
}

/// Of every policy, a request in quiet times and some while `b` is dead: each try has an account
/// that leads to where it went, and the text names it.
#[test]
fn every_policy_explains_every_try() {
    for policy in config::policies() {
        let text = TEXT.replace("POLICY", policy);
        let mut tries = 0;
        for (engine, request) in [
            (Engine::Model, 20),
            (Engine::Model, 160),
            (Engine::Model, 200),
            (Engine::Net, 165),
        ] {
            let (plan, run) = run(&text, engine, request);
            let explained = Explanation::new(&plan, &run).expect("there is such a request");
            let witness = explained.witness;
            for account in &witness.accounts {
                assert!(holds(account), "{policy}: {account:?}");
            }
            let picked = witness.events.iter().filter_map(|event| match event.kind {
                Kind::Picked { .. } => event.endpoint,
                _ => None,
            });
            let told = witness.accounts.iter().filter_map(|a| match a.outcome {
                Admission::Picked(index) => Some(index),
                _ => None,
            });
            assert!(picked.clone().eq(told), "{policy}: {witness:?}");
            tries += picked.count();
            let shown = explained.to_string();
            let json = explained.json();
            for pick in json["picks"].as_array().expect("a list") {
                let Some(name) = pick["endpoint"].as_str() else {
                    continue;
                };
                assert!(
                    shown.contains(&format!("  > {name} ")),
                    "{policy}:\n{shown}"
                );
            }
        }
        assert!(tries >= 4, "{policy}: {tries}");
    }
}

/// Request by request both engines see the same where nothing differs between them.
#[test]
fn both_engines_explain_alike() {
    let text = TEXT.replace("POLICY", "p2c");
    let picks = |engine| {
        let (plan, run) = run(&text, engine, 30);
        let explained = Explanation::new(&plan, &run).expect("there is such a request");
        explained.json()["picks"].clone()
    };
    assert_eq!(picks(Engine::Model), picks(Engine::Net));
}

#[test]
fn a_try_that_fails_is_told_with_what_follows() {
    let text = TEXT.replace("POLICY", "round_robin");
    let shown = (150..200).find_map(|request| {
        let (plan, run) = run(&text, Engine::Model, request);
        let explained = Explanation::new(&plan, &run).expect("there is such a request");
        let failed = explained.witness.accounts.len() > 1;
        failed.then(|| explained.to_string())
    });
    let shown = shown.expect("some met the dead endpoint");
    for words in [
        "try 1 at +0.000 ms",
        "try 2",
        "time line, from",
        "picked",
        "failed",
        "done: 200",
    ] {
        assert!(shown.contains(words), "{words}:\n{shown}");
    }
}

#[test]
fn who_asks_for_a_request_that_there_was_not_learns_which_there_were() {
    let text = TEXT.replace("POLICY", "random");
    let (plan, found) = run(&text, Engine::Model, 1_000_000);
    let had = found.cells[0].requests.sent;
    let error = Explanation::new(&plan, &found).expect_err("there is none");
    assert_eq!(
        error.to_string(),
        format!(
            "proxy 0 had no request 1000000: it had {had}, expected one from 0 to {}",
            had - 1
        )
    );
}
