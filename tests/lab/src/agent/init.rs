//! The guest's first process: mounts the root, moves into it, starts the agent, and reaps the dead.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::fs::CWD;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_move, unmount};
use rustix::process::WaitOptions;
use rustix::system::{RebootCommand, reboot};

use super::SCRATCH_DISK;
use crate::guest::payload::MODULE;

/// The disks' names in the guest. They are namespaces of one controller, identified by their
/// numbers: the kernel looks for them in the background and names them in the order in which it
/// finds them.
const DISKS: [&str; 3] = [ROOT_DISK, MODULES_DISK, SCRATCH_DISK];
const ROOT_DISK: &str = "/dev/lab-root";
const MODULES_DISK: &str = "/dev/lab-modules";
const NEW_ROOT: &str = "/newroot";
const PAYLOAD: &str = "/payload";
const AGENT: &str = "/usr/local/bin/agent";

/// Ends by switching the guest off, in success and in failure; failures are in the kernel's log.
pub fn run() -> ExitCode {
    if let Err(error) = enter_root().and_then(|()| serve()) {
        kernel_log(&format!("slabscope-lab: {error:#}"));
        // The log travels over an emulated serial line.
        sleep(Duration::from_millis(200));
    }
    rustix::fs::sync();
    match reboot(RebootCommand::PowerOff) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn kernel_log(line: &str) {
    if let Ok(mut kmsg) = File::options().write(true).open("/dev/kmsg") {
        kmsg.write_all(line.as_bytes()).ok();
    }
}

fn mount_at(source: &str, target: &str, kind: &str, flags: MountFlags) -> Result<()> {
    fs::create_dir_all(target).with_context(|| format!("cannot make {target}"))?;
    mount(source, target, kind, flags, None)
        .with_context(|| format!("cannot mount {source} on {target}"))
}

/// Gives each disk its name.
fn find_disks() -> Result<()> {
    mount_at("sysfs", "/sys", "sysfs", MountFlags::empty())?;
    for (number, name) in (1..).zip(DISKS) {
        let device = find_disk(number).with_context(|| format!("{name} did not appear"))?;
        rustix::fs::symlinkat(&device, CWD, name).with_context(|| format!("cannot make {name}"))?;
    }
    unmount("/sys", UnmountFlags::empty()).context("cannot unmount /sys")
}

fn find_disk(number: u32) -> Result<PathBuf> {
    for _ in 0..600 {
        for entry in fs::read_dir("/sys/block").into_iter().flatten().flatten() {
            let text = fs::read_to_string(entry.path().join("nsid")).unwrap_or_default();
            let device = Path::new("/dev").join(entry.file_name());
            if text.trim().parse() == Ok(number) && device.exists() {
                return Ok(device);
            }
        }
        sleep(Duration::from_millis(50));
    }
    bail!("no disk has the number {number}")
}

fn enter_root() -> Result<()> {
    let none = MountFlags::empty();
    mount_at("devtmpfs", "/dev", "devtmpfs", none)?;
    find_disks()?;
    mount_at(ROOT_DISK, NEW_ROOT, "ext4", MountFlags::NOATIME)?;
    copy_tree(Path::new(PAYLOAD), Path::new(NEW_ROOT))?;
    mount_move("/dev", &*format!("{NEW_ROOT}/dev")).context("cannot move /dev")?;
    // The initial filesystem is memory that the measurements should not have to share.
    fs::remove_dir_all(PAYLOAD).ok();
    fs::remove_file("/init").ok();
    rustix::process::chdir(NEW_ROOT).context("cannot enter the root")?;
    mount_move(".", "/").context("cannot move the root")?;
    rustix::process::chroot(".").context("cannot change the root")?;
    rustix::process::chdir("/").context("cannot enter the root")?;
    for (source, target, kind) in [
        ("proc", "/proc", "proc"),
        ("sysfs", "/sys", "sysfs"),
        ("tmpfs", "/run", "tmpfs"),
        ("tmpfs", "/tmp", "tmpfs"),
        ("devpts", "/dev/pts", "devpts"),
        ("debugfs", "/sys/kernel/debug", "debugfs"),
        ("tracefs", "/sys/kernel/tracing", "tracefs"),
        ("cgroup2", "/sys/fs/cgroup", "cgroup2"),
    ] {
        mount_at(source, target, kind, none)?;
    }
    let modules = format!("/usr/lib/modules/{}", release());
    mount_at(MODULES_DISK, &modules, "ext4", MountFlags::RDONLY)?;
    channels()?;
    // That disk is the kernel's own; modprobe still finds the module.
    let install = format!("install slabscope insmod {MODULE} $CMDLINE_OPTS\n");
    fs::create_dir_all("/etc/modprobe.d").context("cannot make /etc/modprobe.d")?;
    fs::write("/etc/modprobe.d/slabscope.conf", install)
        .context("cannot tell modprobe of the module")?;
    rustix::fs::symlinkat("/proc/self/fd", CWD, "/dev/fd").ok();
    rustix::system::sethostname(b"slabscope-lab").context("cannot set the host's name")
}

/// Older kernels have the drivers of the screen and of the channel to the host as modules. Not
/// every package reports built-in ones to modprobe; the agent reports what is missing in the end.
fn channels() -> Result<()> {
    if Path::new("/sys/bus/virtio/drivers/virtio_console").exists() {
        return Ok(());
    }
    Command::new("/usr/sbin/modprobe")
        .args(["-a", "-q", "virtio_pci", "virtio_console"])
        .status()
        .context("cannot run modprobe")?;
    Ok(())
}

/// `uname -r`
pub fn release() -> String {
    rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned()
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry.with_context(|| format!("cannot read {}", from.display()))?;
        let (source, target): (PathBuf, PathBuf) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            fs::create_dir_all(&target)
                .with_context(|| format!("cannot make {}", target.display()))?;
            copy_tree(&source, &target)?;
        } else {
            fs::copy(&source, &target)
                .with_context(|| format!("cannot write {}", target.display()))?;
            let mode = source
                .metadata()
                .map_or(0o755, |metadata| metadata.permissions().mode());
            fs::set_permissions(&target, fs::Permissions::from_mode(mode)).ok();
        }
    }
    Ok(())
}

/// Runs the agent to its end. It is a separate process, as the first process must wait for every
/// orphan.
fn serve() -> Result<()> {
    let agent = Command::new(AGENT)
        .arg("serve")
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("HOME", "/root")
        .env("LANG", "C.UTF-8")
        .current_dir("/root")
        .spawn()
        .context("cannot start the agent")?;
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get().unsigned_abs() == agent.id() => {
                if status.exit_status() != Some(0) {
                    bail!("the agent has ended: {status:?}");
                }
                return Ok(());
            }
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("cannot wait for the agent"),
        }
    }
}
