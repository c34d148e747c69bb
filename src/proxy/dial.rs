//! Opens connections to endpoints: the name, the socket, TLS, HTTP/2.

use std::io;
use std::rc::Rc;

use evenkeel_core::endpoint::EndpointIndex;
use tokio_rustls::TlsConnector;

use crate::channel::Channel;
use crate::http2;
use crate::name;
use crate::tls;
use crate::worker::Worker;
use crate::world::{Address, World};

/// What a request needs of its endpoint's connection.
#[derive(Clone, Copy)]
pub(crate) struct Need<'a> {
    /// The pool's number.
    pub(crate) pool: u16,
    /// TLS to its endpoints, if it is spoken.
    pub(crate) tls: Option<&'a tls::Client>,
    pub(crate) endpoint: EndpointIndex,
    /// A stream of HTTP/2; else a connection for HTTP/1.1.
    pub(crate) http2: bool,
    /// Bytes of a response's head.
    pub(crate) header_bytes: usize,
}

impl Need<'_> {
    fn key(&self) -> http2::Key {
        (self.pool, self.endpoint)
    }

    /// An open connection that waits for a request, or a stream of one.
    pub(crate) fn idle<W: World>(&self, worker: &Worker<W>) -> Option<Channel<W::Stream>> {
        let now = worker.world.now();
        if self.http2 {
            let stream = worker.http2.take(self.key(), now)?;
            return Some(Channel::Http2(Box::new(stream)));
        }
        let (pool, endpoint) = self.key();
        worker.idle.borrow_mut().take(pool, endpoint, now)
    }

    /// A new connection, or a stream of one that another request has just opened.
    ///
    /// # Errors
    ///
    /// If the endpoint cannot be reached, does not prove who it is, or speaks something else.
    pub(crate) async fn open<W: World>(
        &self,
        worker: &Rc<Worker<W>>,
        address: &Address,
        turn: u64,
    ) -> io::Result<Channel<W::Stream>> {
        if !self.http2 {
            return connect(worker, self.tls, self.http2, address, turn).await;
        }
        loop {
            match worker.http2.dial(self.key()) {
                Ok(_guard) => {
                    let channel = connect(worker, self.tls, self.http2, address, turn).await?;
                    http2::connect(worker, self.key(), channel, self.header_bytes).await?;
                    return self.idle(worker).ok_or_else(|| {
                        io::Error::other("the endpoint takes no stream on a new connection")
                    });
                }
                Err(dial) => dial.notified().await,
            }
            if let Some(channel) = self.idle(worker) {
                return Ok(channel);
            }
        }
    }
}

/// A connection to `address`, in TLS if that is spoken; `http2` says what it is for.
///
/// # Errors
///
/// If the endpoint cannot be reached, does not prove who it is, or speaks something else.
pub(crate) async fn connect<W: World>(
    worker: &Worker<W>,
    tls: Option<&tls::Client>,
    http2: bool,
    address: &Address,
    turn: u64,
) -> io::Result<Channel<W::Stream>> {
    let stream = name::connect(worker, address, turn).await?;
    let Some(tls) = tls else {
        return Ok(Channel::Plain(stream));
    };
    let material = &worker.generation().material;
    material.set_time(worker.world.unix_now());
    let connector = TlsConnector::from(tls.config(http2));
    let stream = connector.connect(tls.server_name(address), stream).await?;
    let channel = Channel::Tls(Box::new(stream.into()));
    if http2 && !channel.is_http2() {
        return Err(io::Error::other("the endpoint does not speak HTTP/2"));
    }
    Ok(channel)
}
