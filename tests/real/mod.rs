//! What the tests on real sockets share: processes that cannot outlive their test, a client that
//! distrusts what it reads, origins that say what a test tells them to. Blocking threads and `std`
//! only, so that nothing here can share a mistake with the proxy it watches.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::disallowed_methods,
    reason = "threads and sockets of the real world are what these tests are about"
)]

pub(crate) mod certificate;
pub(crate) mod client;
pub(crate) mod evenkeel;
pub(crate) mod gate;
pub(crate) mod http2;
pub(crate) mod message;
pub(crate) mod node;
pub(crate) mod open;
pub(crate) mod origin;
pub(crate) mod process;
pub(crate) mod tool;
pub(crate) mod traffic;

use std::time::Duration;

/// How long any one wait of a test may last. Nothing is expected to take this long: it turns a hang
/// into a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
