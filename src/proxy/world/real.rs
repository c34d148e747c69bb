//! The real world: tokio, one current-thread runtime for each worker, `SO_REUSEPORT` listeners.
