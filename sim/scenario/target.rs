//! How a scenario names an endpoint: `a` if no other pool has one of that name, else `nodejs/a`.

use std::collections::BTreeMap;

use evenkeel_proxy::config::{Config, Endpoint, Pool};
use evenkeel_proxy::document::{Span, Table};

/// An endpoint of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Index into `config.pools`.
    pub pool: usize,
    /// Index into that pool's `endpoints`.
    pub endpoint: usize,
}

/// Where a fault strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aim {
    /// At these endpoints, at least one, in this order.
    Endpoints(Vec<Target>),
    /// At so many of all endpoints, drawn each time.
    Random(u32),
}

/// What each pool's endpoints are called, in results too: their own name if it is the only one,
/// else with the pool's before it.
pub(crate) fn names(config: &Config) -> Vec<Vec<String>> {
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    for endpoint in config.pools.iter().flat_map(|pool| &pool.endpoints) {
        *uses.entry(&endpoint.name).or_default() += 1;
    }
    let of_pool = |pool: &Pool| {
        let name = |endpoint: &Endpoint| match uses.get(endpoint.name.as_str()) {
            Some(1) => endpoint.name.clone(),
            _ => format!("{}/{}", pool.name, endpoint.name),
        };
        pool.endpoints.iter().map(name).collect()
    };
    config.pools.iter().map(of_pool).collect()
}

/// The endpoints that `pool:NAME`, `random:N` or an endpoint's name means; what means none is
/// reported at `span`.
pub(super) fn aim(t: &mut Table<'_>, span: Span, config: &Config, name: &str) -> Option<Aim> {
    if let Some(pool) = name.strip_prefix("pool:") {
        let Some(at) = config.pools.iter().position(|known| known.name == pool) else {
            let known: Vec<&str> = config.pools.iter().map(|pool| pool.name.as_str()).collect();
            t.unknown(span, pool, "pool", &known);
            return None;
        };
        let endpoints = 0..config.pools[at].endpoints.len();
        let target = |endpoint| Target { pool: at, endpoint };
        return Some(Aim::Endpoints(endpoints.map(target).collect()));
    }
    let Some(count) = name.strip_prefix("random:") else {
        return resolve(t, span, config, name).map(|target| Aim::Endpoints(vec![target]));
    };
    let all: usize = config.pools.iter().map(|pool| pool.endpoints.len()).sum();
    match count.parse() {
        Ok(count @ 1..) if count as usize <= all => Some(Aim::Random(count)),
        _ => {
            let problem = t.problem(span, format!("`{name}` cannot be drawn"));
            t.report(problem.label(format!("expected random:1 to random:{all}, all endpoints")));
            None
        }
    }
}

/// The endpoint of that name; a name that none or several have is reported at `span`.
pub(super) fn resolve(
    t: &mut Table<'_>,
    span: Span,
    config: &Config,
    name: &str,
) -> Option<Target> {
    let mut all = Vec::new();
    for (i, pool) in config.pools.iter().enumerate() {
        for (j, endpoint) in pool.endpoints.iter().enumerate() {
            let full = format!("{}/{}", pool.name, endpoint.name);
            all.push((
                endpoint.name.as_str(),
                full,
                Target {
                    pool: i,
                    endpoint: j,
                },
            ));
        }
    }
    let found: Vec<_> = all
        .iter()
        .filter(|(short, full, _)| *short == name || full == name)
        .collect();
    match found.as_slice() {
        [(_, _, target)] => Some(*target),
        [] => {
            let mut known: Vec<&str> = all.iter().map(|(short, ..)| *short).collect();
            known.dedup();
            known.extend(
                name.contains('/')
                    .then(|| all.iter().map(|(_, full, _)| full.as_str()))
                    .into_iter()
                    .flatten(),
            );
            t.unknown(span, name, "endpoint", &known);
            None
        }
        several => {
            let names: Vec<&str> = several.iter().map(|(_, full, _)| full.as_str()).collect();
            let problem = t.problem(span, format!("several pools have an endpoint `{name}`"));
            t.report(problem.label(format!("expected one of {}", names.join(", "))));
            None
        }
    }
}
