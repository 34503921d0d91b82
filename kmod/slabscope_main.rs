// SPDX-License-Identifier: GPL-2.0

//! slabscope: counts and prunes what the dentry cache holds below one directory.
//!
//! This file is the device; session.rs is a file that is open on it, walk.rs the walk, records.rs what
//! it reports, abi.rs the interface to user space. What is unsafe stands in pairs: the dcache (dcache.rs,
//! dcache_helper.c), inodes (inodes.rs, inodes_helper.c), the directory that a walk begins at and its
//! caller (root.rs, root_helper.c).

// `kernel::prelude` brings these into scope in some kernel series and not in others.
#[allow(unused_imports)]
use core::{
    borrow::Borrow,
    mem::size_of, //
};
use kernel::{
    fs::{
        File,
        Kiocb, //
    },
    iov::IovIterDest,
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
    new_mutex,
    prelude::*,
    sync::Mutex,
    uaccess::{
        UserPtr,
        UserSlice, //
    },
};

// Public in the program, which shares it.
#[macro_use]
#[allow(dead_code, unreachable_pub)]
mod abi;
mod buffer;
mod dcache;
mod inodes;
mod misc;
mod records;
mod root;
mod session;
mod walk;

use abi::{
    Begin,
    Info, //
};
use session::State;

module! {
    type: Slabscope,
    name: "slabscope",
    authors: ["The slabscope authors"],
    description: "Counts and prunes what the dentry cache holds below one directory",
    license: "GPL",
    params: {
        read_only: u8 {
            default: 0,
            description: "1: refuse every prune",
        },
    },
}

/// Fields are dropped in this order.
struct Slabscope {
    _debugfs: root::Debugfs,
    _device: Pin<KBox<misc::Registered>>,
    _drains: inodes::Drains,
}

impl kernel::Module for Slabscope {
    fn init(module: &'static ThisModule) -> Result<Self> {
        let options = MiscDeviceOptions { name: c"slabscope" };
        let drains = inodes::Drains::new();
        let device = misc::Registered::new::<Session>(options, module)?;
        let ro = if is_read_only() { ", read-only" } else { "" };
        pr_info!("ABI {}{}\n", abi::VERSION, ro);
        Ok(Self {
            _debugfs: root::Debugfs::new(),
            _device: device,
            _drains: drains,
        })
    }
}

/// Whether every prune is refused.
fn is_read_only() -> bool {
    // A value in some kernel series, a reference in others.
    *Borrow::<u8>::borrow(&module_parameters::read_only.value()) != 0
}

/// A file that is open on the device.
#[pin_data]
struct Session {
    #[pin]
    state: Mutex<State>,
}

#[vtable]
impl MiscDevice for Session {
    type Ptr = Pin<KBox<Self>>;

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Self::Ptr> {
        misc::may_use()?;
        KBox::try_pin_init(
            try_pin_init!(Session {
                state <- new_mutex!(State::Idle),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    fn ioctl(me: Pin<&Self>, _file: &File, cmd: u32, arg: usize) -> Result<isize> {
        misc::may_use()?;
        let user = |len| UserSlice::new(UserPtr::from_addr(arg), len);
        match cmd {
            abi::IOC_INFO => {
                let info = session::info(is_read_only());
                user(size_of::<Info>()).writer().write(&info)?
            }
            abi::IOC_BEGIN => {
                let begin = user(size_of::<Begin>()).reader().read::<Begin>()?;
                // SAFETY: this is an ioctl.
                unsafe { me.state.lock().begin(begin, is_read_only())? }
            }
            abi::IOC_STOP => me.state.lock().stop()?,
            _ => return Err(ENOTTY),
        }
        Ok(0)
    }

    fn read_iter(kiocb: Kiocb<'_, Self::Ptr>, iov: &mut IovIterDest<'_>) -> Result<usize> {
        misc::may_use()?;
        let room = iov.len();
        let session = kiocb.file();
        let mut state = session.state.lock();
        state.read(room, |bytes| iov.copy_to_iter(bytes))
    }
}
