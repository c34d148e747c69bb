//! The real world: tokio, one current-thread runtime for each worker, `SO_REUSEPORT` listeners.
//!
//! The one file of the proxy that touches tokio's sockets, clock and tasks.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this is the real world"
)]

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use evenkeel_core::{rng, time::Timestamp, trace};
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::{Address, Peer, Task, World};
use crate::metric;

/// Connections that the kernel keeps ready for a listener; nginx's and HAProxy's order of size.
const BACKLOG: i32 = 4096;

/// A worker's handle to the real world.
#[derive(Clone, Debug)]
pub struct Real(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    start: Instant,
    /// The time of the present turn of a task; nothing between turns.
    turn: Cell<Option<Timestamp>>,
    seed: u64,
    counters: Arc<metric::Worker>,
}

impl Real {
    /// A handle for one worker. `start` is the beginning of time, the same for all workers of a
    /// process; `seed` makes its draws; `counters` is where its decisions are counted.
    #[must_use]
    pub fn new(start: Instant, seed: u64, counters: Arc<metric::Worker>) -> Self {
        Self(Rc::new(Inner {
            start,
            turn: Cell::new(None),
            seed,
            counters,
        }))
    }

    fn read_clock(&self) -> Timestamp {
        Timestamp::ZERO + self.0.start.elapsed()
    }

    fn instant(&self, at: Timestamp) -> tokio::time::Instant {
        // A deadline beyond thirty years is never; the sum could overflow.
        let far = Duration::from_secs(1_000_000_000);
        tokio::time::Instant::from_std(self.0.start + Duration::from_nanos(at.0).min(far))
    }
}

/// A listening socket.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix domain socket.
    Unix(UnixListener),
}

/// A connected socket.
#[derive(Debug)]
pub enum Stream {
    /// TCP, without Nagle's delay.
    Tcp(TcpStream),
    /// A Unix domain socket.
    Unix(UnixStream),
}

impl World for Real {
    type Stream = Stream;
    type Listener = Listener;
    type Sleep = Sleep;
    type Timer = Timer;

    async fn bind(&self, address: &Address, _worker: usize) -> io::Result<Listener> {
        let address = match address {
            Address::Ip(address) => *address,
            Address::Name(name, port) => {
                *self.resolve(name, *port).await?.0.first().ok_or_else(|| {
                    io::Error::new(io::ErrorKind::NotFound, "the name has no address")
                })?
            }
            Address::Unix(path) => return Ok(Listener::Unix(UnixListener::bind(path.as_path())?)),
        };
        let socket = socket2::Socket::new(
            socket2::Domain::for_address(address),
            socket2::Type::STREAM.nonblocking(),
            Some(socket2::Protocol::TCP),
        )?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        // Linux hands it on to what is accepted, which saves each connection a system call.
        socket.set_tcp_nodelay(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(Listener::Tcp(TcpListener::from_std(socket.into())?))
    }

    fn local_address(&self, listener: &Listener) -> io::Result<Address> {
        match listener {
            Listener::Tcp(listener) => Ok(Address::Ip(listener.local_addr()?)),
            Listener::Unix(listener) => {
                let address = listener.local_addr()?;
                let path = address.as_pathname().unwrap_or_else(|| "".as_ref());
                Ok(Address::Unix(path.to_owned()))
            }
        }
    }

    async fn accept(&self, listener: &Listener) -> io::Result<(Stream, Peer)> {
        match listener {
            Listener::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Stream::Tcp(stream), Peer::Ip(peer)))
            }
            Listener::Unix(listener) => Ok((Stream::Unix(listener.accept().await?.0), Peer::Unix)),
        }
    }

    async fn connect(&self, address: &Address) -> io::Result<Stream> {
        let stream = match address {
            Address::Ip(address) => TcpStream::connect(address).await?,
            Address::Name(name, port) => TcpStream::connect((name.as_str(), *port)).await?,
            Address::Unix(path) => {
                return Ok(Stream::Unix(UnixStream::connect(path.as_path()).await?));
            }
        };
        stream.set_nodelay(true)?;
        Ok(Stream::Tcp(stream))
    }

    async fn resolve(
        &self,
        name: &str,
        port: u16,
    ) -> io::Result<(Vec<SocketAddr>, Option<Duration>)> {
        Ok((tokio::net::lookup_host((name, port)).await?.collect(), None))
    }

    fn now(&self) -> Timestamp {
        self.0.turn.get().unwrap_or_else(|| self.read_clock())
    }

    fn unix_now(&self) -> Duration {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
    }

    fn sleep_until(&self, deadline: Timestamp) -> Sleep {
        let sleep = Box::pin(tokio::time::sleep_until(self.instant(deadline)));
        Sleep {
            sleep,
            world: self.clone(),
        }
    }

    fn spawn(&self, future: impl Future<Output = ()> + 'static) -> Task {
        tokio::task::spawn_local(Turns {
            future,
            world: self.clone(),
        })
    }

    fn rng(&self, stream: &str) -> rng::Stream {
        rng::Stream::new(self.0.seed, stream)
    }

    fn record(&self, event: &trace::Event) {
        self.0.counters.count(event);
    }

    fn timer(&self) -> Timer {
        Timer
    }
}

pin_project! {
    /// A task. Time stands still within one of its turns, as it does in a simulation: the clock is
    /// read once a turn, which a request would otherwise do a dozen times.
    struct Turns<F> {
        #[pin]
        future: F,
        world: Real,
    }
}

impl<F: Future> Future for Turns<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.world.0.turn.set(Some(this.world.read_clock()));
        let polled = this.future.poll(cx);
        this.world.0.turn.set(None);
        polled
    }
}

/// A sleep of the real world.
#[derive(Debug)]
pub struct Sleep {
    sleep: Pin<Box<tokio::time::Sleep>>,
    world: Real,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.sleep.as_mut().poll(cx)
    }
}

impl super::Sleep for Sleep {
    fn reset(&mut self, deadline: Timestamp) {
        let instant = self.world.instant(deadline);
        self.sleep.as_mut().reset(instant);
    }
}

/// hyper's timer on tokio's clock.
#[derive(Clone, Copy, Debug)]
pub struct Timer;

impl hyper::rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(HyperSleep(Box::pin(tokio::time::sleep(duration))))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(HyperSleep(Box::pin(tokio::time::sleep_until(
            deadline.into(),
        ))))
    }
}

struct HyperSleep(Pin<Box<tokio::time::Sleep>>);

impl Future for HyperSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl hyper::rt::Sleep for HyperSleep {}

impl super::Stream for Stream {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
            Self::Unix(stream) => stream.poll_read_ready(cx),
        }
    }

    fn abort(self) {
        if let Self::Tcp(stream) = self {
            // Without it the close is an ordinary one; there is nobody left to tell.
            let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_send_small_pieces_at_once() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(Default::default())
            .expect("a runtime");
        runtime.block_on(async {
            let world = Real::new(Instant::now(), 1, Arc::default());
            let any = Address::Ip(([127, 0, 0, 1], 0).into());
            let listener = world.bind(&any, 0).await.expect("a port");
            let address = world.local_address(&listener).expect("an address");
            let dialled = world.connect(&address).await.expect("a connection");
            let (accepted, _) = world.accept(&listener).await.expect("the same");
            for stream in [dialled, accepted] {
                let Stream::Tcp(stream) = stream else {
                    panic!("not TCP: {stream:?}");
                };
                assert!(stream.nodelay().expect("an option of TCP"));
            }
        });
    }
}
