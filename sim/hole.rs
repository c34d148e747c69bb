//! Times in which nothing that is sent to an address, or from it, arrives.

use std::time::Duration;

use evenkeel_core::time::Timestamp;

/// The times in which an address is a black hole: in order, and apart from each other.
///
/// Known when a run begins, so that when something arrives is a function of when it is sent, in
/// both engines, and nobody has to go and let it out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holes(Vec<(Timestamp, Timestamp)>);

impl Holes {
    /// Adds a time, which begins after all earlier ones.
    pub fn push(&mut self, from: Timestamp, until: Timestamp) {
        match self.0.last_mut() {
            Some((_, end)) if *end >= from => *end = until.max(*end),
            _ => self.0.push((from, until)),
        }
    }

    /// The longest of them.
    #[must_use]
    pub fn longest(&self) -> Duration {
        let lasts = self.0.iter().map(|(from, until)| until.since(*from));
        lasts.max().unwrap_or_default()
    }

    /// When what is sent at `sent` leaves: at once, or when the hole has ended.
    #[must_use]
    pub fn leaves(&self, sent: Timestamp) -> Timestamp {
        let next = self.0.partition_point(|(_, until)| *until <= sent);
        match self.0.get(next) {
            Some((from, until)) if *from <= sent => *until,
            _ => sent,
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn what_is_sent_in_a_hole_leaves_at_its_end() {
        let mut holes = Holes::default();
        for (from, until) in [(10, 20), (20, 25), (40, 50)] {
            holes.push(Timestamp(from), Timestamp(until));
        }
        let table = [
            (0, 0),
            (9, 9),
            (10, 25),
            (24, 25),
            (25, 25),
            (39, 39),
            (40, 50),
            (50, 50),
        ];
        for (sent, leaves) in table {
            assert_eq!(holes.leaves(Timestamp(sent)), Timestamp(leaves), "{sent}");
        }
    }
}
