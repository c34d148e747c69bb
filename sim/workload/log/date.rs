//! Dates as logs write them, in microseconds since 1970 UTC.

use super::record::number;

/// `01/Aug/1995:02:00:00 -0400`, in whole seconds.
pub(super) fn common(date: &[u8]) -> Option<i64> {
    let date: &[u8; 26] = date.try_into().ok()?;
    (date[20] == b' ').then_some(())?;
    let zone_s = zone(&date[21..])?;
    Some((local(&date[..20])? - zone_s) * 1_000_000)
}

/// `06/Feb/2009:12:14:14.655`: HAProxy's own, without a zone, which is taken for UTC.
pub(super) fn haproxy(date: &[u8]) -> Option<i64> {
    let (seconds, rest) = date.split_at_checked(20)?;
    let digits = rest.strip_prefix(b".").filter(|digits| digits.len() == 3)?;
    Some(local(seconds)? * 1_000_000 + number(digits)? as i64 * 1_000)
}

/// `2026-11-23T11:00:00.25+01:00` (RFC 3339; `Z`, a zone without its colon and a fraction of any
/// length are good).
pub(crate) fn iso(date: &str) -> Option<i64> {
    let date = date.as_bytes();
    let (fixed, mut rest) = date.split_at_checked(19)?;
    for (at, byte) in [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')] {
        (fixed[at] == byte).then_some(())?;
    }
    matches!(fixed[10], b'T' | b't' | b' ').then_some(())?;
    let day = day(
        field(fixed, 0, 4, 0, 9999)?,
        field(fixed, 5, 7, 1, 12)?,
        field(fixed, 8, 10, 1, 31)?,
    );
    let second_s = day * 86_400 + clock(&fixed[11..])?;
    let mut part_us = 0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let len = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        let digits: Vec<u8> = fraction[..len]
            .iter()
            .copied()
            .chain(*b"000000")
            .take(6)
            .collect();
        part_us = number(&digits).filter(|_| len > 0)? as i64;
        rest = &fraction[len..];
    }
    let zone_s = match rest {
        b"Z" | b"z" => 0,
        [sign, h, g, b':', m, n] => zone(&[*sign, *h, *g, *m, *n])?,
        _ => zone(rest)?,
    };
    Some((second_s - zone_s) * 1_000_000 + part_us)
}

/// Seconds of `01/Aug/1995:02:00:00`, as if in UTC.
fn local(date: &[u8]) -> Option<i64> {
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    for (at, byte) in [(2, b'/'), (6, b'/'), (11, b':'), (14, b':'), (17, b':')] {
        (date[at] == byte).then_some(())?;
    }
    let month = MONTHS.chunks(3).position(|name| *name == date[3..6])? as i64 + 1;
    let day = day(
        field(date, 7, 11, 0, 9999)?,
        month,
        field(date, 0, 2, 1, 31)?,
    );
    Some(day * 86_400 + clock(&date[12..])?)
}

/// Seconds of `02:00:00`.
fn clock(text: &[u8]) -> Option<i64> {
    let (hour, minute) = (field(text, 0, 2, 0, 23)?, field(text, 3, 5, 0, 59)?);
    Some(hour * 3600 + minute * 60 + field(text, 6, 8, 0, 60)?)
}

/// Seconds of `-0400`.
fn zone(text: &[u8]) -> Option<i64> {
    let text: &[u8; 5] = text.try_into().ok()?;
    let zone_s = field(text, 1, 3, 0, 23)? * 3600 + field(text, 3, 5, 0, 59)? * 60;
    match text[0] {
        b'+' => Some(zone_s),
        b'-' => Some(-zone_s),
        _ => None,
    }
}

fn field(text: &[u8], from: usize, to: usize, min: i64, max: i64) -> Option<i64> {
    let value = number(text.get(from..to)?)? as i64;
    (min..=max).contains(&value).then_some(value)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, counting years from March so that the
/// leap day is the last.
fn day(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}
