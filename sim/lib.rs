//! The simulator: worlds, scenarios, origins, workloads, results.

pub mod law;
pub mod model;
pub mod origin;
pub mod plan;
pub mod result;
pub mod scenario;
pub mod workload;
pub mod world;
