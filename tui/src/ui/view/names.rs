//! The page of a directory's negative names.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};

use super::directory::row_line;
use super::tree::{directory_line, failed};
use super::{cut, first_row, inside, middle, popup, rule, tail};
use crate::base::text::{count, count_in, duration, printable, printable_bytes, share, short};
use crate::cache::negatives::export::Format;
use crate::cache::negatives::{Listing, Only};
use crate::kernel::session::Counters;
use crate::ui::model::{Export, Focus, Model, Names, NamesState};

/// ```text
///  /var/spool/app/sessions                          ext4 on /dev/vda1   listed 2 s ago
///  40,100,212 names are cached as absent, in 3 shapes
///  ── shapes ──────────────────────────────────────────────────────────────────────
///       COUNT   SHARE SHAPE              EXAMPLE
///  40,100,200  99.9 % sess_<hex32>       sess_0f9c1e2d3c4b5a69788796a5b4c3d2e1
///  ── 1,048,576 names of 40,100,212 ───────────────────────────────────────────────
///  sess_0f9c1e2d3c4b5a69788796a5b4c3d2e1
/// ```
pub(super) fn render(model: &Model, names: &Names, frame: &mut Frame<'_>, area: Rect) {
    let [path, summary, rest] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Fill(1),
    ])
    .areas(area);
    let age = match &names.state {
        NamesState::Listed { at, .. } => {
            format!("   listed {} ago", duration(model.now.saturating_sub(*at)))
        }
        _ => String::new(),
    };
    directory_line(model, &names.path, &names.mount, &age, frame, path);
    match &names.state {
        NamesState::Listing { .. } => {
            let text = Line::styled(listing(model, names), model.look.accent());
            frame.render_widget(text, summary);
        }
        NamesState::Failed(error) => {
            let what = "The names cached in this directory cannot be listed";
            failed(model, what, error, frame, rest);
        }
        NamesState::Listed { listing, .. } => {
            frame.render_widget(told(model, names, listing), summary);
            if listing.count > 0 {
                lists(model, names, listing, frame, rest);
            }
        }
    }
}

/// Progress and rate of the listing.
fn listing(model: &Model, names: &Names) -> String {
    let NamesState::Listing {
        since,
        so_far,
        stopping,
        ..
    } = &names.state
    else {
        return String::new();
    };
    let Counters {
        total, negative, ..
    } = **so_far;
    let seconds = model.now.saturating_sub(*since).as_secs_f64();
    let rate = if seconds > 0.0 {
        format!(", {}/s", short(total as f64 / seconds))
    } else {
        String::new()
    };
    let end = if *stopping { "stopping" } else { "Esc stops" };
    format!(
        " listing: {} names so far, {} negative{rate}; {end}",
        count(total),
        count(negative),
    )
}

fn told(model: &Model, names: &Names, listing: &Listing) -> Line<'static> {
    let look = model.look;
    if listing.count == 0 && listing.complete && names.below > 0 {
        let (below, key) = (count(names.below), model.keymap.key("hotspots"));
        return Line::raw(format!(
            " none directly here; {below} below: Esc, then open one, or {key} finds them"
        ));
    }
    if listing.count == 0 && listing.complete {
        return Line::raw(" no name is cached as absent directly in this directory");
    }
    let shapes = match listing.shapes.shapes.len() {
        1 => "1 shape".to_owned(),
        shapes => format!("{} shapes", count(shapes as u64)),
    };
    let mut spans = vec![
        Span::raw(if listing.complete {
            " "
        } else {
            " listed in part: at least "
        }),
        Span::styled(count(listing.count), look.strong()),
        Span::raw(format!(" names are cached as absent, in {shapes}")),
    ];
    if listing.shapes.crowded {
        let text = "; too many to tell all of them apart";
        spans.push(Span::styled(text, look.warn()));
    }
    Line::from(spans)
}

fn lists(model: &Model, names: &Names, listing: &Listing, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    let rows = u16::try_from(names.shape_rows()).unwrap_or(u16::MAX);
    let height = rows.saturating_add(1).min(area.height / 2);
    let [shapes_title, shapes, names_title, list] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(height),
        Constraint::Length(1),
        Constraint::Fill(1),
    ])
    .areas(area);
    let style = |focus| {
        if names.focus == focus {
            look.strong()
        } else {
            look.dim()
        }
    };
    let title = Line::styled(" shapes ", style(Focus::Shapes));
    rule(look, title, frame, shapes_title);
    shape_table(model, names, listing, frame, shapes);
    let title = names_line(names, listing, style(Focus::Names));
    rule(look, title, frame, names_title);
    name_list(model, names, frame, list);
}

fn shape_table(model: &Model, names: &Names, listing: &Listing, frame: &mut Frame<'_>, area: Rect) {
    let settled = &listing.shapes;
    let width = usize::from(area.width).saturating_sub(22);
    let longest = settled.shapes.iter().take(100);
    let longest = longest
        .map(|shape| Span::raw(shape.to_string()).width())
        .max();
    let wide = longest.unwrap_or(0).clamp(12, (width / 2).max(12));
    let head = format!(" {:>11} {:>7} {:wide$} EXAMPLE", "COUNT", "SHARE", "SHAPE");
    let mut lines = vec![Line::styled(head, model.look.dim())];
    let height = usize::from(area.height.saturating_sub(1));
    let first = first_row(names.shape, names.shape_rows(), height);
    for at in (first..names.shape_rows()).take(height) {
        let (shape, number, example) = match settled.shapes.get(at) {
            Some(shape) => (
                shape.to_string(),
                shape.count,
                printable_bytes(&shape.example),
            ),
            None => ("other shapes".into(), settled.other, String::new()),
        };
        let shape = cut(&shape, wide);
        let gap = " ".repeat(wide.saturating_sub(Span::raw(&shape).width()));
        let text = format!(
            " {:>11} {:>7} {shape}{gap} {}",
            count_in(number, 11),
            share(number, settled.names()),
            cut(&example, width.saturating_sub(wide)),
        );
        let selected = names.focus == Focus::Shapes && at == names.shape;
        let chosen = match names.only {
            Only::All => false,
            Only::Shape(shape) => shape == at,
            Only::Others => at == settled.shapes.len(),
        };
        let line = row_line(model, text, selected, false, area);
        lines.push(if chosen && !selected {
            line.style(model.look.accent())
        } else {
            line
        });
    }
    frame.render_widget(Text::from(lines), area);
}

/// The names below: which of them, and how many.
fn names_line(names: &Names, listing: &Listing, style: Style) -> Line<'static> {
    let settled = &listing.shapes;
    let (of, all) = match names.only {
        Only::All => (String::new(), listing.count),
        Only::Others => (" of other shapes".into(), settled.other),
        Only::Shape(shape) => {
            let shape = settled.shapes.get(shape);
            let text = shape.map(ToString::to_string).unwrap_or_default();
            (format!(" of {text}"), shape.map_or(0, |shape| shape.count))
        }
    };
    let mut text = if names.sifting.is_some() {
        format!(" looking through {} names{of}", count(all))
    } else if names.filter.is_none() {
        format!(" {} names{of}", count(all))
    } else {
        let filter = printable(names.filter.text());
        format!(
            " {} names{of} with {filter}",
            count(names.name_rows() as u64)
        )
    };
    if listing.not_kept() > 0 {
        let kept = count(listing.names.len() as u64);
        text += &format!("; the first {kept} are kept, export writes all");
    }
    Line::styled(text + " ", style)
}

fn name_list(model: &Model, names: &Names, frame: &mut Frame<'_>, area: Rect) {
    let height = usize::from(area.height);
    let width = usize::from(area.width).saturating_sub(1);
    let first = first_row(names.name, names.name_rows(), height);
    let rows = (first..names.name_rows()).take(height);
    let lines = rows.filter_map(|at| {
        let text = format!(" {}", middle(&printable_bytes(names.name(at)?), 0, width));
        let selected = names.focus == Focus::Names && at == names.name;
        Some(row_line(model, text, selected, false, area))
    });
    frame.render_widget(Text::from_iter(lines), area);
}

/// ```text
///  ┌ Write the names to a new file ───────────────────────────────────────────────┐
///  │ negatives-sessions.txt                                                       │
///  │ in /root                                                                     │
///  │ one a line, escaped (Tab: raw, NUL-terminated)                    │
///  └──────────────────────────────────────────────────────────────────────────────┘
/// ```
pub(super) fn export(model: &Model, export: &Export, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    let format = match export.format {
        Format::Lines => "one a line, escaped (Tab: raw, NUL-terminated)",
        Format::Raw => "raw, NUL-terminated (Tab: one a line, escaped)",
    };
    let cursor = Span::styled(" ", look.selected());
    let typed = Span::styled(printable(&export.path), look.strong());
    let mut text = vec![Line::from(vec![typed, cursor])];
    let file = model.directory.join(&export.path);
    if let Some(dir) = file.parent().filter(|dir| dir.is_absolute()) {
        let room = usize::from(inside(area)).saturating_sub(3);
        text.push(Line::raw(format!("in {}", tail(&printable(dir), room))));
    }
    text.push(Line::raw(format));
    if let Some((_, written)) = export.job {
        let text_of = format!("{} names so far, Esc stops", count(written));
        text.push(Line::styled(text_of, look.accent()));
    } else if let Some(error) = &export.error {
        text.push(Line::styled(error, look.warn()));
    }
    popup(look, "Write the names to a new file", text, frame, area);
}
