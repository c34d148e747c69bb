//! One HTTP/1.1 connection as a client: a request, and its answer checked to the last byte.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a client comes back with; an error ends it, or is counted.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The host that all requests name, as the certificate does.
pub(crate) const HOST: &str = "localhost";

/// Opens a connection to the proxy.
pub(crate) async fn dial(port: u16) -> Outcome<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The text of a `GET`; `more` is further header fields, each with its line end.
pub(crate) fn get(path: &str, more: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: peers-tool\r\n{more}\r\n").into()
}

/// A head: its status, the length it promises, and how many bytes it took.
struct Head {
    status: u16,
    length: Option<usize>,
    size: usize,
}

fn head(bytes: &[u8]) -> Outcome<Option<Head>> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(size) = response.parse(bytes)? else {
        return Ok(None);
    };
    let mut fields = response.headers.iter();
    let length = fields.find(|field| field.name.eq_ignore_ascii_case("content-length"));
    let length = match length {
        Some(field) => Some(std::str::from_utf8(field.value)?.parse()?),
        None => None,
    };
    Ok(Some(Head {
        status: response.code.unwrap_or_default(),
        length,
        size,
    }))
}

/// A connection and what was read from it.
#[derive(Debug)]
pub(crate) struct Client<S> {
    pub(crate) stream: S,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn new(stream: S) -> Self {
        let buffer = Vec::with_capacity(4 << 10);
        Self { stream, buffer }
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    ///
    /// The connection ends too early, the status is not 200, or there is no `Content-Length`.
    pub(crate) async fn request(&mut self, request: &[u8]) -> Outcome<()> {
        self.stream.write_all(request).await?;
        let head = self.head().await?;
        if head.status != 200 {
            return Err(format!("status {}", head.status).into());
        }
        let length = head.length.ok_or("no Content-Length")?;
        let end = head.size + length;
        while self.buffer.len() < end {
            self.read().await?;
        }
        if self.buffer.len() > end {
            return Err("bytes after the answer".into());
        }
        self.buffer.clear();
        Ok(())
    }

    /// Asks for an upgrade; afterwards the stream is a tunnel.
    ///
    /// # Errors
    ///
    /// The answer is not 101.
    pub(crate) async fn upgrade(&mut self) -> Outcome<()> {
        let more = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        self.stream.write_all(&get("/ws", more)).await?;
        let head = self.head().await?;
        if head.status != 101 || self.buffer.len() != head.size {
            return Err(format!("status {} to an upgrade", head.status).into());
        }
        Ok(())
    }

    async fn head(&mut self) -> Outcome<Head> {
        self.buffer.clear();
        loop {
            self.read().await?;
            if let Some(head) = head(&self.buffer)? {
                return Ok(head);
            }
        }
    }

    async fn read(&mut self) -> Outcome<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err("the connection ended early".into()),
            _ => Ok(()),
        }
    }
}
