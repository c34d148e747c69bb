//! Drains against a list of who drains since when, what is there and who was told of it, over
//! random histories.

use proptest::prelude::*;

use super::*;

const ENDPOINTS: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Step {
    WaitMs(u32),
    /// A request, of a session that lives at this endpoint or of none.
    Arrive(Option<usize>),
    /// Numbers choose among what there is.
    Upgrade(usize),
    End(usize),
    /// The endpoints in this set drain.
    Update(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..4_000_u32).prop_map(Step::WaitMs),
        4 => prop::option::of(0..ENDPOINTS).prop_map(Step::Arrive),
        1 => any::<usize>().prop_map(Step::Upgrade),
        4 => any::<usize>().prop_map(Step::End),
        2 => (0..1_u8 << ENDPOINTS).prop_map(Step::Update),
    ]
}

/// The endpoints in this set drain.
fn settings_of(set: u8, keeps_sessions: bool, time: Option<Duration>) -> Settings {
    let endpoint = |slot: usize| Spec {
        state: match set >> slot & 1 {
            0 => Admin::Up,
            _ => Admin::Drain,
        },
        ..spec(["a", "b", "c"][slot], 1)
    };
    let specs: Vec<_> = (0..ENDPOINTS).map(endpoint).collect();
    Settings {
        affinity: keeps_sessions.then_some(AFFINITY),
        drain: time,
        ..settings(&specs)
    }
}

/// A drain as one would write it down.
#[derive(Clone, Copy, Debug)]
struct Naive {
    since: Timestamp,
    told: bool,
}

struct Machine {
    pool: State,
    now: Timestamp,
    keeps_sessions: bool,
    time: Option<Duration>,
    /// By slot.
    drains: [Option<Naive>; ENDPOINTS],
    /// Where requests and tunnels are, and which are tunnels.
    there: Vec<(EndpointIndex, bool)>,
    next: u64,
}

impl Machine {
    fn new(keeps_sessions: bool, time: Option<Duration>) -> Self {
        Self {
            pool: State::new(0, settings_of(0, keeps_sessions, time)),
            now: at(0),
            keeps_sessions,
            time,
            drains: [None; ENDPOINTS],
            there: Vec::new(),
            next: 0,
        }
    }

    /// When the time of who drains is over.
    fn end(&self, drain: Naive) -> Timestamp {
        self.time.map_or(Timestamp::MAX, |time| drain.since + time)
    }

    /// Those that are found empty now.
    fn empty(&mut self) -> Vec<(Timestamp, u32)> {
        let mut found = Vec::new();
        for slot in 0..ENDPOINTS {
            let Some(drain) = self.drains[slot].filter(|drain| !drain.told) else {
                continue;
            };
            let is_here = |(index, _): &(EndpointIndex, bool)| index.slot as usize == slot;
            let may_come = self.keeps_sessions && self.now < self.end(drain);
            if !may_come && !self.there.iter().any(is_here) {
                self.drains[slot] = Some(Naive {
                    told: true,
                    ..drain
                });
                found.push((self.now, slot as u32));
            }
        }
        found
    }

    /// The shell looks when the pool wants it to, and at no other time.
    fn wait(&mut self, until: Timestamp) {
        loop {
            let due = self.pool.next_deadline();
            if due > until {
                break;
            }
            assert!(due > self.now, "it asks for what it was given");
            self.now = due;
            assert_eq!(self.pool.tick(due), []);
            assert_eq!(told(&mut self.pool), self.empty());
        }
        self.now = until;
        assert_eq!(self.empty(), [], "the pool did not ask to be looked at");
    }

    fn arrive(&mut self, home: Option<usize>) {
        let home = home.filter(|_| self.keeps_sessions);
        let is_open = |slot: usize| self.drains[slot].is_none();
        let stays =
            home.filter(|slot| self.drains[*slot].is_none_or(|drain| self.now < self.end(drain)));
        let mut session = Session {
            claim: home.map_or(Claim::None, |slot| Claim::Endpoint {
                name: Name::of(["a", "b", "c"][slot]),
                age_s: 0,
            }),
            ..Session::default()
        };
        let now = self.now;
        self.next += 1;
        let token = Token(self.next);
        let mut rng = Stream::new(1, "pick").at(self.next);
        self.pool.recognise(now, &mut session);
        let admission = self.pool.on_behalf(&session, |pool| {
            pool.arrive(now, token, Key::None, &mut rng)
        });
        match (stays, admission) {
            (Some(slot), Admission::Picked(index)) => assert_eq!(index.slot as usize, slot),
            (None, Admission::Picked(index)) => assert!(is_open(index.slot as usize)),
            (stays, admission) => {
                assert_eq!((stays, admission), (None, Admission::NoEndpoint));
                assert!(!(0..ENDPOINTS).any(is_open));
            }
        }
        if let Admission::Picked(index) = admission {
            self.there.push((index, false));
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::WaitMs(ms) => self.wait(self.now + Duration::from_millis(ms.into())),
            Step::Arrive(home) => self.arrive(home),
            Step::Upgrade(n) => {
                if let Some(n) = n.checked_rem(self.there.len())
                    && !self.there[n].1
                {
                    self.pool.upgrade(self.now, self.there[n].0);
                    self.there[n].1 = true;
                }
            }
            Step::End(n) => {
                if let Some(n) = n.checked_rem(self.there.len()) {
                    let (index, is_tunnel) = self.there.swap_remove(n);
                    let grant = match is_tunnel {
                        true => self.pool.hang_up(self.now, index, Verdict::Success),
                        false => self.pool.complete(self.now, index, Verdict::Success),
                    };
                    assert_eq!(grant, None, "nobody waits");
                }
            }
            Step::Update(set) => {
                let wanted = settings_of(set, self.keeps_sessions, self.time);
                assert_eq!(self.pool.update(self.now, wanted), []);
                for (slot, drain) in self.drains.iter_mut().enumerate() {
                    let begun = Naive {
                        since: self.now,
                        told: false,
                    };
                    *drain = (set >> slot & 1 == 1).then(|| drain.unwrap_or(begun));
                }
            }
        }
        assert_eq!(told(&mut self.pool), self.empty(), "{step:?}");
        self.check();
    }

    /// Tunnels end between now and the end of the drain, or now if that is past.
    fn check(&self) {
        for (endpoint, drain) in self.pool.endpoints().iter().zip(self.drains) {
            let here = |tunnels| {
                let is_here = |(index, is_tunnel): &&(EndpointIndex, bool)| {
                    *index == endpoint.index && *is_tunnel == tunnels
                };
                self.there.iter().filter(is_here).count()
            };
            let counted = (endpoint.in_flight as usize, endpoint.tunnels as usize);
            assert_eq!(counted, (here(false), here(true)));
            let ends = self.pool.parting(self.now, endpoint.index, self.next);
            let drain = drain.filter(|_| self.time.is_some());
            let range = drain.map(|drain| self.now..=self.end(drain).max(self.now));
            match (ends, range) {
                (Some(ends), Some(range)) => assert!(range.contains(&ends), "{ends}"),
                (ends, range) => assert_eq!((ends, range), (None, None)),
            }
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_a_list(
        keeps_sessions in any::<bool>(),
        time in prop::option::of((1..8_000_u64).prop_map(Duration::from_millis)),
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let mut machine = Machine::new(keeps_sessions, time);
        for step in steps {
            machine.step(step);
        }
    }
}
