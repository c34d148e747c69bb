//! How often something happens: `"800/s"`.

use serde_json::{Value as Json, json};

use super::Value;
use super::kind::{Kind, Sink};
use super::quantity::{self, split};

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
        quantity::read(value, sink, Self::SHOWN, Self::parse)
    }

    fn show(&self, value: &f64) -> Json {
        json!(format!("{value}/s"))
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?/(s|m|h)$" })
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn rates() {
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
    }
}
