//! Ping-pong through upgraded connections: a message goes out when the echo of the last is there.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{self, Client, Outcome};
use crate::report::Report;

pub(crate) async fn run(port: u16, bytes: usize, clients: usize, time: Duration) -> Outcome<()> {
    let mut tunnels = Vec::new();
    for _ in 0..clients {
        let mut client = Client::new(client::dial(port).await?);
        client.upgrade().await?;
        tunnels.push(client.stream);
    }
    let report = Rc::new(RefCell::new(Report::new()));
    let begin = Instant::now();
    let play = |tunnel| {
        let report = Rc::clone(&report);
        tokio::task::spawn_local(async move {
            if let Err(problem) = echo(tunnel, bytes, begin + time, &report).await {
                report.borrow_mut().failed(1, problem);
            }
        })
    };
    let tasks: Vec<_> = tunnels.into_iter().map(play).collect();
    for task in tasks {
        task.await?;
    }
    report.borrow().print(begin.elapsed(), "");
    Ok(())
}

async fn echo(
    mut tunnel: TcpStream,
    bytes: usize,
    end: Instant,
    report: &RefCell<Report>,
) -> Outcome<()> {
    let message: Vec<u8> = (0..=u8::MAX).cycle().take(bytes).collect();
    let mut answer = vec![0; bytes];
    loop {
        let due = Instant::now();
        if due >= end {
            return Ok(());
        }
        tunnel.write_all(&message).await?;
        tunnel.read_exact(&mut answer).await?;
        if answer != message {
            return Err("the echo differs".into());
        }
        report.borrow_mut().answered(due.elapsed());
    }
}
