//! `[[fault]]`: what goes wrong, when, and for how long.

use std::time::Duration;

use evenkeel_proxy::config::Config;
use evenkeel_proxy::document::{Choice, Float, Name, Table, Time};

use super::target::{self, Target};

/// Something that goes wrong at an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// When it begins.
    pub at: Duration,
    /// What it is.
    pub effect: Effect,
    /// Where.
    pub target: Target,
    /// How long it lasts; none lasts until the faults end or a later one ends it.
    pub lasts: Option<Duration>,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    /// The process dies and its connections close; it starts again, cold.
    Crash,
    /// Work takes `factor` times as long.
    Slow {
        /// Above zero.
        factor: f64,
    },
    /// Nothing is read or written; it goes on where it stopped.
    Pause,
}

pub(super) fn fault(
    t: &mut Table<'_>,
    config: Option<&Config>,
    duration: Option<Duration>,
) -> Option<Fault> {
    const SLOW: Effect = Effect::Slow { factor: 1.0 };
    const EFFECT: Choice<Effect> = Choice {
        what: "fault",
        of: &[
            ("crash", Effect::Crash),
            ("slow", SLOW),
            ("pause", Effect::Pause),
        ],
    };

    let at = t.required("at", Time::ANY, "when it begins, from the start of the run");
    let doc = "crash (connections close, new ones are refused), slow (work takes `factor` times as \
               long) or pause (nothing is read or written)";
    let effect = t.required("kind", EFFECT, doc);
    let target = t.required("target", Name, "an endpoint's name, or `pool/endpoint`");
    let doc = "slow: how many times as long work takes";
    let factor = t.optional("factor", Float(0.001..=1_000_000.0), doc);
    let doc = "how long it lasts; absent: until a later fault ends it, or the run";
    let lasts = t.optional("for", Time::POSITIVE, doc);

    let effect = match effect {
        Some(SLOW) => {
            if !t.has("factor") {
                let problem = t.problem(t.own_span(), "slow by how much: `factor` is missing");
                t.report(problem.label("expected `factor`, a number such as 20.0"));
            }
            factor.map(|factor| Effect::Slow { factor })
        }
        other => {
            if other.is_some() && t.has("factor") {
                let problem = t.problem(t.span("factor"), "only the fault slow has a `factor`");
                t.report(problem.label("leave it out, or use kind = \"slow\""));
            }
            other
        }
    };
    if let (Some(at), Some(duration)) = (at, duration)
        && at >= duration
    {
        let problem = t.problem(
            t.span("at"),
            "the fault begins when no more requests arrive",
        );
        let label = format!(
            "expected less than the duration, {:?}",
            Time::format(duration)
        );
        t.report(problem.warning().label(label));
    }
    let target = target
        .zip(config)
        .and_then(|(name, config)| target::resolve(t, t.span("target"), config, &name));
    Some(Fault {
        at: at?,
        effect: effect?,
        target: target?,
        lasts,
    })
}
