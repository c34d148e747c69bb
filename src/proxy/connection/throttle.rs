//! Requests whose route has limits: they go on, wait, or get 429.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use evenkeel_core::limit::{self, Note, Refusal};
use evenkeel_core::time::Timestamp;
use evenkeel_core::trace::Kind;

use super::{After, Connection};
use crate::h1::RequestHead;
use crate::key;
use crate::limit::{Asked, Limit, Presence};
use crate::log::Entry;
use crate::world::World;

/// A request as it is known before its pool: its number, when it came, what the log says of it.
pub(super) type Told = (u64, Timestamp, Option<Box<Entry>>);

/// A request that does not go on at once.
pub(super) enum Stop<'a> {
    /// It waits until then.
    Held(Timestamp, Presence<'a>),
    Refused(Refusal),
}

impl<W: World> Connection<W> {
    /// Asks the route's limits, if it has any, whether the request may go on at once. What has to
    /// wait for anything is elsewhere, so that most requests carry nothing of it.
    pub(super) fn admit<'a>(
        &self,
        head: &RequestHead,
        (id, now, entry): &mut Told,
        limits: &'a [Arc<Limit>],
    ) -> Result<Option<Presence<'a>>, Stop<'a>> {
        if limits.is_empty() {
            return Ok(None);
        }
        let (buf, from) = (self.buffer.filled(), self.forwarded);
        let key = |limit: &Limit| key::counted(limit.key(), head, buf, from, &self.terms.trusted);
        let (answer, said) = limit::admit(&Asked { limits, key }, *now);
        for note in &said.notes {
            self.worker.record(
                *id,
                Kind::Throttled {
                    rule: limits[note.rule].id(),
                    verdict: note.verdict,
                    dry_run: note.dry_run,
                },
            );
        }
        let acts = |note: &&Note| !note.dry_run && note.verdict != limit::Verdict::Forgot;
        if let (Some(entry), Some(note)) = (entry, said.notes.iter().find(acts)) {
            entry.limit = limits[note.rule].name().to_owned();
        }
        let counted = said.counted;
        let presence = Presence { limits, counted };
        match answer {
            Ok(go) if go > *now => Err(Stop::Held(go, presence)),
            Ok(_) => Ok(Some(presence)),
            Err(refusal) => Err(Stop::Refused(refusal)),
        }
    }

    /// Holds back or turns away the request whose head takes the first `length` bytes of the
    /// buffer. It goes on, later than it came, or its connection does without it.
    pub(super) async fn stop<'a>(
        &mut self,
        head: &RequestHead,
        length: usize,
        (id, now, entry): &mut Told,
        stop: Stop<'a>,
    ) -> Result<Presence<'a>, After> {
        match stop {
            Stop::Held(go, presence) => {
                let left = self.hold(length, go).await;
                let came = std::mem::replace(now, self.worker.world.now());
                if let Some(entry) = entry {
                    entry.held = now.since(came);
                }
                if !left {
                    return Ok(presence);
                }
                self.rejected(*id, 0, entry);
                self.log(*id, entry.take());
                Err(After::Abort)
            }
            Stop::Refused(refusal) => {
                let seconds = retry_after(*now, &refusal).to_string();
                let why = (429, "too many requests of this client".to_owned());
                let extra = [("Retry-After", seconds.as_bytes())];
                let what = (*id, entry.take());
                Err(self.turn_away(head, length, what, why, &extra).await)
            }
        }
    }

    /// Holds the request back until `go`; its head takes the first `length` bytes of the buffer.
    /// True if its client has left.
    async fn hold(&mut self, length: usize, go: Timestamp) -> bool {
        poll_fn(|cx| {
            if self.poll_left(cx, length).is_ready() {
                return Poll::Ready(true);
            }
            self.alarm.poll(cx, go).map(|()| false)
        })
        .await
    }
}

/// Whole seconds until the next request may come, at least one.
fn retry_after(now: Timestamp, refusal: &Refusal) -> u64 {
    let wait = refusal.again.unwrap_or_default().since(now);
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}
