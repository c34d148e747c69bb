//! Everything of evenkeel that awaits: the data path, connections, configuration, administration.

pub mod admin;
mod alarm;
pub mod buffer;
pub mod channel;
pub mod config;
mod connection;
mod dial;
pub mod document;
mod exchange;
pub mod exposition;
pub mod generation;
pub mod h1;
pub mod http2;
mod idle;
pub mod key;
mod life;
pub mod live;
pub mod log;
pub mod metric;
mod name;
pub mod pool;
mod relay;
mod route;
pub mod serve;
pub mod tls;
mod worker;
pub mod world;
