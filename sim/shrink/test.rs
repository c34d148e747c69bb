//! A planted violation, shrunk; and what cannot be shrunk.

use super::*;

/// Ten endpoints, four faults and a minute; the pause of `f` at 31 s breaks the threshold.
fn planted() -> String {
    let endpoints: Vec<String> = ('a'..='j')
        .zip(1..)
        .map(|(name, n)| format!("{{ name = \"{name}\", address = \"10.0.0.{n}:80\" }}"))
        .collect();
    format!(
        r#"name = "planted"
duration = "60s"
warmup = "5s"
seeds = "1..4"
engine = "model"
[config]
[[config.listener]]
address = "0.0.0.0:80"
[[config.pool]]
name = "app"
endpoints = [{}]
queue = {{ limit = 256, timeout = "1s" }}
[origin]
service = {{ dist = "exponential", mean = "5ms" }}
[[origin.override]]
endpoint = "a"
speed = 0.9
[[workload]]
name = "browse"
arrivals = {{ process = "poisson", rate = "300/s" }}
classes = [
  {{ name = "light", weight = 95, path = "/api/items" }},
  {{ name = "heavy", weight = 5, path = "/api/report", cost = 2.0 }},
]
[[workload]]
name = "other"
arrivals = {{ rate = "50/s" }}
[matrix]
policy = ["round_robin", "p2c"]
[[fault]]
at = "12s"
kind = "slow"
target = "b"
factor = 2.0
for = "5s"
[[fault]]
at = "20s"
kind = "crash"
target = "c"
for = "3s"
[[fault]]
at = "31s"
kind = "pause"
target = "f"
for = "4s"
[[fault]]
at = "45s"
kind = "slow"
target = "d"
factor = 3.0
for = "5s"
[[threshold]]
metric = "max < 900ms"
[[threshold]]
metric = "error_rate < 50%"
[[sometimes]]
metric = "dial_failures > 0"
"#,
        endpoints.join(", ")
    )
}

fn order<'a>(text: &'a str, budget: u32) -> Order<'a> {
    Order {
        path: Path::new("planted.toml"),
        text: text.as_bytes(),
        sets: &[],
        seed: 3,
        engine: None,
        budget,
        out: Path::new("small.toml"),
    }
}

fn shrunk(text: &str, budget: u32) -> (Shrunk, scenario::Scenario) {
    let mut steps = 0;
    let shrunk = shrink(order(text, budget), &Stop::default(), &mut |step| {
        steps += 1;
        assert_eq!((step.runs, step.budget), (steps, budget));
    });
    let shrunk = shrunk.unwrap();
    assert_eq!(shrunk.runs, steps);
    let scenario = shrunk.text.parse().expect("it is sound");
    (shrunk, scenario)
}

#[test]
fn a_planted_violation_becomes_small() {
    let (shrunk, scenario) = shrunk(&planted(), 500);
    let text = &shrunk.text;
    assert_eq!(
        shrunk.cause,
        Cause::Threshold("max < 900ms".to_owned(), true)
    );
    assert!(!shrunk.unfinished, "{} runs", shrunk.runs);
    let endpoints: usize = scenario
        .config
        .pools
        .iter()
        .map(|pool| pool.endpoints.len())
        .sum();
    assert!(scenario.duration.as_secs_f64() <= 2.0, "{text}");
    assert!(endpoints <= 2 && scenario.faults.len() <= 1, "{text}");
    assert_eq!(scenario.workloads.len(), 1, "{text}");
    assert_eq!(
        (scenario.thresholds.len(), scenario.sometimes.len()),
        (1, 0),
        "{text}"
    );
    assert_eq!(scenario.seeds, [3]);
    assert!(
        text.contains("# Replay: evenkeel sim run small.toml\n"),
        "{text}"
    );
    assert!(
        text.starts_with("# Shrunk from planted.toml, seed 3, in "),
        "{text}"
    );
    // It fails as it stands in the file.
    let cell = run(Plan::new(Arc::new(scenario), None), 3, &Stop::default());
    assert!(shrunk.cause.is_in(&cell.unwrap().unwrap()));
}

#[test]
fn a_small_budget_leaves_something_that_fails() {
    let (shrunk, scenario) = shrunk(&planted(), 6);
    assert!(shrunk.unfinished && shrunk.runs == 6);
    let cell = run(Plan::new(Arc::new(scenario), None), 3, &Stop::default());
    assert!(shrunk.cause.is_in(&cell.unwrap().unwrap()));
}

#[test]
fn what_does_not_fail_is_not_shrunk() {
    let sound = planted().replace("max < 900ms", "max < 900s");
    let error = shrink(order(&sound, 9), &Stop::default(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Sound(3)), "{error}");
    let wrong = planted().replace("[origin]", "[orign]");
    let error = shrink(order(&wrong, 9), &Stop::default(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
    let stop = Stop::default();
    stop.stop();
    let error = shrink(order(&planted(), 9), &stop, &mut |_| {}).unwrap_err();
    assert!(
        matches!(error, Error::Run(engine::Error::Interrupted)),
        "{error}"
    );
}
