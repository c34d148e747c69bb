//! An explanation for people: a table for each pick, and the time line.

use std::fmt;

use evenkeel_core::account::{Account, Candidate, Reason, Skip};
use evenkeel_core::policy::Best;
use evenkeel_core::pool::Admission;

use super::Explanation;
use super::step::{ms, words};

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = self.witness.subject;
        let run = self.run;
        write!(f, "{}: request {}", run.scenario, subject.request)?;
        if subject.proxy > 0 || self.witness.requests.len() > 1 {
            write!(f, " of proxy {}", subject.proxy)?;
        }
        if let Some(pool) = self.pool() {
            write!(f, ", pool {pool}")?;
        }
        write!(f, " (engine {}, seed {}", run.engine, run.seed)?;
        for (key, value) in &run.cells[0].settings {
            write!(f, ", {key} = {value}")?;
        }
        writeln!(f, ")")?;
        for account in &self.witness.accounts {
            writeln!(f)?;
            self.pick(f, account)?;
        }
        writeln!(f, "\ntime line, from {:.6} s on", self.began.0 as f64 / 1e9)?;
        for event in &self.witness.events {
            let at = format!("+{}", ms(event.at.since(self.began)));
            let who = event.endpoint.map_or("", |index| self.name(index));
            let number = match event.attempt {
                0 => String::new(),
                attempt => format!("try {attempt}"),
            };
            writeln!(f, "  {at:>16}  {number:<6} {who:<12} {}", words(event))?;
        }
        Ok(())
    }
}

impl Explanation<'_> {
    fn pick(&self, f: &mut fmt::Formatter<'_>, account: &Account) -> fmt::Result {
        let at = ms(account.at.since(self.began));
        write!(f, "try {} at +{at}: ", account.attempt)?;
        match account.outcome {
            Admission::Picked(index) => write!(f, "{}", self.name(index))?,
            Admission::Queued => write!(f, "waits in the queue")?,
            Admission::QueueFull => write!(f, "nobody, and the queue is full")?,
            Admission::Shed => write!(f, "sent away from the queue")?,
            Admission::NoEndpoint => write!(f, "nobody")?,
        }
        let drawn = account.candidates.iter().filter(|c| c.drawn > 0).count();
        match account.reason {
            Reason::Policy { unit, best } => match best {
                Best::Drawn => writeln!(f, ", drawn by {unit}")?,
                Best::Least if drawn > 0 => writeln!(f, ", the least of {drawn} drawn, by {unit}")?,
                Best::Least => writeln!(f, ", the least by {unit}")?,
                Best::Most => writeln!(f, ", the most by {unit}")?,
            },
            Reason::Session(home) => writeln!(f, ": its session lives at {}", self.name(home))?,
            Reason::Nobody => writeln!(f, ": no endpoint can be taken")?,
        }
        let width = account.candidates.iter().map(|c| c.name.len()).max();
        let width = width.unwrap_or(0).max("endpoint".len());
        writeln!(
            f,
            "    {:<width$}  {:>6}  {:>9}  {:>12}  {:>5}",
            "endpoint", "weight", "in flight", "score", "drawn"
        )?;
        for candidate in &account.candidates {
            row(f, account, candidate, width)?;
        }
        Ok(())
    }
}

fn row(
    f: &mut fmt::Formatter<'_>,
    account: &Account,
    candidate: &Candidate,
    width: usize,
) -> fmt::Result {
    let Candidate {
        name,
        weight,
        in_flight,
        ..
    } = candidate;
    let score = candidate.score.map_or_else(|| "-".into(), number);
    let drawn = match candidate.drawn {
        0 => "-".into(),
        turn => turn.to_string(),
    };
    let chosen = account.outcome == Admission::Picked(candidate.endpoint);
    let mark = if chosen { '>' } else { ' ' };
    write!(
        f,
        "  {mark} {name:<width$}  {weight:>6}  {in_flight:>9}  {score:>12}  {drawn:>5}"
    )?;
    if let Some(skip) = candidate.skipped {
        write!(f, "  {}", skipped(skip))?;
    }
    if let Some(behind) = candidate.behind {
        write!(f, "  {behind}")?;
    }
    writeln!(f)
}

/// As many digits as tell scores apart.
fn number(score: f64) -> String {
    match score.abs() {
        whole if whole == whole.trunc() && whole < 1e9 => format!("{score:.0}"),
        large if large >= 100.0 => format!("{score:.1}"),
        _ => format!("{score:.4}"),
    }
}

fn skipped(skip: Skip) -> String {
    let plain = match skip {
        Skip::Down => "out of service",
        Skip::Draining => "drains",
        Skip::Weightless => "weight 0 takes nothing",
        Skip::Checking => "has not passed its checks yet",
        Skip::Failing => "fails its checks",
        Skip::Ejected => "ejected",
        Skip::Panic => "too few are fine, and the pool refuses then",
        Skip::Warming { percent } => {
            return format!("slow start: warm to {percent} %, not in its share");
        }
        Skip::Full { most: u32::MAX } => "full",
        Skip::Full { most } => return format!("full: {most} at most"),
        Skip::Tried => "failed this request",
        Skip::Cooling => "a dial failed a moment ago",
        Skip::Elsewhere => "in another zone",
        Skip::Backup => "a backup, which is not needed",
        Skip::Spilled => "drawn among those that go to the next group",
        Skip::Session => "its session lives elsewhere",
    };
    plain.to_owned()
}
