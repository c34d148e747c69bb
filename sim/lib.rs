//! The simulator: worlds, scenarios, origins, workloads, results.

pub mod calibrate;
mod certificate;
pub mod engine;
pub mod explain;
pub mod fuzz;
pub mod hole;
pub mod import;
pub mod law;
pub mod link;
pub mod live;
pub mod model;
pub mod net;
pub mod origin;
pub mod plan;
pub mod policy;
pub mod presence;
pub mod report;
pub mod result;
pub mod scenario;
pub mod shrink;
pub mod statistic;
pub mod sweep;
pub mod timeline;
pub mod workload;
pub mod world;
