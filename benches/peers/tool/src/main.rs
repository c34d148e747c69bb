//! The origin and the clients of the comparison with other proxies, for what `wrk` and `h2load`
//! cannot do: an open loop, tunnels, connections that stay idle, handshakes that resume nothing.
//!
//! One thread each, so that it can be pinned to a core. A client prints one JSON object and ends;
//! the origin ends when its standard input does, so nothing outlives whoever started it.

mod client;
mod connect;
mod idle;
mod origin;
mod rate;
mod report;
mod tls;
mod tunnel;

use std::time::Duration;

use client::Outcome;

const USAGE: &str = "\
peers-tool origin LISTENERS              serve /100, /16k, /1m and upgrades; prints the ports
peers-tool rate PORT PATH PER_SECOND SECONDS
                                         requests at a fixed rate over 64 kept connections
peers-tool connect PORT PATH CLIENTS SECONDS [CA]
                                         a connection for each request; with CA a full TLS handshake
peers-tool tunnel PORT BYTES CLIENTS SECONDS
                                         upgrade, then send BYTES and wait for their echo
peers-tool idle plain|tls|h2 PORT CONNECTIONS [CA]
                                         one request on each connection, then hold them until
                                         standard input ends; prints {\"held\": N} when it is so";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime needs only descriptors");
    let tasks = tokio::task::LocalSet::new();
    if let Err(problem) = runtime.block_on(tasks.run_until(run(&words))) {
        eprintln!("peers-tool: {problem}");
        std::process::exit(1);
    }
}

async fn run(words: &[&str]) -> Outcome<()> {
    match *words {
        ["origin", listeners] => origin::serve(number(listeners)?).await,
        ["rate", port, path, per_second, seconds] => {
            let (rate, time) = (number(per_second)?, seconds_of(seconds)?);
            rate::run(number(port)?, path, rate, time).await
        }
        ["connect", port, path, clients, seconds, ref ca @ ..] => {
            let (clients, time) = (number(clients)?, seconds_of(seconds)?);
            connect::run(number(port)?, path, clients, time, ca.first().copied()).await
        }
        ["tunnel", port, bytes, clients, seconds] => {
            let (bytes, clients) = (number(bytes)?, number(clients)?);
            tunnel::run(number(port)?, bytes, clients, seconds_of(seconds)?).await
        }
        ["idle", kind, port, connections, ref ca @ ..] => {
            idle::run(
                kind,
                number(port)?,
                number(connections)?,
                ca.first().copied(),
            )
            .await
        }
        _ => Err(USAGE.into()),
    }
}

fn number<T: std::str::FromStr>(word: &str) -> Outcome<T> {
    let wrong = |_| format!("`{word}` is no number that fits here\n{USAGE}");
    Ok(word.parse().map_err(wrong)?)
}

fn seconds_of(word: &str) -> Outcome<Duration> {
    Ok(Duration::try_from_secs_f64(number(word)?)?)
}
