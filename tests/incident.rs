//! A recorded incident: real Node.js servers behind `serve`, one of which is stopped under load;
//! the access log, replayed in the simulator, tells what happened, and what another setting would
//! have changed, which a second real run then confirms.
//!
//!     INCIDENT=5 cargo test --test incident -- --nocapture    # so many rounds; docs/import.md
//!
//! Without it a shorter stop is recorded and replayed once, and no time is compared.
#![cfg(feature = "sim")]
#![expect(clippy::print_stdout, reason = "with --nocapture: what was measured")]

mod real;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use evenkeel_core::rng::Stream;
use real::evenkeel::{Config, Evenkeel};
use real::node::Node;
use real::open;
use serde_json::Value;

/// The pool as it was, and the setting that would have helped.
const POOL: &str = "policy = \"round_robin\"\nretry = { timeout = \"300ms\", budget = \"50%\" }";
const OUTLIER: &str = "policy = \"round_robin\"\n\
                       retry = { timeout = \"300ms\", budget = \"50%\" }\n\
                       outlier = { consecutive_failures = 3 }";
const SET: &str = "pool.app.outlier.consecutive_failures=3";
/// Who is stopped.
const STOPPED: usize = 1;
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// How long, and when.
#[derive(Clone, Copy, Debug)]
struct Size {
    lasts: Duration,
    from: Duration,
    stop: Duration,
}

const WHOLE: Size = Size {
    lasts: Duration::from_secs(30),
    from: Duration::from_secs(10),
    stop: Duration::from_secs(5),
};
const SHORT: Size = Size {
    lasts: Duration::from_millis(5_000),
    from: Duration::from_millis(1_500),
    stop: Duration::from_millis(1_500),
};
/// Requests a second: each server is busy for 0.3 of the time.
const RATE: f64 = 60.0;

/// What one run, real or simulated, came to.
#[derive(Clone, Debug)]
struct Told {
    requests: u64,
    failed: u64,
    p50_ms: f64,
    mean_ms: f64,
    p99_ms: f64,
    /// Of the tries, by endpoint, in percent.
    shares: [f64; 4],
}

/// Requests of 10 to 30 ms that block their event loop, at random times.
fn calls(size: Size, seed: u64) -> Vec<(Duration, String)> {
    let draws = Stream::new(seed, "incident");
    let (mut at_s, mut calls) = (0.0, Vec::new());
    for n in 0.. {
        let mut rng = draws.at(n);
        at_s -= libm::log(1.0 - rng.unit()) / RATE;
        if at_s >= size.lasts.as_secs_f64() {
            break;
        }
        let ms = 10 + rng.below(21);
        let path = format!("/cpu?ms={ms}&wait=1");
        calls.push((Duration::from_secs_f64(at_s), path));
    }
    calls
}

/// Has four servers serve it all, one of them stopped meanwhile; the access log is `folder`'s.
fn record(pool: &'static str, size: Size, seed: u64) -> (Evenkeel, String) {
    let nodes = NAMES.map(|name| Node::start(name, 0));
    let config = Config {
        pool,
        workers: 1,
        blocks: "[log]\naccess = { path = \"access.log\", format = \"json\" }\n".into(),
        ..Config::new(nodes.iter().map(|node| node.address))
    };
    let mut proxy = Evenkeel::start(&config);
    let stopped = &nodes[STOPPED].process;
    let calls = calls(size, seed);
    let answers = open::send(
        proxy.http,
        &calls,
        &[
            (size.from, &|| stopped.freeze()),
            (size.from + size.stop, &|| stopped.wake()),
        ],
    );
    assert!(answers.iter().all(|answer| answer.status.is_some()));
    proxy.process.terminate();
    assert!(proxy.process.exit().success());
    let log = fs::read_to_string(proxy.folder.path().join("access.log")).expect("it was written");
    assert_eq!(log.lines().count(), calls.len());
    (proxy, log)
}

fn evenkeel(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
    let output = command.current_dir(folder).args(arguments).output();
    let output = output.expect("it starts");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {told}{complaint}");
    told
}

/// What the log says.
fn logged(log: &str) -> Told {
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"))
        .collect();
    let failed = |line: &&Value| line["status"].as_u64() >= Some(500);
    let ok = lines.iter().filter(|line| !failed(line));
    let mut took_ms: Vec<f64> = ok.filter_map(|line| line["total_ms"].as_f64()).collect();
    took_ms.sort_by(f64::total_cmp);
    let at = |p: f64| took_ms[((took_ms.len() as f64 * p).ceil() as usize).max(1) - 1];
    let tries = lines.iter().flat_map(|line| line["tries"].as_array());
    let tries: Vec<&Value> = tries.flatten().collect();
    let share = |name: &str| {
        let own = tries.iter().filter(|tried| tried["endpoint"] == name);
        100.0 * own.count() as f64 / tries.len() as f64
    };
    Told {
        requests: lines.len() as u64,
        failed: lines.iter().filter(failed).count() as u64,
        p50_ms: at(0.5),
        mean_ms: took_ms.iter().sum::<f64>() / took_ms.len() as f64,
        p99_ms: at(0.99),
        shares: NAMES.map(share),
    }
}

/// What a simulation of the recording says.
fn simulated(folder: &Path, further: &[&str]) -> Told {
    let mut arguments = vec!["sim", "run", "incident.toml", "--format", "json"];
    arguments.extend(further);
    let told = evenkeel(folder, &arguments);
    let run: Value = serde_json::from_str(told.trim()).expect("a line of JSON");
    let cell = &run["cells"][0];
    let number = |value: &Value| {
        value
            .as_f64()
            .unwrap_or_else(|| panic!("{value} in {cell}"))
    };
    let share = |name: &str| {
        let endpoints = cell["endpoints"].as_array().expect("a list");
        let own = endpoints.iter().find(|endpoint| endpoint["name"] == name);
        100.0 * number(&own.expect("it is there")["share"])
    };
    Told {
        requests: number(&cell["requests"]["sent"]) as u64,
        failed: number(&cell["requests"]["failed"]) as u64,
        p50_ms: number(&cell["latency_ms"]["p50"]),
        mean_ms: number(&cell["latency_ms"]["mean"]),
        p99_ms: number(&cell["latency_ms"]["p99"]),
        shares: NAMES.map(share),
    }
}

/// What one round came to: the log, its replay, the replay with outlier detection, and a real run
/// with it.
type Round = [Told; 4];

/// Records an incident, replays it, changes the setting in both worlds.
fn round(size: Size, seed: u64) -> Round {
    let (proxy, log) = record(POOL, size, seed);
    let folder = proxy.folder.path();
    import(folder);
    let found = fs::read_to_string(folder.join("incident.toml")).expect("it was written");
    assert_eq!(found.matches("[[fault]]").count(), 1, "{found}");
    let replays = [simulated(folder, &[]), simulated(folder, &["--set", SET])];
    let (_, changed) = record(OUTLIER, size, seed);
    let [replayed, predicted] = replays;
    [logged(&log), replayed, predicted, logged(&changed)]
}

fn import(folder: &Path) {
    let order = "sim import access.log --config evenkeel.toml --origin node --out incident.toml";
    println!(
        "{}",
        evenkeel(folder, &order.split(' ').collect::<Vec<_>>())
    );
}

/// The median of each figure over rounds.
fn median(rounds: &[Round], which: usize, of: fn(&Told) -> f64) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(|round| of(&round[which])).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Fails unless each share of `here` is within 3 points of that of `there`.
fn shares_agree(rounds: &[Round], here: usize, there: usize) {
    const SHARES: [fn(&Told) -> f64; 4] = [
        |told| told.shares[0],
        |told| told.shares[1],
        |told| told.shares[2],
        |told| told.shares[3],
    ];
    for share in SHARES {
        let points = median(rounds, here, share) - median(rounds, there, share);
        assert!(points.abs() < 3.0, "{points} points: {rounds:#?}");
    }
}

#[test]
fn a_recorded_stop_is_replayed_and_what_helps_is_foretold() {
    let asked = std::env::var("INCIDENT").ok();
    let Some(count) = asked.map(|text| text.parse::<u64>().expect("a number of rounds")) else {
        return recorded_and_replayed();
    };
    let rounds: Vec<Round> = (1..=count).map(|seed| round(WHOLE, seed)).collect();
    for (n, what) in ["logged", "replayed", "foretold", "confirmed"]
        .iter()
        .enumerate()
    {
        let [p50, mean, p99, failed] = FIGURES.map(|of| median(&rounds, n, of));
        let stopped = median(&rounds, n, |told| told.shares[STOPPED]);
        println!(
            "{what}: p50 {p50:.1} ms, mean {mean:.1} ms, p99 {p99:.1} ms, {failed} failed, \
             {stopped:.1} % at the one that is stopped"
        );
    }
    let [p50, _, p99, failed] = FIGURES;
    for (here, there) in [(1, 0), (2, 3)] {
        shares_agree(&rounds, here, there);
        for (of, bound) in [(p50, 0.10), (p99, 0.25)] {
            let ratio = median(&rounds, here, of) / median(&rounds, there, of);
            assert!((ratio - 1.0).abs() < bound, "{ratio}: {rounds:#?}");
        }
        assert_eq!(
            median(&rounds, here, failed),
            median(&rounds, there, failed)
        );
    }
    for (changed, as_it_was) in [(2, 1), (3, 0)] {
        let ratio = median(&rounds, changed, p99) / median(&rounds, as_it_was, p99);
        assert!(ratio < 0.25, "{ratio}: {rounds:#?}");
    }
}

const FIGURES: [fn(&Told) -> f64; 4] = [
    |told| told.p50_ms,
    |told| told.mean_ms,
    |told| told.p99_ms,
    |told| told.failed as f64,
];

/// A small stop, without looking at the clock: it is found, nothing is lost, and the replay tries
/// the endpoints as often as the log says.
fn recorded_and_replayed() {
    let (proxy, log) = record(POOL, SHORT, 1);
    let folder = proxy.folder.path();
    import(folder);
    let text = fs::read_to_string(folder.join("incident.toml")).expect("it was written");
    let fault = text.split_once("[[fault]]").expect("it was found").1;
    assert!(
        fault.contains("kind = \"pause\"\ntarget = \"app/b\""),
        "{text}"
    );
    let (was, replayed) = (logged(&log), simulated(folder, &[]));
    assert_eq!(
        (was.requests, was.failed),
        (replayed.requests, replayed.failed)
    );
    shares_agree(&[[was.clone(), replayed.clone(), replayed, was]], 1, 0);
}
