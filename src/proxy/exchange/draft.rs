//! The memory of one request: what is written for it, and the head that answers it.
//!
//! Lent by the worker for as long as the request is served. Four allocations and their growth would
//! cost a small request a tenth of its instructions.

use crate::h1::ResponseHead;
use crate::relay::Relay;

/// A text that grew beyond this many bytes for one request is not kept for the next.
const KEPT: usize = 16 << 10;

/// What a request is written with. A worker's shelf holds those that are blank.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// The request's head as every endpoint gets it.
    pub(super) request: Vec<u8>,
    /// For what waits to be written to the endpoint; its relay has it.
    pub(super) upload: Vec<u8>,
    /// For what waits to be written to the client; its relay has it.
    pub(super) download: Vec<u8>,
    /// The head of the response.
    pub(super) response: ResponseHead,
}

impl Draft {
    /// Makes it blank again, with the texts that the relays had of it.
    pub(super) fn clear(&mut self, upload: Relay, download: Option<Relay>) {
        self.upload = upload.into_output();
        self.download = download.map_or_else(Vec::new, Relay::into_output);
        for text in [&mut self.request, &mut self.upload, &mut self.download] {
            if text.capacity() > KEPT {
                *text = Vec::new();
            }
            text.clear();
        }
        self.response.reset();
    }
}
