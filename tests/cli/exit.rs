//! Exit codes, which scripts and CI rely on.
use super::{Desk, scenario};
use crate::real::process::Process;

const IMPOSSIBLE: &str = "[[threshold]]\nmetric = \"p50 < 1ms\"\n";
const NEVER: &str = "[[sometimes]]\nmetric = \"failed > 1000\"\n";

#[test]
fn what_holds_is_0_and_what_does_not_is_4() {
    let desk = Desk::new();
    desk.write("slow.toml", scenario(IMPOSSIBLE));
    desk.write("never.toml", scenario(NEVER));
    for engine in ["net", "model"] {
        let good = desk.run(&format!("sim run ok.toml --engine {engine}"));
        assert_eq!(good.code, Some(0), "{good:?}");
        let again = format!("evenkeel sim run slow.toml --engine {engine} --seed 7");
        let needles = ["threshold failed: p50 < 1ms (measured 1", &again];
        desk.fails(
            &format!("sim run slow.toml --engine {engine} --seed 7"),
            4,
            &needles,
        );
        let needles = ["never seen in 3 runs of never.toml: failed > 1000"];
        desk.fails(
            &format!("sim run never.toml --engine {engine} --seeds 1..3"),
            4,
            &needles,
        );
    }
}

#[test]
fn one_failure_among_scenarios_decides() {
    let desk = Desk::new();
    desk.write("slow.toml", scenario(IMPOSSIBLE));
    desk.write("bad.toml", "duration = 1");
    desk.fails("sim run ok.toml slow.toml ok.toml --engine model", 4, &[]);
    // Invalid before failed, and nothing runs; usage before invalid.
    let told = desk.run("sim run slow.toml bad.toml --engine model");
    assert_eq!((told.code, told.out.as_str()), (Some(3), ""), "{told:?}");
    desk.fails("sim run slow.toml bad.toml --seeds 2..1", 2, &[]);
    // A place that cannot be written before a threshold that fails.
    desk.fails("sim run slow.toml --out ok.toml", 1, &[]);
}

#[test]
fn a_trace_that_is_not_the_golden_one_is_6() {
    let desk = Desk::new();
    let words = "sim verify ok.toml --engine model --seeds 1..2 --golden golden.txt";
    assert_eq!(desk.run(&format!("{words} --bless")).code, Some(0));
    assert_eq!(desk.run(words).code, Some(0));
    // The scenario changes, and with it what happens.
    desk.write("ok.toml", scenario("").replace("10/s", "11/s"));
    let needles = [
        "not the golden trace: ok.toml, seed 1",
        "evenkeel sim verify ok.toml --engine model --seed 1",
        "--bless",
    ];
    desk.fails(words, 6, &needles);
    desk.write("golden.txt", "ok model 1\n");
    desk.fails(
        words,
        2,
        &["golden.txt:1: expected SCENARIO ENGINE SEED HASH"],
    );
}

/// The first scenario ends and fails; the second would take hours.
#[test]
fn an_interrupted_sweep_is_130_and_prints_what_was_finished() {
    let desk = Desk::new();
    desk.write("slow.toml", scenario(IMPOSSIBLE));
    desk.write("long.toml", scenario("").replace("\"1s\"", "\"100d\""));
    for engine in ["net", "model"] {
        let words = "sim run slow.toml long.toml --seed 1 --jobs 2 --format json";
        let mut command = desk.command(words);
        let mut process = Process::start("sweep", command.args(["--engine", engine]));
        process.says("1 of 2 runs");
        process.signal("INT");
        let finished = process.line_with("scenario");
        assert_eq!(
            (&finished["scenario"], &finished["seed"]),
            (&"short".into(), &1.into())
        );
        assert_eq!(process.exit().code(), Some(130));
        let complaint = process.complaint();
        assert!(
            complaint.contains("interrupted; 1 of 2 runs were finished"),
            "{complaint}"
        );
        assert!(complaint.contains("threshold failed"), "{complaint}");
    }
}
