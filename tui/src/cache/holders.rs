//! Processes that hold something below a directory, by the links of /proc: working directories,
//! roots, programs, open files, mapped files. Nothing is opened but maps and mountinfo, and nothing
//! looked up but names in procfs, which makes dentries there.
//!
//! A link has the path of the process's own mounts: in a container, or by a bind mount, the same
//! directory has another path, and another directory the same. So a path stands for its place on
//! its filesystem, by the mounts of the process's namespace.

mod place;
pub mod watches;

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use place::{Mounts, Namespaces, Place};

/// The ways in which a process holds something below, with counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// It is the working directory.
    pub cwd: bool,
    /// It is the root directory.
    pub root: bool,
    /// It is the program that runs.
    pub exe: bool,
    /// Files that are open.
    pub files: u64,
    /// Files that are mapped.
    pub maps: u64,
}

impl Uses {
    fn total(self) -> u64 {
        let links = [self.cwd, self.root, self.exe].map(u64::from);
        links.iter().sum::<u64>() + self.files + self.maps
    }
}

/// A process that holds something below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Its name, which it may choose itself.
    pub comm: OsString,
    /// How it holds something, and how often.
    pub uses: Uses,
    /// One of the paths that it holds.
    pub example: PathBuf,
}

/// What a scan found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// Those that hold the most first.
    pub found: Vec<Holder>,
    /// Processes looked at.
    pub processes: u64,
    /// Processes of which not everything may be seen, or that ended meanwhile.
    pub unseen: u64,
    /// The scan was ended before its end.
    pub partial: bool,
}

/// Bytes of a process's maps that are looked at.
const MAPS: u64 = 16 << 20;

/// Looks at each process below `proc` for what is below one of the directories `below`. `flow` is
/// polled whether to go on.
pub fn scan(
    proc: &Path,
    below: &[PathBuf],
    flow: &mut dyn FnMut() -> ControlFlow<()>,
) -> io::Result<Holders> {
    let own = fs::read_link(proc.join("self")).ok();
    let mut namespaces = Namespaces::default();
    let below: Vec<Place> = below
        .iter()
        .map(|path| namespaces.place(proc, path))
        .collect::<io::Result<_>>()?;
    let mut holders = Holders::default();
    for entry in fs::read_dir(proc)? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // This program's open files were opened by this scan.
        if own.as_deref() == Some(Path::new(&name)) {
            continue;
        }
        let mut look = Look {
            below: &below,
            mounts: None,
            uses: Uses::default(),
            example: None,
            unseen: false,
            flow,
        };
        let ended = look.process(&mut namespaces, &proc.join(&name)).is_break();
        holders.processes += 1;
        holders.unseen += u64::from(look.unseen);
        if let Some(example) = look.example {
            let comm = fs::read(proc.join(&name).join("comm")).unwrap_or_default();
            holders.found.push(Holder {
                pid,
                comm: OsString::from_vec(comm.trim_ascii_end().to_vec()),
                uses: look.uses,
                example,
            });
        }
        if ended {
            holders.partial = true;
            break;
        }
    }
    let order = |holder: &Holder| (u64::MAX - holder.uses.total(), holder.pid);
    holders.found.sort_by_key(order);
    Ok(holders)
}

/// A look at one process.
struct Look<'a> {
    below: &'a [Place],
    mounts: Option<Rc<Mounts>>,
    uses: Uses,
    example: Option<PathBuf>,
    unseen: bool,
    flow: &'a mut dyn FnMut() -> ControlFlow<()>,
}

impl Look<'_> {
    fn process(&mut self, namespaces: &mut Namespaces, directory: &Path) -> ControlFlow<()> {
        match namespaces.of(directory) {
            Ok(mounts) => self.mounts = Some(mounts),
            // It has ended, and holds nothing more.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return (self.flow)(),
            Err(_) => {
                self.unseen = true;
                return (self.flow)();
            }
        }
        self.uses.cwd = self.link(&directory.join("cwd"));
        self.uses.root = self.link(&directory.join("root"));
        self.uses.exe = self.link(&directory.join("exe"));
        (self.flow)()?;
        match fs::read_dir(directory.join("fd")) {
            Ok(files) => {
                for file in files.flatten() {
                    self.uses.files += u64::from(self.link(&file.path()));
                    (self.flow)()?;
                }
            }
            Err(_) => self.unseen = true,
        }
        if self.maps(&directory.join("maps")).is_err() {
            self.unseen = true;
        }
        (self.flow)()
    }

    /// Whether a link leads below.
    fn link(&mut self, link: &Path) -> bool {
        match fs::read_link(link) {
            Ok(to) => self.is_below(&to),
            Err(error) => {
                // A kernel thread has no program.
                self.unseen |= error.kind() == io::ErrorKind::PermissionDenied;
                false
            }
        }
    }

    fn is_below(&mut self, path: &Path) -> bool {
        let mounts = self.mounts.as_deref();
        let Some(place) = mounts.and_then(|mounts| mounts.place(path)) else {
            return false;
        };
        let found = self.below.iter().any(|above| place.is_below(above));
        if found && self.example.is_none() {
            self.example = Some(path.into());
        }
        found
    }

    /// Counts the files that are mapped, each once.
    fn maps(&mut self, maps: &Path) -> io::Result<()> {
        let mut text = Vec::new();
        File::open(maps)?.take(MAPS).read_to_end(&mut text)?;
        let paths: BTreeSet<OsString> = text
            .split(|&byte| byte == b'\n')
            .filter_map(mapped)
            .collect();
        for path in paths {
            self.uses.maps += u64::from(self.is_below(Path::new(&path)));
        }
        Ok(())
    }
}

/// The path in a line of maps, behind five fields; a newline in it is `\012` (fs/proc/task_mmu.c:
/// `show_map_vma()`, Linux 7.3).
fn mapped(line: &[u8]) -> Option<OsString> {
    let mut rest = line;
    for _ in 0..5 {
        let blank = rest.iter().position(|&byte| byte == b' ')?;
        rest = &rest[blank + 1..];
    }
    rest = rest.trim_ascii_start();
    // What is mapped may have a name of its own too, as `[anon:a/b]`.
    if !rest.starts_with(b"/") {
        return None;
    }
    let mut path = Vec::with_capacity(rest.len());
    while let Some((&byte, tail)) = rest.split_first() {
        match rest.strip_prefix(b"\\012") {
            Some(tail) => {
                path.push(b'\n');
                rest = tail;
            }
            None => {
                path.push(byte);
                rest = tail;
            }
        }
    }
    Some(OsStr::from_bytes(&path).to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const ROOT: &str = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n";

    /// A /proc with these processes: name, cwd, open files, mapped files.
    fn proc(name: &str, processes: &[(u32, &str, &[&str], &str)]) -> PathBuf {
        let root =
            crate::private::directory().join(format!("slabscope-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        for (pid, cwd, files, maps) in processes {
            let process = root.join(pid.to_string());
            fs::create_dir_all(process.join("fd")).unwrap();
            symlink(cwd, process.join("cwd")).unwrap();
            symlink("/", process.join("root")).unwrap();
            symlink("/usr/sbin/app", process.join("exe")).unwrap();
            for (number, file) in files.iter().enumerate() {
                symlink(file, process.join(format!("fd/{number}"))).unwrap();
            }
            fs::write(process.join("maps"), maps).unwrap();
            fs::write(process.join("mountinfo"), ROOT).unwrap();
            fs::create_dir(process.join("ns")).unwrap();
            symlink("mnt:[1]", process.join("ns/mnt")).unwrap();
            fs::write(process.join("comm"), format!("app-{pid}\n")).unwrap();
        }
        symlink("7", root.join("self")).unwrap();
        fs::write(root.join("meminfo"), "").unwrap();
        root
    }

    fn go_on() -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[test]
    fn holders_of_the_most_are_first() {
        let maps = "7f00-7f01 r-xp 0 08:01 5 /srv/app/lib.so\n7f01-7f02 r--p 0 08:01 5 /srv/app/lib.so\n7f03-7f04 rw-p 0 0:0 0 [heap]\n7f05-7f06 r--p 0 08:01 6 /srv/app/a\\012b c\n";
        let root = proc(
            "holders",
            &[
                (3, "/srv/app/run", &["socket:[1]", "/srv/application"], ""),
                (
                    4,
                    "/",
                    &["/srv/app/a", "/srv/app/b (deleted)", "/srv/app"],
                    maps,
                ),
                (5, "/srv", &["/etc/passwd"], ""),
                (7, "/srv/app/x", &[], ""),
            ],
        );
        let holders = scan(&root, &["/srv/app".into()], &mut go_on).unwrap();
        let uses = |files, maps, cwd| Uses {
            files,
            maps,
            cwd,
            ..Uses::default()
        };
        let found: Vec<_> = holders.found.iter().map(|h| (h.pid, h.uses)).collect();
        assert_eq!(found, [(4, uses(2, 2, false)), (3, uses(0, 0, true))]);
        assert_eq!(holders.found[0].comm, "app-4");
        assert_eq!(holders.found[1].example, Path::new("/srv/app/run"));
        assert_eq!(
            (holders.processes, holders.unseen, holders.partial),
            (3, 0, false)
        );
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn scan_ends_when_its_flow_breaks() {
        let processes: [(u32, &str, &[&str], &str); 3] = [
            (3, "/a/b", &[], ""),
            (4, "/a/b", &[], ""),
            (7, "/", &[], ""),
        ];
        let root = proc("told", &processes);
        let mut stop = || ControlFlow::Break(());
        let holders = scan(&root, &["/a".into()], &mut stop).unwrap();
        assert_eq!((holders.processes, holders.partial), (1, true));
        assert_eq!(holders.found.len(), 1, "what was found stays");
        fs::remove_dir_all(root).unwrap();
    }

    /// Moves a process to a namespace of its own, with these mounts.
    fn moved(proc: &Path, pid: u32, mountinfo: &str) {
        let process = proc.join(pid.to_string());
        fs::write(process.join("mountinfo"), mountinfo).unwrap();
        fs::remove_file(process.join("ns/mnt")).unwrap();
        symlink(format!("mnt:[{pid}]"), process.join("ns/mnt")).unwrap();
    }

    #[test]
    fn directory_is_recognized_by_the_path_of_a_container() {
        let root = proc(
            "container",
            &[
                (3, "/data/run", &[], ""),
                (4, "/srv/app/run", &[], ""),
                (5, "/srv/app/run", &[], ""),
                (7, "/", &[], ""),
            ],
        );
        let container = "1 0 0:9 / / rw - overlay overlay rw\n";
        moved(
            &root,
            3,
            &format!("{container}2 1 8:1 /srv/app /data rw - ext4 /dev/sda1 rw\n"),
        );
        moved(&root, 4, container);
        let held = |below: PathBuf| -> Vec<u32> {
            let holders = scan(&root, &[below], &mut go_on).unwrap();
            holders.found.iter().map(|holder| holder.pid).collect()
        };
        assert_eq!(held("/srv/app".into()), [3, 5]);
        assert_eq!(held("/proc/3/root/data".into()), [3, 5]);
        assert_eq!(held("/proc/4/root/srv".into()), [4]);
        fs::remove_dir_all(root).unwrap();
    }

    /// Namespaces of 64 KiB of mounts each: those beyond the budget are said to be unseen.
    #[test]
    fn mounts_of_many_namespaces_fill_no_memory() {
        let line = format!("2 1 8:1 / /{} rw - ext4 /dev/sda1 rw\n", "x".repeat(1000));
        let mounts = ROOT.to_owned() + &line.repeat(60);
        let processes: Vec<_> = (1..=20).map(|pid| (pid, "/srv/app", &[][..], "")).collect();
        let root = proc("namespaces", &processes);
        for pid in 1..=20 {
            let process = root.join(pid.to_string());
            fs::write(process.join("mountinfo"), &mounts).unwrap();
            let _ = fs::remove_file(process.join("ns/mnt"));
            symlink(format!("mnt:[{pid}]"), process.join("ns/mnt")).unwrap();
        }
        let found = scan(&root, &["/srv".into()], &mut go_on).unwrap();
        // The seventh is this program.
        assert_eq!(found.processes, 19);
        assert!((1..=4).contains(&found.found.len()), "{found:?}");
        assert_eq!(found.unseen, 19 - found.found.len() as u64);
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn scan_of_this_machine_succeeds() {
        let file =
            crate::private::directory().join(format!("slabscope-held-{}", std::process::id()));
        let directory = file.parent().unwrap().to_owned();
        let held = File::create(&file).unwrap();
        let holders = scan(Path::new("/proc"), &[directory], &mut go_on).unwrap();
        let own = std::process::id();
        assert!(holders.processes > 0 && holders.found.iter().all(|h| h.pid != own));
        drop(held);
        fs::remove_file(file).unwrap();
        assert!(scan(Path::new("/nowhere"), &[], &mut go_on).is_err());
    }

    #[test]
    fn mapped_path_may_hold_any_byte() {
        assert_eq!(mapped(b"1-2 r 0 0:0 0 /a b").unwrap(), "/a b");
        assert_eq!(mapped(b"1-2 r 0 0:0 0 /a\\012").unwrap(), "/a\n");
        assert_eq!(mapped(b"1-2 r 0 0:0 0    /a").unwrap(), "/a");
        assert_eq!(mapped(b"1-2 r 0 0:0 0 [stack]"), None);
        assert_eq!(mapped(b"1-2 r 0 0:0 0 [anon:a/b]"), None);
        assert_eq!(mapped(b""), None);
    }
}
