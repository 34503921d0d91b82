// SPDX-License-Identifier: GPL-2.0

//! A misc device for privileged callers, behind a safe interface. Also a file of the other module
//! here, by a link.

use kernel::{
    bindings,
    error::to_result,
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions, //
    },
    prelude::*,
    types::Opaque, //
};

/// Whether the caller has `CAP_SYS_ADMIN` in the initial user namespace.
pub(crate) fn may_use() -> Result {
    // SAFETY: `capable` may be called in any process context.
    if unsafe { bindings::capable(bindings::CAP_SYS_ADMIN as c_int) } {
        Ok(())
    } else {
        Err(EPERM)
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
