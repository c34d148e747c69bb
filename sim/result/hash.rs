//! The trace hash: one number for everything that was decided.

use std::fmt;

use evenkeel_core::trace::{Event, Kind};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// Bytes of a record.
const RECORD: usize = 20;
/// Records are handed to SHA-256 in blocks of this size, a multiple of its own 64 bytes.
const BLOCK: usize = 192 * RECORD;

/// A SHA-256 value; written as 64 hexadecimal digits.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The hash of several hashes, in the order given: a run's from its cells'.
    #[must_use]
    pub fn of(parts: impl Iterator<Item = Self>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part.0);
        }
        Self(hash.finalize().into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        let digits = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
        for (n, byte) in bytes.iter_mut().enumerate() {
            let wrong = || D::Error::custom("a hash has 64 hexadecimal digits");
            *byte = digits(2 * n).ok_or_else(wrong)?;
        }
        Ok(Self(bytes))
    }
}

/// SHA-256 over the fixed records of a run's events.
///
/// Four kinds of event are left out, because the others imply each: an arrival is followed at once
/// by its pick, its wait or its outcome, a wait's end by a pick or the outcome, a completion by its
/// outcome, and a connection that was idle is what a try without a word about its connection has.
/// What is left says all that was decided, in half of the time.
#[derive(Clone, Debug)]
pub struct TraceHash {
    hash: Sha256,
    block: [u8; BLOCK],
    filled: usize,
}

impl Default for TraceHash {
    fn default() -> Self {
        Self {
            hash: Sha256::default(),
            block: [0; BLOCK],
            filled: 0,
        }
    }
}

impl TraceHash {
    /// Takes the next event.
    // Inlined: where the kind is known, little is left of it.
    #[inline(always)]
    pub fn record(&mut self, event: &Event) {
        if matches!(
            event.kind,
            Kind::Arrived { .. }
                | Kind::Waited { .. }
                | Kind::Completed
                | Kind::Connected { reused: true }
        ) {
            return;
        }
        if self.filled == BLOCK {
            self.turn_over();
        }
        let end = self.filled + RECORD;
        self.block[self.filled..end].copy_from_slice(&event.bytes());
        self.filled = end;
    }

    /// Hashes the full block.
    // Without the event, which would have to be put into memory for it.
    #[cold]
    fn turn_over(&mut self) {
        self.hash.update(self.block);
        self.filled = 0;
    }

    /// The hash of all events taken.
    #[must_use]
    pub fn finish(mut self) -> Digest {
        self.hash.update(&self.block[..self.filled]);
        Digest(self.hash.finalize().into())
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::result::test::event;
    use evenkeel_core::trace::Kind;

    fn hash(events: impl Iterator<Item = Event>) -> Digest {
        let mut hash = TraceHash::default();
        events.for_each(|event| hash.record(&event));
        hash.finish()
    }

    #[test]
    fn blocks_do_not_show() {
        let events =
            || (0..1_000).map(|at| event(at, at, 0, None, Kind::Queued { budgeted: false }));
        let mut whole = Sha256::new();
        events().for_each(|event| whole.update(event.bytes()));
        assert_eq!(hash(events()), Digest(whole.finalize().into()));
    }

    /// SHA-256 of nothing and of two hashes, by another implementation.
    #[test]
    fn it_is_sha_256() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hash(std::iter::empty()).to_string(), empty);
        assert_eq!(Digest::of(std::iter::empty()).to_string(), empty);
        assert_eq!(
            Digest::of([Digest::default(); 2].into_iter()).to_string(),
            TWO_ZERO_HASHES
        );
    }

    const TWO_ZERO_HASHES: &str =
        "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b";

    #[test]
    fn what_another_event_implies_is_left_out() {
        let one = event(1, 1, 1, Some(0), Kind::Picked { budgeted: false });
        let implied = [Kind::Arrived { idempotent: true }, Kind::Completed];
        let all = implied.map(|kind| event(1, 1, 1, Some(0), kind));
        assert_eq!(hash(all.into_iter().chain([one])), hash([one].into_iter()));
    }

    #[test]
    fn every_other_event_and_their_order_count() {
        let one = event(1, 1, 0, None, Kind::Queued { budgeted: false });
        let two = event(1, 2, 0, None, Kind::Queued { budgeted: false });
        assert_ne!(hash([one, two].into_iter()), hash([two, one].into_iter()));
        assert_ne!(hash([one].into_iter()), hash([one, one].into_iter()));
    }
}
