//! Access logs as recorded workloads: reading lines, plain or compressed, whatever is in them.
//!
//! A line takes bounded memory. A broken line is counted, the first few are kept to be shown, and
//! reading goes on; so it does at a compressed file's early end, which is told apart.

mod combined;
mod date;
mod format;
mod haproxy;
mod json;
mod record;
mod recording;

use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;

pub use format::Format;
pub use record::{End, Fault, Key, Record, Try, What};
pub use recording::Recording;

pub(crate) use date::iso;
use record::Line;

/// A line above this many bytes is broken.
pub const LINE_LIMIT: usize = 64 * 1024;

/// How many broken lines are kept, and how many bytes of each.
const KEPT: usize = 3;
const KEPT_BYTES: usize = 120;

/// What became of a log's lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines read, empty ones left out.
    pub lines: u64,
    /// Lines that cannot be read.
    pub broken: u64,
    /// Lines of requests that nobody can send again: tunnels, and what was malformed.
    pub other: u64,
    /// The first three that cannot be read.
    pub first: Vec<Broken>,
    /// Why reading ended before the end, if it did: a damaged compressed file, a lost disk.
    pub error: Option<String>,
}

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its number, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub fault: Fault,
    /// Its beginning, made printable.
    pub text: String,
}

impl Summary {
    /// Whether every line was a request, to the end.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.broken == 0 && self.error.is_none()
    }
}

impl fmt::Display for Summary {
    /// What stands behind `access.log: ` in a message: how many lines, and (on lines of their own)
    /// the first broken ones and why reading ended.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (broken, lines) = (grouped(self.broken), grouped(self.lines));
        match self.broken {
            0 => write!(f, "{lines} lines")?,
            _ => write!(f, "{broken} of {lines} lines cannot be read, first:")?,
        }
        for broken in &self.first {
            write!(f, "\n  {broken}")?;
        }
        if let Some(error) = &self.error {
            write!(f, "\n  the rest is lost: {error}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, fault, text } = self;
        write!(f, "line {line}: {fault}: {text}")
    }
}

/// The number with a comma behind every thousand.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How a log is read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Its format; absent: the first one that a line has, of all.
    pub format: Option<Format>,
    /// What tells its clients apart.
    pub key: Key,
}

/// Counts what is read of a file.
struct Counted<R> {
    input: R,
    bytes: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bytes.set(self.bytes.get() + read as u64);
        Ok(read)
    }
}

/// A log that is being read: an iterator of its good lines.
pub struct Log {
    input: Box<dyn BufRead>,
    /// Bytes of the file so far, compressed ones if it is.
    bytes: Rc<Cell<u64>>,
    reading: Reading,
    buffer: Vec<u8>,
    number: u64,
    summary: Summary,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("summary", &self.summary)
            .finish_non_exhaustive()
    }
}

impl Log {
    /// Opens the log `file`.
    ///
    /// # Errors
    /// It cannot be opened, or not even its first bytes can be read.
    pub fn open(file: &Path, reading: Reading) -> io::Result<Self> {
        Self::new(File::open(file)?, reading)
    }

    /// Reads a log from `input`, which is compressed if it begins as gzip does (RFC 1952).
    ///
    /// # Errors
    /// The first bytes cannot be read.
    pub fn new(input: impl Read + 'static, reading: Reading) -> io::Result<Self> {
        let bytes = Rc::default();
        let mut input = Counted {
            input,
            bytes: Rc::clone(&bytes),
        };
        let mut magic = Vec::with_capacity(2);
        input.by_ref().take(2).read_to_end(&mut magic)?;
        let compressed = magic == [0x1f, 0x8b];
        let input = BufReader::with_capacity(LINE_LIMIT, Cursor::new(magic).chain(input));
        Ok(Self {
            input: if compressed {
                Box::new(BufReader::with_capacity(
                    LINE_LIMIT,
                    MultiGzDecoder::new(input),
                ))
            } else {
                Box::new(input)
            },
            bytes,
            reading,
            buffer: Vec::new(),
            number: 0,
            summary: Summary::default(),
        })
    }

    /// Its format, once a line has shown it.
    #[must_use]
    pub fn format(&self) -> Option<Format> {
        self.reading.format
    }

    /// The number of the line that came last, from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Bytes of the file that have been read.
    #[must_use]
    pub fn consumed(&self) -> u64 {
        self.bytes.get()
    }

    /// What became of the lines so far.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    fn note(&mut self, fault: Fault) {
        self.summary.broken += 1;
        if self.summary.first.len() < KEPT {
            let shown = &self.buffer[..self.buffer.len().min(KEPT_BYTES)];
            let text = String::from_utf8_lossy(shown);
            self.summary.first.push(Broken {
                line: self.number,
                fault,
                text: text.chars().flat_map(char::escape_debug).collect(),
            });
        }
    }

    /// Reads a line into the buffer, without its end. Whether there was one, and all of it fits.
    fn line(&mut self) -> io::Result<Option<bool>> {
        self.buffer.clear();
        let (mut seen, mut fits) = (false, true);
        loop {
            let available = match self.input.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                return Ok(seen.then_some(fits));
            }
            seen = true;
            let end = available.iter().position(|&byte| byte == b'\n');
            let part = &available[..end.unwrap_or(available.len())];
            let room = LINE_LIMIT - self.buffer.len();
            fits &= part.len() <= room;
            self.buffer.extend_from_slice(&part[..part.len().min(room)]);
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                return Ok(Some(fits));
            }
        }
    }
}

impl Iterator for Log {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        while self.summary.error.is_none() {
            let fits = match self.line() {
                Ok(fits) => fits?,
                Err(error) => {
                    self.summary.error = Some(error.to_string());
                    break;
                }
            };
            self.number += 1;
            if self.buffer.trim_ascii().is_empty() {
                continue;
            }
            self.summary.lines += 1;
            if !fits {
                self.note(Fault::TooLong);
                continue;
            }
            match format::parse(self.buffer.trim_ascii(), &mut self.reading) {
                Ok(Line::Request(record)) => return Some(*record),
                Ok(Line::Other) => self.summary.other += 1,
                Ok(Line::Heading) => self.summary.lines -= 1,
                Err(fault) => self.note(fault),
            }
        }
        None
    }
}

#[cfg(test)]
mod test;
