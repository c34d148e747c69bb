//! A pool that watches its endpoints: what shells tell its guard, and what they learn from it.

use std::collections::BTreeMap;

use super::State as Pool;
use super::guard::{Guard, Settings};
use crate::endpoint::{EndpointIndex, Tried};
use crate::health::{self, Order, Outcome, Standing};
use crate::outlier::{self, Report};
use crate::panic::Mode;
use crate::policy::Key;
use crate::queue::Grant;
use crate::rng::{Rng, Stream};
use crate::time::Timestamp;
use crate::trace;

impl Pool {
    /// The shell that performs probes begins: `stream` draws what is jittered from now on.
    pub fn begin(&mut self, stream: Stream) {
        self.stream = stream;
        if let Some(guard) = &mut self.guard {
            if let Some(health) = &mut guard.health {
                health.draw_from(stream.child(1));
            }
            if let Some(outlier) = &mut guard.outlier {
                outlier.draw_from(stream.child(2));
            }
        }
    }

    /// When to call [`State::tick`](Pool::tick), and [`State::order`](Pool::order) until it gives
    /// none. It may come nearer with every probe that ends, every request that fails and every
    /// change of the configuration.
    #[must_use]
    pub fn next_deadline(&self) -> Timestamp {
        let drained = self.next_drained();
        let Some(guard) = &self.guard else {
            return drained;
        };
        if guard.unsettled && self.queue.len() > 0 {
            return Timestamp::ZERO;
        }
        let health = guard.health.as_ref().map(health::State::next_deadline);
        let outlier = guard.outlier.as_ref().map(outlier::State::next_deadline);
        let both = [health, outlier].into_iter().flatten();
        both.min().unwrap_or(Timestamp::MAX).min(drained)
    }

    /// Does what is due. Returns the grants of requests whose wait is over.
    #[must_use]
    pub fn tick(&mut self, now: Timestamp) -> Vec<Grant> {
        self.empty_out(now);
        if let Some(guard) = &mut self.guard {
            guard.tick(now, &mut self.endpoints);
        }
        self.recount(now);
        self.resettle(now)
    }

    /// A probe that is due and has to be performed.
    pub fn order(&mut self, now: Timestamp) -> Option<Order> {
        self.guard.as_mut()?.health.as_mut()?.order(now)
    }

    /// A probe has ended. Returns the grants of requests whose wait is over.
    #[must_use]
    pub fn probed(&mut self, now: Timestamp, order: &Order, outcome: Outcome) -> Vec<Grant> {
        if let Some(guard) = &mut self.guard {
            guard.probed(now, order, outcome, &mut self.endpoints);
        }
        self.recount(now);
        self.resettle(now)
    }

    /// A try has ended, and tells something of its endpoint; to be said before
    /// [`State::complete`](Pool::complete). True if there is [`State::news`](Pool::news).
    #[inline]
    pub fn judge(&mut self, now: Timestamp, endpoint: EndpointIndex, report: &Report) -> bool {
        let Some(guard) = &mut self.guard else {
            return false;
        };
        guard.judge(now, endpoint, report, &mut self.endpoints);
        let news = !guard.news.is_empty();
        match guard.recount {
            true => self.recount(now) | news,
            false => news,
        }
    }

    /// A change of health, or the end of a drain, that nobody has been told of, as an event to be
    /// recorded; in order.
    pub fn news(&mut self) -> Option<trace::Event> {
        let found = self.guard.as_mut().and_then(|guard| guard.news.pop_front());
        let (at, endpoint, kind) = found.or_else(|| self.news.pop_front())?;
        Some(trace::Event {
            at,
            request: 0,
            pool: self.id,
            attempt: 0,
            endpoint,
            kind,
        })
    }

    /// Whether there is [`State::news`](Pool::news).
    pub(crate) fn has_news(&self) -> bool {
        let found = |guard: &Guard| !guard.news.is_empty();
        self.has_emptied() || self.guard.as_deref().is_some_and(found)
    }

    /// Whether a drain's end is among the news, or what a guard that is gone has left behind.
    #[inline]
    pub(crate) fn has_emptied(&self) -> bool {
        !self.news.is_empty()
    }

    /// Whether the pool panics.
    #[must_use]
    pub fn panic(&self) -> Mode {
        self.guard.as_ref().map_or(Mode::Off, |guard| guard.mode)
    }

    /// What is known of the endpoint in `slot` by its checks.
    #[must_use]
    pub fn standing(&self, slot: u32) -> Standing {
        self.guard
            .as_ref()
            .map_or(Standing::Up, |guard| guard.standing(slot))
    }

    /// Whether the endpoint in `slot` is ejected.
    #[must_use]
    pub fn is_ejected(&self, slot: u32) -> bool {
        self.guard
            .as_ref()
            .is_some_and(|guard| guard.is_ejected(slot))
    }

    /// Brings the guard into line with a configuration.
    pub(super) fn watch(&mut self, now: Timestamp, settings: Settings, founding: bool) {
        if !settings.is_needed() {
            if let Some(guard) = self.guard.take() {
                let calm = (now, None, trace::Kind::Panic { mode: Mode::Off });
                let panicked = guard.mode != Mode::Off;
                self.news.extend(guard.news);
                self.news.extend(panicked.then_some(calm));
            }
            for endpoint in &mut self.endpoints {
                (endpoint.fit, endpoint.limit) = (true, u32::MAX);
            }
            return;
        }
        let specs = self.settings.endpoints.iter().zip(&settings.slow_starts);
        let by_name: BTreeMap<&str, _> = specs.map(|(e, s)| (e.name.as_str(), *s)).collect();
        let spec = |name: &Option<String>| *by_name.get(name.as_deref()?)?;
        let slow_starts: Vec<_> = self.names.iter().map(spec).collect();
        let stream = self.stream;
        let guard = self
            .guard
            .get_or_insert_with(|| Box::new(Guard::new(now, settings.clone(), stream)));
        guard.update(
            now,
            settings,
            stream,
            &mut self.endpoints,
            &slow_starts,
            founding,
        );
    }

    /// The choice of the policy while endpoints may be warming.
    #[inline(never)]
    pub(super) fn choose_warm(
        &mut self,
        now: Timestamp,
        tried: &Tried,
        key: Key,
        rng: &mut Rng,
    ) -> Option<EndpointIndex> {
        let scales = self.policy.compares_all();
        if let Some(guard) = &mut self.guard {
            guard.hold_back(now, *rng, scales, &mut self.endpoints);
        }
        let choice = self.choose(now, tried, key, rng);
        if let Some(guard) = &mut self.guard {
            guard.let_go(&mut self.endpoints);
        }
        // Better a cold endpoint than none.
        choice.or_else(|| self.choose(now, tried, key, rng))
    }

    fn resettle(&mut self, now: Timestamp) -> Vec<Grant> {
        let unsettled = self
            .guard
            .as_mut()
            .map(|guard| std::mem::take(&mut guard.unsettled));
        match unsettled {
            Some(true) => self.settle(now),
            _ => Vec::new(),
        }
    }
}
