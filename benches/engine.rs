//! What a simulation costs: requests per second and core, by engine, origins and resolution.
//!
//! One run of seconds says more than a hundred of milliseconds, so each cell is one run on a fresh
//! thread. CPU time stands beside wall time because a machine is seldom idle: on an idle one they
//! are equal. `fifo` origins with exponential services of 10 ms at load 0.7, kept connections,
//! responses of 100 bytes, no latency. The last line is a simulated hour of `model` without a
//! request, its pool made and its results taken.
//!
//! `cargo bench --bench engine [-- PART_OF_A_NAME...]`
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark reads the wall clock and has a thread for each cell"
)]
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;
use std::{env, fs, thread};

use evenkeel_sim::plan::Plan;
use evenkeel_sim::scenario::{Engine, Scenario};
use evenkeel_sim::sweep;

struct Cell {
    engine: Engine,
    policy: &'static str,
    origins: u32,
    /// Of engine `net`'s clock; the other has none.
    resolution: &'static str,
    /// Enough for some seconds.
    requests: u32,
    /// Requests per second that must be reached.
    target: u32,
}

const fn model(policy: &'static str, origins: u32, target: u32) -> Cell {
    Cell {
        engine: Engine::Model,
        policy,
        origins,
        resolution: "100us",
        requests: 5_000_000,
        target,
    }
}

const fn net(origins: u32, resolution: &'static str, target: u32) -> Cell {
    Cell {
        engine: Engine::Net,
        policy: "random",
        origins,
        resolution,
        requests: 100_000,
        target,
    }
}

/// The longest that an idle hour of `model` may take.
const IDLE_TARGET_MS: f64 = 1.0;

const CELLS: [Cell; 8] = [
    model("random", 8, 6_000_000),
    model("random", 200, 4_000_000),
    model("p2c", 8, 6_000_000),
    model("p2c", 1_000, 4_000_000),
    net(8, "100us", 15_000),
    net(200, "100us", 22_500),
    net(8, "1ms", 60_000),
    net(200, "1ms", 45_000),
];

impl Cell {
    fn name(&self) -> String {
        let (policy, origins) = (self.policy, self.origins);
        match self.engine {
            Engine::Model => format!("model, {policy}, {origins} origins"),
            Engine::Net => {
                let resolution = self.resolution;
                format!("net at {resolution}, {policy}, {origins} origins")
            }
        }
    }

    /// A scenario in which about `requests` arrive.
    fn scenario(&self, requests: u32) -> String {
        let rate = 70 * self.origins;
        let duration_ms = u64::from(requests) * 1_000 / u64::from(rate);
        self.text(&format!("{rate}/s"), duration_ms)
    }

    fn text(&self, rate: &str, duration_ms: u64) -> String {
        let Self {
            policy,
            origins,
            resolution,
            ..
        } = self;
        let mut endpoints = String::new();
        for at in 0..*origins {
            let (high, low) = (at / 250, at % 250 + 1);
            let _ = writeln!(
                endpoints,
                r#"{{ name = "e{at}", address = "10.0.{high}.{low}:80" }},"#
            );
        }
        format!(
            r#"
            name = "speed"
            duration = "{duration_ms}ms"
            [config]
            [[config.listener]]
            name = "http"
            address = "0.0.0.0:80"
            [[config.pool]]
            name = "app"
            policy = "{policy}"
            endpoints = [{endpoints}]
            [origin]
            model = "fifo"
            service = {{ dist = "exponential", mean = "10ms" }}
            [[workload]]
            name = "all"
            arrivals = {{ process = "poisson", rate = "{rate}" }}
            classes = [{{ name = "all", response = "100B" }}]
            [network]
            resolution = "{resolution}"
            "#
        )
    }

    fn plan(&self, text: &str) -> Arc<Plan> {
        let scenario: Scenario = text.parse().expect("it is sound");
        Arc::new(Plan::new(Arc::new(scenario), Some(self.engine)))
    }

    /// Runs an hour in which nobody comes, and returns one line.
    fn idle(&self) -> String {
        let plan = self.plan(&self.text("0.000001/h", 3_600_000));
        let runs = 101;
        let mut took_ms: Vec<f64> = (0..runs)
            .map(|_| {
                let began = Instant::now();
                let ended = sweep::execute(&plan, 1, false, &mut |_| true);
                let took_ms = began.elapsed().as_secs_f64() * 1e3;
                let sent = ended.expect("the scenario is sound").cell.requests.sent;
                assert_eq!(sent, 0, "nobody comes");
                took_ms
            })
            .collect();
        took_ms.sort_by(f64::total_cmp);
        let median_ms = took_ms[runs / 2];
        let name = format!("an idle hour of {}", self.name());
        let met = verdict(median_ms <= IDLE_TARGET_MS);
        format!("{name:50} {median_ms:23.3} ms {IDLE_TARGET_MS:7} ms {met}")
    }

    /// Runs it and returns one line.
    fn run(&self, requests: u32) -> String {
        let plan = self.plan(&self.scenario(requests));
        let (began, cpu) = (Instant::now(), cpu_s());
        let ended = sweep::execute(&plan, 1, false, &mut |_| true).expect("the scenario is sound");
        let wall_s = began.elapsed().as_secs_f64();
        let cell = ended.cell;
        assert!(cell.invariants.iter().all(|check| check.ok), "{cell:?}");
        assert_eq!(
            cell.requests.sent, cell.requests.ok,
            "all requests succeed, or it measures something else"
        );
        let sent = cell.requests.sent as f64;
        let per_wall = sent / wall_s;
        let per_cpu = cpu.zip(cpu_s()).map_or(per_wall, |(a, b)| sent / (b - a));
        let (name, target) = (self.name(), self.target);
        let met = verdict(per_cpu >= f64::from(target));
        format!("{name:34} {sent:9} {per_wall:15.0} {per_cpu:15.0} {target:10} {met}")
    }
}

const fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "missed" }
}

/// Seconds that this thread has computed, where the system tells.
fn cpu_s() -> Option<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let ns: u64 = text.split(' ').next()?.parse().ok()?;
    Some(ns as f64 / 1e9)
}

fn main() {
    let (flags, names): (Vec<String>, Vec<String>) =
        env::args().skip(1).partition(|word| word.starts_with('-'));
    // Cargo says `--bench` when it measures; a test only has to see that the cells run.
    let measures = flags.iter().any(|flag| flag == "--bench");
    let wanted = |cell: &&Cell| {
        names.is_empty() || names.iter().any(|part| cell.name().contains(part.as_str()))
    };
    println!(
        "{:34} {:>9} {:>15} {:>15} {:>10}",
        "", "requests", "per wall second", "per CPU second", "target"
    );
    for cell in CELLS.iter().filter(wanted) {
        let requests = if measures {
            cell.requests
        } else {
            cell.requests / 1_000
        };
        let line = thread::scope(|scope| scope.spawn(|| cell.run(requests)).join());
        println!("{}", line.expect("a cell that fails has said why"));
    }
    if names.is_empty() {
        println!("{}", model("p2c", 1_000, 0).idle());
    }
}
