//! The tests that run in guests: named `lab::SERIES::[FILESYSTEM::]CASE`, one boot for many.

mod basics;
mod census;
mod classic;
mod command_line;
mod demo;
mod errors;
mod explorer;
mod failing_disk;
mod fixture;
mod inodes;
mod ladder;
mod learn;
mod main_job;
mod pages;
mod plans;
mod reading;
mod refusals;
mod rungs;
mod runner;
mod screen;
mod sessions;
mod stuck;
mod survive;
mod who;

use std::time::Duration;

use anyhow::Result;

use crate::guest::Guest;
use crate::setup::Lab;
pub use runner::run;

/// What a test is told besides its guest.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What the guest is made of.
    pub lab: &'a Lab,
    /// How long tests go on that wait for races to happen.
    pub storm: Duration,
}

/// One test: its name without the kernel, and what it does with a guest.
#[derive(Clone, Copy)]
pub struct Case {
    /// `CASE` or `FILESYSTEM::CASE`.
    pub name: &'static str,
    /// Fails by an error.
    pub run: fn(&Context<'_>, &Guest) -> Result<()>,
}

/// All tests.
fn cases() -> Vec<Case> {
    [
        basics::CASES,
        screen::CASES,
        main_job::CASES,
        explorer::CASES,
        plans::CASES,
        rungs::CASES,
        classic::CASES,
        census::CASES,
        survive::CASES,
        inodes::CASES,
        pages::CASES,
        failing_disk::CASES,
        stuck::CASES,
        errors::CASES,
        sessions::CASES,
        command_line::CASES,
        ladder::CASES,
        refusals::CASES,
        who::CASES,
        demo::CASES,
        learn::CASES,
    ]
    .concat()
}
