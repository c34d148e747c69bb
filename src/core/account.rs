//! Why a pick came out as it did: all endpoints of the pool as they were then, what each scored or
//! why it could not be taken, what was drawn, and the choice.
//!
//! Made by the pool before the pick, from what the pick reads and with a copy of its generator, for
//! requests that ask for it ([`crate::request::PoolAccess::accounts`]); others pay a comparison.

use crate::endpoint::EndpointIndex;
use crate::health::Standing;
use crate::policy::Best;
use crate::pool::Admission;
use crate::time::Timestamp;

/// One pick, or the attempt of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// When.
    pub at: Timestamp,
    /// The try that it was for, from 1.
    pub attempt: u8,
    /// What decided.
    pub reason: Reason,
    /// The endpoints of the pool, in the order of the file.
    pub candidates: Vec<Candidate>,
    /// What came of it.
    pub outcome: Admission,
}

/// What decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The policy, by scores of this unit.
    Policy {
        /// What scores are.
        unit: &'static str,
        /// Which of them is taken.
        best: Best,
    },
    /// The request's session, which lives at this endpoint.
    Session(EndpointIndex),
    /// No endpoint can be taken.
    Nobody,
}

/// An endpoint at the moment of a pick.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Which.
    pub endpoint: EndpointIndex,
    /// Its name.
    pub name: String,
    /// Its weight.
    pub weight: u32,
    /// Requests in flight there.
    pub in_flight: u32,
    /// Why it could not be taken, if it could not.
    pub skipped: Option<Skip>,
    /// What it scores, if the policy looked at it.
    pub score: Option<f64>,
    /// In which turn it was drawn, from 1; 0 if it was not.
    pub drawn: u8,
    /// Why it came after all without such a reason, if there was one.
    pub behind: Option<&'static str>,
}

/// Why an endpoint could not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// An operator has put it out of service.
    Down,
    /// It drains.
    Draining,
    /// Its weight is 0.
    Weightless,
    /// It has not passed its checks yet.
    Checking,
    /// It fails its checks.
    Failing,
    /// It is ejected.
    Ejected,
    /// Too few endpoints are fine, and the pool is to refuse then.
    Panic,
    /// It has just begun, and is so warm, in percent: this pick was not in its share.
    Warming {
        /// From 0 to 100.
        percent: u8,
    },
    /// It has as many requests as it may.
    Full {
        /// How many that is, tunnels included.
        most: u32,
    },
    /// It failed this request before.
    Tried,
    /// A dial to it has failed a moment ago.
    Cooling,
    /// It is in another zone, and others can be taken.
    Elsewhere,
    /// It is a backup, and others can be taken.
    Backup,
    /// It is in the first group, and this request was drawn among those that another one gets.
    Spilled,
    /// The request's session lives at another endpoint.
    Session,
}

impl Skip {
    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Draining => "draining",
            Self::Weightless => "weightless",
            Self::Checking => "checking",
            Self::Failing => "failing",
            Self::Ejected => "ejected",
            Self::Panic => "panic",
            Self::Warming { .. } => "warming",
            Self::Full { .. } => "full",
            Self::Tried => "tried",
            Self::Cooling => "cooling",
            Self::Elsewhere => "elsewhere",
            Self::Backup => "backup",
            Self::Spilled => "spilled",
            Self::Session => "session",
        }
    }

    /// Why the checks keep an endpoint out, if they do.
    #[must_use]
    pub(crate) const fn by_standing(standing: Standing) -> Option<Self> {
        match standing {
            Standing::Up => None,
            Standing::Checking => Some(Self::Checking),
            Standing::Down => Some(Self::Failing),
        }
    }
}
