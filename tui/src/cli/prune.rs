//! `slabscope prune`: the plan, the confirmation, the prune, the ledger.

mod report;

use std::io::{self, BufRead, IsTerminal, Write};
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use super::json::{self, Name};
use super::walks::{Directory, Interrupt};
use super::{Context, Exit, Failure, READ_ONLY, Run};
use crate::audit;
use crate::config::Config;
use crate::model::{Figures, Sizes, prune_bytes};
use crate::prune::{self, Outcome, Plan, PruneError, settle};
use crate::session::{Bounds, Counters, Mode, Status};
use crate::shell;
use crate::source::{Kernel, Mount, Source};
use crate::text::count;
use report::{Document, Done};

/// Evict what is cached and unused below a directory
///
/// Nothing but clean cache goes: no file, no data. What would go is shown first, and asked for
/// confirmation. Ctrl-C stops it between two batches; what is pruned stays pruned. What was dirty
/// stays cached, unless it is written first with --writeback.
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

    /// Only show what would go
    #[arg(long)]
    dry_run: bool,

    /// End after so many dentries (of pages: files); exceeded by less than a batch of 256
    #[arg(long, value_name = "N", value_parser = super::whole::<NonZeroU64>)]
    max: Option<NonZeroU64>,

    /// End after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = super::seconds)]
    timeout: Option<Duration>,

    /// Prune on a type of filesystem too that pruning is not tested on
    #[arg(long)]
    any_filesystem: bool,

    /// Do not ask
    #[arg(long)]
    yes: bool,

    /// As JSON
    #[arg(long)]
    json: bool,
}

/// [`Mount::is_memory`]
const IN_MEMORY: &str = "this filesystem lives in its dentries: each holds its file until that is removed, and of \
                         absent names none is kept";

const REACH: &str = "below this directory only, on this filesystem only";

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ModeArg {
    /// Names that are cached as absent
    Negative,
    /// All unused dentries
    Dentries,
    /// Those, then their inodes and with these their page cache
    #[value(alias = "all")]
    Inodes,
    /// The page cache of the files that are cached; dentries and inodes stay
    Pages,
}

impl From<ModeArg> for Mode {
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
                "--writeback goes with --mode inodes and --mode pages: other modes touch no file";
            return Err(Failure::new(Exit::Usage, message));
        }
        let audit = self.audit(context)?;
        let mut kernel = Kernel::new("/");
        let mount = self.mount(&kernel);
        let sizes = Sizes::of(
            Some(&kernel.sample()),
            mount.as_ref(),
            rustix::param::page_size() as u64,
        );
        let target = self.directory.open()?;
        // Until the prune begins nothing is half-done: Ctrl-C ends the program as it usually does.
        let Some(plan) = Plan::new(target, &mut |_| ControlFlow::Continue(()))? else {
            return Ok(Exit::Partial);
        };
        if self.dry_run {
            self.tell(&plan, mount.as_ref(), sizes, None, out)?;
            return Ok(Exit::Ok);
        }
        if plan.predicted(self.mode(), self.writeback) == 0 {
            self.tell(&plan, mount.as_ref(), sizes, None, out)?;
            eprintln!("slabscope: nothing would go: nothing was done");
            return Ok(Exit::Ok);
        }
        // What cannot be recorded need not be asked for.
        let mut file = audit.open().map_err(PruneError::from)?;
        if !self.yes && !self.confirm(&plan, mount.as_ref(), sizes)? {
            eprintln!("slabscope: nothing was pruned");
            return Ok(Exit::Partial);
        }
        let interrupt = Interrupt::catch()?;
        let path = self.directory.absolute();
        let mut record = prune::record(&plan, &path, mount.as_ref(), self.mode(), self.writeback);
        let before = Figures::of(&kernel.sample(), mount.as_ref());
        let result = self.carry_out(&plan, &interrupt);
        let after = settled(&mut kernel, mount.as_ref(), &before, &result, &interrupt);
        prune::note(
            &mut record,
            &result,
            [before.sreclaimable, after.sreclaimable],
        );
        if let Err(error) = file.write(&record) {
            eprintln!("slabscope: not recorded: {error}");
        }
        let outcome = result?;
        let expected = self.bytes(&plan, sizes);
        let done = Done::new(&outcome, expected, &before, &after, mount.as_ref());
        self.tell(&plan, mount.as_ref(), sizes, Some(done), out)?;
        Ok(match outcome.status {
            Status::Complete => Exit::Ok,
            _ => Exit::Partial,
        })
    }
}

impl Args {
    fn mode(&self) -> Mode {
        self.mode.into()
    }

    /// Of slab objects.
    fn bytes(&self, plan: &Plan, sizes: Sizes) -> Option<u64> {
        prune_bytes(plan, self.mode(), self.writeback, sizes)
    }

    /// Where a prune is recorded, unless it must not be. A dry run does not ask the configuration.
    fn audit(&self, context: &Context) -> Result<audit::Log, Failure> {
        if self.dry_run {
            return Ok(audit::Log::Off);
        }
        let config = Config::load()?;
        if context.read_only || config.read_only {
            return Err(Failure::new(Exit::Usage, READ_ONLY));
        }
        Ok(audit::Log::of(&config.audit))
    }

    fn mount(&self, kernel: &Kernel) -> Option<Mount> {
        let mounts = kernel.mounts().unwrap_or_default();
        Mount::of(&mounts, &self.directory.absolute()).cloned()
    }

    /// Shows the plan and reads the answer: anything but `yes` is a no.
    fn confirm(&self, plan: &Plan, mount: Option<&Mount>, sizes: Sizes) -> Result<bool, Failure> {
        if !io::stdin().is_terminal() {
            let message = "nobody is there to confirm: look with --dry-run, then use --yes";
            return Err(Failure::new(Exit::Usage, message));
        }
        let mut text = Vec::new();
        let path = self.directory.absolute();
        let document = self.document(&path, plan, mount, sizes, None);
        document.tell(&self.directory.path, &mut text)?;
        let mut terminal = io::stderr();
        terminal.write_all(&text)?;
        write!(terminal, "type yes to prune: ")?;
        terminal.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(answer.trim() == "yes")
    }

    fn carry_out(&self, plan: &Plan, interrupt: &Interrupt) -> Result<Outcome, PruneError> {
        let bounds = Bounds {
            dentries: self.max,
            time: self.timeout,
            any_filesystem: self.any_filesystem,
            writeback: self.writeback,
        };
        let predicted = plan.predicted(self.mode(), self.writeback);
        let shown = io::stderr().is_terminal();
        let outcome = plan.carry_out(self.mode(), bounds, &mut |so_far: &Counters| {
            if shown {
                let went = count(self.mode().went(so_far));
                let unit = self.mode().unit();
                eprint!("\r{went} of {} {unit} ", count(predicted));
            }
            interrupt.flow()
        });
        if shown {
            eprint!("\r\x1b[K");
        }
        outcome
    }

    fn document<'a>(
        &self,
        path: &'a Path,
        plan: &Plan,
        mount: Option<&Mount>,
        sizes: Sizes,
        done: Option<Done>,
    ) -> Document<'a> {
        let (mode, writeback) = (self.mode(), self.writeback);
        let predicted = plan.predicted(mode, writeback);
        let pages = |pages: u64| pages.saturating_mul(sizes.page);
        let dentries = mode != Mode::Pages;
        Document {
            path: Name::keyed("path", path),
            mode: mode.name(),
            writeback,
            predicted,
            predicted_bytes: self.bytes(plan, sizes).filter(|_| dentries),
            predicted_inodes: plan.inodes(mode, writeback),
            predicted_page_cache_bytes: pages(plan.pages(mode, writeback)),
            max: self.max,
            stays_in_use: plan.found.in_use,
            stays_unused: match mode {
                Mode::Negative => plan.found.prunable.saturating_sub(predicted),
                Mode::Dentries | Mode::Inodes | Mode::Pages => 0,
            },
            stays_pinned: plan.found.pinned,
            dirty_files: plan.found.dirty.max(plan.found.writeback),
            dirty_bytes: pages(plan.found.dirty_pages),
            writeback_bytes: pages(plan.found.writeback_pages),
            stays_because: mount.is_some_and(Mount::is_memory).then_some(IN_MEMORY),
            cached_apart: mount
                .filter(|mount| mount.fs == "overlay" && mode.may_write())
                .map_or_else(Vec::new, |mount| mount.made_of.clone())
                .iter()
                .map(|dir| shell::prune(dir, mode, writeback))
                .collect(),
            reach: REACH,
            done,
        }
    }

    fn tell(
        &self,
        plan: &Plan,
        mount: Option<&Mount>,
        sizes: Sizes,
        done: Option<Done>,
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        let path = self.directory.absolute();
        let document = self.document(&path, plan, mount, sizes, done);
        if self.json {
            return json::write(out, "slabscope.prune/1", &document);
        }
        document.tell(&self.directory.path, out)
    }
}

/// The figures once what went has left its slab caches, or that takes too long.
fn settled(
    kernel: &mut Kernel,
    mount: Option<&Mount>,
    before: &Figures,
    result: &Result<Outcome, PruneError>,
    interrupt: &Interrupt,
) -> Figures {
    let sample = kernel.settled("dentry");
    let inodes = match (result, mount, &before.inode) {
        (Ok(outcome), Some(mount), Some(cache)) => {
            settle::inodes(kernel, mount, cache.active, outcome, &mut || {
                interrupt.flow()
            })
        }
        _ => None,
    };
    Figures::of(&inodes.unwrap_or(sample), mount)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::prune::Target;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    /// What is told of a plan in text, and in JSON.
    fn told(more: &[&str]) -> (String, serde_json::Value) {
        told_on(&Mount::default(), more)
    }

    fn told_on(mount: &Mount, more: &[&str]) -> (String, serde_json::Value) {
        let args = Line::parse_from(["prune", "/"].iter().chain(more)).args;
        let dir = std::fs::File::open("/").unwrap();
        let target = Target {
            path: "/".into(),
            dir: dir.into(),
        };
        let found = Counters {
            in_use: 4,
            prunable: 12_000,
            negative_prunable: 5_000,
            inodes_prunable: 6_000,
            skipped_dirty: 2,
            dirty: 3,
            pages: 10_000,
            pages_prunable: 8_000,
            dirty_pages: 256,
            ..Counters::default()
        };
        let plan = Plan { target, found };
        let sizes = Sizes {
            dentry: Some(192),
            inode: Some(1_024),
            page: 4_096,
        };
        let document = args.document(Path::new("/"), &plan, Some(mount), sizes, None);
        let mut text = Vec::new();
        document.tell(Path::new("/"), &mut text).unwrap();
        let json = serde_json::to_value(&document).unwrap();
        (String::from_utf8(text).unwrap(), json)
    }

    #[test]
    fn a_plan_says_how_far_it_goes_and_what_stays() {
        let (text, json) = told(&["--max", "1000"]);
        let reach = "below this directory only, on this filesystem only";
        for line in [
            "  would go               5,000     938 KiB",
            "  at most                1,000  of them, by --max",
            "                         7,000  unused, but not negative: --mode dentries evicts those too",
            &format!("  reach         {reach}"),
        ] {
            assert!(text.lines().any(|told| told == line), "{line}\n{text}");
        }
        assert_eq!(json["max"], 1_000);
        assert_eq!(json["stays_unused"], 7_000);
        assert_eq!(json["reach"], reach);
        let (text, json) = told(&["--mode", "dentries"]);
        assert!(
            !text.contains("at most") && !text.contains("negative"),
            "{text}"
        );
        assert_eq!(json["max"], serde_json::Value::Null);
        assert_eq!(json["stays_unused"], 0);
    }
    fn has(text: &str, line: &str) {
        assert!(text.lines().any(|told| told == line), "{line}\n{text}");
    }

    #[test]
    fn a_plan_of_inodes_says_what_goes_with_them_and_what_is_dirty() {
        let (text, json) = told(&["--mode", "all"]);
        has(&text, "unused dentries and their inodes below /");
        has(&text, "  would go              12,000     8.1 MiB");
        has(
            &text,
            "                         6,000  inodes of these, with 31.2 MiB of page cache",
        );
        has(
            &text,
            "                             3  dirty: --writeback has them written first (1.0 MiB to write, 0 B being written)",
        );
        assert_eq!(json["mode"], "inodes");
        assert_eq!(json["predicted_inodes"], 6_000);
        assert_eq!(json["dirty_bytes"], 1 << 20);
        let (text, json) = told(&["--mode", "inodes", "--writeback"]);
        assert!(text.contains("3  dirty, written first"), "{text}");
        assert_eq!(json["predicted_inodes"], 6_002);
    }

    #[test]
    fn a_plan_of_pages_is_in_pages() {
        let (text, json) = told(&["--mode", "pages"]);
        has(&text, "page cache of files below /");
        has(&text, "  would go               9,744  pages, 38.1 MiB");
        assert_eq!(json["predicted"], 9_744);
        assert_eq!(json["predicted_bytes"], serde_json::Value::Null);
        assert_eq!(
            told(&["--mode", "pages", "--writeback"]).1["predicted"],
            10_000
        );
    }

    #[test]
    fn an_overlay_names_what_it_is_made_of() {
        let mount = Mount {
            fs: "overlay".into(),
            made_of: vec!["/up per".into(), "/lower".into()],
            ..Mount::default()
        };
        let (text, json) = told_on(&mount, &["--mode", "inodes"]);
        has(
            &text,
            "  inodes and pages of these files are cached apart: slabscope prune '/up per' --mode inodes",
        );
        assert_eq!(
            json["cached_apart"][1],
            "slabscope prune /lower --mode inodes"
        );
        assert!(!told_on(&mount, &[]).0.contains("apart"));
    }
}
