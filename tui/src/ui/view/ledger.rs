//! The ledger: what a prune was predicted to free, what it freed, and why they differ; and the
//! chart with the prune in it.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span, Text};

use super::plan::what;
use super::{chart, rule, slabs, tail};
use crate::base::text::{bytes, count, duration, mebibytes, printable};
use crate::kernel::session::{PruneMode, Status};
use crate::kernel::source::Cache;
use crate::ui::look::Look;
use crate::ui::model::{Figures, Ledger, Model, Turn, difference, pending, reasons};

/// Rows that the chart has at least.
const CHART: u16 = 5;

/// ```text
///  Pruned negative dentries below /var/spool/app/sessions
///  complete   took 19.2 s   03:12:44
///                     predicted         pruned
///  dentries          40,100,212     40,099,870  342 were used or gone meanwhile
///                        before          after
///  dentry objects    41,203,118      1,103,248  -40,099,870
///  dentry slabs     7,664.3 MiB      210.2 MiB  -7.3 GiB
///  ext4 inodes        1,203,388      1,203,388  0
///  inode slabs      1,331.2 MiB    1,331.2 MiB  0
///  SReclaimable     9,412.3 MiB    2,310.4 MiB  -6.9 GiB, 7.2 GiB expected
///  why    12.1 MiB lie idle in partly used slabs and in those that CPUs keep ready
///  refill 80 % in 40 s, 20.0k/s: the workload is refilling it
///  K      shrinks the dentry cache, then measures again
///  ── SReclaimable, the prune marked ────────────────────────────────────────────
/// ```
pub(super) fn render(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let Some(ledger) = model.ledger() else {
        return;
    };
    let mut text = head_of(model, ledger);
    let rest = figures(model, ledger);
    let room = usize::from(area.height.saturating_sub(CHART + 1));
    text.extend(parts(
        model,
        ledger,
        room.saturating_sub(text.len() + rest.len()),
    ));
    text.extend(rest);
    let [table_area, title, chart] = Layout::vertical([
        Constraint::Length(u16::try_from(text.len()).unwrap_or(u16::MAX)),
        Constraint::Length(1),
        Constraint::Fill(1),
    ])
    .areas(area);
    frame.render_widget(Text::from(text), table_area);
    let mut name = Line::styled(" SReclaimable, the prune marked ", model.look.strong());
    let room = usize::from(title.width).saturating_sub(name.width() + 4);
    name.extend(chart::legend(
        &model.history.markers,
        model.window(),
        model.look,
        room,
    ));
    rule(model.look, name, frame, title);
    slabs::reclaimable_chart(model, frame, chart);
}

/// The prune, how it ended, and how much of it went.
fn head_of(model: &Model, ledger: &Ledger) -> Vec<Line<'static>> {
    let look = model.look;
    let below = match (&ledger.parts[..], ledger.skipped.len()) {
        ([part], 0) => printable(&part.path),
        (parts, skipped) => format!("{} directories", parts.len() + skipped),
    };
    let title = format!(" Pruned {} below ", what(ledger.mode));
    let room = usize::from(model.size.0).saturating_sub(title.len() + 1);
    let title = title + &tail(&below, room);
    let took = ledger
        .parts
        .iter()
        .filter_map(Turn::outcome)
        .map(|o| o.took)
        .sum();
    let took = elapsed(took);
    let clock = ledger.parts.first().map_or("", |part| &part.clock);
    let (predicted, moved) = (ledger.predicted(), ledger.moved());
    let complete = ledger.status() == Some(Status::Complete);
    let why = difference(predicted, moved, complete).unwrap_or("all of them".into());
    let mut text = vec![
        Line::styled(title, look.strong()),
        Line::raw(format!(" {}   took {took}   {clock}", status(ledger))),
        head(look, "predicted", "pruned"),
        line(
            look,
            ledger.mode.unit(),
            [count(predicted), count(moved)],
            why,
        ),
    ];
    text.extend(files(model, ledger));
    if ledger.busy() > 0 {
        let busy = count(ledger.busy());
        let why = format!("{busy} were being used or evicted by others");
        text.push(line(look, "", [String::new(), String::new()], why));
    }
    text
}

/// The outcome for inodes and page cache, in the modes that touch them.
fn files(model: &Model, ledger: &Ledger) -> Vec<Line<'static>> {
    let look = model.look;
    if !ledger.mode.may_write() {
        return Vec::new();
    }
    let size = |pages: u64| bytes(pages.saturating_mul(model.host.page_size));
    let sum = |figure: fn(&Turn) -> u64| ledger.parts.iter().map(figure).sum::<u64>();
    let mut text = Vec::new();
    if ledger.mode == PruneMode::Inodes {
        let evicted = ledger.counted(|found| found.evict_attempted);
        let expected = sum(|part| part.predicted_inodes);
        let figures = [count(expected), count(evicted)];
        text.push(line(look, "inodes", figures, String::new()));
    }
    let freed = ledger.counted(|found| found.pages_evicted);
    let figures = [size(sum(|part| part.predicted_pages)), size(freed)];
    text.push(line(look, "page cache", figures, String::new()));
    let dirty = ledger.counted(|found| found.skipped_dirty);
    if dirty > 0 {
        let unwritten = ledger.counted(|found| found.dirty_pages + found.writeback_pages);
        let why = format!("{} stay: dirty, {} to write", count(dirty), size(unwritten));
        text.push(line(look, "", [String::new(), String::new()], why));
    }
    let unsynced = ledger.counted(|found| found.unsynced);
    if unsynced > 0 {
        let why = format!("{} stay: written, not synced yet", count(unsynced));
        text.push(line(look, "", [String::new(), String::new()], why));
    }
    let failed = ledger.counted(|found| found.write_failed);
    if failed > 0 {
        let why = format!(
            "{} stay: a write failed, maybe the only copy",
            count(failed)
        );
        text.push(line(look, "", [String::new(), String::new()], why));
    }
    text
}

fn elapsed(took: std::time::Duration) -> String {
    match took.as_millis() {
        millis @ 0..1000 => format!("{millis} ms"),
        _ => duration(took),
    }
}

/// Each directory in a line if there are several, in at most `room` lines.
fn parts(model: &Model, ledger: &Ledger, room: usize) -> Vec<Line<'static>> {
    let parts = match &ledger.parts[..] {
        [_] if ledger.skipped.is_empty() => return Vec::new(),
        parts => parts,
    };
    let all = parts.len() + ledger.skipped.len();
    // One line has the number of the others.
    let shown = if all > room {
        room.saturating_sub(1)
    } else {
        all
    };
    let width = usize::from(model.size.0).saturating_sub(46);
    let mut text: Vec<_> = parts
        .iter()
        .map(|part| {
            let figures = [count(part.predicted), count(part.moved())];
            let path = printable(&part.path);
            let words = match &part.end {
                None => "not begun: ".into(),
                Some(end) => match &end.result {
                    Ok(outcome) if outcome.status == Status::Complete => String::new(),
                    Ok(outcome) => format!("{}: ", outcome.status.name()),
                    Err(_) => "FAILED: ".into(),
                },
            };
            (figures, words + &tail(&path, width))
        })
        .chain(ledger.skipped.iter().map(|path| {
            let path = tail(&printable(path), width);
            ([count(0), count(0)], path)
        }))
        .take(shown)
        .map(|(figures, words)| line(model.look, "", figures, words))
        .collect();
    if shown < all && room > 0 {
        let key = model.keymap.key("history");
        let words = format!("{} more: {key} has the log", all - shown);
        text.push(line(model.look, "", [String::new(), String::new()], words));
    }
    text
}

/// The kernel's own figures before and after.
fn figures(model: &Model, ledger: &Ledger) -> Vec<Line<'static>> {
    let look = model.look;
    let page = model.host.page_size;
    let nothing = Figures::default();
    let before = ledger.before().unwrap_or(&nothing);
    let after = ledger.after().unwrap_or(&nothing);
    let row = |name: &str, figures: [Option<u64>; 2], text: fn(u64) -> String| {
        let change = figures[0].zip(figures[1]);
        let change = change.map(|(before, after)| change_of(before, after, text));
        let figures = figures.map(|figure| figure.map_or("-".into(), text));
        (name.to_owned(), figures, change)
    };
    let of = |cache: fn(&Figures) -> Option<&Cache>, value: &dyn Fn(&Cache) -> Option<u64>| {
        [before, after].map(|figures| cache(figures).and_then(value))
    };
    fn dentry(figures: &Figures) -> Option<&Cache> {
        figures.dentry.as_ref()
    }
    fn inode(figures: &Figures) -> Option<&Cache> {
        figures.inode.as_ref()
    }
    let mut rows = vec![
        row("dentry objects", of(dentry, &|cache| cache.active), count),
        row(
            "dentry slabs",
            of(dentry, &|cache| Some(cache.size(page))),
            mebibytes,
        ),
    ];
    // The figures after it are those of the last directory, which may be on another filesystem.
    let names = [before, after].map(|figures| inode(figures).map(|cache| &cache.name));
    let comparable = names[0].is_some() && names[0] == names[1];
    if let Some(part) = ledger.parts.first().filter(|_| comparable) {
        let name = format!("{} inodes", part.mount.fs);
        rows.push(row(&name, of(inode, &|cache| cache.active), count));
        rows.push(row(
            "inode slabs",
            of(inode, &|cache| Some(cache.size(page))),
            mebibytes,
        ));
    }
    let memory = [before, after].map(|figures| figures.sreclaimable);
    let (name, memory, change) = row("SReclaimable", memory, mebibytes);
    let expected = ledger.predicted_bytes();
    let expected_words = expected.map(|size| format!("{} expected", bytes(size)));
    let change: Vec<String> = change.into_iter().chain(expected_words).collect();
    rows.push((name, memory, Some(change.join(", "))));
    let mut text = vec![head(look, "before", "after")];
    text.extend(
        rows.into_iter()
            .map(|(name, figures, change)| line(look, &name, figures, change.unwrap_or_default())),
    );
    text.extend(words(model, ledger, before, after));
    text
}

/// Why the figures differ, whether the directories are refilled, and what else can be done.
fn words(model: &Model, ledger: &Ledger, before: &Figures, after: &Figures) -> Vec<Line<'static>> {
    let page = model.host.page_size;
    let errors = ledger.parts.iter().filter_map(Turn::error);
    let errors = errors.map(|error| error.lines().next().unwrap_or_default().to_owned());
    let evicted = ledger.parts.iter().filter_map(Turn::outcome);
    let evicted = evicted.map(|outcome| outcome.inodes()).sum();
    let mount = ledger.parts.first().map(|part| &part.mount);
    let pending = pending(evicted, before, after, mount);
    let reasons = match ledger.mode {
        PruneMode::Pages => Vec::new(),
        _ => reasons(ledger.moved(), ledger.moved_bytes(), before, after, page),
    };
    let layered =
        mount.is_some_and(|mount| !mount.made_of.is_empty() && ledger.mode != PruneMode::Pages);
    let layers = layered.then(|| {
        "overlay: its layers hold each name once more, in the same slabs; in its plan l prunes those".into()
    });
    let why = errors
        .take(2)
        .chain(pending)
        .chain(layers)
        .chain(reasons)
        .take(3);
    let mut text: Vec<_> = why
        .zip(["why", "", ""])
        .map(|(why, label)| Line::raw(format!(" {label:<7}{why}")))
        .collect();
    text.push(Line::raw(format!(" refill {}", ledger.refill.words())));
    let key = model.keymap.key("shrink");
    match &ledger.shrunk {
        Some((slabs, figures)) => {
            let cache = figures.dentry.as_ref().map(|cache| cache.size(page));
            let [cache, memory] =
                [cache, figures.sreclaimable].map(|size| size.map_or("-".into(), mebibytes));
            let slabs = count(*slabs);
            text.push(Line::raw(format!(
                " shrunk {slabs} slabs more: dentry slabs {cache}, SReclaimable {memory}"
            )));
        }
        None if after
            .dentry
            .as_ref()
            .is_some_and(|cache| cache.idle(page) != Some(0)) =>
        {
            text.push(Line::styled(
                format!(" {key:<6} shrinks the dentry cache, then measures again"),
                model.look.dim(),
            ));
        }
        None => {}
    }
    text
}

fn line(look: Look, name: &str, [left, right]: [String; 2], why: String) -> Line<'static> {
    Line::from(vec![
        Span::raw(format!(" {name:<14}{left:>14}")),
        Span::styled(format!("{right:>15}"), look.strong()),
        Span::raw(format!("  {why}")),
    ])
}

fn head(look: Look, left: &str, right: &str) -> Line<'static> {
    let text = format!(" {:<14}{left:>14}{right:>15}", "");
    Line::styled(text, look.dim())
}

fn status(ledger: &Ledger) -> &'static str {
    match ledger.status() {
        Some(Status::Complete) => "complete",
        Some(Status::Stopped) => "STOPPED early: the rest stays",
        Some(Status::Bound) => "STOPPED at a bound: the rest stays",
        Some(Status::Depth) => "directories too deep for the module were left out",
        Some(Status::Moved) => "ENDED: the directory was moved or removed meanwhile",
        None if ledger.parts.iter().any(|part| part.end.is_none()) => {
            "STOPPED early: the rest stays"
        }
        None => "IN PART: not below every directory",
    }
}

fn change_of(before: u64, after: u64, text: fn(u64) -> String) -> String {
    match before.cmp(&after) {
        std::cmp::Ordering::Greater => format!("-{}", text(before - after)),
        std::cmp::Ordering::Equal => "0".into(),
        std::cmp::Ordering::Less => format!("+{}", text(after - before)),
    }
}
