//! What limits of clients have done, and whom they know.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use super::{Scrape, count};

impl Scrape {
    pub(super) fn limits(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "What limits did to requests: held back, refused for their rate, for the \
                    requests of the client that were under way, or for a full table; or forgot a \
                    client's debt for";
        let name = "evenkeel_limit_decisions";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for ((rule, verdict, dry_run), n) in &self.counts.downstream.throttled {
            let Some(limit) = self.limits.iter().find(|limit| limit.id == *rule) else {
                continue;
            };
            let dry_run = if *dry_run { "true" } else { "false" };
            let labels = [
                ("limit", &*limit.name),
                ("decision", verdict.name()),
                ("dry_run", dry_run),
            ];
            count(&mut family, &labels, *n)?;
        }
        let help = "Clients that a limit knows";
        let name = "evenkeel_limit_keys";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for limit in &self.limits {
            let keys = i64::try_from(limit.keys).unwrap_or(i64::MAX);
            family
                .encode_family(&[("limit", &*limit.name)])?
                .encode_gauge(&keys)?;
        }
        Ok(())
    }
}
