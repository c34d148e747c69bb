//! A rule against its definition, over random histories: of the requests of a client that went on
//! from any one of them on, the last came no earlier than the rate and the burst allow.

use super::*;

/// What a random history does next. Numbers choose among what there is.
#[derive(Clone, Copy, Debug)]
enum Step {
    Come(u32),
    Leave(usize),
    Wait(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..6_u32).prop_map(Step::Come),
        3 => any::<usize>().prop_map(Step::Leave),
        3 => (0..400_u32).prop_map(Step::Wait),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let rate = (1..300_u32, 0..5_u32, prop::option::of(0..5_u32));
    let rate = rate.prop_map(|(every, burst, delay)| Rate {
        every: Span::of(MS * every),
        burst,
        delay,
    });
    let requests = prop::option::of(1..4_u32);
    (prop::option::of(rate), requests, 1..8_usize).prop_map(|(rate, requests, keys)| Settings {
        rate,
        requests,
        keys,
        dry_run: false,
    })
}

#[derive(Debug, Default)]
struct Client {
    key: u32,
    /// When its requests came that went on.
    came: Vec<Timestamp>,
    there: u32,
}

/// Everything that ever happened, but for what was forgotten.
#[derive(Debug, Default)]
struct Naive {
    clients: Vec<Client>,
}

impl Naive {
    /// When a request may come at the earliest that is to be at most `ahead` before its time.
    fn due(client: &Client, rate: Rate, ahead: u32) -> Timestamp {
        let since = |from: usize| {
            let more = (client.came.len() - from) as i64 - i64::from(ahead);
            let wait_ns = i64::try_from(rate.every.0).unwrap() * more;
            Timestamp(client.came[from].0.saturating_add_signed(wait_ns))
        };
        let all = (0..client.came.len()).map(since);
        all.max().unwrap_or_default()
    }

    fn rank(client: &Client, settings: &Settings) -> Timestamp {
        match (client.there, settings.rate) {
            (1.., _) => Timestamp::MAX,
            (0, Some(rate)) => Self::due(client, rate, 0),
            (0, None) => Timestamp::ZERO,
        }
    }

    fn come(&mut self, now: Timestamp, key: u32, settings: &Settings) -> (Answer, bool) {
        let found = self.clients.iter().position(|client| client.key == key);
        let fail = |verdict, again| {
            let note = Note {
                rule: 0,
                verdict,
                dry_run: false,
            };
            ((refused(again), vec![note]), false)
        };
        let mut notes = Vec::new();
        let mut note = |verdict| {
            notes.push(Note {
                rule: 0,
                verdict,
                dry_run: false,
            });
        };
        let at = match found {
            Some(at) => at,
            None => {
                let owing = |client: &Client| Self::rank(client, settings) > now;
                self.clients.retain(owing);
                if self.clients.len() >= settings.keys {
                    let rank =
                        |(_, client): &(usize, &Client)| (Self::rank(client, settings), client.key);
                    let least = self.clients.iter().enumerate().min_by_key(rank);
                    let (least, client) = least.expect("keys are at least one");
                    if client.there > 0 {
                        return fail(Verdict::Full, None);
                    }
                    self.clients.remove(least);
                    note(Verdict::Forgot);
                }
                self.clients.push(Client {
                    key,
                    ..Client::default()
                });
                self.clients.len() - 1
            }
        };
        let client = &mut self.clients[at];
        if settings.requests.is_some_and(|most| client.there >= most) {
            return fail(Verdict::Requests, None);
        }
        let mut go = now;
        if let Some(rate) = settings.rate {
            let due = Self::due(client, rate, rate.burst);
            if due > now {
                return fail(Verdict::Rate, Some(due));
            }
            if let Some(delay) = rate.delay {
                go = now.max(Self::due(client, rate, delay));
            }
        }
        if go > now {
            note(Verdict::Held);
        }
        client.came.push(now);
        client.there += u32::from(settings.requests.is_some());
        ((Ok(go), notes), settings.requests.is_some())
    }

    fn leave(&mut self, key: u32) {
        let client = self.clients.iter_mut().find(|client| client.key == key);
        client.expect("who is there is known").there -= 1;
    }
}

proptest! {
    #[test]
    fn a_rule_is_its_definition(
        settings in settings(),
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let rules = one(settings.clone());
        let mut naive = Naive::default();
        let mut there: Vec<u32> = Vec::new();
        let mut now = Timestamp::ZERO;
        for step in steps {
            match step {
                Step::Come(key) => {
                    let (expected, stays) = naive.come(now, key, &settings);
                    prop_assert_eq!(come(&rules, now, key), expected);
                    if stays {
                        there.push(key);
                    }
                }
                Step::Leave(which) if !there.is_empty() => {
                    let key = there.swap_remove(which % there.len());
                    naive.leave(key);
                    rules[0].borrow_mut().leave(Key::V4(key));
                }
                Step::Leave(_) => {}
                Step::Wait(ms) => now = now + MS * ms,
            }
            prop_assert!(rules[0].borrow().len() <= settings.keys);
        }
    }
}
