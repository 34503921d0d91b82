//! The lab: a stock Debian kernel in QEMU with the slabscope module in it.
//!
//! [`setup`] makes everything from nothing in a cache outside the tree; [`guest`] boots it and drives its
//! screen; [`suite`] holds the tests that run in it, [`mod@bench`] the measurements; [`agent`] is the lab's hand inside the guest.

// Allowed in agent/raw.rs alone.
#![deny(unsafe_code)]
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a tool of the tests: with nobody to tell it may end"
)]

pub mod agent;
pub mod bench;
pub mod guest;
pub mod interactive;
pub mod learn;
pub mod relay;
pub mod setup;
pub mod shots;
pub mod suite;
pub mod svg;
