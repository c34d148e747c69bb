//! The text of `/metrics`: names are put to what was counted, in the Prometheus text format.

mod affinity;
mod downstream;
mod health;
mod limit;

use std::fmt::{self, Write as _};
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, MetricEncoder, NoLabelSet, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use evenkeel_core::panic::Mode;
use evenkeel_core::pool;
use evenkeel_core::queue::Priority;
use evenkeel_core::time::Timestamp;

use crate::generation::Proxy;
use crate::limit::Limit;
use crate::log::Log;
use crate::metric::{self, BUCKETS_MS, Counts};

/// Everything that `/metrics` and `/ready` tell of.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The proxy.
    pub proxy: Arc<Proxy>,
    /// Each worker's counters.
    pub counters: Vec<Arc<metric::Worker>>,
    /// The access log, if there is one.
    pub log: Option<Log>,
}

impl Observed {
    /// The page of `/metrics`.
    #[must_use]
    pub fn page(&self, now: Timestamp) -> String {
        Scrape::new(self, now).page()
    }

    /// Why no request could be served now; nothing if some could.
    #[must_use]
    pub fn unready(&self) -> Option<String> {
        let generation = self.proxy.generation();
        let in_force = |name: &str| generation.config.pools.iter().any(|p| p.name == name);
        // A pool outlives the configuration that named it.
        let mut pools = self.proxy.pools();
        pools.retain(|pool| in_force(pool.name()));
        let out_of_service = pools.iter().filter(|pool| {
            pool.with(|state| {
                !state
                    .endpoints()
                    .iter()
                    .any(|e| e.is_in_service() && e.is_fit())
            })
        });
        let mut why = String::new();
        for pool in out_of_service {
            let _ = writeln!(why, "pool {}: no endpoint is in service", pool.name());
        }
        (!why.is_empty()).then_some(why)
    }
}

/// One moment's counts with the names that belong to them.
#[derive(Debug)]
struct Scrape {
    counts: Counts,
    pools: Vec<PoolNow>,
    generation: u64,
    /// Listener, file, last second since 1970.
    certificates: Vec<(String, String, i64)>,
    dropped: u64,
    limits: Vec<LimitNow>,
}

#[derive(Debug)]
struct LimitNow {
    name: String,
    id: u16,
    keys: usize,
}

impl LimitNow {
    fn new(limit: Arc<Limit>) -> Self {
        Self {
            name: limit.name().to_owned(),
            id: limit.id(),
            keys: limit.keys(),
        }
    }
}

#[derive(Debug)]
struct PoolNow {
    name: String,
    id: u16,
    queued: usize,
    panics: bool,
    shares: pool::Shares,
    endpoints: Vec<EndpointNow>,
}

#[derive(Debug)]
struct EndpointNow {
    name: String,
    slot: usize,
    in_flight: u32,
    tunnels: u32,
    /// The most that may be in flight, if that is found out.
    limit: Option<u32>,
    /// Sessions in the pool's table, if it has one.
    sessions: Option<u64>,
    /// `ejected`, or what is known of it by its checks.
    health: &'static str,
}

impl PoolNow {
    fn new(name: &str, state: &mut pool::State, now: Timestamp) -> Self {
        let slots = 0..state.endpoints().len() as u32;
        let endpoint = |slot: u32| {
            let name = state.name(slot)?.to_owned();
            let sessions = state.sessions(now, &name);
            let endpoint = state.endpoints().get(slot as usize)?;
            Some(EndpointNow {
                name,
                slot: slot as usize,
                in_flight: endpoint.in_flight,
                tunnels: endpoint.tunnels,
                limit: Some(endpoint.limit).filter(|limit| *limit != u32::MAX),
                sessions,
                health: match state.is_ejected(slot) {
                    true => health::EJECTED,
                    false => state.standing(slot).name(),
                },
            })
        };
        Self {
            endpoints: slots.filter_map(endpoint).collect(),
            name: name.to_owned(),
            id: state.id(),
            queued: state.queued(),
            panics: state.panic() != Mode::Off,
            shares: state.shares(),
        }
    }
}

impl Scrape {
    fn new(observed: &Observed, now: Timestamp) -> Self {
        let mut counts = Counts::default();
        for worker in &observed.counters {
            counts.add(&worker.snapshot());
        }
        let pools = observed.proxy.pools().into_iter();
        let pools = pools.map(|pool| pool.with(|state| PoolNow::new(pool.name(), state, now)));
        let limits = observed.proxy.limits().into_iter();
        let generation = observed.proxy.generation();
        let certificates = generation.material.certificates().into_iter().map(|c| {
            let path = c.path.display().to_string();
            (c.listener.to_owned(), path, c.not_after_s)
        });
        Self {
            counts,
            pools: pools.collect(),
            generation: generation.number,
            certificates: certificates.collect(),
            dropped: observed.log.as_ref().map_or(0, Log::dropped),
            limits: limits.map(LimitNow::new).collect(),
        }
    }

    fn page(self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut page = String::new();
        // Writing into memory cannot fail; a page cut short is told by its missing end mark.
        let _ = text::encode(&mut page, &registry);
        page
    }

    fn pools(&self) -> impl Iterator<Item = (&PoolNow, &metric::Pool)> {
        self.pools
            .iter()
            .filter_map(|now| Some((now, self.counts.pools.get(usize::from(now.id))?)))
    }

    fn by_pool(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, help): (&str, &str),
        value: impl Fn(&metric::Pool) -> u64,
    ) -> fmt::Result {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (now, counts) in self.pools() {
            count(&mut family, &[("pool", &now.name)], value(counts))?;
        }
        Ok(())
    }

    fn by_endpoint(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, help): (&str, &str),
        value: impl Fn(&metric::Endpoint) -> u64,
    ) -> fmt::Result {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (now, counts) in self.pools() {
            for endpoint in &now.endpoints {
                let Some(counted) = counts.endpoints.get(endpoint.slot) else {
                    continue;
                };
                let labels = [("pool", &*now.name), ("endpoint", &endpoint.name)];
                count(&mut family, &labels, value(counted))?;
            }
        }
        Ok(())
    }

    fn requests(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Requests finished, by the status that the client saw; 0 for a client that left";
        let mut family =
            encoder.encode_descriptor("evenkeel_requests", help, None, MetricType::Counter)?;
        for (now, counts) in self.pools() {
            for (status, n) in &counts.finished {
                let labels = [("pool", &*now.name), ("status", &*status.to_string())];
                count(&mut family, &labels, *n)?;
            }
        }
        let help = "Time from a request's arrival to its end";
        let name = "evenkeel_request_duration_seconds";
        self.durations(encoder, (name, help), |pool| &pool.latency)?;
        let help = "Time that a request waited for an endpoint, if it had to";
        let name = "evenkeel_queue_duration_seconds";
        self.durations(encoder, (name, help), |pool| &pool.wait)
    }

    fn turned_away(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Requests that got 503 as no endpoint had room for them, by priority";
        let name = "evenkeel_turned_away";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (now, counts) in self.pools() {
            for (priority, n) in Priority::ALL.iter().zip(counts.turned_away) {
                let labels = [("pool", &*now.name), ("priority", priority.name())];
                count(&mut family, &labels, n)?;
            }
        }
        Ok(())
    }

    fn durations(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, help): (&str, &str),
        value: impl Fn(&metric::Pool) -> &metric::Histogram,
    ) -> fmt::Result {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (now, counts) in self.pools() {
            let metric::Histogram { counts, sum_ns } = value(counts);
            let bounds = BUCKETS_MS.iter().map(|ms| *ms as f64 / 1e3);
            let bounds = bounds.chain([f64::MAX]);
            let buckets: Vec<_> = bounds.zip(counts.iter().copied()).collect();
            let total = counts.iter().sum();
            family
                .encode_family(&[("pool", &*now.name)])?
                .encode_histogram::<NoLabelSet>(*sum_ns as f64 / 1e9, total, &buckets, None)?;
        }
        Ok(())
    }

    fn load(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, help): (&str, &str),
        value: impl Fn(&EndpointNow) -> Option<u32>,
    ) -> fmt::Result {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for now in &self.pools {
            for endpoint in &now.endpoints {
                if let Some(value) = value(endpoint) {
                    family
                        .encode_family(&[("pool", &now.name), ("endpoint", &endpoint.name)])?
                        .encode_gauge(&i64::from(value))?;
                }
            }
        }
        Ok(())
    }

    fn gauges(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Requests dispatched to an endpoint and not completed, without tunnels";
        let name = "evenkeel_requests_in_flight";
        self.load(encoder, (name, help), |e| Some(e.in_flight))?;
        let help = "Tunnels open to an endpoint, such as WebSockets";
        let name = "evenkeel_endpoint_tunnels";
        self.load(encoder, (name, help), |e| Some(e.tunnels))?;
        let help = "Requests that an endpoint may have in flight, where that is found out";
        let name = "evenkeel_endpoint_concurrency_limit";
        self.load(encoder, (name, help), |e| e.limit)?;
        let help = "Requests that wait for an endpoint";
        let name = "evenkeel_queue_depth";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for now in &self.pools {
            let depth = i64::try_from(now.queued).unwrap_or(i64::MAX);
            family
                .encode_family(&[("pool", &*now.name)])?
                .encode_gauge(&depth)?;
        }
        let help = "When a certificate ends, in seconds since 1970";
        let name = "evenkeel_certificate_expiry_timestamp_seconds";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (listener, certificate, not_after_s) in &self.certificates {
            family
                .encode_family(&[("listener", listener), ("certificate", certificate)])?
                .encode_gauge(not_after_s)?;
        }
        let single = [
            (
                "evenkeel_connections_open",
                "Connections of clients",
                self.counts.downstream.open,
            ),
            (
                "evenkeel_generation",
                "Configurations put in force so far",
                self.generation,
            ),
        ];
        for (name, help, value) in single {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            encoder
                .encode_descriptor(name, help, None, MetricType::Gauge)?
                .encode_gauge(&value)?;
        }
        Ok(())
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let e = &mut encoder;
        self.requests(e)?;
        self.by_pool(e, ("evenkeel_queued", "Requests that had to wait"), |p| {
            p.queued
        })?;
        self.turned_away(e)?;
        self.by_pool(
            e,
            ("evenkeel_retries", "Retries that drew on the budget"),
            |p| p.retried,
        )?;
        let help = "Retries that waited for their time first";
        self.by_pool(e, ("evenkeel_retries_delayed", help), |p| p.delayed)?;
        let help = "Second tries beside those that were late";
        self.by_pool(e, ("evenkeel_hedges", help), |p| p.hedges)?;
        let help = "Second tries that were answered before the first";
        self.by_pool(e, ("evenkeel_hedges_won", help), |p| p.hedges_won)?;
        self.by_pool(
            e,
            ("evenkeel_responses_cut", "Responses cut in the body"),
            |p| p.cut,
        )?;
        self.by_endpoint(e, ("evenkeel_picks", "Times an endpoint was picked"), |c| {
            c.picked
        })?;
        let help = "Complete responses of an endpoint";
        self.by_endpoint(e, ("evenkeel_completions", help), |c| c.completed)?;
        let help = "Tries that failed at an endpoint";
        self.by_endpoint(e, ("evenkeel_failures", help), |c| c.failed)?;
        let help = "Tries given up as another one beside them was answered first";
        self.by_endpoint(e, ("evenkeel_outrun", help), |c| c.outrun)?;
        let help = "Connections that could not be opened";
        self.by_endpoint(e, ("evenkeel_dial_failures", help), |c| c.dial_failed)?;
        let help = "Connections opened to an endpoint";
        self.by_endpoint(e, ("evenkeel_dials", help), |c| c.connected)?;
        let help = "Idle connections used again";
        self.by_endpoint(e, ("evenkeel_reuses", help), |c| c.reused)?;
        let help = "Idle connections found closed and replaced";
        self.by_endpoint(e, ("evenkeel_stale_connections", help), |c| c.stale)?;
        let help = "Tunnels closed because their endpoint drained";
        self.by_endpoint(e, ("evenkeel_drained_tunnels", help), |c| c.parted)?;
        self.gauges(e)?;
        self.health(e)?;
        self.affinity(e)?;
        self.limits(e)?;
        self.downstream(e)
    }
}

fn count(
    family: &mut MetricEncoder<'_>,
    labels: &[(&str, &str)],
    value: impl EncodeCounterValue,
) -> fmt::Result {
    family
        .encode_family(&labels)?
        .encode_counter::<NoLabelSet, _, f64>(&value, None)
}

#[cfg(test)]
mod test;
