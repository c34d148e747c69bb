//! The commands as a new user meets them on a bad day: what is said of wrong files, wrong usage and
//! readers that have gone, and with which exit code a command ends.
#[path = "cli/calibrate.rs"]
mod calibrate;
#[path = "cli/compare.rs"]
mod compare;
#[path = "cli/exit.rs"]
mod exit;
#[path = "cli/explain.rs"]
mod explain;
#[path = "cli/fuzz.rs"]
mod fuzz;
#[path = "cli/import.rs"]
mod import;
#[path = "cli/input.rs"]
mod input;
#[path = "cli/live.rs"]
mod live;
#[path = "cli/matrix.rs"]
mod matrix;
#[path = "cli/output.rs"]
mod output;
mod real;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A configuration without mistakes.
const CONFIG: &str = r#"
[[listener]]
name = "http"
address = "127.0.0.1:0"
[[pool]]
name = "app"
endpoints = [{ name = "a", address = "127.0.0.1:1" }, { name = "b", address = "127.0.0.1:2" }]
"#;

/// A scenario without mistakes that takes no time, with what stands behind its first keys.
fn scenario(further: &str) -> String {
    format!(
        r#"name = "short"
config = "evenkeel.toml"
duration = "1s"
[origin]
service = {{ dist = "constant", value = "100ms" }}
[[workload]]
name = "w"
arrivals = {{ rate = "10/s" }}
{further}"#
    )
}

/// A folder with the file `evenkeel.toml` and the scenario `ok.toml`.
struct Desk(TempDir);

/// How a command ended.
#[derive(Debug)]
struct Told {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Desk {
    fn new() -> Self {
        let desk = Self(TempDir::new().expect("a temporary folder"));
        desk.write("evenkeel.toml", CONFIG);
        desk.write("ok.toml", scenario(""));
        desk
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path().join(name), content).expect("a temporary file");
    }

    /// The command, with its words separated by blanks.
    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
        command.args(words.split_whitespace());
        command.current_dir(self.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, words: &str) -> Told {
        told(self.command(words).output().expect("the command starts"))
    }

    /// Runs a command that must end with `code`, say all `needles` on standard error in this order,
    /// and not panic.
    fn fails(&self, words: &str, code: i32, needles: &[&str]) {
        let told = self.run(words);
        assert_eq!(told.code, Some(code), "{words}: {told:?}");
        let mut rest = told.err.as_str();
        for needle in needles {
            let at = rest.find(needle);
            let at = at.unwrap_or_else(|| panic!("{words}: no {needle:?} in\n{}", told.err));
            rest = &rest[at + needle.len()..];
        }
        assert!(!told.err.contains("panicked"), "{words}: {}", told.err);
    }
}

fn told(output: Output) -> Told {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("commands speak UTF-8");
    Told {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}
