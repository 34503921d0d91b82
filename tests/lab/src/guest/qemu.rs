//! The emulator: its command line, its channels and its end.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

use super::accel::Accel;
use super::payload::{Archive, DEMO, MODULE, PEER};
use crate::agent::protocol::PORT;
use crate::setup::Lab;
use crate::setup::cache::{Cache, remove};
use crate::setup::command::system_path;

/// Size of a guest.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Processors.
    pub cpus: u32,
    /// Memory.
    pub memory_mib: u32,
    /// The disk for filesystems under test. Its file is sparse.
    pub disk_mib: u64,
    /// A reboot does not end it. A panic then boots it again, too.
    pub reboots: bool,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            cpus: 2,
            memory_mib: 4096,
            disk_mib: 4096,
            reboots: false,
        }
    }
}

/// A running emulator with the files of its run. It ends when dropped, and when the lab ends in any way.
#[derive(Debug)]
pub struct Qemu {
    child: Child,
    dir: TempDir,
    _alive: File,
}

/// The host's ends of the guest's channels.
#[derive(Debug)]
pub struct Channels {
    /// The screen's bytes.
    pub screen: UnixStream,
    /// The agent's lines.
    pub agent: UnixStream,
}

impl Qemu {
    /// Starts a guest.
    pub fn start(lab: &Lab, machine: Machine, accel: Accel) -> Result<(Self, Channels)> {
        let (dir, alive) = run_dir(&lab.cache)?;
        let initrd = dir.path().join("initrd");
        let mut archive = Archive::default();
        archive.add("/init", &lab.programs.agent)?;
        archive.add("/payload/usr/local/bin/agent", &lab.programs.agent)?;
        archive.add("/payload/usr/local/bin/slabscope", &lab.programs.slabscope)?;
        archive.add(&format!("/payload{MODULE}"), &lab.modules.slabscope)?;
        if let Some(demo) = &lab.modules.demo {
            archive.add(&format!("/payload{DEMO}"), demo)?;
        }
        if let Some(peer) = &lab.modules.peer {
            archive.add(&format!("/payload{PEER}"), peer)?;
        }
        archive.write(&initrd)?;
        let disk = dir.path().join("disk");
        File::create(&disk)
            .and_then(|file| file.set_len(machine.disk_mib << 20))
            .with_context(|| format!("cannot make {}", disk.display()))?;
        let (screen, screen_end) = UnixStream::pair().context("cannot make a channel")?;
        let (agent, agent_end) = UnixStream::pair().context("cannot make a channel")?;
        let errors = File::create(dir.path().join("qemu.log")).context("cannot write a log")?;
        // The channels are the standard streams: only these are inherited by default.
        let child = command(lab, machine, accel, dir.path())
            .stdin(Stdio::from(OwnedFd::from(screen_end)))
            .stdout(Stdio::from(OwnedFd::from(agent_end)))
            .stderr(errors)
            .spawn()
            .context("cannot run qemu-system-x86_64")?;
        Ok((
            Self {
                child,
                dir,
                _alive: alive,
            },
            Channels { screen, agent },
        ))
    }

    /// The file that the guest's serial line writes.
    pub fn log_path(&self) -> PathBuf {
        log_path(self.dir.path())
    }

    /// The emulator's own messages.
    pub fn complaints(&self) -> String {
        fs::read_to_string(self.dir.path().join("qemu.log")).unwrap_or_default()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn log_path(dir: &Path) -> PathBuf {
    dir.join("kernel.log")
}

/// Makes a directory for the files of one run, and removes those of runs that were killed.
fn run_dir(cache: &Cache) -> Result<(TempDir, File)> {
    let runs = cache.path("runs");
    fs::create_dir_all(&runs).with_context(|| format!("cannot make {}", runs.display()))?;
    for entry in fs::read_dir(&runs).into_iter().flatten().flatten() {
        let stale = match File::open(entry.path().join("alive")) {
            Ok(alive) => flock(&alive, FlockOperation::NonBlockingLockExclusive).is_ok(),
            Err(_) => false,
        };
        if stale {
            remove(&entry.path()).ok();
        }
    }
    let dir = tempfile::Builder::new()
        .prefix("run-")
        .tempdir_in(&runs)
        .with_context(|| format!("cannot make a directory in {}", runs.display()))?;
    // The lock is on the file before it gets the name that others look for.
    let new = dir.path().join("new");
    let alive = File::create(&new).with_context(|| format!("cannot write {}", new.display()))?;
    flock(&alive, FlockOperation::NonBlockingLockExclusive).context("cannot lock a new file")?;
    fs::rename(&new, dir.path().join("alive")).context("cannot rename a new file")?;
    Ok((dir, alive))
}

fn command(lab: &Lab, machine: Machine, accel: Accel, dir: &Path) -> Command {
    // A thread's end counts as its parent's: the thread that starts a guest lives as long as the
    // guest.
    let mut command = Command::new("setpriv");
    command.env("PATH", system_path()).env("TMPDIR", dir);
    command.args([
        "--pdeathsig",
        "KILL",
        "qemu-system-x86_64",
        "-name",
        "slabscope-lab",
    ]);
    command.args([
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-machine",
        "q35",
    ]);
    if !machine.reboots {
        command.arg("-no-reboot");
    }
    command.args(accel.arguments());
    command.args([
        "-smp",
        &machine.cpus.to_string(),
        "-m",
        &format!("{}M", machine.memory_mib),
    ]);
    command.arg("-kernel").arg(lab.kernel.vmlinuz(&lab.cache));
    command.arg("-initrd").arg(dir.join("initrd"));
    command.args(["-append", &kernel_arguments(accel)]);
    command.args([
        "-chardev",
        &format!("file,id=log,path={}", escaped(&log_path(dir))),
    ]);
    command.args(["-serial", "chardev:log", "-device", "virtio-serial-pci"]);
    command.args([
        "-chardev",
        "socket,id=screen,fd=0",
        "-device",
        "virtconsole,chardev=screen",
    ]);
    command.args(["-chardev", "socket,id=agent,fd=1"]);
    command.args([
        "-device",
        &format!("virtserialport,chardev=agent,name={PORT}"),
    ]);
    // Debian's kernel has NVMe built in. The guest identifies the disks by their numbers.
    command.args(["-device", "nvme,id=nvme,serial=slabscope"]);
    let disks = [
        ("root", lab.root_image.clone(), "snapshot=on"),
        (
            "modules",
            lab.kernel.modules_image(&lab.cache),
            "read-only=on",
        ),
        ("disk", dir.join("disk"), "discard=unmap"),
    ];
    for (index, (name, path, options)) in disks.into_iter().enumerate() {
        let file = escaped(&path);
        command.args([
            "-drive",
            &format!("if=none,id={name},format=raw,cache=unsafe,{options},file={file}"),
        ]);
        command.args([
            "-device",
            &format!("nvme-ns,drive={name},bus=nvme,nsid={}", index + 1),
        ]);
    }
    command
}

/// A path as a value among comma-separated options.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

fn kernel_arguments(accel: Accel) -> String {
    // A warning, an oops or a panic ends the guest, and with it all that waits for it. Mitigations cost an
    // emulated processor much and are of no use.
    let common = "console=ttyS0 ignore_loglevel panic=-1 oops=panic panic_on_warn=1";
    match accel {
        Accel::Kvm => common.to_owned(),
        Accel::Tcg | Accel::Counted => format!("{common} mitigations=off no_timer_check"),
    }
}
