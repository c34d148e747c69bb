//! Reading the files that people write: configurations and scenarios, TOML and JSON alike.
//!
//! A wrong file must cost its author one look, so everything here serves the error: a value keeps
//! its place in the file ([`Span`]), a [`Table`] declares each key once (name, type, default, one
//! line of help) and goes on after a mistake, and a [`Diagnostic`] shows the line, what was
//! expected and the nearest known key. The same declarations [`describe`] themselves, which is
//! where the JSON Schema and `explain` come from: help that cannot be out of date.

mod address;
mod decode;
mod diagnostic;
mod json;
mod key;
mod kind;
mod name;
mod nearest;
mod network;
mod quantity;
mod rate;
mod scalar;
mod share;
mod size;
mod source;
mod table;
mod time;
mod toml;
mod tree;

#[cfg(test)]
mod test;

pub use address::{Address, Socket, is_host};
pub use decode::{decode, decode_root, describe};
pub use diagnostic::{Diagnostic, Severity, render};
pub use key::{Key, Shape, explain, schema};
pub use kind::{Kind, List, OneOrMany, Sink};
pub use name::Names;
pub use nearest::{known, nearest};
pub use network::{Cidr, Network};
pub use rate::Rate;
pub use scalar::{Boolean, Choice, FilePath, Float, Integer, Name, Text};
pub use share::{Percent, Share};
pub use size::Size;
pub use source::{Position, Source, Span};
pub use table::Table;
pub use time::Time;
pub use tree::{Entry, Node, Step, Value, find, is_scenario, open, parse};
