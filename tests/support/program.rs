//! The program under test as a process that leaves the machine alone: the only way by which tests
//! start it (tests/host.rs checks that). It knows no environment but its own, its home is the
//! tests', and its configuration there lets it look and not act.

#![allow(dead_code, reason = "every test binary uses a part of it")]

#[path = "private.rs"]
mod private;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use portable_pty::CommandBuilder;
use rustix::process::Pid;

/// The program's file.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_slabscope");

/// The process that does the work: the one that was started only waits for it.
pub fn at_work(started: Pid) -> Pid {
    let children = format!("/proc/{started}/task/{started}/children");
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let all = fs::read_to_string(&children).unwrap_or_default();
        if let Some(child) = all.split_ascii_whitespace().next() {
            return Pid::from_raw(child.parse().unwrap()).unwrap();
        }
        assert!(Instant::now() < end, "no process is at work for {started}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A home for the program. An acting one is removed at the end of its test.
pub struct Home {
    path: PathBuf,
    acting: bool,
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.acting && !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

impl Home {
    /// An empty one of this name, in which the program can act. A test that asks for it acts on
    /// files of its own alone, and on nothing of the kernel's.
    pub fn acting(name: &str) -> Self {
        let path = private::directory().join(format!("{}-{name}", env!("CARGO_CRATE_NAME")));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("config/slabscope")).unwrap();
        Self { path, acting: true }
    }

    /// The home of all tests that only look: whatever they type, no cache of this machine shrinks.
    pub fn read_only() -> &'static Self {
        static HOME: OnceLock<Home> = OnceLock::new();
        HOME.get_or_init(|| {
            let name = format!("read-only-{}", env!("CARGO_CRATE_NAME"));
            let path = private::directory().join(name);
            let config = path.join("config/slabscope");
            fs::create_dir_all(&config).unwrap();
            // Complete at any time: another run of the tests may read it now.
            let new = config.join(format!("{}.new", std::process::id()));
            fs::write(&new, "read-only = true\n").unwrap();
            fs::rename(new, config.join("config.toml")).unwrap();
            Self {
                path,
                acting: false,
            }
        })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole environment of the program.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let home = || self.path.clone().into_os_string();
        let below = |name: &str| self.path.join(name).into_os_string();
        let path = std::env::var_os("PATH").unwrap_or_default();
        vec![
            ("PATH", path),
            ("LC_ALL", "C.UTF-8".into()),
            ("TERM", "xterm-256color".into()),
            ("HOME", home()),
            ("TMPDIR", home()),
            ("XDG_CONFIG_HOME", below("config")),
            ("XDG_STATE_HOME", below("state")),
            ("XDG_CACHE_HOME", below("cache")),
            ("XDG_DATA_HOME", below("data-home")),
            ("XDG_RUNTIME_DIR", below("runtime")),
        ]
    }

    /// A command that runs at this home.
    pub fn run(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment());
        command
    }

    /// The program at this home.
    pub fn command(&self) -> Command {
        self.run(PROGRAM)
    }

    /// A command for a terminal that has braille and colours.
    pub fn run_on_terminal(&self, program: impl AsRef<std::ffi::OsStr>) -> CommandBuilder {
        let mut command = CommandBuilder::new(program);
        command.env_clear();
        for (name, value) in self.environment() {
            command.env(name, value);
        }
        command
    }

    /// The program for a terminal.
    pub fn on_terminal(&self) -> CommandBuilder {
        self.run_on_terminal(PROGRAM)
    }
}

/// A directory that every user can reach, with a copy of the program: a checkout in /root is reached by root
/// alone. It is removed when dropped.
#[derive(Debug)]
pub struct Public(PathBuf);

impl Public {
    /// Makes it.
    pub fn new() -> Self {
        // Another process copies it: if it were open for writing here, a program that another test starts
        // meanwhile would inherit it, and nobody could run it.
        let script = "umask 022 && dir=$(mktemp -d) && chmod 755 \"$dir\" && cp \"$0\" \"$dir\" && echo \"$dir\"";
        let made = Command::new("sh").args(["-c", script, PROGRAM]).output();
        let made = String::from_utf8(made.unwrap().stdout).unwrap();
        Self(made.trim_end().into())
    }

    /// The copy.
    pub fn program(&self) -> PathBuf {
        self.0.join("slabscope")
    }
}

impl Drop for Public {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}
