//! The balancing core: what happens to a request, as pure state machines.
