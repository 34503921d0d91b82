//! System calls that no signal ends, done by a process of their own: whoever waits for it can leave, and
//! the shell gets its prompt back. Such a call holds up the end of the process that made it, with
//! all of its threads.

use std::ffi::OsString;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::mount::fsconfig_reconfigure;

/// What is done aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Reconfigures the filesystem context that standard input is (fsconfig(2)).
    Reconfigure,
    /// Writes all that is dirty (sync(2)).
    Sync,
    /// Writes 1 to the file that standard input is.
    Write1,
    /// Writes 2.
    Write2,
    /// Writes 3.
    Write3,
}

/// What the process that does it calls itself.
const NAME: &str = "slabscope-aside";

/// If this process is such a one: does what it is there for, and returns its status, an error's number.
pub fn asked(mut args: impl Iterator<Item = OsString>) -> Option<u8> {
    if args.next()? != NAME {
        return None;
    }
    let word = args.next()?;
    let deed = Deed::ALL.into_iter().find(|deed| word == deed.word())?;
    let errno = deed.run().err().map_or(0, Errno::raw_os_error);
    Some(u8::try_from(errno).unwrap_or(u8::MAX))
}

impl Deed {
    const ALL: [Self; 5] = [
        Self::Reconfigure,
        Self::Sync,
        Self::Write1,
        Self::Write2,
        Self::Write3,
    ];

    /// Does it, in the process that is there for nothing else.
    fn run(self) -> Result<(), Errno> {
        let write = |text: &str| {
            let written = rustix::io::write(io::stdin().as_fd(), text.as_bytes());
            written.map(drop)
        };
        match self {
            Self::Reconfigure => fsconfig_reconfigure(io::stdin().as_fd()),
            Self::Sync => {
                rustix::fs::sync();
                Ok(())
            }
            Self::Write1 => write("1"),
            Self::Write2 => write("2"),
            Self::Write3 => write("3"),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Reconfigure => "reconfigure",
            Self::Sync => "sync",
            Self::Write1 => "write1",
            Self::Write2 => "write2",
            Self::Write3 => "write3",
        }
    }
}

/// How the wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// It is done, or was refused.
    Done(Result<(), Errno>),
    /// It was stopped, or took too long (then `true`), and has ended.
    Ended {
        /// It took too long.
        bound: bool,
    },
    /// The same, but the kernel goes on with it in this process.
    Left(u32),
}

/// Has it done on `file`, by this very program, started once more. `flow` is asked again and again;
/// None: there is no bound.
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
    // It needs nothing of what this program was given: no variable says what it does, and no
    // directory is kept in use by it.
    command.env_clear().current_dir("/");
    // The terminal's Ctrl-C is for who waits: that one ends the other.
    command.process_group(0);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
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
        step = (step * 2).min(Duration::from_millis(50));
    }
}

fn result(status: ExitStatus) -> Result<(), Errno> {
    match status.code() {
        Some(0) => Ok(()),
        Some(errno) => Err(Errno::from_raw_os_error(errno)),
        None => Err(Errno::INTR),
    }
}

/// Kills it. What does not die of that is in a call of the kernel that nothing ends.
fn end(mut child: Child, bound: bool) -> io::Result<Waited> {
    const GRACE: Duration = Duration::from_millis(500);
    child.kill()?;
    let start = Instant::now();
    while start.elapsed() < GRACE {
        if child.try_wait()?.is_some() {
            return Ok(Waited::Ended { bound });
        }
        thread::sleep(Duration::from_millis(5));
    }
    let pid = child.id();
    // Somebody has to hear of its end, or what is left of it stays for as long as this program runs.
    thread::spawn(move || child.wait());
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
    fn an_error_is_told_by_its_number() {
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
    fn nobody_else_is_asked() {
        let asked = |args: &[&str]| super::asked(args.iter().map(OsString::from));
        assert_eq!(asked(&["slabscope", "sync"]), None);
        assert_eq!(asked(&[NAME, "aside"]), None);
        assert_eq!(asked(&[NAME]), None);
        assert!(Deed::ALL.iter().all(|deed| deed.word() != "aside"));
    }

    #[test]
    fn who_waits_can_leave_and_is_not_kept_for_longer_than_asked() {
        let mut stop = || ControlFlow::Break(());
        let ended = wait(shell("exec sleep 60"), None, &mut stop).unwrap();
        assert_eq!(ended, Waited::Ended { bound: false });
        let bound = Some(Duration::from_millis(20));
        let ended = wait(shell("exec sleep 60"), bound, &mut go_on).unwrap();
        assert_eq!(ended, Waited::Ended { bound: true });
    }
}
