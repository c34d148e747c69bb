//! Processor sharing: everybody who computes gets the same part of the processors, and nobody
//! more than one.
//!
//! All jobs have the same attained service from the day on when they are together, so one number
//! grows for all of them, a job is over when it has grown by the job's work, and a heap knows who
//! is next. Times are kept in parts of a nanosecond, so that roundings do not add up.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::job::Part;

/// Bits behind the point: a sum of a million roundings stays below a thousandth of a nanosecond.
const BITS: u32 = 32;
const ONE: u128 = 1 << BITS;
/// An instant that is this little after a whole nanosecond is that nanosecond: it owes it to
/// roundings.
const SLACK: u128 = 1 << (BITS - 12);

/// A job that computes, ordered by the service at which it is over, then by its beginning.
#[derive(Clone, Copy, Debug)]
struct Share {
    over: u128,
    sequence: u64,
    part: Part,
}

impl PartialEq for Share {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Share {}

impl PartialOrd for Share {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Share {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.over, self.sequence).cmp(&(other.over, other.sequence))
    }
}

/// See the module. Fixed-point numbers have [`BITS`] bits behind the point.
#[derive(Debug)]
pub(super) struct Sharing {
    processors: u32,
    jobs: BinaryHeap<Reverse<Share>>,
    sequence: u64,
    /// How long a nanosecond of work takes, fixed-point.
    stretch: u128,
    /// The service that a job would have attained which was always there; fixed-point nanoseconds.
    attained: u128,
    /// Until when that is right; fixed-point nanoseconds.
    settled: u128,
    paused: bool,
}

impl Sharing {
    /// Nobody computes yet. With [`u32::MAX`] processors everybody always has one.
    pub(super) fn new(processors: u32, stretch: f64) -> Self {
        Self {
            processors,
            jobs: BinaryHeap::new(),
            sequence: 0,
            stretch: fixed(stretch),
            attained: 0,
            settled: 0,
            paused: false,
        }
    }

    /// How many processors compute.
    pub(super) fn busy(&self) -> u32 {
        match self.paused {
            true => 0,
            false => (self.jobs.len() as u32).min(self.processors),
        }
    }

    /// `part` computes from `now` on.
    pub(super) fn ready(&mut self, now: u64, part: Part) {
        self.settle(now);
        self.sequence += 1;
        self.jobs.push(Reverse(Share {
            over: self.attained + (u128::from(part.cpu_ns) << BITS),
            sequence: self.sequence,
            part,
        }));
    }

    /// How long one processor would compute on all that is there.
    pub(super) fn left(&mut self, now: u64) -> u64 {
        self.settle(now);
        let work = self
            .jobs
            .iter()
            .map(|Reverse(job)| job.over.saturating_sub(self.attained) >> BITS);
        let left = work
            .fold(0, u128::saturating_add)
            .saturating_mul(self.stretch)
            >> BITS;
        u64::try_from(left).unwrap_or(u64::MAX)
    }

    /// When somebody is over next: the first whole nanosecond at which it is.
    pub(super) fn next(&self) -> u64 {
        match self.over() {
            Some(over) if !self.paused => {
                let whole = over.saturating_add(ONE - 1 - SLACK) >> BITS;
                u64::try_from(whole).unwrap_or(u64::MAX)
            }
            _ => u64::MAX,
        }
    }

    /// Ends who is over at `now`.
    pub(super) fn end(&mut self, now: u64, ended: &mut impl FnMut(Part)) {
        while self.next() <= now
            && let Some(over) = self.over()
            && let Some(Reverse(share)) = self.jobs.pop()
        {
            self.settled = over;
            self.attained = if self.jobs.is_empty() { 0 } else { share.over };
            ended(share.part);
        }
    }

    /// From `now` on a nanosecond of work takes `stretch` of them.
    pub(super) fn slow(&mut self, now: u64, stretch: f64) {
        self.settle(now);
        self.stretch = fixed(stretch);
    }

    pub(super) fn pause(&mut self, now: u64) {
        self.settle(now);
        self.paused = true;
    }

    pub(super) fn resume(&mut self, now: u64) {
        self.settle(now);
        self.paused = false;
    }

    /// Ends all, in the order in which they began.
    pub(super) fn drain(&mut self) -> Vec<Part> {
        let mut shares: Vec<Share> = self.jobs.drain().map(|Reverse(share)| share).collect();
        shares.sort_unstable_by_key(|share| share.sequence);
        (self.attained, self.paused) = (0, false);
        shares.into_iter().map(|share| share.part).collect()
    }

    /// The exact instant at which somebody is over next, if nothing changes.
    fn over(&self) -> Option<u128> {
        let Reverse(share) = self.jobs.peek()?;
        let left = share.over.saturating_sub(self.attained);
        let (jobs, served) = self.crowd();
        let alone = if jobs == served {
            left
        } else {
            left.saturating_mul(jobs) / served
        };
        let takes = if self.stretch == ONE {
            alone
        } else {
            // Saturates only beyond what 64 bits of nanoseconds hold.
            alone.saturating_mul(self.stretch) >> BITS
        };
        Some(self.settled.saturating_add(takes))
    }

    /// Brings the attained service up to `now`, before which nobody is over.
    fn settle(&mut self, now: u64) {
        let now = u128::from(now) << BITS;
        let passed = now.saturating_sub(self.settled);
        self.settled = self.settled.max(now);
        if self.paused || self.jobs.is_empty() {
            return;
        }
        let (jobs, served) = self.crowd();
        let each = if jobs == served {
            passed
        } else {
            passed * served / jobs
        };
        let gained = if self.stretch == ONE {
            each
        } else {
            (each << BITS) / self.stretch
        };
        self.attained += gained;
    }

    /// How many compute, and how many could at full speed.
    fn crowd(&self) -> (u128, u128) {
        let jobs = self.jobs.len() as u128;
        (jobs, jobs.min(u128::from(self.processors)))
    }
}

fn fixed(stretch: f64) -> u128 {
    ((stretch * ONE as f64 + 0.5) as u128).max(1)
}
