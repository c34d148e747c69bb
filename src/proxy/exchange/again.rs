//! When an endpoint wants to be asked again: its `Retry-After` (RFC 9110 section 10.2.3).

use std::time::{Duration, UNIX_EPOCH};

use evenkeel_core::time::Span;

/// How long from the date `unix_now` on it asks to wait, in seconds or by the date when it is over;
/// zero if it does neither.
pub(super) fn asked(value: Option<&[u8]>, unix_now: Duration) -> Span {
    let text = value.and_then(|value| std::str::from_utf8(value).ok());
    let Some(text) = text.map(str::trim) else {
        return Span(0);
    };
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // What has more digits than a number is long in any case.
        return Span::of(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok();
    let since_1970 = date.and_then(|date| date.duration_since(UNIX_EPOCH).ok());
    since_1970.map_or(Span(0), |date| Span::of(date.saturating_sub(unix_now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates() {
        // The date of the examples of RFC 9110 section 5.6.7, less a minute.
        let now = Duration::from_secs(784_111_777 - 60);
        let cases: [(&[u8], u64); 9] = [
            (b"2", 2),
            (b" 120 ", 120),
            (b"0", 0),
            (b"Sun, 06 Nov 1994 08:49:37 GMT", 60),
            (b"Sunday, 06-Nov-94 08:49:37 GMT", 60),
            (b"Sun Nov  6 08:49:37 1994", 60),
            (b"Sun, 06 Nov 1994 08:48:00 GMT", 0),
            (b"-1", 0),
            (b"soon \xff", 0),
        ];
        for (value, seconds) in cases {
            let expected = Span::of(Duration::from_secs(seconds));
            assert_eq!(asked(Some(value), now), expected, "{value:?}");
        }
        assert_eq!(asked(Some(b"99999999999999999999999"), now), Span::MAX);
        assert_eq!(asked(None, now), Span(0));
    }
}
