// SPDX-License-Identifier: GPL-2.0

//! The walk without the kernel's Rust crate: what plain.c calls. Everything but this file and kernel.rs
//! is in slabscope_main.rs, too.

#![no_std]

use kernel::prelude::*;

#[macro_use]
#[allow(dead_code, unreachable_pub)]
#[path = "../abi.rs"]
mod abi;
#[path = "../buffer.rs"]
mod buffer;
#[path = "../dcache.rs"]
mod dcache;
#[path = "../inodes.rs"]
mod inodes;
#[path = "../records.rs"]
mod records;
#[path = "../root.rs"]
mod root;
#[path = "../session.rs"]
mod session;
#[path = "../walk.rs"]
mod walk;

use abi::{
    Begin,
    Info, //
};
use core::ffi::c_void;
use session::State;

extern "C" {
    fn slabscope_is_read_only() -> bool;
    fn slabscope_copy_out(to: *mut c_void, bytes: *const u8, len: usize) -> usize;
}

/// Whether every prune is refused.
fn is_read_only() -> bool {
    // SAFETY: there are no requirements.
    unsafe { slabscope_is_read_only() }
}

fn errno(done: Result<usize>) -> isize {
    match done {
        Ok(len) => len as isize,
        Err(error) => error.to_errno() as isize,
    }
}

/// # Safety
///
/// `info` is valid for writes.
#[no_mangle]
unsafe extern "C" fn slabscope_info(info: *mut Info) {
    let mut what = session::info(is_read_only());
    what.flags |= abi::INFO_PLAIN;
    // SAFETY: by the contract.
    unsafe { info.write(what) };
}

/// A file that was just opened; null: no memory.
#[no_mangle]
extern "C" fn slabscope_open() -> *mut c_void {
    match KBox::new(State::Idle, GFP_KERNEL_ACCOUNT) {
        Ok(state) => KBox::into_raw(state).cast(),
        Err(_) => core::ptr::null_mut(),
    }
}

/// # Safety
///
/// `state` is of `slabscope_open`, and not used again.
#[no_mangle]
unsafe extern "C" fn slabscope_close(state: *mut c_void) {
    // SAFETY: by the contract.
    drop(unsafe { KBox::<State>::from_raw(state.cast()) });
}

/// # Safety
///
/// `state` is of `slabscope_open`, and nobody else's meanwhile; `begin` is valid; the caller is an ioctl.
#[no_mangle]
unsafe extern "C" fn slabscope_begin(state: *mut c_void, begin: *const Begin) -> isize {
    // SAFETY: by the contract.
    let done = unsafe { (*state.cast::<State>()).begin(*begin, is_read_only()) };
    errno(done.map(|()| 0))
}

/// # Safety
///
/// `state` is of `slabscope_open`, and nobody else's meanwhile.
#[no_mangle]
unsafe extern "C" fn slabscope_stop(state: *mut c_void) -> isize {
    // SAFETY: by the contract.
    errno(unsafe { (*state.cast::<State>()).stop() }.map(|()| 0))
}

/// # Safety
///
/// `state` is of `slabscope_open`, and nobody else's meanwhile; `to` is a `struct iov_iter` with that room.
#[no_mangle]
unsafe extern "C" fn slabscope_read(state: *mut c_void, to: *mut c_void, room: usize) -> isize {
    // SAFETY: by the contract.
    let state = unsafe { &mut *state.cast::<State>() };
    // SAFETY: by the contract; the bytes are of a slice.
    let copy = |bytes: &[u8]| unsafe { slabscope_copy_out(to, bytes.as_ptr(), bytes.len()) };
    errno(state.read(room, copy))
}

/// An oops of the task that walks, as of any module that has gone wrong.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: ud2 needs nothing, and does not return.
    unsafe { core::arch::asm!("ud2", options(noreturn, nomem, nostack)) }
}
