//! The balancing core: what happens to a request, as pure state machines.
//!
//! Nothing here has a clock, a socket, a thread or a source of randomness of its own: time and
//! random numbers are arguments. The proxy drives it on real and simulated sockets, engine `model`
//! drives it alone; both perform its actions and decide nothing.

pub mod account;
pub mod affinity;
pub mod budget;
pub mod concurrency;
pub mod endpoint;
pub mod health;
pub mod hedge;
pub mod limit;
pub mod outlier;
pub mod panic;
pub mod policy;
pub mod pool;
pub mod quantile;
pub mod queue;
pub mod request;
pub mod retry;
pub mod rng;
pub mod slow_start;
pub mod time;
pub mod trace;
