//! A picture of a screen: SVG, so that it is text in the repository and sharp at any size.

use std::fmt::Write as _;

use vt100::{Cell, Color, Screen};

use crate::guest::recording::Frame;

const CELL_WIDTH: f32 = 8.4;
const CELL_HEIGHT: f32 = 16.5;
const FONT_SIZE: f32 = 14.0;
const MARGIN: f32 = 12.0;
/// Distance of the letters' baseline from a row's top.
const BASELINE: f32 = 13.0;

const FOREGROUND: (u8, u8, u8) = (0xd4, 0xd4, 0xd4);
const BACKGROUND: (u8, u8, u8) = (0x16, 0x18, 0x1d);

/// The sixteen colours that a terminal may choose.
const PALETTE: [(u8, u8, u8); 16] = [
    (0x16, 0x18, 0x1d),
    (0xe0, 0x5f, 0x65),
    (0x7f, 0xb8, 0x60),
    (0xd9, 0xa8, 0x4e),
    (0x61, 0x9f, 0xe8),
    (0xb9, 0x7b, 0xd8),
    (0x56, 0xb6, 0xb8),
    (0xc8, 0xcc, 0xd4),
    (0x6b, 0x72, 0x80),
    (0xf0, 0x7f, 0x85),
    (0x9f, 0xd8, 0x80),
    (0xf0, 0xc8, 0x6e),
    (0x81, 0xbf, 0xff),
    (0xd9, 0x9b, 0xf8),
    (0x76, 0xd6, 0xd8),
    (0xff, 0xff, 0xff),
];

/// The look of a run of cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Style {
    foreground: (u8, u8, u8),
    background: (u8, u8, u8),
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
}

impl Style {
    fn of(cell: &Cell) -> Self {
        let mut foreground = rgb(cell.fgcolor(), FOREGROUND);
        let mut background = rgb(cell.bgcolor(), BACKGROUND);
        if cell.inverse() {
            std::mem::swap(&mut foreground, &mut background);
        }
        Self {
            foreground,
            background,
            bold: cell.bold(),
            dim: cell.dim(),
            italic: cell.italic(),
            underline: cell.underline(),
        }
    }
}

fn rgb(color: Color, default: (u8, u8, u8)) -> (u8, u8, u8) {
    match color {
        Color::Default => default,
        Color::Rgb(red, green, blue) => (red, green, blue),
        Color::Idx(index @ 0..=15) => PALETTE[usize::from(index)],
        Color::Idx(index @ 16..=231) => {
            let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
            let index = index - 16;
            (level(index / 36), level(index / 6 % 6), level(index % 6))
        }
        Color::Idx(index) => {
            let grey = 8 + 10 * (index - 232);
            (grey, grey, grey)
        }
    }
}

fn hex((red, green, blue): (u8, u8, u8)) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Neighbouring cells of one row that look the same.
struct Run {
    column: u16,
    width: u16,
    text: String,
    style: Style,
}

fn runs(screen: &Screen, row: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for column in 0..screen.size().1.get() {
        let Some(cell) = screen.cell(row, column) else {
            continue;
        };
        if cell.is_wide_continuation() {
            if let Some(run) = runs.last_mut() {
                run.width += 1;
            }
            continue;
        }
        let style = Style::of(cell);
        let text = if cell.has_contents() {
            cell.contents()
        } else {
            " "
        };
        match runs.last_mut() {
            Some(run) if run.style == style => {
                run.text.push_str(text);
                run.width += 1;
            }
            _ => runs.push(Run {
                column,
                width: 1,
                text: text.to_owned(),
                style,
            }),
        }
    }
    runs
}

/// Draws a screen. The title is for readers who cannot see it.
pub fn draw(screen: &Screen, title: &str) -> String {
    let mut svg = head(screen, title);
    draw_screen(&mut svg, screen);
    svg.push_str("</g>\n</svg>\n");
    svg
}

/// Draws a recording that repeats for ever. A viewer that does not play it shows the first frame.
pub fn play(frames: &[Frame], title: &str) -> String {
    let Some(first) = frames.first() else {
        return String::new();
    };
    let mut svg = head(&first.screen, title);
    let total: f32 = frames.iter().map(|frame| frame.lasted.as_secs_f32()).sum();
    let mut begin = 0.0;
    for (index, frame) in frames.iter().enumerate() {
        let end = begin + frame.lasted.as_secs_f32();
        let hidden = if index == 0 {
            ""
        } else {
            " visibility=\"hidden\""
        };
        // Writing to a String does not fail.
        writeln!(
            svg,
            "<g{hidden}>\n<animate attributeName=\"visibility\" calcMode=\"discrete\" dur=\"{total:.2}s\" \
             repeatCount=\"indefinite\" values=\"hidden;visible;hidden\" keyTimes=\"0;{:.4};{:.4}\"/>\n\
             <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{}\"/>",
            begin / total,
            end / total,
            hex(BACKGROUND)
        )
        .ok();
        draw_screen(&mut svg, &frame.screen);
        svg.push_str("</g>\n");
        begin = end;
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

fn head(screen: &Screen, title: &str) -> String {
    let (rows, columns) = screen.size();
    let width = f32::from(columns.get()) * CELL_WIDTH + 2.0 * MARGIN;
    let height = f32::from(rows.get()) * CELL_HEIGHT + 2.0 * MARGIN;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.1} {height:.1}\" role=\"img\">\n<title>{}</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{}\"/>\n\
         <g font-family=\"ui-monospace,'DejaVu Sans Mono','Cascadia Mono',Menlo,Consolas,monospace\" \
         font-size=\"{FONT_SIZE}\" xml:space=\"preserve\">\n",
        escaped(title),
        hex(BACKGROUND)
    )
}

fn draw_screen(svg: &mut String, screen: &Screen) {
    for row in 0..screen.size().0.get() {
        for run in runs(screen, row) {
            draw_run(svg, row, &run);
        }
    }
}

/// Every run has an explicit width, so that fonts of another width do not move what follows.
fn draw_run(svg: &mut String, row: u16, run: &Run) {
    let (left, top) = (
        MARGIN + f32::from(run.column) * CELL_WIDTH,
        MARGIN + f32::from(row) * CELL_HEIGHT,
    );
    let width = f32::from(run.width) * CELL_WIDTH;
    // Writing to a String does not fail.
    if run.style.background != BACKGROUND {
        let fill = hex(run.style.background);
        writeln!(
            svg,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{CELL_HEIGHT}\" fill=\"{fill}\"/>"
        )
        .ok();
    }
    if run.text.trim().is_empty() {
        return;
    }
    let mut attributes = String::new();
    for (set, attribute) in [
        (run.style.bold, " font-weight=\"bold\""),
        (run.style.dim, " opacity=\"0.6\""),
        (run.style.italic, " font-style=\"italic\""),
        (run.style.underline, " text-decoration=\"underline\""),
    ] {
        if set {
            attributes.push_str(attribute);
        }
    }
    writeln!(
        svg,
        "<text x=\"{left:.1}\" y=\"{:.1}\" textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" \
         fill=\"{}\"{attributes}>{}</text>",
        top + BASELINE,
        hex(run.style.foreground),
        escaped(&run.text)
    )
    .ok();
}

/// Text as XML. Spaces become unbreakable: not every viewer supports `xml:space`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            ' ' => escaped.push('\u{a0}'),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn drawn(bytes: &[u8]) -> String {
        let mut parser = vt100::Parser::default();
        parser.process(bytes);
        draw(parser.screen(), "a <title>")
    }

    #[test]
    fn text_is_escaped_and_keeps_its_place() {
        let svg = drawn(b"\x1b[2;3Ha<b & c");
        assert!(svg.contains("<title>a\u{a0}&lt;title&gt;</title>"), "{svg}");
        assert!(
            svg.contains(">\u{a0}\u{a0}a&lt;b\u{a0}&amp;\u{a0}c\u{a0}"),
            "{svg}"
        );
        assert!(svg.contains("y=\"41.5\""), "{svg}");
    }

    #[test]
    fn recording_shows_each_frame_in_its_time() {
        let frame = |bytes: &[u8], seconds| {
            let mut parser = vt100::Parser::default();
            parser.process(bytes);
            Frame {
                screen: parser.screen().clone(),
                lasted: Duration::from_secs(seconds),
            }
        };
        let svg = play(&[frame(b"one", 1), frame(b"two", 3)], "title");
        let (first, second) = svg.split_once("<g visibility").unwrap();
        assert!(first.contains(">one") && second.contains(">two"), "{svg}");
        assert!(first.contains("keyTimes=\"0;0.0000;0.2500\""), "{svg}");
        assert!(second.contains("dur=\"4.00s\""), "{svg}");
        assert!(second.contains("keyTimes=\"0;0.2500;1.0000\""), "{svg}");
        assert_eq!(play(&[], "title"), "");
    }

    #[test]
    fn colours_of_all_three_kinds_and_attributes_are_drawn() {
        let svg =
            drawn(b"\x1b[1;31mred\x1b[0;38;5;208morange\x1b[0;48;2;1;2;3mrgb\x1b[0;7minverse");
        assert!(
            svg.contains("fill=\"#e05f65\" font-weight=\"bold\">red"),
            "{svg}"
        );
        assert!(svg.contains("fill=\"#ff8700\">orange"), "{svg}");
        assert!(svg.contains("fill=\"#010203\"/>"), "{svg}");
        assert!(svg.contains("fill=\"#16181d\">inverse"), "{svg}");
    }
}
