//! TLS without sockets: certificates made for the occasion, handshakes in memory.
