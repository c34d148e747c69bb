//! Any reports in any order, of several requests at one pool: the promises that always hold.

use proptest::prelude::*;

use super::*;
use crate::endpoint::Group;
use crate::hedge;
use crate::outlier::Statuses;
use crate::retry::On;

/// What happens next, to the request with that number (modulo how many there are).
#[derive(Clone, Debug)]
enum Step {
    /// A report about the try that is so many tries old, sensible or not.
    Report(usize, u8, Event),
    /// The oldest grant that was not delivered is.
    Deliver,
    /// The request's deadline comes.
    Due(usize),
    /// The configuration changes.
    Reload(Vec<Spec>),
}

fn report() -> impl Strategy<Value = Event> {
    let status = prop::sample::select(vec![200_u16, 404, 503]);
    prop_oneof![
        4 => any::<bool>().prop_map(arrived),
        4 => any::<bool>().prop_map(|reused| Event::Connected { attempt: 0, reused }),
        2 => Just(dial_failed(0)),
        2 => any::<bool>().prop_map(|sent| stale(0, sent)),
        4 => status.prop_map(|status| head(0, status)),
        1 => Just(Event::ReplayLost),
        1 => Just(Event::Received),
        3 => Just(Event::BodyEnded),
        3 => any::<bool>().prop_map(|sent| lost(0, sent)),
        1 => Just(upgraded(0)),
        1 => Just(Event::TunnelEnded),
        1 => Just(Event::Timer),
        1 => Just(Event::ClientLeft),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let age = prop_oneof![9 => Just(0_u8), 1 => 1_u8..3];
    prop_oneof![
        20 => (any::<usize>(), age, report())
            .prop_map(|(n, age, event)| Step::Report(n, age, event)),
        3 => Just(Step::Deliver),
        1 => any::<usize>().prop_map(Step::Due),
        1 => endpoints().prop_map(Step::Reload),
    ]
}

fn endpoints() -> impl Strategy<Value = Vec<Spec>> {
    let one = (
        0_u32..3,
        prop::option::weighted(0.7, 1_u32..3),
        prop::sample::select(Group::ALL.to_vec()),
    );
    prop::collection::btree_map("[a-d]", one, 0..4).prop_map(|endpoints| {
        let spec = |(name, (weight, max_connections, group)): (String, _)| Spec {
            max_connections,
            group,
            ..spec(&name, weight)
        };
        endpoints.into_iter().map(spec).collect()
    })
}

/// One request, and what was seen of it from outside.
struct Seen {
    request: Request,
    idempotent: bool,
    replayable: bool,
    /// It was sent, and may not be sent again.
    spent: bool,
    tries: Vec<EndpointIndex>,
    replaced: Vec<u8>,
    outcome: Option<Outcome>,
}

struct World {
    shell: Shell,
    seen: Vec<Seen>,
    plan: Plan,
    retry: retry::Settings,
    now: Timestamp,
}

/// All that may be tried again, and hedges.
const HEDGED: On = On::STATUS.and(On::FAILURES).and(On::HEDGE);

/// How many retries the budget has left at the start of each case.
const RETRIES: usize = 3;

impl World {
    fn new((plan, retry): (Plan, retry::Settings), endpoints: &[Spec], requests: usize) -> Self {
        let mut shell = Shell::new(&[spec("a", 1)]);
        shell.leave_retries(RETRIES);
        let request = |id| Seen {
            request: Request::new(id, Token(id), 0, plan),
            idempotent: false,
            replayable: true,
            spent: false,
            tries: Vec::new(),
            replaced: Vec::new(),
            outcome: None,
        };
        let mut world = Self {
            shell,
            seen: (0..requests as u64).map(request).collect(),
            plan,
            retry,
            now: START,
        };
        world.reload(endpoints);
        world
    }

    fn reload(&mut self, endpoints: &[Spec]) {
        let settings = Settings {
            policy: Kind::P2c { choices: 2 },
            retry: self.retry,
            ..settings(endpoints)
        };
        let grants = self.shell.pool.update(self.now, settings);
        self.shell.grants.extend(grants);
    }

    fn step(&mut self, step: Step) {
        let count = self.seen.len();
        match step {
            Step::Report(n, age, event) => {
                let attempt = self.seen[n % count].request.attempt.wrapping_sub(age);
                self.report(n % count, about(event, attempt));
            }
            Step::Deliver if self.shell.grants.is_empty() => {}
            Step::Deliver => {
                let Grant { token } = self.shell.grants.remove(0);
                self.report(token.0 as usize, Event::Granted);
            }
            Step::Due(n) => {
                let deadline = self.seen[n % count].request.deadline();
                if deadline < Timestamp::MAX {
                    self.now = self.now.max(deadline);
                    let done = self.report(n % count, Event::Timer);
                    let waits = self.seen[n % count].request.phase == Phase::Resting;
                    let hedges = self.plan.on.contains(On::HEDGE);
                    assert!(
                        done > 0 || waits || hedges,
                        "a deadline that leads to nothing"
                    );
                }
            }
            Step::Reload(endpoints) => self.reload(&endpoints),
        }
    }

    /// Reports an event and checks what is done about it; returns how many actions that was.
    fn report(&mut self, n: usize, event: Event) -> usize {
        let seen = &mut self.seen[n];
        let was_new = seen.request.phase == Phase::New;
        match event {
            Event::Arrived { idempotent } if was_new => seen.idempotent = idempotent,
            Event::ReplayLost => seen.replayable = false,
            Event::UpstreamFailed { attempt, sent } | Event::StaleConnection { attempt, sent } => {
                let current = attempt == seen.request.attempt && seen.request.endpoint.is_some();
                seen.spent |= current && sent && !(seen.idempotent && seen.replayable);
            }
            _ => {}
        }
        let mut rng = Stream::new(3, "pick").at(n as u64);
        let actions = seen.request.on(event, self.now, &mut self.shell, &mut rng);
        for action in actions {
            seen.check(action, self.plan);
        }
        actions.into_iter().count()
    }

    fn end(&mut self) {
        for n in 0..self.seen.len() {
            self.report(n, Event::ClientLeft);
        }
        assert_eq!((self.shell.in_flight(), self.shell.pool.queued()), (0, 0));
        assert_eq!(self.shell.tunnels(), 0);
        let trace = &self.shell.trace;
        for (n, seen) in self.seen.iter().enumerate() {
            let outcome = |event: &trace::Event| match event.kind {
                trace::Kind::Finished { outcome, .. } if event.request == n as u64 => Some(outcome),
                _ => None,
            };
            let told: Vec<_> = trace.iter().filter_map(outcome).collect();
            assert_eq!(told, [seen.outcome.expect("one outcome")]);
        }
        let retries = (0..self.seen.len()).map(|n| self.budgeted(n as u64));
        assert!(retries.sum::<usize>() <= RETRIES);
    }

    /// Who is a tunnel for its request is one for its endpoint, and nobody else.
    fn check_tunnels(&self) {
        for endpoint in self.shell.pool.endpoints() {
            let here = |seen: &&Seen| {
                let request = &seen.request;
                request.phase == Phase::Tunnel && request.endpoint == Some(endpoint.index)
            };
            let tunnels = self.seen.iter().filter(here).count();
            assert_eq!(endpoint.tunnels as usize, tunnels, "{endpoint:?}");
        }
    }

    /// How often a request drew on the budget: for all tries but the first and those after a failed
    /// dial, when they were first queued or picked. The trace has to say the same.
    fn budgeted(&self, request: u64) -> usize {
        let mut before = None;
        let mut drawn = false;
        let mut count = 0;
        for event in self.shell.trace.iter().filter(|e| e.request == request) {
            match event.kind {
                trace::Kind::Failed { failure, .. } => (before, drawn) = (Some(failure), false),
                // Whatever has failed before, a hedge pays.
                trace::Kind::Hedged => (before, drawn) = (Some(Failure::Lost), false),
                trace::Kind::Delayed { .. } => {
                    assert!(!drawn);
                    drawn = true;
                    count += 1;
                }
                trace::Kind::Queued { budgeted } | trace::Kind::Picked { budgeted } => {
                    let dial = [None, Some(Failure::Dial), Some(Failure::DialTimeout)];
                    assert_eq!(budgeted, !drawn && !dial.contains(&before));
                    drawn |= budgeted;
                    count += usize::from(budgeted);
                }
                _ => {}
            }
        }
        count
    }
}

impl Seen {
    fn check(&mut self, action: Action, plan: Plan) {
        assert_eq!(self.outcome, None, "{action:?} after the end");
        match action {
            Action::Connect { attempt, fresh, .. } if fresh => {
                assert!(!self.spent && !self.replaced.contains(&attempt));
                self.replaced.push(attempt);
            }
            Action::Connect {
                attempt, endpoint, ..
            } => {
                assert!(!self.spent, "sent, and tried again");
                assert!(!self.tries.contains(&endpoint), "an endpoint twice");
                self.tries.push(endpoint);
                assert_eq!(usize::from(attempt), self.tries.len());
                assert!(attempt <= plan.attempts.max(1));
            }
            Action::Send { .. } => assert!(!self.spent, "sent twice"),
            Action::Finish(outcome) => self.outcome = Some(outcome),
            _ => {}
        }
    }
}

/// `event`, about the try `attempt`.
fn about(mut event: Event, attempt: u8) -> Event {
    if let Event::Connected { attempt: a, .. }
    | Event::DialFailed { attempt: a }
    | Event::StaleConnection { attempt: a, .. }
    | Event::Head { attempt: a, .. }
    | Event::UpstreamFailed { attempt: a, .. }
    | Event::Upgraded { attempt: a } = &mut event
    {
        *a = attempt;
    }
    event
}

/// What tries follow others for.
fn reasons() -> Vec<On> {
    let failures = On::STATUS.and(On::FAILURES);
    vec![On::default(), On::RESET, failures, On::HEDGE, HEDGED]
}

proptest! {
    #[test]
    fn every_request_keeps_its_promises(
        attempts in 0_u8..6,
        on in prop::sample::select(reasons()),
        backoff_ms in 0_u32..3,
        total in prop::option::of(1_u32..200),
        endpoints in endpoints(),
        requests in 1_usize..6,
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let total = total.map_or(Span::MAX, |ms| Span::of(MS * ms));
        let plan = Plan { attempts, total, on, ..PLAN };
        let retry = retry::Settings {
            statuses: Statuses::default().with(503),
            backoff: MS * backoff_ms * 10,
            max_wait: MS * 50,
            hedge: Some(hedge::Settings {
                after: hedge::After::Time(MS * 5),
                budget_ppm: 0,
            }),
            ..retry::Settings::at_once(0)
        };
        let mut world = World::new((plan, retry), &endpoints, requests);
        for step in steps {
            world.step(step);
            world.check_tunnels();
        }
        world.end();
    }
}
