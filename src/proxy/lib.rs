//! Everything of evenkeel that awaits.

pub mod metric;
pub mod world;
