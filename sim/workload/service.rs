//! What one try of a request asks of an origin.

use evenkeel_core::rng::Stream;

use super::Arrival;
use crate::law::{LONGEST_NS, Law};

/// Draws services: hash(seed, workload, n, try), so that a retry draws anew and nothing else does.
#[derive(Clone, Debug)]
pub struct Service {
    cpu: Law,
    io: Option<Law>,
    cpu_stream: Stream,
    io_stream: Stream,
}

impl Service {
    /// Services whose computing follows `cpu` and whose wait follows `io`. Origins with different
    /// laws share their luck: the same uniform number goes into each.
    #[must_use]
    pub fn new(seed: u64, cpu: Law, io: Option<Law>) -> Self {
        Self {
            cpu,
            io,
            cpu_stream: Stream::new(seed, "service"),
            io_stream: Stream::new(seed, "io"),
        }
    }

    /// Computing and waiting in nanoseconds for try `attempt` (from 1) of `arrival`; another try of
    /// its client's draws anew, too. The class's
    /// cost multiplies the computing; the wait is somebody else's work and stays.
    #[must_use]
    pub fn draw(&self, arrival: &Arrival, attempt: u8) -> (u64, u64) {
        let draw = |law: &Law, stream: Stream| {
            let request = stream.child(u64::from(arrival.workload)).child(arrival.n);
            law.draw(&mut request.at(u64::from(attempt) | u64::from(arrival.retry) << 8))
        };
        let mut cpu_ns = draw(&self.cpu, self.cpu_stream);
        if arrival.cost != 1.0 {
            cpu_ns = ((cpu_ns as f64 * arrival.cost + 0.5) as u64).min(LONGEST_NS);
        }
        let io_ns = self.io.as_ref().map_or(0, |law| draw(law, self.io_stream));
        (cpu_ns, io_ns)
    }
}
