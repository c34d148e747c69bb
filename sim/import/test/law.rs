//! Laws of times that take few values.

use super::*;

/// Whatever fits a time that is always the same, it is that time.
#[test]
fn a_time_that_never_varies_is_constant() {
    let mut times = route::times();
    (0..500).for_each(|_| note(&mut times, 69_000));
    let fitted = fit(&times);
    assert_eq!((fitted.name, fitted.measured), ("constant", fitted.law));
    note(&mut times, 80_000);
    assert_ne!(fit(&times).name, "constant");
}

/// Logs of whole milliseconds have few times, each many times: the law draws them as often.
#[test]
fn a_law_of_few_times_draws_each_as_often() {
    let mut times = route::times();
    for (service_us, count) in [(1_000, 400), (2_000, 599), (90_000, 1)] {
        (0..count).for_each(|_| note(&mut times, service_us));
    }
    let fitted = fit(&times);
    assert_eq!(fitted.name, "empirical");
    // Between the percentiles that are kept nothing is known: 0.35 and 0.5 are about 0.4.
    assert!((0.01..0.1).contains(&fitted.distance), "{fitted:?}");
    let desk = Desk::new("few");
    let (log, out) = (desk.log(&own(0, "a", 1.0, "/")), desk.out());
    done(&order(&log, &out));
    let text = fs::read_to_string(&out).expect("it was written");
    let service = text.lines().find(|line| line.starts_with("service = "));
    let text = text.replace(
        service.expect("it has one"),
        &format!("service = {}", fitted.text),
    );
    let (scenario, problems) = scenario::load(&out, text.as_bytes());
    let law = scenario
        .unwrap_or_else(|| panic!("{problems:?}"))
        .origin
        .service;
    let draws = Stream::new(1, "few");
    let long = (0..1_000).filter(|n| law.draw(&mut draws.at(*n)) > 1_990_000);
    assert!((450..=650).contains(&long.count()), "{}", fitted.text);
}
