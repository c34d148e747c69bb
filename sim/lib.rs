//! The simulator.

pub mod law;
pub mod origin;
pub mod result;
pub mod workload;
