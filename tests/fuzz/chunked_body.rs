//! Any bytes as a chunked body: however they arrive they carry the same payload, which is the one
//! that a decoder finds that is written for reading instead of speed.
#![no_main]

use codec::h1::{Decoder, Framing, Limits, Reject, encode};
use codec::{Lot, NARROW};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    for limits in [Limits::default(), NARROW] {
        let whole = decode(input, Framing::Chunked, &limits, &[]);
        let cuts = Lot::of(input).places(input.len());
        let bytewise: Vec<usize> = (0..input.len().min(512)).collect();
        for ends in [cuts, bytewise] {
            assert_eq!(decode(input, Framing::Chunked, &limits, &ends), whole);
        }
        assert!(whole.trailers.len() <= limits.header_bytes + 2 * limits.headers);
        let (naive, plain) = (naive(input), whole.result == Ok(true));
        // The naive decoder knows no limit on trailers: what it finds may be refused for that.
        if plain {
            let (payload, consumed) = naive.expect("the naive decoder finds it whole too");
            assert_eq!((&payload, consumed), (&whole.payload, whole.consumed));
            again(&whole, &limits);
        } else if whole.result == Ok(false) {
            assert_eq!(naive, None, "the naive decoder finds an end");
        }
    }
    let length = Lot::of(input).below(input.len() + 2) as u64;
    for framing in [Framing::Length(length), Framing::UntilClose] {
        let whole = decode(input, framing, &NARROW, &[]);
        let most = usize::try_from(length)
            .unwrap_or(usize::MAX)
            .min(input.len());
        let taken = if framing == Framing::UntilClose {
            input.len()
        } else {
            most
        };
        assert_eq!(whole.payload, input[..taken]);
        let ends = Lot::of(input).places(input.len());
        assert_eq!(decode(input, framing, &NARROW, &ends), whole);
    }
});

#[derive(Debug, PartialEq, Eq)]
struct Decoded {
    /// Whether the body has ended.
    result: Result<bool, Reject>,
    payload: Vec<u8>,
    trailers: Vec<u8>,
    consumed: usize,
}

/// Decodes an input that arrives in pieces which end at `ends`, and then whole.
fn decode(input: &[u8], framing: Framing, limits: &Limits, ends: &[usize]) -> Decoded {
    let mut decoder = Decoder::new(framing, limits);
    let (mut payload, mut consumed, mut result) = (Vec::new(), 0, Ok(decoder.is_end()));
    'pieces: for &end in ends.iter().chain([&input.len()]) {
        while consumed < end && !decoder.is_end() {
            let piece = &input[consumed..end];
            match decoder.decode(piece) {
                Ok(step) => {
                    assert!(step.payload.start <= step.payload.end);
                    assert!(step.payload.end <= step.consumed && step.consumed <= piece.len());
                    assert!(step.consumed > 0, "no progress");
                    assert_eq!(step.end, decoder.is_end());
                    payload.extend_from_slice(&piece[step.payload]);
                    consumed += step.consumed;
                    result = Ok(step.end);
                }
                Err(reject) => {
                    // Where the error stands is not told; what came before it is.
                    (result, consumed) = (Err(reject), 0);
                    break 'pieces;
                }
            }
        }
    }
    let trailers = decoder.trailers().to_vec();
    Decoded {
        result,
        payload,
        trailers,
        consumed,
    }
}

/// What was decoded and is framed anew is decoded as the same.
fn again(first: &Decoded, limits: &Limits) {
    let mut framed = Vec::new();
    for piece in first.payload.chunks(7) {
        encode::chunk(piece, &mut framed);
    }
    encode::last_chunk(&first.trailers, &mut framed);
    let roomy = Limits {
        header_bytes: limits.header_bytes * 2,
        ..*limits
    };
    let second = decode(&framed, Framing::Chunked, &roomy, &[]);
    assert_eq!(
        (&second.payload, &second.trailers),
        (&first.payload, &first.trailers)
    );
    assert_eq!((second.result, second.consumed), (Ok(true), framed.len()));
}

/// A chunked body (RFC 9112 7.1) line by line: its payload and its length in bytes. `None` when it
/// is cut or wrong. Trailer lines are only looked at as far as finding their end needs.
fn naive(input: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut payload = Vec::new();
    let mut rest = input;
    let line = |rest: &mut &[u8]| {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let (line, after) = rest.split_at(end);
        *rest = &after[2..];
        let line = line.to_vec();
        (!line.iter().any(|byte| matches!(byte, b'\r' | b'\n'))).then_some(line)
    };
    loop {
        let head = line(&mut rest)?;
        let digits = head
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        let extension = head[digits..].trim_ascii_start();
        let plain = digits == head.len();
        if digits == 0 || digits > 16 || !(plain || extension.starts_with(b";")) {
            return None;
        }
        let text = std::str::from_utf8(&head[..digits]).ok()?;
        let size = usize::from_str_radix(text, 16).ok()?;
        if size == 0 {
            break;
        }
        payload.extend_from_slice(rest.get(..size)?);
        rest = &rest[size..];
        rest = rest.strip_prefix(b"\r\n")?;
    }
    while !line(&mut rest)?.is_empty() {}
    Some((payload, input.len() - rest.len()))
}
