//! Everything that the kernel reports by itself, read over and over for programs that run for long:
//! the slab caches, the machine's counters, the cgroups.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::source::{Cgroups, CgroupsError, Kernel, Sample, Source, cgroups};

/// What the kernel reported at one moment.
#[derive(Clone, Debug)]
pub struct Observation {
    /// When it was read, by the wall clock.
    pub at: SystemTime,
    /// Slab caches, memory, dentries, inodes.
    pub sample: Sample,
    /// The cgroups, which may be older than the rest: see [`Observer`].
    pub cgroups: Arc<Result<Cgroups, CgroupsError>>,
}

/// How often cgroups are read. A machine may have 100,000 of them, as many as its users like to make, and
/// each takes some files.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Time from one reading to the next, at least.
    pub least: Duration,
    /// The same as a multiple of how long the reading took.
    pub times: u32,
}

/// Reads the kernel's files again and again. The figures of cgroups may be those of an earlier
/// observation: see [`Pace`].
#[derive(Debug)]
pub struct Observer {
    kernel: Kernel,
    pace: Pace,
    cgroups: Option<Read>,
}

/// When cgroups were read last.
#[derive(Debug)]
struct Read {
    begin: Instant,
    took: Duration,
    cgroups: Arc<Result<Cgroups, CgroupsError>>,
}

impl Read {
    fn is_due(&self, pace: Pace, now: Instant) -> bool {
        let wait = self.took.saturating_mul(pace.times).max(pace.least);
        now.duration_since(self.begin) >= wait
    }
}

impl Default for Pace {
    /// A tenth of the time.
    fn default() -> Self {
        Self {
            least: Duration::ZERO,
            times: 10,
        }
    }
}

impl Observer {
    /// Reads below `root`: `/`, or the directory of a capture.
    pub fn new(root: impl Into<PathBuf>, pace: Pace) -> Self {
        Self {
            kernel: Kernel::new(root),
            pace,
            cgroups: None,
        }
    }

    /// The files that it reads.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Reads everything once.
    pub fn observe(&mut self) -> Observation {
        Observation {
            at: SystemTime::now(),
            sample: self.kernel.sample(),
            cgroups: self.cgroups(),
        }
    }

    fn cgroups(&mut self) -> Arc<Result<Cgroups, CgroupsError>> {
        let begin = Instant::now();
        match &self.cgroups {
            Some(read) if !read.is_due(self.pace, begin) => return read.cgroups.clone(),
            _ => {}
        }
        let read = cgroups::read(self.kernel.root(), &mut || ControlFlow::Continue(()));
        // Nothing ends it.
        let cgroups = Arc::new(read.map(Option::unwrap_or_default));
        self.cgroups = Some(Read {
            begin,
            took: begin.elapsed(),
            cgroups: cgroups.clone(),
        });
        cgroups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cgroups_are_read_a_tenth_of_the_time() {
        let begin = Instant::now();
        let pace = |least| Pace {
            least: Duration::from_secs(least),
            times: 10,
        };
        let read = Read {
            begin,
            took: Duration::from_secs(2),
            cgroups: Arc::new(Err(CgroupsError::NotMounted)),
        };
        let is_due = |least, at| read.is_due(pace(least), begin + Duration::from_secs(at));
        assert!(!is_due(0, 19) && is_due(0, 20));
        assert!(!is_due(30, 29) && is_due(30, 30));
    }

    #[test]
    fn missing_files_are_errors_of_their_own() {
        let root = crate::private::directory().join("observer-without-files");
        std::fs::create_dir_all(&root).unwrap();
        let mut observer = Observer::new(&root, Pace::default());
        let observation = observer.observe();
        assert!(observation.sample.caches.is_err() && observation.sample.memory.is_err());
        assert!(observation.cgroups.is_err());
    }
}
