//! Requests on their way. A request carries a ticket through the proxy in a header field, and the
//! origin looks up whose it is: that is how one draw belongs to one request, in any order of
//! events.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use evenkeel_core::time::Timestamp;

use crate::workload::Arrival;

/// The field that carries the ticket.
pub(super) const FIELD: &str = "X-Sim";

/// How long a request whose client has left may still turn up at an origin, which works on it as
/// on any other. Longer than anything holds it up but a pause or a cut of minutes.
const LINGER: Duration = Duration::from_secs(60);

/// Names a request on its way; never the same twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    slot: u32,
    serial: u32,
}

impl Ticket {
    /// Reads what [`Ticket::text`] wrote.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (slot, serial) = text.split_once('-')?;
        let number = |text| u32::from_str_radix(text, 16).ok();
        Some(Self {
            slot: number(slot)?,
            serial: number(serial)?,
        })
    }

    pub(super) fn text(self) -> String {
        format!("{:x}-{:x}", self.slot, self.serial)
    }
}

/// All requests on their way.
#[derive(Debug, Default)]
pub(super) struct Flow(RefCell<Slots>);

#[derive(Debug, Default)]
struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Slots of requests whose clients have left, and when each may be used again.
    left: VecDeque<(Timestamp, u32)>,
}

#[derive(Debug)]
struct Slot {
    serial: u32,
    arrival: Option<Arrival>,
    offers: u8,
    /// The origin that it reached last.
    origin: usize,
}

impl Flow {
    /// A request sets out.
    pub(super) fn enter(&self, arrival: Arrival, now: Timestamp) -> Ticket {
        let mut flow = self.0.borrow_mut();
        while let Some((_, slot)) = flow.left.pop_front_if(|(until, _)| *until < now) {
            flow.slots[slot as usize].arrival = None;
            flow.free.push(slot);
        }
        let slot = flow.free.pop().unwrap_or(flow.slots.len() as u32);
        match flow.slots.get_mut(slot as usize) {
            Some(entry) => {
                entry.serial += 1;
                entry.arrival = Some(arrival);
                entry.offers = 0;
                entry.origin = usize::MAX;
                Ticket {
                    slot,
                    serial: entry.serial,
                }
            }
            None => {
                flow.slots.push(Slot {
                    serial: 0,
                    arrival: Some(arrival),
                    offers: 0,
                    origin: usize::MAX,
                });
                Ticket { slot, serial: 0 }
            }
        }
    }

    /// A request has reached origin number `origin`: looks at it, with the number of times that it
    /// has reached one by now. `None` if its client no longer waits.
    pub(super) fn offer<R>(
        &self,
        ticket: Ticket,
        origin: usize,
        f: impl FnOnce(&Arrival, u8) -> R,
    ) -> Option<R> {
        let mut flow = self.0.borrow_mut();
        let slot = flow.slots.get_mut(ticket.slot as usize)?;
        if slot.serial != ticket.serial {
            return None;
        }
        slot.offers = slot.offers.saturating_add(1);
        slot.origin = origin;
        Some(f(slot.arrival.as_ref()?, slot.offers))
    }

    /// The origin that a request on its way has reached last.
    pub(super) fn origin(&self, ticket: Ticket) -> Option<usize> {
        let flow = self.0.borrow();
        let slot = flow.slots.get(ticket.slot as usize)?;
        (slot.serial == ticket.serial && slot.origin != usize::MAX).then_some(slot.origin)
    }

    /// A request has ended for its client.
    pub(super) fn leave(&self, ticket: Ticket) -> Option<Arrival> {
        let mut flow = self.0.borrow_mut();
        let slot = flow.slots.get_mut(ticket.slot as usize)?;
        let arrival = slot.arrival.take()?;
        flow.free.push(ticket.slot);
        Some(arrival)
    }

    /// The client of a request has left: it is still on its way.
    pub(super) fn abandon(&self, ticket: Ticket, now: Timestamp) -> Option<Arrival> {
        let mut flow = self.0.borrow_mut();
        let arrival = flow.slots.get(ticket.slot as usize)?.arrival.clone()?;
        flow.left.push_back((now + LINGER, ticket.slot));
        Some(arrival)
    }
}
