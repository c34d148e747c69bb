//! `evenkeel sim`.
