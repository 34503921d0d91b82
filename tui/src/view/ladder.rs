//! The ladder in a plan: which rungs there are, how wide each reaches, and why one does not apply.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::cut;
use crate::ladder::{Rung, Step};
use crate::model::Model;
use crate::text::printable;

/// What of the ladder is shown.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    /// The rungs of the plan itself.
    pub(super) here: &'a [Rung],
    /// It is about a directory: without one the narrower rungs have nowhere to stand.
    pub(super) directory: bool,
}

/// ```text
///  narrow 1 this directory: names cached as absent
///  wider  5 the whole filesystem: all unused dentries
///         6 not here: cgroup v2 is not mounted
///         8 everybody: dentries, inodes, page cache
/// ```
/// Where there is no room for that, all in a line, and the reasons as far as they fit.
pub(super) fn lines(
    model: &Model,
    Shown { here, directory }: Shown<'_>,
    width: usize,
    room: usize,
) -> Vec<Line<'static>> {
    let is_other = |step: &&Step| {
        let below = matches!(step.rung, Rung::Cgroup | Rung::Cache | Rung::Everybody) || directory;
        below && !here.contains(&step.rung)
    };
    let others: Vec<&Step> = model.ladder.iter().filter(is_other).collect();
    if others.is_empty() {
        return Vec::new();
    }
    if others.len() <= room {
        return full(model, &others, here, width);
    }
    let mut lines = compact(model, &others);
    let why = others.iter().filter_map(|step| {
        let why = printable(step.why_not.as_ref()?.lines().next()?);
        Some(format!("not    {}: {why}", number(step.rung)))
    });
    lines.extend(why.map(|why| Line::styled(cut(&why, width), model.look.dim())));
    lines.truncate(room.max(1));
    lines
}

/// The key that opens its plan.
pub(super) fn number(rung: Rung) -> usize {
    rung as usize + 1
}

fn is_wider(step: &Step, here: &[Rung]) -> bool {
    here.iter().all(|here| step.rung > *here)
}

fn full(model: &Model, steps: &[&Step], here: &[Rung], width: usize) -> Vec<Line<'static>> {
    let look = model.look;
    let mut last = None;
    let line = |step: &&Step| {
        let wider = is_wider(step, here);
        let label = match wider {
            _ if last == Some(wider) => "",
            true => "wider",
            false => "narrow",
        };
        last = Some(wider);
        let (words, style) = match &step.why_not {
            Some(why) => {
                let why = printable(why.lines().next().unwrap_or_default());
                (format!("not here: {why}"), look.dim())
            }
            None if wider => (step.rung.reach().to_owned(), look.alarm()),
            None => (step.rung.reach().to_owned(), Style::new()),
        };
        let words = format!("{} {words}", number(step.rung));
        Line::from(vec![
            Span::raw(format!("{label:<6} ")),
            Span::styled(cut(&words, width.saturating_sub(7)), style),
        ])
    };
    steps.iter().map(line).collect()
}

/// `wider  5 filesystem  6 cgroup  8 everybody`
fn compact(model: &Model, steps: &[&Step]) -> Vec<Line<'static>> {
    let look = model.look;
    let mut spans = vec![Span::raw("others ")];
    for step in steps {
        let words = format!("{} {}  ", number(step.rung), step.rung.name());
        spans.push(match step.why_not {
            Some(_) => Span::styled(words, look.dim()),
            None => Span::raw(words),
        });
    }
    vec![Line::from(spans)]
}
