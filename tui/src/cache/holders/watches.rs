//! Inodes that are kept without a name: a mark of inotify or fanotify holds its inode
//! (fs/notify/mark.c: `fsnotify_add_mark_list()`, Linux 7.3), whose dentries may all be evicted. No
//! census sees those; /proc/PID/fdinfo lists what each process has marked, by numbers, so that
//! nothing is looked up but names in procfs.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use crate::base::text::{count, counted, printable};

/// What is marked on one filesystem.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watches {
    /// Inodes, each once however many marks it has.
    pub inodes: u64,
    /// The processes that marked them, those with the most first: number, name, inodes.
    pub holders: Vec<(u32, OsString, u64)>,
    /// Processes that may not be looked at.
    pub unseen: u64,
    /// It was ended before its end.
    pub partial: bool,
}

/// Looks at each process below `proc` for what it has marked on the superblock with this device
/// number, in the kernel's encoding. `flow` is polled whether to go on.
pub fn watches(
    proc: &Path,
    superblock: u64,
    flow: &mut dyn FnMut() -> ControlFlow<()>,
) -> io::Result<Watches> {
    let mut found = Watches::default();
    let mut all = HashSet::new();
    for entry in fs::read_dir(proc)? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let process = proc.join(&name);
        let mut own = HashSet::new();
        match fs::read_dir(process.join("fd")) {
            Ok(files) => {
                for file in files.flatten() {
                    if flow().is_break() {
                        found.partial = true;
                        break;
                    }
                    let is_marks = fs::read_link(file.path()).is_ok_and(|to| {
                        ["anon_inode:inotify", "anon_inode:[fanotify]"]
                            .map(Path::new)
                            .contains(&&*to)
                    });
                    if is_marks {
                        let info = process.join("fdinfo").join(file.file_name());
                        // It may have been closed meanwhile.
                        let _ = marks(&info, superblock, &mut own);
                    }
                }
            }
            Err(error) => {
                found.unseen += u64::from(error.kind() == io::ErrorKind::PermissionDenied)
            }
        }
        if !own.is_empty() {
            let comm = fs::read(process.join("comm")).unwrap_or_default();
            let comm = OsString::from_vec(comm.trim_ascii_end().to_vec());
            found.holders.push((pid, comm, own.len() as u64));
            all.extend(own);
        }
        if found.partial {
            break;
        }
    }
    found.inodes = all.len() as u64;
    found
        .holders
        .sort_by_key(|(pid, _, inodes)| (u64::MAX - inodes, *pid));
    Ok(found)
}

/// The inodes of a superblock that a file of marks names.
fn marks(info: &Path, superblock: u64, inodes: &mut HashSet<u64>) -> io::Result<()> {
    let mut lines = BufReader::new(File::open(info)?);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        if let Some((ino, _)) = mark(&line).filter(|(_, on)| *on == superblock) {
            inodes.insert(ino);
        }
        line.clear();
    }
    Ok(())
}

/// Inode and superblock of a line (fs/notify/fdinfo.c: `inotify_fdinfo()`, `fanotify_fdinfo()`, Linux
/// 7.3): `inotify wd:1 ino:9e7e sdev:800013 mask:800afce ...`. A mark of a mount or a whole
/// filesystem has no inode.
fn mark(line: &[u8]) -> Option<(u64, u64)> {
    let line = str::from_utf8(line).ok()?;
    let mut words = line.split_ascii_whitespace();
    if !["inotify", "fanotify"].contains(&words.next()?) {
        return None;
    }
    let number = |key| {
        let hex = words.clone().find_map(|word| word.strip_prefix(key))?;
        u64::from_str_radix(hex, 16).ok()
    };
    Some((number("ino:")?, number("sdev:")?))
}

impl Watches {
    /// One sentence about them; None: there are none.
    pub fn words(&self) -> Option<String> {
        if self.inodes == 0 {
            return None;
        }
        const NAMED: usize = 3;
        let holder = |(pid, comm, inodes): &(u32, OsString, u64)| {
            format!("{} ({pid}) {}", printable(comm), count(*inodes))
        };
        let mut holders: Vec<_> = self.holders.iter().take(NAMED).map(holder).collect();
        if let more @ 1.. = self.holders.len().saturating_sub(NAMED) {
            holders.push(format!("{} others", count(more as u64)));
        }
        let part = if self.partial || self.unseen > 0 {
            "at least "
        } else {
            ""
        };
        Some(format!(
            "{part}{} of this filesystem stay in memory, with or without a cached name, as inotify or fanotify \
             watches them: {}",
            counted(self.inodes, "inode"),
            holders.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn watched_inodes_of_a_filesystem_are_counted_once() {
        let proc =
            crate::private::directory().join(format!("slabscope-watches-{}", std::process::id()));
        let _ = fs::remove_dir_all(&proc);
        for (pid, comm, marks) in [
            (
                7,
                "watch er\n",
                "pos:\t0\ninotify wd:2 ino:9e7e sdev:800013 mask:2 ignored_mask:0\ninotify wd:1 ino:a sdev:800013 mask:2\ninotify wd:3 ino:a sdev:2a mask:2\n",
            ),
            (
                8,
                "other\n",
                "fanotify ino:a sdev:800013 mflags:0 mask:2\nfanotify sdev:800013 mflags:0\nfanotify mnt_id:3 mask:1\n",
            ),
        ] {
            let process = proc.join(pid.to_string());
            fs::create_dir_all(process.join("fd")).unwrap();
            fs::create_dir_all(process.join("fdinfo")).unwrap();
            fs::write(process.join("comm"), comm).unwrap();
            let kind = if pid == 7 {
                "anon_inode:inotify"
            } else {
                "anon_inode:[fanotify]"
            };
            symlink(kind, process.join("fd/3")).unwrap();
            symlink("/dev/null", process.join("fd/4")).unwrap();
            fs::write(process.join("fdinfo/3"), marks).unwrap();
        }
        let mut go_on = || ControlFlow::Continue(());
        let found = watches(&proc, 0x80_0013, &mut go_on).unwrap();
        assert_eq!(found.inodes, 2);
        let holders = [(7, "watch er".into(), 2), (8, "other".into(), 1)];
        assert_eq!(found.holders, holders);
        let words = found.words().unwrap();
        assert!(
            words.starts_with("2 inodes of this filesystem stay"),
            "{words}"
        );
        assert!(words.ends_with("watch er (7) 2, other (8) 1"), "{words}");
        assert_eq!(watches(&proc, 1, &mut go_on).unwrap().words(), None);
        fs::remove_dir_all(proc).unwrap();
    }

    /// The kernel's own file.
    #[test]
    fn own_watch_is_found() {
        use rustix::fs::inotify;
        let watcher = inotify::init(inotify::CreateFlags::CLOEXEC).unwrap();
        let path = crate::private::directory();
        inotify::add_watch(&watcher, &path, inotify::WatchFlags::CREATE).unwrap();
        let text = fs::read("/proc/self/mountinfo").unwrap();
        let mounts = crate::kernel::source::mounts::parse(&text).unwrap();
        let mount =
            crate::kernel::source::Mount::of(&mounts, &path.canonicalize().unwrap()).unwrap();
        let superblock = crate::cache::who::device(mount).unwrap();
        let found = watches(Path::new("/proc"), superblock, &mut || {
            ControlFlow::Continue(())
        })
        .unwrap();
        let own = found
            .holders
            .iter()
            .find(|(pid, ..)| *pid == std::process::id());
        assert!(own.is_some_and(|(.., inodes)| *inodes >= 1), "{found:?}");
    }
}
