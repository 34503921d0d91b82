// SPDX-License-Identifier: GPL-2.0

//! What surrounds the walks, behind a safe interface: the caller, the file in debugfs, and what is
//! copied from and to user space. The other side is root_helper.c and debugfs.c.

use crate::{
    abi::Counters,
    dcache::Root,
    session, //
};
use kernel::{
    bindings,
    fs::File,
    prelude::*,
    sync::aref::ARef, //
};

/// helpers.h: `struct slabscope_who`.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Who {
    uid: u32,
    pid: i32,
    comm: [u8; 16],
}

layout!(Who, 24, uid 0, pid 4, comm 8);

extern "C" {
    fn slabscope_who(who: *mut Who);
    fn slabscope_debugfs_init();
    fn slabscope_debugfs_exit();
}

/// The file in debugfs, as long as it is there.
pub(crate) struct Debugfs(());

impl Debugfs {
    /// Makes the file. To be called once.
    pub(crate) fn new() -> Self {
        // SAFETY: there are no requirements.
        unsafe { slabscope_debugfs_init() };
        Self(())
    }
}

impl Drop for Debugfs {
    fn drop(&mut self) {
        // SAFETY: `new` has made the file.
        unsafe { slabscope_debugfs_exit() };
    }
}

/// helpers.h: for debugfs.c.
///
/// # Safety
///
/// `file` has to be valid and no `fdget_pos` region of it active on this thread, `found` valid for
/// writes.
#[no_mangle]
unsafe extern "C" fn slabscope_shrink(file: *mut bindings::file, found: *mut Counters) -> c_int {
    // SAFETY: by the contract.
    let file: ARef<File> = unsafe { File::from_raw_file(file) }.into();
    let mut counters = Counters::default();
    let done = session::shrink(Root::of(file), &mut counters, crate::is_read_only());
    // SAFETY: by the contract.
    unsafe { found.write(counters) };
    done.map_or_else(|error| error.to_errno(), |()| 0)
}

impl Who {
    /// The calling process.
    pub(crate) fn current() -> Self {
        let mut who = Self::default();
        // SAFETY: `who` is valid for writes.
        unsafe { slabscope_who(&mut who) };
        who
    }
}

// SAFETY: `repr(C)`, made of integers alone, without padding (sizes are asserted in abi.rs).
unsafe impl kernel::transmute::AsBytes for crate::abi::Header {}
// SAFETY: as above.
unsafe impl kernel::transmute::AsBytes for crate::abi::Counters {}
// SAFETY: as above.
unsafe impl kernel::transmute::AsBytes for crate::abi::Info {}
// SAFETY: `repr(C)` and made of integers alone: every bit pattern is valid.
unsafe impl kernel::transmute::FromBytes for crate::abi::Begin {}
