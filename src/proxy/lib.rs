//! Everything of evenkeel that awaits.

pub mod world;
