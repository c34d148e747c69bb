//! Bodies: framing found at every split, malformed chunks refused, cuts known as cuts.

use proptest::prelude::*;

use super::*;

/// What a body came to: payload, bytes consumed, end reached, trailers.
type Outcome = Result<(Vec<u8>, usize, bool, Vec<u8>), Reject>;

/// Feeds the pieces one after the other, as a connection would.
fn decode<'a>(framing: Framing, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut decoder = Decoder::new(framing, &LIMITS);
    let (mut payload, mut consumed) = (Vec::new(), 0);
    for mut piece in pieces {
        while !piece.is_empty() && !decoder.is_end() {
            let step = decoder.decode(piece)?;
            assert!(step.payload.end <= step.consumed && step.consumed <= piece.len());
            assert!(step.consumed > 0 && step.end == decoder.is_end());
            payload.extend_from_slice(&piece[step.payload]);
            consumed += step.consumed;
            piece = &piece[step.consumed..];
        }
    }
    Ok((
        payload,
        consumed,
        decoder.is_end(),
        decoder.trailers().to_vec(),
    ))
}

fn everywhere(framing: Framing, input: &[u8]) -> Outcome {
    let whole = decode(framing, [input]);
    for split in 0..=input.len() {
        let (left, right) = input.split_at(split);
        assert_eq!(
            decode(framing, [left, right]),
            whole,
            "{split}: {}",
            input.escape_ascii()
        );
    }
    assert_eq!(
        decode(framing, input.chunks(1)),
        whole,
        "{}",
        input.escape_ascii()
    );
    whole
}

#[test]
fn bodies_end_where_they_should() {
    use Framing::{Chunked, Length, UntilClose};
    let table: &[(Framing, &str, &str, usize, bool, &str)] = &[
        (Framing::None, "next", "", 0, true, ""),
        (Length(0), "next", "", 0, true, ""),
        (Length(3), "abcnext", "abc", 3, true, ""),
        (Length(3), "ab", "ab", 2, false, ""),
        (UntilClose, "abc", "abc", 3, false, ""),
        (Chunked, "0\r\n\r\nnext", "", 5, true, ""),
        (Chunked, "3\r\nabc\r\n0\r\n\r\nnext", "abc", 13, true, ""),
        (
            Chunked,
            "1\r\na\r\n002\r\nbc\r\n000\r\n\r\n",
            "abc",
            22,
            true,
            "",
        ),
        (
            Chunked,
            "A\r\n0123456789\r\na\r\n0123456789\r\n",
            "01234567890123456789",
            30,
            false,
            "",
        ),
        (
            Chunked,
            "1;a=b;c=\"d;\te\"\r\nx\r\n0 \t;z\r\n\r\n",
            "x",
            28,
            true,
            "",
        ),
        (
            Chunked,
            "0\r\nX-Sum: 1 \r\nB:\r\n\r\n",
            "",
            20,
            true,
            "X-Sum: 1\r\nB: \r\n",
        ),
        // A trailer may not frame, route or authenticate.
        (
            Chunked,
            "0\r\nContent-Length: 5\r\nhost: a\r\nCookie: a\r\nX-Forwarded-For: a\r\nA: b\r\n\r\n",
            "",
            70,
            true,
            "A: b\r\n",
        ),
    ];
    for (framing, input, payload, consumed, end, trailers) in table {
        let outcome = everywhere(*framing, input.as_bytes());
        let expected = (
            payload.as_bytes().to_vec(),
            *consumed,
            *end,
            trailers.as_bytes().to_vec(),
        );
        assert_eq!(outcome, Ok(expected), "{}", input.escape_debug());
    }
}

#[test]
fn malformed_chunks_are_refused() {
    let table: &[(String, Reject)] = &[
        ("0x5\r\nabcde\r\n".into(), Reject::ChunkSize),
        ("+5\r\nabcde\r\n".into(), Reject::ChunkSize),
        ("-1\r\n".into(), Reject::ChunkSize),
        (" 5\r\nabcde\r\n".into(), Reject::ChunkSize),
        ("5 \r\nabcde\r\n".into(), Reject::ChunkSize),
        ("5 5\r\nabcde\r\n".into(), Reject::ChunkSize),
        ("\r\n".into(), Reject::ChunkSize),
        (";a\r\n".into(), Reject::ChunkSize),
        ("g\r\n".into(), Reject::ChunkSize),
        ("5\nabcde\r\n".into(), Reject::ChunkSize),
        ("00000000000000005\r\n".into(), Reject::ChunkSize),
        ("fffffffffffffffff\r\n".into(), Reject::ChunkSize),
        ("5\r\r\nabcde\r\n".into(), Reject::LineEnd),
        ("5\rabcde\r\n".into(), Reject::LineEnd),
        ("5;a\nabcde\r\n".into(), Reject::ChunkExtension),
        ("5;a\rabcde\r\n".into(), Reject::LineEnd),
        ("5;\0\r\n".into(), Reject::ChunkExtension),
        (
            format!("5;{}\r\n", "a".repeat(16 << 10)),
            Reject::ChunkExtension,
        ),
        (
            format!("5 {}\r\n", " ".repeat(16 << 10)),
            Reject::ChunkExtension,
        ),
        ("1;a\r\nb\r\n".repeat((8 << 10) + 1), Reject::ChunkExtension),
        ("3\r\nabcd\r\n".into(), Reject::ChunkEnd),
        ("3\r\nabc\n0\r\n\r\n".into(), Reject::ChunkEnd),
        ("3\r\nabc\r0\r\n".into(), Reject::ChunkEnd),
        ("0\r\n\n".into(), Reject::LineEnd),
        ("0\r\n\ra".into(), Reject::LineEnd),
        ("0\r\nA: b\n\r\n".into(), Reject::LineEnd),
        ("0\r\nA: b\rC: d\r\n\r\n".into(), Reject::LineEnd),
        ("0\r\nA : b\r\n\r\n".into(), Reject::FieldName),
        ("0\r\nA: b\r\n c\r\n\r\n".into(), Reject::FieldName),
        ("0\r\nA: \0\r\n\r\n".into(), Reject::FieldValue),
        (
            format!("0\r\n{}\r\n", "A: b\r\n".repeat(17)),
            Reject::TooManyFields,
        ),
        (
            format!("0\r\nA: {}\r\n\r\n", "b".repeat(2048)),
            Reject::TooLarge,
        ),
    ];
    for (input, expected) in table {
        let outcome = if input.len() < 4096 {
            everywhere(Framing::Chunked, input.as_bytes())
        } else {
            decode(Framing::Chunked, [input.as_bytes()])
        };
        assert_eq!(outcome, Err(*expected), "{:.60}", input.escape_debug());
    }
}

#[test]
fn the_largest_chunk_does_not_overflow() {
    let mut decoder = Decoder::new(Framing::Chunked, &LIMITS);
    let step = decoder.decode(b"ffffffffffffffff\r\nabc").unwrap();
    assert_eq!(
        step,
        Step {
            payload: 18..21,
            consumed: 21,
            end: false
        }
    );
    assert_eq!(decoder.eof(), Eof::Cut);
}

#[test]
fn the_end_of_the_connection_cuts_what_is_framed() {
    use Framing::{Chunked, Length, UntilClose};
    let cut = |framing, input: &[u8]| {
        let mut decoder = Decoder::new(framing, &LIMITS);
        let mut at = 0;
        while at < input.len() {
            at += decoder.decode(&input[at..]).unwrap().consumed;
        }
        decoder.eof()
    };
    assert_eq!(cut(Framing::None, b""), Eof::Complete);
    assert_eq!(cut(Length(2), b""), Eof::Cut);
    assert_eq!(cut(Length(2), b"a"), Eof::Cut);
    assert_eq!(cut(Length(2), b"ab"), Eof::Complete);
    assert_eq!(cut(UntilClose, b""), Eof::Complete);
    assert_eq!(cut(UntilClose, b"ab"), Eof::Complete);
    let chunked = b"2\r\nab\r\n0\r\nA: b\r\n\r\n";
    for end in 0..chunked.len() {
        assert_eq!(cut(Chunked, &chunked[..end]), Eof::Cut, "{end}");
    }
    assert_eq!(cut(Chunked, chunked), Eof::Complete);
}

proptest! {
    /// Chunks of any sizes, with and without extensions, split anywhere, are the payload again;
    /// what follows the body is left alone.
    #[test]
    fn chunks_decode_to_their_payload(
        chunks in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 1..300), "(;[ -~\t]{0,9})?", 0usize..4), 0..12),
        trailers in prop::collection::vec("[a-z]{4}: [!-~]{1,8}\r\n", 0..3),
        splits in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut wire = Vec::new();
        for (data, extension, zeros) in &chunks {
            let size = format!("{}{:X}{extension}\r\n", "0".repeat(*zeros), data.len());
            wire.extend_from_slice(size.as_bytes());
            wire.extend_from_slice(data);
            wire.extend_from_slice(b"\r\n");
        }
        encode::last_chunk(trailers.concat().as_bytes(), &mut wire);
        let length = wire.len();
        wire.extend_from_slice(b"GET /");
        let payload: Vec<u8> = chunks.iter().flat_map(|(data, ..)| data.clone()).collect();

        let mut cuts: Vec<_> = splits.iter().map(|index| index.index(wire.len())).collect();
        cuts.extend([0, wire.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &wire[pair[0]..pair[1]]);
        let expected = (payload.clone(), length, true, trailers.concat().into_bytes());
        prop_assert_eq!(decode(Framing::Chunked, pieces), Ok(expected));

        let mut again = Vec::new();
        for (data, ..) in &chunks {
            encode::chunk(data, &mut again);
        }
        encode::last_chunk(b"", &mut again);
        let expected = (payload, again.len(), true, Vec::new());
        prop_assert_eq!(decode(Framing::Chunked, [&again[..]]), Ok(expected));
    }

    #[test]
    fn random_bodies_never_panic(
        input in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..80),
            "[0-3a;: \r\n]{0,60}".prop_map(String::into_bytes),
        ],
        split in any::<prop::sample::Index>(),
    ) {
        let whole = decode(Framing::Chunked, [&input[..]]);
        let (left, right) = input.split_at(split.index(input.len() + 1));
        prop_assert_eq!(decode(Framing::Chunked, [left, right]), whole);
    }
}
