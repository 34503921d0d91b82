// SPDX-License-Identifier: GPL-2.0

//! slabscope: counts and prunes what the dentry cache holds below one directory.
//!
//! This file is the device and its sessions; walk.rs is the walk, records.rs what it reports,
//! abi.rs the interface to user space. What is unsafe stands in pairs: the dcache (dcache.rs,
//! dcache_helper.c), inodes (inodes.rs, inodes_helper.c), the directory that a walk begins at and
//! its caller (root.rs, root_helper.c).

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
mod walk;

use abi::{
    Begin,
    Counters,
    Header,
    Info, //
};
use walk::Walk;

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

/// Every mode that [`Begin::mode`] accepts, as [`Info::modes`] reports them.
const MODES: u32 = 1 << abi::MODE_CENSUS
    | 1 << abi::MODE_LIST
    | 1 << abi::MODE_NEGATIVE
    | 1 << abi::MODE_DENTRIES
    | 1 << abi::MODE_INODES
    | 1 << abi::MODE_PAGES;

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

enum State {
    /// Before the first BEGIN.
    Idle,
    /// Something is to be read yet.
    Walking(Walk, buffer::Buffer),
    /// The last record was read, and nothing is held any more.
    Done,
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
            abi::IOC_INFO => user(size_of::<Info>()).writer().write(&info())?,
            abi::IOC_BEGIN => {
                let begin = user(size_of::<Begin>()).reader().read::<Begin>()?;
                me.state.lock().begin(begin)?
            }
            abi::IOC_STOP => me.state.lock().stop()?,
            _ => return Err(ENOTTY),
        }
        Ok(0)
    }

    fn read_iter(kiocb: Kiocb<'_, Self::Ptr>, iov: &mut IovIterDest<'_>) -> Result<usize> {
        misc::may_use()?;
        if iov.len() < abi::MIN_READ {
            return Err(EINVAL);
        }
        kiocb.file().state.lock().read(iov)
    }
}

fn info() -> Info {
    Info {
        size: size_of::<Info>() as u32,
        version: abi::VERSION,
        modes: MODES,
        flags: if is_read_only() {
            abi::INFO_READ_ONLY
        } else {
            0
        },
        max_depth: walk::MAX_DEPTH as u32,
        reserved: 0,
    }
}

impl State {
    fn begin(&mut self, begin: Begin) -> Result {
        let mut flags = 0;
        if begin.prunes() {
            flags |= abi::BEGIN_DRY_RUN | abi::BEGIN_ANY_FS;
        }
        if begin.holds() {
            flags |= abi::BEGIN_WRITEBACK;
        }
        if begin.size as usize != size_of::<Begin>()
            || begin.version != abi::VERSION
            || begin.mode >= u32::BITS
            || MODES & (1 << begin.mode) == 0
            || begin.flags & !flags != 0
            || begin.reserved != 0
        {
            return Err(EINVAL);
        }
        let changes = begin.changes();
        if changes && is_read_only() {
            return Err(EROFS);
        }
        if matches!(self, Self::Walking(..)) {
            return Err(EBUSY);
        }
        // SAFETY: `begin` is only called from `ioctl`.
        let root = unsafe { dcache::Root::new(begin.fd)? };
        root.check(changes, begin.flags & abi::BEGIN_ANY_FS != 0)?;
        let out = buffer::Buffer::new(walk::BUFFER)?;
        *self = Self::Walking(Walk::new(root, begin)?, out);
        Ok(())
    }

    fn stop(&mut self) -> Result {
        match self {
            Self::Idle => return Err(EINVAL),
            Self::Walking(walk, _) => walk.stop(abi::STATUS_STOPPED),
            Self::Done => {}
        }
        Ok(())
    }

    /// Walks on, and copies out as many whole records as fit.
    fn read(&mut self, iov: &mut IovIterDest<'_>) -> Result<usize> {
        let (walk, out) = match self {
            Self::Idle => return Err(EINVAL),
            Self::Walking(walk, out) => (walk, out),
            Self::Done => return Ok(0),
        };
        if out.is_empty() {
            // What was found before an error is still reported; the error at the next read.
            if let Err(error) = walk.run(out) {
                if out.is_empty() {
                    return Err(error);
                }
            }
        }
        let len = whole_records(out.rest(), iov.len());
        if iov.copy_to_iter(&out.rest()[..len]) != len {
            return Err(EFAULT);
        }
        out.consume(len);
        if walk.ended() && out.is_empty() {
            *self = Self::Done;
        }
        Ok(len)
    }
}

/// Evicts the unused dentries below a directory; what was counted is in `found`, in failure, too. A
/// signal ends it.
fn shrink(root: dcache::Root, found: &mut Counters) -> Result {
    if is_read_only() {
        return Err(EROFS);
    }
    root.check(true, false)?;
    let begin = Begin {
        mode: abi::MODE_DENTRIES,
        ..Begin::default()
    };
    let mut out = buffer::Buffer::new(abi::MIN_READ)?;
    let mut walk = Walk::new(root, begin)?;
    while !walk.ended() {
        let done = walk.run(&mut out);
        *found = *walk.total();
        done?;
        out.clear();
    }
    Ok(())
}

/// How many bytes the whole records take that fit in `room`.
fn whole_records(bytes: &[u8], room: usize) -> usize {
    let mut end = 0;
    while let Some(&len) = bytes[end..].first_chunk::<4>() {
        let next = end + u32::from_ne_bytes(len) as usize;
        if next > room.min(bytes.len()) || next < end + size_of::<Header>() {
            break;
        }
        end = next;
    }
    end
}
