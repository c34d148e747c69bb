//! Quantities with their unit in the value: `"30s"`, `"64KiB"`, `"800/s"`, `"20%"`.
//!
//! A number without a unit is an error that shows the number with one: whoever wrote `30` meant
//! something, and the file should say what.

use std::fmt;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::kind::{Kind, Sink};
use super::{Node, Value};

/// A decimal number as written: `1.5` is 15 with one decimal.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Decimal {
    mantissa: u128,
    decimals: u32,
}

impl Decimal {
    /// Digits that are read; more are not a quantity that anyone means.
    const DIGITS: usize = 18;

    /// The number at the start of the text, and the rest.
    fn split(text: &str) -> Option<(Self, &str)> {
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        if whole.is_empty() || fraction.is_empty() || number.len() > Self::DIGITS {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        let mantissa = format!("{whole}{fraction}").parse().ok()?;
        Some((
            Self {
                mantissa,
                decimals: u32::try_from(fraction.len()).ok()?,
            },
            unit,
        ))
    }

    /// The number times `unit`, if that is whole.
    fn times(self, unit: u64) -> Option<u128> {
        let scale = 10_u128.pow(self.decimals);
        let product = self.mantissa * u128::from(unit);
        product.is_multiple_of(scale).then_some(product / scale)
    }
}

/// A quantity's number and what its unit is worth.
fn split(
    text: &str,
    units: &[(&str, u64)],
    (expected, usual): (&str, &str),
) -> Result<(Decimal, u64), String> {
    let (number, unit) = Decimal::split(text).ok_or(expected)?;
    if let Some((_, worth)) = units.iter().find(|(name, _)| *name == unit) {
        return Ok((number, *worth));
    }
    let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
    let written = &text[..text.len() - unit.len()];
    Err(format!(
        "a unit of {} right behind the number: \"{written}{usual}\"",
        names.join(", ")
    ))
}

/// A plain number with a unit put behind it, for the error that shows what to write.
fn with_unit(value: &Value, unit: &str) -> Option<String> {
    match &value.node {
        Node::Integer(number) if *number >= 0 => Some(format!("{number}{unit}")),
        Node::Float(number) if *number >= 0.0 => Some(format!("{number}{unit}")),
        Node::Text(text) => {
            let number = text.trim();
            Decimal::split(number)
                .filter(|(_, rest)| rest.is_empty())
                .map(|_| format!("{number}{unit}"))
        }
        _ => None,
    }
}

/// Reads a quantity: its text through `parse`, whose error is what was expected instead.
fn read<T>(
    value: &Value,
    sink: &mut Sink<'_>,
    (expected, unit): (&str, &str),
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    let problem = match &value.node {
        Node::Text(text) => match parse(text) {
            Ok(quantity) => return Some(quantity),
            Err(problem) => problem,
        },
        _ => expected.to_owned(),
    };
    match with_unit(value, unit) {
        Some(quantity) => sink.mismatch(value, format!("a unit, such as {quantity:?}")),
        None => sink.mismatch(value, problem),
    }
    None
}

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
        read(value, sink, Self::SHOWN, |text| match Self::parse(text)? {
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

/// A number of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Size;

impl Size {
    const EXPECTED: &str = "a size such as \"64KiB\", \"1MB\" or \"512B\"";

    /// What was expected, and the unit that a bare number probably had in mind.
    const SHOWN: (&str, &str) = (Self::EXPECTED, "B");

    const UNITS: &[(&str, u64)] = &[
        ("B", 1),
        ("kB", 1_000),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
    ];

    /// `"64KiB"` in bytes.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn parse(text: &str) -> Result<u64, String> {
        let (number, unit_bytes) = split(text, Self::UNITS, Self::SHOWN)?;
        let bytes = number.times(unit_bytes).ok_or("whole bytes")?;
        i64::try_from(bytes).map_or(Err("less than 8 EiB".into()), |bytes| {
            Ok(bytes.unsigned_abs())
        })
    }

    /// A size in the largest binary unit that divides it.
    pub fn format(bytes: u64) -> String {
        let units = [
            ("TiB", 1 << 40),
            ("GiB", 1 << 30),
            ("MiB", 1 << 20),
            ("KiB", 1 << 10),
        ];
        let (name, unit) = units
            .into_iter()
            .find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit))
            .unwrap_or(("B", 1_u64));
        format!("{}{name}", bytes / unit)
    }
}

impl Kind for Size {
    type Value = u64;

    fn expected(&self) -> String {
        Self::EXPECTED.into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<u64> {
        read(value, sink, Self::SHOWN, Self::parse)
    }

    fn show(&self, value: &u64) -> Json {
        json!(Self::format(*value))
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(B|[kKMGT]B|[KMGT]iB)$" })
    }
}

/// Something that happens so often, per second. Zero is an error: it would never happen.
#[derive(Clone, Copy, Debug)]
pub struct Rate;

impl Rate {
    const EXPECTED: &str = "a rate such as \"800/s\" or \"60/m\"";

    /// What was expected, and the unit that a bare number probably had in mind.
    const SHOWN: (&str, &str) = (Self::EXPECTED, "/s");

    const UNITS: &[(&str, u64)] = &[("/s", 1), ("/m", 60), ("/h", 3_600)];

    /// `"60/m"` per second.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn parse(text: &str) -> Result<f64, String> {
        let (number, seconds) = split(text, Self::UNITS, Self::SHOWN)?;
        if number.mantissa == 0 {
            return Err("a rate above 0: at 0 nothing is ever sent".into());
        }
        Ok(number.mantissa as f64 / (10_u128.pow(number.decimals) * u128::from(seconds)) as f64)
    }
}

impl Kind for Rate {
    type Value = f64;

    fn expected(&self) -> String {
        Self::EXPECTED.into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<f64> {
        read(value, sink, Self::SHOWN, Self::parse)
    }

    fn show(&self, value: &f64) -> Json {
        json!(format!("{value}/s"))
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?/(s|m|h)$" })
    }
}

/// A share in millionths, which is exact for every percentage with four decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent {
    ppm: u32,
}

impl Percent {
    /// A share of so many hundredths.
    pub const fn new(percent: u8) -> Self {
        Self {
            ppm: percent as u32 * 10_000,
        }
    }

    /// Millionths: 20 % is 200,000.
    pub const fn ppm(self) -> u32 {
        self.ppm
    }

    /// As a fraction: 20 % is 0.2.
    pub fn fraction(self) -> f64 {
        f64::from(self.ppm) / 1e6
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.ppm) / 1e4)
    }
}

/// A part of a whole: 0 % to 100 %.
#[derive(Clone, Copy, Debug)]
pub struct Share;

impl Share {
    const EXPECTED: &str = "a percentage such as \"20%\", at most \"100%\"";

    /// What was expected, and the unit that a bare number probably had in mind.
    const SHOWN: (&str, &str) = (Self::EXPECTED, "%");

    /// `"20%"` as a share.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn parse(text: &str) -> Result<Percent, String> {
        let (number, unit_ppm) = split(text, &[("%", 10_000)], Self::SHOWN)?;
        let ppm = number.times(unit_ppm).ok_or("at most four decimals")?;
        match u32::try_from(ppm) {
            Ok(ppm) if ppm <= 1_000_000 => Ok(Percent { ppm }),
            _ => Err("at most \"100%\"".into()),
        }
    }
}

impl Kind for Share {
    type Value = Percent;

    fn expected(&self) -> String {
        Self::EXPECTED.into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<Percent> {
        read(value, sink, Self::SHOWN, Self::parse)
    }

    fn show(&self, value: &Percent) -> Json {
        json!(value.to_string())
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,4})?%$" })
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

    #[test]
    fn sizes() {
        let cases = [
            ("64KiB", Some(65_536)),
            ("1MiB", Some(1 << 20)),
            ("10MB", Some(10_000_000)),
            ("512B", Some(512)),
            ("1.5KiB", Some(1_536)),
            ("0B", Some(0)),
            ("0.5B", None),
            ("64kib", None),
            ("64", None),
            ("9999999999TiB", None),
        ];
        for (text, bytes) in cases {
            let found = Size::parse(text).ok();
            assert_eq!(found, bytes, "{text}");
            if let Some(bytes) = found {
                assert_eq!(Size::parse(&Size::format(bytes)), Ok(bytes), "{text}");
            }
        }
    }

    #[test]
    fn rates_and_shares() {
        let rates = [
            ("800/s", Some(800.0)),
            ("60/m", Some(1.0)),
            ("1.5/s", Some(1.5)),
            ("3600/h", Some(1.0)),
            ("0/s", None),
            ("0.0/s", None),
            ("800", None),
            ("/s", None),
            ("-1/s", None),
        ];
        for (text, per_second) in rates {
            assert_eq!(Rate::parse(text).ok(), per_second, "{text}");
        }
        let shares = [
            ("20%", Some(200_000)),
            ("0.1%", Some(1_000)),
            ("0.0001%", Some(1)),
            ("0.00001%", None),
            ("100%", Some(1_000_000)),
            ("100.1%", None),
            ("20", None),
            ("%", None),
        ];
        for (text, ppm) in shares {
            let found = Share::parse(text).ok();
            assert_eq!(found.map(Percent::ppm), ppm, "{text}");
            if let Some(share) = found {
                assert_eq!(Share::parse(&share.to_string()), Ok(share), "{text}");
            }
        }
    }
}
