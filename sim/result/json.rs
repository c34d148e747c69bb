//! What `--format json` prints of a run, and the log of its latencies: the shapes that users rely
//! on.

use std::time::Duration;

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Serialize, Serializer};

use super::latency::Latency;
use super::run::{Cell, Class, Endpoint, Run};

/// Something of a run as its reader sees it.
struct Shown<'a, T: ?Sized>(&'a T);

/// One line of JSON.
impl Serialize for Run {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Run", 8)?;
        out.serialize_field("schema", &self.schema)?;
        out.serialize_field("scenario", &self.scenario)?;
        out.serialize_field("engine", &self.engine)?;
        out.serialize_field("seed", &self.seed)?;
        out.serialize_field("trace_hash", &self.trace_hash)?;
        out.serialize_field("simulated_s", &self.simulated_s)?;
        out.serialize_field("wall_s", &self.wall_s)?;
        out.serialize_field("cells", &Shown(self.cells.as_slice()))?;
        out.end()
    }
}

impl Serialize for Shown<'_, Cell> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(cell) = self;
        let mut out = serializer.serialize_struct("Cell", 14)?;
        out.serialize_field("settings", &Map(&cell.settings, |value| value))?;
        out.serialize_field("trace_hash", &cell.trace_hash)?;
        out.serialize_field("requests", &cell.requests)?;
        out.serialize_field("latency_ms", &Shown(&cell.latency_ms))?;
        out.serialize_field("failed_latency_ms", &Shown(&cell.failed_latency_ms))?;
        out.serialize_field("classes", &Map(&cell.classes, Shown))?;
        out.serialize_field("endpoints", &Shown(cell.endpoints.as_slice()))?;
        out.serialize_field("sessions", &cell.sessions)?;
        out.serialize_field("sockets", &cell.sockets)?;
        out.serialize_field("retry_amplification", &cell.tries.amplification())?;
        out.serialize_field("thresholds", &cell.thresholds)?;
        out.serialize_field("sometimes", &cell.sometimes)?;
        out.serialize_field("invariants", &cell.invariants)?;
        out.serialize_field("warnings", &cell.warnings)?;
        out.end()
    }
}

impl Serialize for Shown<'_, Class> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Class", 3)?;
        out.serialize_field("requests", &self.0.requests)?;
        out.serialize_field("latency_ms", &Shown(&self.0.latency_ms))?;
        out.serialize_field("in_flight_mean", &self.0.presence.mean())?;
        out.end()
    }
}

impl Serialize for Shown<'_, Endpoint> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(endpoint) = self;
        let mut out = serializer.serialize_struct("Endpoint", 7)?;
        out.serialize_field("name", &endpoint.name)?;
        out.serialize_field("requests", &endpoint.requests)?;
        out.serialize_field("share", &endpoint.share())?;
        out.serialize_field("utilisation", &endpoint.utilisation())?;
        out.serialize_field("in_flight_mean", &endpoint.in_flight_mean())?;
        out.serialize_field("ejections", &endpoint.ejections)?;
        out.serialize_field("sessions", &endpoint.sessions)?;
        out.end()
    }
}

/// Mean, percentiles and maximum in milliseconds; `{}` of an empty set.
impl Serialize for Shown<'_, Latency> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(latency) = self;
        let mut map = serializer.serialize_map(None)?;
        let entries = [
            ("mean", latency.mean_ms()),
            ("p50", latency.quantile_ms(0.5)),
            ("p90", latency.quantile_ms(0.9)),
            ("p99", latency.quantile_ms(0.99)),
            ("p999", latency.quantile_ms(0.999)),
            ("max", latency.max_ms()),
        ];
        for (name, value) in entries {
            if let Some(value) = value {
                map.serialize_entry(name, &value)?;
            }
        }
        map.end()
    }
}

impl<T> Serialize for Shown<'_, [T]>
where
    for<'a> Shown<'a, T>: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Shown))
    }
}

/// Pairs as an object, in their order, each value shown in its way.
struct Map<'a, V, W>(&'a [(String, V)], fn(&'a V) -> W);

impl<V, W: Serialize> Serialize for Map<'_, V, W> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(pairs, show) = self;
        serializer.collect_map(pairs.iter().map(|(name, value)| (name, show(value))))
    }
}

/// The latencies of a cell as a log that HdrHistogram's tools read: nanoseconds, one interval, a
/// tag for all requests (`ok`), for failed ones (`failed`) and for each class (`class:NAME`).
#[must_use]
pub fn hdr_log(cell: &Cell, simulated: Duration) -> Vec<u8> {
    let mut text = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let classes = cell.classes.iter();
    let classes = classes.map(|(name, class)| (format!("class:{name}"), &class.latency_ms));
    let all = [
        ("ok", &cell.latency_ms),
        ("failed", &cell.failed_latency_ms),
    ];
    let all = all.map(|(tag, latency)| (tag.to_owned(), latency));
    let mut log = IntervalLogWriterBuilder::new();
    log.add_comment("[Histogram log format version 1.3]")
        .with_max_value_divisor(1e6);
    let mut log = log
        .begin_log_with(&mut text, &mut serializer)
        .expect("memory takes everything");
    for (tag, latency) in all.into_iter().chain(classes) {
        // A tag ends at a comma and knows no blanks; names have none.
        let tag = tag.replace(',', "_");
        log.write_histogram(
            &latency.histogram(),
            Duration::ZERO,
            simulated,
            Tag::new(&tag),
        )
        .expect("memory takes everything, and the histogram is small");
    }
    text
}
