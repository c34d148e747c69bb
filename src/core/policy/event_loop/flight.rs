//! What is in flight at each endpoint, by route, and what each request found there.

use super::harm::Lag;
use crate::endpoint::{Endpoint, EndpointIndex};

/// Routes in flight that a request remembers; it is rare that an endpoint has more.
const SEEN: usize = 12;
/// Requests for which there is room from the beginning.
const ROOM: usize = 1024;

/// A request in flight. 64 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    pub(super) endpoint: EndpointIndex,
    pub(super) route: u16,
    len: u8,
    live: bool,
    seen: [(u16, u16); SEEN],
}

impl Flight {
    /// What was in flight when it was sent: routes, and how many requests of each.
    pub(super) fn seen(&self) -> &[(u16, u16)] {
        &self.seen[..usize::from(self.len)]
    }
}

/// What is known of an endpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    generation: u32,
    /// Routes in flight, none twice, and how many requests of each, none 0.
    tally: Vec<(u16, u16)>,
    pub(super) lag: Lag,
}

impl Row {
    /// Routes in flight, and how many requests of each.
    pub(super) fn tally(&self) -> impl Iterator<Item = (u16, f64)> {
        self.tally.iter().map(|(route, n)| (*route, f64::from(*n)))
    }

    fn add(&mut self, route: u16) {
        match self.tally.iter_mut().find(|(known, _)| *known == route) {
            Some((_, n)) => *n = n.saturating_add(1),
            None => self.tally.push((route, 1)),
        }
    }

    fn remove(&mut self, route: u16) {
        if let Some(at) = self.tally.iter().position(|(known, _)| *known == route) {
            self.tally[at].1 -= 1;
            if self.tally[at].1 == 0 {
                self.tally.swap_remove(at);
            }
        }
    }
}

/// All requests in flight.
#[derive(Debug)]
pub(super) struct Flights {
    /// By slot.
    rows: Vec<Row>,
    /// By ticket.
    flights: Vec<Flight>,
    /// Tickets that nobody has.
    free: Vec<u32>,
    /// Of an endpoint that is not in the table.
    unknown: Row,
}

impl Default for Flights {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            flights: Vec::with_capacity(ROOM),
            free: Vec::with_capacity(ROOM),
            unknown: Row::default(),
        }
    }
}

impl Flights {
    pub(super) fn rebuild(&mut self, endpoints: &[Endpoint]) {
        self.rows.resize_with(endpoints.len(), Row::default);
        for (row, endpoint) in self.rows.iter_mut().zip(endpoints) {
            if row.generation != endpoint.index.generation {
                *row = Row::default();
                row.generation = endpoint.index.generation;
            }
            row.tally.reserve(SEEN);
        }
    }

    pub(super) fn row(&self, index: EndpointIndex) -> &Row {
        self.rows.get(index.slot as usize).unwrap_or(&self.unknown)
    }

    /// The row, unless its endpoint is gone.
    pub(super) fn row_mut(&mut self, index: EndpointIndex) -> Option<&mut Row> {
        let row = self.rows.get_mut(index.slot as usize)?;
        (row.generation == index.generation).then_some(row)
    }

    /// A request of `route` is sent to `endpoint`: its ticket.
    pub(super) fn begin(&mut self, endpoint: EndpointIndex, route: u16) -> u32 {
        let mut flight = Flight {
            endpoint,
            route,
            len: 0,
            live: true,
            seen: [(0, 0); SEEN],
        };
        if let Some(row) = self.row_mut(endpoint) {
            let seen = row.tally.iter().zip(&mut flight.seen);
            flight.len = seen.map(|(there, seen)| *seen = *there).count() as u8;
            row.add(route);
        }
        if let Some(ticket) = self.free.pop() {
            self.flights[ticket as usize] = flight;
            return ticket;
        }
        self.flights.push(flight);
        (self.flights.len() - 1) as u32
    }

    /// The request with that ticket is no longer in flight; nothing if it was not.
    pub(super) fn end(&mut self, ticket: u32) -> Option<Flight> {
        let flight = self.flights.get_mut(ticket as usize)?;
        if !std::mem::take(&mut flight.live) {
            return None;
        }
        let flight = *flight;
        self.free.push(ticket);
        if let Some(row) = self.row_mut(flight.endpoint) {
            row.remove(flight.route);
        }
        Some(flight)
    }
}
