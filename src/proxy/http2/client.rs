//! Connections to endpoints that speak HTTP/2: each worker multiplexes its requests to an endpoint
//! over as few as the endpoint's limit on streams allows, which is one as a rule.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use evenkeel_core::endpoint::EndpointIndex;
use evenkeel_core::time::Timestamp;
use h2::client::{Builder, SendRequest};
use tokio::sync::Notify;

use super::{
    CONNECTION_WINDOW_BYTES, FRAME_BYTES, MISTAKES, RESET_STREAMS, SEND_BUFFER_BYTES,
    STREAM_WINDOW_BYTES, Stream, UNSEEN_RESETS,
};
use crate::channel::Channel;
use crate::worker::Worker;
use crate::world::World;

/// A pool's number and an endpoint of it.
pub(crate) type Key = (u16, EndpointIndex);

/// The connections of one worker.
#[derive(Default)]
pub(crate) struct Connections {
    open: RefCell<BTreeMap<Key, Vec<Entry>>>,
    /// Dials under way: who comes meanwhile waits, or a burst would open a connection for each of
    /// its requests.
    dials: RefCell<BTreeMap<Key, Rc<Notify>>>,
}

struct Entry {
    open: SendRequest<Bytes>,
    scheme: &'static str,
    /// Its streams.
    streams: Rc<Cell<usize>>,
    used: Timestamp,
}

impl Entry {
    /// Whether the endpoint takes one more.
    fn has_room(&self) -> bool {
        self.streams.get() < self.open.current_max_send_streams()
    }
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

impl Connections {
    /// A new stream of a connection that has room for one.
    pub(crate) fn take(&self, key: Key, now: Timestamp) -> Option<Stream> {
        let mut all = self.open.borrow_mut();
        let entries = all.get_mut(&key)?;
        let mut cx = Context::from_waker(Waker::noop());
        // One that is pending has a stream that waits for room; one with an error has ended.
        entries.retain_mut(|entry| !matches!(entry.open.poll_ready(&mut cx), Poll::Ready(Err(_))));
        let entry = entries.iter_mut().find_map(|entry| {
            let ready = entry.has_room() && entry.open.poll_ready(&mut cx).is_ready();
            ready.then_some(entry)
        })?;
        entry.used = now;
        let place = Place::new(&entry.streams);
        Some(Stream::to_endpoint(entry.open.clone(), entry.scheme, place))
    }

    /// The dial that is under way, to be awaited; or nothing, and the caller is to dial and holds
    /// the guard meanwhile.
    pub(crate) fn dial(&self, key: Key) -> Result<Dial<'_>, Rc<Notify>> {
        let mut dials = self.dials.borrow_mut();
        if let Some(notify) = dials.get(&key) {
            return Err(Rc::clone(notify));
        }
        dials.insert(key, Rc::default());
        Ok(Dial(self, key))
    }

    /// Closes connections without a stream that were not used for `timeout`.
    pub(crate) fn expire(&self, now: Timestamp, timeout: Duration) {
        self.open.borrow_mut().retain(|_, entries| {
            entries.retain(|entry| entry.streams.get() > 0 || now.since(entry.used) < timeout);
            !entries.is_empty()
        });
    }

    /// Opens no more streams; connections end with their last one.
    pub(crate) fn clear(&self) {
        self.open.borrow_mut().clear();
    }
}

/// A dial under way.
pub(crate) struct Dial<'a>(&'a Connections, Key);

impl Drop for Dial<'_> {
    fn drop(&mut self) {
        if let Some(waiting) = self.0.dials.borrow_mut().remove(&self.1) {
            waiting.notify_waiters();
        }
    }
}

/// Begins HTTP/2 on a connection to an endpoint and keeps it for streams.
///
/// # Errors
///
/// If the connection is lost or the endpoint speaks something else.
pub(crate) async fn connect<W: World>(
    worker: &Rc<Worker<W>>,
    key: Key,
    channel: Channel<W::Stream>,
    header_bytes: usize,
) -> io::Result<()> {
    let scheme = match channel {
        Channel::Tls(_) => "https",
        Channel::Plain(_) | Channel::Http2(_) => "http",
    };
    let (open, mut connection) = Builder::new()
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES)
        .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
        .initial_max_send_streams(0)
        .max_concurrent_reset_streams(RESET_STREAMS)
        .max_local_error_reset_streams(Some(MISTAKES))
        .max_pending_accept_reset_streams(UNSEEN_RESETS)
        .max_send_buffer_size(SEND_BUFFER_BYTES)
        .enable_push(false)
        .handshake::<_, Bytes>(channel)
        .await
        .map_err(io::Error::other)?;
    // The endpoint's first frame says how many streams it takes: more would be refused, and fewer
    // would make the rest of a burst open connections of its own.
    poll_fn(|cx| match Pin::new(&mut connection).poll(cx) {
        Poll::Ready(Ok(())) => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
        Poll::Ready(Err(error)) => Poll::Ready(Err(io::Error::other(error))),
        Poll::Pending if open.current_max_send_streams() == 0 => Poll::Pending,
        Poll::Pending => Poll::Ready(Ok(())),
    })
    .await?;
    // Whoever has a stream learns of the connection's end by it.
    worker.world.spawn(async move { drop(connection.await) });
    let entry = Entry {
        open,
        scheme,
        streams: Rc::default(),
        used: worker.world.now(),
    };
    let mut all = worker.http2.open.borrow_mut();
    all.entry(key).or_default().push(entry);
    Ok(())
}
