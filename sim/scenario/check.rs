//! What no single key of a scenario can tell.

use std::time::Duration;

use evenkeel_core::time::Timestamp;
use evenkeel_proxy::config::{Policy, Pool};
use evenkeel_proxy::document::{Percent, Span, Table, Time};

use super::{Change, Class, Engine, Model, Scenario, Source, What, Workload};
use crate::plan;
use crate::result::{Over, Scope, Threshold, Unit};

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

/// A precision that seeds can reach.
pub(super) fn precision(t: &mut Table<'_>, precision: Option<Percent>) {
    if precision.is_some_and(|precision| precision.ppm() == 0) {
        let problem = t.problem(t.span("precision"), "no number of seeds is exact");
        t.report(problem.label("expected a percentage above 0, such as \"1%\""));
    }
}

/// What all of a scenario together must be; `ticks` is where its resolution stands.
pub(super) fn whole(t: &mut Table<'_>, scenario: &Scenario, ticks: Span) {
    simulated(t, scenario);
    resolution(t, scenario, ticks);
    percentiles(t, scenario);
    steadiness(t, scenario);
    endpoints(t, scenario);
}

/// Policies that know what only a simulation knows run in the engine that can tell them.
fn simulated(t: &mut Table<'_>, scenario: &Scenario) {
    let simulated = |pool: &&Pool| matches!(pool.policy, Policy::Simulated(_));
    let Some(pool) = scenario.config.pools.iter().find(simulated) else {
        return;
    };
    if scenario.engine != Some(Engine::Model) {
        let message = format!("the policy of `{}` exists in engine model alone", pool.name);
        let problem = t.problem(t.span("engine"), message);
        t.report(problem.label("expected engine = \"model\""));
    }
    let is_its =
        |change: &Change| matches!(&change.what, What::Reload(new) if new.name == pool.name);
    if scenario.changes.iter().any(is_its) {
        let message = format!("a reload of `{}` cannot change its policy", pool.name);
        let problem = t.problem(t.span("fault"), message);
        t.report(problem.label("expected no reload of a pool whose policy only a simulation has"));
    }
}

/// Ticks short enough for the service times: a request is about three ticks too long.
fn resolution(t: &mut Table<'_>, scenario: &Scenario, span: Span) {
    /// A tick against the mean service, for latencies right to a percent.
    const SHARE: f64 = 1_000.0;
    let mean_ns = scenario.origin.service.mean_ns();
    let limit_ns = (mean_ns / SHARE).max(1_000.0);
    let resolution = scenario.network.resolution;
    if scenario.engine == Some(Engine::Model) || resolution.as_nanos() as f64 <= limit_ns {
        return;
    }
    let round = |ns: f64| rounded(Duration::from_nanos(ns as u64));
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
fn percentiles(t: &mut Table<'_>, scenario: &Scenario) {
    for (key, thresholds) in [
        ("threshold", &scenario.thresholds),
        ("sometimes", &scenario.sometimes),
    ] {
        for (threshold, span) in thresholds.iter().zip(t.element_spans(key)) {
            let Some(least) = threshold.metric.least_requests() else {
                continue;
            };
            let runs = match threshold.over {
                Over::Each => 1,
                Over::All => scenario.seeds.len(),
            };
            let expected = requests(scenario, threshold).map(|each| each * runs as f64);
            let Some(expected) = expected.filter(|n| *n < least as f64) else {
                continue;
            };
            let name = threshold.metric.name();
            let message = format!("about {expected:.0} requests are too few for {name}");
            let problem = t.problem(span, message).warning();
            t.report(problem.label(format!("{least} leave ten beyond it")));
        }
    }
}

/// Whatever changes, each pool has an endpoint; and an engine that can do it.
fn endpoints(t: &mut Table<'_>, scenario: &Scenario) {
    let spans = t.element_spans("fault");
    let generations = plan::turn::generations(scenario);
    for (at, config) in &generations {
        // What a reload brings without endpoints has been told where it stands.
        let reloaded = |pool: &str| {
            let mut reloads = scenario
                .changes
                .iter()
                .filter_map(|change| match &change.what {
                    What::Reload(pool) => Some(pool),
                    _ => None,
                });
            reloads.any(|new| new.name == pool && new.endpoints.is_empty())
        };
        let empty = |pool: &&Pool| pool.endpoints.is_empty() && !reloaded(&pool.name);
        let Some(pool) = config.pools.iter().find(empty) else {
            continue;
        };
        let at = Time::format(at.since(Timestamp::ZERO));
        let message = format!("pool `{}` has no endpoint left at {at}", pool.name);
        let problem = t.problem(spans.first().copied().unwrap_or_default(), message);
        return t.report(problem.label("expected one, always: it may be `down`"));
    }
    if let (Some(why), Some(Engine::Model)) = (scenario.needs_net(), scenario.engine) {
        let problem = t.problem(
            t.span("engine"),
            format!("engine model cannot do it: {why}"),
        );
        t.report(problem.label("expected \"net\""));
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
        let Some(rate_per_s) = rate(scenario, workload) else {
            match &threshold.scope {
                Scope::Class(class) if *class != workload.name => continue,
                _ => return None,
            }
        };
        let weight = |classes: &mut dyn Iterator<Item = &Class>| -> f64 {
            classes.map(|class| f64::from(class.weight)).sum()
        };
        let classes = workload.source.classes();
        let wanted = match &threshold.scope {
            Scope::Class(name) => weight(&mut classes.iter().filter(|class| class.name == *name)),
            _ => weight(&mut classes.iter()),
        };
        sum += rate_per_s * seconds * wanted / weight(&mut classes.iter());
    }
    Some(sum)
}

/// A workload's requests in a second of the measured window. Users are expected to wait for
/// nothing but services; a recorded workload says nothing beforehand.
fn rate(scenario: &Scenario, workload: &Workload) -> Option<f64> {
    match &workload.source {
        Source::Open { rate_per_s, .. } => {
            let shape = workload.shape.as_ref();
            let factor =
                |shape: &crate::workload::Shape| shape.mean(scenario.warmup, scenario.duration);
            Some(rate_per_s * shape.map_or(1.0, factor))
        }
        Source::Closed { users, think, .. } => {
            let turn_ns = think.mean_ns() + work_ns(scenario, workload);
            Some(f64::from(*users) * 1e9 / turn_ns.max(1.0))
        }
        Source::Recorded { .. } => None,
    }
}

/// The mean work of a workload's request on the processor, in nanoseconds.
fn work_ns(scenario: &Scenario, workload: &Workload) -> f64 {
    let classes = workload.source.classes();
    let weights: f64 = classes.iter().map(|class| f64::from(class.weight)).sum();
    let origin = &scenario.origin;
    let work = |class: &Class| {
        let service = class.service.as_ref().unwrap_or(&origin.service);
        service.mean_ns() * class.cost * f64::from(class.weight) / weights
    };
    origin.overhead.as_nanos() as f64 + classes.iter().map(work).sum::<f64>()
}

/// The load of the origins in the measured window and the mean service time: work that arrives
/// over work that can be done. `None` where it is not known beforehand: which pool a request goes
/// to, if there are several, recorded requests, and users, who wait; and where nothing waits.
fn load(scenario: &Scenario) -> Option<(f64, Duration)> {
    let [pool] = &scenario.config.pools[..] else {
        return None;
    };
    let origin = &scenario.origin;
    if origin.model == Model::Delay {
        return None;
    }
    let speed = |endpoint: usize| {
        let mut speeds = origin.speeds.iter();
        let own = speeds.find(|speed| speed.target.endpoint == endpoint);
        own.map_or(1.0, |speed| speed.speed)
    };
    let speeds: f64 = (0..pool.endpoints.len()).map(speed).sum();
    let (mut work, mut rates) = (0.0, 0.0);
    for workload in &scenario.workloads {
        let Source::Open { .. } = workload.source else {
            return None;
        };
        let rate = rate(scenario, workload)?;
        work += rate * work_ns(scenario, workload);
        rates += rate;
    }
    let service = Duration::from_nanos((work / rates.max(f64::MIN_POSITIVE)) as u64);
    Some((work / 1e9 / (speeds * f64::from(origin.workers)), service))
}

/// Whether a queue can be steady at all, and is when the measuring begins, where a condition is
/// about latencies.
fn steadiness(t: &mut Table<'_>, scenario: &Scenario) {
    /// Mean services that a queue takes to forget how it began, at load 0; by 1 / (1 - load) more
    /// at a higher one.
    const SERVICES: f64 = 20.0;
    let conditions = scenario.thresholds.iter().chain(&scenario.sometimes);
    let mut metrics = conditions.map(|threshold| threshold.metric);
    let Some((load, service)) = load(scenario) else {
        return;
    };
    if !metrics.any(|metric| metric.unit() == Unit::Duration) {
        return;
    }
    if load >= 1.0 {
        let message = format!("the load is {load:.2}: queues grow as long as it lasts");
        let span = t.element_spans("workload").first().copied();
        let problem = t.problem(span.unwrap_or_else(|| t.own_span()), message);
        let label = "no latency is steady; fine if overload is the question";
        t.report(problem.warning().label(label));
        return;
    }
    let least = Duration::from_nanos((service.as_nanos() as f64 * SERVICES / (1.0 - load)) as u64);
    if scenario.warmup >= least {
        return;
    }
    let message = format!(
        "the warm-up of {} is short at load {load:.2}: latencies of half-empty queues are measured",
        Time::format(scenario.warmup),
    );
    let problem = t.problem(t.span("warmup"), message).warning();
    let label = format!("{:?} are 20 mean services / (1 - load)", rounded(least));
    t.report(problem.label(label));
}

/// A time to two digits: more would say that it matters so exactly.
fn rounded(time: Duration) -> String {
    let ns = time.as_nanos().max(1) as u64;
    let unit = 10_u64.pow(ns.ilog10().saturating_sub(1));
    Time::format(Duration::from_nanos(ns / unit * unit))
}
