//! The help screen, made from the key map.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span, Text};

use super::fit::wrapped;
use super::grid::meanings;
use crate::cache::verdict::Rule;
use crate::ui::keymap::{Binding, Scope, label};
use crate::ui::keys_now::is_offered;
use crate::ui::model::{CGROUP_COLUMNS, FILESYSTEM_COLUMNS, Model, Page, Screen, TREE_SHAPES};

/// Words that the screens use.
const WORDS: [&str; 15] = [
    "negative  a name cached as absent: a failed lookup, remembered",
    "in use    referenced by anything but its own children and slabscope",
    "unused    the rest, negatives included: what a prune may take",
    "off LRU   referenced by something; their own children count, too",
    "on LRU    unreferenced when they joined it; some are referenced again",
    "R, U, ?   the cache's pages count as SReclaimable, as SUnreclaim, not known",
    "(mount)   something is mounted there; (+mount) somewhere below",
    "IDLE      bytes of a cache's slabs that no object occupies",
    "SHARE     of the bytes of all caches, as a bar",
    "(+3)      three more names share the cache: the kernel merges like ones",
    "Δ OBJ/s   net change in objects per second, since the last refresh",
    "Δ MARK    net change in objects since the mark; Δ BYTES in bytes",
    "HISTORY   objects over the chart's time, each row on its own scale",
    "shrink    free slabs without objects; prune evicts objects",
    "learn     try all of this in a virtual machine: cargo lab learn",
];

/// Parts of the shapes of names.
const SHAPES: [&str; 6] = [
    "<number>    decimal digits: core.<number>",
    "<hex32>     32 hexadecimal digits: sess_<hex32>; <hex>: not always as many",
    "<uuid>      8-4-4-4-12 hexadecimal digits: <uuid>.tmp",
    "<random10>  10 random letters and digits, as mktemp makes them",
    "<text>      anything: <text>.conf",
    "other       names of no common shape",
];

/// Meanings of the columns of the hotspots.
const HOTSPOTS: [&str; 7] = [
    "NEGATIVE      Names cached as absent directly in the directory, not below it.",
    "              n lists them by shape, which shows what creates them.",
    "CHANGE        Of the sort column, since the previous count in this",
    "              session. new: it was not among the largest then.",
    "FREEABLE      Bytes of the dentries directly in it that could be evicted.",
    "              Only a dry run shows what a prune of the subtree would free.",
    "NEG. SUBTREE  Names cached as absent in it and in all directories below it.",
];

/// The keys of the screen below on the left, of all screens on the right, the words under both.
///
/// Only the lines with `text`, whatever its case.
pub(super) fn render(model: &Model, scroll: u16, text: &str, frame: &mut Frame<'_>, area: Rect) {
    let here: &[Scope] = match model.screen {
        _ if model.who_is_shown() => &[Scope::Who],
        Screen::Slabs if model.slabs.detail.is_some() => &[Scope::Detail, Scope::RungPlan],
        Screen::Slabs => &[Scope::Slabs],
        Screen::Tree if model.page == Some(Page::Hotspots) => &[Scope::Hotspots],
        Screen::Tree if model.page == Some(Page::Names) => &[Scope::Names, Scope::Export],
        Screen::Tree if model.tree.stack.is_empty() => &[Scope::Mounts],
        Screen::Tree => &[Scope::Tree, Scope::Plan],
        Screen::Filesystems => &[Scope::Filesystems],
        Screen::Cgroups => &[Scope::Cgroups],
        Screen::History => &[Scope::History],
    };
    let (left, right) = (
        keys(model, here, WIDTH - 1),
        keys(model, &[Scope::Everywhere, Scope::Lists], 80 - WIDTH),
    );
    let mut lines = beside(left, right);
    if model.screen == Screen::Tree && model.page.is_none() {
        lines.push(Line::styled(" Columns", model.look.strong()));
        lines.extend(tree_columns(area.width));
        lines.push(Line::styled(" What looking costs", model.look.strong()));
        lines.extend(costs(model, area.width));
    }
    match model.screen {
        Screen::Filesystems => columns(model, meanings(FILESYSTEM_COLUMNS, area.width), &mut lines),
        Screen::Cgroups => columns(model, meanings(CGROUP_COLUMNS, area.width), &mut lines),
        Screen::Slabs if model.slabs.detail.is_none() => {
            lines.push(Line::styled(
                " The line with !, the first that holds",
                model.look.strong(),
            ));
            lines.extend(Rule::ALL.map(|rule| Line::raw(format!("   {}", rule.means()))));
        }
        _ => {}
    }
    if model.page == Some(Page::Names) {
        lines.push(Line::styled(" Shapes", model.look.strong()));
        lines.extend(SHAPES.map(|shape| Line::raw(format!("   {shape}"))));
    }
    if model.page == Some(Page::Hotspots) {
        lines.push(Line::styled(" Columns", model.look.strong()));
        lines.extend(HOTSPOTS.map(|column| Line::raw(format!("   {column}"))));
    }
    lines.push(Line::styled(" Words", model.look.strong()));
    lines.extend(WORDS.map(|word| Line::raw(format!("   {}", model.look.head(word)))));
    let wanted = text.to_lowercase();
    lines.retain(|line| line.to_string().to_lowercase().contains(&wanted));
    if lines.is_empty() {
        let text = crate::base::text::printable(text);
        lines.push(Line::raw(format!("   no line has \"{text}\"; Esc closes")));
    }
    let height = usize::from(area.height);
    let hidden = lines.len().saturating_sub(height);
    let first = usize::from(scroll).min(hidden);
    let mut lines: Vec<_> = lines.into_iter().skip(first).take(height).collect();
    if first < hidden
        && let Some(last) = lines.last_mut()
    {
        *last = {
            let [down, page] = ["down", "page-down"].map(|name| model.keymap.key(name));
            Line::styled(format!("   more below: {down}, {page}"), model.look.warn())
        };
    }
    frame.render_widget(Text::from(lines), area);
}

/// Adds columns with their title.
fn columns(model: &Model, columns: Vec<Line<'static>>, lines: &mut Vec<Line<'static>>) {
    lines.push(Line::styled(" Columns", model.look.strong()));
    lines.extend(columns);
}

/// The meaning of each column of the tree, in two sentences.
fn tree_columns(width: u16) -> impl Iterator<Item = Line<'static>> {
    const HEAD: usize = 14;
    let room = usize::from(width).saturating_sub(HEAD).min(100);
    TREE_SHAPES.iter().flat_map(move |shape| {
        let text = shape.means.join(" ");
        let head = |at| if at == 0 { shape.head } else { "" };
        let lines = wrapped(&text, room).into_iter().enumerate();
        lines.map(move |(at, line)| Line::raw(format!("   {:<10} {line}", head(at))))
    })
}

/// Measured effect of the program itself on the cache.
fn costs(model: &Model, width: u16) -> impl Iterator<Item = Line<'static>> + use<> {
    let start = model.started.map(|dentries| {
        let more = crate::base::text::short_signed(dentries as f64);
        format!(
            "While the program started, the system's dentries changed by {more}: \
             most of that comes from the first read of /sys/kernel/slab, if nothing read it before."
        )
    });
    let always = "The line above the rows shows how many dentries the whole system gained \
        while the directory was opened (nr_dentry of dentry-state, before and after). The census \
        itself looks nothing up: other programs caused the growth.";
    let room = usize::from(width).saturating_sub(4).min(100);
    let texts = start.into_iter().chain([always.to_owned()]);
    texts.flat_map(move |text| {
        let lines = wrapped(&text, room).into_iter();
        lines.map(|line| Line::raw(format!("   {line}")))
    })
}

/// Columns of the terminal for the keys on the left.
const WIDTH: usize = 44;

/// Two columns, line by line.
fn beside(left: Vec<Line<'static>>, right: Vec<Line<'static>>) -> Vec<Line<'static>> {
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    std::iter::from_fn(|| match (left.next(), right.next()) {
        (None, None) => None,
        (left, right) => {
            let mut line = left.unwrap_or_default();
            let gap = WIDTH.saturating_sub(line.width());
            line.spans.push(Span::raw(" ".repeat(gap)));
            line.spans.extend(right.unwrap_or_default().spans);
            Some(line)
        }
    })
    .collect()
}

fn keys(model: &Model, scopes: &[Scope], width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for &scope in scopes {
        let shown = |b: &&Binding| b.scope == scope && !b.help.is_empty() && is_offered(model, b);
        let mut bindings = model.keymap.bindings().filter(shown).peekable();
        if bindings.peek().is_none() {
            continue;
        }
        let title = format!(" {}", scope.words());
        lines.push(Line::from(Span::styled(title, model.look.strong())));
        lines.extend(bindings.map(|binding| {
            Line::from(vec![
                Span::styled(format!(" {:>5} ", binding.label()), model.look.accent()),
                Span::raw(also(binding, width - 7)),
            ])
        }));
    }
    lines
}

/// The help of a binding, and as many of its other keys as there is room for.
fn also(binding: &Binding, width: usize) -> String {
    let mut text = binding.help.to_owned();
    let mut before = " (also ";
    for &key in binding.keys.iter().skip(1) {
        let more = format!("{before}{}", label(key));
        if Span::raw(&text).width() + Span::raw(&more).width() + 1 > width {
            break;
        }
        text += &more;
        before = ", ";
    }
    if before == ", " {
        text.push(')');
    }
    text
}
