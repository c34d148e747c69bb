//! The simulator.

pub mod law;
pub mod origin;
pub mod workload;
