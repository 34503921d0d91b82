//! Tables on standard output: columns side by side, figures to the right, no lines.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table as Cells, presets};

/// A table that is built row by row.
#[derive(Debug)]
pub struct Table(Cells);

/// Alignment of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// For words.
    Left,
    /// For figures.
    Right,
}

impl Table {
    /// A table with these headings.
    pub fn new(columns: &[(&str, Align)]) -> Self {
        let mut cells = Cells::new();
        cells.load_style(presets::NOTHING);
        cells.set_header(columns.iter().map(|(heading, _)| *heading));
        for (column, (_, align)) in cells.column_iter_mut().zip(columns) {
            column.set_padding((0, 1));
            column.set_cell_alignment(match align {
                Align::Left => CellAlignment::Left,
                Align::Right => CellAlignment::Right,
            });
        }
        Self(cells)
    }

    /// One row. Names have to come escaped (`text::printable`).
    pub fn row<T: ToString>(&mut self, row: impl IntoIterator<Item = T>) {
        self.0.add_row(row.into_iter().map(|cell| cell.to_string()));
    }

    /// Writes it without blanks at the ends of lines.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for line in self.0.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_to_the_right_without_blanks_at_the_end() {
        let mut table = Table::new(&[("OBJS", Align::Right), ("NAME", Align::Left)]);
        table.row(["7", "a name that is long"]);
        table.row(["12345", "b"]);
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        let expected = " OBJS NAME\n    7 a name that is long\n12345 b\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
