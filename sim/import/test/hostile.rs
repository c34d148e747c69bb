//! Logs that nobody would write: whatever stands in a line, it is a request or it is counted.

use proptest::prelude::*;

use super::incident::Gone;
use super::*;

/// The first and the last date that a line can have, and times of decades: all of it is taken, as
/// it was and with waits told from work.
#[test]
fn the_largest_times_and_dates() {
    let date =
        |year: u32| format!("a - - [01/Jan/{year:04}:00:00:00 +0000] \"GET / HTTP/1.1\" 200 1\n");
    let most_ms = 1.4e12;
    let mut long = String::new();
    for n in 0..6_000_u64 {
        long += &own(n * 100, "a", if n % 50 < 10 { most_ms } else { 1.0 }, "/");
    }
    let table = [(date(0) + &date(9999), 2), (long, 6_000)];
    for (text, requests) in table {
        for node in [false, true] {
            let desk = Desk::new("largest");
            let (log, out) = (desk.log(&text), desk.out());
            let order = Order {
                node,
                ..order(&log, &out)
            };
            match import(&order, &Stop::default(), &mut |_| {}) {
                Ok(imported) => assert_eq!(imported.requests, requests),
                // No simulation takes ten thousand years.
                Err(Error::Scenario(_)) => assert_eq!(requests, 2),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

proptest! {
    /// An endpoint that comes and goes all day: the same answers as by looking at each time.
    #[test]
    fn who_was_gone_is_found_among_many(
        mut times in prop::collection::vec((0_i64..500, 1_i64..60, 0_usize..2), 0..40),
        asked in prop::collection::vec((0_i64..560, 0_i64..60, 0_usize..3), 1..20),
    ) {
        const NAMES: [&str; 3] = ["a", "b", "c"];
        times.sort_unstable();
        let incident = |&(from_us, lasts_us, endpoint): &(i64, i64, usize)| Incident {
            pool: Some("app".into()),
            endpoint: NAMES[endpoint].into(),
            kind: "pause",
            from_us,
            until_us: from_us + lasts_us,
            answer_us: None,
            given_up: 0,
        };
        let incidents: Vec<Incident> = times.iter().map(incident).collect();
        let gone = Gone::new(&incidents, |incident| incident.until_us);
        for (from_us, lasts_us, endpoint) in asked {
            let (endpoint, until_us) = (NAMES[endpoint], from_us + lasts_us);
            let meets = |incident: &Incident| {
                *incident.endpoint == *endpoint
                    && incident.from_us < until_us
                    && incident.until_us > from_us
            };
            let expected = incidents.iter().any(meets);
            let time_us = (from_us, until_us);
            prop_assert_eq!(gone.within(Some("app"), endpoint, time_us), expected);
            prop_assert!(!gone.within(None, endpoint, time_us));
        }
    }
}
