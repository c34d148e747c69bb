//! The administration's listener: `/metrics` and `/ready`, read-only.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use std::io;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use evenkeel_core::time::Timestamp;

use crate::exposition::Observed;
use crate::serve::BREATH;
use crate::world::World;

/// Answers on `listener` for as long as it is polled.
pub async fn serve<W: World>(world: W, listener: W::Listener, observed: Observed) {
    loop {
        let Ok((stream, _)) = world.accept(&listener).await else {
            // Too many open files, most likely: trying at once would be a busy loop.
            world.sleep_until(world.now() + BREATH).await;
            continue;
        };
        let (observed, now) = (observed.clone(), world.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let response = answer(&request, &observed, now.now());
            async move { Ok::<_, Infallible>(response) }
        });
        let serving = http1::Builder::new()
            .timer(world.timer())
            .auto_date_header(false)
            .max_buf_size(16 << 10)
            .serve_connection(Io(stream), service);
        // A scraper that breaks off has nobody to complain to.
        world.spawn(async move { drop(serving.await) });
    }
}

fn answer(
    request: &Request<Incoming>,
    observed: &Observed,
    now: Timestamp,
) -> Response<Full<Bytes>> {
    let (status, kind, text) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => (StatusCode::OK, METRICS, observed.page(now)),
        (&Method::GET | &Method::HEAD, "/ready") => match observed.unready() {
            None => (StatusCode::OK, TEXT, "ready\n".into()),
            Some(why) => (StatusCode::SERVICE_UNAVAILABLE, TEXT, why),
        },
        (_, "/metrics" | "/ready") => (
            StatusCode::METHOD_NOT_ALLOWED,
            TEXT,
            "read-only: GET or HEAD\n".into(),
        ),
        _ => (
            StatusCode::NOT_FOUND,
            TEXT,
            "there are /metrics and /ready\n".into(),
        ),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

const TEXT: &str = "text/plain; charset=utf-8";
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A world's stream as hyper wants it.
struct Io<S>(S);

impl<S: AsyncRead + Unpin> Read for Io<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // hyper's cursor can be filled without `unsafe` only by copying; pages here are small.
        let mut bytes = [0; 4096];
        let most = buf.remaining().min(bytes.len());
        let mut room = ReadBuf::new(&mut bytes[..most]);
        std::task::ready!(Pin::new(&mut self.0).poll_read(cx, &mut room))?;
        buf.put_slice(room.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Write for Io<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
