//! Bugs that `sim fuzz` must find: `tests/planted/*.patch`, each a change of one line or two.
//!
//!     cargo test --release --test planted -- --ignored --nocapture
//!
//! builds a copy of the tree with each of them in turn and fuzzes it for ten minutes. Otherwise
//! only this is checked: that every patch still fits the tree, so that none of them rots.
#![cfg(feature = "sim")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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

#[test]
#[ignore = "it builds the tree five times"]
fn fuzzing_finds_every_bug() {
    for Bug { patch, invariant } in bugs() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        copy(folder.path());
        assert!(apply(&patch, folder.path(), false), "{}", patch.display());
        let fuzz = Command::new(env!("CARGO"))
            .args(["run", "--release", "-p", "evenkeel", "--"])
            .args(["sim", "fuzz", "--minutes", "10"])
            .current_dir(folder.path())
            .env(
                "CARGO_TARGET_DIR",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("planted"),
            )
            .output()
            .expect("cargo starts");
        let told = String::from_utf8_lossy(&fuzz.stdout);
        println!("{}: {told}", patch.display());
        assert_eq!(fuzz.status.code(), Some(5), "{}", patch.display());
        assert!(
            told.contains(&format!("invariant {invariant}")),
            "{invariant}: {told}"
        );
    }
}
