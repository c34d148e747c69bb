//! A client of HTTP/2 that writes whatever frames a test wants, by prior knowledge on a plain
//! connection: for what no library would send.
use super::PATIENCE;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// Codes of errors (RFC 9113, section 7).
pub(crate) const PROTOCOL_ERROR: u32 = 1;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

/// A frame as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The error code of a RST_STREAM or GOAWAY.
    pub(crate) fn error(&self) -> Option<u32> {
        let at = match self.kind {
            RST_STREAM => 0,
            GOAWAY => 4,
            _ => return None,
        };
        let code = self.payload.get(at..at + 4)?;
        Some(u32::from_be_bytes(code.try_into().expect("four bytes")))
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Http2 {
    stream: TcpStream,
}

impl Http2 {
    /// Connects, and sends the preface and an empty SETTINGS.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?;
        stream.write_all(&frame(SETTINGS, 0, 0, b""))?;
        Ok(Self { stream })
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The next frame; `None` when the peer has closed.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).ok()?;
        let [a, b, c, kind, flags, s, t, u, v] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.stream.read_exact(&mut payload).ok()?;
        Some(Frame {
            kind,
            flags,
            stream: u32::from_be_bytes([s & 0x7f, t, u, v]),
            payload,
        })
    }

    /// The next frame of this kind; `None` when the peer closes before.
    pub(crate) fn next_of(&mut self, kind: u8) -> Option<Frame> {
        std::iter::from_fn(|| self.next()).find(|frame| frame.kind == kind)
    }

    /// From now on a write that is not taken for a moment fails: this client reads nothing.
    pub(crate) fn stall(&self) {
        let moment = std::time::Duration::from_millis(300);
        let set = self.stream.set_write_timeout(Some(moment));
        set.expect("a moment is not zero");
    }

    /// Another handle on the same connection, to read while a thread writes.
    pub(crate) fn reader(&self) -> io::Result<Self> {
        let stream = self.stream.try_clone()?;
        Ok(Self { stream })
    }
}

/// The bytes of a frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("frames are small");
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A field line without indexing and without Huffman coding (RFC 7541, section 6.2.2).
pub(crate) fn literal(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        length(text.len(), &mut bytes);
        bytes.extend(text);
    }
    bytes
}

/// The length of a string, with a prefix of seven bits (RFC 7541, section 5.1).
fn length(length: usize, bytes: &mut Vec<u8>) {
    let Some(mut rest) = length.checked_sub(127) else {
        return bytes.push(length as u8);
    };
    bytes.push(127);
    while rest >= 128 {
        bytes.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    bytes.push(rest as u8);
}

/// The pseudo-fields of a request, and more fields.
pub(crate) fn request(method: &str, path: &str, more: &[(&[u8], &[u8])]) -> Vec<u8> {
    let pseudo: [(&[u8], &[u8]); 4] = [
        (b":method", method.as_bytes()),
        (b":scheme", b"http"),
        (b":authority", b"app"),
        (b":path", path.as_bytes()),
    ];
    let lines = pseudo.iter().chain(more);
    lines
        .flat_map(|(name, value)| literal(name, value))
        .collect()
}

/// The whole of a GET on a stream.
pub(crate) fn get(stream: u32) -> Vec<u8> {
    let block = request("GET", "/", &[]);
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &block)
}
