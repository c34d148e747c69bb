//! What is told of the connections of clients: it concerns no pool.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::{Scrape, count};

impl Scrape {
    pub(super) fn downstream(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let counts = &self.counts.downstream;
        let single = [
            (
                "evenkeel_connections",
                "Connections of clients accepted",
                counts.accepted,
            ),
            (
                "evenkeel_log_lines_dropped",
                "Access log lines lost to a slow disk",
                self.dropped,
            ),
            (
                "evenkeel_http2_resets",
                "HTTP/2 streams that clients reset",
                counts.resets,
            ),
        ];
        for (name, help, value) in single {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            family.encode_counter::<NoLabelSet, u64, f64>(&value, None)?;
        }
        let help = "Requests answered before any pool was asked";
        by_label(
            encoder,
            ("evenkeel_requests_rejected", help, "status"),
            counts.rejected.iter().map(|(s, n)| (s.to_string(), *n)),
        )?;
        self.handshakes(encoder)?;
        let help = "TLS handshakes with clients that failed";
        by_label(
            encoder,
            ("evenkeel_tls_handshake_failures", help, "reason"),
            counts
                .handshake_failures
                .iter()
                .map(|(r, n)| (r.name(), *n)),
        )?;
        let help = "HTTP/2 connections ended because of what their clients did";
        by_label(
            encoder,
            ("evenkeel_http2_goaways", help, "reason"),
            counts.goaways.iter().map(|(r, n)| (r.name(), *n)),
        )?;
        let help = "Times that a limit of a listener was reached";
        by_label(
            encoder,
            ("evenkeel_limited", help, "limit"),
            counts.limited.iter().map(|(l, n)| (l.name(), *n)),
        )
    }

    fn handshakes(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "TLS handshakes with clients completed";
        let name = "evenkeel_tls_handshakes";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for ((version, resumed), n) in &self.counts.downstream.handshakes {
            let version = format!("{}.{}", version / 10, version % 10);
            let resumed = if *resumed { "true" } else { "false" };
            count(
                &mut family,
                &[("version", &version), ("resumed", resumed)],
                *n,
            )?;
        }
        Ok(())
    }
}

/// A family of counters that differ in one label.
fn by_label<S: AsRef<str>>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help, label): (&str, &str, &str),
    samples: impl Iterator<Item = (S, u64)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (value, n) in samples {
        count(&mut family, &[(label, value.as_ref())], n)?;
    }
    Ok(())
}
