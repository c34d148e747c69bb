//! HTTP/2 on both sides, over the `h2` crate with every limit set by hand.
//!
//! A stream is presented as what the rest of the data path knows: the text of an HTTP/1.1 head,
//! then the bytes of a body that ends with the stream ([`Stream`]). So routes, forwarding,
//! hop-by-hop rules and refusals exist once, and what HTTP/2 allows but HTTP/1.1 does not meets the
//! same strict parser as everything else.

mod accept;
mod client;
mod connection;
mod head;
mod seat;
mod server;
mod stream;

pub use accept::{Acceptor, Most, PREFACE, Request};
pub(crate) use client::{Connections, Key, connect};
pub use connection::Connection;
pub(crate) use seat::Seats;
pub(crate) use server::serve;
pub use stream::Stream;

/// Most bytes of a frame's payload, received and sent: the least that the protocol allows, so that
/// streams take turns.
const FRAME_BYTES: u32 = 16 << 10;
/// Bytes that the other side may send on one stream ahead of what was taken: backpressure.
const STREAM_WINDOW_BYTES: u32 = 64 << 10;
/// Bytes that the other side may send on all streams of a connection ahead of what was taken.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// Bytes of a stream that wait for the connection.
const SEND_BUFFER_BYTES: usize = 64 << 10;
/// Streams that this side had to reset for the other's mistakes, until the connection ends: the
/// class of CVE-2025-8671.
const MISTAKES: usize = 100;
/// Streams that were reset before they could be served, until the connection ends: the class of
/// CVE-2023-44487.
const UNSEEN_RESETS: usize = 20;
