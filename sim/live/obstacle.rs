//! What a live run cannot do, told before it begins.

use evenkeel_proxy::config::AffinityKind;

use crate::plan::Plan;
use crate::scenario::{Effect, Protocol};

/// Why `plan` cannot run live, if it cannot: a sentence.
#[must_use]
pub fn obstacle(plan: &Plan) -> Option<String> {
    let scenario = &plan.scenario;
    let listeners = &scenario.config.listeners;
    let pools = &scenario.config.pools;
    let says = |text: &str| Some(text.to_owned());
    if let Some(change) = scenario.changes.first() {
        let name = change.what.name();
        return Some(format!(
            "it cannot do `{name}`: of faults, those of origins are possible"
        ));
    }
    if listeners.iter().any(|listener| listener.tls.is_some())
        || pools.iter().any(|pool| pool.tls.is_some() || pool.http2)
        || (scenario.workloads.iter()).any(|workload| workload.protocol == Protocol::Http2)
    {
        return says("it speaks HTTP/1.1 in plain text alone; leave out TLS and HTTP/2");
    }
    if scenario.workloads.iter().any(|w| w.sockets.is_some()) {
        return says("it opens no sockets (WebSocket); leave out `sockets`");
    }
    let kinds = pools.iter().filter_map(|pool| pool.affinity.as_ref());
    if kinds
        .map(|affinity| &affinity.kind)
        .any(|kind| !matches!(kind, AffinityKind::Cookie(_)))
    {
        return says("its applications name no sessions; of affinities, it can do `cookie`");
    }
    if scenario.proxies.count > 1 {
        return says("it has one proxy; set proxies.count = 1");
    }
    if plan
        .shared_link()
        .is_none_or(|link| link != Default::default())
    {
        return says(
            "a loopback has no latency, and the simulated run beside it would have; \
             set network.default.latency = \"0s\", and leave out jitter, bandwidth, loss and links",
        );
    }
    let mut effects = scenario.faults.iter().map(|fault| fault.effect);
    effects.find_map(|effect| match effect {
        Effect::Blackhole => Some(
            "it cannot do `blackhole`: a loopback loses nothing; `pause` stops a process".into(),
        ),
        Effect::Pause | Effect::Crash | Effect::RollingRestart { .. } => None,
        _ if scenario.origin.command.is_empty() => None,
        other => Some(format!(
            "it cannot do `{}` to origin.command: what happens to an application of your own is \
             `pause`, `crash` or `rolling_restart`",
            other.name()
        )),
    })
}
