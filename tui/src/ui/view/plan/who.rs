//! Processes that fill what would be pruned, if a trace runs: lines of the plan.

use ratatui::style::Style;

use crate::base::text::{count, duration, printable, short};
use crate::cache::who::Row;
use crate::ui::model::{Confirm, Model, Watching};

/// Rows that are shown.
const TOLD: usize = 2;

/// The lines; none if no trace ran, or no process made anything below.
pub(super) fn lines(model: &Model, confirm: &Confirm) -> Vec<(String, Style)> {
    let Some(watching) = &model.who.watching else {
        return Vec::new();
    };
    let paths = confirm.tasks.iter().map(|task| &task.plan.target.path);
    let mut rows: Vec<&Row> = paths.flat_map(|path| watching.below(path)).collect();
    rows.sort_by_key(|row| u64::MAX - row.made);
    let more = rows.len().saturating_sub(TOLD);
    let mut label = "Traced";
    let mut lines: Vec<_> = rows
        .iter()
        .take(TOLD)
        .map(|row| {
            let label = std::mem::take(&mut label);
            (format!("{label:<8} {}", line(watching, row)), Style::new())
        })
        .collect();
    if more > 0 {
        lines.push((format!("         and {more} more"), Style::new()));
    }
    lines
}

/// `agent[1234] made 1,000,000 in 34 s, 12.3k/s now: /mnt/ext4/1/2/3`
fn line(watching: &Watching, row: &Row) -> String {
    let process = &row.process;
    let rate = watching.course(row).map_or(0.0, |course| course.rate);
    let now = match (process.gone, watching.is_on()) {
        (true, _) => ", and has ended".into(),
        (false, true) => format!(", {}/s", short(rate)),
        (false, false) => String::new(),
    };
    format!(
        "{}[{}] created {} in {}{now}: {}",
        printable(&process.name),
        process.pid,
        count(row.made),
        duration(watching.lasted()),
        crate::ui::view::who::directory(row),
    )
}
