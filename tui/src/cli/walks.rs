//! What `census`, `ls` and `prune` share: the directory, its errors, Ctrl-C, sizes of objects.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM};
use signal_hook::low_level::emulate_default_handler;

use super::{Exit, Failure};
use crate::base::signals;
use crate::kernel::reader;
use crate::kernel::reader::bpf::BpfError;
use crate::kernel::session::{SessionError, too_old};
use crate::kernel::source::{Kernel, Mount, Source};
use crate::kernel::target::{LookError, Target};
use crate::reclaim::prune::PruneError;
use crate::ui::model::Sizes;

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        let (exit, remedy) = match &error {
            SessionError::NoModule(_) => (Exit::Missing, how_to_load()),
            SessionError::Permission(_) | SessionError::Bpf(BpfError::Permission) => {
                (Exit::Permission, "")
            }
            SessionError::NoReader { module, bpf } => {
                let permission =
                    matches!(**module, SessionError::Permission(_)) || *bpf == BpfError::Permission;
                match permission {
                    true => (Exit::Permission, ""),
                    false => (Exit::Missing, "\n`slabscope doctor` says how to fix that"),
                }
            }
            SessionError::Version { .. }
            | SessionError::NoCounts
            | SessionError::OnlyReads
            | SessionError::Bpf(_) => (Exit::Missing, ""),
            _ => (Exit::Failed, ""),
        };
        Self::new(exit, format!("{error}{remedy}"))
    }
}

/// How to get a module, where there is one for the running kernel.
fn how_to_load() -> &'static str {
    let release = rustix::system::uname();
    match too_old(&release.release().to_string_lossy()) {
        Some(_) => "\nthere is none for this kernel; `slabscope doctor` says what works here",
        None => {
            "\n`sudo slabscope module install` builds and loads it; `cargo lab` shows it on a kernel of its own"
        }
    }
}

impl From<LookError> for Failure {
    fn from(error: LookError) -> Self {
        match error {
            LookError::Session(error) => error.into(),
            LookError::Open { ref source, .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                Self::new(Exit::Permission, error)
            }
            LookError::NotCached { .. } => Self::new(
                Exit::Failed,
                format!(
                    "{error}\n--lookup reaches it as any program would, and caches the names on its path"
                ),
            ),
            error => Self::new(Exit::Failed, error),
        }
    }
}

impl From<PruneError> for Failure {
    fn from(error: PruneError) -> Self {
        match error {
            PruneError::Look(error) => error.into(),
            error => Self::new(Exit::Failed, error),
        }
    }
}

/// The directory of a walk.
#[derive(Debug, clap::Args)]
pub struct Directory {
    /// The directory
    pub path: PathBuf,

    /// Look the path up if it is not cached, or if its filesystem revalidates names (sysfs, NFS)
    #[arg(long)]
    lookup: bool,
}

impl Directory {
    /// Opens it, if there is a reader to count what is below it.
    pub fn open(&self) -> Result<Target, Failure> {
        reader::works()?;
        // Ctrl-C ends this program as it usually does, and with it the process that asks.
        let mut flow = || ControlFlow::Continue(());
        Ok(Target::open_if(&self.path, self.lookup, &mut flow)?)
    }

    /// Its path from the root, as the shell's directory has it.
    pub fn absolute(&self) -> PathBuf {
        std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone())
    }
}

/// Ctrl-C and the like, as a flag that walks look at between two batches.
#[derive(Debug)]
pub struct Interrupt(Arc<AtomicBool>);

/// The same signal again within this many milliseconds is the same one.
const AT_ONCE: u64 = 100;

impl Interrupt {
    /// From here on each signal that would end the process ends the walk, however many arrive: what
    /// has to be undone is undone.
    pub fn hold() -> io::Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in signals::ending() {
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
        }
        Ok(Self(flag))
    }

    /// From here on a signal that would end the process ends the walk. If a user sends one a second
    /// time, it ends the process: a walk that opens directories on the way may wait for a server
    /// for ever. A hangup is different: the kernel sends it, and the shell sends it again, and at
    /// the end of a session SIGTERM follows.
    pub fn catch() -> io::Result<Self> {
        let flag = Self::hold()?;
        for signal in [SIGINT, SIGQUIT, SIGTERM] {
            let start = Instant::now();
            let first = AtomicU64::new(0);
            let came = move || {
                let now =
                    u64::try_from(start.elapsed().as_millis()).map_or(u64::MAX, |now| now + 1);
                let first = first.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
                // A signal to all processes of the program arrives twice at once.
                if first.is_err_and(|first| now - first > AT_ONCE) {
                    let _ = emulate_default_handler(signal);
                }
            };
            // SAFETY: it reads a clock, sets a number, and may end the process: a handler may do each.
            unsafe { signal_hook::low_level::register(signal, came)? };
        }
        Ok(flag)
    }

    /// The answer to a walk's progress.
    pub fn flow(&self) -> ControlFlow<()> {
        if self.0.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// Bytes of what a walk counts on a directory's filesystem.
pub fn sizes(path: &Path, kernel: &mut Kernel) -> Sizes {
    let sample = kernel.sample();
    let mounts = kernel.mounts().unwrap_or_default();
    let page = rustix::param::page_size() as u64;
    Sizes::of(Some(&sample), Mount::of(&mounts, path), page)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use rustix::process::{Signal, getpid, kill_process};

    use super::*;

    /// The module's way may lead nowhere on this kernel: the doctor knows all ways.
    #[test]
    fn error_without_a_reader_has_both_reasons_and_names_the_doctor() {
        let failure = |bpf| {
            let module = Box::new(SessionError::NoModule("/dev/slabscope".into()));
            Failure::from(SessionError::NoReader { module, bpf })
        };
        let lockdown = failure(BpfError::Lockdown);
        assert_eq!(lockdown.exit, Exit::Missing);
        for words in [
            "module is not loaded",
            "confidentiality",
            "slabscope doctor",
        ] {
            assert!(lockdown.message.contains(words), "{}", lockdown.message);
        }
        assert!(!lockdown.message.contains("module install"));
        assert_eq!(failure(BpfError::Permission).exit, Exit::Permission);
    }

    /// In a process of its own, which is this test again.
    #[test]
    fn the_second_signal_ends_what_the_first_did_not() {
        const INSIDE: &str = "SLABSCOPE_TEST_SECOND_SIGNAL";
        if std::env::var_os(INSIDE).is_none() {
            let name = "cli::walks::tests::the_second_signal_ends_what_the_first_did_not";
            let mut test = Command::new(std::env::current_exe().unwrap());
            let output = test
                .args(["--exact", name, "--nocapture"])
                .env(INSIDE, "1")
                .output()
                .unwrap();
            assert_eq!(output.status.signal(), Some(SIGTERM));
            assert!(String::from_utf8_lossy(&output.stdout).contains("two at once are one"));
            return;
        }
        let interrupt = Interrupt::catch().unwrap();
        assert!(interrupt.flow().is_continue());
        for _ in 0..2 {
            kill_process(getpid(), Signal::TERM).unwrap();
            while interrupt.flow().is_continue() {
                std::thread::yield_now();
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(2 * AT_ONCE));
        io::Write::write_all(&mut io::stdout(), b"two at once are one\n").unwrap();
        kill_process(getpid(), Signal::TERM).unwrap();
        // The second signal is not awaited for ever.
        std::thread::sleep(std::time::Duration::from_secs(5));
    }
}
