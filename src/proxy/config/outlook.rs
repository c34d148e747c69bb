//! What follows from a configuration before anything has happened: how long faults stay unseen.

use std::time::Duration;

use super::{Check, Config};

impl Config {
    /// What to expect of the checks, a sentence each.
    #[must_use]
    pub fn outlook(&self) -> Vec<String> {
        let checks = self.pools.iter().flat_map(|pool| {
            let checks = pool.health.iter().flat_map(|health| &health.checks);
            checks.map(|check| format!("pool {}, {}", pool.name, of(check)))
        });
        checks.collect()
    }
}

fn of(check: &Check) -> String {
    let schedule = check.schedule();
    let (gone, gone_most) = schedule.detection(Duration::ZERO);
    let (hung, hung_most) = schedule.detection(schedule.timeout);
    let lost = |unseen: Duration| (unseen.as_secs_f64() * 100.0) as u64;
    format!(
        "check {}: a process that is gone is found after {} on average and {} at most, one that \
         hangs after {} and {}; a pause of {} passes; at 100 requests/s each, {} and {} meet it; \
         if one probe in 100 is lost by chance, an endpoint is taken out by mistake every {}",
        check.name,
        short(gone),
        short(gone_most),
        short(hung),
        short(hung_most),
        short(check.patience()),
        lost(gone),
        lost(hung),
        short(check.mistake()),
    )
}

/// A duration as one reads it: to a tenth of its unit, and no more than that.
fn short(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let units = [
        (1e-3, "ms"),
        (1.0, "s"),
        (60.0, "min"),
        (3_600.0, "h"),
        (86_400.0, "d"),
    ];
    let fits = |(worth, _): &&(f64, &str)| seconds >= *worth;
    // From two of a unit on it is used: 90 s say more than 1.5 minutes.
    let unit = units.iter().rev().find(|(worth, _)| seconds >= 2.0 * worth);
    let (worth, name) = unit.or(units.iter().find(fits)).unwrap_or(&units[0]);
    let tenths = (seconds / worth * 10.0) as u64;
    match tenths % 10 {
        _ if tenths >= 500 => format!("{}{name}", tenths / 10),
        0 => format!("{}{name}", tenths / 10),
        tenth => format!("{}.{tenth}{name}", tenths / 10),
    }
}
