//! The files of this repository, changed as a tired person or a broken disk changes them: nothing
//! panics, neither reading nor, where a changed scenario is still one, running it.
#![cfg(feature = "sim")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use evenkeel_proxy::config;
use evenkeel_proxy::document::{Diagnostic, Severity};
use evenkeel_sim::plan::Plan;
use evenkeel_sim::scenario::{self, Engine, Scenario};
use evenkeel_sim::sweep;
use evenkeel_sim::workload::Arrivals;
use proptest::prelude::*;
use proptest::sample::Index;

/// Most requests of a run: beyond it, a changed rate would make the test long and no better.
const MOST: usize = 20_000;
/// Looks at the clock before a run that does not end by itself is ended.
const PATIENCE: u32 = 40;

/// Values and pieces that stand where others stood.
const WORDS: &[&str] = &[
    "",
    "0",
    "-1",
    "1",
    "2.5",
    "1e999",
    "nan",
    "99999999999999999999",
    "true",
    "\"\"",
    "\"0s\"",
    "\"1ns\"",
    "\"300us\"",
    "\"1s\"",
    "\"19s\"",
    "\"36500d\"",
    "\"0%\"",
    "\"100%\"",
    "\"0/s\"",
    "\"0.001/s\"",
    "\"900/s\"",
    "\"1GiB\"",
    "\"a\"",
    "\"b\"",
    "\"net\"",
    "\"model\"",
    "\"node\"",
    "\"fifo\"",
    "\"slow\"",
    "\"pause\"",
    "\"crash\"",
    "\"constant\"",
    "\"round_robin\"",
    "\"least_request\"",
    "\"random\"",
    "\"1..3\"",
    "\"[::1]:1\"",
    "\"unix:/x\"",
    "\"10.0.0.1:3000\"",
    "[]",
    "{}",
    "[",
    "]",
    "{",
    "}",
    "=",
    "\"",
    "#",
    "é",
    "\0",
    "\n",
];

/// One change of a text.
#[derive(Clone, Debug)]
enum Change {
    /// What stands behind a `=` up to the next separator becomes a word.
    Value(Index, &'static str),
    /// A line goes.
    Drop(Index),
    /// A line, or a block of lines, stands somewhere again.
    Repeat(Index, usize, Index),
    /// Bytes become others.
    Bytes(Index, usize, Vec<u8>),
    /// The rest is lost.
    Cut(Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    let word = || proptest::sample::select(WORDS);
    let bytes = proptest::collection::vec(any::<u8>(), 0..3);
    prop_oneof![
        8 => (at(), word()).prop_map(|(at, word)| Change::Value(at, word)),
        3 => at().prop_map(Change::Drop),
        3 => (at(), 1..8_usize, at()).prop_map(|(from, n, to)| Change::Repeat(from, n, to)),
        1 => (at(), 0..3_usize, word()).prop_map(|(at, n, word)| {
            Change::Bytes(at, n, word.as_bytes().to_vec())
        }),
        1 => (at(), 0..3_usize, bytes).prop_map(|(at, n, bytes)| Change::Bytes(at, n, bytes)),
        1 => at().prop_map(Change::Cut),
    ]
}

impl Change {
    fn apply(&self, text: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        match self {
            Self::Value(at, word) => {
                let places = || (0..text.len()).filter(|&place| text[place] == b'=');
                let Some(place) = places().nth(at.index(places().count().max(1))) else {
                    return;
                };
                let rest = &text[place + 1..];
                let length = rest.iter().position(|byte| b",}]\n".contains(byte));
                let end = place + 1 + length.unwrap_or(rest.len());
                text.splice(place + 1..end, word.bytes());
            }
            Self::Drop(at) => {
                let mut lines = lines(text);
                lines.remove(at.index(lines.len()));
                *text = lines.concat();
            }
            Self::Repeat(from, count, to) => {
                let mut lines = lines(text);
                let start = from.index(lines.len());
                let block = lines[start..lines.len().min(start + count)].to_vec();
                let to = to.index(lines.len() + 1);
                lines.splice(to..to, block);
                *text = lines.concat();
            }
            Self::Bytes(at, count, bytes) => {
                let start = at.index(text.len());
                let end = text.len().min(start + count);
                text.splice(start..end, bytes.iter().copied());
            }
            Self::Cut(at) => text.truncate(at.index(text.len())),
        }
    }
}

fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    text.split_inclusive(|&byte| byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

/// Every scenario and configuration of the repository.
fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = fs::read_dir(root.join("scenarios")).expect("there are scenarios");
    let mut files: Vec<PathBuf> = folder
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "toml"))
        .collect();
    files.sort();
    files.push(root.join("examples/node/evenkeel.toml"));
    files
}

fn told_well(problems: &[Diagnostic], there: bool) {
    let failed = problems.iter().any(|p| p.severity == Severity::Error);
    assert_eq!(there, !failed);
    for problem in problems {
        assert!(!problem.show(false).is_empty());
        assert!(!problem.line().contains('\n'));
    }
}

/// Runs it in the fast engine, unless too much arrives.
fn run(scenario: Scenario) {
    let plan = Arc::new(Plan::new(Arc::new(scenario), Some(Engine::Model)));
    let arrivals = Arrivals::new(1, &plan.workloads, plan.end());
    if arrivals.map_or(0, |arrivals| arrivals.take(MOST + 1).count()) > MOST {
        return;
    }
    let mut looks = 0;
    let ended = sweep::execute(&plan, 1, false, &mut |_| {
        looks += 1;
        looks < PATIENCE
    });
    if let Ok(ended) = ended {
        let told = sweep::tell(&plan, 1, ended);
        assert!(!evenkeel_sim::result::table(&[told.run], &[], false, "").is_empty());
    }
}

proptest! {
    #[test]
    fn no_changed_file_panics(
        file in any::<Index>(),
        changes in proptest::collection::vec(change(), 0..5),
    ) {
        let files = files();
        let path = file.get(&files);
        let mut text = fs::read(path).expect("it can be read");
        for change in &changes {
            change.apply(&mut text);
        }
        let (config, problems) = config::load(path, &text);
        told_well(&problems, config.is_some());
        let (scenario, problems) = scenario::load(path, &text);
        told_well(&problems, scenario.is_some());
        if let Some(scenario) = scenario {
            run(scenario);
        }
    }
}
