//! `--set`: what is changed by it, and what the author of a wrong one is told.

use super::*;
use evenkeel_core::policy::Kind;
use evenkeel_proxy::config::Policy;

fn pairs(sets: &[&str]) -> Vec<(String, String)> {
    let pair = |set: &&str| {
        let (key, value) = set.split_once('=').unwrap();
        (key.to_owned(), value.to_owned())
    };
    sets.iter().map(pair).collect()
}

fn changed(sets: &[&str]) -> Scenario {
    let text = format!("{FULL}{CONFIG}");
    let (scenario, problems) = load_with(Path::new("x"), text.as_bytes(), &pairs(sets));
    scenario.unwrap_or_else(|| panic!("{sets:?}: {problems:#?}"))
}

/// What is set, and some text in which the scenario and the changed one differ.
#[test]
fn keys_are_set() {
    let plain = format!("{:?}", full());
    let cases = [
        ("duration=90s", "duration: 90s"),
        ("duration=\"90s\"", "duration: 90s"),
        ("seeds=7", "seeds: [7]"),
        ("seeds=3..4", "seeds: [3, 4]"),
        ("seeds=[5, 4]", "seeds: [5, 4]"),
        ("engine=net", "engine: Some(Net)"),
        ("network.resolution=2us", "resolution: 2µs"),
        (
            "origin.io={ dist = \"constant\", value = \"3ms\" }",
            "Constant { value: 3000000 }",
        ),
        ("origin.io.value=3ms", "Constant { value: 3000000 }"),
        ("origin.override.a.speed=0.25", "speed: 0.25"),
        ("workload.browse.arrivals.rate=10/s", "rate_per_s: 10.0"),
        ("workload.browse.classes.heavy.cost=3", "cost: 3.0"),
        ("policy=random", "policy: Core(Random)"),
        (
            "policy={ name = \"p2c\", choices = 3 }",
            "policy: Core(P2c { choices: 3 })",
        ),
        ("policy.choices=4", "policy: Core(P2c { choices: 4 })"),
        ("retry.attempts=5", "attempts: 5"),
        ("pool.p.retry.budget=7%", "budget: Percent { ppm: 70000 }"),
        ("config.pool.p.queue.limit=3", "limit: 3"),
        ("pool.p.endpoints.b.weight=77", "weight: 77"),
        ("server.workers=3", "workers: Some(3)"),
    ];
    for (set, wanted) in cases {
        let changed = format!("{:?}", changed(&[set]));
        assert!(!plain.contains(wanted), "{set} changes nothing");
        assert!(changed.contains(wanted), "{set}: {changed}");
    }
}

#[test]
fn later_ones_win_and_build_on_earlier_ones() {
    let scenario = changed(&[
        "duration=7s",
        "policy=random",
        "duration=8s",
        "policy=round_robin",
    ]);
    assert_eq!(scenario.duration, s(8));
    assert_eq!(
        scenario.config.pools[0].policy,
        Policy::Core(Kind::RoundRobin)
    );
    let scenario = changed(&["policy=p2c", "policy.choices=5"]);
    assert_eq!(
        scenario.config.pools[0].policy,
        Policy::Core(Kind::P2c { choices: 5 })
    );
}

#[test]
fn nothing_set_is_nothing_changed() {
    let text = format!("{FULL}{CONFIG}");
    assert_eq!(
        load_with(Path::new("x"), text.as_bytes(), &[]),
        load(Path::new("x"), text.as_bytes())
    );
}

/// A configuration of its own is changed too; names of endpoints may have dots in them.
#[test]
fn keys_of_a_configuration_in_another_file() {
    let folder = std::env::temp_dir().join(format!("evenkeel-set-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    let config = CONFIG
        .replacen("[config]\n", "", 1)
        .replace("name = \"a\", ", "");
    std::fs::write(folder.join("evenkeel.toml"), config).expect("a file");
    let path = folder.join("x.toml");
    let text = "config = \"evenkeel.toml\"\nduration = \"9s\"\n\
                origin = { service = { dist = \"constant\", value = \"1s\" } }\n\
                workload = [{ name = \"w\", arrivals = { rate = \"500/s\" } }]\n";
    let load = |sets: &[&str]| {
        let (scenario, problems) = load_with(&path, text.as_bytes(), &pairs(sets));
        (
            scenario,
            problems.iter().map(Diagnostic::line).collect::<Vec<_>>(),
        )
    };
    let (scenario, lines) = load(&[
        "policy=random",
        "pool.p.endpoints.10.0.0.1:80.weight=5",
        "duration=5s",
    ]);
    assert_eq!(lines, [""; 0]);
    let scenario = scenario.unwrap();
    assert_eq!(scenario.config.pools[0].policy, Policy::Core(Kind::Random));
    assert_eq!(scenario.config.pools[0].endpoints[0].weight, 5);
    assert_eq!(scenario.duration, s(5));
    let (scenario, lines) = load(&[
        "pool.q.policy=random",
        "retry.attempts=99",
        "foo=1",
        "policy.choice=3",
    ]);
    assert_eq!(scenario, None);
    let wanted = [
        "command line:1:12: error: `pool` has no block `q`; not a known block; known: p",
        "command line:1:49: error: `pool.retry.attempts` is the integer 99; expected an integer from 1",
        "command line:1:58: error: unknown key `foo`; not a known key; known: admin, affinity,",
        "command line:1:77: error: unknown key `choice`; did you mean `choices`?",
    ];
    assert_eq!(lines.len(), wanted.len(), "{lines:#?}");
    for (line, wanted) in lines.iter().zip(wanted) {
        assert!(line.starts_with(wanted), "{lines:#?}");
    }
    std::fs::remove_dir_all(&folder).expect("the test's folder");
}

/// What is set, and what is told about it.
const WRONG: &[(&str, &str)] = &[
    (
        "durration=5s",
        "1:7: error: unknown key `durration`; did you mean `duration`?",
    ),
    (
        "polcy=p2c",
        "1:7: error: unknown key `polcy`; did you mean `policy`?",
    ),
    (
        "=p2c",
        "1:7: error: unknown key ``; not a known key; known: admin",
    ),
    (
        "duration=5",
        "1:16: error: `duration` is the integer 5; expected a unit, such as \"5s\"",
    ),
    (
        "duration=",
        "1:16: error: `duration` is the string \"\"; expected a duration",
    ),
    (
        "duration=5s\nx=3",
        "1:16: error: `duration` is the string \"5s\\nx=3\"; expected a",
    ),
    (
        "duration.x=5",
        "1:15: error: `duration` has no keys; expected `duration=VALUE`",
    ),
    (
        "network.latency=5ms",
        "1:15: error: unknown key `latency`; not a known key here; known: res",
    ),
    (
        "network=5ms",
        "1:15: error: `network` is the string \"5ms\"; expected a table",
    ),
    (
        "workload.brwse.arrivals.rate=1/s",
        "1:16: error: `workload` has no block `brwse`; did you mean `browse`?",
    ),
    (
        "workload.browse=1",
        "1:16: error: `browse` is a block of `workload`, not a key; expected `browse.KEY`",
    ),
    (
        "workload.browse.=1",
        "1:23: error: unknown key ``; not a known key here; known: name, protocol, arrivals",
    ),
    (
        "fault.0.at=1s",
        "1:13: error: blocks of `fault` have no names to set them by; change the",
    ),
    (
        "policy=p3c",
        "1:14: error: `config.pool.policy.name`: unknown policy \"p3c\"; did you mean `p2c`?",
    ),
    (
        "pool.p.retry.budgt=1%",
        "1:20: error: unknown key `budgt`; did you mean `budget`?",
    ),
    (
        "config.pol.p=1",
        "1:14: error: unknown key `pol`; did you mean `pool`?",
    ),
    (
        "origin.io={ dist = \"constant\", value = 3 }",
        "1:46: error: `origin.io.value` is the int",
    ),
];

#[test]
fn wrong_ones_are_told_where_they_stand() {
    let text = format!("{FULL}{CONFIG}").replace("warmup = \"5s\"\n", "");
    for (set, wanted) in WRONG {
        let (_, problems) = load_with(Path::new("x"), text.as_bytes(), &pairs(&[set]));
        let lines: Vec<String> = problems.iter().map(Diagnostic::line).collect();
        let own: Vec<&String> = lines
            .iter()
            .filter(|line| line.starts_with("command line:"))
            .collect();
        assert!(
            own.len() == 1 && own[0]["command line:".len()..].starts_with(wanted),
            "{lines:#?}"
        );
    }
}

/// A mistake that two places make is told at one, and names the other.
#[test]
fn the_file_and_the_command_line_disagree() {
    let text = format!("{FULL}{CONFIG}");
    let sets = pairs(&["duration=4s"]);
    let (_, problems) = load_with(Path::new("x"), text.as_bytes(), &sets);
    let wanted = "x:5:10: error: nothing is measured: the warm-up is the whole run; expected less \
                  than the duration, \"4s\"; the duration: command line:1:16";
    assert_eq!(problems[0].line(), wanted);
}
