//! Probes of the load of endpoints, for a policy that decides by them: whom it wants asked, and
//! what they say.
//!
//! After a pick the pool says whom; a shell asks, bounded in time, and tells of every end. The
//! health of an endpoint is not concerned: one that does not answer has no say in what is picked.

use super::State;
use crate::endpoint::EndpointIndex;
use crate::health::Outcome;
use crate::policy::Load;
use crate::time::Timestamp;
use crate::trace;

/// An endpoint that the policy wants probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Which.
    pub endpoint: EndpointIndex,
    era: u8,
}

impl State {
    /// Whether there may be somebody who is [`State::wanted`], now that one was picked.
    #[inline]
    #[must_use]
    pub const fn asks(&self) -> bool {
        self.asks
    }

    /// The next endpoint that is to be probed, if there is one. The end of the probe must be
    /// [`State::told`], once: until then the endpoint is wanted no more.
    pub fn wanted(&mut self) -> Option<Wanted> {
        Some(Wanted {
            endpoint: self.policy.wanted()?,
            era: self.era,
        })
    }

    /// What a probe has come to. The event is to be recorded.
    #[must_use]
    pub fn told(
        &mut self,
        now: Timestamp,
        wanted: Wanted,
        load: Result<Load, Outcome>,
    ) -> trace::Event {
        let Wanted { endpoint, era } = wanted;
        // Who has wanted it may be gone, as may be the endpoint.
        if let Some(known) = self.endpoints.get(endpoint.slot as usize)
            && known.index == endpoint
            && era == self.era
        {
            self.policy.told(known, now, load.ok());
        }
        trace::Event {
            at: now,
            request: 0,
            pool: self.id,
            attempt: 0,
            endpoint: Some(endpoint),
            kind: trace::Kind::Asked {
                outcome: load.err().unwrap_or(Outcome::Passed),
            },
        }
    }
}

#[cfg(test)]
mod tests;
