//! The ledger: what a prune was predicted to free, what it freed, and why they differ; and the
//! chart with the prune in it.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span, Text};

use super::plan::what;
use super::{rule, slabs, tail};
use crate::model::{Ledger, Model};
use crate::session::Status;
use crate::source::Cache;
use crate::text::{bytes, count, duration, mebibytes, printable};
use crate::view::look::Look;

/// ```text
///  Pruned negative dentries below /var/spool/app/sessions                 took 19.2 s
///                              predicted          moved
///  dentries                   40,100,212     40,099,870   342 were used or gone meanwhile
///                                 before          after
///  dentry objects             41,203,118      1,103,248   -40,099,870
///  dentry slabs                  7.5 GiB      210.2 MiB   12.1 MiB of it idle
///  SReclaimable              9,412.3 MiB    2,310.4 MiB   -7,101.9 MiB
///  ── SReclaimable, the prune marked ────────────────────────────────────────────
/// ```
pub(super) fn render(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let Some(ledger) = model.ledgers.last() else {
        return;
    };
    let text = table(model, ledger);
    let [table_area, title, chart] = Layout::vertical([
        Constraint::Length(text.len() as u16 + 1),
        Constraint::Length(1),
        Constraint::Fill(1),
    ])
    .areas(area);
    frame.render_widget(Text::from(text), table_area);
    rule(
        model.look,
        Line::styled(" SReclaimable, the prune marked ", model.look.strong()),
        frame,
        title,
    );
    slabs::memory_chart(model, frame, chart);
}

fn table(model: &Model, ledger: &Ledger) -> Vec<Line<'static>> {
    let look = model.look;
    let outcome = &ledger.outcome;
    let path = printable(&ledger.pruning.path);
    let title = format!(" Pruned {} below ", what(outcome.mode));
    let room = usize::from(model.size.0).saturating_sub(title.len() + 1);
    let title = title + &tail(&path, room);
    let took = match outcome.took.as_millis() {
        millis @ 0..1000 => format!("{millis} ms"),
        _ => duration(outcome.took),
    };
    let clock = &ledger.pruning.clock;
    let mut text = vec![
        Line::styled(title, look.strong()),
        Line::raw(format!(
            " {}   took {took}   {clock}",
            status(outcome.status)
        )),
        head(look, "predicted", "pruned"),
        line(
            look,
            "dentries",
            [count(outcome.predicted), count(outcome.counters.moved)],
            difference(ledger),
        ),
    ];
    if outcome.counters.busy > 0 {
        let busy = count(outcome.counters.busy);
        let why = format!("{busy} were being used or evicted by others");
        text.push(line(look, "", [String::new(), String::new()], why));
    }
    text.extend(before_and_after(model, ledger));
    text
}

/// What the kernel's own figures say of it.
fn before_and_after(model: &Model, ledger: &Ledger) -> [Line<'static>; 4] {
    let look = model.look;
    let page = model.host.page_size;
    let figures = [ledger.pruning.before.as_ref(), Some(&ledger.after)];
    let caches = figures.map(|figures| figures.and_then(|figures| figures.dentry.as_ref()));
    let both = caches[0].zip(caches[1]);
    let memory = figures.map(|figures| figures.and_then(|figures| figures.sreclaimable));
    let known = |text: Option<String>| text.unwrap_or("?".into());
    let of_cache = |value: &dyn Fn(&Cache) -> String| caches.map(|cache| known(cache.map(value)));
    let objects = both.map(|(before, after)| change(before.active, after.active, count));
    let idle = both.map(|(_, after)| format!("{} idle in them", bytes(after.idle(page))));
    let came_back = memory[0].zip(memory[1]);
    let came_back = came_back.map(|(before, after)| change(before, after, bytes));
    let expected = ledger.pruning.predicted_bytes;
    let expected = expected.map(|size| format!("{} expected", bytes(size)));
    let bytes_back: Vec<String> = came_back.into_iter().chain(expected).collect();
    [
        head(look, "before", "after"),
        line(
            look,
            "dentry objects",
            of_cache(&|cache| count(cache.active)),
            objects.unwrap_or_default(),
        ),
        line(
            look,
            "dentry slabs",
            of_cache(&|cache| mebibytes(cache.size(page))),
            idle.unwrap_or_default(),
        ),
        line(
            look,
            "SReclaimable",
            memory.map(|bytes| known(bytes.map(mebibytes))),
            bytes_back.join(", "),
        ),
    ]
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

fn status(status: Status) -> &'static str {
    match status {
        Status::Complete => "complete",
        Status::Stopped => "STOPPED early: the rest stays",
        Status::Bound => "STOPPED at a bound: the rest stays",
        Status::Depth => "directories too deep for the module were left out",
        Status::Moved => "ENDED: the directory was moved or removed meanwhile",
    }
}

fn difference(ledger: &Ledger) -> String {
    let (predicted, moved) = (ledger.outcome.predicted, ledger.outcome.counters.moved);
    if moved > predicted {
        return format!(
            "{} more came to be unused meanwhile",
            count(moved - predicted)
        );
    }
    match (predicted - moved, ledger.outcome.status) {
        (0, _) => "all of them".into(),
        (n, Status::Complete) => format!("{} were used or gone meanwhile", count(n)),
        (n, _) => format!("{} not reached", count(n)),
    }
}

fn change(before: u64, after: u64, text: fn(u64) -> String) -> String {
    if after <= before {
        format!("-{}", text(before - after))
    } else {
        format!("+{}", text(after - before))
    }
}
