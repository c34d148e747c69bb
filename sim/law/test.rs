//! Draws against closed forms, and the frozen draws that trace hashes stand on.

use super::*;
use evenkeel_core::rng::Stream;

const DRAWS: u64 = 200_000;

fn ms(value: f64) -> Duration {
    Duration::from_nanos((value * 1e6) as u64)
}

fn laws() -> Vec<(&'static str, Law)> {
    vec![
        ("exponential", Law::exponential(ms(10.0))),
        ("constant", Law::constant(ms(3.0))),
        ("uniform", Law::uniform(ms(2.0), ms(8.0)).unwrap()),
        ("normal", Law::normal(ms(10.0), ms(2.0))),
        ("normal, half cut", Law::normal(ms(0.0), ms(5.0))),
        ("lognormal", Law::lognormal(ms(8.0), ms(120.0)).unwrap()),
        ("bimodal", Law::bimodal(ms(0.5), ms(10.0), 0.05).unwrap()),
        ("pareto", Law::pareto(ms(1.0), 3.0).unwrap()),
        ("erlang", Law::erlang(ms(10.0), 4).unwrap()),
        (
            "hyperexponential",
            Law::hyperexponential(ms(10.0), 4.0).unwrap(),
        ),
        ("histogram", {
            Law::histogram(&[(ms(20.0), 10), (ms(1.0), 85), (ms(7.0), 0), (ms(4.0), 5)]).unwrap()
        }),
        ("quantiles", {
            Law::quantiles(&[(0.5, ms(8.0)), (0.9, ms(12.0)), (1.0, ms(100.0))]).unwrap()
        }),
    ]
}

fn sorted(law: &Law) -> Vec<u64> {
    let stream = Stream::new(7, "law");
    let mut all: Vec<u64> = (0..DRAWS).map(|id| law.draw(&mut stream.at(id))).collect();
    all.sort_unstable();
    all
}

/// Five standard errors of the mean: standard deviation over mean is at most 2.3 (lognormal), so
/// 5 * 2.3 / sqrt(200,000) = 2.6 %; 1.2 % is enough for the others.
#[test]
fn means_are_the_closed_forms() {
    for (name, law) in laws() {
        let sum: u64 = sorted(&law).iter().sum();
        let (got, expected) = (sum as f64 / DRAWS as f64, law.mean_ns());
        let bound = if name == "lognormal" { 0.026 } else { 0.012 };
        assert!(
            (got / expected - 1.0).abs() < bound,
            "{name}: {got} not {expected}"
        );
    }
}

/// Exact means of what has no random closed form to be compared with by hand.
#[test]
fn means_by_hand() {
    let table = [
        ("erlang", 10.0),
        ("hyperexponential", 10.0),
        ("histogram", (85.0 + 20.0 + 200.0) / 100.0),
        ("quantiles", 0.5 * 8.0 + 0.4 * 10.0 + 0.1 * 56.0),
    ];
    let laws = laws();
    for (name, mean_ms) in table {
        let law = &laws.iter().find(|(n, _)| *n == name).unwrap().1;
        let error = law.mean_ns() / (mean_ms * 1e6) - 1.0;
        assert!(error.abs() < 1e-12, "{name}: {}", law.mean_ns());
    }
}

/// Variance over squared mean: 1/k, and what was asked for. The fourth moments (excess kurtosis
/// 1.5 and about 20) put five standard errors at 2 % and 6 %.
#[test]
fn variances_are_the_closed_forms() {
    let table = [
        (Law::erlang(ms(10.0), 4).unwrap(), 0.25, 0.02),
        (Law::erlang(ms(10.0), 1).unwrap(), 1.0, 0.04),
        (Law::hyperexponential(ms(10.0), 4.0).unwrap(), 4.0, 0.06),
        (Law::hyperexponential(ms(10.0), 1.0).unwrap(), 1.0, 0.04),
    ];
    for (law, scv, bound) in table {
        let mean = law.mean_ns();
        let squares = sorted(&law)
            .iter()
            .map(|&x| (x as f64 - mean).powi(2))
            .sum::<f64>();
        let got = squares / DRAWS as f64 / (mean * mean);
        assert!((got / scv - 1.0).abs() < bound, "{law:?}: {got} not {scv}");
    }
}

/// The share of draws at or below a quantile's closed form, within five standard errors
/// (sqrt(p (1 - p) / 200,000)).
#[test]
fn quantiles_are_the_closed_forms() {
    let half_normal = |p: f64| 5.0 * normal::quantile(0.5 + p / 2.0);
    // Erlang's tail with 4 stages of 2.5 ms at 13.4 ms; the mixture's at its mean.
    let erlang = |x: f64| 1.0 - libm::exp(-x) * (1.0 + x + x * x / 2.0 + x * x * x / 6.0);
    let often = (1.0 + libm::sqrt(0.6)) / 2.0;
    let mixture =
        1.0 - often * libm::exp(-2.0 * often) - (1.0 - often) * libm::exp(-2.0 * (1.0 - often));
    let table: [(&str, f64, f64); 19] = [
        ("exponential", 0.5, 6.931_471_8),
        ("exponential", 0.99, 46.051_701_9),
        ("uniform", 0.25, 3.5),
        ("normal", 0.5, 10.0),
        ("normal", 0.99, 14.652_695_7),
        ("normal, half cut", 0.5, half_normal(0.5)),
        ("normal, half cut", 0.99, half_normal(0.99)),
        ("lognormal", 0.5, 8.0),
        ("lognormal", 0.99, 120.0),
        ("bimodal", 0.95, 0.5),
        ("pareto", 0.5, 1.259_921_05),
        ("pareto", 0.999, 10.0),
        ("erlang", erlang(13.4 / 2.5), 13.4),
        ("hyperexponential", mixture, 10.0),
        ("histogram", 0.85, 1.0),
        ("histogram", 0.9, 4.0),
        ("quantiles", 0.5, 8.0),
        ("quantiles", 0.7, 10.0),
        ("quantiles", 0.95, 56.0),
    ];
    let laws = laws();
    for (name, p, value_ms) in table {
        let law = &laws.iter().find(|(n, _)| *n == name).unwrap().1;
        let below = sorted(law).partition_point(|&x| x as f64 <= value_ms * 1e6);
        let (got, bound) = (
            below as f64 / DRAWS as f64,
            5.0 * (p * (1.0 - p) / DRAWS as f64).sqrt(),
        );
        assert!(
            (got - p).abs() < bound,
            "{name}: {got} at or below {value_ms} ms, not {p}"
        );
    }
}

/// Golden: a change here changes every trace hash.
#[test]
fn draws_are_frozen() {
    let got: Vec<u64> = laws()
        .iter()
        .map(|(_, law)| law.draw(&mut Stream::new(1, "service").at(5)))
        .collect();
    assert_eq!(got, GOLDEN);
}

const GOLDEN: [u64; 12] = [
    2_170_992, 3_000_000, 3_170_899, 8_281_854, 1_235_375, 2_942_950, 500_000, 1_075_049,
    6_192_265, 5_791_149, 1_000_000, 8_000_000,
];

#[test]
fn impossible_parameters_are_refused() {
    let text = |law: Result<Law, Invalid>| law.unwrap_err().to_string();
    assert_eq!(text(Law::uniform(ms(2.0), ms(1.0))), "max is below min");
    assert_eq!(
        text(Law::lognormal(ms(0.0), ms(1.0))),
        "p50 must be above zero"
    );
    assert_eq!(text(Law::lognormal(ms(2.0), ms(1.0))), "p99 is below p50");
    for p in [-0.1, 1.1, f64::NAN] {
        assert!(text(Law::bimodal(ms(1.0), ms(2.0), p)).contains("probability"));
    }
    for alpha in [1.0, 0.0, f64::NAN, f64::INFINITY] {
        assert!(text(Law::pareto(ms(1.0), alpha)).contains("above 1"));
    }
}

#[test]
fn measured_laws_that_cannot_be() {
    let text = |law: Result<Law, Invalid>| law.unwrap_err().to_string();
    assert!(text(Law::erlang(ms(1.0), 0)).contains("at least 1"));
    for scv in [0.5, f64::NAN, f64::INFINITY] {
        assert!(text(Law::hyperexponential(ms(1.0), scv)).contains("at least 1"));
    }
    assert_eq!(text(Law::histogram(&[])), "nothing was counted");
    assert_eq!(text(Law::histogram(&[(ms(1.0), 0)])), "nothing was counted");
    let large = [(ms(1.0), 1 << 62), (ms(2.0), 1 << 62)];
    assert!(text(Law::histogram(&large)).contains("too large"));
    for points in [vec![], vec![(0.5, ms(1.0))]] {
        assert!(text(Law::quantiles(&points)).contains("100%"));
    }
    for points in [
        [(0.5, ms(2.0)), (1.0, ms(1.0))],
        [(1.0, ms(1.0)), (1.0, ms(1.0))],
    ] {
        assert_eq!(text(Law::quantiles(&points)), "quantiles must rise");
    }
}

#[test]
fn a_draw_never_leaves_its_range() {
    let heavy = Law::pareto(Duration::from_secs(86_400), 1.000_1).unwrap();
    assert!(sorted(&heavy).iter().all(|&x| x <= LONGEST_NS));
    let point = Law::uniform(ms(4.0), ms(4.0)).unwrap();
    assert!(sorted(&point).iter().all(|&x| x == 4_000_000));
    assert_eq!(
        Law::exponential(Duration::ZERO).draw(&mut Stream::new(1, "x").at(1)),
        0
    );
    assert_eq!(Law::normal(ms(4.0), Duration::ZERO), Law::constant(ms(4.0)));
}
