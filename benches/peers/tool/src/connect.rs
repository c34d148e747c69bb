//! A connection for each request: dial, a full TLS handshake if asked for, one `GET`, the end.
//!
//! `wrk` with `Connection: close` resumes TLS sessions, so it cannot tell what a handshake costs.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};

use crate::client::{self, Client, Outcome};
use crate::report::Report;
use crate::tls::{self, Tls};

pub(crate) async fn run(
    port: u16,
    path: &str,
    clients: usize,
    time: Duration,
    ca: Option<&str>,
) -> Outcome<()> {
    let tls = match ca {
        Some(ca) => Some(Tls::new(ca, "http/1.1")?),
        None => None,
    };
    let note = match &tls {
        Some(tls) => tls::agreed(&tls.wrap(client::dial(port).await?).await?),
        None => String::new(),
    };
    let report = Rc::new(RefCell::new(Report::new()));
    let begin = Instant::now();
    let client = || {
        let (tls, report) = (tls.clone(), Rc::clone(&report));
        let request = client::get(path, "Connection: close\r\n");
        tokio::task::spawn_local(async move {
            while begin.elapsed() < time {
                let due = Instant::now();
                match once(port, &request, tls.as_ref()).await {
                    Ok(()) => report.borrow_mut().answered(due.elapsed()),
                    Err(problem) => report.borrow_mut().failed(1, problem),
                }
            }
        })
    };
    let tasks: Vec<_> = (0..clients).map(|_| client()).collect();
    for task in tasks {
        task.await?;
    }
    report.borrow().print(begin.elapsed(), &note);
    Ok(())
}

async fn once(port: u16, request: &[u8], tls: Option<&Tls>) -> Outcome<()> {
    let stream = client::dial(port).await?;
    match tls {
        Some(tls) => to_the_end(tls.wrap(stream).await?, request).await,
        None => to_the_end(stream, request).await,
    }
}

/// The proxy ends the connection first: that is its work, and costs it something.
async fn to_the_end<S: AsyncRead + AsyncWrite + Unpin>(stream: S, request: &[u8]) -> Outcome<()> {
    let mut client = Client::new(stream);
    client.request(request).await?;
    match client.stream.read(&mut [0]).await {
        Ok(0) => Ok(()),
        // Many servers close TCP without closing TLS first; the length said that all was there.
        Err(problem) if problem.kind() == std::io::ErrorKind::UnexpectedEof => Ok(()),
        Ok(_) => Err("bytes after the answer".into()),
        Err(problem) => Err(problem.into()),
    }
}
