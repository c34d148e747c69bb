//! Several servers of one queue, against a naive reference.

use super::*;

/// When each job leaves: the server that is free first takes it.
fn naive(jobs: &[(u64, u64)], servers: usize) -> Vec<Done> {
    let mut free_at = vec![0; servers];
    let mut leaves = Vec::new();
    for (id, &(arrival, work)) in (0..).zip(jobs) {
        let first = free_at.iter_mut().min().unwrap();
        *first = arrival.max(*first) + work;
        leaves.push((id, *first));
    }
    leaves.sort_unstable_by_key(|(id, at)| (*at, *id));
    leaves
}

proptest! {
    #[test]
    fn servers_of_one_queue_agree_with_the_naive_reference(
        jobs in prop::collection::vec((0_u64..100, 0_u64..60), 1..120),
        workers in 1_u16..6,
    ) {
        let mut jobs = jobs;
        jobs.sort_unstable();
        let (mut done, load) = run(spec(Model::Fifo { workers }), &jobs);
        done.sort_unstable_by_key(|(id, at)| (*at, *id));
        prop_assert_eq!(&done, &naive(&jobs, usize::from(workers)));
        let work: u64 = jobs.iter().map(|job| job.1).sum();
        prop_assert_eq!(load.busy_ns, u128::from(work));
    }
}

#[test]
fn faults_hit_all_servers() {
    let two = || spec(Model::Fifo { workers: 2 });
    let table: [Case; 2] = [
        (
            "a pause freezes both, and both take from the queue when it ends",
            two(),
            vec![
                (0, Offer(1, 10, 0)),
                (0, Offer(2, 4, 0)),
                (4, Pause),
                (5, Offer(3, 6, 0)),
                (10, Resume),
            ],
            vec![(2, 4), (1, 16), (3, 16)],
        ),
        (
            "slow stretches both; a wait holds its server",
            two(),
            vec![
                (0, Offer(1, 5, 5)),
                (0, Offer(2, 4, 0)),
                (2, Slow(2.0)),
                (3, Offer(3, 1, 0)),
            ],
            vec![(2, 6), (3, 8), (1, 18)],
        ),
    ];
    check(table);
    let script = (0..5).map(|id| (0, Offer(id, 10, 0)));
    let (done, lost) = drive(two(), &script.chain([(5, Crash)]).collect::<Vec<_>>());
    assert_eq!((done, lost), (vec![], vec![0, 2, 3, 4, 1]));
}

#[test]
fn who_hangs_works_and_answers_when_it_ends() {
    let table = [
        (
            "what is done is held, in its order",
            vec![
                (0, Offer(1, 10, 0)),
                (2, Hang),
                (3, Offer(2, 5, 0)),
                (40, Release),
            ],
            vec![(1, 40), (2, 40)],
            vec![],
        ),
        (
            "what is not done yet is answered when it is",
            vec![(0, Hang), (0, Offer(1, 10, 0)), (4, Release), (5, Release)],
            vec![(1, 10)],
            vec![],
        ),
        (
            "a crash loses what is held, and the next process answers",
            vec![
                (0, Hang),
                (0, Offer(1, 1, 0)),
                (5, Crash),
                (6, Hang),
                (7, Restart),
                (8, Offer(2, 1, 0)),
            ],
            vec![(2, 9)],
            vec![1],
        ),
    ];
    for (name, script, expected, lost) in table {
        let (done, gone) = drive(fifo(), &script);
        let done: Vec<Done> = done.into_iter().map(|(id, at)| (id, at / MS)).collect();
        assert_eq!((done, gone), (expected, lost), "{name}");
    }
}
