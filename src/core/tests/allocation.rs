//! A request allocates nothing between its arrival and its outcome, whatever the policy and
//! whatever goes wrong: memory is taken when a pool is configured.

use std::time::Duration;

use evenkeel_core::endpoint::{Spec, State as Admin, Until};
use evenkeel_core::policy::{Key, Kind};
use evenkeel_core::pool::{Settings, State};
use evenkeel_core::queue::{Grant, Token};
use evenkeel_core::request::{Event, Plan, PoolAccess, Request};
use evenkeel_core::rng::Stream;
use evenkeel_core::time::Timestamp;
use evenkeel_core::trace;

const PLAN: Plan = Plan {
    attempts: 3,
    queue: Duration::from_secs(1),
    dial: Duration::from_secs(1),
    head: Duration::from_secs(60),
    idle: Duration::from_secs(60),
    tunnel: Duration::from_secs(3600),
    total: None,
};

struct Alone(State);

impl PoolAccess for Alone {
    fn with<R>(&mut self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.0)
    }

    fn grant(&mut self, _: Grant) {}

    fn record(&mut self, _: trace::Event) {}
}

fn pool(policy: Kind) -> Alone {
    let endpoint = |at: u32| Spec {
        name: at.to_string(),
        address: format!("10.0.0.{at}:3000"),
        weight: 1 + at % 3,
        max_connections: Some(100),
        backup: at % 5 == 4,
        state: Admin::Up,
    };
    let settings = Settings {
        policy,
        endpoints: (0..16).map(endpoint).collect(),
        retry_budget_ppm: 200_000,
        queue_limit: 16,
        guard: Default::default(),
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
        },
        Kind::IpHash,
        Kind::Hash,
        Kind::RingHash {
            bound_percent: Some(125),
        },
        Kind::Maglev,
        Kind::Rendezvous,
    ];
    for policy in policies {
        let mut alone = pool(policy);
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
    let taken = allocation_counter::measure(|| drop(pool(Kind::LeastRequest)));
    assert!(taken.count_total > 16);
}
