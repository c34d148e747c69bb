//! Sessions in the model: what clients carry and applications say, without bytes.

use evenkeel_core::affinity::{Claim, Name, Session};
use evenkeel_core::time::Timestamp;
use evenkeel_proxy::config::{AffinityKind, Cookie};

use super::{Engine, Live};
use crate::result::End;
use crate::workload::Visit;

/// What a visitor has been given, by pool.
#[derive(Clone, Debug, Default)]
pub(super) struct Given(Vec<(u16, Gift)>);

/// What it carries from then on.
#[derive(Clone, Copy, Debug)]
enum Gift {
    /// A cookie of the proxy's: what it says, since when, and the process that alone can read it,
    /// unless its keys are shared.
    Cookie(Name, Timestamp, Option<usize>),
    /// A session of the application's.
    Session,
    /// The name of an endpoint.
    Route(Name),
}

const SECOND_NS: u64 = 1_000_000_000;

impl Engine<'_> {
    /// What a request claims of its session at process number `process`, if the pool keeps any.
    pub(super) fn claim(&mut self, live: &Live, process: usize, pool: u16) -> Option<Session> {
        let config = &self.plan.generations[self.generation].config;
        let affinity = config.pools[usize::from(pool)].affinity.as_ref()?;
        let mut session = Session::default();
        let arrival = &live.arrival;
        let given = self.visitors.given(arrival).and_then(|given| {
            let gift = given.0.iter().find(|(of, _)| *of == pool)?;
            Some(gift.1)
        });
        match (given, &affinity.kind) {
            (Some(Gift::Cookie(name, told, reader)), AffinityKind::Cookie(cookie)) => {
                let expired = cookie.ttl.is_some_and(|ttl| told + ttl <= self.now);
                if expired {
                    // Its client has thrown it away.
                } else if reader.is_none_or(|reader| reader == process) {
                    let age_s = self.now.0 / SECOND_NS - told.0 / SECOND_NS;
                    session.claim = Claim::Endpoint {
                        name,
                        age_s: u32::try_from(age_s).unwrap_or(u32::MAX),
                    };
                } else {
                    session.forged = 1;
                }
            }
            (Some(Gift::Session), AffinityKind::Learn { .. }) => {
                session.claim = Claim::Session(arrival.client());
            }
            (Some(Gift::Route(name)), AffinityKind::Route { .. }) => {
                session.claim = Claim::Endpoint { name, age_s: 0 };
            }
            _ => {}
        }
        Some(session)
    }

    /// The head of the response sets out for the client: what it will have been given.
    pub(super) fn give(&self, live: &mut Live) {
        let (Some(session), Some(endpoint)) = (live.session, live.request.endpoint()) else {
            return;
        };
        let config = &self.plan.generations[self.generation].config;
        let affinity = config.pools[usize::from(live.pool)].affinity.as_ref();
        let name = self.proxies[live.process].pools[usize::from(live.pool)].name(endpoint.slot);
        let (Some(affinity), Some(name)) = (affinity, name.map(Name::of)) else {
            return;
        };
        live.gift = match &affinity.kind {
            AffinityKind::Cookie(Cookie { keys, .. }) => session.tell.then(|| {
                let reader = keys.is_none().then_some(live.process);
                Gift::Cookie(name, self.now, reader)
            }),
            AffinityKind::Learn { .. } => session.named.map(|_| Gift::Session),
            AffinityKind::Route { .. } => Some(Gift::Route(name)),
        }
        .map(Present);
    }

    /// The slot's request has ended for its client, which keeps what it was given.
    pub(super) fn keep_gift(&mut self, live: &mut Live, end: End) {
        let answered = matches!(end, End::Status(_));
        let (gift, pool) = (live.gift.take().filter(|_| answered), live.pool);
        if let (Some(Present(gift)), Some(given)) = (gift, self.visitors.given(&live.arrival)) {
            given.0.retain(|(of, _)| *of != pool);
            given.0.push((pool, gift));
        }
        let served = live.served.filter(|_| answered);
        self.visitors
            .ended(&live.arrival, end, served, &mut self.collector);
    }
}

impl Live {
    /// The application answers, and names its session to a client that did not.
    pub(super) fn name_session(&mut self) {
        self.served = Some(self.origin);
        let comes_back = self.arrival.visit != Visit::Single;
        if let Some(session) = &mut self.session
            && session.claim == Claim::None
            && comes_back
        {
            session.named = Some(self.arrival.client());
        }
    }
}

/// A gift on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Present(Gift);
