//! /proc/slabinfo, and everything that is reckoned from it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slabscope::kernel::source::{Totals, slabinfo};

fuzz_target!(|bytes: &[u8]| match slabinfo::parse(bytes) {
    Ok(read) => {
        assert!(!read.value.is_empty());
        for page_size in [None, Some(4096)] {
            let _ = Totals::of(&read.value, page_size).to_string();
        }
        for cache in read.value {
            assert!(!cache.name.is_empty());
            assert!(cache.idle(4096).is_none_or(|idle| idle <= cache.size(4096)));
            assert!(cache.used().is_none_or(|used| used <= 100));
        }
    }
    Err(error) => {
        assert!(error.line >= 1 && error.line <= 1 + bytes.split(|&byte| byte == b'\n').count());
        assert!(!error.to_string().contains('\x1b'));
    }
});
