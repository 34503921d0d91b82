//! /proc/meminfo.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slabscope::kernel::source::meminfo;

fuzz_target!(|text: &str| {
    if let Err(error) = meminfo::parse(text) {
        assert!(!error.to_string().contains('\x1b'));
    }
});
