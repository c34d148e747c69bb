//! Origins as servers: the state machine of `crate::origin` behind connections.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use evenkeel_core::time::Timestamp;
use evenkeel_proxy::buffer::Buffer;
use evenkeel_proxy::channel::Channel;
use evenkeel_proxy::h1::{self, Framing, Limits, Method, RequestHead, Status};
use evenkeel_proxy::http2::{Acceptor, Most, PREFACE};
use evenkeel_proxy::world::{Sleep as _, World as _};

use super::Run;
use super::exchange::come_back;
use super::flow::{FIELD, Ticket};
use super::line::{Received, readable};
use super::luggage::handed_out;
use super::order::Order;
use super::socket;
use crate::origin::{self, Job, JobId, Load, Station, Trouble, Verdict};
use crate::plan::Ask;
use crate::timeline::Change;
use crate::workload::Service;
use crate::world::{Sleep, Stream, World};

/// What an origin takes on a connection of HTTP/2.
const MOST: Most = Most {
    header_bytes: 16 << 10,
    streams: 128,
};

/// One origin.
pub(super) struct Application {
    world: World,
    run: Rc<Run>,
    number: usize,
    service: Service,
    station: RefCell<Station>,
    trouble: RefCell<Trouble>,
    jobs: RefCell<Vec<Pending>>,
    free: RefCell<Vec<usize>>,
    /// Runs the station; woken when its next instant has changed.
    driver: RefCell<Option<Waker>>,
    connections: Cell<u64>,
    keep_alive: Option<Duration>,
    names_sessions: bool,
    /// Fields that say how many requests are in flight, to who asks.
    tells: Vec<String>,
}

/// A job of a connection.
#[derive(Default)]
struct Pending {
    serial: u32,
    /// Whether it was done or lost.
    ended: Option<bool>,
    waker: Option<Waker>,
}

/// A connection's job: its place among the pending ones.
#[derive(Clone, Copy)]
pub(super) struct Receipt(usize);

/// The connection that a request came on.
#[derive(Clone, Copy)]
struct Seat {
    number: u64,
    /// The request is its first.
    fresh: bool,
    /// It has carried a request before, and none since.
    was_idle: bool,
}

impl Application {
    /// Makes origin number `number` and lets it serve.
    pub(super) fn begin(world: &World, run: &Rc<Run>, number: usize) {
        let plan = &run.plan;
        let address = plan.origins[number].address.clone();
        let ip = match &address {
            evenkeel_proxy::document::Address::Ip(ip) => ip.ip(),
            _ => super::ORIGINS,
        };
        let process = world.process(&format!("origin/{number}"), (ip, 0).into());
        process.cut_off(run.timeline.holes[number].clone());
        let pools = || plan.config().pools.iter();
        let application = Rc::new(Self {
            world: process.clone(),
            run: Rc::clone(run),
            number,
            service: Service::new(run.seed, plan.cpu.clone(), plan.io.clone()).of(&plan.workloads),
            station: RefCell::new(Station::new(
                plan.origins[number].spec.clone(),
                origin::draws(run.seed, number as u64),
            )),
            trouble: RefCell::new(Trouble::new(run.seed)),
            jobs: RefCell::default(),
            free: RefCell::default(),
            driver: RefCell::default(),
            connections: Cell::new(0),
            keep_alive: plan.keep_alive(),
            names_sessions: pools().any(|pool| pool.affinity.is_some()),
            tells: pools()
                .filter_map(|pool| pool.probe.as_ref()?.header.clone())
                .collect(),
        });
        run.applications.borrow_mut()[number] = Rc::downgrade(&application);
        world.spawn(Rc::clone(&application).drive());
        process.spawn(application.accept(address));
    }

    /// The load in the measured window.
    pub(super) fn load(&self, now: Timestamp) -> Load {
        self.station.borrow().load(now)
    }

    /// Something happens to the process. The network side of it is the timeline's.
    pub(super) fn change(&self, change: Change) {
        let now = self.world.now();
        self.advance(now);
        let mut station = self.station.borrow_mut();
        let mut ended = Vec::new();
        match change {
            Change::Slow(factor) => station.slow(now, factor),
            Change::Pause => station.pause(now),
            Change::Resume => station.resume(now),
            Change::Hang => station.hang(),
            Change::Release => station.release(now, &mut |id, _| ended.push((id, true))),
            Change::Restart => station.restart(),
            Change::Crash => ended.extend(station.crash(now).into_iter().map(|id| (id, false))),
            Change::Refuse(_) | Change::Reset(_) | Change::Race(_) | Change::Errors { .. } => {
                self.trouble.borrow_mut().change(change);
            }
        }
        drop(station);
        for (id, done) in ended {
            self.settle(id, done);
        }
        self.wake_driver();
    }

    async fn accept(self: Rc<Self>, address: evenkeel_proxy::document::Address) {
        let Ok(listener) = self.world.bind(&address, 0).await else {
            return;
        };
        while let Ok((stream, _)) = self.world.accept(&listener).await {
            let number = self.connections.get();
            self.connections.set(number + 1);
            self.world.spawn(Rc::clone(&self).serve(stream, number));
        }
    }

    /// One connection, in TLS or not.
    async fn serve(self: Rc<Self>, stream: Stream, number: u64) {
        let channel = match &self.run.secrets {
            None => Some(Channel::Plain(stream)),
            Some(secrets) => secrets.accept(&self.world, stream, self.number).await,
        };
        match channel {
            Some(channel) if channel.is_http2() => {
                self.serve_streams(channel, Buffer::default(), number).await;
            }
            Some(channel) => self.serve_requests(channel, number).await,
            None => {}
        }
    }

    /// Requests one after another until the connection ends.
    async fn serve_requests(self: Rc<Self>, mut stream: Channel<Stream>, number: u64) {
        let mut received = Received::default();
        let mut head = RequestHead::default();
        let mut alarm = self
            .keep_alive
            .map(|_| self.world.sleep_until(Timestamp::MAX));
        let mut seat = Seat {
            number,
            fresh: true,
            was_idle: false,
        };
        loop {
            let next = self.read(&mut stream, &mut received, &mut head, alarm.as_mut(), seat);
            let Some(order) = next.await else { break };
            if order.reset {
                return stream.abort();
            }
            if !self.fulfil(&mut stream, &order).await || order.close {
                return;
            }
            if order.upgrade {
                let _ = socket::serve(&mut stream, &mut received).await;
                return;
            }
            (seat.fresh, seat.was_idle) = (false, true);
        }
        if received.bytes().starts_with(PREFACE) {
            let received = Buffer::from(received.bytes().to_vec());
            self.serve_streams(stream, received, number).await;
        }
    }

    /// Streams beside each other until the connection ends.
    async fn serve_streams(
        self: Rc<Self>,
        channel: Channel<Stream>,
        received: Buffer,
        number: u64,
    ) {
        let Ok(mut acceptor) = Acceptor::<World>::begin(channel, received, MOST).await else {
            return;
        };
        let mut fresh = true;
        while let Some(request) = poll_fn(|cx| acceptor.poll_accept(cx)).await {
            let application = Rc::clone(&self);
            // A connection that carries others is not one that was idle.
            let seat = Seat {
                number,
                fresh: std::mem::take(&mut fresh),
                was_idle: false,
            };
            self.world.spawn(async move {
                let mut stream = Channel::Http2(request.stream);
                let mut received = Received::from(request.head);
                let mut head = RequestHead::default();
                let next = application.read(&mut stream, &mut received, &mut head, None, seat);
                match next.await {
                    Some(order) if order.reset => stream.abort(),
                    Some(order) => {
                        application.fulfil(&mut stream, &order).await;
                    }
                    None => {}
                }
            });
        }
    }

    /// Works and answers. False if the connection is lost.
    async fn fulfil(&self, stream: &mut Channel<Stream>, order: &Order) -> bool {
        if let Some(receipt) = order.receipt
            && !self.finished(receipt).await
        {
            return false;
        }
        let told = match order.probe {
            true => self.tell(),
            false => String::new(),
        };
        order.upgrade || order.answer(stream, &told).await.is_ok()
    }

    /// Reads a request to its end and hands it to the station. `None` ends the connection.
    async fn read(
        &self,
        stream: &mut Channel<Stream>,
        received: &mut Received,
        head: &mut RequestHead,
        alarm: Option<&mut Sleep>,
        seat: Seat,
    ) -> Option<Order> {
        if let (Some(alarm), Some(keep_alive), true) =
            (alarm, self.keep_alive, received.bytes().is_empty())
        {
            let deadline = self.world.now() + keep_alive;
            if !readable(stream, alarm, deadline).await {
                return None;
            }
        }
        let limits = Limits::default();
        let length = loop {
            match h1::parse_request(received.bytes(), &limits, head).ok()? {
                Status::Complete(length) => break length,
                Status::Partial => {
                    if received.fill(stream).await.ok()? == 0 {
                        return None;
                    }
                }
            }
        };
        let ticket = head
            .fields
            .values(received.bytes(), FIELD)
            .next()
            .and_then(Ticket::parse);
        // Who names sessions looks at what the client has brought.
        let text = match self.names_sessions {
            true => received.bytes()[..length].to_vec(),
            false => Vec::new(),
        };
        received.consume(length);
        let framing = match (&*stream, head.framing) {
            // A stream's end is the body's.
            (Channel::Http2(_), Framing::Chunked) => Framing::UntilClose,
            (_, framing) => framing,
        };
        if !received.skip(stream, framing).await {
            return None;
        }
        Some(self.order(ticket, (head, &text), seat))
    }

    fn order(
        &self,
        ticket: Option<Ticket>,
        (head, text): (&RequestHead, &[u8]),
        seat: Seat,
    ) -> Order {
        let mut order = Order {
            status: 200,
            bytes: 0,
            head_only: head.method == Method::Head,
            close: !head.keep_alive,
            upgrade: head.upgrade,
            reset: false,
            receipt: None,
            probe: ticket.is_none(),
            handed_out: Default::default(),
        };
        if ticket.is_none() {
            // A probe: no work of its own, but it waits for its turn.
            order.receipt = self.submit(0, 0, seat);
            order.reset = order.receipt.is_none();
            return order;
        }
        let drawn = ticket.and_then(|ticket| {
            self.run.flow.offer(ticket, self.number, |arrival, offers| {
                order.handed_out = handed_out(&self.run.plan, self.number, arrival, head, text);
                let (status, bytes) = match &arrival.record {
                    Some(record) => (record.status, Ask::recorded(record).response_bytes),
                    None => {
                        let asks = &self.run.plan.asks[usize::from(arrival.workload)];
                        (200, asks[usize::from(arrival.class)].response_bytes)
                    }
                };
                let trouble = self.trouble.borrow();
                let verdict = trouble.verdict(arrival.workload, arrival.n, offers, seat.was_idle);
                (self.service.draw(arrival, offers), status, bytes, verdict)
            })
        });
        // Of who comes too late nobody knows any more what it wanted.
        let Some(((cpu_ns, io_ns), status, bytes, verdict)) = drawn else {
            return order;
        };
        match verdict {
            Verdict::Serve => {
                (order.status, order.bytes) = (status, bytes);
                order.receipt = self.submit(cpu_ns, io_ns, seat);
            }
            Verdict::Reset => order.reset = true,
            Verdict::Answer(status, retry_after) => {
                (order.status, order.upgrade) = (status, false);
                order.handed_out.0 += &come_back(retry_after);
            }
        }
        order
    }

    fn submit(&self, cpu_ns: u64, io_ns: u64, seat: Seat) -> Option<Receipt> {
        let now = self.world.now();
        self.advance(now);
        let slot = self.free.borrow_mut().pop().unwrap_or_else(|| {
            self.jobs.borrow_mut().push(Pending::default());
            self.jobs.borrow().len() - 1
        });
        let id = u64::from(self.jobs.borrow()[slot].serial) << 32 | slot as u64;
        let job = Job {
            id,
            connection: seat.number,
            fresh: seat.fresh,
            cpu_ns,
            io_ns,
        };
        if !self.station.borrow_mut().offer(now, &job) {
            self.free.borrow_mut().push(slot);
            return None;
        }
        self.wake_driver();
        Some(Receipt(slot))
    }

    /// Waits for the end of a job; false if it was lost in a crash.
    async fn finished(&self, receipt: Receipt) -> bool {
        poll_fn(|cx| {
            let mut jobs = self.jobs.borrow_mut();
            let pending = &mut jobs[receipt.0];
            match pending.ended.take() {
                Some(done) => {
                    pending.serial += 1;
                    self.free.borrow_mut().push(receipt.0);
                    Poll::Ready(done)
                }
                None => {
                    pending.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Lines that say how many requests there are, beside the one that asks.
    fn tell(&self) -> String {
        let others = self.station.borrow().in_flight();
        let line = |name: &String| format!("{name}: {others}\r\n");
        self.tells.iter().map(line).collect()
    }

    fn advance(&self, now: Timestamp) {
        let mut done = Vec::new();
        self.station
            .borrow_mut()
            .advance(now, &mut |id, _| done.push(id));
        for id in done {
            self.settle(id, true);
        }
    }

    fn settle(&self, id: JobId, done: bool) {
        let (slot, serial) = ((id & 0xffff_ffff) as usize, (id >> 32) as u32);
        let mut jobs = self.jobs.borrow_mut();
        if let Some(pending) = jobs.get_mut(slot)
            && pending.serial == serial
        {
            pending.ended = Some(done);
            if let Some(waker) = pending.waker.take() {
                waker.wake();
            }
        }
    }

    fn wake_driver(&self) {
        if let Some(waker) = self.driver.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// Lets the station act at each of its instants.
    async fn drive(self: Rc<Self>) {
        let mut alarm = self.world.sleep_until(Timestamp::MAX);
        poll_fn(|cx| self.poll_drive(cx, &mut alarm)).await;
    }

    fn poll_drive(&self, cx: &mut Context<'_>, alarm: &mut Sleep) -> Poll<()> {
        *self.driver.borrow_mut() = Some(cx.waker().clone());
        loop {
            let next = self.station.borrow().next();
            let Some(next) = next else {
                return Poll::Pending;
            };
            let now = self.world.now();
            if next <= now {
                self.advance(now);
                continue;
            }
            alarm.reset(next);
            if Pin::new(&mut *alarm).poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}
