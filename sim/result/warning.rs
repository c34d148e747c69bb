//! Why the numbers of a cell should not be believed.

use super::drift::Drift;
use super::metric::Metric;
use super::run::Cell;
use super::threshold::Threshold;
use crate::report::number::decimal;

/// An origin that computes longer than this share of the time has no steady state: what is
/// measured grows with the length of the run.
const SATURATED: f64 = 0.99;

/// What a user should know before believing a cell that was judged by `thresholds`, a sentence
/// each.
#[must_use]
pub fn warnings(cell: &Cell, thresholds: &[Threshold]) -> Vec<String> {
    let mut warnings = Vec::new();
    let measured = cell.latency_ms.count();
    let asked = thresholds.iter().map(|threshold| threshold.metric);
    let shown = [Metric::P50, Metric::P99];
    let worst = shown.into_iter().chain(asked).filter_map(|metric| {
        let least = metric.least_requests()?;
        (measured < least).then_some(())?;
        Some((least, metric))
    });
    if let Some((least, metric)) = worst
        .max_by_key(|(least, _)| *least)
        .filter(|_| measured > 0)
    {
        warnings.push(format!(
            "{measured} requests are too few for {metric}: {least} leave ten beyond it"
        ));
    }
    if let Some(Drift { first_ms, later_ms }) = cell.drift {
        let (first, later) = (decimal(first_ms), decimal(later_ms));
        warnings.push(format!(
            "the mean latency is {first} ms in the first tenth of the measured time and {later} ms \
             in its second half: a longer warm-up is needed, or there is no steady state"
        ));
    }
    let busy = |utilisation: Option<f64>| utilisation.is_some_and(|share| share > SATURATED);
    let saturated = cell
        .endpoints
        .iter()
        .filter(|endpoint| busy(endpoint.utilisation()));
    let names: Vec<&str> = saturated.map(|endpoint| endpoint.name.as_str()).collect();
    if let [first, rest @ ..] = names.as_slice() {
        let others = match rest.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        warnings.push(format!(
            "the origin of {first}{others} is saturated: its latency grows with the run"
        ));
    }
    for verdict in cell
        .thresholds
        .iter()
        .filter(|verdict| verdict.value.is_none())
    {
        warnings.push(format!("nothing was measured for {}", verdict.metric));
    }
    warnings
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::origin::Load;
    use crate::result::test::cell;

    #[test]
    fn what_is_told() {
        let mut cell = cell();
        let few = "4 requests are too few for p99: 1000 leave ten beyond it";
        assert_eq!(warnings(&cell, &[]), [few]);
        let threshold = Threshold::parse("p999 < 1s").unwrap();
        let more = "4 requests are too few for p999: 10000 leave ten beyond it";
        assert_eq!(warnings(&cell, &[threshold]), [more]);
        for _ in 0..1_000 {
            cell.latency_ms.record(1);
        }
        assert_eq!(warnings(&cell, &[]), [""; 0]);
        cell.drift = Some(Drift {
            first_ms: 4.0,
            later_ms: 20.0,
        });
        let drifts = "the mean latency is 4.000 ms in the first tenth of the measured time and \
                      20.00 ms in its second half: a longer warm-up is needed, or there is no \
                      steady state";
        assert_eq!(warnings(&cell, &[]), [drifts]);
        cell.drift = None;
        cell.endpoints[0].load = Load {
            busy_ns: 995,
            capacity_ns: 1_000,
            ..Load::default()
        };
        let saturated = "the origin of a is saturated: its latency grows with the run";
        assert_eq!(warnings(&cell, &[]), [saturated]);
        let absent = Threshold::parse("class:nobody p50 < 1s").unwrap();
        cell.thresholds = vec![absent.evaluate(&cell)];
        let nothing = "nothing was measured for class:nobody p50 < 1s";
        assert_eq!(warnings(&cell, &[]), [saturated, nothing]);
    }
}
