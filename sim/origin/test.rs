//! Stations against Lindley's recursion, tables of faults, and naive references.

mod line;
mod runtime;
mod sharing;

use super::*;
use evenkeel_core::rng::Stream;
use proptest::prelude::*;

const MS: u64 = 1_000_000;

fn spec(model: Model) -> Spec {
    Spec {
        model,
        speed: 1.0,
        overhead: Duration::ZERO,
        runtime: Runtime::default(),
        from: Timestamp::ZERO,
        until: Timestamp(1_000_000 * MS),
    }
}

fn node() -> Spec {
    spec(Model::Node { workers: 1 })
}

fn fifo() -> Spec {
    spec(Model::Fifo { workers: 1 })
}

fn job(id: JobId, cpu_ns: u64, io_ns: u64) -> Job {
    Job {
        id,
        connection: id,
        fresh: false,
        cpu_ns,
        io_ns,
    }
}

/// A job and when it was done.
type Done = (JobId, u64);

/// What it shows, the station, what is done to it when, what is done when.
type Case = (&'static str, Spec, Vec<(u64, Act)>, Vec<Done>);

/// What a driver does to a station. Times in milliseconds.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Id, computing, waiting.
    Offer(JobId, u64, u64),
    Slow(f64),
    Pause,
    Resume,
    Hang,
    Release,
    Crash,
    Restart,
}
use Act::{Crash, Hang, Offer, Pause, Release, Restart, Resume, Slow};

/// Drives a station through `acts` and to its end: what was done when (ns), and what was lost.
fn drive(spec: Spec, acts: &[(u64, Act)]) -> (Vec<Done>, Vec<JobId>) {
    let (mut done, mut lost) = (Vec::new(), Vec::new());
    let mut station = Station::new(spec, draws(1, 0));
    for &(at, act) in acts {
        let now = Timestamp(at * MS);
        station.advance(now, &mut |id, at| done.push((id, at.0)));
        match act {
            Offer(id, cpu, io) => {
                if !station.offer(now, &job(id, cpu * MS, io * MS)) {
                    lost.push(id);
                }
            }
            Slow(factor) => station.slow(now, factor),
            Pause => station.pause(now),
            Resume => station.resume(now),
            Hang => station.hang(),
            Release => station.release(now, &mut |id, at| done.push((id, at.0))),
            Crash => lost.extend(station.crash(now)),
            Restart => station.restart(),
        }
    }
    station.advance(Timestamp::MAX, &mut |id, at| done.push((id, at.0)));
    (done, lost)
}

fn done_ms(spec: Spec, acts: &[(u64, Act)]) -> Vec<Done> {
    let (done, lost) = drive(spec, acts);
    assert!(lost.is_empty());
    done.into_iter().map(|(id, at)| (id, at / MS)).collect()
}

fn check<const N: usize>(table: [Case; N]) {
    for (name, spec, acts, expected) in table {
        assert_eq!(done_ms(spec, &acts), expected, "{name}");
    }
}

/// Arrivals and services in nanoseconds at a load of 0.9, and when each leaves by Lindley (1952).
fn lindley(jobs: u64) -> (Vec<(u64, u64)>, Vec<Done>) {
    let law = |mean| crate::law::Law::exponential(Duration::from_micros(mean));
    let (gaps, services) = (Stream::new(4, "gap"), Stream::new(4, "service"));
    let (mut arrival, mut free_at) = (0, 0);
    let (mut input, mut leaves) = (Vec::new(), Vec::new());
    for id in 0..jobs {
        arrival += law(1_000).draw(&mut gaps.at(id));
        let service = law(900).draw(&mut services.at(id));
        free_at = free_at.max(arrival) + service;
        input.push((arrival, service));
        leaves.push((id, free_at));
    }
    (input, leaves)
}

fn run(spec: Spec, input: &[(u64, u64)]) -> (Vec<Done>, Load) {
    let mut station = Station::new(spec, draws(1, 0));
    let mut done = Vec::new();
    for (id, &(arrival, service)) in (0..).zip(input) {
        station.advance(Timestamp(arrival), &mut |id, at| done.push((id, at.0)));
        assert!(station.offer(Timestamp(arrival), &job(id, service, 0)));
    }
    station.advance(Timestamp::MAX, &mut |id, at| done.push((id, at.0)));
    assert_eq!((station.in_flight(), station.next()), (0, None));
    (done, station.load(Timestamp::MAX))
}

#[test]
fn fifo_and_node_equal_lindley_to_the_nanosecond() {
    let (input, leaves) = lindley(100_000);
    let (fifo, load) = run(fifo(), &input);
    assert_eq!(fifo, leaves);
    assert_eq!(run(node(), &input).0, leaves);
    let sojourn: u64 = leaves
        .iter()
        .zip(&input)
        .map(|((_, leave), (at, _))| leave - at)
        .sum();
    let work: u64 = input.iter().map(|(_, service)| service).sum();
    assert_eq!(
        load.presence.in_flight_ns,
        u128::from(sojourn),
        "Little's law, exactly"
    );
    assert_eq!(load.busy_ns, u128::from(work));
}

#[test]
fn waits_overlap_and_come_back_to_the_end_of_the_ready_list() {
    let table: [Case; 5] = [
        (
            "a wait frees the loop: 1 computes 0-4, waits 4-24, computes 24-28; 2 runs in between",
            node(),
            vec![(0, Offer(1, 8, 20)), (1, Offer(2, 10, 0))],
            vec![(2, 14), (1, 28)],
        ),
        (
            "ten waits of 20 ms overlap: 2 ms of computing each is all that queues",
            node(),
            (0..10).map(|id| (0, Offer(id, 4, 20))).collect(),
            (0..10).map(|id| (id, 24 + 2 * id)).collect(),
        ),
        (
            "who comes back (at 5) waits behind who arrived meanwhile (at 4), before who comes later",
            node(),
            vec![
                (0, Offer(1, 2, 4)),
                (1, Offer(2, 10, 0)),
                (4, Offer(3, 10, 0)),
                (6, Offer(4, 1, 0)),
            ],
            vec![(2, 11), (3, 21), (1, 22), (4, 23)],
        ),
        (
            "a fifo server is held by the wait",
            fifo(),
            vec![(0, Offer(1, 8, 20)), (1, Offer(2, 10, 0))],
            vec![(1, 28), (2, 38)],
        ),
        (
            "two processes: connections 0 and 2 block one another, not connection 1",
            spec(Model::Node { workers: 2 }),
            vec![
                (0, Offer(0, 10, 0)),
                (1, Offer(1, 5, 0)),
                (2, Offer(2, 5, 0)),
            ],
            vec![(1, 6), (0, 10), (2, 15)],
        ),
    ];
    check(table);
}

#[test]
fn slow_stretches_computing() {
    let table: [Case; 4] = [
        (
            "slow stretches what is left: 4 of 10 done, 6 left, times 20",
            node(),
            vec![(0, Offer(1, 10, 0)), (4, Slow(20.0)), (5, Offer(2, 1, 0))],
            vec![(1, 124), (2, 144)],
        ),
        (
            "and its end shrinks it again",
            node(),
            vec![(0, Slow(20.0)), (0, Offer(1, 10, 0)), (100, Slow(1.0))],
            vec![(1, 105)],
        ),
        (
            "no slow processor stretches a wait",
            node(),
            vec![(0, Slow(2.0)), (0, Offer(1, 4, 10))],
            vec![(1, 18)],
        ),
        (
            "half the speed, and the overhead counts",
            Spec {
                speed: 0.5,
                overhead: Duration::from_millis(1),
                ..node()
            },
            vec![(0, Offer(1, 10, 0))],
            vec![(1, 22)],
        ),
    ];
    check(table);
}

#[test]
fn a_pause_freezes_computing() {
    let table: [Case; 4] = [
        (
            "a pause freezes what is left, and who arrives waits",
            node(),
            vec![
                (0, Offer(1, 10, 0)),
                (4, Pause),
                (5, Offer(2, 3, 0)),
                (50, Resume),
            ],
            vec![(1, 56), (2, 59)],
        ),
        (
            "a wait goes on during a pause and lines up when it ends",
            node(),
            vec![
                (0, Offer(1, 2, 10)),
                (5, Pause),
                (6, Offer(2, 3, 0)),
                (12, Offer(3, 1, 0)),
                (20, Resume),
            ],
            vec![(2, 23), (1, 24), (3, 25)],
        ),
        (
            "slow during a pause",
            node(),
            vec![
                (0, Offer(1, 10, 0)),
                (4, Pause),
                (9, Slow(2.0)),
                (10, Resume),
            ],
            vec![(1, 22)],
        ),
        (
            "pausing twice and resuming twice is once",
            node(),
            vec![
                (0, Offer(1, 10, 0)),
                (2, Pause),
                (4, Pause),
                (6, Resume),
                (8, Resume),
            ],
            vec![(1, 14)],
        ),
    ];
    check(table);
}

#[test]
fn a_crash_loses_everything_and_refuses_until_the_restart() {
    let acts = [
        (0, Offer(1, 2, 50)),
        (1, Offer(2, 10, 0)),
        (3, Offer(3, 10, 0)),
        (4, Pause),
        (5, Crash),
        (6, Offer(4, 1, 0)),
        (7, Pause),
        (8, Resume),
        (9, Restart),
        (10, Offer(5, 1, 0)),
    ];
    let (done, lost) = drive(node(), &acts);
    assert_eq!(lost, [2, 3, 1, 4], "running, ready, waiting, refused");
    assert_eq!(done, [(5, 11 * MS)]);
}

/// A second way to compute a fifo server under faults: the speed as a function of time, and for
/// each job the time at which the integral of the speed reaches its work.
fn fluid(jobs: &[(u64, u64)], changes: &[(u64, f64)]) -> Vec<f64> {
    let mut free_at = 0.0_f64;
    let leave = |start: f64, work: f64| {
        let (mut at, mut left, mut speed) = (start, work, 1.0);
        for &(when, next) in changes {
            let when = when as f64;
            if when > at {
                if left <= (when - at) * speed {
                    return at + left / speed;
                }
                left -= (when - at) * speed;
                at = when;
            }
            speed = next;
        }
        at + left / speed
    };
    let each = jobs.iter().map(|&(arrival, work)| {
        free_at = leave(free_at.max(arrival as f64), work as f64);
        free_at
    });
    each.collect()
}

proptest! {
    /// Random slow and pause sequences end where the fluid reference says. Each of the 40 jobs and
    /// 13 changes rounds by half a nanosecond, which a later factor may stretch: 60 ns bound it.
    #[test]
    fn slow_and_pause_agree_with_the_fluid_reference(
        jobs in prop::collection::vec((0_u64..2_000_000, 1_u64..100_000), 1..40),
        faults in prop::collection::vec((0_u64..2_000_000, 0_u8..4), 0..12),
    ) {
        let (mut jobs, mut faults) = (jobs, faults);
        jobs.sort_unstable();
        faults.sort_unstable();
        faults.push((2_000_000, 0));
        let mut station = Station::new(fifo(), draws(1, 0));
        let mut done = Vec::new();
        let mut changes: Vec<(u64, f64)> = Vec::new();
        let (mut next_fault, mut factor, mut paused) = (0, 1.0, false);
        let mut fault = |station: &mut Station, (at, kind): (u64, u8)| {
            match kind {
                0 => { paused = false; station.resume(Timestamp(at)); }
                1 => { paused = true; station.pause(Timestamp(at)); }
                kind => {
                    factor = f64::from(kind) * 1.5;
                    station.slow(Timestamp(at), factor);
                }
            }
            changes.push((at, if paused { 0.0 } else { 1.0 / factor }));
        };
        for (id, &(arrival, work)) in (0..).zip(&jobs) {
            while faults[next_fault].0 < arrival {
                let at = Timestamp(faults[next_fault].0);
                station.advance(at, &mut |id, at| done.push((id, at.0)));
                fault(&mut station, faults[next_fault]);
                next_fault += 1;
            }
            station.advance(Timestamp(arrival), &mut |id, at| done.push((id, at.0)));
            prop_assert!(station.offer(Timestamp(arrival), &job(id, work, 0)));
        }
        for &rest in &faults[next_fault..] {
            station.advance(Timestamp(rest.0), &mut |id, at| done.push((id, at.0)));
            fault(&mut station, rest);
        }
        station.advance(Timestamp::MAX, &mut |id, at| done.push((id, at.0)));
        let expected = fluid(&jobs, &changes);
        prop_assert_eq!(done.len(), jobs.len());
        for ((id, at), expected) in done.into_iter().zip(expected) {
            prop_assert!((at as f64 - expected).abs() <= 60.0, "{}: {} not {}", id, at, expected);
        }
    }

    /// Whatever happens, every job that was offered is done once or lost once.
    #[test]
    fn jobs_are_conserved(
        acts in prop::collection::vec((0_u64..5, 0_u8..9, 0_u64..20, 0_u64..30), 1..120),
        workers in 1_u16..4,
    ) {
        let mut at = 0;
        let mut script = Vec::new();
        for (id, &(gap, kind, cpu, io)) in (0..).zip(&acts) {
            at += gap;
            script.push((at, match kind {
                0 => Pause,
                1 => Resume,
                2 => Crash,
                3 => Restart,
                4 => Slow(0.5 + cpu as f64),
                _ => Offer(id, cpu, io * (io % 2)),
            }));
        }
        script.push((at, Resume));
        let (done, lost) = drive(spec(Model::Node { workers }), &script);
        let mut ids: Vec<JobId> = done.iter().map(|d| d.0).chain(lost).collect();
        ids.sort_unstable();
        let offered = script.iter().filter_map(|(_, act)| match act {
            Offer(id, ..) => Some(*id),
            _ => None,
        });
        prop_assert_eq!(ids, offered.collect::<Vec<_>>());
        prop_assert!(done.is_sorted_by_key(|d| d.1));
    }
}

#[test]
fn load_counts_busy_processes_and_leaves_pauses_out() {
    let mut station = Station::new(
        Spec {
            from: Timestamp(10 * MS),
            until: Timestamp(110 * MS),
            ..spec(Model::Node { workers: 2 })
        },
        draws(1, 0),
    );
    let mut ignore = |_: JobId, _: Timestamp| {};
    assert!(station.offer(Timestamp::ZERO, &job(0, 30 * MS, 0)));
    assert!(station.offer(Timestamp::ZERO, &job(1, 20 * MS, 0)));
    station.advance(Timestamp(25 * MS), &mut ignore);
    station.pause(Timestamp(25 * MS));
    station.resume(Timestamp(45 * MS));
    station.advance(Timestamp(200 * MS), &mut ignore);
    let load = station.load(Timestamp(200 * MS));
    assert_eq!(load.busy_ns, u128::from((20 + 10) * MS));
    assert_eq!(load.presence.in_flight_ns, u128::from((40 + 10) * MS));
    assert_eq!(
        (load.presence.window_ns, load.capacity_ns),
        (100 * MS, u128::from(200 * MS))
    );
}
