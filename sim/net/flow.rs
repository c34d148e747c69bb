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

/// How long a request that nobody waits for any more may still turn up at an origin, which works on
/// it as on any other, beyond what faults hold it up.
const LINGER: Duration = Duration::from_secs(10);

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
#[derive(Debug)]
pub(super) struct Flow {
    slots: RefCell<Slots>,
    /// How long a request is known after its end.
    linger: Duration,
}

#[derive(Debug, Default)]
struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Slots of requests that have ended for their clients, and when each may be used again.
    left: VecDeque<(Timestamp, u32)>,
}

#[derive(Debug)]
struct Slot {
    serial: u32,
    arrival: Arrival,
    /// It has ended for its client. A try of it that was given up may be on its way.
    ended: bool,
    offers: u8,
    /// The origin that it reached last.
    origin: usize,
}

impl Slots {
    fn at(&mut self, ticket: Ticket) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(ticket.slot as usize)?;
        (slot.serial == ticket.serial).then_some(slot)
    }
}

impl Flow {
    /// Nobody yet; faults hold up what is sent to origins for at most `standstill`.
    pub(super) fn new(standstill: Duration) -> Self {
        Self {
            slots: RefCell::default(),
            linger: LINGER + standstill,
        }
    }

    /// A request sets out.
    pub(super) fn enter(&self, arrival: Arrival, now: Timestamp) -> Ticket {
        let mut flow = self.slots.borrow_mut();
        while let Some((_, slot)) = flow.left.pop_front_if(|(until, _)| *until < now) {
            flow.free.push(slot);
        }
        let slot = flow.free.pop().unwrap_or(flow.slots.len() as u32);
        match flow.slots.get_mut(slot as usize) {
            Some(entry) => {
                entry.serial += 1;
                entry.arrival = arrival;
                entry.ended = false;
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
                    arrival,
                    ended: false,
                    offers: 0,
                    origin: usize::MAX,
                });
                Ticket { slot, serial: 0 }
            }
        }
    }

    /// A request has reached origin number `origin`: looks at it, with the number of times that it
    /// has reached one by now. `None` if it ended too long ago.
    pub(super) fn offer<R>(
        &self,
        ticket: Ticket,
        origin: usize,
        f: impl FnOnce(&Arrival, u8) -> R,
    ) -> Option<R> {
        let mut flow = self.slots.borrow_mut();
        let slot = flow.at(ticket)?;
        slot.offers = slot.offers.saturating_add(1);
        slot.origin = origin;
        Some(f(&slot.arrival, slot.offers))
    }

    /// The origin that a request on its way has reached last.
    pub(super) fn origin(&self, ticket: Ticket) -> Option<usize> {
        let mut flow = self.slots.borrow_mut();
        let origin = flow.at(ticket)?.origin;
        (origin != usize::MAX).then_some(origin)
    }

    /// A request has ended for its client, once.
    pub(super) fn leave(&self, ticket: Ticket, now: Timestamp) -> Option<Arrival> {
        let mut flow = self.slots.borrow_mut();
        let slot = flow.at(ticket).filter(|slot| !slot.ended)?;
        slot.ended = true;
        let arrival = slot.arrival.clone();
        flow.left.push_back((now + self.linger, ticket.slot));
        Some(arrival)
    }
}
