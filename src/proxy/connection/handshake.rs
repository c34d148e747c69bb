//! TLS begins on a client's connection: bounded in time, and in number on a listener.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use evenkeel_core::trace::{HandshakeFailure, Kind, Limit};
use rustls::{HandshakeKind, ProtocolVersion};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Terms;
use crate::alarm::Alarm;
use crate::worker::Worker;
use crate::world::World;

/// Begins TLS; nothing if that failed, which is recorded.
pub(super) async fn shake<W: World>(
    worker: &Worker<W>,
    stream: W::Stream,
    terms: &Terms,
) -> Option<TlsStream<W::Stream>> {
    let generation = worker.generation();
    let tls = Arc::clone(generation.material.server(&terms.name)?);
    let mut alarm = Alarm::new(&worker.world);
    let deadline = worker.world.now() + terms.timeouts.handshake;
    let waited = Cell::new(false);
    let mut shaking = pin!(async {
        let place = terms.handshakes.try_acquire();
        let _place = match place {
            Ok(place) => place,
            Err(_) => {
                waited.set(true);
                let limit = Limit::Handshakes;
                worker.record(0, Kind::Limited { limit });
                let place = terms.handshakes.acquire().await;
                place.map_err(io::Error::other)?
            }
        };
        generation.material.set_time(worker.world.unix_now());
        TlsAcceptor::from(tls).accept(stream).await
    });
    let shaken = poll_fn(|cx| match shaking.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(result.map_err(|error| failure(&error))),
        Poll::Pending => alarm
            .poll(cx, deadline)
            .map(|()| Err(HandshakeFailure::Timeout)),
    })
    .await;
    match shaken {
        Ok(stream) => {
            worker.record(0, success(&stream));
            Some(stream)
        }
        Err(reason) => {
            let late = reason == HandshakeFailure::Timeout;
            let reason = if late && waited.get() {
                HandshakeFailure::Full
            } else {
                reason
            };
            worker.record(0, Kind::HandshakeFailed { reason });
            None
        }
    }
}

fn success<S>(stream: &TlsStream<S>) -> Kind {
    let session = stream.get_ref().1;
    Kind::Handshake {
        resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
        version: match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => 12,
            _ => 13,
        },
    }
}

fn failure(error: &io::Error) -> HandshakeFailure {
    let inner = error.get_ref().and_then(|error| error.downcast_ref());
    match inner {
        None => HandshakeFailure::Left,
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            HandshakeFailure::Certificate
        }
        Some(_) => HandshakeFailure::Protocol,
    }
}
