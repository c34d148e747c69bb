//! Affinity's bytes: what a request claims of its session, and what its client is told.
//!
//! Nothing is decided here: the core makes of a [`Session`] what it is. Cookies count in the
//! seconds of the date, for any proxy that shares the key must agree on how old one is.

pub(crate) mod carrier;
mod seal;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::affinity::{Claim, Memory, Name, Session, Settings};

use crate::config::{self, AffinityKind, Cookie, HashKey};
use crate::h1::{Framing, RequestHead, ResponseHead};

use seal::Told;
pub use seal::{KEY_MIN, KEYS_MAX, Keyring, Weak};

/// Cookies of our name that are looked at in one request: who sends more has not got them from us.
const COOKIES_MAX: usize = 4;
/// A session's text is longer in no application.
const TEXT_MAX: usize = 4096;
/// How far into a body a session's name is looked for, and the longest body that is waited for.
const BODY_MAX: usize = 1024;

/// What reads and writes the sessions of a pool.
#[derive(Debug)]
pub struct Keeper {
    keys: Keyring,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Cookie {
        cookie: Cookie,
        /// What follows the value, but for `Secure`.
        attributes: String,
    },
    Learn(HashKey),
    Route(HashKey),
}

impl Keeper {
    /// That of `pool`, if it keeps sessions; `keys` are its own.
    #[must_use]
    pub fn new(pool: &config::Pool, keys: &Arc<Keyring>) -> Option<Self> {
        let affinity = pool.affinity.as_ref()?;
        let (name, kind) = match &affinity.kind {
            AffinityKind::Cookie(cookie) => {
                let kind = Kind::Cookie {
                    cookie: cookie.clone(),
                    attributes: attributes(cookie),
                };
                (&*cookie.name, kind)
            }
            AffinityKind::Learn { from, .. } => ("", Kind::Learn(from.clone())),
            AffinityKind::Route { from } => ("", Kind::Route(from.clone())),
        };
        Some(Self {
            keys: keys.bound_to(&[&pool.name, name]),
            kind,
        })
    }

    /// What a request claims whose head was parsed from `buf`, at this date.
    pub(crate) fn session(&self, head: &RequestHead, buf: &[u8], unix_now: Duration) -> Session {
        let mut session = Session::default();
        match &self.kind {
            Kind::Cookie { cookie, .. } => {
                for value in carrier::cookies(head, buf, &cookie.name).take(COOKIES_MAX) {
                    if let Some(told) = self.keys.open(value) {
                        let now_s = unix_now.as_secs();
                        let age_s = now_s.saturating_sub(told.at_s.into());
                        session.claim = Claim::Endpoint {
                            name: told.name,
                            age_s: u32::try_from(age_s).unwrap_or(u32::MAX),
                        };
                        break;
                    }
                    session.forged += 1;
                }
            }
            Kind::Learn(from) => {
                if let Some(text) = carrier::asked(head, buf, from) {
                    session.claim = self.number(text).map_or(Claim::None, Claim::Session);
                }
            }
            Kind::Route(from) => {
                let text = carrier::asked(head, buf, from).and_then(carrier::route);
                session.claim = text.map_or(Claim::None, |name| Claim::Endpoint {
                    name: Name::of(name),
                    age_s: 0,
                });
            }
        }
        session
    }

    /// Whether the beginning of a response's body must have come, and has not, before its head is
    /// passed on: the application names a session there that this request did not know.
    pub(crate) fn wants_body(&self, session: &Session, head: &ResponseHead, body: &[u8]) -> bool {
        let Framing::Length(length) = head.framing else {
            return false;
        };
        matches!(self.kind, Kind::Learn(HashKey::Query(_)))
            && session.claim == Claim::None
            && head.is_success()
            && length <= BODY_MAX as u64
            && (body.len() as u64) < length
    }

    /// The application's session that a response names: its head was parsed from `buf`, and `body`
    /// is what has come of the rest.
    pub(crate) fn named(&self, head: &ResponseHead, buf: &[u8], body: &[u8]) -> Option<u64> {
        let Kind::Learn(from) = &self.kind else {
            return None;
        };
        let body = &body[..body.len().min(BODY_MAX)];
        self.number(carrier::given(head, buf, body, from)?)
    }

    fn number(&self, text: &[u8]) -> Option<u64> {
        (1..=TEXT_MAX)
            .contains(&text.len())
            .then(|| self.keys.number(text))
    }

    /// The `Set-Cookie` that tells a client where it lives, if clients are told; `tls` says whether
    /// it spoke TLS.
    pub(crate) fn cookie(&self, home: Name, unix_now: Duration, tls: bool) -> Option<String> {
        let Kind::Cookie { cookie, attributes } = &self.kind else {
            return None;
        };
        let told = Told {
            name: home,
            at_s: u32::try_from(unix_now.as_secs()).unwrap_or(u32::MAX),
        };
        let secure = if cookie.secure.unwrap_or(tls) {
            "; Secure"
        } else {
            ""
        };
        let value = self.keys.seal(told);
        Some(format!("{}={value}{attributes}{secure}", cookie.name))
    }
}

/// What the core needs to know.
#[must_use]
pub fn settings(affinity: &config::Affinity) -> Settings {
    Settings {
        memory: match &affinity.kind {
            AffinityKind::Cookie(cookie) => Memory::Cookie { ttl: cookie.ttl },
            AffinityKind::Learn { ttl, limit, .. } => Memory::Table {
                ttl: *ttl,
                limit: *limit as usize,
            },
            AffinityKind::Route { .. } => Memory::Application,
        },
        on_down: affinity.on_down,
    }
}

fn attributes(cookie: &Cookie) -> String {
    let mut text = format!("; Path={}", cookie.path);
    if let Some(domain) = &cookie.domain {
        let _ = write!(text, "; Domain={domain}");
    }
    if let Some(ttl) = cookie.ttl {
        let _ = write!(text, "; Max-Age={}", ttl.as_secs());
    }
    if cookie.http_only {
        text.push_str("; HttpOnly");
    }
    let _ = write!(text, "; SameSite={}", cookie.same_site.name());
    text
}

#[cfg(test)]
mod tests;
