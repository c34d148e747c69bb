//! What happens when endpoints are not fine: the scenarios of resilience, and how long faults stay
//! unseen.
//!
//! All seeds in engine `net`, a quarter of an hour on two cores:
//!
//!     RESILIENCE=full cargo test --release --test resilience
//!
//! Without `RESILIENCE=full`, engine `net` runs one seed of each scenario as it is, except for the
//! largest, and a tenth of them without their protection; engine `model` runs all seeds in either
//! size.
#![cfg(feature = "sim")]

mod detection;
mod scenario;

/// Seeds of the full size.
const SEEDS: u64 = 20;

/// `full` if that was asked for.
fn size<T>(full: T, small: T) -> T {
    match std::env::var("RESILIENCE") {
        Ok(size) if size == "full" => full,
        Ok(size) => panic!("RESILIENCE={size}: the one size that has a name is full"),
        Err(_) => small,
    }
}
