//! The tests that run in guests: named `lab::SERIES::[FILESYSTEM::]CASE`, one boot for many.

mod apart;
mod basics;
mod carousel;
mod census;
mod cgroups;
mod classic;
mod command_line;
mod demo;
mod doctor;
mod errors;
mod explorer;
mod failing_disk;
mod files;
mod fixture;
mod hung;
mod inodes;
mod ladder;
mod learn;
mod main_job;
mod needs;
mod packages;
mod pages;
mod plans;
mod readers;
mod reading;
mod refusals;
mod rungs;
mod runner;
mod screen;
mod sessions;
mod stock;
mod stuck;
mod survive;
mod unsynced;
mod who;

use std::time::Duration;

use anyhow::Result;

use crate::guest::Guest;
use crate::setup::Lab;
use needs::Need;
pub use needs::Tested;
pub use runner::run;

/// Context of a test besides its guest.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The files that the guest is made of.
    pub lab: &'a Lab,
    /// Duration of tests that wait for races.
    pub storm: Duration,
}

/// One test: its name without the kernel, and its function.
#[derive(Clone, Copy)]
pub struct Case {
    /// `CASE` or `FILESYSTEM::CASE`.
    pub name: &'static str,
    /// The test; it fails by an error.
    pub run: fn(&Context<'_>, &Guest) -> Result<()>,
}

/// Tests that every kernel passes, from 5.10 on, are listed with no need.
const SUITES: &[(&[Need], &[Case])] = &[
    (&[], basics::CASES),
    (&[], basics::WITH_MODULE),
    (&[Need::Since("6.1")], basics::COUNTED),
    (&[Need::Since("6.1")], cgroups::CASES),
    (&[], screen::CASES),
    (&[], screen::WITH_MODULE),
    (&[], stock::CASES),
    (&[Need::Since("6.1"), Need::Btf], stock::COUNTED),
    (&[Need::Since("6.1")], carousel::CASES),
    (&[], carousel::WITH_MODULE),
    // The kernels of Debian 11 count no events of a probe, and cannot make a disk fail.
    (&[Need::Since("6.1")], main_job::CASES),
    (&[], explorer::CASES),
    (&[], plans::CASES),
    (&[Need::Since("6.1")], rungs::CASES),
    (&[Need::Since("6.8")], rungs::WITHOUT_SWAP),
    (&[Need::Since("6.1")], classic::CASES),
    (&[], census::CASES),
    (&[Need::Since("6.1")], census::COUNTED),
    (&[Need::Btf], readers::CASES),
    (&[Need::Btf], readers::WITH_MODULE),
    (&[], survive::CASES),
    (&[], inodes::CASES),
    (&[Need::Debian], packages::CASES),
    (&[], unsynced::CASES),
    (&[Need::Since("6.12"), Need::Btf], doctor::CASES),
    (&[], pages::CASES),
    (&[Need::Since("6.12")], pages::COUNTED),
    (&[Need::Since("6.1")], failing_disk::CASES),
    (&[Need::Since("6.12")], failing_disk::ON_BTRFS),
    (&[], apart::CASES),
    (&[], stuck::CASES),
    (&[Need::Since("6.12"), Need::Btf], hung::CASES),
    // The mount of a server of the guest itself does not end on 6.12 and older.
    (&[Need::Since("7.2")], hung::BY_NFS),
    (&[], errors::CASES),
    (&[], sessions::CASES),
    (&[], command_line::CASES),
    (&[Need::Since("6.1")], ladder::CASES),
    (&[Need::Since("6.1")], files::CASES),
    (&[Need::Since("6.8")], ladder::WITHOUT_SWAP),
    (&[], ladder::WITH_MODULE),
    (&[Need::Since("6.1")], refusals::CASES),
    (&[Need::Since("6.12")], refusals::SERVED),
    (&[Need::Since("6.12"), Need::Btf], who::CASES),
    (&[Need::Since("7.2"), Need::Btf], who::OF_ANY_CACHE),
    (&[Need::Rust, Need::Btf], demo::CASES),
    (&[Need::Rust, Need::Btf], learn::CASES),
    (&[Need::Rust], learn::ON_ANY),
];

/// The tests that run by default on the newest series: of each promise the test that is most likely to find it broken.
const ON_NEWEST: &[&str] = &[
    "boot",
    "module_loads",
    "ext4::failed_lookups",
    "cgroups::hostile",
    "screen_size",
    "ext4::screen",
    "ext4::main_job",
    "ext4::looking",
    "ext4::names",
    "ext4::replaced",
    "rungs::from_the_screen",
    "ext4::classic_debugfs",
    "errors::log_quotes_names",
    "ext4::census_exact",
    "overlay::census_exact",
    "xfs::bpf_exact",
    "btrfs::files_survive",
    "ext4::storm",
    "ext4::inodes",
    "ext4::unsynced",
    "ext4::pages",
    "btrfs::pages",
    "ext4::failed_write_is_kept_and_reported",
    "ext4::nothing_goes_after_a_sync_that_failed",
    "stuck::prune_of_a_disk_that_does_not_answer_is_killed",
    "hung::commands_beside_a_mute_server",
    "errors::requests",
    "errors::reads",
    "errors::permission",
    "errors::interrupted",
    "errors::bounds",
    "errors::command_line",
    "ladder::superblock",
    "ladder::superblock_options",
    "ladder::everybody",
    "ladder::cgroup",
    "ladder::bad_input",
    "who::dentries",
    "who::killed",
    "learn::demo_module",
    "learn::interrupted",
];

/// On the newest once more, with the module as it is for kernels without Rust.
const ON_NEWEST_PLAIN: &[&str] = &["module_loads", "ext4::census_exact", "ext4::inodes"];

/// On the newest of the older series: that module, and the way of those who have none.
const ON_OLDER: &[&str] = &[
    "module_loads",
    "ext4::main_job",
    "ext4::census_exact",
    "ext4::storm",
    "ext4::inodes",
    "ext4::pages",
    "stock::doctor",
    "stock::main_job",
    "who::dentries",
    COUNTS,
];

/// On the one before: what differs there.
const ON_OLD: &[&str] = &[
    "module_loads",
    "ext4::census_exact",
    "ext4::inodes",
    "ext4::nothing_goes_once_it_has_given_up_writing",
    "stock::doctor",
    "cgroups::doctor_remedies",
    "ladder::superblock",
    COUNTS,
];

/// On the oldest: whether it works at all.
const ON_OLDEST: &[&str] = &[
    "module_loads",
    "ext4::census_exact",
    "ext4::storm",
    "ext4::inodes",
    "ext4::pages",
    "stock::screen",
    "stock::doctor",
    COUNTS,
];

/// The BPF reader's exact counts: on every series, as the kernel's structures differ.
const COUNTS: &str = "ext4::bpf_exact";

/// All tests.
fn cases() -> impl Iterator<Item = (&'static [Need], Case)> {
    let of = |&(needs, cases): &(&'static [Need], &'static [Case])| {
        cases.iter().map(move |case| (needs, *case))
    };
    SUITES.iter().flat_map(of)
}
