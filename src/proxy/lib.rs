//! Everything of evenkeel that awaits.

pub mod config;
pub mod document;
pub mod h1;
pub mod metric;
pub mod world;
