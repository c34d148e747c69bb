//! The proxy that is deployed, in this world: accept, dial, relay, keep alive.

use std::sync::Arc;

use evenkeel_proxy::config::Config;
use evenkeel_proxy::generation::Proxy;
use evenkeel_proxy::serve::{self, Places};

use super::*;

/// Answers every request head at `address` with its own name, on kept-alive connections.
async fn origin(world: World, address: Address) {
    let listener = world.bind(&address, 0).await.unwrap();
    loop {
        let (mut stream, _) = world.accept(&listener).await.unwrap();
        let body = address.to_string();
        world.spawn(async move {
            let mut head = Vec::new();
            while let Ok(byte) = stream.read_u8().await {
                head.push(byte);
                if head.ends_with(b"\r\n\r\n") {
                    head.clear();
                    let length = body.len();
                    let answer =
                        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
    }
}

/// One client, two origins, workers and all: a request costs two ticks at zero latency, one from
/// the origin back to the proxy and one from there to the client.
#[test]
fn the_proxy_serves_in_the_simulated_world() {
    let log = Log::default();
    let seen = log.clone();
    let mut simulation = simulation(setting());
    simulation.host(Role::Clients, "client", ip(1), |world| async move {
        let mut stream = world.connect(&address(2, 8080)).await.unwrap();
        for _ in 0..4 {
            let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
            stream.write_all(request).await.unwrap();
            let mut buf = [0; 1024];
            let n = stream.read(&mut buf).await.unwrap();
            let answer = String::from_utf8_lossy(&buf[..n]).into_owned();
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            log.note(&world, answer.lines().last().unwrap());
        }
    });
    simulation.host(Role::Proxy, "proxy", ip(2), |world| async move {
        let (config, _) = Config::direct("0.0.0.0:8080", &["10.0.0.11:80", "10.0.0.12:80"]);
        let config = config.unwrap();
        let places = Places::new(&config.listeners);
        let proxy = Arc::new(Proxy::new(config, Default::default()));
        let bound = serve::bind(world, proxy, &places, &[], None).await.unwrap();
        bound.run(|| ()).await;
    });
    simulation.host(Role::Origins, "origins", ip(3), |world| async move {
        for last in [11, 12] {
            let process = world.process("origin", SocketAddr::new(ip(last), 0));
            world.spawn(origin(process, address(last, 80)));
        }
    });
    simulation.run_until(ticks(50)).unwrap();
    let seen = seen.take();
    let at: Vec<_> = seen.iter().map(|(tick, _)| *tick).collect();
    assert_eq!(at, [2, 4, 6, 8]);
    assert!(seen.iter().all(|(_, body)| body.starts_with("10.0.0.1")));
}
