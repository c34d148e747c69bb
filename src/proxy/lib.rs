//! Everything that awaits.
