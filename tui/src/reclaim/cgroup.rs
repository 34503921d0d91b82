//! One memory cgroup: `memory.reclaim` (cgroup v2, Linux 5.19; with `swappiness=` 6.8).
//!
//! The kernel counts pages of processes and files against the amount, and of slabs none
//! (mm/vmscan.c: `flush_reclaim_state()`, Linux 7.3): asked for more than the page cache holds, it
//! empties the slabs as far as it can and says EAGAIN. So the amount is asked for in slices, and what
//! the cgroup is charged for is read after each.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::{Ended, Figure, Flow, Outcome, Progress, Ran, ReclaimError, Rung, machine};
use crate::shell::quoted;
use crate::source::{Kernel, MemoryStat, Mount};
use crate::text::{bytes, printable};

/// No process' memory goes to swap, page cache and slabs alone.
const HOW: &str = "swappiness=0";

/// The plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The cgroup's directory.
    pub path: PathBuf,
    /// So many bytes.
    pub amount: u64,
    /// No longer than that; None: until it is done, or stopped.
    pub bound: Option<Duration>,
    /// What it held when the plan was made.
    pub now: MemoryStat,
    /// Whether it is that of the whole machine.
    pub everybody: bool,
    root: PathBuf,
    file: Arc<File>,
}

impl Plan {
    /// As it is now.
    pub fn new(
        kernel: &Kernel,
        cgroup: &Path,
        amount: u64,
        bound: Option<Duration>,
    ) -> Result<Self, ReclaimError> {
        let page = rustix::param::page_size() as u64;
        if amount < page {
            let least = bytes(page);
            return Err(ReclaimError::Refused(format!(
                "an amount of {amount} bytes is less than a page of memory, {least}"
            )));
        }
        let mounts = kernel.mounts()?;
        let mount = hierarchy(&mounts, cgroup)?;
        let now = kernel
            .memory_stat(cgroup)
            .map_err(|error| no_memory(cgroup, error))?;
        let below = cgroup.strip_prefix("/").unwrap_or(cgroup);
        let file = kernel.root().join(below).join("memory.reclaim");
        let opened = OpenOptions::new().write(true).open(&file);
        let opened = opened.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => ReclaimError::Missing(format!(
                "{}: this kernel does not offer it; Linux 5.19 and newer do",
                printable(&file)
            )),
            _ => ReclaimError::file(&file, error),
        })?;
        Ok(Self {
            path: cgroup.into(),
            amount: amount / page * page,
            bound,
            now,
            everybody: cgroup == mount.point && mount.root == Path::new("/"),
            root: kernel.root().into(),
            file: opened.into(),
        })
    }
}

/// The mount of cgroup v2 that a directory is in.
fn hierarchy<'a>(mounts: &'a [Mount], cgroup: &Path) -> Result<&'a Mount, ReclaimError> {
    let of = Mount::of(mounts, cgroup).filter(|mount| mount.fs == "cgroup2");
    of.ok_or_else(|| {
        let path = printable(cgroup);
        let mut v2 = mounts.iter().filter(|mount| mount.fs == "cgroup2");
        match v2.next() {
            Some(mount) => ReclaimError::Refused(format!(
                "{path}: not a cgroup's directory; those are below {}",
                printable(&mount.point)
            )),
            None => ReclaimError::Missing(format!(
                "{path}: cgroup v2 is not mounted; mount -t cgroup2 none /sys/fs/cgroup"
            )),
        }
    })
}

/// Where memory.stat is not there, either the cgroup is not, or the controller is off.
fn no_memory(cgroup: &Path, error: crate::source::SourceError) -> ReclaimError {
    let path = printable(cgroup);
    match cgroup.join("cgroup.procs").try_exists() {
        Ok(true) => {
            let above = cgroup.parent().unwrap_or(cgroup);
            let control = quoted(above.join("cgroup.subtree_control"));
            ReclaimError::Missing(format!(
                "{path}: memory is not counted for this cgroup; echo +memory > {control}"
            ))
        }
        Ok(false) => ReclaimError::Refused(format!(
            "{path}: there is no such cgroup; slabscope cgroups lists them"
        )),
        Err(_) => error.into(),
    }
}

impl Rung for Plan {
    fn name(&self) -> &'static str {
        "cgroup"
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn reach(&self) -> String {
        match self.everybody {
            true => "everybody: this is the cgroup of the whole machine".into(),
            false => "this cgroup and those below it only; files that it shares with others were \
                      charged to whoever read them first"
                .into(),
        }
    }

    fn notes(&self) -> Vec<String> {
        let MemoryStat {
            file,
            shmem,
            slab_reclaimable,
            slab_unreclaimable,
            anon,
            ..
        } = self.now;
        let mut notes = vec![
            format!(
                "page cache goes too, {} of it: the kernel takes both; of slabs {} can go",
                bytes(file.saturating_sub(shmem)),
                bytes(slab_reclaimable)
            ),
            format!(
                "{} of processes' memory stays ({HOW}), and {} of slabs that nothing can empty",
                bytes(anon),
                bytes(slab_unreclaimable)
            ),
            "the kernel does not count slabs against the amount: more of them may go than asked"
                .into(),
        ];
        let most = held(&self.now);
        if self.amount > most {
            notes.push(format!(
                "{} is more than both hold, {}",
                bytes(self.amount),
                bytes(most)
            ));
        }
        notes
    }

    fn command(&self) -> String {
        let file = quoted(self.path.join("memory.reclaim"));
        format!("echo '{} {HOW}' > {file}", self.amount)
    }

    fn measure(&self, kernel: &mut Kernel) -> Vec<Figure> {
        let stat = kernel.memory_stat(&self.path).ok();
        let of = |figure: fn(&MemoryStat) -> u64| stat.as_ref().map(figure);
        let mut figures = vec![
            Figure::bytes(
                "cgroup_slab_reclaimable_bytes",
                "its slabs",
                of(|stat| stat.slab_reclaimable),
            ),
            Figure::bytes(
                "cgroup_slab_unreclaimable_bytes",
                "of no shrinker",
                of(|stat| stat.slab_unreclaimable),
            ),
            Figure::bytes("cgroup_file_bytes", "its page cache", of(|stat| stat.file)),
            Figure::bytes("cgroup_anon_bytes", "its processes", of(|stat| stat.anon)),
        ];
        figures.extend(machine(kernel));
        figures
    }

    fn predicted(&self, _: &[Figure]) -> Option<u64> {
        Some(self.amount.min(held(&self.now)))
    }

    fn freed_bytes(&self, outcome: &Outcome) -> u64 {
        let fell = |key| outcome.fell(key).unwrap_or(0);
        fell("cgroup_slab_reclaimable_bytes").saturating_add(fell("cgroup_file_bytes"))
    }

    fn run(&self, flow: &mut Flow<'_>) -> Result<Ran, ReclaimError> {
        let kernel = Kernel::new(&self.root);
        let held = || Ok(held(&kernel.memory_stat(&self.path)?));
        let mut ask = |amount: u64| {
            let text = format!("{amount} {HOW}");
            let written = (&*self.file).write_all(text.as_bytes());
            let errno = |error: &std::io::Error| Errno::from_io_error(error);
            match written {
                Ok(()) => Ok(true),
                Err(error) if errno(&error) == Some(Errno::AGAIN) => Ok(false),
                Err(error) if errno(&error) == Some(Errno::INVAL) => Err(ReclaimError::Missing(
                    format!("memory.reclaim does not take {HOW}: Linux 6.8 and newer do"),
                )),
                Err(error) => Err(ReclaimError::file(&self.path.join("memory.reclaim"), error)),
            }
        };
        slices(self.amount, self.bound, &held, &mut ask, flow).map(Ran::from)
    }
}

/// What a rung on a cgroup can take: slabs and page cache.
fn held(stat: &MemoryStat) -> u64 {
    stat.slab_reclaimable.saturating_add(stat.file)
}

/// Asks for the amount in slices. `ask` tells whether the kernel found that much. What is cached anew
/// meanwhile is not asked for again.
fn slices(
    amount: u64,
    bound: Option<Duration>,
    held: &dyn Fn() -> Result<u64, ReclaimError>,
    ask: &mut dyn FnMut(u64) -> Result<bool, ReclaimError>,
    flow: &mut Flow<'_>,
) -> Result<Ended, ReclaimError> {
    let page = rustix::param::page_size() as u64;
    let slice = (amount / 16)
        .next_multiple_of(page)
        .clamp(1 << 20, 256 << 20);
    let start = Instant::now();
    let first = held()?;
    let mut least = first;
    let mut found = 0_u64;
    loop {
        let done = match held() {
            Ok(now) => found.max(first.saturating_sub(now)),
            Err(error) if found > 0 => return Ok(Ended::Failed(error.to_string())),
            Err(error) => return Err(error),
        };
        if done >= amount {
            return Ok(Ended::Complete);
        }
        let progress = Progress {
            done,
            of: Some(amount),
            unit: "bytes",
            doing: "reclaiming",
        };
        if let ControlFlow::Break(()) = flow(&progress) {
            return Ok(Ended::Stopped);
        }
        if bound.is_some_and(|bound| start.elapsed() > bound) {
            return Ok(Ended::Bound);
        }
        let part = (amount - done).min(slice).next_multiple_of(page);
        let all = match ask(part) {
            Err(error) if found > 0 => return Ok(Ended::Failed(error.to_string())),
            asked => asked?,
        };
        if all {
            found += part;
        } else {
            // What went of slabs is not counted yet: objects are freed an RCU grace period late.
            let now = calm(held)?;
            if now.saturating_add(page) > least {
                return Ok(Ended::Less);
            }
            least = now;
        }
    }
}

/// What is held once it falls no more.
fn calm(held: &dyn Fn() -> Result<u64, ReclaimError>) -> Result<u64, ReclaimError> {
    const STEP: Duration = Duration::from_millis(50);
    let mut now = held()?;
    for _ in 0..20 {
        thread::sleep(STEP);
        let next = held()?;
        let fell = next < now;
        now = next;
        if !fell {
            break;
        }
    }
    Ok(now)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const MIB: u64 = 1 << 20;

    /// A cgroup with so much in page cache, which is counted, and in slabs, which all go where more is
    /// asked for than page cache is there.
    fn reclaimed(pages: u64, slabs: u64, amount: u64, stop_after: usize) -> (Ended, u64, usize) {
        let [left_pages, left_slabs] = [Cell::new(pages), Cell::new(slabs)];
        let held = || Ok(left_pages.get() + left_slabs.get());
        let mut asked = 0;
        let mut ask = |amount: u64| {
            asked += 1;
            let found = left_pages.get().min(amount);
            left_pages.set(left_pages.get() - found);
            if found < amount {
                left_slabs.set(0);
            }
            Ok(found == amount)
        };
        let mut heard = 0;
        let mut flow = |_: &Progress| {
            heard += 1;
            match heard > stop_after {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let ended = slices(amount, None, &held, &mut ask, &mut flow).unwrap();
        (ended, pages + slabs - held().unwrap(), asked)
    }

    #[test]
    fn slices_add_up_to_the_amount() {
        let (ended, went, asked) = reclaimed(100 * MIB, 10 * MIB, 32 * MIB, 99);
        assert_eq!((ended, went, asked), (Ended::Complete, 32 * MIB, 16));
    }

    #[test]
    fn slabs_that_the_kernel_does_not_count_are_counted() {
        let (ended, went, asked) = reclaimed(0, 40 * MIB, 32 * MIB, 99);
        assert_eq!((ended, went, asked), (Ended::Complete, 40 * MIB, 1));
    }

    #[test]
    fn less_than_asked_is_told_and_ends() {
        let (ended, went, _) = reclaimed(8 * MIB, 8 * MIB, 32 * MIB, 99);
        assert_eq!((ended, went), (Ended::Less, 16 * MIB));
        let (ended, went, asked) = reclaimed(0, 0, 32 * MIB, 99);
        assert_eq!((ended, went, asked), (Ended::Less, 0, 1));
    }

    #[test]
    fn what_is_cached_anew_meanwhile_is_left_alone() {
        let (mut asked, mut flow) = (0, |_: &Progress| ControlFlow::Continue(()));
        let mut ask = |amount: u64| {
            asked += amount;
            Ok(true)
        };
        let ended = slices(32 * MIB, None, &|| Ok(100 * MIB), &mut ask, &mut flow);
        assert_eq!((ended.unwrap(), asked), (Ended::Complete, 32 * MIB));
    }

    #[test]
    fn a_cgroup_that_goes_meanwhile_leaves_a_part_done() {
        let mut flow = |_: &Progress| ControlFlow::Continue(());
        let mut left = 2;
        let mut ask = |_: u64| {
            left -= 1;
            match left {
                0 => Err(ReclaimError::Refused("gone".into())),
                _ => Ok(true),
            }
        };
        let ended = slices(32 * MIB, None, &|| Ok(100 * MIB), &mut ask, &mut flow);
        assert_eq!(ended.unwrap(), Ended::Failed("gone".into()));
        let mut none = |_: u64| Err(ReclaimError::Refused("gone".into()));
        let ended = slices(32 * MIB, None, &|| Ok(100 * MIB), &mut none, &mut flow);
        assert!(ended.is_err());
    }

    #[test]
    fn it_is_stopped_between_two_slices() {
        let (ended, went, _) = reclaimed(100 * MIB, 0, 32 * MIB, 3);
        assert_eq!((ended, went), (Ended::Stopped, 6 * MIB));
    }

    #[test]
    fn a_directory_that_is_no_cgroup_is_told_where_those_are() {
        let mount = |fs: &str, point: &str| Mount {
            fs: fs.into(),
            point: point.into(),
            ..Mount::default()
        };
        let mounts = [mount("ext4", "/"), mount("cgroup2", "/sys/fs/cgroup")];
        assert!(hierarchy(&mounts, Path::new("/sys/fs/cgroup/a")).is_ok());
        let error = hierarchy(&mounts, Path::new("/tmp"))
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "/tmp: not a cgroup's directory; those are below /sys/fs/cgroup"
        );
        let error = hierarchy(&mounts[..1], Path::new("/tmp")).unwrap_err();
        assert!(matches!(error, ReclaimError::Missing(_)));
    }
}
