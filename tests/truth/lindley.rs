//! Lindley's recursion, written without the simulator: a request begins when it arrives or when the
//! one before it at its origin is done, whichever is later (Lindley, "The theory of queues with a
//! single server", 1952).

use evenkeel_core::rng::Stream;
use evenkeel_core::time::Timestamp;
use evenkeel_sim::plan::Plan;
use evenkeel_sim::workload::{Arrivals, Service};

/// One request of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// When it arrives.
    pub(crate) due: Timestamp,
    /// When its origin is done with it.
    pub(crate) done: Timestamp,
    /// Its origin.
    pub(crate) origin: usize,
}

/// Every request of `plan` under `seed`, by its number. The arrivals and services are the
/// workload's, the picks are made here.
pub(crate) fn rows(plan: &Plan, seed: u64, policy: &str) -> Vec<Row> {
    let origins = plan.origins.len();
    let picks = Stream::new(seed, "proxy/pick");
    let service = Service::new(seed, plan.cpu.clone(), plan.io.clone());
    let arrivals = Arrivals::new(seed, &plan.workloads, plan.end()).expect("no log to be opened");
    let mut free_ns = vec![0; origins];
    arrivals
        .map(|arrival| {
            let origin = match policy {
                "round_robin" => arrival.n % origins as u64,
                "random" => picks.at(arrival.n).below(origins as u64),
                other => panic!("{other} looks at loads, which a recursion has not"),
            } as usize;
            let (cpu_ns, _) = service.draw(&arrival, 1);
            free_ns[origin] = free_ns[origin].max(arrival.due.0) + cpu_ns;
            Row {
                due: arrival.due,
                done: Timestamp(free_ns[origin]),
                origin,
            }
        })
        .collect()
}
