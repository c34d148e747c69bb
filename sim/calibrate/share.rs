//! How much of a request blocks its event loop: told by how much slower requests get when there
//! are several of them.
//!
//! What computes is in everybody's way, what waits for something else is in nobody's. So the
//! simulator's own origin gets the same clients, with each time that was measured split at some
//! share, and the share is searched with which it gets as slow as the application did.

use evenkeel_core::rng::Stream;
use evenkeel_core::time::Timestamp;

use super::measure::Step;
use crate::origin::{Job, Model, Runtime, Spec, Station};

/// From here on, requests are taken to compute for all of their time.
pub(super) const WHOLE: f64 = 0.97;
/// Steps of a search, which are the finer the smaller the share.
const GRID: u32 = 40;
/// Requests of each client that are simulated, and those of them that do not count: all begin at
/// once.
const TURNS: u32 = 60;
const BEGIN: u32 = 5;

/// The share of times alone (ns) with which the model is closest to what `steps` say; 1 if there
/// are none.
pub(super) fn share(alone_ns: &[u64], steps: &[Step]) -> f64 {
    let misfit = |share: f64| -> f64 {
        let of = |step: &Step| {
            let ratio = latency_ns(alone_ns, share, step.clients) / step.mean.as_nanos() as f64;
            libm::log(ratio) * libm::log(ratio)
        };
        steps.iter().map(of).sum()
    };
    let at = |place: f64| place * place;
    let best = |places: &mut dyn Iterator<Item = f64>| {
        let judged = places.map(|place| (misfit(at(place)), place));
        let least = judged.min_by(|a, b| a.0.total_cmp(&b.0));
        least.map_or(1.0, |(_, place)| place)
    };
    if steps.is_empty() {
        return 1.0;
    }
    let width = 1.0 / f64::from(GRID);
    let coarse = best(&mut (0..=GRID).map(|n| f64::from(n) * width));
    let near = (0..=20).map(|n| coarse + (f64::from(n) / 10.0 - 1.0) * width);
    at(best(&mut near.map(|place| place.clamp(0.0, 1.0))))
}

/// How long requests take on average (ns) at an event loop with so many clients, each of which asks
/// again once it is answered, if `share` of their times alone is computing.
pub(super) fn latency_ns(alone_ns: &[u64], share: f64, clients: u32) -> f64 {
    let spec = Spec {
        model: Model::Node { workers: 1 },
        speed: 1.0,
        overhead: std::time::Duration::ZERO,
        runtime: Runtime::default(),
        from: Timestamp(0),
        until: Timestamp(0),
    };
    let draws = Stream::new(1, "calibrate");
    let mut station = Station::new(spec, draws);
    let mut began = vec![(Timestamp(0), 0_u32); clients as usize];
    let (mut asked, mut counted, mut sum_ns) = (0_u64, 0_u32, 0_u64);
    let mut ask = |station: &mut Station, client: u64, now: Timestamp| {
        let place = draws.at(asked).below(alone_ns.len() as u64);
        asked += 1;
        let all_ns = alone_ns[place as usize];
        let cpu_ns = (all_ns as f64 * share + 0.5) as u64;
        let job = Job {
            id: client,
            connection: 0,
            fresh: false,
            cpu_ns,
            io_ns: all_ns.saturating_sub(cpu_ns),
        };
        let is_up = station.offer(now, &job);
        debug_assert!(is_up, "nobody has crashed it");
    };
    for client in 0..u64::from(clients) {
        ask(&mut station, client, Timestamp(0));
    }
    let mut ended = Vec::new();
    while let Some(now) = station.next() {
        station.advance(now, &mut |client, at| ended.push((client, at)));
        for (client, at) in ended.drain(..) {
            let (since, turns) = &mut began[client as usize];
            if *turns >= BEGIN {
                counted += 1;
                sum_ns += at.0 - since.0;
            }
            (*since, *turns) = (at, *turns + 1);
            if counted >= TURNS * clients {
                return sum_ns as f64 / f64::from(counted);
            }
            ask(&mut station, client, at);
        }
    }
    sum_ns as f64 / f64::from(counted.max(1))
}
