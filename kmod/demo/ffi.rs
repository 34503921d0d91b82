// SPDX-License-Identifier: GPL-2.0

//! The slab allocator, RCU and shrinkers, behind a safe interface: the kernel's Rust crate has no
//! abstractions for them. All of the module's `unsafe` is here and in misc.rs, but for the
//! initialization of its lock.

use crate::Waited;
use core::{
    ffi::c_void,
    mem::{
        align_of,
        size_of, //
    },
    ptr::NonNull, //
};
use kernel::{
    bindings,
    prelude::*,
    str::CString,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        rcu, //
    },
    time::{
        Instant,
        Monotonic, //
    }, //
};

/// include/linux/shrinker.h, which has them as macros that bindgen does not take.
const SHRINK_STOP: c_ulong = !0;
const SHRINK_EMPTY: c_ulong = !0 - 1;

const RECLAIM_ACCOUNT: bindings::slab_flags_t =
    1 << bindings::_slab_flag_bits__SLAB_RECLAIM_ACCOUNT;
const NO_MERGE: bindings::slab_flags_t = 1 << bindings::_slab_flag_bits__SLAB_NO_MERGE;

/// Objects that constructors were called for, all caches together.
static CONSTRUCTED: Atomic<i64> = Atomic::new(0);

/// Objects that RCU has freed.
static RCU_FREED: Atomic<i64> = Atomic::new(0);

/// Objects that are given to RCU in one section in which it has to wait for us.
const RCU_BATCH: usize = 100_000;

/// How a cache is made.
#[derive(Clone, Copy, Default)]
pub(crate) struct Options {
    /// `SLAB_RECLAIM_ACCOUNT`: its slabs count as reclaimable.
    pub(crate) reclaim: bool,
    /// With a constructor.
    pub(crate) ctor: bool,
    /// `SLAB_NO_MERGE`
    pub(crate) no_merge: bool,
}

/// A slab cache and its objects.
///
/// # Invariants
///
/// `cache` is a cache that this value owns, and `objects` are allocated from it, each once.
pub(crate) struct Cache {
    cache: NonNull<bindings::kmem_cache>,
    objects: KVVec<Object>,
    /// [`CONSTRUCTED`] before the first object, if there is a constructor.
    constructed_before: Option<i64>,
}

/// An object of a cache.
struct Object(NonNull<c_void>);

// SAFETY: caches and their objects may be used from any thread.
unsafe impl Send for Cache {}
// SAFETY: as above.
unsafe impl Send for Object {}

/// What an object is while it waits for a grace period.
#[repr(C)]
struct Waiting {
    head: bindings::callback_head,
    cache: *mut bindings::kmem_cache,
}

const _: () = assert!(size_of::<Waiting>() <= *crate::SIZES.start() as usize);

/// Called for each object of a new slab, not for each allocation.
unsafe extern "C" fn construct(_object: *mut c_void) {
    CONSTRUCTED.fetch_add(1, Relaxed);
}

/// # Safety
///
/// `head` is that of a [`Waiting`] whose object is nobody's any more.
unsafe extern "C" fn free_waiting(head: *mut bindings::callback_head) {
    let waiting: *mut Waiting = head.cast();
    // SAFETY: by the contract; caches wait for their callbacks before they are destroyed.
    unsafe { bindings::kmem_cache_free((*waiting).cache, waiting.cast()) };
    RCU_FREED.fetch_add(1, Relaxed);
}

impl Cache {
    /// Makes a cache.
    pub(crate) fn new(name: &CString, size: u32, options: Options) -> Result<Self> {
        let mut args = bindings::kmem_cache_args::default();
        args.align = align_of::<Waiting>() as u32;
        if options.ctor {
            args.ctor = Some(construct);
        }
        let mut flags = 0;
        if options.reclaim {
            flags |= RECLAIM_ACCOUNT;
        }
        if options.no_merge {
            flags |= NO_MERGE;
        }
        let name = kernel::str::as_char_ptr_in_const_context(name);
        // SAFETY: the name is copied, and the arguments are valid.
        let cache = unsafe { bindings::__kmem_cache_create_args(name, size, &mut args, flags) };
        // INVARIANT: the cache is this value's own; one that is shared has counted it.
        Ok(Self {
            cache: NonNull::new(cache).ok_or(ENOMEM)?,
            objects: KVVec::new(),
            constructed_before: options.ctor.then(|| CONSTRUCTED.load(Relaxed)),
        })
    }

    /// How many objects are allocated.
    pub(crate) fn objects(&self) -> usize {
        self.objects.len()
    }

    /// How often constructors were called since this cache with one is there.
    pub(crate) fn constructed(&self) -> i64 {
        self.constructed_before
            .map_or(0, |before| CONSTRUCTED.load(Relaxed) - before)
    }

    /// Allocates objects. Those that were allocated before an error, or a signal, stay.
    pub(crate) fn alloc(&mut self, count: usize) -> Result {
        self.objects.reserve(count, GFP_KERNEL)?;
        for _ in 0..count {
            if current!().signal_pending() {
                return Err(EINTR);
            }
            // SAFETY: by the type invariant.
            let object = unsafe {
                bindings::kmem_cache_alloc_noprof(self.cache.as_ptr(), bindings::GFP_KERNEL)
            };
            // INVARIANT: it was just allocated.
            let object = Object(NonNull::new(object).ok_or(ENOMEM)?);
            self.objects.push(object, GFP_KERNEL)?;
        }
        Ok(())
    }

    /// Frees the objects that were allocated last, up to so many.
    pub(crate) fn free_last(&mut self, count: usize) {
        for _ in 0..count {
            let Some(object) = self.objects.pop() else {
                return;
            };
            self.free(object);
        }
    }

    /// Frees every second object.
    pub(crate) fn free_every_second(&mut self) {
        let cache = self.cache;
        let mut second = false;
        self.objects.retain(|object| {
            second = !second;
            if !second {
                // SAFETY: by the type invariant; the object is taken out.
                unsafe { bindings::kmem_cache_free(cache.as_ptr(), object.0.as_ptr()) };
            }
            second
        });
    }

    /// Frees all objects after a grace period of RCU, and waits for it.
    pub(crate) fn free_after_grace(&mut self) -> Result<Waited> {
        if self.constructed_before.is_some() {
            return Err(EINVAL); // what is freed has to be as it was constructed
        }
        let freed_before = RCU_FREED.load(Relaxed);
        let queued = self.objects.len() as u64;
        let mut freed = 0;
        while !self.objects.is_empty() {
            // No grace period that begins from here on ends before the guard is dropped: that is
            // for a bounded time, which others wait for, too.
            let guard = rcu::read_lock();
            for _ in 0..RCU_BATCH {
                let Some(Object(object)) = self.objects.pop() else {
                    break;
                };
                let waiting: NonNull<Waiting> = object.cast();
                // SAFETY: the object is large enough (asserted above) and aligned as `new` has asked
                // for, and nobody's now.
                unsafe {
                    (&raw mut (*waiting.as_ptr()).cache).write(self.cache.as_ptr());
                    bindings::call_rcu(&raw mut (*waiting.as_ptr()).head, Some(free_waiting));
                }
            }
            freed = RCU_FREED.load(Relaxed) - freed_before;
            drop(guard);
        }
        let start = Instant::<Monotonic>::now();
        wait_for_callbacks();
        Ok(Waited {
            queued,
            waiting: queued - freed as u64,
            grace_us: start.elapsed().as_micros_ceil() as u64,
        })
    }

    /// Gives free slabs back.
    pub(crate) fn shrink(&mut self) {
        // SAFETY: by the type invariant.
        unsafe { bindings::kmem_cache_shrink(self.cache.as_ptr()) };
    }

    /// Destroys the cache and forgets its objects: what destroying it is not meant for.
    pub(crate) fn leak(mut self) {
        self.objects.clear();
    }

    fn free(&self, object: Object) {
        // SAFETY: by the type invariant; the object was taken out.
        unsafe { bindings::kmem_cache_free(self.cache.as_ptr(), object.0.as_ptr()) };
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.free_last(usize::MAX);
        // SAFETY: by the type invariant; nothing uses the cache any more, RCU included, as
        // `free_after_grace` has waited for it.
        unsafe { bindings::kmem_cache_destroy(self.cache.as_ptr()) };
    }
}

fn wait_for_callbacks() {
    // SAFETY: may be called where sleeping is allowed.
    unsafe { bindings::rcu_barrier() };
}

/// The registered shrinker. There is one at a time, on `crate::count` and `crate::scan`.
pub(crate) struct Shrinker(NonNull<bindings::shrinker>);

// SAFETY: shrinkers may be freed from any thread.
unsafe impl Send for Shrinker {}

unsafe extern "C" fn count_objects(
    _shrinker: *mut bindings::shrinker,
    _control: *mut bindings::shrink_control,
) -> c_ulong {
    match crate::count() {
        0 => SHRINK_EMPTY,
        count => count as c_ulong,
    }
}

/// # Safety
///
/// `control` is valid for reads.
unsafe extern "C" fn scan_objects(
    _shrinker: *mut bindings::shrinker,
    control: *mut bindings::shrink_control,
) -> c_ulong {
    // SAFETY: by the contract.
    let most = unsafe { (*control).nr_to_scan };
    crate::scan(most as usize).map_or(SHRINK_STOP, |freed| freed as c_ulong)
}

impl Shrinker {
    /// Registers it.
    pub(crate) fn new() -> Result<Self> {
        let name = kernel::str::as_char_ptr_in_const_context(c"slabscope-demo");
        // SAFETY: the name is a format without arguments.
        let shrinker = NonNull::new(unsafe { bindings::shrinker_alloc(0, name) }).ok_or(ENOMEM)?;
        // SAFETY: it is not registered yet, so nobody else sees it.
        unsafe {
            (*shrinker.as_ptr()).count_objects = Some(count_objects);
            (*shrinker.as_ptr()).scan_objects = Some(scan_objects);
            bindings::shrinker_register(shrinker.as_ptr());
        }
        Ok(Self(shrinker))
    }
}

impl Drop for Shrinker {
    fn drop(&mut self) {
        // SAFETY: `new` has registered it. Callbacks that are waited for only try for the lock.
        unsafe { bindings::shrinker_free(self.0.as_ptr()) };
    }
}
