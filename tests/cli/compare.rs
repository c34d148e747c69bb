//! `sim compare` as its users meet it.
use std::fs;

use serde_json::Value;

use super::{Desk, scenario};

/// So many requests that p99 is known.
const BUSY: &str = "sim compare ok.toml --set workload.w.arrivals.rate=2000/s \
                    --set origin.service.value=1ms";

fn report(desk: &Desk, folder: &str) -> Value {
    let text = fs::read(desk.path().join(folder).join("ok.json")).expect("a report");
    serde_json::from_slice(&text).expect("an object")
}

#[test]
fn the_answer_stands_first_and_in_a_file() {
    let desk = Desk::new();
    let told = desk.run(&format!(
        "{BUSY} --seeds 1..6 --vary policy=random,round_robin,p2c"
    ));
    assert_eq!(told.code, Some(0), "{told:?}");
    for needle in [
        "3 settings of policy, 6 seeds each under the same requests; engine model: nothing here",
        "take    policy = ",
        "why     its p99 of ",
        "sure    ",
        "against the best",
        "evenkeel-report/ok.html and evenkeel-report/ok.*",
    ] {
        assert!(told.out.contains(needle), "{needle}: {}", told.out);
    }
    let wide = told.out.lines().filter(|line| line.chars().count() > 100);
    assert_eq!(wide.count(), 0, "{}", told.out);
    let report = report(&desk, "evenkeel-report");
    assert_eq!(report["ranking"].as_array().unwrap().len(), 3);
    assert_eq!(report["ranking"][0]["verdict"], "best");
    assert_eq!(report["engine"], "model");
}

/// Neither how many run at once nor when can be seen in any file.
#[test]
fn equal_comparisons_have_equal_bytes() {
    let desk = Desk::new();
    let words = format!("{BUSY} --seeds 1..5 --vary policy=random,p2c");
    for (jobs, folder) in [(1, "one"), (3, "three")] {
        let told = desk.run(&format!("{words} --jobs {jobs} --out {folder}"));
        assert_eq!(told.code, Some(0), "{told:?}");
    }
    let mut files = 0;
    for file in fs::read_dir(desk.path().join("one")).unwrap() {
        let name = file.unwrap().file_name();
        let read = |folder: &str| fs::read(desk.path().join(folder).join(&name)).unwrap();
        assert!(read("one") == read("three"), "{name:?}");
        files += 1;
    }
    assert_ne!(files, 0);
}

/// Whole configurations are settings, too.
#[test]
fn configurations_are_compared() {
    let desk = Desk::new();
    let config = fs::read_to_string(desk.path().join("evenkeel.toml")).unwrap();
    desk.write(
        "new.toml",
        config.replace("name = \"app\"", "name = \"app\"\npolicy = \"p2c\""),
    );
    let words = format!("{BUSY} --seeds 1..5 --vary config=evenkeel.toml,new.toml --out both");
    let told = desk.run(&words);
    assert_eq!(told.code, Some(0), "{told:?}");
    let report = report(&desk, "both");
    let mut settings: Vec<&str> = report["ranking"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["settings"]["config"].as_str().unwrap())
        .collect();
    settings.sort_unstable();
    assert_eq!(settings, ["evenkeel.toml", "new.toml"]);
}

#[test]
fn too_few_requests_are_ranked_by_what_they_can_tell() {
    let desk = Desk::new();
    let told = desk.run("sim compare ok.toml --seeds 1..5 --vary policy=random,p2c --format json");
    assert_eq!(told.code, Some(0), "{told:?}");
    let report: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(report["metric"], "mean");
    let doubt = report["warnings"][0].as_str().unwrap();
    assert!(doubt.contains("too few for p99") && doubt.ends_with("ranked by mean instead"));
}

/// Where nothing changes with time, latency should not either; after a fault it is no wonder.
#[test]
fn latency_that_drifts_is_doubted() {
    let desk = Desk::new();
    let fault = "[[fault]]\nat = \"500ms\"\nkind = \"pause\"\ntarget = \"a\"\nfor = \"100ms\"\n";
    desk.write("fault.toml", scenario(fault));
    for (file, rate, doubted) in [
        ("ok", 4000, true),
        ("ok", 1000, false),
        ("fault", 4000, false),
    ] {
        let told = desk.run(&format!(
            "sim compare {file}.toml --seeds 1..5 --vary policy=p2c,least_request --format json \
             --set workload.w.arrivals.rate={rate}/s --set origin.service.value=1ms"
        ));
        assert_eq!(told.code, Some(0), "{told:?}");
        let report: Value = serde_json::from_str(&told.out).unwrap();
        let said = report["warnings"].to_string();
        assert_eq!(
            said.contains("a longer warm-up is needed"),
            doubted,
            "{file} {rate}: {said}"
        );
    }
}

#[test]
fn what_cannot_be_compared_is_told_beforehand() {
    let desk = Desk::new();
    desk.fails(
        "sim compare ok.toml",
        2,
        &["one setting and nothing to compare it with"],
    );
    let vary = "sim compare ok.toml --vary policy=random,p2c";
    desk.fails(
        &format!("{vary} --metric p98"),
        2,
        &["--metric p98: unknown metric `p98`"],
    );
    desk.fails(
        &format!("{vary} --metric ok"),
        2,
        &["less of `ok` is not better"],
    );
    let mut command = desk.command(vary);
    command.args(["--metric", "class:nobody p99"]);
    let told = super::told(command.output().unwrap());
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(
        told.err.contains("no class `nobody`; expected one of w"),
        "{told:?}"
    );
    assert!(!desk.path().join("evenkeel-report").exists());
    desk.write(
        "failing.toml",
        scenario("[[threshold]]\nmetric = \"requests > 1000\"\n"),
    );
    let words = "sim compare failing.toml --seeds 1..2 --vary policy=random,p2c";
    let told = desk.run(words);
    assert_eq!(told.code, Some(4), "{told:?}");
    let failure = "random, seed 1: threshold requests > 1000: ";
    assert!(told.out.contains(failure), "{told:?}");
    assert!(
        told.out
            .contains("no setting keeps the scenario's conditions"),
        "{told:?}"
    );
}
