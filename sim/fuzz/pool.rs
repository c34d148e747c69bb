//! The pool of a generated scenario.

use std::fmt;

use super::Dice;

/// Policies that leave no endpoint out that is well.
pub(super) const EVEN: [&str; 4] = ["round_robin", "random", "least_request", "p2c"];
/// Those that may: by what they have learned, or by key.
pub(super) const UNEVEN: [&str; 9] = [
    "least_time",
    "peak_ewma",
    "prequal",
    "event_loop",
    "ip_hash",
    "hash",
    "ring_hash",
    "maglev",
    "rendezvous",
];

/// A pool, as far as the rest of the scenario must know it.
pub(super) struct Pool {
    policy: &'static str,
    pub(super) endpoints: u64,
    /// The last one is a backup.
    backup: bool,
    weights: Vec<u64>,
    /// Lines of features that are on.
    lines: Vec<String>,
    max_connections: Option<u64>,
    pub(super) sessions: bool,
    /// Its origins may work one request after another: enough endpoints are always there.
    pub(super) may_queue: bool,
}

impl Pool {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let endpoints = dice.within(1, 8);
        let policy = match dice.coin() {
            true => dice.one_of(&EVEN),
            false => dice.one_of(&UNEVEN),
        };
        let weighted = dice.coin();
        let weights = (0..endpoints).map(|_| match weighted {
            true => dice.within(1, 4),
            false => 1,
        });
        let weights = weights.collect();
        let mut lines = Vec::new();
        let mut add = |is_on: bool, line: String| lines.extend(is_on.then_some(line));
        let rise = dice.within(1, 2);
        add(
            dice.coin(),
            format!(
                "health = {{ path = \"/healthz\", interval = \"1s\", interval_in_doubt = \"500ms\", \
                 timeout = \"400ms\", rise = {rise}, fall = 2 }}"
            ),
        );
        let failures = dice.within(2, 5);
        add(
            dice.coin(),
            format!(
                "outlier = {{ consecutive_failures = {failures}, eject = \"1s\", eject_max = \"4s\" }}"
            ),
        );
        add(dice.coin(), "slow_start = \"3s\"".to_owned());
        let panic = dice.one_of(&["0%", "30%", "60%"]);
        add(dice.coin(), format!("panic = \"{panic}\""));
        let attempts = dice.within(1, 4);
        let budget = dice.one_of(&["0%", "20%", "100%"]);
        let timeout = dice.one_of(&["", ", timeout = \"300ms\""]);
        add(
            dice.coin(),
            format!("retry = {{ attempts = {attempts}, budget = \"{budget}\"{timeout} }}"),
        );
        let order = dice.one_of(&["fifo", "lifo", "adaptive"]);
        let limit = dice.within(0, 200);
        add(
            dice.coin(),
            format!("queue = {{ limit = {limit}, timeout = \"500ms\", order = \"{order}\" }}"),
        );
        add(dice.coin(), "http2 = true".to_owned());
        let header = dice.one_of(&["500ms", "2s"]);
        add(
            dice.coin(),
            format!("timeouts = {{ dial = \"300ms\", header = \"{header}\" }}"),
        );
        let sessions = dice.coin();
        let affinity = dice.one_of(&[
            "\"cookie\"",
            "{ kind = \"cookie\", ttl = \"1h\" }",
            "{ kind = \"learn\", from = \"cookie:sid\" }",
        ]);
        add(sessions && dice.coin(), format!("affinity = {affinity}"));
        Self {
            policy,
            endpoints,
            backup: endpoints > 2 && dice.coin(),
            weights,
            lines,
            // What one endpoint has in flight on average is a quarter.
            max_connections: dice.coin().then(|| dice.within(8, 40)),
            sessions,
            may_queue: endpoints >= 4,
        }
    }

    /// Endpoints that are no backups.
    pub(super) fn primaries(&self) -> u64 {
        self.endpoints - u64::from(self.backup)
    }

    /// The name of an endpoint.
    pub(super) fn name(at: u64) -> char {
        char::from(b'a' + at as u8)
    }

    /// The thresholds of full service.
    pub(super) fn full_service(&self) -> String {
        let mut metrics = vec!["error_rate == 0%".to_owned(), "p99 < 150ms".to_owned()];
        if EVEN.contains(&self.policy) && !self.lines.iter().any(|l| l.starts_with("affinity")) {
            let names = (0..self.primaries()).map(Self::name);
            metrics.extend(names.map(|name| format!("endpoint:{name} requests > 0")));
        }
        let line = |metric: String| format!("[[threshold]]\nmetric = \"{metric}\"\n");
        metrics.into_iter().map(line).collect()
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "[[config.pool]]\nname = \"app\"\npolicy = \"{}\"",
            self.policy
        )?;
        self.lines
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))?;
        writeln!(f, "endpoints = [")?;
        for (at, weight) in (0..).zip(&self.weights) {
            let name = Self::name(at);
            write!(
                f,
                "  {{ name = \"{name}\", address = \"10.0.0.{}:3000\", weight = {weight}",
                at + 1
            )?;
            if let Some(most) = self.max_connections {
                write!(f, ", max_connections = {most}")?;
            }
            if self.backup && at + 1 == self.endpoints {
                write!(f, ", backup = true")?;
            }
            writeln!(f, " }},")?;
        }
        writeln!(f, "]")
    }
}
