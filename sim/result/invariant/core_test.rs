//! The real core under a shell that does the worst: the checker finds nothing.

use super::*;
use evenkeel_core::endpoint::{self, Endpoint};
use evenkeel_core::pool::{Settings, State, Wanted};
use evenkeel_core::queue::{Grant, Token};
use evenkeel_core::request::{Action, Event as Report, Plan, PoolAccess, Request};
use evenkeel_core::rng::{Rng, Stream};
use evenkeel_core::time::Span;
use evenkeel_core::{policy, trace};
use proptest::prelude::*;
use std::time::Duration;

const LIMIT: Limit = Limit {
    attempts: 3,
    budget_ppm: 200_000,
    hedge_ppm: 50_000,
    concurrency: u32::MAX,
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

    fn probe(&mut self, _: Wanted) {}
}

impl World {
    /// The checker has counted by the events what the core has counted, once every promise is
    /// delivered.
    fn agrees(&self) {
        let counted = |e: &Endpoint| (e.in_flight, e.tunnels);
        let endpoints: Vec<_> = self.pool.endpoints().iter().map(counted).collect();
        assert_eq!(self.checker.pools[0].occupancy.held(), endpoints);
    }
}

fn spec(name: &str, max_connections: u32) -> endpoint::Spec {
    endpoint::Spec {
        name: name.to_owned(),
        address: name.to_owned(),
        weight: 1,
        max_connections: Some(max_connections),
        group: evenkeel_core::endpoint::Group::Home,
        state: endpoint::State::Up,
    }
}

fn world(endpoints: &[endpoint::Spec], queue_limit: usize) -> World {
    let settings = Settings {
        policy: policy::Kind::Random,
        endpoints: endpoints.to_vec(),
        retry: evenkeel_core::retry::Settings::at_once(LIMIT.budget_ppm),
        queue: evenkeel_core::queue::Settings::fifo(queue_limit),
        guard: Default::default(),
        affinity: None,
        spill: Default::default(),
        drain: None,
    };
    let bound = |spec: &endpoint::Spec| spec.max_connections.unwrap_or(u32::MAX);
    let promise = Promise {
        weights: vec![1; endpoints.len()],
        bounds: endpoints.iter().map(bound).collect(),
        law: None,
        // Its grants are on their way for as long as it likes.
        takes_anybody: false,
    };
    World {
        pool: State::new(0, settings),
        grants: Vec::new(),
        checker: Checker::new(&[LIMIT], &[promise]),
    }
}

fn plan() -> Plan {
    Plan {
        attempts: LIMIT.attempts,
        queue: Span::of(Duration::from_millis(50)),
        dial: Span::of(Duration::from_millis(20)),
        head: Span::of(Duration::from_millis(80)),
        idle: Span::of(Duration::from_millis(80)),
        tunnel: Span::of(Duration::from_secs(1)),
        total: Span::of(Duration::from_millis(400)),
        ..Plan::PATIENT
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
            retry_after: Span(0),
        },
        5 => Report::ReplayLost,
        6 => Report::BodyEnded,
        7 => Report::UpstreamFailed { attempt, sent },
        8 => Report::Timer,
        9 => Report::Upgraded { attempt },
        10 => Report::TunnelEnded,
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

/// A hundred retries draw all that ten seconds allow, and wait for an endpoint until these are
/// over. Another hundred draw then, when the first are picked: no ten seconds have more draws than
/// a hundred, though one has twice as many picks.
#[test]
fn a_retry_draws_when_it_queues() {
    let mut world = world(&[spec("a", 1_000), spec("b", 1)], 100);
    let mut rng = Stream::new(1, "core").at(0);
    let (early, late) = (Timestamp::ZERO, Timestamp(11_000_000_000));
    let patient = Plan {
        queue: Span::of(Duration::from_secs(60)),
        dial: Span::of(Duration::from_secs(60)),
        head: Span::of(Duration::from_secs(60)),
        total: Span::MAX,
        ..plan()
    };
    let mut clients = Vec::new();
    let arrive = |clients: &mut Vec<Client>, now, world: &mut World, rng: &mut Rng| {
        let id = clients.len() as u64;
        let request = Request::new(id, Token(id), 0, patient);
        let mut client = Client {
            request,
            attempt: 0,
        };
        client.tell(Report::Arrived { idempotent: true }, now, world, rng);
        clients.push(client);
    };
    let b = world.pool.endpoints()[1].index;
    let lost = Report::UpstreamFailed {
        attempt: 1,
        sent: true,
    };
    // Until one holds b, which has room for no other.
    while clients.last().and_then(|c: &Client| c.request.endpoint()) != Some(b) {
        arrive(&mut clients, early, &mut world, &mut rng);
    }
    let holder = clients.len() - 1;
    for now in [early, late] {
        let first = clients.len();
        for _ in 0..100 {
            arrive(&mut clients, now, &mut world, &mut rng);
        }
        if now == late {
            clients[holder].tell(Report::ClientLeft, now, &mut world, &mut rng);
            for _ in 0..100 {
                let Grant { token } = world.grants.pop().expect("somebody waits");
                let client = &mut clients[token.0 as usize];
                client.tell(Report::Granted, now, &mut world, &mut rng);
                client.tell(Report::ClientLeft, now, &mut world, &mut rng);
            }
        }
        for client in &mut clients[first..] {
            client.tell(lost, now, &mut world, &mut rng);
        }
    }
    for client in &mut clients {
        client.tell(Report::ClientLeft, late, &mut world, &mut rng);
    }
    for check in world.checker.into_checks(late) {
        assert!(check.ok, "{check:?}");
    }
}

proptest! {
    #[test]
    fn the_core_keeps_every_invariant(
        steps in prop::collection::vec(
            (0_u64..4, 0_u8..12, any::<prop::sample::Index>(), any::<bool>()),
            1..400,
        ),
    ) {
        let mut world = world(&["a", "b", "c"].map(|name| spec(name, 2)), 4);
        let (mut clients, mut now) = (Vec::<Client>::new(), Timestamp::ZERO);
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
            world.agrees();
        }
        for index in 0..clients.len() {
            clients[index].tell(Report::ClientLeft, now, &mut world, &mut rng);
            deliver(&mut clients, now, &mut world, &mut rng);
        }
        world.agrees();
        let none = |endpoint: &Endpoint| (endpoint.in_flight, endpoint.tunnels) == (0, 0);
        prop_assert!(world.pool.endpoints().iter().all(none));
        for check in world.checker.into_checks(now) {
            prop_assert!(check.ok, "{:?}", check);
        }
    }
}
