//! Probes of the load: what a policy wants to know of an endpoint now, asked beside the requests.
//!
//! Unlike a check of health it travels as requests do, on a connection that is kept, so that it
//! costs the endpoint a turn and no more. One that fails says nothing of anybody's health.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use evenkeel_core::endpoint::EndpointIndex;
use evenkeel_core::health::Outcome;
use evenkeel_core::policy::Load;
use evenkeel_core::pool::Wanted;
use tokio::io::AsyncWriteExt as _;

use super::ask::{authority, body, head, opening};
use super::configured;
use crate::channel::{Channel, Sink as _};
use crate::config;
use crate::dial::Need;
use crate::h1::{Limits, Method, ResponseHead};
use crate::pool::Pool;
use crate::worker::Worker;
use crate::world::{Address, World};

/// Bytes of an answer's body that are read for the sake of the connection.
const BODY_BYTES: usize = 4 << 10;

/// Asks an endpoint for its load, and tells the pool; nobody waits for it.
pub(crate) fn ask_load<W: World>(worker: &Rc<Worker<W>>, pool: &Arc<Pool>, wanted: Wanted) {
    let task = perform(Rc::clone(worker), Arc::clone(pool), wanted);
    worker.world.spawn(task);
}

async fn perform<W: World>(worker: Rc<Worker<W>>, pool: Arc<Pool>, wanted: Wanted) {
    let generation = worker.generation();
    let load = match configured(&generation.config, &pool) {
        Some(config) => {
            let tls = generation.material.client(pool.name());
            let need = Need {
                pool: pool.id(),
                tls: tls.map(|tls| &**tls),
                endpoint: wanted.endpoint,
                http2: config.http2,
                header_bytes: Limits::default().header_bytes,
            };
            ask(&worker, &pool, (config, generation.number), &need).await
        }
        // A reload is on its way.
        None => Err(Outcome::Refused),
    };
    let now = worker.world.now();
    let event = pool.with(|state| state.told(now, wanted, load));
    worker.world.record(&event);
}

/// Asks within the time that a probe has.
async fn ask<W: World>(
    worker: &Rc<Worker<W>>,
    pool: &Pool,
    (config, generation): (&config::Pool, u64),
    need: &Need<'_>,
) -> Result<Load, Outcome> {
    let (Some(probe), Some(address)) = (&config.probe, pool.address(need.endpoint)) else {
        return Err(Outcome::Refused);
    };
    let over = worker.world.sleep_until(worker.world.now() + probe.timeout);
    tokio::select! {
        biased;
        load = travel(worker, (config, generation), probe, need, &address) => load,
        () = over => Err(Outcome::Timeout),
    }
}

/// Takes a connection there and back.
async fn travel<W: World>(
    worker: &Rc<Worker<W>>,
    (config, generation): (&config::Pool, u64),
    probe: &config::Probe,
    need: &Need<'_>,
    address: &Address,
) -> Result<Load, Outcome> {
    let mut channel = match need.idle(worker) {
        Some(channel) => channel,
        None => {
            let turn = need.endpoint.slot.into();
            let opened = need.open(worker, address, turn).await;
            opened.map_err(|_| Outcome::Refused)?
        }
    };
    let lost = |_: io::Error| Outcome::Lost;
    let sent = worker.world.now();
    let mut text = opening("GET", &probe.path, &authority(address));
    text.push_str("\r\n");
    channel.write_all(text.as_bytes()).await.map_err(lost)?;
    let finished = poll_fn(|cx| channel.poll_finish(cx, &[]));
    finished.await.map_err(lost)?;
    let mut received = Vec::new();
    let (head, length) = head(&mut channel, &mut received, Method::Get).await?;
    let took = worker.world.now().since(sent);
    let in_flight = said(&head, &received, probe)?;
    let begin = received.split_off(length);
    if let Ok((_, true)) = body(&mut channel, &head, begin, BODY_BYTES).await {
        let whose = (need.pool, need.endpoint);
        keep(worker, (config, generation), whose, channel, &head);
    }
    Ok(Load { in_flight, took })
}

/// How many requests are in flight, if the endpoint is to say.
fn said(head: &ResponseHead, text: &[u8], probe: &config::Probe) -> Result<Option<u32>, Outcome> {
    if !head.is_success() {
        return Err(Outcome::Status);
    }
    let Some(name) = &probe.header else {
        return Ok(None);
    };
    let value = head.fields.values(text, name).next();
    let digits = value.and_then(|value| std::str::from_utf8(value).ok());
    let in_flight = digits.and_then(|digits| digits.trim().parse().ok());
    in_flight.map(Some).ok_or(Outcome::Header)
}

/// Puts a connection where the next request finds it.
fn keep<W: World>(
    worker: &Worker<W>,
    (config, generation): (&config::Pool, u64),
    whose: (u16, EndpointIndex),
    channel: Channel<W::Stream>,
    head: &ResponseHead,
) {
    if head.keep_alive && !matches!(channel, Channel::Http2(_)) && !worker.is_draining() {
        let bounds = (config.idle.per_worker as usize, config.idle.timeout);
        let now = worker.world.now();
        let idle = &mut worker.idle.borrow_mut();
        idle.put(whose, channel, now, bounds, generation);
    }
}
