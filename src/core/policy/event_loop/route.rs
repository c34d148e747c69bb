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
#[derive(Clone, Debug)]
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

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u32) -> Key {
        Key::route(
            b"GET",
            format!(
                "/{}",
                "x".repeat(n as usize % 20) + &"y".repeat(n as usize / 20)
            )
            .as_bytes(),
        )
    }

    #[test]
    fn a_route_keeps_its_number() {
        let mut routes = Routes::default();
        let numbers: Vec<u16> = (0..40).map(|n| routes.admit(key(n)).0).collect();
        for (n, number) in (0..40).zip(&numbers) {
            assert_eq!(routes.admit(key(n)), (*number, false));
            assert_eq!(routes.find(key(n)), *number);
        }
        let mut places: Vec<u16> = numbers.into_iter().filter(|n| *n != OTHERS).collect();
        places.sort_unstable();
        places.dedup();
        assert!(places.len() >= 38, "{} of 40 have a place", places.len());
        assert_eq!(routes.admit(Key::None), (OTHERS, false));
    }

    /// A scan of thousands of paths takes no place from the routes that are in use.
    #[test]
    fn one_time_routes_drive_nobody_out() {
        let mut routes = Routes::default();
        let used: Vec<u16> = (0..20).map(|n| routes.admit(key(n)).0).collect();
        for n in 0..20_000_u32 {
            routes.admit(Key::text(&n.to_le_bytes()));
            let at = n % 20;
            assert_eq!(routes.admit(key(at)), (used[at as usize], false), "{n}");
        }
    }

    /// What has become rare makes room for what comes again and again, but not while it is in
    /// flight.
    #[test]
    fn the_rare_make_room() {
        let mut routes = Routes::default();
        let same = |n: &u32| group(Key::text(&n.to_le_bytes())) == 0;
        let keys: Vec<Key> = (0..)
            .filter(same)
            .take(6)
            .map(|n: u32| Key::text(&n.to_le_bytes()))
            .collect();
        let old: Vec<u16> = keys[..4].iter().map(|key| routes.admit(*key).0).collect();
        old[..3].iter().for_each(|route| routes.hold(*route));
        let came = (0..10).find(|_| routes.admit(keys[4]) == (old[3], true));
        assert_eq!(came, Some(1), "once refused, then in");
    }
}
