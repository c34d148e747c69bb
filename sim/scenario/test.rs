//! Scenarios: what a good one means, what the author of a wrong one is told.

mod matrix;
mod mutation;
mod set;
mod topology;
mod traffic;
mod wrong;

use std::path::Path;
use std::time::Duration;

use evenkeel_proxy::document::{Severity, is_scenario};

use super::*;
use crate::law::Law;
use crate::result::Threshold;
use crate::workload::Client;

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
overhead = "50us"
keep_alive = "3s"
backlog = 100
workers = 30
command = ["node", "app.js"]
[[origin.override]]
endpoint = "a"
speed = 0.5

[[workload]]
name = "browse"
protocol = "h2"
arrivals = { process = "constant", rate = "800/s" }
classes = [
  { name = "light", weight = 95, path = "/api/items", io = { dist = "constant", value = "9ms" } },
  { name = "heavy", weight = 5, host = "example.com", method = "POST", cost = 25, service = { dist = "exponential", mean = "3ms" }, body = "1KiB", response = "2KiB" },
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
every = "5s"
probability = "50%"

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

const A: Target = Target {
    pool: 0,
    endpoint: 0,
};
const B: Target = Target {
    pool: 0,
    endpoint: 1,
};

fn full() -> Scenario {
    let text = format!("{FULL}{CONFIG}");
    assert!(is_scenario(Path::new("x"), text.as_bytes()));
    assert!(!is_scenario(Path::new("x"), b"[server]\n"));
    let (scenario, problems) = load(Path::new("x"), text.as_bytes());
    assert_eq!(problems, []);
    scenario.expect("it has no errors")
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn every_key_of_the_run_and_its_origin_arrives() {
    let scenario = full();
    assert_eq!(scenario.name, "one slow endpoint");
    assert_eq!(scenario.config.pools[0].endpoints[1].name, "b");
    assert_eq!((scenario.duration, scenario.warmup), (s(60), s(5)));
    assert_eq!(scenario.seeds, (1..=20).collect::<Vec<u64>>());
    assert_eq!(scenario.engine, Some(Engine::Model));
    let origin = Origin {
        model: Model::Fifo,
        service: Law::lognormal(ms(8), ms(120)).unwrap(),
        io: Some(Law::constant(ms(20))),
        overhead: Duration::from_micros(50),
        keep_alive: s(3),
        backlog: 100,
        workers: 30,
        runtime: crate::origin::Runtime::default(),
        speeds: vec![Speed {
            target: A,
            speed: 0.5,
        }],
        command: vec!["node".into(), "app.js".into()],
    };
    assert_eq!(scenario.origin, origin);
}

#[test]
fn every_key_of_workloads_arrives() {
    let light = Class {
        name: "light".into(),
        weight: 95,
        host: None,
        path: "/api/items".into(),
        method: "GET",
        cost: 1.0,
        service: None,
        io: Some(Law::constant(Duration::from_millis(9))),
        body_bytes: 0,
        response_bytes: 100,
    };
    let heavy = Class {
        name: "heavy".into(),
        weight: 5,
        host: Some("example.com".into()),
        path: "/".into(),
        method: "POST",
        cost: 25.0,
        service: Some(Law::exponential(Duration::from_millis(3))),
        io: None,
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
        full().workloads,
        [Workload {
            name: "browse".into(),
            protocol: Protocol::Http2,
            source,
            shape: None,
            sessions: None,
            client: Client::PATIENT,
            sockets: None,
        }]
    );
}

#[test]
fn every_key_of_networks_faults_and_thresholds_arrives() {
    let scenario = full();
    let jitter = Duration::from_micros(300);
    assert_eq!(
        scenario.network,
        Network {
            resolution: ms(1),
            default: Link {
                latency: ms(1),
                jitter,
                ..Link::default()
            },
            links: Vec::new(),
        }
    );
    let slow = Effect::Slow { factor: 20.0 };
    let faults = [
        Fault {
            at: s(20),
            effect: slow,
            target: Aim::Endpoints(vec![A]),
            lasts: Some(s(10)),
            every: None,
            probability: 1.0,
            ramp: Duration::ZERO,
        },
        Fault {
            at: s(40),
            effect: Effect::Crash,
            target: Aim::Endpoints(vec![B]),
            lasts: None,
            every: Some(s(5)),
            probability: 0.5,
            ramp: Duration::ZERO,
        },
    ];
    assert_eq!(scenario.faults, faults);
    let thresholds = |texts: &[&str]| -> Vec<Threshold> {
        texts
            .iter()
            .map(|text| Threshold::parse(text).unwrap())
            .collect()
    };
    let wanted = thresholds(&["p99 < 400ms", "class:light error_rate<=0.1%"]);
    assert_eq!(scenario.thresholds, wanted);
    assert_eq!(scenario.sometimes, thresholds(&["endpoint:a share >= 25%"]));
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
fn laws_are_the_simulators() {
    let cases = [
        ("\"exponential\", mean = \"10ms\"", Law::exponential(ms(10))),
        ("\"constant\", value = \"3ms\"", Law::constant(ms(3))),
        (
            "\"uniform\", min = \"2ms\", max = \"4ms\"",
            Law::uniform(ms(2), ms(4)).unwrap(),
        ),
        (
            "\"normal\", mean = \"9ms\", sd = \"3ms\"",
            Law::normal(ms(9), ms(3)),
        ),
        (
            "\"lognormal\", p50 = \"8ms\", p99 = \"8ms\"",
            Law::lognormal(ms(8), ms(8)).unwrap(),
        ),
        ("\"bimodal\", a = \"1ms\", b = \"11ms\", p = \"5%\"", {
            Law::bimodal(ms(1), ms(11), 0.05).unwrap()
        }),
        (
            "\"pareto\", min = \"1ms\", alpha = 2.5",
            Law::pareto(ms(1), 2.5).unwrap(),
        ),
        (
            "\"erlang\", mean = \"1ms\", k = 3",
            Law::erlang(ms(1), 3).unwrap(),
        ),
        (
            "\"hyperexponential\", mean = \"1ms\", scv = 4",
            Law::hyperexponential(ms(1), 4.0).unwrap(),
        ),
        (
            "\"empirical\", values = [[\"1ms\", 90], [\"20ms\", 10]]",
            Law::histogram(&[(ms(1), 90), (ms(20), 10)]).unwrap(),
        ),
        (
            "\"empirical\", quantiles = [[\"50%\", \"1ms\"], [\"100%\", \"20ms\"]]",
            Law::quantiles(&[(0.5, ms(1)), (1.0, ms(20))]).unwrap(),
        ),
    ];
    for (law, wanted) in cases {
        let text = with(&format!(
            "engine = \"model\"\norigin.service = {{ dist = {law} }}"
        ));
        let (scenario, problems) = load(Path::new("x"), text.as_bytes());
        assert_eq!(problems, [], "{text}");
        assert_eq!(scenario.unwrap().origin.service, wanted, "{law}");
    }
}

/// Results know an endpoint by its own name if it is the only one, else with its pool's.
#[test]
fn thresholds_call_endpoints_as_results_do() {
    let config = "config.listener = [{ address = \":80\" }]\n\
                  [[config.route]]\npool = \"p\"\n[[config.route]]\npath = \"/q\"\npool = \"q\"\n\
                  [[config.pool]]\nname = \"p\"\nendpoints = [\
                  { name = \"a\", address = \"h:1\" }, { name = \"b\", address = \"h:2\" }]\n\
                  [[config.pool]]\nname = \"q\"\nendpoints = [{ name = \"a\", address = \"h:3\" }]\n";
    let cases = [("b", "b"), ("p/b", "b"), ("q/a", "q/a")];
    for (written, known) in cases {
        let text = with(&format!(
            "[[threshold]]\nmetric = \"endpoint:{written} share > 1%\""
        ));
        let text = text
            .lines()
            .filter(|line| !line.starts_with("config") && !line.starts_with("  {"));
        let text: String = text.map(|line| format!("{line}\n")).collect();
        let text = text.replacen("\n\n", &format!("\n{config}\n"), 1);
        let (scenario, problems) = load(Path::new("x"), text.as_bytes());
        assert_eq!(
            problems.iter().map(Diagnostic::line).collect::<Vec<_>>(),
            [""; 0],
            "{text}"
        );
        let scenario = scenario.unwrap();
        let threshold = &scenario.thresholds[0];
        assert_eq!(
            threshold.scope,
            crate::result::Scope::Endpoint(known.into())
        );
        assert_eq!(
            threshold.to_string(),
            format!("endpoint:{written} share > 1%")
        );
        assert_eq!(
            endpoint_names(&scenario.config),
            [vec!["p/a", "b"], vec!["q/a"]]
        );
    }
}

/// What classes and origins say arrives at the engines: a route by host, the cost of every request.
#[test]
fn a_plan_asks_the_classes_host() {
    use crate::plan::{HOST, Plan, Way};
    let route = "[[config.route]]\nhost = \"example.com\"\npool = \"p\"\n";
    let (scenario, _) = load(Path::new("x"), format!("{FULL}{CONFIG}{route}").as_bytes());
    let plan = Plan::new(std::sync::Arc::new(scenario.unwrap()), None);
    let hosts: Vec<&str> = plan.asks[0].iter().map(|ask| ask.host.as_str()).collect();
    assert_eq!(hosts, [HOST, "example.com"]);
    assert!(matches!(plan.way(0, HOST, "/"), Way::Answer(404)));
    assert!(matches!(plan.way(0, "example.com", "/?q"), Way::Pool(0, _)));
    assert_eq!(plan.origins[0].spec.overhead, Duration::from_micros(50));
}

/// The help of thresholds is written by hand, and says the same as the table of metrics.
#[test]
fn the_help_of_thresholds_names_every_metric() {
    use crate::result::{Metric, Scope};
    let help = document::explain(&keys(), "threshold.metric").expect("it is declared");
    let scopes = [
        Scope::All,
        Scope::Class("c".into()),
        Scope::Endpoint("e".into()),
    ];
    let groups = [
        (" metrics: ", [true, true, true]),
        (" not by endpoint: ", [true, true, false]),
        (" not by class: ", [true, false, true]),
        (" by neither: ", [true, false, false]),
        (" only by endpoint: ", [false, false, true]),
    ];
    for metric in Metric::ALL {
        let exists = [0, 1, 2].map(|at: usize| metric.exists_in(&scopes[at]));
        assert!(groups.iter().any(|(_, group)| *group == exists), "{metric}");
    }
    for (title, group) in groups {
        let here =
            |metric: &&Metric| [0, 1, 2].map(|at: usize| metric.exists_in(&scopes[at])) == group;
        let names: Vec<&str> = Metric::ALL
            .iter()
            .filter(here)
            .map(|metric| metric.name())
            .collect();
        let wanted = format!("{title}{}", names.join(" "));
        assert!(help.contains(&wanted), "{wanted}: {help}");
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
