//! Bugs that `sim fuzz` must find: `tests/planted/*.patch`, each a change of one line or two.
//!
//!     cargo test --test planted -- --ignored --nocapture
//!
//! builds a copy of the tree with each of them in turn and fuzzes it for ten minutes at most.
//! Otherwise only this is checked: that every patch still fits the tree, so that none of them rots.
#![cfg(feature = "sim")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A bug and the invariant that it breaks.
struct Bug {
    patch: PathBuf,
    invariant: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn bugs() -> Vec<Bug> {
    let folder = fs::read_dir(root().join("tests/planted")).expect("there are patches");
    let bug = |entry: std::io::Result<fs::DirEntry>| {
        let patch = entry.expect("it can be listed").path();
        let text = fs::read_to_string(&patch).expect("it can be read");
        let found = text
            .lines()
            .find_map(|line| line.strip_prefix("Found as: "));
        let invariant = found.expect("it says what finds it").to_owned();
        Bug { patch, invariant }
    };
    let mut bugs: Vec<Bug> = folder.map(bug).collect();
    bugs.sort_by(|a, b| a.patch.cmp(&b.patch));
    bugs
}

/// Applies a patch to `folder`, or only looks whether it fits.
fn apply(patch: &Path, folder: &Path, check: bool) -> bool {
    let mut git = Command::new("git");
    git.current_dir(folder)
        .env("GIT_CEILING_DIRECTORIES", folder);
    git.arg("apply").args(check.then_some("--check"));
    git.arg(patch).status().expect("git starts").success()
}

#[test]
fn every_bug_fits_the_tree() {
    let bugs = bugs();
    assert_eq!(bugs.len(), 5);
    for Bug { patch, .. } in bugs {
        assert!(
            apply(&patch, root(), true),
            "{} no longer fits",
            patch.display()
        );
    }
}

/// A copy of the files that git knows.
fn copy(to: &Path) {
    let listed = Command::new("git")
        .arg("ls-files")
        .current_dir(root())
        .output();
    let listed = listed.expect("git starts").stdout;
    for name in String::from_utf8_lossy(&listed).lines() {
        let target = to.join(name);
        fs::create_dir_all(target.parent().expect("it is in a folder")).expect("it can be made");
        fs::copy(root().join(name), target).expect("it can be copied");
    }
}

/// Builds the tree in `folder`: the program.
fn build(folder: &Path) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("planted");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "-p", "evenkeel"]).current_dir(folder);
    let status = cargo.env("CARGO_TARGET_DIR", &target).status();
    assert!(status.expect("cargo starts").success());
    target.join("debug/evenkeel")
}

/// Fuzzes until `invariant` is broken, or for ten minutes: what was told of it, or of all else.
fn fuzz(program: &Path, out: &Path, invariant: &str) -> Result<String, String> {
    let mut fuzz = Command::new(program)
        .args(["sim", "fuzz", "--minutes", "10", "--out"])
        .arg(out)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let told = BufReader::new(fuzz.stdout.take().expect("it is piped"));
    let mut all = String::new();
    let mut found = None;
    for line in told.lines() {
        let line = line.expect("it is text");
        if line.contains(&format!("invariant {invariant}")) {
            fuzz.kill().expect("it can be ended");
            found = Some(line);
            break;
        }
        all += &line;
    }
    fuzz.wait().expect("it has ended");
    found.ok_or(all)
}

#[test]
#[ignore = "it builds the tree five times"]
fn fuzzing_finds_every_bug() {
    for Bug { patch, invariant } in bugs() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        copy(folder.path());
        assert!(apply(&patch, folder.path(), false), "{}", patch.display());
        let program = build(folder.path());
        let found = fuzz(&program, &folder.path().join("found"), &invariant);
        println!("{}: {found:?}", patch.display());
        assert!(found.is_ok(), "{invariant} was to be broken");
    }
}
