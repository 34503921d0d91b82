//! The tree screen: the list of mounts, or a directory by what is cached below it.

use std::io;
use std::path::Path;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::directory::cost;
use super::fit::{LOW, beside_scrollbar, position, scrollbar};
use super::row_pane::{self, PANE};
use super::{Hit, browse, cut, ends, mounts, rule, tail, tree_table, trouble};
use crate::base::text::{bytes, count, duration, percent, printable, short};
use crate::cache::census::freeable;
use crate::kernel::paths::root_of_process;
use crate::kernel::reader;
use crate::kernel::session::{SessionError, how_to_get_the_module};
use crate::kernel::source::Mount;
use crate::kernel::target::LookError;
use crate::ui::model::{Browse, End, Model, Place, State, TreeColumn};

/// Draws whichever of the two is shown.
pub(super) fn render(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    match model.tree.place() {
        Some(place) => directory(model, place, frame, area),
        None => mounts::render(model, frame, area),
    }
}

/// What is at a column and row of the terminal.
pub(super) fn hit(model: &Model, area: Rect, column: u16, row: u16) -> Option<Hit> {
    let Some(place) = model.tree.place() else {
        return mounts::hit(model, area, row);
    };
    let [path, _, _, list, _] = areas(area);
    let list = beside_scrollbar(list);
    if let Some(listed) = place.listed() {
        return browse::hit(place, listed, below(path, area), row);
    }
    list.contains((column, row).into())
        .then(|| tree_table::hit(model, place, list, column, row))?
}

/// Path, summary, title, list, and a pane for the selected row if there is room.
fn areas(area: Rect) -> [Rect; 5] {
    let pane = if area.height >= LOW + PANE { PANE } else { 0 };
    Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(pane),
    ])
    .areas(area)
}

/// ```text
///  /var/spool/app                                  ext4 on /dev/vda1   counted 0.4 s ago
///  below: 40,311,020 dentries  40,120,004 negative (99 %)  7.3 GiB freeable
///  ── 3 directories with cached names, by freeable ▼ ──────────────────────────
///         NEGATIVE  IN USE     UNUSED   INODES    PAGES   FREEABLE NAME
///  ████ 40,100,212       4          9       13  1.2 MiB    7.2 GiB sessions/
/// ```
fn directory(model: &Model, place: &Place, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    let [path, summary, title, list, pane] = areas(area);
    let list = beside_scrollbar(list);
    path_line(model, place, frame, path);
    let empty = place.census.rows.is_empty();
    match &place.state {
        State::Uncounted => return,
        State::Failed(error) => {
            if let Some(listed) = place.listed() {
                let area = below(path, area);
                return browse::render(model, (place, listed), error, frame, area);
            }
            let error = match &place.browse {
                Some(Browse::Failed(error)) => error,
                _ => error,
            };
            let what = "What is cached below this directory cannot be counted";
            return failed(model, what, error, frame, list);
        }
        State::Counting { .. } => {
            let text = counting(model, place);
            frame.render_widget(Line::styled(text, look.accent()), summary);
        }
        State::Counted { .. } if empty && !place.census.partial => {
            let text = Line::raw(" nothing is cached below this directory");
            return frame.render_widget(text, summary);
        }
        State::Counted { .. } => frame.render_widget(below_here(model, place), summary),
    }
    if !empty {
        let words = rows_title(model, place);
        let taken = words.width();
        rule(look, words, frame, title);
        let position = position(
            place.index(),
            place.rows().len(),
            list.height.saturating_sub(1),
        );
        let parts = [position.map(Line::raw), marked(model)];
        let parts = parts.into_iter().chain([cost(model, place.census.cost)]);
        ends(frame, title, taken, parts.flatten());
        tree_table::render(model, place, frame, list);
        let (at, len) = (place.index(), place.rows().len());
        scrollbar(look, frame.buffer_mut(), list, at, len);
        row_pane::render(model, place, frame, pane);
    }
}

/// The running total of the marked directories.
fn marked(model: &Model) -> Option<Line<'static>> {
    let marked = model.outermost_marks();
    let size = model.dentry_size();
    let sum = marked.iter().try_fold(0_u64, |sum, (_, of)| {
        Some(sum.saturating_add(freeable(&of.below, size?)))
    });
    let words = format!(
        " {} marked: {} ",
        model.marks.len(),
        sum.map_or("-".into(), bytes)
    );
    (!marked.is_empty()).then(|| Line::styled(words, model.look.warn()))
}

/// The area below the first line.
fn below(path: Rect, area: Rect) -> Rect {
    Rect {
        y: path.bottom(),
        height: area.height.saturating_sub(path.height),
        ..area
    }
}

fn path_line(model: &Model, place: &Place, frame: &mut Frame<'_>, area: Rect) {
    let age = match &place.state {
        State::Counted { at, .. } => {
            let ago = duration(model.now.saturating_sub(*at));
            match place.census.reader {
                reader::Kind::Module => format!("   counted {ago} ago"),
                reader::Kind::Bpf { .. } => {
                    let changed = match place.census.changed {
                        true => ", changed meanwhile,",
                        false => "",
                    };
                    format!("   counted by BPF{changed} {ago} ago")
                }
            }
        }
        _ => String::new(),
    };
    directory_line(model, &place.path, &place.mount, &age, frame, area);
}

/// A directory's path, its filesystem, and the age of the figures.
pub(super) fn directory_line(
    model: &Model,
    path: &Path,
    mount: &Mount,
    age: &str,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    let look = model.look;
    let mount = format!("{}{age} ", filesystem(mount));
    let room = usize::from(area.width).saturating_sub(mount.chars().count() + 3);
    let path = printable(path);
    let path = tail(&path, room);
    let [left, right] = Layout::horizontal([
        Constraint::Fill(1),
        Constraint::Length(mount.chars().count() as u16),
    ])
    .areas(area);
    frame.render_widget(Line::styled(format!(" {path}"), look.strong()), left);
    frame.render_widget(Line::styled(mount, look.dim()), right);
}

/// `ext4 on /dev/vda1`.
pub(super) fn filesystem(mount: &Mount) -> String {
    format!(
        "{} on {}",
        printable(&*mount.fs),
        cut(&printable(&*mount.device), 24)
    )
}

/// Progress and rate of a census.
fn counting(model: &Model, place: &Place) -> String {
    let State::Counting {
        since,
        heard,
        stopping,
        ..
    } = place.state
    else {
        return String::new();
    };
    let total = place.census.here.total;
    let mut text = format!(" counting: {} dentries so far", count(total));
    let seconds = heard.saturating_sub(since).as_secs_f64();
    if seconds > 0.0 {
        text += &format!(", {}/s", short(total as f64 / seconds));
    }
    let before: u64 = place.before.iter().flat_map(|b| b.values()).sum();
    if let Some(percent) = percent(total, before).filter(|&percent| percent < 100) {
        text += &format!(", {percent} % of the last count");
    }
    text += &format!(", {}", duration(model.now.saturating_sub(since)));
    text += if stopping {
        "  ending"
    } else {
        "  Esc stops it"
    };
    text
}

fn below_here(model: &Model, place: &Place) -> Line<'static> {
    let look = model.look;
    let here = &place.census.here;
    let share = percent(here.negative, here.total).unwrap_or(0);
    // Without slabinfo the size of a dentry is unknown.
    let size = model.dentry_size();
    let back = size.map_or("-".into(), |size| bytes(freeable(here, size)));
    Line::from(vec![
        Span::raw(if place.census.partial {
            " at least: "
        } else {
            " below: "
        }),
        Span::styled(count(here.total), look.strong()),
        Span::raw(" dentries  "),
        Span::styled(
            count(here.negative),
            if share >= 50 {
                look.warn()
            } else {
                look.strong()
            },
        ),
        Span::raw(format!(" negative ({share} %)  ")),
        Span::styled(back, look.strong()),
        Span::raw(" freeable"),
    ])
}

fn rows_title(model: &Model, place: &Place) -> Line<'static> {
    let look = model.look;
    let order = &model.tree.order;
    let directories = place.rows().iter().filter(|row| !row.name.is_empty());
    let text = match &place.state {
        State::Counted { end, .. } => match end {
            End::Failed(error) => {
                let text = format!(" the count failed: {error} ");
                return Line::styled(text, look.alarm());
            }
            End::Whole if place.mount.is_memory() => {
                let fs = printable(&*place.mount.fs);
                let text =
                    format!(" nothing to prune: {fs} pins every dentry while its file exists ");
                return Line::styled(text, look.warn());
            }
            End::Whole => "",
            End::Cancelled => "cancelled: ",
            End::Partial => "counted in part: ",
        },
        _ => "",
    };
    let number = directories.count() as u64;
    let plural = if number == 1 {
        "directory"
    } else {
        "directories"
    };
    let arrow = look.glyphs.order[usize::from(order.reverse != (order.sort == TreeColumn::Name))];
    let of = match place.more {
        0 => String::new(),
        more => format!(" of {}", count(number.saturating_add(more))),
    };
    let mut text = format!(
        " {text}{}{of} {plural} with cached names, by {} {arrow} ",
        count(number),
        order.sort.words()
    );
    let filter = printable(order.filter.text());
    match order.filter.error() {
        _ if filter.is_empty() => {}
        None => text.push_str(&format!("matching \"{filter}\" ")),
        Some(_) => text.push_str(&format!("all, \"{filter}\" is not a regular expression ")),
    }
    Line::styled(text, look.strong())
}

/// Why there are no figures, and the remedy. None are invented.
pub(super) fn failed(
    model: &Model,
    what: &'static str,
    error: &LookError,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    let look = model.look;
    let line = |text: &str| Line::raw(text.to_owned());
    let mut text = vec![
        Line::styled(what, look.strong()),
        Line::raw(error.to_string()),
    ];
    if matches!(error, LookError::Session(SessionError::NoModule(_))) {
        text.extend([
            line(""),
            line(
                "Only the kernel knows which names are cached: walking \
                 the tree would fill the very cache that is to be counted.",
            ),
            line(""),
        ]);
        let [slabs, history] = ["slabs", "history"].map(|name| model.keymap.key(name));
        let how = how_to_get_the_module(&model.host.kernel);
        text.extend(how.iter().map(|text| line(text)));
        text.extend([
            line(""),
            line(&format!(
                "The slab screen ({slabs}) and the history ({history}) work without the module."
            )),
        ]);
    } else {
        if let Some(words) = more(model, error) {
            text.push(Line::raw(words));
        }
        let [again, up] = ["recount", "walk-out"].map(|name| model.keymap.key(name));
        text.extend([
            line(""),
            line(&format!("{again} counts again, {up} goes up.")),
        ]);
    }
    trouble(look, text, frame, area);
}

/// The meaning of an error for a user who only wanted to look, and the remedy.
fn more(model: &Model, error: &LookError) -> Option<String> {
    let looked_up = model.tree.place().is_some_and(|place| place.lookup);
    match error {
        LookError::NotCached { names, .. } => {
            let key = model.keymap.key("look-up");
            let plural = if *names == 1 { "dentry" } else { "dentries" };
            Some(format!(
                "Not cached: nothing to count. {key}: look it up (adds up to {names} {plural})."
            ))
        }
        LookError::Open { path, source } => match source.kind() {
            io::ErrorKind::NotFound if looked_up => Some(
                "It does not exist. A negative dentry remembers that; the lookup \
                 added it unless there was one."
                    .into(),
            ),
            io::ErrorKind::NotFound => Some(
                "It does not exist: a negative dentry from before this lookup remembers that."
                    .into(),
            ),
            io::ErrorKind::PermissionDenied if root_of_process(path).is_some() => Some(
                "Only root with CAP_SYS_PTRACE may open the root of another user's process.".into(),
            ),
            _ => None,
        },
        _ => None,
    }
}
