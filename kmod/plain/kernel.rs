// SPDX-License-Identifier: GPL-2.0

//! The names of the kernel's Rust crate that the walk uses, for kernels that are built without Rust: over
//! what plain.c calls by its C name. Each does what its namesake does; what the walk does not use is not
//! here.

#![no_std]

extern "C" {
    fn slabscope_alloc(size: usize, account: bool, zero: bool) -> *mut core::ffi::c_void;
    fn slabscope_free(object: *mut core::ffi::c_void);
    fn slabscope_now() -> i64;
    fn slabscope_signal_pending() -> bool;
}

/// Types and functions of the kernel's headers.
pub mod bindings {
    /// `struct dentry`, of which only the other side knows the fields.
    #[allow(non_camel_case_types)]
    #[repr(C)]
    pub struct dentry {
        _opaque: [u8; 0],
    }

    /// `struct inode`, likewise.
    #[allow(non_camel_case_types)]
    #[repr(C)]
    pub struct inode {
        _opaque: [u8; 0],
    }

    /// `struct file`, likewise.
    #[allow(non_camel_case_types)]
    #[repr(C)]
    pub struct file {
        _opaque: [u8; 0],
    }

    extern "C" {
        pub fn is_subdir(below: *mut dentry, above: *mut dentry) -> bool;
        pub fn fget_raw(fd: u32) -> *mut file;
        pub fn fput(file: *mut file);
        pub(crate) fn slabscope_get_file(file: *mut file);
    }
}

/// Errors.
pub mod error {
    use core::num::NonZeroI32;

    /// A negative errno.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Error(NonZeroI32);

    impl Error {
        const fn new(errno: i32) -> Self {
            match NonZeroI32::new(errno) {
                Some(errno) => Self(errno),
                None => Self(NonZeroI32::MIN),
            }
        }

        /// As C has it.
        pub fn to_errno(self) -> i32 {
            self.0.get()
        }
    }

    /// What may fail.
    pub type Result<T = (), E = Error> = core::result::Result<T, E>;

    /// Of what a C function returns.
    pub fn to_result(errno: i32) -> Result {
        if errno < 0 {
            Err(Error::new(errno))
        } else {
            Ok(())
        }
    }

    /// include/uapi/asm-generic/errno-base.h, include/linux/errno.h.
    pub mod code {
        use super::Error;

        macro_rules! codes {
            ($($name:ident $errno:literal,)*) => {
                $(#[allow(missing_docs)] pub const $name: Error = Error::new(-$errno);)*
            };
        }

        codes! {
            EBADF 9, ENOMEM 12, EFAULT 14, EBUSY 16, EXDEV 18, EINVAL 22, ENOSPC 28, EROFS 30,
            ERESTARTSYS 512,
        }
    }
}

/// Memory.
pub mod alloc {
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

    /// Nobody is charged.
    pub const GFP_KERNEL: Flags = Flags { account: false };

    /// The caller's cgroup is charged.
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
}

/// What may be made of bytes that are zero.
///
/// # Safety
///
/// All bytes zero are a value of the type.
pub unsafe trait Zeroable {}

/// Open files.
pub mod fs {
    use crate::{
        bindings,
        sync::aref::ARef, //
    };

    /// `struct file`.
    #[repr(transparent)]
    pub struct File(bindings::file);

    /// The same, of which `fdget_pos()` may be in use.
    #[repr(transparent)]
    pub struct LocalFile(bindings::file);

    impl File {
        /// As C has it.
        pub fn as_ptr(&self) -> *mut bindings::file {
            (&raw const self.0).cast_mut()
        }

        /// # Safety
        ///
        /// The file is valid for as long as the reference is used.
        pub unsafe fn from_raw_file<'a>(file: *const bindings::file) -> &'a Self {
            // SAFETY: by the contract; the type is transparent.
            unsafe { &*file.cast() }
        }
    }

    impl LocalFile {
        /// # Safety
        ///
        /// No `fdget_pos` region of the file is active on this thread.
        pub unsafe fn assume_no_fdget_pos(file: ARef<Self>) -> ARef<File> {
            file.cast()
        }
    }
}

/// References that are counted.
pub mod sync {
    #[allow(missing_docs)]
    pub mod aref {
        use crate::{
            bindings,
            fs::File, //
        };
        use core::{
            mem::ManuallyDrop,
            ops::Deref,
            ptr::NonNull, //
        };

        /// A reference to a `struct file`, which is all that is counted here.
        ///
        /// # Invariants
        ///
        /// The file is live, and one of its references is owned.
        pub struct ARef<T>(NonNull<T>);

        // SAFETY: a reference to a file may be dropped from any thread.
        unsafe impl<T> Send for ARef<T> {}

        impl<T> ARef<T> {
            /// # Safety
            ///
            /// It leads to a `struct file`, of which a reference is handed over.
            pub unsafe fn from_raw(file: NonNull<T>) -> Self {
                // INVARIANT: by the contract.
                Self(file)
            }

            pub(crate) fn cast<U>(self) -> ARef<U> {
                // INVARIANT: the reference is handed over.
                ARef(ManuallyDrop::new(self).0.cast())
            }
        }

        impl<T> Clone for ARef<T> {
            fn clone(&self) -> Self {
                // SAFETY: by the type invariant.
                unsafe { bindings::slabscope_get_file(self.0.as_ptr().cast()) };
                // INVARIANT: of a reference of its own.
                Self(self.0)
            }
        }

        impl From<&File> for ARef<File> {
            fn from(file: &File) -> Self {
                // SAFETY: who has a reference knows that the file is live.
                unsafe { bindings::slabscope_get_file(file.as_ptr()) };
                // INVARIANT: as in `clone`.
                Self(NonNull::from(file))
            }
        }

        impl<T> Deref for ARef<T> {
            type Target = T;

            fn deref(&self) -> &T {
                // SAFETY: by the type invariant.
                unsafe { self.0.as_ref() }
            }
        }

        impl<T> Drop for ARef<T> {
            fn drop(&mut self) {
                // SAFETY: by the type invariant; it is not used again.
                unsafe { bindings::fput(self.0.as_ptr().cast()) };
            }
        }
    }
}

/// Text.
pub mod str {
    /// For C.
    pub const fn as_char_ptr_in_const_context(text: &core::ffi::CStr) -> *const core::ffi::c_char {
        text.as_ptr()
    }
}

/// Values as bytes.
pub mod transmute {
    /// # Safety
    ///
    /// The type has no padding.
    pub unsafe trait AsBytes {
        /// The bytes of the value.
        fn as_bytes(&self) -> &[u8]
        where
            Self: Sized,
        {
            // SAFETY: by the trait's contract all of them are initialized.
            unsafe { core::slice::from_raw_parts((&raw const *self).cast(), size_of::<Self>()) }
        }
    }

    /// # Safety
    ///
    /// All bytes are a value of the type.
    pub unsafe trait FromBytes {}
}

/// Time.
pub mod time {
    use core::{
        marker::PhantomData,
        ops::{
            Add,
            AddAssign,
            Sub, //
        },
    };

    /// A span, in nanoseconds.
    #[derive(Clone, Copy, PartialEq, PartialOrd, Eq, Ord)]
    pub struct Delta(i64);

    impl Delta {
        /// Nothing.
        pub const ZERO: Self = Self(0);

        /// Of milliseconds.
        pub const fn from_millis(millis: i64) -> Self {
            Self(millis * 1_000_000)
        }

        /// In nanoseconds.
        pub fn as_nanos(self) -> i64 {
            self.0
        }
    }

    impl Add for Delta {
        type Output = Self;

        fn add(self, other: Self) -> Self {
            Self(self.0.wrapping_add(other.0))
        }
    }

    impl Sub for Delta {
        type Output = Self;

        fn sub(self, other: Self) -> Self {
            Self(self.0.wrapping_sub(other.0))
        }
    }

    impl AddAssign for Delta {
        fn add_assign(&mut self, other: Self) {
            *self = *self + other;
        }
    }

    /// CLOCK_MONOTONIC.
    pub struct Monotonic;

    /// A moment.
    pub struct Instant<C>(i64, PhantomData<C>);

    impl<C> Clone for Instant<C> {
        fn clone(&self) -> Self {
            *self
        }
    }

    impl<C> Copy for Instant<C> {}

    impl Instant<Monotonic> {
        /// This one.
        pub fn now() -> Self {
            // SAFETY: there are no requirements.
            Self(unsafe { crate::slabscope_now() }, PhantomData)
        }

        /// Since then.
        pub fn elapsed(&self) -> Delta {
            // SAFETY: there are no requirements.
            Delta(unsafe { crate::slabscope_now() }.wrapping_sub(self.0))
        }
    }
}

/// The task that runs.
pub struct Current;

impl Current {
    /// Whether a signal waits for it.
    pub fn signal_pending(&self) -> bool {
        // SAFETY: there are no requirements.
        unsafe { slabscope_signal_pending() }
    }
}

/// The task that runs.
#[macro_export]
macro_rules! current {
    () => {
        $crate::Current
    };
}

/// What each file begins with.
pub mod prelude {
    pub use crate::{
        alloc::{
            KBox,
            KVVec,
            GFP_KERNEL,
            GFP_KERNEL_ACCOUNT, //
        },
        error::{
            code::*,
            Error,
            Result, //
        },
        Zeroable,
    };
    pub use core::{
        ffi::{
            c_char,
            c_int,
            CStr, //
        },
        mem::size_of,
    };
}
