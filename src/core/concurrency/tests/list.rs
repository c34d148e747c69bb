//! The machine against lists of all that each window has seen, over random histories.

use proptest::prelude::*;

use super::*;

/// What a random history does next.
#[derive(Clone, Copy, Debug)]
struct Step {
    slot: u32,
    gap_ms: u64,
    took_us: u64,
    in_flight: u32,
    ended: Ended,
    has_head: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let ended = prop_oneof![
        20 => Just(Ended::Answered(200)),
        1 => Just(Ended::Answered(503)),
        1 => Just(Ended::Failed),
        1 => Just(Ended::Left),
    ];
    let took_us = prop_oneof![4 => 1_000..40_000_u64, 1 => 1..900_000_u64];
    let in_flight = prop_oneof![1 => 1..4_u32, 2 => 1..90_u32];
    let all = (
        0..2_u32,
        0..14_u64,
        took_us,
        in_flight,
        ended,
        any::<bool>(),
    );
    all.prop_map(|(slot, gap_ms, took_us, in_flight, ended, has_head)| Step {
        slot,
        gap_ms,
        took_us,
        in_flight,
        ended,
        has_head: has_head || matches!(ended, Ended::Answered(_)),
    })
}

/// An endpoint, with everything that its window has seen.
#[derive(Clone)]
struct Naive {
    limit: f64,
    base_us: Option<u64>,
    due: Timestamp,
    begun: Timestamp,
    in_flight: Vec<u32>,
    times_us: Vec<u64>,
}

impl Naive {
    fn clear(&mut self, now: Timestamp) {
        self.begun = now;
        self.in_flight.clear();
        self.times_us.clear();
    }

    fn median_us(&self) -> u64 {
        let mut sorted = self.times_us.clone();
        sorted.sort_unstable();
        let exact = sorted[(sorted.len() - 1) / 2];
        quantile::end_us(quantile::place(exact)).max(1)
    }

    fn measured(&mut self, now: Timestamp) {
        let median_us = self.median_us();
        self.base_us = Some((self.base_us.unwrap_or(median_us) + median_us) / 2);
        self.due = now + SETTINGS.interval;
    }

    fn most(&self) -> u32 {
        self.in_flight.iter().copied().max().unwrap_or(0)
    }
}

struct Pair {
    state: State,
    naive: [Naive; 2],
    measuring: Option<(usize, Timestamp)>,
}

impl Pair {
    fn new() -> Self {
        let naive = Naive {
            limit: 1_000.0,
            base_us: None,
            due: START,
            begun: START,
            in_flight: Vec::new(),
            times_us: Vec::new(),
        };
        Self {
            state: state(2),
            naive: [naive.clone(), naive],
            measuring: None,
        }
    }

    fn expect(&mut self, now: Timestamp, step: Step, report: &Report) {
        if let Some((slot, until)) = self.measuring
            && now >= until
        {
            self.measuring = None;
            let one = &mut self.naive[slot];
            one.due = now + SETTINGS.interval;
            if one.times_us.len() >= LEAST as usize {
                one.measured(now);
            }
            one.clear(now);
        }
        let slot = step.slot as usize;
        let measures = self.measuring.is_some_and(|(at, _)| at == slot);
        let one = &mut self.naive[slot];
        one.in_flight.push(step.in_flight);
        let tolerated_us = one.base_us.map(|base| base + base / 4);
        let is_error = step.ended == Ended::Answered(503);
        let tells = match tolerated_us {
            _ if is_error || report.dispatched < one.begun => false,
            Some(tolerated_us) => step.has_head || step.took_us > tolerated_us,
            None => step.has_head,
        };
        if !tells {
            return;
        }
        one.times_us.push(step.took_us);
        let quiet = measures || one.most() <= SETTINGS.min;
        let least = if quiet { LEAST_BASE } else { LEAST };
        if one.times_us.len() < least as usize || now.since(one.begun) < WINDOW {
            return;
        }
        if quiet {
            one.measured(now);
        }
        if measures {
            self.measuring = None;
        } else if let Some(base_us) = one.base_us {
            let gradient = 1.25 * base_us as f64 / one.median_us() as f64;
            let used = one.limit.min(f64::from(one.most()));
            let wanted = used * gradient.clamp(0.25, 2.0) + used.sqrt();
            let limit = match base_us + base_us / 4 >= one.median_us() {
                true => one.limit.max(wanted),
                false => one.limit.min(wanted),
            };
            one.limit = limit.clamp(3.0, 1_000.0);
        }
        one.clear(now);
        if now >= one.due && self.measuring.is_none() {
            self.measuring = Some((slot, now + MEASURING));
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_lists(steps in prop::collection::vec(step(), 1..900)) {
        let mut pair = Pair::new();
        let mut now = START;
        for step in steps {
            now = now + MS * u32::try_from(step.gap_ms).expect("small");
            let took = Duration::from_micros(step.took_us);
            let report = Report {
                dispatched: now - took,
                ended: step.ended,
                first_byte: step.has_head.then_some(took),
            };
            let _ = pair.state.judge(now, index(step.slot), step.in_flight, &report);
            pair.expect(now, step, &report);
            for (slot, one) in (0..).zip(&pair.naive) {
                let found = pair.state.limit(slot);
                if pair.measuring.is_some_and(|(at, _)| at == slot as usize) {
                    prop_assert_eq!(found, SETTINGS.min);
                } else {
                    // Thousandths that are cut off add up a little.
                    let apart = (f64::from(found) + 0.5 - one.limit).abs();
                    prop_assert!(apart < 0.6, "{found} for {}", one.limit);
                }
            }
        }
    }
}
