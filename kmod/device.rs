// SPDX-License-Identifier: GPL-2.0

//! What surrounds the walks, behind a safe interface: the caller, the device's operations, the file
//! in debugfs, and what is copied from and to user space. The other side is session.c and
//! debugfs.c.

use crate::{
    abi::Counters,
    ffi::Root, //
};
use core::mem::size_of;
use kernel::{
    bindings,
    fs::File,
    miscdevice::{
        MiscDevice,
        MiscDeviceRegistration, //
    },
    prelude::*,
    sync::aref::ARef,
};

/// shim.h: `struct slabscope_who`.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Who {
    uid: u32,
    pid: i32,
    comm: [u8; 16],
}

const _: () = assert!(size_of::<Who>() == 24);

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

/// shim.h: for debugfs.c.
///
/// # Safety
///
/// `file` has to be valid and no `fdget_pos` region of it active on this thread, `found` valid for
/// writes.
#[no_mangle]
unsafe extern "C" fn slabscope_shrink(file: *mut bindings::file, found: *mut Counters) -> c_int {
    // SAFETY: by the contract.
    let file: ARef<File> = unsafe { File::from_raw_file(file) }.into();
    match crate::shrink(Root::of(file)) {
        Ok(counters) => {
            // SAFETY: by the contract.
            unsafe { found.write(counters) };
            0
        }
        Err(error) => error.to_errno(),
    }
}

/// Whether the caller has `CAP_SYS_ADMIN` in the initial user namespace.
pub(crate) fn may_use() -> Result {
    // SAFETY: `capable` may be called in any process context.
    if unsafe { bindings::capable(bindings::CAP_SYS_ADMIN as c_int) } {
        Ok(())
    } else {
        Err(EPERM)
    }
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

/// The device's file operations with this module as their owner, so that an open file keeps the
/// module loaded. `kernel::miscdevice` sets no owner before Linux 7.3.
pub(crate) struct Owned(#[allow(dead_code)] KBox<bindings::file_operations>);

// SAFETY: never written to once the device uses it.
unsafe impl Send for Owned {}
// SAFETY: as above.
unsafe impl Sync for Owned {}

impl Owned {
    /// Makes this module the owner. The value has to outlive the registration.
    pub(crate) fn new<T: MiscDevice>(
        device: &MiscDeviceRegistration<T>,
        module: &'static ThisModule,
    ) -> Result<Self> {
        // SAFETY: the device is registered, so its `fops` points to valid operations.
        let mut fops = unsafe { (*device.as_raw()).fops.read() };
        fops.owner = module.as_ptr();
        let fops = KBox::new(fops, GFP_KERNEL)?;
        // SAFETY: `misc_open` reads the pointer under a lock that is not to be had here, but an
        // aligned pointer is written whole, and both values lead to valid operations; `is_owner_of`
        // lets `open` refuse the files that got the first.
        unsafe { (&raw mut (*device.as_raw()).fops).write_volatile(&*fops) };
        Ok(Self(fops))
    }

    /// Whether an open file keeps the module loaded.
    pub(crate) fn is_owner_of(file: &File) -> bool {
        // SAFETY: `f_op` of an open file is valid and does not change after `misc_open`.
        unsafe { !(*(*file.as_ptr()).f_op).owner.is_null() }
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
