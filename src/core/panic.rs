//! The panic threshold: what happens when too few endpoints are fine.
//!
//! Checks can be wrong about many endpoints at once: a broken check, a shared dependency, a network
//! between. Sending everything to the few that are left would take them down, too. So below a share
//! of usable endpoints all are tried (fail open), or nobody is (fail closed). Endpoints that have
//! not been checked yet are tried before it comes to that: nothing is known against them.

/// What a configuration says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The share of usable endpoints below which a pool panics, in parts per million; 0 for never.
    pub below_ppm: u32,
    /// Answer nothing rather than try everybody.
    pub closed: bool,
}

impl Default for Settings {
    /// Never: without checks there is nothing to be wrong about.
    fn default() -> Self {
        Self {
            below_ppm: 0,
            closed: false,
        }
    }
}

/// Whether a pool panics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    /// It does not: usable endpoints alone are tried.
    #[default]
    Off,
    /// All endpoints in service are tried.
    Open,
    /// None is.
    Closed,
}

impl Mode {
    /// The name in metrics, logs and the response header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// How the endpoints in service of one tier are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// All that are in service.
    pub members: u32,
    /// Up and not ejected.
    pub usable: u32,
    /// Neither passed nor failed, and not ejected.
    pub checking: u32,
}

/// Who is tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Whether the pool panics.
    pub mode: Mode,
    /// Whether endpoints are tried that have not been checked yet.
    pub checking: bool,
}

/// Decides over the primary and the backup endpoints. While either tier has enough, there is no
/// panic: the other one serves.
#[must_use]
pub fn decide(settings: Settings, tiers: [Census; 2]) -> Decision {
    let enough = |count: fn(&Census) -> u32| {
        tiers.iter().any(|tier| {
            let share = u64::from(count(tier)) * 1_000_000;
            tier.members > 0 && share >= u64::from(tier.members) * u64::from(settings.below_ppm)
        })
    };
    let panics = tiers.iter().any(|tier| tier.members > 0);
    let (mode, checking) = if !panics || enough(|tier| tier.usable) {
        (Mode::Off, false)
    } else if enough(|tier| tier.usable + tier.checking) {
        (Mode::Off, true)
    } else if settings.closed {
        (Mode::Closed, false)
    } else {
        (Mode::Open, true)
    };
    Decision { mode, checking }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: (u32, u32, u32) = (0, 0, 0);

    #[test]
    fn tables() {
        use Mode::{Closed, Off, Open};
        // Threshold in percent, closed; members, usable, checking of primaries and of backups.
        let cases = [
            ("all are well", (30, false), (10, 10, 0), NONE, (Off, false)),
            ("just enough", (30, false), (10, 3, 0), NONE, (Off, false)),
            ("too few", (30, false), (10, 2, 0), NONE, (Open, true)),
            (
                "too few, closed",
                (30, true),
                (10, 2, 0),
                NONE,
                (Closed, false),
            ),
            ("none", (30, false), (1, 0, 0), NONE, (Open, true)),
            ("never", (0, false), (10, 0, 0), NONE, (Off, false)),
            ("nobody there", (30, false), NONE, NONE, (Off, false)),
            ("a beginning", (30, false), (10, 0, 10), NONE, (Off, true)),
            (
                "enough with the new",
                (30, true),
                (10, 1, 2),
                NONE,
                (Off, true),
            ),
            (
                "too few with the new",
                (30, false),
                (10, 1, 1),
                NONE,
                (Open, true),
            ),
            ("a backup", (30, false), (10, 0, 0), (1, 1, 0), (Off, false)),
            (
                "no backup either",
                (30, false),
                (10, 0, 0),
                (1, 0, 0),
                (Open, true),
            ),
            (
                "checked before it serves",
                (0, false),
                (4, 0, 4),
                NONE,
                (Off, false),
            ),
        ];
        for (name, (percent, closed), primary, backup, (mode, checking)) in cases {
            let census = |(members, usable, checking)| Census {
                members,
                usable,
                checking,
            };
            let settings = Settings {
                below_ppm: percent * 10_000,
                closed,
            };
            let decision = decide(settings, [census(primary), census(backup)]);
            assert_eq!(decision, Decision { mode, checking }, "{name}");
        }
    }
}
