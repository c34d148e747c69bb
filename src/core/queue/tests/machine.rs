//! The queue against a naive one, a list that is looked through from end to end, over random
//! histories.

use proptest::prelude::*;

use super::*;

/// What a random history does next. Numbers choose among what there is.
#[derive(Clone, Copy, Debug)]
enum Step {
    Join(Priority),
    /// A place is free for tokens that leave this remainder by three, or for all.
    Grant(Option<u64>),
    Leave(usize),
    /// All that leave this remainder by five have nothing left to wait for.
    Dismiss(u64),
    /// Those who were sent away are told.
    Tell,
    Wait(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::sample::select(&Priority::ALL[..]).prop_map(Step::Join),
        5 => prop::option::of(0..3_u64).prop_map(Step::Grant),
        2 => any::<usize>().prop_map(Step::Leave),
        1 => (0..5_u64).prop_map(Step::Dismiss),
        2 => Just(Step::Tell),
        4 => (0..60_u32).prop_map(Step::Wait),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let orders = vec![Order::Fifo, Order::Lifo, Order::Adaptive];
    let codel = prop::option::of((0..80_u32).prop_map(|ms| MS * ms));
    let all = (0..6_usize, prop::sample::select(orders), codel);
    all.prop_map(|(limit, order, codel)| Settings {
        limit,
        order,
        overload: MS * 100,
        codel,
    })
}

/// What became of one who came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Waits,
    Granted,
    /// Sent away, and whether it was told.
    Shed(bool),
    Gone,
}

#[derive(Clone, Copy, Debug)]
struct Comer {
    since: Timestamp,
    priority: Priority,
    fate: Fate,
}

#[derive(Default)]
struct Naive {
    /// Everybody who ever came, by token.
    all: Vec<Comer>,
    /// The last moment at which nobody waited.
    empty: Timestamp,
}

impl Naive {
    /// Those who have this fate, by priority and in order of arrival.
    fn those(&self, fate: Fate) -> Vec<usize> {
        let has = |n: &usize| self.all[*n].fate == fate;
        let mut those: Vec<_> = (0..self.all.len()).filter(has).collect();
        those.sort_by_key(|n| self.all[*n].priority);
        those
    }

    fn is_overloaded(&self, now: Timestamp, settings: &Settings) -> bool {
        !self.those(Fate::Waits).is_empty() && now.since(self.empty) >= settings.overload
    }

    fn newest_first(&self, now: Timestamp, settings: &Settings) -> bool {
        match settings.order {
            Order::Fifo => false,
            Order::Lifo => true,
            Order::Adaptive => self.is_overloaded(now, settings),
        }
    }

    /// The newcomer stands among the others, and if there is one too many, the last one goes.
    fn join(&mut self, now: Timestamp, priority: Priority, settings: &Settings) -> bool {
        if self.those(Fate::Waits).is_empty() {
            self.empty = now;
        }
        let newcomer = self.all.len();
        self.all.push(Comer {
            since: now,
            priority,
            fate: Fate::Waits,
        });
        if self.those(Fate::Waits).len() > settings.limit {
            let last = match self.line(now, settings).last() {
                Some(last) if settings.limit > 0 => *last,
                _ => newcomer,
            };
            let itself = last == newcomer;
            self.all[last].fate = if itself {
                Fate::Gone
            } else {
                Fate::Shed(false)
            };
        }
        self.all[newcomer].fate == Fate::Waits
    }

    /// Those who wait, in the order in which they would go.
    fn line(&self, now: Timestamp, settings: &Settings) -> Vec<usize> {
        let mut line = self.those(Fate::Waits);
        if self.newest_first(now, settings) {
            line.reverse();
            line.sort_by_key(|n| self.all[*n].priority);
        }
        line
    }

    fn grant(
        &mut self,
        now: Timestamp,
        settings: &Settings,
        may: impl Fn(u64) -> bool,
    ) -> Option<u64> {
        let overloaded = self.is_overloaded(now, settings);
        let mut line = self.line(now, settings).into_iter();
        let next = line.find(|n| may(*n as u64))?;
        self.all[next].fate = Fate::Granted;
        for n in self.those(Fate::Waits) {
            let waited = now.since(self.all[n].since);
            if overloaded && settings.codel.is_some_and(|codel| waited > codel) {
                self.all[n].fate = Fate::Shed(false);
            }
        }
        Some(next as u64)
    }

    fn leave(&mut self, n: usize) -> Answer {
        match std::mem::replace(&mut self.all[n].fate, Fate::Gone) {
            Fate::Granted => Answer::Booked(slot(0)),
            Fate::Shed(_) => Answer::Shed,
            Fate::Waits | Fate::Gone => Answer::Nothing,
        }
    }

    /// Changes the fate of some, and returns what they are told.
    fn change(&mut self, some: Vec<usize>, fate: Fate) -> Vec<Grant> {
        let told = |n: usize| {
            self.all[n].fate = fate;
            Grant {
                token: Token(n as u64),
            }
        };
        some.into_iter().map(told).collect()
    }
}

fn check(settings: Settings, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut queue = Queue::default();
    queue.set(settings);
    let mut naive = Naive::default();
    let mut now = NOW;
    for step in steps {
        match step {
            Step::Join(priority) => {
                let waiter = Waiter {
                    priority,
                    ..waiter(naive.all.len() as u64, now)
                };
                let expected = naive.join(now, priority, &settings);
                prop_assert_eq!(queue.join(waiter), expected);
            }
            Step::Grant(only) => {
                let may = |token: u64| only.is_none_or(|rest| token % 3 == rest);
                let expected = naive.grant(now, &settings, may);
                let granted = queue.grant(now, |w| may(w.token.0).then(|| slot(0)));
                prop_assert_eq!(granted.map(|grant| grant.token.0), expected);
            }
            Step::Leave(n) => {
                if let Some(n) = n.checked_rem(naive.all.len()) {
                    prop_assert_eq!(queue.leave(Token(n as u64)), naive.leave(n));
                }
            }
            Step::Dismiss(rest) => {
                let mut gone = naive.those(Fate::Waits);
                gone.retain(|n| *n as u64 % 5 == rest);
                let told = queue.dismiss(|w| w.token.0 % 5 == rest);
                prop_assert_eq!(told, naive.change(gone, Fate::Gone));
            }
            Step::Tell => {
                let mut told: Vec<_> = std::iter::from_fn(|| queue.untold()).collect();
                let shed = naive.those(Fate::Shed(false));
                let mut expected = naive.change(shed, Fate::Shed(true));
                told.sort_by_key(|grant| grant.token);
                expected.sort_by_key(|grant| grant.token);
                prop_assert_eq!(told, expected);
            }
            Step::Wait(ms) => now = now + MS * ms,
        }
        prop_assert_eq!(queue.len(), naive.those(Fate::Waits).len());
    }
    Ok(())
}

proptest! {
    #[test]
    fn agrees_with_a_list(settings in settings(), steps in prop::collection::vec(step(), 1..150)) {
        check(settings, steps)?;
    }
}
