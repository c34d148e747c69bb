//! `[[pool]] outlier`: endpoints that fail real requests are passed over for a while.

use std::time::Duration;

use evenkeel_core::outlier::{ErrorRate, Latency, Settings, SuccessRate};

use super::status::{StatusCodes, StatusSet};
use crate::document::{Float, Integer, Percent, Share, Table, Time};

/// Reads what the core needs to know of a pool of so many endpoints.
pub(super) fn outlier(t: &mut Table<'_>, pool: usize) -> Settings {
    let doc = "failures in a row that eject: no connection, a lost one, no answer in time, or a \
               status of `statuses`; 0 for never; 3, so that one request that kills a process does \
               not eject two";
    let consecutive_failures = t.default("consecutive_failures", Integer(0..=1_000_u32), 3, doc);
    let usual = StatusSet::parse("500,502-504").expect("it is written as it is read");
    let doc =
        "the status codes that are failures; without 501 and 505, which are up to the request";
    let statuses = t.default("statuses", StatusCodes, usual, doc);
    let doc = "how long requests are counted before endpoints are compared; 10s has enough of them \
               at a few per second";
    let window = t.default("window", Time::POSITIVE, Duration::from_secs(10), doc);
    let doc = "eject whose share of failures is so far above the pool's median";
    let error_rate = rule(t, "error_rate", "above", doc, error_rate);
    let doc = "eject whose share of successes is so many standard deviations below the mean, as \
               Envoy does";
    let success_rate = rule(t, "success_rate", "deviations", doc, success_rate);
    let doc = "eject whose median time to the first byte is so many times the pool's median";
    let latency = rule(t, "latency", "factor", doc, latency);
    let doc = "how long the first ejection lasts; each further one in a row twice as long; 5s is \
               enough for a restart";
    let eject = t.default("eject", Time::POSITIVE, Duration::from_secs(5), doc);
    let doc = "how long an ejection lasts at most";
    let eject_max = t.default("eject_max", Time::POSITIVE, Duration::from_secs(60), doc);
    let doc = "the share of endpoints that may be ejected at once, but one in any case and never \
               the last; 50%, as what half of a pool has in common is not theirs";
    let max_ejected = t.default("max_ejected", Share, Percent::new(50), doc);
    if t.has("eject") && eject > eject_max {
        let problem = t.problem(
            t.span("eject"),
            "the first ejection is longer than the longest",
        );
        t.report(problem.label("expected no more than `eject_max`"));
    }
    if consecutive_failures == 1 {
        let message = "a single failed request ejects its endpoint";
        let problem = t.problem(t.span("consecutive_failures"), message).warning();
        let help = "if one request in 100 fails for no fault of the endpoint's, every 100 of them";
        t.report(problem.label("expected 3 or more").help(help));
    }
    too_few(t, "success_rate", pool, success_rate.map(|r| r.endpoints));
    too_few(t, "latency", pool, latency.map(|r| r.endpoints));
    Settings {
        consecutive_failures,
        statuses: statuses.statuses,
        window,
        error_rate,
        success_rate,
        latency,
        eject,
        eject_max: eject_max.max(eject),
        max_ejected_ppm: max_ejected.ppm(),
    }
}

/// Tells of a rule that needs more endpoints than its pool has.
fn too_few(t: &mut Table<'_>, rule: &str, pool: usize, needed: Option<u32>) {
    let Some(needed) = needed.filter(|needed| (*needed as usize) > pool) else {
        return;
    };
    let message = format!("a pool of {pool} has too few endpoints to compare: nobody is ejected");
    let problem = t.problem(t.span(rule), message).warning();
    t.report(problem.label(format!("expected {needed} endpoints, or `error_rate`")));
}

/// A rule that is off unless the file has it.
fn rule<T>(
    t: &mut Table<'_>,
    name: &'static str,
    main: &'static str,
    doc: &'static str,
    decode: impl FnOnce(&mut Table<'_>) -> T,
) -> Option<T> {
    let rule = t.shorthand(name, main, doc, decode);
    t.has(name).then_some(rule)
}

fn requests(t: &mut Table<'_>, usual: u32) -> u32 {
    let doc = "requests in the window that it takes to judge an endpoint";
    t.default("requests", Integer(1..=10_000_000_u32), usual, doc)
}

fn endpoints(t: &mut Table<'_>, usual: u32) -> u32 {
    let doc = "endpoints with enough requests that it takes to compare them";
    t.default("endpoints", Integer(2..=10_000_u32), usual, doc)
}

fn error_rate(t: &mut Table<'_>) -> ErrorRate {
    let doc = "how far above the median; 20% of errors are seldom chance";
    let above = t.default("above", Share, Percent::new(20), doc);
    ErrorRate {
        above_ppm: above.ppm().max(1),
        requests: requests(t, 20),
    }
}

fn success_rate(t: &mut Table<'_>) -> SuccessRate {
    let doc = "how many standard deviations; at 1.9, a fault of more than a fifth of the pool is \
               never found: see error_rate";
    let deviations = t.default("deviations", Float(0.5..=100.0), 1.9, doc);
    SuccessRate {
        deviations_milli: milli(deviations),
        endpoints: endpoints(t, 5),
        requests: requests(t, 100),
    }
}

fn latency(t: &mut Table<'_>) -> Latency {
    let doc = "how many times the median; 3 is beyond what load explains";
    let factor = t.default("factor", Float(1.1..=1_000.0), 3.0, doc);
    let doc = "and by how much more at least; what is fast is not slow";
    let least = t.default("least", Time::ANY, Duration::from_millis(50), doc);
    Latency {
        factor_milli: milli(factor),
        least,
        endpoints: endpoints(t, 3),
        requests: requests(t, 20),
    }
}

fn milli(factor: f64) -> u32 {
    (factor * 1000.0 + 0.5) as u32
}
