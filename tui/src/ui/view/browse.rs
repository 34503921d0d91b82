//! A directory by readdir alone, and what a reader that counts would add.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span, Text};

use super::directory::row_line;
use super::fit::position;
use super::{Hit, ends, first_row, middle, rule};
use crate::base::text::{bytes, count, printable};
use crate::kernel::page_cache::Unknown;
use crate::kernel::readdir::{Entry, Kind};
use crate::kernel::session::too_old;
use crate::kernel::target::LookError;
use crate::ui::model::{Listed, Model, Place, TreeColumn};

/// Summary, title, list, and what is missing.
fn areas(area: Rect) -> [Rect; 4] {
    let missing = if area.height >= 12 { 4 } else { 1 };
    Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(missing),
    ])
    .areas(area)
}

/// The index of the first row shown, and how many there is room for.
fn in_sight(place: &Place, listed: &Listed, list: Rect) -> (usize, usize) {
    let height = usize::from(list.height.saturating_sub(1));
    let len = listed.entries().len();
    (first_row(place.index(), len, height), height)
}

/// ```text
///  no module: readdir lists 1,204 names, 310 of them cached; page cache 40.0 MiB
///  ── 1,204 names by name ▲ ─────────────────────── walk added 0 dentries ──
///  CACHED KIND          PAGES NAME
///  yes    directory           bin/
///  -      file              ? notes
///  the slabscope kernel module is not loaded (/dev/slabscope is missing)
///  It would add: ...
/// ```
pub(super) fn render(
    model: &Model,
    (place, listed): (&Place, &Listed),
    why: &LookError,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    let look = model.look;
    let [summary, title, list, missing] = areas(area);
    frame.render_widget(head(model, place, listed), summary);
    let words = order(model, listed);
    let taken = words.width();
    rule(look, words, frame, title);
    let position = position(place.index(), place.len(), list.height.saturating_sub(1));
    let cost = super::directory::cost(model, listed.found.cost);
    ends(
        frame,
        title,
        taken,
        position.map(Line::raw).into_iter().chain(cost),
    );
    rows(model, place, listed, frame, list);
    frame.render_widget(Text::from(without(model, why)), missing);
}

fn head(model: &Model, place: &Place, listed: &Listed) -> Line<'static> {
    let look = model.look;
    let entries = &listed.found.entries;
    let cached = entries.iter().filter(|entry| entry.cached).count() as u64;
    let number = (entries.len() as u64).saturating_add(listed.found.more);
    let least = if listed.found.partial {
        "at least "
    } else {
        ""
    };
    // Such filesystems revalidate every name.
    let silent = cached == 0 && place.mount.is_internal();
    let cached = match silent {
        true => format!(
            "; {} does not report which are cached",
            printable(&*place.mount.fs)
        ),
        false => format!(", {} of them cached", count(cached)),
    };
    let mut spans = vec![
        Span::styled(" no module", look.warn()),
        Span::raw(format!(
            ": readdir lists {least}{} names{cached}",
            count(number)
        )),
    ];
    if let Some(pages) = listed.pages() {
        let text = format!("; page cache {}", bytes(pages));
        spans.push(Span::styled(text, look.strong()));
    }
    Line::from(spans)
}

fn order(model: &Model, listed: &Listed) -> Line<'static> {
    let (look, order) = (model.look, &model.tree.order);
    let by_pages = order.sort == TreeColumn::Pages;
    let arrow = look.glyphs.order[usize::from(order.reverse == by_pages)];
    let by = if by_pages { "page cache" } else { "name" };
    let shown = count(listed.entries().len() as u64);
    let plural = if listed.entries().len() == 1 { "" } else { "s" };
    let mut text = format!(" {shown} name{plural} by {by} {arrow} ");
    if !order.filter.is_none() {
        text.push_str(&format!("matching \"{}\" ", printable(order.filter.text())));
    }
    Line::styled(text, look.strong())
}

fn rows(model: &Model, place: &Place, listed: &Listed, frame: &mut Frame<'_>, area: Rect) {
    let head = format!(" {:<6} {:<9} {:>9} NAME", "CACHED", "KIND", "PAGES");
    let room = usize::from(area.width).saturating_sub(head.len() - 4);
    let mut lines = vec![Line::styled(head, model.look.dim())];
    let selected = place.index();
    let (first, height) = in_sight(place, listed, area);
    let entries = listed.entries().iter().enumerate();
    for (at, entry) in entries.skip(first).take(height) {
        let (kind, slash) = match entry.kind {
            Kind::Directory => ("directory", "/"),
            Kind::File => ("file", ""),
            Kind::Link => ("link", ""),
            Kind::Other => ("other", ""),
        };
        let name = format!("{}{slash}", printable(&entry.name));
        let cached = if entry.cached { "yes" } else { "-" };
        let text = format!(
            " {cached:<6} {kind:<9} {:>9} {}",
            pages(entry),
            middle(&name, 0, room)
        );
        lines.push(row_line(model, text, at == selected, !entry.cached, area));
    }
    if listed.entries().is_empty() {
        let text = match model.tree.order.filter.is_none() {
            true => "   no names".to_owned(),
            false => format!(
                "   no name matches \"{}\"; Esc clears the filter",
                printable(model.tree.order.filter.text())
            ),
        };
        lines.push(Line::raw(text));
    }
    frame.render_widget(Text::from(lines), area);
}

fn pages(entry: &Entry) -> String {
    match entry.pages {
        None => String::new(),
        Some(Ok(pages)) => bytes(pages),
        Some(Err(Unknown::NotCached)) => "-".into(),
        Some(Err(Unknown::NotYours)) => "not yours".into(),
        Some(Err(Unknown::Failed)) => "-".into(),
    }
}

/// What is missing, what it would add, and how to get it.
fn without(model: &Model, why: &LookError) -> Vec<Line<'static>> {
    let look = model.look;
    let how = match too_old(&model.host.kernel) {
        Some((major, minor)) => format!(
            "It is for Linux {major}.{minor} and later; to see it on a kernel of its own: cargo lab"
        ),
        None => "To build and load it: sudo slabscope module install; to see it: cargo lab".into(),
    };
    let [pages, slabs] = ["page-cache", "slabs"].map(|name| model.keymap.key(name));
    vec![
        Line::styled(format!(" {why}"), look.warn()),
        Line::raw(" It adds counts below each name (in use, unused), negative names, pruning."),
        Line::raw(format!(" {how}")),
        Line::styled(
            format!(
                " {pages} page cache of your cached files; {slabs} the slab screen works without it"
            ),
            look.dim(),
        ),
    ]
}

/// What is at a row of the terminal.
pub(super) fn hit(place: &Place, listed: &Listed, area: Rect, row: u16) -> Option<Hit> {
    let [_, _, list, _] = areas(area);
    let below = usize::from(row.checked_sub(list.y + 1)?);
    let (first, height) = in_sight(place, listed, list);
    let at = first + below;
    (below < height && at < listed.entries().len()).then_some(Hit::TreeRow(at))
}
