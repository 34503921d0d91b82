//! The owner of what is armed: its name in tracefs identifies the process, so that leftovers of a
//! dead one are found and removed, and what a living one needs is left alone.

use std::fs;
use std::io;
use std::path::Path;

const PREFIX: &str = "slabscope";

/// A process: its number alone may belong to another one later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its namespace of process numbers.
    namespace: u64,
    pid: u32,
    /// When it began, in clock ticks since the boot.
    start: u64,
}

impl Owner {
    /// This process.
    pub fn this(proc: &Path) -> io::Result<Self> {
        Ok(Self {
            namespace: namespace(proc)?,
            pid: std::process::id(),
            start: start(&proc.join("self"))?,
        })
    }

    /// The name of its events' group, and of its instance. Both may hold letters, digits and
    /// underscores alone (kernel/trace/trace_probe.h: `is_good_system_name()`, Linux 7.3).
    pub fn group(&self) -> String {
        let Self {
            namespace,
            pid,
            start,
        } = self;
        format!("{PREFIX}_{namespace}_{pid}_{start}")
    }

    /// The process that a group belongs to; None: it is no group of ours.
    pub fn of_group(group: &str) -> Option<Self> {
        let mut fields = group.strip_prefix(PREFIX)?.strip_prefix('_')?.split('_');
        let owner = Self {
            namespace: fields.next()?.parse().ok()?,
            pid: fields.next()?.parse().ok()?,
            start: fields.next()?.parse().ok()?,
        };
        // Otherwise another name might be taken for it.
        (owner.group() == group).then_some(owner)
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it has ended for sure. False for a process of another namespace, which cannot be
    /// seen.
    pub fn is_dead(&self, proc: &Path) -> bool {
        namespace(proc).is_ok_and(|here| here == self.namespace)
            && match start(&proc.join(self.pid.to_string())) {
                Ok(start) => start != self.start,
                Err(error) => error.kind() == io::ErrorKind::NotFound,
            }
    }
}

/// `pid:[4026531836]`
fn namespace(proc: &Path) -> io::Result<u64> {
    let link = fs::read_link(proc.join("self/ns/pid"))?;
    let text = link.to_string_lossy();
    let number = text
        .strip_prefix("pid:[")
        .and_then(|rest| rest.strip_suffix(']'));
    let number = number.and_then(|number| number.parse().ok());
    number.ok_or_else(|| io::Error::other("/proc/self/ns/pid is no namespace"))
}

/// Field 22 of a process's stat; the second is its name, which may hold anything (fs/proc/array.c:
/// `do_task_stat()`, Linux 7.3).
pub(super) fn start(process: &Path) -> io::Result<u64> {
    let stat = fs::read(process.join("stat"))?;
    let field = || {
        let name = stat.iter().rposition(|&byte| byte == b')')?;
        let rest = str::from_utf8(&stat[name + 1..]).ok()?;
        rest.split_ascii_whitespace().nth(19)?.parse().ok()
    };
    field().ok_or_else(|| io::Error::other("stat has no start time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_identifies_its_process() {
        let own = Owner::this(Path::new("/proc")).unwrap();
        assert_eq!(Owner::of_group(&own.group()), Some(own));
        assert!(!own.is_dead(Path::new("/proc")));
        for other in [
            "sched",
            "slabscope",
            "slabscope_1_2",
            "slabscope_1_2_3_4",
            "slabscope_1_02_3",
        ] {
            assert_eq!(Owner::of_group(other), None, "{other}");
        }
    }

    #[test]
    fn reused_process_number_is_no_sign_of_life() {
        let own = Owner::this(Path::new("/proc")).unwrap();
        let later = Owner {
            start: own.start + 1,
            ..own
        };
        assert!(later.is_dead(Path::new("/proc")));
        let elsewhere = Owner {
            namespace: 1,
            ..later
        };
        assert!(
            !elsewhere.is_dead(Path::new("/proc")),
            "nobody here can tell"
        );
    }
}
