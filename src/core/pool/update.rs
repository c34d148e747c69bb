//! A pool under another configuration: applied as a difference, so that what stays keeps what was
//! learned of it.

use std::collections::BTreeMap;

use super::{State, Update};
use crate::affinity::Home;
use crate::endpoint::{Endpoint, EndpointIndex, Group, Spec, State as Admin};
use crate::hedge::Hedge;
use crate::queue::Grant;
use crate::time::Timestamp;

impl State {
    /// Applies a configuration as a difference: what is named the same keeps its slot, its load and
    /// what was learned of it; what is gone finishes what it has. Returns the grants of those for
    /// whom this makes room, and of those whom it leaves without any endpoint to wait for.
    #[must_use]
    pub fn update(&mut self, now: Timestamp, update: impl Into<Update>) -> Vec<Grant> {
        self.apply(now, update.into(), false)
    }

    pub(super) fn apply(&mut self, now: Timestamp, update: Update, founding: bool) -> Vec<Grant> {
        let Update { settings, table } = update;
        if settings.policy != self.settings.policy {
            self.policy = settings.policy.build();
            self.era = self.era.wrapping_add(1);
        }
        self.budget.set_share(settings.retry.budget_ppm);
        self.hedge = settings.retry.hedge.map(|wanted| {
            let mut hedge = self
                .hedge
                .take()
                .unwrap_or_else(|| Hedge::new(wanted).into());
            hedge.set(wanted);
            hedge
        });
        self.queue.set(settings.queue);
        self.replace(&settings.endpoints);
        self.tiers = self
            .endpoints
            .iter()
            .any(|e| e.group != Group::Home || e.has_failed_dials());
        self.policy.rebuild(&self.endpoints, table);
        self.measure = self.policy.measure();
        self.asks = settings.policy.asks();
        self.in_flight = Group::ALL.map(|group| {
            let members = self.endpoints.iter().filter(|e| e.group == group);
            members.map(|e| u64::from(e.in_flight)).sum()
        });
        self.settings = settings;
        self.watch(now, self.settings.guard.clone(), founding);
        self.remember(self.settings.affinity);
        self.drain(now);
        self.share_out();
        self.settle(now)
    }

    /// Looks at all that wait: some may go ahead, others have nobody left to wait for.
    pub(super) fn settle(&mut self, now: Timestamp) -> Vec<Grant> {
        let mut grants: Vec<_> = std::iter::from_fn(|| self.grant(now)).collect();
        grants.extend(std::iter::from_fn(|| self.queue.untold()));
        let mut queue = std::mem::take(&mut self.queue);
        grants.extend(queue.dismiss(|w| {
            self.represent(w.home);
            !self.may_serve(now, &w.tried)
        }));
        self.represent(Home::None);
        self.queue = queue;
        grants
    }

    /// Endpoints by name: the kept stay in their slots, the gone leave theirs, the new take free
    /// ones in the order of the file.
    fn replace(&mut self, specs: &[Spec]) {
        let names = std::mem::take(&mut self.names).into_iter().enumerate();
        let mut owners: BTreeMap<String, usize> = names
            .filter_map(|(slot, name)| Some((name?, slot)))
            .collect();
        self.names = vec![None; self.endpoints.len()];
        let mut new = Vec::new();
        for (place, spec) in (0..).zip(specs) {
            if let Some((name, slot)) = owners.remove_entry(&spec.name) {
                self.endpoints[slot].set(spec);
                self.endpoints[slot].place = place;
                self.names[slot] = Some(name);
            } else {
                new.push((place, spec));
            }
        }
        for slot in owners.into_values() {
            self.endpoints[slot].state = Admin::Down;
            self.endpoints[slot].weight = 0;
            self.endpoints[slot].index.generation += 1;
            self.endpoints[slot].in_flight = 0;
            self.endpoints[slot].tunnels = 0;
        }
        let is_free = |slot: &usize| self.names[*slot].is_none();
        let free: Vec<_> = (0..self.names.len()).filter(is_free).collect();
        let slots = free.into_iter().chain(self.names.len()..);
        for ((place, spec), slot) in new.into_iter().zip(slots) {
            self.place(spec, slot);
            self.endpoints[slot].place = place;
        }
    }

    fn place(&mut self, spec: &Spec, slot: usize) {
        let mut index = EndpointIndex {
            slot: u32::try_from(slot).expect("a configuration is smaller"),
            generation: 0,
        };
        if let Some(endpoint) = self.endpoints.get_mut(slot) {
            index = endpoint.index;
            *endpoint = Endpoint::new(index, spec);
            self.names[slot] = Some(spec.name.clone());
        } else {
            self.endpoints.push(Endpoint::new(index, spec));
            self.names.push(Some(spec.name.clone()));
        }
    }
}
