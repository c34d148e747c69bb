//! What only the proxy knows of a live run, read from its access log: which endpoint was tried, how
//! often, and how that ended.

use std::io::{self, Read};

use evenkeel_core::time::Timestamp;

use crate::plan::Plan;
use crate::result::Cell;
use crate::workload::log::{End, Format, Log, Reading, Record};

/// Reads what is left of a proxy's output: a line for each request.
pub(super) fn read(output: impl Read + 'static) -> io::Result<Vec<Record>> {
    let reading = Reading {
        format: Some(Format::Evenkeel),
        ..Reading::default()
    };
    Ok(Log::new(output, reading)?.collect())
}

/// Counts the tries of `records` that began in the measured window of a run that began at
/// `zero_us`.
pub(super) fn count(plan: &Plan, records: &[Record], zero_us: i64, cell: &mut Cell) {
    let (from, until) = (plan.setup.from, plan.setup.until);
    let mut rows = plan
        .setup
        .names
        .iter()
        .enumerate()
        .flat_map(|(pool, names)| {
            let first: usize = plan.setup.names[..pool].iter().map(Vec::len).sum();
            let pool = &plan.scenario.all.pools[pool].name;
            (first..)
                .zip(names)
                .map(move |(row, name)| (pool, name, row))
        });
    let rows: Vec<_> = rows.by_ref().collect();
    for record in records {
        for (place, tried) in record.tries.iter().enumerate() {
            let at_us = record.at_us - zero_us + tried.at_us as i64;
            let at = Timestamp(u64::try_from(at_us).unwrap_or(0).saturating_mul(1_000));
            if !(from <= at && at < until) {
                continue;
            }
            cell.tries.all += 1;
            cell.tries.first += u64::from(place == 0);
            let retried = cell.requests.retried.get_or_insert(0);
            *retried += u64::from(place == 1);
            let row = rows.iter().find(|(pool, name, _)| {
                record.pool.as_deref() == Some(pool.as_str()) && *tried.endpoint == ***name
            });
            let Some(endpoint) = row.and_then(|(.., row)| cell.endpoints.get_mut(*row)) else {
                continue;
            };
            endpoint.requests += 1;
            endpoint.failed += u64::from(tried.end == End::Failed);
            endpoint.dial_failures += u64::from(matches!(tried.end, End::Refused | End::Silent));
        }
    }
    for endpoint in &mut cell.endpoints {
        endpoint.total = cell.tries.all;
    }
}
