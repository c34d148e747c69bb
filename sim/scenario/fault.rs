//! `[[fault]]`: what goes wrong, when, and for how long.

use std::mem::discriminant;
use std::time::Duration;

use evenkeel_proxy::config::Config;
use evenkeel_proxy::document::{Choice, Float, Integer, Name, Percent, Share, Table, Time};

use super::change::{self, Change, Frame};
use super::link::Known;
use super::proxies::Proxies;
use super::target::{self, Aim};

/// Something that goes wrong at origins.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// When it begins.
    pub at: Duration,
    /// What it is.
    pub effect: Effect,
    /// Where.
    pub target: Aim,
    /// How long it lasts; none lasts until the faults end or a later one ends it.
    pub lasts: Option<Duration>,
    /// After how long it happens again, if it does.
    pub every: Option<Duration>,
    /// How likely each occurrence is.
    pub probability: f64,
    /// How long it takes to grow to its strength.
    pub ramp: Duration,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    /// The process dies and its connections close; it starts again, cold.
    Crash,
    /// New connections are refused; open ones go on.
    Refuse,
    /// Requests are read, and answered when it ends.
    Hang,
    /// Nothing is read or written; it goes on where it stopped.
    Pause,
    /// Nothing arrives in either direction before it ends.
    Blackhole,
    /// Connections are reset before the head of a response.
    Reset {
        /// How many requests meet it, from 0 to 1.
        share: f64,
    },
    /// Work takes `factor` times as long.
    Slow {
        /// Above zero.
        factor: f64,
    },
    /// Requests are answered at once.
    ErrorBurst {
        /// How many, from 0 to 1.
        share: f64,
        /// With what.
        status: u16,
        /// And how long it asks to wait, in whole seconds; zero if it does not.
        retry_after: Duration,
    },
    /// A kept connection is closed just when its next request arrives.
    KeepaliveRace {
        /// How many requests on kept connections meet it, from 0 to 1.
        share: f64,
    },
    /// The processes die one after another, and start again.
    RollingRestart {
        /// From the start of one to the end of the next.
        gap: Duration,
    },
}

impl Effect {
    /// What two faults have in frame of which the later one ends the earlier.
    pub(crate) const fn kind(self) -> u8 {
        match self {
            Self::Crash | Self::RollingRestart { .. } => 0,
            Self::Refuse => 1,
            Self::Hang => 2,
            Self::Pause => 3,
            Self::Blackhole => 4,
            Self::Reset { .. } => 5,
            Self::Slow { .. } => 6,
            Self::ErrorBurst { .. } => 7,
            Self::KeepaliveRace { .. } => 8,
        }
    }

    /// What scenarios call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        let same = |(_, known): &&(_, Self)| discriminant(known) == discriminant(&self);
        EFFECT.of.iter().find(same).map_or("", |(name, _)| *name)
    }

    /// Which of the keys that not all faults have it has.
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Crash | Self::Refuse | Self::Hang | Self::Pause | Self::Blackhole => &[],
            Self::Reset { .. } => &["share", "ramp"],
            Self::Slow { .. } => &["factor", "ramp"],
            Self::ErrorBurst { .. } => &["share", "status", "retry_after", "ramp"],
            Self::KeepaliveRace { .. } => &["share"],
            Self::RollingRestart { .. } => &["gap"],
        }
    }
}

const EFFECT: Choice<Effect> = Choice {
    what: "fault",
    of: &[
        ("crash", Effect::Crash),
        (
            "rolling_restart",
            Effect::RollingRestart {
                gap: Duration::ZERO,
            },
        ),
        ("slow", Effect::Slow { factor: 1.0 }),
        ("pause", Effect::Pause),
        ("hang", Effect::Hang),
        ("refuse", Effect::Refuse),
        ("blackhole", Effect::Blackhole),
        (
            "error_burst",
            Effect::ErrorBurst {
                share: 1.0,
                status: 503,
                retry_after: Duration::ZERO,
            },
        ),
        ("reset", Effect::Reset { share: 1.0 }),
        ("keepalive_race", Effect::KeepaliveRace { share: 1.0 }),
    ],
};

/// What a `[[fault]]` may be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// Of origins.
    Origin(Effect),
    /// Of the proxies, or between the parties.
    Change(change::Kind),
}

/// What a `[[fault]]` is.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// Of origins.
    Fault(Fault),
    /// Of the proxies, or between the parties, with its repetitions.
    Changes(Vec<Change>),
}

const COUNT: usize = EFFECT.of.len() + change::Kind::ALL.len();
const KINDS: [(&str, Kind); COUNT] = {
    let mut all = [("", Kind::Origin(Effect::Crash)); COUNT];
    let mut n = 0;
    while n < COUNT {
        all[n] = if n < EFFECT.of.len() {
            (EFFECT.of[n].0, Kind::Origin(EFFECT.of[n].1))
        } else {
            let (name, kind) = change::Kind::ALL[n - EFFECT.of.len()];
            (name, Kind::Change(kind))
        };
        n += 1;
    }
    all
};
const KIND: Choice<Kind> = Choice {
    what: "fault",
    of: &KINDS,
};

/// Most occurrences of a fault: more is a rate, and no fault.
const MOST_OCCURRENCES: u128 = 10_000;
/// And of a change, each of which may be a configuration of its own.
const MOST_CHANGES: u128 = 1_000;

/// What each kind does.
const EFFECTS: &str = "crash (connections close, new ones are refused), rolling_restart (endpoints \
    crash one after the other, each `for` so long), slow (work takes `factor` times as long), \
    pause (nothing is read or written), hang (requests are read and not answered), \
    refuse (new connections are refused), blackhole (nothing arrives, no error), \
    error_burst (a `share` is answered `status` at once), reset (a `share` is reset \
    before the head), keepalive_race (a `share` of the kept connections closes just \
    when it is used); add, remove, drain or reweight an endpoint, reload a pool's \
    section, proxy_restart, dns_change, cert_swap; latency or partition of a link";

/// The keys that not all faults have.
struct Keys {
    factor: Option<f64>,
    share: Percent,
    status: u16,
    retry_after: Duration,
    gap: Duration,
}

/// Reads one. `all` has every endpoint that there will ever be.
pub(super) fn fault(
    t: &mut Table<'_>,
    all: &mut Option<Config>,
    proxies: &Proxies,
    duration: Option<Duration>,
) -> Option<Event> {
    let at = t.required("at", Time::ANY, "when it begins, from the start of the run");
    let kind = t.required("kind", KIND, EFFECTS);
    let doc = "an endpoint's name, or `pool/endpoint`, or `pool:NAME` for all of a pool, or \
               `random:N` for so many endpoints by the seed; add: `pool:NAME`; proxy_restart: \
               `proxy` or `proxy:N`";
    let target = t.optional("target", Name, doc);
    let doc = "how long it lasts; absent: until a later one of its kind there ends it, or the run; \
               a change of the configuration then stays";
    let lasts = t.optional("for", Time::POSITIVE, doc);
    let doc = "it happens again after so long, and so on; absent: once";
    let every = t.optional("every", Time::POSITIVE, doc);
    let doc = "how likely each occurrence is, by the seed";
    let probability = t.default("probability", Share, Percent::new(100), doc);
    let doc =
        "slow, error_burst, reset, latency: how long it takes to grow to its strength, evenly";
    let ramp = t.default("ramp", Time::ANY, Duration::ZERO, doc);
    let keys = keys(t);
    let known = all.as_ref().map(|config| Known { config, proxies });
    let changes = change::keys(t, known);
    begins_in_time(t, at, duration);
    let effect = match kind? {
        Kind::Origin(effect) => effect,
        Kind::Change(kind) => {
            occurs(t, (at, every, duration), probability, MOST_CHANGES);
            let frame = Frame {
                at,
                lasts,
                every,
                probability: probability.fraction(),
                target,
                factor: keys.factor,
                ramp,
            };
            let change = change::change(t, kind, frame, changes, (all, proxies));
            let end = duration.unwrap_or_default();
            // More than that is an error by now, and not worth the memory.
            let most = MOST_CHANGES as usize;
            return change.map(|change| Event::Changes(change.occurrences(every, end, most)));
        }
    };
    change::unused(t, None);
    if !t.has("target") {
        let problem = t.problem(t.own_span(), "`fault.target` is missing");
        t.report(problem.label("expected `target`, an endpoint's name"));
    }
    occurs(t, (at, every, duration), probability, MOST_OCCURRENCES);
    let config = all.as_ref();
    let target = target
        .zip(config)
        .and_then(|(name, config)| target::aim(t, t.span("target"), config, &name));
    let fault = Fault {
        effect: strong(t, effect, keys)?,
        at: at?,
        target: target?,
        lasts,
        every,
        probability: probability.fraction(),
        ramp,
    };
    fits(t, &fault, config, duration);
    Some(Event::Fault(fault))
}

fn keys(t: &mut Table<'_>) -> Keys {
    let doc = "slow, latency: how many times as long it takes";
    let factor = t.optional("factor", Float(0.001..=1_000_000.0), doc);
    let doc = "reset, error_burst, keepalive_race: how many requests meet it, each by the seed";
    let share = t.default("share", Share, Percent::new(100), doc);
    let doc = "error_burst: what is answered";
    let status = t.default("status", Integer(200..=599_u16), 503, doc);
    let doc = "error_burst: how long it asks to wait (Retry-After), in whole seconds; 0s is no \
               word of it";
    let retry_after = t.default("retry_after", Time::ANY, Duration::ZERO, doc);
    if retry_after.subsec_nanos() > 0 {
        let problem = t.problem(t.span("retry_after"), "Retry-After counts whole seconds");
        t.report(problem.label("expected such as \"2s\""));
    }
    let doc = "rolling_restart: from the start of one endpoint to the end of the next";
    let gap = t.default("gap", Time::ANY, Duration::from_secs(1), doc);
    Keys {
        factor,
        share,
        status,
        retry_after,
        gap,
    }
}

/// The fault with its strength; reports keys that are of other faults, and those that are missing.
fn strong(t: &mut Table<'_>, effect: Effect, keys: Keys) -> Option<Effect> {
    let of = |wanted: &Effect| EFFECT.of.iter().find(|(_, effect)| effect == wanted);
    let name = of(&effect).map_or("", |(name, _)| name);
    for key in ["factor", "share", "status", "retry_after", "ramp", "gap"] {
        if t.has(key) && !effect.keys().contains(&key) {
            let having = EFFECT
                .of
                .iter()
                .filter(|(_, effect)| effect.keys().contains(&key));
            let having: Vec<&str> = having.map(|(name, _)| *name).collect();
            let problem = t.problem(t.span(key), format!("the fault {name} has no `{key}`"));
            t.report(problem.label(format!("leave it out: only {} has it", having.join(", "))));
        }
    }
    let share = keys.share.fraction();
    if share == 0.0 && effect.keys().contains(&"share") {
        let problem = t.problem(t.span("share"), "a share of 0: the fault hits nobody");
        t.report(problem.warning().label("expected more, or no such fault"));
    }
    Some(match effect {
        Effect::Slow { .. } => {
            if !t.has("factor") {
                let problem = t.problem(t.own_span(), "slow by how much: `factor` is missing");
                t.report(problem.label("expected `factor`, a number such as 20.0"));
            }
            Effect::Slow {
                factor: keys.factor?,
            }
        }
        Effect::Reset { .. } => Effect::Reset { share },
        Effect::KeepaliveRace { .. } => Effect::KeepaliveRace { share },
        Effect::ErrorBurst { .. } => Effect::ErrorBurst {
            share,
            status: keys.status,
            retry_after: keys.retry_after,
        },
        Effect::RollingRestart { .. } => {
            if !t.has("for") {
                let problem = t.problem(t.own_span(), "how long is each restart: `for` is missing");
                t.report(problem.label("expected `for`, a duration such as \"2s\""));
                return None;
            }
            Effect::RollingRestart { gap: keys.gap }
        }
        other => other,
    })
}

fn begins_in_time(t: &mut Table<'_>, at: Option<Duration>, duration: Option<Duration>) {
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
}

/// It occurs at all, and not all the time.
fn occurs(
    t: &mut Table<'_>,
    (at, every, duration): (Option<Duration>, Option<Duration>, Option<Duration>),
    probability: Percent,
    most: u128,
) {
    if probability.ppm() == 0 {
        let problem = t.problem(t.span("probability"), "the fault never happens");
        t.report(problem.warning().label("expected more than 0%"));
    }
    if let (Some(at), Some(every), Some(duration)) = (at, every, duration)
        && let Some(least) = duration.checked_sub(at).map(|rest| rest.as_nanos() / most)
        && every.as_nanos() < least
    {
        let problem = t.problem(
            t.span("every"),
            "the fault happens too often to be simulated",
        );
        t.report(problem.label(format!("at most {most} times: expected longer")));
    }
}

/// Told of what will not happen as it is written.
fn fits(t: &mut Table<'_>, fault: &Fault, config: Option<&Config>, duration: Option<Duration>) {
    let Aim::Endpoints(targets) = &fault.target else {
        return;
    };
    let http2 = |target: &target::Target| config.is_some_and(|c| c.pools[target.pool].http2);
    if matches!(fault.effect, Effect::KeepaliveRace { .. }) && targets.iter().any(http2) {
        let message = "a connection of HTTP/2 is never idle for long: it is not raced";
        let problem = t.problem(t.span("target"), message);
        t.report(problem.warning().label("expected a pool of HTTP/1.1"));
    }
    if let (Effect::RollingRestart { gap }, Some(lasts), Some(duration)) =
        (fault.effect, fault.lasts, duration)
    {
        let last = (lasts + gap).saturating_mul((targets.len() as u32).saturating_sub(1));
        let end = fault.at.saturating_add(last).saturating_add(lasts);
        if end > duration && fault.at < duration {
            let message = format!("the last restart ends at {}", Time::format(end));
            let problem = t.problem(t.own_span(), message);
            let label = format!(
                "the run ends at {}: all faults end then",
                Time::format(duration)
            );
            t.report(problem.warning().label(label));
        }
    }
}
