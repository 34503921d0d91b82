// SPDX-License-Identifier: GPL-2.0

//! What surrounds the walks, behind a safe interface: the caller, the device's operations, the file
//! in debugfs, and what is copied from and to user space. The other side is session.c and
//! debugfs.c.

use crate::{
    abi::Counters,
    ffi::Root, //
};
use kernel::{
    bindings,
    error::to_result,
    fs::File,
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions, //
    },
    prelude::*,
    sync::aref::ARef,
    types::Opaque, //
};

/// shim.h: `struct slabscope_who`.
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
    let mut counters = Counters::default();
    let done = crate::shrink(Root::of(file), &mut counters);
    // SAFETY: by the contract.
    unsafe { found.write(counters) };
    done.map_or_else(|error| error.to_errno(), |()| 0)
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

/// A registered device whose open files keep this module loaded, as those of
/// `MiscDeviceRegistration` do since Linux 7.3 only: before that its operations have no owner.
///
/// # Invariants
///
/// `misc` is registered, with `fops` as its operations.
#[pin_data(PinnedDrop)]
pub(crate) struct Registered {
    #[pin]
    misc: Opaque<bindings::miscdevice>,
    // Unused once no file is open, as when the module is unloaded.
    _fops: KBox<bindings::file_operations>,
}

// SAFETY: a device may be deregistered from any thread.
unsafe impl Send for Registered {}
// SAFETY: there are no methods.
unsafe impl Sync for Registered {}

impl Registered {
    /// Registers a device. Every file that is opened on it keeps `module` loaded.
    pub(crate) fn new<T: MiscDevice>(
        options: MiscDeviceOptions,
        module: &'static ThisModule,
    ) -> Result<Pin<KBox<Self>>> {
        let mut raw = options.into_raw::<T>();
        // SAFETY: `into_raw` leaves a pointer to operations that are constants.
        let mut fops = unsafe { raw.fops.read() };
        fops.owner = module.as_ptr();
        let fops = KBox::new(fops, GFP_KERNEL)?;
        raw.fops = &*fops;
        KBox::try_pin_init(
            try_pin_init!(Self {
                misc <- Opaque::try_ffi_init(move |slot: *mut bindings::miscdevice| {
                    // SAFETY: the initializer may write to `slot`.
                    unsafe { slot.write(raw) };
                    // SAFETY: it is a device as `MiscDeviceRegistration`, which is transparent,
                    // has it, pinned and deregistered before it is freed.
                    to_result(unsafe { bindings::misc_register(slot) })
                }),
                _fops: fops,
            }? Error),
            GFP_KERNEL,
        )
    }
}

#[pinned_drop]
impl PinnedDrop for Registered {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: by the type invariant.
        unsafe { bindings::misc_deregister(self.misc.get()) };
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
