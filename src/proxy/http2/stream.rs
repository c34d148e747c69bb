//! One stream of an HTTP/2 connection, read and written as the text of a head and the bytes of a
//! body.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h2::client::{ResponseFuture, SendRequest};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response, StatusCode};
use tokio::io::ReadBuf;

use super::connection::Place;
use super::head;

/// One stream, from either end.
///
/// What was written last is held back until more follows, a flush, or the end: so the end of a
/// small message travels with its last frame, and a response without a body is one frame (which
/// gRPC tells from one with an empty body).
#[expect(missing_debug_implementations, reason = "that of h2 prints a lock")]
pub struct Stream {
    incoming: Incoming,
    /// Received and not yet read: the head's text, then data.
    received: Bytes,
    trailers: Vec<u8>,
    outgoing: Outgoing,
    /// The piece of a head that has been written so far, if it came in several.
    text: Vec<u8>,
    held: Held,
    fault: Fault,
    _place: Option<Place>,
}

/// What the errors of a stream have said.
#[derive(Default)]
struct Fault {
    /// The other side has not acted on the request: it may be sent again.
    refused: bool,
    /// The other side has given the stream up.
    reset: bool,
}

impl Fault {
    fn note(&mut self, error: h2::Error) -> io::Error {
        let reset = error.is_remote() && error.is_reset();
        self.reset |= reset;
        self.refused |= reset && error.reason() == Some(Reason::REFUSED_STREAM)
            || error.is_remote() && error.is_go_away() && error.reason() == Some(Reason::NO_ERROR);
        if error.is_io() {
            return error
                .into_io()
                .unwrap_or_else(|| io::ErrorKind::BrokenPipe.into());
        }
        io::Error::other(error)
    }
}

enum Incoming {
    /// The response's head is awaited.
    Response(ResponseFuture),
    /// A body.
    Body(RecvStream),
    /// Nothing more.
    Ended,
    /// The request has not been sent.
    Nothing,
}

enum Outgoing {
    /// A response is awaited from above; of a WebSocket's opening if so said.
    Respond(SendResponse<Bytes>, bool),
    /// A request is awaited from above.
    Open(SendRequest<Bytes>, &'static str),
    /// A body.
    Body(SendStream<Bytes>),
    /// All has been said.
    Ended,
}

enum Held {
    Nothing,
    Response(Response<()>),
    Request(Request<()>),
    Data(Bytes),
}

impl Stream {
    /// A client's stream. The request's head is with the caller.
    pub(super) fn of_client(
        body: RecvStream,
        respond: SendResponse<Bytes>,
        websocket: bool,
    ) -> Self {
        Self::new(Incoming::Body(body), Outgoing::Respond(respond, websocket))
    }

    /// A stream of a connection to an endpoint that is ready for another one.
    pub(super) fn to_endpoint(
        open: SendRequest<Bytes>,
        scheme: &'static str,
        place: Place,
    ) -> Self {
        let mut stream = Self::new(Incoming::Nothing, Outgoing::Open(open, scheme));
        stream._place = Some(place);
        stream
    }

    fn new(incoming: Incoming, outgoing: Outgoing) -> Self {
        Self {
            incoming,
            received: Bytes::new(),
            trailers: Vec::new(),
            outgoing,
            text: Vec::new(),
            held: Held::Nothing,
            fault: Fault::default(),
            _place: None,
        }
    }

    /// The lines of the trailers, once the body has ended.
    pub(crate) fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    /// Whether the other side said that it did nothing with the request (RFC 9113 section 8.7).
    pub fn is_refused(&self) -> bool {
        self.fault.refused
    }

    /// Whether the other side has given the stream up.
    pub const fn is_reset(&self) -> bool {
        self.fault.reset
    }

    /// Ready once the other side has given the stream up.
    pub(crate) fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let reset = match &mut self.outgoing {
            Outgoing::Respond(respond, _) => ready!(respond.poll_reset(cx)),
            Outgoing::Body(body) => ready!(body.poll_reset(cx)),
            Outgoing::Open(..) | Outgoing::Ended => return Poll::Pending,
        };
        self.fault.reset |= reset.is_ok();
        Poll::Ready(())
    }

    /// Gives the stream up.
    pub(crate) fn reset(&mut self) {
        match &mut self.outgoing {
            Outgoing::Respond(respond, _) => respond.send_reset(Reason::INTERNAL_ERROR),
            Outgoing::Body(body) => body.send_reset(Reason::INTERNAL_ERROR),
            Outgoing::Open(..) | Outgoing::Ended => {}
        }
    }

    // ---- reading --------------------------------------------------------------------------------

    /// Ready when a read has something to return.
    pub(crate) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.received.is_empty() {
            match &mut self.incoming {
                Incoming::Nothing => return Poll::Pending,
                Incoming::Ended => break,
                Incoming::Response(_) => ready!(self.poll_response(cx))?,
                Incoming::Body(_) => ready!(self.poll_body(cx))?,
            }
        }
        Poll::Ready(Ok(()))
    }

    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_readable(cx))?;
        let length = self.received.len().min(buf.remaining());
        buf.put_slice(&self.received[..length]);
        self.received.advance(length);
        Poll::Ready(Ok(()))
    }

    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Incoming::Response(response) = &mut self.incoming else {
            return Poll::Ready(Ok(()));
        };
        let mut text = Vec::new();
        if let Some(interim) = ready!(response.poll_informational(cx)) {
            let interim = interim.map_err(|error| self.fault.note(error))?;
            head::response_text(&interim, &mut text);
        } else {
            let response = ready!(std::pin::Pin::new(response).poll(cx));
            let response = response.map_err(|error| self.fault.note(error))?;
            head::response_text(&response, &mut text);
            self.incoming = Incoming::Body(response.into_body());
        }
        self.received = text.into();
        Poll::Ready(Ok(()))
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Incoming::Body(body) = &mut self.incoming else {
            return Poll::Ready(Ok(()));
        };
        match ready!(body.poll_data(cx)) {
            Some(data) => {
                self.received = data.map_err(|error| self.fault.note(error))?;
                // The caller reads no more than it can pass on, so what it reads is taken.
                let taken = body.flow_control().release_capacity(self.received.len());
                taken.map_err(|error| self.fault.note(error))?;
            }
            None => {
                let trailers = ready!(body.poll_trailers(cx));
                if let Some(trailers) = trailers.map_err(|error| self.fault.note(error))? {
                    head::trailer_lines(&trailers, &mut self.trailers);
                }
                self.incoming = Incoming::Ended;
            }
        }
        Poll::Ready(Ok(()))
    }

    // ---- writing --------------------------------------------------------------------------------

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let is_head = match (&self.outgoing, &self.held) {
            (Outgoing::Respond(..), Held::Response(_)) | (Outgoing::Open(..), Held::Request(_)) => {
                false
            }
            (Outgoing::Respond(..) | Outgoing::Open(..), _) => true,
            (Outgoing::Body(_) | Outgoing::Ended, _) => false,
        };
        if is_head {
            return Poll::Ready(self.write_head(buf));
        }
        self.release(false)?;
        let Outgoing::Body(body) = &mut self.outgoing else {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        };
        let wanted = buf.len().min(super::FRAME_BYTES as usize);
        body.reserve_capacity(wanted);
        let mut room = body.capacity();
        while room == 0 {
            room = match ready!(body.poll_capacity(cx)) {
                Some(Ok(room)) => room,
                Some(Err(error)) => return Poll::Ready(Err(self.fault.note(error))),
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            };
        }
        let length = wanted.min(room);
        self.held = Held::Data(Bytes::copy_from_slice(&buf[..length]));
        Poll::Ready(Ok(length))
    }

    /// Takes the bytes of a head, and of nothing behind it.
    fn write_head(&mut self, buf: &[u8]) -> io::Result<usize> {
        let before = self.text.len();
        let text = if before == 0 {
            buf
        } else {
            self.text.extend_from_slice(buf);
            &self.text
        };
        let read = match &mut self.outgoing {
            Outgoing::Open(_, scheme) => head::request(text, scheme)?
                .map(|(request, length)| (Held::Request(request), length)),
            Outgoing::Respond(respond, websocket) => match head::response(text)? {
                Some((response, length)) if is_interim(response.status()) => {
                    let sent = respond.send_informational(response);
                    sent.map_err(|error| self.fault.note(error))?;
                    Some((Held::Nothing, length))
                }
                Some((mut response, length)) => {
                    if *websocket && response.status() == StatusCode::SWITCHING_PROTOCOLS {
                        *response.status_mut() = StatusCode::OK;
                        response.headers_mut().remove("sec-websocket-accept");
                    }
                    Some((Held::Response(response), length))
                }
                None => None,
            },
            Outgoing::Body(_) | Outgoing::Ended => None,
        };
        match read {
            Some((held, length)) => {
                self.held = held;
                self.text.clear();
                Ok(length - before)
            }
            None => {
                if before == 0 {
                    self.text.extend_from_slice(buf);
                }
                Ok(buf.len())
            }
        }
    }

    /// Hands what is held back to the connection, as the last of the stream or not.
    fn release(&mut self, last: bool) -> io::Result<()> {
        let held = std::mem::replace(&mut self.held, Held::Nothing);
        let sent = match (held, &mut self.outgoing) {
            (Held::Response(response), Outgoing::Respond(respond, _)) => {
                respond.send_response(response, last).map(|body| {
                    self.outgoing = Outgoing::Body(body);
                })
            }
            (Held::Request(request), Outgoing::Open(open, _)) => {
                open.send_request(request, last).map(|(response, body)| {
                    self.incoming = Incoming::Response(response);
                    self.outgoing = Outgoing::Body(body);
                })
            }
            (Held::Data(data), Outgoing::Body(body)) => body.send_data(data, last),
            (Held::Nothing, Outgoing::Body(body)) if last => body.send_data(Bytes::new(), true),
            _ => Ok(()),
        };
        sent.map_err(|error| self.fault.note(error))?;
        if last {
            self.outgoing = Outgoing::Ended;
        }
        Ok(())
    }

    pub(crate) fn poll_flush(&mut self) -> Poll<io::Result<()>> {
        Poll::Ready(self.release(false))
    }

    /// Ends this side's body, with the lines of `trailers` behind it.
    pub(crate) fn poll_finish(
        &mut self,
        _cx: &mut Context<'_>,
        trailers: &[u8],
    ) -> Poll<io::Result<()>> {
        if matches!(self.outgoing, Outgoing::Ended) {
            return Poll::Ready(Ok(()));
        }
        if trailers.is_empty() {
            return Poll::Ready(self.release(true));
        }
        self.release(false)?;
        let Outgoing::Body(mut body) = std::mem::replace(&mut self.outgoing, Outgoing::Ended)
        else {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        };
        let sent = body.send_trailers(head::trailers(trailers)?);
        Poll::Ready(sent.map_err(|error| self.fault.note(error)))
    }
}

fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}
