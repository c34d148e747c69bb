//! Whom a pool may pick as far as health goes, rebuilt from the events alone.

use evenkeel_core::health::Standing;
use evenkeel_core::panic::Mode;
use evenkeel_core::trace::Kind;

/// What the events have said of an endpoint.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    down: bool,
    ejected: bool,
    /// One request may try it.
    on_trial: bool,
}

/// The health of a pool's endpoints.
#[derive(Debug, Default)]
pub(super) struct Fitness {
    mode: Mode,
    /// By slot, as far as there was news.
    known: Vec<Known>,
}

impl Fitness {
    /// Takes what an event says of the endpoint in `slot`, or of the pool.
    pub(super) fn on(&mut self, slot: Option<u32>, kind: Kind) {
        if let Kind::Panic { mode } = kind {
            self.mode = mode;
        }
        let Some(slot) = slot else {
            return;
        };
        let slot = slot as usize;
        if slot >= self.known.len() {
            self.known.resize(slot + 1, Known::default());
        }
        let known = &mut self.known[slot];
        match kind {
            Kind::Health { standing } => known.down = standing == Standing::Down,
            Kind::Ejected { .. } => (known.ejected, known.on_trial) = (true, false),
            Kind::OnTrial => known.on_trial = true,
            Kind::Returned => (known.ejected, known.on_trial) = (false, false),
            _ => {}
        }
    }

    /// Whether nothing is held against the endpoint in `slot`.
    pub(super) fn is_fine(&self, slot: u32) -> bool {
        let known = self.known.get(slot as usize).copied().unwrap_or_default();
        self.mode == Mode::Off && !known.down && !known.ejected
    }

    /// A request goes to the endpoint in `slot`. False if it should not. That one tries it is known
    /// of the first alone: when the client of that leaves, the next one may.
    pub(super) fn pick(&self, slot: u32) -> bool {
        let known = self.known.get(slot as usize).copied().unwrap_or_default();
        match self.mode {
            Mode::Open => true,
            // Else nobody could show that he is well again.
            Mode::Closed => known.ejected && known.on_trial && !known.down,
            Mode::Off => !known.down && (!known.ejected || known.on_trial),
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use evenkeel_core::outlier::Cause;

    #[test]
    fn who_may_be_picked() {
        let down = Kind::Health {
            standing: Standing::Down,
        };
        let up = Kind::Health {
            standing: Standing::Up,
        };
        let ejected = Kind::Ejected {
            cause: Cause::ErrorRate,
        };
        let open = Kind::Panic { mode: Mode::Open };
        let closed = Kind::Panic { mode: Mode::Closed };
        let cases: [(&str, &[Kind], bool); 9] = [
            ("nothing is known", &[], true),
            ("down", &[down], false),
            ("up again", &[down, up], true),
            ("ejected", &[ejected], false),
            ("on trial", &[ejected, Kind::OnTrial], true),
            (
                "the trial failed",
                &[ejected, Kind::OnTrial, ejected],
                false,
            ),
            ("down and returned", &[ejected, down, Kind::Returned], false),
            ("panic", &[down, open], true),
            ("closed", &[closed], false),
        ];
        for (name, kinds, expected) in cases {
            let mut fitness = Fitness::default();
            for kind in kinds {
                let slot = (!matches!(kind, Kind::Panic { .. })).then_some(1);
                fitness.on(slot, *kind);
            }
            assert_eq!(fitness.pick(1), expected, "{name}");
        }
    }
}
