//! The model's upstream side: connections that are counted, origins that work, faults.

use std::time::Duration;

use evenkeel_core::endpoint::EndpointIndex;
use evenkeel_core::request::Event;
use evenkeel_core::time::{Span, Timestamp};

use super::probe::PROBE;
use super::{Engine, Hop, Live, What};
use crate::link::Arrival as Arrived;
use crate::origin::{self, Job, Station, Trouble, Verdict};
use crate::plan::{self, Plan};
use crate::timeline::Change;

/// After how long Linux repeats a SYN that nobody has answered, for the first time.
const SYN_TIMEOUT: Duration = Duration::from_secs(1);
/// The legs of what comes after a dial begin here, beyond those of all attempts.
const MORE: u64 = 1 << 32;

/// An application, and how its host and its faults treat what reaches it.
pub(super) struct Origin {
    pub(super) station: Station,
    /// What is wrong with it.
    pub(super) trouble: Trouble,
    /// While it is paused: what has reached it and is not read.
    pub(super) unread: Option<Vec<What>>,
    /// And how many new connections wait in its backlog.
    unaccepted: u32,
}

impl Origin {
    /// All of a plan, idle and in order.
    pub(super) fn all(plan: &Plan, seed: u64) -> Vec<Self> {
        let new = |(origin, n): (&plan::Origin, u64)| Self {
            station: Station::new(origin.spec.clone(), origin::draws(seed, n)),
            trouble: Trouble::new(seed),
            unread: None,
            unaccepted: 0,
        };
        plan.origins.iter().zip(0..).map(new).collect()
    }

    /// Whether somebody listens and takes connections.
    pub(super) fn is_welcoming(&self) -> bool {
        self.station.is_up() && !self.trouble.refuses()
    }

    /// A connection reaches it; false if a paused one has no room for it in its backlog.
    fn queues(&mut self, backlog: u32) -> bool {
        if self.unread.is_none() {
            return true;
        }
        // The kernel queues one more than it was asked to.
        let room = self.unaccepted <= backlog;
        self.unaccepted += u32::from(room);
        room
    }
}

/// A try of a request that was sent. It is worked on, whether or not somebody still waits for it
/// (`crate::origin::connection`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// What its slot awaits while it is not given up.
    pub(super) serial: u32,
    pub(super) origin: u32,
    pub(super) attempt: u8,
    /// It is the first on its connection.
    pub(super) fresh: bool,
}

impl Engine<'_> {
    /// Takes an idle connection, or dials.
    pub(super) fn connect(
        &mut self,
        live: &mut Live,
        attempt: u8,
        endpoint: EndpointIndex,
        fresh: bool,
    ) -> Option<Event> {
        live.renew();
        (live.attempt, live.slot) = (attempt, endpoint.slot);
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
            at: live.at,
            serial,
            attempt,
        };
        let (n, hop) = (live.arrival.n, Hop::Up(live.place, live.origin));
        let reaches = self
            .arrival(hop, n, 4 * u64::from(attempt) + 2, self.now, 0)
            .at();
        if reaches <= self.now {
            return self.dialled(live, attempt);
        }
        self.plan_at(reaches, what);
        None
    }

    /// A dial reaches its origin, where somebody listens or not: the way back, and what TLS and
    /// HTTP/2 have to say before a request may.
    pub(super) fn dialled(&mut self, live: &mut Live, attempt: u8) -> Option<Event> {
        let (serial, pool) = (live.serial, live.pool);
        let (n, place, origin) = (live.arrival.n, live.place, live.origin);
        let (there, back) = (Hop::Up(place, origin), Hop::Back(place, origin));
        let welcome = self.origins[origin].is_welcoming();
        let leg = 4 * u64::from(attempt);
        if welcome && !self.origins[origin].queues(self.plan.scenario.origin.backlog) {
            // A full backlog drops it in silence, and the kernel tries again.
            let again = What::Dial {
                at: live.at,
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
            && let Some(unread) = &mut self.origins[origin].unread
        {
            // A kernel takes the connection, and nobody says what it waits for.
            unread.push(What::Dial {
                at: live.at,
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
                self.opened(live);
                return Some(Event::Connected {
                    attempt,
                    reused: false,
                });
            }
            (true, false) => return Some(Event::DialFailed { attempt }),
            (false, true) => self.plan_at(
                ready,
                What::Connected {
                    at: live.at,
                    serial,
                    attempt,
                },
            ),
            (false, false) => self.plan_at(
                ready,
                What::Refused {
                    at: live.at,
                    serial,
                    attempt,
                },
            ),
        }
        None
    }

    /// A connection of a request is there: one of HTTP/2 for others, too.
    pub(super) fn opened(&mut self, live: &Live) {
        let idle = &mut self.proxies[live.process].idle;
        idle.open(live.pool, live.slot);
    }

    /// The request reaches its origin.
    pub(super) fn offer(&mut self, live: &mut Live, sent: Sent) {
        let origin = &mut self.origins[sent.origin as usize];
        if let Some(unread) = &mut origin.unread {
            return unread.push(What::Offer { at: live.at, sent });
        }
        live.on_way -= 1;
        if !live.awaits(sent.serial) {
            return self.offer_late(live, sent);
        }
        live.offers = live.offers.saturating_add(1);
        live.asked = Span(0);
        let attempt = sent.attempt;
        if origin.trouble.strikes() && origin.station.is_up() {
            match self.verdict(live, sent) {
                Verdict::Serve => {}
                Verdict::Reset => return self.answer(live, attempt, None),
                Verdict::Answer(status, asked) => {
                    live.asked = Span::of(asked);
                    return self.answer(live, attempt, Some(status));
                }
            }
        }
        if !self.employ(live, sent) {
            self.answer(live, attempt, None);
        }
    }

    /// The same of a try that was given up: nobody hears of it.
    #[cold]
    fn offer_late(&mut self, live: &mut Live, sent: Sent) {
        if !live.torn {
            live.offers = live.offers.saturating_add(1);
            if self.verdict(live, sent) == Verdict::Serve {
                self.employ(live, sent);
            }
        }
        if live.over {
            self.vacate(live);
        }
    }

    /// Lets an origin work on a request; false if nobody listens.
    #[inline(always)]
    fn employ(&mut self, live: &Live, sent: Sent) -> bool {
        let (cpu_ns, io_ns) = self.service.draw_ahead(&live.arrival, live.offers);
        let job = Job {
            id: (u64::from(sent.serial) << 32) | live.at as u64,
            connection: live.arrival.n,
            fresh: sent.fresh,
            cpu_ns,
            io_ns,
        };
        let origin = sent.origin as usize;
        let taken = self.origins[origin].station.offer(self.now, &job);
        if taken {
            self.plan_station(origin);
        }
        taken
    }

    #[inline(never)]
    fn verdict(&self, live: &Live, sent: Sent) -> Verdict {
        // A connection that carries others is not one that was idle.
        let http2 = self.plan.config().pools[usize::from(live.pool)].http2;
        let (workload, n) = (live.arrival.workload, live.arrival.n);
        let trouble = &self.origins[sent.origin as usize].trouble;
        trouble.verdict(workload, n, live.offers, !sent.fresh && !http2)
    }

    pub(super) fn plan_station(&mut self, origin: usize) {
        let next = self.origins[origin]
            .station
            .next()
            .unwrap_or(Timestamp::MAX);
        self.agenda.set(origin, next, self.serial);
        self.serial += 1;
        if self.foresees {
            self.foresee(origin);
        }
    }

    #[inline(never)]
    fn foresee(&mut self, origin: usize) {
        let until = Timestamp(self.now.0 + self.origins[origin].station.work_left(self.now));
        let proxies = self.proxies.iter();
        proxies.for_each(|proxy| proxy.foresee(origin, until));
    }

    /// An origin has something to finish.
    pub(super) fn advance(&mut self, slots: &mut [Live], origin: usize) {
        let mut finished = std::mem::take(&mut self.finished);
        self.origins[origin]
            .station
            .advance(self.now, &mut |id, at| finished.push((id, at)));
        self.plan_station(origin);
        for (id, _) in finished.drain(..) {
            self.settle(slots, id, Some(200));
        }
        self.finished = finished;
    }

    /// A job is done, or without a status lost; its request may be gone.
    fn settle(&mut self, slots: &mut [Live], id: u64, status: Option<u16>) {
        if id & PROBE != 0 {
            return self.settle_probe(id, status.is_some());
        }
        let (at, serial) = ((id & 0xffff_ffff) as usize, (id >> 32) as u32);
        let live = &mut slots[at];
        if live.awaits(serial) {
            let attempt = live.attempt;
            self.answer(live, attempt, status);
        }
    }

    /// The origin has answered, or without a status its connection is gone: the proxy learns of it
    /// one way later.
    fn answer(&mut self, live: &mut Live, attempt: u8, status: Option<u16>) {
        let (arrives, status) = match self.download(live, attempt, status) {
            Arrived::At(arrives) => (arrives, status),
            Arrived::Lost(arrives) => (arrives, None),
        };
        if arrives <= self.now {
            return self.reply(live, attempt, status);
        }
        let serial = live.serial;
        self.plan_at(
            arrives,
            What::Reply {
                at: live.at,
                serial,
                attempt,
                status,
            },
        );
    }

    pub(super) fn reply(&mut self, live: &mut Live, attempt: u8, status: Option<u16>) {
        if status.is_some() {
            live.name_session();
        }
        let event = match (status, live.reused) {
            (Some(200), _) if !live.plain && self.conduct.holds(live.arrival.workload) => {
                live.waiting.upgraded = true;
                Event::Upgraded { attempt }
            }
            (Some(status), _) => {
                let head = Event::Head {
                    attempt,
                    status,
                    retry_after: live.asked,
                };
                let next = self.decide(live, head);
                return self.go_on(live, next);
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
        self.report(live, event);
    }

    pub(super) fn change(&mut self, slots: &mut Vec<Live>, origin: usize, change: Change) {
        let now = self.now;
        let mut finished = std::mem::take(&mut self.finished);
        let Origin {
            station,
            unread,
            unaccepted,
            ..
        } = &mut self.origins[origin];
        station.advance(now, &mut |id, at| finished.push((id, at)));
        debug_assert!(
            finished.is_empty(),
            "what was due has been taken before a change"
        );
        match change {
            Change::Slow(factor) => station.slow(now, factor),
            Change::Pause => {
                station.pause(now);
                if unread.is_none() {
                    *unaccepted = 0;
                }
                *unread = unread.take().or_else(|| station.is_up().then(Vec::new));
            }
            Change::Resume => {
                station.resume(now);
                let unread = unread.take();
                unread
                    .into_iter()
                    .flatten()
                    .for_each(|what| self.happen(slots, what));
            }
            Change::Hang => station.hang(),
            Change::Release => station.release(now, &mut |id, at| finished.push((id, at))),
            Change::Restart => station.restart(),
            Change::Crash => {
                for id in station.crash(now) {
                    self.settle(slots, id, None);
                }
                // With nobody to read it, what is unread finds nobody who listens.
                let unread = self.origins[origin].unread.take();
                unread
                    .into_iter()
                    .flatten()
                    .for_each(|what| self.happen(slots, what));
                let proxies = self.proxies.iter_mut();
                proxies.for_each(|proxy| proxy.clear(origin));
                self.cut_tunnels(slots, origin);
            }
            Change::Refuse(_) | Change::Reset(_) | Change::Race(_) | Change::Errors { .. } => {
                self.origins[origin].trouble.change(change);
            }
        }
        for (id, _) in finished.drain(..) {
            self.settle(slots, id, Some(200));
        }
        self.finished = finished;
        self.plan_station(origin);
    }
}
