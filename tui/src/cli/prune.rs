//! `slabscope prune`: the plan, the confirmation, the prune, the ledger.

mod report;

use std::io::Write;
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use super::census::Figures;
use super::confirm::How;
use super::walks::{Directory, Interrupt};
use super::{Context, Exit, Failure, Run, ladder, reclaim};
use crate::base::json::{self, Name};
use crate::base::say::{ProgressLine, say};
use crate::base::text::count;
use crate::kernel::reader;
use crate::kernel::session::{Bounds, Counters, PruneMode, SessionError, Status};
use crate::kernel::source::{Kernel, Mount, Mounted, Source};
use crate::kernel::target::Target;
use crate::reclaim::ladder::{Place, Step};
use crate::reclaim::pages::Request;
use crate::reclaim::prune::{self, Order, PruneError, PrunePlan, layers};
use crate::ui::model::{self, Sizes, prune_bytes};
use report::{Document, Done};

/// Evict what is cached and unused below a directory
///
/// Nothing but clean cache goes: no file, no data. The plan is shown first, and you are asked
/// to confirm it. Ctrl-C stops it between two batches; what is pruned stays pruned. Dirty pages
/// stay cached, unless --writeback writes them first.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    directory: Directory,

    /// What is evicted
    #[arg(long, value_name = "MODE", default_value = "negative")]
    mode: ModeArg,

    /// Write dirty files first, so that they go too: in modes inodes and pages
    #[arg(long)]
    writeback: bool,

    /// Stop after this many dentries (of pages: files); exceeded by less than a batch of 256
    #[arg(long, value_name = "N", value_parser = super::whole::<NonZeroU64>)]
    max: Option<NonZeroU64>,

    /// Stop after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = super::seconds)]
    timeout: Option<Duration>,

    /// Also prune on a type of filesystem that pruning is not tested on
    #[arg(long)]
    any_filesystem: bool,

    #[command(flatten)]
    how: How,
}

/// Why a prune frees nothing where [`Mount::is_memory`].
const IN_MEMORY: &str = "this filesystem lives in its dentries: each holds its file until that is removed, and of \
                         absent names none is kept";

const REACH: &str = "below this directory only, on this filesystem only";

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ModeArg {
    /// Negative dentries: names cached as absent
    Negative,
    /// All unused dentries
    Dentries,
    /// Those, then their inodes and with these their page cache; `all` is the same
    #[value(alias = "all")]
    Inodes,
    /// The page cache of the files that are cached; dentries and inodes stay. Without the module:
    /// as `reclaim --pages`
    Pages,
}

impl From<ModeArg> for PruneMode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Negative => Self::Negative,
            ModeArg::Dentries => Self::Dentries,
            ModeArg::Inodes => Self::Inodes,
            ModeArg::Pages => Self::Pages,
        }
    }
}

impl Run for Args {
    fn run(&self, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        context.live("a prune")?;
        if self.writeback && !self.mode().may_write() {
            let message =
                "--writeback needs --mode inodes or --mode pages: other modes touch no file";
            return Err(Failure::new(Exit::Usage, message));
        }
        let audit = self.how.audit(context)?;
        let no_module = reader::module().err();
        if let Some(error) = no_module
            && !self.counts_without(&error)
        {
            return self.without_module(error, context, out);
        }
        let mut kernel = Kernel::new("/");
        let target = self.directory.open()?;
        let mount = self.mount(&kernel, &target);
        let sizes = Sizes::of(
            Some(&kernel.sample()),
            mount.as_ref(),
            rustix::param::page_size() as u64,
        );
        // Until the prune begins nothing is half-done: Ctrl-C ends the program as it usually does.
        let Some(plan) = PrunePlan::new(target, &mut |_| ControlFlow::Continue(()))? else {
            return Ok(Exit::Partial);
        };
        let refused = self.refused(mount.as_ref());
        if self.how.dry_run {
            self.tell(&plan, mount.as_ref(), sizes, None, out)?;
            return match refused {
                Some(why) => Err(Failure::new(Exit::Failed, why)),
                None => Ok(Exit::Ok),
            };
        }
        if let Some(why) = refused {
            return Err(Failure::new(Exit::Failed, why));
        }
        if plan.predicted(self.mode(), self.writeback) == 0 {
            self.tell(&plan, mount.as_ref(), sizes, None, out)?;
            say!("nothing to prune in this mode");
            return Ok(Exit::Ok);
        }
        // An action that cannot be recorded needs no confirmation.
        audit.check().map_err(PruneError::from)?;
        let path = self.directory.absolute();
        let shown = |text: &mut dyn Write| {
            let document = self.document(&path, &plan, mount.as_ref(), sizes, None);
            document.tell(&self.directory.path, text)
        };
        if !self.how.agreed(shown, "prune")? {
            say!("nothing was pruned");
            return Ok(Exit::Partial);
        }
        let interrupt = Interrupt::catch()?;
        let mut progress = ProgressLine::default();
        let order = Order {
            plan: &plan,
            path: &path,
            mount: mount.as_ref(),
            mode: self.mode(),
            bounds: self.bounds(),
        };
        let pruned = prune::carry_out(order, &mut kernel, &audit, &mut |_| {}, &mut |so_far| {
            progress.show(|| self.so_far(&plan, so_far));
            interrupt.flow()
        });
        drop(progress);
        let (result, recorded) = (pruned.done.result, pruned.done.recorded);
        let [before, after] =
            [pruned.before, pruned.after].map(|sample| model::Figures::of(&sample, mount.as_ref()));
        let complete = matches!(&result, Ok(outcome) if outcome.status == Status::Complete);
        let exit = super::deed(complete, recorded);
        let outcome = result?;
        let expected = self.bytes(&plan, sizes);
        let done = Done::new(&outcome, expected, &before, &after, mount.as_ref());
        let told = self.tell(&plan, mount.as_ref(), sizes, Some(done), out);
        super::done(exit, told)
    }
}

impl Args {
    /// What the layers of an overlay have cached of the directory now.
    fn layers(&self, plan: &PrunePlan, mount: Option<&Mount>, sizes: Sizes) -> Vec<report::Layer> {
        let Some(mount) = mount else {
            return Vec::new();
        };
        let mounts = Kernel::new("/").mounts().unwrap_or_default();
        let mut go_on = |_: &Counters| ControlFlow::Continue(());
        let layers = layers::layers(mount, plan.target.place(), &mounts, &mut go_on).into_iter();
        let told = layers.map(|layer| {
            let plan = layer.found.map(|found| PrunePlan {
                found,
                ..plan.clone()
            });
            let known = |plan: &&PrunePlan| plan.knows_files() || self.mode() != PruneMode::Pages;
            let predicted = |plan: &PrunePlan| plan.predicted(self.mode(), self.writeback);
            report::Layer {
                command: self.command(&layer.path),
                predicted: plan.as_ref().filter(known).map(predicted),
                predicted_bytes: plan.and_then(|plan| self.bytes(&plan, sizes)),
            }
        });
        told.collect()
    }

    /// Why the prune is refused, as known before it begins.
    fn refused(&self, mount: Option<&Mount>) -> Option<String> {
        if self.any_filesystem {
            return None;
        }
        let why = prune::untested(mount?)?;
        Some(format!("refused: {why}; --any-filesystem overrides this"))
    }

    fn mode(&self) -> PruneMode {
        self.mode.into()
    }

    /// Predicted bytes of slab objects.
    fn bytes(&self, plan: &PrunePlan, sizes: Sizes) -> Option<u64> {
        prune_bytes(plan, self.mode(), self.writeback, sizes)
    }

    /// Whether there is a plan to show, though nothing can be pruned.
    fn counts_without(&self, error: &SessionError) -> bool {
        let absent = matches!(error, SessionError::NoModule(_) | SessionError::OnlyReads);
        absent && self.how.dry_run && self.mode() != PruneMode::Pages && reader::works().is_ok()
    }

    /// Without the module: page cache can be given up file by file; for everything else,
    /// alternatives are printed.
    fn without_module(
        &self,
        error: SessionError,
        context: &Context,
        out: &mut dyn Write,
    ) -> Result<Exit, Failure> {
        if !matches!(error, SessionError::NoModule(_) | SessionError::OnlyReads) {
            return Err(error.into());
        }
        // A dry run would do with a reader: the reason that there is none says more.
        if self.how.dry_run && self.mode() != PruneMode::Pages {
            reader::works()?;
        }
        let path = &self.directory.path;
        if self.mode() == PruneMode::Pages {
            say!(
                "the module is not loaded: page cache is dropped file by file, which caches their names"
            );
            let request = Request {
                writeback: self.writeback,
                max: self.max,
                bound: self.timeout,
                any_filesystem: self.any_filesystem,
            };
            return reclaim::Args::of_pages(path, request, self.how).run(context, out);
        }
        let mut failure = Failure::from(error);
        let steps = self.steps();
        if let Some(step) = ladder::wider(&steps, self.mode().name()) {
            let reach = step.rung.reach();
            failure.message += &format!(
                "\nwithout it the next broader rung is {reach}: {}",
                step.command
            );
        }
        Err(failure)
    }

    fn command(&self, path: &Path) -> String {
        let mut command = prune::command(path, self.mode(), self.writeback);
        if let Some(max) = self.max {
            command += &format!(" --max {max}");
        }
        if let Some(timeout) = self.timeout {
            command += &format!(" --timeout {}", timeout.as_secs_f64());
        }
        if self.any_filesystem {
            command += " --any-filesystem";
        }
        command
    }

    /// The rungs that apply to this directory.
    fn steps(&self) -> Vec<Step> {
        let path = self.directory.absolute();
        crate::reclaim::ladder::ladder(&Place::read(&Kernel::new("/"), Some(&path)))
    }

    /// The mount of the open directory; by its path where the kernel does not report it.
    fn mount(&self, kernel: &Kernel, target: &Target) -> Option<Mount> {
        let opened = Mounted::of(&kernel.mounted().unwrap_or_default(), &target.dir);
        opened.or_else(|| {
            let mounts = kernel.mounts().unwrap_or_default();
            Mount::of(&mounts, &self.directory.absolute()).cloned()
        })
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            dentries: self.max,
            time: self.timeout,
            any_filesystem: self.any_filesystem,
            writeback: self.writeback,
        }
    }

    fn so_far(&self, plan: &PrunePlan, so_far: &Counters) -> String {
        let predicted = count(plan.predicted(self.mode(), self.writeback));
        let went = count(self.mode().went(so_far));
        format!("{went} of {predicted} {}", self.mode().unit())
    }

    fn document<'a>(
        &self,
        path: &'a Path,
        plan: &PrunePlan,
        mount: Option<&Mount>,
        sizes: Sizes,
        done: Option<Done>,
    ) -> Document<'a> {
        let (mode, writeback) = (self.mode(), self.writeback);
        let predicted = plan.predicted(mode, writeback);
        let pages = |pages: u64| pages.saturating_mul(sizes.page);
        let dentries = mode != PruneMode::Pages;
        let command = self.command(path);
        let files = |figure: u64| plan.knows_files().then_some(figure);
        // In the other modes no inode and no page goes.
        let goes = |figure: u64| (plan.knows_files() || !mode.may_write()).then_some(figure);
        let steps = self.steps();
        let needs_module = match plan.reader.prunes() {
            true => None,
            false => reader::module().err().map(|error| error.to_string()),
        };
        Document {
            path: Name::keyed("path", path),
            mode: mode.name(),
            writeback,
            predicted,
            predicted_bytes: self.bytes(plan, sizes).filter(|_| dentries),
            predicted_inodes: goes(plan.inodes(mode, writeback)),
            predicted_page_cache_bytes: goes(pages(plan.pages(mode, writeback))),
            page_cache_is_least: plan.pages_are_least(mode, writeback),
            max: self.max,
            stays_in_use: plan.found.in_use,
            stays_unused: match mode {
                PruneMode::Negative => plan.found.prunable.saturating_sub(predicted),
                PruneMode::Dentries | PruneMode::Inodes | PruneMode::Pages => 0,
            },
            stays_pinned: plan.found.pinned,
            dirty_files: files(plan.found.dirty.max(plan.found.writeback)),
            dirty_bytes: files(pages(plan.found.dirty_pages)),
            writeback_bytes: files(pages(plan.found.writeback_pages)),
            failed_writes: files(plan.found.write_failed),
            failed_write_bytes: files(pages(plan.found.failed_pages)),
            unsynced: files(plan.found.unsynced),
            stays_because: mount.is_some_and(Mount::is_memory).then_some(IN_MEMORY),
            layers: self.layers(plan, mount, sizes),
            reach: REACH,
            refused: self.refused(mount),
            ladder: match needs_module {
                Some(_) => ladder::all(&steps, mode.name(), &command),
                None => ladder::rows(&steps, mode.name(), &command),
            },
            needs_module,
            reader: plan.reader.name(),
            changed_meanwhile: plan.changed,
            below: Figures::new(&plan.found, sizes, plan.reader),
            command,
            done,
        }
    }

    fn tell(
        &self,
        plan: &PrunePlan,
        mount: Option<&Mount>,
        sizes: Sizes,
        done: Option<Done>,
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        let path = self.directory.absolute();
        let document = self.document(&path, plan, mount, sizes, done);
        if self.how.json {
            return Ok(json::write(out, "slabscope.prune/2", &document)?);
        }
        document.tell(&self.directory.path, out)
    }
}

#[cfg(test)]
mod tests;
