//! One probe: a connection, what is asked on it, what the answer comes to.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;

use evenkeel_core::health::Outcome;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::expect::BODY_BYTES;
use crate::channel::{Channel, Sink as _, Source as _};
use crate::config::{Ask, Check};
use crate::dial;
use crate::h1::{self, Decoder, Eof, Framing, Limits, Method, ResponseHead, Status};
use crate::http2;
use crate::tls;
use crate::worker::Worker;
use crate::world::{Address, Stream, World};

/// Bytes that are read at once.
const PIECE: usize = 4 << 10;

/// What `grpc.health.v1` answers for a service that serves: one field, 1, of the value 1.
const SERVING: [u8; 7] = [0, 0, 0, 0, 2, 8, 1];

/// Probes `address` by `check`. `number` counts probes; names with several addresses are taken in
/// turn by it.
pub(super) async fn perform<W: World>(
    worker: &Rc<Worker<W>>,
    check: &Check,
    http2: bool,
    tls: Option<&tls::Client>,
    address: &Address,
    number: u32,
) -> Outcome {
    let began = worker.world.now();
    let http2 = http2 && check.ask != Ask::Tcp;
    let dialled = dial::connect(worker, tls, http2, address, number.into()).await;
    let Ok(channel) = dialled else {
        return Outcome::Refused;
    };
    let channel = match http2 {
        true => match stream(worker, channel).await {
            Ok(channel) => channel,
            Err(_) => return Outcome::Lost,
        },
        false => channel,
    };
    let outcome = match &check.ask {
        Ask::Tcp => Outcome::Passed,
        Ask::Http { .. } | Ask::Grpc { .. } => match exchange(check, address, channel).await {
            Ok(outcome) | Err(outcome) => outcome,
        },
    };
    match outcome {
        Outcome::Passed => check.expect.latency(worker.world.now().since(began)),
        other => other,
    }
}

/// The only stream of a new connection of HTTP/2.
async fn stream<W: World>(
    worker: &Worker<W>,
    channel: Channel<W::Stream>,
) -> io::Result<Channel<W::Stream>> {
    let header_bytes = Limits::default().header_bytes;
    let begun = http2::Connection::begin::<W>(channel, header_bytes, 1).await;
    let (connection, frames) = begun?;
    worker.world.spawn(frames);
    Ok(Channel::Http2(Box::new(connection.stream())))
}

/// Asks and reads what is needed of the answer. An error is what it comes to, as well.
async fn exchange<S: Stream>(
    check: &Check,
    address: &Address,
    mut channel: Channel<S>,
) -> Result<Outcome, Outcome> {
    let lost = |_: io::Error| Outcome::Lost;
    let (request, method) = request(check, address);
    channel.write_all(&request).await.map_err(lost)?;
    poll_fn(|cx| channel.poll_finish(cx, &[]))
        .await
        .map_err(lost)?;
    let mut received = Vec::new();
    let (head, length) = head(&mut channel, &mut received, method).await?;
    let is_grpc = matches!(check.ask, Ask::Grpc { .. });
    let judged = match is_grpc {
        true if head.status != 200 => Outcome::Status,
        true => Outcome::Passed,
        false => check.expect.head(&head, &received),
    };
    if judged != Outcome::Passed || (check.expect.body.is_none() && !is_grpc) {
        return Ok(judged);
    }
    let received_body = received.split_off(length);
    let (body, _) = body(&mut channel, &head, received_body, BODY_BYTES).await?;
    if !is_grpc {
        return Ok(check.expect.body(&body));
    }
    // Without a message, the status stands in the head.
    let in_head = head.fields.values(&received, "grpc-status").next();
    Ok(match (in_head, channel.trailers()) {
        (Some(status), _) if status != b"0" => Outcome::Status,
        (None, trailers) if !is_fine(trailers) => Outcome::Status,
        _ if body == SERVING => Outcome::Passed,
        _ => Outcome::Body,
    })
}

/// Whether the trailers say that the call went well.
fn is_fine(trailers: &[u8]) -> bool {
    let mut lines = trailers.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    lines.any(|line| match line.split_first_chunk::<12>() {
        Some((name, value)) => {
            name.eq_ignore_ascii_case(b"grpc-status:") && value.trim_ascii() == b"0"
        }
        None => false,
    })
}

/// What an endpoint at `address` is asked as, if nothing else is said.
pub(super) fn authority(address: &Address) -> String {
    match address {
        Address::Unix(_) => "localhost".to_owned(),
        other => other.to_string(),
    }
}

/// The head of a request up to the lines that not all have.
pub(super) fn opening(method: &str, path: &str, host: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: evenkeel\r\nAccept: */*\r\n")
}

/// The text of a request, and its method.
fn request(check: &Check, address: &Address) -> (Vec<u8>, Method) {
    let own = authority(address);
    match &check.ask {
        Ask::Http {
            method,
            path,
            host,
            headers,
        } => {
            let host = host.as_ref().unwrap_or(&own);
            let mut text = opening(method, path, host);
            text.push_str("Connection: close\r\n");
            for line in headers {
                text.push_str(line);
                text.push_str("\r\n");
            }
            text.push_str("\r\n");
            (text.into_bytes(), Method::of(method.as_bytes()))
        }
        Ask::Grpc { host, service } => {
            let host = host.as_ref().unwrap_or(&own);
            let message = asking_for(service);
            let mut text = format!(
                "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: {host}\r\n\
                 User-Agent: evenkeel\r\nContent-Type: application/grpc\r\nTE: trailers\r\n\
                 Content-Length: {}\r\n\r\n",
                message.len()
            )
            .into_bytes();
            text.extend_from_slice(&message);
            (text, Method::Post)
        }
        Ask::Tcp => (Vec::new(), Method::Get),
    }
}

/// A message of gRPC, not compressed, with a name in field 1; an empty one is left out.
fn asking_for(service: &str) -> Vec<u8> {
    let mut field = Vec::with_capacity(service.len() + 3);
    if !service.is_empty() {
        field.push(0x0a);
        let mut length = service.len();
        while length >= 0x80 {
            field.push(length as u8 | 0x80);
            length >>= 7;
        }
        field.push(length as u8);
        field.extend_from_slice(service.as_bytes());
    }
    let mut message = vec![0];
    message.extend_from_slice(&(field.len() as u32).to_be_bytes());
    message.append(&mut field);
    message
}

/// Reads up to the end of the final head. Its place in `received` is from the first byte on.
pub(super) async fn head<S: Stream>(
    channel: &mut Channel<S>,
    received: &mut Vec<u8>,
    method: Method,
) -> Result<(ResponseHead, usize), Outcome> {
    let limits = Limits::default();
    let mut head = ResponseHead::default();
    loop {
        match h1::parse_response(received, method, &limits, &mut head) {
            Ok(Status::Complete(length)) if head.is_interim() => {
                received.drain(..length);
                head = ResponseHead::default();
                continue;
            }
            Ok(Status::Complete(length)) => return Ok((head, length)),
            Ok(Status::Partial) => {}
            Err(_) => return Err(Outcome::Protocol),
        }
        if !fill(channel, received).await? {
            return Err(Outcome::Lost);
        }
    }
}

/// Reads the body, or its first `most` bytes; `received` is what came with the head. Also whether
/// that is all of it and nothing follows.
pub(super) async fn body<S: Stream>(
    channel: &mut Channel<S>,
    head: &ResponseHead,
    mut received: Vec<u8>,
    most: usize,
) -> Result<(Vec<u8>, bool), Outcome> {
    let framing = match (&*channel, head.framing) {
        // A stream's end is the body's.
        (Channel::Http2(_), Framing::Chunked) => Framing::UntilClose,
        (_, framing) => framing,
    };
    let mut decoder = Decoder::new(framing, &Limits::default());
    let mut body = Vec::new();
    loop {
        while !received.is_empty() && !decoder.is_end() {
            let step = decoder.decode(&received).map_err(|_| Outcome::Protocol)?;
            body.extend_from_slice(&received[step.payload]);
            received.drain(..step.consumed);
        }
        if decoder.is_end() || body.len() >= most {
            let is_clean = decoder.is_end() && received.is_empty() && body.len() <= most;
            body.truncate(most);
            return Ok((body, is_clean));
        }
        if !fill(channel, &mut received).await? {
            return match decoder.eof() {
                Eof::Complete => Ok((body, false)),
                Eof::Cut => Err(Outcome::Lost),
            };
        }
    }
}

/// Reads another piece; false at the end.
async fn fill<S: Stream>(
    channel: &mut Channel<S>,
    received: &mut Vec<u8>,
) -> Result<bool, Outcome> {
    let mut piece = [0; PIECE];
    let read = channel.read(&mut piece).await.map_err(|_| Outcome::Lost)?;
    received.extend_from_slice(&piece[..read]);
    Ok(read > 0)
}
