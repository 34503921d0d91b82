//! Latency of a key on the program's own screen, during a large count and with many names listed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::peers::{directory, drop_caches, nanoseconds, settle};
use super::tell;
use super::terminal::Terminal;
use crate::agent::lookups;

/// Number of keys for the 99th percentile.
const KEYS: usize = 300;

/// Pause between a frame and the next key, so that keys hit different points of the program's
/// cycle.
const PAUSE: Duration = Duration::from_millis(7);

/// Directories of the nearly empty tree: rows for the selection to move in.
const FEW: u64 = 36;

/// Directories, and names in each, of the census. The program shows 256 rows while it counts: with
/// more directories rows would appear and vanish, and the selection with them.
const MANY: u64 = 200;
const EACH: u64 = 25_000;

/// Names in the directory whose names are listed.
const NAMES: u64 = 1_000_000;

const DOWN: &str = "\x1b[B";
const UP: &str = "\x1b[A";

/// Rows of the screen that have the lists, on both pages, and the row at which the selection is
/// kept.
const LIST: std::ops::Range<u16> = 5..23;
const MIDDLE: u16 = 12;

/// A directory of directories with names in each that are cached as absent.
fn tree(top: &Path, directories: u64, each: u64) -> Result<PathBuf> {
    for index in 0..directories {
        let dir = top.join(format!("d{index:03}"));
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        lookups::run(&dir, each, "sess_", false)?;
    }
    Ok(top.to_owned())
}

fn text(screen: &vt100::Screen, row: u16) -> String {
    let cols = screen.size().1.get();
    screen
        .rows(0, cols)
        .nth(row.into())
        .unwrap_or_default()
        .trim_end()
        .to_owned()
}

/// The row that is shown inverse, and the name at its end. None while a frame is incomplete.
fn selected(screen: &vt100::Screen) -> Option<(u16, String)> {
    let inverse = |row: &u16| screen.cell(*row, 1).is_some_and(vt100::Cell::inverse);
    let mut rows = LIST.filter(inverse);
    let row = rows.next()?;
    if rows.next().is_some() {
        return None;
    }
    let text = text(screen, row);
    // The directory that is being counted.
    let text = text.trim_end_matches(" ...");
    Some((row, text.rsplit(' ').next()?.to_owned()))
}

/// Whether there are enough rows for the selection to move anywhere in the middle.
fn is_long(screen: &vt100::Screen) -> bool {
    !text(screen, MIDDLE + 1).is_empty() && selected(screen).is_some()
}

fn is_counting(screen: &vt100::Screen) -> bool {
    screen.contents().contains(" counting: ")
}

/// One key that moves the selection: the time from writing it until the screen shows that.
fn press(terminal: &mut Terminal) -> Result<Duration> {
    terminal.wait("a selected row", |screen| selected(screen).is_some())?;
    let (row, name) = selected(terminal.screen()).context("nothing is selected")?;
    let key = if row < MIDDLE { DOWN } else { UP };
    let started = Instant::now();
    terminal.send(key)?;
    terminal.wait("the selection to move", |screen| {
        selected(screen).is_some_and(|(_, now)| now != name)
    })?;
    Ok(started.elapsed())
}

/// The 99th percentile of many keys' times, each sent once the screen is ready for it.
fn percentile(
    terminal: &mut Terminal,
    mut ready: impl FnMut(&mut Terminal) -> Result<()>,
) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..KEYS {
        terminal.watch(PAUSE)?;
        ready(terminal)?;
        times.push(press(terminal)?);
    }
    times.sort();
    Ok(nanoseconds(times[KEYS * 99 / 100 - 1]))
}

/// In a tree of a few directories, counted before.
fn of_few(dir: &Path) -> Result<f64> {
    let mut terminal = Terminal::slabscope(dir)?;
    terminal.wait("a census of few", |screen| {
        screen.contents().contains(" below: ") && is_long(screen)
    })?;
    percentile(&mut terminal, |_| Ok(()))
}

/// Waits until a census is under way, with enough rows to move in.
fn under_way(terminal: &mut Terminal) -> Result<()> {
    while !(is_counting(terminal.screen()) && is_long(terminal.screen())) {
        if !is_counting(terminal.screen()) {
            terminal.send("R")?;
            terminal.wait("a census to begin", is_counting)?;
        }
        terminal.wait("rows", |screen| !is_counting(screen) || is_long(screen))?;
        // The row that was selected before is not there yet: another one is selected, by name.
        press(terminal)?;
        press(terminal)?;
    }
    Ok(())
}

/// Enters the directory: the time to the first row, and to the end of the census.
fn first_row(terminal: &mut Terminal, top: &Path, dir: &Path) -> Result<(Duration, Duration)> {
    let many = |screen: &vt100::Screen| selected(screen).is_some_and(|(_, name)| name == "many/");
    let above = format!(" {} ", top.display());
    terminal.wait("the census above", |screen| {
        let contents = screen.contents();
        contents.contains(&above) && contents.contains(" below: ") && many(screen)
    })?;
    let here = format!(" {} ", dir.display());
    let started = Instant::now();
    terminal.send("\r")?;
    terminal.wait("the first row", |screen| {
        text(screen, 1).starts_with(&here) && selected(screen).is_some()
    })?;
    let first = started.elapsed();
    terminal.wait("the census' end", |screen| {
        screen.contents().contains(" below: ")
    })?;
    Ok((first, started.elapsed()))
}

/// During censuses of five million, the first row of the first one; and the program's memory.
fn of_many(top: &Path, dir: &Path) -> Result<(f64, f64)> {
    let mut terminal = Terminal::slabscope(top)?;
    let (first, all) = first_row(&mut terminal, top, dir)?;
    tell("keys_first_row", nanoseconds(first), nanoseconds(all))?;
    let time = percentile(&mut terminal, under_way)?;
    Ok((time, terminal.peak_memory()?))
}

/// On the page of a million names; and the program's memory.
fn of_names(dir: &Path) -> Result<(f64, f64)> {
    let mut terminal = Terminal::slabscope(dir)?;
    terminal.wait("a census of one", |screen| {
        screen.contents().contains(" below: ") && selected(screen).is_some()
    })?;
    terminal.send("n")?;
    terminal.wait("the names", |screen| {
        screen.contents().contains(" names are cached as absent")
    })?;
    terminal.send("\t")?;
    // Of all rows only those of names are nothing but a name.
    terminal.wait("the list of names", |screen| {
        let bare = |(row, name): (u16, String)| text(screen, row).trim() == name;
        is_long(screen) && selected(screen).is_some_and(bare)
    })?;
    let time = percentile(&mut terminal, |_| Ok(()))?;
    Ok((time, terminal.peak_memory()?))
}

/// Keys in a small tree, during a census of a large one, and among many names; the program's memory.
pub fn keys(rounds: u32) -> Result<()> {
    let few = directory("few")?;
    let top = directory("large")?;
    let many = directory("large/many")?;
    let names = directory("names")?;
    for _ in 0..rounds {
        rustix::fs::sync();
        drop_caches()?;
        tree(&few, FEW, 10)?;
        tree(&many, MANY, EACH)?;
        lookups::run(&names, NAMES, "sess_", false)?;
        settle();
        let quiet = of_few(&few)?;
        let (census, one) = of_many(&top, &many)?;
        tell("keys_census", census, quiet)?;
        let (listed, other) = of_names(&names)?;
        tell("keys_names", listed, quiet)?;
        tell("keys_memory", one.max(other), 1.0)?;
    }
    Ok(())
}
