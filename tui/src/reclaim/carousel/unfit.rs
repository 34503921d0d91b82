//! Reasons to refuse: a filesystem that cannot be written or would block, and directories whose
//! names decide which programs run or which files they trust.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, StatVfsMountFlags, StatxAttributes, StatxFlags, fstat, fstatvfs, statx};

use crate::base::text::printable;
use crate::kernel::source::Mount;
use crate::kernel::target::Target;

/// Filesystems that it is tested on.
const TESTED: [&str; 3] = ["ext4", "xfs", "btrfs"];

/// Directories that are searched for programs, besides those of PATH.
const PROGRAMS: [&str; 9] = [
    "/bin",
    "/sbin",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/lib",
    "/lib64",
    "/usr/lib",
];

/// Trees whose files are trusted by their names.
const TRUSTED: [&str; 3] = ["/etc", "/boot", "/usr"];

/// Why a filesystem is unfit. Reasons that --force does not override are first.
pub(crate) fn filesystem(mount: &Mount, any: bool) -> Option<String> {
    let fs = printable(&*mount.fs);
    if !mount.is_stored() {
        return Some(format!(
            "{fs} keeps no names cached as absent that could go"
        ));
    }
    if mount.is_remote() {
        return Some(format!(
            "on {fs} each name would be changed on a server, or by a program, for others too"
        ));
    }
    let tested = TESTED.join(", ");
    (!any && !TESTED.contains(&&*mount.fs)).then(|| {
        format!(
            "{fs} is not one of {tested}, which this is tested on; --any-filesystem overrides this"
        )
    })
}

/// Why this directory cannot be written. In one that only takes new names a link could be made, and not removed.
pub(super) fn read_only(dir: &File) -> Option<&'static str> {
    let stat = fstatvfs(dir).ok()?;
    if stat.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Some("it is mounted read-only, and this writes to the directory");
    }
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let stat = statx(dir, c"", flags, StatxFlags::empty()).ok()?;
    let fixed = StatxAttributes::APPEND | StatxAttributes::IMMUTABLE;
    (stat.stx_attributes.intersects(fixed))
        .then_some("no name in it can be removed (chattr +a or +i), and this adds and removes one")
}

/// Why its names matter to security; `--force` overrides that. Checked on the open directory, not
/// on its path, which may lead elsewhere by now.
pub(super) fn sensitive(target: &Target, searched: &[PathBuf]) -> Option<String> {
    let Ok(stat) = fstat(&target.dir) else {
        return Some("what it is cannot be seen".into());
    };
    let is = |other: &Path| {
        let other = rustix::fs::stat(other);
        other.is_ok_and(|other| (other.st_dev, other.st_ino) == (stat.st_dev, stat.st_ino))
    };
    if searched.iter().any(|other| is(other)) || PROGRAMS.iter().any(|other| is(Path::new(other))) {
        return Some("programs or libraries are searched in it".into());
    }
    let Some(place) = target.known_place() else {
        return Some(
            "where it is cannot be seen (no /proc), and files may be trusted by its names".into(),
        );
    };
    let tree = TRUSTED
        .iter()
        .find(|tree| place.starts_with(tree) || is(Path::new(tree)));
    if let Some(tree) = tree {
        return Some(format!("files below {tree} are trusted by their names"));
    }
    let others_write = stat.st_mode & 0o002 != 0;
    others_write.then(|| match stat.st_mode & 0o1000 {
        0 => "all users may replace names in it".into(),
        _ => "all users make names in it (sticky, as /tmp)".into(),
    })
}

/// The overlay that it is a layer of: changes below a mounted one are undefined there
/// (Documentation/filesystems/overlayfs.rst); `--force` overrides that.
pub(super) fn layer(target: &Target, mounts: &[Mount]) -> Option<String> {
    let place = target.known_place()?;
    let is_in = |layer: &PathBuf| place.starts_with(layer);
    let mut all = mounts.iter();
    let overlay = all.find(|mount| mount.made_of.directories().iter().any(is_in))?;
    Some(format!(
        "it is a layer of the overlay at {}, which must not be changed below it",
        printable(&overlay.point)
    ))
}

/// The directories of PATH.
pub(super) fn searched() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter(|path| path.is_absolute())
        .collect()
}
