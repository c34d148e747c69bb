//! Connections that have served one request each and then stay open: what do they cost in memory?

use std::sync::Arc;

use http::Request;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::client::{self, Client, HOST, Outcome};
use crate::tls::Tls;

/// A connection that stays open as long as this lives.
#[expect(dead_code, reason = "held, not used")]
enum Held {
    Plain(Client<TcpStream>),
    Tls(Box<Client<TlsStream<TcpStream>>>),
    Http2(h2::client::SendRequest<std::io::Cursor<Vec<u8>>>),
}

pub(crate) async fn run(
    kind: &str,
    port: u16,
    connections: usize,
    ca: Option<&str>,
) -> Outcome<()> {
    let protocol = if kind == "h2" { "h2" } else { "http/1.1" };
    let tls = match (kind, ca) {
        ("plain", None) => None,
        ("tls" | "h2", Some(ca)) => Some(Arc::new(Tls::new(ca, protocol)?)),
        _ => return Err("`plain` takes no CA; `tls` and `h2` need one".into()),
    };
    let mut held = Vec::with_capacity(connections);
    for _ in 0..connections {
        let stream = client::dial(port).await?;
        held.push(match &tls {
            None => Held::Plain(served(stream).await?),
            Some(tls) if protocol == "h2" => Held::Http2(http2(tls.wrap(stream).await?).await?),
            Some(tls) => Held::Tls(Box::new(served(tls.wrap(stream).await?).await?)),
        });
    }
    println!("{{\"held\":{}}}", held.len());
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    Ok(())
}

async fn served<S>(stream: S) -> Outcome<Client<S>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut client = Client::new(stream);
    client.request(&client::get("/100", "")).await?;
    Ok(client)
}

async fn http2(
    stream: TlsStream<TcpStream>,
) -> Outcome<h2::client::SendRequest<std::io::Cursor<Vec<u8>>>> {
    let (client, connection) = h2::client::Builder::new().handshake(stream).await?;
    tokio::task::spawn_local(connection);
    let mut client = client.ready().await?;
    let request = Request::get(format!("https://{HOST}/100")).body(())?;
    let (response, _) = client.send_request(request, true)?;
    let response = response.await?;
    if response.status() != 200 {
        return Err(format!("status {}", response.status()).into());
    }
    let mut body = response.into_body();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
    }
    Ok(client)
}
