//! What `/metrics` says about sessions.

use std::fmt;

use evenkeel_core::affinity::Step;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use super::{Scrape, count};

/// What happens to a session at an endpoint.
const AT_ENDPOINT: [Step; 3] = [Step::Begun, Step::Moved, Step::Kept];

impl Scrape {
    pub(super) fn affinity(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Sessions at an endpoint: begun there, moved there from another one, and \
                    requests of those kept while it drains";
        let name = "evenkeel_session_steps";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (now, counted) in self.pools() {
            for endpoint in &now.endpoints {
                let steps = counted.endpoints.get(endpoint.slot);
                let steps = steps.map(|endpoint| endpoint.sessions);
                for (step, n) in AT_ENDPOINT.map(|step| (step, steps.map(|s| s[step as usize]))) {
                    let labels = [
                        ("pool", &*now.name),
                        ("endpoint", &endpoint.name),
                        ("step", step.name()),
                    ];
                    let n = n.unwrap_or(0);
                    if n > 0 {
                        count(&mut family, &labels, n)?;
                    }
                }
            }
        }
        let of = |step: Step| move |pool: &crate::metric::Pool| pool.sessions[step as usize];
        let help = "Requests not served because their session's endpoint could not";
        let name = "evenkeel_session_breaks";
        self.by_pool(encoder, (name, help), of(Step::Broken))?;
        let help = "Cookies ignored because nobody with our keys made them";
        let name = "evenkeel_session_cookies_forged";
        self.by_pool(encoder, (name, help), of(Step::Forged))?;
        let help = "Cookies ignored because they are too old";
        let name = "evenkeel_session_cookies_stale";
        self.by_pool(encoder, (name, help), of(Step::Stale))?;
        let help = "Learned sessions forgotten early because the table was full";
        let name = "evenkeel_sessions_forgotten";
        self.by_pool(encoder, (name, help), of(Step::Forgotten))?;
        let help = "Learned sessions that live at an endpoint";
        let name = "evenkeel_sessions";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for now in &self.pools {
            for endpoint in &now.endpoints {
                let Some(sessions) = endpoint.sessions else {
                    continue;
                };
                let sessions = i64::try_from(sessions).unwrap_or(i64::MAX);
                family
                    .encode_family(&[("pool", &now.name), ("endpoint", &endpoint.name)])?
                    .encode_gauge(&sessions)?;
            }
        }
        Ok(())
    }
}
