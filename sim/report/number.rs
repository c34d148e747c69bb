//! How values and differences are written, wherever they are shown.

use crate::result::{Metric, Scope, Threshold, Unit};
use crate::statistic::{Interval, Verdict};

/// Three or four digits that matter.
pub(crate) fn decimal(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.3}"),
        ..100.0 => format!("{value:.2}"),
        ..10_000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// A value of `metric` with its unit; a dash for none.
pub(crate) fn value(metric: Metric, value: Option<f64>) -> String {
    let Some(value) = value else {
        return "–".to_owned();
    };
    match metric.unit() {
        Unit::Duration => format!("{} ms", decimal(value)),
        Unit::Ratio => format!("{:.3}%", value * 100.0),
        Unit::Count if value.fract() == 0.0 => format!("{value:.0}"),
        Unit::Count => decimal(value),
    }
}

/// What a condition has found, in the unit that it was written for.
pub(crate) fn measured(condition: &str, found: Option<f64>) -> String {
    let Some(found) = found else {
        return "nothing measured".to_owned();
    };
    match Threshold::parse(condition).map(|condition| condition.metric) {
        Ok(metric) if metric.unit() != Unit::Count => value(metric, Some(found)),
        Ok(_) if found.fract() == 0.0 => format!("{found:.0}"),
        _ => format!("{found:.4}"),
    }
}

/// What is measured: `p99`, `p99 of heavy`.
pub(crate) fn title(metric: Metric, scope: &Scope) -> String {
    match scope {
        Scope::All => metric.to_string(),
        Scope::Class(name) | Scope::Endpoint(name) => format!("{metric} of {name}"),
    }
}

/// A difference of two values of `metric`, as [`Verdict`] has it.
pub(crate) fn difference(metric: Metric, by: f64) -> String {
    let (digits, unit) = digits(metric, by);
    format!("{digits}{unit}")
}

/// Where a difference lies: `+6.0 to +10.4%`.
pub(crate) fn range(metric: Metric, interval: Interval) -> String {
    let (low, _) = digits(metric, interval.low);
    let (high, unit) = digits(metric, interval.high);
    format!("{low} to {high}{unit}")
}

fn digits(metric: Metric, by: f64) -> (String, &'static str) {
    match metric.unit() {
        Unit::Duration => match by * 100.0 {
            percent if percent.abs() >= 1_000.0 => (format!("{percent:+.0}"), "%"),
            percent => (format!("{percent:+.1}"), "%"),
        },
        Unit::Ratio => (format!("{:+.2}", by * 100.0), " points"),
        Unit::Count => (format!("{by:+.2}"), ""),
    }
}

/// A verdict in a few words.
pub(crate) fn said(metric: Metric, verdict: Verdict) -> String {
    match verdict {
        Verdict::Best => "best".to_owned(),
        Verdict::Indistinct { interval, .. } => {
            format!("no detectable difference ({})", range(metric, interval))
        }
        Verdict::Worse { by, interval } => {
            let (by, range) = (difference(metric, by), range(metric, interval));
            format!("worse by {by} ({range})")
        }
        Verdict::FailsMore { by, interval } => {
            let by = difference(Metric::ErrorRate, by);
            let (low, high) = (interval.low * 100.0, interval.high * 100.0);
            format!("fails more: {by} ({low:+.2} to {high:+.2})")
        }
        Verdict::Barred { by } => format!("{}, but fails its conditions", difference(metric, by)),
        Verdict::Unmeasured => "nothing measured".to_owned(),
        Verdict::TooFewSeeds { by } => difference(metric, by),
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn values_and_differences_have_their_units() {
        let interval = Interval {
            low: 0.0604,
            high: 0.104,
        };
        let worse = Verdict::Worse {
            by: 0.081,
            interval,
        };
        for (metric, shown, verdict) in [
            (Metric::P99, "212.4 ms", "worse by +8.1% (+6.0 to +10.4%)"),
            (
                Metric::ErrorRate,
                "21236.000%",
                "worse by +8.10 points (+6.04 to +10.40 points)",
            ),
            (Metric::Retried, "212.4", "worse by +0.08 (+0.06 to +0.10)"),
        ] {
            assert_eq!(value(metric, Some(212.36)), shown);
            assert_eq!(said(metric, worse), verdict);
        }
        assert_eq!(value(Metric::Retried, Some(3.0)), "3");
        assert_eq!(value(Metric::P99, None), "–");
        assert_eq!(difference(Metric::P99, 12.0), "+1200%");
        let fails = Verdict::FailsMore {
            by: 0.0031,
            interval,
        };
        let wanted = "fails more: +0.31 points (+6.04 to +10.40)";
        assert_eq!(said(Metric::P99, fails), wanted);
    }
}
