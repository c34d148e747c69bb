//! Bytes on their way in the model: what a request and its response weigh, where links count that.
//!
//! Heads weigh nothing. The proxy passes a body on piece by piece, so that the two links of its way
//! work at the same time; the last piece crosses the second after it has crossed the first.

use evenkeel_core::request::Event;
use evenkeel_core::time::Timestamp;

use super::upstream::Sent;
use super::{Engine, Hop, Live, What};
use crate::link::Arrival as Arrived;
use crate::plan::Ask;
use crate::result::End;

/// The legs of bodies begin here, beyond those of heads and dials.
const BODY: u64 = 1 << 33;
/// What the proxy passes on in one go.
const PIECE: u64 = 16 << 10;

impl Engine<'_> {
    /// The bytes of a request's body and of its response's.
    #[inline(always)]
    pub(super) fn bytes(&self, live: &Live) -> (u64, u64) {
        if !self.wires.count_bytes() {
            return (0, 0);
        }
        self.weigh(live)
    }

    fn weigh(&self, live: &Live) -> (u64, u64) {
        let arrival = &live.arrival;
        let bytes = |ask: &Ask| (ask.body_bytes, ask.response_bytes);
        match &arrival.record {
            Some(record) => bytes(&Ask::recorded(record)),
            None => {
                let asks = &self.plan.asks[usize::from(arrival.workload)];
                bytes(&asks[usize::from(arrival.class)])
            }
        }
    }

    /// When something without bytes reaches the proxy that the client of a request sends at `sent`.
    pub(super) fn to_proxy(&self, live: &Live, leg: u64, sent: Timestamp) -> Timestamp {
        let hop = Hop::Down(live.place);
        self.arrival(hop, live.arrival.n, leg, sent, 0).at()
    }

    /// When something without bytes reaches the client of a request that the proxy sends at `sent`.
    pub(super) fn to_client(&self, live: &Live, leg: u64, sent: Timestamp) -> Timestamp {
        let hop = Hop::Answer(live.place);
        self.arrival(hop, live.arrival.n, leg, sent, 0).at()
    }

    /// When a request that its client sends at `sent` reaches the proxy, and notes when its last
    /// byte does.
    pub(super) fn upload(&mut self, live: &mut Live, sent: Timestamp) -> Arrived {
        let (hop, n) = (Hop::Down(live.place), live.arrival.n);
        let head = self.arrival(hop, n, 0, sent, 0);
        let body = match self.bytes(live).0 {
            0 => head,
            bytes => self.arrival(hop, n, BODY, sent, bytes),
        };
        live.uploaded = body.at();
        match (head, body) {
            (Arrived::At(_), Arrived::Lost(given_up)) => Arrived::Lost(given_up),
            _ => head,
        }
    }

    /// A request reaches the proxy of which a part is still to come, or which asks for a tunnel: it
    /// has no second try beside its first, until all of it is there.
    pub(super) fn wait_for_all(&mut self, live: &mut Live) {
        let holds = self.conduct.holds(live.arrival.workload);
        if holds || live.uploaded > self.now {
            live.request = live.request.partial();
        }
    }

    /// A request leaves for its origin.
    pub(super) fn pass(&mut self, live: &mut Live, attempt: u8) {
        let (serial, n, uploaded) = (live.serial, live.arrival.n, live.uploaded);
        if live.request.is_partial() && !self.conduct.holds(live.arrival.workload) {
            let at = live.at;
            self.plan_at(uploaded.max(self.now), What::Received { at, serial });
        }
        let hop = Hop::Up(live.place, live.origin);
        let leg = 4 * u64::from(attempt);
        let arrives = match self.bytes(live).0 {
            0 => self.arrival(hop, n, leg, self.now, 0),
            bytes => {
                let last = bytes.min(PIECE);
                let begun = self.arrival(hop, n, leg, self.now, bytes - last);
                let last = self.arrival(hop, n, BODY + leg, uploaded.max(self.now), last);
                later(begun, last)
            }
        };
        let at = live.at;
        let sent = Sent {
            serial,
            origin: live.origin as u32,
            attempt,
            fresh: !live.reused,
        };
        live.on_way += u16::from(matches!(arrives, Arrived::At(_)));
        match arrives {
            Arrived::At(now) if now <= self.now => self.offer(live, sent),
            Arrived::At(arrives) => self.plan_at(arrives, What::Offer { at, sent }),
            Arrived::Lost(now) if now <= self.now => self.reply(live, attempt, None),
            Arrived::Lost(given_up) => self.plan_at(
                given_up,
                What::Reply {
                    at,
                    serial,
                    attempt,
                    status: None,
                },
            ),
        }
    }

    /// When the answer of the origin, which leaves now, reaches the proxy: the head of a long
    /// response alone, and notes when its last byte does.
    pub(super) fn download(
        &mut self,
        live: &mut Live,
        attempt: u8,
        status: Option<u16>,
    ) -> Arrived {
        let bytes = match status {
            Some(200) => self.bytes(live).1,
            _ => 0,
        };
        let n = live.arrival.n;
        let hop = Hop::Back(live.place, live.origin);
        let leg = 4 * u64::from(attempt) + 1;
        let first = if bytes <= PIECE { bytes } else { 0 };
        let head = self.arrival(hop, n, leg, self.now, first);
        let body = match bytes - first {
            0 => head,
            rest => self.arrival(hop, n, BODY + leg, self.now, rest),
        };
        live.downloaded = body.at();
        match body {
            Arrived::At(_) => head,
            lost => later(head, lost),
        }
    }

    /// The response sets out for its client, and ends when its last byte has come.
    pub(super) fn relay(&mut self, live: &mut Live) -> Option<Event> {
        live.forwarded = self.now;
        let idle = &mut self.proxies[live.process].idle;
        idle.put(live.pool, live.slot, self.now);
        let (serial, downloaded) = (live.serial, live.downloaded);
        if !self.wires.count_bytes() || downloaded <= self.now {
            return Some(Event::BodyEnded);
        }
        self.plan_at(
            downloaded,
            What::Ended {
                at: live.at,
                serial,
            },
        );
        None
    }

    /// When the last byte of a response of `bytes` reaches its client, if it is at the proxy now.
    pub(super) fn answered(&self, live: &Live, bytes: u64) -> Arrived {
        let (hop, n) = (Hop::Answer(live.place), live.arrival.n);
        let last = bytes.min(PIECE);
        let begun = match bytes - last {
            0 => Arrived::At(Timestamp::ZERO),
            rest => self.arrival(hop, n, BODY + 1, live.forwarded, rest),
        };
        later(begun, self.arrival(hop, n, 1, self.now, last))
    }

    /// A request meets nobody who listens: it learns of it one way later.
    pub(super) fn refuse(&mut self, live: &mut Live) {
        let done = self.answered(live, 0).at();
        self.complete(live, End::Refused, done);
    }
}

/// Both, one after the other.
fn later(one: Arrived, other: Arrived) -> Arrived {
    let at = one.at().max(other.at());
    match (one, other) {
        (Arrived::At(_), Arrived::At(_)) => Arrived::At(at),
        _ => Arrived::Lost(at),
    }
}
