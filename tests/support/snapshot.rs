//! Where snapshots are kept, and how colours are written into them.

use std::fmt::Write;

use ratatui::style::{Color, Modifier};

use super::App;

/// Until the guard is dropped, snapshots are those of a directory, by the names that they are given.
pub fn kept_in(directory: &str) -> impl Drop {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(directory);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind_to_scope()
}

impl App {
    /// The screen with its styles: each change of them in braces, `{}` where all are the terminal's own.
    pub fn styled(&mut self) -> String {
        let buffer = self.buffer();
        let mut text = String::new();
        for row in buffer.content.chunks(buffer.area.width.into()) {
            let mut line = String::new();
            let mut last = (Color::Reset, Color::Reset, Modifier::empty());
            for cell in row {
                let style = (cell.fg, cell.bg, cell.modifier);
                if style != last {
                    let (fg, bg, modifier) = style;
                    let fg = (fg != Color::Reset).then(|| fg.to_string());
                    let bg = (bg != Color::Reset).then(|| format!("on {bg}"));
                    let modifier = (!modifier.is_empty()).then(|| format!("{modifier:?}"));
                    let words: Vec<_> = fg.into_iter().chain(bg).chain(modifier).collect();
                    write!(line, "{{{}}}", words.join(" ")).unwrap();
                    last = style;
                }
                line += cell.symbol();
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}
