//! The seal of a cookie: what it says can be neither read nor made without a key.
//!
//! A cookie names an endpoint by number and says when that was told: 12 bytes. Their HMAC-SHA-256,
//! cut to 16 bytes, is the tag; a second HMAC of the tag hides them (RFC 5297's synthetic IV with a
//! hash in the place of a block cipher). So a client learns neither addresses nor how many there
//! are, two cookies of one endpoint look unrelated unless they were given in the same second, and
//! nothing has to be drawn or remembered. The pool's name and the cookie's own are part of the tag:
//! one pool's cookies say nothing to another.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use evenkeel_core::affinity::Name;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Fewer characters can be guessed.
pub const KEY_MIN: usize = 16;
/// More keys than anybody rotates; each costs a forged cookie two hashes.
pub const KEYS_MAX: usize = 16;

const TAG: usize = 16;
const PLAIN: usize = 12;
/// Characters of a cookie's value.
pub(super) const LENGTH: usize = (TAG + PLAIN) * 4 / 3 + 1;

/// The keys of a pool: the first one seals, all open.
#[derive(Clone)]
pub struct Keyring {
    keys: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    tag: Hmac<Sha256>,
    stream: Hmac<Sha256>,
}

/// What a cookie says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) name: Name,
    /// When, in seconds since 1970.
    pub(super) at_s: u32,
}

/// Why the keys in a file are no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    /// There is none.
    #[error("there is no key")]
    None,
    /// One is too short.
    #[error("the key in line {0} has fewer than 16 characters")]
    Short(usize),
    /// There are too many.
    #[error("there are more than 16 keys")]
    Many,
}

impl Keyring {
    /// The keys of a text, one a line; empty lines and those that begin with `#` are none.
    ///
    /// # Errors
    ///
    /// If there is none, one is too short, or there are too many.
    pub fn parse(text: &str) -> Result<Self, Weak> {
        let lines = (1..).zip(text.lines().map(str::trim));
        let keys = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let key = |(number, line): (usize, &str)| match line.len() {
            ..KEY_MIN => Err(Weak::Short(number)),
            _ => Ok(Key::new(line.as_bytes())),
        };
        let keys = keys.map(key).collect::<Result<Vec<_>, _>>()?;
        match keys.len() {
            0 => Err(Weak::None),
            1..=KEYS_MAX => Ok(Self { keys }),
            _ => Err(Weak::Many),
        }
    }

    /// A ring of one key.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        Self {
            keys: vec![Key::new(key)],
        }
    }

    /// The same keys for one purpose: what is sealed for another does not open.
    pub(super) fn bound_to(&self, purpose: &[&str]) -> Self {
        let mut keys = self.keys.clone();
        for key in &mut keys {
            for word in purpose {
                // With its length, for two words must not read as others.
                key.tag.update(&(word.len() as u64).to_le_bytes());
                key.tag.update(word.as_bytes());
            }
        }
        Self { keys }
    }

    pub(super) fn seal(&self, told: Told) -> String {
        let mut plain = [0; PLAIN];
        plain[..8].copy_from_slice(&told.name.0.to_le_bytes());
        plain[8..].copy_from_slice(&told.at_s.to_le_bytes());
        let mut sealed = [0; TAG + PLAIN];
        if let Some(key) = self.keys.first() {
            let tag = key.tag_of(&plain);
            sealed[..TAG].copy_from_slice(&tag);
            sealed[TAG..].copy_from_slice(&key.hide(&tag, plain));
        }
        BASE64.encode(sealed)
    }

    /// What a cookie's value says, if one of the keys has sealed it.
    pub(super) fn open(&self, value: &[u8]) -> Option<Told> {
        if value.len() != LENGTH {
            return None;
        }
        let mut sealed = [0; TAG + PLAIN];
        let length = BASE64.decode_slice(value, &mut sealed).ok()?;
        if length != sealed.len() {
            return None;
        }
        let (tag, hidden) = sealed.split_first_chunk::<TAG>()?;
        let hidden: [u8; PLAIN] = hidden.try_into().ok()?;
        self.keys.iter().find_map(|key| {
            let plain = key.hide(tag, hidden);
            let mut mac = key.tag.clone();
            mac.update(&plain);
            // In constant time.
            mac.verify_truncated_left(tag).ok()?;
            let (name, at_s) = plain.split_first_chunk::<8>()?;
            Some(Told {
                name: Name(u64::from_le_bytes(*name)),
                at_s: u32::from_le_bytes(at_s.try_into().ok()?),
            })
        })
    }

    /// A number for some text that nobody can aim at without the key.
    pub(super) fn number(&self, text: &[u8]) -> u64 {
        let Some(key) = self.keys.first() else {
            return 0;
        };
        let mut mac = key.tag.clone();
        mac.update(text);
        let bytes = mac.finalize().into_bytes();
        let (number, _) = bytes.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        u64::from_le_bytes(*number)
    }
}

impl Key {
    fn new(secret: &[u8]) -> Self {
        let mac = |secret: &[u8]| {
            Hmac::<Sha256>::new_from_slice(secret).expect("a key of any length is one")
        };
        let derive = |purpose: &[u8]| {
            let mut own = mac(secret);
            own.update(purpose);
            mac(&own.finalize().into_bytes())
        };
        Self {
            tag: derive(b"evenkeel affinity tag"),
            stream: derive(b"evenkeel affinity stream"),
        }
    }

    fn tag_of(&self, plain: &[u8; PLAIN]) -> [u8; TAG] {
        let mut mac = self.tag.clone();
        mac.update(plain);
        first(&mac.finalize().into_bytes())
    }

    /// Hides what is plain, and shows what is hidden.
    fn hide(&self, tag: &[u8; TAG], mut text: [u8; PLAIN]) -> [u8; PLAIN] {
        let mut mac = self.stream.clone();
        mac.update(tag);
        let stream = mac.finalize().into_bytes();
        text.iter_mut()
            .zip(stream)
            .for_each(|(byte, mask)| *byte ^= mask);
        text
    }
}

fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut first = [0; N];
    first
        .iter_mut()
        .zip(bytes)
        .for_each(|(to, from)| *to = *from);
    first
}

/// Keys are in no log.
impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} keys)", self.keys.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OLD: &str = "an-old-key-of-ours";
    const NEW: &str = "a-new-key-of-ours!";

    fn ring(text: &str) -> Keyring {
        Keyring::parse(text).unwrap()
    }

    #[test]
    fn all_keys_open_and_the_first_one_seals() {
        let told = Told {
            name: Name::of("a"),
            at_s: 1_700_000_000,
        };
        let (old, both, new) = (ring(OLD), ring(&format!("{NEW}\n{OLD}\n")), ring(NEW));
        assert_eq!(both.open(old.seal(told).as_bytes()), Some(told));
        assert_eq!(both.open(new.seal(told).as_bytes()), Some(told));
        assert_eq!(new.open(both.seal(told).as_bytes()), Some(told));
        assert_eq!(new.open(old.seal(told).as_bytes()), None);
        assert_eq!(old.open(both.seal(told).as_bytes()), None);
    }

    #[test]
    fn what_is_sealed_for_one_pool_does_not_open_in_another() {
        let told = Told {
            name: Name(7),
            at_s: 0,
        };
        let one = ring(NEW).bound_to(&["pool", "srv_id"]);
        let sealed = one.seal(told);
        assert_eq!(one.open(sealed.as_bytes()), Some(told));
        for other in [["pool", "srv"], ["pools", "rv_id"], ["pol", "srv_id"]] {
            assert_eq!(ring(NEW).bound_to(&other).open(sealed.as_bytes()), None);
        }
    }

    #[test]
    fn keys_are_lines() {
        let cases = [
            ("", Err(Weak::None)),
            ("# nothing\n\n", Err(Weak::None)),
            ("# a key\n 0123456789abcdef \n", Ok(1)),
            ("0123456789abcdef\n0123456789abcde\n", Err(Weak::Short(2))),
            (&"0123456789abcdef\n".repeat(16), Ok(16)),
            (&"0123456789abcdef\n".repeat(17), Err(Weak::Many)),
        ];
        for (text, expected) in cases {
            let keys = Keyring::parse(text).map(|ring| ring.keys.len());
            assert_eq!(keys, expected, "{text:?}");
        }
    }

    proptest! {
        /// Whatever else than the whole is shown opens nothing, and breaks nothing.
        #[test]
        fn a_changed_cookie_is_none(
            name: u64,
            at_s: u32,
            at in 0..LENGTH,
            byte: u8,
            noise: Vec<u8>,
        ) {
            let ring = ring(NEW);
            let told = Told { name: Name(name), at_s };
            let sealed = ring.seal(told).into_bytes();
            prop_assert_eq!(sealed.len(), LENGTH);
            prop_assert_eq!(ring.open(&sealed), Some(told));
            prop_assert_eq!(ring.open(&sealed[..at]), None);
            let mut changed = sealed.clone();
            changed[at] = byte;
            prop_assert_eq!(ring.open(&changed).is_some(), changed == sealed);
            prop_assert_eq!(ring.open(&noise), None);
        }
    }
}
