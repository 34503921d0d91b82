//! A known number of objects of kmalloc-512, made as any process may make them.

use std::fs::File;
use std::thread;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// poll() keeps the first descriptors on the stack, and the others in one object: 30, then 16 bytes
/// and 8 for each (fs/select.c: `do_sys_poll()`, Linux 7.3). This number takes 400 bytes, which
/// kmalloc-512 has room for.
const DESCRIPTORS: usize = 30 + 48;

/// Polls `count` times, prints that, and stays until it is killed.
pub fn run(count: u64) -> Result<()> {
    let file = File::open("/dev/null").context("cannot open /dev/null")?;
    let mut polled = vec![PollFd::new(&file, PollFlags::IN); DESCRIPTORS];
    for _ in 0..count {
        poll(&mut polled, Some(&Timespec::default())).context("cannot poll")?;
    }
    println!("polled {count} times");
    loop {
        thread::park();
    }
}
