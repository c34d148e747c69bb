//! What keeps requests from endpoints that are not fine: checks, ejections, panic and slow start,
//! joined into one flag of each endpoint that policies read; and what keeps them from having more
//! at once than they can do.
//!
//! A pool that is configured to have none of it has no guard, and its requests pay a comparison.

use std::collections::VecDeque;

use crate::concurrency;
use crate::endpoint::{Endpoint, EndpointIndex, Group, State as Admin};
use crate::health::{self, Order, Outcome, Standing};
use crate::outlier::{self, Cause, Finding, Report};
use crate::panic::{self, Census, Mode};
use crate::rng::{Rng, Stream};
use crate::slow_start;
use crate::time::Timestamp;
use crate::trace;

/// What a configuration says of a pool's endpoints being fine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Active checks.
    pub health: Option<health::Settings>,
    /// Passive ones.
    pub outlier: Option<outlier::Settings>,
    /// When too few are fine.
    pub panic: panic::Settings,
    /// How many requests one has at once.
    pub concurrency: Option<concurrency::Settings>,
    /// The slow start of each endpoint, in the order of the pool's; those that are missing have
    /// none.
    pub slow_starts: Vec<Option<slow_start::Spec>>,
}

impl Settings {
    pub(super) fn is_needed(&self) -> bool {
        self.health.is_some()
            || self.outlier.is_some()
            || self.concurrency.is_some()
            || self.slow_starts.iter().any(Option::is_some)
    }
}

/// A change that nobody has been told of.
pub(super) type News = (Timestamp, Option<EndpointIndex>, trace::Kind);

/// The guard of a pool.
#[derive(Debug)]
pub(super) struct Guard {
    settings: Settings,
    pub(super) health: Option<health::State>,
    pub(super) outlier: Option<outlier::State>,
    concurrency: Option<concurrency::State>,
    pub(super) slow_start: slow_start::State,
    pub(super) mode: Mode,
    /// By slot.
    rows: Vec<Row>,
    /// Who could be picked has changed and waiting requests have not been looked at.
    pub(super) unsettled: bool,
    /// Who is usable has changed and the groups' shares have not been looked at.
    pub(super) recount: bool,
    /// The slots that slow start keeps from the present pick.
    held: Vec<u32>,
    /// What draws for slow start are made of.
    draws: Stream,
    pub(super) news: VecDeque<News>,
}

/// What the guard keeps of an endpoint.
#[derive(Clone, Copy, Debug)]
struct Row {
    owner: EndpointIndex,
    slow_start: Option<slow_start::Spec>,
    /// In service, up and not ejected.
    usable: bool,
    /// It was there when the pool began, and has been fine so far: it may have run for long.
    founder: bool,
}

impl Guard {
    pub(super) fn new(now: Timestamp, settings: Settings, stream: Stream) -> Self {
        let health = settings.health.clone();
        let outlier = settings.outlier.clone();
        Self {
            health: health.map(|s| health::State::new(s, stream.child(1))),
            outlier: outlier.map(|s| outlier::State::new(now, s, stream.child(2))),
            concurrency: settings.concurrency.map(concurrency::State::new),
            settings,
            slow_start: slow_start::State::default(),
            mode: Mode::Off,
            rows: Vec::new(),
            unsettled: false,
            recount: false,
            held: Vec::new(),
            draws: Stream::new(0, "slow start"),
            news: VecDeque::new(),
        }
    }

    /// Applies a configuration; `slow_starts` are by slot.
    pub(super) fn update(
        &mut self,
        now: Timestamp,
        settings: Settings,
        stream: Stream,
        endpoints: &mut [Endpoint],
        slow_starts: &[Option<slow_start::Spec>],
        founding: bool,
    ) {
        self.health = settings.health.clone().map(|new| {
            let known = self.health.take();
            let mut state =
                known.unwrap_or_else(|| health::State::new(new.clone(), stream.child(1)));
            let probed = |e: &Endpoint| (e.index, e.state != Admin::Down);
            state.update(now, new, endpoints.iter().map(probed));
            state
        });
        self.outlier = settings.outlier.clone().map(|new| {
            let known = self.outlier.take();
            let mut state =
                known.unwrap_or_else(|| outlier::State::new(now, new.clone(), stream.child(2)));
            state.update(now, new, endpoints.iter().map(|e| e.index));
            state
        });
        self.concurrency = settings.concurrency.map(|new| {
            let known = self.concurrency.take();
            let mut state = known.unwrap_or_else(|| concurrency::State::new(new));
            state.update(now, new, endpoints.iter().map(|e| e.index));
            state
        });
        for (slot, endpoint) in endpoints.iter().enumerate() {
            let known = self
                .rows
                .get(slot)
                .filter(|row| row.owner == endpoint.index);
            let row = Row {
                owner: endpoint.index,
                slow_start: slow_starts.get(slot).copied().flatten(),
                usable: known.is_some_and(|row| row.usable),
                founder: known.map_or(founding && endpoint.is_in_service(), |row| row.founder),
            };
            if known.is_none() {
                self.slow_start.leave(endpoint.index);
            }
            match self.rows.get_mut(slot) {
                Some(old) => *old = row,
                None => self.rows.push(row),
            }
        }
        self.settings = settings;
        self.slow_start.reserve(endpoints.len());
        self.held.reserve(endpoints.len());
        self.news.reserve(4 * endpoints.len() + 4);
        for endpoint in endpoints.iter_mut() {
            endpoint.limit = self.limit(endpoint.index.slot);
        }
        self.refit(now, endpoints);
    }

    /// The most that the endpoint in `slot` may have in flight.
    fn limit(&self, slot: u32) -> u32 {
        self.concurrency
            .as_ref()
            .map_or(u32::MAX, |concurrency| concurrency.limit(slot))
    }

    /// Brings endpoints into line with the limits that were found out.
    fn bound(&mut self, now: Timestamp, endpoints: &mut [Endpoint]) {
        for endpoint in endpoints {
            let limit = self.limit(endpoint.index.slot);
            if limit != endpoint.limit {
                self.unsettled |= limit > endpoint.limit;
                endpoint.limit = limit;
                let limited = trace::Kind::Bounded { limit };
                self.news.push_back((now, Some(endpoint.index), limited));
            }
        }
    }

    /// Whether an endpoint in service passes its checks and is not ejected.
    pub(super) fn is_well(&self, slot: u32) -> bool {
        self.standing(slot) == Standing::Up && !self.is_ejected(slot)
    }

    pub(super) fn standing(&self, slot: u32) -> Standing {
        self.health
            .as_ref()
            .map_or(Standing::Up, |health| health.standing(slot))
    }

    pub(super) fn is_ejected(&self, slot: u32) -> bool {
        self.outlier
            .as_ref()
            .is_some_and(|outlier| outlier.is_ejected(slot))
    }

    /// Whether one request may try an endpoint that was ejected.
    fn is_on_trial(&self, slot: u32) -> bool {
        let is_out = self.outlier.as_ref().is_some_and(|o| o.is_out(slot));
        self.is_ejected(slot) && !is_out && self.standing(slot) == Standing::Up
    }

    /// Decides anew who can be picked.
    fn refit(&mut self, now: Timestamp, endpoints: &mut [Endpoint]) {
        self.recount = true;
        let mut tiers = [Census::default(); 2];
        for endpoint in endpoints.iter().filter(|e| e.is_in_service()) {
            let slot = endpoint.index.slot;
            let tier = &mut tiers[usize::from(endpoint.group == Group::Backup)];
            tier.members += 1;
            if !self.is_ejected(slot) {
                tier.usable += u32::from(self.standing(slot) == Standing::Up);
                tier.checking += u32::from(self.standing(slot) == Standing::Checking);
            }
        }
        let decision = panic::decide(self.settings.panic, tiers);
        if decision.mode != self.mode {
            self.mode = decision.mode;
            let mode = decision.mode;
            self.news
                .push_back((now, None, trace::Kind::Panic { mode }));
        }
        for endpoint in endpoints {
            let slot = endpoint.index.slot;
            let is_out = self.outlier.as_ref().is_some_and(|o| o.is_out(slot));
            let fit = match decision.mode {
                Mode::Off => match self.standing(slot) {
                    Standing::Up => !is_out,
                    Standing::Checking => !is_out && decision.checking,
                    Standing::Down => false,
                },
                Mode::Open => true,
                // Else nobody could show that he is well again.
                Mode::Closed => self.is_on_trial(slot),
            };
            self.unsettled |= fit != endpoint.fit;
            endpoint.fit = fit;
            self.follow(now, endpoint);
        }
    }

    /// Begins or ends the slow start of an endpoint that has become usable, or is no longer.
    fn follow(&mut self, now: Timestamp, endpoint: &Endpoint) {
        let slot = endpoint.index.slot;
        let usable = endpoint.is_in_service() && self.is_well(slot);
        let row = &mut self.rows[slot as usize];
        if std::mem::replace(&mut row.usable, usable) == usable {
            return;
        }
        let blemished = self.health.as_ref().is_some_and(|h| h.is_blemished(slot));
        let is_warm = std::mem::take(&mut row.founder) && !blemished;
        match row.slow_start {
            Some(spec) if usable && !is_warm => self.slow_start.enter(now, endpoint.index, spec),
            _ => self.slow_start.leave(endpoint.index),
        }
    }

    /// Whether another endpoint may be ejected, of those in service.
    fn may_eject(&self, candidate: EndpointIndex, endpoints: &[Endpoint]) -> bool {
        let Some(settings) = &self.settings.outlier else {
            return false;
        };
        let in_service = || endpoints.iter().filter(|e| e.is_in_service());
        let ejected = in_service()
            .filter(|e| self.is_ejected(e.index.slot))
            .count() as u64;
        let share = (ejected + 1) * 1_000_000;
        let within = share <= in_service().count() as u64 * u64::from(settings.max_ejected_ppm);
        let other = |e: &Endpoint| e.index != candidate && self.is_well(e.index.slot);
        (ejected == 0 || within) && in_service().any(other)
    }

    fn eject(&mut self, now: Timestamp, who: EndpointIndex, cause: Cause, all: &mut [Endpoint]) {
        let on_trial = self.is_ejected(who.slot);
        if !on_trial && !self.may_eject(who, all) {
            return;
        }
        if let Some(outlier) = &mut self.outlier {
            outlier.eject(now, who);
            self.news
                .push_back((now, Some(who), trace::Kind::Ejected { cause }));
            self.refit(now, all);
        }
    }

    pub(super) fn judge(
        &mut self,
        now: Timestamp,
        who: EndpointIndex,
        report: &Report,
        all: &mut [Endpoint],
    ) {
        if let outlier::Ended::Answered(_) = report.ended {
            self.slow_start.serve(who);
        }
        if let (Some(concurrency), Some(endpoint)) =
            (&mut self.concurrency, all.get(who.slot as usize))
            && concurrency.judge(now, who, endpoint.in_flight, report)
        {
            self.bound(now, all);
        }
        let finding = self
            .outlier
            .as_mut()
            .map(|outlier| outlier.judge(who, report));
        match finding {
            Some(Finding::Guilty(cause)) => self.eject(now, who, cause, all),
            Some(Finding::Void) => self.refit(now, all),
            Some(Finding::Returned) => {
                if let Some(outlier) = &mut self.outlier {
                    outlier.restore(now, who);
                }
                self.news.push_back((now, Some(who), trace::Kind::Returned));
                self.refit(now, all);
            }
            Some(Finding::Nothing) | None => {}
        }
    }

    pub(super) fn probed(
        &mut self,
        now: Timestamp,
        order: &Order,
        outcome: Outcome,
        all: &mut [Endpoint],
    ) {
        let (who, check) = (order.endpoint, order.check);
        let is_present = self
            .rows
            .get(who.slot as usize)
            .is_some_and(|row| row.owner == who);
        let Some(health) = self.health.as_mut().filter(|_| is_present) else {
            return;
        };
        let changed = health.report(now, order, outcome == Outcome::Passed);
        let probed = trace::Kind::Probed { check, outcome };
        self.news.push_back((now, Some(who), probed));
        if let Some(standing) = changed {
            self.news
                .push_back((now, Some(who), trace::Kind::Health { standing }));
            self.refit(now, all);
        }
    }

    pub(super) fn tick(&mut self, now: Timestamp, all: &mut [Endpoint]) {
        let mut pardoned = false;
        while let Some(who) = self
            .outlier
            .as_mut()
            .and_then(|outlier| outlier.pardon(now))
        {
            self.news.push_back((now, Some(who), trace::Kind::OnTrial));
            pardoned = true;
        }
        let guilty = self
            .outlier
            .as_mut()
            .map(|outlier| outlier.close_window(now));
        for (who, cause) in guilty.into_iter().flatten() {
            self.eject(now, who, cause, all);
        }
        if pardoned {
            self.refit(now, all);
        }
    }

    /// A request goes to `endpoint`: it may be the one that tries it.
    pub(super) fn pick(&mut self, endpoint: &mut Endpoint) {
        let tries = self
            .outlier
            .as_mut()
            .is_some_and(|o| o.pick(endpoint.index.slot));
        if tries && self.mode != Mode::Open {
            endpoint.fit = false;
        }
    }

    /// Whether any endpoint may be warming.
    #[inline]
    pub(super) fn is_warming(&self) -> bool {
        !self.slow_start.is_empty()
    }

    /// Holds back warming endpoints for one pick, each with a probability by its warmth; `rng` is
    /// the request's, and is not moved. `scales` says that the policy compares all, so that only a
    /// fair share is to be had.
    pub(super) fn hold_back(
        &mut self,
        now: Timestamp,
        mut rng: Rng,
        scales: bool,
        all: &mut [Endpoint],
    ) {
        self.slow_start.expire(now);
        let mut rng = self.draws.at(rng.next_u64());
        for group in Group::ALL {
            let serves = |e: &Endpoint| e.group == group && e.is_in_service() && e.fit;
            let tier = || all.iter().filter(|e| serves(e));
            let warmth = |e: &Endpoint| self.slow_start.warmth(now, e.index.slot);
            let warmest = tier().map(warmth).fold(0.0, f64::max);
            let weights: u64 = tier().map(|e| u64::from(e.weight)).sum();
            for (who, warmth) in self.slow_start.iter(now) {
                let endpoint = &mut all[who.slot as usize];
                if !serves(endpoint) {
                    continue;
                }
                let fair = match scales && warmth < warmest {
                    true => f64::from(endpoint.weight) / weights as f64,
                    false => 1.0,
                };
                if rng.unit() * warmest >= warmth * fair {
                    self.held.push(who.slot);
                }
            }
        }
        for slot in &self.held {
            all[*slot as usize].fit = false;
        }
    }

    /// The slots that are held back, and how warm they are, in percent.
    pub(super) fn held(&self, now: Timestamp) -> Vec<(u32, u8)> {
        let percent = |slot: u32| (self.slow_start.warmth(now, slot) * 100.0) as u8;
        let held = self.held.iter();
        held.map(|slot| (*slot, percent(*slot))).collect()
    }

    /// Undoes [`Guard::hold_back`].
    pub(super) fn let_go(&mut self, all: &mut [Endpoint]) {
        for slot in self.held.drain(..) {
            all[slot as usize].fit = true;
        }
    }
}

#[cfg(test)]
mod tests;
