//! Affinity: a client stays with the endpoint that it began with.
//!
//! A shell reads what a request brings (a cookie that we gave, a session of the application's own,
//! the name of an endpoint) and makes a [`Claim`] of it; everything else is decided here and in
//! `pool/affinity.rs`: whether the request stays, goes elsewhere, waits or is refused, and what its
//! client is told. Endpoints are known by [`Name`], so that a reload, another worker or another
//! proxy means the same one. The rules:
//!
//! 1. An endpoint that failed a request is not used again for it, whatever the session says.
//! 2. A draining endpoint keeps its sessions and takes no new ones.
//! 3. An endpoint that is full is not down: its sessions wait for it in the pool's queue.
//! 4. One that is down, or refused a moment ago, is left to [`OnDown`]. One that is gone from the
//!    configuration will not come back: its sessions are picked for anew, whatever that says.
//! 5. A session that went elsewhere lives there from then on. It is told so once, with the answer,
//!    and does not go back when its first endpoint returns.

mod table;

use std::time::Duration;

use crate::endpoint::EndpointIndex;
use crate::rng::Stream;

pub use table::Table;

/// An endpoint's name as a number, the same in every process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub u64);

impl Name {
    /// The number of `name`.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self(Stream::new(0, name).at(0).next_u64())
    }
}

/// What a pool does for sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Who remembers.
    pub memory: Memory,
    /// What becomes of a session whose endpoint is down.
    pub on_down: OnDown,
}

/// Who remembers where a session lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// The client, in a cookie of ours.
    Cookie {
        /// How long one is good for; absent: as long as the client keeps it.
        ttl: Option<Duration>,
    },
    /// We, in a table by the application's own session.
    Table {
        /// How long a session that nobody asks for is kept.
        ttl: Duration,
        /// Most sessions; the one unused for longest makes room.
        limit: usize,
    },
    /// The application, which names the endpoint itself.
    Application,
}

/// What becomes of a session whose endpoint is down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDown {
    /// The policy picks another endpoint.
    #[default]
    Repick,
    /// Its requests are refused.
    Fail,
    /// Its requests wait for it in the pool's queue.
    Queue,
}

/// What a request claims of its session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Claim {
    /// Nothing, or nothing that is believed.
    #[default]
    None,
    /// It lives at an endpoint, as its client was told so many seconds ago.
    Endpoint {
        /// Which.
        name: Name,
        /// How long ago; 0 where that is not known.
        age_s: u32,
    },
    /// It is the application's session with this number, and the pool may know where it lives.
    Session(u64),
}

/// Where a session lived when a request of it arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Home {
    /// Nobody has asked yet.
    #[default]
    Unknown,
    /// Nowhere: it begins.
    None,
    /// At this endpoint.
    At(EndpointIndex),
    /// At an endpoint that the pool no longer has.
    Gone,
}

/// What a request and its pool know of its session. A shell keeps it beside the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// What the request claims.
    pub claim: Claim,
    /// Cookies that were ignored because nobody who has our keys made them.
    pub forged: u8,
    /// The application's session that the response names, to be said before its head is reported.
    pub named: Option<u64>,
    /// Where it lived.
    pub home: Home,
    /// Whether the client is to be told where it lives, with the head of the response.
    pub tell: bool,
}

/// A step in the life of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// It begins at the endpoint.
    Begun,
    /// It lives at this endpoint from now on, and did at another one.
    Moved,
    /// The draining endpoint keeps it.
    Kept,
    /// A request of it was not served, because its endpoint could not or may not.
    Broken,
    /// What the request brought was made by nobody who has our keys, and is ignored.
    Forged,
    /// What the request brought is too old, and is ignored.
    Stale,
    /// The table is full: the session unused for longest is forgotten.
    Forgotten,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Begun,
        Self::Moved,
        Self::Kept,
        Self::Broken,
        Self::Forged,
        Self::Stale,
        Self::Forgotten,
    ];

    /// What metrics and logs call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Moved => "moved",
            Self::Kept => "kept",
            Self::Broken => "broken",
            Self::Forged => "forged",
            Self::Stale => "stale",
            Self::Forgotten => "forgotten",
        }
    }
}

/// How old a cookie is that is no longer good, and one that is worth a new one: of a session in use
/// the client always has one that is good for another half of its time.
pub(crate) const fn is_stale(age_s: u32, ttl: Duration) -> bool {
    age_s as u64 > ttl.as_secs()
}

pub(crate) const fn is_worn(age_s: u32, ttl: Duration) -> bool {
    age_s as u64 > ttl.as_secs() / 2
}

#[cfg(test)]
mod tests;
