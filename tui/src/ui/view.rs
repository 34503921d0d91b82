//! The model, drawn. Layout only: it stores nothing and changes nothing.

mod asked;
mod browse;
mod cgroups;
pub mod chart;
mod detail;
mod directory;
mod figures;
mod filesystems;
mod filling;
mod fit;
mod grid;
mod help;
mod history;
mod hotspots;
mod ladder;
mod ledger;
mod log;
mod mounts;
mod names;
mod palette;
mod pen;
mod plan;
mod question;
mod row_pane;
mod rung;
mod settings;
mod slabs;
mod sort_menu;
mod summary;
mod table;
mod tree;
mod tree_table;
mod who;

use crossterm::event::KeyCode;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};

use crate::base::filter::REGEX;
use crate::base::text::{duration, printable};
use crate::ui::look::Look;
use crate::ui::model::{
    Answer, Column, Inert, InputMode, Model, Page, Question, Screen, TreeColumn, Watching,
};
use crate::ui::{keymap, keys_now};
pub use fit::{LEAST, too_small};
use fit::{boxed, cut, first_row, middle, rate_bytes, tail, trend};
pub use grid::GridHit;
use pen::Pen;
pub use question::in_sight;
pub use slabs::shows_summary;

/// ```text
///  slabscope  web-07  7.3.4   1 Slabs  2 Tree  3 Filesystems  4 Cgroups  5 History
///  the screen, or what is shown in its place
///  Enter in  Bksp up  p prune row                                 ? help  q quit
/// ```
pub fn render(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    if too_small((area.width, area.height)) {
        smallness(frame, area);
        return;
    }
    let [head, body, foot] = areas(frame.area());
    header(model, frame, head);
    match (&model.mode, model.screen) {
        (InputMode::Help { scroll, text, .. }, _) => {
            help::render(model, *scroll, text, frame, body);
        }
        (InputMode::Ledger, _) => ledger::render(model, frame, body),
        _ if model.who_is_shown() => who::render(model, frame, body),
        (_, Screen::Slabs) if model.slabs.detail.is_some() => detail::render(model, frame, body),
        (_, Screen::Slabs) => slabs::render(model, frame, body),
        (_, Screen::Tree) => match (model.page, &model.names) {
            (Some(Page::Names), Some(names)) => names::render(model, names, frame, body),
            (Some(Page::Hotspots), _) => hotspots::render(model, frame, body),
            _ => tree::render(model, frame, body),
        },
        (_, Screen::Filesystems) => filesystems::render(model, frame, body),
        (_, Screen::Cgroups) => cgroups::render(model, frame, body),
        (_, Screen::History) => history::render(model, frame, body),
    }
    match &model.mode {
        InputMode::Planning { paths, so_far, .. } => {
            plan::planning(model, paths, so_far, frame, body)
        }
        InputMode::Confirm(_)
        | InputMode::ConfirmRung(_)
        | InputMode::ConfirmWho(_)
        | InputMode::Settings(_)
        | InputMode::Leave => question::render(model, frame, body),
        InputMode::Pruning(pruning) => plan::pruning(model, pruning, frame, body),
        InputMode::Export(export) => names::export(model, export, frame, body),
        InputMode::Palette { text, at } => palette::render(model, text, *at, frame, body),
        InputMode::SortMenu { at } => sort_menu::render(model, *at, frame, body),
        InputMode::PlanningRung { ask, progress, .. } => {
            rung::planning(model, ask, progress, frame, body)
        }
        InputMode::RunningRung(running) => rung::running(model, running, frame, body),
        InputMode::RungLedger(ledger) => rung::ledger(model, ledger, frame, body),
        InputMode::Failed { what, error } => {
            let lines = error.lines().map(Line::raw);
            popup(model.look, what, lines.collect(), frame, body);
        }
        _ => {}
    }
    if let Some(at) = model.asking.wider {
        ladder::list(model, at, frame, body);
    }
    hints(model, frame, foot);
    if !model.look.glyphs.ellipsis {
        fit::spell_cuts(frame.buffer_mut());
    }
}

/// The message for a terminal that is too small.
fn smallness(frame: &mut Frame<'_>, area: Rect) {
    let (columns, rows) = LEAST;
    let text = format!(
        "slabscope needs a terminal of {columns}x{rows}; this is {}x{}",
        area.width, area.height
    );
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
}

/// Head, body and foot.
fn areas(area: Rect) -> [Rect; 3] {
    Layout::vertical([
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area)
}

/// The screens, with their keys; if there is no room for all, only the shown one has its name.
fn tabs(model: &Model) -> [(String, Screen); 5] {
    /// Columns of a terminal with room for the program's name as well.
    const ROOM: u16 = 66;
    let narrow = model.size.0 < ROOM;
    [
        ("slabs", "Slabs", Screen::Slabs),
        ("tree", "Tree", Screen::Tree),
        ("filesystems", "Filesystems", Screen::Filesystems),
        ("cgroups", "Cgroups", Screen::Cgroups),
        ("history", "History", Screen::History),
    ]
    .map(|(name, words, screen)| {
        let key = model.keymap.key(name);
        let text = match narrow && screen != model.screen {
            true => format!(" {key} "),
            false => format!(" {key} {words} "),
        };
        (text, screen)
    })
}

/// What is under the mouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// The name of a screen.
    Screen(Screen),
    /// The heading of a column.
    Head(Column),
    /// A row of the slab table.
    Row(usize),
    /// The heading of a column of the tree.
    TreeHead(TreeColumn),
    /// A row of the tree.
    TreeRow(usize),
    /// A part of the screen of filesystems, or of cgroups.
    Grid(GridHit),
    /// A key on the bottom line.
    Key(KeyCode),
}

/// What is at a column and row of the terminal.
pub fn hit(model: &Model, column: u16, row: u16) -> Option<Hit> {
    let [head, body, foot] = areas(Rect::new(0, 0, model.size.0, model.size.1));
    if foot.y == row {
        return key_at(model, foot, column).map(Hit::Key);
    }
    if head.y == row {
        let mut right = head.right();
        return tabs(model).iter().rev().find_map(|(text, screen)| {
            right = right.saturating_sub(Span::raw(text).width() as u16);
            (column >= right).then_some(Hit::Screen(*screen))
        });
    }
    match (&model.mode, model.screen) {
        (InputMode::Browse, Screen::Slabs) => slabs::hit(model, body, column, row),
        (InputMode::Browse, Screen::Tree) => tree::hit(model, body, column, row),
        (InputMode::Browse, Screen::Filesystems) => filesystems::grid(model)
            .hit(body, column, row)
            .map(Hit::Grid),
        (InputMode::Browse, Screen::Cgroups) => {
            cgroups::grid(model).hit(body, column, row).map(Hit::Grid)
        }
        _ => None,
    }
}

fn header(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    let mut tabs = Vec::new();
    let flag = |text| Span::styled(text, look.warn().patch(look.selected()));
    match model.inert {
        Some(Inert::Captured(_)) => tabs.extend([flag(" CAPTURED "), Span::raw("  ")]),
        Some(Inert::ReadOnly) => tabs.extend([flag(" READ-ONLY "), Span::raw("  ")]),
        None => {}
    }
    if model.who.watching.as_ref().is_some_and(Watching::is_on) {
        tabs.extend([flag(" WATCHING "), Span::raw("  ")]);
    }
    if model.frozen.is_some() {
        tabs.extend([flag(" FROZEN "), Span::raw("  ")]);
    }
    for (text, screen) in self::tabs(model) {
        let chosen = screen == model.screen;
        let style = if chosen {
            look.selected()
        } else {
            Style::new()
        };
        tabs.push(Span::styled(text, style));
    }
    let tabs = Line::from(tabs);
    let [left, right] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(tabs.width() as u16)])
            .areas(area);
    // A part that does not fit is left out: a cut name looks like another one.
    let mut host = String::new();
    for part in [&model.host.name, &model.host.kernel] {
        let part = format!("  {}", printable(part));
        let taken = " slabscope".len() + Span::raw(&host).width();
        if taken + Span::raw(&part).width() <= left.width.into() {
            host.push_str(&part);
        }
    }
    let title = Line::from(vec![
        Span::styled(" slabscope", look.strong()),
        Span::styled(host, look.dim()),
    ]);
    frame.render_widget(title, left);
    frame.render_widget(tabs, right);
}

/// Keys and their current actions, as many as fit; in front of them a notice about the last key.
fn hints(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    if matches!(model.mode, InputMode::Filter) {
        filter(model, frame, area);
        return;
    }
    match &model.mode {
        InputMode::Jump { text, offered } => return jump(model, text, *offered, frame, area),
        InputMode::Help {
            text, typing: true, ..
        } => {
            let words = "Enter apply, Esc clear";
            return field(model, "/", text, words, frame, area);
        }
        InputMode::Palette { text, .. } => {
            let words = "Enter go, Tab complete, Esc cancel";
            return field(model, ":", text, words, frame, area);
        }
        InputMode::Search {
            text, typing: true, ..
        } => {
            let words = "Enter stay, Esc back, Down next match";
            return field(model, "\\", text, words, frame, area);
        }
        _ => {}
    }
    if let Some(notice) = &model.notice {
        let line = Line::styled(format!(" {notice}"), look.warn());
        frame.render_widget(line, area);
        return;
    }
    keys(model, frame, area);
}

/// The filter as it is typed, and what it understands.
fn filter(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    let typed = format!(" /{}", printable(model.filter().text()));
    let at = area.x + Span::raw(&typed).width() as u16;
    let beside = match model.filter().error() {
        _ if model.notice.is_some() => said(model, ""),
        Some(why) => Span::styled(
            format!("   not a regular expression: {}", printable(why)),
            look.warn(),
        ),
        None if model.filter().text().starts_with(REGEX) => {
            Span::styled("   as a regular expression", look.dim())
        }
        None => Span::styled("   text or ~regex", look.dim()),
    };
    // The way out is first: on a small screen the rest is cut off.
    let keys = Span::styled("   Enter apply, Esc clear", look.dim());
    frame.render_widget(Line::from(vec![Span::raw(typed), keys, beside]), area);
    frame.set_cursor_position((at.min(area.right().saturating_sub(1)), area.y));
}

/// A text as it is typed, behind its sign: its end, if it is long; then the keys.
fn field(model: &Model, sign: &str, text: &str, keys: &str, frame: &mut Frame<'_>, area: Rect) {
    let width = usize::from(area.width);
    let notice = model.notice.as_ref().map_or(0, |notice| notice.len() + 3);
    let typed = tail(&printable(text), width.saturating_sub(4 + notice));
    let typed = format!(" {sign}{typed}");
    let at = area.x + Span::raw(&typed).width() as u16;
    let beside = match &model.notice {
        Some(notice) => Span::styled(format!("   {notice}"), model.look.warn()),
        None => Span::styled(format!("   {keys}"), model.look.dim()),
    };
    frame.render_widget(Line::from(vec![Span::raw(typed), beside]), area);
    frame.set_cursor_position((at.min(area.right().saturating_sub(1)), area.y));
}

/// Text beside a field: a notice about the last input, or else these words.
fn said(model: &Model, words: &'static str) -> Span<'static> {
    match &model.notice {
        Some(notice) => Span::styled(format!("   {notice}"), model.look.warn()),
        None => Span::styled(words, model.look.dim()),
    }
}

/// The path as it is typed: its end, if it is long.
fn jump(model: &Model, text: &str, offered: bool, frame: &mut Frame<'_>, area: Rect) {
    const WORDS: &str = "   Enter go, Esc cancel   a path, or a PID for its mounts";
    const OFFERED: &str = "   Enter go, Esc cancel   type a path or a PID; Tab edits";
    let width = usize::from(area.width);
    // The notice has to be visible.
    let notice = model.notice.as_ref().map_or(0, |notice| notice.len() + 3);
    let typed = tail(&printable(text), width.saturating_sub(7 + notice));
    let at = area.x + 6 + Span::raw(&typed).width() as u16;
    let (style, words) = match offered {
        true => (model.look.selected(), OFFERED),
        false => (Style::new(), WORDS),
    };
    let words = said(model, words);
    let line = vec![Span::raw(" open "), Span::styled(typed, style), words];
    frame.render_widget(Line::from(line), area);
    frame.set_cursor_position((at.min(area.right().saturating_sub(1)), area.y));
}

/// Columns that a key takes on the bottom line, with the blanks behind it.
fn key_width(binding: &keymap::Binding) -> usize {
    Span::raw(binding.label()).width() + 1 + binding.hint.len() + 2
}

/// The keys on the bottom line: as many as fit.
fn keys_shown(model: &Model, columns: u16) -> Vec<&keymap::Binding> {
    // Help, quit and the way back are the last to be dropped if there is no room.
    let stays =
        |b: &keymap::Binding| matches!(b.hint, "help" | "quit") || b.keys.contains(&KeyCode::Esc);
    // The answers to a question are shown once they count.
    let early =
        Question::of(model).is_some() && model.asking.answer(in_sight(model)) != Answer::Heard;
    let offered = |b: &&keymap::Binding| !(early && b.keys.contains(&KeyCode::Char('y')));
    let kept = keys_now::hints(model).filter(|b| stays(b));
    let kept: usize = kept.map(key_width).sum();
    let taken = waiting(model).map_or(0, |text| text.width());
    let mut room = usize::from(columns).checked_sub(1 + kept + taken);
    let mut fits = |b: &&keymap::Binding| {
        let wanted = key_width(b);
        stays(b) || {
            room = room.and_then(|room| room.checked_sub(wanted));
            room.is_some()
        }
    };
    let offered = keys_now::hints(model).filter(offered);
    offered.filter(|binding| fits(binding)).collect()
}

fn keys(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let waiting = waiting(model);
    let mut spans = vec![Span::raw(" ")];
    for binding in keys_shown(model, area.width) {
        spans.push(Span::styled(binding.label(), model.look.accent()));
        spans.push(Span::raw(format!(" {}  ", binding.hint)));
    }
    frame.render_widget(Line::from(spans), area);
    if let Some(text) = waiting {
        frame.render_widget(Line::from(text).right_aligned(), area);
    }
}

/// How long something is under way that the user waits for, with a sign of life.
fn waiting(model: &Model) -> Option<Span<'static>> {
    const TURN: u128 = 250;
    let waited = model.waited()?;
    let glyphs = model.look.glyphs.spinner;
    let turn = usize::try_from(waited.as_millis() / TURN).unwrap_or(0);
    let text = format!(" {} {} ", glyphs[turn % glyphs.len()], duration(waited));
    Some(Span::styled(text, model.look.accent()))
}

/// The key at a column of the bottom line.
fn key_at(model: &Model, foot: Rect, column: u16) -> Option<KeyCode> {
    let column = usize::from(column.checked_sub(foot.x)?);
    let mut right = 1;
    let mut keys = keys_shown(model, foot.width).into_iter();
    let found = keys.find(|binding| {
        right += key_width(binding);
        column < right
    })?;
    found
        .keys
        .first()
        .copied()
        .filter(|_| column > 0 && model.notice.is_none())
}

/// A title in a line across.
fn rule(look: Look, title: Line<'_>, frame: &mut Frame<'_>, area: Rect) {
    let mut pen = Pen::new(frame.buffer_mut(), area);
    for _ in 0..area.width {
        pen.glyph(look.glyphs.rule);
    }
    frame.buffer_mut().set_style(area, look.dim());
    let at = Rect {
        x: area.x.saturating_add(2).min(area.right()),
        width: area.width.saturating_sub(2).min(title.width() as u16),
        ..area
    };
    frame.render_widget(Clear, at);
    frame.render_widget(title, at);
}

/// Texts at the right end of a title whose words take `taken` columns, as far as there is room: the
/// first is the outermost.
fn ends<'a>(
    frame: &mut Frame<'_>,
    title: Rect,
    taken: usize,
    texts: impl IntoIterator<Item = Line<'a>>,
) {
    let mut right = title.right().saturating_sub(2);
    for text in texts {
        let width = u16::try_from(text.width()).unwrap_or(u16::MAX);
        let left = usize::from(title.x) + 3 + taken;
        if width > right || usize::from(right - width) < left {
            continue;
        }
        let area = Rect {
            x: right - width,
            width,
            ..title
        };
        frame.render_widget(text, area);
        right = area.x.saturating_sub(1);
    }
}

/// A box over the middle of the screen, as high as its text.
fn popup(look: Look, title: &str, text: Vec<Line<'_>>, frame: &mut Frame<'_>, area: Rect) {
    let width = (inside(area) + 4).min(area.width);
    let room = area.height.saturating_sub(2);
    let text = boxed(look, text, inside(area), room.into());
    let paragraph = Paragraph::new(text).wrap(Wrap { trim: false });
    let lines: usize = paragraph_height(&paragraph, inside(area));
    let height = u16::try_from(lines + 2)
        .unwrap_or(u16::MAX)
        .min(area.height);
    let whole = area;
    let area = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    let block = Block::bordered()
        .border_set(look.glyphs.border)
        .title(Line::styled(format!(" {title} "), look.strong()))
        .padding(ratatui::widgets::Padding::horizontal(1));
    frame.render_widget(Clear, cleared(whole, area));
    frame.render_widget(paragraph.block(block), area);
}

/// What of the screen is cleared for a box: a few columns beside it would be remains of words.
fn cleared(screen: Rect, area: Rect) -> Rect {
    const REMAINS: u16 = 12;
    match screen.width.saturating_sub(area.width) {
        0..=REMAINS => Rect {
            x: screen.x,
            width: screen.width,
            ..area
        },
        _ => area,
    }
}

/// Columns for the text of a box over `area`.
fn inside(area: Rect) -> u16 {
    area.width.saturating_sub(2).min(96).saturating_sub(4)
}

/// Lines that `paragraph` takes, counted by laying it out: no line of ours is long.
fn paragraph_height(paragraph: &Paragraph<'_>, width: u16) -> usize {
    paragraph.line_count(width)
}

/// An error in place of a table.
fn trouble(look: Look, text: Vec<Line<'_>>, frame: &mut Frame<'_>, area: Rect) {
    let area = area.inner(ratatui::layout::Margin::new(2, 1));
    frame.render_widget(
        Paragraph::new(text)
            .wrap(Wrap { trim: false })
            .style(look.warn()),
        area,
    );
}
