//! What one try of a request asks of an origin.

use evenkeel_core::rng::Stream;

use super::{Arrival, Class, Route, Source, Spec};
use crate::law::{LONGEST_NS, Law};

/// Draws services: hash(seed, workload, n, try), so that a retry draws anew and nothing else does.
#[derive(Clone, Debug)]
pub struct Service {
    cpu: Law,
    io: Option<Law>,
    /// Laws of their own, by workload and class.
    own: Vec<Vec<Own>>,
    cpu_stream: Stream,
    io_stream: Stream,
    /// By workload.
    batches: Vec<Batch>,
}

/// What the requests of a class have instead of the laws of origins.
#[derive(Clone, Debug, Default)]
struct Own {
    cpu: Option<Law>,
    io: Option<Law>,
    /// The computing is all of it.
    is_all: bool,
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
            own: Vec::new(),
            cpu_stream: Stream::new(seed, "service"),
            io_stream: Stream::new(seed, "io"),
            batches: Vec::new(),
        }
    }

    /// The same for the requests of `specs`, whose classes may have laws of their own.
    #[must_use]
    pub fn of(self, specs: &[Spec]) -> Self {
        let route = |route: &Route| Own {
            cpu: route.service.clone(),
            io: None,
            is_all: route.service.is_some(),
        };
        let class = |class: &Class| Own {
            cpu: class.service.clone(),
            io: class.io.clone(),
            is_all: false,
        };
        let laws = |spec: &Spec| match &spec.source {
            Source::Trace { routes, .. } => routes.iter().map(route).collect(),
            _ => spec.classes.iter().map(class).collect(),
        };
        Self {
            own: specs.iter().map(laws).collect(),
            ..self
        }
    }

    fn own(&self, arrival: &Arrival) -> Option<&Own> {
        let classes = self.own.get(usize::from(arrival.workload));
        classes.and_then(|classes| classes.get(usize::from(arrival.class)))
    }

    /// Computing and waiting in nanoseconds for try `attempt` (from 1) of `arrival`; another try of
    /// its client's draws anew, too. The class's cost multiplies the computing; the wait is
    /// somebody else's work and stays. What a log or a route says of a service is all of it.
    #[must_use]
    pub fn draw(&self, arrival: &Arrival, attempt: u8) -> (u64, u64) {
        if let Some(service_us) = arrival.record.as_ref().and_then(|record| record.service_us) {
            return (service_us.saturating_mul(1_000).min(LONGEST_NS), 0);
        }
        let own = self.own(arrival);
        let cpu = own.and_then(|own| own.cpu.as_ref()).unwrap_or(&self.cpu);
        let cpu_ns = one(cpu, self.cpu_stream, arrival, attempt);
        match own {
            Some(own) if own.is_all => (cpu_ns, 0),
            _ => self.whole(cpu_ns, arrival, attempt),
        }
    }

    /// The same, for who sees all requests: it draws those of the next ones as well.
    #[must_use]
    pub fn draw_ahead(&mut self, arrival: &Arrival, attempt: u8) -> (u64, u64) {
        let is_own = self.own(arrival).is_some_and(|own| own.cpu.is_some());
        if attempt != 1 || arrival.retry != 0 || arrival.record.is_some() || is_own {
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
        let own = self.own(arrival).and_then(|own| own.io.as_ref());
        (cpu_ns, own.or(self.io.as_ref()).map_or(0, draw))
    }
}

fn one(law: &Law, stream: Stream, arrival: &Arrival, attempt: u8) -> u64 {
    let request = stream.child(u64::from(arrival.workload)).child(arrival.n);
    law.draw(&mut request.at(u64::from(attempt) | u64::from(arrival.retry) << 8))
}
