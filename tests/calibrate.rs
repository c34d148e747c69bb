//! `sim calibrate` on the application of `examples/node`: what it writes runs, and foretells what
//! real sockets do.
//!
//!     CALIBRATE=5 cargo test --test calibrate -- --nocapture    # so many rounds of `sim live`
//!
//! Without it a few seconds are measured, and no time is compared.
#![cfg(feature = "sim")]
#![expect(clippy::print_stdout, reason = "with --nocapture: what was measured")]

mod real;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// What the application is asked for: 10 and 25 ms that block, 20 ms that do not, next to nothing.
const PATHS: [&str; 4] = ["/cpu?ms=10&wait=1", "/cpu?ms=25&wait=1", "/io?ms=20", "/"];

fn evenkeel(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
    let output = command.current_dir(folder).args(arguments).output();
    output.expect("it starts")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Measures the application for so many seconds.
fn calibrate(folder: &Path, seconds: &str) -> String {
    let app = concat!(
        "node ",
        env!("CARGO_MANIFEST_DIR"),
        "/examples/node/app.mjs"
    );
    let mut arguments = vec!["sim", "calibrate", "--command", app, "--seconds", seconds];
    arguments.extend(PATHS.iter().flat_map(|path| ["--path", path]));
    let output = evenkeel(folder, &arguments);
    let told = text(&output);
    assert!(output.status.success(), "{told}");
    println!("{told}");
    told
}

/// The share of a path that blocks, in percent, as the report says it.
fn blocks(told: &str, path: &str) -> f64 {
    let line = told
        .lines()
        .find(|line| line.split_whitespace().next() == Some(path));
    let cut = line.and_then(|line| line.strip_suffix(" %")?.rsplit(' ').next()?.parse().ok());
    cut.unwrap_or_else(|| panic!("{path} in {told}"))
}

#[test]
fn an_application_becomes_a_scenario() {
    let rounds = std::env::var("CALIBRATE").ok();
    let folder = TempDir::new().expect("a temporary folder");
    let told = calibrate(folder.path(), if rounds.is_some() { "40" } else { "4" });
    assert!(blocks(&told, PATHS[1]) > blocks(&told, PATHS[2]), "{told}");
    let file = folder.path().join("calibrated.toml");
    let scenario = fs::read_to_string(&file).expect("it was written");
    assert_eq!(
        scenario.matches("[[workload.classes]]").count(),
        PATHS.len()
    );
    let ran = evenkeel(
        folder.path(),
        &["sim", "run", "calibrated.toml", "--seed", "1"],
    );
    assert!(ran.status.success(), "{}", text(&ran));
    let Some(rounds) = rounds else { return };
    for (rate, weights) in [("200/s", [2, 1, 6, 1]), ("300/s", [4, 2, 6, 1])] {
        let (lines, mut weights) = (scenario.lines(), weights.into_iter());
        let other = lines.map(|line| match line {
            "weight = 1" => format!("weight = {}\n", weights.next().expect("four of them")),
            "duration = \"30s\"" => "duration = \"20s\"\n".to_owned(),
            line if line.starts_with("arrivals") => {
                format!("arrivals = {{ process = \"poisson\", rate = \"{rate}\" }}\n")
            }
            line => line.to_owned() + "\n",
        });
        fs::write(folder.path().join("other.toml"), other.collect::<String>()).expect("it can be");
        let live = evenkeel(
            folder.path(),
            &["sim", "live", "other.toml", "--rounds", &rounds],
        );
        println!("{rate}: {}", text(&live));
        assert!(live.status.success(), "{rate}");
    }
}
