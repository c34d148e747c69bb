//! A pool that keeps clients with their endpoints: what a session does to the choice of one, and
//! what becomes of the session.

use super::State as Pool;
use crate::affinity::{
    Claim, Home, Memory, Name, OnDown, Session, Settings, Step, Table, is_stale, is_worn,
};
use crate::endpoint::{Endpoint, EndpointIndex, State as Admin, Tried};
use crate::time::Timestamp;

/// The sessions of a pool.
#[derive(Debug)]
pub(super) struct Affinity {
    settings: Settings,
    /// Endpoints by the number of their name, in order.
    directory: Vec<(Name, EndpointIndex)>,
    /// The same by slot; a slot that nobody has had an owner once.
    names: Vec<Name>,
    table: Option<Table>,
    /// The home of the session whose request is being admitted.
    home: Home,
}

/// What a request's session says of the choice.
pub(super) enum Stay {
    /// The policy chooses.
    Free,
    /// Nobody but this one.
    At(EndpointIndex),
    /// Nobody now: its endpoint, which is this one, will have room, or will be up, again.
    Later(EndpointIndex),
    /// Nobody, as its endpoint is this one.
    Never(EndpointIndex),
}

impl Affinity {
    fn lookup(&self, name: Name) -> Home {
        let place = self.directory.binary_search_by_key(&name, |row| row.0);
        place.map_or(Home::Gone, |place| Home::At(self.directory[place].1))
    }

    /// Where a session lives by its claim, and whether the claim is too old.
    fn home(&mut self, now: Timestamp, claim: Claim) -> (Home, bool) {
        match (claim, self.settings.memory) {
            (Claim::None, _) => (Home::None, false),
            (Claim::Endpoint { age_s, .. }, Memory::Cookie { ttl: Some(ttl) })
                if is_stale(age_s, ttl) =>
            {
                (Home::None, true)
            }
            (Claim::Endpoint { name, .. }, _) => (self.lookup(name), false),
            (Claim::Session(session), _) => {
                let name = self.table.as_mut().and_then(|t| t.find(now, session));
                (name.map_or(Home::None, |name| self.lookup(name)), false)
            }
        }
    }

    /// `session` of the application lives at `index`. True if another had to be forgotten for it.
    fn settle(&mut self, now: Timestamp, session: u64, index: EndpointIndex) -> bool {
        let name = self.names[index.slot as usize];
        let table = self.table.as_mut();
        table.is_some_and(|table| table.put(now, session, name))
    }
}

impl Pool {
    /// Brings what is known of sessions into line with a configuration: endpoints of the same name
    /// keep theirs.
    pub(super) fn remember(&mut self, settings: Option<Settings>) {
        let Some(settings) = settings else {
            self.affinity = None;
            return;
        };
        let known = self.affinity.take().and_then(|affinity| affinity.table);
        let table = match settings.memory {
            Memory::Table { ttl, limit } => {
                let mut table = known.unwrap_or_else(|| Table::new(ttl, limit));
                table.bound(ttl, limit);
                Some(table)
            }
            Memory::Cookie { .. } | Memory::Application => None,
        };
        let number = |name: &Option<String>| name.as_deref().map(Name::of);
        let names: Vec<Option<Name>> = self.names.iter().map(number).collect();
        let rows = names.iter().zip(&self.endpoints);
        let mut directory: Vec<_> = rows.filter_map(|(n, e)| Some(((*n)?, e.index))).collect();
        directory.sort_unstable();
        self.affinity = Some(Box::new(Affinity {
            settings,
            directory,
            names: names.into_iter().map(Option::unwrap_or_default).collect(),
            table,
            home: Home::None,
        }));
    }

    /// Whether clients are kept with their endpoints.
    #[must_use]
    pub const fn has_affinity(&self) -> bool {
        self.affinity.is_some()
    }

    /// A request arrives: finds out where its session lives. True if what it claims is too old.
    pub fn recognise(&mut self, now: Timestamp, session: &mut Session) -> bool {
        let Some(affinity) = &mut self.affinity else {
            return false;
        };
        let (home, stale) = affinity.home(now, session.claim);
        if stale {
            session.claim = Claim::None;
        }
        session.home = home;
        stale
    }

    /// Runs `ask`, which may pick an endpoint, on behalf of a session.
    pub fn on_behalf<R>(&mut self, session: &Session, ask: impl FnOnce(&mut Self) -> R) -> R {
        self.represent(session.home);
        let answer = ask(self);
        self.represent(Home::None);
        answer
    }

    pub(super) fn represent(&mut self, home: Home) {
        if let Some(affinity) = &mut self.affinity {
            affinity.home = home;
        }
    }

    /// The home of the session that is being admitted.
    pub(super) fn represented(&self) -> Home {
        self.affinity.as_ref().map_or(Home::None, |a| a.home)
    }

    /// What the session at hand says of the choice of an endpoint.
    pub(super) fn stay(&self, now: Timestamp, tried: &Tried) -> Stay {
        let Some(affinity) = &self.affinity else {
            return Stay::Free;
        };
        let Home::At(index) = affinity.home else {
            return Stay::Free;
        };
        let endpoint = &self.endpoints[index.slot as usize];
        // Gone since the request arrived.
        if endpoint.index != index {
            return Stay::Free;
        }
        if endpoint.state == Admin::Drain && self.is_over(now, index) {
            return Stay::Free;
        }
        let on_down = affinity.settings.on_down;
        let failed = tried.contains(index);
        let avoided = on_down == OnDown::Repick && endpoint.is_cooling(now);
        if keeps(endpoint) && !failed && !avoided {
            return match endpoint.is_full() {
                true => Stay::Later(index),
                false => Stay::At(index),
            };
        }
        match on_down {
            OnDown::Repick => Stay::Free,
            OnDown::Queue if !failed => Stay::Later(index),
            OnDown::Fail | OnDown::Queue => Stay::Never(index),
        }
    }

    /// A request goes to `index`. True if it does so because the draining endpoint keeps its
    /// session.
    pub fn lodge(&mut self, now: Timestamp, session: &Session, index: EndpointIndex) -> bool {
        let Some(affinity) = &mut self.affinity else {
            return false;
        };
        if session.home == Home::At(index) {
            return self.endpoints[index.slot as usize].state == Admin::Drain;
        }
        // Others of the same session must not each find another endpoint meanwhile.
        if let (Claim::Session(known), Home::At(_) | Home::Gone) = (session.claim, session.home) {
            affinity.settle(now, known, index);
        }
        false
    }

    /// The head of the response to a request of `session` has come from `index`. Returns the step
    /// that the session takes, if it takes one, and whether the table has forgotten another one;
    /// the session knows then what its client is to be told.
    pub fn settle_in(
        &mut self,
        now: Timestamp,
        session: &mut Session,
        index: EndpointIndex,
        status: u16,
    ) -> (Option<Step>, bool) {
        let Some(affinity) = &mut self.affinity else {
            return (None, false);
        };
        let Some(endpoint) = self.endpoints.get(index.slot as usize) else {
            return (None, false);
        };
        let stays = session.home == Home::At(index);
        let moved = !stays && session.home != Home::None;
        let (begins, forgets) = match (affinity.settings.memory, session.named, session.claim) {
            (Memory::Cookie { ttl }, ..) => {
                let age_s = match session.claim {
                    Claim::Endpoint { age_s, .. } => age_s,
                    Claim::None | Claim::Session(_) => 0,
                };
                let worn = ttl.is_some_and(|ttl| is_worn(age_s, ttl));
                session.tell = !stays || (worn && endpoint.state == Admin::Up);
                (!stays, false)
            }
            (Memory::Table { .. }, Some(named), claim) => {
                let is_new = claim != Claim::Session(named) || session.home == Home::None;
                let forgets = affinity.settle(now, named, index);
                (is_new, forgets)
            }
            // Forgotten, or learned by somebody else: who answers it knows it.
            (Memory::Table { .. }, None, Claim::Session(known))
                if session.home == Home::None && status < 400 =>
            {
                (true, affinity.settle(now, known, index))
            }
            (Memory::Table { .. } | Memory::Application, ..) => (false, false),
        };
        let step = match (moved, begins) {
            (true, _) => Some(Step::Moved),
            (false, true) => Some(Step::Begun),
            (false, false) => None,
        };
        (step, forgets)
    }

    /// Sessions that the table holds for the endpoint of this name; `None` without a table.
    pub fn sessions(&mut self, now: Timestamp, name: &str) -> Option<u64> {
        let table = self.affinity.as_mut()?.table.as_mut()?;
        table.expire(now);
        Some(table.count(Name::of(name)))
    }

    /// Whether anybody may take the request, now or when there is room.
    pub(super) fn may_serve(&self, now: Timestamp, tried: &Tried) -> bool {
        match self.stay(now, tried) {
            Stay::Free => {
                let serves = |e: &Endpoint| e.is_in_service() && e.is_fit();
                let able = |e: &Endpoint| serves(e) && !tried.contains(e.index);
                self.endpoints.iter().any(able)
            }
            Stay::At(_) | Stay::Later(_) => true,
            Stay::Never(_) => false,
        }
    }
}

/// Whether an endpoint serves the sessions that it has, setting aside load and dial failures.
fn keeps(endpoint: &Endpoint) -> bool {
    endpoint.state != Admin::Down && endpoint.weight > 0 && endpoint.is_fit()
}

#[cfg(test)]
mod tests;
