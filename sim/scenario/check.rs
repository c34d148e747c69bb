//! What no single key of a scenario can tell.

use std::time::Duration;

use evenkeel_proxy::document::{Span, Table, Time};

use super::{Class, Engine, Scenario, Source};
use crate::result::{Metric, Scope, Threshold};

/// Something is measured: the warm-up is shorter than the run.
pub(super) fn window(t: &mut Table<'_>, duration: Option<Duration>, warmup: Duration) {
    if let Some(duration) = duration
        && warmup >= duration
    {
        let problem = t.problem(
            t.span("warmup"),
            "nothing is measured: the warm-up is the whole run",
        );
        let label = format!(
            "expected less than the duration, {:?}",
            Time::format(duration)
        );
        t.report(
            problem
                .label(label)
                .related(t.span("duration"), "the duration"),
        );
    }
}

/// Ticks short enough for the service times: a request is about three ticks too long.
pub(super) fn resolution(t: &mut Table<'_>, scenario: &Scenario, span: Span) {
    /// A tick against the mean service, for latencies right to a percent.
    const SHARE: f64 = 1_000.0;
    let mean_ns = scenario.origin.service.mean_ns();
    let limit_ns = (mean_ns / SHARE).max(1_000.0);
    let resolution = scenario.network.resolution;
    if scenario.engine == Some(Engine::Model) || resolution.as_nanos() as f64 <= limit_ns {
        return;
    }
    // Two digits: more would say that the mean matters so exactly.
    let round = |ns: f64| {
        let ns = ns as u64;
        let unit = 10_u64.pow(ns.max(1).ilog10().saturating_sub(1));
        Time::format(Duration::from_nanos(ns / unit * unit))
    };
    let message = format!(
        "ticks of {} are long for a mean service of {}: latencies read too high",
        Time::format(resolution),
        round(mean_ns),
    );
    let problem = t.problem(span, message).warning();
    let label = format!(
        "resolution = {:?} is right to 1% (and runs longer)",
        round(limit_ns)
    );
    t.report(problem.label(label));
}

/// Enough requests for each percentile that a threshold asks for.
pub(super) fn percentiles(t: &mut Table<'_>, scenario: &Scenario) {
    for (key, thresholds) in [
        ("threshold", &scenario.thresholds),
        ("sometimes", &scenario.sometimes),
    ] {
        for (threshold, span) in thresholds.iter().zip(t.element_spans(key)) {
            let Some(least) = least_requests(threshold.metric) else {
                continue;
            };
            let Some(expected) = requests(scenario, threshold).filter(|n| *n < least) else {
                continue;
            };
            let name = threshold.metric.name();
            let message = format!("about {expected:.0} requests are too few for {name}");
            let problem = t.problem(span, message).warning();
            t.report(problem.label(format!("{least} leave ten beyond it")));
        }
    }
}

/// How many requests it takes until this percentile means something: ten beyond it.
fn least_requests(metric: Metric) -> Option<f64> {
    match metric {
        Metric::P50 => Some(20.0),
        Metric::P90 => Some(100.0),
        Metric::P99 => Some(1_000.0),
        Metric::P999 => Some(10_000.0),
        _ => None,
    }
}

/// How many measured requests a threshold is about, if no recorded ones are among them.
fn requests(scenario: &Scenario, threshold: &Threshold) -> Option<f64> {
    let seconds = scenario
        .duration
        .saturating_sub(scenario.warmup)
        .as_secs_f64();
    let mut sum = 0.0;
    for workload in &scenario.workloads {
        let Source::Open {
            rate_per_s,
            classes,
            ..
        } = &workload.source
        else {
            match &threshold.scope {
                Scope::Class(class) if *class != workload.name => continue,
                _ => return None,
            }
        };
        let weight = |classes: &mut dyn Iterator<Item = &Class>| -> f64 {
            classes.map(|class| f64::from(class.weight)).sum()
        };
        let wanted = match &threshold.scope {
            Scope::Class(name) => weight(&mut classes.iter().filter(|class| class.name == *name)),
            _ => weight(&mut classes.iter()),
        };
        sum += rate_per_s * seconds * wanted / weight(&mut classes.iter());
    }
    Some(sum)
}
