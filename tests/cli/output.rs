//! Where results go, and what happens when they cannot go there.
use std::fs::{self, File};
use std::io::pipe;
use std::process::Stdio;

use super::{Desk, scenario, told};

/// A standard stream whose reader has gone.
pub(super) fn closed() -> Stdio {
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

fn full() -> Stdio {
    File::create("/dev/full").expect("/dev/full").into()
}

/// Commands with much and little to say on standard output, all of them right.
const SPEAKING: [&str; 7] = [
    "schema config",
    "check evenkeel.toml ok.toml",
    "sim run ok.toml --engine model",
    "sim run ok.toml --engine model --format json --seeds 1..3",
    "sim run ok.toml --engine model --seeds 1..5 --vary policy=random,p2c",
    "sim compare ok.toml --seeds 1..5 --vary policy=random,p2c",
    "sim verify ok.toml --engine model --seed 1",
];

#[test]
fn a_broken_pipe_is_success() {
    let desk = Desk::new();
    for words in SPEAKING {
        let told = told(desk.command(words).stdout(closed()).output().unwrap());
        assert_eq!(told.code, Some(0), "{words}: {told:?}");
        assert!(!told.err.contains("pipe"), "{words}: {told:?}");
    }
}

#[test]
fn results_that_a_full_disk_lost_are_an_error() {
    let desk = Desk::new();
    for words in SPEAKING {
        let told = told(desk.command(words).stdout(full()).output().unwrap());
        assert_eq!(told.code, Some(1), "{words}: {told:?}");
        assert!(
            told.err
                .contains("cannot write to standard output: No space"),
            "{told:?}"
        );
    }
}

#[test]
fn nobody_reads_the_complaints() {
    let desk = Desk::new();
    desk.write("bad.toml", "a = 1");
    for stream in [closed, full] {
        for (words, code) in [
            ("check bad.toml", 3),
            ("sim run bad.toml", 3),
            ("sim run ok.toml --seeds 5..1", 2),
            ("sim walk", 2),
            ("sim run ok.toml --engine model", 0),
        ] {
            let told = told(desk.command(words).stderr(stream()).output().unwrap());
            assert_eq!(told.code, Some(code), "{words}: {told:?}");
        }
    }
}

#[test]
fn a_folder_for_results_is_made_and_holds_a_file_for_each_seed() {
    let desk = Desk::new();
    let words = "sim run ok.toml --engine model --seeds 1..2 --format json --out some/where";
    // The files are there although nobody has read the lines.
    let quiet = told(desk.command(words).stdout(closed()).output().unwrap());
    assert_eq!(quiet.code, Some(0), "{quiet:?}");
    let lines = desk.run(words).out;
    assert_eq!(lines.lines().count(), 2);
    for (seed, line) in (1..).zip(lines.lines()) {
        let file = desk.path().join(format!("some/where/ok-model-{seed}.json"));
        let kept: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(kept, line);
        assert_eq!(line["seed"], seed);
    }
}

/// Results and golden traces go by file names: two scenarios of one name would be taken for each
/// other.
#[test]
fn scenarios_of_one_name_are_told_before_the_work() {
    let desk = Desk::new();
    fs::create_dir(desk.path().join("other")).unwrap();
    for file in ["ok.toml", "evenkeel.toml"] {
        let copy = desk.path().join("other").join(file);
        fs::copy(desk.path().join(file), copy).unwrap();
    }
    let both = "ok.toml other/ok.toml --engine model --seed 1";
    for (words, option) in [("run", "--out"), ("verify", "--golden")] {
        let told = desk.run(&format!("sim {words} {both} {option} place"));
        assert_eq!(told.code, Some(2), "{told:?}");
        for needle in [option, "ok.toml and other/ok.toml", "rename one of them"] {
            assert!(told.err.contains(needle), "{needle}: {told:?}");
        }
        assert!(!desk.path().join("place").exists());
        let told = desk.run(&format!("sim {words} {both}"));
        assert_eq!(told.code, Some(0), "{told:?}");
    }
    let twice = desk.run("sim run ok.toml ok.toml --engine model --seed 1 --out place");
    assert_eq!(twice.code, Some(0), "{twice:?}");
}

#[test]
fn a_place_where_nothing_can_be_written_is_told_before_the_work() {
    let desk = Desk::new();
    for place in ["ok.toml", "ok.toml/below", "/proc/below"] {
        let told = desk.run(&format!("sim run ok.toml --out {place}"));
        assert_eq!(told.code, Some(1), "{told:?}");
        assert!(told.err.contains("cannot write results into"), "{told:?}");
        assert!(told.err.contains(place), "{told:?}");
        assert_eq!(told.out, "", "it ran for nothing");
    }
}

/// A suite for each scenario, a test for each condition; what fails says where and with what.
#[test]
fn conditions_are_kept_as_tests() {
    let desk = Desk::new();
    let threshold =
        |condition: &str| scenario(&format!("[[threshold]]\nmetric = \"{condition}\"\n"));
    desk.write(
        "bad.toml",
        threshold("error_rate > 50%").replace("short", "too quiet"),
    );
    desk.write("good.toml", threshold("error_rate == 0%"));
    let told = desk.run("sim run good.toml bad.toml --engine model --seeds 3..4 --junit tests.xml");
    assert_eq!(told.code, Some(4), "{told:?}");
    let tests = fs::read_to_string(desk.path().join("tests.xml")).unwrap();
    for part in [
        r#"<testsuite name="short" tests="#,
        r#"<testcase classname="short" name="threshold error_rate == 0%"/>"#,
        r#"<testcase classname="too quiet" name="threshold error_rate &gt; 50%">"#,
        r#"<failure type="threshold" message="seed 3: threshold error_rate &gt; 50%: 0.000%">"#,
        "\nseed 4: threshold error_rate &gt; 50%: 0.000%\n  evenkeel sim run bad.toml --engine model --seed 4\n",
    ] {
        assert!(tests.contains(part), "{part}: {tests}");
    }
    let lost = desk.run("sim run good.toml --engine model --junit nowhere/tests.xml");
    assert_eq!((lost.code, lost.out.as_str()), (Some(1), ""), "{lost:?}");
}

#[test]
fn what_is_no_terminal_gets_no_colour() {
    let desk = Desk::new();
    desk.write("bad.toml", "a = 1");
    for words in ["check bad.toml", "sim run ok.toml --engine model"] {
        let told = desk.run(words);
        assert!(!(told.out + &told.err).contains('\x1b'), "{words}");
    }
}
