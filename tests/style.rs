//! The rules of the house that neither the compiler nor clippy can check, as a test.
//!
//! Every rule has samples that it must catch and samples that it must let pass (`style/sample.rs`):
//! a check that cannot fail is none. `CONTRIBUTING.md` gives the reasons.

#[path = "style/function.rs"]
mod function;
#[path = "style/rule.rs"]
mod rule;
#[path = "style/sample.rs"]
mod sample;
#[path = "style/source.rs"]
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use rule::{RULES, TEXT_RULES};
use source::Source;

/// Folders with code of the project.
const CODE: [&str; 4] = ["src", "sim", "tests", "benches"];
/// Entries that are not part of the project's text.
const FOREIGN: [&str; 3] = [".git", "target", "node_modules"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `folder`, in a fixed order, as paths relative to the repository.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut entries: Vec<_> = entries
        .map(|entry| entry.expect("a folder stays as it is").path())
        .collect();
    entries.sort();
    for entry in entries {
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        if FOREIGN.contains(&&*name) {
            continue;
        }
        if entry.is_dir() {
            files(&entry, found);
        } else {
            let path = entry.strip_prefix(root());
            found.push(path.expect("the walk began there").to_owned());
        }
    }
}

/// Every text file of the project: those that are not UTF-8 are data.
fn sources() -> Vec<Source> {
    let mut paths = Vec::new();
    files(root(), &mut paths);
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(root().join(path)).ok()?;
        Some(Source::new(&path.to_string_lossy(), text))
    };
    paths.iter().filter_map(read).collect()
}

fn is_code(source: &Source) -> bool {
    let folder = source.path.split('/').next();
    source.path.ends_with(".rs") && folder.is_some_and(|folder| CODE.contains(&folder))
}

#[test]
fn the_rules_hold() {
    let mut found = Vec::new();
    let mut lengths = Vec::new();
    for source in sources() {
        let mut check = |rules: &[rule::Rule]| {
            for rule in rules {
                for (line, what) in (rule.check)(&source) {
                    found.push(format!("{}:{line}: {what} [{}]", source.path, rule.name));
                }
            }
        };
        check(TEXT_RULES);
        if is_code(&source) {
            check(RULES);
            let count = |bracket| source.code.matches(bracket).count();
            for (open, close) in ["()", "[]", "{}"].map(|pair| pair.split_at(1)) {
                assert_eq!(count(open), count(close), "{} is misread", source.path);
            }
            lengths.push(source.text.lines().count());
        }
    }
    assert!(lengths.len() > 50, "the walk has found the code");
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    println!("{} files, median {median} lines", lengths.len());
    assert!(
        found.is_empty(),
        "{} lines break a rule:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn every_rule_catches_its_samples() {
    for rule in RULES.iter().chain(TEXT_RULES) {
        let mut samples = 0;
        for (name, path, text) in sample::caught() {
            if name == rule.name {
                samples += 1;
                let found = (rule.check)(&Source::new(path, text.clone()));
                assert!(!found.is_empty(), "{name} lets this pass:\n{text}");
            }
        }
        assert!(
            samples > 0,
            "{} has no sample that it must catch",
            rule.name
        );
    }
}

#[test]
fn no_rule_catches_what_is_right() {
    for (path, text) in sample::passed() {
        let source = Source::new(path, text.clone());
        for rule in RULES.iter().chain(TEXT_RULES) {
            let found = (rule.check)(&source);
            assert!(found.is_empty(), "{}: {found:?}\n{text}", rule.name);
        }
    }
}
