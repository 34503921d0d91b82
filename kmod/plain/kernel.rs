// SPDX-License-Identifier: GPL-2.0

//! The names of the kernel's Rust crate that the walk uses, for kernels that are built without Rust: over
//! what plain.c calls by its C name. Each does what its namesake does; what the walk does not use is not
//! here.

#![no_std]

pub mod alloc;

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
