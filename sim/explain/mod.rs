//! Why a request went where it did: its picks as the core accounts for them, and what happened to
//! it when. As JSON here, for people in `text.rs`.
//!
//! Nothing is found out here: picks are the pool's own accounts, the rest is the event stream.

mod step;
#[cfg(test)]
mod test;
mod text;

use std::sync::Arc;

use evenkeel_core::endpoint::EndpointIndex;
use evenkeel_core::time::Timestamp;
use evenkeel_core::trace::{Event, NO_POOL};
use evenkeel_proxy::log;
use serde_json::{Map, Value, json};

use crate::plan::Plan;
use crate::result::{Run, Subject, Witness};

/// Why the request that a run has watched went where it did.
#[derive(Debug)]
pub struct Explanation<'a> {
    plan: &'a Plan,
    run: &'a Run,
    witness: &'a Witness,
    began: Timestamp,
}

/// There is no such request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The process had no such request.
    #[error("proxy {proxy} had no request {request}: it had {had}, expected {}", range(*had))]
    Request {
        /// Which process.
        proxy: usize,
        /// Which was asked for.
        request: u64,
        /// How many there were.
        had: u64,
    },
    /// No process has that number, or it had no request at all.
    #[error("there is no proxy {proxy} that had a request: expected one below {had}")]
    Proxy {
        /// Which was asked for.
        proxy: usize,
        /// How many processes had one.
        had: usize,
    },
}

fn range(had: u64) -> String {
    match had {
        0 => "none".into(),
        had => format!("one from 0 to {}", had - 1),
    }
}

/// The same plan, of whose runs `subject` is watched.
#[must_use]
pub fn watching(plan: &Arc<Plan>, subject: Subject) -> Arc<Plan> {
    let again = Plan::new(Arc::clone(&plan.scenario), Some(plan.engine));
    Arc::new(again.watching(subject))
}

impl<'a> Explanation<'a> {
    /// Of the request that `run`, of one cell and under `plan`, has watched.
    ///
    /// # Errors
    /// If it had none such, which there were.
    ///
    /// # Panics
    /// If nothing was watched: see [`watching`].
    pub fn new(plan: &'a Plan, run: &'a Run) -> Result<Self, Error> {
        let witness = run.cells.first().and_then(|cell| cell.witness.as_ref());
        let witness = witness.expect("the run was made of a plan that watches");
        let Subject { proxy, request } = witness.subject;
        let Some(first) = witness.events.first() else {
            return Err(match witness.requests.get(proxy) {
                Some(had) => Error::Request {
                    proxy,
                    request,
                    had: *had,
                },
                None => Error::Proxy {
                    proxy,
                    had: witness.requests.len(),
                },
            });
        };
        Ok(Self {
            plan,
            run,
            witness,
            began: first.at,
        })
    }

    /// The name of its pool; none if it was answered before.
    fn pool(&self) -> Option<&str> {
        let mut pools = self.witness.events.iter().map(|event| event.pool);
        let pool = pools.find(|pool| *pool != NO_POOL)?;
        let pools = &self.plan.config().pools;
        Some(&pools.get(usize::from(pool))?.name)
    }

    /// The name of an endpoint: it was picked, so there is an account of it.
    fn name(&self, index: EndpointIndex) -> &str {
        let mut all = self.witness.accounts.iter().flat_map(|a| &a.candidates);
        all.find(|candidate| candidate.endpoint == index)
            .map_or("?", |candidate| &candidate.name)
    }

    /// One object: the request, its picks as the access log has them, and its time line.
    #[must_use]
    pub fn json(&self) -> Value {
        let Subject { proxy, request } = self.witness.subject;
        let settings = &self.run.cells[0].settings;
        let settings = settings
            .iter()
            .map(|(key, value)| (key.clone(), json!(value)));
        let picks = self.witness.accounts.iter();
        let picks: Vec<Value> = picks.map(|pick| log::account(pick, self.began)).collect();
        let events = self.witness.events.iter();
        let timeline: Vec<Value> = events.map(|event| self.moment(event)).collect();
        json!({
            "schema": 1,
            "scenario": self.run.scenario,
            "engine": self.run.engine,
            "seed": self.run.seed,
            "settings": settings.collect::<Map<_, _>>(),
            "proxy": proxy,
            "request": request,
            "pool": self.pool(),
            "arrived_s": self.began.0 as f64 / 1e9,
            "picks": picks,
            "timeline": timeline,
        })
    }

    fn moment(&self, event: &Event) -> Value {
        let at_ms = event.at.since(self.began).as_nanos() as f64 / 1e6;
        json!({
            "at_ms": at_ms,
            "try": event.attempt,
            "endpoint": event.endpoint.map(|index| self.name(index)),
            "what": step::words(event),
        })
    }
}
