//! Scenarios: what a good one means, what the author of a wrong one is told.

mod mutation;
mod wrong;

use std::path::Path;
use std::time::Duration;

use evenkeel_proxy::document::{Percent, Severity, is_scenario};

use super::*;

/// The configuration in place that most tests use: endpoints `a` and `b` in pool `p`.
const CONFIG: &str = r#"[config]
listener = [{ address = ":80" }]
pool = [{ name = "p", endpoints = [
  { name = "a", address = "10.0.0.1:80" }, { name = "b", address = "10.0.0.2:80" }] }]
"#;

const FULL: &str = r#"
schema = 1
name = "one slow endpoint"
duration = "60s"
warmup = "5s"
seeds = "1..20"
engine = "model"

[origin]
model = "fifo"
service = { dist = "lognormal", p50 = "8ms", p99 = "120ms" }
io = { dist = "constant", value = "20ms" }
keep_alive = "3s"
backlog = 100
workers = 2
[[origin.override]]
endpoint = "a"
speed = 0.5

[[workload]]
name = "browse"
arrivals = { process = "constant", rate = "800/s" }
classes = [
  { name = "light", weight = 95, path = "/api/items" },
  { name = "heavy", weight = 5, method = "POST", cost = 25, body = "1KiB", response = "2KiB" },
]

[network]
resolution = "1ms"
default = { latency = "1ms", jitter = "300us" }

[[fault]]
at = "20s"
kind = "slow"
target = "p/a"
factor = 20.0
for = "10s"
[[fault]]
at = "40s"
kind = "crash"
target = "b"

[[threshold]]
metric = "p99 < 400ms"
[[threshold]]
metric = "class:light error_rate<=0.1%"
[[sometimes]]
metric = "endpoint:a share >= 25%"
"#;

/// The diagnostics of a scenario, one line each, without the file's name.
fn lines(text: &str) -> Vec<String> {
    let (scenario, problems) = load(Path::new("x"), text.as_bytes());
    let failed = problems
        .iter()
        .any(|problem| problem.severity == Severity::Error);
    assert_eq!(scenario.is_none(), failed, "{text}");
    problems
        .iter()
        .map(|problem| problem.line()[1..].to_owned())
        .collect()
}

/// A scenario that is right but for these lines, which begin in line 8.
fn with(lines: &str) -> String {
    let (mut keys, mut tables) = (String::new(), String::new());
    match lines
        .find("[[")
        .or_else(|| lines.starts_with('[').then_some(0))
    {
        Some(at) => (keys, tables) = (lines[..at].to_owned(), lines[at..].to_owned()),
        None => keys.push_str(lines),
    }
    let duration = if lines.contains("duration") {
        ""
    } else {
        "duration = \"60s\""
    };
    let origin = if lines.contains("origin") {
        ""
    } else {
        "origin = { service = { dist = \"constant\", value = \"1s\" } }"
    };
    let workload = if lines.contains("[workload") {
        ""
    } else {
        "workload = [{ name = \"w\", arrivals = { rate = \"500/s\" } }]"
    };
    let config = CONFIG
        .replacen("[config]\n", "config = { ", 1)
        .replace(" }] }]\n", " }] }] }");
    let config = config.replacen("}]\n", "}], ", 1);
    format!("{duration}\n{origin}\n{workload}\n{config}\n\n\n{keys}{tables}\n")
}

/// Each scenario's diagnostics begin like those wanted, and there are no others.
fn check(cases: &[(&str, &[&str])]) {
    for (text, wanted) in cases {
        let text = with(text);
        let found = lines(&text);
        let equal = found.len() == wanted.len()
            && found
                .iter()
                .zip(*wanted)
                .all(|(found, wanted)| found.starts_with(wanted));
        assert!(equal, "{text}\nfound {found:#?}\nwanted {wanted:#?}");
    }
}

#[test]
fn every_key_arrives() {
    let text = format!("{FULL}{CONFIG}");
    assert!(is_scenario(Path::new("x"), text.as_bytes()));
    assert!(!is_scenario(Path::new("x"), b"[server]\n"));
    let (scenario, problems) = load(Path::new("x"), text.as_bytes());
    assert_eq!(problems, []);
    let scenario = scenario.expect("it has no errors");
    let (ms, s) = (Duration::from_millis, Duration::from_secs);
    assert_eq!(scenario.name, "one slow endpoint");
    assert_eq!(scenario.config.pools[0].endpoints[1].name, "b");
    assert_eq!((scenario.duration, scenario.warmup), (s(60), s(5)));
    assert_eq!(scenario.seeds, (1..=20).collect::<Vec<u64>>());
    assert_eq!(scenario.engine, Some(Engine::Model));
    let (a, b) = (
        Target {
            pool: 0,
            endpoint: 0,
        },
        Target {
            pool: 0,
            endpoint: 1,
        },
    );
    let origin = Origin {
        model: Model::Fifo,
        service: Law::Lognormal {
            p50: ms(8),
            p99: ms(120),
        },
        io: Some(Law::Constant { value: ms(20) }),
        keep_alive: s(3),
        backlog: 100,
        workers: 2,
        speeds: vec![Speed {
            target: a,
            speed: 0.5,
        }],
    };
    assert_eq!(scenario.origin, origin);
    let light = Class {
        name: "light".into(),
        weight: 95,
        path: "/api/items".into(),
        method: "GET",
        cost: 1.0,
        body_bytes: 0,
        response_bytes: 100,
    };
    let heavy = Class {
        name: "heavy".into(),
        weight: 5,
        path: "/".into(),
        method: "POST",
        cost: 25.0,
        body_bytes: 1024,
        response_bytes: 2048,
    };
    let classes = vec![light, heavy];
    let source = Source::Open {
        process: Process::Constant,
        rate_per_s: 800.0,
        classes,
    };
    assert_eq!(
        scenario.workloads,
        [Workload {
            name: "browse".into(),
            source
        }]
    );
    let jitter = Duration::from_micros(300);
    assert_eq!(
        scenario.network,
        Network {
            resolution: ms(1),
            latency: ms(1),
            jitter
        }
    );
    let slow = Effect::Slow { factor: 20.0 };
    let faults = [
        Fault {
            at: s(20),
            effect: slow,
            target: a,
            lasts: Some(s(10)),
        },
        Fault {
            at: s(40),
            effect: Effect::Crash,
            target: b,
            lasts: None,
        },
    ];
    assert_eq!(scenario.faults, faults);
    let threshold = |text: &str, scope, metric, operator, limit| Threshold {
        text: text.into(),
        scope,
        metric,
        operator,
        limit,
    };
    let class = Scope::Class("light".into());
    let text = "class:light error_rate<=0.1%";
    let thresholds = [
        threshold(
            "p99 < 400ms",
            Scope::All,
            Metric::P99,
            Operator::Less,
            400.0,
        ),
        threshold(text, class, Metric::ErrorRate, Operator::AtMost, 0.001),
    ];
    assert_eq!(scenario.thresholds, thresholds);
    let text = "endpoint:a share >= 25%";
    let share = threshold(
        text,
        Scope::Endpoint(a),
        Metric::Share,
        Operator::AtLeast,
        0.25,
    );
    assert_eq!(scenario.sometimes, [share]);
}

#[test]
fn the_smallest_scenario() {
    let (scenario, problems) = load(Path::new("dir/first.toml"), with("").as_bytes());
    assert_eq!(problems, []);
    let scenario = scenario.expect("it has no errors");
    assert_eq!(
        (scenario.name.as_str(), scenario.seeds.as_slice()),
        ("first", &[1_u64][..])
    );
    assert_eq!(scenario.origin.model, Model::Node);
    assert_eq!((scenario.origin.backlog, scenario.origin.workers), (511, 1));
    let Source::Open {
        process, classes, ..
    } = &scenario.workloads[0].source
    else {
        panic!("{:?}", scenario.workloads);
    };
    assert_eq!(
        (*process, classes[0].name.as_str(), classes.len()),
        (Process::Poisson, "w", 1)
    );
}

#[test]
fn a_threshold_holds_or_not() {
    let cases = [
        ("<", [true, false, false]),
        ("<=", [true, true, false]),
        (">", [false, false, true]),
        (">=", [false, true, true]),
        ("==", [false, true, false]),
        ("!=", [true, false, true]),
    ];
    for (operator, wanted) in cases {
        let text = with(&format!("[[threshold]]\nmetric = \"p99 {operator} 0.1s\""));
        let (scenario, _) = load(Path::new("x"), text.as_bytes());
        let threshold = &scenario.expect("it has no errors").thresholds[0];
        assert_eq!(
            [99.9, 100.0, 100.1].map(|ms| threshold.holds(ms)),
            wanted,
            "{operator}"
        );
        assert!(!threshold.holds(f64::NAN), "{operator}");
    }
}

#[test]
fn means_of_laws() {
    let ms = Duration::from_millis;
    let cases = [
        (Law::Exponential { mean: ms(10) }, 10.0),
        (Law::Constant { value: ms(3) }, 3.0),
        (
            Law::Uniform {
                min: ms(2),
                max: ms(4),
            },
            3.0,
        ),
        (
            Law::Lognormal {
                p50: ms(8),
                p99: ms(8),
            },
            8.0,
        ),
        // exp(sigma^2 / 2) with sigma = ln(15) / 2.3263.
        (
            Law::Lognormal {
                p50: ms(8),
                p99: ms(120),
            },
            15.752,
        ),
        (
            Law::Bimodal {
                a: ms(1),
                b: ms(11),
                p: Percent::new(5),
            },
            1.5,
        ),
    ];
    for (law, mean_ms) in cases {
        assert!(
            (law.mean_ns() / 1e6 - mean_ms).abs() < 0.001,
            "{law:?} {}",
            law.mean_ns()
        );
    }
}

#[test]
fn a_configuration_in_another_file() {
    let folder = std::env::temp_dir().join(format!("evenkeel-scenario-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("scenarios")).expect("a folder for the test");
    let config = CONFIG.replacen("[config]\n", "", 1);
    std::fs::write(folder.join("evenkeel.toml"), &config).expect("a file");
    std::fs::write(folder.join("bad.toml"), config.replace("\"p\"", "5")).expect("a file");
    let path = folder.join("scenarios/x.toml");
    let scenario = |config: &str| {
        let text = with("[[fault]]\nat = \"1s\"\nkind = \"crash\"\ntarget = \"b\"");
        let start = text.find("config = ").expect("it has one");
        let end = text.find("\n\n\n").expect("it has one");
        let text = format!("{}config = {config}{}", &text[..start], &text[end..]);
        let (scenario, problems) = load(&path, text.as_bytes());
        let lines: Vec<String> = problems
            .iter()
            .map(|p| p.line().replace(&folder.join("").display().to_string(), ""))
            .collect();
        (scenario, lines)
    };
    let good = scenario("\"../evenkeel.toml\"");
    assert_eq!(good.1, [""; 0]);
    assert_eq!(good.0.map(|scenario| scenario.config.pools.len()), Some(1));
    let bad = scenario("\"../bad.toml\"").1;
    let wanted = "scenarios/../bad.toml:2:18: error: `pool.name` is the integer 5; expected a name";
    assert!(bad.len() == 1 && bad[0].starts_with(wanted), "{bad:?}");
    let none = scenario("\"../none.toml\"").1;
    let wanted =
        "scenarios/x.toml:4:10: error: scenarios/../none.toml: cannot read the file: No such";
    assert!(none.len() == 1 && none[0].starts_with(wanted), "{none:?}");
    std::fs::remove_dir_all(&folder).expect("the test's folder");
}

#[test]
fn every_key_has_its_help() {
    fn visit(keys: &[Key]) -> usize {
        for key in keys {
            assert!(key.doc.len() > 9, "{} needs help", key.name);
        }
        keys.len() + keys.iter().map(|key| visit(key.keys())).sum::<usize>()
    }
    assert!(visit(&keys()) > 100);
    document::explain(&keys(), "fault.factor").expect("it is declared");
}
