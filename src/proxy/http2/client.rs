//! Connections to endpoints that speak HTTP/2: each worker multiplexes its requests to an endpoint
//! over as few as the endpoint's limit on streams allows, which is one as a rule.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use evenkeel_core::endpoint::EndpointIndex;
use evenkeel_core::time::Timestamp;
use tokio::sync::Notify;

use super::{Connection, Stream};
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
    connection: Connection,
    used: Timestamp,
}

impl Connections {
    /// A new stream of a connection that has room for one.
    pub(crate) fn take(&self, key: Key, now: Timestamp) -> Option<Stream> {
        let mut all = self.open.borrow_mut();
        let entries = all.get_mut(&key)?;
        entries.retain_mut(|entry| entry.connection.is_open());
        let place = entries
            .iter_mut()
            .position(|entry| entry.connection.has_room())?;
        let entry = &mut entries[place];
        entry.used = now;
        Some(entry.connection.stream())
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
            entries
                .retain(|entry| entry.connection.streams() > 0 || now.since(entry.used) < timeout);
            !entries.is_empty()
        });
    }

    /// Opens no more streams to an endpoint on the connections that there are.
    pub(crate) fn forget(&self, key: Key) {
        self.open.borrow_mut().remove(&key);
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
    let (connection, frames) = Connection::begin::<W>(channel, header_bytes, 0).await?;
    let mut frames = Box::pin(frames);
    // The endpoint's first frame says how many streams it takes: more would be refused, and fewer
    // would make the rest of a burst open connections of its own.
    poll_fn(|cx| match frames.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(Err(io::Error::from(io::ErrorKind::UnexpectedEof))),
        Poll::Pending if connection.takes_none() => Poll::Pending,
        Poll::Pending => Poll::Ready(Ok(())),
    })
    .await?;
    worker.world.spawn(frames);
    let entry = Entry {
        connection,
        used: worker.world.now(),
    };
    let mut all = worker.http2.open.borrow_mut();
    all.entry(key).or_default().push(entry);
    Ok(())
}
