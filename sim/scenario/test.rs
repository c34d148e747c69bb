//! Scenarios: what a good one means, what the author of a wrong one is told.

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
fn times_and_seeds_that_cannot_be() {
    check(&[
        (
            "duration = \"60s\"\nwarmup = \"60s\"",
            &[
                ":9:10: error: nothing is measured: the warm-up is the whole run; expected less than \
               the duration, \"60s\"",
            ],
        ),
        (
            "seeds = \"5..1\"",
            &[
                ":8:9: error: `seeds` is the string \"5..1\"; expected the smaller seed first: \
               \"1..5\"",
            ],
        ),
        (
            "seeds = \"1..9999999\"",
            &[":8:9: error: `seeds` is the string \"1..9999999\"; expected at"],
        ),
        (
            "seeds = -1",
            &[":8:9: error: `seeds` is the integer -1; expected a seed from 0 on"],
        ),
        (
            "seeds = []",
            &[":8:9: error: `seeds` is an empty list; expected seeds such as \"1..20\""],
        ),
        (
            "seeds = [1, 2, 1, \"x\"]",
            &[
                ":8:16: error: seed 1 is there twice",
                ":8:19: error: `seeds` is the string \"x\"; expected a seed",
            ],
        ),
        (
            "engine = \"nett\"",
            &[":8:10: error: `engine`: unknown engine \"nett\"; did you mean `net`?"],
        ),
        (
            "duration = \"0s\"",
            &[":8:12: error: `duration` is the string \"0s\"; expected more than"],
        ),
        (
            "[network]\nresolution = \"10ns\"",
            &[":9:14: error: such short ticks never end; expected at least \"1us\""],
        ),
        (
            "[network]\nresolution = \"2ms\"",
            &[
                ":9:14: warning: ticks of 2ms are long for a mean service of 1s: latencies read too \
               high; resolution = \"1ms\" is right to 1% (and runs longer)",
            ],
        ),
        (
            "engine = \"model\"\n[[network]]",
            &[":9:1: error: `network` is a list; expected [network]"],
        ),
    ]);
}

#[test]
fn origins_that_cannot_be() {
    check(&[
        (
            "[origin]",
            &[":8:1: error: `origin.service` is missing; expected `service`, such as { dist ="],
        ),
        (
            "origin.service = { dist = \"exponental\" }",
            &[
                ":8:27: error: `origin.service.dist`: unknown law \"exponental\"; \
               did you mean `exponential`?",
            ],
        ),
        (
            "origin.service = { dist = \"lognormal\", p50 = \"8ms\", mean = \"1ms\" }",
            &[
                ":8:18: error: the law has no `p99`; lognormal has p50, p99",
                ":8:60: error: `mean` is not of this law; lognormal has p50, p99",
            ],
        ),
        (
            "origin.service = { dist = \"lognormal\", p50 = \"8ms\", p99 = \"7ms\" }",
            &[":8:59: error: `p99` is less than `p50`; expected at least \"8ms\""],
        ),
        (
            "[origin]\nservice = { dist = \"constant\", value = \"1s\" }\n[[origin.override]]\n\
             endpoint = \"c\"\nspeed = 0",
            &[
                ":11:12: error: unknown endpoint `c`; not a known endpoint; known: a, b",
                ":12:9: error: `origin.override.speed` is the integer 0; expected a number from",
            ],
        ),
    ]);
}

#[test]
fn workloads_that_cannot_be() {
    check(&[
        (
            "workload = []\n[[workloads]]",
            &[
                ":8:12: error: `workload` is an empty list; expected at least one [[workload]] with",
                ":9:3: error: unknown key `workloads`; did you mean `workload`?",
            ],
        ),
        (
            "[[workload]]\nname = \"w\"\narrivals = { rate = \"0/s\" }",
            &[
                ":10:21: error: `workload.arrivals.rate` is the string \"0/s\"; expected a rate above \
               0: at 0 nothing is ever sent",
            ],
        ),
        (
            "[[workload]]\nname = \"w\"\narrivals = { rate = 800 }",
            &[
                ":10:21: error: `workload.arrivals.rate` is the integer 800; expected a unit, such \
               as \"800/s\"",
            ],
        ),
        (
            "[[workload]]\nname = \"w\"",
            &[":8:1: error: nothing arrives: the workload has neither arrivals nor a trace"],
        ),
        (
            "[[workload]]\nname = \"w\"\narrivals = { rate = \"1/s\" }\nclasses = []",
            &[":11:11: error: there are no classes; expected [{ name = \"light\""],
        ),
        (
            "[[workload]]\nname = \"w\"\narrivals = { rate = \"1/s\" }\nclasses = [\
             { name = \"x\", weight = 0 }, { name = \"x\", weight = 0, path = \"a\" }]",
            &[
                ":11:11: error: all weights are 0; expected a weight above 0 for a class",
                ":11:49: error: the class name `x` is used twice; the second one",
                ":11:73: error: cannot ask for \"a\"; expected a path such as",
            ],
        ),
        (
            "[[workload]]\nname = \"w\"\ntrace = { file = \"/nowhere/a.log\", speed = 0 }",
            &[
                ":10:18: error: cannot read the trace /nowhere/a.log: No such file",
                ":10:44: error: `workload.trace.speed` is the integer 0; expected a number",
            ],
        ),
        (
            "[[workload]]\nname = \"w\"\narrivals = { rate = \"1/s\" }\ntrace = { file = \"Cargo.toml\" }",
            &[":8:1: error: a workload has arrivals or a trace, not both"],
        ),
    ]);
}

#[test]
fn faults_that_cannot_be() {
    check(&[
        (
            "[[fault]]\nat = \"20s\"\nkind = \"crash\"\ntarget = \"aa\"",
            &[":11:10: error: unknown endpoint `aa`; not a known endpoint; known: a, b"],
        ),
        (
            "[[fault]]\nat = \"20s\"\nkind = \"crash\"\ntarget = \"q/a\"",
            &[":11:10: error: unknown endpoint `q/a`; did you mean `p/a`?"],
        ),
        (
            "[[fault]]\nat = \"20s\"\nkind = \"slow\"\ntarget = \"a\"",
            &[":8:1: error: slow by how much: `factor` is missing"],
        ),
        (
            "[[fault]]\nat = 20\nkind = \"pause\"\ntarget = \"a\"\nfactor = 2",
            &[
                ":9:6: error: `fault.at` is the integer 20; expected a unit, such as \"20s\"",
                ":12:10: error: only the fault slow has a `factor`",
            ],
        ),
        (
            "[[fault]]\nat = \"60s\"\nkind = \"pause\"\ntarget = \"a\"",
            &[":9:6: warning: the fault begins when no more requests arrive"],
        ),
        (
            "[[fault]]\nat = \"1s\"\nkind = \"puase\"\nfor = \"0s\"",
            &[
                ":8:1: error: `fault.target` is missing",
                ":10:8: error: `fault.kind`: unknown fault \"puase\"; did you mean `pause`?",
                ":11:7: error: `fault.for` is the string \"0s\"; expected more than zero",
            ],
        ),
    ]);
}

#[test]
fn thresholds_that_cannot_be() {
    let metric = |condition: &str| format!("[[threshold]]\nmetric = \"{condition}\"");
    let cases: &[(&str, &[&str])] = &[
        ("p99 < 400ms", &[]),
        ("p99<400ms", &[]),
        (
            "p98 < 1s",
            &[":9:11: error: `threshold.metric`: unknown metric \"p98\"; did you mean `p9"],
        ),
        (
            "latency < 1s",
            &[":9:11: error: `threshold.metric`: unknown metric \"latency\"; not a"],
        ),
        (
            "p99 < 400",
            &[":9:17: error: `p99` cannot be compared with `400`; expected a duration"],
        ),
        (
            "ok > 5%",
            &[":9:16: error: `ok` cannot be compared with `5%`; expected a number such"],
        ),
        (
            "error_rate < 1",
            &[":9:24: error: `error_rate` cannot be compared with `1`; expected a p"],
        ),
        (
            "p99 =< 400ms",
            &[":9:15: error: `=<` does not compare; expected one of < <= > >= == !="],
        ),
        (
            "p99",
            &[":9:10: error: `threshold.metric` is the string \"p99\"; expected a condition"],
        ),
        (
            "",
            &[":9:10: error: `threshold.metric` is the string \"\"; expected a condition such"],
        ),
        ("class:w p50 < 1s", &[]),
        (
            "class:x p50 < 1s",
            &[":9:17: error: unknown class `x`; not a known class; known: w"],
        ),
        (
            "endpoint:c share < 1%",
            &[":9:20: error: unknown endpoint `c`"],
        ),
        (
            "clas:w p50 < 1s",
            &[":9:11: error: `threshold.metric`: unknown scope \"clas\"; did you"],
        ),
        (
            "share < 1%",
            &[":9:11: error: `share` is not measured here; all requests have mean, p50"],
        ),
        (
            "endpoint:a p99 < 1s",
            &[":9:22: error: `p99` is not measured here; an endpoint has req"],
        ),
        (
            "class:w p98 <> 1",
            &[
                ":9:19: error: `threshold.metric`: unknown metric",
                ":9:23: error: `<>`",
            ],
        ),
    ];
    for (condition, wanted) in cases {
        check(&[(&metric(condition), wanted)]);
    }
    let few = "[[workload]]\nname = \"w\"\narrivals = { rate = \"10/s\" }\n\
               [[threshold]]\nmetric = \"p99 < 1s\"\n[[sometimes]]\nmetric = \"p90 < 1s\"";
    let wanted = ":11:1: warning: about 600 requests are too few for p99; 1000 leave ten beyond it";
    check(&[(few, &[wanted])]);
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

mod mutation {
    //! Files that somebody, or a broken disk, changed: nothing panics, errors have a place.

    use super::*;
    use proptest::prelude::*;

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
}
