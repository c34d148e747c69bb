//! Engine `net` against engine `model` under the policies that are deployed: the same arrivals,
//! services and draws at both, so that what differs is what a network does to decisions.

use std::sync::Mutex;
use std::thread;

use evenkeel_core::time::nanos;
use evenkeel_proxy::config::policies;
use evenkeel_sim::engine::{Ended, Seen};
use evenkeel_sim::result::{Metric, Scope};
use evenkeel_sim::scenario::Engine;

use crate::{plan, run, size};

/// Those that look at neither loads nor latencies: each of their requests is held to [`BOUND`].
const BLIND: [&str; 7] = [
    "round_robin",
    "random",
    "ip_hash",
    "hash",
    "ring_hash",
    "maglev",
    "rendezvous",
];

/// How far one request may be from the same request of the other engine, in ticks.
const BOUND: u64 = 4;

/// What became of one policy in both engines.
struct Pair {
    policy: &'static str,
    requests: usize,
    /// p50 and p99 of `model`, in units of the mean service, and by how much `net` differs.
    quantiles: [(f64, f64); 2],
    /// Requests that ended more than [`BOUND`] ticks apart.
    beyond: usize,
    /// Connections that were opened to endpoints: `net`, `model`.
    dials: [f64; 2],
    /// The largest difference of an endpoint's share of the tries.
    share: f64,
}

#[test]
fn net_is_model_under_every_policy() {
    let requests = size(200_000, 2_000);
    let waiting = Mutex::new(policies());
    let pairs = Mutex::new(Vec::new());
    let lanes = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                let next = || waiting.lock().expect("nobody panics with it").next();
                while let Some(policy) = next() {
                    let pair = Pair::measure(policy, requests);
                    pairs.lock().expect("nobody panics with it").push(pair);
                }
            });
        }
    });
    let mut pairs = pairs.into_inner().expect("nobody panicked");
    let place = |pair: &Pair| policies().position(|policy| policy == pair.policy);
    pairs.sort_by_key(place);
    println!(
        "| policy | requests | p50 | net | p99 | net | beyond {BOUND} ticks | \
         dials, net and model | shares apart |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    pairs.iter().for_each(Pair::print);
    assert_eq!(pairs.len(), policies().count());
    for pair in pairs {
        pair.check();
    }
}

impl Pair {
    fn measure(policy: &'static str, requests: u32) -> Self {
        let of = |engine| {
            let plan = plan(policy, "0.7", engine, requests);
            let tick_ns = nanos(plan.scenario.network.resolution);
            (run(&plan, 1), tick_ns)
        };
        let ((net, tick_ns), (model, _)) = (of(Engine::Net), of(Engine::Model));
        assert_eq!(net.seen.len(), model.seen.len(), "{policy}");
        let mut beyond = 0;
        for (a, b) in net.seen.iter().zip(&model.seen) {
            let (n, a, b) = (a.n, a.completion, b.completion);
            assert_eq!((a.due, a.end), (b.due, b.end), "{policy}, request {n}");
            beyond += usize::from(a.done.0.abs_diff(b.done.0) > BOUND * tick_ns);
        }
        let quantiles = [0.5, 0.99].map(|q| {
            let [net, model] = [&net, &model].map(|ended| quantile(&ended.seen, q));
            (model / 1e7, net / model - 1.0)
        });
        let dials = |ended: &Ended| {
            let dials = ended.cell.value(Metric::Connects, &Scope::All);
            dials.expect("connections are counted")
        };
        let shares = net.cell.endpoints.iter().zip(&model.cell.endpoints);
        let apart = shares.filter_map(|(a, b)| Some((a.share()? - b.share()?).abs()));
        Self {
            policy,
            requests: net.seen.len(),
            quantiles,
            beyond,
            dials: [dials(&net), dials(&model)],
            share: apart.fold(0.0, f64::max),
        }
    }

    fn print(&self) {
        let Self {
            policy,
            requests,
            quantiles: [(p50, off50), (p99, off99)],
            beyond,
            dials: [net, model],
            share,
        } = self;
        let [off50, off99, share] = [off50, off99, share].map(|share| share * 100.0);
        println!(
            "| `{policy}` | {requests} | {p50:.3} | {off50:+.2} % | {p99:.3} | {off99:+.2} % | \
             {beyond} | {net}, {model} | {share:.2} % |"
        );
    }

    fn check(&self) {
        let Self { policy, beyond, .. } = self;
        if BLIND.contains(policy) {
            assert_eq!(*beyond, 0, "{policy}");
        }
        let bound = size(0.02, 0.06);
        for (_, off) in self.quantiles {
            assert!(off.abs() < bound, "{policy}: {off:+.4}");
        }
    }
}

/// The `q`-quantile of the latencies, in nanoseconds.
fn quantile(seen: &[Seen], q: f64) -> f64 {
    let latency = |seen: &Seen| seen.completion.done.since(seen.completion.due).as_nanos() as u64;
    let mut all: Vec<u64> = seen.iter().map(latency).collect();
    all.sort_unstable();
    all[((all.len() - 1) as f64 * q) as usize] as f64
}
