//! The course of a run: what happened when, in steps of equal length. Kept where somebody will look
//! at pictures; it weighs too much for every run of a sweep.

use evenkeel_core::health::Standing;
use evenkeel_core::time::Timestamp;
use evenkeel_core::trace::{Event, Kind};
use hdrhistogram::Histogram;

use super::completion::{Completion, End};
use super::latency::{LONGEST_NS, RESOLUTION_NS};
use super::run::Sessions;

/// Steps of a run: enough for a picture, few enough for a table.
const STEPS: usize = 60;

/// What happened in a run, step by step from its beginning to the end of its arrivals.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course {
    /// The length of a step in seconds.
    pub step_s: f64,
    /// One for each step.
    pub steps: Vec<Step>,
    /// One for each endpoint of the results.
    pub lanes: Vec<Lane>,
}

/// What happened in a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// Requests that were due.
    pub sent: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// The median latency of those that were due, in milliseconds, within 1 %; as in results, fast
    /// failures aside.
    pub p50_ms: Option<f64>,
    /// Its 99th percentile.
    pub p99_ms: Option<f64>,
    /// Tries after the first.
    pub retries: u64,
    /// Requests that waited for an endpoint, on average over the step.
    pub waiting: f64,
    /// How often an endpoint was ejected or failed its checks.
    pub lost: u64,
    /// What became of the sessions that began.
    pub sessions: Sessions,
}

/// What an endpoint had in each step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lane {
    /// Tries that it was picked for.
    pub picks: Vec<u64>,
    /// How many it had in flight on average.
    pub in_flight: Vec<f64>,
}

/// Keeps a course while a run lasts.
#[derive(Debug)]
pub(super) struct Recorder {
    step_ns: u64,
    steps: Vec<Open>,
    /// By pool and endpoint.
    lanes: Vec<Vec<Track>>,
}

#[derive(Clone, Debug)]
struct Open {
    step: Step,
    latency: Histogram<u32>,
    /// Waiting requests times nanoseconds.
    waiting: u128,
}

#[derive(Clone, Debug)]
struct Track {
    picks: Vec<u64>,
    level: u64,
    since_ns: u64,
    /// Requests times nanoseconds in each step.
    areas: Vec<u128>,
}

impl Recorder {
    /// Of a run whose arrivals end at `until`, with so many endpoints in each pool.
    pub(super) fn new(until: Timestamp, endpoints: impl Iterator<Item = usize>) -> Self {
        let latency = Histogram::new_with_bounds(RESOLUTION_NS, LONGEST_NS, 2)
            .expect("the bounds are constants that the histogram accepts");
        let open = Open {
            step: Step::default(),
            latency,
            waiting: 0,
        };
        let track = Track {
            picks: vec![0; STEPS],
            level: 0,
            since_ns: 0,
            areas: vec![0; STEPS],
        };
        Self {
            step_ns: until.0.div_ceil(STEPS as u64).max(1),
            steps: vec![open; STEPS],
            lanes: endpoints.map(|count| vec![track.clone(); count]).collect(),
        }
    }

    fn at(&mut self, at: Timestamp) -> Option<&mut Open> {
        let step = at.0 / self.step_ns;
        self.steps.get_mut(usize::try_from(step).ok()?)
    }

    #[cold]
    pub(super) fn sent(&mut self, due: Timestamp) {
        if let Some(open) = self.at(due) {
            open.step.sent += 1;
        }
    }

    #[cold]
    pub(super) fn session(&mut self, began: Timestamp) {
        if let Some(open) = self.at(began) {
            open.step.sessions.started += 1;
        }
    }

    #[cold]
    pub(super) fn session_ended(&mut self, began: Timestamp, moved: bool, broken: bool) {
        if let Some(open) = self.at(began) {
            open.step.sessions.moved += u64::from(moved);
            open.step.sessions.broken += u64::from(broken);
        }
    }

    /// A request has waited from `since` to `now`.
    fn waited(&mut self, since: Timestamp, now: Timestamp) {
        let first = (since.0 / self.step_ns) as usize;
        for (n, open) in self.steps.iter_mut().enumerate().skip(first) {
            let from = n as u64 * self.step_ns;
            if from >= now.0 {
                break;
            }
            let part_ns = now.0.min(from + self.step_ns) - since.0.max(from);
            open.waiting += u128::from(part_ns);
        }
    }

    #[cold]
    pub(super) fn complete(&mut self, completion: &Completion) {
        let latency_ns = completion.done.0.saturating_sub(completion.due.0);
        let Some(open) = self.at(completion.due) else {
            return;
        };
        open.step.failed += u64::from(completion.end.is_failure());
        if matches!(completion.end, End::Status(..500) | End::Timeout) {
            open.latency.saturating_record(latency_ns);
        }
    }

    /// `row` is the endpoint's place in the results.
    #[cold]
    pub(super) fn record(&mut self, event: &Event, row: Option<usize>) {
        let step_ns = self.step_ns;
        let pool = self.lanes.get_mut(usize::from(event.pool));
        let track = row.and_then(|row| pool?.get_mut(row));
        if let Some(track) = track {
            match event.kind {
                Kind::Picked { .. } => {
                    let step = (event.at.0 / step_ns) as usize;
                    if let Some(picks) = track.picks.get_mut(step) {
                        *picks += 1;
                    }
                    track.move_to(event.at.0, step_ns);
                    track.level += 1;
                }
                Kind::Completed | Kind::Failed { .. } => {
                    track.move_to(event.at.0, step_ns);
                    track.level = track.level.saturating_sub(1);
                }
                _ => {}
            }
        }
        if let Kind::Waited { since } = event.kind {
            self.waited(since, event.at);
        }
        let Some(Open { step, .. }) = self.at(event.at) else {
            return;
        };
        match event.kind {
            Kind::Picked { .. } => step.retries += u64::from(event.attempt > 1),
            Kind::Ejected { .. }
            | Kind::Health {
                standing: Standing::Down,
            } => step.lost += 1,
            _ => {}
        }
    }

    pub(super) fn finish(self) -> Course {
        let step_ns = self.step_ns;
        let step = |open: Open| {
            let quantile = |quantile: f64| {
                let value = open.latency.value_at_quantile(quantile);
                (!open.latency.is_empty()).then(|| value as f64 / 1e6)
            };
            Step {
                p50_ms: quantile(0.5),
                p99_ms: quantile(0.99),
                waiting: open.waiting as f64 / step_ns as f64,
                ..open.step.clone()
            }
        };
        let lane = |mut track: Track| {
            track.move_to(step_ns.saturating_mul(STEPS as u64), step_ns);
            let mean = |area: &u128| *area as f64 / step_ns as f64;
            Lane {
                in_flight: track.areas.iter().map(mean).collect(),
                picks: track.picks,
            }
        };
        Course {
            step_s: step_ns as f64 / 1e9,
            steps: self.steps.into_iter().map(step).collect(),
            lanes: self.lanes.into_iter().flatten().map(lane).collect(),
        }
    }
}

impl Track {
    /// Adds what has been in flight up to `now_ns`.
    fn move_to(&mut self, now_ns: u64, step_ns: u64) {
        while self.since_ns < now_ns {
            let step = self.since_ns / step_ns;
            let Some(area) = self.areas.get_mut(step as usize) else {
                break;
            };
            let until = ((step + 1) * step_ns).min(now_ns);
            *area += u128::from(self.level) * u128::from(until - self.since_ns);
            self.since_ns = until;
        }
        self.since_ns = self.since_ns.max(now_ns);
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::result::test::event;

    /// A run of 60 s, so that a step is a second.
    #[test]
    fn a_course_is_what_happened_when() {
        const S: u64 = 1_000_000_000;
        let mut recorder = Recorder::new(Timestamp(60 * S), [2].into_iter());
        let picked = Kind::Picked { budgeted: false };
        for (at, attempt, kind) in [
            (S / 2, 1, picked),
            (S, 1, picked),
            (3 * S, 1, Kind::Completed),
            (3 * S, 2, picked),
            (70 * S, 1, Kind::Completed),
        ] {
            recorder.record(&event(at, 1, attempt, Some(1), kind), Some(1));
        }
        let waited = Kind::Waited {
            since: Timestamp(S / 2),
        };
        recorder.record(&event(3 * S, 1, 0, None, waited), None);
        recorder.session(Timestamp(S));
        recorder.session_ended(Timestamp(S), true, false);
        for (due, latency, end) in [
            (2 * S, 1_000_000, End::Status(200)),
            (2 * S + 1, 3_000_000, End::Status(200)),
            (2 * S, 5, End::Status(503)),
            (61 * S, 5, End::Status(200)),
        ] {
            recorder.sent(Timestamp(due));
            recorder.complete(&Completion {
                due: Timestamp(due),
                done: Timestamp(due + latency),
                workload: 0,
                class: 0,
                end,
            });
        }
        let course = recorder.finish();
        assert_eq!((course.step_s, course.steps.len()), (1.0, STEPS));
        let [idle, lane] = &course.lanes[..] else {
            panic!("{:?}", course.lanes);
        };
        assert_eq!(idle.in_flight, [0.0; STEPS]);
        assert_eq!(lane.in_flight[..5], [0.5, 2.0, 2.0, 2.0, 2.0]);
        assert_eq!(lane.in_flight[59], 2.0);
        assert_eq!(lane.picks[..4], [1, 1, 0, 1]);
        let Step { sent, failed, .. } = course.steps[2];
        assert_eq!((sent, failed), (3, 1));
        assert!((course.steps[2].p50_ms.unwrap() - 1.0).abs() < 0.01);
        assert!((course.steps[2].p99_ms.unwrap() - 3.0).abs() < 0.03);
        assert_eq!(course.steps[3].retries, 1);
        let waiting: Vec<f64> = course.steps.iter().map(|step| step.waiting).collect();
        assert_eq!(waiting[..4], [0.5, 1.0, 1.0, 0.0]);
        let wanted = Sessions {
            started: 1,
            broken: 0,
            moved: 1,
        };
        assert_eq!(course.steps[1].sessions, wanted);
        assert_eq!(course.steps[0].p50_ms, None);
    }
}
