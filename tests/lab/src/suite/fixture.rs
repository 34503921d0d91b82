//! Fixtures of tests: filesystems, background processes, and sessions on the module's device.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::agent::SCRATCH_DISK;
use crate::guest::{COMMAND_TIMEOUT, Guest};

/// A filesystem that the module is tested on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fs {
    Ext4,
    Xfs,
    Btrfs,
    Overlay,
    Tmpfs,
}

impl Fs {
    /// Its mount point.
    pub(super) fn dir(self) -> &'static str {
        match self {
            Self::Ext4 => "/mnt/ext4",
            Self::Xfs => "/mnt/xfs",
            Self::Btrfs => "/mnt/btrfs",
            Self::Overlay => "/mnt/overlay",
            Self::Tmpfs => "/mnt/tmpfs",
        }
    }

    /// Makes a new one and mounts it.
    pub(super) fn fresh(self, guest: &Guest) -> Result<&'static str> {
        let dir = self.dir();
        let script = match self {
            Self::Ext4 => {
                guest.fresh_ext4()?;
                return Ok(dir);
            }
            Self::Xfs => {
                // Features that Linux 5.10 does not support yet.
                format!(
                    "case $(uname -r) in 5.10.*) old='-i nrext64=0,exchange=0 -n parent=0';; *) old=;; esac
                     mkfs.xfs -q -f -K $old {SCRATCH_DISK} && mount {SCRATCH_DISK} {dir}"
                )
            }
            Self::Btrfs => {
                format!("mkfs.btrfs -q -f -K {SCRATCH_DISK} && mount {SCRATCH_DISK} {dir}")
            }
            Self::Overlay => {
                guest.fresh_ext4()?;
                format!(
                    "cd /mnt/ext4 && mkdir lower upper work && cd / && mount -t overlay overlay {dir} \
                     -o lowerdir=/mnt/ext4/lower,upperdir=/mnt/ext4/upper,workdir=/mnt/ext4/work"
                )
            }
            Self::Tmpfs => format!("mount -t tmpfs tmpfs {dir}"),
        };
        guest.sh(&script)?;
        Ok(dir)
    }

    /// Unmounts it, and all that is mounted on it.
    pub(super) fn unmount(self, guest: &Guest) -> Result<()> {
        let below = if self == Self::Overlay {
            "&& umount /mnt/ext4"
        } else {
            ""
        };
        let dir = self.dir();
        guest.sh(&format!("umount -R {dir} {below}")).map(drop)
    }

    /// After it is unmounted: checks that the filesystem's own checker finds it clean.
    pub(super) fn check(self, guest: &Guest) -> Result<()> {
        let checker = match self {
            Self::Ext4 | Self::Overlay => "e2fsck -fn",
            Self::Xfs => "xfs_repair -n",
            Self::Btrfs => "btrfs check --readonly",
            Self::Tmpfs => return Ok(()),
        };
        guest
            .sh(&format!("{checker} {SCRATCH_DISK} 2>&1"))
            .map(drop)
    }
}

/// A process that runs in the guest until it is ended.
pub(super) struct Background<'g> {
    guest: &'g Guest,
    pid: u32,
}

impl<'g> Background<'g> {
    /// Starts a command and waits until it says a word.
    pub(super) fn start(guest: &'g Guest, command: &str, word: &str) -> Result<Self> {
        let output = guest.sh(&format!(
            "said=$(mktemp)
             {command} >$said 2>&1 </dev/null &
             while ! grep -q '{word}' $said; do
                 if ! kill -0 $!; then cat $said >&2; exit 1; fi
                 sleep 0.05
             done
             echo $!"
        ))?;
        let pid = output.trim().parse().context("no process")?;
        Ok(Self { guest, pid })
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Kills it with its children, and waits for its end. For slabscope, it kills the process at
    /// work, which would end in order otherwise.
    pub(super) fn end(self) -> Result<()> {
        let pid = self.pid;
        self.guest
            .sh(&format!(
                "pkill -KILL -P {pid}; kill -9 {pid} 2>/dev/null; while kill -0 {pid} 2>/dev/null; do sleep 0.02; done"
            ))
            .map(drop)
    }
}

/// Takes steps on the module's device (agent/device.rs), under a command that changes the user, and
/// returns the answer to each.
pub(super) fn device_as(guest: &Guest, who: &str, steps: &[&str]) -> Result<Vec<String>> {
    let quoted: Vec<String> = steps.iter().map(|step| format!("'{step}'")).collect();
    let command = format!("{who} agent device {}", quoted.join(" "));
    let said = guest.sh_within(&command, Duration::from_secs(120))?;
    Ok(said.lines().map(str::to_owned).collect())
}

/// Takes steps on the module's device as root, and checks the answer to each.
pub(super) fn device(guest: &Guest, steps: &[(&str, &str)]) -> Result<()> {
    expect_as(guest, "", steps)
}

/// As [`device`], under a command that changes the user.
pub(super) fn expect_as(guest: &Guest, who: &str, steps: &[(&str, &str)]) -> Result<()> {
    let (asked, expected): (Vec<&str>, Vec<&str>) = steps.iter().copied().unzip();
    let said = device_as(guest, who, &asked)?;
    ensure!(said.len() == expected.len(), "{asked:?}: {said:?}");
    for ((step, expected), said) in steps.iter().zip(said) {
        ensure!(
            said == *expected,
            "{step}: expected {expected}, the answer is {said}; all steps: {asked:?}"
        );
    }
    Ok(())
}

/// Runs a command of the program that has to end with a status, and returns its output on both
/// streams.
pub(super) fn ends_with(guest: &Guest, command: &str, status: i32) -> Result<String> {
    let output = guest.exec(command, COMMAND_TIMEOUT)?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    ensure!(
        output.status == status,
        "`{command}` ended with {} instead of {status}: {said}",
        output.status
    );
    Ok(said)
}

/// Runs a command that prints one JSON document.
pub(super) fn json(guest: &Guest, command: &str, status: i32) -> Result<Value> {
    let output = guest.exec(command, COMMAND_TIMEOUT)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status == status,
        "`{command}` ended with {} instead of {status}: {errors}",
        output.status
    );
    serde_json::from_slice(&output.stdout).with_context(|| format!("`{command}`: no JSON"))
}

/// Doctor's check of one feature; null if there is none.
pub(super) fn check_of(guest: &Guest, name: &str) -> Result<Value> {
    let report = json(guest, "slabscope doctor --json", 0)?;
    let mut checks = report["checks"].as_array().into_iter().flatten();
    let found = checks.find(|check| check["name"] == name);
    Ok(found.cloned().unwrap_or_default())
}
