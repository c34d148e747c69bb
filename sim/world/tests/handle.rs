//! What a handle says: time, dates, randomness, decisions; and bytes at random.

use evenkeel_core::trace::{Event, Kind};
use evenkeel_proxy::world::Sleep as _;
use hyper::rt::Timer as _;
use proptest::prelude::*;

use super::*;

#[test]
fn sleeps_end_at_the_first_tick_at_or_after_their_deadline() {
    let log = Log::default();
    let seen = log.clone();
    pair(
        setting(),
        100,
        |world| async move {
            for deadline_us in [0, 100, 101, 200, 950] {
                world.sleep_until(Timestamp(deadline_us * 1_000)).await;
                log.note(&world, format!("{deadline_us}"));
            }
            let mut sleep = world.sleep_until(Timestamp::MAX);
            sleep.reset(ticks(20));
            (&mut sleep).await;
            log.note(&world, "reset");
            sleep.reset(ticks(30));
            (&mut sleep).await;
            log.note(&world, "reset again");
        },
        |_| async {},
    );
    seen.expect(&[
        (0, "0"),
        (1, "100"),
        (2, "101"),
        (2, "200"),
        (10, "950"),
        (20, "reset"),
        (30, "reset again"),
    ]);
}

#[test]
fn hyper_sleeps_in_simulated_time() {
    let log = Log::default();
    let seen = log.clone();
    pair(
        setting(),
        100,
        |world| async move {
            let timer = world.timer();
            let begin = timer.now();
            timer.sleep(Duration::from_micros(450)).await;
            log.note(&world, format!("{:?}", timer.now() - begin));
            timer.sleep_until(begin + Duration::from_millis(2)).await;
            log.note(&world, format!("{:?}", timer.now() - begin));
        },
        |_| async {},
    );
    seen.expect(&[(5, "500µs"), (20, "2ms")]);
}

#[test]
fn decisions_reach_the_recorder_and_the_date_goes_on() {
    let events: Rc<RefCell<Vec<Event>>> = Rc::default();
    let recorder = events.clone();
    let record = Rc::new(move |event: &Event| recorder.borrow_mut().push(*event));
    let mut simulation = Simulation::new(setting(), record);
    simulation.host(Role::Proxy, "proxy", ip(2), |world| async move {
        let begin = world.unix_now();
        world.sleep_until(ticks(10)).await;
        assert_eq!(world.unix_now() - begin, TICK * 10);
        world.record(&Event {
            at: world.now(),
            request: 7,
            pool: 0,
            attempt: 0,
            endpoint: None,
            kind: Kind::Queued { budgeted: false },
        });
    });
    simulation.run_until(ticks(20)).unwrap();
    let events = events.take();
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].request, events[0].at), (7, ticks(10)));
}

/// A name keeps its randomness wherever its process runs.
#[test]
fn randomness_goes_by_the_name_of_the_process() {
    let draw = |host: &'static str, process: &'static str| {
        let drawn: Rc<RefCell<Option<u64>>> = Rc::default();
        let seen = drawn.clone();
        let mut simulation = simulation(setting());
        simulation.host(Role::Proxy, host, ip(1), move |world| async move {
            let process = world.process(process, SocketAddr::new(ip(2), 0));
            *drawn.borrow_mut() = Some(process.rng("service").at(1).next_u64());
        });
        simulation.step().unwrap();
        seen.take().unwrap()
    };
    assert_eq!(draw("one", "a"), draw("other", "a"));
    assert_ne!(draw("one", "a"), draw("one", "b"));
}

/// Reads of any size; gives back in which tick each byte was read, and the bytes.
fn carry(link: Link, writes: Vec<(u64, usize)>, read_size: usize) -> Vec<(u64, u8)> {
    let setting = Setting { link, ..setting() };
    let read: Rc<RefCell<Vec<(u64, u8)>>> = Rc::default();
    let seen = read.clone();
    pair(
        setting,
        1_000,
        |world| async move {
            let mut stream = world.connect(&address(2, 80)).await.unwrap();
            let mut next = 0_u8;
            for (at, length) in writes {
                world.sleep_until(ticks(200 + at)).await;
                let bytes: Vec<u8> = (0..length).map(|n| next.wrapping_add(n as u8)).collect();
                next = next.wrapping_add(length as u8);
                stream.write_all(&bytes).await.unwrap();
            }
        },
        move |world| async move {
            let listener = world.bind(&address(2, 80), 0).await.unwrap();
            let (mut stream, _) = world.accept(&listener).await.unwrap();
            let mut buf = vec![0; read_size];
            while let Ok(n @ 1..) = stream.read(&mut buf).await {
                let tick = world.now().0 / 100_000;
                read.borrow_mut()
                    .extend(buf[..n].iter().map(|b| (tick, *b)));
            }
        },
    );
    seen.take()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// While the window does not bind, every byte is there in the tick that the naive rule says,
    /// and in order.
    #[test]
    fn bytes_arrive_whole_in_order_and_on_time(
        latency_us in 0_u64..5_000,
        jitter_us in 0_u64..3_000,
        gaps in prop::collection::vec((0_u64..15, 1_usize..2_000), 1..30),
        read_size in 1_usize..5_000,
    ) {
        let link = Link {
            latency: Duration::from_micros(latency_us),
            jitter: Duration::from_micros(jitter_us),
            ..Link::default()
        };
        let mut at = 0;
        let writes: Vec<_> = gaps.into_iter().map(|(gap, n)| { at += gap; (at, n) }).collect();
        let jitter = evenkeel_core::rng::Stream::new(1, "client/link").child(0).child(0);
        let mut expected = Vec::new();
        let mut latest = 0;
        for (segment, (at, length)) in (2..).zip(&writes) {
            let draw = jitter.at(segment).below(jitter_us * 1_000);
            latest = latest.max((200 + at) * 100_000 + latency_us * 1_000 + draw);
            for _ in 0..*length {
                expected.push((latest.div_ceil(100_000), expected.len() as u8));
            }
        }
        prop_assert_eq!(carry(link, writes, read_size), expected);
    }
}
