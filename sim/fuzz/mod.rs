//! Scenarios that nobody thought of, to find what nobody looked for.
//!
//! Each has a phase of faults and changes, up to [`HEALED`], and one in which everything is well
//! again. In both all invariants must hold. From [`RECOVERED`] on the system must be in full
//! service, and thresholds of the scenario itself say what that is: no request fails, latencies are
//! those of an idle pool, and a policy that spreads its requests uses every endpoint.
//!
//! Which features a scenario has is drawn before anything else, each with a probability of one half
//! ("swarm testing", Groce and others, ISSTA 2012): what is always there hides what happens without
//! it.

mod failure;
mod fault;
mod pool;
mod traffic;

use std::fmt::Write as _;
use std::time::Duration;

use evenkeel_core::rng::{Rng, Stream};

pub use failure::{broken, plan, smallest};
use fault::faults;
use pool::Pool;
use traffic::Traffic;

/// When the last fault has ended, and the last change been made.
pub const HEALED: Duration = Duration::from_secs(12);
/// When the system is back in full service. What takes longest is an ejection (doubled twice to 4
/// s) of an endpoint that comes back through its checks (2 s), its slow start (3 s) and the backlog
/// of 4 s at a load of 0.25 before that (2 s).
pub const RECOVERED: Duration = Duration::from_secs(24);
/// How long requests come.
const DURATION: Duration = Duration::from_secs(34);
/// Of a request, on average.
const SERVICE: Duration = Duration::from_millis(4);

/// Draws, with the shapes that scenarios are made of.
struct Dice(Rng);

impl Dice {
    /// One of two.
    fn coin(&mut self) -> bool {
        self.0.below(2) == 0
    }

    /// From `least` to `most`.
    fn within(&mut self, least: u64, most: u64) -> u64 {
        least + self.0.below(most - least + 1)
    }

    /// Each or not.
    fn some_of<const N: usize>(&mut self, all: [String; N]) -> Vec<String> {
        all.into_iter().filter(|_| self.coin()).collect()
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.0.below(all.len() as u64) as usize]
    }
}

/// Scenario number `number` of an endless row: a file, complete.
#[must_use]
pub fn scenario(number: u64) -> String {
    let dice = &mut Dice(Stream::new(number, "fuzz").at(0));
    let pool = Pool::draw(dice);
    let mut text = format!(
        "name = \"generated {number}\"\nduration = \"{}s\"\nwarmup = \"{}s\"\nseeds = \"{number}\"\n",
        DURATION.as_secs(),
        RECOVERED.as_secs(),
    );
    let Traffic { config, workload } = Traffic::draw(dice, &pool);
    let (workers, zone) = (dice.within(1, 3), pool.zone());
    let _ = write!(
        text,
        "[config]\nserver = {{ workers = {workers}{zone} }}\n\
         [[config.listener]]\nname = \"http\"\naddress = \":8080\"\n{pool}{config}"
    );
    let model = match pool.may_queue {
        true => dice.one_of(&["node", "fifo"]),
        false => "delay",
    };
    let ms = SERVICE.as_millis();
    let law = dice.one_of(&["constant", "exponential", "uniform"]);
    let law = match law {
        "constant" => format!("value = \"{ms}ms\""),
        "uniform" => format!("min = \"{}ms\", max = \"{}ms\"", ms / 2, ms + ms / 2),
        _ => format!("mean = \"{ms}ms\""),
    }
    .replacen("", &format!("dist = \"{law}\", "), 1);
    let _ = write!(
        text,
        "[origin]\nmodel = \"{model}\"\nservice = {{ {law} }}\n"
    );
    if dice.coin() {
        text += "keep_alive = \"1s\"\n";
    }
    text += &workload;
    let processes = match dice.coin() {
        true => {
            let count = dice.within(2, 3);
            let _ = writeln!(
                text,
                "[proxies]\ncount = {count}\nbalancer = \"round_robin\""
            );
            count
        }
        false => 1,
    };
    text += "[network]\nresolution = \"50us\"\n";
    if dice.coin() {
        let us = dice.within(1, 10) * 100;
        let _ = writeln!(
            text,
            "default = {{ latency = \"{us}us\", jitter = \"{us}us\" }}"
        );
    }
    text += &faults(dice, &pool, processes);
    text += &pool.full_service();
    text
}

#[cfg(test)]
mod test {
    use evenkeel_proxy::config;

    use super::*;
    use crate::scenario::Scenario;

    /// What is generated is read, and the same number is the same scenario.
    #[test]
    fn every_number_is_a_scenario() {
        for number in 0..500 {
            let text = scenario(number);
            let read: Result<Scenario, _> = text.parse();
            assert!(read.is_ok(), "{:#?}\n{text}", read.err());
            assert_eq!(text, scenario(number));
        }
    }

    /// Nothing that can be drawn is out of reach.
    #[test]
    fn everything_is_drawn_sometimes() {
        let all: String = (0..500).map(scenario).collect();
        let kinds = fault::ORIGIN.iter().map(|(kind, _)| *kind);
        for word in config::policies().chain(kinds).chain(fault::RUNTIME) {
            assert!(all.contains(&format!("\"{word}\"")), "{word}");
        }
        for word in [
            "affinity = { kind = \"route\"",
            "backup = true",
            "codel",
            "concurrency",
            "drain = ",
            "health",
            "hedge",
            "http2",
            "limit = \"some\"",
            "max_connections",
            "outlier",
            "overprovision",
            "priority = \"low\"",
            "probe = ",
            "shape",
            "slow_start",
            "zone = \"us\"",
        ] {
            assert!(all.contains(word), "{word}");
        }
    }
}
