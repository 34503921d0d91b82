//! The boxes on the way to a wider rung of the ladder: planning, plan, progress, ledger.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::asked::{Asked, Prompt, Words};
use super::fit::wrapped;
use super::{inside, popup, tail};
use crate::base::text::{bytes, count, duration, percent, printable, signed_bytes};
use crate::reclaim::everybody::What;
use crate::reclaim::{Change, Figure, Progress, Unit};
use crate::ui::model::{Ask, ConfirmRung, Model, RungLedger, RunningRung};

/// The box while the plan is made.
pub(super) fn planning(
    model: &Model,
    ask: &Ask,
    progress: &Progress,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    let text = vec![
        Line::raw(so_far(progress).unwrap_or_else(|| "looking ...".into())),
        Line::raw("Nothing is reclaimed. Esc stops it."),
    ];
    popup(model.look, &title("Planning", ask, area), text, frame, area);
}

/// The title of a box.
fn title(verb: &str, ask: &Ask, area: Rect) -> String {
    let room = usize::from(area.width.min(96)).saturating_sub(40);
    let path = |path: &std::path::Path| tail(&printable(path), room);
    match ask {
        Ask::Pages { path: of, .. } => format!("{verb}: page cache below {}", path(of)),
        Ask::Superblock { point, .. } => format!("{verb}: the superblock of {}", path(point)),
        Ask::Cgroup { directory, .. } => format!("{verb}: the cgroup {}", path(directory)),
        Ask::Cache { name } => format!("{verb}: the slab cache {}", printable(name)),
        Ask::Everybody { .. } => format!("{verb}: the whole system, by drop_caches"),
        Ask::Carousel { path: of } => format!("{verb}: negative dentries of {}", path(of)),
    }
}

/// ```text
///  ┌ Reclaim: the superblock of /var ───────────────────────────────────────┐
///  │ reach  all of this ext4 filesystem, /dev/vda1, mounted at /srv too     │
///  │ asks   dentries only: i takes inodes too                               │
///  │                                                                        │
///  │ note   all its unused dentries go; inodes stay                         │
///  │ most   9.1 GiB: all SReclaimable of the machine                        │
///  │ as     slabscope reclaim --superblock /var                             │
///  │                                                                        │
///  │ narrow 1 negatives, 2 unused, 3 inodes, 4 pages: this directory alone  │
///  │ wider  >: cgroup, cache, everybody                                     │
///  │ type y to reclaim    Enter does nothing    Esc cancels                 │
///  └────────────────────────────────────────────────────────────────────────┘
/// ```
pub(super) fn asked(model: &Model, confirm: &ConfirmRung, area: Rect) -> Asked {
    let look = model.look;
    let rung = &confirm.plan.rung;
    let width = usize::from(inside(area));
    let title = title("Reclaim", &confirm.plan.ask, area);
    let mut text = Vec::new();
    if let Some(path) = confirm.plan.ask.place().map(printable)
        && !title.ends_with(&path)
    {
        // A user confirms only what they can read in full.
        text.push(Line::raw(path));
    }
    text.extend(head(model, confirm, width));
    text.push(Line::raw(""));
    for (at, note) in rung.notes().into_iter().enumerate() {
        let label = if at == 0 { "Note" } else { "" };
        text.extend(block(label, &note, Style::new(), width));
    }
    text.extend(counted(model, &confirm.plan.ask));
    if let Some(predicted) = rung.predicted(&confirm.plan.now) {
        let words = format!("frees up to {}", bytes(predicted));
        text.push(Line::raw(labelled("Effect", &words)));
    }
    let command = labelled("CLI", &rung.command());
    if command.len() < 4 * usize::from(area.width) {
        text.push(Line::styled(command, look.dim()));
    }
    let rung = confirm.plan.ask.rung();
    if confirm.directory().is_some() {
        text.extend(super::ladder::narrower(model, rung));
    }
    text.extend(super::ladder::wider(model, rung));
    Asked {
        title,
        text,
        prompt: prompt(model, confirm),
    }
}

/// What the last count of a filesystem found: the kernel itself may not report its size.
fn counted(model: &Model, ask: &Ask) -> Option<Line<'static>> {
    let Ask::Superblock { point, .. } = ask else {
        return None;
    };
    let row = model.filesystem_of(point)?;
    let least = if row.partial { "at least " } else { "" };
    let unused = count(row.counted.as_ref()?.prunable);
    let size = row.freeable().map_or("-".into(), bytes);
    let ago = duration(model.now.saturating_sub(row.counted_at));
    let words = format!("{least}{unused} unused dentries, {size}, {ago} ago");
    Some(Line::raw(labelled("Counted", &words)))
}

/// What it affects, and what is requested: a user confirms only what they can read in full.
fn head(model: &Model, confirm: &ConfirmRung, width: usize) -> Vec<Line<'static>> {
    let style = match confirm.is_wide() {
        true => model.look.alarm(),
        false => Style::new(),
    };
    let mut text = block("Scope", &confirm.plan.rung.reach(), style, width);
    text.extend(asks(model, confirm));
    text
}

/// Columns of a label and the blank behind it.
const LABEL: usize = 9;

fn labelled(label: &str, words: &str) -> String {
    format!("{label:<8} {words}")
}

/// Lines below one another, the label in front of the first.
fn block(label: &str, words: &str, style: Style, width: usize) -> Vec<Line<'static>> {
    let lines = wrapped(words, width.saturating_sub(LABEL))
        .into_iter()
        .enumerate();
    let label = |at| if at == 0 { label } else { "" };
    lines
        .map(|(at, line)| Line::styled(labelled(label(at), &line), style))
        .collect()
}

/// The request, and the keys that change it.
fn asks(model: &Model, confirm: &ConfirmRung) -> Vec<Line<'static>> {
    let look = model.look;
    let line = |words: &str| Line::raw(labelled("Option", words));
    if let Some(typed) = &confirm.typing {
        let words = format!("{}_   Enter apply, Esc cancel; 512M, 2G", printable(typed));
        return vec![Line::styled(labelled("Option", &words), look.accent())];
    }
    if confirm.replanning.is_some() {
        return vec![Line::styled(
            labelled("Option", "looking again ..."),
            look.accent(),
        )];
    }
    match &confirm.plan.ask {
        Ask::Pages {
            writeback: true, ..
        } => vec![line("dirty pages are written first: i leaves them")],
        Ask::Pages { .. } => vec![line("clean pages only: i writes dirty pages first")],
        Ask::Superblock { inodes: true, .. } => vec![line("dentries and inodes: i leaves inodes")],
        Ask::Superblock { .. } => vec![line(
            "dentries: i adds inodes, where the kernel supports that",
        )],
        Ask::Cgroup { amount, .. } => {
            let words = format!(
                "{}: + doubles it, - halves it, a types another amount",
                bytes(*amount)
            );
            vec![line(&words)]
        }
        Ask::Cache { .. } => Vec::new(),
        Ask::Carousel { .. } => vec![line("each name once; this writes to the directory")],
        Ask::Everybody { what, sync } => {
            let mut lines: Vec<_> = [What::Pages, What::Slab, What::Both]
                .into_iter()
                .map(|of| {
                    let chosen = of == *what;
                    let mark = if chosen { look.glyphs.chosen } else { " " };
                    let text = format!("{mark} drop_caches {}  {}", of.number(), of.goes());
                    Line::styled(text, if chosen { look.strong() } else { Style::new() })
                })
                .collect();
            let sync = match sync {
                true => "sync first: yes (i toggles it; + and - the number)",
                false => "sync first: no, dirty pages stay (i toggles it; + and - the number)",
            };
            lines.push(Line::raw(format!("  {sync}")));
            lines
        }
    }
}

fn prompt(model: &Model, confirm: &ConfirmRung) -> Prompt {
    let look = model.look;
    let style = match confirm.is_wide() {
        true => look.alarm(),
        false => look.warn(),
    };
    let go = match &confirm.word {
        // The typed text is last, where it grows.
        Some(typed) => {
            let word = model.host.word();
            format!("type {word} and Enter to reclaim: {}_", printable(typed))
        }
        None => "type y to reclaim".into(),
    };
    Prompt::Asks(Words {
        go,
        not: "nothing is reclaimed before you type y",
        enter: confirm.word.is_none(),
        leave: "Esc cancels",
        style,
    })
}

/// Progress of a rung.
pub(super) fn running(model: &Model, running: &RunningRung, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    let elapsed = duration(model.now.saturating_sub(running.since));
    let progress = &running.progress;
    let mut text = vec![Line::raw(so_far(progress).unwrap_or_else(
        || match progress.doing {
            "" => "reclaiming ...".into(),
            doing => format!("{doing} ..."),
        },
    ))];
    if let Some(of) = progress.of {
        let share = percent(progress.done, of).unwrap_or(0).min(100);
        let width = u64::from(area.width.saturating_sub(10).min(60));
        let [.., full] = look.glyphs.bar;
        let filled = full.repeat((width * share / 100) as usize);
        text.push(Line::styled(filled, look.accent()));
    }
    text.push(Line::raw(match running.stopping {
        true => format!("{elapsed}   stopping ..."),
        false => format!("{elapsed}   Esc stops it; what was freed is not restored"),
    }));
    popup(
        look,
        &title("Reclaiming", &running.ask, area),
        text,
        frame,
        area,
    );
}

fn so_far(progress: &Progress) -> Option<String> {
    let show = |n| match progress.unit {
        "bytes" => bytes(n),
        unit => format!("{} {unit}", count(n)),
    };
    if progress.unit.is_empty() {
        return None;
    }
    let of = progress
        .of
        .map_or(String::new(), |of| format!(" of {}", show(of)));
    Some(format!("{} {}{of}", progress.doing, show(progress.done)))
}

/// Figures before and after, as the kernel counts.
pub(super) fn ledger(model: &Model, ledger: &RungLedger, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    let outcome = &ledger.outcome;
    let ended = outcome.ended.name();
    let style = match ended.as_str() {
        "complete" => look.good(),
        _ => look.warn(),
    };
    let mut text = vec![Line::from(vec![
        Span::styled(ended, style),
        Span::styled(
            format!("   took {}   {}", duration(outcome.took), ledger.clock),
            look.dim(),
        ),
    ])];
    let width = usize::from(inside(area));
    text.extend(block("Scope", &ledger.reach, Style::new(), width));
    text.push(Line::styled(
        format!("{:<16}{:>14}{:>14}{:>14}", "", "before", "after", "change"),
        look.dim(),
    ));
    text.extend(
        outcome
            .ledger
            .iter()
            .map(|change| Line::raw(change_line(change))),
    );
    for note in &outcome.notes {
        text.extend(block("Note", note, look.warn(), width));
    }
    text.push(Line::raw(""));
    let predicted = ledger.predicted.map_or(String::new(), |predicted| {
        format!(", at most {} expected", bytes(predicted))
    });
    text.push(Line::styled(
        format!("{} freed{predicted}", bytes(outcome.freed_bytes)),
        look.good(),
    ));
    if matches!(ledger.ask, Ask::Cache { .. }) && outcome.freed_bytes == 0 {
        text.push(Line::raw(
            "No slab was empty: what is idle lies between objects in use.",
        ));
    }
    text.push(Line::styled(
        "system-wide figures include other activity",
        look.dim(),
    ));
    popup(
        look,
        &title("Reclaimed", &ledger.ask, area),
        text,
        frame,
        area,
    );
}

fn change_line(change: &Change) -> String {
    let Figure { what, unit, .. } = change.before;
    let by = match (change.before.value, change.after.value) {
        (Some(before), Some(after)) => {
            let by = i128::from(after) - i128::from(before);
            let by = i64::try_from(by).unwrap_or(i64::MAX);
            match (unit, by) {
                (_, 0) => "0".into(),
                (Unit::Bytes, _) => signed_bytes(by),
                (Unit::Count, 1..) => format!("+{}", count(by.unsigned_abs())),
                (Unit::Count, _) => format!("-{}", count(by.unsigned_abs())),
            }
        }
        _ => String::new(),
    };
    let [before, after] = [change.before.show(), change.after.show()];
    format!("{what:<16}{before:>14}{after:>14}{by:>14}")
}
