//! An origin that does exactly what a test tells it to, byte by byte.
use super::PATIENCE;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

/// An address of this machine where nothing listens: port 1 is privileged and long out of use.
pub(crate) const REFUSING: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

/// One connection that an origin accepted.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
}

/// Listens on a free port and gives every connection to `script`, each on a thread of its own. The
/// threads end with the test process: what they wait for are peers that the test kills.
pub(crate) fn start(script: impl Fn(Connection) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener
        .local_addr()
        .expect("a bound socket has an address");
    let script = Arc::new(script);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let script = Arc::clone(&script);
            std::thread::spawn(move || {
                // What a script says it has said is on its way.
                stream.set_nodelay(true).expect("a TCP connection");
                stream
                    .set_read_timeout(Some(PATIENCE))
                    .expect("PATIENCE is not zero");
                stream
                    .set_write_timeout(Some(PATIENCE))
                    .expect("PATIENCE is not zero");
                script(Connection { stream });
            });
        }
    });
    address
}

/// An origin that answers every request with the same bytes and keeps the connection.
pub(crate) fn saying(answer: &'static [u8]) -> SocketAddr {
    start(
        move |mut connection| {
            while connection.head().is_some() && connection.say(answer).is_ok() {}
        },
    )
}

impl Connection {
    /// The next request head, with its empty line; `None` when the peer has closed.
    pub(crate) fn head(&mut self) -> Option<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.body(1)?[0]);
        }
        Some(String::from_utf8_lossy(&head).into_owned())
    }

    /// Exactly `length` bytes; `None` when the peer closes before.
    pub(crate) fn body(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).ok().map(|()| body)
    }

    /// A chunked body without trailers, put together; `None` when the peer closes before its end.
    pub(crate) fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            while !line.ends_with("\r\n") {
                line.push(char::from(self.body(1)?[0]));
            }
            let size = usize::from_str_radix(line.trim_end(), 16).expect("a chunk size");
            body.extend(self.body(size)?);
            assert_eq!(self.body(2)?, b"\r\n");
            if size == 0 {
                return Some(body);
            }
        }
    }

    /// Whether the peer closes the connection now, with nothing left to read.
    pub(crate) fn ended(&mut self) -> bool {
        !matches!(self.stream.read(&mut [0]), Ok(1))
    }

    /// Says that nothing more will be sent; what comes can still be read.
    pub(crate) fn finish(&mut self) {
        let shut = self.stream.shutdown(Shutdown::Write);
        shut.expect("the proxy is still there");
    }

    /// Sends bytes; an error when the peer takes no more.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }
}
