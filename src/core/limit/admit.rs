//! A request before all its rules: it is charged to all of them or to none.

use std::ops::DerefMut;

use smallvec::SmallVec;

use super::{Key, Settings, State, Verdict, Why};
use crate::time::Timestamp;

/// What a rule has to say of a request, and whether it only says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// The rule, by its place among those that were asked.
    pub rule: usize,
    /// What it does, or would do.
    pub verdict: Verdict,
    /// It does nothing.
    pub dry_run: bool,
}

/// A request that goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The rule, by its place among those that were asked.
    pub rule: usize,
    /// When the next one may come, if that is known.
    pub again: Option<Timestamp>,
}

/// A request's rules, as its shell keeps them.
pub trait Rules {
    /// How many there are.
    fn count(&self) -> usize;

    /// Whom the request comes from, as rule number `rule` tells clients apart; `None` if it cannot
    /// tell, and does not count it.
    fn key(&self, rule: usize) -> Option<Key>;

    /// The state of rule number `rule`, for nobody else meanwhile. Rules are asked for in the order
    /// of their numbers and kept until the last has answered; who locks them gives every request
    /// those that it shares with another in the same order.
    fn lock(&self, rule: usize) -> impl DerefMut<Target = State>;
}

/// Rules by their places, and whom each counts: most requests have one or two.
pub type Counted = SmallVec<[(usize, Key); 2]>;

/// What rules have done to a request besides their answer.
#[derive(Debug, Default)]
pub struct Said {
    /// The rules that count it among those of a client that are there: each must be told when the
    /// request is over, by [`State::leave`].
    pub counted: Counted,
    /// What they have to say of it.
    pub notes: Vec<Note>,
}

/// Asks all rules whether a request that comes at `now` may go on: from when on it may, or the
/// first rule that refuses it; then no rule has counted it.
pub fn admit(rules: &impl Rules, now: Timestamp) -> (Result<Timestamp, Refusal>, Said) {
    let mut said = Said::default();
    let answer = match rules.count() {
        0 => Ok(now),
        _ => ask(rules, 0, now, &mut said),
    };
    (answer, said)
}

/// Asks rule number `rule` and all behind it, which exist.
fn ask(
    rules: &impl Rules,
    rule: usize,
    now: Timestamp,
    said: &mut Said,
) -> Result<Timestamp, Refusal> {
    let others = |said: &mut Said| match rule + 1 < rules.count() {
        true => ask(rules, rule + 1, now, said),
        false => Ok(now),
    };
    let Some(key) = rules.key(rule) else {
        return others(said);
    };
    let mut state = rules.lock(rule);
    let dry_run = state.settings.dry_run;
    // Nobody is left to refuse it after the last one, which so looks its client up once: most
    // requests have one rule.
    if rule + 1 == rules.count() {
        return match state.come(now, key) {
            Ok((go, forgot)) => Ok(said.taken((rule, key), &state.settings, now, go, forgot)),
            Err(why) => said.refused(rule, why, dry_run).map_or(Ok(now), Err),
        };
    }
    match state.weigh(now, key) {
        Ok(go) => {
            let others = others(said)?;
            let forgot = state.take(now, key);
            Ok(others.max(said.taken((rule, key), &state.settings, now, go, forgot)))
        }
        Err(why) => match said.refused(rule, why, dry_run) {
            Some(refusal) => Err(refusal),
            None => others(said),
        },
    }
}

impl Said {
    /// A rule has counted the request. From when on it may go on for all that this one says.
    #[inline]
    fn taken(
        &mut self,
        (rule, key): (usize, Key),
        settings: &Settings,
        now: Timestamp,
        due: Timestamp,
        forgot: bool,
    ) -> Timestamp {
        let dry_run = settings.dry_run;
        if forgot {
            self.note(rule, Verdict::Forgot, dry_run);
        }
        if settings.requests.is_some() {
            self.counted.push((rule, key));
        }
        if due > now {
            self.note(rule, Verdict::Held, dry_run);
        }
        if dry_run { now } else { due }
    }

    /// A rule refuses the request, unless it only says so.
    fn refused(&mut self, rule: usize, (verdict, again): Why, dry_run: bool) -> Option<Refusal> {
        self.note(rule, verdict, dry_run);
        (!dry_run).then_some(Refusal { rule, again })
    }

    #[cold]
    fn note(&mut self, rule: usize, verdict: Verdict, dry_run: bool) {
        self.notes.push(Note {
            rule,
            verdict,
            dry_run,
        });
    }
}
