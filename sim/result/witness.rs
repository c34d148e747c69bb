//! One request that is watched: all that was decided of it, and why its tries went where they did.

use evenkeel_core::account::Account;
use evenkeel_core::trace::{Event, Kind};

/// Which request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The process of a proxy that had it, in the order of their beginning.
    pub proxy: usize,
    /// Its number there, in order of arrival.
    pub request: u64,
}

/// What was seen of it.
#[derive(Clone, Debug)]
pub struct Witness {
    /// Whom it is of.
    pub subject: Subject,
    /// Its events.
    pub events: Vec<Event>,
    /// Its picks, in order.
    pub accounts: Vec<Account>,
    /// How many requests each process had, in the order of their beginning.
    pub requests: Vec<u64>,
}

impl Witness {
    pub(super) const fn new(subject: Subject) -> Self {
        Self {
            subject,
            events: Vec::new(),
            accounts: Vec::new(),
            requests: Vec::new(),
        }
    }

    pub(super) fn accounts(&mut self, proxy: usize, request: u64) -> Option<&mut Vec<Account>> {
        (self.subject == Subject { proxy, request }).then_some(&mut self.accounts)
    }

    pub(super) fn record(&mut self, proxy: usize, event: &Event) {
        let is_of_none = event.kind.is_outside() && !matches!(event.kind, Kind::Throttled { .. });
        if is_of_none {
            return;
        }
        if self.requests.len() <= proxy {
            self.requests.resize(proxy + 1, 0);
        }
        self.requests[proxy] = self.requests[proxy].max(event.request + 1);
        let request = event.request;
        if self.subject == (Subject { proxy, request }) {
            self.events.push(*event);
        }
    }
}
