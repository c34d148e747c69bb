//! Requests in the order in which they were sent, however many there are.
//!
//! Logs are written when requests end, by several processes, under clocks that step back; so
//! nothing is assumed about their order. What does not fit into memory goes through sorted files
//! beside the output, which are merged; equal stamps keep the order of the log.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::vec;

use crate::workload::log::{Format, Log, Reading, Record, Recording};

/// Records that are held, in bytes.
const HELD_BYTES: usize = 32 << 20;
/// Files that are merged at a time.
const FAN: usize = 64;

/// A file for the time of its making, removed with this handle.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// One that is called like `out`, hidden, and told apart by `what`.
    pub(super) fn new(out: &Path, what: &str) -> Self {
        let name = out.file_name().unwrap_or_default().to_string_lossy();
        let name = format!(".{name}.{}.{what}", std::process::id());
        Self(out.with_file_name(name))
    }

    /// Writes records into it.
    pub(super) fn write(
        &self,
        records: impl Iterator<Item = io::Result<Record>>,
    ) -> io::Result<()> {
        let mut recording = Recording::new(BufWriter::new(File::create(&self.0)?), true)?;
        for record in records {
            recording.write(&record?)?;
        }
        recording.finish().map(drop)
    }

    /// What was written.
    pub(super) fn read(&self) -> io::Result<Whole> {
        let reading = Reading {
            format: Some(Format::Recording),
            ..Reading::default()
        };
        Log::open(&self.0, reading).map(Whole)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A file of our own, in which nothing may be missing.
pub(super) struct Whole(Log);

impl Iterator for Whole {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.0.next();
        if !self.0.summary().is_clean() {
            let what = self.0.summary().to_string();
            return Some(Err(io::Error::other(what)));
        }
        next.map(Ok)
    }
}

/// What sorts.
pub(super) struct Sorter<'a> {
    out: &'a Path,
    held: Vec<Record>,
    held_bytes: usize,
    most_bytes: usize,
    files: Vec<Scratch>,
    made: usize,
}

impl<'a> Sorter<'a> {
    /// One whose files are beside `out`.
    pub(super) fn new(out: &'a Path) -> Self {
        Self {
            out,
            held: Vec::new(),
            held_bytes: 0,
            most_bytes: HELD_BYTES,
            files: Vec::new(),
            made: 0,
        }
    }

    /// The same with room for `most_bytes` in memory.
    #[cfg(test)]
    pub(super) fn within(self, most_bytes: usize) -> Self {
        Self { most_bytes, ..self }
    }

    pub(super) fn add(&mut self, record: Record) -> io::Result<()> {
        self.held_bytes += weight(&record);
        self.held.push(record);
        if self.held_bytes < self.most_bytes {
            return Ok(());
        }
        self.held_bytes = 0;
        let sorted = sorted(std::mem::take(&mut self.held));
        self.keep(sorted.map(Ok))?;
        if self.files.len() == FAN {
            let files = std::mem::take(&mut self.files);
            self.keep(Merged::new(files, Vec::new())?)?;
        }
        Ok(())
    }

    fn keep(&mut self, records: impl Iterator<Item = io::Result<Record>>) -> io::Result<()> {
        let file = Scratch::new(self.out, &self.made.to_string());
        self.made += 1;
        file.write(records)?;
        self.files.push(file);
        Ok(())
    }

    /// All that was added, in order.
    pub(super) fn finish(self) -> io::Result<Merged> {
        Merged::new(self.files, self.held)
    }
}

fn sorted(mut records: Vec<Record>) -> vec::IntoIter<Record> {
    records.sort_by_key(|record| record.at_us);
    records.into_iter()
}

fn weight(record: &Record) -> usize {
    let texts =
        record.method.len() + record.path.len() + record.host.as_ref().map_or(0, |h| h.len());
    let tries: usize = record
        .tries
        .iter()
        .map(|t| size_of_val(t) + t.endpoint.len())
        .sum();
    // Each text is an allocation with a lining of its own.
    size_of::<Record>() + texts + tries + 64
}

/// Sorted files and what is in memory, as one. Of equal stamps the earlier file's comes first.
pub(super) struct Merged {
    sources: Vec<Box<dyn Iterator<Item = io::Result<Record>>>>,
    heads: BinaryHeap<Reverse<(i64, usize)>>,
    next: Vec<Option<Record>>,
    /// Kept as long as they are read.
    _files: Vec<Scratch>,
}

impl Merged {
    fn new(files: Vec<Scratch>, held: Vec<Record>) -> io::Result<Self> {
        let mut sources: Vec<Box<dyn Iterator<Item = io::Result<Record>>>> = Vec::new();
        for file in &files {
            sources.push(Box::new(file.read()?));
        }
        sources.push(Box::new(sorted(held).map(Ok)));
        let mut merged = Self {
            heads: BinaryHeap::new(),
            next: sources.iter().map(|_| None).collect(),
            sources,
            _files: files,
        };
        for place in 0..merged.sources.len() {
            merged.advance(place)?;
        }
        Ok(merged)
    }

    fn advance(&mut self, place: usize) -> io::Result<()> {
        let record = self.sources[place].next().transpose()?;
        if let Some(record) = &record {
            self.heads.push(Reverse((record.at_us, place)));
        }
        self.next[place] = record;
        Ok(())
    }
}

impl Iterator for Merged {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((_, place)) = self.heads.pop()?;
        let record = self.next[place].take()?;
        match self.advance(place) {
            Ok(()) => Some(Ok(record)),
            Err(error) => {
                self.heads.clear();
                Some(Err(error))
            }
        }
    }
}
