//! Two tries of a request at once, in the model: as in the core, a slot works on one of them, and
//! the other changes places with it when something of its own happens.

use evenkeel_core::time::{Span, Timestamp};

use super::Live;

/// The try that stands aside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rival {
    attempt: u8,
    serial: u32,
    slot: u32,
    origin: usize,
    downloaded: Timestamp,
    asked: Span,
    reused: bool,
}

impl Live {
    /// A serial number that the slot has not had: whatever bears another is outdated.
    pub(super) const fn renew(&mut self) {
        self.serials += 1;
        self.serial = self.serials;
    }

    /// Whether what was planned under `serial` is still waited for; then its try is the present
    /// one.
    #[inline(always)]
    pub(super) fn awaits(&mut self, serial: u32) -> bool {
        self.serial == serial || self.turn_to(serial)
    }

    #[cold]
    fn turn_to(&mut self, serial: u32) -> bool {
        let other = self.rival.filter(|rival| rival.serial == serial);
        if let Some(other) = other {
            self.keep();
            self.go_on(other);
        }
        other.is_some()
    }

    /// The present try stands aside.
    pub(super) const fn keep(&mut self) {
        self.rival = Some(Rival {
            attempt: self.attempt,
            serial: self.serial,
            slot: self.slot,
            origin: self.origin,
            downloaded: self.downloaded,
            asked: self.asked,
            reused: self.reused,
        });
    }

    const fn go_on(&mut self, rival: Rival) {
        self.attempt = rival.attempt;
        self.serial = rival.serial;
        self.slot = rival.slot;
        self.origin = rival.origin;
        self.downloaded = rival.downloaded;
        self.asked = rival.asked;
        self.reused = rival.reused;
    }

    /// A try is given up; the one beside it, if there is one, goes on.
    pub(super) fn cancel(&mut self, attempt: u8) {
        match self.rival.take() {
            Some(rival) if self.attempt == attempt => self.go_on(rival),
            Some(_) => {}
            None => self.renew(),
        }
    }
}
