//! Arrivals: their laws, their order, their independence of one another, the real log.

mod client;

use super::*;
use crate::law::Law;
use evenkeel_core::time::Timestamp;
use std::io::Write;
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;

fn poisson(rate: f64) -> Spec {
    Spec::plain(Source::Poisson { rate })
}

fn arrivals(seed: u64, specs: &[Spec], end_s: u64) -> Vec<Arrival> {
    Arrivals::new(seed, specs, Timestamp(end_s * SECOND))
        .unwrap()
        .collect()
}

/// A log in a file of its own, removed with the guard.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("evenkeel-{}-{name}", std::process::id()));
        std::fs::File::create(&path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn trace(file: &std::path::Path, speed: f64) -> Spec {
    Spec::plain(Source::Trace {
        file: file.into(),
        speed,
        routes: Vec::new(),
    })
}

/// Golden: a change here changes every trace hash.
#[test]
fn arrivals_are_frozen() {
    let due: Vec<u64> = arrivals(1, &[poisson(100.0)], 1)
        .iter()
        .take(4)
        .map(|a| a.due.0)
        .collect();
    assert_eq!(due, [4_565_176, 14_819_369, 19_988_434, 22_406_656]);
}

/// 100,000 expected arrivals: their number within 5 sqrt(n), the gaps' squared coefficient of
/// variation, 1 for a Poisson process, within 5 sqrt(8/n) (its standard error).
#[test]
fn poisson_gaps_are_exponential() {
    let all = arrivals(5, &[poisson(1_000.0)], 100);
    let n = all.len() as f64;
    assert!((n - 1e5).abs() < 5.0 * 1e5_f64.sqrt(), "{n}");
    let gaps: Vec<f64> = all
        .windows(2)
        .map(|w| (w[1].due.0 - w[0].due.0) as f64)
        .collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps
        .iter()
        .map(|gap| (gap - mean) * (gap - mean))
        .sum::<f64>()
        / n;
    assert!((variance / mean / mean - 1.0).abs() < 5.0 * (8.0 / n).sqrt());
}

#[test]
fn constant_gaps_do_not_drift() {
    let spec = Spec::plain(Source::Constant { rate: 3.0 });
    let all = arrivals(1, &[spec], 1_000);
    assert_eq!(all.len(), 3_000);
    assert_eq!(all[1].due.0, 333_333_333);
    assert_eq!(all[2_997].due.0, 999 * SECOND);
}

#[test]
fn workloads_are_merged_by_due_time_and_ties_by_number() {
    let constant = |rate| Spec::plain(Source::Constant { rate });
    let all = arrivals(1, &[constant(2.0), constant(1.0), constant(4.0)], 2);
    let got: Vec<(u64, u16, u64)> = all
        .iter()
        .map(|a| (a.due.0 / 1_000_000, a.workload, a.n))
        .collect();
    let second = [
        (0, 0),
        (0, 1),
        (0, 2),
        (250, 2),
        (500, 0),
        (500, 2),
        (750, 2),
    ];
    let expected = (0..2).flat_map(|s| {
        second.map(|(ms, workload)| {
            let per_second = [2, 1, 4][usize::from(workload)];
            (
                s * 1_000 + ms,
                workload,
                s * per_second + ms * per_second / 1_000,
            )
        })
    });
    assert_eq!(got, expected.collect::<Vec<_>>());
}

#[test]
fn another_workload_shifts_nothing() {
    let alone = arrivals(3, &[poisson(50.0)], 20);
    let both = arrivals(3, &[poisson(50.0), poisson(80.0)], 20);
    assert!(both.is_sorted_by_key(|a| a.due));
    assert_eq!(
        alone,
        both.into_iter()
            .filter(|a| a.workload == 0)
            .collect::<Vec<_>>()
    );
    assert_ne!(alone[0].due, arrivals(4, &[poisson(50.0)], 20)[0].due);
}

/// 20,000 choices: each share within five standard deviations; a weight of 0 is never chosen.
#[test]
fn classes_are_chosen_by_weight() {
    let classes = [95, 0, 5].map(|weight| Class {
        weight,
        cost: f64::from(weight),
        service: None,
        io: None,
    });
    let spec = Spec {
        classes: classes.to_vec(),
        ..poisson(1_000.0)
    };
    let all = arrivals(9, &[spec], 20);
    let mut counts = [0_u32; 3];
    for arrival in &all {
        counts[usize::from(arrival.class)] += 1;
        assert_eq!(arrival.cost, [95.0, 0.0, 5.0][usize::from(arrival.class)]);
    }
    let n = all.len() as f64;
    assert_eq!(counts[1], 0);
    assert!(
        (f64::from(counts[2]) / n - 0.05).abs() < 5.0 * (0.05 * 0.95 / n).sqrt(),
        "{counts:?}"
    );
}

#[test]
fn services_depend_on_the_request_and_the_try_alone() {
    let law = Law::exponential(Duration::from_millis(8));
    let io = Law::constant(Duration::from_millis(20));
    let service = Service::new(1, law, Some(io));
    let all = arrivals(1, &[poisson(10.0), poisson(10.0)], 20);
    let draw = |arrival: &Arrival, attempt| service.draw(arrival, attempt).0;
    let mut seen: Vec<u64> = all.iter().flat_map(|a| [draw(a, 1), draw(a, 2)]).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), all.len() * 2, "all differ");
    let heavy = Arrival {
        cost: 25.0,
        class: 1,
        ..all[7].clone()
    };
    let light = service.draw(&all[7], 1);
    let stretched = service.draw(&heavy, 1);
    assert_eq!(
        stretched,
        (light.0 * 25, 20_000_000),
        "the cost multiplies the computing"
    );
    let other = Service::new(1, Law::exponential(Duration::from_millis(16)), None);
    assert!(
        other.draw(&all[7], 1).0.abs_diff(light.0 * 2) <= 1,
        "laws share their luck"
    );
}

/// What a class says of its own comes before what origins say, each law by itself.
#[test]
fn a_class_may_have_laws_of_its_own() {
    let law = |ms| Law::constant(Duration::from_millis(ms));
    let class = |service, io| Class {
        weight: 1,
        cost: 2.0,
        service,
        io,
    };
    let classes = vec![
        class(None, None),
        class(Some(law(3)), None),
        class(None, Some(law(5))),
        class(Some(law(3)), Some(law(5))),
    ];
    let spec = Spec {
        classes,
        ..poisson(100.0)
    };
    let all = arrivals(1, std::slice::from_ref(&spec), 20);
    let mut service = Service::new(1, law(8), Some(law(20))).of(&[spec]);
    for arrival in &all {
        let right = [(16, 20), (6, 20), (16, 5), (6, 5)][usize::from(arrival.class)];
        let drawn = service.draw(arrival, 1);
        assert_eq!(drawn, (right.0 * 1_000_000, right.1 * 1_000_000));
        assert_eq!(service.draw_ahead(arrival, 1), drawn);
    }
}

#[test]
fn who_draws_ahead_draws_the_same() {
    let law = Law::exponential(Duration::from_millis(8));
    let mut service = Service::new(1, law, None);
    let all = arrivals(1, &[poisson(10.0), poisson(7.0)], 20);
    let in_order = all.iter();
    let in_disorder = all.chunks(3).flat_map(|some| some.iter().rev());
    let with_gaps = all.iter().filter(|a| a.n % 5 != 1);
    for arrival in in_order.chain(in_disorder).chain(with_gaps) {
        for attempt in [1, 2] {
            let alone = service.draw(arrival, attempt);
            assert_eq!(service.draw_ahead(arrival, attempt), alone, "{arrival:?}");
        }
        let again = Arrival {
            retry: 1,
            ..arrival.clone()
        };
        let alone = service.draw(&again, 1);
        assert_eq!(service.draw_ahead(&again, 1), alone, "{again:?}");
    }
}

#[test]
fn a_trace_keeps_its_order_and_its_seconds() {
    let line = |second: &str, path: u32| {
        format!("a - - [01/Jan/2024:00:00:{second} +0000] \"GET /{path} HTTP/1.1\" 200 1\n")
    };
    let text = (0..20).map(|n| line("05", n)).collect::<String>()
        + &line("07", 20)
        + &line("06", 21)
        + "broken\n"
        + &line("15", 22);
    let file = File::new("order.log", &text);
    let all = arrivals(2, &[trace(&file.0, 2.0)], 60);
    assert_eq!(all.len(), 23);
    for (n, arrival) in all.iter().enumerate() {
        assert_eq!(*arrival.record.as_ref().unwrap().path, format!("/{n}"));
    }
    assert!(all.is_sorted_by_key(|a| a.due));
    let second = |n: usize| all[n].due.0 * 2 / SECOND;
    assert!((0..20).all(|n| second(n) == 0));
    assert!(
        all[19].due.0 - all[0].due.0 > SECOND / 4,
        "spread over the second"
    );
    assert_eq!(
        [second(20), second(21), second(22)],
        [2, 2, 10],
        "a stamp never goes back"
    );
    let mut cut = Arrivals::new(2, &[trace(&file.0, 2.0)], Timestamp(SECOND * 2)).unwrap();
    assert_eq!(cut.by_ref().count(), 22);
    assert_eq!(cut.summaries().map(|(_, s)| s.broken).sum::<u64>(), 1);
}

/// The log of a real server: all of its 30,969 lines are requests, over 12 h 52 min 1 s.
#[test]
fn the_nasa_log_is_read_whole() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../scenarios/data/nasa-1995-08-01.log.gz"
    );
    let mut merged = Arrivals::new(1, &[trace(file.as_ref(), 60.0)], Timestamp::MAX).unwrap();
    let all: Vec<Arrival> = merged.by_ref().collect();
    let summary = merged.summaries().next().unwrap().1;
    assert_eq!((summary.lines, summary.broken), (30_969, 0));
    assert_eq!((all.len(), &summary.error), (30_969, &None));
    assert!(all.is_sorted_by_key(|a| a.due));
    assert_eq!(all[30_968].due.0 * 60 / SECOND, 12 * 3_600 + 52 * 60 + 1);
    let count = |method: &str| {
        let of = |a: &&Arrival| &*a.record.as_ref().unwrap().method == method;
        all.iter().filter(of).count()
    };
    assert_eq!(
        [count("GET"), count("HEAD"), count("POST")],
        [30_873, 95, 1]
    );
    let bytes: u64 = all.iter().map(|a| a.record.as_ref().unwrap().bytes).sum();
    assert_eq!(bytes, 482_000_467);
}

#[test]
fn a_missing_log_names_itself() {
    let error =
        Arrivals::new(1, &[trace("no/such.log".as_ref(), 1.0)], Timestamp::MAX).unwrap_err();
    assert!(error.to_string().contains("no/such.log"), "{error}");
}
