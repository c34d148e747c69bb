//! What a request of a live run tells the application that it reaches, in fields of its head: what
//! was drawn for it, so that real and simulated requests ask for the same work.

use std::str::FromStr;

use evenkeel_proxy::h1::RequestHead;

use crate::workload::Arrival;

/// How long the request computes, in nanoseconds.
const CPU: &str = "X-Evenkeel-Cpu-Ns";
/// How long it waits for something else, in nanoseconds.
const IO: &str = "X-Evenkeel-Io-Ns";
/// Which request it is: workload, number.
const REQUEST: &str = "X-Evenkeel-Request";
/// What it is answered with: status, bytes.
const ANSWER: &str = "X-Evenkeel-Answer";

/// What was drawn for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Errand {
    pub(super) workload: u16,
    pub(super) n: u64,
    pub(super) cpu_ns: u64,
    pub(super) io_ns: u64,
    pub(super) status: u16,
    pub(super) bytes: u64,
}

impl Errand {
    /// Of `arrival`, which computes and waits so long and asks for so many bytes.
    pub(super) fn new(arrival: &Arrival, (cpu_ns, io_ns): (u64, u64), bytes: u64) -> Self {
        Self {
            workload: arrival.workload,
            n: arrival.n,
            cpu_ns,
            io_ns,
            status: arrival.record.as_ref().map_or(200, |record| record.status),
            bytes,
        }
    }

    /// The lines of a head that say it.
    pub(super) fn lines(&self) -> String {
        let Self {
            workload,
            n,
            cpu_ns,
            io_ns,
            status,
            bytes,
        } = self;
        format!(
            "{CPU}: {cpu_ns}\r\n{IO}: {io_ns}\r\n{REQUEST}: {workload} {n}\r\n\
             {ANSWER}: {status} {bytes}\r\n"
        )
    }

    /// What a head says, which was parsed from `buf`; a request of somebody else's says nothing.
    pub(super) fn of(head: &RequestHead, buf: &[u8]) -> Option<Self> {
        let (workload, n) = pair(head, buf, REQUEST)?;
        let (status, bytes) = pair(head, buf, ANSWER)?;
        Some(Self {
            workload,
            n,
            cpu_ns: text(head, buf, CPU)?.parse().ok()?,
            io_ns: text(head, buf, IO)?.parse().ok()?,
            status,
            bytes,
        })
    }
}

fn text(head: &RequestHead, buf: &[u8], name: &str) -> Option<String> {
    let value = head.fields.values(buf, name).next()?;
    String::from_utf8(value.to_vec()).ok()
}

fn pair<A: FromStr, B: FromStr>(head: &RequestHead, buf: &[u8], name: &str) -> Option<(A, B)> {
    let both = text(head, buf, name)?;
    let (one, other) = both.split_once(' ')?;
    Some((one.parse().ok()?, other.parse().ok()?))
}
