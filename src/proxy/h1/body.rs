//! Where a body's payload stands in what was received, and where the body ends (RFC 9112 6 and 7).

use std::ops::Range;

use super::{Fields, Framing, Known, Limits, Reject};

/// All extensions of one body together, in bytes: they carry nothing we read, so whoever sends
/// many is wasting our time.
const EXTENSION_BYTES: usize = 16 << 10;

/// One step through a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where the payload stands in the input, possibly empty. What is before it was framing.
    pub payload: Range<usize>,
    /// Bytes of the input that are done with. Less than all only after a payload or at the end.
    pub consumed: usize,
    /// The body is complete; what follows belongs to the next message.
    pub end: bool,
}

/// What the end of the connection means for a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eof {
    /// The body had ended, or this is how it ends.
    Complete,
    /// Something is missing: it must not be passed on as complete.
    Cut,
}

/// Finds the payload of one body, however the input is split. It keeps no payload.
#[derive(Clone, Debug)]
pub struct Decoder {
    state: State,
    limits: Limits,
    extension_bytes: usize,
    trailers: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Payload of a known length.
    Length(u64),
    UntilClose,
    /// In a chunk size of so many digits.
    Size {
        size: u64,
        digits: u8,
    },
    /// White space after the size: an extension must follow.
    SizeBlank(u64),
    Extension(u64),
    SizeLf(u64),
    Data(u64),
    DataCr,
    DataLf,
    /// At the start of a trailer line.
    Line,
    Trailer,
    FinalLf,
    End,
}

const NEXT_SIZE: State = State::Size { size: 0, digits: 0 };

impl Decoder {
    /// A decoder for a body that is framed so. Its `limits` bound the trailer section.
    pub fn new(framing: Framing, limits: &Limits) -> Self {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::End,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => NEXT_SIZE,
            Framing::UntilClose => State::UntilClose,
        };
        Self {
            state,
            limits: *limits,
            extension_bytes: 0,
            trailers: Vec::new(),
        }
    }

    /// Whether the body has ended.
    pub fn is_end(&self) -> bool {
        self.state == State::End
    }

    /// What it means if the connection ends now.
    pub fn eof(&self) -> Eof {
        match self.state {
            State::End | State::UntilClose => Eof::Complete,
            _ => Eof::Cut,
        }
    }

    /// After the end, the trailer fields to relay: complete lines in canonical form, none that
    /// the codec has a rule for (framing, routing and credentials may not stand in trailers,
    /// RFC 9110 6.5.1).
    pub fn trailers(&self) -> &[u8] {
        if self.is_end() { &self.trailers } else { &[] }
    }

    /// Goes on with `input`, the bytes after what was consumed, up to the end of the next run of
    /// payload. After an error the connection is of no more use.
    pub fn decode(&mut self, input: &[u8]) -> Result<Step, Reject> {
        let mut at = 0;
        while at < input.len() {
            let left = match self.state {
                State::End => break,
                State::UntilClose => u64::MAX,
                State::Length(left) | State::Data(left) => left,
                _ => {
                    self.frame(input[at])?;
                    at += 1;
                    continue;
                }
            };
            let taken = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(input.len() - at);
            self.take(taken as u64);
            let payload = at..at + taken;
            return Ok(Step {
                consumed: payload.end,
                payload,
                end: self.is_end(),
            });
        }
        Ok(Step {
            payload: at..at,
            consumed: at,
            end: self.is_end(),
        })
    }

    fn take(&mut self, taken: u64) {
        self.state = match self.state {
            State::Length(left) if left == taken => State::End,
            State::Length(left) => State::Length(left - taken),
            State::Data(left) if left == taken => State::DataCr,
            State::Data(left) => State::Data(left - taken),
            state => state,
        };
    }

    /// One byte of chunk framing.
    fn frame(&mut self, byte: u8) -> Result<(), Reject> {
        self.state = match (self.state, byte) {
            (State::Size { size, digits }, _) if byte.is_ascii_hexdigit() => {
                if digits == 16 {
                    return Err(Reject::ChunkSize);
                }
                let digit = match byte {
                    b'0'..=b'9' => byte - b'0',
                    _ => (byte | 0x20) - b'a' + 10,
                };
                State::Size {
                    size: size << 4 | u64::from(digit),
                    digits: digits + 1,
                }
            }
            (State::Size { size, digits: 1.. }, b'\r') => State::SizeLf(size),
            (State::Size { size, digits: 1.. }, b';') => self.extend(State::Extension(size))?,
            (State::Size { size, digits: 1.. }, b' ' | b'\t') => {
                self.extend(State::SizeBlank(size))?
            }
            (State::SizeBlank(size), b';') => self.extend(State::Extension(size))?,
            (State::SizeBlank(_), b' ' | b'\t') => self.extend(self.state)?,
            (State::Size { .. } | State::SizeBlank(_), _) => return Err(Reject::ChunkSize),
            (State::Extension(size), b'\r') => State::SizeLf(size),
            (State::Extension(_), b'\t' | 0x20..=0x7e | 0x80..) => self.extend(self.state)?,
            (State::Extension(_), _) => return Err(Reject::ChunkExtension),
            (State::SizeLf(0), b'\n') => State::Line,
            (State::SizeLf(size), b'\n') => State::Data(size),
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => NEXT_SIZE,
            (State::DataCr | State::DataLf, _) => return Err(Reject::ChunkEnd),
            (State::Line, b'\r') => State::FinalLf,
            (State::Line | State::Trailer, _) => self.trail(byte)?,
            (State::FinalLf, b'\n') => {
                self.keep_trailers()?;
                State::End
            }
            (State::SizeLf(_) | State::FinalLf, _) => return Err(Reject::LineEnd),
            (State::Length(_) | State::UntilClose | State::Data(_) | State::End, _) => self.state,
        };
        Ok(())
    }

    fn extend(&mut self, next: State) -> Result<State, Reject> {
        self.extension_bytes += 1;
        if self.extension_bytes > EXTENSION_BYTES {
            return Err(Reject::ChunkExtension);
        }
        Ok(next)
    }

    fn trail(&mut self, byte: u8) -> Result<State, Reject> {
        // Two more bytes belong to the section: its empty line.
        if self.trailers.len() + 2 >= self.limits.header_bytes {
            return Err(Reject::TooLarge);
        }
        let cr = self.trailers.last() == Some(&b'\r');
        self.trailers.push(byte);
        match byte {
            b'\n' if cr => Ok(State::Line),
            b'\n' => Err(Reject::LineEnd),
            _ => Ok(State::Trailer),
        }
    }

    /// Parses the section that was gathered and keeps what may be relayed.
    fn keep_trailers(&mut self) -> Result<(), Reject> {
        if self.trailers.is_empty() {
            return Ok(());
        }
        let mut raw = std::mem::take(&mut self.trailers);
        raw.extend_from_slice(b"\r\n");
        let mut fields = Fields::default();
        fields.parse(&raw, 0, &self.limits)?;
        for field in fields.iter().filter(|field| field.known == Known::Other) {
            super::encode::field(
                field.name.of(&raw),
                field.value.of(&raw),
                &mut self.trailers,
            );
        }
        Ok(())
    }
}
