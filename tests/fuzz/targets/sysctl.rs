//! The files of one line: dentry-state, inode-nr, uptime.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slabscope::kernel::source::{dentry_state, inode_nr, uptime};

fuzz_target!(|text: &str| {
    let errors = [
        dentry_state::parse(text).err(),
        inode_nr::parse(text).err(),
        uptime::parse(text).err(),
    ];
    for error in errors.into_iter().flatten() {
        // Blank lines before it are passed over.
        let lines = text.lines().count().max(1);
        assert!((1..=lines).contains(&error.line) && !error.to_string().contains('\x1b'));
    }
});
