//! The state machine of an origin.
//!
//! A driver calls [`Station::advance`] when [`Station::next`] is due and before every other call
//! with a later time; at one instant, what is due goes before what is new, and faults go last.
//!
//! A slow processor stretches what is left of the work in progress as well as all that starts
//! later. A pause stops computing where it stands; waits go on meanwhile (they are somebody else's
//! work) and line up behind what was ready. An origin that hangs works on and answers nobody.

use evenkeel_core::rng::Stream;
use evenkeel_core::time::{Timestamp, nanos};

use super::job::{Job, JobId, Part};
use super::line::Line;
use super::meter::{Load, Meter};
use super::runtime::Runtimes;
use super::sharing::Sharing;
use super::wait::Waits;
use super::{Model, Spec};

/// How work is taken up.
#[derive(Debug)]
enum Work {
    Line(Line),
    Sharing(Sharing),
}

/// Calls the method of that name of whichever it is.
macro_rules! work {
    ($work:expr, $inner:ident => $call:expr) => {
        match $work {
            Work::Line($inner) => $call,
            Work::Sharing($inner) => $call,
        }
    };
}

/// The application behind one endpoint.
#[derive(Debug)]
pub struct Station {
    spec: Spec,
    /// [`Spec::overhead`] in nanoseconds.
    overhead_ns: u64,
    work: Work,
    runtimes: Runtimes,
    waits: Waits,
    in_flight: u32,
    up: bool,
    /// When something ends next; [`Timestamp::MAX`] while nothing will.
    next: Timestamp,
    /// While the origin hangs: who would be answered.
    held: Option<Vec<Part>>,
    meter: Meter,
}

impl Station {
    /// An idle origin, whose processes are cold. Collections are drawn from `draws`.
    #[must_use]
    pub fn new(spec: Spec, draws: Stream) -> Self {
        let stretch = 1.0 / spec.speed;
        let (workers, work) = match spec.model {
            Model::Fifo { workers } => (workers, Work::Line(Line::new(workers, true, stretch))),
            Model::Node { workers } => (workers, Work::Line(Line::new(workers, false, stretch))),
            Model::Ps { workers } => {
                let processors = u32::from(workers.max(1));
                (workers, Work::Sharing(Sharing::new(processors, stretch)))
            }
            Model::Delay => (1, Work::Sharing(Sharing::new(u32::MAX, stretch))),
        };
        let workers = workers.max(1);
        Self {
            work,
            overhead_ns: nanos(spec.overhead),
            runtimes: Runtimes::new(spec.runtime.clone(), draws, workers),
            waits: Waits::default(),
            in_flight: 0,
            up: true,
            next: Timestamp::MAX,
            held: None,
            meter: Meter::new(spec.from, spec.until, workers),
            spec,
        }
    }

    /// Whether something listens: false from a crash to the restart.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.up
    }

    /// Jobs that were offered and are neither done nor lost.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Nanoseconds that one processor would compute at `now` on what is there and does not wait for
    /// something else.
    #[must_use]
    pub fn work_left(&mut self, now: Timestamp) -> u64 {
        work!(&mut self.work, work => work.left(now.0))
    }

    /// The load in the measured window up to `now`.
    #[must_use]
    pub fn load(&self, now: Timestamp) -> Load {
        self.meter.read(now)
    }

    /// Takes `job` at `now`. False, and nothing happens, if nobody listens.
    #[must_use = "a crashed origin refuses"]
    pub fn offer(&mut self, now: Timestamp, job: &Job) -> bool {
        if !self.up {
            return false;
        }
        let cpu_ns = job.cpu_ns.saturating_add(self.overhead_ns);
        self.in_flight += 1;
        match &mut self.work {
            Work::Sharing(sharing) => sharing.ready(now.0, Part::split(job, 0, cpu_ns, now.0)),
            Work::Line(line) if line.is_shared() => {
                let cpu_ns = cpu_ns.saturating_add(job.io_ns);
                line.ready(now.0, Part::whole(job, cpu_ns, now.0));
            }
            Work::Line(line) => {
                let worker = line.worker(job.connection);
                let (cpu_ns, pause_ns) = self.runtimes.charge(worker, cpu_ns);
                let mut part = Part::split(job, worker, cpu_ns, now.0);
                part.cpu_ns += pause_ns;
                if job.fresh && self.spec.runtime.one_accept {
                    line.accept(now.0, part);
                } else {
                    line.ready(now.0, part);
                }
            }
        }
        self.measure(now);
        true
    }

    /// When to call [`Self::advance`] next; `None` while nothing will happen by itself.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        (self.next != Timestamp::MAX).then_some(self.next)
    }

    /// Does what is due up to `now`; `done` gets each job that ends, with its time, in order.
    pub fn advance(&mut self, now: Timestamp, done: &mut impl FnMut(JobId, Timestamp)) {
        while self.next <= now && self.next != Timestamp::MAX {
            let at = self.next;
            while let Some(part) = self.waits.pop(at.0) {
                work!(&mut self.work, work => work.ready(at.0, part.second()));
            }
            let (waits, held, in_flight) = (&mut self.waits, &mut self.held, &mut self.in_flight);
            let meter = &mut self.meter;
            let mut ended = |part: Part| {
                if part.io_ns > 0 {
                    waits.push(at.0.saturating_add(part.io_ns), part);
                } else if let Some(held) = held {
                    held.push(part);
                } else {
                    *in_flight -= 1;
                    meter.leave(at, part.offered_ns);
                    done(part.id, at);
                }
            };
            work!(&mut self.work, work => work.end(at.0, &mut ended));
            self.measure(at);
        }
    }

    /// From `now` on computing takes `factor` times as long as the origin's speed says; 1 ends it.
    pub fn slow(&mut self, now: Timestamp, factor: f64) {
        let stretch = factor / self.spec.speed;
        work!(&mut self.work, work => work.slow(now.0, stretch));
        self.measure(now);
    }

    /// Stops computing at `now`, as SIGSTOP does; offers still queue.
    pub fn pause(&mut self, now: Timestamp) {
        if self.up {
            work!(&mut self.work, work => work.pause(now.0));
            self.measure(now);
        }
    }

    /// Goes on where the pause stopped it.
    pub fn resume(&mut self, now: Timestamp) {
        work!(&mut self.work, work => work.resume(now.0));
        self.measure(now);
    }

    /// Works, and answers nobody until [`Self::release`].
    pub fn hang(&mut self) {
        if self.up && self.held.is_none() {
            self.held = Some(Vec::new());
        }
    }

    /// Answers whoever was done while it hung, in that order.
    pub fn release(&mut self, now: Timestamp, done: &mut impl FnMut(JobId, Timestamp)) {
        for part in self.held.take().unwrap_or_default() {
            self.in_flight -= 1;
            self.meter.leave(now, part.offered_ns);
            done(part.id, now);
        }
        self.measure(now);
    }

    /// Ends the processes at `now`, paused ones and those that hang too, and gives back the lost
    /// jobs: what ran and what was ready, then what waited, then who was not answered. A slow
    /// processor stays slow.
    pub fn crash(&mut self, now: Timestamp) -> Vec<JobId> {
        let mut lost = work!(&mut self.work, work => work.drain());
        lost.extend(self.waits.drain());
        lost.extend(self.held.take().unwrap_or_default());
        self.up = false;
        self.in_flight = 0;
        self.measure(now);
        let leave = |part: Part| {
            self.meter.leave(now, part.offered_ns);
            part.id
        };
        lost.into_iter().map(leave).collect()
    }

    /// Listens again after a crash, empty and cold.
    pub fn restart(&mut self) {
        self.runtimes.restart();
        self.up = true;
    }

    /// Takes note of what has changed at `now`.
    #[inline]
    fn measure(&mut self, now: Timestamp) {
        let (busy, end) = work!(&self.work, work => (work.busy(), work.next()));
        self.meter.set(now, busy, self.in_flight);
        self.next = Timestamp(self.waits.next().unwrap_or(u64::MAX).min(end));
    }
}
