//! Parts of a whole: `"20%"`.

use std::fmt;

use serde_json::{Value as Json, json};

use super::Value;
use super::kind::{Kind, Sink};
use super::quantity::{self, split};

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
        quantity::read(value, sink, Self::SHOWN, Self::parse)
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
    fn shares() {
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
