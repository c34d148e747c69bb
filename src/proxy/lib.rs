//! Everything that awaits.

pub mod h1;
