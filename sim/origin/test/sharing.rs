//! Processor sharing and its limit of infinitely many processors, against a naive reference.

use super::*;

/// A job's arrival and work.
type Given = (u64, u64);

/// When each job leaves: from event to event, with everybody's remaining work in a list. `speeds`
/// are the instants at which the processors' speed changes.
fn naive(jobs: &[Given], processors: f64, speeds: &[(u64, f64)]) -> Vec<f64> {
    let mut left = vec![];
    let mut leaves = vec![0.0; jobs.len()];
    let (mut now, mut speed, mut next_job, mut next_speed) = (0.0, 1.0, 0, 0);
    loop {
        let rate = speed * (processors / left.len() as f64).min(1.0);
        let over = left
            .iter()
            .map(|(_, work): &(usize, f64)| now + work / rate);
        let over = over.fold(f64::INFINITY, f64::min);
        let arrival = jobs.get(next_job).map_or(f64::INFINITY, |job| job.0 as f64);
        let change = speeds
            .get(next_speed)
            .map_or(f64::INFINITY, |change| change.0 as f64);
        let next = over.min(arrival).min(change);
        if next == f64::INFINITY {
            return leaves;
        }
        for (_, work) in &mut left {
            *work -= (next - now) * rate;
        }
        now = next;
        left.retain(|(id, work)| {
            let over = *work < 1e-6;
            if over {
                leaves[*id] = now;
            }
            !over
        });
        if change == now {
            speed = speeds[next_speed].1;
            next_speed += 1;
        } else if arrival == now {
            left.push((next_job, jobs[next_job].1 as f64));
            next_job += 1;
        }
    }
}

/// When each job leaves the station, with a change before the arrivals of its instant.
fn station(model: Model, jobs: &[Given], speeds: &[(u64, f64)]) -> Vec<u64> {
    let mut station = Station::new(spec(model), draws(1, 0));
    let mut leaves = vec![0; jobs.len()];
    let mut note = |id: JobId, at: Timestamp| leaves[id as usize] = at.0;
    let mut speeds = speeds.iter().peekable();
    let mut change = |station: &mut Station, until: u64, note: &mut dyn FnMut(JobId, Timestamp)| {
        while let Some((at, speed)) = speeds.next_if(|(at, _)| *at <= until) {
            let at = Timestamp(*at);
            station.advance(at, &mut |id, at| note(id, at));
            if *speed == 0.0 {
                station.pause(at);
            } else {
                station.resume(at);
                station.slow(at, 1.0 / speed);
            }
        }
    };
    for (id, &(arrival, work)) in (0..).zip(jobs) {
        change(&mut station, arrival, &mut note);
        station.advance(Timestamp(arrival), &mut note);
        assert!(station.offer(Timestamp(arrival), &job(id, work, 0)));
    }
    change(&mut station, u64::MAX - 1, &mut note);
    station.advance(Timestamp::MAX, &mut note);
    assert_eq!((station.in_flight(), station.next()), (0, None));
    leaves
}

/// The first whole nanosecond at which a job is over, give or take a thousandth of one.
fn agree(leaves: &[u64], expected: &[f64]) -> Result<(), TestCaseError> {
    for (id, (at, exact)) in leaves.iter().zip(expected).enumerate() {
        let late = *at as f64 - exact;
        prop_assert!(
            (-1e-3..1.001).contains(&late),
            "{}: {} not {}",
            id,
            at,
            exact
        );
    }
    Ok(())
}

proptest! {
    #[test]
    fn sharing_agrees_with_the_naive_reference(
        jobs in prop::collection::vec((0_u64..300_000, 1_u64..60_000), 1..60),
        speeds in prop::collection::vec((0_u64..600_000, 0_usize..4), 0..6),
        workers in 1_u16..4,
    ) {
        let (mut jobs, mut speeds) = (jobs, speeds);
        jobs.sort_unstable();
        speeds.sort_unstable();
        speeds.dedup_by_key(|change| change.0);
        speeds.push((600_000, 3));
        let speeds: Vec<_> = speeds.iter().map(|&(at, n)| (at, [0.0, 0.25, 0.5, 1.0][n])).collect();
        let shared = station(Model::Ps { workers }, &jobs, &speeds);
        agree(&shared, &naive(&jobs, f64::from(workers), &speeds))?;
        let alone = station(Model::Delay, &jobs, &speeds);
        agree(&alone, &naive(&jobs, f64::INFINITY, &speeds))?;
    }
}

/// A busy period of 100,000 jobs: roundings do not add up.
#[test]
fn a_long_busy_period_stays_exact() {
    let (input, _) = lindley(100_000);
    let leaves = station(Model::Ps { workers: 1 }, &input, &[]);
    let (fifo, _) = run(fifo(), &input);
    // Both conserve work: they empty at the same instants.
    let last = |leaves: &[u64]| *leaves.iter().max().unwrap();
    let fifo: Vec<u64> = fifo.iter().map(|(_, at)| *at).collect();
    assert_eq!(last(&leaves), last(&fifo));
    let first = &input[..4_000];
    let leaves = station(Model::Ps { workers: 1 }, first, &[]);
    agree(&leaves, &naive(first, 1.0, &[])).unwrap();
}

#[test]
fn shares_by_hand() {
    let ps = |workers| spec(Model::Ps { workers });
    let table: [Case; 6] = [
        (
            "two halve it: 1 has done 6 of 10 when 2 comes, both get half until 2 is over",
            ps(1),
            vec![(0, Offer(1, 10, 0)), (6, Offer(2, 2, 0))],
            vec![(2, 10), (1, 12)],
        ),
        (
            "three on two processors get two thirds each",
            ps(2),
            (1..4).map(|id| (0, Offer(id, 6, 0))).collect(),
            vec![(1, 9), (2, 9), (3, 9)],
        ),
        (
            "who waits shares nothing: 1 computes 2, waits 6, computes 2 beside 2",
            ps(1),
            vec![(0, Offer(1, 4, 6)), (6, Offer(2, 4, 0))],
            vec![(2, 12), (1, 12)],
        ),
        (
            "nobody is in anybody's way",
            spec(Model::Delay),
            vec![
                (0, Offer(1, 10, 0)),
                (0, Offer(2, 10, 0)),
                (1, Offer(3, 4, 2)),
            ],
            vec![(3, 7), (1, 10), (2, 10)],
        ),
        (
            "a pause stops all of them, and who comes meanwhile",
            spec(Model::Delay),
            vec![
                (0, Offer(1, 10, 0)),
                (4, Pause),
                (5, Offer(2, 3, 0)),
                (50, Resume),
            ],
            vec![(2, 53), (1, 56)],
        ),
        (
            "slow stretches what is left of all",
            ps(1),
            vec![(0, Offer(1, 10, 0)), (0, Offer(2, 10, 0)), (10, Slow(3.0))],
            vec![(1, 40), (2, 40)],
        ),
    ];
    check(table);
}

#[test]
fn loads_of_sharing() {
    let until = Timestamp(100 * MS);
    let loaded = |model| {
        let given = Spec {
            until,
            ..spec(model)
        };
        let mut station = Station::new(given, draws(1, 0));
        for id in 0..3 {
            assert!(station.offer(Timestamp::ZERO, &job(id, 20 * MS, 0)));
        }
        station.advance(Timestamp::MAX, &mut |_, _| {});
        station.load(until)
    };
    let table = [
        (Model::Ps { workers: 1 }, 60, 180, 100),
        (Model::Ps { workers: 2 }, 60, 90, 200),
        (Model::Delay, 60, 60, 100),
    ];
    for (model, busy, in_flight, capacity) in table {
        let load = loaded(model);
        let numbers = (load.busy_ns, load.presence.in_flight_ns, load.capacity_ns);
        let ms = |n: u64| u128::from(n * MS);
        assert_eq!(
            numbers,
            (ms(busy), ms(in_flight), ms(capacity)),
            "{model:?}"
        );
    }
}
