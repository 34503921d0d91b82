//! Requirements on the host: a few programs, and root's rights for making Debian roots.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::command::{Log, in_path, system_path};

/// Programs the lab runs on the host, and the Debian packages they are in.
const PROGRAMS: [(&str, &str); 10] = [
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("debootstrap", "debootstrap"),
    ("mke2fs", "e2fsprogs"),
    ("unshare", "util-linux"),
    ("setpriv", "util-linux"),
    ("mount", "mount"),
    ("gpgv", "gpgv"),
    ("cc", "gcc"),
    ("tar", "tar"),
    ("depmod", "kmod"),
];

/// Files the lab needs, likewise.
const FILES: [(&str, &str); 1] = [(
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "debian-archive-keyring",
)];

/// The Debian packages that are missing here.
pub fn missing() -> Vec<&'static str> {
    let programs = PROGRAMS.iter().filter(|(program, _)| !in_path(program));
    let files = FILES.iter().filter(|(file, _)| !Path::new(file).exists());
    let mut packages: Vec<_> = programs.chain(files).map(|(_, package)| *package).collect();
    packages.dedup();
    packages
}

/// Whether this process may make Debian roots.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The request needs root.
#[derive(Debug, thiserror::Error)]
#[error("{0} needs root")]
pub struct NeedsRoot(pub String);

/// Fails with [`NeedsRoot`] when this process may not do what is needed.
pub fn require_root(what: &str) -> Result<()> {
    match is_root() {
        true => Ok(()),
        false => Err(NeedsRoot(what.to_owned()).into()),
    }
}

/// Installs what is missing.
pub fn install(packages: &[&str], log: &Log) -> Result<()> {
    let command = format!(
        "apt-get install -y --no-install-recommends {}",
        packages.join(" ")
    );
    if !in_path("apt-get") {
        bail!(
            "these Debian packages, or what your system calls them, are missing: {}",
            packages.join(" ")
        );
    }
    require_root(&format!("`{command}`"))?;
    let apt = |arguments: &str| {
        let mut apt = Command::new("setpriv");
        apt.args([
            "--pdeathsig",
            "TERM",
            "apt-get",
            "-q",
            "-o",
            "Acquire::Retries=3",
        ])
        .args(arguments.split(' '))
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("LC_ALL", "C")
        .env("PATH", system_path());
        apt
    };
    // A broken third-party source must not keep Debian's own packages away.
    let updated = log.run(&mut apt("update"));
    log.run(&mut apt(command.trim_start_matches("apt-get ")))
        .with_context(|| match updated {
            Ok(()) => format!("`{command}` failed"),
            Err(error) => format!("`{command}` failed, and `apt-get update` before it: {error}"),
        })
}
