//! What the runtime adds: first requests that take longer, and pauses that have nothing to do with
//! what is asked for.

use std::time::Duration;

use super::Route;
use super::measure::Times;
use crate::origin::Warmup;

/// A route tells pauses from services only if its times are close together: nine of ten are not
/// above the median by more than this share of it.
const TIGHT: f64 = 0.25;
/// A pause is so much longer than what separates the median from the 90th percentile, and than the
/// second number (ns).
const FAR: u64 = 6;
const LEAST_NS: u64 = 1_500_000;
/// Pauses that make a collection, and the share of the requests that they may meet.
const PAUSES: usize = 5;
const OFTEN: usize = 50;
/// A warm-up is one if first requests take so many times as long, and over once it is less than
/// the second number.
const COLD: f64 = 1.5;
const WARM: f64 = 1.05;
const LONGEST: u32 = 10_000;

/// The value below which so many percent are; `times` has at least one.
fn percentile(times_ns: &[u64], percent: usize) -> u64 {
    let mut sorted = times_ns.to_vec();
    sorted.sort_unstable();
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

/// A pause that requests meet now and then, such as a collection of garbage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// After how many requests it comes.
    pub every: u32,
    /// How long it lasts on average.
    pub lasts: Duration,
}

/// A pause, if requests alone met one now and then, whatever they asked for, and the times of
/// each route (ns) without it.
pub(super) fn pause(routes: &[Times]) -> (Option<Pause>, Vec<Vec<u64>>) {
    let (mut pauses, mut seen) = (Vec::new(), 0);
    let mut without = Vec::new();
    for Times { alone_ns, .. } in routes {
        let (p50, p90) = (percentile(alone_ns, 50), percentile(alone_ns, 90));
        if (p90 - p50) as f64 > TIGHT * p50 as f64 {
            without.push(alone_ns.clone());
            continue;
        }
        seen += alone_ns.len();
        let far = p50 + LEAST_NS.max(FAR * (p90 - p50));
        let (long, usual): (Vec<u64>, Vec<u64>) = alone_ns.iter().partition(|ns| **ns > far);
        pauses.extend(long.iter().map(|ns| ns - p50));
        without.push(usual);
    }
    if pauses.len() < PAUSES || pauses.len() * OFTEN > seen {
        let all = routes.iter().map(|route| route.alone_ns.clone());
        return (None, all.collect());
    }
    let mean_ns = pauses.iter().sum::<u64>() / pauses.len() as u64;
    let found = Pause {
        every: u32::try_from(seen / pauses.len()).unwrap_or(u32::MAX),
        lasts: Duration::from_micros(mean_ns / 1_000),
    };
    (Some(found), without)
}

/// What the first requests (route and ns, in order) took longer than later ones, if they did: least
/// squares of the origin's own curve, 1 + (factor - 1) / sqrt(n) times the computing.
pub(super) fn warmup(first: &[(usize, u64)], routes: &[Route]) -> Option<Warmup> {
    let (mut products, mut squares) = (0.0, 0.0);
    for (n, (route, took_ns)) in (1_u32..).zip(first) {
        let route = routes.get(*route)?;
        let usual_ns = route.whole.measured[0].as_nanos() as f64;
        let cpu_ns = route.service.measured[0].as_nanos() as f64;
        let curve = cpu_ns / libm::sqrt(f64::from(n));
        products += (*took_ns as f64 - usual_ns) * curve;
        squares += curve * curve;
    }
    let factor = 1.0 + products / squares.max(1.0);
    if factor < COLD {
        return None;
    }
    let ratio = (factor - 1.0) / (WARM - 1.0);
    Some(Warmup {
        requests: ((ratio * ratio) as u32).clamp(1, LONGEST),
        factor: (factor * 10.0 + 0.5).floor() / 10.0,
    })
}
