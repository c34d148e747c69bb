//! `event_loop`: for Node.js: fewest requests, weighed by how long each keeps others waiting.
//!
//! Problem: an event loop runs one request at a time and waits for databases with all of them. What
//! is in flight says little: a route that computes 100 ms blocks its process, a route that waits
//! 500 ms for a database blocks nobody. Neither is known here, and no list of heavy routes is
//! asked for.
//!
//! Rule: every route (method and path template) has a *harm*: the time by which one request of it
//! in flight delays a newcomer. The endpoint with the least
//!
//! ```text
//! speed * (harms in flight + own harm)        what this request would wait for those in flight
//!   + unseen                                  and for what this proxy does not know of
//!   + 0.5 * mean harm * requests in flight    least_request, while nothing is known
//!   + spare * own harm * min(6, victims)      what it would make others wait
//! ```
//!
//! is taken, among equals one drawn by weight. A victim is a request in flight that comes back
//! from its wait while this one holds the loop: each counts min(1, own harm / its own usual time).
//! So heavy requests gather at few endpoints, by no list and no threshold. Harms are learned from
//! times to the head of a response alone: a time is the route's own usual one plus the harms of
//! what was in flight when the request was sent, and one error corrects all terms of that sum a
//! little (a joint stochastic regression). All harms begin at 0, which is `least_request`; where
//! all routes are alike it stays that. What an endpoint's answers are late beyond that sum is
//! learned as its speed, where it grows with what is in flight, and as unseen, where it does not:
//! where another proxy gathers heavy requests, answers are late, and this one keeps its light
//! requests away and sends its heavy ones. So proxies divide the endpoints without a word.
//!
//! Parameter: `spare` (0.5, 0 to 1; no unit). 0.5 is for light requests and for the mean; the
//! heaviest pay where they are rare (docs/event-loop.md). 0 asks nothing of anybody and keeps about
//! half of the gain. Constants, all in milliseconds or without a unit, stand where they act, here
//! and in `harm`. Cost of a pick: O(n * routes in flight at an endpoint); budget, learning
//! included, 0.5 us at 16 endpoints and 5 us at 64 (`cargo bench --bench core event_loop`); no
//! allocation below 1,024 requests in flight, beyond it each doubling is one. Memory: 64 bytes for
//! each request in flight, and a table of 256 routes; what is beyond shares one. Weights: an
//! endpoint of weight 2 takes what two of weight 1 would; shares are exact while nothing is known.
//! Pathology: a route whose requests differ as much as routes do has one harm for all of them; a
//! response that begins before its computing hides it. Source: docs/event-loop.md, which also says
//! where it loses.

mod flight;
mod harm;
mod route;
mod template;

use super::least::least;
use super::{Best, Measure, PickContext, Policy, Table, Until, Weighing, mean_weight};
use crate::endpoint::{Answer, Endpoint, EndpointIndex};
use crate::policy::Key;
use crate::time::Timestamp;

use flight::Flights;
use harm::Harms;
use route::Routes;

/// What a request in flight costs in means of harm whatever its route: it keeps harms that are
/// wrong, or not known yet, from mattering. From 0.1 to 1 nothing changes much.
const COUNT: f64 = 0.5;
/// The least mean harm, in milliseconds: while nothing is known, requests in flight are counted.
const MEAN_MIN_MS: f64 = 0.02;
/// Victims that count. Without a bound heavy requests gather beyond what their endpoints can do,
/// which drives the others away, and so on: at a load of 0.85 the pool collapses.
const VICTIMS: f64 = 6.0;

/// See the module.
#[derive(Debug)]
pub struct EventLoop {
    spare: f64,
    mean_weight: f64,
    routes: Routes,
    harms: Harms,
    flights: Flights,
}

impl EventLoop {
    /// A policy that spares others so much, 0 to 100 percent of what they would wait.
    #[must_use]
    pub fn new(spare_percent: u32) -> Self {
        Self {
            spare: f64::from(spare_percent.min(100)) / 100.0,
            mean_weight: 1.0,
            routes: Routes::default(),
            harms: Harms::default(),
            flights: Flights::default(),
        }
    }

    /// What sending a request of `harm_ms` to `endpoint` would cost, in milliseconds.
    fn score(&self, now: Timestamp, endpoint: &Endpoint, harm_ms: f64) -> f64 {
        let share = self.mean_weight / f64::from(endpoint.weight);
        let row = self.flights.row(endpoint.index);
        let (mut wait_ms, mut victims) = (0.0, 0.0);
        for (route, count) in row.tally() {
            let route = self.harms.of(route);
            wait_ms += count * route.harm_ms;
            victims += count * (harm_ms * route.per_base_ms).min(1.0);
        }
        let mean_ms = self.harms.mean_ms.max(MEAN_MIN_MS);
        let crowd = f64::from(endpoint.in_flight) * share;
        let (factor, unseen_ms) = row.lag.at(now, self.harms.mean_ms);
        factor * (wait_ms * share + harm_ms)
            + unseen_ms
            + COUNT * mean_ms * crowd
            + self.spare * harm_ms * (victims * share).min(VICTIMS)
    }
}

impl Policy for EventLoop {
    fn pick(&mut self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Option<EndpointIndex> {
        let (route, is_new) = self.routes.admit(cx.key);
        if is_new {
            self.harms.forget(route);
        }
        let harm_ms = self.harms.of(route).harm_ms;
        let now = cx.now;
        least(endpoints, cx, |e| self.score(now, e, harm_ms))
    }

    fn weigh(&self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Weighing {
        let mut routes = self.routes.clone();
        let harm_ms = match routes.admit(cx.key) {
            (_, true) => 0.0,
            (route, false) => self.harms.of(route).harm_ms,
        };
        let score = |e: &Endpoint| self.score(cx.now, e, harm_ms);
        let unit = "ms that this request would wait and make others wait";
        Weighing::of_all(unit, Best::Least, endpoints, cx, score)
    }

    fn rebuild(&mut self, endpoints: &[Endpoint], _: Table) {
        self.mean_weight = mean_weight(endpoints);
        self.flights.rebuild(endpoints);
    }

    fn measure(&self) -> Option<Measure> {
        Some(Measure::Mean {
            until: Until::Header,
        })
    }

    fn send(&mut self, index: EndpointIndex, key: Key) -> u32 {
        let route = self.routes.find(key);
        self.routes.hold(route);
        self.flights.begin(index, route)
    }

    fn heard(&mut self, ticket: u32, now: Timestamp, took_ns: u64, answer: Answer) {
        let Some(flight) = self.flights.end(ticket) else {
            return;
        };
        self.routes.release(flight.route);
        // A fast failure would teach that the route is fast, and a client that left nothing at all.
        if answer == Answer::Good
            && let Some(row) = self.flights.row_mut(flight.endpoint)
        {
            let took_ms = took_ns as f64 / 1e6;
            row.lag.rest(now);
            self.harms
                .learn(flight.route, flight.seen(), took_ms, &mut row.lag);
        }
    }

    fn compares_all(&self) -> bool {
        true
    }
}
