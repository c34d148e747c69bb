//! A request under test: one pool, one request, and what it did in words, so that a table reads
//! like the rule that it checks.

mod again;
mod hedge;
mod life;
mod measure;
mod parting;
mod property;
mod rule;
mod timeout;

use std::time::Duration;

use super::*;
use crate::endpoint::Spec;
use crate::policy::tests::spec;
use crate::policy::{Key, Kind};
use crate::pool::{Admission, Settings, State, Verdict};
use crate::queue;
use crate::retry;
use crate::rng::Stream;
use crate::time::Span;

const START: Timestamp = Timestamp(1_000_000_000);
const MS: Duration = Duration::from_millis(1);

const PLAN: Plan = Plan {
    attempts: 2,
    queue: Span::of(Duration::from_millis(10)),
    dial: Span::of(Duration::from_millis(20)),
    head: Span::of(Duration::from_millis(30)),
    idle: Span::of(Duration::from_millis(40)),
    tunnel: Span::of(Duration::from_millis(50)),
    ..Plan::PATIENT
};

/// Events, and what is done about each.
type Story = [(Event, &'static str)];

const THREE: [&str; 3] = ["a", "b", "c"];

/// Round robin, so that endpoints come in the order of their names.
fn settings(endpoints: &[Spec]) -> Settings {
    Settings {
        policy: Kind::RoundRobin,
        endpoints: endpoints.to_vec(),
        retry: retry::Settings::at_once(0),
        queue: queue::Settings::fifo(2),
        guard: Default::default(),
        affinity: None,
        spill: Default::default(),
        drain: None,
    }
}

/// A pool that keeps what was granted and recorded.
struct Shell {
    pool: State,
    grants: Vec<Grant>,
    trace: Vec<trace::Event>,
    wanted: Vec<u32>,
    session: Option<Session>,
}

impl Shell {
    fn new(endpoints: &[Spec]) -> Self {
        Self {
            pool: State::new(0, settings(endpoints)),
            grants: Vec::new(),
            trace: Vec::new(),
            wanted: Vec::new(),
            session: None,
        }
    }

    /// Leaves `n` retries of the hundred that ten seconds allow. The last endpoint takes the
    /// others, so that the next round starts at the first.
    fn leave_retries(&mut self, n: usize) {
        let mut tried = Tried::default();
        let endpoints = self.pool.endpoints();
        for endpoint in &endpoints[..endpoints.len() - 1] {
            tried.push(endpoint.index);
        }
        for _ in n..100 {
            let mut rng = Stream::new(1, "spent").at(0);
            let retry = self.pool.retry(START, Token(0), tried, Key::None, &mut rng);
            let Some(Admission::Picked(index)) = retry else {
                panic!("{retry:?}");
            };
            self.pool
                .complete(START, index, Verdict::Cancelled { dialled: None });
        }
    }

    /// Another queue from now on.
    fn queue(&mut self, queue: queue::Settings) {
        let only = Spec {
            max_connections: Some(1),
            ..spec("a", 1)
        };
        let settings = Settings {
            queue,
            ..settings(&[only])
        };
        assert_eq!(self.pool.update(START, settings), []);
    }

    /// The three endpoints of [`Rig::three`], and other retries.
    fn retry(&mut self, retry: retry::Settings) {
        let settings = Settings {
            retry,
            ..settings(&THREE.map(|name| spec(name, 1)))
        };
        assert_eq!(self.pool.update(START, settings), []);
    }

    fn in_flight(&self) -> u32 {
        self.pool.endpoints().iter().map(|e| e.in_flight).sum()
    }

    fn tunnels(&self) -> u32 {
        self.pool.endpoints().iter().map(|e| e.tunnels).sum()
    }
}

impl PoolAccess for Shell {
    fn with<R>(&mut self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.pool)
    }

    fn grant(&mut self, grant: Grant) {
        self.grants.push(grant);
    }

    fn session(&mut self) -> Option<&mut Session> {
        self.session.as_mut()
    }

    fn record(&mut self, event: trace::Event) {
        self.trace.push(event);
    }

    fn probe(&mut self, wanted: Wanted) {
        self.wanted.push(wanted.endpoint.slot);
    }
}

/// One request and its shell.
struct Rig {
    shell: Shell,
    request: Request,
    now: Timestamp,
}

impl Rig {
    fn new(endpoints: &[Spec], plan: Plan) -> Self {
        Self {
            shell: Shell::new(endpoints),
            request: Request::new(1, Token(1), 0, plan),
            now: START,
        }
    }

    /// Three endpoints, a, b and c.
    fn three(plan: Plan) -> Self {
        Self::new(&THREE.map(|name| spec(name, 1)), plan)
    }

    /// One endpoint, taken by a request with token 9; the request under test waits.
    fn waiting(plan: Plan) -> Self {
        let only = Spec {
            max_connections: Some(1),
            ..spec("a", 1)
        };
        let mut rig = Self::new(&[only], plan);
        let mut rng = Stream::new(1, "other").at(0);
        let other = rig.shell.pool.arrive(START, Token(9), Key::None, &mut rng);
        assert!(matches!(other, Admission::Picked(_)));
        assert_eq!(rig.on(arrived(true)), "wait");
        rig
    }

    /// The request of [`Rig::waiting`] that holds the endpoint ends.
    fn other_ends(&mut self) -> Grant {
        let index = self.shell.pool.endpoints()[0].index;
        let grant = self.shell.pool.complete(self.now, index, Verdict::Success);
        grant.expect("somebody waits")
    }

    /// Another request finds that the first endpoint refuses.
    fn refuse(&mut self) {
        let mut rng = Stream::new(1, "other").at(0);
        let other = self
            .shell
            .pool
            .arrive(self.now, Token(9), Key::None, &mut rng);
        let index = self.shell.pool.endpoints()[0].index;
        assert_eq!(other, Admission::Picked(index));
        self.shell
            .pool
            .complete(self.now, index, Verdict::DialFailed);
    }

    fn reload(&mut self, endpoints: &[Spec]) -> Vec<Grant> {
        self.shell.pool.update(self.now, settings(endpoints))
    }

    /// Reports an event; what is to be done about it, in words.
    fn on(&mut self, event: Event) -> String {
        let mut rng = Stream::new(1, "pick").at(1);
        let actions = self.request.on(event, self.now, &mut self.shell, &mut rng);
        let words: Vec<_> = actions.into_iter().map(action).collect();
        words.join(", ")
    }

    /// Reports events one after the other and compares what is done about each.
    fn run(&mut self, story: &Story) {
        for (event, expected) in story {
            assert_eq!(self.on(*event), *expected, "{event:?} in {}", self.trace());
        }
    }

    fn later(&mut self, ms: u32) {
        self.now = self.now + MS * ms;
    }

    fn trace(&self) -> String {
        let words: Vec<_> = self.shell.trace.iter().map(note).collect();
        words.join(", ")
    }
}

fn letter(index: EndpointIndex) -> char {
    char::from(b'a' + u8::try_from(index.slot).expect("few"))
}

fn action(action: Action) -> String {
    match action {
        Action::Wait { .. } => "wait".into(),
        Action::Connect {
            attempt,
            endpoint,
            fresh,
        } => {
            let fresh = if fresh { " fresh" } else { "" };
            format!("connect{attempt} {}{fresh}", letter(endpoint))
        }
        Action::Send { attempt } => format!("send{attempt}"),
        Action::Keep { attempt } => format!("keep{attempt}"),
        Action::Cancel { attempt } => format!("cancel{attempt}"),
        Action::Forward { attempt } => format!("forward{attempt}"),
        Action::Answer(local) => format!("{local:?}"),
        Action::Finish(_) => "finish".into(),
    }
}

/// The try, its endpoint and what was decided, such as `1a head 200`.
fn note(event: &trace::Event) -> String {
    let what = match event.kind {
        trace::Kind::Arrived { .. } => "arrived".into(),
        trace::Kind::Queued { budgeted: false } => "queued".into(),
        trace::Kind::Queued { budgeted: true } => "queued on budget".into(),
        trace::Kind::Waited { .. } => "waited".into(),
        trace::Kind::Picked { budgeted: false } => "picked".into(),
        trace::Kind::Picked { budgeted: true } => "picked on budget".into(),
        trace::Kind::Connected { reused: true } => "reused".into(),
        trace::Kind::Connected { reused: false } => "connected".into(),
        trace::Kind::Hedged => "hedged".into(),
        trace::Kind::Delayed { .. } => "delayed".into(),
        trace::Kind::DialFailed => "dial failed".into(),
        trace::Kind::Stale => "stale".into(),
        trace::Kind::Head { status } => format!("head {status}"),
        trace::Kind::Failed { failure, sent } => {
            format!("{failure:?}{}", if sent { " sent" } else { "" })
        }
        trace::Kind::Completed => "completed".into(),
        trace::Kind::Parted => "parted".into(),
        trace::Kind::Drained => "drained".into(),
        trace::Kind::Finished { outcome, .. } => format!("{outcome:?}"),
        other => panic!("a request has no {other:?}"),
    };
    let endpoint = event.endpoint.map_or('-', letter);
    format!("{}{endpoint} {what}", event.attempt)
}

const fn arrived(idempotent: bool) -> Event {
    Event::Arrived { idempotent }
}

const fn connected(attempt: u8) -> Event {
    Event::Connected {
        attempt,
        reused: false,
    }
}

const fn reused(attempt: u8) -> Event {
    Event::Connected {
        attempt,
        reused: true,
    }
}

const fn dial_failed(attempt: u8) -> Event {
    Event::DialFailed { attempt }
}

const fn stale(attempt: u8, sent: bool) -> Event {
    Event::StaleConnection { attempt, sent }
}

const fn head(attempt: u8, status: u16) -> Event {
    Event::Head {
        attempt,
        status,
        retry_after: Span(0),
    }
}

const fn lost(attempt: u8, sent: bool) -> Event {
    Event::UpstreamFailed { attempt, sent }
}

const fn upgraded(attempt: u8) -> Event {
    Event::Upgraded { attempt }
}
