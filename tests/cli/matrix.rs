//! Matrices, shards and shrinking as their users meet them.
use std::fs;

use serde_json::Value;

use super::{Desk, scenario, told};

const MATRIX: &str = "[matrix]\npolicy = [\"round_robin\", \"random\"]\nretry.attempts = [1, 2]\n";

/// Lines of JSON without the time on the wall.
fn lines(text: &str) -> Vec<Value> {
    let line = |line: &str| {
        let mut run: Value = serde_json::from_str(line).expect("a line is an object");
        run.as_object_mut().expect("an object").remove("wall_s");
        run
    };
    text.lines().map(line).collect()
}

#[test]
fn every_combination_is_a_cell_and_a_line_is_a_seed() {
    let desk = Desk::new();
    desk.write("matrix.toml", scenario(MATRIX));
    for engine in ["model", "net"] {
        let words = format!("sim run matrix.toml --engine {engine} --seeds 1..2 --format json");
        let told = desk.run(&words);
        assert_eq!(told.code, Some(0), "{told:?}");
        let runs = lines(&told.out);
        assert_eq!(runs.len(), 2);
        for run in &runs {
            let cells = run["cells"].as_array().unwrap();
            let settings: Vec<String> = cells.iter().map(|c| c["settings"].to_string()).collect();
            let wanted = [
                "round_robin\",\"retry.attempts\":\"1",
                "round_robin\",\"retry.attempts\":\"2",
                "random\",\"retry.attempts\":\"1",
                "random\",\"retry.attempts\":\"2",
            ];
            assert_eq!(settings, wanted.map(|w| format!("{{\"policy\":\"{w}\"}}")));
            // All cells see the same requests.
            let sent = |cell: &Value| cell["requests"]["sent"].as_u64().unwrap();
            assert!(cells.iter().all(|cell| sent(cell) == sent(&cells[0])));
            assert_ne!(cells[0]["trace_hash"], cells[2]["trace_hash"]);
        }
        // One cell by itself is what it was among the others.
        let one = desk.run(&format!(
            "{words} --set policy=random --set retry.attempts=2"
        ));
        assert_eq!(lines(&one.out)[0]["cells"][0], runs[0]["cells"][3]);
    }
}

#[test]
fn the_command_line_varies_too() {
    let desk = Desk::new();
    let told =
        desk.run("sim run ok.toml --engine model --seeds 1..6 --vary policy=round_robin,random");
    assert_eq!(told.code, Some(0), "{told:?}");
    for needle in [
        "policy",
        "round_robin",
        "random",
        "best",
        "means of 6 seeds",
        "p99 against the best",
    ] {
        assert!(told.out.contains(needle), "{needle}: {}", told.out);
    }
    assert!(
        told.out.lines().all(|line| line.chars().count() <= 100),
        "{}",
        told.out
    );
    desk.fails(
        "sim run ok.toml --vary policy",
        2,
        &["--vary policy: expected KEY=VALUE, such as policy=random,p2c"],
    );
    desk.fails(
        "sim run ok.toml --vary policy=p3c,random",
        3,
        &[
            "unknown policy \"p3c\"",
            "command line:1:15",
            "did you mean `p2c`?",
        ],
    );
    desk.fails(
        "sim run ok.toml --vary seeds=1,2",
        3,
        &["`seeds` cannot be varied"],
    );
}

/// The failing cell is named, and the command repeats it alone.
#[test]
fn a_cell_that_fails_is_told_with_its_replay() {
    let desk = Desk::new();
    let conditions = "[[threshold]]\nmetric = \"p50 < 1ms\"\n\
                      where = { policy = \"random\", retry.attempts = 2 }\n\
                      [[threshold]]\nmetric = \"requests > 100000\"\n\
                      over = \"all\"\nwhere = { policy = \"random\" }\n";
    desk.write("matrix.toml", scenario(&format!("{MATRIX}{conditions}")));
    let needles = [
        "threshold failed in policy = random, retry.attempts = 2: p50 < 1ms (measured 1",
        "evenkeel sim run matrix.toml --engine model --seed 2 --set policy=random --set retry.attempts=2\n",
        "threshold failed over 2 seeds of matrix.toml in policy = random, retry.attempts = 1: requests > 100000",
    ];
    desk.fails(
        "sim run matrix.toml --engine model --seeds 1..2",
        4,
        &needles,
    );
    desk.fails(
        "sim run matrix.toml --engine model --seed 2 --set policy=random --set retry.attempts=2",
        4,
        &needles[..2],
    );
    let told = desk.run("sim run matrix.toml --engine model --seed 2 --set policy=round_robin");
    assert_eq!(told.code, Some(0), "{told:?}");
}

#[test]
fn files_are_by_seed_and_cell_and_latencies_are_logs() {
    let desk = Desk::new();
    desk.write("matrix.toml", scenario(MATRIX));
    let told = desk.run("sim run matrix.toml --engine model --seeds 1..2 --out kept");
    assert_eq!(told.code, Some(0), "{told:?}");
    for seed in 1..=2 {
        for cell in 1..=4 {
            let name = |ending: &str| {
                desk.path()
                    .join(format!("kept/matrix-model-{seed}-{cell}.{ending}"))
            };
            let run: Value = serde_json::from_slice(&fs::read(name("json")).unwrap()).unwrap();
            assert_eq!(run["cells"].as_array().unwrap().len(), 1);
            let log = fs::read_to_string(name("hlog")).unwrap();
            assert!(
                log.starts_with("#[Histogram log format version 1.3]\n"),
                "{log}"
            );
            assert!(log.contains("Tag=ok,0.000,"), "{log}");
        }
    }
}

/// Shards, in any order, give what one machine gives: with any number of jobs, in both formats,
/// and with a precision that ends the sweep early.
#[test]
fn merged_shards_are_the_whole() {
    let desk = Desk::new();
    desk.write(
        "matrix.toml",
        scenario(&format!("{MATRIX}[[sometimes]]\nmetric = \"failed > 0\"\n")),
    );
    let common = "matrix.toml ok.toml --engine model --seeds 1..25 --precision 20%";
    for shard in 1..=3 {
        let told = desk.run(&format!(
            "sim run {common} --jobs {shard} --shard {shard}/3 --out parts"
        ));
        assert_eq!(told.code, Some(0), "{told:?}");
        assert!(
            told.out
                .contains(&format!("parts/shard-{shard}-of-3.jsonl: ")),
            "{told:?}"
        );
    }
    let parts = "parts/shard-2-of-3.jsonl parts/shard-3-of-3.jsonl parts/shard-1-of-3.jsonl";
    let wall = |text: &str| {
        let shown = text
            .lines()
            .map(|line| match line.split_once(" simulated in ") {
                Some((before, _)) => before.to_owned(),
                None => line.to_owned(),
            });
        shown.collect::<Vec<_>>()
    };
    let whole = desk.run(&format!("sim run {common} --format json"));
    let merged = desk.run(&format!("sim merge {parts} --format json"));
    assert_eq!((whole.code, merged.code), (Some(4), Some(4)), "{merged:?}");
    assert_eq!(whole.err, merged.err);
    assert!(
        whole.out.lines().count() < 50,
        "the precision ended nothing"
    );
    assert_eq!(lines(&whole.out), lines(&merged.out));
    let whole = desk.run(&format!("sim run {common} --jobs 3"));
    let merged = desk.run(&format!("sim merge {parts} --out merged"));
    assert_eq!(wall(&whole.out), wall(&merged.out));
    assert!(desk.path().join("merged/matrix-model-1-4.hlog").exists());
    let quiet = told(
        desk.command(&format!("sim merge {parts}"))
            .stdout(super::output::closed())
            .output()
            .unwrap(),
    );
    assert_eq!(quiet.code, Some(0), "{quiet:?}");
}

#[test]
fn shards_that_do_not_fit_are_told() {
    let desk = Desk::new();
    for (shard, words) in [("1/2", "--seeds 1..4"), ("2/2", "--seeds 1..4")] {
        let words = format!("sim run ok.toml --engine model {words} --shard {shard} --out parts");
        assert_eq!(desk.run(&words).code, Some(0));
    }
    let other =
        "sim run ok.toml --engine model --seeds 1..4 --set policy=random --shard 2/2 --out other";
    assert_eq!(desk.run(other).code, Some(0));
    let (one, two) = ("parts/shard-1-of-2.jsonl", "parts/shard-2-of-2.jsonl");
    desk.fails(&format!("sim merge {one}"), 3, &["shards are missing: 2/2"]);
    desk.fails(
        &format!("sim merge {one} {two} {one}"),
        3,
        &["are both shard 1/2"],
    );
    let needles = [
        "are not parts of one sweep",
        "ok.toml or its options have changed",
    ];
    desk.fails(
        &format!("sim merge {one} other/shard-2-of-2.jsonl"),
        3,
        &needles,
    );
    desk.fails("sim merge nothing.jsonl", 3, &["cannot read nothing.jsonl"]);
    desk.fails(
        "sim merge ok.toml",
        3,
        &["ok.toml:1:", "sim run --shard I/N"],
    );
    let text = fs::read_to_string(desk.path().join(one)).unwrap();
    let half: Vec<&str> = text.lines().take(2).collect();
    desk.write("half.jsonl", half.join("\n"));
    desk.fails("sim merge half.jsonl", 3, &["only 1 of 2 runs are there"]);
    desk.write(
        "old.jsonl",
        text.replacen("\"evenkeel\":\"", "\"evenkeel\":\"9", 1),
    );
    desk.fails(
        "sim merge old.jsonl",
        3,
        &["was written by evenkeel 9", "merge with the version"],
    );
    for shard in ["0/2", "3/2", "2", "a/b"] {
        desk.fails(
            &format!("sim run ok.toml --shard {shard} --out x"),
            2,
            &["expected I/N"],
        );
    }
    desk.fails("sim run ok.toml --shard 1/2", 2, &["--out"]);
    desk.fails(
        "sim run ok.toml --precision 1",
        2,
        &["--precision 1: expected"],
    );
}

#[test]
fn what_fails_is_shrunk_into_a_file_that_fails() {
    let desk = Desk::new();
    let conditions =
        "[[threshold]]\nmetric = \"p50 < 1ms\"\n[[threshold]]\nmetric = \"failed < 1000\"\n";
    desk.write("slow.toml", scenario(&format!("{MATRIX}{conditions}")));
    let told = desk.run("sim shrink slow.toml --seed 5 --engine model");
    assert_eq!(told.code, Some(0), "{told:?}");
    let needles = [
        "0 faults, 1 endpoint, 1 workload, in ",
        "threshold failed: p50 < 1ms",
        "evenkeel sim run slow-shrunk-5.toml",
    ];
    for needle in needles {
        assert!(told.out.contains(needle), "{needle}: {told:?}");
    }
    assert_eq!(desk.run("check slow-shrunk-5.toml").code, Some(0));
    desk.fails(
        "sim run slow-shrunk-5.toml",
        4,
        &["threshold failed: p50 < 1ms"],
    );
    desk.fails(
        "sim shrink ok.toml --seed 5 --engine model",
        2,
        &["nothing fails with seed 5"],
    );
    desk.fails("sim shrink none.toml --seed 5", 3, &["none.toml"]);
    desk.fails("sim shrink slow.toml", 2, &["--seed"]);
    desk.fails(
        "sim shrink slow.toml --seed 5 --engine model --out none/x.toml",
        1,
        &["cannot write none/x.toml"],
    );
    let budget = "sim shrink slow.toml --seed 5 --engine model --budget 3";
    assert!(
        desk.run(budget)
            .err
            .contains("the budget of 3 runs is spent")
    );
}
