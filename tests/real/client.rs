//! A blocking HTTP/1.1 client that believes nothing: an answer is whole, or it says how it broke.
use super::PATIENCE;
use super::message::{Answer, Failure, Framing, Head, field_line};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

/// More than any head of a test.
const HEAD_LIMIT: usize = 64 * 1024;

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    /// Bytes read from the stream; those before `taken` have been used.
    buffer: Vec<u8>,
    taken: usize,
}

/// Why no more bytes come.
#[derive(Debug, Clone, Copy)]
enum Stop {
    End,
    Silence,
}

impl Client {
    /// Dials `address`.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
            taken: 0,
        })
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Says that nothing more will be sent; what comes can still be read.
    pub(crate) fn finish(&mut self) {
        let shut = self.stream.shutdown(Shutdown::Write);
        shut.expect("the proxy is still there");
    }

    /// Sends a request and reads its answer; there may be nothing left over of the one before.
    pub(crate) fn exchange(&mut self, method: &str, request: &[u8]) -> Result<Answer, Failure> {
        if !self.rest().is_empty() {
            return Err(Failure::Malformed(format!(
                "{} bytes unasked",
                self.rest().len()
            )));
        }
        // A request can be answered, and its connection closed, before all of it is sent: what can
        // be read tells what happened.
        let _ = self.send(request);
        self.answer(method)
    }

    /// Reads the final answer to a request of `method`, past interim ones.
    pub(crate) fn answer(&mut self, method: &str) -> Result<Answer, Failure> {
        let head = loop {
            let head = self.head()?;
            if head.status >= 200 {
                break head;
            }
        };
        self.body(head, method)
    }

    /// Reads the next head, an interim one (1xx) too.
    pub(crate) fn head(&mut self) -> Result<Head, Failure> {
        let mut seen = 0;
        let end = loop {
            if let Some(at) = find(&self.rest()[seen..], b"\r\n\r\n") {
                break seen + at + 4;
            }
            seen = self.rest().len().saturating_sub(3);
            if self.rest().len() > HEAD_LIMIT {
                return Err(Failure::Malformed("a head without an end".into()));
            }
            self.fill().map_err(|stop| match stop {
                Stop::Silence => Failure::Silent,
                Stop::End if self.rest().is_empty() => Failure::Closed,
                Stop::End => Failure::CutHead(self.rest().to_vec()),
            })?;
        };
        let head = Head::parse(&self.rest()[..end]).map_err(Failure::Malformed)?;
        self.taken += end;
        if head.status < 200 {
            head.framing("").map_err(Failure::Malformed)?;
        }
        Ok(head)
    }

    /// Reads the body that follows `head`.
    pub(crate) fn body(&mut self, head: Head, method: &str) -> Result<Answer, Failure> {
        let framing = head.framing(method).map_err(Failure::Malformed)?;
        let mut body = Vec::new();
        let trailers = match framing {
            Framing::None => Ok(Vec::new()),
            Framing::Length(length) => self.take(length, &mut body).map(|()| Vec::new()),
            Framing::Chunked => self.chunks(&mut body),
            Framing::Close => match self.take(usize::MAX, &mut body) {
                Err(Broken::Stop(Stop::End)) => Ok(Vec::new()),
                other => other.map(|()| Vec::new()),
            },
        };
        match trailers {
            Ok(trailers) => Ok(Answer {
                head,
                body,
                trailers,
            }),
            Err(Broken::Stop(Stop::End)) => Err(Failure::CutBody(head, body)),
            Err(Broken::Stop(Stop::Silence)) => Err(Failure::Silent),
            Err(Broken::Malformed(reason)) => Err(Failure::Malformed(reason)),
        }
    }

    /// Reads until `needle` has arrived, without using any of it.
    pub(crate) fn wait_for(&mut self, needle: &[u8]) -> Result<(), Failure> {
        while find(self.rest(), needle).is_none() {
            self.fill().map_err(|stop| match stop {
                Stop::End => Failure::Closed,
                Stop::Silence => Failure::Silent,
            })?;
        }
        Ok(())
    }

    /// The next `length` bytes, whatever they are.
    pub(crate) fn bytes(&mut self, length: usize) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        match self.take(length, &mut bytes) {
            Ok(()) => Ok(bytes),
            Err(_) => Err(Failure::CutHead(bytes)),
        }
    }

    /// Whether the connection ends, after whatever else comes, with a reset and not as if all were
    /// well.
    pub(crate) fn is_reset(&mut self) -> bool {
        let mut rest = [0; 4096];
        loop {
            match self.stream.read(&mut rest) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => return error.kind() == ErrorKind::ConnectionReset,
            }
        }
    }

    /// Whether the peer closes the connection now, with nothing left to read.
    pub(crate) fn ended(&mut self) -> bool {
        self.rest().is_empty() && matches!(self.fill(), Err(Stop::End))
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.taken..]
    }

    /// One read.
    fn fill(&mut self) -> Result<(), Stop> {
        if self.taken == self.buffer.len() {
            self.buffer.clear();
            self.taken = 0;
        }
        let before = self.buffer.len();
        self.buffer.resize(before + 16 * 1024, 0);
        let read = loop {
            match self.stream.read(&mut self.buffer[before..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(before + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => Err(Stop::End),
            Ok(_) => Ok(()),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Err(Stop::Silence),
                _ => Err(Stop::End),
            },
        }
    }

    /// Moves `length` bytes to `body`; on failure it holds what had arrived.
    fn take(&mut self, length: usize, body: &mut Vec<u8>) -> Result<(), Broken> {
        let mut left = length;
        loop {
            let piece = left.min(self.rest().len());
            body.extend_from_slice(&self.rest()[..piece]);
            self.taken += piece;
            left -= piece;
            if left == 0 {
                return Ok(());
            }
            self.fill().map_err(Broken::Stop)?;
        }
    }

    /// One line, without its CRLF.
    fn line(&mut self) -> Result<String, Broken> {
        loop {
            if let Some(at) = find(self.rest(), b"\r\n") {
                let line = std::str::from_utf8(&self.rest()[..at]).map(str::to_string);
                self.taken += at + 2;
                return line.map_err(|_| Broken::Malformed("a line that is not text".into()));
            }
            if self.rest().len() > HEAD_LIMIT {
                return Err(Broken::Malformed("a line without an end".into()));
            }
            self.fill().map_err(Broken::Stop)?;
        }
    }

    /// A chunked body (RFC 9112, section 7.1) and its trailer section.
    fn chunks(&mut self, body: &mut Vec<u8>) -> Result<Vec<(String, String)>, Broken> {
        loop {
            let line = self.line()?;
            let digits = line
                .split_once(';')
                .map_or(line.as_str(), |(digits, _)| digits);
            let hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            let size = usize::from_str_radix(digits, 16).ok().filter(|_| hex);
            let size = size.ok_or_else(|| Broken::Malformed(format!("chunk size {line:?}")))?;
            if size == 0 {
                break;
            }
            self.take(size, body)?;
            if !self.line()?.is_empty() {
                return Err(Broken::Malformed("a chunk longer than its size".into()));
            }
        }
        let mut trailers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(trailers);
            }
            trailers.push(field_line(&line).map_err(Broken::Malformed)?);
        }
    }
}

#[derive(Debug)]
enum Broken {
    Stop(Stop),
    Malformed(String),
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes
        .windows(needle.len())
        .position(|window| window == needle)
}
