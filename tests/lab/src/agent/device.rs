//! Sessions on the module's device, step by step at a test's request; a word is printed for each
//! step.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::process::{Signal, getpid, kill_process};

use super::raw::{self, Device};
use super::stream::Stream;
use slabscope::abi::{self, Begin};

/// Runs the steps in their order.
pub fn run(steps: &[String]) -> Result<()> {
    let mut device = None;
    let mut limit = None;
    for step in steps {
        let (name, value) = step.split_once(':').unwrap_or((step, ""));
        let word = match name {
            "open" => opened(&mut device, Device::open()),
            "inherited" => opened(&mut device, Device::inherited()),
            "sh" => shell(value)?,
            "state" => state()?,
            "cgroup" => {
                limit = Some(move_to(Path::new(value))?);
                "ok".to_owned()
            }
            "limit" => {
                let mut limit = limit.as_ref().context("not in a cgroup of its own")?;
                limit.write_all(value.as_bytes()).context("no limit")?;
                "ok".to_owned()
            }
            "sleep" => {
                thread::sleep(Duration::from_millis(value.parse()?));
                "ok".to_owned()
            }
            "wait" => {
                println!("waiting");
                std::io::stdout().flush().ok();
                loop {
                    thread::park();
                }
            }
            _ => {
                let device = device.as_ref().context("the device is not open")?;
                on_device(device, name, value).with_context(|| format!("in step {step}"))?
            }
        };
        println!("{word}");
        std::io::stdout().flush().ok();
    }
    Ok(())
}

/// Moves this process to a memory cgroup in which nothing is killed for lack of memory, and opens
/// its limit.
fn move_to(cgroup: &Path) -> Result<File> {
    std::fs::write("/proc/self/oom_score_adj", "-1000").context("may be killed")?;
    let pid = std::process::id().to_string();
    std::fs::write(cgroup.join("cgroup.procs"), pid).context("stays where it is")?;
    let limit = cgroup.join("memory.max");
    File::options()
        .write(true)
        .open(limit)
        .context("no limit to set")
}

fn opened(device: &mut Option<Device>, result: Result<Device, Errno>) -> String {
    match result {
        Ok(open) => {
            *device = Some(open);
            "ok".to_owned()
        }
        Err(error) => name(error),
    }
}

fn on_device(device: &Device, step: &str, value: &str) -> Result<String> {
    let number = |default: usize| match value {
        "" => Ok(default),
        value => value.parse().context("not a number"),
    };
    Ok(match step {
        "info" => word(device.info().map(|info| {
            format!(
                "{}/{}/{}/{}/{}/{}",
                info.size, info.version, info.modes, info.flags, info.max_depth, info.reserved
            )
        })),
        "begin" => word(begin(value, |begin| device.begin(begin))?.map(ok)),
        "begin-32" => word(
            begin(value, |begin| {
                device.ioctl_32(abi::IOC_BEGIN, &mut raw::begin_bytes(begin))
            })?
            .map(ok),
        ),
        "stop" => word(device.stop().map(ok)),
        "nowhere" => word(device.ioctl_nowhere(request(value)?).map(ok)),
        "read" => word(device.read(&mut vec![0; number(1 << 16)?]).map(amount)),
        "rest" => word(rest(device)),
        "read-nowhere" => word(device.read_nowhere().map(amount)),
        "drain" => {
            let mut stream = Stream::default();
            match stream.drain(device, number(1 << 16)?)? {
                Ok(end) => format!("status {}", end.status),
                Err(error) => name(error),
            }
        }
        "count" => match Stream::default().drain(device, 1 << 16)? {
            Ok(end) => format!("status {} {:?}", end.status, end.counters),
            Err(error) => name(error),
        },
        "handled" => {
            let mut stream = Stream::default();
            match stream.drain(device, 1 << 16)? {
                Ok(_) => format!("{:?}", stream.handled),
                Err(error) => name(error),
            }
        }
        "interrupted" => interrupted(device, Rain::Interrupts)?,
        "restarted" => interrupted(device, Rain::Restarts)?,
        "stopped" => interrupted(device, Rain::Stops)?,
        _ => bail!("no such step"),
    })
}

fn ok((): ()) -> String {
    "ok".to_owned()
}

fn amount(read: usize) -> String {
    (if read == 0 { "end" } else { "some" }).to_owned()
}

/// Reads to the end, however many reads that takes.
fn rest(device: &Device) -> Result<String, Errno> {
    let mut buffer = vec![0; 1 << 16];
    while device.read(&mut buffer)? > 0 {}
    Ok(amount(0))
}

fn word(result: Result<String, Errno>) -> String {
    result.unwrap_or_else(name)
}

/// Its name in the kernel's headers.
fn name(error: Errno) -> String {
    const NAMES: [(Errno, &str); 14] = [
        (Errno::PERM, "EPERM"),
        (Errno::NOENT, "ENOENT"),
        (Errno::INTR, "EINTR"),
        (Errno::BADF, "EBADF"),
        (Errno::AGAIN, "EAGAIN"),
        (Errno::NOMEM, "ENOMEM"),
        (Errno::ACCESS, "EACCES"),
        (Errno::FAULT, "EFAULT"),
        (Errno::BUSY, "EBUSY"),
        (Errno::NOTDIR, "ENOTDIR"),
        (Errno::INVAL, "EINVAL"),
        (Errno::NOTTY, "ENOTTY"),
        (Errno::ROFS, "EROFS"),
        (Errno::OPNOTSUPP, "EOPNOTSUPP"),
    ];
    NAMES
        .iter()
        .find(|(errno, _)| *errno == error)
        .map_or_else(|| error.to_string(), |(_, name)| (*name).to_owned())
}

fn request(value: &str) -> Result<u32> {
    Ok(match value {
        "info" => abi::IOC_INFO,
        "begin" => abi::IOC_BEGIN,
        hexadecimal => u32::from_str_radix(hexadecimal, 16).context("not a request")?,
    })
}

/// Makes a request out of `field=value,...`; without a field it is a good one. `dir`, `path`,
/// `file` and `pipe` are kinds of `fd`, which stays open for the call only.
fn begin(fields: &str, act: impl FnOnce(&Begin) -> Result<(), Errno>) -> Result<Result<(), Errno>> {
    let mut begin = Begin {
        size: u32::try_from(size_of::<Begin>())?,
        version: abi::VERSION,
        fd: -1,
        ..Begin::default()
    };
    let mut held: Option<OwnedFd> = None;
    for field in fields.split(',').filter(|field| !field.is_empty()) {
        let (field, value) = field.split_once('=').context("not field=value")?;
        let number = || value.parse::<u32>().context("not a number");
        match field {
            "dir" => held = Some(open(value, OFlags::RDONLY | OFlags::DIRECTORY)?),
            "path" => held = Some(open(value, OFlags::PATH)?),
            "file" => held = Some(open(value, OFlags::RDONLY)?),
            "pipe" => held = Some(rustix::pipe::pipe().context("no pipe")?.0),
            "fd" => begin.fd = value.parse()?,
            "size" => begin.size = number()?,
            "version" => begin.version = number()?,
            "mode" => begin.mode = number()?,
            "flags" => begin.flags = number()?,
            "depth" => begin.depth = number()?,
            "batch" => begin.batch = number()?,
            "reserved" => begin.reserved = number()?,
            "max_dentries" => begin.max_dentries = value.parse()?,
            "max_ns" => begin.max_ns = value.parse()?,
            _ => bail!("no field {field}"),
        }
    }
    if let Some(held) = &held {
        begin.fd = held.as_raw_fd();
    }
    Ok(act(&begin))
}

fn open(path: &str, flags: OFlags) -> Result<OwnedFd> {
    openat(CWD, Path::new(path), flags | OFlags::CLOEXEC, Mode::empty())
        .with_context(|| format!("cannot open {path}"))
}

/// Runs a command; returns its status in a word.
pub(super) fn shell(command: &str) -> Result<String> {
    let status = Command::new("sh")
        .args(["-c", command])
        .status()
        .context("cannot run sh")?;
    Ok(match status.code() {
        Some(0) => "ok".to_owned(),
        code => format!("exit {}", code.unwrap_or(-1)),
    })
}

fn state() -> Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    File::open("/proc/sys/fs/dentry-state")
        .and_then(|mut file| file.read_to_string(&mut text))
        .context("cannot read dentry-state")?;
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Disturbances of a walk.
#[derive(Clone, Copy, PartialEq)]
enum Rain {
    /// A signal whose handler makes system calls end.
    Interrupts,
    /// A signal whose handler makes them restart.
    Restarts,
    /// Stops, each continued at once.
    Stops,
}

/// Walks to the end under a rain of signals. The kernel sends them to the first thread, which is
/// the one that reads.
fn interrupted(device: &Device, rain: Rain) -> Result<String> {
    match rain {
        Rain::Interrupts => raw::interrupt_on(libc::SIGUSR1).context("cannot catch a signal")?,
        Rain::Restarts | Rain::Stops => {
            let heard = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register(signal_hook::consts::SIGUSR1, heard)
                .map(drop)
                .context("cannot catch a signal")?;
        }
    }
    let over = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&over);
    let thread = thread::spawn(move || {
        while !flag.load(Ordering::Relaxed) {
            if rain == Rain::Stops {
                stop_and_continue();
            } else {
                kill_process(getpid(), Signal::USR1).ok();
            }
            thread::sleep(Duration::from_millis(3));
        }
    });
    let mut stream = Stream::default();
    let mut times = 0;
    let end = loop {
        match stream.drain(device, 1 << 16)? {
            Ok(end) => break end,
            Err(Errno::INTR) => times += 1,
            Err(error) => return Ok(name(error)),
        }
    };
    over.store(true, Ordering::Relaxed);
    thread.join().map_err(|_| anyhow!("the rain broke off"))?;
    let often = if times > 0 {
        "interrupted"
    } else {
        "undisturbed"
    };
    Ok(format!(
        "{often} status {} total {}",
        end.status, end.counters.total
    ))
}

/// By a separate process, since ours is stopped with all its threads.
fn stop_and_continue() {
    let pid = std::process::id();
    Command::new("sh")
        .args(["-c", &format!("kill -STOP {pid}; kill -CONT {pid}")])
        .status()
        .ok();
}
