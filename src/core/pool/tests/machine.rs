//! The pool against a naive one that looks at everybody, over random histories.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::queue::Order;
use crate::rng::Rng;

/// What a random history does next. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Arrive,
    /// Ends a try, and tries again elsewhere if the last is true.
    Complete(usize, Verdict, bool),
    /// A request in flight becomes a tunnel.
    Upgrade(usize),
    Take(usize),
    Leave(usize),
    Update(Vec<Spec>),
    WaitMs(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let verdict = prop_oneof![
        Just(Verdict::Success),
        Just(Verdict::DialFailed),
        Just(Verdict::Failed { dialled: None }),
        Just(Verdict::Cancelled { dialled: None }),
    ];
    prop_oneof![
        8 => Just(Step::Arrive),
        6 => (any::<usize>(), verdict, any::<bool>()).prop_map(|(n, v, a)| Step::Complete(n, v, a)),
        2 => any::<usize>().prop_map(Step::Upgrade),
        3 => any::<usize>().prop_map(Step::Take),
        2 => any::<usize>().prop_map(Step::Leave),
        1 => endpoints().prop_map(Step::Update),
        1 => (0_u64..300).prop_map(Step::WaitMs),
    ]
}

/// Up to five endpoints of six names.
fn endpoints() -> impl Strategy<Value = Vec<Spec>> {
    let state = prop_oneof![
        5 => Just(Admin::Up),
        1 => Just(Admin::Drain),
        1 => Just(Admin::Down),
    ];
    let bound = prop::option::weighted(0.8, 0_u32..4);
    let group = prop::sample::select(Group::ALL.to_vec());
    let one = (0_u32..4, bound, group, state);
    prop::collection::btree_map("[a-f]", one, 0..6).prop_map(|endpoints| {
        let spec = |(name, (weight, max_connections, group, state))| Spec {
            name,
            address: String::new(),
            weight,
            max_connections,
            group,
            state,
        };
        endpoints.into_iter().map(spec).collect()
    })
}

/// A request as the reference sees it.
#[derive(Clone, Copy, Debug)]
struct Naive {
    tried: Tried,
    /// Where it is in flight; `None` while it waits.
    at: Option<EndpointIndex>,
    /// In flight by a grant that it has not taken up.
    booked: bool,
    /// It holds its place as a tunnel.
    tunnel: bool,
    /// Told that there is nothing to wait for, and has not asked again.
    told: bool,
    /// Sent away from the queue in favour of another.
    shed: bool,
}

struct Machine {
    policy: Kind,
    order: Order,
    pool: State,
    specs: Vec<Spec>,
    requests: BTreeMap<Token, Naive>,
    /// Waiting ones in their order.
    line: Vec<Token>,
    now: Timestamp,
    next: u64,
}

impl Machine {
    fn new(policy: Kind, order: Order, specs: Vec<Spec>) -> Self {
        let mut machine = Self {
            policy,
            order,
            pool: State::new(0, settings(&[])),
            specs: Vec::new(),
            requests: BTreeMap::new(),
            line: Vec::new(),
            now: NOW,
            next: 0,
        };
        machine.update(specs);
        machine
    }

    /// Requests in flight at `index`, and tunnels.
    fn load(&self, index: EndpointIndex) -> (u32, u32) {
        let here = |tunnel| {
            let at = move |r: &&Naive| r.at == Some(index) && r.tunnel == tunnel;
            u32::try_from(self.requests.values().filter(at).count()).expect("few")
        };
        (here(false), here(true))
    }

    /// What the configuration says of `index`; `None` if it is gone.
    fn spec(&self, index: EndpointIndex) -> Option<&Spec> {
        let endpoint = &self.pool.endpoints()[index.slot as usize];
        let name = self.pool.name(index.slot)?;
        let owner = |spec: &&Spec| spec.name == name;
        self.specs
            .iter()
            .find(owner)
            .filter(|_| endpoint.index == index)
    }

    fn may_wait_for(&self, index: EndpointIndex, tried: &Tried) -> bool {
        let serves = |spec: &Spec| spec.state == Admin::Up && spec.weight > 0;
        !tried.contains(index) && self.spec(index).is_some_and(serves)
    }

    fn may_take(&self, index: EndpointIndex, tried: &Tried) -> bool {
        let bound = self.spec(index).and_then(|spec| spec.max_connections);
        let (in_flight, tunnels) = self.load(index);
        let room = bound.is_none_or(|max| in_flight + tunnels < max);
        room && self.may_wait_for(index, tried)
    }

    fn may_go(&self, tried: &Tried) -> bool {
        let able = |e: &Endpoint| self.may_take(e.index, tried);
        self.pool.endpoints().iter().any(able)
    }

    fn may_wait(&self, tried: &Tried) -> bool {
        let able = |e: &Endpoint| self.may_wait_for(e.index, tried);
        self.pool.endpoints().iter().any(able)
    }

    /// One of a later group only if it has a share, or nobody of an earlier one may; one that
    /// cools only if nobody else may.
    fn check_pick(&self, index: EndpointIndex, tried: &Tried) {
        assert!(self.may_take(index, tried), "{index:?} may not be picked");
        let rank = |e: &Endpoint| (e.is_cooling(self.now), e.group);
        let able = |e: &&Endpoint| self.may_take(e.index, tried);
        let best = self.pool.endpoints().iter().filter(able).map(rank).min();
        let picked = &self.pool.endpoints()[index.slot as usize];
        let (cools, group) = rank(picked);
        let has_share = self.pool.shares()[group as usize] > 0;
        assert!(Some((cools, group)) == best || !cools && has_share);
    }

    fn admitted(&mut self, token: Token, tried: Tried, admission: Admission) {
        let mut request = Naive {
            tried,
            at: None,
            booked: false,
            tunnel: false,
            told: false,
            shed: false,
        };
        let (may_go, may_wait) = (self.may_go(&tried), self.may_wait(&tried));
        match admission {
            Admission::Picked(index) => {
                self.check_pick(index, &tried);
                request.at = Some(index);
                self.requests.insert(token, request);
            }
            Admission::Queued => {
                assert!(!may_go && may_wait);
                self.requests.insert(token, request);
                if self.line.len() >= 3 {
                    assert_eq!(self.order, Order::Lifo);
                    let oldest = self.line.remove(0);
                    assert_eq!(self.pool.untold(), Some(Grant { token: oldest }));
                    self.requests.get_mut(&oldest).expect("it waited").shed = true;
                }
                self.line.push(token);
            }
            Admission::QueueFull => {
                assert!(!may_go && may_wait && self.line.len() >= 3);
                assert_eq!(self.order, Order::Fifo);
            }
            Admission::Shed => panic!("{token:?} was not sent away"),
            Admission::NoEndpoint => assert!(!may_wait),
        }
    }

    /// The first in line who can go is who was granted; the last, where the newest goes first.
    fn granted(&mut self, grant: Option<Grant>) {
        let able = |token: &&Token| self.may_go(&self.requests[token].tried);
        let expected = match self.order {
            Order::Lifo => self.line.iter().rev().find(able).copied(),
            _ => self.line.iter().find(able).copied(),
        };
        assert_eq!(grant.map(|grant| grant.token), expected);
        let Some(Grant { token }) = grant else {
            return;
        };
        let endpoint = self.pool.queue.booked(token).expect("granted");
        self.check_pick(endpoint, &self.requests[&token].tried);
        self.line.retain(|waiting| *waiting != token);
        let request = self.requests.get_mut(&token).expect("it waited");
        (request.at, request.booked) = (Some(endpoint), true);
    }

    fn update(&mut self, specs: Vec<Spec>) {
        let base = settings(&specs);
        let settings = Settings {
            policy: self.policy,
            queue: queue::Settings {
                order: self.order,
                ..base.queue
            },
            ..base
        };
        let grants = self.pool.update(self.now, settings);
        self.specs = specs;
        for grant in grants {
            let is_hopeless = !self.may_wait(&self.requests[&grant.token].tried);
            if is_hopeless {
                self.line.retain(|waiting| *waiting != grant.token);
                self.requests.get_mut(&grant.token).expect("it waited").told = true;
            } else {
                self.granted(Some(grant));
            }
        }
    }

    /// What ending one in flight at `index` led to: nothing, if the endpoint is gone.
    fn freed(&mut self, index: EndpointIndex, grant: Option<Grant>) {
        if self.spec(index).is_some() {
            self.granted(grant);
        } else {
            assert_eq!(grant, None);
        }
    }

    fn choose(&self, n: usize, which: impl Fn(&Naive) -> bool) -> Option<Token> {
        let some: Vec<_> = self.requests.iter().filter(|(_, r)| which(r)).collect();
        Some(*some[n.checked_rem(some.len())?].0)
    }

    fn complete(&mut self, token: Token, verdict: Verdict, again: bool) {
        let mut request = self.requests.remove(&token).expect("it is there");
        let index = request.at.expect("it is in flight");
        let grant = if request.tunnel {
            self.pool.hang_up(self.now, index, verdict)
        } else {
            self.pool.complete(self.now, index, verdict)
        };
        self.freed(index, grant);
        if again && !request.tunnel {
            request.tried.push(index);
            let mut rng = Stream::new(2, "pick").at(self.next);
            let admission = self
                .pool
                .admit(self.now, token, request.tried, Key::None, &mut rng);
            self.admitted(token, request.tried, admission);
        }
    }

    /// Goes where the grant says while that is there; else all begins again, with the same `tried`.
    fn take_up(&mut self, token: Token) {
        let request = self.requests.remove(&token).expect("it is there");
        let mut rng = Stream::new(3, "pick").at(token.0);
        let admission = self
            .pool
            .take_up(self.now, token, request.tried, Key::None, &mut rng);
        if request.shed {
            return assert_eq!(admission, Admission::Shed);
        }
        match request.at.filter(|index| self.spec(*index).is_some()) {
            Some(index) => {
                assert_eq!(admission, Admission::Picked(index));
                let taken = Naive {
                    booked: false,
                    ..request
                };
                self.requests.insert(token, taken);
            }
            None => self.admitted(token, request.tried, admission),
        }
    }

    fn leave(&mut self, token: Token) {
        let left = self.requests.remove(&token).expect("it is there");
        self.line.retain(|waiting| *waiting != token);
        let grant = self.pool.leave(self.now, token);
        match left.at {
            Some(index) => self.freed(index, grant),
            None => assert_eq!(grant, None),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Arrive => {
                self.next += 1;
                let token = Token(self.next);
                let mut rng: Rng = Stream::new(1, "pick").at(self.next);
                let admission = self.pool.arrive(self.now, token, Key::None, &mut rng);
                self.admitted(token, Tried::default(), admission);
            }
            Step::Complete(n, verdict, again) => {
                if let Some(token) = self.choose(n, |r| r.at.is_some() && !r.booked) {
                    self.complete(token, verdict, again);
                }
            }
            Step::Upgrade(n) => {
                let asks = |r: &Naive| r.at.is_some() && !r.booked && !r.tunnel;
                if let Some(token) = self.choose(n, asks) {
                    let request = self.requests.get_mut(&token).expect("chosen");
                    request.tunnel = true;
                    let index = request.at.expect("it is in flight");
                    self.pool.upgrade(self.now, index);
                }
            }
            Step::Take(n) => {
                if let Some(token) = self.choose(n, |r| r.booked || r.told || r.shed) {
                    self.take_up(token);
                }
            }
            Step::Leave(n) => {
                if let Some(token) = self.choose(n, |r| r.booked || r.at.is_none()) {
                    self.leave(token);
                }
            }
            Step::Update(specs) => self.update(specs),
            Step::WaitMs(ms) => self.now = self.now + Duration::from_millis(ms),
        }
    }

    /// All that waits leaves and all that is in flight ends: nothing is left.
    fn end(&mut self) {
        while self.choose(0, |_| true).is_some() {
            self.step(Step::Leave(0));
            self.step(Step::Complete(0, Verdict::Success, false));
            self.check();
        }
        let idle = |e: &Endpoint| (e.in_flight, e.tunnels) == (0, 0);
        assert!(self.pool.endpoints().iter().all(idle));
    }

    fn check(&self) {
        for endpoint in self.pool.endpoints() {
            let counted = (endpoint.in_flight, endpoint.tunnels);
            assert_eq!(counted, self.load(endpoint.index), "{endpoint:?}");
        }
        assert_eq!(self.pool.queued(), self.line.len());
        for token in &self.line {
            let tried = &self.requests[token].tried;
            assert!(!self.may_go(tried), "{token:?} waits and could go");
            assert!(self.may_wait(tried), "{token:?} waits for nobody");
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_a_look_at_everybody(
        policy in prop::sample::select(vec![
            Kind::RoundRobin,
            Kind::Random,
            Kind::LeastRequest,
            Kind::P2c { choices: 2 },
        ]),
        order in prop::sample::select(vec![Order::Fifo, Order::Lifo]),
        specs in endpoints(),
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let mut machine = Machine::new(policy, order, specs);
        for step in steps {
            machine.step(step);
            machine.check();
        }
        machine.end();
    }
}
