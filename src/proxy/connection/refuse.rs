//! Answers that no endpoint gives: refusals, redirects, errors.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use evenkeel_core::time::Timestamp;
use evenkeel_core::trace::{Event, Kind, Limit, NO_POOL};
use tokio::io::AsyncWrite;

use super::{After, Connection};
use crate::channel::Sink as _;
use crate::config;
use crate::h1::{self, Local, Method, Reject, RequestHead};
use crate::log::Entry;
use crate::route;
use crate::world::World;

impl<W: World> Connection<W> {
    /// Answers in no pool's name. The connection goes on if the request has no body.
    pub(super) async fn turn_away(
        &mut self,
        head: &RequestHead,
        length: usize,
        (id, mut entry): (u64, Option<Box<Entry>>),
        (status, why): (u16, String),
        extra: &[h1::encode::Extra<'_>],
    ) -> After {
        self.rejected(id, status, &mut entry);
        let keep = head.keep_alive && head.framing.is_empty() && !self.worker.is_draining();
        let head_only = head.method == Method::Head;
        self.buffer.consume(length);
        let sent = self
            .local(Vec::new(), id, status, &why, extra, (!keep, head_only))
            .await;
        self.log(id, entry);
        if keep && sent {
            After::Keep
        } else {
            After::Close
        }
    }

    /// Answers a head that cannot be read; the connection is to close.
    pub(super) async fn refuse(&mut self, reject: Reject) {
        let limit = match reject {
            Reject::TargetTooLong => Some(Limit::UriBytes),
            Reject::TooManyFields => Some(Limit::Headers),
            Reject::TooLarge => Some(Limit::HeaderBytes),
            _ => None,
        };
        if let Some(limit) = limit {
            self.worker.record(0, Kind::Limited { limit });
        }
        self.reject(reject.status(), reject.to_string()).await;
    }

    /// Answers something that is no request; the connection is to close.
    pub(super) async fn reject(&mut self, status: u16, why: String) {
        let id = self.worker.proxy.number();
        let mut entry = self.worker.log.as_ref().map(|_| {
            let mut entry = Entry::new(self.worker.world.now());
            entry.client = self.client();
            Box::new(entry)
        });
        self.rejected(id, status, &mut entry);
        self.local(Vec::new(), id, status, &why, &[], (true, false))
            .await;
        self.log(id, entry);
    }

    /// Records a refusal, before the answer: who has it must find it counted.
    pub(super) fn rejected(&self, id: u64, status: u16, entry: &mut Option<Box<Entry>>) {
        let event = Event {
            at: self.worker.world.now(),
            request: id,
            pool: NO_POOL,
            attempt: 0,
            endpoint: None,
            kind: Kind::Rejected { status },
        };
        self.worker.world.record(&event);
        if let Some(entry) = entry {
            entry.note(&event);
        }
    }

    pub(super) fn log(&self, id: u64, entry: Option<Box<Entry>>) {
        if let (Some(log), Some(entry)) = (&self.worker.log, entry) {
            let unix = self.worker.world.unix_now();
            entry.write(log, &self.worker.request_id(id), unix, |_| None, &[]);
        }
    }

    /// What the log says of the request whose head is at the front of the buffer, if there is one.
    pub(super) fn entry(
        &self,
        now: Timestamp,
        head: &RequestHead,
        pool: &str,
    ) -> Option<Box<Entry>> {
        self.worker.log.as_ref()?;
        let buf = self.buffer.filled();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut entry = Entry::new(now);
        entry.client = self.client();
        entry.method = text(head.method_name.of(buf));
        entry.host = text(head.authority.of(buf));
        entry.path = text(head.target.whole.of(buf));
        entry.pool = pool.to_owned();
        Some(Box::new(entry))
    }

    fn client(&self) -> String {
        let peer = self.forwarded.peer;
        peer.map_or("unix".into(), |peer| peer.to_string())
    }

    /// Writes an answer of our own behind the bytes of `out`. False if the client did not take it.
    pub(crate) async fn local(
        &mut self,
        mut out: Vec<u8>,
        id: u64,
        status: u16,
        text: &str,
        extra: &[h1::encode::Extra<'_>],
        (close, head_only): (bool, bool),
    ) -> bool {
        let request_id = self.worker.request_id(id);
        let local = Local {
            status,
            text,
            request_id: &request_id,
            close,
            head_only,
            extra,
        };
        local.encode(&mut out);
        let deadline = self.worker.world.now() + self.terms.timeouts.write;
        let mut written = 0;
        poll_fn(|cx| {
            while written < out.len() {
                match Pin::new(&mut self.stream).poll_write(cx, &out[written..]) {
                    Poll::Ready(Ok(n)) if n > 0 => written += n,
                    Poll::Ready(_) => return Poll::Ready(false),
                    Poll::Pending => return self.alarm.poll(cx, deadline).map(|()| false),
                }
            }
            match self.stream.poll_finish(cx, &[]) {
                Poll::Ready(result) => Poll::Ready(result.is_ok()),
                Poll::Pending => self.alarm.poll(cx, deadline).map(|()| false),
            }
        })
        .await
    }
}

/// The same place over https.
pub(super) fn https(redirect: config::Redirect, head: &RequestHead, buf: &[u8]) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let host = text(route::without_port(head.authority.of(buf)));
    let port = match redirect.port {
        443 => String::new(),
        port => format!(":{port}"),
    };
    let path = match head.target.path(buf) {
        b"*" => "/".into(),
        path => text(path),
    };
    format!(
        "https://{host}{port}{path}{}",
        text(head.target.query.of(buf))
    )
}
