//! What one try of a request asks of an origin.

use evenkeel_core::rng::Stream;

use super::{Arrival, Source, Spec};
use crate::law::{LONGEST_NS, Law};

/// Draws services: hash(seed, workload, n, try), so that a retry draws anew and nothing else does.
#[derive(Clone, Debug)]
pub struct Service {
    cpu: Law,
    io: Option<Law>,
    /// Laws of recorded requests, by workload and class.
    routes: Vec<Vec<Option<Law>>>,
    cpu_stream: Stream,
    io_stream: Stream,
    /// By workload.
    batches: Vec<Batch>,
}

/// Services drawn at a time: several logarithms take a quarter of the time of as many single ones.
const BATCH: usize = 16;

/// No request has this number.
const NOBODY: u64 = 1 << 63;

/// The computing of the first tries of [`BATCH`] requests, from number `from` on.
#[derive(Clone, Copy, Debug)]
struct Batch {
    stream: Stream,
    from: u64,
    /// The request that asked last: only who come one after the other are drawn ahead.
    last: u64,
    drawn: [u64; BATCH],
}

impl Batch {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            from: NOBODY,
            last: u64::MAX,
            drawn: [0; BATCH],
        }
    }

    /// What `law` gives request number `n`, whoever asked before.
    fn draw(&mut self, law: &Law, n: u64) -> u64 {
        let follows = n == self.last.wrapping_add(1);
        self.last = n;
        if follows && n.is_multiple_of(BATCH as u64) {
            self.from = n;
            let rngs = |place| self.stream.child(n + place as u64).at(1);
            self.drawn = law.draw_all(std::array::from_fn(rngs));
        }
        let place = n.wrapping_sub(self.from) as usize;
        match self.drawn.get(place) {
            Some(drawn) => *drawn,
            None => law.draw(&mut self.stream.child(n).at(1)),
        }
    }
}

impl Service {
    /// Services whose computing follows `cpu` and whose wait follows `io`. Origins with different
    /// laws share their luck: the same uniform number goes into each.
    #[must_use]
    pub fn new(seed: u64, cpu: Law, io: Option<Law>) -> Self {
        Self {
            cpu,
            io,
            routes: Vec::new(),
            cpu_stream: Stream::new(seed, "service"),
            io_stream: Stream::new(seed, "io"),
            batches: Vec::new(),
        }
    }

    /// The same for the requests of `specs`, of which recorded ones may have laws of their own.
    #[must_use]
    pub fn of(self, specs: &[Spec]) -> Self {
        let laws = |spec: &Spec| match &spec.source {
            Source::Trace { routes, .. } => routes.iter().map(|r| r.service.clone()).collect(),
            _ => Vec::new(),
        };
        Self {
            routes: specs.iter().map(laws).collect(),
            ..self
        }
    }

    /// Computing and waiting in nanoseconds for try `attempt` (from 1) of `arrival`; another try of
    /// its client's draws anew, too. The class's cost multiplies the computing; the wait is
    /// somebody else's work and stays. What a log or a route says of a service is all of it.
    #[must_use]
    pub fn draw(&self, arrival: &Arrival, attempt: u8) -> (u64, u64) {
        if let Some(service_us) = arrival.record.as_ref().and_then(|record| record.service_us) {
            return (service_us.saturating_mul(1_000).min(LONGEST_NS), 0);
        }
        let own = self.routes.get(usize::from(arrival.workload));
        let own = own.and_then(|laws| laws.get(usize::from(arrival.class))?.as_ref());
        let cpu_ns = one(own.unwrap_or(&self.cpu), self.cpu_stream, arrival, attempt);
        match own {
            Some(_) => (cpu_ns, 0),
            None => self.whole(cpu_ns, arrival, attempt),
        }
    }

    /// The same, for who sees all requests: it draws those of the next ones as well.
    #[must_use]
    pub fn draw_ahead(&mut self, arrival: &Arrival, attempt: u8) -> (u64, u64) {
        if attempt != 1 || arrival.retry != 0 || arrival.record.is_some() {
            return self.draw(arrival, attempt);
        }
        let workload = usize::from(arrival.workload);
        while self.batches.len() <= workload {
            let stream = self.cpu_stream.child(self.batches.len() as u64);
            self.batches.push(Batch::new(stream));
        }
        let cpu_ns = self.batches[workload].draw(&self.cpu, arrival.n);
        self.whole(cpu_ns, arrival, attempt)
    }

    fn whole(&self, mut cpu_ns: u64, arrival: &Arrival, attempt: u8) -> (u64, u64) {
        if arrival.cost != 1.0 {
            cpu_ns = ((cpu_ns as f64 * arrival.cost + 0.5) as u64).min(LONGEST_NS);
        }
        let draw = |law| one(law, self.io_stream, arrival, attempt);
        (cpu_ns, self.io.as_ref().map_or(0, draw))
    }
}

fn one(law: &Law, stream: Stream, arrival: &Arrival, attempt: u8) -> u64 {
    let request = stream.child(u64::from(arrival.workload)).child(arrival.n);
    law.draw(&mut request.at(u64::from(attempt) | u64::from(arrival.retry) << 8))
}
