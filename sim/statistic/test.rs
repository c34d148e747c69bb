//! Intervals against laws whose mean is known, and verdicts on cells whose order is known.

use evenkeel_core::rng::Stream;

use super::*;
use crate::law::normal;
use crate::result::{Cell, Digest, Metric, Run, Scope};

/// The share of 400 samples of `count` draws whose interval holds the mean.
fn coverage(count: usize, law: fn(f64) -> f64, truth: f64) -> f64 {
    const SAMPLES: u32 = 400;
    let sample = |id: u32| {
        let mut rng = Stream::new(u64::from(id), "coverage").at(count as u64);
        let values: Vec<f64> = (0..count)
            .map(|_| law(normal::quantile(rng.unit().max(1e-12))))
            .collect();
        mean_interval(&values).unwrap().holds(truth)
    };
    let held = (0..SAMPLES).filter(|id| sample(*id)).count();
    held as f64 / f64::from(SAMPLES)
}

/// 400 samples tell a coverage to 2.2 % (two standard errors at 95 %). Five values bear no more
/// than 92 %.
#[test]
fn of_normal_data_95_of_100_intervals_hold_the_mean() {
    let five = coverage(5, |z| 10.0 + 3.0 * z, 10.0);
    assert!((0.89..=0.985).contains(&five), "{five}");
    for count in [10, 20, 100] {
        let coverage = coverage(count, |z| 10.0 + 3.0 * z, 10.0);
        assert!((0.925..=0.985).contains(&coverage), "{count}: {coverage}");
    }
}

/// A skewed law (sigma 1: skewness 6.2) is hard for every bootstrap of few values: Student's own
/// interval holds the mean in 86 % of the cases at 20 values.
#[test]
fn of_lognormal_data_few_values_hold_it_less_often() {
    let truth = libm::exp(0.5);
    for (count, least) in [(10, 0.83), (20, 0.87), (100, 0.91)] {
        let coverage = coverage(count, libm::exp, truth);
        assert!((least..=0.98).contains(&coverage), "{count}: {coverage}");
    }
}

#[test]
fn what_does_not_vary_is_known() {
    let interval = mean_interval(&[3.0; 8]).unwrap();
    assert_eq!((interval.low, interval.high), (3.0, 3.0));
    assert_eq!(mean_interval(&[3.0; LEAST - 1]), None);
    assert_eq!(mean_interval(&[f64::NAN; 8]), None);
    assert_eq!(bootstrap(0, |_| 1.0), None);
}

#[test]
fn intervals_move_and_grow_with_their_data() {
    let values = [4.0, 7.0, 5.0, 6.0, 9.0, 5.5, 6.5];
    let one = mean_interval(&values).unwrap();
    assert_eq!(
        mean_interval(&values).unwrap(),
        one,
        "drawn from a fixed seed"
    );
    let scaled: Vec<f64> = values.iter().map(|value| 100.0 + 2.0 * value).collect();
    let two = mean_interval(&scaled).unwrap();
    assert!((two.half_width() - 2.0 * one.half_width()).abs() < 1e-9);
    assert!((two.low - 100.0 - 2.0 * one.low).abs() < 1e-9);
    assert!(one.holds(mean(&values)) && !one.holds(10.0));
}

/// Runs of one seed each; a row of cells with latency in ms and failed requests of a hundred.
fn runs(seeds: &[&[(u64, u64)]]) -> Vec<Run> {
    let cell = |(latency_ms, failed): &(u64, u64)| {
        let mut cell = Cell::default();
        cell.latency_ms.record(latency_ms * 1_000_000);
        (cell.requests.sent, cell.requests.failed) = (100, *failed);
        cell
    };
    let run = |(seed, cells): (u64, &&[(u64, u64)])| Run {
        schema: 1,
        scenario: String::new(),
        engine: "model",
        seed,
        trace_hash: Digest::default(),
        simulated_s: 1.0,
        wall_s: 0.0,
        cells: cells.iter().map(cell).collect(),
    };
    (1..).zip(seeds).map(run).collect()
}

#[test]
fn differences_within_seeds_are_told_where_those_between_seeds_hide_them() {
    // Seeds differ tenfold, cells by about 10 % in each; the third is the first and noise.
    let seeds: Vec<[(u64, u64); 3]> = [100, 200, 400, 600, 800, 1_000, 300, 700]
        .into_iter()
        .enumerate()
        .map(|(n, base)| {
            let noise = [3, 0, 4, 1, 5, 2, 1, 3][n];
            [
                (base, 0),
                (base * 11 / 10 + noise, 0),
                (base + 2 * noise - 4 + noise % 2, 0),
            ]
        })
        .collect();
    let seeds: Vec<&[(u64, u64)]> = seeds.iter().map(<[_; 3]>::as_slice).collect();
    let found = compare(Metric::Mean, &Scope::All, &runs(&seeds));
    let [first, second, third] = &found.rows[..] else {
        panic!("{found:?}");
    };
    assert_eq!(first.verdict, Verdict::Best);
    let Verdict::Worse { by, interval } = second.verdict else {
        panic!("{second:?}");
    };
    assert!((0.09..0.12).contains(&by) && interval.holds(by) && interval.half_width() < 0.01);
    assert!(
        matches!(third.verdict, Verdict::Indistinct { .. }),
        "{third:?}"
    );
}

#[test]
fn who_fails_more_is_not_the_best() {
    let seeds: [&[(u64, u64)]; 6] = [
        &[(10, 5), (20, 0)],
        &[(10, 6), (20, 0)],
        &[(10, 5), (21, 0)],
        &[(10, 4), (20, 0)],
        &[(10, 5), (22, 0)],
        &[(10, 7), (20, 0)],
    ];
    let found = compare(Metric::Mean, &Scope::All, &runs(&seeds));
    assert_eq!(found.rows[1].verdict, Verdict::Best);
    let Verdict::FailsMore { by, .. } = found.rows[0].verdict else {
        panic!("{found:?}");
    };
    assert!((by - 0.32 / 6.0).abs() < 1e-9);
    // Two seeds prove nothing.
    let few = compare(Metric::Mean, &Scope::All, &runs(&seeds[..2]));
    assert_eq!(few.rows[0].verdict, Verdict::Best);
    assert!(matches!(few.rows[1].verdict, Verdict::TooFewSeeds { by } if (by - 1.0).abs() < 0.01));
}

/// Asked by how much, they differ like by anything else; and who may not be taken is no measure of
/// the others.
#[test]
fn failures_may_be_what_is_asked_for() {
    let seeds: [&[(u64, u64)]; 6] = [
        &[(10, 5), (20, 9), (30, 0)],
        &[(10, 6), (20, 8), (30, 1)],
        &[(10, 5), (20, 9), (30, 0)],
        &[(10, 4), (20, 9), (30, 0)],
        &[(10, 5), (20, 7), (30, 1)],
        &[(10, 7), (20, 9), (30, 0)],
    ];
    let runs = runs(&seeds);
    let errors = compare(Metric::ErrorRate, &Scope::All, &runs);
    assert_eq!(errors.rows[2].verdict, Verdict::Best);
    assert!(matches!(errors.rows[0].verdict, Verdict::Worse { by, .. } if by > 0.0));
    for metric in [Metric::ErrorRate, Metric::Mean] {
        let found = compare_among(metric, &Scope::All, &runs, &|cell| cell != 2);
        assert_eq!(found.rows[0].verdict, Verdict::Best, "{metric}");
        assert!(
            matches!(found.rows[2].verdict, Verdict::Barred { .. }),
            "{metric}"
        );
    }
}

#[test]
fn nothing_measured_is_no_rank() {
    let mut runs = runs(&[&[(10, 0), (20, 0)]]);
    runs[0].cells[0].latency_ms = Default::default();
    let found = compare(Metric::Mean, &Scope::All, &runs);
    assert_eq!(found.rows[0].verdict, Verdict::Unmeasured);
    assert_eq!(found.rows[1].verdict, Verdict::Best);
    assert_eq!(compare(Metric::Mean, &Scope::All, &[]).rows, []);
}
