//! A connection on which this side begins the streams.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client::{Builder, SendRequest};

use super::{
    CONNECTION_WINDOW_BYTES, FRAME_BYTES, SEND_BUFFER_BYTES, STREAM_WINDOW_BYTES, Stream,
    UNSEEN_RESETS,
};
use crate::channel::Channel;
use crate::world::World;

/// A connection on which this side begins the streams. It ends after its last stream once this is
/// dropped.
#[expect(missing_debug_implementations, reason = "that of h2 prints a lock")]
pub struct Connection {
    open: SendRequest<Bytes>,
    scheme: &'static str,
    /// Its streams.
    streams: Rc<Cell<usize>>,
}

/// The place of a stream among those of its connection.
pub(super) struct Place(Rc<Cell<usize>>);

impl Place {
    fn new(streams: &Rc<Cell<usize>>) -> Self {
        streams.set(streams.get() + 1);
        Self(Rc::clone(streams))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Connection {
    /// Begins HTTP/2 on `channel`, for responses whose heads have up to `header_bytes` bytes and
    /// with up to `at_first` streams before the other side has said how many it takes. The future
    /// moves the frames; it is to run beside the streams until it ends, with the connection.
    ///
    /// # Errors
    ///
    /// If the channel is lost.
    pub async fn begin<W: World>(
        channel: Channel<W::Stream>,
        header_bytes: usize,
        at_first: usize,
    ) -> io::Result<(Self, impl Future<Output = ()> + 'static)> {
        let (resets, memory) = W::RESET_STREAMS;
        let scheme = match channel {
            Channel::Tls(_) => "https",
            Channel::Plain(_) | Channel::Http2(_) => "http",
        };
        let (open, connection) = Builder::new()
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_frame_size(FRAME_BYTES)
            .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
            .initial_max_send_streams(at_first)
            .max_concurrent_reset_streams(resets)
            .reset_stream_duration(memory)
            // Frames that cross a reset of ours count as the endpoint's mistakes: clients that give
            // up in numbers must not end the connection that others share.
            .max_local_error_reset_streams(None)
            .max_pending_accept_reset_streams(UNSEEN_RESETS)
            .max_send_buffer_size(SEND_BUFFER_BYTES)
            .enable_push(false)
            .handshake::<_, Bytes>(channel)
            .await
            .map_err(io::Error::other)?;
        // Whoever has a stream learns of the connection's end by it.
        let frames = async move { drop(connection.await) };
        let connection = Self {
            open,
            scheme,
            streams: Rc::default(),
        };
        Ok((connection, frames))
    }

    /// How many streams are open.
    pub(super) fn streams(&self) -> usize {
        self.streams.get()
    }

    /// Whether streams can still be begun.
    pub fn is_open(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        // One that is pending has a stream that waits for room; one with an error has ended.
        !matches!(self.open.poll_ready(&mut cx), Poll::Ready(Err(_)))
    }

    /// Whether the other side takes no streams, as long as it has not said otherwise.
    pub(super) fn takes_none(&self) -> bool {
        self.open.current_max_send_streams() == 0
    }

    /// Whether the other side takes another stream at once.
    pub(super) fn has_room(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.streams.get() < self.open.current_max_send_streams()
            && self.open.poll_ready(&mut cx).is_ready()
    }

    /// A new stream. Its request waits until the other side takes it.
    #[must_use]
    pub fn stream(&self) -> Stream {
        Stream::to_endpoint(self.open.clone(), self.scheme, Place::new(&self.streams))
    }
}
