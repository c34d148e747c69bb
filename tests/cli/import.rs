//! `sim import` as its users meet it: what it says of a log, what it writes, how it ends.
use std::fs::File;
use std::io::{BufWriter, Write};
use std::process::Command;

use super::{Desk, told};

fn line(second: u32) -> String {
    let (minute, second) = (second / 60 % 60, second % 60);
    let date = format!("01/Jan/2024:00:{minute:02}:{second:02} +0000");
    format!("10.0.0.1 - - [{date}] \"GET / HTTP/1.1\" 200 1\n")
}

#[test]
fn a_log_becomes_a_scenario_that_runs() {
    let desk = Desk::new();
    desk.write("access.log", (0..50).map(line).collect::<String>());
    let told = desk.run("sim import access.log --config evenkeel.toml --strict");
    assert_eq!(told.code, Some(0), "{told:?}");
    for needle in [
        "access.log: common or combined log format, 50 lines\n",
        "50 requests in 49.",
        "the log has no service times: set origin.service",
        "access.toml and access.jsonl.gz\nnext\n  evenkeel sim run access.toml",
    ] {
        assert!(told.out.contains(needle), "{needle}: {}", told.out);
    }
    let told = desk.run("sim run access.toml");
    assert_eq!(told.code, Some(0), "{told:?}");
    desk.fails(
        "sim import access.log",
        2,
        &["access.toml is there already"],
    );
}

/// Ten broken lines are told with their numbers, and are an error if that was asked for.
#[test]
fn broken_lines_are_lost_under_strict() {
    let desk = Desk::new();
    let lines = (0..100).map(|n| match n % 10 {
        3 => "nonsense\n".to_owned(),
        _ => line(n),
    });
    desk.write("access.log", lines.collect::<String>());
    let told = desk.run("sim import access.log --strict");
    assert_eq!(told.code, Some(7), "{told:?}");
    for needle in [
        "10 of 100 lines cannot be read, first:\n  line 4: no client address",
        "\n  line 24: ",
        "\n90 requests in ",
    ] {
        assert!(told.out.contains(needle), "{needle}: {}", told.out);
    }
}

#[test]
fn wrong_usage_and_useless_logs() {
    let desk = Desk::new();
    desk.write("access.log", "nonsense\n");
    for (rest, code, needle) in [
        (
            "--from soon",
            2,
            "--from soon: expected a time since the first line",
        ),
        ("--rate 0", 2, "--rate 0: expected a number from"),
        (
            "--session cookie:",
            2,
            "expected address, cookie:NAME or field:NAME",
        ),
        ("", 3, "no request to import; 1 of 1 lines cannot be read"),
        ("--config nowhere.toml", 3, "nowhere.toml: cannot read"),
    ] {
        desk.fails(&format!("sim import access.log {rest}"), code, &[needle]);
    }
    desk.write("access.log", line(1) + &line(2));
    for (rest, needle) in [
        (
            "--from 10s",
            "2 lines\n2 requests are outside of --from and --to",
        ),
        (
            "--rate 0.000001",
            "2 lines\n--rate leaves out the clients of 2 requests",
        ),
    ] {
        desk.fails(&format!("sim import access.log {rest}"), 3, &[needle]);
    }
    desk.fails("sim import nowhere.log", 1, &["cannot read nowhere.log"]);
}

/// Two million lines, out of order, within 512 MiB of addresses.
#[test]
#[ignore = "a minute of work: cargo test --test cli -- --ignored two_million"]
fn two_million_lines_in_bounded_memory() {
    const LINES: u32 = 2_000_000;
    let desk = Desk::new();
    let file = File::create(desk.path().join("access.log")).expect("a temporary file");
    let mut file = BufWriter::new(file);
    for n in 0..LINES {
        let second = n / 1_000 + n % 7 * 3;
        file.write_all(line(second).as_bytes())
            .expect("the disk has room");
    }
    file.flush().expect("the disk has room");
    let command = format!(
        "ulimit -v 524288 && exec {} sim import access.log",
        env!("CARGO_BIN_EXE_evenkeel")
    );
    let shell = Command::new("sh")
        .args(["-c", &command])
        .current_dir(desk.path())
        .output();
    let told = told(shell.expect("there is a shell"));
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.out.contains("2000000 requests in "), "{}", told.out);
}
