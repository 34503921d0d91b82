//! A process of a trace: its name, its command line, its cgroup.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use super::owner::start;

/// A process that makes what is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Its number; of one that ended before it was looked at, that of the thread.
    pub pid: u32,
    /// Its name, which it may choose itself.
    pub name: OsString,
    /// Its arguments, with blanks between them. Empty of a kernel thread.
    pub command: OsString,
    /// The path of its cgroup (v2), or empty.
    pub cgroup: OsString,
    /// It has ended.
    pub gone: bool,
    /// When it began, in clock ticks since the boot.
    pub start: Option<u64>,
}

/// Bytes of a command line that are kept.
const COMMAND: u64 = 4096;

impl Process {
    /// The process of a thread, by its number in /proc. `comm` is the name that the kernel counted
    /// it by: all there is of one that has ended.
    pub fn of_thread(proc: &Path, tid: u32, comm: &OsString) -> Self {
        let gone = || Self {
            pid: tid,
            name: comm.clone(),
            gone: true,
            ..Self::default()
        };
        let Some(pid) = thread_group(&proc.join(tid.to_string())) else {
            return gone();
        };
        let process = proc.join(pid.to_string());
        let Ok(began) = start(&process) else {
            return gone();
        };
        let mut found = Self {
            pid,
            name: comm.clone(),
            start: Some(began),
            ..Self::default()
        };
        found.read(&process);
        found
    }

    /// Updates whether it has ended, and its name: a program is often looked at first while it is
    /// still what started it.
    pub fn look(&mut self, proc: &Path) {
        let process = proc.join(self.pid.to_string());
        let now = start(&process).ok();
        self.gone = now.is_none() || now != self.start;
        if !self.gone {
            self.read(&process);
        }
    }

    /// Reads what may change while it runs.
    fn read(&mut self, process: &Path) {
        let name = fs::read(process.join("comm")).unwrap_or_default();
        // It may have ended between two files.
        if let Some(name) = name.strip_suffix(b"\n") {
            self.name = OsString::from_vec(name.to_vec());
            self.command = command(process);
        }
        if let Ok(text) = fs::read(process.join("cgroup")) {
            self.cgroup = cgroup(&text);
        }
    }

    /// The container or the unit of its cgroup, in a word.
    pub fn group(&self) -> Option<String> {
        group(&self.cgroup.to_string_lossy())
    }
}

/// `Tgid:` of its status.
fn thread_group(thread: &Path) -> Option<u32> {
    let status = fs::read(thread.join("status")).ok()?;
    let mut lines = status.split(|&byte| byte == b'\n');
    let tgid = lines.find_map(|line| line.strip_prefix(b"Tgid:"))?;
    str::from_utf8(tgid).ok()?.trim().parse().ok()
}

fn command(process: &Path) -> OsString {
    let mut text = Vec::new();
    if let Ok(file) = File::open(process.join("cmdline")) {
        // What was read before an error is worth showing.
        let _ = file.take(COMMAND).read_to_end(&mut text);
    }
    while text.pop_if(|byte| *byte == 0).is_some() {}
    for byte in &mut text {
        if *byte == 0 {
            *byte = b' ';
        }
    }
    OsString::from_vec(text)
}

/// `0::/system.slice/cron.service`, among the lines of other hierarchies (kernel/cgroup/cgroup.c:
/// `proc_cgroup_show()`, Linux 7.3).
fn cgroup(text: &[u8]) -> OsString {
    let mut lines = text.split(|&byte| byte == b'\n');
    let path = lines.find_map(|line| line.strip_prefix(b"0::"));
    OsString::from_vec(path.unwrap_or_default().to_vec())
}

/// Containers by the first twelve digits of their name, as their own tools show them; else the
/// innermost unit.
fn group(path: &str) -> Option<String> {
    let parts = || path.rsplit('/').filter(|part| !part.is_empty());
    let container = parts().find_map(|part| {
        let part = part.strip_suffix(".scope").unwrap_or(part);
        let id = part.rsplit('-').next()?;
        let is = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is.then(|| format!("container {}", &id[..12]))
    });
    container.or_else(|| {
        let unit = |part: &&str| part.ends_with(".service") || part.ends_with(".scope");
        let slice = |part: &&str| part.ends_with(".slice");
        let found = parts().find(unit).or_else(|| parts().find(slice));
        found.or_else(|| parts().next()).map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_process_is_read() {
        let proc = Path::new("/proc");
        let own = std::process::id();
        let mut process = Process::of_thread(proc, own, &"counted".into());
        assert_eq!((process.pid, process.gone), (own, false));
        assert!(!process.command.is_empty());
        process.look(proc);
        assert!(!process.gone);
        // One thread's number leads to its process.
        let tid = rustix::thread::gettid().as_raw_nonzero().get() as u32;
        assert_eq!(Process::of_thread(proc, tid, &"counted".into()).pid, own);
    }

    #[test]
    fn ended_process_keeps_the_name_it_was_counted_by() {
        let process = Process::of_thread(Path::new("/proc"), u32::MAX, &"counted".into());
        assert_eq!(
            (process.name.to_str(), process.gone),
            (Some("counted"), true)
        );
        let mut process = Process {
            pid: std::process::id(),
            start: Some(1),
            ..Process::default()
        };
        process.look(Path::new("/proc"));
        assert!(process.gone, "its number is another's now");
    }

    #[test]
    fn cgroups_lead_to_units_and_containers() {
        assert_eq!(
            cgroup(b"1:name=systemd:/x\n0::/a/b.service\n"),
            "/a/b.service"
        );
        assert_eq!(cgroup(b""), "");
        let id = "0123456789abcdef".repeat(4);
        for (path, expected) in [
            (
                "/system.slice/cron.service",
                Some("cron.service".to_owned()),
            ),
            (
                "/user.slice/user-0.slice/session-1.scope",
                Some("session-1.scope".into()),
            ),
            ("/user.slice", Some("user.slice".into())),
            ("/work/batch", Some("batch".into())),
            ("/", None),
            ("", None),
            (
                &format!("/system.slice/docker-{id}.scope"),
                Some("container 0123456789ab".into()),
            ),
            (
                &format!("/kubepods/burstable/pod7/{id}"),
                Some("container 0123456789ab".into()),
            ),
            (
                &format!("/machine.slice/libpod-{id}.scope/container"),
                Some("container 0123456789ab".into()),
            ),
        ] {
            assert_eq!(group(path), expected, "{path}");
        }
    }
}
