//! Numbers of bytes: `"64KiB"`.

use serde_json::{Value as Json, json};

use super::Value;
use super::kind::{Kind, Sink};
use super::quantity::{self, split};

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
        quantity::read(value, sink, Self::SHOWN, Self::parse)
    }

    fn show(&self, value: &u64) -> Json {
        json!(Self::format(*value))
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(B|[kKMGT]B|[KMGT]iB)$" })
    }
}

#[cfg(test)]
mod test {
    use super::*;

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
}
