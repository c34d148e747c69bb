//! What a JavaScript runtime adds to the computing of requests: compiling at first, and collecting
//! garbage now and then.

use evenkeel_core::rng::Stream;

use crate::law::{LONGEST_NS, Law};

/// The runtime of a `node` origin. By default it adds nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Runtime {
    /// Collections, which go by what requests have allocated, so by requests.
    pub collections: Vec<Collection>,
    /// How long requests take while their code is compiled.
    pub warmup: Option<Warmup>,
    /// A loop accepts one connection in a turn, as Node.js does since 20, and reads its first
    /// request in the next one; else all that wait at once.
    pub one_accept: bool,
}

/// A kind of garbage collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Collection {
    /// After how many requests of a process it comes (at least 1).
    pub every: u32,
    /// How long it stops that process.
    pub pause: Law,
}

/// The first requests of a process take longer: its n-th takes 1 + (factor - 1) / sqrt(n) times as
/// long. Measured on Node.js 20: exponents from 0.41 to 0.63, and requests count, not seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Warmup {
    /// After so many it is over.
    pub requests: u32,
    /// How many times as long the first one takes; at least 1.
    pub factor: f64,
}

/// The runtimes of an origin's processes, as they are now.
#[derive(Debug)]
pub(super) struct Runtimes {
    runtime: Runtime,
    draws: Stream,
    processes: Vec<Process>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Process {
    /// Requests since it began.
    served: u64,
    /// Requests of all that have been in its place: no draw is used twice.
    drawn: u64,
}

impl Runtimes {
    pub(super) fn new(runtime: Runtime, draws: Stream, processes: u16) -> Self {
        Self {
            runtime,
            draws,
            processes: vec![Process::default(); usize::from(processes)],
        }
    }

    /// Takes note of a request that computes `cpu_ns` in a process: what that becomes, and how
    /// long a collection stops the process before it.
    pub(super) fn charge(&mut self, process: u16, cpu_ns: u64) -> (u64, u64) {
        let at = &mut self.processes[usize::from(process)];
        at.served += 1;
        at.drawn += 1;
        let (served, drawn) = (at.served, at.drawn);
        let mut pause_ns = 0_u64;
        for (kind, collection) in (0..).zip(&self.runtime.collections) {
            if served.is_multiple_of(u64::from(collection.every)) {
                let draws = self.draws.child(kind).child(u64::from(process));
                pause_ns += collection.pause.draw(&mut draws.at(drawn));
            }
        }
        let warmup = self.runtime.warmup;
        let Some(warmup) = warmup.filter(|warmup| served <= u64::from(warmup.requests)) else {
            return (cpu_ns, pause_ns);
        };
        let factor = 1.0 + (warmup.factor - 1.0) / libm::sqrt(served as f64);
        let cpu_ns = ((cpu_ns as f64 * factor + 0.5) as u64).min(LONGEST_NS);
        (cpu_ns, pause_ns)
    }

    /// All processes begin again.
    pub(super) fn restart(&mut self) {
        self.processes
            .iter_mut()
            .for_each(|process| process.served = 0);
    }
}
