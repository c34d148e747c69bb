//! The model's upstream side: connections that are counted, origins that work, faults.

use std::time::Duration;

use evenkeel_core::endpoint::EndpointIndex;
use evenkeel_core::request::Event;
use evenkeel_core::time::Timestamp;

use super::probe::PROBE;
use super::proxy::Proxy;
use super::{Engine, Hop, What};
use crate::link::Arrival as Arrived;
use crate::origin::{Job, Verdict};
use crate::timeline::Change;

/// After how long Linux repeats a SYN that nobody has answered, for the first time.
const SYN_TIMEOUT: Duration = Duration::from_secs(1);
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
        let proxy = &mut self.proxies[live.process];
        live.origin = proxy.origin(pool, endpoint);
        live.reused = !fresh && proxy.idle.take(pool, endpoint.slot, self.now);
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
        let (n, hop) = (live.arrival.n, Hop::Up(live.place, live.origin));
        let reaches = self
            .arrival(hop, n, 4 * u64::from(attempt) + 2, self.now, 0)
            .at();
        if reaches <= self.now {
            return self.dialled(at, attempt);
        }
        self.plan_at(reaches, what);
        None
    }

    /// A dial reaches its origin, where somebody listens or not: the way back, and what TLS and
    /// HTTP/2 have to say before a request may.
    pub(super) fn dialled(&mut self, at: usize, attempt: u8) -> Option<Event> {
        let live = &self.live[at];
        let (serial, pool) = (live.serial, live.pool);
        let (n, place, origin) = (live.arrival.n, live.place, live.origin);
        let (there, back) = (Hop::Up(place, origin), Hop::Back(place, origin));
        let welcome = self.stations[origin].is_up() && !self.troubles[origin].refuses();
        let leg = 4 * u64::from(attempt);
        if welcome && !self.queues(origin) {
            // A full backlog drops it in silence, and the kernel tries again.
            let again = What::Dial {
                at,
                serial,
                attempt,
            };
            self.plan_at(self.now + SYN_TIMEOUT, again);
            return None;
        }
        let mut ready = self.arrival(back, n, leg + 3, self.now, 0).at();
        let config = &self.plan.config().pools[usize::from(pool)];
        // TLS takes one more, and the endpoint's word on how many streams it takes another one.
        let more = if welcome {
            u64::from(config.tls.is_some()) + u64::from(config.http2)
        } else {
            0
        };
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
            ready = self.arrival(there, n, leg, ready, 0).at();
            ready = self.arrival(back, n, leg + 1, ready, 0).at();
        }
        match (ready <= self.now, welcome) {
            (true, true) => {
                self.opened(at);
                return Some(Event::Connected {
                    attempt,
                    reused: false,
                });
            }
            (true, false) => return Some(Event::DialFailed { attempt }),
            (false, true) => self.plan_at(
                ready,
                What::Connected {
                    at,
                    serial,
                    attempt,
                },
            ),
            (false, false) => self.plan_at(
                ready,
                What::Refused {
                    at,
                    serial,
                    attempt,
                },
            ),
        }
        None
    }

    /// A connection reaches an origin; false if a paused one has no room for it in its backlog.
    fn queues(&mut self, origin: usize) -> bool {
        let Some(_) = &self.unread[origin] else {
            return true;
        };
        // The kernel queues one more than it was asked to.
        let room = self.unaccepted[origin] <= self.plan.scenario.origin.backlog;
        self.unaccepted[origin] += u32::from(room);
        room
    }

    /// A connection of a request is there: one of HTTP/2 for others, too.
    pub(super) fn opened(&mut self, at: usize) {
        let live = &self.live[at];
        if let Some(endpoint) = live.request.endpoint() {
            let idle = &mut self.proxies[live.process].idle;
            idle.open(live.pool, endpoint.slot);
        }
    }

    /// The request reaches its origin.
    pub(super) fn offer(&mut self, at: usize, attempt: u8) {
        let live = &mut self.live[at];
        let origin = live.origin;
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
                Verdict::Reset => return self.answer(at, attempt, None),
                Verdict::Answer(status) => return self.answer(at, attempt, Some(status)),
            }
        }
        let (cpu_ns, io_ns) = self.service.draw_ahead(&live.arrival, live.offers);
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
            self.answer(at, attempt, None);
        }
    }

    pub(super) fn plan_station(&mut self, origin: usize) {
        let next = self.stations[origin].next().unwrap_or(Timestamp::MAX);
        self.agenda.set(origin, next, self.serial);
        self.serial += 1;
        if self.proxies.iter().any(Proxy::foresees) {
            let until = Timestamp(self.now.0 + self.stations[origin].work_left(self.now));
            self.proxies
                .iter()
                .for_each(|proxy| proxy.foresee(origin, until));
        }
    }

    /// An origin has something to finish.
    pub(super) fn advance(&mut self, origin: usize) {
        let mut finished = std::mem::take(&mut self.finished);
        self.stations[origin].advance(self.now, &mut |id, at| finished.push((id, at)));
        self.plan_station(origin);
        for (id, _) in finished.drain(..) {
            self.settle(id, Some(200));
        }
        self.finished = finished;
    }

    /// A job is done, or without a status lost; its request may be gone.
    fn settle(&mut self, id: u64, status: Option<u16>) {
        if id & PROBE != 0 {
            return self.settle_probe(id, status.is_some());
        }
        let (at, serial) = ((id & 0xffff_ffff) as usize, (id >> 32) as u32);
        if self.is(at, serial) {
            let attempt = self.live[at].request.attempt();
            self.answer(at, attempt, status);
        }
    }

    /// The origin has answered, or without a status its connection is gone: the proxy learns of it
    /// one way later.
    fn answer(&mut self, at: usize, attempt: u8, status: Option<u16>) {
        let (arrives, status) = match self.download(at, attempt, status) {
            Arrived::At(arrives) => (arrives, status),
            Arrived::Lost(arrives) => (arrives, None),
        };
        if arrives <= self.now {
            return self.reply(at, attempt, status);
        }
        let serial = self.live[at].serial;
        self.plan_at(
            arrives,
            What::Reply {
                at,
                serial,
                attempt,
                status,
            },
        );
    }

    pub(super) fn reply(&mut self, at: usize, attempt: u8, status: Option<u16>) {
        if status.is_some() {
            self.name_session(at);
        }
        let live = &self.live[at];
        let event = match (status, live.reused) {
            (Some(200), _) if self.conduct.holds(live.arrival.workload) => {
                self.live[at].waiting.upgraded = true;
                Event::Upgraded { attempt }
            }
            (Some(status), _) => {
                if let Some(endpoint) = live.request.endpoint() {
                    let idle = &mut self.proxies[live.process].idle;
                    idle.put(live.pool, endpoint.slot, self.now);
                }
                let next = self.decide(at, Event::Head { attempt, status });
                return self.go_on(at, next);
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
                if unread.is_none() {
                    self.unaccepted[origin] = 0;
                }
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
                    self.settle(id, None);
                }
                // With nobody to read it, what is unread finds nobody who listens.
                let unread = self.unread[origin].take();
                unread
                    .into_iter()
                    .flatten()
                    .for_each(|what| self.happen(what));
                let proxies = self.proxies.iter_mut();
                proxies.for_each(|proxy| proxy.clear(origin));
                self.cut_tunnels(origin);
            }
            Change::Refuse(_) | Change::Reset(_) | Change::Race(_) | Change::Errors { .. } => {
                self.troubles[origin].change(change);
            }
        }
        for (id, _) in finished.drain(..) {
            self.settle(id, Some(200));
        }
        self.finished = finished;
        self.plan_station(origin);
    }
}
