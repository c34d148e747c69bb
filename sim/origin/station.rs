//! The state machine of an origin.
//!
//! A driver calls [`Station::advance`] when [`Station::next`] is due and before every other call
//! with a later time; at one instant, what is due goes before what is new, and faults go last.
//!
//! A slow processor stretches what is left of the work in progress as well as all that starts
//! later. A pause stops computing where it stands; waits go on meanwhile (they are somebody else's
//! work) and line up behind what was ready.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use evenkeel_core::time::{Timestamp, nanos};

use super::job::{Job, JobId, Part};
use super::meter::{Load, Meter};
use super::{Model, Spec};

/// One event loop, or one server.
#[derive(Debug, Default)]
struct Worker {
    /// The part that runs, and when it ends. While the station is paused: when it would have ended.
    running: Option<(Part, u64)>,
    ready: VecDeque<Part>,
}

/// A wait, ordered by its end and then by its beginning.
#[derive(Clone, Copy, Debug)]
struct Wait {
    until: u64,
    sequence: u64,
    part: Part,
}

impl PartialEq for Wait {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Wait {}

impl PartialOrd for Wait {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Wait {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.until, self.sequence).cmp(&(other.until, other.sequence))
    }
}

/// The application behind one endpoint.
#[derive(Debug)]
pub struct Station {
    spec: Spec,
    /// How much longer computing takes than its nominal time: the fault's factor over the speed.
    stretch: f64,
    workers: Vec<Worker>,
    waits: BinaryHeap<Reverse<Wait>>,
    sequence: u64,
    in_flight: u32,
    busy: u32,
    paused: Option<u64>,
    up: bool,
    meter: Meter,
}

impl Station {
    /// An idle origin.
    #[must_use]
    pub fn new(spec: Spec) -> Self {
        let workers = match spec.model {
            Model::Fifo => 1,
            Model::Node { workers } => workers.max(1),
        };
        Self {
            spec,
            stretch: 1.0 / spec.speed,
            workers: (0..workers).map(|_| Worker::default()).collect(),
            waits: BinaryHeap::new(),
            sequence: 0,
            in_flight: 0,
            busy: 0,
            paused: None,
            up: true,
            meter: Meter::new(spec.from, spec.until, workers),
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
        let cpu_ns = job.cpu_ns.saturating_add(nanos(self.spec.overhead));
        let part = match self.spec.model {
            Model::Fifo => Part::whole(job, cpu_ns.saturating_add(job.io_ns)),
            Model::Node { .. } => {
                let worker = job.connection % self.workers.len() as u64;
                Part::split(job, worker as u16, cpu_ns)
            }
        };
        self.in_flight += 1;
        self.ready(now.0, part);
        self.meter.set(now, self.busy, self.in_flight);
        true
    }

    /// When to call [`Self::advance`] next; `None` while nothing will happen by itself.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        let wait = self.waits.peek().map(|Reverse(wait)| wait.until);
        let ends = self
            .workers
            .iter()
            .filter_map(|w| w.running.map(|(_, end)| end));
        let end = if self.paused.is_some() {
            None
        } else {
            ends.min()
        };
        match (wait, end) {
            (Some(wait), Some(end)) => Some(Timestamp(wait.min(end))),
            (wait, end) => wait.or(end).map(Timestamp),
        }
    }

    /// Does what is due up to `now`; `done` gets each job that ends, with its time, in order.
    pub fn advance(&mut self, now: Timestamp, done: &mut impl FnMut(JobId, Timestamp)) {
        while let Some(at) = self.next()
            && at <= now
        {
            while let Some(Reverse(wait)) = self.waits.peek()
                && wait.until <= at.0
            {
                let part = wait.part;
                self.waits.pop();
                self.ready(at.0, part.second());
            }
            if self.paused.is_none() {
                for index in 0..self.workers.len() {
                    self.end(index, at, done);
                }
            }
            self.meter.set(at, self.busy, self.in_flight);
        }
    }

    /// From `now` on computing takes `factor` times as long as the origin's speed says; 1 ends it.
    pub fn slow(&mut self, now: Timestamp, factor: f64) {
        let stretch = factor / self.spec.speed;
        let base = self.paused.unwrap_or(now.0);
        for (_, end) in self.workers.iter_mut().filter_map(|w| w.running.as_mut()) {
            let left = end.saturating_sub(base);
            *end = base.saturating_add(scaled(left, stretch / self.stretch));
        }
        self.stretch = stretch;
    }

    /// Stops computing at `now`, as SIGSTOP does; offers still queue.
    pub fn pause(&mut self, now: Timestamp) {
        if self.up && self.paused.is_none() {
            self.paused = Some(now.0);
            self.busy = 0;
            self.meter.set(now, self.busy, self.in_flight);
        }
    }

    /// Goes on where the pause stopped it.
    pub fn resume(&mut self, now: Timestamp) {
        let Some(since) = self.paused.take() else {
            return;
        };
        for index in 0..self.workers.len() {
            if let Some((_, end)) = &mut self.workers[index].running {
                *end = end.saturating_add(now.0.saturating_sub(since));
                self.busy += 1;
            } else if let Some(part) = self.workers[index].ready.pop_front() {
                self.start(now.0, part);
            }
        }
        self.meter.set(now, self.busy, self.in_flight);
    }

    /// Ends the processes at `now`, paused ones too, and gives back the lost jobs: by process what
    /// ran and what was ready, then what waited. A slow processor stays slow.
    pub fn crash(&mut self, now: Timestamp) -> Vec<JobId> {
        let mut lost = Vec::with_capacity(self.in_flight as usize);
        for worker in &mut self.workers {
            lost.extend(worker.running.take().map(|(part, _)| part.id));
            lost.extend(worker.ready.drain(..).map(|part| part.id));
        }
        let mut waits: Vec<Wait> = self.waits.drain().map(|Reverse(wait)| wait).collect();
        waits.sort_unstable();
        lost.extend(waits.iter().map(|wait| wait.part.id));
        self.up = false;
        self.paused = None;
        self.busy = 0;
        self.in_flight = 0;
        self.meter.set(now, self.busy, self.in_flight);
        lost
    }

    /// Listens again after a crash, empty.
    pub fn restart(&mut self) {
        self.up = true;
    }

    /// Puts `part` at the end of its ready list, or runs it.
    fn ready(&mut self, now: u64, part: Part) {
        let worker = &mut self.workers[usize::from(part.worker)];
        if worker.running.is_none() && self.paused.is_none() {
            self.start(now, part);
        } else {
            worker.ready.push_back(part);
        }
    }

    fn start(&mut self, now: u64, part: Part) {
        let end = now.saturating_add(scaled(part.cpu_ns, self.stretch));
        self.workers[usize::from(part.worker)].running = Some((part, end));
        self.busy += 1;
    }

    /// Ends what the worker `index` runs, if it is due, and starts what is ready.
    fn end(&mut self, index: usize, at: Timestamp, done: &mut impl FnMut(JobId, Timestamp)) {
        let worker = &mut self.workers[index];
        let Some((part, _)) = worker.running.take_if(|(_, end)| *end <= at.0) else {
            return;
        };
        self.busy -= 1;
        if part.io_ns == 0 {
            self.in_flight -= 1;
            done(part.id, at);
        } else {
            self.sequence += 1;
            self.waits.push(Reverse(Wait {
                until: at.0.saturating_add(part.io_ns),
                sequence: self.sequence,
                part,
            }));
        }
        if let Some(part) = self.workers[index].ready.pop_front() {
            self.start(at.0, part);
        }
    }
}

/// `work_ns` at `stretch`, to the nearest nanosecond. Exact at stretch 1 for anything a law draws.
fn scaled(work_ns: u64, stretch: f64) -> u64 {
    if stretch == 1.0 {
        return work_ns;
    }
    (work_ns as f64 * stretch + 0.5) as u64
}
