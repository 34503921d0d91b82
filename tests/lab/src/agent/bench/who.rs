//! Cost of a trace of who fills the dentry cache.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use slabscope::cache::who::{Owner, ROWS, Spec, Watch, tracefs};
use slabscope::ui::look::Look;
use slabscope::ui::model::{Host, Model, Watching};
use slabscope::ui::update::{Msg, WhoMsg, update};
use slabscope::ui::view;

use super::peers::{directory, drop_caches, nanoseconds};
use super::tell;
use crate::agent::lookups;

/// Failed lookups that are timed.
const LOOKUPS: u64 = 200_000;

/// The terminal that rows are shown on.
const SIZE: (u16, u16) = (200, 50);

/// Failed lookups with nothing armed, with the bare trigger armed by hand, with ours, and after;
/// and a full histogram, read and shown.
pub fn who(rounds: u32) -> Result<()> {
    mount()?;
    let dir = directory("who")?;
    for round in 0..rounds {
        let before = fill(&dir)?;
        let bare = Bare::arm()?;
        let by_hand = fill(&dir)?;
        bare.end()?;
        let watch = Watch::start(&Spec::Everywhere, ROWS, None)?;
        let watched = fill(&dir)?;
        watch.end()?;
        let after = fill(&dir)?;
        let more =
            |with: Duration| nanoseconds(with) - nanoseconds(before).midpoint(nanoseconds(after));
        tell("who_event", more(watched), more(by_hand))?;
        tell("who_lookup", nanoseconds(watched), nanoseconds(before))?;
        tell("who_after", nanoseconds(after), nanoseconds(before))?;
        full(&dir, round)?;
    }
    Ok(())
}

fn mount() -> Result<()> {
    let usual = "/sys/kernel/tracing";
    if !Path::new(usual).join("README").exists() {
        rustix::mount::mount(
            "tracefs",
            usual,
            "tracefs",
            rustix::mount::MountFlags::empty(),
            None,
        )
        .context("cannot mount tracefs")?;
    }
    Ok(())
}

/// Duration of the lookups, each of which makes a dentry.
fn fill(dir: &Path) -> Result<Duration> {
    drop_caches()?;
    let begin = Instant::now();
    lookups::run(dir, LOOKUPS, "sess_", false)?;
    Ok(begin.elapsed())
}

/// Triggers as an administrator would type them.
struct Bare(PathBuf);

const EVENT: &str = "bare/lookup";

impl Bare {
    fn arm() -> Result<Self> {
        let tracefs = tracefs()?;
        tracefs.define(&format!(
            "f:{EVENT} d_alloc_parallel dir=parent->d_name.name:string"
        ))?;
        let trigger = tracefs.path(&format!("events/{EVENT}/trigger"));
        write(&trigger, "hist:keys=common_pid.execname,dir")?;
        Ok(Self(trigger))
    }

    fn end(self) -> Result<()> {
        write(&self.0, "!hist:keys=common_pid.execname,dir")?;
        Ok(tracefs()?.define(&format!("-:{EVENT}"))?)
    }
}

fn write(file: &Path, line: &str) -> Result<()> {
    let opened = OpenOptions::new().append(true).open(file);
    opened
        // The kernel takes each write for a line.
        .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()))
        .with_context(|| format!("cannot write to {}", file.display()))
}

/// A histogram that is full: read as it is, and read and shown as the screen does once a second.
fn full(dir: &Path, round: u32) -> Result<()> {
    let top = dir.join(format!("full-{round}"));
    for number in 0..ROWS + 100 {
        let path = top.join(number.to_string());
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
    }
    let mut watch = Watch::start(&Spec::Below(top.clone()), ROWS, None)?;
    // By another process: the tracing process's own activity has no row.
    let status = Command::new("sh")
        .args([
            "-c",
            "for d in \"$1\"/*; do test -e \"$d/absent\"; done; true",
            "sh",
        ])
        .arg(&top)
        .status();
    ensure!(
        status.context("cannot run sh")?.success(),
        "no lookups were made"
    );
    let group = Owner::this("/proc".as_ref())
        .context("who is this?")?
        .group();
    let hist = tracefs()?
        .instance(&group)
        .join(format!("events/{group}/splice/hist"));
    let host = Host {
        name: String::new(),
        kernel: String::new(),
        page_size: 4096,
    };
    let mut model = Model::new(host, Look::new(true, true), SIZE);
    model.who.over = Some(model.screen);
    model.who.watching = Some(Watching::new(0, Spec::Everywhere));
    let mut terminal = Terminal::new(TestBackend::new(SIZE.0, SIZE.1))?;
    // The first time, each process and directory is looked up.
    for turn in 0..4_u32 {
        let begin = Instant::now();
        let text = fs::read(&hist).context("cannot read the histogram")?;
        let other = begin.elapsed();
        ensure!(
            text.len() > 100_000,
            "the histogram is not full: {} bytes",
            text.len()
        );
        let begin = Instant::now();
        let reading = Box::new(watch.read()?);
        let (job, at, took) = (0, Duration::from_secs(turn.into()), begin.elapsed());
        let read = WhoMsg::Read {
            job,
            at,
            reading,
            took,
        };
        update(&mut model, Msg::Who(read));
        terminal.draw(|frame| view::render(&model, frame))?;
        if turn > 0 {
            tell("who_read", nanoseconds(begin.elapsed()), nanoseconds(other))?;
        }
    }
    ensure!(
        model.who.rows.len() > 1_000,
        "only {} rows",
        model.who.rows.len()
    );
    watch.end()?;
    Ok(())
}
