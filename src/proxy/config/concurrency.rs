//! `[[pool]] concurrency`: how many requests an endpoint has at once, found out.

use std::time::Duration;

use evenkeel_core::concurrency::{MEASURING, Settings};

use crate::document::{Integer, Percent, Share, Table, Time};

pub(super) fn concurrency(t: &mut Table<'_>, endpoints: usize) -> Settings {
    let doc = "the lowest limit, at which it is measured how long requests take without others; 3 \
               keeps a process of Node.js busy, one that mostly waits for others needs more";
    let min = t.default("min", Integer(1..=10_000_u32), 3, doc);
    let doc = "the highest limit; 1000 is more than a process has at once, and bounds what is \
               taken before anything is known";
    let max = t.default("max", Integer(1..=60_000_u32), 1_000, doc);
    let doc = "how much longer than that requests may take before there are too many; 25% is \
               beyond what varies by itself";
    let tolerance = t.default("tolerance", Share, Percent::new(25), doc);
    let doc = "how long a measurement is believed; if an endpoint never had so few meanwhile, it \
               is held at `min` for one, up to 5s; 60s make that a small part of the time";
    let interval = t.default("interval", Time::POSITIVE, Duration::from_secs(60), doc);
    if max < min {
        let problem = t.problem(t.span("max"), "the highest limit is below the lowest");
        t.report(problem.label(format!("expected at least `min`, {min}")));
    }
    if tolerance.ppm() == 0 {
        let problem = t.problem(t.span("tolerance"), "every limit falls: times always vary");
        t.report(problem.warning().label("expected some percent"));
    }
    if interval < MEASURING * 2 {
        let problem = t.problem(
            t.span("interval"),
            "most of the time would go into measuring",
        );
        t.report(problem.label("expected at least \"10s\""));
    }
    if endpoints == 1 && !t.has("min") {
        let message = "nobody takes what the one endpoint cannot while it is measured";
        let problem = t.problem(t.own_span(), message).warning();
        let label = "expected two endpoints or more, or `min` near what one has in a quiet hour";
        t.report(problem.label(label));
    }
    Settings {
        min,
        max: max.max(min),
        tolerance_ppm: tolerance.ppm(),
        interval,
    }
}
