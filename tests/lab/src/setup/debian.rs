//! Debian roots: made by debootstrap, entered in namespaces of their own.
//!
//! Nothing but /proc and the directories asked for is mounted in a root, only for the time of one command, in a
//! private mount namespace: an interrupted command leaves no mount behind, and removing the cache cannot reach
//! anything of the host.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::cache::Cache;
use super::command::{Log, system_path};

/// The Debian release whose compilers built the kernels, and which the guest runs.
pub const SUITE: &str = "trixie";

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Runs as PID 1 of its own namespace, so that the end of the command ends everything it started.
/// In a chroot "/" is no mount point and cannot be made private; then that step is skipped.
const ENTER: &str = r#"
mount --make-rprivate / 2>/dev/null || :
root=$1; shift
mount -t proc proc "$root/proc"
while [ "$1" != -- ]; do
    mkdir -p "$root$2"
    mount --bind "$1" "$root$2"
    shift 2
done
shift
exec chroot "$root" "$@"
"#;

/// The archive everything is fetched from: `$SLABSCOPE_MIRROR`, else Debian's own.
pub fn mirror() -> String {
    std::env::var("SLABSCOPE_MIRROR").unwrap_or_else(|_| "http://deb.debian.org/debian".to_owned())
}

/// A command that runs in mount and process namespaces of its own and ends when the lab ends.
fn isolated() -> Command {
    let mut command = Command::new("setpriv");
    command
        .args([
            "--pdeathsig",
            "KILL",
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
        ])
        .args(["--propagation", "unchanged", "sh", "-euc"])
        .env("PATH", system_path())
        .env("LC_ALL", "C");
    command
}

/// Makes a minimal root; its packages' signatures are checked against Debian's keys.
pub fn bootstrap(target: &Path, log: &Log) -> Result<()> {
    bootstrap_suite(SUITE, target, log)
}

/// Likewise, of a release of Debian.
pub fn bootstrap_suite(suite: &str, target: &Path, log: &Log) -> Result<()> {
    log.run(
        isolated()
            .arg(r#"mount --make-rprivate / 2>/dev/null || :; exec "$@""#)
            .args([
                "lab",
                "debootstrap",
                "--variant=minbase",
                "--force-check-gpg",
            ])
            .arg(format!("--keyring={KEYRING}"))
            .args(["--include=ca-certificates", suite])
            .arg(target)
            .arg(mirror()),
    )?;
    configure(suite, target)
}

/// Configures a fresh root: where packages come from, and that it need not survive a power cut.
fn configure(suite: &str, root: &Path) -> Result<()> {
    let mirror = mirror();
    let files = [
        (
            "etc/apt/sources.list",
            format!("deb {mirror} {suite} main\ndeb {mirror} {suite}-backports main\n"),
        ),
        (
            "etc/apt/apt.conf.d/90lab",
            "APT::Install-Recommends \"false\";\nAcquire::Retries \"3\";\nAcquire::http::Timeout \"30\";\n\
             Acquire::Languages \"none\";\n"
                .to_owned(),
        ),
        (
            "etc/dpkg/dpkg.cfg.d/lab",
            "force-unsafe-io\npath-exclude=/usr/share/doc/*\npath-exclude=/usr/share/man/*\n\
             path-exclude=/usr/share/locale/*\n"
                .to_owned(),
        ),
    ];
    for (name, text) in files {
        let path = root.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Copies a root, sharing the blocks where the filesystem can.
pub fn copy(from: &Path, to: &Path, log: &Log) -> Result<()> {
    log.run(
        Command::new("cp")
            .args(["-a", "--reflink=auto"])
            .arg(from)
            .arg(to),
    )
}

/// A root to run commands in.
#[derive(Clone, Debug)]
pub struct Chroot {
    root: PathBuf,
    binds: Vec<(PathBuf, String)>,
}

impl Chroot {
    /// The root at a path.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            binds: Vec::new(),
        }
    }

    /// Shows a directory of the cache inside the root while a command runs.
    #[must_use]
    pub fn bind(mut self, from: impl Into<PathBuf>, to: impl Into<String>) -> Self {
        self.binds.push((from.into(), to.into()));
        self
    }

    /// Runs a shell script (`sh -eu`) inside; the arguments are its `$1`, `$2` ...
    pub fn run(&self, script: &str, arguments: &[&str], log: &Log) -> Result<()> {
        log.run(&mut self.command(script, arguments))
    }

    /// Like [`Chroot::run`], and returns the script's output.
    pub fn output(&self, script: &str, arguments: &[&str], log: &Log) -> Result<String> {
        log.output(&mut self.command(script, arguments))
    }

    /// Installs packages.
    pub fn install(&self, packages: &[&str], log: &Log) -> Result<()> {
        self.update(log)?;
        self.run(
            "apt-get install -yq --no-install-recommends \"$@\"; apt-get clean",
            packages,
            log,
        )
    }

    /// Makes the root resolve names as the host does: that may have changed since the root was
    /// made.
    pub fn resolve(&self) -> Result<()> {
        if let Ok(text) = fs::read("/etc/resolv.conf") {
            let path = self.root.join("etc/resolv.conf");
            super::cache::remove(&path)?;
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// Fetches the archive's indices.
    pub fn update(&self, log: &Log) -> Result<()> {
        self.resolve()?;
        self.run("apt-get update -q -o APT::Update::Error-Mode=any", &[], log)
    }

    fn command(&self, script: &str, arguments: &[&str]) -> Command {
        let mut command = isolated();
        command.args([ENTER, "lab"]).arg(&self.root);
        for (from, to) in &self.binds {
            command.arg(from).arg(to);
        }
        command.args(["--", "/usr/bin/env", "-i", "HOME=/root", "LC_ALL=C.UTF-8"]);
        command.args([
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
            "DEBIAN_FRONTEND=noninteractive",
        ]);
        for name in ["http_proxy", "https_proxy", "no_proxy"] {
            if let Ok(value) = std::env::var(name) {
                command.arg(format!("{name}={value}"));
            }
        }
        command.args(["sh", "-euc", script, "lab"]).args(arguments);
        command
    }
}

/// The minimal root that the compilers' and the guest's are copied from.
pub fn base_path(cache: &Cache) -> PathBuf {
    suite_path(cache, SUITE)
}

/// The minimal root of a release of Debian.
pub fn suite_path(cache: &Cache, suite: &str) -> PathBuf {
    cache.path(format!("roots/{suite}-1"))
}
