//! Fitting: rows into a height, text into a width, a change into a sign and a figure.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::base::text::count;
use crate::ui::look::Look;

/// Columns and rows of the smallest terminal on which more than a message is drawn.
pub const LEAST: (u16, u16) = (40, 10);

/// Rows of a screen below which charts and duplicate figures are dropped.
pub(super) const LOW: u16 = 14;

/// Whether a terminal of this size is smaller than that.
pub fn too_small((columns, rows): (u16, u16)) -> bool {
    columns < LEAST.0 || rows < LEAST.1
}

/// The part of a text that fits into a box, wrapped: blank lines are dropped first, then the last
/// ones, and a message replaces them.
pub(super) fn boxed<'a>(
    look: Look,
    mut text: Vec<Line<'a>>,
    width: u16,
    height: usize,
) -> Vec<Line<'a>> {
    let lines = |text: &[Line<'_>]| {
        let paragraph = Paragraph::new(text.to_vec()).wrap(Wrap { trim: false });
        paragraph.line_count(width)
    };
    if lines(&text) > height {
        text.retain(|line| line.width() > 0);
    }
    if lines(&text) > height {
        while text.pop().is_some() && lines(&text) + 1 > height {}
        text.push(Line::styled("... more in a larger terminal", look.warn()));
    }
    text
}

/// The first of `len` rows to show in `height`, so that the selected one is in sight: in the middle
/// except near the ends.
pub(super) fn first_row(selected: usize, len: usize, height: usize) -> usize {
    let last = len.saturating_sub(height);
    selected.saturating_sub(height / 2).min(last)
}

/// The rows in sight and their number, if there are more than a table of this height shows.
pub(super) fn position(selected: usize, len: usize, height: u16) -> Option<String> {
    let height = usize::from(height);
    let first = first_row(selected, len, height);
    let [from, to, of] = [first + 1, first + height, len].map(|n| count(n as u64));
    (height > 0 && len > height).then(|| format!(" {from}-{to} of {of} "))
}

/// The part of an area that a table takes: on a wide terminal a scrollbar is right of it.
pub(super) fn beside_scrollbar(area: Rect) -> Rect {
    const WIDE: u16 = 100;
    Rect {
        width: area.width - u16::from(area.width >= WIDE),
        ..area
    }
}

/// The rows of a scrollbar, of `height`, that stand for those in sight.
fn thumb(selected: usize, len: usize, height: usize) -> std::ops::Range<usize> {
    let first = first_row(selected, len, height);
    let rows = |n: usize| n.saturating_mul(height).div_ceil(len.max(1));
    let length = rows(height).clamp(1, height.max(1));
    // At the bottom only when the last row is in sight.
    let from = rows(first).min(height.saturating_sub(length));
    let last = first + height >= len;
    let from = if last {
        height.saturating_sub(length)
    } else {
        from
    };
    from..from + length
}

/// Draws the scrollbar right of a table's rows, if there are more than it shows.
pub(super) fn scrollbar(look: Look, buffer: &mut Buffer, table: Rect, selected: usize, len: usize) {
    let height = usize::from(table.height.saturating_sub(1));
    if len <= height || height == 0 || table.right() >= buffer.area.right() {
        return;
    }
    let thumb = thumb(selected, len, height);
    for row in 0..height {
        let glyph = match thumb.contains(&row) {
            true => look.glyphs.bar[look.glyphs.bar.len() - 1],
            false => look.glyphs.cursor,
        };
        let y = table.y + 1 + row as u16;
        buffer.set_string(table.right(), y, glyph, look.dim());
    }
}

/// A change per second with its sign: more, less, the same, unknown.
pub(super) fn trend(look: Look, rate: Option<f64>, text: fn(f64) -> String) -> String {
    let [up, down, same] = look.glyphs.trend;
    match rate {
        None => String::new(),
        Some(rate) if rate.abs() < 0.5 => same.into(),
        Some(rate) => {
            let sign = if rate > 0.0 { up } else { down };
            format!("{sign} {}/s", text(rate.abs()))
        }
    }
}

/// Bytes of a rate.
pub(super) fn rate_bytes(rate: f64) -> String {
    crate::base::text::bytes(rate as u64)
}

/// A bar of `value` in `all`, in cells from the left: what is more than nothing shows.
pub(super) fn bar(
    look: Look,
    value: u128,
    all: u128,
    width: usize,
) -> impl Iterator<Item = &'static str> {
    let glyphs = look.glyphs.bar;
    let steps = glyphs.len();
    let part = value as f64 / all.max(1) as f64;
    let filled = (part.min(1.0) * (width * steps) as f64).ceil() as usize;
    (0..width).map(move |cell| match filled.saturating_sub(cell * steps) {
        0 => " ",
        eighths => glyphs[eighths.min(steps) - 1],
    })
}

/// Marks where text was cut: one column while a screen is put together, and three dots on a
/// terminal that has no such glyph ([`spell_cuts`]).
const CUT: char = '…';

/// Writes the mark as three dots, over the text beside it: before it at the end of a text, behind
/// it at the beginning.
pub(super) fn spell_cuts(buffer: &mut Buffer) {
    let area = buffer.area;
    for (x, y) in area.rows().flat_map(|row| row.positions()).map(Into::into) {
        let is = |x: u16, what: &dyn Fn(&str) -> bool| {
            let cell = buffer.cell((x, y));
            cell.is_some_and(|cell| what(cell.symbol()))
        };
        if !is(x, &|symbol| symbol == "…") {
            continue;
        }
        let text = |symbol: &str| symbol != " ";
        let before = x >= area.x + 2 && is(x - 1, &text) && is(x - 2, &text);
        let first = if before { x - 2 } else { x };
        for x in first..(first + 3).min(area.right()) {
            if let Some(cell) = buffer.cell_mut((x, y)) {
                cell.set_symbol(".");
            }
        }
    }
}

/// Pads to this many columns of the terminal, however wide its characters are.
pub(super) fn padded(text: &str, width: usize) -> String {
    let gap = width.saturating_sub(text.width());
    text.to_owned() + &" ".repeat(gap)
}

/// Text cut to `width` columns, with a mark where it was cut.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.into();
    }
    let mut kept = within(text.chars(), width.saturating_sub(1));
    kept.push(CUT);
    kept
}

/// Text cut to `width` columns at its beginning: the end of a path says more.
pub(super) fn tail(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.into();
    }
    let kept = within(text.chars().rev(), width.saturating_sub(1));
    std::iter::once(CUT).chain(kept.chars().rev()).collect()
}

/// A name cut to `width` columns in its middle, behind the first `keep` columns: names of one list
/// begin alike, and differ towards the end.
pub(super) fn middle(text: &str, keep: usize, width: usize) -> String {
    if text.width() <= width {
        return text.into();
    }
    let room = width.saturating_sub(keep + 1);
    let mut kept = within(text.chars(), (keep + room / 3).min(width.saturating_sub(1)));
    let end = width.saturating_sub(kept.width() + 1);
    let end = within(text.chars().rev(), end);
    kept.push(CUT);
    kept.extend(end.chars().rev());
    kept
}

/// The first of the characters, up to `width` columns.
fn within(chars: impl Iterator<Item = char>, width: usize) -> String {
    let mut used = 0;
    chars
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= width
        })
        .collect()
}

/// Text in lines of at most `width` columns, broken between words.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if Span::raw(&*line).width() + 1 + Span::raw(word).width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_either_end_and_by_columns() {
        assert_eq!(cut("kmalloc-512", 11), "kmalloc-512");
        assert_eq!(cut("kmalloc-512", 8), "kmalloc…");
        assert_eq!(cut("\u{65e5}\u{672c}\u{8a9e}", 5), "\u{65e5}\u{672c}…");
        assert_eq!(tail("/var/spool/app", 14), "/var/spool/app");
        assert_eq!(tail("/var/spool/app", 8), "…ool/app");
        assert_eq!(tail("\u{65e5}\u{672c}\u{8a9e}", 4), "…\u{8a9e}");
        assert_eq!(tail("long", 0), "…");
    }

    #[test]
    fn cut_names_that_differ_at_the_end_stay_distinct() {
        let name = |n: u32| {
            format!("/run/containerd/io.containerd.runtime.v2.task/k8s.io/{n:064x}/rootfs")
        };
        assert_eq!(middle(&name(10), 0, 22), "/run/co…000000a/rootfs");
        assert_ne!(middle(&name(10), 0, 22), middle(&name(11), 0, 22));
        assert_eq!(
            middle("ext4 /dev/vda1 /var/lib/kubelet/pods", 15, 27),
            "ext4 /dev/vda1 /va…let/pods"
        );
        assert_eq!(middle("short", 3, 5), "short");
        assert_eq!(
            middle("\u{65e5}\u{672c}\u{8a9e}", 0, 5),
            "…\u{672c}\u{8a9e}"
        );
        for width in 0..20 {
            for keep in 0..20 {
                let text = middle(&name(10), keep, width);
                assert!(text.width() <= width.max(1), "{text}");
            }
        }
    }

    #[test]
    fn three_dots_mark_a_cut_on_a_terminal_without_the_glyph() {
        for (shown, spelt) in [
            ("kmalloc… ", "kmall... "),
            ("  …ool/app", "  ...l/app"),
            ("/run…rootfs", "/r...rootfs"),
            ("a…", "a."),
        ] {
            let mut buffer = Buffer::with_lines([shown]);
            spell_cuts(&mut buffer);
            assert_eq!(buffer, Buffer::with_lines([spelt]));
        }
    }

    /// A pasted text of this length once took a minute for each frame.
    #[test]
    fn long_text_is_cut_in_no_time() {
        let begin = std::time::Instant::now();
        let long = "\u{65e5}a".repeat(1 << 20);
        assert_eq!(cut(&long, 3), "\u{65e5}…");
        assert_eq!(tail(&long, 3), "…a");
        assert!(begin.elapsed() < std::time::Duration::from_secs(5));
    }

    #[test]
    fn text_is_wrapped_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("one two", 2), ["one", "two"]);
        assert_eq!(wrapped("", 7), [""]);
    }

    #[test]
    fn text_fits_its_box_or_says_that_it_does_not() {
        let text = || ["first", "", "a line that is wrapped", "", "last"].map(Line::raw);
        let fitted = |height| -> Vec<String> {
            let lines = boxed(Look::new(true, true), text().to_vec(), 12, height);
            lines.iter().map(Line::to_string).collect()
        };
        assert_eq!(fitted(6).len(), 5);
        assert_eq!(fitted(5), ["first", "a line that is wrapped", "last"]);
        let more = "... more in a larger terminal";
        assert_eq!(fitted(3), ["first", more]);
        assert_eq!(fitted(0), [more]);
    }

    #[test]
    fn scrollbar_reaches_its_ends_with_the_rows() {
        for (selected, thumb) in [(0, 0..1), (20, 0..1), (500, 4..5), (999, 9..10)] {
            let found = super::thumb(selected, 1_000, 10);
            assert!(
                found.start.abs_diff(thumb.start) <= 1,
                "{selected}: {found:?}"
            );
        }
        assert_eq!(super::thumb(0, 20, 10), 0..5);
        assert_eq!(super::thumb(19, 20, 10), 5..10);
        for len in 1..60 {
            for height in 1..20 {
                for selected in 0..len {
                    let thumb = super::thumb(selected, len, height);
                    assert!(thumb.start < thumb.end && thumb.end <= height);
                }
            }
        }
        assert_eq!(position(0, 11, 11), None);
        assert_eq!(position(0, 2_000, 11).as_deref(), Some(" 1-11 of 2,000 "));
        assert_eq!(
            position(1_999, 2_000, 11).as_deref(),
            Some(" 1,990-2,000 of 2,000 ")
        );
        assert_eq!(position(3, 2_000, 0), None);
    }

    #[test]
    fn selected_row_is_always_in_sight() {
        for len in 0..40 {
            for height in 1..20 {
                for selected in 0..len {
                    let first = first_row(selected, len, height);
                    assert!(first <= selected && selected < first + height);
                    assert!(first == 0 || first + height <= len, "no room is left empty");
                }
            }
        }
    }
}
