//! The real core under a shell that does the worst: the checker finds nothing.

use super::*;
use evenkeel_core::endpoint;
use evenkeel_core::pool::{Settings, State};
use evenkeel_core::queue::{Grant, Token};
use evenkeel_core::request::{Action, Event as Report, Plan, PoolAccess, Request};
use evenkeel_core::rng::{Rng, Stream};
use evenkeel_core::{policy, trace};
use proptest::prelude::*;
use std::time::Duration;

const LIMIT: Limit = Limit {
    attempts: 3,
    budget_ppm: 200_000,
};

/// The pool, what it promised to whom, and the checker of its events.
struct World {
    pool: State,
    grants: Vec<Grant>,
    checker: Checker,
}

impl PoolAccess for World {
    fn with<R>(&mut self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.pool)
    }

    fn grant(&mut self, grant: Grant) {
        self.grants.push(grant);
    }

    fn record(&mut self, event: trace::Event) {
        self.checker.on(&event);
    }
}

fn world() -> World {
    let spec = |name: &str| endpoint::Spec {
        name: name.to_owned(),
        weight: 1,
        max_connections: Some(2),
        backup: false,
        state: endpoint::State::Up,
    };
    let settings = Settings {
        policy: policy::Kind::Random,
        endpoints: ["a", "b", "c"].map(spec).to_vec(),
        retry_budget_ppm: LIMIT.budget_ppm,
        queue_limit: 4,
    };
    World {
        pool: State::new(0, settings),
        grants: Vec::new(),
        checker: Checker::new(&[LIMIT], &[]),
    }
}

fn plan() -> Plan {
    Plan {
        attempts: LIMIT.attempts,
        queue: Duration::from_millis(50),
        dial: Duration::from_millis(20),
        head: Duration::from_millis(80),
        idle: Duration::from_millis(80),
        tunnel: Duration::from_secs(1),
        total: Some(Duration::from_millis(400)),
    }
}

/// A request and the try that it is in.
struct Client {
    request: Request,
    attempt: u8,
}

impl Client {
    fn tell(&mut self, report: Report, now: Timestamp, world: &mut World, rng: &mut Rng) {
        for action in self.request.on(report, now, world, rng) {
            if let Action::Connect { attempt, .. } = action {
                self.attempt = attempt;
            }
        }
    }
}

/// What the worst shell says: any report at any time, late ones too.
fn report(kind: u8, attempt: u8, sent: bool) -> Report {
    match kind {
        0 | 1 => Report::Connected {
            attempt,
            reused: sent,
        },
        2 => Report::DialFailed { attempt },
        3 => Report::StaleConnection { attempt, sent },
        4 => Report::Head {
            attempt,
            status: 200,
        },
        5 => Report::ReplayLost,
        6 => Report::BodyEnded,
        7 => Report::UpstreamFailed { attempt, sent },
        8 => Report::Timer,
        _ => Report::ClientLeft,
    }
}

/// Gives each promise of the pool to the request that waits for it.
fn deliver(clients: &mut [Client], now: Timestamp, world: &mut World, rng: &mut Rng) {
    while let Some(grant) = world.grants.pop() {
        let client = &mut clients[grant.token.0 as usize];
        client.tell(Report::Granted, now, world, rng);
    }
}

proptest! {
    #[test]
    fn the_core_keeps_every_invariant(
        steps in prop::collection::vec(
            (0_u64..4, 0_u8..10, any::<prop::sample::Index>(), any::<bool>()),
            1..400,
        ),
    ) {
        let (mut world, mut clients, mut now) = (world(), Vec::<Client>::new(), Timestamp::ZERO);
        let mut rng = Stream::new(1, "core").at(0);
        for (gap, kind, who, flag) in steps {
            now = now + Duration::from_millis(gap);
            if gap == 0 || clients.is_empty() {
                let id = clients.len() as u64;
                let request = Request::new(id, Token(id), 0, plan());
                let mut client = Client { request, attempt: 0 };
                client.tell(Report::Arrived { idempotent: flag }, now, &mut world, &mut rng);
                clients.push(client);
            } else {
                let recent = clients.len().min(12);
                let index = clients.len() - 1 - who.index(recent);
                let report = report(kind, clients[index].attempt, flag);
                clients[index].tell(report, now, &mut world, &mut rng);
            }
            deliver(&mut clients, now, &mut world, &mut rng);
        }
        for index in 0..clients.len() {
            clients[index].tell(Report::ClientLeft, now, &mut world, &mut rng);
            deliver(&mut clients, now, &mut world, &mut rng);
        }
        for check in world.checker.into_checks(now) {
            prop_assert!(check.ok, "{:?}", check);
        }
        prop_assert!(world.pool.endpoints().iter().all(|endpoint| endpoint.in_flight == 0));
    }
}
