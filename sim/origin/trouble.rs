//! What an origin does to requests while something is wrong with it.

use std::time::Duration;

use evenkeel_core::rng::Stream;

use crate::timeline::Change;

/// What becomes of a request that reaches an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is worked on.
    Serve,
    /// Its connection is reset.
    Reset,
    /// It is answered with this status at once, without work, and asked to come back so much later.
    Answer(u16, Duration),
}

/// The faults of an origin that hit a share of its requests, or its new connections. A draw is a
/// function of the fault's kind, the request and its try.
#[derive(Clone, Debug)]
pub struct Trouble {
    streams: [Stream; 3],
    refuses: bool,
    reset: f64,
    race: f64,
    errors: (f64, u16, Duration),
    /// Some share of requests is hit.
    strikes: bool,
}

impl Trouble {
    /// Nothing is wrong.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let names = ["fault/race", "fault/reset", "fault/error"];
        Self {
            streams: names.map(|name| Stream::new(seed, name)),
            refuses: false,
            reset: 0.0,
            race: 0.0,
            errors: (0.0, 200, Duration::ZERO),
            strikes: false,
        }
    }

    /// Whether new connections are refused.
    #[must_use]
    pub const fn refuses(&self) -> bool {
        self.refuses
    }

    /// Takes note of a change that concerns it.
    pub fn change(&mut self, change: Change) {
        match change {
            Change::Refuse(refuses) => self.refuses = refuses,
            Change::Reset(share) => self.reset = share,
            Change::Race(share) => self.race = share,
            Change::Errors {
                share,
                status,
                retry_after,
            } => self.errors = (share, status, retry_after),
            _ => {}
        }
        self.strikes = [self.reset, self.race, self.errors.0] != [0.0; 3];
    }

    /// Whether [`Self::verdict`] may be anything but [`Verdict::Serve`].
    #[must_use]
    pub const fn strikes(&self) -> bool {
        self.strikes
    }

    /// What becomes of try `attempt` (from 1) of request number `n` of a workload, on a connection
    /// that `was_idle` or is new or in use.
    #[must_use]
    pub fn verdict(&self, workload: u16, n: u64, attempt: u8, was_idle: bool) -> Verdict {
        // The draw is made for those alone who need it: nearly always nothing is wrong.
        let draw = |stream: usize| {
            let request = self.streams[stream].child(u64::from(workload)).child(n);
            request.at(u64::from(attempt)).unit()
        };
        let hits = |stream: usize, share: f64| share > 0.0 && draw(stream) < share;
        if (was_idle && hits(0, self.race)) || hits(1, self.reset) {
            Verdict::Reset
        } else if hits(2, self.errors.0) {
            Verdict::Answer(self.errors.1, self.errors.2)
        } else {
            Verdict::Serve
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    /// Of 20,000 requests; five standard deviations of a share of 0.2 are 1.4 %.
    #[test]
    fn shares_are_those_asked_for() {
        let count = |changes: &[Change], reused: bool, verdict: Verdict| {
            let mut trouble = Trouble::new(3);
            changes.iter().for_each(|change| trouble.change(*change));
            let hit = |n: &u64| trouble.verdict(0, *n, 1, reused) == verdict;
            (0..20_000).filter(hit).count() as f64 / 20_000.0
        };
        let errors = Change::Errors {
            share: 0.2,
            status: 503,
            retry_after: Duration::ZERO,
        };
        let error = Verdict::Answer(503, Duration::ZERO);
        let table = [
            (vec![], true, Verdict::Serve, 1.0),
            (vec![Change::Reset(0.2)], false, Verdict::Reset, 0.2),
            (vec![Change::Race(0.2)], true, Verdict::Reset, 0.2),
            (vec![Change::Race(0.2)], false, Verdict::Reset, 0.0),
            (vec![errors], true, error, 0.2),
            (vec![errors, Change::Reset(0.5)], true, error, 0.1),
            (
                vec![Change::Reset(1.0), Change::Reset(0.0)],
                true,
                Verdict::Serve,
                1.0,
            ),
        ];
        for (changes, reused, verdict, share) in table {
            let got = count(&changes, reused, verdict);
            assert!(
                (got - share).abs() < 0.018,
                "{changes:?}, {verdict:?}: {got}"
            );
        }
    }

    #[test]
    fn each_try_has_its_own_draw() {
        let mut trouble = Trouble::new(3);
        trouble.change(Change::Reset(0.5));
        let tries = (1..65).map(|attempt| trouble.verdict(0, 7, attempt, false));
        let reset = tries.filter(|verdict| *verdict == Verdict::Reset).count();
        assert!((16..48).contains(&reset), "{reset}");
    }
}
