//! Who was there in the measured window: Little's law seen from both of its sides.

use serde::{Deserialize, Serialize};

/// How many were there over time, and how long each of those stayed that came.
///
/// Both are measured by themselves: the one needs no pairs of a beginning and an end, the other no
/// window. That they agree (Little, "A proof for the queuing formula L = lambda W", 1961) is a
/// check of both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The integral of their number over the window.
    pub in_flight_ns: u128,
    /// The times of all that came in the window, from beginning to end.
    pub stay_ns: u128,
    /// The window.
    pub window_ns: u64,
}

impl Presence {
    /// How many were there on average; `None` of an empty window.
    #[must_use]
    pub fn mean(self) -> Option<f64> {
        (self.window_ns > 0).then(|| self.in_flight_ns as f64 / self.window_ns as f64)
    }

    /// L / (lambda W): 1, but for those who are there when the window begins or ends. `None` if
    /// nobody stayed.
    #[must_use]
    pub fn little(self) -> Option<f64> {
        (self.stay_ns > 0).then(|| self.in_flight_ns as f64 / self.stay_ns as f64)
    }

    /// Adds another seed's.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.beside(other);
        self.window_ns += other.window_ns;
    }

    /// Adds that of others in the same window.
    pub(crate) fn beside(&mut self, other: Self) {
        self.in_flight_ns += other.in_flight_ns;
        self.stay_ns += other.stay_ns;
    }
}
