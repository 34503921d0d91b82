// SPDX-License-Identifier: GPL-2.0

//! slabscope_demo: slab caches and a shrinker to play with.
//!
//! Commands are written to /dev/slabscope_demo, a line each, and what there is is read from it.
//! This file is the device and its commands; ffi.rs the slab allocator and the shrinker, misc.rs
//! what registers the device.

// `kernel::prelude` brings this into scope in some kernel series and not in others.
#[allow(unused_imports)]
use core::mem::size_of;
use kernel::{
    fs::{
        File,
        Kiocb, //
    },
    iov::{
        IovIterDest,
        IovIterSource, //
    },
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
    prelude::*,
    str::CString,
    sync::global_lock,
};

mod ffi;
mod misc;

use ffi::{
    Cache,
    Options,
    Shrinker, //
};

module! {
    type: Demo,
    name: "slabscope_demo",
    authors: ["The slabscope authors"],
    description: "Slab caches and a shrinker to play with",
    license: "GPL",
}

/// What is written at once.
const MAX_WRITE: usize = 4096;

/// Caches that can be made.
const MAX_CACHES: usize = 64;

/// Bytes of a cache's name. A directory of sysfs is called so: one beyond `NAME_MAX` has reading the
/// directory above it fail.
const MAX_NAME: usize = 64;

/// The bytes of an object. An RCU callback has to fit in one.
const SIZES: core::ops::RangeInclusive<u32> = 32..=8192;

/// All objects of a cache together: more would be a matter for the OOM killer.
const MAX_BYTES: usize = 1 << 30;

/// A cache, and how it is called in commands and in /proc/slabinfo.
struct Named {
    name: CString,
    size: u32,
    cache: Cache,
}

/// Everything that there is. Shrinkers only ever try for the lock: memory is allocated under it.
struct State {
    caches: KVec<Named>,
    shrinker: Option<(usize, Shrinker)>,
    refuses: bool,
    shrunk: Shrunk,
    waited: Waited,
}

/// What the shrinker was asked for since it is there.
#[derive(Clone, Copy)]
struct Shrunk {
    counts: u64,
    scans: u64,
    asked: u64,
    freed: u64,
    refused: u64,
}

/// The last objects that were freed after a grace period of RCU.
#[derive(Clone, Copy)]
struct Waited {
    /// How many were given to RCU.
    queued: u64,
    /// How many of them were not freed yet when the last one was.
    waiting: u64,
    /// Microseconds until all were freed.
    grace_us: u64,
}

const NOTHING: State = State {
    caches: KVec::new(),
    shrinker: None,
    refuses: false,
    shrunk: Shrunk {
        counts: 0,
        scans: 0,
        asked: 0,
        freed: 0,
        refused: 0,
    },
    waited: Waited {
        queued: 0,
        waiting: 0,
        grace_us: 0,
    },
};

global_lock! {
    // SAFETY: initialized when the module is, before anything uses it.
    unsafe(uninit) static STATE: Mutex<State> = NOTHING;
}

/// Fields are dropped in this order: no command comes any more when the caches are destroyed.
struct Demo {
    _device: Pin<KBox<misc::Registered>>,
    _caches: Caches,
}

/// Destroys every cache when dropped.
struct Caches;

impl Drop for Caches {
    fn drop(&mut self) {
        let mut state = STATE.lock();
        state.shrinker = None;
        state.caches.clear();
    }
}

impl kernel::Module for Demo {
    fn init(module: &'static ThisModule) -> Result<Self> {
        // SAFETY: once, before the device is there, which all uses come from.
        unsafe { STATE.init() };
        let options = MiscDeviceOptions {
            name: c"slabscope_demo",
        };
        let device = misc::Registered::new::<Handle>(options, module)?;
        pr_info!("loaded\n");
        Ok(Self {
            _device: device,
            _caches: Caches,
        })
    }
}

/// A file that is open on the device.
struct Handle;

#[vtable]
impl MiscDevice for Handle {
    type Ptr = KBox<Self>;

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Self::Ptr> {
        misc::may_use()?;
        Ok(KBox::new(Self, GFP_KERNEL)?)
    }

    fn write_iter(_kiocb: Kiocb<'_, Self::Ptr>, iov: &mut IovIterSource<'_>) -> Result<usize> {
        misc::may_use()?;
        if iov.len() > MAX_WRITE {
            return Err(EFBIG);
        }
        let mut text = KVec::new();
        let len = iov.copy_from_iter_vec(&mut text, GFP_KERNEL)?;
        let text = core::str::from_utf8(&text).map_err(|_| EINVAL)?;
        let mut state = STATE.lock();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            state.obey(line)?;
        }
        Ok(len)
    }

    fn read_iter(mut kiocb: Kiocb<'_, Self::Ptr>, iov: &mut IovIterDest<'_>) -> Result<usize> {
        misc::may_use()?;
        let text = STATE.lock().text()?;
        iov.simple_read_from_buffer(kiocb.ki_pos_mut(), &text)
    }
}

/// A number that has to be the last word.
fn number<'a>(words: &mut impl Iterator<Item = &'a str>) -> Result<usize> {
    let word = words.next().ok_or(EINVAL)?;
    word.parse().map_err(|_| EINVAL)
}

impl State {
    /// Does what a line says.
    fn obey(&mut self, line: &str) -> Result {
        let mut words = line.split_ascii_whitespace();
        let command = words.next().ok_or(EINVAL)?;
        if command == "obey" || command == "refuse" {
            self.refuses = command == "refuse";
            return end(words);
        }
        let name = words.next();
        if command == "unregister" && name.is_none() {
            self.shrinker = None;
            return Ok(());
        }
        let name = name.ok_or(EINVAL)?;
        match command {
            "create" => return self.create(name, words),
            "alloc" => {
                let count = number(&mut words)?;
                end(words)?;
                let named = self.named(name)?;
                let most = MAX_BYTES.checked_div(named.size as usize).unwrap_or(0);
                if count > most.saturating_sub(named.cache.objects()) {
                    return Err(ENOSPC);
                }
                return named.cache.alloc(count);
            }
            "free" => {
                let what = words.next().ok_or(EINVAL)?;
                end(words)?;
                return self.free(name, what);
            }
            _ => end(words)?,
        }
        match command {
            "shrink" => self.named(name)?.cache.shrink(),
            "destroy" if self.named(name)?.cache.objects() > 0 => return Err(EBUSY),
            "destroy" => drop(self.take(name)?),
            "leak" => self.take(name)?.cache.leak(),
            "register" => return self.register(name),
            _ => return Err(EINVAL),
        }
        Ok(())
    }

    fn place(&self, name: &str) -> Result<usize> {
        let same = |named: &Named| named.name.to_bytes() == name.as_bytes();
        self.caches.iter().position(same).ok_or(ENOENT)
    }

    fn named(&mut self, name: &str) -> Result<&mut Named> {
        let place = self.place(name)?;
        Ok(&mut self.caches[place])
    }

    /// Takes a cache out. One that a shrinker is on stays.
    fn take(&mut self, name: &str) -> Result<Named> {
        let place = self.place(name)?;
        match &mut self.shrinker {
            Some((on, _)) if *on == place => return Err(EBUSY),
            Some((on, _)) if *on > place => *on -= 1,
            _ => {}
        }
        self.caches.remove(place).map_err(|_| ENOENT)
    }

    fn create<'a>(&mut self, name: &str, mut words: impl Iterator<Item = &'a str>) -> Result {
        let size = u32::try_from(number(&mut words)?).map_err(|_| EINVAL)?;
        let mut options = Options::default();
        for word in words {
            match word {
                "reclaim" => options.reclaim = true,
                "ctor" => options.ctor = true,
                "nomerge" => options.no_merge = true,
                _ => return Err(EINVAL),
            }
        }
        // Where /proc/slabinfo is read, it is not to be mistaken for a cache of the kernel's.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let fits = name.len() <= MAX_NAME && SIZES.contains(&size);
        if !fits || !name.starts_with("demo_") || !name.bytes().all(plain) {
            return Err(EINVAL);
        }
        if self.place(name).is_ok() {
            return Err(EEXIST);
        }
        if self.caches.len() == MAX_CACHES {
            return Err(ENOSPC);
        }
        let name = CString::try_from_fmt(fmt!("{name}"))?;
        let cache = Cache::new(&name, size, options)?;
        let named = Named { name, size, cache };
        Ok(self.caches.push(named, GFP_KERNEL)?)
    }

    fn free(&mut self, name: &str, what: &str) -> Result {
        let cache = &mut self.named(name)?.cache;
        match what {
            "all" => cache.free_last(usize::MAX),
            "half" => cache.free_last(cache.objects() / 2),
            "second" => cache.free_every_second(),
            "rcu" => {
                self.waited = cache.free_after_grace()?;
            }
            count => cache.free_last(count.parse().map_err(|_| EINVAL)?),
        }
        Ok(())
    }

    fn register(&mut self, name: &str) -> Result {
        let place = self.place(name)?;
        if self.shrinker.is_some() {
            return Err(EBUSY);
        }
        self.shrunk = NOTHING.shrunk;
        self.shrinker = Some((place, Shrinker::new()?));
        Ok(())
    }

    /// Everything that there is, a line each, values behind their names.
    fn text(&self) -> Result<KVec<u8>> {
        let mut text = KVec::new();
        let mut say = |line: CString| text.extend_from_slice(line.to_bytes(), GFP_KERNEL);
        for named in self.caches.iter() {
            let (name, size) = (&*named.name, named.size);
            let (objects, made) = (named.cache.objects(), named.cache.constructed());
            say(CString::try_from_fmt(fmt!(
                "{name} size {size} objects {objects} constructed {made}\n"
            ))?)?;
        }
        if let Some((place, _)) = &self.shrinker {
            let Shrunk {
                counts,
                scans,
                asked,
                freed,
                refused,
            } = self.shrunk;
            let name = self.caches.get(*place).map(|named| &*named.name);
            let name = name.unwrap_or(c"?");
            say(CString::try_from_fmt(fmt!(
                "shrinker {name} counts {counts} scans {scans} asked {asked} freed {freed} refused {refused}\n"
            ))?)?;
        }
        let Waited {
            queued,
            waiting,
            grace_us,
        } = self.waited;
        say(CString::try_from_fmt(fmt!(
            "rcu queued {queued} waiting {waiting} grace_us {grace_us}\n"
        ))?)?;
        Ok(text)
    }
}

/// Nothing may come after the last word.
fn end<'a>(mut words: impl Iterator<Item = &'a str>) -> Result {
    match words.next() {
        None => Ok(()),
        Some(_) => Err(EINVAL),
    }
}

/// How many objects the shrinker could free; none while somebody else is at them.
fn count() -> usize {
    let Some(mut state) = STATE.try_lock() else {
        return 0;
    };
    state.shrunk.counts += 1;
    let Some((place, _)) = &state.shrinker else {
        return 0;
    };
    state
        .caches
        .get(*place)
        .map_or(0, |named| named.cache.objects())
}

/// Frees up to so many objects, and says how many it has; `None` when it does not.
fn scan(most: usize) -> Option<usize> {
    let mut state = STATE.try_lock()?;
    state.shrunk.scans += 1;
    state.shrunk.asked += most as u64;
    if state.refuses {
        state.shrunk.refused += 1;
        return None;
    }
    let place = state.shrinker.as_ref()?.0;
    let cache = &mut state.caches.get_mut(place)?.cache;
    let freed = most.min(cache.objects());
    cache.free_last(freed);
    state.shrunk.freed += freed as u64;
    Some(freed)
}
