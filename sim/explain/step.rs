//! The steps of a request in words.

use evenkeel_core::request::{Failure, Local, Outcome};
use evenkeel_core::trace::{Event, Kind};

/// What an event of a request says.
pub(super) fn words(event: &Event) -> String {
    let plain = match event.kind {
        Kind::Arrived { idempotent: true } => "arrived",
        Kind::Arrived { idempotent: false } => "arrived; once sent it is not sent again",
        Kind::Queued { budgeted: false } => "waits: nobody who may take it has room",
        Kind::Queued { budgeted: true } => "waits, out of the retry budget: nobody has room",
        Kind::Waited { since } => {
            return format!("has waited for {}", ms(event.at.since(since)));
        }
        Kind::Delayed { until } => {
            let pause = ms(until.since(event.at));
            return format!("rests for {pause} before the next try, out of the retry budget");
        }
        Kind::Hedged => "is late, and goes on beside another try",
        Kind::Picked { budgeted: false } => "picked",
        Kind::Picked { budgeted: true } => "picked, out of the retry budget",
        Kind::Connected { reused: false } => "connected; sent",
        Kind::Connected { reused: true } => "sent, on an idle connection",
        Kind::DialFailed => "no connection",
        Kind::Stale => "the idle connection was closed: another one",
        Kind::Head { status: 101 } => "agrees to a tunnel (101)",
        Kind::Head { status } => return format!("head of the response: {status}"),
        Kind::Failed { failure, sent } => {
            let sent = if sent { "" } else { ", nothing was sent" };
            return format!("failed: {}{sent}", failed(failure));
        }
        Kind::Completed => "response complete",
        Kind::Finished { outcome, .. } => return finished(outcome),
        Kind::Rejected { status: 0 } => "its client left while a limit held it back",
        Kind::Rejected { status } => {
            return format!("answered with {status} before any pool was asked");
        }
        Kind::Parted => "the tunnel is closed, as its endpoint drains",
        Kind::Throttled {
            rule,
            verdict,
            dry_run,
        } => {
            let dry = if dry_run { ", as a trial" } else { "" };
            return format!("limit {rule}: {}{dry}", verdict.name());
        }
        Kind::Session { step } => return format!("session: {}", step.name()),
        // Of no request.
        _ => "",
    };
    plain.to_owned()
}

const fn failed(failure: Failure) -> &'static str {
    match failure {
        Failure::Dial => "refused, or not to be reached",
        Failure::DialTimeout => "no connection in time",
        Failure::Lost => "the connection was lost before the response",
        Failure::HeadTimeout => "no head of a response in time",
        Failure::Cut => "the connection was lost inside the body",
        Failure::IdleTimeout => "the body stood still for too long",
        Failure::TotalTimeout => "the request's time ran out",
        Failure::ClientLeft => "the client left",
        Failure::Refused => "a status that is tried again",
        Failure::Outrun => "the hedge beside it was answered first",
        Failure::Spare => "a hedge, and the try beside it was answered first",
    }
}

fn finished(outcome: Outcome) -> String {
    let local = match outcome {
        Outcome::Complete { status } => return format!("done: {status}"),
        Outcome::Cut { status } => return format!("cut, after the head of {status}"),
        Outcome::Cancelled => return "its client left".to_owned(),
        Outcome::Local(local) => local,
    };
    let why = match local {
        Local::NoEndpoint => "no endpoint may take it",
        Local::QueueFull => "the queue is full",
        Local::QueueTimeout => "it has waited too long",
        Local::BadGateway => "the last try failed, and there is no other",
        Local::GatewayTimeout => "no answer in time",
        Local::Shed => "it was sent away from the queue",
    };
    format!("answered with {} by the proxy: {why}", local.status())
}

/// Milliseconds to a thousandth.
pub(super) fn ms(time: std::time::Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}
