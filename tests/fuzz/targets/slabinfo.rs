//! /proc/slabinfo, and everything that is reckoned from it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slabscope::source::{Totals, slabinfo};

fuzz_target!(|bytes: &[u8]| match slabinfo::parse(bytes) {
    Ok(caches) => {
        assert!(!caches.is_empty());
        let _ = Totals::of(&caches, 4096).to_string();
        for cache in caches {
            assert!(!cache.name.is_empty());
            assert!(cache.idle(4096) <= cache.size(4096));
        }
    }
    Err(error) => {
        assert!(error.line >= 1 && error.line <= 1 + bytes.split(|&byte| byte == b'\n').count());
        assert!(!error.to_string().contains('\x1b'));
    }
});
