//! Filesystem images, made without mounting anything.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::cache::{Cache, disk_usage, key, remove};
use super::command::{Log, system_path};
use super::debian::{Chroot, SUITE, copy};

/// Packages of the guest beyond a minimal Debian: tools for filesystems, modules and processes.
pub(super) const PACKAGES: [&str; 13] = [
    "btrfs-progs",
    "e2fsprogs",
    "iproute2",
    "kmod",
    "less",
    "libcap2-bin",
    "mount",
    "nfs-kernel-server",
    "procps",
    "strace",
    "util-linux",
    "vim-tiny",
    "xfsprogs",
];

/// Makes directories that the guest needs, and its greeting.
pub(super) const FINISH: &str = r#"
mkdir -p /mnt/ext4 /mnt/xfs /mnt/btrfs /mnt/overlay /mnt/tmpfs /mnt/second /payload
echo slabscope-lab >/etc/hostname
echo "127.0.0.1 localhost slabscope-lab" >/etc/hosts
echo "PS1='lab:\w# '" >>/root/.bashrc
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/share/man /usr/share/doc
"#;

/// The guest's root filesystem.
pub fn root_path(cache: &Cache) -> PathBuf {
    cache.path(format!(
        "images/root-{}.img",
        key(PACKAGES.into_iter().chain([FINISH, SUITE]))
    ))
}

/// Makes the guest's root filesystem out of the minimal root.
pub fn make_root(base: &Path, target: &Path, log: &Log) -> Result<()> {
    let tree = target.with_extension("tree");
    remove(&tree)?;
    copy(base, &tree, log)?;
    let root = Chroot::new(&tree);
    root.install(&PACKAGES, log)?;
    root.run(FINISH, &[], log)?;
    make(&tree, target, 1 << 30, log)?;
    remove(&tree)
}

/// Makes an ext4 image out of a tree, with some space left free in it. The file is sparse.
pub fn make(tree: &Path, target: &Path, free: u64, log: &Log) -> Result<()> {
    let size = disk_usage(tree) * 5 / 4 + free;
    let file =
        fs::File::create(target).with_context(|| format!("cannot write {}", target.display()))?;
    file.set_len(size.next_multiple_of(1 << 20))
        .with_context(|| format!("cannot size {}", target.display()))?;
    log.run(
        Command::new("mke2fs")
            .env("PATH", system_path())
            .args(["-q", "-F", "-t", "ext4", "-m", "0", "-O", "^has_journal"])
            .args(["-E", "root_owner=0:0,nodiscard", "-d"])
            .arg(tree)
            .arg(target),
    )
}
