//! The requests of a generated scenario, and what its routes say of them.

use std::fmt::Write as _;

use super::pool::Pool;
use super::{Dice, SERVICE};

/// Most requests a second of a scenario.
const RATE_MAX: u64 = 400;

/// Routes and limits of the configuration, and the workload.
pub(super) struct Traffic {
    /// Sections of the configuration.
    pub(super) config: String,
    /// Sections of the scenario.
    pub(super) workload: String,
}

/// Requests a second that an endpoint has to bear: a quarter of what it could.
fn rate_per_s(pool: &Pool) -> u64 {
    let capacity = 1000 / SERVICE.as_millis() as u64;
    (capacity * pool.first_choice() / 4).min(RATE_MAX)
}

impl Traffic {
    pub(super) fn draw(dice: &mut Dice, pool: &Pool) -> Self {
        let process = dice.one_of(&["poisson", "constant"]);
        let rate = rate_per_s(pool);
        let mut workload = format!(
            "[[workload]]\nname = \"all\"\n\
             arrivals = {{ process = \"{process}\", rate = \"{rate}/s\" }}\n"
        );
        if pool.sessions {
            let mean = dice.within(2, 8);
            let _ = writeln!(
                workload,
                "sessions = {{ requests = {{ dist = \"geometric\", mean = {mean} }}, \
                 think = \"500ms\" }}"
            );
        }
        if dice.coin() {
            workload += "client = { timeout = \"5s\", retries = 1, backoff = \"100ms\" }\n";
        }
        // A wave of twice the rate while faults last, and after.
        if dice.coin() {
            workload += "shape = [{ at = \"2s\", x = 1.0 }, { at = \"6s\", x = 2.0 }, \
                         { at = \"14s\", x = 2.0 }, { at = \"16s\", x = 1.0 }]\n";
        }
        let classes: Vec<_> = (0..dice.within(1, 3)).map(|n| class(dice, n)).collect();
        let _ = writeln!(workload, "classes = [{}]", classes.join(", "));
        let limits = dice.coin();
        let mut config = String::new();
        if limits {
            config += &limit(dice);
        }
        let priorities = dice.coin();
        for n in 0..classes.len() {
            let _ = write!(
                config,
                "[[config.route]]\npath = \"/{n}/\"\npool = \"app\"\n"
            );
            if priorities {
                let priority = dice.one_of(&["high", "normal", "low"]);
                let _ = writeln!(config, "priority = \"{priority}\"");
            }
            if limits && dice.coin() {
                config += "limit = \"some\"\n";
            }
            if dice.coin() {
                config += "timeouts = { total = \"3s\" }\n";
            }
        }
        Self { config, workload }
    }
}

/// Requests of one path.
fn class(dice: &mut Dice, n: u64) -> String {
    let method = dice.one_of(&["GET", "GET", "POST", "PUT"]);
    let bytes = dice.one_of(&["0B", "100B", "20kB", "200kB"]);
    format!(
        "{{ name = \"class{n}\", path = \"/{n}/\", method = \"{method}\", response = \"{bytes}\" }}"
    )
}

/// A limit that nobody meets once all is well.
fn limit(dice: &mut Dice) -> String {
    let key = dice.one_of(&["all", "address"]);
    let what = dice.one_of(&[
        "rate = \"2000/s\"\nburst = 200",
        "rate = \"2000/s\"\nburst = 200\ndelay = 20",
        "requests = 300",
    ]);
    let rest = dice.one_of(&["", "keys = 50\n", "dry_run = true\n"]);
    format!("[[config.limit]]\nname = \"some\"\nkey = \"{key}\"\n{what}\n{rest}")
}
