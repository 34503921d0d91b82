//! /proc/self/mountinfo.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slabscope::kernel::source::mounts;

fuzz_target!(|bytes: &[u8]| {
    if let Err(error) = mounts::parse(bytes) {
        assert!(error.line >= 1 && !error.to_string().contains('\x1b'));
    }
});
