//! What an exchange does for its request's session: it hears what the application calls it, and
//! tells the client where it lives.

use evenkeel_core::affinity::Name;

use super::Exchange;
use crate::h1::encode;
use crate::world::World;

impl<W: World> Exchange<'_, W> {
    /// Hears what the application calls the session in a response whose head takes `length` bytes.
    /// False if more of the body must come first.
    pub(super) fn learn(&mut self, length: usize) -> bool {
        let (Some(keeper), Some(session), Some(upstream)) = (
            &self.target.affinity,
            &mut self.life.session,
            &self.upstream,
        ) else {
            return true;
        };
        let buf = upstream.buffer.filled();
        let body = &buf[length..];
        session.named = keeper.named(&self.draft.response, buf, body);
        session.named.is_some() || !keeper.wants_body(session, &self.draft.response, body)
    }

    /// Tells the client where its session lives, if it has to be told: in the head that is about to
    /// be passed on, which no cache may then give to others.
    pub(super) fn tell(&mut self) {
        let (Some(keeper), Some(session), Some(upstream), Some(download)) = (
            &self.target.affinity,
            self.life.session,
            &self.upstream,
            &mut self.download,
        ) else {
            return;
        };
        if !session.tell {
            return;
        }
        let slot = upstream.endpoint.slot;
        let pool = self.life.pool();
        let home = pool.with(|state| state.name(slot).map(Name::of));
        let tls = self.connection.forwarded.proto == "https";
        let unix_now = self.connection.worker.world.unix_now();
        let head = download.head();
        if let Some(cookie) = home.and_then(|home| keeper.cookie(home, unix_now, tls))
            && head.ends_with(b"\r\n\r\n")
        {
            head.truncate(head.len() - 2);
            encode::field(b"Set-Cookie", cookie.as_bytes(), head);
            encode::field(b"Cache-Control", b"private", head);
            head.extend_from_slice(b"\r\n");
        }
    }
}
