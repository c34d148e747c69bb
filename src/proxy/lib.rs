//! Everything of evenkeel that awaits.

pub mod h1;
pub mod metric;
pub mod world;
