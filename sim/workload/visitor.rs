//! What visitors are given, where they were served, and what became of their sessions.
//!
//! A session has state where it was served, so one that a second endpoint serves has lost it: it
//! has moved. One of whose requests failed is broken. Each counts once, at the session's end for
//! those that began in the measured window.

use std::collections::BTreeMap;

use evenkeel_core::time::Timestamp;

use super::visit;
use super::{Arrival, Visit};
use crate::result::{Collector, End};

/// Visitors that come back, each with what it has been given.
#[derive(Debug)]
pub struct Visitors<G>(BTreeMap<(u16, u64), Visitor<G>>);

#[derive(Debug, Default)]
struct Visitor<G> {
    /// When its session began; users have none.
    began: Option<Timestamp>,
    /// The origin that served it last.
    served: Option<usize>,
    moved: bool,
    broken: bool,
    given: G,
}

impl<G> Default for Visitors<G> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<G: Default> Visitors<G> {
    /// A request is sent: its visitor, and what it has been given. None comes back who comes once.
    pub fn given(&mut self, arrival: &Arrival) -> Option<&mut G> {
        let key = key(arrival)?;
        let visitor = self.0.entry(key).or_insert_with(|| Visitor {
            began: matches!(arrival.visit, Visit::Session { .. }).then_some(arrival.due),
            ..Visitor::default()
        });
        Some(&mut visitor.given)
    }

    /// A visitor's request has ended, at `origin` if one served it.
    pub fn ended(
        &mut self,
        arrival: &Arrival,
        end: End,
        origin: Option<usize>,
        collector: &mut Collector,
    ) {
        let Some(visitor) = key(arrival).and_then(|key| self.0.get_mut(&key)) else {
            return;
        };
        if end.is_failure() {
            visitor.broken = true;
        } else if origin.is_some() {
            visitor.moved |= visitor.served.is_some() && visitor.served != origin;
            visitor.served = origin;
        }
        if let (Some(began), Visit::Session { last: true, .. }) = (visitor.began, arrival.visit) {
            collector.session_ended(began, visitor.moved, visitor.broken);
            key(arrival).map(|key| self.0.remove(&key));
        }
    }

    /// The run has ended: those who have not left are counted as they are.
    pub fn close(&self, collector: &mut Collector) {
        for visitor in self.0.values() {
            if let Some(began) = visitor.began {
                collector.session_ended(began, visitor.moved, visitor.broken);
            }
        }
    }
}

/// Who comes back with `arrival`.
fn key(arrival: &Arrival) -> Option<(u16, u64)> {
    (arrival.visit != Visit::Single).then(|| (arrival.workload, visit::client(arrival.n)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::Setup;
    use evenkeel_core::rng::Stream;

    #[test]
    fn a_session_moves_once_and_breaks_once() {
        let setup = Setup {
            from: Timestamp(10),
            until: Timestamp(100),
            ..Setup::default()
        };
        let mut collector = Collector::new(setup);
        let mut visitors = Visitors::<u32>::default();
        let ok = End::Status(200);
        // Client, due, end, origin.
        let requests = [
            (0, 5, ok, Some(0)),
            (0, 20, ok, Some(1)),
            (1, 20, ok, Some(0)),
            (1, 30, ok, Some(1)),
            (1, 40, ok, Some(0)),
            (2, 20, ok, Some(0)),
            (2, 30, End::Status(503), None),
            (2, 40, End::Reset, None),
            (2, 50, ok, Some(0)),
            (3, 20, ok, Some(0)),
            (3, 30, ok, None),
        ];
        for (number, (client, due, end, origin)) in requests.into_iter().enumerate() {
            let arrival = Arrival {
                due: Timestamp(due),
                workload: 0,
                n: client << 32 | number as u64,
                retry: 0,
                visit: Visit::Session {
                    first: false,
                    last: false,
                },
                class: 0,
                cost: 1.0,
                clients: Stream::new(0, "client"),
                record: None,
            };
            *visitors.given(&arrival).unwrap() += 1;
            visitors.ended(&arrival, end, origin, &mut collector);
        }
        visitors.close(&mut collector);
        let cell = collector.finish(Timestamp(100), &[]);
        assert_eq!((cell.sessions.moved, cell.sessions.broken), (1, 1));
    }
}
