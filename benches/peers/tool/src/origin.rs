//! The application behind the proxies: answers of three sizes, and an echo after an upgrade.
//!
//! `/head` answers with the request's head as it arrived: what has a proxy added to it?
//! It does as little as it can: the same core runs the client, and the proxy should be the limit.

use std::rc::Rc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::client::Outcome;

const SWITCHED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Whole answers, written with one call each.
struct Answers {
    by_path: [(&'static str, Vec<u8>); 3],
    unknown: Vec<u8>,
}

impl Answers {
    fn new() -> Self {
        let sizes = [("/100", 100), ("/16k", 16 << 10), ("/1m", 1 << 20)];
        Self {
            by_path: sizes.map(|(path, size)| {
                let body: Vec<u8> = (b'a'..=b'z').cycle().take(size).collect();
                (path, answer("200 OK", &body))
            }),
            unknown: answer("404 Not Found", b""),
        }
    }

    fn to(&self, path: &str) -> &[u8] {
        let known = self.by_path.iter().find(|(known, _)| *known == path);
        known.map_or(&self.unknown, |(_, answer)| answer)
    }
}

fn answer(status: &str, body: &[u8]) -> Vec<u8> {
    let size = body.len();
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\n\
         Content-Length: {size}\r\n\r\n"
    )
    .into_bytes();
    answer.extend_from_slice(body);
    answer
}

/// What is asked for. The head is all: requests without a body are all that the clients here send.
enum Asked {
    Get { path: String, last: bool },
    Head,
    Upgrade,
}

pub(crate) async fn serve(listeners: usize) -> Outcome<()> {
    let answers = Rc::new(Answers::new());
    let mut ports = Vec::new();
    for _ in 0..listeners {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        ports.push(listener.local_addr()?.port());
        let answers = Rc::clone(&answers);
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answers = Rc::clone(&answers);
                // A client that goes away is no error of the origin's.
                tokio::task::spawn_local(async move { connection(stream, &answers).await.ok() });
            }
        });
    }
    println!("{{\"ports\":{ports:?}}}");
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    Ok(())
}

async fn connection(mut stream: TcpStream, answers: &Answers) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4 << 10);
    loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        while let Some((asked, size)) = head(&buffer) {
            let text: Vec<u8> = buffer.drain(..size).collect();
            match asked {
                Asked::Head => stream.write_all(&answer("200 OK", &text)).await?,
                Asked::Get { path, last } => {
                    stream.write_all(answers.to(&path)).await?;
                    if last {
                        return stream.shutdown().await;
                    }
                }
                Asked::Upgrade => {
                    stream.write_all(SWITCHED).await?;
                    return echo(stream, buffer).await;
                }
            }
        }
    }
}

fn head(bytes: &[u8]) -> Option<(Asked, usize)> {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut fields);
    let Ok(httparse::Status::Complete(size)) = request.parse(bytes) else {
        return None;
    };
    let mut upgrade = false;
    let mut last = false;
    for field in request.headers.iter() {
        upgrade |= field.name.eq_ignore_ascii_case("upgrade");
        last |= field.name.eq_ignore_ascii_case("connection")
            && field.value.eq_ignore_ascii_case(b"close");
    }
    let path = request.path?.to_owned();
    let asked = match path.as_str() {
        _ if upgrade => Asked::Upgrade,
        "/head" => Asked::Head,
        _ => Asked::Get { path, last },
    };
    Some((asked, size))
}

async fn echo(mut stream: TcpStream, mut buffer: Vec<u8>) -> std::io::Result<()> {
    buffer.reserve(64 << 10);
    loop {
        if !buffer.is_empty() {
            stream.write_all(&buffer).await?;
            buffer.clear();
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}
