//! Requests whose route has limits: they go on, wait, or get 429.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use evenkeel_core::limit::{self, Note, Refusal};
use evenkeel_core::time::Timestamp;
use evenkeel_core::trace::Kind;

use super::{After, Connection};
use crate::exchange;
use crate::generation::{Generation, PoolTarget};
use crate::h1::RequestHead;
use crate::key;
use crate::limit::{Asked, Limit, Presence};
use crate::log::Entry;
use crate::world::World;

impl<W: World> Connection<W> {
    /// Serves the request whose head takes the first `length` bytes of the buffer and which came at
    /// `now`, as far as its route's limits allow.
    pub(super) async fn throttle(
        &mut self,
        head: &RequestHead,
        length: usize,
        (id, mut now, mut entry): (u64, Timestamp, Option<Box<Entry>>),
        generation: Arc<Generation>,
        target: &PoolTarget,
    ) -> After {
        let (answer, presence) = self.ask(head, (id, now), &target.limits, entry.as_deref_mut());
        match answer {
            Ok(go) if go > now => {
                let left = self.hold(length, go).await;
                let came = std::mem::replace(&mut now, self.worker.world.now());
                if let Some(entry) = &mut entry {
                    entry.held = now.since(came);
                }
                if left {
                    self.rejected(id, 0, &mut entry);
                    self.log(id, entry);
                    return After::Abort;
                }
            }
            Ok(_) => {}
            Err(refusal) => {
                drop(presence);
                let seconds = retry_after(now, &refusal).to_string();
                let why = (429, "too many requests of this client".to_owned());
                let extra = [("Retry-After", seconds.as_bytes())];
                return self.turn_away(head, length, (id, entry), why, &extra).await;
            }
        }
        let after = exchange::run(self, head, length, (id, now, entry), generation, target).await;
        drop(presence);
        after
    }

    /// Asks the route's limits.
    fn ask<'a>(
        &self,
        head: &RequestHead,
        (id, now): (u64, Timestamp),
        limits: &'a [Arc<Limit>],
        entry: Option<&mut Entry>,
    ) -> (Result<Timestamp, Refusal>, Presence<'a>) {
        let (buf, from) = (self.buffer.filled(), self.forwarded);
        let key = |limit: &Limit| key::counted(limit.key(), head, buf, from, &self.terms.trusted);
        let asked = Asked { limits, key };
        let (answer, said) = limit::admit(&asked, now);
        for note in &said.notes {
            self.worker.record(
                id,
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
        (answer, Presence { limits, counted })
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
