//! What holds for every policy, and the table of endpoints that the tests of each start from; what
//! one policy alone promises is in the file of its name.

mod event_loop;
mod hash;
mod keyed;
mod latency;
mod least_request;
mod maglev;
mod p2c;
mod prequal;
mod random;
mod rendezvous;
mod ring_hash;
mod round_robin;
mod weighing;

use proptest::prelude::*;

use std::net::Ipv4Addr;

use super::*;
use crate::endpoint::{Group, Spec, State};
use crate::rng::{Rng, Stream, mix};
use keyed::moved;

pub(crate) const EVERY: [Kind; 16] = [
    Kind::RoundRobin,
    Kind::Random,
    Kind::LeastRequest,
    Kind::P2c { choices: 2 },
    Kind::P2c { choices: 8 },
    Kind::LeastTime {
        until: Until::Header,
    },
    Kind::PeakEwma {
        decay: Duration::from_secs(10),
    },
    Kind::EventLoop { spare_percent: 50 },
    Kind::IpHash,
    Kind::Hash,
    Kind::Maglev,
    Kind::Rendezvous,
    // Shares are those of points, of what was probed.
    Kind::RingHash {
        bound_percent: None,
    },
    Kind::RingHash {
        bound_percent: Some(125),
    },
    prequal::kind(84),
    prequal::asking(30),
];
/// Those whose shares are the weights, load or not.
const FAIR: &[Kind] = EVERY.split_at(12).0;

/// An endpoint of a configuration, with nothing unusual but its weight.
pub(crate) fn spec(name: &str, weight: u32) -> Spec {
    Spec {
        name: name.into(),
        address: name.into(),
        weight,
        max_connections: None,
        group: Group::Home,
        state: State::Up,
    }
}

/// A policy and the endpoints that it is asked about, without a pool around them.
struct Rig {
    kind: Kind,
    policy: Box<dyn Policy>,
    /// What the next request is hashed by; absent: each by something of its own.
    key: Option<Key>,
    picks: u64,
    endpoints: Vec<Endpoint>,
    /// By slot.
    addresses: Vec<String>,
    tried: Tried,
    tier: Tier,
    rng: Rng,
}

impl Rig {
    fn new(kind: Kind, weights: &[u32]) -> Self {
        let address = |(slot, weight): (usize, &u32)| (format!("10.0.0.{slot}:3000"), *weight);
        Self::at(kind, weights.iter().enumerate().map(address))
    }

    /// Endpoints at these addresses, with these weights.
    fn at(kind: Kind, endpoints: impl IntoIterator<Item = (String, u32)>) -> Self {
        let endpoint = |(slot, (address, weight)): (u32, (String, u32))| {
            let index = EndpointIndex {
                slot,
                generation: 0,
            };
            let mut endpoint = Endpoint::new(index, &spec(&address, weight));
            endpoint.place = slot;
            endpoint
        };
        let endpoints: Vec<_> = endpoints.into_iter().collect();
        let mut rig = Self {
            kind,
            addresses: endpoints
                .iter()
                .map(|(address, _)| address.clone())
                .collect(),
            policy: kind.build(),
            key: None,
            picks: 0,
            endpoints: (0..).zip(endpoints).map(endpoint).collect(),
            tried: Tried::default(),
            tier: Tier::ORDER[0],
            rng: Stream::new(7, "pick").at(0),
        };
        rig.rebuild();
        rig
    }

    fn rebuild(&mut self) {
        let table = self.table();
        self.policy.rebuild(&self.endpoints, table);
    }

    /// The table of a configuration that has these endpoints.
    fn table(&self) -> Table {
        let mut specs: Vec<Spec> = Vec::new();
        let mut endpoints: Vec<_> = self.endpoints.iter().filter(|e| e.weight > 0).collect();
        endpoints.sort_by_key(|e| e.place);
        for endpoint in endpoints {
            specs.resize(endpoint.place as usize, spec("", 0));
            let address = &self.addresses[endpoint.index.slot as usize];
            specs.push(Spec {
                group: endpoint.group,
                ..spec(address, endpoint.weight)
            });
        }
        Table::new(self.kind, &specs)
    }

    /// The slot picked; the present is time 1 ms.
    fn pick(&mut self) -> Option<usize> {
        self.picks += 1;
        let key = self.key.unwrap_or_else(|| match self.kind {
            Kind::IpHash => Key::network(Ipv4Addr::from(mix(self.picks) as u32).into()),
            _ => Key::text(format!("key {}", self.picks).as_bytes()),
        });
        self.pick_for(key)
    }

    /// The slots that may be picked.
    fn eligible(&mut self) -> Vec<usize> {
        let cx = PickContext {
            now: Timestamp(1_000_000),
            rng: &mut self.rng,
            tried: &self.tried,
            tier: self.tier,
            key: Key::None,
            in_flight: 0,
        };
        let eligible = |at: &usize| cx.eligible(&self.endpoints[*at]);
        (0..self.endpoints.len()).filter(eligible).collect()
    }

    /// How often each slot comes in `n` picks.
    fn counts(&mut self, n: usize) -> Vec<u64> {
        let mut counts = vec![0; self.endpoints.len()];
        for _ in 0..n {
            counts[self.pick().expect("somebody is eligible")] += 1;
        }
        counts
    }

    /// Picks and keeps in flight.
    fn send(&mut self) -> usize {
        let at = self.pick().expect("somebody is eligible");
        self.endpoints[at].in_flight += 1;
        at
    }

    /// Keeps `load` requests in flight: each time one of them, any with the same chance, ends and
    /// another one is sent. Calls `look` after each; returns how often each slot came in `picks`.
    fn circulate(&mut self, load: u32, picks: u32, mut look: impl FnMut(&[Endpoint])) -> Vec<u64> {
        let mut ends = Stream::new(7, "ends").at(u64::from(load));
        let mut flying: Vec<usize> = (0..load).map(|_| self.send()).collect();
        let mut counts = vec![0; self.endpoints.len()];
        for _ in 0..picks {
            let which = ends.below(u64::from(load)) as usize;
            self.endpoints[flying[which]].in_flight -= 1;
            flying[which] = self.send();
            counts[flying[which]] += 1;
            look(&self.endpoints);
        }
        counts
    }

    fn cool(&mut self, slot: usize) {
        self.endpoints[slot].dial_failed(Timestamp::ZERO);
    }
}

/// Every count within 6 standard deviations of its share (2 in a billion), and 6 for the skew of
/// rare ones.
fn assert_shares(counts: &[u64], shares: &[f64]) {
    assert_shares_within(0.0, counts, shares);
}

/// The same, and `slack` of all picks more.
fn assert_shares_within(slack: f64, counts: &[u64], shares: &[f64]) {
    let n = counts.iter().sum::<u64>() as f64;
    let total = shares.iter().sum::<f64>();
    for (count, share) in counts.iter().zip(shares) {
        let p = share / total;
        let deviation = (n * p * (1.0 - p)).sqrt() + f64::from(u8::from(p > 0.0));
        assert!(
            (*count as f64 - n * p).abs() <= 6.0 * deviation + slack * n,
            "{count} of {n}, expected a share of {p}: {counts:?} for {shares:?}"
        );
    }
}

/// Weights whose shares are asked for at several loads.
const WEIGHTS: [&[u32]; 4] = [&[3, 1], &[1, 1, 1, 1], &[1, 2, 3, 10], &[1, 1, 100]];
/// Requests in flight.
const LOADS: [u32; 5] = [2, 4, 16, 64, 400];

/// With nothing in flight every endpoint is as little loaded as the others, so that a policy which
/// reads the load shares by weight like one which does not.
#[test]
fn one_request_at_a_time_is_shared_by_weight() {
    for kind in FAIR.iter().copied() {
        for weights in WEIGHTS {
            let mut rig = Rig::new(kind, weights);
            let counts = rig.circulate(1, 40_000, |_| ());
            let shares: Vec<_> = weights.iter().copied().map(f64::from).collect();
            assert_shares(&counts, &shares);
        }
    }
}

/// With some in flight a policy that reads the load cannot place parts of a request: shares are
/// within (n - 1) / in flight of the weights, n being the number of endpoints.
#[test]
fn weights_are_honoured_under_load() {
    for kind in FAIR.iter().copied() {
        for weights in WEIGHTS {
            for load in LOADS {
                let mut rig = Rig::new(kind, weights);
                let counts = rig.circulate(load, 10_000, |_| ());
                let shares: Vec<_> = weights.iter().copied().map(f64::from).collect();
                let slack = (weights.len() - 1) as f64 / f64::from(load);
                assert_shares_within(slack, &counts, &shares);
            }
        }
    }
}

#[test]
fn nobody_to_pick() {
    type Change = fn(&mut Rig);
    let cases: [(&str, &[u32], Change); 7] = [
        ("an empty pool", &[], |_| ()),
        ("all weights zero", &[0, 0, 0], |_| ()),
        ("all full", &[1, 2, 3], |rig| {
            for endpoint in &mut rig.endpoints {
                (endpoint.in_flight, endpoint.max_connections) = (4, 4);
            }
        }),
        ("all tried", &[1, 2, 3], |rig| {
            let all: Vec<_> = rig.endpoints.iter().map(|e| e.index).collect();
            all.into_iter().for_each(|index| rig.tried.push(index));
        }),
        ("all cooling", &[1, 2, 3], |rig| {
            (0..3).for_each(|at| rig.cool(at))
        }),
        ("all backups", &[1, 1], |rig| {
            rig.endpoints
                .iter_mut()
                .for_each(|e| e.group = Group::Backup);
        }),
        ("all down or drained", &[1, 1], |rig| {
            rig.endpoints[0].state = State::Down;
            rig.endpoints[1].state = State::Drain;
        }),
    ];
    for kind in EVERY {
        for (name, weights, change) in cases {
            let mut rig = Rig::new(kind, weights);
            change(&mut rig);
            rig.rebuild();
            assert_eq!(rig.pick(), None, "{kind:?}: {name}");
        }
    }
}

#[test]
fn one_endpoint_takes_all() {
    for kind in EVERY {
        for weight in [1, 9, u32::MAX] {
            assert_eq!(Rig::new(kind, &[weight]).counts(100), [100], "{kind:?}");
        }
    }
}

#[test]
fn the_tier_says_who_is_asked() {
    for kind in EVERY {
        let mut rig = Rig::new(kind, &[1; 6]);
        for (at, endpoint) in rig.endpoints.iter_mut().enumerate() {
            endpoint.group = Group::ALL[at / 2];
        }
        for at in [1, 3, 5] {
            rig.cool(at);
        }
        rig.rebuild();
        let seen: Vec<Vec<bool>> = Tier::ORDER
            .iter()
            .map(|tier| {
                rig.tier = *tier;
                rig.counts(200).iter().map(|count| *count > 0).collect()
            })
            .collect();
        let (yes, no) = (true, false);
        let expected = [
            [yes, no, no, no, no, no],
            [no, no, yes, no, no, no],
            [no, no, no, no, yes, no],
            [yes, yes, no, no, no, no],
            [no, no, yes, yes, no, no],
            [no, no, no, no, yes, yes],
        ];
        assert_eq!(seen, expected, "{kind:?}");
    }
}

/// The light endpoint's share of 10,000 picks is 2 in a million; alone it is found all the same.
#[test]
fn a_huge_weight_takes_all_until_it_is_full() {
    for kind in EVERY {
        let mut rig = Rig::new(kind, &[1, u32::MAX, 1]);
        // `ip_hash` has 6,271 values: one of them is somebody's.
        assert!(rig.counts(10_000)[1] > 9_990, "{kind:?}");
        rig.endpoints[1].max_connections = 0;
        let counts = rig.counts(1_000);
        assert_eq!(counts[1], 0, "{kind:?}");
        assert!(counts[0] > 400 && counts[2] > 400, "{kind:?}: {counts:?}");
    }
}

/// One change to a pool between two picks.
#[derive(Clone, Copy, Debug)]
enum Churn {
    Add(u32),
    Remove(usize),
    Weight(usize, u32),
    Group(usize),
    Load(usize, u32),
    Cool(usize),
    Tried(usize),
    Tier(usize),
    Pick,
}

fn churn() -> impl Strategy<Value = Churn> {
    churn_up_to(u32::MAX)
}

/// Changes with weights up to `most`.
fn churn_up_to(most: u32) -> impl Strategy<Value = Churn> {
    let weight = move || prop_oneof![5 => 0_u32..5, 1 => Just(most)];
    prop_oneof![
        2 => weight().prop_map(Churn::Add),
        1 => any::<usize>().prop_map(Churn::Remove),
        1 => (any::<usize>(), weight()).prop_map(|(at, weight)| Churn::Weight(at, weight)),
        1 => any::<usize>().prop_map(Churn::Group),
        2 => (any::<usize>(), 0_u32..6).prop_map(|(at, load)| Churn::Load(at, load)),
        1 => any::<usize>().prop_map(Churn::Cool),
        1 => any::<usize>().prop_map(Churn::Tried),
        1 => (0_usize..6).prop_map(Churn::Tier),
        8 => Just(Churn::Pick),
    ]
}

impl Rig {
    /// Applies a change as the pool does: a slot is never removed, only given to another endpoint.
    fn churn(&mut self, change: Churn) {
        let n = self.endpoints.len();
        let at = |at: usize| at.checked_rem(n).filter(|_| n > 0);
        match change {
            Churn::Add(weight) => {
                let free = self.endpoints.iter().position(|e| e.state == State::Down);
                let slot = free.unwrap_or(n);
                let mut index = EndpointIndex {
                    slot: u32::try_from(slot).expect("few"),
                    generation: 0,
                };
                if let Some(slot) = free {
                    index = self.endpoints[slot].index;
                    self.endpoints.remove(slot);
                }
                let address = format!("10.{}.0.{slot}:3000", index.generation);
                let mut endpoint = Endpoint::new(index, &spec(&address, weight));
                endpoint.place = index.slot;
                self.addresses
                    .resize(slot.max(self.addresses.len()), String::new());
                if slot < self.addresses.len() {
                    self.addresses[slot] = address;
                } else {
                    self.addresses.push(address);
                }
                endpoint.max_connections = 5;
                self.endpoints.insert(slot, endpoint);
            }
            Churn::Remove(slot) => {
                if let Some(slot) = at(slot) {
                    self.endpoints[slot].state = State::Down;
                    self.endpoints[slot].weight = 0;
                    self.endpoints[slot].index.generation += 1;
                }
            }
            Churn::Weight(slot, weight) => {
                if let Some(slot) = at(slot) {
                    self.endpoints[slot].weight = weight;
                }
            }
            Churn::Group(slot) => {
                if let Some(slot) = at(slot) {
                    let group = Group::ALL[(self.endpoints[slot].group as usize + 1) % 3];
                    self.endpoints[slot].group = group;
                }
            }
            Churn::Load(slot, load) => {
                if let Some(slot) = at(slot) {
                    self.endpoints[slot].in_flight = load;
                }
                return;
            }
            Churn::Cool(slot) => {
                at(slot).into_iter().for_each(|slot| self.cool(slot));
                return;
            }
            Churn::Tried(slot) => {
                self.tried = Tried::default();
                if let Some(slot) = at(slot) {
                    self.tried.push(self.endpoints[slot].index);
                }
                return;
            }
            Churn::Tier(tier) => self.tier = Tier::ORDER[tier],
            Churn::Pick => return,
        }
        self.rebuild();
    }
}

proptest! {
    /// Whatever changes between two picks: an eligible endpoint if there is one, else none.
    #[test]
    fn churn_never_leads_to_a_wrong_pick(changes in prop::collection::vec(churn(), 1..120)) {
        for kind in EVERY.into_iter().filter(|kind| !has_large_table(*kind)) {
            stays_right(kind, &changes)?;
        }
    }
}

fn has_large_table(kind: Kind) -> bool {
    matches!(kind, Kind::RingHash { .. } | Kind::Maglev)
}

fn stays_right(kind: Kind, changes: &[Churn]) -> Result<(), TestCaseError> {
    let mut rig = Rig::new(kind, &[1, 1]);
    for change in changes {
        rig.churn(*change);
        let eligible = rig.eligible();
        match rig.pick() {
            None => prop_assert!(eligible.is_empty(), "{kind:?} {change:?}"),
            Some(at) => prop_assert!(eligible.contains(&at), "{kind:?} {change:?}"),
        }
    }
    Ok(())
}
