//! The table of routes: a number for each route that is worth one, in bounded space.
//!
//! An application has tens of routes; who scans it, or writes titles into paths, makes as many as
//! he likes. So the table has four places for each of 64 groups, into which keys fall by chance. A
//! full group lets a newcomer in only when it comes twice in a row, and only in the place of one
//! that has become rare: each refusal takes one from the credit that its neighbours have earned by
//! being asked for. What has no place shares route 0.

use crate::policy::Key;

/// What has no place of its own.
pub(super) const OTHERS: u16 = 0;

const GROUPS: usize = 64;
const PLACES: usize = 4;
/// Routes, [`OTHERS`] included.
pub(super) const ROUTES: usize = GROUPS * PLACES + 1;

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// Its route; [`Key::None`] if it is free.
    key: Key,
    /// How often it was asked for, less its neighbours' refusals.
    credit: u8,
    /// Requests in flight: until they end, their number means this route.
    flying: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Group {
    places: [Place; PLACES],
    /// Who was refused last.
    refused: Key,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Routes {
    groups: Vec<Group>,
}

impl Default for Routes {
    fn default() -> Self {
        Self {
            groups: vec![Group::default(); GROUPS],
        }
    }
}

impl Routes {
    /// The number of the route, and whether it was another's until now.
    pub(super) fn admit(&mut self, key: Key) -> (u16, bool) {
        if key == Key::None {
            return (OTHERS, false);
        }
        let at = group(key);
        let group = &mut self.groups[at];
        if let Some(place) = group.find(key) {
            let credit = &mut group.places[place].credit;
            *credit = credit.saturating_add(1);
            return (number(at, place), false);
        }
        let is_free = |place: &Place| place.key == Key::None;
        let place = group.places.iter().position(is_free).or_else(|| {
            let is_back = std::mem::replace(&mut group.refused, key) == key;
            let mut spent = None;
            for (at, place) in group.places.iter_mut().enumerate() {
                if place.credit == 0 && place.flying == 0 {
                    spent = Some(at);
                }
                place.credit = place.credit.saturating_sub(1);
            }
            spent.filter(|_| is_back)
        });
        let Some(place) = place else {
            return (OTHERS, false);
        };
        group.places[place] = Place {
            key,
            credit: 1,
            flying: 0,
        };
        (number(at, place), true)
    }

    /// The number of the route.
    pub(super) fn find(&self, key: Key) -> u16 {
        let at = group(key);
        let place = self.groups[at].find(key).filter(|_| key != Key::None);
        place.map_or(OTHERS, |place| number(at, place))
    }

    /// One more request of the route is in flight.
    pub(super) fn hold(&mut self, route: u16) {
        if let Some(place) = self.place(route) {
            place.flying += 1;
        }
    }

    /// One less.
    pub(super) fn release(&mut self, route: u16) {
        if let Some(place) = self.place(route) {
            place.flying = place.flying.saturating_sub(1);
        }
    }

    fn place(&mut self, route: u16) -> Option<&mut Place> {
        let at = usize::from(route).checked_sub(1)?;
        self.groups
            .get_mut(at / PLACES)?
            .places
            .get_mut(at % PLACES)
    }
}

impl Group {
    fn find(&self, key: Key) -> Option<usize> {
        self.places.iter().position(|place| place.key == key)
    }
}

fn group(key: Key) -> usize {
    key.bits() as usize % GROUPS
}

fn number(group: usize, place: usize) -> u16 {
    (group * PLACES + place + 1) as u16
}
