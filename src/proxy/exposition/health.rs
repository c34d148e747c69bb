//! What `/metrics` says about the health of endpoints.

use std::fmt;

use evenkeel_core::endpoint::Group;
use evenkeel_core::health::{Outcome, Standing};
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use super::{Scrape, count};

/// The state of an endpoint that outlier detection has ejected, whatever its checks say.
pub(super) const EJECTED: &str = "ejected";

const STATES: [&str; 4] = [
    Standing::Up.name(),
    Standing::Checking.name(),
    Standing::Down.name(),
    EJECTED,
];

fn named(outcomes: &[(Outcome, u64)]) -> Vec<(&'static str, u64)> {
    outcomes
        .iter()
        .map(|(outcome, n)| (outcome.name(), *n))
        .collect()
}

impl Scrape {
    pub(super) fn health(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "The state of an endpoint's health: 1 for the one that it is in";
        let name = "evenkeel_endpoint_health";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for now in &self.pools {
            for endpoint in &now.endpoints {
                for state in STATES {
                    let labels = [
                        ("pool", &*now.name),
                        ("endpoint", &endpoint.name),
                        ("state", state),
                    ];
                    let is_in_it = i64::from(endpoint.health == state);
                    family.encode_family(&labels)?.encode_gauge(&is_in_it)?;
                }
            }
        }
        let help = "1 while too few endpoints of a pool are fine";
        let name = "evenkeel_panic";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for now in &self.pools {
            family
                .encode_family(&[("pool", &*now.name)])?
                .encode_gauge(&i64::from(now.panics))?;
        }
        let help =
            "Where requests are tried first: endpoints in the proxy's zone, elsewhere, backups";
        let name = "evenkeel_pool_share";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for now in &self.pools {
            for (group, share) in Group::ALL.iter().zip(now.shares) {
                family
                    .encode_family(&[("pool", &*now.name), ("group", group.name())])?
                    .encode_gauge(&(share as f64 / 1e6))?;
            }
        }
        let help = "Times that too few endpoints of a pool were fine";
        self.by_pool(encoder, ("evenkeel_panics", help), |pool| pool.panics)?;
        let help = "Probes of an endpoint, by what they came to";
        self.by_reason(encoder, ("evenkeel_probes", help, "result"), |e| {
            named(&e.probes)
        })?;
        let help = "Probes of an endpoint's load, which a policy wants, by what they came to";
        self.by_reason(encoder, ("evenkeel_load_probes", help, "outcome"), |e| {
            named(&e.asked)
        })?;
        let help = "Ejections of an endpoint by outlier detection, by cause";
        self.by_reason(encoder, ("evenkeel_ejections", help, "cause"), |e| {
            e.ejections
                .iter()
                .map(|(cause, n)| (cause.name(), *n))
                .collect()
        })
    }

    fn by_reason(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, help, label): (&str, &str, &str),
        counts: impl Fn(&crate::metric::Endpoint) -> Vec<(&'static str, u64)>,
    ) -> fmt::Result {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (now, counted) in self.pools() {
            for endpoint in &now.endpoints {
                let counted = counted.endpoints.get(endpoint.slot);
                for (reason, n) in counted.map(&counts).into_iter().flatten() {
                    let labels = [
                        ("pool", &*now.name),
                        ("endpoint", &endpoint.name),
                        (label, reason),
                    ];
                    count(&mut family, &labels, n)?;
                }
            }
        }
        Ok(())
    }
}
