//! A request allocates nothing between its arrival and its outcome, whatever the policy and
//! whatever goes wrong: memory is taken when a pool is configured.

use std::time::Duration;

use evenkeel_core::endpoint::{Group, Spec, State as Admin, Until};
use evenkeel_core::policy::{Key, Kind, Load};
use evenkeel_core::pool::{GuardSettings, Settings, State, Wanted};
use evenkeel_core::queue::{Grant, Token};
use evenkeel_core::request::{Event, Plan, PoolAccess, Request};
use evenkeel_core::rng::Stream;
use evenkeel_core::time::{Span, Timestamp};
use evenkeel_core::trace;
use evenkeel_core::{concurrency, health, outlier, panic, slow_start};

const PLAN: Plan = Plan {
    attempts: 3,
    ..Plan::PATIENT
};

struct Alone(State);

impl PoolAccess for Alone {
    fn with<R>(&mut self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.0)
    }

    fn grant(&mut self, _: Grant) {}

    fn record(&mut self, _: trace::Event) {}

    fn probe(&mut self, wanted: Wanted) {
        let load = Load {
            in_flight: Some(3),
            took: Duration::from_millis(1),
        };
        let _ = self.0.told(Timestamp::ZERO, wanted, Ok(load));
    }
}

/// Checks, ejections at the first failure, a panic threshold and slow start.
fn guard() -> GuardSettings {
    let check = health::Check {
        name: "http".into(),
        interval: Duration::from_secs(5),
        interval_in_doubt: Duration::from_secs(2),
        timeout: Duration::from_secs(1),
        rise: 2,
        fall: 3,
    };
    let slow_start = slow_start::Spec {
        time: Duration::from_secs(10),
        requests: Some(1_000),
        aggression_milli: 1_000,
    };
    GuardSettings {
        health: Some(health::Settings {
            checks: vec![check],
            initial: health::Standing::Up,
        }),
        outlier: Some(outlier::Settings {
            consecutive_failures: 1,
            statuses: outlier::Statuses::default().with(500),
            window: Duration::from_secs(10),
            error_rate: None,
            success_rate: None,
            latency: Some(outlier::Latency {
                factor_milli: 3_000,
                least: Duration::ZERO,
                endpoints: 3,
                requests: 10,
            }),
            eject: Duration::from_millis(20),
            eject_max: Duration::from_millis(40),
            max_ejected_ppm: 500_000,
        }),
        panic: panic::Settings {
            below_ppm: 300_000,
            closed: false,
        },
        concurrency: Some(concurrency::Settings {
            min: 20,
            max: 1_000,
            tolerance_ppm: 250_000,
            interval: Duration::from_secs(60),
        }),
        slow_starts: vec![Some(slow_start); 16],
    }
}

fn pool(policy: Kind, guard: GuardSettings) -> Alone {
    let endpoint = |at: u32| Spec {
        name: at.to_string(),
        address: format!("10.0.0.{at}:3000"),
        weight: 1 + at % 3,
        max_connections: Some(100),
        group: if at % 5 == 4 {
            Group::Backup
        } else {
            Group::Home
        },
        state: Admin::Up,
    };
    let settings = Settings {
        policy,
        endpoints: (0..16).map(endpoint).collect(),
        retry: evenkeel_core::retry::Settings::at_once(200_000),
        queue: evenkeel_core::queue::Settings::fifo(16),
        guard,
        affinity: None,
        spill: Default::default(),
        drain: None,
    };
    Alone(State::new(0, settings))
}

/// A life of a request with every way to fail and try again.
const LIFE: [Event; 9] = [
    Event::Arrived { idempotent: true },
    Event::DialFailed { attempt: 1 },
    Event::Connected {
        attempt: 2,
        reused: true,
    },
    Event::StaleConnection {
        attempt: 2,
        sent: true,
    },
    Event::UpstreamFailed {
        attempt: 2,
        sent: false,
    },
    Event::Connected {
        attempt: 3,
        reused: false,
    },
    Event::Head {
        attempt: 3,
        status: 200,
        retry_after: Span(0),
    },
    Event::Timer,
    Event::BodyEnded,
];

#[test]
fn a_request_allocates_nothing() {
    let policies = [
        Kind::RoundRobin,
        Kind::Random,
        Kind::LeastRequest,
        Kind::P2c { choices: 2 },
        Kind::LeastTime {
            until: Until::LastByte,
        },
        Kind::PeakEwma {
            decay: Duration::from_secs(10),
        },
        Kind::Prequal {
            quantile_percent: 84,
            probes: 3,
            asks: false,
        },
        Kind::Prequal {
            quantile_percent: 30,
            probes: 3,
            asks: true,
        },
        Kind::EventLoop { spare_percent: 50 },
        Kind::IpHash,
        Kind::Hash,
        Kind::RingHash {
            bound_percent: Some(125),
        },
        Kind::Maglev,
        Kind::Rendezvous,
    ];
    let guards = [GuardSettings::default(), guard()];
    for (policy, guard) in policies
        .into_iter()
        .flat_map(|p| guards.iter().map(move |g| (p, g)))
    {
        let mut alone = pool(policy, guard.clone());
        let picks = Stream::new(1, "pick");
        let taken = allocation_counter::measure(|| {
            for id in 0_u64..200 {
                let key = match policy {
                    Kind::IpHash => Key::network([id as u8; 4].into()),
                    _ => Key::text(&id.to_le_bytes()),
                };
                let mut request = Request::new(id, Token(id), 0, PLAN).keyed(key);
                let mut rng = picks.at(id);
                for event in LIFE {
                    request.on(event, Timestamp(id * 1_000_000), &mut alone, &mut rng);
                }
                assert!(request.is_finished());
            }
        });
        assert_eq!(taken.count_total, 0, "{policy:?}");
    }
}

/// That the counter counts: a pool is made of memory.
#[test]
fn a_pool_allocates() {
    let taken =
        allocation_counter::measure(|| drop(pool(Kind::LeastRequest, GuardSettings::default())));
    assert!(taken.count_total > 16);
}
