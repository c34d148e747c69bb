//! What became of an invariant, as results tell it.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::invariant::Invariant;

/// What became of an invariant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// Whether it held.
    pub ok: bool,
    /// How often it did not.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub violations: u64,
    /// The first time that it did not: request, time and a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
}

impl<'de> Deserialize<'de> for Check {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Stored {
            name: String,
            ok: bool,
            #[serde(default)]
            violations: u64,
            first: Option<String>,
        }
        let stored = Stored::deserialize(deserializer)?;
        let mut names = Invariant::ALL.into_iter().map(Invariant::name);
        let name = names.find(|known| *known == stored.name);
        Ok(Self {
            name: name.ok_or_else(|| D::Error::custom("an invariant of another version"))?,
            ok: stored.ok,
            violations: stored.violations,
            first: stored.first,
        })
    }
}

impl Check {
    /// Adds the same check of another proxy.
    pub(super) fn absorb(&mut self, other: Self) {
        self.ok &= other.ok;
        self.violations += other.violations;
        self.first = self.first.take().or(other.first);
    }
}

// serde calls it with a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
