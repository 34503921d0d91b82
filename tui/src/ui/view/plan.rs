//! The boxes on the way to a prune: dry run, plan, progress.

mod holders;
mod who;
mod without;

use std::path::PathBuf;
use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::asked::{Asked, Prompt, Words};
use super::tree::filesystem;
use super::{cut, inside, popup, tail};
use crate::base::shell;
use crate::base::text::{bytes, count, duration, percent, printable, short};
use crate::kernel::session::{Counters, MODES, PruneMode};
use crate::reclaim::ladder::Rung;
use crate::reclaim::prune::{self, Task};
use crate::ui::look::Look;
use crate::ui::model::{Confirm, Model, Pruning};

/// The dry run.
pub(super) fn planning(
    model: &Model,
    paths: &[PathBuf],
    so_far: &Counters,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    let text = vec![
        Line::raw(format!("{} dentries looked at so far", count(so_far.total))),
        Line::raw("A dry run: nothing is pruned. Esc stops it."),
    ];
    let title = match paths {
        [path] => format!("Planning for {}", tail(&printable(path), room(area))),
        paths => format!("Planning for {} directories", paths.len()),
    };
    popup(model.look, &title, text, frame, area);
}

/// ```text
///  ┌ Prune subtree /var/spool/app/sessions ─────────────────────────────────┐
///  │ ext4 on /dev/vda1                                                      │
///  │                                                                        │
///  │                           DENTRIES     INODES     PAGES  WILL FREE     │
///  │ ▸ 1 negative only       40,100,212          -         -    7.2 GiB     │
///  │   2 all unused          40,100,221          -         -    7.2 GiB     │
///  │   3 unused + inodes     40,100,221         13   1.2 MiB    7.2 GiB     │
///  │   4 page cache only              -          -   1.2 MiB    1.2 MiB     │
///  │                                                                        │
///  │ Keeps    4 in use; all files and their data                            │
///  │          9 unused, but not negative                                    │
///  │ Cost     the next lookup of each such name asks the filesystem again   │
///  │ Scope    below this directory only, on this filesystem only            │
///  │ CLI      slabscope prune /var/spool/app/sessions --mode negative       │
///  │ Broader  >: filesystem, cgroup, cache, system                          │
///  │                                                                        │
///  │ type y to prune    Enter does nothing    Esc cancels                   │
///  └────────────────────────────────────────────────────────────────────────┘
/// ```
pub(super) fn asked(model: &Model, confirm: &Confirm, area: Rect) -> Asked {
    let look = model.look;
    let (title, mut text) = directories(model, confirm, area);
    text.push(Line::raw(""));
    let room = inside(area).into();
    text.push(heads(look, room));
    text.extend(MODES.map(|mode| choice(model, confirm, mode, room)));
    if !confirm.prunes() {
        text.extend(without::lines(model, confirm));
        text.extend(held(model, confirm, area));
        let prompt = without::prompt(model);
        return Asked {
            title,
            text,
            prompt,
        };
    }
    text.push(Line::raw(""));
    for (line, words) in stays(confirm).into_iter().enumerate() {
        let label = if line == 0 { "Keeps" } else { "" };
        text.push(Line::raw(format!("{label:<8} {words}")));
    }
    text.extend(written(model, confirm));
    text.extend(unsafe_to_drop(confirm));
    text.extend([
        Line::raw(costs(model, confirm)),
        Line::raw(match confirm.tasks.len() {
            1 => "Scope    below this directory only, on this filesystem only",
            _ => "Scope    below these directories only, each on its filesystem only",
        }),
    ]);
    text.extend(layers(confirm));
    let command = format!("CLI      {}", command(confirm));
    if command.len() < 4 * usize::from(area.width) {
        text.push(Line::styled(command, look.dim()));
    }
    text.extend(super::ladder::wider(model, Rung::Pages));
    text.extend(held(model, confirm, area));
    let prompt = prompt(model, confirm);
    Asked {
        title,
        text,
        prompt,
    }
}

/// The holders of what stays, and the makers of what goes, if they were requested.
fn held(model: &Model, confirm: &Confirm, area: Rect) -> Vec<Line<'static>> {
    let width = inside(area).into();
    let lines = holders::lines(model, confirm).into_iter();
    let lines = lines.chain(who::lines(model, confirm));
    lines
        .map(|(words, style)| Line::styled(cut(&words, width), style))
        .collect()
}

/// Title and first lines of the plan.
fn directories(model: &Model, confirm: &Confirm, area: Rect) -> (String, Vec<Line<'static>>) {
    match &confirm.tasks[..] {
        [task] => one(model, task, area),
        _ => several(confirm, area),
    }
}

/// Title and first lines of the plan for one directory.
fn one(model: &Model, task: &Task, area: Rect) -> (String, Vec<Line<'static>>) {
    let path = printable(&task.plan.target.path);
    let title = format!("Prune subtree {}", tail(&path, room(area)));
    let mut text = Vec::new();
    if !title.ends_with(&path) {
        // A user confirms only what they can read in full.
        text.push(Line::raw(path));
    }
    text.push(Line::styled(filesystem(&task.mount), model.look.dim()));
    (title, text)
}

/// Title and first lines of the plan for several: each with its own figure.
fn several(confirm: &Confirm, area: Rect) -> (String, Vec<Line<'static>>) {
    let tasks = &confirm.tasks;
    let title = format!("Prune {} subtrees, one after the other", tasks.len());
    let lines = tasks.iter().flat_map(|task| {
        let figure = count(task.plan.predicted(confirm.mode, confirm.writeback));
        let (path, fs) = (
            printable(&task.plan.target.path),
            printable(&*task.mount.fs),
        );
        let row = format!("{figure:>14}  {path}   {fs}");
        match Span::raw(&row).width() <= inside(area).into() {
            true => vec![Line::raw(row)],
            // A user confirms only what they can read in full.
            false => vec![Line::raw(format!("{figure:>14}  {fs}")), Line::raw(path)],
        }
    });
    (title, lines.collect())
}

/// A line of the table: dentries, inodes and pages that go, and the memory that it frees. On a narrow screen the
/// first and the last, or the first alone.
fn row(words: &str, figures: [String; 4], room: usize) -> String {
    let [dentries, inodes, pages, free] = figures;
    let first = format!("{words:<20} {dentries:>13}");
    match room {
        66.. => format!("{first} {inodes:>10} {pages:>9} {free:>10}"),
        45.. => format!("{first} {free:>10}"),
        _ => first,
    }
}

/// The heads of the table.
fn heads(look: Look, room: usize) -> Line<'static> {
    let heads = ["DENTRIES", "INODES", "PAGES", "WILL FREE"].map(str::to_owned);
    Line::styled(row("", heads, room), look.dim())
}

fn choice(model: &Model, confirm: &Confirm, mode: PruneMode, room: usize) -> Line<'static> {
    let look = model.look;
    let words = match mode {
        PruneMode::Negative => "1 negative only",
        PruneMode::Dentries => "2 all unused",
        PruneMode::Inodes => "3 unused + inodes",
        PruneMode::Pages => "4 page cache only",
    };
    let none = || "-".to_owned();
    let known = |figure: Option<String>| figure.unwrap_or_else(none);
    let cached = pages(model, confirm.pages(mode));
    let files = confirm.knows_files();
    let slab = confirm.bytes(mode, |task| model.sizes(&task.mount));
    let dentries = count(confirm.predicted(mode));
    let figures = match mode {
        PruneMode::Negative | PruneMode::Dentries => {
            [dentries, none(), none(), known(slab.map(bytes))]
        }
        PruneMode::Inodes => [
            dentries,
            known(files.then(|| count(confirm.inodes(mode)))),
            known(files.then(|| bytes(cached))),
            known(slab.map(|slab| bytes(slab.saturating_add(cached)))),
        ],
        PruneMode::Pages => {
            let size = known(files.then(|| bytes(cached)));
            [none(), none(), size.clone(), size]
        }
    };
    let chosen = mode == confirm.mode;
    let mark = if chosen { look.glyphs.chosen } else { " " };
    let text = row(&format!("{mark} {words}"), figures, room);
    Line::styled(text, if chosen { look.strong() } else { Style::new() })
}

fn pages(model: &Model, pages: u64) -> u64 {
    pages.saturating_mul(model.host.page_size)
}

/// The cost of the chosen mode for later lookups.
fn costs(model: &Model, confirm: &Confirm) -> String {
    let bytes = bytes(pages(model, confirm.pages(confirm.mode)));
    match confirm.mode {
        PruneMode::Negative => {
            "Cost     the next lookup of each such name asks the filesystem again".into()
        }
        PruneMode::Dentries => {
            "Cost     the next use of each such file asks the filesystem again".into()
        }
        PruneMode::Inodes => {
            let least = if confirm.pages_are_least() {
                " or more"
            } else {
                ""
            };
            format!(
                "Cost     the next use of each reads its inode again, and {bytes}{least} of data"
            )
        }
        PruneMode::Pages => format!("Cost     the next reads of these files read {bytes} again"),
    }
}

/// What stays, though it is clean and unused.
fn unsafe_to_drop(confirm: &Confirm) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let unsynced = confirm.sum(|found| found.unsynced);
    if unsynced > 0 && confirm.mode == PruneMode::Inodes {
        let what = match confirm.writeback {
            true => "waited for first",
            false => "W waits for them",
        };
        let unsynced = count(unsynced);
        lines.push(Line::raw(format!(
            "         {unsynced} written, not synced yet; {what}"
        )));
    }
    let failed = confirm.sum(|found| found.write_failed);
    if failed > 0 && confirm.mode.may_write() {
        let failed = count(failed);
        lines.push(Line::raw(format!(
            "         {failed} kept: a write failed, memory may hold the only copy"
        )));
    }
    lines
}

/// Data that is not on the disk yet, and what happens to it.
fn written(model: &Model, confirm: &Confirm) -> Option<Line<'static>> {
    let dirty = confirm.sum(|found| found.dirty.max(found.writeback));
    if !confirm.mode.may_write() || dirty == 0 {
        return None;
    }
    let unwritten = bytes(pages(model, confirm.unwritten()));
    let words = if confirm.writeback {
        format!(
            "First    writes {unwritten} of {} dirty files; W leaves them",
            count(dirty)
        )
    } else {
        format!(
            "         {} dirty, with {unwritten} to write; W writes them first",
            count(dirty)
        )
    };
    Some(Line::raw(words))
}

/// An overlay caches each name once more in its layers, and its files' pages only there.
fn layers(confirm: &Confirm) -> Option<Line<'static>> {
    let layers: Vec<_> = confirm.layers().iter().map(shell::quoted).collect();
    if layers.is_empty() {
        return None;
    }
    let what = match confirm.mode.may_write() {
        true => "inodes, pages and names are cached apart, in",
        false => "the same names are cached once more in",
    };
    let layers = layers.join(" ");
    Some(Line::raw(format!(
        "Layers   {what} {layers}; l plans for these"
    )))
}

/// What stays, and why: as the dry run counted.
fn stays(confirm: &Confirm) -> Vec<String> {
    let in_use = confirm.sum(|found| found.in_use);
    let mut lines = vec![format!(
        "{} in use; all files and their data",
        count(in_use)
    )];
    let unused = confirm.sum(|found| found.prunable.saturating_sub(found.negative_prunable));
    let pinned = confirm.sum(|found| found.pinned);
    let mountpoints = confirm.sum(|found| found.mountpoints);
    let in_lookup = confirm.sum(|found| found.in_lookup);
    if confirm.mode == PruneMode::Negative && unused > 0 {
        lines.push(format!("{} unused, but not negative", count(unused)));
    }
    if pinned > 0 {
        lines.push(format!(
            "{} unused parents of entries in use",
            count(pinned)
        ));
    }
    if mountpoints > 0 {
        let plural = if mountpoints == 1 { "" } else { "s" };
        lines.push(format!("{} mountpoint{plural}", count(mountpoints)));
    }
    if in_lookup > 0 {
        lines.push(format!("{} being looked up", count(in_lookup)));
    }
    lines
}

/// The command that does the same without this screen.
fn command(confirm: &Confirm) -> String {
    let writeback = confirm.writeback && confirm.mode.may_write();
    let command = |task: &Task| prune::command(&task.plan.target.path, confirm.mode, writeback);
    match &confirm.tasks[..] {
        [first, _, rest @ ..] if !rest.is_empty() => {
            format!("{}; the same for each directory", command(first))
        }
        tasks => tasks.iter().map(command).collect::<Vec<_>>().join("; "),
    }
}

fn prompt(model: &Model, confirm: &Confirm) -> Prompt {
    let look = model.look;
    if let Some(why) = confirm.refused() {
        let short = "refused: only the command line has --any-filesystem".into();
        return Prompt::Says(vec![why, short], look.warn());
    }
    if confirm.predicted(confirm.mode) == 0 {
        let unused = confirm.predicted(PruneMode::Dentries);
        let words = match confirm.mode {
            PruneMode::Negative if unused > 0 => {
                let unused = count(unused);
                vec![
                    format!("no negative dentries here: 2 evicts {unused} unused dentries"),
                    format!("2 evicts {unused} unused dentries"),
                ]
            }
            _ => vec![
                "nothing to prune in this mode".into(),
                "nothing to prune".into(),
            ],
        };
        return Prompt::Says(words, look.warn());
    }
    Prompt::Asks(Words {
        go: "type y to prune".into(),
        not: "nothing is pruned before you type y",
        enter: true,
        leave: "Esc cancels",
        style: look.warn(),
    })
}

/// Progress of a prune.
pub(super) fn pruning(model: &Model, pruning: &Pruning, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    let predicted = pruning.predicted();
    let moved = pruning.moved();
    let share = percent(moved, predicted).unwrap_or(0);
    let elapsed = model.now.saturating_sub(pruning.since);
    let rate = if elapsed > Duration::ZERO {
        format!("   {}/s", short(moved as f64 / elapsed.as_secs_f64()))
    } else {
        String::new()
    };
    let width = usize::from(inside(area));
    let filled = (width as u64).saturating_mul(share.min(100)) / 100;
    let filled = filled as usize;
    let [.., full] = look.glyphs.bar;
    let mut text = vec![
        Line::raw(format!(
            "{} of {} {}, {share} %{rate}",
            count(moved),
            count(predicted),
            pruning.mode.unit()
        )),
        Line::from(vec![
            Span::styled(full.repeat(filled), look.accent()),
            Span::styled(look.glyphs.track.repeat(width - filled), look.dim()),
        ]),
    ];
    let turn = pruning.turn();
    let parts = pruning.parts.len();
    if let Some((at, part)) = turn.filter(|_| parts > 1) {
        let path = tail(&printable(&part.path), room(area) + 16);
        text.push(Line::raw(format!("{} of {parts}: {path}", at + 1)));
    }
    text.push(Line::raw(match (pruning.stopping, parts) {
        (true, _) => "stopping at the end of the batch ...".into(),
        (false, 1) => format!(
            "{}   Esc stops it; what is pruned stays pruned",
            duration(elapsed)
        ),
        (false, _) => format!(
            "{}   Esc stops here; what is pruned stays pruned",
            duration(elapsed)
        ),
    }));
    let below = match turn {
        Some((_, part)) if parts == 1 => tail(&printable(&part.path), room(area)),
        _ => format!("{parts} directories"),
    };
    let title = format!("Pruning {} below {below}", what(pruning.mode));
    popup(look, &title, text, frame, area);
}

/// Columns for a path in the title of a box.
fn room(area: Rect) -> usize {
    usize::from(area.width.min(96)).saturating_sub(40)
}

/// The objects of a mode.
pub(super) fn what(mode: PruneMode) -> &'static str {
    match mode {
        PruneMode::Negative => "negative dentries",
        PruneMode::Dentries => "unused dentries",
        PruneMode::Inodes => "unused dentries and inodes",
        PruneMode::Pages => "the page cache",
    }
}
