//! What a policy says that it will look at: it holds for every pick of every test of policies.

use super::*;

/// Picks of a rig that are foreseen; those of long runs are not, which takes its time.
const FORESEEN: u64 = 3_000;

impl Rig {
    /// The slot picked for a request with this key. What was foreseen of it must have come.
    pub(super) fn pick_for(&mut self, key: Key) -> Option<usize> {
        let tier = self.endpoints.iter().filter(|e| e.group == self.tier.group);
        let mut cx = PickContext {
            now: Timestamp(1_000_000),
            rng: &mut self.rng.clone(),
            tried: &self.tried,
            tier: self.tier,
            key,
            in_flight: tier.map(|e| u64::from(e.in_flight)).sum(),
        };
        let foreseen = (self.picks < FORESEEN).then(|| self.policy.weigh(&self.endpoints, &mut cx));
        cx.rng = &mut self.rng;
        let picked = self.policy.pick(&self.endpoints, &mut cx);
        if let Some(weighing) = foreseen {
            let winners = weighing.winners(&self.endpoints);
            let holds = match picked {
                Some(index) => winners.contains(&index),
                None => weighing.marks.is_empty(),
            };
            assert!(holds, "{:?}: {picked:?}, not {weighing:?}", self.kind);
        }
        let index = picked?;
        let endpoint = self.endpoints[index.slot as usize].index;
        assert_eq!(endpoint, index, "a dead index");
        Some(index.slot as usize)
    }
}

/// Two endpoints that differ in all that policies look at: what each says of them.
#[test]
fn every_policy_says_what_it_looks_at() {
    for kind in EVERY {
        let mut rig = Rig::new(kind, &[1, 3]);
        rig.endpoints[0].in_flight = 2;
        let mut cx = PickContext {
            now: Timestamp(1_000_000),
            rng: &mut Stream::new(7, "pick").at(0),
            tried: &Tried::default(),
            tier: rig.tier,
            key: match kind {
                Kind::IpHash => Key::network(Ipv4Addr::LOCALHOST.into()),
                _ => Key::text(b"key"),
            },
            in_flight: 2,
        };
        let weighing = rig.policy.weigh(&rig.endpoints, &mut cx);
        assert!(!weighing.unit.is_empty(), "{kind:?}");
        let both: Vec<_> = weighing.marks.iter().map(|mark| mark.slot).collect();
        assert_eq!(both.len(), 2, "{kind:?}: {weighing:?}");
        assert!(!weighing.winners(&rig.endpoints).is_empty(), "{kind:?}");
        let drawn = weighing.marks.iter().any(|mark| mark.drawn > 0);
        let draws = matches!(
            kind,
            Kind::Random | Kind::P2c { .. } | Kind::PeakEwma { .. } | Kind::Prequal { .. }
        );
        assert_eq!(drawn, draws, "{kind:?}: {weighing:?}");
    }
}

/// The units of the scores are those of the policy.
#[test]
fn scores_are_what_the_rule_says() {
    // Weights 1, 2 and 4 with 2, 2 and 0 in flight.
    let cases: [(Kind, Best, &[f64]); 3] = [
        (Kind::LeastRequest, Best::Least, &[2.0, 1.0, 0.0]),
        (Kind::RoundRobin, Best::Most, &[1.0, 2.0, 4.0]),
        (
            Kind::Random,
            Best::Drawn,
            &[100.0 / 7.0, 200.0 / 7.0, 400.0 / 7.0],
        ),
    ];
    for (kind, best, scores) in cases {
        let mut rig = Rig::new(kind, &[1, 2, 4]);
        rig.endpoints[0].in_flight = 2;
        rig.endpoints[1].in_flight = 2;
        let mut cx = PickContext {
            now: Timestamp(1_000_000),
            rng: &mut Stream::new(7, "pick").at(0),
            tried: &Tried::default(),
            tier: rig.tier,
            key: Key::None,
            in_flight: 4,
        };
        let weighing = rig.policy.weigh(&rig.endpoints, &mut cx);
        assert_eq!(weighing.best, best);
        let found: Vec<f64> = weighing.marks.iter().map(|mark| mark.score).collect();
        assert_eq!(found, scores, "{kind:?}");
    }
}
