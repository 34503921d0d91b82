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
use crate::config::Config;
use crate::model::{Figures, comes_back, negatives_come_back};
use crate::prune::{Outcome, Plan};
use crate::session::{Bounds, Counters, Mode, Status};
use crate::source::{Kernel, Source};
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
    #[arg(long, value_name = "N")]
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
    stays_in_use: u64,
    stays_pinned: u64,
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
    sreclaimable_before_bytes: Option<u64>,
    sreclaimable_after_bytes: Option<u64>,
    why_they_differ: Vec<String>,
}

impl Run for Args {
    fn run(&self, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        context.live("a prune")?;
        if !self.dry_run && (context.read_only || Config::load()?.read_only) {
            return Err(Failure::new(Exit::Usage, READ_ONLY));
        }
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
        if !self.yes && !self.confirm(&plan, size)? {
            eprintln!("slabscope: nothing was pruned");
            return Ok(Exit::Partial);
        }
        let interrupt = Interrupt::catch()?;
        let before = Figures::of(&kernel.sample());
        let outcome = self.carry_out(&plan, &interrupt)?;
        let after = Figures::of(&kernel.settled("dentry"));
        let done = Done::new(&outcome, &before, &after);
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
        match self.mode() {
            Mode::Negative => negatives_come_back(&plan.found, size),
            Mode::Dentries => comes_back(&plan.found, size),
        }
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

    fn carry_out(&self, plan: &Plan, interrupt: &Interrupt) -> Result<Outcome, Failure> {
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
        Ok(outcome?)
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
            mode: match self.mode {
                ModeArg::Negative => "negative",
                ModeArg::Dentries => "dentries",
            },
            predicted: plan.predicted(self.mode()),
            predicted_bytes: size.map(|size| self.bytes(plan, size)),
            stays_in_use: plan.found.in_use,
            stays_pinned: plan.found.pinned,
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
        writeln!(
            out,
            "  stays         {in_use:>14}  in use, and {pinned} directories that hold them"
        )?;
        if let Some(done) = &document.done {
            done.tell(out)?;
        }
        Ok(())
    }
}

impl Done {
    fn new(outcome: &Outcome, before: &Figures, after: &Figures) -> Self {
        let page = rustix::param::page_size() as u64;
        let active = |figures: &Figures| figures.dentry.as_ref().map(|cache| cache.active);
        let size = |figures: &Figures| figures.dentry.as_ref().map(|cache| cache.size(page));
        Self {
            status: match outcome.status {
                Status::Complete => "complete",
                Status::Stopped => "stopped",
                Status::Bound => "bound reached",
                Status::Depth => "all but directories that are too deep",
                Status::Moved => "all but directories that were moved away",
            },
            freed: outcome.counters.moved,
            busy: outcome.counters.busy,
            took_ns: u64::try_from(outcome.took.as_nanos()).unwrap_or(u64::MAX),
            dentry_active_objects_before: active(before),
            dentry_active_objects_after: active(after),
            dentry_slabs_before_bytes: size(before),
            dentry_slabs_after_bytes: size(after),
            sreclaimable_before_bytes: before.sreclaimable,
            sreclaimable_after_bytes: after.sreclaimable,
            why_they_differ: reasons(outcome, after, page),
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
        let rows = [
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
                bytes,
            ),
            (
                "SReclaimable",
                self.sreclaimable_before_bytes,
                self.sreclaimable_after_bytes,
                bytes,
            ),
        ];
        for (what, before, after, show) in rows {
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
fn reasons(outcome: &Outcome, after: &Figures, page: u64) -> Vec<String> {
    let (predicted, freed) = (outcome.predicted, outcome.counters.moved);
    let mut reasons = Vec::new();
    if outcome.status != Status::Complete && freed < predicted {
        reasons.push(format!(
            "{} were not reached: it ended early",
            count(predicted - freed)
        ));
    } else if freed < predicted {
        reasons.push(format!(
            "{} were taken into use or went by themselves meanwhile",
            count(predicted - freed)
        ));
    } else if freed > predicted {
        reasons.push(format!(
            "{} became unused after the plan",
            count(freed - predicted)
        ));
    }
    if outcome.counters.busy > 0 {
        reasons.push(format!(
            "{} were being used or evicted by others",
            count(outcome.counters.busy)
        ));
    }
    if let Some(cache) = &after.dentry {
        let idle = cache.idle(page);
        if idle > 0 {
            reasons.push(format!(
                "{} lie idle in partly used slabs; active objects include free ones that CPUs keep at hand",
                bytes(idle)
            ));
        }
    }
    reasons
}
