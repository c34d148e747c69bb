//! Everything that awaits.
pub mod document;
