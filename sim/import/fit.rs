//! A law for service times that were measured, and how well it fits.

use std::time::Duration;

use evenkeel_proxy::document::Time;

use super::route::Times;
use crate::law::normal;

/// The largest distance to the measured distribution (Kolmogorov and Smirnov) that a law may have.
const DISTANCE: f64 = 0.05;
/// How far the 99th percentile of a law may be from the measured one, as a share.
const TAIL: f64 = 0.1;
/// The percentiles that stand in for a law where none fits.
const POINTS: [f64; 13] = [
    1.0, 5.0, 10.0, 20.0, 35.0, 50.0, 65.0, 80.0, 90.0, 95.0, 99.0, 99.9, 100.0,
];

/// A law as a scenario writes it, with its fit.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// Its name.
    pub name: &'static str,
    /// The inline table of TOML.
    pub text: String,
    /// The largest distance of the distributions.
    pub distance: f64,
    /// What was measured: the median and the 99th percentile.
    pub measured: [Duration; 2],
    /// The same of the law.
    pub law: [Duration; 2],
    /// The mean of what was measured.
    pub mean: Duration,
    /// How many services were measured.
    pub count: u64,
}

struct Candidate {
    name: &'static str,
    text: String,
    below: Box<dyn Fn(f64) -> f64>,
    percentiles_us: [f64; 2],
}

/// The simplest law that fits `times`, at least one of which there is; else what was measured.
pub(crate) fn fit(times: &Times) -> Fit {
    let measured_us = [50.0, 99.0].map(|p| times.value_at_percentile(p) as f64);
    let mut best: Option<(f64, Candidate)> = None;
    for candidate in [exponential(times), lognormal(times)] {
        let tail = (candidate.percentiles_us[1] / measured_us[1] - 1.0).abs();
        let distance = distance(times, &*candidate.below);
        let better = best.as_ref().is_none_or(|(least, _)| distance < *least);
        if distance <= DISTANCE && tail <= TAIL && better {
            best = Some((distance, candidate));
        }
    }
    let (distance, name, text, law_us) = match best.filter(|_| !is_constant(times)) {
        Some((
            distance,
            Candidate {
                name,
                text,
                percentiles_us,
                ..
            },
        )) => (distance, name, text, percentiles_us),
        None => {
            let points = points(times);
            let distance = distance(times, &|us| below(&points, us));
            let (name, text) = percentiles(&points);
            (distance, name, text, measured_us)
        }
    };
    let time = |us: f64| Duration::from_nanos((us * 1e3) as u64);
    Fit {
        name,
        text,
        distance,
        measured: measured_us.map(time),
        law: law_us.map(time),
        mean: time(times.mean()),
        count: times.len(),
    }
}

fn exponential(times: &Times) -> Candidate {
    let mean_us = times.mean();
    Candidate {
        name: "exponential",
        text: format!("{{ dist = \"exponential\", mean = {} }}", written(mean_us)),
        below: Box::new(move |us| 1.0 - libm::exp(-us / mean_us)),
        percentiles_us: [0.5, 0.99].map(|p: f64| -mean_us * libm::log(1.0 - p)),
    }
}

/// By the mean and the deviation of the logarithms: the most likely one.
fn lognormal(times: &Times) -> Candidate {
    let (mut sum, mut squares) = (0.0, 0.0);
    for value in times.iter_recorded() {
        let logarithm = libm::log(middle(times, value.value_iterated_to()));
        let count = value.count_at_value() as f64;
        sum += logarithm * count;
        squares += logarithm * logarithm * count;
    }
    let count = times.len() as f64;
    let mu = sum / count;
    let sigma = libm::sqrt((squares / count - mu * mu).max(0.0));
    let percentiles_us = [0.5, 0.99].map(|p| libm::exp(mu + sigma * normal::quantile(p)));
    let [p50, p99] = percentiles_us.map(written);
    Candidate {
        name: "lognormal",
        text: format!("{{ dist = \"lognormal\", p50 = {p50}, p99 = {p99} }}"),
        below: Box::new(move |us| normal::distribution((libm::log(us) - mu) / sigma.max(1e-9))),
        percentiles_us,
    }
}

/// Some percentiles of what was measured, and their times (us). Of those that are the same time
/// the first and the last: a law has straight lines in between.
fn points(times: &Times) -> Vec<(f64, u64)> {
    let mut points: Vec<(f64, u64)> = Vec::new();
    for percent in POINTS {
        let us = times.value_at_percentile(percent);
        match &mut points[..] {
            [.., (_, first), (known, last)] if *first == us && *last == us => *known = percent,
            _ => points.push((percent, us)),
        }
    }
    points
}

/// The part of the law of these percentiles that is at or below a time.
fn below(points: &[(f64, u64)], us: f64) -> f64 {
    let passed = points.partition_point(|(_, point)| *point as f64 <= us);
    let percent = match (&points[..passed], points.get(passed)) {
        ([], _) => 0.0,
        ([.., (percent, _)], None) => *percent,
        ([.., (percent, from)], Some((next, to))) => {
            percent + (next - percent) * (us - *from as f64) / (to - from) as f64
        }
    };
    percent / 100.0
}

/// The law of these percentiles, or of the one time that there is.
fn percentiles(points: &[(f64, u64)]) -> (&'static str, String) {
    if let [(_, us), (_, same)] = points[..]
        && us == same
    {
        let text = format!("{{ dist = \"constant\", value = {} }}", written(us as f64));
        return ("constant", text);
    }
    let point = |(percent, us): &(f64, u64)| format!("[\"{percent}%\", {}]", written(*us as f64));
    let points: Vec<String> = points.iter().map(point).collect();
    let points = points.join(", ");
    (
        "empirical",
        format!("{{ dist = \"empirical\", quantiles = [{points}] }}"),
    )
}

/// Whether all times are the same, as far as they are kept apart.
fn is_constant(times: &Times) -> bool {
    times.equivalent(times.min(), times.max())
}

/// A time to the microsecond, above zero.
fn written(us: f64) -> String {
    let us = (us + 0.5).max(1.0) as u64;
    format!("{:?}", Time::format(Duration::from_micros(us)))
}

/// The middle of the bucket of a value.
fn middle(times: &Times, value: u64) -> f64 {
    let (low, high) = (
        times.lowest_equivalent(value),
        times.highest_equivalent(value),
    );
    (low as f64 + high as f64) / 2.0
}

/// The largest distance between what was measured and a distribution function.
fn distance(times: &Times, below: &dyn Fn(f64) -> f64) -> f64 {
    let all = times.len() as f64;
    let (mut seen, mut largest) = (0, 0.0_f64);
    for value in times.iter_recorded() {
        seen += value.count_at_value();
        let end = times.highest_equivalent(value.value_iterated_to()) as f64 + 0.5;
        largest = largest.max((seen as f64 / all - below(end)).abs());
    }
    largest
}
