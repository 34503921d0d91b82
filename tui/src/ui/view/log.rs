//! The actions of this session, the newest first: below the charts.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span, Text};

use super::{rule, tail};
use crate::base::text::{bytes, count, printable};
use crate::kernel::session::PruneMode;
use crate::reclaim::audit::{Action, AuditEntry, Log};
use crate::ui::model::Model;

/// Columns that a record takes in one line.
const WIDE: u16 = 160;

/// Between a word for an outcome and the reason for it.
const WHY: &str = ": ";

/// Lines of a record.
fn lines_each(width: u16) -> usize {
    if width >= WIDE { 1 } else { 2 }
}

/// Rows that the log takes: none while nothing was done, at most a third of the screen.
pub(super) fn height(model: &Model, area: Rect) -> u16 {
    let each = lines_each(area.width);
    let records = model.journal.records.iter();
    let lines = records.map(|record| each + usize::from(record.outcome.contains(WHY)));
    match lines.sum() {
        0 => 0,
        n @ 1.. => u16::try_from(n + 1)
            .unwrap_or(u16::MAX)
            .min(area.height / 3),
    }
}

/// ```text
///  ── 1 prune, recorded in /root/.local/state/slabscope/audit.jsonl ─────────────
///  2026-11-22T03:12:44Z  prune negative  999,900 of 1,000,000 dentries  complete
///    492 MiB → 309 MiB  ext4  uid 0  /mnt/ext4/1
/// ```
pub(super) fn render(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let records = &model.journal.records;
    if area.height == 0 || records.is_empty() {
        return;
    }
    let [title, list] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    rule(model.look, title_line(model, area), frame, title);
    let height = usize::from(list.height);
    let rows = records.iter().rev().skip(model.journal.scroll);
    let lines = rows.flat_map(|record| lines(model, record, area.width));
    let lines: Vec<_> = lines.take(height).collect();
    frame.render_widget(Text::from(lines), list);
}

fn title_line(model: &Model, area: Rect) -> Line<'static> {
    let look = model.look;
    let mut what = Vec::new();
    for action in Action::ALL {
        let records = model.journal.records.iter();
        let n = records.filter(|record| record.action == action).count();
        if n > 0 {
            let plural = if n == 1 { "" } else { "s" };
            what.push(format!("{n} {}{plural}", action.name()));
        }
    }
    let what = format!(" {}", what.join(", "));
    let room = usize::from(area.width).saturating_sub(what.len() + 30);
    let (file, style) = match (&model.journal.failed, &model.journal.file) {
        (Some(error), _) => (format!("NOT RECORDED: {error}"), look.alarm()),
        (None, Log::File(path)) => {
            let path = tail(&printable(path), room);
            (format!("recorded in {path}"), look.dim())
        }
        (None, _) => ("not recorded in a file".into(), look.dim()),
    };
    Line::from(vec![
        Span::styled(what, look.strong()),
        Span::styled(format!(", {file} "), style),
    ])
}

fn lines(model: &Model, record: &AuditEntry, width: u16) -> Vec<Line<'static>> {
    let action = match record.mode {
        Some(mode) => format!("{} {mode}", record.action.name()),
        None => record.action.name().into(),
    };
    let [freed, predicted] = [record.freed, record.predicted];
    let what = match (record.action, record.setting) {
        (Action::Prune, _) => {
            let pages = record.mode == Some(PruneMode::Pages.name());
            let unit = if pages {
                PruneMode::Pages
            } else {
                PruneMode::Negative
            }
            .unit();
            format!("{} of {} {unit}", count(freed), count(predicted))
        }
        (Action::Shrink, _) => format!("{} of about {} slabs", count(freed), count(predicted)),
        (Action::Reclaim, _) if record.unit() == "names" => {
            format!("{} of {} names", count(freed), count(predicted))
        }
        (Action::Reclaim, _) => format!("{} of at most {}", bytes(freed), bytes(predicted)),
        (Action::Tune, Some([from, to])) => format!("{from} {} {to}", model.look.glyphs.arrow),
        (Action::Tune, None) => String::new(),
    };
    // The reason of a failure takes a line of its own.
    let (outcome, why) = match record.outcome.split_once(WHY) {
        Some((failed, why)) => (failed, Some(why)),
        None => (record.outcome.as_str(), None),
    };
    let style = match outcome {
        "complete" => model.look.good(),
        _ => model.look.warn(),
    };
    let mut first = vec![
        Span::styled(format!(" {}", record.time), model.look.dim()),
        Span::raw(format!("  {action:<14}  {what}  ")),
        Span::styled(outcome.to_owned(), style),
    ];
    let size = |size: Option<u64>| size.map_or("-".into(), bytes);
    let slab = match record.sreclaimable {
        [None, None] => String::new(),
        sizes => {
            let [before, after] = sizes.map(size);
            let arrow = model.look.glyphs.arrow;
            format!("SReclaimable {before} {arrow} {after}  ")
        }
    };
    let sudo = record
        .sudo_uid
        .map_or(String::new(), |uid| format!(" for {uid}"));
    let second = Span::raw(format!(
        "   {slab}{}uid {}{sudo}  {}",
        record
            .filesystem
            .as_ref()
            .map_or(String::new(), |fs| format!("{}  ", printable(fs))),
        record.uid,
        printable(&record.path),
    ));
    let mut lines = if lines_each(width) == 1 {
        first.push(second);
        vec![Line::from(first)]
    } else {
        vec![Line::from(first), Line::from(second)]
    };
    // Further lines of an error have its remedy.
    if let Some(why) = why.and_then(|why| why.lines().next()) {
        lines.push(Line::styled(format!("   {why}"), style));
    }
    lines
}
