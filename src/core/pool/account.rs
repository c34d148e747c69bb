//! A pool that tells why a pick comes out as it does.

use super::affinity::Stay;
use super::{Admission, State};
use crate::account::{Account, Candidate, Reason, Skip};
use crate::endpoint::{Endpoint, Group, State as Admin, Tried};
use crate::panic::Mode;
use crate::policy::{Key, PickContext, Tier, Weighing};
use crate::queue::Token;
use crate::rng::Rng;
use crate::time::Timestamp;

/// What a pick will look at: which endpoints, and what the policy makes of them.
struct View {
    tier: Tier,
    weighing: Weighing,
}

impl State {
    /// Takes down what a pick for `token` would look at, now and with this generator. Until it is
    /// [`State::accounted`] it is kept, and replaced by the next one.
    // Called where nearly nobody asks.
    #[cold]
    #[inline(never)]
    pub(super) fn account(
        &mut self,
        token: Token,
        now: Timestamp,
        tried: &Tried,
        key: Key,
        rng: Rng,
    ) {
        let stay = self.stay(now, tried);
        let (view, warmths) = match stay {
            Stay::Free => self.foresee(now, tried, key, rng),
            Stay::At(_) | Stay::Later(_) | Stay::Never(_) => (None, Vec::new()),
        };
        let reason = match (&stay, &view) {
            (Stay::At(index) | Stay::Later(index) | Stay::Never(index), _) => {
                Reason::Session(*index)
            }
            (Stay::Free, Some(view)) => Reason::Policy {
                unit: view.weighing.unit,
                best: view.weighing.best,
            },
            (Stay::Free, None) => Reason::Nobody,
        };
        let mut candidates: Vec<(u32, Candidate)> = Vec::new();
        for (slot, (endpoint, name)) in self.endpoints.iter().zip(&self.names).enumerate() {
            let Some(name) = name else { continue };
            let marks = view.iter().flat_map(|view| &view.weighing.marks);
            let mark = marks.into_iter().find(|mark| mark.slot == slot).copied();
            let warming = warmths.iter().find(|(held, _)| *held == slot as u32);
            let skipped = match &reason {
                Reason::Session(home) if *home != endpoint.index => Some(Skip::Session),
                // One that drains keeps its sessions.
                Reason::Session(_) if matches!(stay, Stay::At(_)) => None,
                _ if mark.is_some() => None,
                _ => self.skip(now, endpoint, tried).or_else(|| match warming {
                    Some((_, percent)) => Some(Skip::Warming { percent: *percent }),
                    None => view
                        .as_ref()
                        .and_then(|view| group_skip(endpoint, view.tier)),
                }),
            };
            let candidate = Candidate {
                endpoint: endpoint.index,
                name: name.clone(),
                weight: endpoint.weight,
                in_flight: endpoint.in_flight,
                skipped,
                score: mark.map(|mark| mark.score),
                drawn: mark.map_or(0, |mark| mark.drawn),
                behind: mark.and_then(|mark| mark.behind),
            };
            candidates.push((endpoint.place, candidate));
        }
        candidates.sort_by_key(|(place, _)| *place);
        let account = Account {
            at: now,
            attempt: 0,
            reason,
            candidates: candidates.into_iter().map(|(_, c)| c).collect(),
            outcome: Admission::NoEndpoint,
        };
        self.forget_account(token);
        self.accounts.push((token, account));
    }

    /// What was taken down for `token` at its last pick, once.
    pub(crate) fn accounted(&mut self, token: Token) -> Option<Account> {
        let at = self
            .accounts
            .iter()
            .position(|(known, _)| *known == token)?;
        Some(self.accounts.swap_remove(at).1)
    }

    /// Nobody will ask for it any more.
    pub(super) fn forget_account(&mut self, token: Token) {
        self.accounts.retain(|(known, _)| *known != token);
    }

    /// What the policy will look at, and whom slow start will keep from it: slots with how warm
    /// they are, in percent.
    fn foresee(
        &mut self,
        now: Timestamp,
        tried: &Tried,
        key: Key,
        mut rng: Rng,
    ) -> (Option<View>, Vec<(u32, u8)>) {
        let scales = self.policy.compares_all();
        let mut warmths = Vec::new();
        if let Some(guard) = &mut self.guard
            && !guard.slow_start.is_empty()
        {
            guard.hold_back(now, rng, scales, &mut self.endpoints);
            warmths = guard.held(now);
        }
        let held = self.look(now, tried, key, &mut rng);
        if let Some(guard) = &mut self.guard {
            guard.let_go(&mut self.endpoints);
        }
        if held.is_some() || warmths.is_empty() {
            return (held, warmths);
        }
        (self.look(now, tried, key, &mut rng), Vec::new())
    }

    /// As [`State::choose`] does, without choosing.
    fn look(&self, now: Timestamp, tried: &Tried, key: Key, rng: &mut Rng) -> Option<View> {
        let (first, others) = self.tiers(rng);
        let others = others.iter().filter(|_| self.tiers);
        std::iter::once(first).chain(others).find_map(|tier| {
            let mut cx = PickContext {
                now,
                rng,
                tried,
                tier: *tier,
                key,
                in_flight: self.in_flight[tier.group as usize],
            };
            let weighing = self.policy.weigh(&self.endpoints, &mut cx);
            (!weighing.marks.is_empty()).then_some(View {
                tier: *tier,
                weighing,
            })
        })
    }

    /// Why `endpoint` cannot be taken, whatever the others are like.
    fn skip(&self, now: Timestamp, endpoint: &Endpoint, tried: &Tried) -> Option<Skip> {
        match endpoint.state {
            Admin::Down => return Some(Skip::Down),
            Admin::Drain => return Some(Skip::Draining),
            Admin::Up if endpoint.weight == 0 => return Some(Skip::Weightless),
            Admin::Up => {}
        }
        if !endpoint.is_fit() {
            let slot = endpoint.index.slot;
            return match self.panic() {
                Mode::Closed => Some(Skip::Panic),
                _ => Skip::by_standing(self.standing(slot)).or(Some(Skip::Ejected)),
            };
        }
        if tried.contains(endpoint.index) {
            return Some(Skip::Tried);
        }
        if endpoint.is_full() {
            let most = endpoint.max_connections.min(endpoint.limit);
            return Some(Skip::Full { most });
        }
        endpoint.is_cooling(now).then_some(Skip::Cooling)
    }
}

/// Why an endpoint that could be taken was not among those that were looked at.
fn group_skip(endpoint: &Endpoint, tier: Tier) -> Option<Skip> {
    match endpoint.group {
        group if group == tier.group => None,
        Group::Home => Some(Skip::Spilled),
        Group::Elsewhere => Some(Skip::Elsewhere),
        Group::Backup => Some(Skip::Backup),
    }
}

#[cfg(test)]
mod tests;
