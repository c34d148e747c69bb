//! What no single key can tell: blocks that contradict each other.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::queue::Priority;

use super::{Action, Admin, Endpoint, Host, Listener, Match, Pool, Route, limit, tls};
use crate::document::{Address, Names, Span, Table};

/// No address twice, the administration's included.
pub(super) fn listeners(
    t: &mut Table<'_>,
    listeners: &[Option<Listener>],
    admin: Option<&Option<Admin>>,
) {
    let spans = t.element_spans("listener");
    let taken = |address: &Address| match address {
        Address::Ip(address) => address.port() != 0,
        Address::Name(_, port) => *port != 0,
        Address::Unix(_) => true,
    };
    let mut seen: BTreeMap<&Address, Span> = BTreeMap::new();
    let admin = admin
        .and_then(Option::as_ref)
        .map(|admin| (&admin.address, t.span("admin")));
    let all = listeners.iter().zip(spans);
    let all = all.filter_map(|(listener, span)| Some((&listener.as_ref()?.address, span)));
    for (address, span) in all.chain(admin).filter(|(address, _)| taken(address)) {
        match seen.get(address) {
            Some(first) => {
                let problem = t.problem(span, format!("two listeners on {address}"));
                t.report(
                    problem
                        .label("the second one")
                        .related(*first, "the first one"),
                );
            }
            None => _ = seen.insert(address, span),
        }
    }
}

/// No two routes for the same requests, no pool without a route, no pools without routes. Listeners
/// that only redirect (`serves` is false) need neither.
pub(super) fn routes(t: &mut Table<'_>, routes: &[Option<Route>], pools: &Names, serves: bool) {
    let spans = t.element_spans("route");
    if spans.is_empty() {
        match (pools.iter().next(), pools.iter().nth(1)) {
            (Some(_), None) => {}
            (None, _) if t.has("pool") || !serves => {}
            (None, _) => {
                let problem = t.problem(t.own_span(), "there is no pool to send requests to");
                t.report(problem.label("expected [[pool]] with `name` and `endpoints`"));
            }
            (Some(_), Some((_, span))) => {
                let problem = t.problem(span, "several pools, and no route that says which");
                t.report(problem.label("expected [[route]] for each pool"));
            }
        }
        return;
    }
    let mut seen: BTreeMap<(Option<&Host>, &Match), Span> = BTreeMap::new();
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for (route, span) in routes.iter().zip(spans) {
        let Some(route) = route else { continue };
        if let Action::Pool(pool) = &route.action {
            used.insert(pool);
        }
        let hosts = route
            .hosts
            .iter()
            .map(Some)
            .chain(route.hosts.is_empty().then_some(None));
        for host in hosts {
            match seen.get(&(host, &route.path)) {
                Some(first) => {
                    let problem = t.problem(span, equal_routes(host, &route.path));
                    t.report(
                        problem
                            .label("the second one")
                            .related(*first, "the first one"),
                    );
                }
                None => _ = seen.insert((host, &route.path), span),
            }
        }
    }
    // A route that could not be read may be the one that uses it.
    if routes.iter().any(Option::is_none) {
        return;
    }
    for (pool, span) in pools.iter().filter(|(pool, _)| !used.contains(pool)) {
        let problem = t
            .problem(span, format!("no route goes to pool `{pool}`"))
            .warning();
        t.report(problem.label("never used"));
    }
}

/// No limit without a route, and no more than a trace can tell apart.
pub(super) fn limits(t: &mut Table<'_>, routes: &[Option<Route>], limits: &Names) {
    if let Some((_, span)) = limits.iter().nth(limit::MOST) {
        let problem = t.problem(span, "one limit too many");
        t.report(problem.label(format!("expected at most {}", limit::MOST)));
    }
    // A route that could not be read may be the one that uses it.
    let Some(routes) = routes
        .iter()
        .map(Option::as_ref)
        .collect::<Option<Vec<_>>>()
    else {
        return;
    };
    let used = |name: &str| {
        routes
            .iter()
            .any(|r| r.limits.iter().any(|used| used == name))
    };
    for (name, span) in limits.iter().filter(|(name, _)| !used(name)) {
        let problem = t.problem(span, format!("no route has the limit `{name}`"));
        t.report(problem.warning().label("expected `limit` in a [[route]]"));
    }
}

/// No priority where nobody ever waits.
pub(super) fn priorities(t: &mut Table<'_>, routes: &[Option<Route>], pools: &[Option<Pool>]) {
    let spans = t.element_spans("route");
    for (route, span) in routes.iter().zip(spans) {
        let Some(Route {
            action: Action::Pool(name),
            priority,
            ..
        }) = route
        else {
            continue;
        };
        let is_it = |pool: &&Pool| pool.name == *name;
        let pool = pools.iter().flatten().find(is_it);
        let Some(pool) = pool.filter(|_| *priority != Priority::Normal) else {
            continue;
        };
        let (why, label) = match () {
            () if pool.queue.settings.limit == 0 => ("it has no queue", "expected `queue.limit`"),
            () if pool.never_full() => (
                "an endpoint of it is never full",
                "expected `concurrency`, or `max_connections` of all of its endpoints",
            ),
            () => continue,
        };
        let message =
            format!("nobody waits for pool `{name}`: {why}, so a priority changes nothing");
        let problem = t.problem(span, message).warning();
        t.report(problem.label(label));
    }
}

/// A zone of the proxy that has endpoints, and enough of them; nothing that spills nowhere.
pub(super) fn zones(t: &mut Table<'_>, zone: Option<&str>, pools: &[Option<Pool>]) {
    let Some(pools) = pools.iter().map(Option::as_ref).collect::<Option<Vec<_>>>() else {
        return;
    };
    let spans = t.element_spans("pool");
    let near = |e: &Endpoint| zone.is_some() && e.zone.as_deref() == zone;
    if zone.is_some() && !pools.iter().any(|pool| pool.endpoints.iter().any(near)) {
        let problem = t.problem(t.span("server"), "no endpoint is in the zone of the proxy");
        t.report(
            problem
                .warning()
                .label("expected an endpoint with this `zone`"),
        );
    }
    for (pool, span) in pools.iter().zip(spans) {
        let endpoints = || pool.endpoints.iter().filter(|e| !e.backup);
        let weight =
            |of: &mut dyn Iterator<Item = &Endpoint>| of.map(|e| u64::from(e.weight)).sum();
        let (all, own): (u64, u64) = (
            weight(&mut endpoints()),
            weight(&mut endpoints().filter(|e| near(e))),
        );
        let zones: BTreeSet<_> = endpoints().map(|e| e.zone.as_deref()).collect();
        let able = own * zones.len() as u64 * u64::from(pool.spill.zones_percent);
        if own > 0 && able < all * 100 {
            let message = format!(
                "the proxy's zone has {own} of {all} of the weights of pool `{}`",
                pool.name
            );
            let help = "all requests go there while its endpoints are fine, an equal part of all \
                        traffic is more than they can carry";
            let problem = t.problem(span, message).warning().help(help);
            t.report(problem.label(format!("expected about one in {}", zones.len())));
        }
        let is_divided = own > 0 && own < all;
        if pool.spill.backups_percent.is_some()
            && !is_divided
            && pool.endpoints.iter().all(|e| !e.backup)
        {
            let message = format!(
                "pool `{}` has nobody that `overprovision` is for",
                pool.name
            );
            let problem = t.problem(span, message).warning();
            t.report(problem.label("expected backups, or `server.zone`"));
        }
    }
}

fn equal_routes(host: Option<&Host>, path: &Match) -> String {
    let host = host.map_or("any host".into(), |host| format!("host `{host}`"));
    match path {
        Match::Exact(path) => format!("two routes for {host} and exactly the path `{path}`"),
        Match::Prefix(path) => format!("two routes for {host} and paths from `{path}`"),
    }
}

/// At least one endpoint that can be picked, and no address twice.
pub(super) fn endpoints(t: &mut Table<'_>, endpoints: &[Option<Endpoint>], pool: &str) {
    let spans = t.element_spans("endpoints");
    if spans.is_empty() {
        return;
    }
    let Some(endpoints) = endpoints
        .iter()
        .map(Option::as_ref)
        .collect::<Option<Vec<_>>>()
    else {
        return;
    };
    let has_primary = endpoints.iter().any(|endpoint| !endpoint.backup);
    let mut primary = endpoints
        .iter()
        .filter(|endpoint| endpoint.backup != has_primary);
    if primary.all(|endpoint| endpoint.weight == 0) {
        let problem = t.problem(
            t.span("endpoints"),
            format!("all weights of pool `{pool}` are 0"),
        );
        let which = if has_primary {
            " that is not a backup"
        } else {
            ""
        };
        t.report(problem.label(format!("expected a weight above 0 for an endpoint{which}")));
    }
    if endpoints.iter().all(|endpoint| endpoint.down) {
        let message = format!("every endpoint of pool `{pool}` is down");
        let problem = t.problem(t.span("endpoints"), message).warning();
        t.report(problem.label("all requests will get 503"));
    }
    let mut seen: BTreeMap<&Address, (&str, Span)> = BTreeMap::new();
    for (endpoint, span) in endpoints.iter().zip(spans) {
        match seen.get(&endpoint.address) {
            // Equal names are an error already.
            Some((name, _)) if *name == endpoint.name => {}
            Some((_, first)) => {
                let message = format!("two endpoints have the address {}", endpoint.address);
                let problem = t
                    .problem(span, message)
                    .warning()
                    .label("counted on its own");
                t.report(problem.related(*first, "the first one"));
            }
            None => _ = seen.insert(&endpoint.address, (&endpoint.name, span)),
        }
    }
}

/// A socket of this machine has no name that a certificate could prove.
pub(super) fn server_names(t: &mut Table<'_>, endpoints: &[Endpoint], tls: Option<&tls::Upstream>) {
    if !tls.is_some_and(|tls| tls.verify && tls.server_name.is_none()) {
        return;
    }
    let spans = t.element_spans("endpoints");
    for (endpoint, span) in endpoints.iter().zip(spans) {
        if let Address::Unix(_) = endpoint.address {
            let message = format!("nobody says what `{}` must prove to be", endpoint.name);
            let problem = t
                .problem(span, message)
                .related(t.span("tls"), "TLS is spoken");
            t.report(problem.label("a socket has no name: expected `server_name` in `tls`"));
        }
    }
}
