//! The pool of a generated scenario.

use std::fmt;

use evenkeel_proxy::config::policies;

use super::Dice;

/// Policies that leave no endpoint out that is well. The others may: by what they have learned, or
/// by key.
const EVEN: [&str; 4] = ["round_robin", "random", "least_request", "p2c"];

/// A pool, as far as the rest of the scenario must know it.
pub(super) struct Pool {
    policy: String,
    pub(super) endpoints: u64,
    /// The last one is a backup.
    backup: bool,
    /// So many of the first ones are in the proxy's zone, if zones mean anything.
    home: Option<u64>,
    weights: Vec<u64>,
    /// Lines of features that are on.
    lines: Vec<String>,
    max_connections: Option<u64>,
    pub(super) sessions: bool,
    /// Every endpoint gets requests once all is well.
    even: bool,
    /// Its origins may work one request after another: enough endpoints are always there.
    pub(super) may_queue: bool,
}

impl Pool {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let endpoints = dice.within(1, 8);
        let policy = match dice.coin() {
            true => dice.one_of(&EVEN),
            false => {
                let all: Vec<_> = policies().collect();
                dice.one_of(&all)
            }
        };
        let weighted = dice.coin();
        let weights = (0..endpoints).map(|_| match weighted {
            true => dice.within(1, 4),
            false => 1,
        });
        let weights = weights.collect();
        let home = (endpoints > 2 && dice.coin()).then(|| dice.within(1, endpoints - 1));
        let sessions = dice.coin();
        let affinity = match sessions && dice.coin() {
            true => Some(affinity(dice)),
            false => None,
        };
        let mut lines = health(dice);
        lines.extend(resilience(dice));
        lines.extend(affinity);
        let even = EVEN.contains(&policy) && home.is_none();
        let backup = endpoints > 2 && dice.coin();
        let first_choice = home.unwrap_or(endpoints - u64::from(backup));
        Self {
            even: even && !lines.iter().any(|line| line.starts_with("affinity")),
            policy: with_parameters(policy, dice),
            endpoints,
            backup,
            home,
            weights,
            lines,
            // What one endpoint has in flight on average is a quarter.
            max_connections: dice.coin().then(|| dice.within(8, 40)),
            sessions,
            may_queue: first_choice >= 4,
        }
    }

    /// Endpoints that take what comes while all is well.
    pub(super) fn first_choice(&self) -> u64 {
        let primaries = self.endpoints - u64::from(self.backup);
        self.home.unwrap_or(primaries)
    }

    /// The name of an endpoint.
    pub(super) fn name(at: u64) -> char {
        char::from(b'a' + at as u8)
    }

    /// The zone of the proxies, as a key of `server`.
    pub(super) fn zone(&self) -> &'static str {
        self.home.map_or("", |_| ", zone = \"eu\"")
    }

    /// The section of a reload: another policy, and another weight here and there.
    pub(super) fn reloaded(&self, dice: &mut Dice) -> String {
        let all: Vec<_> = policies().collect();
        let policy = with_parameters(dice.one_of(&all), dice);
        let weights = (self.weights.iter()).map(|weight| match dice.coin() {
            true => dice.within(1, 4),
            false => *weight,
        });
        let weights: Vec<_> = weights.collect();
        let (keys, endpoints) = self.keys(&policy, &weights);
        let (keys, endpoints) = (keys.join(", "), endpoints.join(", "));
        format!("{{ {keys}, endpoints = [{endpoints}] }}")
    }

    /// Endpoint number `at` as a configuration has it.
    pub(super) fn endpoint(&self, at: u64, weight: u64) -> String {
        let (name, host) = (Self::name(at), at + 1);
        let mut keys =
            format!("name = \"{name}\", address = \"10.0.0.{host}:3000\", weight = {weight}");
        if let Some(most) = self.max_connections {
            keys += &format!(", max_connections = {most}");
        }
        if let Some(home) = self.home {
            let zone = if at < home { "eu" } else { "us" };
            keys += &format!(", zone = \"{zone}\"");
        }
        if self.backup && at + 1 == self.endpoints {
            keys += ", backup = true";
        }
        format!("{{ {keys} }}")
    }

    /// The keys of its section but for the endpoints, and these.
    fn keys(&self, policy: &str, weights: &[u64]) -> (Vec<String>, Vec<String>) {
        let mut keys = vec!["name = \"app\"".to_owned(), format!("policy = {policy}")];
        keys.extend(self.lines.iter().cloned());
        let weights = (0..).zip(weights);
        let endpoints = weights.map(|(at, weight)| self.endpoint(at, *weight));
        (keys, endpoints.collect())
    }

    /// The thresholds of full service.
    pub(super) fn full_service(&self) -> String {
        let mut metrics = vec!["error_rate == 0%".to_owned(), "p99 < 150ms".to_owned()];
        if self.even {
            let names = (0..self.first_choice()).map(Self::name);
            metrics.extend(names.map(|name| format!("endpoint:{name} requests > 0")));
        }
        let line = |metric: String| format!("[[threshold]]\nmetric = \"{metric}\"\n");
        metrics.into_iter().map(line).collect()
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (keys, endpoints) = self.keys(&self.policy, &self.weights);
        writeln!(f, "[[config.pool]]\n{}\nendpoints = [", keys.join("\n"))?;
        endpoints
            .iter()
            .try_for_each(|endpoint| writeln!(f, "  {endpoint},"))?;
        writeln!(f, "]")
    }
}

/// A policy as a value, half of the time with parameters of its own, if it has any.
fn with_parameters(name: &str, dice: &mut Dice) -> String {
    let parameters: &[&str] = match name {
        "p2c" => &["choices = 3", "choices = 8"],
        "least_time" => &["until = \"last_byte\""],
        "peak_ewma" => &["decay = \"1s\""],
        "prequal" => &[
            "quantile = 0.8",
            "probe = { path = \"/load\" }",
            "probe = { path = \"/load\", timeout = \"20ms\" }, probes = 1",
        ],
        "event_loop" => &["spare = 0.0"],
        // By path, few endpoints would have everything.
        "ring_hash" => &["bound = 1.25", "key = \"header:x-none\""],
        "hash" | "maglev" | "rendezvous" => &["key = \"header:x-none\""],
        _ => &[],
    };
    match parameters.is_empty() || dice.coin() {
        true => format!("\"{name}\""),
        false => format!("{{ name = \"{name}\", {} }}", dice.one_of(parameters)),
    }
}

/// What keeps requests from endpoints that are not fine.
fn health(dice: &mut Dice) -> Vec<String> {
    let rise = dice.within(1, 2);
    let failures = dice.within(2, 5);
    let panic = dice.one_of(&[
        "\"0%\"",
        "\"30%\"",
        "{ below = \"60%\", mode = \"closed\" }",
    ]);
    let min = dice.within(8, 20);
    let overprovision = dice.one_of(&["1.0", "1.4", "3.0"]);
    dice.some_of([
        format!(
            "health = {{ path = \"/healthz\", interval = \"1s\", interval_in_doubt = \"500ms\", \
             timeout = \"400ms\", rise = {rise}, fall = 2 }}"
        ),
        format!(
            "outlier = {{ consecutive_failures = {failures}, eject = \"1s\", eject_max = \"4s\" }}"
        ),
        "slow_start = \"3s\"".to_owned(),
        format!("panic = {panic}"),
        format!("concurrency = {{ min = {min}, interval = \"10s\" }}"),
        format!("overprovision = {overprovision}"),
        "drain = \"1s\"".to_owned(),
    ])
}

/// What happens after a failed try, and while all endpoints are full.
fn resilience(dice: &mut Dice) -> Vec<String> {
    let attempts = dice.within(1, 4);
    let budget = dice.one_of(&["0%", "20%", "100%"]);
    let mut retry = vec![
        format!("attempts = {attempts}"),
        format!("budget = \"{budget}\""),
    ];
    retry.extend(dice.some_of([
        "timeout = \"300ms\"".to_owned(),
        "on = [\"connect\", \"reset\", \"timeout\", 503]".to_owned(),
        "backoff = \"20ms\"".to_owned(),
    ]));
    let order = dice.one_of(&["fifo", "lifo", "adaptive"]);
    let limit = dice.within(0, 200);
    let codel = dice.one_of(&["", ", codel = \"100ms\""]);
    let header = dice.one_of(&["500ms", "2s"]);
    let after = dice.one_of(&["30ms", "p95"]);
    dice.some_of([
        format!("retry = {{ {} }}", retry.join(", ")),
        format!("hedge = {{ after = \"{after}\", budget = \"10%\" }}"),
        format!("queue = {{ limit = {limit}, timeout = \"500ms\", order = \"{order}\"{codel} }}"),
        "http2 = true".to_owned(),
        format!("timeouts = {{ dial = \"300ms\", header = \"{header}\" }}"),
    ])
}

/// What keeps a client with its endpoint.
fn affinity(dice: &mut Dice) -> String {
    let kind = dice.one_of(&[
        "kind = \"cookie\"",
        "kind = \"cookie\", ttl = \"1h\"",
        "kind = \"cookie\", ttl = \"2s\"",
        "kind = \"learn\", from = \"cookie:sid\"",
        "kind = \"learn\", from = \"cookie:sid\", limit = 20",
        "kind = \"route\", from = \"cookie:sid\"",
    ]);
    let on_down = dice.one_of(&["repick", "repick", "fail", "queue"]);
    format!("affinity = {{ {kind}, on_down = \"{on_down}\" }}")
}
