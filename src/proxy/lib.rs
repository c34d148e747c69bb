//! Everything that awaits.
pub mod config;
pub mod document;
