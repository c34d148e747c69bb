//! `sim live` as its users meet it: everything that was sent is counted, what cannot be is told
//! before anything starts, and no process is left.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "how long processes are waited for"
)]
use std::fs;
use std::time::Instant;

use serde_json::Value;

use super::real::PATIENCE;
use super::real::process::Process;
use super::{Desk, scenario};

/// A scenario of a second, with what stands behind its first keys.
fn live(further: &str) -> String {
    scenario(further).replace("\"100ms\"", "\"5ms\"")
}

/// The lines of JSON that a live run prints; the verdict is about times, and is nothing to rely on.
fn lines(desk: &Desk, words: &str) -> Vec<Value> {
    let told = desk.run(words);
    assert!(matches!(told.code, Some(0 | 4)), "{told:?}");
    let line = |line| serde_json::from_str(line).expect("a line of JSON");
    told.out.lines().map(line).collect()
}

/// How many processes there are that name this folder.
fn alive(desk: &Desk) -> usize {
    let path = desk.path().display().to_string();
    let entries = fs::read_dir("/proc").expect("this is Linux");
    let names = |entry: std::io::Result<fs::DirEntry>| {
        let command = fs::read_to_string(entry.ok()?.path().join("cmdline")).ok()?;
        command.contains(&path).then_some(())
    };
    entries.filter_map(names).count()
}

/// Waits until there are as many as there should be.
fn await_alive(desk: &Desk, is_so: impl Fn(usize) -> bool) {
    let began = Instant::now();
    while !is_so(alive(desk)) {
        assert!(began.elapsed() < PATIENCE, "{} are there", alive(desk));
        std::thread::yield_now();
    }
}

#[test]
fn all_that_is_sent_is_counted_live_and_simulated() {
    let desk = Desk::new();
    desk.write("live.toml", live(""));
    let path = desk.path().join("live.toml");
    let path = path.display();
    let lines = lines(
        &desk,
        &format!("sim live {path} --rounds 1 --format json --set policy=round_robin"),
    );
    let [rounds @ .., simulated, comparison] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert!(!rounds.is_empty());
    for live in rounds {
        assert_eq!(live["engine"], "live");
        for key in ["sent", "ok", "failed", "by_status", "retried"] {
            let of = |run: &Value| run["cells"][0]["requests"][key].clone();
            assert_eq!(of(live), of(simulated), "{key}");
        }
        for n in 0..2 {
            let of = |run: &Value| run["cells"][0]["endpoints"][n]["requests"].clone();
            assert_eq!(of(live), of(simulated), "endpoint {n}");
        }
    }
    assert_eq!(simulated["engine"], "model");
    let rows = comparison["metrics"].as_array().expect("a list");
    let names: Vec<_> = rows.iter().map(|row| row["metric"].as_str()).collect();
    let expected = [
        "mean",
        "p50",
        "p90",
        "p99",
        "failed",
        "retried",
        "share of a",
        "share of b",
    ];
    assert_eq!(names, expected.map(Some));
    await_alive(&desk, |many| many == 0);
}

/// What happens to processes and within them: requests that meet it are tried elsewhere or wait.
#[test]
fn no_request_is_lost_when_applications_die_stop_hang_and_refuse() {
    let desk = Desk::new();
    let fault = |at: u32, kind: &str, target: &str| {
        format!(
            "[[fault]]\nat = \"{at}ms\"\nkind = \"{kind}\"\ntarget = \"{target}\"\nfor = \"150ms\"\n"
        )
    };
    let faults = fault(100, "crash", "a")
        + &fault(300, "refuse", "b")
        + &fault(500, "hang", "a")
        + &fault(700, "pause", "b");
    desk.write("live.toml", live(&faults).replace("\"10/s\"", "\"100/s\""));
    let lines = lines(&desk, "sim live live.toml --rounds 1 --format json");
    for run in &lines[..lines.len() - 1] {
        let cell = &run["cells"][0];
        let of = |key: &str| cell["requests"][key].as_u64();
        assert!(of("sent") > Some(50));
        assert_eq!(of("ok"), of("sent"), "{run}");
        assert!(of("retried") > Some(0), "{run}");
    }
}

/// Whether a request meets an error is drawn by its number, as in a simulation, wherever it goes.
#[test]
fn the_same_requests_fail_live_and_simulated() {
    let desk = Desk::new();
    let fault = "[[fault]]\nat = \"0s\"\nkind = \"error_burst\"\ntarget = \"pool:app\"\n\
                 share = \"50%\"\nstatus = 503";
    desk.write("live.toml", live(fault).replace("\"10/s\"", "\"40/s\""));
    let words = "sim live live.toml --rounds 1 --format json --set policy=round_robin";
    let lines = lines(&desk, words);
    let by_status = |run: &Value| run["cells"][0]["requests"]["by_status"].clone();
    let simulated = by_status(&lines[lines.len() - 2]);
    assert!(simulated["503"].as_u64() > Some(3), "{simulated}");
    for live in &lines[..lines.len() - 2] {
        assert_eq!(by_status(live), simulated);
    }
}

/// How a command can end early.
const ENDS: [(&str, Option<i32>); 2] = [("INT", Some(130)), ("KILL", None)];

/// The proxy and two applications, one of which is stopped, end with the run: when it is
/// interrupted, and when nobody is left who could end them.
#[test]
fn no_process_outlives_its_run() {
    for (signal, code) in ENDS {
        let desk = Desk::new();
        let fault = "[[fault]]\nat = \"1ms\"\nkind = \"pause\"\ntarget = \"a\"";
        desk.write("live.toml", live(fault).replace("\"1s\"", "\"60s\""));
        let path = desk.path().join("live.toml");
        let words = format!("sim live {} --rounds 1", path.display());
        let mut run = Process::start("live", &mut desk.command(&words));
        await_alive(&desk, |many| many == 4);
        run.signal(signal);
        assert_eq!(run.exit().code(), code, "{signal}");
        await_alive(&desk, |many| many == 0);
    }
}

/// Nor does an application its calibration, which has somebody look after it.
#[test]
fn no_application_outlives_its_calibration() {
    const APP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/node/app.mjs");
    for (signal, code) in ENDS {
        let desk = Desk::new();
        let out = desk.path().join("measured.toml");
        let words = format!("sim calibrate --path /io --out {}", out.display());
        let mut command = desk.command(&words);
        let app = format!("node {APP} --name {}", desk.path().display());
        let mut run = Process::start("calibrate", command.args(["--command", &app]));
        await_alive(&desk, |many| many == 3);
        run.signal(signal);
        assert_eq!(run.exit().code(), code, "{signal}");
        await_alive(&desk, |many| many == 0);
    }
}

#[test]
fn what_real_sockets_cannot_do_is_told_before_anything_starts() {
    let desk = Desk::new();
    let command = |what: &str| {
        live(&format!("[[fault]]\nat = \"0s\"\ntarget = \"a\"\n{what}"))
            .replace("[origin]", "[origin]\ncommand = [\"true\"]")
    };
    let table = [
        (
            live("[network]\ndefault = { latency = \"1ms\" }"),
            3,
            "live.toml cannot run live: a loopback has no latency",
        ),
        (
            live("[[fault]]\nat = \"0s\"\nkind = \"drain\"\ntarget = \"a\""),
            3,
            "it cannot do `drain`",
        ),
        (
            live("[[fault]]\nat = \"0s\"\nkind = \"blackhole\"\ntarget = \"a\""),
            3,
            "a loopback loses nothing",
        ),
        (
            command("kind = \"slow\"\nfactor = 2.0"),
            3,
            "it cannot do `slow` to origin.command",
        ),
        (
            live("[matrix]\npolicy = [\"random\", \"p2c\"]"),
            2,
            "has a matrix of several settings: choose one with --set",
        ),
        (
            command("kind = \"pause\""),
            1,
            "`true` ended (exit status: 0) before it listened on its PORT",
        ),
        (
            command("kind = \"pause\"").replace("\"true\"", "\"no-such-program\""),
            1,
            "cannot start `no-such-program`: No such file",
        ),
    ];
    for (text, code, needle) in table {
        desk.write("live.toml", text);
        desk.fails("sim live live.toml --rounds 1", code, &[needle]);
    }
}
