//! The kinds of `[[fault]]` that happen to the proxies or between the parties, and which
//! keys each has.

use evenkeel_proxy::document::Table;

/// The kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) enum Kind {
    /// [`super::What::Add`].
    Add,
    /// [`super::What::Remove`].
    Remove,
    /// [`super::What::Drain`].
    Drain,
    /// [`super::What::Reweight`].
    Reweight,
    /// [`super::What::Reload`].
    Reload,
    /// [`super::What::Restart`].
    Restart,
    /// [`super::What::Resolve`].
    Resolve,
    /// [`super::What::Swap`].
    Swap,
    /// [`super::What::Latency`].
    Latency,
    /// [`super::What::Partition`].
    Partition,
}

/// Which key is for which kinds, and the kinds that need it.
const USES: &[(&str, &str, &[Kind], &[Kind])] = &[
    (
        "target",
        "what it happens to",
        &[
            Kind::Add,
            Kind::Remove,
            Kind::Drain,
            Kind::Reweight,
            Kind::Restart,
        ],
        &[Kind::Add, Kind::Remove, Kind::Drain, Kind::Reweight],
    ),
    (
        "endpoint",
        "{ name = \"e\", address = \"10.0.0.5:3000\" }",
        &[Kind::Add],
        &[Kind::Add],
    ),
    (
        "weight",
        "the new weight",
        &[Kind::Reweight],
        &[Kind::Reweight],
    ),
    ("pool", "its new section", &[Kind::Reload], &[Kind::Reload]),
    ("handover", "", &[Kind::Restart], &[]),
    (
        "host",
        "a name, such as \"app.internal\"",
        &[Kind::Resolve],
        &[Kind::Resolve],
    ),
    (
        "addresses",
        "[\"10.0.0.9\"]",
        &[Kind::Resolve],
        &[Kind::Resolve],
    ),
    ("plus", "", &[Kind::Latency], &[]),
    (
        "from",
        "one end of the link",
        &[Kind::Latency, Kind::Partition],
        &[Kind::Latency, Kind::Partition],
    ),
    (
        "to",
        "its other end",
        &[Kind::Latency, Kind::Partition],
        &[Kind::Latency, Kind::Partition],
    ),
];

impl Kind {
    /// All, by name.
    pub(in crate::scenario) const ALL: [(&'static str, Self); 10] = [
        ("add", Self::Add),
        ("remove", Self::Remove),
        ("drain", Self::Drain),
        ("reweight", Self::Reweight),
        ("reload", Self::Reload),
        ("proxy_restart", Self::Restart),
        ("dns_change", Self::Resolve),
        ("cert_swap", Self::Swap),
        ("latency", Self::Latency),
        ("partition", Self::Partition),
    ];

    pub(super) fn name(self) -> &'static str {
        let own = Self::ALL.iter().find(|(_, kind)| *kind == self);
        own.map_or("", |(name, _)| name)
    }

    /// Whether it can end by itself.
    pub(super) const fn can_end(self) -> bool {
        !matches!(self, Self::Restart | Self::Resolve | Self::Swap)
    }
}

/// Complains of keys that only other kinds have; `kind` is none for faults of origins.
pub(in crate::scenario) fn unused(t: &mut Table<'_>, kind: Option<Kind>) {
    for (key, _, kinds, _) in USES {
        let used = match kind {
            Some(kind) => kinds.contains(&kind),
            None => *key == "target",
        };
        if t.has(key) && !used {
            let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
            let problem = t.problem(t.span(key), format!("this fault has no `{key}`"));
            t.report(problem.label(format!("expected only for {}", names.join(", "))));
        }
    }
}

/// Complains of keys that this kind needs and that are not there.
pub(super) fn missing(t: &mut Table<'_>, kind: Kind) {
    for (key, what, _, needed) in USES {
        if needed.contains(&kind) && !t.has(key) {
            let message = format!("{}: `{key}` is missing", kind.name());
            let problem = t.problem(t.own_span(), message);
            t.report(problem.label(format!("expected `{key}`, {what}")));
        }
    }
}
