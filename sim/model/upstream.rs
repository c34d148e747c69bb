//! The model's upstream side: connections that are counted, origins that work, faults.

use evenkeel_core::endpoint::EndpointIndex;
use evenkeel_core::request::Event;
use evenkeel_core::time::Timestamp;

use super::probe::PROBE;
use super::{Engine, What};
use crate::origin::{Job, Verdict};
use crate::timeline::Change;

/// The legs of what comes after a dial begin here, beyond those of all attempts.
const MORE: u64 = 1 << 32;

impl Engine<'_> {
    /// Takes an idle connection, or dials.
    pub(super) fn connect(
        &mut self,
        at: usize,
        attempt: u8,
        endpoint: EndpointIndex,
        fresh: bool,
    ) -> Option<Event> {
        let live = &mut self.live[at];
        live.serial += 1;
        let pool = live.pool;
        live.reused = !fresh && self.idle.take(pool, endpoint.slot);
        if live.reused {
            return Some(Event::Connected {
                attempt,
                reused: true,
            });
        }
        let serial = live.serial;
        let what = What::Dial {
            at,
            serial,
            attempt,
        };
        match self.over(self.origin(pool, endpoint), at, 4 * u64::from(attempt) + 2) {
            0 => self.dialled(at, attempt),
            delay => {
                self.after(delay, what);
                None
            }
        }
    }

    /// A dial reaches its origin, where somebody listens or not: the way back, and what TLS and
    /// HTTP/2 have to say before a request may.
    pub(super) fn dialled(&mut self, at: usize, attempt: u8) -> Option<Event> {
        let live = &self.live[at];
        let (serial, pool) = (live.serial, live.pool);
        let origin = self.origin(pool, live.request.endpoint()?);
        let welcome = self.stations[origin].is_up() && !self.troubles[origin].refuses();
        let leg = 4 * u64::from(attempt);
        let mut delay = self.over(origin, at, leg + 3);
        let config = &self.plan.config().pools[usize::from(pool)];
        // TLS takes one more, and the endpoint's word on how many streams it takes another one.
        let more = if welcome {
            u64::from(config.tls.is_some()) + u64::from(config.http2)
        } else {
            0
        };
        let n = live.arrival.n;
        if more > 0
            && let Some(unread) = &mut self.unread[origin]
        {
            // A kernel takes the connection, and nobody says what it waits for.
            unread.push(What::Dial {
                at,
                serial,
                attempt,
            });
            return None;
        }
        for trip in 0..more {
            let leg = MORE + leg + 2 * trip;
            delay += self.latency(n, leg) + self.latency(n, leg + 1);
        }
        match (delay, welcome) {
            (0, true) => {
                self.opened(at);
                return Some(Event::Connected {
                    attempt,
                    reused: false,
                });
            }
            (0, false) => return Some(Event::DialFailed { attempt }),
            (_, true) => self.after(
                delay,
                What::Connected {
                    at,
                    serial,
                    attempt,
                },
            ),
            (_, false) => self.after(
                delay,
                What::Refused {
                    at,
                    serial,
                    attempt,
                },
            ),
        }
        None
    }

    /// How long something takes to `origin` or back that is sent now: one way, `leg` of the request
    /// in slot `at`, and before it what is left of a hole.
    fn over(&self, origin: usize, at: usize, leg: u64) -> u64 {
        let leaves = self.timeline.holes[origin].leaves(self.now);
        leaves.0 - self.now.0 + self.latency(self.live[at].arrival.n, leg)
    }

    /// A connection of a request is there: one of HTTP/2 for others, too.
    pub(super) fn opened(&mut self, at: usize) {
        let live = &self.live[at];
        if let Some(endpoint) = live.request.endpoint() {
            self.idle.open(live.pool, endpoint.slot);
        }
    }

    pub(super) fn origin(&self, pool: u16, endpoint: EndpointIndex) -> usize {
        self.plan.behind[usize::from(pool)][endpoint.slot as usize]
    }

    /// The origin of a request's present try.
    fn present(&self, at: usize) -> Option<usize> {
        let live = &self.live[at];
        let endpoint = live.request.endpoint()?;
        Some(self.origin(live.pool, endpoint))
    }

    /// The request sets out to its origin.
    pub(super) fn dispatch(&mut self, at: usize, attempt: u8) {
        let Some(origin) = self.present(at) else {
            return;
        };
        let delay = self.over(origin, at, 4 * u64::from(attempt));
        let serial = self.live[at].serial;
        self.after(
            delay,
            What::Offer {
                at,
                serial,
                attempt,
            },
        );
    }

    /// The request reaches its origin.
    pub(super) fn offer(&mut self, at: usize, attempt: u8) {
        let Some(origin) = self.present(at) else {
            return;
        };
        let live = &mut self.live[at];
        if let Some(unread) = &mut self.unread[origin] {
            let serial = live.serial;
            return unread.push(What::Offer {
                at,
                serial,
                attempt,
            });
        }
        live.offers = live.offers.saturating_add(1);
        let live = &self.live[at];
        let (workload, n, offers) = (live.arrival.workload, live.arrival.n, live.offers);
        if self.stations[origin].is_up() {
            // A connection that carries others is not one that was idle.
            let http2 = self.plan.config().pools[usize::from(live.pool)].http2;
            let was_idle = live.reused && !http2;
            match self.troubles[origin].verdict(workload, n, offers, was_idle) {
                Verdict::Serve => {}
                Verdict::Reset => return self.answer(origin, at, attempt, None),
                Verdict::Answer(status) => return self.answer(origin, at, attempt, Some(status)),
            }
        }
        let (cpu_ns, io_ns) = self.service.draw(&live.arrival, live.offers);
        let id = (u64::from(live.serial) << 32) | at as u64;
        let job = Job {
            id,
            connection: live.arrival.n,
            fresh: !live.reused,
            cpu_ns,
            io_ns,
        };
        if self.stations[origin].offer(self.now, &job) {
            self.plan_station(origin);
        } else {
            self.answer(origin, at, attempt, None);
        }
    }

    pub(super) fn plan_station(&mut self, origin: usize) {
        let next = self.stations[origin].next().unwrap_or(Timestamp::MAX);
        self.agenda.set(origin, next, self.serial);
        self.serial += 1;
    }

    /// An origin has something to finish.
    pub(super) fn advance(&mut self, origin: usize) {
        let mut finished = std::mem::take(&mut self.finished);
        self.stations[origin].advance(self.now, &mut |id, at| finished.push((id, at)));
        self.plan_station(origin);
        for (id, _) in finished.drain(..) {
            self.settle(origin, id, Some(200));
        }
        self.finished = finished;
    }

    /// A job is done, or without a status lost; its request may be gone.
    fn settle(&mut self, origin: usize, id: u64, status: Option<u16>) {
        if id & PROBE != 0 {
            return self.settle_probe(id, status.is_some());
        }
        let (at, serial) = ((id & 0xffff_ffff) as usize, (id >> 32) as u32);
        if self.is(at, serial) {
            let attempt = self.live[at].request.attempt();
            self.answer(origin, at, attempt, status);
        }
    }

    /// The origin has answered, or without a status its connection is gone: the proxy learns of it
    /// one way later.
    fn answer(&mut self, origin: usize, at: usize, attempt: u8, status: Option<u16>) {
        let delay = self.over(origin, at, 4 * u64::from(attempt) + 1);
        let serial = self.live[at].serial;
        self.after(
            delay,
            What::Reply {
                at,
                serial,
                attempt,
                status,
            },
        );
    }

    pub(super) fn reply(&mut self, at: usize, attempt: u8, status: Option<u16>) {
        let live = &self.live[at];
        let event = match (status, live.reused) {
            (Some(200), _) if self.conduct.holds(live.arrival.workload) => {
                self.live[at].waiting.upgraded = true;
                Event::Upgraded { attempt }
            }
            (Some(status), _) => {
                if let Some(endpoint) = live.request.endpoint() {
                    self.idle.put(live.pool, endpoint.slot);
                }
                Event::Head { attempt, status }
            }
            (None, true) => Event::StaleConnection {
                attempt,
                sent: true,
            },
            (None, false) => Event::UpstreamFailed {
                attempt,
                sent: true,
            },
        };
        self.report(at, event);
    }

    pub(super) fn change(&mut self, origin: usize, change: Change) {
        let now = self.now;
        let mut finished = std::mem::take(&mut self.finished);
        let station = &mut self.stations[origin];
        station.advance(now, &mut |id, at| finished.push((id, at)));
        debug_assert!(
            finished.is_empty(),
            "what was due has been taken before a change"
        );
        match change {
            Change::Slow(factor) => station.slow(now, factor),
            Change::Pause => {
                station.pause(now);
                let unread = &mut self.unread[origin];
                *unread = unread.take().or_else(|| station.is_up().then(Vec::new));
            }
            Change::Resume => {
                station.resume(now);
                // Who has given up is not among them any more.
                let unread = self.unread[origin].take();
                unread
                    .into_iter()
                    .flatten()
                    .for_each(|what| self.happen(what));
            }
            Change::Hang => station.hang(),
            Change::Release => station.release(now, &mut |id, at| finished.push((id, at))),
            Change::Restart => station.restart(),
            Change::Crash => {
                for id in station.crash(now) {
                    self.settle(origin, id, None);
                }
                // With nobody to read it, what is unread finds nobody who listens.
                let unread = self.unread[origin].take();
                unread
                    .into_iter()
                    .flatten()
                    .for_each(|what| self.happen(what));
                self.forget(origin);
                self.cut_tunnels(origin);
            }
            Change::Refuse(_) | Change::Reset(_) | Change::Race(_) | Change::Errors { .. } => {
                self.troubles[origin].change(change);
            }
        }
        for (id, _) in finished.drain(..) {
            self.settle(origin, id, Some(200));
        }
        self.finished = finished;
        self.plan_station(origin);
    }

    /// An origin's idle connections are closed.
    fn forget(&mut self, origin: usize) {
        for (pool, row) in (0..).zip(&self.plan.behind) {
            let slots = (0..).zip(row).filter(|(_, behind)| **behind == origin);
            slots.for_each(|(slot, _)| self.idle.clear(pool, slot));
        }
    }
}
