//! A chart over time: lines of dots, and a vertical line at each prune. Drawn by hand because
//! it has to work without braille, too.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use super::cut;
use crate::base::text;
use crate::cache::history::{History, Marker, Point};
use crate::ui::look::Look;
use crate::ui::model::{Model, Window};

/// A value at a moment since the start; None: unknown.
pub type Value = (Duration, Option<u64>);

/// The values of one figure, from the last one before the window, so that a line reaches the edge
/// of a chart.
pub fn values(history: &History, window: Window, value: fn(&Point) -> Option<u64>) -> Vec<Value> {
    let points = history.between(window.begin(), window.end);
    points.map(|point| (point.at, value(point))).collect()
}

/// How a line is drawn: lines differ without colours, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stroke {
    /// Without gaps.
    Solid,
    /// Half of it.
    Dashed,
    /// A third of it.
    Dotted,
}

impl Stroke {
    /// Whether a column of dots is drawn.
    fn has(self, x: u32) -> bool {
        match self {
            Self::Solid => true,
            Self::Dashed => x % 8 < 4,
            Self::Dotted => x.is_multiple_of(3),
        }
    }

    /// Its name behind that of a line: a line that is nothing special has none.
    pub fn word(self) -> &'static str {
        match self {
            Self::Solid => "",
            Self::Dashed => " (dashed)",
            Self::Dotted => " (dotted)",
        }
    }
}

/// A line of the chart.
pub struct Series<'a> {
    /// Its values, in the order of time.
    pub values: &'a [Value],
    /// Its style.
    pub style: Style,
    /// How it is drawn.
    pub stroke: Stroke,
    /// Filled down to 0: for a single line.
    pub filled: bool,
}

/// Lines over one time and one scale that starts at 0.
pub struct Chart<'a> {
    /// Marked moments.
    pub markers: &'a [Marker],
    /// The lines. Where they share a cell, it has the dots of both in the colour of the later one.
    pub series: &'a [Series<'a>],
    /// The time that it shows.
    pub window: Window,
    /// The wall clock at the edges of the window, and in its middle; None: not known.
    pub times: Option<[String; 3]>,
    /// Text of a value on the scale.
    pub label: fn(u64) -> String,
    /// Glyphs and colours.
    pub look: Look,
}

/// Columns for the scale.
const SCALE: u16 = 10;

/// Columns that a chart over the whole width has beside its scale.
pub fn columns(width: u16) -> u32 {
    width.saturating_sub(SCALE).max(2).into()
}

/// Rows of a chart from which on one of them is for the time.
const WITH_TIMES: u16 = 5;

/// The wall clock at the edges of a chart, and in its middle. Soon after the start the right edge is
/// yet to come.
pub fn times(model: &Model, window: Window) -> Option<[String; 3]> {
    let begin = window.begin();
    let edges = [begin, begin + window.span / 2, begin + window.span];
    let [begin, middle, end] = edges.map(|at| model.wall(at));
    Some([begin?, middle?, end?])
}

/// The time of a chart of this height in words: where it has no row for that, from when to when.
pub fn when(model: &Model, window: Window, height: u16) -> String {
    match [window.begin(), window.end].map(|at| model.wall(at)) {
        [Some(begin), Some(end)] if height < WITH_TIMES => format!(", {begin} to {end} "),
        _ => format!(", last {} ", text::duration(window.span)),
    }
}

impl Chart<'_> {
    /// ```text
    ///  10 GiB ┤⠉⠉⠉⠉⠉⠉⠉⠉1        2
    ///   5 GiB ┤        ┆⡄       ┆
    ///       0 ┤        ┆⠓⠒⠒⠒⠒⠒⠒⠒┆⠒
    ///         └03:11:44──────03:12:44
    /// ```
    pub fn render(&self, area: Rect, buffer: &mut Buffer) {
        if area.width <= SCALE + 4 || area.height == 0 {
            return;
        }
        let mut area = area;
        if let Some(times) = self.times.as_ref().filter(|_| area.height >= WITH_TIMES) {
            area.height -= 1;
            self.axis(area, times, buffer);
        }
        let plot = Rect {
            x: area.x + SCALE,
            width: area.width - SCALE,
            ..area
        };
        let begin = self.window.begin();
        let all = self.series.iter().flat_map(|series| series.values);
        let Some(top) = all.filter_map(|value| value.1).max() else {
            return;
        };
        let top = top.max(1);
        self.scale(area, top, buffer);
        for series in self.series {
            self.line(plot, series, top, buffer);
        }
        self.markers(plot, begin, buffer);
        self.cursor(plot, begin, buffer);
    }

    /// The row below: the wall clock at both edges, and in the middle if there is room.
    fn axis(&self, area: Rect, times: &[String; 3], buffer: &mut Buffer) {
        let (look, y) = (self.look, area.bottom());
        let style = look.dim();
        buffer.set_string(area.x + SCALE - 1, y, look.glyphs.axis[1], style);
        let left = area.x + SCALE;
        for x in left..area.right() {
            buffer.set_string(x, y, look.glyphs.rule, style);
        }
        let width = |text: &str| u16::try_from(text.len()).unwrap_or(u16::MAX);
        let room = area.right() - left;
        let [begin, middle, end] = times;
        let end_at = area.right().saturating_sub(width(end));
        let mut labels = vec![(end_at, end)];
        if room >= 2 * width(end) + 2 {
            labels.push((left, begin));
        }
        if room >= 5 * width(middle) {
            labels.push((left + (room - width(middle)) / 2, middle));
        }
        for (x, text) in labels.into_iter().filter(|(x, _)| *x >= left) {
            buffer.set_string(x, y, text, style);
        }
    }

    fn scale(&self, area: Rect, top: u64, buffer: &mut Buffer) {
        let last = area.height - 1;
        for row in 0..area.height {
            let value = match row {
                0 => Some(top),
                row if row == last => Some(0),
                row if row == last / 2 && last >= 4 => Some(top / 2),
                _ => None,
            };
            let label = value.map(self.label).unwrap_or_default();
            let text = format!("{label:>8} {}", self.look.glyphs.axis[0]);
            let width = usize::from(SCALE);
            buffer.set_stringn(area.x, area.y + row, text, width, self.look.dim());
        }
    }

    /// The column of dots for a moment.
    fn column(&self, at: Duration, begin: Duration, dots: u32) -> u32 {
        let part = at.saturating_sub(begin).as_secs_f64() / self.window.span.as_secs_f64();
        (part * f64::from(dots.saturating_sub(1))).round() as u32
    }

    fn line(&self, plot: Rect, series: &Series<'_>, top: u64, buffer: &mut Buffer) {
        let begin = self.window.begin();
        let mut dots = Dots::new(plot, self.look.glyphs.braille);
        let height = f64::from(dots.height - 1);
        let mut last: Option<(u32, u32)> = None;
        for &(at, value) in series.values {
            let Some(value) = value else {
                last = None;
                continue;
            };
            let x = self.column(at, begin, dots.width);
            let y = (height * (1.0 - value as f64 / top as f64)).round() as u32;
            let (from_x, from_y) = last.unwrap_or((x, y));
            let bottom = if series.filled { dots.height - 1 } else { 0 };
            for between in (from_x..x).filter(|&x| series.stroke.has(x)) {
                dots.set_column(between, from_y, from_y.max(bottom));
            }
            // A step is a vertical: the time between two samples is unknown.
            if from_y != y || series.stroke.has(x) {
                dots.set_column(x, from_y.min(y), from_y.max(y).max(bottom));
            }
            last = Some((x, y));
        }
        dots.draw(plot, series.style, buffer);
    }

    fn cursor(&self, plot: Rect, begin: Duration, buffer: &mut Buffer) {
        let cursor = self
            .window
            .cursor
            .filter(|&at| at >= begin && at <= self.window.end);
        let Some(at) = cursor else {
            return;
        };
        let x = self.column(at, begin, plot.width.into()) as u16 + plot.x;
        for y in plot.top()..plot.bottom() {
            buffer.set_string(x, y, self.look.glyphs.cursor, self.look.strong());
        }
    }

    fn markers(&self, plot: Rect, begin: Duration, buffer: &mut Buffer) {
        for (number, marker) in numbered(self.markers, self.window) {
            let column = self.column(marker.at, begin, plot.width.into());
            let x = column as u16 + plot.x;
            for y in plot.top()..plot.bottom() {
                let glyph = if y == plot.top() {
                    number
                } else {
                    self.look.glyphs.marker
                };
                buffer.set_string(x, y, glyph, self.look.warn());
            }
        }
    }
}

/// The markers in the window, each with its number there: one glyph.
fn numbered(markers: &[Marker], window: Window) -> impl Iterator<Item = (&'static str, &Marker)> {
    const NUMBERS: [&str; 9] = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let within = move |marker: &&Marker| marker.at >= window.begin() && marker.at <= window.end;
    let markers = markers.iter().filter(within).enumerate();
    markers.map(|(index, marker)| (*NUMBERS.get(index).unwrap_or(&"+"), marker))
}

/// What the markers in a chart stand for, the newest first, as many as there is room for.
pub fn legend(markers: &[Marker], window: Window, look: Look, room: usize) -> Vec<Span<'static>> {
    let all: Vec<_> = numbered(markers, window)
        .map(|(number, marker)| format!(" {number} {} ", marker.label))
        .collect();
    const LEAST: usize = 16;
    let mut left = room;
    let mut legend = Vec::new();
    for text in all.into_iter().rev() {
        let text = match Span::raw(text.as_str()).width() <= left {
            true => text,
            false if left >= LEAST => cut(&text, left),
            false => break,
        };
        left = left.saturating_sub(Span::raw(text.as_str()).width());
        legend.push(Span::styled(text, look.warn()));
    }
    legend
}

/// A raster finer than the cells: 2 by 4 dots in one, or 1 by 2 without braille.
struct Dots {
    width: u32,
    height: u32,
    cell: (u32, u32),
    set: Vec<bool>,
}

impl Dots {
    fn new(plot: Rect, braille: bool) -> Self {
        let cell = if braille { (2, 4) } else { (1, 2) };
        let width = u32::from(plot.width) * cell.0;
        let height = u32::from(plot.height) * cell.1;
        Self {
            width,
            height,
            cell,
            set: vec![false; (width * height) as usize],
        }
    }

    /// Sets the dots of a column, from top to bottom, both included.
    fn set_column(&mut self, x: u32, top: u32, bottom: u32) {
        if x < self.width {
            for y in top..=bottom.min(self.height - 1) {
                self.set[(y * self.width + x) as usize] = true;
            }
        }
    }

    fn get(&self, x: u32, y: u32) -> bool {
        self.set[(y * self.width + x) as usize]
    }

    fn draw(&self, plot: Rect, style: Style, buffer: &mut Buffer) {
        for row in 0..u32::from(plot.height) {
            for column in 0..u32::from(plot.width) {
                let (x, y) = (column * self.cell.0, row * self.cell.1);
                let at = (plot.x + column as u16, plot.y + row as u16);
                let Some(cell) = buffer.cell_mut(at) else {
                    continue;
                };
                let drawn = self.pattern(x, y);
                if drawn != 0 {
                    let glyph = self.glyph(drawn | self.drawn(cell.symbol()));
                    cell.set_char(glyph).set_style(style);
                }
            }
        }
    }

    /// The glyph of a pattern of dots. Unicode's braille patterns have a bit for each dot, numbered down the
    /// left column first.
    fn glyph(&self, pattern: u32) -> char {
        match self.cell {
            (2, 4) => char::from_u32(BRAILLE + pattern).unwrap_or(' '),
            _ => [' ', '\'', '.', ':'][pattern as usize & 3],
        }
    }

    /// The pattern that a cell shows already, of another line.
    fn drawn(&self, symbol: &str) -> u32 {
        let mut all = 1..1 << (self.cell.0 * self.cell.1);
        let shown = symbol.chars().next();
        match (self.cell, shown) {
            ((2, 4), Some(c)) => u32::from(c).checked_sub(BRAILLE).filter(|&p| p < 1 << 8),
            _ => all.find(|&pattern| Some(self.glyph(pattern)) == shown),
        }
        .unwrap_or(0)
    }

    /// The dots that are set in a cell, whose first dot is given, a bit each.
    fn pattern(&self, x: u32, y: u32) -> u32 {
        const BITS: [[u32; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        let mut pattern = 0;
        for (dy, bits) in (0..self.cell.1).zip(BITS) {
            for (dx, bit) in (0..self.cell.0).zip(bits) {
                if self.get(x + dx, y + dy) {
                    pattern |= bit;
                }
            }
        }
        pattern
    }
}

/// The empty braille pattern.
const BRAILLE: u32 = 0x2800;

/// Bytes on a scale.
pub fn bytes_label(value: u64) -> String {
    if value == 0 {
        "0".into()
    } else {
        text::bytes(value)
    }
}

/// Counts on a scale.
pub fn count_label(value: u64) -> String {
    text::short(value as f64)
}
