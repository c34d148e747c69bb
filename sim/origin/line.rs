//! Servers that take one piece of work at a time: a queue for all of them, or one for each.

use std::collections::VecDeque;

use super::connection::ACCEPTS_PER_TURN;
use super::job::Part;

/// One event loop, or one server.
#[derive(Clone, Debug)]
struct Worker {
    /// The part that runs.
    running: Option<Part>,
    /// When it ends; in a pause, when it would have ended. Never, if none runs.
    end: u64,
    /// How much of the present turn of its loop is still to run: what was ready when it began.
    turn: usize,
    /// First requests of connections that are still to be accepted.
    accepting: VecDeque<Part>,
}

impl Worker {
    const IDLE: Self = Self {
        running: None,
        end: NEVER,
        turn: 0,
        accepting: VecDeque::new(),
    };
}

const NEVER: u64 = u64::MAX;

/// Workers and who is ready for them.
#[derive(Debug)]
pub(super) struct Line {
    workers: Vec<Worker>,
    /// One for all workers, or one for each.
    ready: Vec<VecDeque<Part>>,
    shared: bool,
    /// How much longer computing takes than its nominal time.
    stretch: f64,
    busy: u32,
    paused: Option<u64>,
}

impl Line {
    /// So many idle workers (at least 1); `shared` if they have one queue.
    pub(super) fn new(workers: u16, shared: bool, stretch: f64) -> Self {
        let workers = usize::from(workers.max(1));
        Self {
            workers: vec![Worker::IDLE; workers],
            ready: vec![VecDeque::new(); if shared { 1 } else { workers }],
            shared,
            stretch,
            busy: 0,
            paused: None,
        }
    }

    /// Whether all workers have one queue.
    pub(super) fn is_shared(&self) -> bool {
        self.shared
    }

    /// How many compute.
    pub(super) fn busy(&self) -> u32 {
        self.busy
    }

    /// To which worker a connection belongs.
    pub(super) fn worker(&self, connection: u64) -> u16 {
        (connection % self.workers.len() as u64) as u16
    }

    /// Puts `part` at the end of its queue, or runs it.
    pub(super) fn ready(&mut self, now: u64, part: Part) {
        match self.free(part) {
            Some(worker) if self.paused.is_none() => self.start(now, worker, part),
            _ => {
                let queue = self.queue(usize::from(part.worker));
                self.ready[queue].push_back(part);
            }
        }
    }

    /// Puts `part` behind the connections that its loop has still to accept, one in a turn.
    pub(super) fn accept(&mut self, now: u64, part: Part) {
        let worker = usize::from(part.worker);
        self.workers[worker].accepting.push_back(part);
        if self.workers[worker].running.is_none() && self.paused.is_none() {
            self.take(now, worker);
        }
    }

    /// Starts what is next for a worker without work, if there is anything.
    #[inline]
    fn take(&mut self, now: u64, index: usize) {
        if !self.shared {
            self.turn(index);
        }
        let queue = self.queue(index);
        if let Some(part) = self.ready[queue].pop_front() {
            self.start(now, index, part);
        }
    }

    /// Counts down a loop's turn. When all of it has run, the next one begins with what is ready by
    /// then, and accepts a connection, whose request is of the turn after it.
    fn turn(&mut self, index: usize) {
        let (worker, ready) = (&mut self.workers[index], &mut self.ready[index]);
        if worker.turn == 0 {
            let batch = ready.len();
            let accepts = ACCEPTS_PER_TURN.min(worker.accepting.len());
            ready.extend(worker.accepting.drain(..accepts));
            worker.turn = if batch == 0 { ready.len() } else { batch };
        }
        worker.turn = worker.turn.saturating_sub(1);
    }

    /// A worker for `part` that has nothing to do.
    fn free(&self, part: Part) -> Option<usize> {
        let idle = |worker: &Worker| worker.running.is_none();
        if !self.shared {
            let own = usize::from(part.worker);
            return idle(&self.workers[own]).then_some(own);
        }
        self.workers.iter().position(idle)
    }

    fn queue(&self, worker: usize) -> usize {
        worker.min(self.ready.len() - 1)
    }

    fn start(&mut self, now: u64, worker: usize, part: Part) {
        let end = now.saturating_add(scaled(part.cpu_ns, self.stretch));
        let worker = &mut self.workers[worker];
        (worker.running, worker.end) = (Some(part), end);
        self.busy += 1;
    }

    /// When somebody ends next; `u64::MAX` for never.
    #[inline]
    pub(super) fn next(&self) -> u64 {
        if self.paused.is_some() {
            return NEVER;
        }
        let ends = self.workers.iter().map(|worker| worker.end);
        ends.fold(NEVER, u64::min)
    }

    /// Ends what is due, worker by worker, and starts what is ready.
    pub(super) fn end(&mut self, now: u64, ended: &mut impl FnMut(Part)) {
        if self.paused.is_some() {
            return;
        }
        for index in 0..self.workers.len() {
            let worker = &mut self.workers[index];
            if worker.end > now {
                continue;
            }
            worker.end = NEVER;
            if let Some(part) = worker.running.take() {
                self.busy -= 1;
                ended(part);
                self.take(now, index);
            }
        }
    }

    /// How long one worker would compute on all that is there.
    pub(super) fn left(&self, now: u64) -> u64 {
        let base = self.paused.unwrap_or(now);
        let running = self.workers.iter().filter(|w| w.running.is_some());
        let running: u64 = running.map(|w| w.end.saturating_sub(base)).sum();
        let ready = self.ready.iter().flatten();
        let ready = ready.map(|part| scaled(part.cpu_ns, self.stretch));
        ready.fold(running, u64::saturating_add)
    }

    /// From `now` on work takes `stretch` times as long as its nominal time.
    pub(super) fn slow(&mut self, now: u64, stretch: f64) {
        let base = self.paused.unwrap_or(now);
        for worker in self.workers.iter_mut().filter(|w| w.running.is_some()) {
            let left = worker.end.saturating_sub(base);
            worker.end = base.saturating_add(scaled(left, stretch / self.stretch));
        }
        self.stretch = stretch;
    }

    pub(super) fn pause(&mut self, now: u64) {
        if self.paused.is_none() {
            self.paused = Some(now);
            self.busy = 0;
        }
    }

    pub(super) fn resume(&mut self, now: u64) {
        let Some(since) = self.paused.take() else {
            return;
        };
        for index in 0..self.workers.len() {
            let worker = &mut self.workers[index];
            if worker.running.is_some() {
                worker.end = worker.end.saturating_add(now.saturating_sub(since));
                self.busy += 1;
            } else {
                self.take(now, index);
            }
        }
    }

    /// Ends all: by worker what ran, what was ready and what was not accepted. A pause is over,
    /// too.
    pub(super) fn drain(&mut self) -> Vec<Part> {
        let mut lost = Vec::new();
        for (index, worker) in self.workers.iter_mut().enumerate() {
            lost.extend(worker.running.take());
            worker.end = NEVER;
            if let Some(ready) = self.ready.get_mut(index) {
                lost.extend(ready.drain(..));
            }
            lost.extend(worker.accepting.drain(..));
            worker.turn = 0;
        }
        (self.busy, self.paused) = (0, None);
        lost
    }
}

/// `work_ns` at `stretch`, to the nearest nanosecond. Exact at stretch 1 for anything a law draws.
fn scaled(work_ns: u64, stretch: f64) -> u64 {
    if stretch == 1.0 {
        return work_ns;
    }
    (work_ns as f64 * stretch + 0.5) as u64
}
