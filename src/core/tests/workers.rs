//! What worker threads share, in every order that threads can take it in (loom): one pool behind a
//! mutex, and a mailbox each. The workers here are the proxy's, without bytes: who frees a place
//! hands the grant to the worker whose request waits, and who leaves tells the pool.
//!
//! A wake-up that is lost is a deadlock, which loom reports with the order that leads to it.

use evenkeel_core::endpoint::{Group, Spec, State as Admin};
use evenkeel_core::policy::Kind;
use evenkeel_core::pool::{GuardSettings, Settings, SpillSettings, State, Wanted};
use evenkeel_core::queue::{self, Grant, Token};
use evenkeel_core::request::{Action, Event, Outcome, Plan, PoolAccess, Request};
use evenkeel_core::retry;
use evenkeel_core::rng::Stream;
use evenkeel_core::time::{Span, Timestamp};
use evenkeel_core::trace;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::sync::mpsc::{Receiver, Sender, channel};
use loom::sync::{Arc, Mutex};
use loom::thread;

const NOW: Timestamp = Timestamp::ZERO;

/// What all workers have.
#[derive(Clone)]
struct Shared {
    pool: Arc<Mutex<State>>,
    mailboxes: Vec<Sender<Token>>,
    /// Requests at the endpoint, as the endpoint counts them.
    served: Arc<AtomicU32>,
    most: u32,
}

impl PoolAccess for Shared {
    fn with<R>(&mut self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.pool.lock().expect("nobody panics with it"))
    }

    fn grant(&mut self, grant: Grant) {
        // A worker that has ended does not read it: its request gives the grant back by itself.
        let _ = self.mailboxes[grant.token.0 as usize].send(grant.token);
    }

    fn record(&mut self, _: trace::Event) {}

    fn probe(&mut self, _: Wanted) {}
}

/// What a worker's client does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Client {
    /// It has all the time.
    Waits,
    /// It leaves as soon as it has to wait.
    Leaves,
}

impl Shared {
    /// One worker with one request, from its arrival to its outcome.
    fn work(mut self, number: u64, client: Client, mailbox: &Receiver<Token>) {
        let mut request = Request::new(number, Token(number), 0, Plan::PATIENT);
        let mut rng = Stream::new(1, "picks").at(number);
        let mut event = Event::Arrived { idempotent: true };
        loop {
            let actions = request.on(event, NOW, &mut self, &mut rng);
            let action = actions.as_slice().last().expect("each report is answered");
            event = match *action {
                Action::Connect { attempt, .. } => {
                    let others = self.served.fetch_add(1, Ordering::SeqCst);
                    assert!(others < self.most, "more than max_connections at once");
                    let reused = true;
                    Event::Connected { attempt, reused }
                }
                Action::Send { attempt } => {
                    // The endpoint is done before the proxy can know it.
                    self.served.fetch_sub(1, Ordering::SeqCst);
                    Event::Head {
                        attempt,
                        status: 200,
                        retry_after: Span(0),
                    }
                }
                Action::Forward { .. } => Event::BodyEnded,
                Action::Wait { .. } if client == Client::Leaves => Event::ClientLeft,
                Action::Wait { token } => {
                    while mailbox.recv().expect("the others have its sender") != token {}
                    Event::Granted
                }
                Action::Finish(outcome) => {
                    let complete = Outcome::Complete { status: 200 };
                    let expected = [complete, Outcome::Cancelled];
                    assert!(expected.contains(&outcome), "{outcome:?}");
                    return;
                }
                other => panic!("nothing goes wrong here: {other:?}"),
            };
        }
    }
}

fn pool(max_connections: u32) -> State {
    let endpoint = Spec {
        name: "a".into(),
        address: "a".into(),
        weight: 1,
        max_connections: Some(max_connections),
        group: Group::Home,
        state: Admin::Up,
    };
    let settings = Settings {
        policy: Kind::LeastRequest,
        endpoints: vec![endpoint],
        retry: retry::Settings::at_once(0),
        queue: queue::Settings::fifo(8),
        guard: GuardSettings::default(),
        affinity: None,
        spill: SpillSettings::default(),
        drain: None,
    };
    State::new(0, settings)
}

/// Runs these clients' requests, a worker each, in every order with up to three preemptions; at
/// the end the pool counts nothing any more.
fn explore(max_connections: u32, clients: &'static [Client]) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let (mailboxes, readers): (Vec<_>, Vec<_>) = clients.iter().map(|_| channel()).unzip();
        let shared = Shared {
            pool: Arc::new(Mutex::new(pool(max_connections))),
            mailboxes,
            served: Arc::new(AtomicU32::new(0)),
            most: max_connections,
        };
        let workers: Vec<_> = (0..)
            .zip(clients.iter().zip(readers))
            .map(|(number, (client, mailbox))| {
                let shared = shared.clone();
                thread::spawn(move || shared.work(number, *client, &mailbox))
            })
            .collect();
        for worker in workers {
            worker.join().expect("it does not panic");
        }
        let pool = shared.pool.lock().expect("nobody panics with it");
        assert_eq!((pool.in_flight(), pool.queued()), (0, 0));
    });
}

#[test]
fn nobody_waits_for_ever_and_nobody_is_one_too_many() {
    explore(1, &[Client::Waits; 2]);
    explore(1, &[Client::Waits; 3]);
    explore(2, &[Client::Waits; 3]);
}

/// The place that was booked for who left goes to who waits behind it.
#[test]
fn who_leaves_passes_on_what_was_booked() {
    explore(1, &[Client::Waits, Client::Leaves, Client::Waits]);
    explore(1, &[Client::Waits, Client::Leaves, Client::Leaves]);
}
