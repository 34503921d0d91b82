// SPDX-License-Identifier: GPL-2.0

//! Memory, as the kernel's crate has it: what the walk uses of it.

use crate::{
    error::{
        code::ENOMEM,
        Result, //
    },
    Zeroable,
};
use core::{
    mem::{
        size_of,
        ManuallyDrop,
        MaybeUninit, //
    },
    ops::{
        Deref,
        DerefMut, //
    },
    ptr::NonNull,
};

/// Whether the caller's memory cgroup is charged.
#[derive(Clone, Copy)]
pub struct Flags {
    account: bool,
}

/// Charged to no cgroup.
pub const GFP_KERNEL: Flags = Flags { account: false };

/// Charged to the caller's cgroup.
pub const GFP_KERNEL_ACCOUNT: Flags = Flags { account: true };

fn allocate<T>(count: usize, flags: Flags, zero: bool) -> Result<NonNull<T>> {
    const { assert!(core::mem::align_of::<T>() <= 8 && size_of::<T>() > 0) };
    let size = size_of::<T>().checked_mul(count).ok_or(ENOMEM)?;
    // SAFETY: there are no requirements.
    let object = unsafe { crate::slabscope_alloc(size, flags.account, zero) };
    NonNull::new(object.cast()).ok_or(ENOMEM)
}

/// A value in memory of its own.
///
/// # Invariants
///
/// The pointer is of `slabscope_alloc`, and leads to a value that is owned.
pub struct KBox<T>(NonNull<T>);

// SAFETY: it owns its value.
unsafe impl<T: Send> Send for KBox<T> {}

impl<T> KBox<T> {
    /// Moves a value there.
    pub fn new(value: T, flags: Flags) -> Result<Self> {
        let object = allocate::<T>(1, flags, false)?;
        // SAFETY: it was just allocated, with room for one.
        unsafe { object.as_ptr().write(value) };
        // INVARIANT: by the two lines above.
        Ok(Self(object))
    }

    /// All bytes zero.
    pub fn zeroed(flags: Flags) -> Result<Self>
    where
        T: Zeroable,
    {
        // INVARIANT: all bytes zero are a value.
        Ok(Self(allocate::<T>(1, flags, true)?))
    }

    /// The caller's to free, by [`from_raw`](Self::from_raw).
    pub fn into_raw(this: Self) -> *mut T {
        ManuallyDrop::new(this).0.as_ptr()
    }

    /// # Safety
    ///
    /// The pointer is of [`into_raw`](Self::into_raw), and not used again.
    pub unsafe fn from_raw(raw: *mut T) -> Self {
        // INVARIANT, SAFETY: by the contract.
        Self(unsafe { NonNull::new_unchecked(raw) })
    }
}

impl<T> Deref for KBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: by the type invariant.
        unsafe { self.0.as_ref() }
    }
}

impl<T> DerefMut for KBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: by the type invariant.
        unsafe { self.0.as_mut() }
    }
}

impl<T> Drop for KBox<T> {
    fn drop(&mut self) {
        // SAFETY: by the type invariant; neither is used again.
        unsafe {
            self.0.as_ptr().drop_in_place();
            crate::slabscope_free(self.0.as_ptr().cast());
        }
    }
}

/// Values in a row, of which there are never more than there was room for at first.
///
/// # Invariants
///
/// The pointer is of `slabscope_alloc`, with room for `capacity` values, of which the first `len` are
/// owned.
pub struct KVVec<T> {
    first: NonNull<T>,
    len: usize,
    capacity: usize,
}

// SAFETY: it owns its values.
unsafe impl<T: Send> Send for KVVec<T> {}

impl<T> KVVec<T> {
    /// Room for `capacity` values.
    pub fn with_capacity(capacity: usize, flags: Flags) -> Result<Self> {
        // INVARIANT: none is owned yet.
        Ok(Self {
            first: allocate(capacity, flags, false)?,
            len: 0,
            capacity,
        })
    }

    /// How many it has room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Appends a value.
    pub fn push(&mut self, value: T, _: Flags) -> Result {
        if self.len == self.capacity {
            return Err(ENOMEM);
        }
        // SAFETY: it is within the room, behind those that are owned.
        unsafe { self.first.as_ptr().add(self.len).write(value) };
        self.len += 1;
        Ok(())
    }

    /// Takes the last one out.
    pub fn pop(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        // SAFETY: it was owned until now.
        Some(unsafe { self.first.as_ptr().add(self.len).read() })
    }

    /// Drops all.
    pub fn clear(&mut self) {
        while self.pop().is_some() {}
    }

    /// The room behind those that are owned.
    pub fn spare_capacity_mut(&mut self) -> &mut [MaybeUninit<T>] {
        // SAFETY: by the type invariant; nothing has to be initialized.
        unsafe {
            core::slice::from_raw_parts_mut(
                self.first.as_ptr().add(self.len).cast(),
                self.capacity - self.len,
            )
        }
    }

    /// # Safety
    ///
    /// The first `more` of the room behind are initialized.
    pub unsafe fn inc_len(&mut self, more: usize) {
        self.len += more;
    }

    /// Appends copies.
    pub fn extend_from_slice(&mut self, values: &[T], _: Flags) -> Result
    where
        T: Copy,
    {
        if values.len() > self.capacity - self.len {
            return Err(ENOMEM);
        }
        // SAFETY: there is room for as many, which is nobody else's.
        unsafe {
            core::ptr::copy_nonoverlapping(
                values.as_ptr(),
                self.first.as_ptr().add(self.len),
                values.len(),
            )
        };
        self.len += values.len();
        Ok(())
    }
}

impl<T> Deref for KVVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: by the type invariant.
        unsafe { core::slice::from_raw_parts(self.first.as_ptr(), self.len) }
    }
}

impl<T> DerefMut for KVVec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: by the type invariant.
        unsafe { core::slice::from_raw_parts_mut(self.first.as_ptr(), self.len) }
    }
}

impl<T> Drop for KVVec<T> {
    fn drop(&mut self) {
        self.clear();
        // SAFETY: by the type invariant; it is not used again.
        unsafe { crate::slabscope_free(self.first.as_ptr().cast()) };
    }
}
