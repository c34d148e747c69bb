//! Spilling: how much of a pool's requests goes to other endpoints than the first choice.
//!
//! Endpoints stand in groups: those of the proxy's own zone, those elsewhere, and backups. A group
//! takes everything as long as what is left of it can carry that: the usable part of its weight
//! times how much more than its part an endpoint can take. Below, it takes so much, and the rest
//! goes on to the next group. Without it the one endpoint that is left of a zone would get all that
//! four have carried. If all groups together cannot carry everything, each takes its part of what
//! there is. Source: Envoy's priority levels, with weights.
//!
//! A share is where a request is tried *first*: who finds nobody there that can take it goes on to
//! the other groups in their order.

use super::State;
use super::guard::Guard;
use crate::panic::Mode;
use crate::policy::Tier;
use crate::rng::Rng;
use crate::time::Timestamp;
use crate::trace;

/// How much more than its part of its group an endpoint can take, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// In the zones.
    pub zones_percent: u32,
    /// Before backups are used; `None`: they are not, as long as anybody else can be.
    pub backups_percent: Option<u32>,
}

impl Default for Settings {
    /// Envoy's between zones, nginx's before backups.
    fn default() -> Self {
        Self {
            zones_percent: 140,
            backups_percent: None,
        }
    }
}

/// Where requests are tried first, in parts per million by group.
pub type Shares = [u64; 3];

const ALL: u64 = 1_000_000;

/// The weight of a group's endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Census {
    /// Of all that the configuration has.
    all: u64,
    /// Of those that can be picked, load aside.
    usable: u64,
}

/// The shares of groups.
fn shares(settings: Settings, groups: [Census; 3]) -> Shares {
    let carries = |group: Census, percent: u32| match group.all {
        0 => 0,
        all => (group.usable * ALL / all * u64::from(percent) / 100).min(ALL),
    };
    let [home, elsewhere, backups] = groups;
    let zones = [home, elsewhere].map(|group| carries(group, settings.zones_percent));
    let reserve = match settings.backups_percent {
        None if zones != [0; 2] => 0,
        percent => carries(backups, percent.unwrap_or(100)),
    };
    let able = [zones[0], zones[1], reserve];
    let total = able.iter().sum::<u64>().min(ALL);
    let mut left = ALL;
    let mut shares = able.map(|able| {
        let share = (able * ALL).checked_div(total).unwrap_or(0).min(left);
        left -= share;
        share
    });
    // What rounding leaves over.
    if let Some(last) = shares.iter_mut().rfind(|share| **share > 0) {
        *last += left;
    }
    shares
}

/// Who is asked first for a request with this generator.
pub(super) fn draw(shares: Shares, rng: &mut Rng) -> &'static Tier {
    let point = rng.below(ALL);
    match shares {
        [home, ..] if point < home => &Tier::ORDER[0],
        [home, elsewhere, _] if point < home + elsewhere => &Tier::ORDER[1],
        _ => &Tier::ORDER[2],
    }
}

impl State {
    /// Where requests are tried first, in parts per million by group; nothing is nowhere, as nobody
    /// can be picked.
    #[must_use]
    pub const fn shares(&self) -> Shares {
        self.shares
    }

    /// Decides anew where requests are tried first. True if that is somewhere else than before.
    pub(super) fn share_out(&mut self) -> bool {
        let mut groups = [Census::default(); 3];
        for endpoint in &self.endpoints {
            let group = &mut groups[endpoint.group as usize];
            let weight = u64::from(endpoint.weight);
            let well =
                |guard: &Guard| guard.mode == Mode::Open || guard.is_well(endpoint.index.slot);
            group.all += weight;
            if endpoint.is_in_service() && self.guard.as_deref().is_none_or(well) {
                group.usable += weight;
            }
        }
        let shares = shares(self.settings.spill, groups);
        // Where one group has all, it is the first in which anybody can be picked.
        self.spills = shares.iter().filter(|share| **share > 0).count() > 1;
        std::mem::replace(&mut self.shares, shares) != shares
    }

    /// The same if the guard has found something out; what changes is news. True if there is some.
    pub(super) fn recount(&mut self, now: Timestamp) -> bool {
        let Some(guard) = &mut self.guard else {
            return false;
        };
        if !std::mem::take(&mut guard.recount) || !self.share_out() {
            return false;
        }
        let kept_percent = (self.shares[0] / (ALL / 100)) as u8;
        let news = (now, None, trace::Kind::Spilled { kept_percent });
        if let Some(guard) = &mut self.guard {
            guard.news.push_back(news);
        }
        true
    }
}

#[cfg(test)]
mod tests;
