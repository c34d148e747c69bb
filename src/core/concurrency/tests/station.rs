//! Limits at endpoints whose capacity is known: so many servers, each with one request at a time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::*;

/// An endpoint, and clients that always have one more request than it takes.
struct Station {
    state: State,
    now: Timestamp,
    /// When each server is free.
    servers: Vec<Timestamp>,
    service: Duration,
    /// Clients, each of which has one request.
    clients: u32,
    /// When each request in flight ends, and when it was sent.
    in_flight: BinaryHeap<Reverse<(Timestamp, Timestamp)>>,
}

impl Station {
    fn new(servers: usize, service: Duration, clients: u32) -> Self {
        Self {
            state: state(1),
            now: START,
            servers: vec![START; servers],
            service,
            clients,
            in_flight: BinaryHeap::new(),
        }
    }

    fn fill(&mut self) {
        while self.in_flight.len() < self.state.limit(0).min(self.clients) as usize {
            let free = self.servers.iter_mut().min().expect("there is one");
            *free = self.now.max(*free) + self.service;
            self.in_flight.push(Reverse((*free, self.now)));
        }
    }

    /// The lowest and the highest limit over this time, without those of measurements.
    fn run(&mut self, time: Duration) -> (u32, u32) {
        let until = self.now + time;
        let (mut lowest, mut highest) = (u32::MAX, 0);
        while self.now < until {
            self.fill();
            let in_flight = self.in_flight.len() as u32;
            let Reverse((end, sent)) = self.in_flight.pop().expect("there are clients");
            self.now = end;
            let report = answered(end, end.since(sent), 200);
            let _ = self.state.judge(end, index(0), in_flight, &report);
            if !self.state.is_measuring(0) {
                lowest = lowest.min(self.state.limit(0));
                highest = highest.max(self.state.limit(0));
            }
        }
        (lowest, highest)
    }
}

const MINUTE: Duration = Duration::from_secs(60);

/// One event loop: with few more than `min` it is busy, and each further one only waits there.
#[test]
fn one_server_gets_a_few() {
    let mut station = Station::new(1, MS * 20, 50);
    station.run(MINUTE / 3);
    let (lowest, highest) = station.run(MINUTE * 5);
    assert!(lowest >= 3 && highest <= 8, "{lowest} to {highest}");
}

/// What takes long because it waits for others is not held up.
#[test]
fn an_endpoint_that_is_never_busy_is_not_limited() {
    let mut station = Station::new(1_000, MS * 100, 200);
    let (lowest, _) = station.run(MINUTE * 10);
    assert!(lowest >= 200, "{lowest}");
}

/// Three times as slow, and back: as many at once as before.
#[test]
fn a_brownout_does_not_change_how_many_fit() {
    let mut station = Station::new(4, MS * 20, 60);
    station.run(MINUTE);
    for service in [MS * 20, MS * 60, MS * 20] {
        station.service = service;
        station.run(MINUTE * 4);
        let (lowest, highest) = station.run(MINUTE);
        assert!(
            lowest >= 3 && highest <= 20,
            "{service:?}: {lowest} to {highest}"
        );
        assert!(highest >= 4, "{service:?}: all are busy");
    }
}

/// From the worst beginning, everything at once, to a short queue.
#[test]
fn an_overload_is_found_out_in_seconds() {
    let mut station = Station::new(4, MS * 20, 200);
    station.run(MS * 8_000);
    let (_, highest) = station.run(MS * 8_000);
    assert!(highest <= 20, "{highest}");
}
