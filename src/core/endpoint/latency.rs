//! How long an endpoint takes, as far as its pool's policy wants to know.
//!
//! The pool measures, a policy says how and reads. What two policies ask for differs only in the
//! average; what is awaited at the moment is the same for all.

use std::time::Duration;

use crate::time::{Timestamp, nanos};

/// What a failed try counts as in [`Measure::Peak`]: Linkerd's.
const PENALTY_NS: f64 = 5e9;
/// What each request counts in [`Measure::Mean`]: nginx's.
const PART: f64 = 0.05;
/// How long [`Measure::Mean`] holds without a sample.
const REST_NS: u64 = 10_000_000_000;

/// What ends a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The head of the response.
    Header,
    /// The last byte of the response; a tunnel's head.
    LastByte,
}

/// What a policy wants measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// A mean to which each request adds 5 %, a failed try as twice the mean at least.
    Mean {
        /// Up to where.
        until: Until,
    },
    /// An average up to the head that forgets with time and that a greater value replaces; failed
    /// tries enter it as 5 s.
    Peak {
        /// How fast it forgets: to 1 / e in this time.
        decay: Duration,
    },
}

impl Measure {
    /// Up to where it measures.
    #[must_use]
    pub const fn until(self) -> Until {
        match self {
            Self::Mean { until } => until,
            Self::Peak { .. } => Until::Header,
        }
    }
}

/// A time by which an average forgets, as [`Latency::faded_ns`] wants it: above zero.
#[must_use]
pub fn decay_ns(decay: Duration) -> f64 {
    nanos(decay).max(1) as f64
}

/// How a measurement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// As it should.
    Good,
    /// With an error: 500 and above, 429, or no response at all.
    Bad,
    /// Not at all: the client left first, so it took longer than this.
    Unknown,
}

/// What is known of an endpoint's latency, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latency {
    /// The average when it was measured last; 0 if it never was.
    average_ns: f64,
    measured: Timestamp,
    /// Requests whose answer is awaited.
    awaited: u32,
    /// When they were sent, all added up, modulo 2^64: only differences of it mean anything.
    since: u64,
}

impl Latency {
    /// The mean, halved for every 10 s without a sample; `None` before the first.
    #[must_use]
    pub fn mean_ns(&self, now: Timestamp) -> Option<f64> {
        let rests = now.0.saturating_sub(self.measured.0) / REST_NS;
        let halved = self.average_ns / (1_u64 << rests.min(63)) as f64;
        (self.average_ns > 0.0).then_some(halved)
    }

    /// The average, faded by exp(-t / decay) since the last sample; `None` before the first.
    #[must_use]
    pub fn faded_ns(&self, now: Timestamp, decay_ns: f64) -> Option<f64> {
        let kept = || self.average_ns * self.kept(now, decay_ns);
        (self.average_ns > 0.0).then(kept)
    }

    /// Requests whose answer is awaited; 0 if the policy wants nothing measured.
    #[must_use]
    pub const fn awaited(&self) -> u32 {
        self.awaited
    }

    /// The mean age of the requests whose answer is awaited; 0 if none is.
    #[must_use]
    pub fn age_ns(&self, now: Timestamp) -> f64 {
        if self.awaited == 0 {
            return 0.0;
        }
        let ages = now
            .0
            .wrapping_mul(u64::from(self.awaited))
            .wrapping_sub(self.since);
        ages as f64 / f64::from(self.awaited)
    }

    fn kept(&self, now: Timestamp, decay_ns: f64) -> f64 {
        let elapsed = now.0.saturating_sub(self.measured.0) as f64;
        let x = -elapsed / decay_ns;
        // Under load samples are milliseconds apart: four terms are exact to 1e-12 here, and spare
        // a pick most of its cost.
        if x > -1.0 / 128.0 {
            1.0 + x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0))))
        } else {
            libm::exp(x)
        }
    }

    /// A request is sent at `now`; its answer is awaited until [`Latency::end`] says so.
    pub(crate) const fn begin(&mut self, now: Timestamp) {
        self.awaited += 1;
        self.since = self.since.wrapping_add(now.0);
    }

    /// A request sent at `sent` is no longer awaited, for this reason.
    pub(crate) fn end(&mut self, now: Timestamp, sent: Timestamp, how: Option<(Measure, Answer)>) {
        self.awaited = self.awaited.saturating_sub(1);
        self.since = self.since.wrapping_sub(sent.0);
        let Some((measure, answer)) = how else { return };
        // Nothing is faster than a nanosecond: 0 is for what was never measured.
        let sample = now.0.saturating_sub(sent.0).max(1) as f64;
        let average = match measure {
            Measure::Mean { .. } => self.mean(now, sample, answer),
            Measure::Peak { decay } => self.peak(now, decay_ns(decay), sample, answer),
        };
        if let Some(average) = average {
            self.average_ns = average;
            self.measured = now;
        }
    }

    fn mean(&self, now: Timestamp, sample: f64, answer: Answer) -> Option<f64> {
        let Some(mean) = self.mean_ns(now) else {
            return (answer != Answer::Unknown).then_some(sample);
        };
        let sample = match answer {
            Answer::Good => sample,
            // One that fails fast would look fast.
            Answer::Bad => sample.max(2.0 * mean),
            Answer::Unknown if sample > mean => sample,
            Answer::Unknown => return None,
        };
        Some(mean + (sample - mean) * PART)
    }

    fn peak(&self, now: Timestamp, decay_ns: f64, sample: f64, answer: Answer) -> Option<f64> {
        let penalty = if answer == Answer::Bad {
            PENALTY_NS
        } else {
            0.0
        };
        let Some(faded) = self.faded_ns(now, decay_ns) else {
            return (answer != Answer::Unknown).then_some(sample.max(penalty));
        };
        if answer == Answer::Unknown {
            return (sample > faded).then_some(sample);
        }
        let averaged = faded + sample.max(penalty) * (1.0 - self.kept(now, decay_ns));
        Some(averaged.max(sample))
    }
}

#[cfg(test)]
mod tests;
