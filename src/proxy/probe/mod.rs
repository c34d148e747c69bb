//! Probes of endpoints: performs what the core's checks ask for, and keeps its time.
//!
//! One worker does it for all: it lives by the pools' deadlines, and is woken when a request or a
//! reload has moved one. Each probe has a connection of its own, never one that is kept, so that it
//! sees what a new client would. Probes of the load, which a policy wants, are another matter
//! (`load.rs`): the worker whose request was picked for asks.

mod ask;
pub mod expect;
mod load;

use std::rc::Rc;
use std::sync::Arc;

use evenkeel_core::health::{Order, Outcome};
use evenkeel_core::time::Timestamp;

use crate::config::{self, Config};
use crate::generation::Generation;
use crate::pool::Pool;
use crate::worker::Worker;
use crate::world::{Address, Sleep as _, World};

pub(crate) use load::ask_load;

/// Watches the health of all pools for as long as the worker lives.
pub(crate) async fn watch<W: World>(worker: Rc<Worker<W>>) {
    let stream = worker.world.rng("health");
    let mut begun: Vec<u16> = Vec::new();
    let mut alarm = worker.world.sleep_until(Timestamp::MAX);
    loop {
        let generation = worker.proxy.generation();
        let mut next = Timestamp::MAX;
        for pool in worker.proxy.pools() {
            // A pool outlives the configuration that named it, and then nobody asks for it.
            if configured(&generation.config, &pool).is_none() {
                continue;
            }
            if !begun.contains(&pool.id()) {
                begun.push(pool.id());
                pool.with(|state| state.begin(stream.child(pool.id().into())));
            }
            next = next.min(look(&worker, &generation, &pool));
        }
        alarm.reset(next);
        tokio::select! {
            biased;
            () = worker.proxy.disturbed() => {}
            () = &mut alarm => {}
        }
    }
}

/// Does what is due in a pool. Returns when to look again.
fn look<W: World>(
    worker: &Rc<Worker<W>>,
    generation: &Arc<Generation>,
    pool: &Arc<Pool>,
) -> Timestamp {
    let now = worker.world.now();
    for grant in pool.with(|state| state.tick(now)) {
        worker.grant(grant);
    }
    while let Some(order) = pool.with(|state| state.order(now)) {
        let probe = perform(
            Rc::clone(worker),
            Arc::clone(generation),
            Arc::clone(pool),
            order,
        );
        worker.world.spawn(probe);
    }
    spread(worker, pool);
    pool.with(|state| state.next_deadline())
}

async fn perform<W: World>(
    worker: Rc<Worker<W>>,
    generation: Arc<Generation>,
    pool: Arc<Pool>,
    order: Order,
) {
    let over = worker.world.sleep_until(order.deadline);
    let outcome = tokio::select! {
        biased;
        outcome = ask(&worker, &generation, &pool, &order) => outcome,
        () = over => Outcome::Timeout,
    };
    let now = worker.world.now();
    for grant in pool.with(|state| state.probed(now, &order, outcome)) {
        worker.grant(grant);
    }
    spread(&worker, &pool);
    worker.proxy.disturb();
}

async fn ask<W: World>(
    worker: &Rc<Worker<W>>,
    generation: &Generation,
    pool: &Pool,
    order: &Order,
) -> Outcome {
    let config = configured(&generation.config, pool);
    let check = config.and_then(|config| {
        let checks = &config.health.as_ref()?.checks;
        Some((config, checks.get(usize::from(order.check))?))
    });
    let (Some((config, check)), Some(address)) = (check, pool.address(order.endpoint)) else {
        // A reload is on its way, and nobody waits for this any more.
        return Outcome::Refused;
    };
    let address = at_port(address, check.port);
    let tls = generation.material.client(pool.name());
    ask::perform(
        worker,
        check,
        config.http2,
        tls.map(|tls| &**tls),
        &address,
        order.number,
    )
    .await
}

fn configured<'a>(config: &'a Config, pool: &Pool) -> Option<&'a config::Pool> {
    config
        .pools
        .iter()
        .find(|config| config.name == pool.name())
}

fn at_port(address: Address, port: Option<u16>) -> Address {
    match (address, port) {
        (Address::Ip(mut address), Some(port)) => {
            address.set_port(port);
            Address::Ip(address)
        }
        (Address::Name(name, _), Some(port)) => Address::Name(name, port),
        (address, _) => address,
    }
}

/// Records what a pool has found out about its endpoints.
fn spread<W: World>(worker: &Worker<W>, pool: &Pool) {
    while let Some(event) = pool.with(|state| state.news()) {
        worker.proxy.note(pool, &event);
        worker.world.record(&event);
    }
}
