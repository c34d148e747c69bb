//! Times that pass: `"30s"`.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::Value;
use super::kind::{Kind, Sink};
use super::quantity::{self, split};

/// A time that passes.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    zero: bool,
}

impl Time {
    /// From nothing on.
    pub const ANY: Self = Self { zero: true };
    /// More than nothing.
    pub const POSITIVE: Self = Self { zero: false };

    const EXPECTED: &str = "a duration such as \"30s\", \"250ms\" or \"1.5h\"";

    /// What was expected, and the unit that a bare number probably had in mind.
    const SHOWN: (&str, &str) = (Self::EXPECTED, "s");

    /// Times are 64-bit nanoseconds everywhere; a century leaves room to add them up.
    const LONGEST_DAYS: u64 = 36_500;

    const UNITS: &[(&str, u64)] = &[
        ("ns", 1),
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000),
    ];

    /// `"1.5s"` as a duration.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn parse(text: &str) -> Result<Duration, String> {
        let (number, unit_ns) = split(text, Self::UNITS, Self::SHOWN)?;
        let ns = number.times(unit_ns).ok_or("whole nanoseconds")?;
        u64::try_from(ns)
            .ok()
            .map(Duration::from_nanos)
            .filter(|time| *time <= Duration::from_secs(Self::LONGEST_DAYS * 86_400))
            .ok_or_else(|| format!("at most {}d", Self::LONGEST_DAYS))
    }

    /// A duration as one number and one unit; minutes are said in seconds, as most settings are.
    pub fn format(time: Duration) -> String {
        let ns = time.as_nanos();
        let (name, unit_ns) = Self::UNITS
            .iter()
            .rev()
            .filter(|(name, _)| *name != "m")
            .find(|(_, unit_ns)| ns.is_multiple_of(u128::from(*unit_ns)) && ns > 0)
            .unwrap_or(&("s", 1_000_000_000));
        format!("{}{name}", ns / u128::from(*unit_ns))
    }
}

impl Kind for Time {
    type Value = Duration;

    fn expected(&self) -> String {
        Self::EXPECTED.into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<Duration> {
        quantity::read(value, sink, Self::SHOWN, |text| match Self::parse(text)? {
            Duration::ZERO if !self.zero => Err("more than zero".to_owned()),
            time => Ok(time),
        })
    }

    fn show(&self, value: &Duration) -> Json {
        json!(Self::format(*value))
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h|d)$" })
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn times() {
        let cases = [
            ("250us", Some(250_000)),
            ("30s", Some(30_000_000_000)),
            ("4ms", Some(4_000_000)),
            ("1.5s", Some(1_500_000_000)),
            ("1.50s", Some(1_500_000_000)),
            ("2m", Some(120_000_000_000)),
            ("1h", Some(3_600_000_000_000)),
            ("1d", Some(86_400_000_000_000)),
            ("0.25us", Some(250)),
            ("0s", Some(0)),
            ("36500d", Some(36_500 * 86_400_000_000_000)),
            ("36501d", None),
            ("999999999999999999d", None),
            ("0.5ns", None),
            ("30", None),
            ("s", None),
            ("", None),
            ("-1s", None),
            ("+1s", None),
            ("1e3s", None),
            (".5s", None),
            ("5.s", None),
            ("1.2.3s", None),
            ("30 s", None),
            ("30S", None),
            ("1m30s", None),
            ("٣s", None),
        ];
        for (text, ns) in cases {
            let found = Time::parse(text).ok();
            assert_eq!(found, ns.map(Duration::from_nanos), "{text}");
            if let Some(time) = found {
                assert_eq!(Time::parse(&Time::format(time)), Ok(time), "{text}");
            }
        }
    }
}
