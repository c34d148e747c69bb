//! What follows from a configuration before anything has happened: how long faults stay unseen,
//! what is lost meanwhile, how often the faultless are taken out.

use std::time::Duration;

use evenkeel_core::outlier;

use super::{Check, Config};

impl Config {
    /// What to expect of checks and ejections where each endpoint has `rate_per_s` requests a
    /// second, a sentence each.
    #[must_use]
    pub fn outlook(&self, rate_per_s: f64) -> Vec<String> {
        let pools = self.pools.iter().flat_map(|pool| {
            let checks = pool.health.iter().flat_map(|health| &health.checks);
            let checks = checks.map(|check| of_check(check, rate_per_s));
            let outlier = pool.outlier.iter();
            let ejection = outlier.filter_map(|outlier| of_ejection(outlier, rate_per_s));
            let all = checks.chain(ejection);
            all.map(|what| format!("pool {}, {what}", pool.name))
        });
        pools.collect()
    }
}

fn of_ejection(outlier: &outlier::Settings, rate_per_s: f64) -> Option<String> {
    let failures = outlier.consecutive_failures;
    if failures == 0 {
        return None;
    }
    let seconds = |requests: f64| {
        let time = Duration::try_from_secs_f64(requests / rate_per_s);
        short(time.unwrap_or(Duration::MAX))
    };
    // The mean number of requests until so many in a row are lost, one in 100 each: what it takes
    // to lose one less and one more, a hundred times.
    let mistake = (0..failures).fold(0.0, |requests, _| (requests + 1.0) * 100.0);
    Some(format!(
        "outlier: at {rate_per_s} requests/s each, an endpoint that fails all is ejected for {} \
         after {failures} of them, {}; if one request in 100 is lost by chance, an endpoint is \
         ejected by mistake every {}",
        short(outlier.eject),
        seconds(f64::from(failures)),
        seconds(mistake),
    ))
}

fn of_check(check: &Check, rate_per_s: f64) -> String {
    let schedule = check.schedule();
    let (gone, gone_most) = schedule.detection(Duration::ZERO);
    let (hung, hung_most) = schedule.detection(schedule.timeout);
    let (back, back_most) = schedule.recovery(Duration::ZERO);
    let lost = |unseen: Duration| (unseen.as_secs_f64() * rate_per_s) as u64;
    format!(
        "check {}: a process that is gone is found after {} on average and {} at most, one that \
         hangs after {} and {}; that it is well again, after {} and {}; a pause of {} passes; at \
         {rate_per_s} requests/s each, {} and {} meet it; if one probe in 100 is lost by chance, an endpoint is taken out by mistake every {}",
        check.name,
        short(gone),
        short(gone_most),
        short(hung),
        short(hung_most),
        short(back),
        short(back_most),
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
