//! A quantile of what took how long lately: bounded, exact to a sixteenth, a few steps for each.
//!
//! Durations are counted in buckets whose widths grow with them (a power of two has sixteen), over
//! this window and the one before, so that what was true ten seconds ago is forgotten. A cursor
//! stays on the bucket that holds the quantile: each duration moves it by a step or none.

use std::time::Duration;

use crate::time::{Span, Timestamp};

/// How long a window is. The last one and the present one count.
pub const WINDOW: Duration = Duration::from_secs(5);
/// How many durations it takes to say anything: fewer have no tail.
pub const LEAST: u64 = 100;

/// Buckets in a power of two, as a power of two.
const FINE: u32 = 4;
/// From here on all are one: 67 s in microseconds.
pub(crate) const MOST_US: u64 = (1 << 26) - 1;
/// All of them.
pub(crate) const BUCKETS: usize = place(MOST_US) + 1;

/// See the module.
#[derive(Clone, Debug)]
pub struct Quantile {
    share_ppm: u32,
    /// Of this window.
    now: [u32; BUCKETS],
    /// Of both.
    both: [u32; BUCKETS],
    total: u64,
    /// The bucket that holds the quantile, and how many are in those below it.
    cursor: usize,
    below: u64,
    /// When this window ends.
    turns: Timestamp,
}

impl Quantile {
    /// The duration that this share of them, in parts per million, does not exceed.
    #[must_use]
    pub const fn new(share_ppm: u32) -> Self {
        Self {
            share_ppm,
            now: [0; BUCKETS],
            both: [0; BUCKETS],
            total: 0,
            cursor: 0,
            below: 0,
            turns: Timestamp::ZERO,
        }
    }

    /// Something took so long.
    pub fn record(&mut self, now: Timestamp, took: Span) {
        self.turn(now);
        let place = place((took.0 / 1_000).min(MOST_US));
        self.now[place] += 1;
        self.both[place] += 1;
        self.total += 1;
        self.below += u64::from(place < self.cursor);
        self.settle();
    }

    /// The quantile, at most a sixteenth too long; `None` while too few are known.
    #[must_use]
    pub fn value(&mut self, now: Timestamp) -> Option<Span> {
        self.turn(now);
        (self.total >= LEAST).then(|| Span(end_us(self.cursor) * 1_000))
    }

    /// Puts the cursor where it belongs.
    fn settle(&mut self) {
        let rank = (self.total * u64::from(self.share_ppm)).div_ceil(1_000_000);
        while self.below >= rank && self.cursor > 0 {
            self.cursor -= 1;
            self.below -= u64::from(self.both[self.cursor]);
        }
        while self.below + u64::from(self.both[self.cursor]) < rank {
            self.below += u64::from(self.both[self.cursor]);
            self.cursor += 1;
        }
    }

    fn turn(&mut self, now: Timestamp) {
        if now >= self.turns {
            self.forget(now);
        }
    }

    /// Begins another window.
    #[cold]
    fn forget(&mut self, now: Timestamp) {
        if now >= self.turns + WINDOW {
            self.now = [0; BUCKETS];
        }
        self.both = std::mem::replace(&mut self.now, [0; BUCKETS]);
        self.total = self.both.iter().map(|n| u64::from(*n)).sum();
        (self.cursor, self.below) = (0, 0);
        self.settle();
        self.turns = now + WINDOW;
    }
}

/// The bucket of a duration.
pub(crate) const fn place(us: u64) -> usize {
    let wide = us.checked_ilog2();
    match wide {
        Some(bits) if bits > FINE => {
            let doublings = bits - FINE;
            ((doublings as usize) << FINE) + (us >> doublings) as usize
        }
        _ => us as usize,
    }
}

/// Where the bucket ends: the longest duration in it.
pub(crate) const fn end_us(place: usize) -> u64 {
    let doublings = (place >> FINE).saturating_sub(1) as u32;
    let first = (place - ((doublings as usize) << FINE)) as u64;
    ((first + 1) << doublings) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const US: u64 = 1_000;

    #[test]
    fn buckets_follow_each_other_and_are_narrow() {
        let mut before = None;
        for at in 0..BUCKETS {
            let end = end_us(at);
            let begin = before.map_or(0, |end: u64| end + 1);
            assert_eq!((place(begin), place(end)), (at, at), "{begin} to {end} us");
            assert!((end - begin) * 16 <= begin.max(1), "{begin} to {end} us");
            before = Some(end);
        }
        assert_eq!(before, Some(MOST_US));
    }

    /// What is told follows a change within two windows.
    #[test]
    fn old_durations_are_forgotten() {
        let mut quantile = Quantile::new(950_000);
        let mut at = Timestamp::ZERO;
        let mut told = Vec::new();
        for (seconds, took_us) in [(10, 1_000), (20, 8_000), (30, 1_000)] {
            while at < Timestamp::ZERO + Duration::from_secs(seconds) {
                quantile.record(at, Span(took_us * US));
                at = at + Duration::from_millis(10);
            }
            told.push(quantile.value(at).unwrap().0 / US);
        }
        assert!(
            told.iter()
                .zip([1_000, 8_000, 1_000])
                .all(|(t, us)| *t >= us && *t <= us * 17 / 16)
        );
        assert_eq!(quantile.value(at + WINDOW * 3), None);
    }

    proptest! {
        /// Against a sorted list of what is in the two windows.
        #[test]
        fn agrees_with_a_sorted_list(
            share_ppm in 1_u32..=1_000_000,
            steps in prop::collection::vec((0_u64..60, 0_u32..40), 100..400),
        ) {
            let mut quantile = Quantile::new(share_ppm);
            let mut now = Timestamp::ZERO;
            let mut windows: [Vec<u64>; 2] = Default::default();
            let mut turns = now;
            for (gap_ms, bits) in steps {
                now = now + Duration::from_millis(gap_ms);
                if now >= turns {
                    let before = std::mem::take(&mut windows[1]);
                    windows[0] = if now >= turns + WINDOW { Vec::new() } else { before };
                    turns = now + WINDOW;
                }
                let took_us = (1_u64 << bits) + gap_ms;
                windows[1].push(took_us.min(MOST_US));
                quantile.record(now, Span(took_us * US));
                let mut list = windows.concat();
                list.sort_unstable();
                let rank = (list.len() as u64 * u64::from(share_ppm)).div_ceil(1_000_000);
                let exact_us = list[rank as usize - 1];
                let expected = Span(end_us(place(exact_us)) * US);
                let enough = list.len() as u64 >= LEAST;
                prop_assert_eq!(quantile.value(now), enough.then_some(expected));
            }
        }
    }
}
