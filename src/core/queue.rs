//! The queue of a pool: requests that found every endpoint full.
//!
//! Bounded in number; the wait is bounded by the request's own deadline. A grant comes with the
//! endpoint already booked, so nobody can overtake between the wake-up and the pick, and a waiter
//! that left gives its grant back. What was booked is known here alone: the configuration may
//! change while the grant is on its way, so the request asks when it has come.
//!
//! An overload is a queue that has not been empty for a while. First in, first out is fair until
//! then, and fatal afterwards: everybody waits for as long as clients have patience, and what is
//! served is given up a moment later. [`Order::Adaptive`] turns the order round, so that most are
//! served at once and some never; [`Settings::codel`] tells those early who have waited for too
//! long. Both are Facebook's ("Fail at Scale", ACM Queue 13(8), 2015), after CoDel (RFC 8289).
//!
//! Requests stand in a line for each [`Priority`]. Whoever waits in a higher one goes first, and a
//! full queue sends away from the lowest: what is shed is what matters least.

use std::collections::VecDeque;
use std::time::Duration;

use crate::affinity::Home;
use crate::endpoint::{EndpointIndex, Tried};
use crate::policy::Key;
use crate::rng::Rng;
use crate::time::Timestamp;

/// What a configuration says of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Most requests that wait.
    pub limit: usize,
    /// Whose turn it is.
    pub order: Order,
    /// How long the queue has not been empty in an overload.
    pub overload: Duration,
    /// In an overload, who has waited for so long is sent away when another goes ahead; never, if
    /// it is not set.
    pub codel: Option<Duration>,
}

impl Settings {
    /// First in, first out, with room for `limit`.
    #[must_use]
    pub const fn fifo(limit: usize) -> Self {
        Self {
            limit,
            order: Order::Fifo,
            overload: Duration::from_millis(100),
            codel: None,
        }
    }
}

/// Whose turn it is when a place is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Who came first.
    #[default]
    Fifo,
    /// Who came last. A full queue sends away who came first.
    Lifo,
    /// Who came first, and in an overload who came last.
    Adaptive,
}

/// Names a waiting request to its shell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// What a request is worth against others: who goes first, and who is sent away last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Priority {
    /// Before all others.
    High,
    /// What a route says nothing about.
    #[default]
    Normal,
    /// What can wait, or be lost.
    Low,
}

impl Priority {
    /// All, in their order.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// The name in configurations and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

/// Who asks for an endpoint, and may have to wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applicant {
    /// What its shell knows it by.
    pub token: Token,
    /// Which line it would wait in.
    pub priority: Priority,
    /// It wants to know why its picks come out as they do.
    pub explained: bool,
}

impl From<Token> for Applicant {
    /// One of normal priority.
    fn from(token: Token) -> Self {
        Self {
            token,
            priority: Priority::Normal,
            explained: false,
        }
    }
}

/// A request need not wait any longer: an endpoint counts it as in flight already, or none is left
/// that it could wait for. It learns which when it takes the grant up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Whose wait is over.
    pub token: Token,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    pub(crate) token: Token,
    pub(crate) priority: Priority,
    pub(crate) explained: bool,
    pub(crate) since: Timestamp,
    pub(crate) tried: Tried,
    pub(crate) key: Key,
    pub(crate) rng: Rng,
    /// Where its session lives.
    pub(crate) home: Home,
}

/// What a waiting request learns when it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// An endpoint counts it as in flight.
    Booked(EndpointIndex),
    /// It was sent away.
    Shed,
    /// Nothing: it waits, or has nothing left to wait for.
    Nothing,
}

#[derive(Debug)]
pub(crate) struct Queue {
    settings: Settings,
    /// By priority, and in the order in which they came.
    lines: [VecDeque<Waiter>; Priority::ALL.len()],
    /// Granted, and not yet taken up by the request.
    granted: Vec<(Token, EndpointIndex)>,
    /// Sent away, and not yet aware of it.
    shed: Vec<Token>,
    /// Those of them that nobody has been told of.
    untold: VecDeque<Grant>,
    /// Since when somebody has been waiting all the time.
    busy_since: Timestamp,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            settings: Settings::fifo(0),
            lines: Default::default(),
            granted: Vec::new(),
            shed: Vec::new(),
            untold: VecDeque::new(),
            busy_since: Timestamp::ZERO,
        }
    }
}

impl Queue {
    pub(crate) const fn set(&mut self, settings: Settings) {
        self.settings = settings;
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.iter().map(VecDeque::len).sum()
    }

    fn is_overloaded(&self, now: Timestamp) -> bool {
        self.len() > 0 && now.since(self.busy_since) >= self.settings.overload
    }

    fn newest_first(&self, now: Timestamp) -> bool {
        match self.settings.order {
            Order::Fifo => false,
            Order::Lifo => true,
            Order::Adaptive => self.is_overloaded(now),
        }
    }

    /// Joins the queue, or returns false if it is full. A full queue has a place for those who come
    /// before somebody else: where the newest goes first, before the oldest of its line; else only
    /// before those of lower priority.
    pub(crate) fn join(&mut self, waiter: Waiter) -> bool {
        let now = waiter.since;
        let waiting = self.len();
        if waiting == 0 {
            self.busy_since = now;
        }
        if waiting >= self.settings.limit && !self.make_room(now, waiter.priority) {
            return false;
        }
        self.lines[waiter.priority as usize].push_back(waiter);
        true
    }

    /// Sends away whoever would go last, if that is after a newcomer of this priority.
    fn make_room(&mut self, now: Timestamp, newcomer: Priority) -> bool {
        let newest_first = self.newest_first(now);
        let Some(last) = self.lines.iter().rposition(|line| !line.is_empty()) else {
            return false;
        };
        let is_before = last > newcomer as usize || last == newcomer as usize && newest_first;
        if self.settings.limit == 0 || !is_before {
            return false;
        }
        let line = &mut self.lines[last];
        let gone = match newest_first {
            true => line.pop_front(),
            false => line.pop_back(),
        };
        if let Some(gone) = gone {
            self.send_away(gone.token);
        }
        true
    }

    fn send_away(&mut self, token: Token) {
        self.shed.push(token);
        self.untold.push_back(Grant { token });
    }

    /// The next who was sent away and has not been told.
    pub(crate) fn untold(&mut self) -> Option<Grant> {
        self.untold.pop_front()
    }

    /// Grants to the first waiter, in the order in force, for whom `pick` finds an endpoint. In an
    /// overload those who have waited for too long are sent away then.
    pub(crate) fn grant(
        &mut self,
        now: Timestamp,
        mut pick: impl FnMut(&mut Waiter) -> Option<EndpointIndex>,
    ) -> Option<Grant> {
        let overloaded = self.is_overloaded(now);
        let newest_first = self.newest_first(now);
        let mut try_one = |(at, w): (usize, &mut Waiter)| Some((at, pick(w)?));
        let (token, endpoint) = self.lines.iter_mut().find_map(|line| {
            let mut waiting = line.iter_mut().enumerate();
            let (at, endpoint) = match newest_first {
                true => waiting.rev().find_map(&mut try_one),
                false => waiting.find_map(&mut try_one),
            }?;
            Some((line.remove(at)?.token, endpoint))
        })?;
        self.granted.push((token, endpoint));
        if let Some(patience) = self.settings.codel.filter(|_| overloaded) {
            self.send_away_late(now, patience);
        }
        Some(Grant { token })
    }

    /// Sends away those who have waited for longer than `patience`.
    fn send_away_late(&mut self, now: Timestamp, patience: Duration) {
        for line in 0..self.lines.len() {
            let is_late = |w: &mut Waiter| now.since(w.since) > patience;
            while let Some(late) = self.lines[line].pop_front_if(is_late) {
                self.send_away(late.token);
            }
        }
    }

    /// Ends the wait of everybody for whom `is_hopeless`.
    pub(crate) fn dismiss(&mut self, mut is_hopeless: impl FnMut(&Waiter) -> bool) -> Vec<Grant> {
        let mut told = Vec::new();
        for line in &mut self.lines {
            line.retain(|w| {
                let goes = is_hopeless(w);
                told.extend(goes.then_some(Grant { token: w.token }));
                !goes
            });
        }
        told
    }

    /// The request no longer waits. Returns what there was for it.
    pub(crate) fn leave(&mut self, token: Token) -> Answer {
        if let Some(at) = self.granted.iter().position(|(t, _)| *t == token) {
            return Answer::Booked(self.granted.swap_remove(at).1);
        }
        if let Some(at) = self.shed.iter().position(|t| *t == token) {
            self.shed.swap_remove(at);
            self.untold.retain(|grant| grant.token != token);
            return Answer::Shed;
        }
        for line in &mut self.lines {
            if let Some(at) = line.iter().position(|w| w.token == token) {
                line.remove(at);
            }
        }
        Answer::Nothing
    }
}

#[cfg(test)]
mod tests;
