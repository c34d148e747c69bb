//! The model's upstream side: connections that are counted, origins that work, faults.

use evenkeel_core::endpoint::EndpointIndex;
use evenkeel_core::request::Event;
use evenkeel_core::time::Timestamp;

use super::{Engine, What};
use crate::origin::Job;
use crate::plan::Change;

/// The legs of what comes after a dial begin here, beyond those of all attempts.
const MORE: u64 = 1 << 32;

impl Engine<'_> {
    /// Takes an idle connection, or dials: a round trip, to somebody who listens or not.
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
        let (serial, n) = (live.serial, live.arrival.n);
        let up = self.stations[self.origin(pool, endpoint)].is_up();
        let leg = 4 * u64::from(attempt);
        let mut round_trip = self.latency(n, leg + 2) + self.latency(n, leg + 3);
        let config = &self.plan.config().pools[usize::from(pool)];
        // TLS takes one more, and the endpoint's word on how many streams it takes another one.
        let more = if up {
            u64::from(config.tls.is_some()) + u64::from(config.http2)
        } else {
            0
        };
        for trip in 0..more {
            let leg = MORE + leg + 2 * trip;
            round_trip += self.latency(n, leg) + self.latency(n, leg + 1);
        }
        match (round_trip, up) {
            (0, true) => {
                self.opened(at);
                return Some(Event::Connected {
                    attempt,
                    reused: false,
                });
            }
            (0, false) => return Some(Event::DialFailed { attempt }),
            (_, true) => self.after(
                round_trip,
                What::Connected {
                    at,
                    serial,
                    attempt,
                },
            ),
            (_, false) => self.after(
                round_trip,
                What::Refused {
                    at,
                    serial,
                    attempt,
                },
            ),
        }
        None
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

    /// The request reaches its origin.
    pub(super) fn offer(&mut self, at: usize, attempt: u8) {
        let live = &mut self.live[at];
        live.offers = live.offers.saturating_add(1);
        let live = &self.live[at];
        let Some(endpoint) = live.request.endpoint() else {
            return;
        };
        let origin = self.origin(live.pool, endpoint);
        let (cpu_ns, io_ns) = self.service.draw(&live.arrival, live.offers);
        let id = (u64::from(live.serial) << 32) | at as u64;
        let job = Job {
            id,
            connection: live.arrival.n,
            cpu_ns,
            io_ns,
        };
        if self.stations[origin].offer(self.now, &job) {
            self.plan_station(origin);
        } else {
            self.lose(at, attempt);
        }
    }

    fn plan_station(&mut self, origin: usize) {
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
            let (at, serial) = ((id & 0xffff_ffff) as usize, (id >> 32) as u32);
            if self.is(at, serial) {
                let attempt = self.live[at].request.attempt();
                self.answer(at, attempt, false);
            }
        }
        self.finished = finished;
    }

    /// The origin has answered, or its connection is gone: the proxy learns of it one way later.
    fn answer(&mut self, at: usize, attempt: u8, lost: bool) {
        let live = &self.live[at];
        let serial = live.serial;
        let delay = self.latency(live.arrival.n, 4 * u64::from(attempt) + 1);
        self.after(
            delay,
            What::Reply {
                at,
                serial,
                attempt,
                lost,
            },
        );
    }

    fn lose(&mut self, at: usize, attempt: u8) {
        self.answer(at, attempt, true);
    }

    pub(super) fn reply(&mut self, at: usize, attempt: u8, lost: bool) {
        let live = &self.live[at];
        let event = match (lost, live.reused) {
            (false, _) if self.conduct.holds(live.arrival.workload) => {
                self.live[at].waiting.upgraded = true;
                Event::Upgraded { attempt }
            }
            (false, _) => {
                if let Some(endpoint) = live.request.endpoint() {
                    self.idle.put(live.pool, endpoint.slot);
                }
                Event::Head {
                    attempt,
                    status: 200,
                }
            }
            (true, true) => Event::StaleConnection {
                attempt,
                sent: true,
            },
            (true, false) => Event::UpstreamFailed {
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
        self.finished = finished;
        match change {
            Change::Slow(factor) => station.slow(now, factor),
            Change::Pause => station.pause(now),
            Change::Resume => station.resume(now),
            Change::Restart => station.restart(),
            Change::Crash => {
                let lost = station.crash(now);
                for (pool, row) in self.plan.behind.iter().enumerate() {
                    let slots = row
                        .iter()
                        .enumerate()
                        .filter(|(_, behind)| **behind == origin);
                    slots.for_each(|(slot, _)| self.idle.clear(pool as u16, slot as u32));
                }
                for id in lost {
                    let (at, serial) = ((id & 0xffff_ffff) as usize, (id >> 32) as u32);
                    if self.is(at, serial) {
                        let attempt = self.live[at].request.attempt();
                        self.lose(at, attempt);
                    }
                }
                self.cut_tunnels(origin);
            }
        }
        self.plan_station(origin);
    }
}
