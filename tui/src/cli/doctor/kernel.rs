//! What the kernel offers: its files, its features, the module.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::process::geteuid;

use super::{Check, State};
use crate::base::text::{self, count, known};
use crate::cache::who;
use crate::cli::Context;
use crate::cli::module::secure_boot;
use crate::kernel::reader::{self, bpf::BpfError};
use crate::kernel::session::{Device, SessionError, too_old};
use crate::kernel::source::{
    self as source, Cause, CgroupsError, Files, Hierarchy, Kernel, Mount, Source, SourceError,
    files, slab_attributes,
};
use crate::reclaim::shrinker::{NoShrinker, Shrinkers};

const DEBUGFS: &str = "mount -t debugfs debugfs /sys/kernel/debug";
const SUDO: &str = "sudo slabscope";
/// Remedy for root of a container: sudo is no help there.
const CAPABILITIES: &str =
    "run it as root of the host, or give the container CAP_BPF and CAP_PERFMON";

/// All checks of the kernel; the first is /proc/slabinfo.
pub(super) fn checks(context: &Context, release: Option<&str>) -> Vec<Check> {
    let root = &context.root;
    let mut kernel = Kernel::new(root);
    let sample = kernel.sample();
    let mounts = kernel.mounts().unwrap_or_default();
    let counted = |caches: &Vec<_>| format!("{} caches", caches.len());
    let mut checks = vec![
        file("/proc/slabinfo", "the slab caches", &sample.caches, counted),
        file("/proc/meminfo", "memory in slabs", &sample.memory, |_| {
            String::new()
        }),
        file("dentry-state", "all dentries", &sample.dentries, |state| {
            let [off, on] = [state.off_lru(), state.lru].map(|figure| known(figure, count));
            format!("{off} off the LRU, {on} on it; it does not report who uses them")
        }),
        file("inode-nr", "all inodes", &sample.inodes, |state| {
            known(state.total, count)
        }),
        sysfs(root),
        lockdown(context),
        mounted(&mounts, "debugfs", "the module's debugging file", DEBUGFS),
        mounted(&mounts, "tracefs", "allocation trace", who::MOUNT_TRACEFS),
        cgroup(root),
        shrinkers(root, &mounts),
        symbol(root, "cachestat", "pages cached of a file (Linux 6.5)"),
    ];
    if context.is_live() {
        checks.extend(super::tracing::checks(context, &mounts));
        checks.push(cached_lookups());
        checks.push(headers(release));
        checks.push(secure_boot());
        let module = module(release);
        if matches!(module.state, State::Ok | State::Denied) {
            built(&mut checks);
        }
        checks.push(module);
        checks.push(bpf());
        checks.push(readdir());
    }
    checks
}

fn file<T>(
    name: &'static str,
    purpose: &'static str,
    read: &Result<T, SourceError>,
    found: impl Fn(&T) -> String,
) -> Check {
    match read {
        Ok(read) => Check::new(name, purpose, State::Ok, found(read)),
        Err(error) => Check::failed(name, purpose, state(error), error).remedy(error.remedy()),
    }
}

fn state(error: &SourceError) -> State {
    match &error.cause {
        Cause::Unreadable(kind, _) => of_kind(*kind),
        Cause::Malformed(_) => State::Failed,
    }
}

fn of_kind(kind: io::ErrorKind) -> State {
    match kind {
        io::ErrorKind::PermissionDenied => State::Denied,
        io::ErrorKind::NotFound => State::Missing,
        _ => State::Failed,
    }
}

/// Every kernel has a cache for dentries.
fn sysfs(root: &Path) -> Check {
    let purpose = "reclaimable or not, merged names, details";
    let name = "/sys/kernel/slab";
    match slab_attributes::read(root, "dentry") {
        Ok(attributes) => {
            let found = format!("{} attributes", attributes.iter().count());
            Check::new(name, purpose, State::Ok, found)
        }
        Err(error) => Check::failed(name, purpose, state(&error), &error).remedy(error.remedy()),
    }
}

/// What the module is built from.
fn headers(release: Option<&str>) -> Check {
    let purpose = "building the module";
    let check = |state, found: String| Check::new("kernel headers", purpose, state, found);
    let Some(release) = release else {
        return check(State::Unknown, "which kernel runs is not known".into());
    };
    let tree = Path::new("/lib/modules").join(release).join("build");
    match tree.join("Makefile").exists() {
        true => check(State::Ok, tree.display().to_string()),
        false => check(State::Missing, format!("no {}", tree.display()))
            .remedy("sudo slabscope module install names the package"),
    }
}

/// With a module that is loaded nothing is missing for building it.
fn built(checks: &mut [Check]) {
    let missing = |check: &&mut Check| check.name == "kernel headers" && check.state != State::Ok;
    if let Some(headers) = checks.iter_mut().find(missing) {
        headers.state = State::Ok;
        headers.found += ", but the module is loaded";
        headers.remedy = None;
    }
}

/// Whether the kernel asks for signatures, and the command that has DKMS's key trusted.
fn secure_boot() -> Check {
    let check = |state, found| Check::new("Secure Boot", "loading the module", state, found);
    match secure_boot::state() {
        Some(false) => check(State::Ok, "off"),
        Some(true) => Check {
            remedy: Some(secure_boot::enrol()),
            ..check(
                State::Unknown,
                "on: modules have to be signed by an enrolled key",
            )
        },
        None => check(State::Unknown, "the firmware's variables cannot be read"),
    }
}

/// `[none] integrity confidentiality` (security/lockdown/lockdown.c, Linux 7.3).
fn lockdown(context: &Context) -> Check {
    let check = |state, found| {
        Check::new(
            "lockdown",
            "loading a module that is not signed",
            state,
            found,
        )
    };
    match source::lockdown(&context.root) {
        None if context.is_live() => check(State::Ok, "the kernel has none".to_owned()),
        None => check(State::Unknown, "not captured".to_owned()),
        Some(none) if none == "none" => check(State::Ok, none),
        Some(other) => check(State::Missing, other)
            .remedy("sign the module with a key that the kernel trusts, or turn Secure Boot off"),
    }
}

fn mounted(mounts: &[Mount], fs: &'static str, purpose: &'static str, remedy: &str) -> Check {
    match mounts.iter().find(|mount| *mount.fs == *fs) {
        Some(mount) => Check::new(fs, purpose, State::Ok, text::printable(&mount.point)),
        None => Check::new(fs, purpose, State::Missing, "not mounted").remedy(remedy),
    }
}

/// Kernels with CONFIG_SHRINKER_DEBUG show them. Without access to debugfs it is unknown whether
/// they exist.
fn shrinkers(root: &Path, mounts: &[Mount]) -> Check {
    let purpose = "inodes of one superblock (reclaim --superblock --inodes)";
    let check = |state, found: &str| Check::new("shrinkers", purpose, state, found);
    let why = match Shrinkers::read(root) {
        Ok(_) => return check(State::Ok, "in debugfs"),
        Err(why) => why,
    };
    let state = match why {
        NoShrinker::NotShown if !mounts.iter().any(|mount| &*mount.fs == "debugfs") => {
            return check(State::Unknown, "debugfs is not mounted").remedy(DEBUGFS);
        }
        NoShrinker::Denied => State::Denied,
        NoShrinker::Unreadable(_) => State::Failed,
        _ => State::Missing,
    };
    Check::failed("shrinkers", purpose, state, &why).remedy(why.remedy())
}

/// Slab memory is counted where the memory controller is on.
fn cgroup(root: &Path) -> Check {
    let name = "cgroup v2";
    let purpose = "slab memory of each cgroup";
    match Hierarchy::unified(root) {
        Ok(found) => {
            let point = text::printable(&found.point);
            let there = format!("memory controller at {point}");
            match found.enable() {
                None => Check::new(name, purpose, State::Ok, there),
                Some(remedy) => {
                    let found = format!("{there}, on for no cgroup below it");
                    Check::new(name, purpose, State::Missing, found).remedy(remedy)
                }
            }
        }
        Err(error) => {
            let state = match &error {
                CgroupsError::File(error) | CgroupsError::OutOfReach(error) => state(error),
                _ => State::Missing,
            };
            Check::failed(name, purpose, state, &error).remedy(error.remedy())
        }
    }
}

/// A system call that this kernel was built with. Its name is there for everybody to read.
fn symbol(root: &Path, name: &'static str, purpose: &'static str) -> Check {
    let check = |state, found: &str| Check::new(name, purpose, state, found);
    let Ok(symbols) = Files::new(root).read("proc/kallsyms", files::TABLE) else {
        return check(State::Unknown, "/proc/kallsyms cannot be read");
    };
    let call = format!("_sys_{name}");
    let ends = |line: &[u8]| line.ends_with(call.as_bytes());
    if symbols.split(|&byte| byte == b'\n').any(ends) {
        check(State::Ok, "")
    } else {
        check(State::Missing, "").remedy("a newer kernel")
    }
}

/// Directories are opened by what is cached of their paths, so that looking changes nothing.
fn cached_lookups() -> Check {
    let purpose = "opening directories without looking them up (Linux 5.12)";
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = openat2(CWD, "/", flags, Mode::empty(), ResolveFlags::CACHED);
    match opened {
        Ok(_) => Check::new("openat2", purpose, State::Ok, ""),
        Err(error) => {
            Check::new("openat2", purpose, State::Missing, error).remedy("a newer kernel")
        }
    }
}

fn module(release: Option<&str>) -> Check {
    let check = |state, found: String| Check::new("module", "walking and pruning", state, found);
    let error = match Device::open() {
        Ok(_) => return check(State::Ok, "loaded".into()),
        Err(error) => error,
    };
    match &error {
        SessionError::NoModule(_) => {
            if let Some((found, remedy)) = release.and_then(no_module_for) {
                return check(State::Missing, found).remedy(remedy);
            }
            let installed = release.is_some_and(installed);
            let (found, remedy) = if installed {
                ("not loaded", "sudo slabscope module load")
            } else {
                (
                    "not installed for this kernel",
                    "sudo slabscope module install",
                )
            };
            check(State::Missing, found.into()).remedy(remedy)
        }
        SessionError::Permission(_) => check(State::Denied, error.to_string()).remedy(SUDO),
        _ => check(State::Failed, error.to_string()).remedy("sudo slabscope module install"),
    }
}

/// The reader where there is neither: it needs nothing.
fn readdir() -> Check {
    let found = "works: names, and whether they are cached; no counts";
    Check::new("readdir", "names without counts", State::Ok, found)
}

/// The reader where there is no module.
fn bpf() -> Check {
    let check = |state, found| Check::new("bpf", "walking without the module", state, found);
    let error = match reader::bpf::take() {
        Ok(loaded) => {
            let (reads, instead) = loaded.reads();
            let mut found = format!("works; reads: {reads}");
            if let Some(reason) = instead {
                found = format!("{found}, as {reason}");
            }
            if !loaded.kind().knows_flags() {
                found += "; LRU and mount points are not known on this kernel";
            }
            reader::bpf::give_back(loaded);
            return check(State::Ok, found);
        }
        Err(error) => error,
    };
    let (state, remedy) = match &error {
        BpfError::Permission if geteuid().is_root() => (State::Denied, Some(CAPABILITIES)),
        BpfError::Permission => (State::Denied, Some(SUDO)),
        BpfError::NoBtf => (
            State::Missing,
            Some("a kernel with CONFIG_DEBUG_INFO_BTF=y"),
        ),
        BpfError::Lockdown => (State::Denied, Some("boot with lockdown=integrity")),
        BpfError::Refused { .. } | BpfError::Misreads(_) | BpfError::Other(_) => {
            (State::Failed, None)
        }
    };
    let check = check(state, error.to_string());
    match remedy {
        Some(remedy) => check.remedy(remedy),
        None => check,
    }
}

/// What is found, and the remedy, if the kernel is older than any that the module is built for.
fn no_module_for(release: &str) -> Option<(String, String)> {
    let (major, minor) = too_old(release)?;
    Some((
        format!("there is none for a kernel older than {major}.{minor}"),
        format!("a kernel from {major}.{minor} on"),
    ))
}

/// Whether modprobe would find it.
fn installed(release: &str) -> bool {
    let list = Path::new("/lib/modules").join(release).join("modules.dep");
    let list = fs::read_to_string(list).unwrap_or_default();
    let module = |line: &str| {
        line.split(':')
            .next()
            .is_some_and(|path| path.contains("/slabscope.ko"))
    };
    list.lines().any(module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_kernel_has_no_module() {
        let (found, remedy) = no_module_for("5.4.0-amd64").unwrap();
        assert_eq!(found, "there is none for a kernel older than 5.10");
        assert!(remedy.starts_with("a kernel from 5.10 on"), "{remedy}");
        assert_eq!(no_module_for("7.3.4"), None);
    }

    fn tree(name: &str) -> std::path::PathBuf {
        let name = format!("slabscope-doctor-{name}-{}", std::process::id());
        let root = crate::private::directory().join(name);
        let _ = fs::remove_dir_all(&root);
        for directory in ["proc", "boot", "lib/modules/7.3.4/build"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        root
    }

    #[test]
    fn shrinkers_are_unknown_without_debugfs() {
        let root = tree("shrinkers");
        let check = shrinkers(&root, &[]);
        assert_eq!(
            (check.state, check.remedy.as_deref()),
            (State::Unknown, Some(DEBUGFS))
        );
        let debugfs = Mount {
            fs: "debugfs".into(),
            ..Mount::default()
        };
        let check = shrinkers(&root, &[debugfs]);
        assert_eq!(check.state, State::Missing);
        assert_eq!(check.remedy.as_deref(), Some(NoShrinker::NotShown.remedy()));
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn loaded_module_makes_the_build_checks_superfluous() {
        let mut checks = [headers(Some("7.3.4-nowhere"))];
        assert!(checks[0].remedy.is_some());
        built(&mut checks);
        assert_eq!(checks[0].state, State::Ok);
        assert_eq!(checks[0].remedy, None);
    }
}
