//! The plan without the module: what is cached, and the rungs that work here.

use ratatui::text::Line;

use super::stays;
use crate::base::text::{bytes, count};
use crate::reclaim::ladder::{Rung, Step};
use crate::ui::model::{Confirm, Model};
use crate::ui::view::asked::Prompt;

/// ```text
/// 1 to 3 need the module; by bpf:
/// cached 200,012 dentries, 200,000 negative
///        8 inodes, 1.2 MiB of page cache
/// stays  4 in use; all files and their data
///
/// works here
///   4  this directory: page cache of its files
///   >  the whole filesystem: all unused dentries
/// ```
pub(super) fn lines(model: &Model, confirm: &Confirm) -> Vec<Line<'static>> {
    let look = model.look;
    let [total, negative] = [
        confirm.sum(|found| found.total),
        confirm.sum(|found| found.negative),
    ]
    .map(count);
    let inodes = count(confirm.sum(|found| found.inodes));
    let pages = bytes(super::pages(model, confirm.sum(|found| found.pages)));
    let mut lines = vec![
        Line::styled(
            match confirm.tasks.iter().any(|task| task.plan.changed) {
                true => "1 to 3 need the module; counted by BPF, changed meanwhile",
                false => "1 to 3 need the module; counted by BPF",
            },
            look.warn(),
        ),
        Line::raw(format!("Cached   {total} dentries, {negative} negative")),
        Line::raw(format!("         {inodes} inodes, {pages} of page cache")),
    ];
    for (line, words) in stays(confirm).into_iter().enumerate() {
        let label = if line == 0 { "Keeps" } else { "" };
        lines.push(Line::raw(format!("{label:<8} {words}")));
    }
    let works = |step: &&Step| step.why_not.is_none();
    let mut steps = model.ladder.iter().filter(works).peekable();
    if steps.peek().is_some() {
        lines.push(Line::raw("Works here"));
    }
    lines.extend(steps.map(|step| {
        let key = if step.rung == Rung::Pages { "4" } else { ">" };
        Line::raw(format!("  {key}  {}", step.rung.reach()))
    }));
    lines
}

pub(super) fn prompt(model: &Model) -> Prompt {
    let words = [
        "nothing is pruned without the module: 4 or > for what works here",
        "needs the module: 4 or > for what works",
    ];
    Prompt::Says(words.map(String::from).into(), model.look.warn())
}
