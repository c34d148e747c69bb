//! `event_loop` against the other policies, on event loops that some requests block: the study of
//! docs/event-loop.md in engine `model`.
//!
//!     EVENT_LOOP=full cargo test --release --test event_loop -- --nocapture    # writes the tables
//!     EVENT_LOOP=tune cargo test --release --test event_loop -- --nocapture    # prints its own
//!
//! `tune` has other cells and other seeds: what is chosen there is judged on cells that were not
//! looked at. Without either a few cells are run in a size that fits among other tests.
#![cfg(feature = "sim")]
#![expect(clippy::print_stdout, reason = "with --nocapture: what was measured")]

mod cell;
mod study;
mod table;

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use cell::{Cell, Law, Twist};
use study::{METRICS, Study};

/// What the study is run for.
enum Size {
    Full,
    Tune,
    Small,
}

impl Size {
    fn wanted() -> Self {
        match std::env::var("EVENT_LOOP").as_deref() {
            Ok("full") => Self::Full,
            Ok("tune") => Self::Tune,
            Ok(other) => panic!("EVENT_LOOP={other}: the sizes are full and tune"),
            Err(_) => Self::Small,
        }
    }
}

/// Ours first, then those that it is compared with, each with the best parameters of the tuning
/// cells.
const POLICIES: [&str; 7] = [
    "\"event_loop\"",
    "{ name = \"event_loop\", spare = 0.0 }",
    "\"least_request\"",
    "\"p2c\"",
    "{ name = \"peak_ewma\", decay = \"10s\" }",
    "\"least_time\"",
    "{ name = \"prequal\", quantile = 0.3, probes = 3 }",
];
/// How many of them are ours.
const OURS: usize = 2;

const JUDGED: RangeInclusive<u64> = 1001..=1010;
const TUNED: RangeInclusive<u64> = 1..=5;
const REQUESTS: f64 = 60_000.0;

#[test]
fn light_requests_wait_less_than_under_any_other_policy() {
    match Size::wanted() {
        Size::Full => {
            let grid = run(&cell::grid(), &POLICIES, JUDGED, REQUESTS);
            let apart = run(&cell::apart(), &POLICIES, JUDGED, REQUESTS);
            write(&table::page(&grid, &apart, OURS));
        }
        Size::Tune => {
            let policies: Vec<String> = match std::env::var("POLICIES") {
                Ok(list) => list.split(';').map(str::to_owned).collect(),
                Err(_) => POLICIES.map(str::to_owned).to_vec(),
            };
            let policies: Vec<&str> = policies.iter().map(String::as_str).collect();
            let studies = run(&cell::tuning(), &policies, TUNED, REQUESTS);
            println!("{}", table::every(&studies));
        }
        Size::Small => {
            let cell = |heavy, twist| Cell::new(8, heavy, 0.7, Law::Lognormal, twist);
            // At most so much of the best of the others: light p99, heavy p99, mean.
            let cases = [
                (cell(5, Twist::None), [0.7, 1.25, 0.95]),
                (cell(5, Twist::Proxies(2)), [0.95, 1.35, 1.0]),
                (cell(0, Twist::Uniform), [1.05, 1.05, 1.02]),
            ];
            for (cell, bounds) in cases {
                for study in run(&[cell], &POLICIES, 1..=2, 30_000.0) {
                    for ((name, of), bound) in METRICS.into_iter().zip(bounds) {
                        let ratio = study.ratio(0, study.best(of, OURS), of);
                        assert!(ratio < bound, "{}: {name} {ratio}", study.cell);
                    }
                }
            }
        }
    }
}

fn run(cells: &[Cell], policies: &[&str], seeds: RangeInclusive<u64>, requests: f64) -> Vec<Study> {
    let study = |cell| {
        let study = Study::run(cell, policies, seeds.clone(), requests);
        println!("{study}");
        study
    };
    cells.iter().map(study).collect()
}

/// Puts the tables into their place in docs/event-loop.md.
fn write(page: &str) {
    const BEGIN: &str = "<!-- tables: begin -->\n";
    const END: &str = "<!-- tables: end -->";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/event-loop.md");
    let text = fs::read_to_string(&path).expect("the page is there");
    let (before, rest) = text.split_once(BEGIN).expect("it says where tables begin");
    let (_, after) = rest.split_once(END).expect("it says where they end");
    let text = format!("{before}{BEGIN}{page}{END}{after}");
    fs::write(&path, text).expect("the page can be written");
}
