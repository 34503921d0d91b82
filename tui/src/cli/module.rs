//! `slabscope module`: the kernel module, looked at, loaded, unloaded, installed, removed.

mod install;
mod machine;
mod programs;
pub mod secure_boot;
mod status;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Context, Exit, Failure, Run};
use crate::base::text::{printable, reason};
use rustix::fs::OFlags;
use rustix::io::Errno;

const NAME: &str = "slabscope";

/// Look at the kernel module, install it, load it
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, clap::Subcommand)]
enum Task {
    /// Which one is loaded or installed, and whether this kernel accepts it
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Load it; with --read-only it refuses every prune
    Load {
        /// The module; without it modprobe looks for it
        file: Option<PathBuf>,
    },
    /// Unload it
    Unload,
    Install(install::Install),
    Remove(install::Remove),
}

impl Run for Args {
    fn run(&self, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        context.live("the module")?;
        match &self.task {
            Task::Status { json } => status::show(*json, out),
            Task::Load { file } => load(file.as_ref(), context.read_only),
            Task::Unload => unload(),
            Task::Install(install) => install.run(context, out),
            Task::Remove(remove) => remove.run(context, out),
        }
    }
}

fn load(file: Option<&PathBuf>, read_only: bool) -> Result<Exit, Failure> {
    let parameters = if read_only { c"read_only=1" } else { c"" };
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::new(
            Exit::Permission,
            "only root may load a module: run with sudo",
        ));
    }
    let Some(path) = file else {
        let mut modprobe = modprobe();
        let path = modprobe.get_program().to_owned();
        modprobe.arg(NAME).args(read_only.then_some("read_only=1"));
        return match modprobe.status() {
            Ok(status) if status.success() => Ok(Exit::Ok),
            Ok(_) => Err(Failure::new(
                Exit::Missing,
                "modprobe did not load it: dmesg says more; `slabscope module install` builds it, \
                 `slabscope module load slabscope.ko` takes a file",
            )),
            Err(error) => Err(Failure::new(
                Exit::Failed,
                format!(
                    "{}: {error}; it is in Debian's package kmod",
                    printable(&path)
                ),
            )),
        };
    };
    let shown = printable(path);
    let module = open(path)
        .map_err(|error| Failure::new(Exit::Failed, format!("{shown}: {}", reason(&error))))?;
    match rustix::system::finit_module(module, parameters, 0) {
        Ok(()) => Ok(Exit::Ok),
        Err(Errno::EXIST) => Err(Failure::new(
            Exit::Failed,
            "it is loaded already: `slabscope module unload` first",
        )),
        Err(Errno::PERM) => Err(Failure::new(
            Exit::Permission,
            "only root may load a module, and not under lockdown: run with sudo",
        )),
        Err(Errno::NOEXEC | Errno::NOENT | Errno::INVAL) => Err(Failure::new(
            Exit::Missing,
            format!(
                "{shown}: not built for the running kernel; dmesg says more, `slabscope module install` builds it"
            ),
        )),
        Err(errno) => Err(Failure::new(Exit::Failed, format!("{shown}: {errno}"))),
    }
}

/// Opens the module's file. It has to be a regular one, so that nothing blocks or is endless, and
/// one that only trusted users can have written.
fn open(path: &Path) -> io::Result<File> {
    const MOST_BYTES: u64 = 64 << 20;
    let no = |why: &str| Err(io::Error::other(why.to_owned()));
    // Checked before it is opened: opening a device may have effects.
    if !path.metadata()?.is_file() {
        return no("not a regular file");
    }
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return no("not a regular file");
    }
    if meta.mode() & 0o002 != 0 {
        return no("writable by everyone: chmod o-w, if it is unchanged");
    }
    if meta.len() > MOST_BYTES {
        return no("too large for a module");
    }
    Ok(file)
}

/// The program by which the kernel loads modules, at the path that the kernel names. Neither PATH
/// nor other variables, such as MODPROBE_OPTIONS, affect it.
fn modprobe() -> Command {
    let named = std::fs::read_to_string("/proc/sys/kernel/modprobe").unwrap_or_default();
    let named = named.trim_end();
    let path = if named.starts_with('/') {
        named
    } else {
        "/sbin/modprobe"
    };
    programs::at(Path::new(path))
}

fn unload() -> Result<Exit, Failure> {
    match rustix::system::delete_module(c"slabscope", DELETE_NONBLOCK) {
        Ok(()) => Ok(Exit::Ok),
        Err(Errno::NOENT) => Err(Failure::new(Exit::Missing, "it is not loaded")),
        Err(Errno::PERM) => Err(Failure::new(
            Exit::Permission,
            "only root may unload a module: run with sudo",
        )),
        Err(Errno::AGAIN | Errno::BUSY) => Err(Failure::new(
            Exit::Failed,
            "a session is open, or its file in debugfs: quit the other slabscope, or what reads that file",
        )),
        Err(errno) => Err(Failure::new(Exit::Failed, errno)),
    }
}

/// `O_NONBLOCK`: a module in use is refused at once.
const DELETE_NONBLOCK: i32 = OFlags::NONBLOCK.bits().cast_signed();
