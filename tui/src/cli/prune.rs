//! `slabscope prune`: the plan, the confirmation, the prune, the ledger.

use std::io::{self, BufRead, IsTerminal, Write};
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::json::{self, Name};
use super::walks::{Directory, Interrupt};
use super::{Context, Exit, Failure, READ_ONLY, Run};
use crate::audit;
use crate::config::Config;
use crate::model::{Figures, difference, part_of, reasons};
use crate::prune::{self, Outcome, Plan, PruneError};
use crate::session::{Bounds, Counters, Mode, Status};
use crate::source::{Cache, Kernel, Mount, Source};
use crate::text::{bytes, count, duration, printable};

/// Evict what is cached and unused below a directory
///
/// Nothing but clean cache goes: no file, no data. What would go is shown first, and asked for
/// confirmation. Ctrl-C stops it between two batches; what is pruned stays pruned.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    directory: Directory,

    /// What is evicted
    #[arg(long, value_name = "MODE", default_value = "negative")]
    mode: ModeArg,

    /// Only show what would go
    #[arg(long)]
    dry_run: bool,

    /// End after so many dentries; exceeded by less than a batch of 256
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
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Negative => Self::Negative,
            ModeArg::Dentries => Self::Dentries,
        }
    }
}

/// What is told of a prune or a dry run.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    path: Name<'a>,
    mode: &'static str,
    predicted: u64,
    predicted_bytes: Option<u64>,
    /// Of those predicted, at most so many go.
    max: Option<NonZeroU64>,
    stays_in_use: u64,
    /// Unused, but not of the kind that this mode evicts.
    stays_unused: u64,
    stays_pinned: u64,
    /// Why all of it does, on a filesystem whose dentries are all there is of its files.
    stays_because: Option<&'static str>,
    /// Where dentries may go at all.
    reach: &'static str,
    #[serde(flatten)]
    done: Option<Done>,
}

#[derive(Serialize)]
struct Done {
    status: &'static str,
    /// The module's own count.
    freed: u64,
    busy: u64,
    took_ns: u64,
    dentry_active_objects_before: Option<u64>,
    dentry_active_objects_after: Option<u64>,
    dentry_slabs_before_bytes: Option<u64>,
    dentry_slabs_after_bytes: Option<u64>,
    /// The slab cache that the filesystem's inodes come from, if it is known.
    inode_cache: Option<String>,
    inode_active_objects_before: Option<u64>,
    inode_active_objects_after: Option<u64>,
    inode_slabs_before_bytes: Option<u64>,
    inode_slabs_after_bytes: Option<u64>,
    sreclaimable_before_bytes: Option<u64>,
    sreclaimable_after_bytes: Option<u64>,
    why_they_differ: Vec<String>,
}

impl Run for Args {
    fn run(&self, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        context.live("a prune")?;
        let audit = self.audit(context)?;
        let mut kernel = Kernel::new("/");
        let before = kernel.sample();
        let size = before.cache("dentry").map(|cache| cache.object_size);
        let target = self.directory.open()?;
        // Until the prune begins nothing is half-done: Ctrl-C ends the program as it usually does.
        let Some(plan) = Plan::new(target, &mut |_| ControlFlow::Continue(()))? else {
            return Ok(Exit::Partial);
        };
        if self.dry_run {
            self.tell(&plan, size, None, out)?;
            return Ok(Exit::Ok);
        }
        if plan.predicted(self.mode()) == 0 {
            self.tell(&plan, size, None, out)?;
            eprintln!("slabscope: nothing would go: nothing was done");
            return Ok(Exit::Ok);
        }
        // What cannot be recorded need not be asked for.
        let mut file = audit.open().map_err(PruneError::from)?;
        if !self.yes && !self.confirm(&plan, size)? {
            eprintln!("slabscope: nothing was pruned");
            return Ok(Exit::Partial);
        }
        let interrupt = Interrupt::catch()?;
        let mount = self.mount(&kernel);
        let path = self.directory.absolute();
        let mut record = prune::record(&plan, &path, mount.as_ref(), self.mode());
        let before = Figures::of(&kernel.sample(), mount.as_ref());
        let result = self.carry_out(&plan, &interrupt);
        let after = Figures::of(&kernel.settled("dentry"), mount.as_ref());
        prune::note(
            &mut record,
            &result,
            [before.sreclaimable, after.sreclaimable],
        );
        if let Err(error) = file.write(&record) {
            eprintln!("slabscope: not recorded: {error}");
        }
        let outcome = result?;
        let expected = size.map(|size| self.bytes(&plan, size));
        let done = Done::new(&outcome, expected, &before, &after);
        self.tell(&plan, size, Some(done), out)?;
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

    fn bytes(&self, plan: &Plan, size: u64) -> u64 {
        crate::model::prune_bytes(&plan.found, self.mode(), size)
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

    fn in_memory(&self) -> bool {
        let mount = self.mount(&Kernel::new("/"));
        mount.is_some_and(|mount| mount.is_memory())
    }

    fn mount(&self, kernel: &Kernel) -> Option<Mount> {
        let mounts = kernel.mounts().unwrap_or_default();
        Mount::of(&mounts, &self.directory.absolute()).cloned()
    }

    /// Shows the plan and reads the answer: anything but `yes` is a no.
    fn confirm(&self, plan: &Plan, size: Option<u64>) -> Result<bool, Failure> {
        if !io::stdin().is_terminal() {
            let message = "nobody is there to confirm: look with --dry-run, then use --yes";
            return Err(Failure::new(Exit::Usage, message));
        }
        let mut text = Vec::new();
        let path = self.directory.absolute();
        self.tell_text(&self.document(&path, plan, size, None), &mut text)?;
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
        };
        let predicted = plan.predicted(self.mode());
        let shown = io::stderr().is_terminal();
        let outcome = plan.carry_out(self.mode(), bounds, &mut |so_far: &Counters| {
            if shown {
                let moved = count(so_far.moved);
                eprint!("\r{moved} of {} dentries ", count(predicted));
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
        size: Option<u64>,
        done: Option<Done>,
    ) -> Document<'a> {
        Document {
            path: Name::keyed("path", path),
            mode: self.mode().name(),
            predicted: plan.predicted(self.mode()),
            predicted_bytes: size.map(|size| self.bytes(plan, size)),
            max: self.max,
            stays_in_use: plan.found.in_use,
            stays_unused: plan
                .found
                .prunable
                .saturating_sub(plan.predicted(self.mode())),
            stays_pinned: plan.found.pinned,
            stays_because: self.in_memory().then_some(IN_MEMORY),
            reach: REACH,
            done,
        }
    }

    fn tell(
        &self,
        plan: &Plan,
        size: Option<u64>,
        done: Option<Done>,
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        let path = self.directory.absolute();
        let document = self.document(&path, plan, size, done);
        if self.json {
            return json::write(out, "slabscope.prune/1", &document);
        }
        self.tell_text(&document, out)
    }

    fn tell_text(&self, document: &Document<'_>, out: &mut dyn Write) -> Result<(), Failure> {
        let what = match self.mode {
            ModeArg::Negative => "negative dentries",
            ModeArg::Dentries => "unused dentries",
        };
        let path = printable(&self.directory.path);
        let (predicted, size) = (count(document.predicted), document.predicted_bytes);
        let size = size.map_or("?".into(), bytes);
        let (in_use, pinned) = (count(document.stays_in_use), count(document.stays_pinned));
        writeln!(out, "{what} below {path}")?;
        writeln!(out, "  would go      {predicted:>14}  {size:>10}")?;
        if let Some(max) = document.max {
            let max = count(max.get());
            writeln!(out, "  at most       {max:>14}  of them, by --max")?;
        }
        writeln!(
            out,
            "  stays         {in_use:>14}  in use, and {pinned} directories that hold them"
        )?;
        if document.stays_unused > 0 {
            let unused = count(document.stays_unused);
            let why = "unused, but not negative: --mode dentries evicts those too";
            writeln!(out, "                {unused:>14}  {why}")?;
        }
        writeln!(out, "  reach         {}", document.reach)?;
        if let Some(why) = document.stays_because {
            writeln!(out, "  {why}")?;
        }
        if let Some(done) = &document.done {
            done.tell(out)?;
        }
        Ok(())
    }
}

impl Done {
    fn new(outcome: &Outcome, expected: Option<u64>, before: &Figures, after: &Figures) -> Self {
        let page = rustix::param::page_size() as u64;
        let active = |cache: &Option<Cache>| cache.as_ref().map(|cache| cache.active);
        let size = |cache: &Option<Cache>| cache.as_ref().map(|cache| cache.size(page));
        Self {
            status: outcome.status.name(),
            freed: outcome.counters.moved,
            busy: outcome.counters.busy,
            took_ns: u64::try_from(outcome.took.as_nanos()).unwrap_or(u64::MAX),
            dentry_active_objects_before: active(&before.dentry),
            dentry_active_objects_after: active(&after.dentry),
            dentry_slabs_before_bytes: size(&before.dentry),
            dentry_slabs_after_bytes: size(&after.dentry),
            inode_cache: before.inode.as_ref().map(|cache| cache.name.clone()),
            inode_active_objects_before: active(&before.inode),
            inode_active_objects_after: active(&after.inode),
            inode_slabs_before_bytes: size(&before.inode),
            inode_slabs_after_bytes: size(&after.inode),
            sreclaimable_before_bytes: before.sreclaimable,
            sreclaimable_after_bytes: after.sreclaimable,
            why_they_differ: why(outcome, expected, [before, after], page),
        }
    }

    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let took = duration(Duration::from_nanos(self.took_ns));
        writeln!(
            out,
            "  freed         {:>14}  {}, took {took}",
            count(self.freed),
            self.status
        )?;
        let inodes = self.inode_cache.as_ref().map(|_| {
            [
                (
                    "inode objects",
                    self.inode_active_objects_before,
                    self.inode_active_objects_after,
                    count as fn(u64) -> String,
                ),
                (
                    "inode slabs",
                    self.inode_slabs_before_bytes,
                    self.inode_slabs_after_bytes,
                    bytes,
                ),
            ]
        });
        let dentries = [
            (
                "dentry objects",
                self.dentry_active_objects_before,
                self.dentry_active_objects_after,
                count as fn(u64) -> String,
            ),
            (
                "dentry slabs",
                self.dentry_slabs_before_bytes,
                self.dentry_slabs_after_bytes,
                bytes as fn(u64) -> String,
            ),
        ];
        let memory = (
            "SReclaimable",
            self.sreclaimable_before_bytes,
            self.sreclaimable_after_bytes,
            bytes as fn(u64) -> String,
        );
        let rows = dentries.into_iter().chain(inodes.into_iter().flatten());
        for (what, before, after, show) in rows.chain([memory]) {
            let known = |figure: Option<u64>| figure.map_or("?".into(), show);
            writeln!(out, "  {what:<14}{:>14} -> {}", known(before), known(after))?;
        }
        for why in &self.why_they_differ {
            writeln!(out, "  {why}")?;
        }
        Ok(())
    }
}

/// Why what was freed is not what was predicted, and bytes are not objects.
fn why(outcome: &Outcome, expected: Option<u64>, figures: [&Figures; 2], page: u64) -> Vec<String> {
    let freed = outcome.counters.moved;
    let complete = outcome.status == Status::Complete;
    let mut why = Vec::from_iter(difference(outcome.predicted, freed, complete));
    if outcome.counters.busy > 0 {
        let busy = count(outcome.counters.busy);
        why.push(format!("{busy} were being used or evicted by others"));
    }
    let expected = expected.and_then(|bytes| part_of(bytes, freed, outcome.predicted));
    why.extend(reasons(freed, expected, figures[0], figures[1], page));
    why
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
            ..Counters::default()
        };
        let plan = Plan { target, found };
        let document = args.document(Path::new("/"), &plan, Some(192), None);
        let mut text = Vec::new();
        args.tell_text(&document, &mut text).unwrap();
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
}
