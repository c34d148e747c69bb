//! What clients that come back carry: cookies, and what the application calls their session; and
//! how simulated applications hand it out.
//!
//! A client knows no configuration: it keeps the cookies that it is given and the fields that it is
//! told to send back. Only what goes into a query is its own doing, as it is Socket.IO's.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::Duration;

use evenkeel_core::time::Timestamp;
use evenkeel_proxy::config::{AffinityKind, HashKey};
use evenkeel_proxy::h1::{RequestHead, ResponseHead};
use evenkeel_proxy::world::World as _;

use super::Run;
use crate::plan::Plan;
use crate::workload::{Arrival, Visit};
use crate::world::World;

/// What one client carries, on all its connections.
pub(super) type Shared = Rc<RefCell<Luggage>>;

/// What a client carries on one request, and takes home from it.
pub(super) struct Packed {
    shared: Shared,
    /// The lines of the request's head that it makes.
    pub(super) lines: String,
    world: World,
    run: Rc<Run>,
}

impl Packed {
    /// What the client of `arrival` carries now, if it comes back.
    pub(super) fn new(world: &World, run: &Rc<Run>, arrival: &Arrival) -> Option<Self> {
        let mut visitors = run.visitors.borrow_mut();
        let shared = Rc::clone(visitors.given(arrival)?);
        let lines = shared.borrow().lines(world.now());
        Some(Self {
            lines,
            shared,
            world: world.clone(),
            run: Rc::clone(run),
        })
    }

    /// `path` with the session of a client that has one.
    pub(super) fn path(&self, arrival: &Arrival, path: &str) -> String {
        self.shared.borrow().path(&self.run.plan, arrival, path)
    }

    /// Takes what a response gives, whose head was parsed from `buf`.
    pub(super) fn take(&self, head: &ResponseHead, buf: &[u8]) {
        let now = self.world.now();
        self.shared
            .borrow_mut()
            .take(&self.run.plan, head, buf, now);
    }
}

/// What one client carries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Luggage {
    /// Name and value, and until when it is kept.
    cookies: Vec<(String, String, Timestamp)>,
    /// Fields that carry a session.
    fields: Vec<(String, String)>,
    /// An application has answered: the client knows what to put into queries.
    known: bool,
}

impl Luggage {
    /// The lines of a request's head that it makes.
    pub(crate) fn lines(&self, now: Timestamp) -> String {
        let mut lines = String::new();
        let kept = self.cookies.iter().filter(|(_, _, until)| now < *until);
        for (number, (name, value, _)) in kept.enumerate() {
            let before = if number == 0 { "Cookie: " } else { "; " };
            let _ = write!(lines, "{before}{name}={value}");
        }
        if !lines.is_empty() {
            lines.push_str("\r\n");
        }
        for (name, value) in &self.fields {
            let _ = write!(lines, "{name}: {value}\r\n");
        }
        lines
    }

    fn path(&self, plan: &Plan, arrival: &Arrival, path: &str) -> String {
        let mut path = path.to_owned();
        if !self.known || arrival.visit == Visit::Single {
            return path;
        }
        for (_, from) in carriers(plan) {
            if let HashKey::Query(name) = from {
                let before = if path.contains('?') { '&' } else { '?' };
                let _ = write!(path, "{before}{name}={:x}", arrival.client());
            }
        }
        path
    }

    /// Keeps the cookie of a `Set-Cookie` line, in the place of one of its name.
    pub(crate) fn take_cookie(&mut self, line: &str, now: Timestamp) {
        let mut parts = line.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            return;
        };
        let age_s = parts.find_map(|part| part.strip_prefix("Max-Age=")?.parse().ok());
        let until = age_s.map_or(Timestamp::MAX, |age_s| now + Duration::from_secs(age_s));
        self.cookies.retain(|(known, ..)| known != name);
        self.cookies.push((name.into(), value.into(), until));
    }

    fn take(&mut self, plan: &Plan, head: &ResponseHead, buf: &[u8], now: Timestamp) {
        self.known |= head.status < 400;
        for line in head.fields.values(buf, "set-cookie") {
            self.take_cookie(&String::from_utf8_lossy(line), now);
        }
        for (_, from) in carriers(plan) {
            if let HashKey::Header(name) = from
                && let Some(value) = head.fields.values(buf, name).next()
            {
                let value = String::from_utf8_lossy(value).into_owned();
                self.fields.retain(|(known, _)| known != name);
                self.fields.push((name.clone(), value));
            }
        }
    }
}

/// What an origin's application adds to an answer: lines of its head, and how its body begins. It
/// names a session to visitors who come without one, and itself to all.
pub(super) fn handed_out(
    plan: &Plan,
    origin: usize,
    arrival: &Arrival,
    head: &RequestHead,
    buf: &[u8],
) -> (String, String) {
    let (mut lines, mut body) = (String::new(), String::new());
    if arrival.visit == Visit::Single {
        return (lines, body);
    }
    for (pool, from) in carriers(plan) {
        let Some(place) = plan.behind[pool]
            .iter()
            .position(|behind| *behind == origin)
        else {
            continue;
        };
        let routes = matches!(
            plan.config().pools[pool].affinity.as_ref().map(|a| &a.kind),
            Some(AffinityKind::Route { .. })
        );
        let mut value = format!("{:x}", arrival.client());
        if routes {
            let _ = write!(value, ".{}", plan.setup.names[pool][place]);
        } else if carries(head, buf, from) {
            continue;
        }
        let _ = match from {
            HashKey::Cookie(name) => write!(lines, "Set-Cookie: {name}={value}\r\n"),
            HashKey::Header(name) => write!(lines, "{name}: {value}\r\n"),
            HashKey::Query(name) => write!(body, "{{\"{name}\":\"{value}\"}}"),
            HashKey::Address | HashKey::Path => Ok(()),
        };
    }
    (lines, body)
}

fn carries(head: &RequestHead, buf: &[u8], from: &HashKey) -> bool {
    let within = |text: &[u8], name: &str| {
        let name = format!("{name}=");
        String::from_utf8_lossy(text).contains(&name)
    };
    match from {
        HashKey::Cookie(name) => {
            let mut lines = head.fields.values(buf, "cookie");
            lines.any(|line| within(line, name))
        }
        HashKey::Header(name) => head.fields.values(buf, name).next().is_some(),
        HashKey::Query(name) => within(head.target.query.of(buf), name),
        HashKey::Address | HashKey::Path => false,
    }
}

/// Where sessions of applications stand, by pool.
fn carriers(plan: &Plan) -> impl Iterator<Item = (usize, &HashKey)> {
    let pools = plan.config().pools.iter().enumerate();
    pools.filter_map(|(pool, config)| match &config.affinity.as_ref()?.kind {
        AffinityKind::Learn { from, .. } | AffinityKind::Route { from } => Some((pool, from)),
        AffinityKind::Cookie(_) => None,
    })
}
