//! Any bytes as a connection's requests, read by this codec, by hyper's server and, each head, by
//! httparse: whatever two of them accept means the same to both, and what this one accepts the
//! others do too, but for the reasons listed here.
#![no_main]

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use codec::h1::{self, Limits, RequestHead, Status};
use codec::{Message, in_pieces, messages};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let limits = Limits::default();
    heads(input, &limits);
    let mut ours = messages(input, &limits);
    for our in &mut ours {
        our.target = as_uri(&our.target).unwrap_or_default();
    }
    let theirs = by_hyper(input);
    for (our, their) in ours.iter().zip(&theirs) {
        if our.is_refused {
            return;
        }
        assert_eq!(our, their);
        if !our.is_whole {
            return;
        }
    }
    if let Some(our) = ours.get(theirs.len()) {
        // Of a message that is not complete nobody has said yet that it is accepted.
        assert!(
            !our.is_whole || our.target.is_empty(),
            "hyper refuses {our:?}"
        );
    }
});

/// A target as hyper hands it on. None for what `http::Uri` has no room for and this codec passes
/// on as it is: bytes that RFC 3986 does not allow in a path, such as `<`, and unusual hosts.
fn as_uri(target: &[u8]) -> Option<Vec<u8>> {
    Some(http::Uri::try_from(target).ok()?.to_string().into())
}

/// The first head, compared with httparse: same end, same parts.
fn heads(input: &[u8], limits: &Limits) {
    let (parsed, head) = in_pieces(input, limits, [].into_iter());
    let Ok(Status::Complete(length)) = parsed else {
        return;
    };
    let mut fields = vec![httparse::EMPTY_HEADER; limits.headers];
    let mut request = httparse::Request::new(&mut fields);
    let end = request
        .parse(input)
        .unwrap_or_else(|error| panic!("httparse: {error}"));
    assert_eq!(end, httparse::Status::Complete(length));
    assert_eq!(
        request.method.map(str::as_bytes),
        Some(head.method_name.of(input))
    );
    assert_eq!(
        request.path.map(str::as_bytes),
        Some(head.target.whole.of(input))
    );
    let newer = head.version == h1::Version::Http11;
    assert_eq!(request.version, Some(u8::from(newer)));
    assert_eq!(pairs(&head, input), their_pairs(&request));
}

fn pairs<'a>(head: &RequestHead, input: &'a [u8]) -> Vec<(&'a [u8], &'a [u8])> {
    let pair = |field: &h1::Field| (field.name.of(input), field.value.of(input));
    head.fields.iter().map(pair).collect()
}

fn their_pairs<'a>(request: &httparse::Request<'_, 'a>) -> Vec<(&'a [u8], &'a [u8])> {
    let pair = |field: &httparse::Header<'a>| (field.name.as_bytes(), field.value);
    request.headers.iter().map(pair).collect()
}

/// The requests that hyper hands to a service that reads each body to its end.
fn by_hyper(input: &[u8]) -> Vec<Message> {
    let found = Rc::new(RefCell::new(Vec::new()));
    let service = service_fn(|request: Request<Incoming>| {
        let found = Rc::clone(&found);
        async move {
            let mut message = Message {
                method: request.method().as_str().into(),
                target: request.uri().to_string().into(),
                ..Message::default()
            };
            let mut body = request.into_body();
            message.is_whole = loop {
                match body.frame().await {
                    None => break true,
                    Some(Err(_)) => break false,
                    Some(Ok(frame)) => message.body.extend(frame.into_data().unwrap_or_default()),
                }
            };
            found.borrow_mut().push(message);
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let stream = Memory { input, at: 0 };
    let mut connection = pin!(
        http1::Builder::new()
            .half_close(true)
            .serve_connection(stream, service)
    );
    let mut cx = Context::from_waker(Waker::noop());
    // Its stream is always ready, so it only pauses to let others run.
    for _ in 0..64 {
        if connection.as_mut().poll(&mut cx).is_ready() {
            break;
        }
    }
    found.take()
}

/// A stream whose peer has sent everything and takes everything.
struct Memory<'a> {
    input: &'a [u8],
    at: usize,
}

impl Read for Memory<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let length = buf.remaining().min(self.input.len() - self.at);
        buf.put_slice(&self.input[self.at..self.at + length]);
        self.at += length;
        Poll::Ready(Ok(()))
    }
}

impl Write for Memory<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
