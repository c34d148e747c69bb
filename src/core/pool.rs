//! A pool: its endpoints and everything that is decided about them.
//!
//! Plain data with `&mut self`. The proxy keeps it behind a mutex that is held for a pick or a
//! completion only, so everything here is exact across workers; engine `model` owns it.

mod account;
mod affinity;
mod drain;
mod guard;
mod load;
mod retry;
mod spill;
mod update;
mod wait;
mod watch;

use std::collections::VecDeque;
use std::time::Duration;

use crate::account::Account;
use crate::affinity::{self as session, Home};
use crate::budget::Budget;
use crate::endpoint::{
    Answer, Endpoint, EndpointIndex, Measure, Spec, State as Admin, Tried, Until,
};
use crate::hedge::Hedge;
use crate::policy::{self, Key, PickContext, Policy, Tier};
use crate::queue::{self, Applicant, Grant, Queue, Token, Waiter};
use crate::rng::{Rng, Stream};
use crate::time::Timestamp;

use affinity::{Affinity, Stay};
use drain::Drain;
pub use guard::Settings as GuardSettings;
use guard::{Guard, News};
pub use load::Wanted;
pub use spill::{Settings as SpillSettings, Shares};

/// What a configuration says of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The policy.
    pub policy: policy::Kind,
    /// The endpoints, in the order of the file, each with a name of its own.
    pub endpoints: Vec<Spec>,
    /// What is tried again, and how soon.
    pub retry: crate::retry::Settings,
    /// Requests that wait for an endpoint.
    pub queue: queue::Settings,
    /// What keeps requests from endpoints that are not fine.
    pub guard: GuardSettings,
    /// What keeps clients with their endpoints; absent: nothing does.
    pub affinity: Option<session::Settings>,
    /// How much goes to other endpoints than the first choice.
    pub spill: SpillSettings,
    /// How long a draining endpoint keeps tunnels and sessions; `None`: as long as they last.
    pub drain: Option<Duration>,
}

/// Settings with what is better made before the pool is locked to change.
#[derive(Debug)]
pub struct Update {
    settings: Settings,
    table: policy::Table,
}

impl From<Settings> for Update {
    fn from(settings: Settings) -> Self {
        Self {
            table: policy::Table::new(settings.policy, &settings.endpoints),
            settings,
        }
    }
}

/// A pool's state. It outlives configurations: see [`State::update`].
///
/// What every request writes comes first, next to the lock that a shell puts before it: workers on
/// several cores hand it to each other.
#[derive(Debug)]
#[repr(C)]
pub struct State {
    /// Requests in flight, by group.
    in_flight: [u64; 3],
    budget: Budget,
    id: u16,
    settings: Settings,
    endpoints: Vec<Endpoint>,
    /// The name of each slot's owner; `None` for a slot that nobody has.
    names: Vec<Option<String>>,
    policy: Box<dyn Policy>,
    /// What the policy wants measured.
    measure: Option<Measure>,
    /// Whether the policy may want endpoints probed.
    asks: bool,
    /// How many policies there were before: what one has sent the next one knows nothing of.
    era: u8,
    /// Begins second tries beside those that are late, if that is configured.
    hedge: Option<Box<Hedge>>,
    queue: Queue,
    /// Whether any endpoint is in another group than the first or has failed dials: the common pool
    /// asks one tier.
    tiers: bool,
    /// Where requests are tried first, by group.
    shares: Shares,
    /// Whether that is several groups.
    spills: bool,
    /// The endpoints that drain.
    drains: Vec<Drain>,
    /// What nobody has been told: that some of them are empty now, and what a guard that is gone
    /// has left behind.
    news: VecDeque<News>,
    /// Keeps requests from endpoints that are not fine, if that is configured.
    guard: Option<Box<Guard>>,
    /// Keeps clients with their endpoints, if that is configured.
    affinity: Option<Box<Affinity>>,
    /// Why the picks of those who asked came out as they did, until they take it.
    accounts: Vec<(Token, Account)>,
    /// What draws of the guard are made of.
    stream: Stream,
}

/// What a pool says to a request that wants an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Go to this endpoint; the request counts as in flight there.
    Picked(EndpointIndex),
    /// All are full: wait for a [`Grant`].
    Queued,
    /// All are full, and so is the queue.
    QueueFull,
    /// It has waited for too long in an overload, or newer ones took its place in the queue.
    Shed,
    /// No endpoint may take this request.
    NoEndpoint,
}

/// How a try ended, as far as its endpoint is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A complete response.
    Success,
    /// The connection could not be opened.
    DialFailed,
    /// Any other fault of the endpoint.
    Failed {
        /// When the try opened a connection; `None` if it got none, or one that was open already.
        dialled: Option<Timestamp>,
    },
    /// No fault of the endpoint: the client left.
    Cancelled {
        /// As above.
        dialled: Option<Timestamp>,
    },
}

/// A request whose answer is awaited, as the pool knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Up to where it is measured.
    pub until: Until,
    era: u8,
    /// A number, as bytes: a request has no room for what would align it.
    ticket: [u8; 4],
}

impl State {
    /// Pool number `id` (its place in the configuration) with `settings`.
    #[must_use]
    pub fn new(id: u16, settings: Settings) -> Self {
        let mut state = Self {
            id,
            policy: settings.policy.build(),
            measure: None,
            asks: false,
            era: 0,
            in_flight: [0; 3],
            budget: Budget::new(settings.retry.budget_ppm),
            hedge: None,
            endpoints: Vec::new(),
            names: Vec::new(),
            queue: Queue::default(),
            tiers: false,
            shares: [0; 3],
            spills: false,
            drains: Vec::new(),
            news: VecDeque::new(),
            guard: None,
            affinity: None,
            accounts: Vec::new(),
            stream: Stream::new(0, "health"),
            settings: Settings {
                endpoints: Vec::new(),
                guard: settings.guard.clone(),
                ..settings
            },
        };
        let nobody_waits = state.apply(Timestamp::ZERO, settings.into(), true);
        debug_assert!(nobody_waits.is_empty());
        state
    }

    /// Puts another policy in the place of the configured one, until an update names a different
    /// one. For policies that only a simulation can have; they need no tables.
    pub fn replace_policy(&mut self, policy: Box<dyn Policy>) {
        self.measure = policy.measure();
        self.policy = policy;
        self.era = self.era.wrapping_add(1);
    }

    /// The pool's number.
    #[must_use]
    pub const fn id(&self) -> u16 {
        self.id
    }

    /// The endpoints by slot, gone ones included.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// The name of the endpoint in `slot`.
    #[must_use]
    pub fn name(&self, slot: u32) -> Option<&str> {
        self.names.get(slot as usize)?.as_deref()
    }

    /// Requests in flight at all endpoints, as the pool counts them by itself.
    #[must_use]
    pub const fn in_flight(&self) -> u64 {
        self.in_flight[0] + self.in_flight[1] + self.in_flight[2]
    }

    /// Requests that wait for an endpoint.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// A request arrives: finds it an endpoint or a place in the queue.
    #[inline(always)]
    pub fn arrive(
        &mut self,
        now: Timestamp,
        who: impl Into<Applicant>,
        key: Key,
        rng: &mut Rng,
    ) -> Admission {
        self.budget.request(now);
        self.admit(now, who, Tried::default(), key, rng)
    }

    /// Finds an endpoint or a place in the queue, and draws on no budget.
    #[inline(always)]
    pub fn admit(
        &mut self,
        now: Timestamp,
        who: impl Into<Applicant>,
        tried: Tried,
        key: Key,
        rng: &mut Rng,
    ) -> Admission {
        let Applicant {
            token,
            priority,
            explained,
        } = who.into();
        if explained {
            self.account(token, now, &tried, key, *rng);
        }
        match self.pick(now, &tried, key, rng) {
            Some(index) => Admission::Picked(index),
            None => self.wait(Waiter {
                token,
                priority,
                explained,
                since: now,
                tried,
                key,
                rng: *rng,
                home: self.represented(),
            }),
        }
    }

    /// Nobody has room: finds a place in the queue.
    #[inline(never)]
    fn wait(&mut self, waiter: Waiter) -> Admission {
        if !self.may_serve(waiter.since, &waiter.tried) {
            return Admission::NoEndpoint;
        }
        if self.queue.join(waiter) {
            Admission::Queued
        } else {
            Admission::QueueFull
        }
    }

    #[inline(always)]
    fn pick(
        &mut self,
        now: Timestamp,
        tried: &Tried,
        key: Key,
        rng: &mut Rng,
    ) -> Option<EndpointIndex> {
        let index = match (self.stay(now, tried), &self.guard) {
            (Stay::Free, Some(guard)) if guard.is_warming() => {
                self.choose_warm(now, tried, key, rng)
            }
            (Stay::Free, _) => self.choose(now, tried, key, rng),
            (Stay::At(index), _) => Some(index),
            (Stay::Later(_) | Stay::Never(_), _) => None,
        }?;
        let endpoint = &mut self.endpoints[index.slot as usize];
        endpoint.in_flight += 1;
        self.in_flight[endpoint.group as usize] += 1;
        if let Some(guard) = &mut self.guard {
            guard.pick(endpoint);
        }
        Some(index)
    }

    /// The tier that is asked first, and those that are asked if it has nobody.
    #[inline(always)]
    fn tiers(&self, rng: &mut Rng) -> (&'static Tier, &'static [Tier]) {
        match self.spills {
            false => (&Tier::ORDER[0], &Tier::ORDER[1..]),
            true => (spill::draw(self.shares, rng), &Tier::ORDER[..]),
        }
    }

    /// The choice of the policy.
    #[inline(always)]
    fn choose(
        &mut self,
        now: Timestamp,
        tried: &Tried,
        key: Key,
        rng: &mut Rng,
    ) -> Option<EndpointIndex> {
        let (first, others) = self.tiers(rng);
        let mut cx = PickContext {
            now,
            rng,
            tried,
            tier: *first,
            key,
            in_flight: self.in_flight[first.group as usize],
        };
        let chosen = self.policy.pick(&self.endpoints, &mut cx);
        if chosen.is_some() || !self.tiers {
            return chosen;
        }
        others.iter().find_map(|tier| {
            cx.tier = *tier;
            cx.in_flight = self.in_flight[tier.group as usize];
            self.policy.pick(&self.endpoints, &mut cx)
        })
    }

    /// A try at `index` ended; the place that it frees may go to a waiting request. An endpoint
    /// that is gone is passed over in silence.
    #[inline(always)]
    pub fn complete(
        &mut self,
        now: Timestamp,
        index: EndpointIndex,
        verdict: Verdict,
    ) -> Option<Grant> {
        let endpoint = self.present(index)?;
        debug_assert!(endpoint.in_flight > 0, "a completion without a pick");
        endpoint.in_flight = endpoint.in_flight.saturating_sub(1);
        let tier = endpoint.group as usize;
        self.in_flight[tier] = self.in_flight[tier].saturating_sub(1);
        self.freed(now, index, verdict)
    }

    /// The request in flight at `index` is a tunnel from now on: the place that it holds stays
    /// taken, and the endpoint has one request less.
    pub fn upgrade(&mut self, now: Timestamp, index: EndpointIndex) {
        let Some(endpoint) = self.present(index) else {
            return;
        };
        debug_assert!(endpoint.in_flight > 0, "an upgrade without a pick");
        endpoint.in_flight = endpoint.in_flight.saturating_sub(1);
        endpoint.tunnels += 1;
        // Its end may be hours away, and tells no more of the endpoint than its beginning.
        endpoint.dial_succeeded(now);
        let tier = endpoint.group as usize;
        self.in_flight[tier] = self.in_flight[tier].saturating_sub(1);
    }

    /// A tunnel at `index` ended; otherwise as [`State::complete`].
    pub fn hang_up(
        &mut self,
        now: Timestamp,
        index: EndpointIndex,
        verdict: Verdict,
    ) -> Option<Grant> {
        let endpoint = self.present(index)?;
        debug_assert!(endpoint.tunnels > 0, "an end without an upgrade");
        endpoint.tunnels = endpoint.tunnels.saturating_sub(1);
        self.freed(now, index, verdict)
    }

    /// A request is sent to `index` now; if the policy wants its latency, [`State::heard`] must be
    /// told, once, when its answer has come or is given up.
    #[inline]
    pub fn send(&mut self, now: Timestamp, index: EndpointIndex, key: Key) -> Option<Sent> {
        let until = self.measure?.until();
        self.present(index)?.latency.begin(now);
        Some(Sent {
            until,
            era: self.era,
            ticket: self.policy.send(index, key).to_ne_bytes(),
        })
    }

    /// The answer to a request sent to `index` at `at` has come, or is given up.
    pub fn heard(
        &mut self,
        now: Timestamp,
        index: EndpointIndex,
        at: Timestamp,
        sent: Sent,
        answer: Answer,
    ) {
        if sent.era == self.era {
            let took_ns = now.0.saturating_sub(at.0);
            let ticket = u32::from_ne_bytes(sent.ticket);
            self.policy.heard(ticket, now, took_ns, answer);
        }
        let how = self.measure.map(|measure| (measure, answer));
        if let Some(endpoint) = self.present(index) {
            endpoint.latency.end(now, at, how);
        }
    }

    /// The endpoint, unless it is gone.
    #[inline]
    fn present(&mut self, index: EndpointIndex) -> Option<&mut Endpoint> {
        let endpoint = self.endpoints.get_mut(index.slot as usize)?;
        (endpoint.index == index).then_some(endpoint)
    }

    /// A place at `index` is free, and something was learned of the endpoint.
    #[inline(always)]
    fn freed(&mut self, now: Timestamp, index: EndpointIndex, verdict: Verdict) -> Option<Grant> {
        let endpoint = &mut self.endpoints[index.slot as usize];
        match verdict {
            Verdict::Success => endpoint.dial_succeeded(now),
            Verdict::DialFailed => {
                endpoint.dial_failed(now);
                self.tiers = true;
            }
            Verdict::Failed { dialled } | Verdict::Cancelled { dialled } => {
                if let Some(at) = dialled {
                    endpoint.dial_succeeded(at);
                }
            }
        }
        if endpoint.state == Admin::Drain {
            self.empty_out(now);
        }
        self.grant(now)
    }

    #[inline(always)]
    fn grant(&mut self, now: Timestamp) -> Option<Grant> {
        match self.queue.len() {
            0 => None,
            _ => self.grant_next(now),
        }
    }

    #[inline(never)]
    fn grant_next(&mut self, now: Timestamp) -> Option<Grant> {
        let mut queue = std::mem::take(&mut self.queue);
        let grant = queue.grant(now, |w| {
            self.represent(w.home);
            if w.explained {
                self.account(w.token, now, &w.tried, w.key, w.rng);
            }
            self.pick(now, &w.tried, w.key, &mut w.rng)
        });
        self.represent(Home::None);
        self.queue = queue;
        grant
    }
}

#[cfg(test)]
mod tests;
