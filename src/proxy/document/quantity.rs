//! Quantities with their unit in the value: `"30s"`, `"64KiB"`, `"800/s"`, `"20%"`.
//!
//! A number without a unit is an error that shows the number with one: whoever wrote `30` meant
//! something, and the file should say what.

use super::kind::Sink;
use super::{Node, Value};

/// A decimal number as written: `1.5` is 15 with one decimal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Decimal {
    pub(super) mantissa: u128,
    pub(super) decimals: u32,
}

impl Decimal {
    /// Digits that are read; more are not a quantity that anyone means.
    const DIGITS: usize = 18;

    /// The number at the start of the text, and the rest.
    pub(super) fn split(text: &str) -> Option<(Self, &str)> {
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
    pub(super) fn times(self, unit: u64) -> Option<u128> {
        let scale = 10_u128.pow(self.decimals);
        let product = self.mantissa * u128::from(unit);
        product.is_multiple_of(scale).then_some(product / scale)
    }
}

/// A quantity's number and what its unit is worth.
pub(super) fn split(
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
pub(super) fn read<T>(
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
