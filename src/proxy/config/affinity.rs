//! `[[pool]] affinity`: what keeps a client with the endpoint that it began with.

use std::path::PathBuf;
use std::time::Duration;

use evenkeel_core::affinity::OnDown;
use serde_json::Value as Json;

use super::policy::{HashKey, Keyed};
use crate::document::{
    Boolean, Choice, FilePath, Integer, Kind as Read, Sink, Table, Text, Time, Value,
};

/// What keeps clients with their endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affinity {
    /// Who remembers, and how.
    pub kind: Kind,
    /// What becomes of a session whose endpoint is down.
    pub on_down: OnDown,
}

/// Who remembers where a session lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The client, in a cookie of ours.
    Cookie(Cookie),
    /// We do, by the application's own session.
    Learn {
        /// Where that stands.
        from: HashKey,
        /// How long a session that nobody asks for is kept.
        ttl: Duration,
        /// Most sessions.
        limit: u32,
    },
    /// The application, which names the endpoint.
    Route {
        /// Where the name stands.
        from: HashKey,
    },
}

/// A cookie of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// How long it is good for; absent: until the browser is closed.
    pub ttl: Option<Duration>,
    /// The file of the keys that it is made with.
    pub keys: Option<PathBuf>,
    /// Below which path it is sent.
    pub path: String,
    /// To which domain and those below it; absent: to the host that gave it.
    pub domain: Option<String>,
    /// Sent over TLS only; absent: if it was given over TLS.
    pub secure: Option<bool>,
    /// Kept from scripts.
    pub http_only: bool,
    /// Whether other sites' requests carry it.
    pub same_site: SameSite,
}

/// `SameSite` of a cookie (RFC 6265bis section 5.6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Links from other sites carry it.
    Lax,
    /// No request of another site does.
    Strict,
    /// All do.
    None,
}

impl SameSite {
    /// As it is written in a cookie.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lax => "Lax",
            Self::Strict => "Strict",
            Self::None => "None",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    None,
    Cookie,
    Learn,
    Route,
}

const KINDS: Choice<Named> = Choice {
    what: "kind of affinity",
    of: &[
        ("none", Named::None),
        ("cookie", Named::Cookie),
        ("learn", Named::Learn),
        ("route", Named::Route),
    ],
};
const ON_DOWN: Choice<OnDown> = Choice {
    what: "answer to a down endpoint",
    of: &[
        ("repick", OnDown::Repick),
        ("fail", OnDown::Fail),
        ("queue", OnDown::Queue),
    ],
};
const SAME_SITE: Choice<SameSite> = Choice {
    what: "reach of a cookie",
    of: &[
        ("lax", SameSite::Lax),
        ("strict", SameSite::Strict),
        ("none", SameSite::None),
    ],
};
const NAME: Text = Text {
    expected: "a name of letters, digits, `-` and `_`",
};
const PATH: Text = Text {
    expected: "a path such as \"/\"",
};
const DOMAIN: Text = Text {
    expected: "a domain such as \"example.com\"",
};
/// What nginx keeps one for.
const LEARNED_FOR: Duration = Duration::from_secs(600);

/// What keeps clients with their endpoints, if anything does.
pub(super) fn affinity(t: &mut Table<'_>) -> Option<Affinity> {
    let doc = "who remembers a client's endpoint: none, cookie (the client, in a cookie of ours), \
               learn (we, by the application's own session), route (the application, which names \
               the endpoint); policies that hash need no memory";
    let named = t.default("kind", KINDS, Named::None, doc);
    let doc = "when its endpoint is down: repick (another one, for good), fail (503), queue (wait \
               for it in the pool's queue)";
    let on_down = t.default("on_down", ON_DOWN, OnDown::Repick, doc);
    let doc = "cookie: how long one is good for, renewed after half of it; absent: until the \
               browser is closed. learn: how long an unused session is kept; absent: 10m, nginx's";
    let ttl = t.optional("ttl", Time::POSITIVE, doc);
    let doc = "learn, route: where the session, or the endpoint's name behind its last dot, \
               stands: \"cookie:NAME\", \"header:NAME\" or \"query:NAME\"; of a query, the response \
               names it in its JSON";
    let from = t.optional("from", Carrier, doc);
    let doc = "learn: most sessions, the one unused for longest makes room; 100000 take 5 MB";
    let limit = t.default("limit", Integer(1..=100_000_000_u32), 100_000, doc);
    let cookie = cookie(t, ttl, named == Named::Cookie);
    let options: &[&str] = match named {
        Named::None => &[],
        Named::Cookie => &[
            "ttl",
            "name",
            "keys",
            "path",
            "domain",
            "secure",
            "http_only",
            "same_site",
        ],
        Named::Learn => &["ttl", "from", "limit"],
        Named::Route => &["from"],
    };
    misplaced(t, options);
    let kind = match named {
        Named::None => return None,
        Named::Cookie => Kind::Cookie(cookie),
        Named::Learn => Kind::Learn {
            from: carrier(t, from)?,
            ttl: ttl.unwrap_or(LEARNED_FOR),
            limit,
        },
        Named::Route => Kind::Route {
            from: carrier(t, from)?,
        },
    };
    Some(Affinity { kind, on_down })
}

fn cookie(t: &mut Table<'_>, ttl: Option<Duration>, used: bool) -> Cookie {
    let doc = "cookie: its name";
    let name = t.default("name", NAME, "evenkeel".into(), doc);
    let doc = "cookie: a file of keys, one a line, 16 characters or more: the first makes cookies, \
               all of them are believed; absent: a key of this process alone, so that a restart or \
               another proxy begins all sessions anew";
    let keys = t.optional("keys", FilePath, doc);
    let doc = "cookie: below which path clients send it";
    let path = t.default("path", PATH, "/".into(), doc);
    let doc = "cookie: to which domain and those below it clients send it; absent: to the host \
               that gave it";
    let domain = t.optional("domain", DOMAIN, doc);
    let doc = "cookie: sent over TLS only; absent: if it was given over TLS";
    let secure = t.optional("secure", Boolean, doc);
    let doc = "cookie: kept from scripts, which have no use for it";
    let http_only = t.default("http_only", Boolean, true, doc);
    let doc = "cookie: lax (also from links of other sites), strict, none (from all sites; needs \
               `secure`)";
    let same_site = t.default("same_site", SAME_SITE, SameSite::Lax, doc);
    let cookie = Cookie {
        name,
        ttl,
        keys,
        path,
        domain,
        secure,
        http_only,
        same_site,
    };
    if used {
        check(t, &cookie);
    }
    cookie
}

/// What no browser would take.
fn check(t: &mut Table<'_>, cookie: &Cookie) {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if cookie.name.is_empty() || !cookie.name.bytes().all(token) {
        let problem = t.problem(
            t.span("name"),
            format!("no cookie can be called {:?}", cookie.name),
        );
        t.report(problem.label("expected letters, digits, `-`, `_` and `.`"));
    }
    let attribute = |text: &str| text.bytes().all(|b| b.is_ascii_graphic() && b != b';');
    if !cookie.path.starts_with('/') || !attribute(&cookie.path) {
        let problem = t.problem(t.span("path"), "no cookie can have this path");
        t.report(problem.label("expected a path such as \"/\", without `;` and blanks"));
    }
    let domain = cookie.domain.as_deref();
    if domain.is_some_and(|domain| domain.is_empty() || !attribute(domain)) {
        let problem = t.problem(t.span("domain"), "no cookie can have this domain");
        t.report(problem.label("expected a domain such as \"example.com\""));
    }
    if cookie.ttl.is_some_and(|ttl| ttl < Duration::from_secs(2)) {
        let problem = t.problem(t.span("ttl"), "cookies count in seconds");
        t.report(problem.label("expected at least \"2s\""));
    }
    let secure = cookie.secure == Some(true);
    let mut needs = Vec::new();
    if cookie.same_site == SameSite::None && !secure {
        needs.push((
            "same_site",
            "browsers refuse `same_site = \"none\"` without TLS",
        ));
    }
    let host = cookie.name.starts_with("__Host-");
    if (host || cookie.name.starts_with("__Secure-")) && !secure {
        needs.push(("name", "browsers refuse a cookie of this name without TLS"));
    }
    for (key, message) in needs {
        let problem = t.problem(t.span(key), message);
        t.report(problem.label("expected `secure = true` beside it"));
    }
    if host && (cookie.path != "/" || domain.is_some()) {
        let message = "browsers refuse a `__Host-` cookie with another path or a domain";
        let problem = t.problem(t.span("name"), message);
        t.report(problem.label("leave `path` and `domain` out"));
    }
}

/// Where the application's session stands, which it must.
fn carrier(t: &mut Table<'_>, from: Option<HashKey>) -> Option<HashKey> {
    if from.is_none() && !t.has("from") {
        let problem = t.problem(t.own_span(), "`affinity.from` is missing");
        let label = "expected `from`, such as \"cookie:connect.sid\" or \"query:sid\"";
        t.report(problem.label(label));
    }
    from
}

/// Keys of another kind than the one named.
fn misplaced(t: &mut Table<'_>, options: &[&str]) {
    const OWNERS: [(&str, &str); 10] = [
        ("ttl", "cookie and learn have"),
        ("from", "learn and route have"),
        ("limit", "learn has"),
        ("name", "cookie has"),
        ("keys", "cookie has"),
        ("path", "cookie has"),
        ("domain", "cookie has"),
        ("secure", "cookie has"),
        ("http_only", "cookie has"),
        ("same_site", "cookie has"),
    ];
    for (option, have) in OWNERS {
        if t.has(option) && !options.contains(&option) && !t.describing() {
            let problem = t.problem(t.span(option), format!("only {have} `{option}`"));
            t.report(problem.label("leave it out, or name that `kind`"));
        }
    }
}

/// A [`Keyed`] that an application gives to its clients.
#[derive(Clone, Copy, Debug)]
struct Carrier;

impl Carrier {
    const EXPECTED: &str = "\"cookie:NAME\", \"header:NAME\" or \"query:NAME\"";
}

impl Read for Carrier {
    type Value = HashKey;

    fn expected(&self) -> String {
        Self::EXPECTED.into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<HashKey> {
        match Keyed.read(value, sink)? {
            HashKey::Address | HashKey::Path => {
                sink.mismatch(value, Self::EXPECTED);
                None
            }
            key => Some(key),
        }
    }

    fn show(&self, value: &HashKey) -> Json {
        Keyed.show(value)
    }

    fn schema(&self) -> Json {
        serde_json::json!({ "type": "string", "pattern": r"^(header|cookie|query):.+$" })
    }
}
