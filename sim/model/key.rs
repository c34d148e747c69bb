//! What a simulated request is hashed by: without bytes, its client's number stands for all that a
//! real client would send.

use std::net::{IpAddr, Ipv4Addr};

use evenkeel_core::policy::Key;
use evenkeel_proxy::config::HashKey;
use evenkeel_proxy::key::{Source, address};

use crate::plan::Plan;
use crate::workload::Arrival;

/// The key of `arrival` at a pool that hashes by `source`.
pub(super) fn of(source: &Source, arrival: &Arrival, plan: &Plan) -> Key {
    let client = || IpAddr::V4(Ipv4Addr::from(arrival.client as u32));
    match source {
        Source::Nothing => Key::None,
        Source::Network => Key::network(client()),
        Source::Text(HashKey::Address) => address(client()),
        Source::Text(HashKey::Path) => {
            let path = match &arrival.record {
                Some(record) => &*record.path,
                None => &plan.asks[usize::from(arrival.workload)][usize::from(arrival.class)].path,
            };
            let path = path.split_once('?').map_or(path, |(path, _)| path);
            Key::text(path.as_bytes())
        }
        Source::Text(HashKey::Header(_) | HashKey::Cookie(_) | HashKey::Query(_)) => {
            Key::text(&arrival.client.to_le_bytes())
        }
    }
}
