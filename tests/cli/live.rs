//! `sim live` as its users meet it: everything that was sent is counted, what cannot be is told
//! before anything starts, and no process is left.
use std::process::Command;

use serde_json::Value;

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

/// Processes of this folder's runs.
fn left(desk: &Desk) -> String {
    let path = desk.path().display().to_string();
    let found = Command::new("pgrep").args(["-f", &path]).output();
    String::from_utf8_lossy(&found.expect("there is a pgrep").stdout).into_owned()
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
    assert_eq!(left(&desk), "");
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
        (
            live("").replace("[origin]", "[origin]\ncommand = []"),
            3,
            "there is nothing to start; expected a list such as [\"node\", \"app.js\"]",
        ),
    ];
    for (text, code, needle) in table {
        desk.write("live.toml", text);
        desk.fails("sim live live.toml --rounds 1", code, &[needle]);
    }
}
