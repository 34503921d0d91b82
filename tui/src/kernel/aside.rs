//! System calls that no signal ends, made by a helper process: the program that waits for one can
//! exit, and the shell gets its prompt back. Such a call holds up the end of the process that made
//! it, with all of its threads.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::kernel::paths::{self, Kind};
use crate::kernel::reconfigure::{Access, reconfigure};
use crate::kernel::source::mounts;

/// A call that the helper process makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Reconfigures the superblock of the directory that standard input is, without a change.
    Reconfigure,
    /// Reconfigures the superblock and makes it read-only.
    MakeReadOnly,
    /// Reconfigures the superblock and makes it writable.
    MakeWritable,
    /// Writes all that is dirty (sync(2)).
    Sync,
    /// Writes 1 to the file that standard input is.
    Write1,
    /// Writes 2 to the file that standard input is.
    Write2,
    /// Writes 3 to the file that standard input is.
    Write3,
}

/// Name of the helper process, its first argument.
const NAME: &str = "slabscope-aside";

/// If this process is a helper: does the deed, and returns its status, an error's number.
pub fn asked(mut args: impl Iterator<Item = OsString>) -> Option<u8> {
    if args.next()? != NAME {
        return None;
    }
    let word = args.next()?;
    let done = match Kind::ALL.into_iter().find(|kind| word == kind.word()) {
        Some(kind) => {
            let path = args.next()?;
            let parent = args.next()?.to_str()?.parse().ok()?;
            hand_over(Path::new(&path), kind, parent)
        }
        None => Deed::ALL
            .into_iter()
            .find(|deed| word == deed.word())?
            .run(),
    };
    let errno = done.err().map_or(0, Errno::raw_os_error);
    Some(u8::try_from(errno).unwrap_or(u8::MAX))
}

/// Opens a path, whichever server the kernel has to ask, and passes the descriptor to the parent
/// process over the socket that standard input is. If the parent ends before, so does this process.
fn hand_over(path: &Path, kind: Kind, parent: i32) -> Result<(), Errno> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // Of a parent that has ended already no signal comes: nobody would end this process.
    if rustix::process::getppid().map(|now| now.as_raw_pid()) != Some(parent) {
        return Err(Errno::CANCELED);
    }
    let opened = paths::by_lookup(path, kind)?;
    let files = [opened.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&files));
    let byte = [IoSlice::new(b"1")];
    sendmsg(io::stdin(), &byte, &mut control, SendFlags::NOSIGNAL).map(drop)
}

/// Receives what [`hand_over`] has sent.
fn take_over(socket: OwnedFd) -> Result<OwnedFd, Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut into = [IoSliceMut::new(&mut byte)];
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    recvmsg(socket, &mut into, &mut control, flags)?;
    let mut files = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut files) => files.next(),
        _ => None,
    });
    files.next().ok_or(Errno::BADF)
}

/// Opens a path (`O_PATH`) in a helper process, whichever server the kernel has to ask: a server
/// that does not answer is waited for as long as `flow` says.
pub fn open(
    path: &Path,
    kind: Kind,
    flow: &mut dyn FnMut() -> ControlFlow<()>,
) -> io::Result<Waited<OwnedFd>> {
    let (ours, theirs) = socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let mut command = Command::new("/proc/self/exe");
    command.arg0(NAME).arg(kind.word()).arg(path);
    command.arg(std::process::id().to_string()).stdin(theirs);
    Ok(match wait(command, None, flow)? {
        Waited::Done(done) => Waited::Done(done.and_then(|()| take_over(ours))),
        Waited::Ended { bound } => Waited::Ended { bound },
        Waited::Left(pid) => Waited::Left(pid),
    })
}

impl Deed {
    const ALL: [Self; 7] = [
        Self::Reconfigure,
        Self::MakeReadOnly,
        Self::MakeWritable,
        Self::Sync,
        Self::Write1,
        Self::Write2,
        Self::Write3,
    ];

    /// Makes the call, in the helper process.
    fn run(self) -> Result<(), Errno> {
        let write = |text: &str| {
            let written = rustix::io::write(io::stdin().as_fd(), text.as_bytes());
            written.map(drop)
        };
        match self {
            Self::Reconfigure => reconfigure(io::stdin().as_fd(), Access::Kept),
            Self::MakeReadOnly => reconfigure(io::stdin().as_fd(), Access::ReadOnly),
            Self::MakeWritable => reconfigure(io::stdin().as_fd(), Access::Writable),
            Self::Sync => sync(),
            Self::Write1 => write("1"),
            Self::Write2 => write("2"),
            Self::Write3 => write("3"),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Reconfigure => "reconfigure",
            Self::MakeReadOnly => "read-only",
            Self::MakeWritable => "writable",
            Self::Sync => "sync",
            Self::Write1 => "write1",
            Self::Write2 => "write2",
            Self::Write3 => "write3",
        }
    }
}

/// Writes all that is dirty. sync(2) reports no error, so each local filesystem is asked afterwards:
/// an open directory counts an error that no syncfs(2) has reported yet as its own (lib/errseq.c:
/// `errseq_sample()`, Linux 5.8). A remote one is not asked: opening it may wait for a server for
/// whose files sync(2) has nothing to write.
fn sync() -> Result<(), Errno> {
    rustix::fs::sync();
    let text = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
    let mounts = mounts::parse(&text).unwrap_or_default();
    let mut asked = HashSet::new();
    // All are asked, whichever fails.
    let mut done = Ok(());
    for mount in mounts {
        if !mount.is_stored() || mount.is_remote() || asked.contains(&mount.superblock) {
            continue;
        }
        // A file may be mounted, too: it is not opened.
        let flags = OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        if let Ok(directory) = rustix::fs::open(&mount.point, flags, Mode::empty()) {
            asked.insert(mount.superblock);
            done = done.and(rustix::fs::syncfs(directory));
        }
    }
    done
}

/// Runs `work` on a thread of its own, which is abandoned if it waits for a server that does not
/// answer: None then. `work` reports its progress and learns whether to go on; `flow` is polled
/// meanwhile.
pub fn attended<T: Send + 'static, P: Copy + Default + Send + 'static>(
    work: impl FnOnce(&mut dyn FnMut(&P) -> ControlFlow<()>) -> T + Send + 'static,
    flow: &mut dyn FnMut(&P) -> ControlFlow<()>,
) -> Option<T> {
    if flow(&P::default()).is_break() {
        return None;
    }
    let (sender, receiver) = sync_channel(16);
    let stop = Arc::new(AtomicBool::new(false));
    let is_over = Arc::clone(&stop);
    let work = Arc::new(Mutex::new(Some(work)));
    let theirs = Arc::clone(&work);
    let thread = thread::Builder::new().spawn(move || {
        let Some(work) = take(&theirs) else { return };
        let done = work(&mut |so_far| {
            // If there is no room, the next report will do.
            let _ = sender.try_send(Told::SoFar(*so_far));
            match is_over.load(Ordering::Relaxed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        // Sending fails if the thread was abandoned.
        let _ = sender.send(Told::Done(done));
    });
    if thread.is_err() {
        // No more threads may be available: `work` then runs here, and learns between two steps
        // whether to go on.
        return take(&work).map(|work| work(flow));
    }
    let mut last = P::default();
    let mut stopped: Option<Instant> = None;
    loop {
        match receiver.recv_timeout(LOOK) {
            Ok(Told::Done(done)) => return Some(done),
            Ok(Told::SoFar(so_far)) => last = so_far,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
        match stopped {
            Some(at) if at.elapsed() > GRACE => return None,
            None if flow(&last).is_break() => {
                stop.store(true, Ordering::Relaxed);
                stopped = Some(Instant::now());
            }
            _ => {}
        }
    }
}

fn take<T>(from: &Mutex<Option<T>>) -> Option<T> {
    from.lock().unwrap_or_else(PoisonError::into_inner).take()
}

enum Told<T, P> {
    SoFar(P),
    Done(T),
}

/// Interval at which a wait asks whether to end.
const LOOK: Duration = Duration::from_millis(50);

/// Time that a killed process has to end.
const GRACE: Duration = Duration::from_millis(500);

/// Outcome of the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited<T = ()> {
    /// The call returned, or was refused.
    Done(Result<T, Errno>),
    /// The helper was stopped, or took too long, and has ended.
    Ended {
        /// It took too long.
        bound: bool,
    },
    /// The helper was stopped or took too long, but the kernel keeps it in the call: its process
    /// id.
    Left(u32),
}

/// Has the deed done on `file` by this very program, started once more. `flow` is polled; None:
/// there is no bound.
pub fn aside(
    deed: Deed,
    file: Option<OwnedFd>,
    bound: Option<Duration>,
    flow: &mut dyn FnMut() -> ControlFlow<()>,
) -> io::Result<Waited> {
    let mut command = Command::new("/proc/self/exe");
    command.arg0(NAME).arg(deed.word());
    command.stdin(file.map_or_else(Stdio::null, Stdio::from));
    wait(command, bound, flow)
}

/// Starts a command and waits for it. Its status is an error's number.
fn wait(
    mut command: Command,
    bound: Option<Duration>,
    flow: &mut dyn FnMut() -> ControlFlow<()>,
) -> io::Result<Waited> {
    // It needs nothing of this program's environment: no variable changes what it does, and it
    // keeps no directory in use.
    command.env_clear().current_dir("/");
    // The terminal's Ctrl-C is for the waiting program, which ends the helper.
    command.process_group(0);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| {
            io::Error::new(
                error.kind(),
                format!(
                    "no process can be started: {}",
                    crate::base::text::reason(&error)
                ),
            )
        })?;
    let start = Instant::now();
    let mut step = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Waited::Done(result(status)));
        }
        let too_long = bound.is_some_and(|bound| start.elapsed() > bound);
        if too_long || flow().is_break() {
            return end(child, too_long);
        }
        thread::sleep(step);
        step = (step * 2).min(LOOK);
    }
}

fn result(status: ExitStatus) -> Result<(), Errno> {
    match status.code() {
        Some(0) => Ok(()),
        Some(errno) => Err(Errno::from_raw_os_error(errno)),
        None => Err(Errno::INTR),
    }
}

/// Kills the helper. If it does not die, it is in a call that nothing ends.
fn end(mut child: Child, bound: bool) -> io::Result<Waited> {
    child.kill()?;
    let start = Instant::now();
    while start.elapsed() < GRACE {
        if child.try_wait()?.is_some() {
            return Ok(Waited::Ended { bound });
        }
        thread::sleep(Duration::from_millis(5));
    }
    let pid = child.id();
    // Somebody has to reap it, or its zombie stays for as long as this program runs.
    let _ = thread::Builder::new().spawn(move || child.wait());
    Ok(Waited::Left(pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn go_on() -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[test]
    fn thread_that_waits_for_ever_is_abandoned_and_one_that_ends_answers() {
        let counted = attended(
            |tell| {
                (1..=100)
                    .take_while(|n: &u64| tell(n).is_continue())
                    .count()
            },
            &mut |_| ControlFlow::Continue(()),
        );
        assert_eq!(counted, Some(100));
        let begin = Instant::now();
        let waits = attended(
            |_| thread::sleep(Duration::from_secs(60)),
            &mut |_: &u64| match begin.elapsed() < LOOK {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            },
        );
        assert_eq!(waits, None);
        assert!(begin.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn helper_reports_an_error_by_its_number() {
        let busy = format!("exit {}", Errno::BUSY.raw_os_error());
        let waited = |script: &str| wait(shell(script), None, &mut go_on).unwrap();
        assert_eq!(waited(&busy), Waited::Done(Err(Errno::BUSY)));
        assert_eq!(waited("exit 0"), Waited::Done(Ok(())));
    }

    #[test]
    fn helper_inherits_no_environment_and_no_directory() {
        // cargo sets both for a test.
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
        let none = "test -z \"$CARGO_MANIFEST_DIR$LD_LIBRARY_PATH$HOME\" && test \"$(pwd)\" = /";
        let waited = wait(shell(none), None, &mut go_on).unwrap();
        assert_eq!(waited, Waited::Done(Ok(())));
    }

    #[test]
    fn only_a_helper_process_does_deeds() {
        let asked = |args: &[&str]| super::asked(args.iter().map(OsString::from));
        assert_eq!(asked(&["slabscope", "sync"]), None);
        assert_eq!(asked(&[NAME, "aside"]), None);
        assert_eq!(asked(&[NAME]), None);
        assert!(Deed::ALL.iter().all(|deed| deed.word() != "aside"));
    }

    #[test]
    fn waiting_program_can_leave_and_waits_no_longer_than_asked() {
        let mut stop = || ControlFlow::Break(());
        let ended = wait(shell("exec sleep 60"), None, &mut stop).unwrap();
        assert_eq!(ended, Waited::Ended { bound: false });
        let bound = Some(Duration::from_millis(20));
        let ended = wait(shell("exec sleep 60"), bound, &mut go_on).unwrap();
        assert_eq!(ended, Waited::Ended { bound: true });
    }
}
