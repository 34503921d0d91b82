//! `slabscope reclaim`: the wider rungs of the ladder: the plan, the confirmation, the deed, the ledger.

mod plan;
mod report;

use std::io::Write;
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};

use super::confirm::How;
use super::walks::Interrupt;
use super::{Context, Exit, Failure, Run};
use crate::base::parse;
use crate::base::say::{ProgressLine, say};
use crate::base::text::count;
use crate::kernel::aside::attended;
use crate::kernel::source::Kernel;
use crate::reclaim::audit;
use crate::reclaim::everybody::What;
use crate::reclaim::ladder::{self, Place};
use crate::reclaim::pages::Request;
use crate::reclaim::{self, Ended, ReclaimError, Reclaimer, carousel, carry_out};
use report::Report;

/// Reclaim more broadly than below one directory: a filesystem, a cgroup, a slab cache, the whole system
///
/// What is hit is shown first, with the narrower ways, and asked for confirmation. Nothing but clean
/// cache and empty slabs go: no file, no data that is on the disk. Only --carousel writes to a
/// filesystem. Ctrl-C ends it.
#[derive(Debug, clap::Args)]
// Beside an option of another rung `requires` alone says nothing: clap leaves out what is exclusive with one that is there.
#[command(group(clap::ArgGroup::new("rung").required(true)))]
#[command(group(clap::ArgGroup::new("on_a_filesystem").args(["pages", "superblock", "carousel"])))]
#[command(group(clap::ArgGroup::new("below_a_directory").args(["pages", "carousel"])))]
pub struct Args {
    /// Clean page cache of the files below DIR, without the module; this caches their names
    #[arg(long, value_name = "DIR", group = "rung")]
    pages: Option<PathBuf>,

    /// All unused dentries of the filesystem that PATH is on
    #[arg(long, value_name = "PATH", group = "rung")]
    superblock: Option<PathBuf>,

    /// Slabs and page cache of the memory cgroup (v2) with this directory
    #[arg(long, value_name = "DIR", group = "rung", requires = "amount")]
    cgroup: Option<PathBuf>,

    /// The slabs of this slab cache that hold no object
    #[arg(long, value_name = "NAME", group = "rung", conflicts_with = "timeout")]
    cache: Option<String>,

    /// Caches of the whole system: 1 page cache, 2 dentries and inodes (without a number), 3 both
    #[arg(
        long,
        value_name = "1|2|3",
        group = "rung",
        num_args = 0..=1,
        default_missing_value = "2",
        value_parser = everything
    )]
    all: Option<What>,

    /// The last resort without the module: names cached as absent directly in DIR, and in the directories below it
    /// that follow. It writes to them: a link is renamed from name to name
    #[arg(long, value_name = "DIR", group = "rung", num_args = 1..)]
    carousel: Vec<PathBuf>,

    /// The names, one a line (or ended by NUL), where no reader lists them; `-` is standard input
    #[arg(
        long,
        value_name = "FILE",
        requires = "carousel",
        conflicts_with_all = ["pages", "superblock", "cgroup", "cache", "all"]
    )]
    names: Option<PathBuf>,

    /// Also where names matter to security: on PATH, in /etc, in a sticky directory
    #[arg(
        long,
        requires = "carousel",
        conflicts_with_all = ["pages", "superblock", "cgroup", "cache", "all"]
    )]
    force: bool,

    /// How much to reclaim from the cgroup: 64M, 2G
    #[arg(
        long,
        value_name = "SIZE",
        requires = "cgroup",
        conflicts_with_all = ["pages", "superblock", "cache", "all", "carousel"],
        value_parser = parse::size
    )]
    amount: Option<u64>,

    /// Unused inodes of the filesystem too, where the kernel shows its shrinker (CONFIG_SHRINKER_DEBUG)
    #[arg(
        long,
        requires = "superblock",
        conflicts_with_all = ["pages", "cgroup", "cache", "all", "carousel"]
    )]
    inodes: bool,

    /// On any type of filesystem, tested or not
    #[arg(long, requires = "on_a_filesystem", conflicts_with_all = ["cgroup", "cache", "all"])]
    any_filesystem: bool,

    /// Write dirty pages first, so that they can be freed too
    #[arg(
        long,
        requires = "pages",
        conflicts_with_all = ["superblock", "cgroup", "cache", "all", "carousel"]
    )]
    writeback: bool,

    /// Stop after this many files, or names
    #[arg(
        long,
        value_name = "N",
        requires = "below_a_directory",
        conflicts_with_all = ["superblock", "cgroup", "cache", "all"],
        value_parser = super::whole::<NonZeroU64>
    )]
    max: Option<NonZeroU64>,

    /// Write all dirty data first (sync)
    #[arg(
        long,
        requires = "all",
        conflicts_with_all = ["pages", "superblock", "cgroup", "cache", "carousel"]
    )]
    sync: bool,

    /// Wait at most this many seconds, for the plan and for the action
    #[arg(long, value_name = "SECONDS", value_parser = super::seconds)]
    timeout: Option<Duration>,

    #[command(flatten)]
    how: How,
}

fn everything(text: &str) -> Result<What, String> {
    let number = text.parse().ok().and_then(What::of);
    number.ok_or_else(|| "expected 1 (page cache), 2 (dentries and inodes) or 3 (both)".into())
}

impl From<ReclaimError> for Failure {
    fn from(error: ReclaimError) -> Self {
        let exit = match &error {
            ReclaimError::Missing(_) => Exit::Missing,
            error if error.is_permission() => Exit::Permission,
            _ => Exit::Failed,
        };
        let remedy = error.remedy();
        let gap = if remedy.is_empty() { "" } else { "\n" };
        Self::new(exit, format!("{error}{gap}{remedy}"))
    }
}

impl Run for Args {
    fn run(&self, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        context.live("reclaiming")?;
        let audit = self.how.audit(context)?;
        let mut kernel = Kernel::new("/");
        if !self.carousel.is_empty() && !self.how.dry_run {
            tidy();
        }
        let rung = self.plan(&mut kernel)?;
        self.climb(rung.as_ref(), &mut kernel, &audit, out)
    }
}

impl Args {
    /// Reclaims page cache, without the module.
    pub(super) fn of_pages(pages: &Path, request: Request, how: How) -> Self {
        Self {
            pages: Some(pages.into()),
            superblock: None,
            cgroup: None,
            cache: None,
            all: None,
            carousel: Vec::new(),
            names: None,
            force: false,
            amount: None,
            inodes: false,
            any_filesystem: request.any_filesystem,
            writeback: request.writeback,
            max: request.max,
            sync: false,
            timeout: request.bound,
            how,
        }
    }

    /// Shows a plan, asks, carries it out, shows its outcome.
    fn climb(
        &self,
        rung: &dyn Reclaimer,
        kernel: &mut Kernel,
        audit: &audit::Log,
        out: &mut dyn Write,
    ) -> Result<Exit, Failure> {
        let steps = ladder::ladder(&Place::read(kernel, self.directory().as_deref()));
        let mut report = Report::new(rung, &steps, kernel);
        if self.how.dry_run {
            report.write(self.how.json, out)?;
            return Ok(Exit::Ok);
        }
        // An action that cannot be recorded needs no confirmation.
        audit.check().map_err(ReclaimError::from)?;
        if !self.how.agreed(|text| report.text(text), "reclaim")? {
            say!("nothing was reclaimed");
            return Ok(Exit::Partial);
        }
        let interrupt = Interrupt::catch()?;
        let mut shown = ProgressLine::default();
        let done = carry_out(rung, kernel, audit, &mut |progress| {
            shown.show(|| so_far(progress));
            interrupt.flow()
        });
        drop(shown);
        let complete = matches!(&done.result, Ok(outcome) if outcome.ended == Ended::Complete);
        let exit = super::deed(complete, done.recorded);
        let outcome = done.result?;
        report.done(outcome);
        super::done(exit, report.write(self.how.json, out))
    }

    /// The directory for which narrower rungs are shown.
    fn directory(&self) -> Option<PathBuf> {
        let named = self.pages.as_ref().or(self.superblock.as_ref());
        let named = named.or(self.carousel.first())?;
        // A stat() would ask a filesystem that may never answer.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(named, flags, Mode::empty());
        opened.is_ok().then(|| absolute(named))
    }
}

/// Removes leftovers of killed runs.
pub(super) fn tidy() {
    const LONGEST: Duration = Duration::from_secs(2);
    let Some(state) = carousel::leftover::directory() else {
        return;
    };
    let begin = Instant::now();
    let swept = attended(
        move |_| carousel::leftover::sweep(&state),
        &mut |()| match begin.elapsed() < LONGEST {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        },
    );
    match swept {
        Some(found) => found.iter().for_each(|found| say!("{found}")),
        None => say!(
            "unknown whether a killed run of the carousel left a link: its filesystem does not answer"
        ),
    }
}

/// A path from the root, as the shell's directory has it, and without a slash at its end.
fn absolute(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
    absolute.components().collect()
}

/// A progress line.
fn so_far(progress: &reclaim::Progress) -> String {
    let reclaim::Progress {
        done,
        of,
        unit,
        doing,
    } = *progress;
    let of = of.map_or(String::new(), |of| format!(" of {}", count(of)));
    match unit {
        "" => doing.to_owned(),
        unit => format!("{doing}: {}{of} {unit}", count(done)),
    }
}
