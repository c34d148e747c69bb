//! Endpoints: who can be picked, and what the pool knows of each.

mod latency;

use std::time::Duration;

use crate::policy::crc32;
use crate::rng::Stream;
use crate::time::Timestamp;

pub use latency::{Answer, Latency, Measure, Until, decay_ns};

/// How long an endpoint is passed over after its first failed dial; doubles with each further one.
pub const COOLING_MIN: Duration = Duration::from_millis(100);
/// The longest such time.
pub const COOLING_MAX: Duration = Duration::from_secs(5);

/// Names an endpoint of a pool over all changes of the pool: a slot is used again under a new
/// generation, so a request that outlives its endpoint can never be booked on the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointIndex {
    /// Its place in the pool's table.
    pub slot: u32,
    /// How many endpoints had the slot before.
    pub generation: u32,
}

/// What a configuration says of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its identity: state belongs to the name and survives a change of the rest.
    pub name: String,
    /// Where it is, as the file has it: what tables of hashing policies are made of.
    pub address: String,
    /// Its share of the traffic relative to the others; 0 takes nothing.
    pub weight: u32,
    /// Most requests in flight plus tunnels, over all workers; `None` for no bound.
    pub max_connections: Option<u32>,
    /// Whether it is a first choice.
    pub group: Group,
    /// Administrative state.
    pub state: State,
}

/// The groups of a pool's endpoints, in the order in which they are preferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Group {
    /// In the proxy's own zone, or in a pool that nobody divides by zones.
    #[default]
    Home,
    /// In another zone than the proxy.
    Elsewhere,
    /// Used only when too few others can be.
    Backup,
}

impl Group {
    /// All, in their order.
    pub const ALL: [Self; 3] = [Self::Home, Self::Elsewhere, Self::Backup];

    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Elsewhere => "elsewhere",
            Self::Backup => "backup",
        }
    }
}

/// What hashing policies know an endpoint by: the same in every proxy, whatever else changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// CRC-32 of the host, a zero byte and the port: where its points on nginx's ring begin.
    pub crc: u32,
    /// 64 bits that look random.
    pub bits: u64,
}

impl Identity {
    /// The identity of an address: `host:port`, or `unix:` and a path.
    #[must_use]
    pub fn of(address: &str) -> Self {
        let (host, port) = match address.strip_prefix("unix:") {
            Some(path) => (path, ""),
            None => {
                let digits = |(_, port): &(&str, &str)| port.bytes().all(|b| b.is_ascii_digit());
                let parts = address.rsplit_once(':').filter(digits);
                parts.unwrap_or((address, ""))
            }
        };
        let host = crc32(crc32(0, host.as_bytes()), &[0]);
        Self {
            crc: crc32(host, port.as_bytes()),
            bits: Stream::new(0, address).at(0).next_u64(),
        }
    }
}

/// What an operator asked of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Takes requests.
    #[default]
    Up,
    /// Finishes what is in flight, takes nothing new.
    Drain,
    /// Takes nothing.
    Down,
}

/// An endpoint in its pool's table: what policies read. Updated by the pool alone.
///
/// What every pick and completion touches is one line of memory, in this order: workers on several
/// cores hand it to each other.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Endpoint {
    /// Its slot and generation.
    pub index: EndpointIndex,
    /// Configured weight; 0 also for a slot that nobody has.
    pub weight: u32,
    /// Requests dispatched to it and not completed, without those that became tunnels.
    pub in_flight: u32,
    /// Tunnels open to it. They hold a connection and, most of the time, do nothing: they count
    /// towards `max_connections` and not as load.
    pub tunnels: u32,
    /// Bound of `in_flight` and `tunnels` together; `u32::MAX` for none.
    pub max_connections: u32,
    /// Bound of `in_flight` alone, as it was found out; `u32::MAX` if nobody does.
    pub limit: u32,
    /// Whether it is a first choice.
    pub group: Group,
    /// Administrative state; also `Down` for a slot that nobody has.
    pub state: State,
    /// Whether its health lets it be picked: checks, ejection, panic and slow start together.
    pub(crate) fit: bool,
    /// Failed dials in a row.
    failed_dials: u8,
    /// When the last of them failed.
    refused: Timestamp,
    /// Until when it is passed over after failed dials, while another is eligible.
    cooling_until: Timestamp,
    /// What hashing policies know it by.
    pub identity: Identity,
    /// How long it takes, if the policy wants to know.
    pub latency: Latency,
    /// Its place in the file, from 0.
    pub place: u32,
}

impl Endpoint {
    pub(crate) fn new(index: EndpointIndex, spec: &Spec) -> Self {
        let mut endpoint = Self {
            index,
            place: 0,
            identity: Identity::default(),
            latency: Latency::default(),
            weight: 0,
            in_flight: 0,
            tunnels: 0,
            max_connections: u32::MAX,
            limit: u32::MAX,
            group: Group::Home,
            state: State::Up,
            fit: true,
            failed_dials: 0,
            refused: Timestamp::ZERO,
            cooling_until: Timestamp::ZERO,
        };
        endpoint.set(spec);
        endpoint
    }

    /// Takes over what the configuration says and keeps what was learned.
    pub(crate) fn set(&mut self, spec: &Spec) {
        self.identity = Identity::of(&spec.address);
        self.weight = spec.weight;
        self.max_connections = spec.max_connections.unwrap_or(u32::MAX);
        self.group = spec.group;
        self.state = spec.state;
    }

    /// May take requests at all, setting aside health, load and dial failures.
    #[must_use]
    pub fn is_in_service(&self) -> bool {
        (self.state == State::Up) & (self.weight > 0)
    }

    /// Whether its health lets it be picked.
    #[must_use]
    pub const fn is_fit(&self) -> bool {
        self.fit
    }

    /// Holds as many requests and tunnels as it may.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let room = self.max_connections.saturating_sub(self.tunnels);
        self.in_flight >= room.min(self.limit)
    }

    /// Is being passed over after failed dials.
    #[must_use]
    pub fn is_cooling(&self, now: Timestamp) -> bool {
        self.failed_dials > 0 && now < self.cooling_until
    }

    /// May be passed over, now or later.
    pub(crate) const fn has_failed_dials(&self) -> bool {
        self.failed_dials > 0
    }

    /// Dials that were under way when the first of them failed tell nothing new: the pause doubles
    /// once for each time that it has passed.
    pub(crate) fn dial_failed(&mut self, now: Timestamp) {
        self.refused = now;
        if self.is_cooling(now) {
            return;
        }
        let pause = COOLING_MIN * (1 << self.failed_dials.min(6));
        self.cooling_until = now + pause.min(COOLING_MAX);
        self.failed_dials = self.failed_dials.saturating_add(1);
    }

    /// It served a connection at `at`; what was so before the last failed dial proves nothing.
    pub(crate) fn dial_succeeded(&mut self, at: Timestamp) {
        if self.failed_dials > 0 && at >= self.refused {
            self.failed_dials = 0;
        }
    }
}

/// Most endpoints that one request can have failed on; bounds `retry.attempts` at one more.
pub const TRIED_MAX: usize = 7;

/// The endpoints that failed a request: none of them is used for it again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tried {
    len: u8,
    list: [EndpointIndex; TRIED_MAX],
}

impl Tried {
    /// Whether `index` failed this request.
    #[must_use]
    pub fn contains(&self, index: EndpointIndex) -> bool {
        self.list[..usize::from(self.len)].contains(&index)
    }

    /// Whether nothing failed yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an endpoint. Beyond [`TRIED_MAX`] nothing is kept; attempts are bounded by it.
    pub fn push(&mut self, index: EndpointIndex) {
        if usize::from(self.len) < TRIED_MAX {
            self.list[usize::from(self.len)] = index;
            self.len += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Spec {
        Spec {
            name: "a".into(),
            address: String::new(),
            weight: 1,
            max_connections: None,
            group: Group::Home,
            state: State::Up,
        }
    }

    #[test]
    fn failed_dials_double_the_pause_up_to_five_seconds() {
        let mut endpoint = Endpoint::new(EndpointIndex::default(), &spec());
        let mut now = Timestamp::ZERO;
        for pause_ms in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
            endpoint.dial_failed(now);
            assert!(
                endpoint.is_cooling(now + Duration::from_millis(pause_ms - 1)),
                "{pause_ms}"
            );
            now = now + Duration::from_millis(pause_ms);
            assert!(!endpoint.is_cooling(now), "{pause_ms}");
        }
        endpoint.dial_failed(now);
        endpoint.dial_failed(now + Duration::from_secs(4));
        assert!(
            !endpoint.is_cooling(now + Duration::from_secs(5)),
            "one pause, not two"
        );
        endpoint.dial_succeeded(now + Duration::from_secs(3));
        assert!(endpoint.is_cooling(now), "before the last failure");
        endpoint.dial_succeeded(now + Duration::from_secs(4));
        assert!(!endpoint.is_cooling(now));
    }

    #[test]
    fn tried_is_bounded() {
        let mut tried = Tried::default();
        for slot in 0..20 {
            tried.push(EndpointIndex {
                slot,
                generation: 0,
            });
        }
        assert!(tried.contains(EndpointIndex {
            slot: 6,
            generation: 0
        }));
        assert!(!tried.contains(EndpointIndex {
            slot: 7,
            generation: 0
        }));
    }
}
