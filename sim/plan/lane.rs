//! What lies between the parties of a run, looked up: links by their names, with their timelines.

use std::sync::Arc;

use evenkeel_core::time::Timestamp;

use super::Plan;
use crate::link::{Effect, Link, Spell, Wire};
use crate::scenario::{Party, Target, What};

/// One direction between two parties.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// What lies there.
    pub link: Link,
    /// When it is not as usual.
    pub spells: Arc<[Spell]>,
}

impl Lane {
    /// A wire of it, for two parties alone.
    #[must_use]
    pub fn wire(&self) -> Wire {
        Wire::new(self.link, Arc::clone(&self.spells))
    }
}

/// The names that a party has, each with how exact it is.
struct Side(Vec<(Party, u8)>);

impl Side {
    fn exactness(&self, party: &Party) -> Option<u8> {
        let known = self.0.iter().find(|(known, _)| known == party);
        known.map(|(_, exactness)| *exactness)
    }
}

impl Plan {
    /// The link that all parties share, if nothing of it is counted by connection or party and
    /// nothing ever happens to any.
    #[must_use]
    pub fn shared_link(&self) -> Option<Link> {
        let network = &self.scenario.network;
        let happens = |what: &What| matches!(what, What::Latency { .. } | What::Partition(_));
        let changes = &self.scenario.changes;
        let quiet = !changes.iter().any(|change| happens(&change.what));
        (network.links.is_empty() && network.default.is_plain() && quiet).then_some(network.default)
    }

    /// Between the clients and a proxy, there and back. All proxies are alike.
    #[must_use]
    pub fn downstream(&self) -> [Lane; 2] {
        let clients = Side(vec![(Party::Downstream, 1)]);
        self.between(&clients, &self.proxy())
    }

    /// Between a proxy and an origin, there and back.
    #[must_use]
    pub fn upstream(&self, origin: usize) -> [Lane; 2] {
        self.between(&self.proxy(), &self.origin(origin))
    }

    fn proxy(&self) -> Side {
        let zone = self.scenario.proxies.zone.clone();
        let zone = zone.map(|zone| (Party::Zone(zone), 2));
        Side([(Party::Proxy, 1)].into_iter().chain(zone).collect())
    }

    fn origin(&self, origin: usize) -> Side {
        let origin = self.origins[origin].like.unwrap_or(origin);
        let mut names = Vec::new();
        for (pool, row) in self.behind.iter().enumerate() {
            for (endpoint, behind) in row.iter().enumerate() {
                if *behind == origin {
                    let target = Target { pool, endpoint };
                    let zone = &self.scenario.all.pools[pool].endpoints[endpoint].zone;
                    names.push((Party::Endpoint(target), 3));
                    names.push((Party::Pool(pool), 1));
                    names.extend(zone.iter().map(|zone| (Party::Zone(zone.clone()), 2)));
                }
            }
        }
        Side(names)
    }

    fn between(&self, one: &Side, other: &Side) -> [Lane; 2] {
        let spells: Arc<[Spell]> = self.spells(one, other).into();
        let way = |from, to| Lane {
            link: self.link(from, to),
            spells: Arc::clone(&spells),
        };
        [way(one, other), way(other, one)]
    }

    /// The most exact entry counts; of equal ones one for this direction, then the last.
    fn link(&self, from: &Side, to: &Side) -> Link {
        let network = &self.scenario.network;
        let mut best = (0, false);
        let mut link = network.default;
        for entry in &network.links {
            let fits = |from: &Side, to: &Side| {
                Some(from.exactness(&entry.from)? + to.exactness(&entry.to)?)
            };
            let there = fits(from, to).map(|exactness| (exactness, true));
            let back = fits(to, from).map(|exactness| (exactness, false));
            if let Some(found) = there.max(back)
                && found >= best
            {
                (best, link) = (found, entry.link);
            }
        }
        link
    }

    fn spells(&self, one: &Side, other: &Side) -> Vec<Spell> {
        let end = self.end();
        let meant = |[from, to]: &[Party; 2]| {
            let fits = |from: &Side, to: &Side, [a, b]: [&Party; 2]| {
                from.exactness(a).is_some() && to.exactness(b).is_some()
            };
            fits(one, other, [from, to]) || fits(one, other, [to, from])
        };
        let changes = self.scenario.changes.iter();
        let spell = |change: &crate::scenario::Change| {
            let (between, effect) = match &change.what {
                What::Partition(between) => (between, Effect::Cut),
                What::Latency {
                    between,
                    factor,
                    plus,
                    ramp,
                } => {
                    let effect = Effect::Slow {
                        factor: *factor,
                        plus: *plus,
                        ramp: *ramp,
                    };
                    (between, effect)
                }
                _ => return None,
            };
            let from = Timestamp::ZERO + change.at;
            let until = change.lasts.map_or(end, |lasts| from + lasts).min(end);
            meant(between).then_some(Spell {
                from,
                until,
                effect,
            })
        };
        changes.filter_map(spell).collect()
    }
}
