//! Laws of chance for times: how long a request takes.

use std::time::Duration;

use evenkeel_proxy::document::{Choice, Percent, Share, Table, Time};

/// How a time is distributed.
#[derive(Clone, Debug, PartialEq)]
pub enum Law {
    /// Without memory.
    Exponential {
        /// The mean.
        mean: Duration,
    },
    /// Always the same.
    Constant {
        /// The time.
        value: Duration,
    },
    /// Anything between two times, all alike.
    Uniform {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// Mostly short with a long tail, given by two percentiles.
    Lognormal {
        /// The median, above zero.
        p50: Duration,
        /// What one in a hundred exceeds; at least the median.
        p99: Duration,
    },
    /// One of two times.
    Bimodal {
        /// The usual one.
        a: Duration,
        /// The other one.
        b: Duration,
        /// How often it is `b`.
        p: Percent,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Name {
    Exponential,
    Constant,
    Uniform,
    Lognormal,
    Bimodal,
}

const LAW: Choice<Name> = Choice {
    what: "law",
    of: &[
        ("exponential", Name::Exponential),
        ("constant", Name::Constant),
        ("uniform", Name::Uniform),
        ("lognormal", Name::Lognormal),
        ("bimodal", Name::Bimodal),
    ],
};

impl Name {
    /// The keys that this law has, all required.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Exponential => &["mean"],
            Self::Constant => &["value"],
            Self::Uniform => &["min", "max"],
            Self::Lognormal => &["p50", "p99"],
            Self::Bimodal => &["a", "b", "p"],
        }
    }
}

/// The 99th percentile of the standard normal distribution.
const NORMAL_P99: f64 = 2.326_347_874_040_840_8;

impl Law {
    /// The mean in nanoseconds.
    pub fn mean_ns(&self) -> f64 {
        let ns = |time: &Duration| time.as_nanos() as f64;
        match self {
            Self::Exponential { mean: value } | Self::Constant { value } => ns(value),
            Self::Uniform { min, max } => (ns(min) + ns(max)) / 2.0,
            Self::Lognormal { p50, p99 } => {
                let sigma = libm::log(ns(p99) / ns(p50)) / NORMAL_P99;
                ns(p50) * libm::exp(sigma * sigma / 2.0)
            }
            Self::Bimodal { a, b, p } => ns(a) * (1.0 - p.fraction()) + ns(b) * p.fraction(),
        }
    }
}

/// Reads a law: its name, and exactly the keys that belong to it.
pub(super) fn law(t: &mut Table<'_>) -> Option<Law> {
    let doc = "exponential, constant, uniform, lognormal or bimodal";
    let name = t.required("dist", LAW, doc);
    let mean = t.optional("mean", Time::POSITIVE, "exponential: the mean");
    let value = t.optional("value", Time::ANY, "constant: the time");
    let min = t.optional("min", Time::ANY, "uniform: the shortest");
    let max = t.optional("max", Time::ANY, "uniform: the longest");
    let p50 = t.optional("p50", Time::POSITIVE, "lognormal: the median");
    let p99 = t.optional(
        "p99",
        Time::POSITIVE,
        "lognormal: what one in a hundred exceeds",
    );
    let a = t.optional("a", Time::ANY, "bimodal: the usual time");
    let b = t.optional("b", Time::ANY, "bimodal: the other time");
    let p = t.optional("p", Share, "bimodal: how often it is the other time");
    let name = name?;
    only_keys_of(t, name);
    match name {
        Name::Exponential => Some(Law::Exponential { mean: mean? }),
        Name::Constant => Some(Law::Constant { value: value? }),
        Name::Uniform => {
            let (min, max) = min.zip(max)?;
            ordered(t, ["min", "max"], [min, max]).then_some(Law::Uniform { min, max })
        }
        Name::Lognormal => {
            let (p50, p99) = p50.zip(p99)?;
            ordered(t, ["p50", "p99"], [p50, p99]).then_some(Law::Lognormal { p50, p99 })
        }
        Name::Bimodal => Some(Law::Bimodal {
            a: a?,
            b: b?,
            p: p?,
        }),
    }
}

/// Reports keys of other laws, and keys of this one that are missing.
fn only_keys_of(t: &mut Table<'_>, name: Name) {
    let own = name.keys();
    let text = LAW
        .of
        .iter()
        .find(|(_, law)| *law == name)
        .map_or("", |(text, _)| text);
    let expected = format!("{text} has {}", own.join(", "));
    for key in LAW.of.iter().flat_map(|(_, law)| law.keys()) {
        match (own.contains(key), t.has(key)) {
            (false, true) => {
                let problem = t.problem(t.span(key), format!("`{key}` is not of this law"));
                t.report(problem.label(expected.clone()));
            }
            (true, false) => {
                let problem = t.problem(t.own_span(), format!("the law has no `{key}`"));
                t.report(problem.label(expected.clone()));
            }
            _ => {}
        }
    }
}

/// Whether the times are in order; reports it if not.
fn ordered(t: &mut Table<'_>, [low, high]: [&str; 2], times: [Duration; 2]) -> bool {
    if times[0] > times[1] {
        let problem = t.problem(t.span(high), format!("`{high}` is less than `{low}`"));
        let label = format!("expected at least {:?}", Time::format(times[0]));
        t.report(
            problem
                .label(label)
                .related(t.span(low), format!("the {low}")),
        );
    }
    times[0] <= times[1]
}
