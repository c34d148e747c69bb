//! Byte classes and the two scanners that every byte of a head passes once.

const TCHAR: u8 = 1;
const TARGET: u8 = 2;
const REG_NAME: u8 = 4;

static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        let b = byte as u8;
        // RFC 9110 5.6.2
        let tchar = b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_'
            )
            || matches!(b, b'`' | b'|' | b'~');
        // RFC 3986 3.2.2: unreserved, sub-delims, and the percent sign of an escape
        let reg_name = b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'-' | b'.' | b'_' | b'~' | b'%' | b'!' | b'$' | b'&' | b'\'' | b'('
            )
            || matches!(b, b')' | b'*' | b'+' | b',' | b';' | b'=');
        table[byte] |= if tchar { TCHAR } else { 0 };
        table[byte] |= if reg_name { REG_NAME } else { 0 };
        table[byte] |= if b != b'#' { TARGET } else { 0 };
        byte += 1;
    }
    table
}

fn class_end(buf: &[u8], from: usize, class: u8) -> usize {
    let rest = &buf[from..];
    from + rest
        .iter()
        .position(|&b| CLASS[b as usize] & class == 0)
        .unwrap_or(rest.len())
}

/// Where the token that starts at `from` ends.
pub(super) fn token_end(buf: &[u8], from: usize) -> usize {
    class_end(buf, from, TCHAR)
}

/// Where the run of bytes allowed in a request target ends.
pub(super) fn target_end(buf: &[u8], from: usize) -> usize {
    class_end(buf, from, TARGET)
}

/// Where the registered name (RFC 3986 3.2.2) that `host` begins with ends; it may be empty.
pub(super) fn reg_name_end(host: &[u8]) -> usize {
    class_end(host, 0, REG_NAME)
}

/// Space or tab.
pub(super) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// The first control character but tab at or after `from`; the length of `buf` when there is none.
pub(crate) fn control(buf: &[u8], from: usize) -> usize {
    let mut at = from;
    // Eight bytes at a time. A borrow can flag a byte wrongly only above one that is rightly
    // flagged, so the lowest flag is exact.
    while let Some(eight) = buf.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        const ONES: u64 = u64::MAX / 0xff;
        let word = u64::from_le_bytes(*eight);
        let delete = word ^ (ONES * 0x7f);
        let low = word.wrapping_sub(ONES * 0x20) & !word;
        let flags = (low | (delete.wrapping_sub(ONES) & !delete)) & (ONES * 0x80);
        if flags == 0 {
            at += 8;
            continue;
        }
        at += (flags.trailing_zeros() / 8) as usize;
        if buf[at] != b'\t' {
            return at;
        }
        at += 1;
    }
    let rest = &buf[at..];
    let is_control = |&b: &u8| b.is_ascii_control() && b != b'\t';
    at + rest.iter().position(is_control).unwrap_or(rest.len())
}
