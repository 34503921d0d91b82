//! The figures of slabtop's head, and why its size is not `Slab:` of meminfo.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span, Text};

use crate::base::text::{bytes, count_in, percent};
use crate::kernel::source::totals::Totals;
use crate::ui::model::{Model, Shown};

/// Lines of the summary.
pub(super) const HEIGHT: u16 = 5;
/// Lines of the reason.
pub(super) const REASON: u16 = 2;
/// Columns of the summary.
pub(super) const WIDTH: u16 = 46;

/// The figures in `area`; the reason is below them, or below the other figures if these are beside.
pub(super) fn render(
    model: &Model,
    shown: &Shown,
    frame: &mut Frame<'_>,
    figures: Rect,
    area: Rect,
) {
    let Ok(caches) = &shown.sample.caches else {
        return;
    };
    let totals = Totals::of(caches, shown.sample.page_size);
    frame.render_widget(Text::from(lines(model, &totals)), area);
    let beside = area.y == figures.y;
    let memory = match &shown.sample.memory {
        Ok(memory) if beside || area.height >= HEIGHT + REASON => memory,
        _ => return,
    };
    let reason_area = Rect {
        y: if beside {
            figures.y + super::figures::HEIGHT
        } else {
            area.y + HEIGHT
        },
        height: REASON,
        x: figures.x,
        width: if beside {
            area.x - figures.x
        } else {
            figures.width
        },
    };
    let lines = reason(&totals, memory.slab).into_iter();
    let lines = lines.map(|line| Line::styled(line, model.look.dim()));
    let text = Text::from_iter(lines);
    frame.render_widget(text, reason_area.intersection(frame.area()));
}

fn lines(model: &Model, totals: &Totals) -> Vec<Line<'static>> {
    let line = |name: &str, [active, all]: [String; 2], share: Option<u64>| {
        let share = share.map_or(String::new(), |share| format!("{share} %"));
        Line::from(vec![
            Span::raw(format!(" {name:<14}")),
            Span::styled(
                format!("{active:>11} of {all:>10} {share:>5}"),
                model.look.strong(),
            ),
        ])
    };
    let counts = |name, figures: [u64; 2]| {
        let share = percent(figures[0], figures[1]);
        line(name, figures.map(|n| count_in(n, 10)), share)
    };
    let size = [totals.active_object_bytes, totals.object_bytes];
    vec![
        counts("active objects", [totals.active_objects, totals.objects]),
        counts("active slabs", [totals.active_slabs, totals.slabs]),
        counts("active caches", [totals.active_caches, totals.caches]),
        line("active size", size.map(bytes), percent(size[0], size[1])),
        Line::from(vec![
            Span::raw(" object "),
            Span::styled(
                format!(
                    "{} B to {} B, {} B on average",
                    totals.object_min_bytes,
                    count_in(totals.object_max_bytes, 10),
                    count_in(totals.object_mean_bytes, 6)
                ),
                model.look.strong(),
            ),
        ]),
    ]
}

/// The bytes by which slabtop's size and `Slab:` differ. Allocations above two pages bypass the
/// caches and use the page allocator, but are counted in Slab (mm/slub.c:
/// `___kmalloc_large_node()`, Linux 7.3).
fn reason(totals: &Totals, slab: Option<u64>) -> Vec<String> {
    let Some(size_bytes) = totals.size_bytes else {
        return vec![" The figures do not show the page size: sizes are unknown".into()];
    };
    let ends = bytes(size_bytes.saturating_sub(totals.object_bytes));
    let size = bytes(totals.object_bytes);
    let first =
        format!(" Slab counts pages, slabtop {size} of objects: {ends} of slabs hold none,");
    let second = slab.map(|slab| match slab.checked_sub(size_bytes) {
        Some(more) => format!(
            " {} of pages are in no cache (kmalloc of more than two pages)",
            bytes(more)
        ),
        None => format!(
            " {} are not yet in meminfo, whose counters lag",
            bytes(size_bytes - slab)
        ),
    });
    [first].into_iter().chain(second).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_names_what_makes_the_difference() {
        let totals = Totals {
            object_bytes: 2_000,
            size_bytes: Some(4_096),
            ..Totals::default()
        };
        let text = |slab| reason(&totals, slab).concat();
        let more = text(Some(8_192));
        assert!(more.contains("2.0 KiB of slabs hold none"), "{more}");
        assert!(more.contains("4.0 KiB of pages are in no cache"), "{more}");
        let less = text(Some(1_024));
        assert!(less.contains("3.0 KiB are not yet in meminfo"), "{less}");
        assert_eq!(reason(&totals, None).len(), 1);
        let unknown = reason(&Totals::default(), Some(1_024)).concat();
        assert!(unknown.contains("sizes are unknown"), "{unknown}");
    }
}
