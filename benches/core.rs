//! What the balancing core costs: one whole request, one pick by policy and size of the pool, one
//! learned session by the size of the table.
//!
//! The core alone, without a socket: what it costs here is added to every request of both worlds.
//! Bound: a request from its arrival to its outcome, `p2c` at 16 endpoints, takes 100 ns at most.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "threads that share a pool are timed by the wall clock"
)]

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use evenkeel_core::affinity::{Name, Table};
use evenkeel_core::endpoint::{Answer, EndpointIndex, Group, Spec, State as Admin, Until};
use evenkeel_core::policy::{Key, Kind};
use evenkeel_core::pool::{Admission, Sent, Settings, State, Verdict, Wanted};
use evenkeel_core::queue::{Grant, Token};
use evenkeel_core::request::{Event, Plan, PoolAccess, Request};
use evenkeel_core::rng::Stream;
use evenkeel_core::time::{Span, Timestamp};
use evenkeel_core::trace;

const PLAN: Plan = Plan {
    attempts: 2,
    ..Plan::PATIENT
};

/// An endpoint's weight by its place.
type Weight = fn(u32) -> u32;

/// A pool that belongs to one driver, as in engine `model`; decisions are counted.
struct Alone {
    pool: State,
    decisions: u64,
}

impl PoolAccess for Alone {
    fn with<R>(&mut self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.pool)
    }

    fn grant(&mut self, _: Grant) {}

    fn record(&mut self, event: trace::Event) {
        self.decisions += u64::from(event.attempt) + event.at.0;
    }

    fn probe(&mut self, _: Wanted) {}
}

/// A pool of `n` endpoints.
fn settings(policy: Kind, n: u32, weight: Weight) -> Settings {
    let endpoint = |at| Spec {
        name: format!("endpoint-{at}"),
        address: format!("10.0.{}.{}:3000", at / 256, at % 256),
        weight: weight(at),
        max_connections: Some(1_000),
        group: Group::Home,
        state: Admin::Up,
    };
    Settings {
        policy,
        endpoints: (0..n).map(endpoint).collect(),
        retry: evenkeel_core::retry::Settings::at_once(200_000),
        queue: evenkeel_core::queue::Settings::fifo(256),
        guard: Default::default(),
        affinity: None,
        spill: Default::default(),
        drain: None,
    }
}

/// One request that goes well; returns how many actions it took.
fn exchange(access: &mut Alone, id: u64, picks: Stream) -> usize {
    let now = Timestamp(id * 1_000);
    let mut rng = picks.at(id);
    let mut request = Request::new(id, Token(id), 0, PLAN);
    let attempt = 1;
    [
        Event::Arrived { idempotent: true },
        Event::Connected {
            attempt,
            reused: true,
        },
        Event::Head {
            attempt,
            status: 200,
            retry_after: Span(0),
        },
        Event::BodyEnded,
    ]
    .into_iter()
    .map(|event| {
        let actions = request.on(event, now, access, &mut rng);
        actions.into_iter().map(black_box).count()
    })
    .sum()
}

fn request(c: &mut Criterion) {
    let mut group = c.benchmark_group("a request from Arrived to Finish");
    group.throughput(Throughput::Elements(1));
    let mut access = Alone {
        pool: State::new(0, settings(Kind::P2c { choices: 2 }, 16, |_| 1)),
        decisions: 0,
    };
    let picks = Stream::new(1, "pick");
    let mut id = 0;
    group.bench_function("p2c, 16 endpoints", |b| {
        b.iter(|| {
            id += 1;
            exchange(&mut access, black_box(id), picks)
        });
    });
    group.finish();
}

fn pick(c: &mut Criterion) {
    let until = Until::Header;
    let decay = Duration::from_secs(10);
    let (plain, bounded) = (None, Some(125));
    let (equal, unequal): (Weight, Weight) = (|_| 1, |at| 1 + at % 3);
    let ring = |bound_percent| Kind::RingHash { bound_percent };
    let prequal = Kind::Prequal {
        quantile_percent: 84,
        probes: 3,
        asks: false,
    };
    let event_loop = Kind::EventLoop { spare_percent: 50 };
    let policies: [(&str, Kind, Weight); 18] = [
        ("round_robin", Kind::RoundRobin, equal),
        ("round_robin weighted", Kind::RoundRobin, unequal),
        ("random", Kind::Random, equal),
        ("random weighted", Kind::Random, unequal),
        ("least_request", Kind::LeastRequest, equal),
        ("p2c", Kind::P2c { choices: 2 }, equal),
        ("least_time", Kind::LeastTime { until }, equal),
        ("peak_ewma", Kind::PeakEwma { decay }, equal),
        ("peak_ewma weighted", Kind::PeakEwma { decay }, unequal),
        ("prequal", prequal, equal),
        ("event_loop", event_loop, equal),
        ("ip_hash", Kind::IpHash, equal),
        ("hash", Kind::Hash, equal),
        ("ring_hash", ring(plain), equal),
        ("ring_hash bounded", ring(bounded), equal),
        ("maglev", Kind::Maglev, equal),
        ("rendezvous", Kind::Rendezvous, equal),
        ("rendezvous weighted", Kind::Rendezvous, unequal),
    ];
    let mut group = c.benchmark_group("a pick and its completion, by endpoints");
    group.throughput(Throughput::Elements(1));
    for (name, policy, weight) in policies {
        for n in [4, 16, 256, 4096] {
            let mut turn = Turn::new(policy, n, weight);
            group.bench_function(BenchmarkId::new(name, n), |b| b.iter(|| turn.take()));
        }
    }
    group.finish();
}

/// A pool with some requests in flight: each pick is followed by the end of the oldest.
struct Turn {
    pool: State,
    flying: VecDeque<(EndpointIndex, Timestamp, Option<Sent>)>,
    picks: Stream,
    policy: Kind,
    id: u64,
}

impl Turn {
    fn new(policy: Kind, n: u32, weight: Weight) -> Self {
        let mut turn = Self {
            pool: State::new(0, settings(policy, n, weight)),
            flying: VecDeque::new(),
            picks: Stream::new(1, "pick"),
            policy,
            id: 0,
        };
        (0..32).for_each(|_| turn.send());
        turn
    }

    fn take(&mut self) {
        self.send();
        if let Some((index, sent, measured)) = self.flying.pop_front() {
            let now = Timestamp(self.id * 1_000);
            if let Some(measured) = measured {
                self.pool.heard(now, index, sent, measured, Answer::Good);
            }
            black_box(self.pool.complete(now, index, Verdict::Success));
        }
    }

    fn send(&mut self) {
        self.id += 1;
        let now = Timestamp(self.id * 1_000);
        // Making a key is the shell's; this is as cheap as it can be.
        let bits = (self.id as u32).wrapping_mul(0x9e37_79b9);
        let key = match self.policy {
            Kind::IpHash => Key::Network {
                scale: 553,
                shift: (bits % 6271) as u16,
            },
            // Five routes.
            Kind::EventLoop { .. } => Key::Text {
                crc: 1 + bits % 5,
                length: 8,
            },
            _ => Key::Text {
                crc: bits,
                length: 8,
            },
        };
        let mut rng = self.picks.at(self.id);
        if let Admission::Picked(index) = self.pool.arrive(now, Token(self.id), key, &mut rng) {
            let measured = self.pool.send(now, index, key);
            self.flying.push_back((index, now, measured));
        }
    }
}

/// How long a reload holds the pool: every pick waits for it.
fn reload(c: &mut Criterion) {
    let mut group = c.benchmark_group("a reload that changes nothing, by endpoints");
    let ring = Kind::RingHash {
        bound_percent: None,
    };
    let policies = [
        ("p2c", Kind::P2c { choices: 2 }),
        ("ring_hash", ring),
        ("maglev", Kind::Maglev),
    ];
    for ((name, policy), n) in policies
        .iter()
        .flat_map(|p| [16, 256, 4096].map(|n| (p, n)))
    {
        let settings = settings(*policy, n, |_| 1);
        let mut state = State::new(0, settings.clone());
        group.bench_function(BenchmarkId::new(*name, n), |b| {
            b.iter_batched(
                || settings.clone(),
                |settings| state.update(Timestamp::ZERO, settings),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// Where a session lives, asked in an order that no cache likes.
fn affinity(c: &mut Criterion) {
    let mut group = c.benchmark_group("a learned session found, by sessions in the table");
    group.throughput(Throughput::Elements(1));
    let order = Stream::new(1, "session");
    for n in [1_000, 100_000, 1_000_000] {
        let mut table = Table::new(Duration::from_secs(3_600), n);
        for id in 0..n as u64 {
            table.put(Timestamp::ZERO, order.at(id).next_u64(), Name(id % 16));
        }
        let mut turn = 0;
        group.bench_function(BenchmarkId::from_parameter(n), |b| {
            b.iter(|| {
                turn = (turn + 7_919) % n as u64;
                table.find(Timestamp::ZERO, order.at(turn).next_u64())
            });
        });
    }
    group.finish();
}

/// Threads that share a pool as workers do, each with about 1 us of work of its own between two
/// turns: what two pay more than one is what sharing costs. That of a counter is the machine's part
/// of it: a mutex and one line of memory that go from core to core.
fn shared(c: &mut Criterion) {
    let title = "a pick and its completion, with 1 us of other work, by threads";
    let mut group = c.benchmark_group(title);
    for threads in [1, 2] {
        let id = BenchmarkId::new("p2c, 16 endpoints", threads);
        let settings = || settings(Kind::P2c { choices: 2 }, 16, |_| 1);
        let picks = Stream::new(1, "pick");
        group.bench_function(id, |b| {
            b.iter_custom(|turns| {
                let pool = Mutex::new(State::new(0, settings()));
                let lock = || pool.lock().expect("nobody panics with it");
                together(threads, turns, |id| {
                    let (now, mut rng) = (Timestamp(id * 1_000), picks.at(id));
                    let admission = lock().arrive(now, Token(id), Key::None, &mut rng);
                    if let Admission::Picked(index) = admission {
                        black_box(lock().complete(now, index, Verdict::Success));
                    }
                })
            });
        });
        let id = BenchmarkId::new("a counter", threads);
        group.bench_function(id, |b| {
            b.iter_custom(|turns| {
                let counter = Mutex::new(0_u64);
                let lock = || counter.lock().expect("nobody panics with it");
                together(threads, turns, |id| {
                    *lock() += id;
                    *lock() -= id;
                })
            });
        });
    }
    group.finish();
}

/// How long each of `threads` takes for so many turns: the median batch of all, as one in which
/// another process had a core says nothing. Between two turns is work of 0.5 to 1.5 us: two threads
/// of one period would meet always or never.
fn together(threads: u64, turns: u64, turn: impl Fn(u64) + Sync) -> Duration {
    const BATCH: u64 = 200;
    let begin = Barrier::new(threads as usize);
    let lengths = Stream::new(2, "work");
    let batch = |first: u64, thread: u64| {
        let began = Instant::now();
        for id in (first..first + BATCH).map(|n| n * threads + thread) {
            turn(id);
            // A step of a chain of multiplications takes three quarters of a nanosecond.
            let steps = 650 + lengths.at(id).below(1_300);
            black_box((0..steps).fold(id, |x, _| black_box(x).wrapping_mul(0x9E37_79B9)));
        }
        began.elapsed()
    };
    let thread = |at: u64| {
        begin.wait();
        let batches = 0..turns.div_ceil(BATCH);
        batches.map(|n| batch(n * BATCH, at)).collect::<Vec<_>>()
    };
    let thread = &thread;
    let mut batches: Vec<Duration> = thread::scope(|scope| {
        let all: Vec<_> = (0..threads)
            .map(|at| scope.spawn(move || thread(at)))
            .collect();
        let took = all.into_iter().map(|one| one.join().expect("it ends"));
        took.flatten().collect()
    });
    batches.sort_unstable();
    batches[batches.len() / 2].mul_f64(turns as f64 / BATCH as f64)
}

fn main() {
    let mut c = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    request(&mut c);
    pick(&mut c);
    reload(&mut c);
    affinity(&mut c);
    shared(&mut c);
    c.final_summary();
}
