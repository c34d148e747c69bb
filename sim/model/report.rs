//! What the model reports to the core, and how it performs what the core says.

use evenkeel_core::request::{Action, Event, Outcome};

use super::Engine;
use super::live::Access;
use crate::link::Arrival as Arrived;
use crate::result::End;

impl Engine<'_> {
    /// Reports to the core and performs what it says, until it waits for something.
    pub(super) fn report(&mut self, at: usize, event: Event) {
        let next = self.decide(at, event);
        self.go_on(at, next);
    }

    /// Reports what follows at once, if anything does, and waits for the rest. Of a request
    /// without incident that is a connection which was idle, or the end of its response.
    #[inline(always)]
    pub(super) fn go_on(&mut self, at: usize, mut next: Option<Event>) {
        while let Some(event) = next {
            next = match event {
                Event::Connected {
                    attempt,
                    reused: true,
                } => self.decide(
                    at,
                    Event::Connected {
                        attempt,
                        reused: true,
                    },
                ),
                Event::BodyEnded => self.decide(at, Event::BodyEnded),
                event => self.rare(at, event),
            };
        }
        // Of a finished request it is never.
        self.deadlines.set(at, self.live[at].request.deadline());
    }

    #[inline(never)]
    fn rare(&mut self, at: usize, event: Event) -> Option<Event> {
        self.decide(at, event)
    }

    /// Reports to the core and performs what it says; returns what is to be reported next.
    // Inlined: where the event is known, so is most of what it leads to.
    #[inline(always)]
    pub(super) fn decide(&mut self, at: usize, event: Event) -> Option<Event> {
        let live = &mut self.live[at];
        let mut access = Access {
            pool: &mut self.proxies[live.process].pools[usize::from(live.pool)],
            process: live.process,
            grants: &mut self.grants,
            collector: &mut self.collector,
            disturbed: &mut self.probes.disturbed,
            session: &mut live.session,
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
                } => next = self.connect(at, attempt, endpoint, fresh),
                Action::Send { attempt } => self.pass(at, attempt),
                Action::Cancel { .. } => self.live[at].serial += 1,
                Action::Forward { .. } => {
                    self.give(at);
                    next = self.forward(at);
                }
                Action::Finish(outcome) => self.finish(at, outcome),
            }
        }
        next
    }

    /// A deadline of the slot may have passed: of its present request, or of an earlier one.
    pub(super) fn expire(&mut self, at: usize) {
        match self.live[at].request.deadline() {
            deadline if deadline <= self.now => self.report(at, Event::Timer),
            deadline => self.deadlines.set(at, deadline),
        }
    }

    fn finish(&mut self, at: usize, outcome: Outcome) {
        let end = match outcome {
            Outcome::Complete { status } => End::Status(status),
            Outcome::Local(local) => End::Status(local.status()),
            Outcome::Cut { .. } => End::Cut,
            Outcome::Cancelled => End::Cancelled,
        };
        self.left(at);
        let bytes = match outcome {
            Outcome::Complete { .. } => self.bytes(at).1,
            _ => 0,
        };
        match self.answered(at, bytes) {
            Arrived::At(done) => self.complete(at, end, done),
            Arrived::Lost(done) => self.complete(at, End::Cut, done),
        }
    }
}
