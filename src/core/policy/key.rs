//! What a request is hashed by, as little of it as the hashing policies need.
//!
//! The core sees no bytes. A shell makes a key of a header, a cookie, a path or an address once for
//! each request; a policy that places by key reads nothing else. CRC-32 because nginx's `hash` and
//! `hash ... consistent` are built on it: a pool moved over keeps its clients where they are. Who
//! can choose the bytes can choose the endpoint, there as here: an address cannot be chosen, a
//! header can.

use std::net::IpAddr;

use crate::rng::mix;

/// What a request is hashed by. 12 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Key {
    /// Nothing: the pool's policy needs no key, or the request has none (an absent cookie).
    #[default]
    None,
    /// Some text, never empty.
    Text {
        /// Its CRC-32 (that of zlib and Ethernet).
        crc: u32,
        /// Its length in bytes.
        length: u32,
    },
    /// A client's network, as nginx's `ip_hash` reads it: 24 bits of an IPv4 address, all of an
    /// IPv6 one.
    Network {
        /// A round of that hash takes `h` to `(h * scale + shift) % 6271`.
        scale: u16,
        /// See `scale`.
        shift: u16,
    },
}

impl Key {
    /// The key of some text; [`Key::None`] if it is empty.
    #[must_use]
    pub fn text(bytes: &[u8]) -> Self {
        match u32::try_from(bytes.len()) {
            Ok(0) | Err(_) => Self::None,
            Ok(length) => Self::Text {
                crc: crc32(0, bytes),
                length,
            },
        }
    }

    /// The key of a client's network, for `ip_hash`. IPv4 in IPv6 counts as IPv4.
    #[must_use]
    pub fn network(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::of_octets(&address.octets()[..3]),
            IpAddr::V6(address) => Self::of_octets(&address.octets()),
        }
    }

    /// The key of a client without an address, on a Unix socket: nginx's three zero octets.
    #[must_use]
    pub fn nowhere() -> Self {
        Self::of_octets(&[0; 3])
    }

    /// Each octet `b` takes `h` to `(h * 113 + b) % 6271`; all of them together are one such step.
    fn of_octets(octets: &[u8]) -> Self {
        let (scale, shift) = octets.iter().fold((1, 0), |(scale, shift), octet| {
            let shift: u32 = shift;
            (scale * 113 % 6271, (shift * 113 + u32::from(*octet)) % 6271)
        });
        Self::Network {
            scale: scale as u16,
            shift: shift as u16,
        }
    }

    /// 64 bits that depend on all of the key and look random.
    pub(super) const fn bits(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Text { crc, length } => mix(crc as u64 | (length as u64) << 32),
            Self::Network { scale, shift } => mix(shift as u64 | (scale as u64) << 32),
        }
    }
}

/// CRC-32 with its bits reversed, as zlib, Ethernet and nginx have it: bit 31 is the constant term.
const POLYNOMIAL: u32 = 0xedb8_8320;

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = times_x(crc);
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

const fn times_x(a: u32) -> u32 {
    (a >> 1) ^ (POLYNOMIAL & (a & 1).wrapping_neg())
}

/// The CRC-32 of what `crc` is of (0: nothing) followed by `bytes`.
pub(crate) fn crc32(crc: u32, bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ (crc >> 8);
    !bytes.iter().fold(!crc, step)
}

/// `a * b` modulo the polynomial.
const fn product(mut a: u32, mut b: u32) -> u32 {
    let mut sum = 0;
    while a != 0 {
        if a & 1 << 31 != 0 {
            sum ^= b;
        }
        a <<= 1;
        b = times_x(b);
    }
    sum
}

/// The CRC-32 of a text of `length` bytes with the CRC `crc`, put behind one with the CRC `before`:
/// the first is moved on by `x` to the power of eight times the length.
pub(super) const fn joined(before: u32, crc: u32, length: u32) -> u32 {
    // `x` to the 8th: one byte further.
    let mut power = 1 << 23;
    let mut moved = before;
    let mut left = length;
    while left > 0 {
        if left & 1 == 1 {
            moved = product(power, moved);
        }
        power = product(power, power);
        left >>= 1;
    }
    moved ^ crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn crc32_is_the_usual_one() {
        assert_eq!(crc32(0, b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(0, b""), 0);
    }

    #[test]
    fn nothing_is_no_key() {
        assert_eq!(Key::text(b""), Key::None);
        assert!(size_of::<Key>() <= 12);
    }

    proptest! {
        #[test]
        fn joined_is_the_crc_of_both(a: Vec<u8>, b in prop::collection::vec(any::<u8>(), 0..300)) {
            let both = [&a[..], &b].concat();
            let length = u32::try_from(b.len()).unwrap();
            prop_assert_eq!(joined(crc32(0, &a), crc32(0, &b), length), crc32(0, &both));
            prop_assert_eq!(crc32(crc32(0, &a), &b), crc32(0, &both));
        }

        /// One step for all octets is the octets one after another.
        #[test]
        fn a_network_is_nginx_s_rounds(octets: [u8; 16], v4: [u8; 4], h in 0_u32..6271) {
            let round = |h: u32, octet: &u8| (h * 113 + u32::from(*octet)) % 6271;
            let rounds = |octets: &[u8]| octets.iter().fold(h, round);
            let cases = [
                (Key::network(v4.into()), rounds(&v4[..3])),
                (Key::of_octets(&octets), rounds(&octets)),
                (Key::nowhere(), rounds(&[0; 3])),
            ];
            for (key, expected) in cases {
                let Key::Network { scale, shift } = key else { panic!("{key:?}") };
                prop_assert_eq!((h * u32::from(scale) + u32::from(shift)) % 6271, expected);
            }
        }
    }
}
