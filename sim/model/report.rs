//! What the model reports to the core, and how it performs what the core says.

use evenkeel_core::request::{Action, Event, Outcome};

use super::Engine;
use super::live::{Access, Live};
use crate::link::Arrival as Arrived;
use crate::result::End;

impl Engine<'_> {
    /// Reports to the core and performs what it says, until it waits for something.
    pub(super) fn report(&mut self, live: &mut Live, event: Event) {
        let next = self.decide(live, event);
        self.go_on(live, next);
    }

    /// Reports what follows at once, if anything does, and waits for the rest. Of a request
    /// without incident that is a connection which was idle, or the end of its response.
    #[inline(always)]
    pub(super) fn go_on(&mut self, live: &mut Live, mut next: Option<Event>) {
        while let Some(event) = next {
            next = match event {
                Event::Connected {
                    attempt,
                    reused: true,
                } => self.decide(
                    live,
                    Event::Connected {
                        attempt,
                        reused: true,
                    },
                ),
                Event::BodyEnded => self.decide(live, Event::BodyEnded),
                event => self.rare(live, event),
            };
        }
        // Of a finished request it is never.
        self.deadlines.set(live.at, live.request.deadline());
    }

    #[inline(never)]
    fn rare(&mut self, live: &mut Live, event: Event) -> Option<Event> {
        self.decide(live, event)
    }

    /// Reports to the core and performs what it says; returns what is to be reported next.
    // Inlined: where the event is known, so is most of what it leads to.
    #[inline(always)]
    pub(super) fn decide(&mut self, live: &mut Live, event: Event) -> Option<Event> {
        let mut access = Access {
            pool: &mut self.proxies[live.process].pools[usize::from(live.pool)],
            process: live.process,
            request: live.request.id(),
            grants: &mut self.grants,
            collector: &mut self.collector,
            disturbed: &mut self.probes.disturbed,
            session: &mut live.session,
            wanted: &mut self.probes.wanted,
        };
        let actions = live.request.on(event, self.now, &mut access, &mut live.rng);
        let mut next = None;
        for action in actions.as_slice() {
            match *action {
                Action::Wait { .. } | Action::Answer(_) => {}
                Action::Connect {
                    attempt,
                    endpoint,
                    fresh,
                } => next = self.connect(live, attempt, endpoint, fresh),
                Action::Send { attempt } => self.pass(live, attempt),
                Action::Keep { .. } => live.keep(),
                Action::Cancel { attempt } => {
                    live.torn |= live.uploaded > self.now;
                    live.cancel(attempt);
                }
                Action::Forward { .. } => {
                    self.give(live);
                    next = self.forward(live);
                }
                Action::Finish(outcome) => self.finish(live, outcome),
            }
        }
        // The request itself has its connection by now.
        if !self.probes.wanted.is_empty() {
            self.ask_loads(live);
        }
        next
    }

    /// A deadline of the slot may have passed: of its present request, or of an earlier one.
    pub(super) fn expire(&mut self, live: &mut Live) {
        match live.request.deadline() {
            deadline if deadline <= self.now => self.report(live, Event::Timer),
            deadline => self.deadlines.set(live.at, deadline),
        }
    }

    fn finish(&mut self, live: &mut Live, outcome: Outcome) {
        let end = match outcome {
            Outcome::Complete { status } => End::Status(status),
            Outcome::Local(local) => End::Status(local.status()),
            Outcome::Cut { .. } => End::Cut,
            Outcome::Cancelled => End::Cancelled,
        };
        self.left(live);
        let bytes = match outcome {
            Outcome::Complete { .. } => self.bytes(live).1,
            _ => 0,
        };
        match self.answered(live, bytes) {
            Arrived::At(done) => self.complete(live, end, done),
            Arrived::Lost(done) => self.complete(live, End::Cut, done),
        }
    }
}
