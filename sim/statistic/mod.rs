//! How sure the numbers of a few seeds are: intervals, and which of several cells is the best.
//!
//! Seeds are independent runs and cells of one seed share their arrivals and service times, so the
//! unit of all statistics is a seed, and cells are compared by the differences within seeds.
//! Everything is drawn from a fixed seed: equal results have equal intervals.

mod bootstrap;
mod comparison;
#[cfg(test)]
mod test;

pub use bootstrap::{Interval, LEAST, bootstrap, mean, mean_interval};
pub use comparison::{Comparison, Row, Verdict, compare, compare_among, pair};
