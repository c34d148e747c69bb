//! One request's work at an origin.

/// A job's number, chosen by the engine: the number of the request's try.
pub type JobId = u64;

/// What a request asks of an origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Job {
    /// Given back when the job is done or lost.
    pub id: JobId,
    /// The connection that it came on. It decides the process (`connection` modulo `workers`), for
    /// an operating system deals out connections, never requests.
    pub connection: u64,
    /// It is the first on its connection, which has yet to be accepted.
    pub fresh: bool,
    /// Computing, at speed 1.
    pub cpu_ns: u64,
    /// Waiting for something else; no slow processor stretches it, except at a `fifo` origin.
    pub io_ns: u64,
}

/// A job on its way: what is left after the part that is about to run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) id: JobId,
    pub(super) worker: u16,
    /// Computing, until the wait or the end.
    pub(super) cpu_ns: u64,
    /// The wait that follows; 0 for none, and then the job is done.
    pub(super) io_ns: u64,
    /// Computing after the wait.
    pub(super) rest_ns: u64,
    /// When the job was offered.
    pub(super) offered_ns: u64,
}

impl Part {
    /// The job without a wait in the middle.
    pub(super) fn whole(job: &Job, cpu_ns: u64, offered_ns: u64) -> Self {
        Self {
            id: job.id,
            worker: 0,
            cpu_ns,
            io_ns: 0,
            rest_ns: 0,
            offered_ns,
        }
    }

    /// The job with its wait in the middle of its computing.
    pub(super) fn split(job: &Job, worker: u16, cpu_ns: u64, offered_ns: u64) -> Self {
        let rest_ns = if job.io_ns == 0 { 0 } else { cpu_ns / 2 };
        Self {
            id: job.id,
            worker,
            cpu_ns: cpu_ns - rest_ns,
            io_ns: job.io_ns,
            rest_ns,
            offered_ns,
        }
    }

    /// What runs after the wait.
    pub(super) fn second(self) -> Self {
        Self {
            cpu_ns: self.rest_ns,
            io_ns: 0,
            rest_ns: 0,
            ..self
        }
    }
}
