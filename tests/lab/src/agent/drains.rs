//! Concurrent sessions, each of which drops a page that another CPU has just read.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::thread;

use anyhow::{Context, Result, anyhow};
use rustix::thread::{CpuSet, sched_setaffinity};

use super::raw::Device;
use super::stream::Stream;
use slabscope::abi::{self, Begin};

/// Makes `threads` threads drop the page of a file of their own `times` times, and prints how many
/// were left.
pub fn run(top: &Path, threads: usize, times: usize) -> Result<()> {
    let threads: Vec<_> = (0..threads)
        .map(|number| {
            let dir = top.join(number.to_string());
            thread::spawn(move || (0..times).map(|_| drop_page(&dir)).sum::<Result<u64>>())
        })
        .collect();
    let prunes = threads.len() * times;
    let mut busy = 0;
    for thread in threads {
        busy += thread
            .join()
            .map_err(|_| anyhow!("a thread has panicked"))??;
    }
    println!("{prunes} prunes, {busy} busy");
    Ok(())
}

fn run_on(cpu: usize) -> Result<()> {
    let mut cpus = CpuSet::new();
    cpus.set(cpu);
    sched_setaffinity(None, &cpus).with_context(|| format!("not on CPU {cpu}"))
}

/// Reads a file of one page on one CPU, has the module drop it on another, and returns how many files were busy.
fn drop_page(dir: &Path) -> Result<u64> {
    let path = dir.join("file");
    if !path.exists() {
        fs::create_dir_all(dir).context("no directory")?;
        fs::write(&path, "a page").context("no file")?;
        File::open(&path)?.sync_all()?;
    }
    run_on(1)?;
    let mut file = File::open(&path).context("no file")?;
    file.read_to_end(&mut Vec::new()).context("cannot read")?;
    drop(file);
    run_on(0)?;
    let dir = File::open(dir).context("no directory")?;
    let begin = Begin {
        size: u32::try_from(size_of::<Begin>())?,
        version: abi::VERSION,
        fd: dir.as_raw_fd(),
        mode: abi::MODE_PAGES,
        ..Begin::default()
    };
    let device = Device::open().context("no device")?;
    device.begin(&begin).context("no session")?;
    let end = Stream::default().drain(&device, 1 << 16)??;
    Ok(end.counters.busy)
}
