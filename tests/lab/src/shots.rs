//! Pictures of the program at work, for the README, and a recording of its main job.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::guest::Guest;
use crate::guest::recording::Frame;
use crate::guest::screen::Screen;
use crate::setup::Lab;
use crate::setup::suite::Front;
use crate::svg;

const SOON: Duration = Duration::from_secs(60);

/// A drawing is complete when no output arrives for this long; the program draws once a second.
const STILL: Duration = Duration::from_millis(300);

/// Least time of a frame, so that it is seen, and greatest, so that nobody waits.
const SHORTEST: Duration = Duration::from_millis(150);
const LONGEST: Duration = Duration::from_millis(2500);

/// Takes the pictures into a directory: the caches, the tree, the plan, the ledger, the drop. On a
/// kernel without Rust: the plan without the module.
pub fn take(lab: &Lab, dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    // The module is shown on the kernels that it was first made for.
    if lab.kernel.front() != Front::Rust {
        return without_module(lab, dir);
    }
    let guest = Guest::boot(lab)?;
    guest.load_module()?;
    guest.sh_within("agent scene", Duration::from_secs(300))?;
    let mut screen = guest.screen("exec slabscope /mnt/ext4", 80, 24)?;
    screen.wait_for(" 1/", SOON)?;
    // The chart needs a past for the drop to be seen against.
    thread::sleep(Duration::from_secs(15));
    let recording = screen.record();
    the_main_job(&mut screen, dir)?;
    let frames = at_a_readers_pace(recording.end()?);
    let title =
        "The main job: look at the caches, walk to the directory, plan, prune, see the drop";
    write(dir, "main_job", &svg::play(&frames, title))?;
    screen.send("q")?;
    screen.wait_exit(SOON)?;
    drop(screen);
    guest.poweroff()
}

/// The plan for a directory without the module, with what is cached and the rungs that work.
fn without_module(lab: &Lab, dir: &Path) -> Result<()> {
    let guest = Guest::boot(lab)?;
    guest.fresh_ext4()?;
    guest.sh("mkdir -p /mnt/ext4/spool/sessions /mnt/ext4/etc")?;
    guest.failed_lookups("/mnt/ext4/spool/sessions", 200_000, "sess_")?;
    guest.failed_lookups("/mnt/ext4/etc", 1_000, "conf_")?;
    let mut screen = guest.screen("exec slabscope /mnt/ext4/spool", 80, 24)?;
    screen.wait_for(" sessions/", SOON)?;
    screen.send("p")?;
    screen.wait_for("need the module", SOON)?;
    shoot(
        &screen,
        dir,
        "without_module",
        "The plan on a stock kernel: what is cached, counted by BPF, and what can be done there",
    )?;
    screen.send("\u{3}")?;
    screen.wait_exit(SOON)?;
    drop(screen);
    guest.poweroff()
}

fn the_main_job(screen: &mut Screen<'_>, dir: &Path) -> Result<()> {
    screen.send("1")?;
    screen.wait_for("caches by", SOON)?;
    shoot(
        screen,
        dir,
        "slabs",
        "Live slab caches; a million negative dentries fill the largest",
    )?;
    screen.send("2")?;
    screen.wait_for(" 1/", SOON)?;
    shoot(
        screen,
        dir,
        "tree",
        "Directories of /mnt/ext4, by what the kernel has cached of them",
    )?;
    screen.send("p")?;
    screen.wait_for("Prune subtree /mnt/ext4/1", SOON)?;
    screen.wait_for("type y to prune", SOON)?;
    shoot(
        screen,
        dir,
        "plan",
        "The plan to prune /mnt/ext4/1: what would go, and what stays",
    )?;
    screen.send("y")?;
    screen.wait_for("Pruned", Duration::from_secs(120))?;
    shoot(
        screen,
        dir,
        "ledger",
        "What the prune was predicted to free, and what it freed",
    )?;
    screen.send("\u{1b}")?;
    screen.wait_gone("Pruned", SOON)?;
    screen.send("1")?;
    screen.wait_for("caches by", SOON)?;
    thread::sleep(Duration::from_secs(8));
    shoot(
        screen,
        dir,
        "drop",
        "The chart of slab memory after the prune",
    )
}

fn at_a_readers_pace(frames: Vec<Frame>) -> Vec<Frame> {
    let clamp = |frame: Frame| Frame {
        lasted: frame.lasted.clamp(SHORTEST, LONGEST),
        ..frame
    };
    frames.into_iter().map(clamp).collect()
}

/// Writes the screen as a picture, and keeps it shown for a while for a recording's viewers.
fn shoot(screen: &Screen<'_>, dir: &Path, name: &str, title: &str) -> Result<()> {
    screen.wait_still(STILL, SOON)?;
    write(dir, name, &svg::draw(&screen.snapshot(), title))?;
    thread::sleep(LONGEST);
    Ok(())
}

fn write(dir: &Path, name: &str, picture: &str) -> Result<()> {
    let path = dir.join(format!("{name}.svg"));
    fs::write(&path, picture).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}
