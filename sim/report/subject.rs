//! What was simulated, for somebody who has not read the scenario.

use std::time::Duration;

use evenkeel_proxy::document::Time;

use crate::plan::Plan;
use crate::scenario::{Model, Process, Scenario, Source, Workload};

/// The facts of a scenario.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subject {
    /// In a few words each: servers, traffic, time, what goes wrong.
    pub facts: Vec<String>,
    /// When measuring begins and arrivals end, in seconds.
    pub window_s: (f64, f64),
    /// What goes wrong, in order of time.
    pub spans: Vec<Span>,
}

/// Something that goes wrong for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// When it begins, in seconds.
    pub from_s: f64,
    /// When it ends, in seconds.
    pub until_s: f64,
    /// What it is.
    pub name: String,
}

impl Subject {
    /// Of a plan; what cells change of it is not told.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let scenario = &plan.scenario;
        let spans = spans(scenario);
        let mut facts = vec![servers(scenario)];
        facts.extend(scenario.workloads.iter().map(traffic));
        facts.push(time(scenario));
        let mut names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
        names.dedup();
        if !names.is_empty() {
            facts.push(format!("goes wrong: {}", names.join(", ")));
        }
        let window_s = (
            scenario.warmup.as_secs_f64(),
            scenario.duration.as_secs_f64(),
        );
        Self {
            facts,
            window_s,
            spans,
        }
    }
}

fn servers(scenario: &Scenario) -> String {
    let count: usize = scenario
        .config
        .pools
        .iter()
        .map(|p| p.endpoints.len())
        .sum();
    let kind = match scenario.origin.model {
        Model::Node => "Node.js processes",
        Model::Fifo => "servers that work on one request after another",
        Model::Ps => "servers that share their processor among requests",
        Model::Delay => "servers that never queue",
    };
    let proxies = match scenario.proxies.count {
        1 => String::new(),
        count => format!(" behind {count} proxies"),
    };
    format!("{count} {kind}{proxies}")
}

fn traffic(workload: &Workload) -> String {
    let classes = match workload.source.classes() {
        [] | [_] => String::new(),
        several => format!(" of {} classes", several.len()),
    };
    let name = &workload.name;
    match &workload.source {
        Source::Open {
            process,
            rate_per_s,
            ..
        } => {
            let law = match process {
                Process::Poisson => "at random",
                Process::Constant => "evenly",
            };
            format!("{name}: {rate_per_s} requests/s{classes}, {law}")
        }
        Source::Closed { users, .. } => format!("{name}: {users} users{classes}"),
        Source::Recorded { speed, .. } => format!("{name}: recorded, {speed} times as fast"),
    }
}

fn time(scenario: &Scenario) -> String {
    let all = Time::format(scenario.duration);
    if scenario.warmup.is_zero() {
        return format!("{all} of traffic");
    }
    format!(
        "{all} of traffic, the first {} not measured",
        Time::format(scenario.warmup)
    )
}

/// What goes wrong at origins, as far as its time is known before a run.
fn spans(scenario: &Scenario) -> Vec<Span> {
    let end = scenario.duration;
    let mut spans = Vec::new();
    for fault in &scenario.faults {
        let name = fault.effect.name();
        let every = fault.every.filter(|every| !every.is_zero());
        let again = |n: u32| match every {
            Some(every) => fault.at.checked_add(every.checked_mul(n)?),
            None => (n == 0).then_some(fault.at),
        };
        // More of them than anybody could tell apart in a picture are none.
        let times = (0..200).map_while(again).take_while(|at| *at < end);
        for at in times {
            let until = fault
                .lasts
                .map_or(end, |lasts| at.saturating_add(lasts).min(end));
            spans.push(span(at, until, name));
        }
    }
    for change in &scenario.changes {
        let until = change
            .lasts
            .map_or(change.at, |lasts| change.at.saturating_add(lasts));
        spans.push(span(change.at, until.min(end), change.what.name()));
    }
    spans.sort_by(|one, other| one.from_s.total_cmp(&other.from_s));
    spans
}

fn span(from: Duration, until: Duration, name: &str) -> Span {
    Span {
        from_s: from.as_secs_f64(),
        until_s: until.as_secs_f64(),
        name: name.to_owned(),
    }
}
