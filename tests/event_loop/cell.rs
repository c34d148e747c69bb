//! The cells of the study: one pool and one mix of requests each, as a scenario.

use std::fmt::Write as _;

/// The law of services and waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    /// With a standard deviation of half the mean.
    Lognormal,
    Exponential,
}

/// What makes a cell different from those of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twist {
    None,
    /// One endpoint is half as fast.
    Slow,
    /// A process stands still for 100 ms, every five seconds on average.
    Collections,
    /// Heavy requests have the path of light ones.
    Hidden,
    /// The heavy route is light for the first half.
    Turns,
    /// Proxies that know nothing of each other.
    Proxies(u32),
    /// All routes are alike.
    Uniform,
    /// Thirty-two light routes instead of three.
    Routes,
}

/// One cell.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) endpoints: u32,
    /// How many of a hundred requests are heavy.
    pub(crate) heavy_percent: u32,
    /// What one of them computes.
    pub(crate) heavy_ms: f64,
    pub(crate) load: f64,
    pub(crate) law: Law,
    pub(crate) twist: Twist,
}

/// Of the light routes: name, part of the light requests in percent, what a request computes.
const LIGHT: [(&str, u32, f64); 3] = [("items", 50, 2.0), ("item", 30, 4.0), ("search", 20, 8.0)];
/// The mean of the law of services; a class's cost multiplies it.
const MEAN_MS: f64 = 4.0;
/// The part of a run that is not measured.
const WARMUP: f64 = 0.4;

/// The heavy request of each share: the rarer, the heavier.
fn heavy_ms(percent: u32) -> f64 {
    match percent {
        0..=1 => 200.0,
        2..=5 => 100.0,
        6..=10 => 40.0,
        _ => 25.0,
    }
}

impl Cell {
    pub(crate) fn new(
        endpoints: u32,
        heavy_percent: u32,
        load: f64,
        law: Law,
        twist: Twist,
    ) -> Self {
        Self {
            endpoints,
            heavy_percent,
            heavy_ms: heavy_ms(heavy_percent),
            load,
            law,
            twist,
        }
    }

    /// What the tables call it.
    pub(crate) fn name(&self) -> String {
        let law = match self.law {
            Law::Lognormal => "lognormal",
            Law::Exponential => "exponential",
        };
        let twist = match self.twist {
            Twist::None => String::new(),
            Twist::Slow => ", one of half the speed".into(),
            Twist::Collections => ", collections".into(),
            Twist::Hidden => ", hidden".into(),
            Twist::Turns => ", turns heavy".into(),
            Twist::Proxies(n) => format!(", {n} proxies"),
            Twist::Uniform => ", all alike".into(),
            Twist::Routes => ", 32 light routes".into(),
        };
        let (n, heavy, load) = (self.endpoints, self.heavy_percent, self.load);
        format!("n {n}, {heavy} %, {load}, {law}{twist}")
    }

    /// Whether a class of that name is heavy.
    pub(crate) fn is_heavy(class: &str) -> bool {
        class.starts_with("heavy")
    }

    fn light(&self) -> Vec<(String, f64, f64)> {
        let share = 1.0 - f64::from(self.heavy_percent) / 100.0;
        let mut light = Vec::new();
        for (name, percent, ms) in LIGHT {
            let share = share * f64::from(percent) / 100.0;
            match self.twist {
                Twist::Uniform => light.push((name.to_owned(), share, MEAN_MS)),
                // Of Zipf's shares, and costs that go round.
                Twist::Routes => {}
                _ => light.push((name.to_owned(), share, ms)),
            }
        }
        if self.twist == Twist::Routes {
            let sum: f64 = (1..=32).map(|n| 1.0 / f64::from(n)).sum();
            for n in 1..=32_u32 {
                let ms = [2.0, 4.0, 8.0, 1.0][n as usize % 4];
                let name = format!(
                    "r{}",
                    char::from(b'a' + (n % 26) as u8)
                        .to_string()
                        .repeat(1 + n as usize / 26)
                );
                light.push((name, share / f64::from(n) / sum, ms));
            }
        }
        light
    }

    /// Milliseconds that a request computes on average.
    fn mean_ms(&self) -> f64 {
        let light: f64 = self.light().iter().map(|(_, share, ms)| share * ms).sum();
        light + f64::from(self.heavy_percent) / 100.0 * self.heavy_ms
    }

    /// The scenario of about so many requests, a cell for each of `policies`.
    pub(crate) fn scenario(&self, policies: &[&str], requests: f64) -> String {
        let rate = f64::from(self.endpoints) * self.load / self.mean_ms() * 1e3;
        let duration_s = requests / rate;
        let warmup_s = WARMUP * duration_s;
        let (service, io) = match self.law {
            Law::Lognormal => (
                r#"{ dist = "lognormal", p50 = "3.578ms", p99 = "10.74ms" }"#,
                r#"{ dist = "lognormal", p50 = "17.89ms", p99 = "53.68ms" }"#,
            ),
            Law::Exponential => (
                r#"{ dist = "exponential", mean = "4ms" }"#,
                r#"{ dist = "exponential", mean = "20ms" }"#,
            ),
        };
        let mut text = format!(
            "name = \"{}\"\nengine = \"model\"\nduration = \"{duration_s:.3}s\"\n\
             warmup = \"{warmup_s:.3}s\"\n\
             [[config.listener]]\nname = \"http\"\naddress = \"0.0.0.0:8080\"\n\
             [[config.pool]]\nname = \"app\"\nqueue.limit = 0\nendpoints = [\n",
            self.name()
        );
        for n in 0..self.endpoints {
            let _ = writeln!(
                text,
                "{{ name = \"e{n}\", address = \"10.0.0.{n}:3000\" }},"
            );
        }
        let _ = write!(
            text,
            "]\n[network]\nresolution = \"1us\"\ndefault = {{ latency = \"200us\" }}\n\
             [origin]\nmodel = \"node\"\nservice = {service}\nio = {io}\n"
        );
        match self.twist {
            Twist::Slow => text += "[[origin.override]]\nendpoint = \"e0\"\nspeed = 0.5\n",
            Twist::Collections => {
                let every = (5.0 * rate / f64::from(self.endpoints)).round();
                let _ = write!(
                    text,
                    "[[origin.gc]]\nevery = {every}\n\
                     pause = {{ dist = \"constant\", value = \"100ms\" }}\n"
                );
            }
            Twist::Proxies(n) => {
                let _ = write!(text, "[proxies]\ncount = {n}\nbalancer = \"round_robin\"\n");
            }
            _ => {}
        }
        self.workloads(&mut text, rate, duration_s);
        let _ = write!(text, "[matrix]\npolicy = [{}]\n", policies.join(", "));
        text
    }

    fn workloads(&self, text: &mut String, rate: f64, duration_s: f64) {
        let share = f64::from(self.heavy_percent) / 100.0;
        let path = match self.twist {
            Twist::Hidden => "/api/items",
            _ => "/api/report",
        };
        let class = |name: &str, path: &str, share: f64, ms: f64| {
            let weight = (share * 1e5).round();
            let cost = ms / MEAN_MS;
            format!(
                "{{ name = \"{name}\", path = \"{path}\", weight = {weight}, cost = {cost:?} }},\n"
            )
        };
        let heavy = class("heavy", path, share, self.heavy_ms);
        let light: String = self
            .light()
            .iter()
            .map(|(name, share, ms)| class(name, &format!("/api/{name}"), *share, *ms))
            .collect();
        let arrivals =
            |rate: f64| format!("arrivals = {{ process = \"poisson\", rate = \"{rate:.4}/s\" }}\n");
        if self.twist != Twist::Turns {
            let heavy = if self.heavy_percent > 0 { &*heavy } else { "" };
            let arrivals = arrivals(rate);
            let _ = write!(
                text,
                "[[workload]]\nname = \"all\"\n{arrivals}classes = [\n{light}{heavy}]\n"
            );
            return;
        }
        let turn_s = duration_s / 2.0;
        let before = class("calm", path, share, MEAN_MS);
        for (name, rate, classes, shape) in [
            ("all", rate * (1.0 - share), light, None),
            ("before", rate * share, before, Some((1, 0))),
            ("after", rate * share, heavy, Some((0, 1))),
        ] {
            let shape = shape.map(|(before, after)| {
                format!(
                    "shape = [{{ at = \"0s\", x = {before}.0 }}, \
                     {{ at = \"{turn_s:.3}s\", x = {before}.0 }}, \
                     {{ at = \"{turn_s:.3}s\", x = {after}.0 }}]\n"
                )
            });
            let _ = write!(
                text,
                "[[workload]]\nname = \"{name}\"\n{}{}classes = [\n{classes}]\n",
                arrivals(rate),
                shape.unwrap_or_default()
            );
        }
    }
}

/// The cells on which the policy is judged.
pub(crate) fn grid() -> Vec<Cell> {
    let mut cells = Vec::new();
    for endpoints in [4, 8, 32] {
        for heavy_percent in [1, 5, 20] {
            for load in [0.5, 0.7, 0.85] {
                for law in [Law::Lognormal, Law::Exponential] {
                    cells.push(Cell::new(endpoints, heavy_percent, load, law, Twist::None));
                }
            }
        }
    }
    cells
}

/// What else happens to event loops.
pub(crate) fn apart() -> Vec<Cell> {
    let cell = |twist| Cell::new(8, 5, 0.7, Law::Lognormal, twist);
    let mut cells: Vec<Cell> = [
        Twist::Slow,
        Twist::Collections,
        Twist::Hidden,
        Twist::Turns,
        Twist::Proxies(2),
        Twist::Proxies(4),
        Twist::Routes,
    ]
    .map(cell)
    .to_vec();
    cells.push(Cell::new(16, 10, 0.85, Law::Lognormal, Twist::Proxies(4)));
    cells.push(Cell::new(64, 10, 0.85, Law::Lognormal, Twist::None));
    for law in [Law::Lognormal, Law::Exponential] {
        cells.push(Cell::new(8, 0, 0.7, law, Twist::Uniform));
    }
    cells
}

/// Others, on which parameters are chosen.
pub(crate) fn tuning() -> Vec<Cell> {
    use Law::{Exponential, Lognormal};
    vec![
        Cell::new(6, 2, 0.6, Lognormal, Twist::None),
        Cell::new(6, 10, 0.8, Exponential, Twist::None),
        Cell::new(12, 1, 0.75, Lognormal, Twist::None),
        Cell::new(12, 15, 0.88, Lognormal, Twist::None),
        Cell::new(24, 3, 0.65, Exponential, Twist::None),
        Cell::new(24, 8, 0.8, Lognormal, Twist::None),
        Cell::new(12, 4, 0.7, Lognormal, Twist::Slow),
        Cell::new(12, 4, 0.7, Lognormal, Twist::Proxies(3)),
        Cell::new(12, 4, 0.6, Lognormal, Twist::Turns),
        Cell::new(12, 10, 0.75, Exponential, Twist::Collections),
        Cell::new(12, 0, 0.75, Lognormal, Twist::Uniform),
    ]
}
