//! Endpoints: who can be picked, and what the pool knows of each.

/// Names an endpoint of a pool over all changes of the pool: a slot is used again under a new
/// generation, so a request that outlives its endpoint can never be booked on the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointIndex {
    /// Its place in the pool's table.
    pub slot: u32,
    /// How many endpoints had the slot before.
    pub generation: u32,
}
