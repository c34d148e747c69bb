//! Averages against their rules, ages against a list of who is awaited.

use proptest::prelude::*;

use super::*;

const MS: Duration = Duration::from_millis(1);
const MEAN: Measure = Measure::Mean {
    until: Until::Header,
};
const DECAY: Duration = Duration::from_secs(10);
const DECAY_NS: f64 = 1e10;
const PEAK: Measure = Measure::Peak { decay: DECAY };

/// A request that took so long, ended at `at`.
fn sample(latency: &mut Latency, measure: Measure, at: Timestamp, took: Duration, answer: Answer) {
    latency.begin(at - took);
    latency.end(at, at - took, Some((measure, answer)));
}

fn seconds(s: u64) -> Timestamp {
    Timestamp(s * 1_000_000_000)
}

fn close(a: Option<f64>, expected: Duration) -> bool {
    let expected = expected.as_nanos() as f64;
    a.is_some_and(|a| (a - expected).abs() <= expected * 1e-9)
}

#[test]
fn a_mean_begins_with_the_first_and_moves_by_a_twentieth() {
    let mut latency = Latency::default();
    assert_eq!(latency.mean_ns(seconds(1)), None);
    sample(&mut latency, MEAN, seconds(1), 100 * MS, Answer::Good);
    assert!(close(latency.mean_ns(seconds(1)), 100 * MS));
    sample(&mut latency, MEAN, seconds(2), 300 * MS, Answer::Good);
    assert!(close(latency.mean_ns(seconds(2)), 110 * MS));
    assert!(close(latency.mean_ns(seconds(11)), 110 * MS));
    assert!(close(latency.mean_ns(seconds(12)), 55 * MS));
    assert!(close(latency.mean_ns(seconds(32)), 110 * MS / 8));
}

#[test]
fn what_failed_counts_twice_and_who_left_only_if_it_took_longer() {
    for (answer, after_short) in [(Answer::Bad, 105 * MS), (Answer::Unknown, 100 * MS)] {
        let mut latency = Latency::default();
        sample(&mut latency, MEAN, seconds(1), 100 * MS, Answer::Good);
        sample(&mut latency, MEAN, seconds(1), MS, answer);
        assert!(
            close(latency.mean_ns(seconds(1)), after_short),
            "{answer:?}"
        );
        let mut latency = Latency::default();
        sample(&mut latency, MEAN, seconds(1), 100 * MS, Answer::Good);
        sample(&mut latency, MEAN, seconds(1), 300 * MS, answer);
        assert!(close(latency.mean_ns(seconds(1)), 110 * MS));
    }
}

#[test]
fn a_peak_rises_at_once_and_fades() {
    let mut latency = Latency::default();
    assert_eq!(latency.faded_ns(seconds(1), DECAY_NS), None);
    sample(&mut latency, PEAK, seconds(1), 10 * MS, Answer::Good);
    sample(&mut latency, PEAK, seconds(1), 500 * MS, Answer::Good);
    assert!(close(latency.faded_ns(seconds(1), DECAY_NS), 500 * MS));
    let kept = libm::exp(-1.0);
    let faded = Duration::from_nanos((500e6 * kept) as u64);
    let found = latency.faded_ns(seconds(11), DECAY_NS).unwrap();
    assert!((found - faded.as_nanos() as f64).abs() < 2.0);
    // 63 % of the average are the last ten seconds, which were as this sample is.
    sample(&mut latency, PEAK, seconds(11), 10 * MS, Answer::Good);
    let expected = 500e6 * kept + 10e6 * (1.0 - kept);
    let found = latency.faded_ns(seconds(11), DECAY_NS).unwrap();
    assert!((found - expected).abs() < 1.0);
}

/// An endpoint whose answers are errors for a share f costs about f * 5 s, however fast they are.
#[test]
fn errors_cost_their_share_of_five_seconds() {
    for (errors_in_100, least, most) in
        [(0, 9.0, 11.0), (10, 350.0, 650.0), (100, 4_990.0, 5_001.0)]
    {
        let mut latency = Latency::default();
        for n in 0..20_000_u64 {
            let answer = match n * 37 % 100 < errors_in_100 {
                true => Answer::Bad,
                false => Answer::Good,
            };
            let took = if answer == Answer::Bad { MS } else { 10 * MS };
            sample(
                &mut latency,
                PEAK,
                seconds(1) + 5 * MS * n as u32,
                took,
                answer,
            );
        }
        let at = seconds(1) + 5 * MS * 20_000;
        let cost_ms = latency.faded_ns(at, DECAY_NS).unwrap() / 1e6;
        assert!(
            (least..most).contains(&cost_ms),
            "{errors_in_100} %: {cost_ms} ms"
        );
    }
}

/// One error among good answers is no minute of exile.
#[test]
fn one_error_is_forgiven() {
    let mut latency = Latency::default();
    for n in 0..1_000 {
        let answer = if n == 999 { Answer::Bad } else { Answer::Good };
        sample(
            &mut latency,
            PEAK,
            seconds(1) + 10 * MS * n,
            10 * MS,
            answer,
        );
    }
    let cost_ms = latency
        .faded_ns(seconds(1) + 10 * MS * 999, DECAY_NS)
        .unwrap()
        / 1e6;
    assert!((10.0..20.0).contains(&cost_ms), "{cost_ms}");
}

#[test]
fn who_left_has_waited_at_least_so_long() {
    let mut latency = Latency::default();
    sample(&mut latency, PEAK, seconds(1), 50 * MS, Answer::Unknown);
    assert_eq!(latency.faded_ns(seconds(1), DECAY_NS), None);
    sample(&mut latency, PEAK, seconds(1), 10 * MS, Answer::Good);
    sample(&mut latency, PEAK, seconds(1), MS, Answer::Unknown);
    assert!(close(latency.faded_ns(seconds(1), DECAY_NS), 10 * MS));
    sample(&mut latency, PEAK, seconds(1), 50 * MS, Answer::Unknown);
    assert!(close(latency.faded_ns(seconds(1), DECAY_NS), 50 * MS));
}

proptest! {
    /// Whoever comes and goes: the age is the mean over those who are awaited, nothing is ever
    /// infinite or negative.
    #[test]
    fn ages_are_those_of_the_awaited(
        steps in prop::collection::vec(
            (0_u64..u64::MAX / 1_000, any::<usize>(), any::<bool>()),
            1..100,
        ),
        measure in prop_oneof![Just(MEAN), Just(PEAK)],
    ) {
        let mut latency = Latency::default();
        let mut awaited: Vec<Timestamp> = Vec::new();
        let mut now = Timestamp::ZERO;
        for (pause, which, begins) in steps {
            now = now + Duration::from_nanos(pause >> (which % 50));
            if begins || awaited.is_empty() {
                awaited.push(now);
                latency.begin(now);
            } else {
                let sent = awaited.swap_remove(which % awaited.len());
                let answer = [Answer::Good, Answer::Bad, Answer::Unknown][which % 3];
                latency.end(now, sent, Some((measure, answer)));
            }
            let ages: u128 = awaited.iter().map(|sent| u128::from(now.0 - sent.0)).sum();
            let mean = ages as f64 / awaited.len().max(1) as f64;
            if ages < u128::from(u64::MAX) {
                prop_assert!((latency.age_ns(now) - mean).abs() <= 1.0 + mean * 1e-9);
            }
            for known in [latency.mean_ns(now), latency.faded_ns(now, DECAY_NS)] {
                prop_assert!(known.is_none_or(|known| known.is_finite() && known >= 0.0));
            }
        }
    }
}
