//! Logs that nobody would write: whatever stands in a line, it is a request or it is counted.

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
