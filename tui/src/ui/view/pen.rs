//! Text into cells from left to right. A table is most of what is drawn, and most of a table is
//! ASCII, which needs no check of graphemes and widths: that check took longer than the rest of a
//! refresh together.

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Position of the next character of a line.
pub(super) struct Pen<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
}

impl<'a> Pen<'a> {
    /// Begins at the left end of a line.
    pub(super) fn new(buffer: &'a mut Buffer, area: Rect) -> Self {
        let area = area.intersection(buffer.area);
        Self { buffer, area }
    }

    /// Columns that are left.
    pub(super) fn room(&self) -> usize {
        self.area.width.into()
    }

    /// Skips columns.
    pub(super) fn skip(&mut self, columns: usize) {
        let columns = u16::try_from(columns).unwrap_or(u16::MAX);
        let columns = columns.min(self.area.width);
        self.area.x += columns;
        self.area.width -= columns;
    }

    fn cell(&mut self) -> Option<&mut Cell> {
        let at = self.area.as_position();
        self.buffer.cell_mut(at).filter(|_| self.area.width > 0)
    }

    /// One glyph that is one column wide.
    pub(super) fn glyph(&mut self, glyph: &str) {
        if let Some(cell) = self.cell() {
            cell.set_symbol(glyph);
            self.skip(1);
        }
    }

    /// Any text, cut where the room ends.
    pub(super) fn write(&mut self, text: &str) {
        if !text.is_ascii() {
            let at = self.area.as_position();
            let (end, _) = self
                .buffer
                .set_stringn(at.x, at.y, text, self.room(), Style::default());
            self.skip((end - at.x).into());
            return;
        }
        for c in text.chars() {
            let Some(cell) = self.cell() else {
                return;
            };
            cell.set_char(c);
            self.skip(1);
        }
    }

    /// A figure, at the right of this many columns. A wider one is marked as cut: it would push the
    /// text behind it aside.
    pub(super) fn right(&mut self, columns: usize, figure: &str) {
        match columns.checked_sub(figure.chars().count()) {
            Some(left) => {
                self.skip(left);
                self.write(figure);
            }
            None => self.write(&super::cut(figure, columns)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_within_its_line() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 2));
        let mut pen = Pen::new(&mut buffer, Rect::new(1, 0, 10, 1));
        pen.right(4, "17");
        pen.skip(1);
        pen.write("\u{65e5}");
        pen.glyph("#");
        pen.write("too long");
        pen.glyph("#");
        assert_eq!(pen.room(), 0);
        assert_eq!(
            buffer,
            Buffer::with_lines(["   17 \u{65e5}#to ", "            "])
        );
        let mut outside = Pen::new(&mut buffer, Rect::new(0, 2, 12, 1));
        outside.write("nowhere");
        outside.glyph("#");
    }
}
