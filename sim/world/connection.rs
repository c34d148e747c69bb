//! A logical connection: what has been sent when, what has arrived, who has closed.
//!
//! A pure state machine beside the raw stream that carries the bytes; both ends share it. All that
//! a reader or a writer may learn, and when, is decided here: latency, order, the window, ends and
//! resets. turmoil's own ends and resets never reach a live connection, because both raw streams
//! are kept until both ends have closed.

use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Waker};

use evenkeel_core::time::Timestamp;

use super::link::Path;
use super::trunk::Host;
use crate::link::Arrival;

/// Bytes that may be under way in one direction, counted until they are read.
pub(super) const WINDOW_BYTES: usize = 64 * 1024;

/// One of the two ends; the other one is `1 - side`.
pub(super) type Side = usize;
/// The end that dialled.
pub(super) const OPENER: Side = 0;
/// The end that was accepted.
pub(super) const ACCEPTER: Side = 1;

/// What a read finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readable {
    /// Bytes.
    Data,
    /// The peer has finished.
    End,
    /// The peer has gone with bytes of ours unread.
    Reset,
    /// This end is closed itself: its process has crashed.
    Closed,
    /// Something, later.
    At(Timestamp),
    /// Nothing is under way.
    Nothing,
}

/// What a write finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writable {
    /// Room for so many bytes.
    Room(usize),
    /// Room for so many bytes, which nobody will read: the peer has closed and we do not know.
    Void(usize),
    /// The window is full; if there is an instant, the news of a reset arrive then.
    Full(Option<Timestamp>),
    /// This end has finished or crashed, or the peer has, and we know.
    Broken,
    /// The peer has reset the connection.
    Reset,
}

#[derive(Debug)]
struct Chunk {
    at: Timestamp,
    length: usize,
}

/// From one side to the other.
#[derive(Debug)]
struct Direction {
    path: Path,
    chunks: VecDeque<Chunk>,
    in_flight: usize,
    end: Option<Timestamp>,
    reset: Option<Timestamp>,
    /// When the connection is given up, because a segment was lost again and again.
    lost: Option<Timestamp>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Direction {
    const fn new(path: Path) -> Self {
        Self {
            path,
            chunks: VecDeque::new(),
            in_flight: 0,
            end: None,
            reset: None,
            lost: None,
            reader: None,
            writer: None,
        }
    }
}

/// See the module. `directions[side]` leads away from `side`.
#[derive(Debug)]
pub(super) struct Connection {
    id: u64,
    hosts: [Rc<Host>; 2],
    directions: [Direction; 2],
    closed: [bool; 2],
}

impl Connection {
    /// Connection number `id` of the simulation, between two hosts, over two paths: each first the
    /// opener's, then the accepter's.
    pub(super) fn new(id: u64, hosts: [Rc<Host>; 2], paths: [Path; 2]) -> Self {
        Self {
            id,
            hosts,
            directions: paths.map(Direction::new),
            closed: [false; 2],
        }
    }

    fn arrival(&mut self, side: Side, sent: Timestamp) -> Timestamp {
        self.directions[side].path.arrival(sent)
    }

    fn wake_reader(&mut self, side: Side) {
        if let Some(waker) = self.directions[1 - side].reader.take() {
            self.hosts[side].post(side, self.id, waker);
        }
    }

    fn wake_writer(&mut self, side: Side) {
        if let Some(waker) = self.directions[side].writer.take() {
            self.hosts[side].post(side, self.id, waker);
        }
    }

    /// What `side` would read.
    pub(super) fn readable(&self, side: Side, now: Timestamp) -> Readable {
        if self.closed[side] {
            return Readable::Closed;
        }
        let incoming = &self.directions[1 - side];
        let (at, what) = match (incoming.chunks.front(), incoming.end, incoming.reset) {
            (Some(chunk), ..) => (chunk.at, Readable::Data),
            // As in Linux, an end stays an end, also when a reset follows it.
            (None, Some(end), _) => (end, Readable::End),
            (None, None, Some(reset)) => (reset, Readable::Reset),
            (None, None, None) => match incoming.lost {
                Some(lost) => (lost, Readable::Reset),
                None => return Readable::Nothing,
            },
        };
        let (at, what) = match incoming.lost {
            Some(lost) if lost <= at => (lost, Readable::Reset),
            _ => (at, what),
        };
        if at <= now { what } else { Readable::At(at) }
    }

    /// Has `side` woken when what it would read changes.
    pub(super) fn await_readable(&mut self, side: Side, cx: &Context<'_>) {
        register(&mut self.directions[1 - side].reader, cx);
    }

    /// Notes that `side` has read `length` bytes, all of one chunk.
    pub(super) fn consume(&mut self, side: Side, length: usize) {
        let incoming = &mut self.directions[1 - side];
        if let Some(front) = incoming.chunks.front_mut() {
            front.length = front.length.saturating_sub(length);
            if front.length == 0 {
                incoming.chunks.pop_front();
            }
        }
        incoming.in_flight = incoming.in_flight.saturating_sub(length);
        self.wake_writer(1 - side);
    }

    /// What `side` may write.
    pub(super) fn writable(&self, side: Side, now: Timestamp) -> Writable {
        let outgoing = &self.directions[side];
        if self.closed[side] || outgoing.end.is_some() {
            return Writable::Broken;
        }
        let incoming = &self.directions[1 - side];
        if incoming.reset.is_some_and(|at| at <= now) {
            let ended = incoming.end.is_some_and(|at| at <= now);
            return if ended {
                Writable::Broken
            } else {
                Writable::Reset
            };
        }
        if outgoing.lost.is_some_and(|at| at <= now) {
            return Writable::Reset;
        }
        match WINDOW_BYTES.saturating_sub(outgoing.in_flight) {
            0 => Writable::Full(incoming.reset.into_iter().chain(outgoing.lost).min()),
            room if self.closed[1 - side] => Writable::Void(room),
            room => Writable::Room(room),
        }
    }

    /// Has `side` woken when there is room, or a reset under way.
    pub(super) fn await_writable(&mut self, side: Side, cx: &Context<'_>) {
        register(&mut self.directions[side].writer, cx);
    }

    /// Notes that `side` has written `length` bytes, which the raw stream cannot carry before
    /// `earliest`. To a closed peer, they bring back a reset.
    pub(super) fn send(&mut self, side: Side, length: usize, now: Timestamp, earliest: Timestamp) {
        let arrival = self.directions[side].path.carry(now, length);
        let at = arrival.at().max(earliest);
        self.directions[side].in_flight += length;
        if let Arrival::Lost(_) = arrival {
            self.give_up(at);
        }
        if self.closed[1 - side] {
            self.reset_at(1 - side, at);
        } else {
            self.directions[side].chunks.push_back(Chunk { at, length });
            self.wake_reader(1 - side);
        }
    }

    /// Both ends learn at `at` that the connection is no more.
    fn give_up(&mut self, at: Timestamp) {
        for side in [OPENER, ACCEPTER] {
            let lost = &mut self.directions[side].lost;
            *lost = Some(lost.map_or(at, |known| known.min(at)));
            self.wake_reader(1 - side);
            self.wake_writer(side);
        }
    }

    /// `side` sends no more, and may go on reading.
    pub(super) fn finish(&mut self, side: Side, now: Timestamp) {
        if self.closed[side] || self.directions[side].end.is_some() {
            return;
        }
        let at = self.arrival(side, now);
        self.directions[side].end = Some(at);
        self.wake_reader(1 - side);
    }

    /// `side` is gone. With bytes unread that had arrived, the peer gets a reset at once (RFC 9293
    /// section 3.10.4); else an end, and a reset in answer to whatever is still under way.
    pub(super) fn close(&mut self, side: Side, now: Timestamp) {
        if self.closed[side] {
            return;
        }
        let first = self.directions[1 - side].chunks.front().map(|c| c.at);
        if first.is_some_and(|at| at <= now) {
            self.abort(side, now);
            return;
        }
        self.finish(side, now);
        self.closed[side] = true;
        if let Some(at) = first {
            self.reset_at(side, at);
        }
        self.clear(side);
    }

    /// `side` is gone, and says so with a reset.
    pub(super) fn abort(&mut self, side: Side, now: Timestamp) {
        if !self.closed[side] {
            self.closed[side] = true;
            self.reset_at(side, now);
            self.clear(side);
        }
    }

    /// Whether both ends are gone.
    pub(super) fn is_over(&self) -> bool {
        self.closed == [true; 2]
    }

    /// `side`, which is gone, answers at `sent` with a reset.
    fn reset_at(&mut self, side: Side, sent: Timestamp) {
        if self.directions[side].reset.is_none() {
            let at = self.arrival(side, sent);
            self.directions[side].reset = Some(at);
        }
        self.wake_reader(1 - side);
        self.wake_writer(1 - side);
    }

    /// Drops what nobody will read, and wakes whoever still waits at the closed `side`.
    fn clear(&mut self, side: Side) {
        self.directions[1 - side].chunks.clear();
        self.wake_reader(side);
        self.wake_writer(side);
    }
}

fn register(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) if waker.will_wake(cx.waker()) => {}
        _ => *slot = Some(cx.waker().clone()),
    }
}
