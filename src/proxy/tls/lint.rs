//! Routes that clients over TLS cannot reach: no certificate is for their host.

use super::{Error, Material, Problem};
use crate::config::{Config, Host};
use crate::document::Step;

/// The hosts of routes that no certificate is for. None while some listener serves in plain text,
/// as they may be meant for it.
pub(super) fn hosts(config: &Config, material: &Material) -> Vec<Problem> {
    let mut serving = config.listeners.iter().filter(|l| l.redirect.is_none());
    if serving.any(|listener| listener.tls.is_none()) {
        return Vec::new();
    }
    let served = |listener: &str| {
        let mut all = config.listeners.iter();
        all.any(|l| l.name == listener && l.redirect.is_none())
    };
    let certificates = material.certificates();
    let certificates = certificates.iter().filter(|c| served(c.listener));
    let names: Vec<&str> = certificates
        .flat_map(|certificate| certificate.names)
        .map(String::as_str)
        .collect();
    if names.is_empty() {
        return Vec::new();
    }
    let mut problems = Vec::new();
    for (n, route) in config.routes.iter().enumerate() {
        for (m, host) in route.hosts.iter().enumerate() {
            if !names.iter().any(|name| covers(name, host)) {
                let (route, host_key) = (Step::Key("route"), Step::Key("host"));
                problems.push(Problem {
                    owner: format!("route {}", n + 1),
                    place: vec![route, Step::Index(n), host_key, Step::Index(m)],
                    error: Error::Uncovered {
                        host: host.to_string(),
                    },
                });
            }
        }
    }
    problems
}

/// Whether a certificate for `name` is for the host, or for some host under a wildcard.
fn covers(name: &str, host: &Host) -> bool {
    match host {
        Host::Exact(host) => {
            let host = host.trim_matches(['[', ']']).trim_end_matches('.');
            let parent = host.split_once('.').map(|(_, parent)| parent);
            name == host || (parent.is_some() && name.strip_prefix("*.") == parent)
        }
        Host::Wildcard(ending) => name.ends_with(ending),
    }
}
