//! Laws of chance as a scenario writes them: a name, and exactly the keys that belong to it.

mod empirical;

use std::time::Duration;

use evenkeel_proxy::document::{Choice, Float, Integer, Share, Table, Time};

use crate::law::{Invalid, Law};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Name {
    Exponential,
    Constant,
    Uniform,
    Normal,
    Lognormal,
    Bimodal,
    Pareto,
    Erlang,
    Hyperexponential,
    Empirical,
}

const LAW: Choice<Name> = Choice {
    what: "law",
    of: &[
        ("exponential", Name::Exponential),
        ("constant", Name::Constant),
        ("uniform", Name::Uniform),
        ("normal", Name::Normal),
        ("lognormal", Name::Lognormal),
        ("bimodal", Name::Bimodal),
        ("pareto", Name::Pareto),
        ("erlang", Name::Erlang),
        ("hyperexponential", Name::Hyperexponential),
        ("empirical", Name::Empirical),
    ],
};

/// All keys of laws but those of `empirical`.
const KEYS: [&str; 13] = [
    "mean", "value", "min", "max", "sd", "p50", "p99", "a", "b", "p", "alpha", "k", "scv",
];

impl Name {
    /// The keys that this law has, all required; `empirical` has one of its own.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Exponential => &["mean"],
            Self::Constant => &["value"],
            Self::Uniform => &["min", "max"],
            Self::Normal => &["mean", "sd"],
            Self::Lognormal => &["p50", "p99"],
            Self::Bimodal => &["a", "b", "p"],
            Self::Pareto => &["min", "alpha"],
            Self::Erlang => &["mean", "k"],
            Self::Hyperexponential => &["mean", "scv"],
            Self::Empirical => &[],
        }
    }
}

/// Reads a law.
pub(super) fn law(t: &mut Table<'_>) -> Option<Law> {
    let doc = "exponential, constant, uniform, normal, lognormal, bimodal, pareto, erlang (a sum \
               of exponential stages), hyperexponential (one of two) or empirical (as measured)";
    let name = t.required("dist", LAW, doc);
    of(t, name)
}

/// Reads a law, or a time that is always the same: `"2s"` stands for `{ value = "2s" }`.
pub(super) fn law_or_time(t: &mut Table<'_>) -> Option<Law> {
    let doc = "a law by its name; absent: always the same `value`";
    let name = t.default("dist", LAW, Name::Constant, doc);
    of(t, Some(name))
}

fn of(t: &mut Table<'_>, name: Option<Name>) -> Option<Law> {
    let doc = "exponential, erlang, hyperexponential, normal (there before what is below zero is \
               cut off): the mean";
    let mean = t.optional("mean", Time::POSITIVE, doc);
    let value = t.optional("value", Time::ANY, "constant: the time");
    let min = t.optional("min", Time::ANY, "uniform, pareto: the shortest");
    let max = t.optional("max", Time::ANY, "uniform: the longest");
    let sd = t.optional("sd", Time::ANY, "normal: the standard deviation");
    let p50 = t.optional("p50", Time::POSITIVE, "lognormal: the median");
    let doc = "lognormal: what one in a hundred exceeds";
    let p99 = t.optional("p99", Time::POSITIVE, doc);
    let a = t.optional("a", Time::ANY, "bimodal: the usual time");
    let b = t.optional("b", Time::ANY, "bimodal: the other time");
    let p = t.optional("p", Share, "bimodal: how often it is the other time");
    let doc = "pareto: how fast the tail thins out; at 1 the mean is infinite, 3 has a variance";
    let alpha = t.optional("alpha", Float(1.001..=1_000.0), doc);
    let doc = "erlang: how many stages; the variance is the squared mean over k";
    let k = t.optional("k", Integer(1..=1_000_u32), doc);
    let doc = "hyperexponential: the variance over the squared mean; 1 is exponential";
    let scv = t.optional("scv", Float(1.0..=1e6), doc);
    let empirical = empirical::keys(t);
    let name = name?;
    only_keys_of(t, name);
    match name {
        Name::Exponential => Some(Law::exponential(mean?)),
        Name::Constant => Some(Law::constant(value?)),
        Name::Uniform => {
            let law = Law::uniform(min?, max?);
            ordered(t, [("min", min?), ("max", max?)], law)
        }
        Name::Normal => Some(Law::normal(mean?, sd?)),
        Name::Lognormal => {
            let law = Law::lognormal(p50?, p99?);
            ordered(t, [("p50", p50?), ("p99", p99?)], law)
        }
        // Their kinds hold all that these demand.
        Name::Bimodal => Law::bimodal(a?, b?, p?.fraction()).ok(),
        Name::Pareto => Law::pareto(min?, alpha?).ok(),
        Name::Erlang => Law::erlang(mean?, k?).ok(),
        Name::Hyperexponential => Law::hyperexponential(mean?, scv?).ok(),
        Name::Empirical => empirical,
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
    let empirical = name == Name::Empirical;
    let expected = match empirical {
        true => format!("{text} has one of {}", empirical::KEYS.join(", ")),
        false => format!("{text} has {}", own.join(", ")),
    };
    let given = empirical::KEYS.iter().filter(|key| t.has(key)).copied();
    let mut given: Vec<&str> = given.skip(usize::from(empirical)).collect();
    given.extend(KEYS.iter().filter(|key| t.has(key) && !own.contains(key)));
    for key in given {
        let problem = t.problem(t.span(key), format!("`{key}` is not of this law"));
        t.report(problem.label(expected.clone()));
    }
    if empirical && !empirical::KEYS.iter().any(|key| t.has(key)) {
        let problem = t.problem(t.own_span(), "the law has nothing that was measured");
        t.report(problem.label(expected.clone()));
    }
    let missing: Vec<&str> = own.iter().filter(|key| !t.has(key)).copied().collect();
    for key in missing {
        let problem = t.problem(t.own_span(), format!("the law has no `{key}`"));
        t.report(problem.label(expected.clone()));
    }
}

/// The law of two times that must be in order; reports it if they are not.
fn ordered(
    t: &mut Table<'_>,
    [(low, least), (high, _)]: [(&str, Duration); 2],
    law: Result<Law, Invalid>,
) -> Option<Law> {
    law.map_err(|invalid| {
        let problem = t.problem(t.span(high), invalid.to_string());
        let label = format!("expected at least {:?}", Time::format(least));
        let related = format!("the {low}");
        t.report(problem.label(label).related(t.span(low), related));
    })
    .ok()
}
