//! Answers that evenkeel gives itself: rejections, errors, redirects.

use super::encode::{Extra, decimal, field};

/// A complete response with a short text.
#[derive(Clone, Copy, Debug)]
pub struct Local<'a> {
    /// The status.
    pub status: u16,
    /// One sentence for a human; a second line names the request.
    pub text: &'a str,
    /// Sent as `X-Request-Id` and in the text, so that a user can quote it.
    pub request_id: &'a str,
    /// The connection closes after it. Always so for an HTTP/1.0 client: no `keep-alive` is said.
    pub close: bool,
    /// The answer to HEAD: no body, the same fields.
    pub head_only: bool,
    /// `Retry-After`, `Allow`, `Location` and the like. Neither part may hold CR, LF or NUL.
    pub extra: &'a [Extra<'a>],
}

impl Local<'_> {
    /// Appends the response to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        const BEFORE_ID: &str = "\nrequest ";
        out.extend_from_slice(b"HTTP/1.1 ");
        decimal(u64::from(self.status), out);
        out.push(b' ');
        out.extend_from_slice(reason(self.status).as_bytes());
        out.extend_from_slice(b"\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ");
        let length = self.text.len() + BEFORE_ID.len() + self.request_id.len() + 1;
        decimal(length as u64, out);
        out.extend_from_slice(b"\r\n");
        field(b"X-Request-Id", self.request_id.as_bytes(), out);
        for (name, value) in self.extra {
            field(name.as_bytes(), value, out);
        }
        if self.close {
            field(b"Connection", b"close", out);
        }
        out.extend_from_slice(b"\r\n");
        if !self.head_only {
            for part in [self.text, BEFORE_ID, self.request_id, "\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
    }
}

/// The usual reason phrase of a status that evenkeel answers with; empty for others.
pub fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
