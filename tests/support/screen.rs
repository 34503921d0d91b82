//! The text on the screen.

use ratatui::buffer::Buffer;
use slabscope::ui::view;

use super::App;

impl App {
    /// Column and row of the first match on the screen.
    #[track_caller]
    pub fn position(&mut self, text: &str) -> (u16, u16) {
        let screen = self.screen();
        let lines = screen.lines().zip(0..);
        let mut found = lines.filter_map(|(line, y)| {
            let at = line.find(text)?;
            Some((line[..at].chars().count() as u16, y))
        });
        found
            .next()
            .unwrap_or_else(|| panic!("{text:?} is not on the screen:\n{screen}"))
    }

    /// The screen, cell by cell.
    pub fn buffer(&mut self) -> Buffer {
        self.looks();
        let model = &self.model;
        let frame = self.terminal.draw(|frame| view::render(model, frame));
        frame.unwrap().buffer.clone()
    }

    /// The screen as lines of text.
    pub fn screen(&mut self) -> String {
        let buffer = self.buffer();
        let rows = buffer.content.chunks(buffer.area.width.into());
        let lines = rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>());
        lines
            .map(|line| line.trim_end().to_owned() + "\n")
            .collect()
    }

    /// Asserts that the text is on the screen, and prints the screen if not.
    #[track_caller]
    pub fn shows(&mut self, text: &str) {
        let screen = self.screen();
        assert!(
            screen.contains(text),
            "{text:?} is not on the screen:\n{screen}"
        );
    }

    /// Asserts the opposite.
    #[track_caller]
    pub fn shows_no(&mut self, text: &str) {
        let screen = self.screen();
        assert!(
            !screen.contains(text),
            "{text:?} is on the screen:\n{screen}"
        );
    }

    /// The first line of the screen with this text.
    #[track_caller]
    pub fn line(&mut self, text: &str) -> String {
        let screen = self.screen();
        let line = screen.lines().find(|line| line.contains(text));
        line.unwrap_or_else(|| panic!("{text:?} is not on the screen:\n{screen}"))
            .into()
    }

    /// The name in the reversed line: of a cache in front, of all else at the end.
    pub fn selected(&mut self) -> String {
        let buffer = self.buffer();
        let rows = buffer.content.chunks(buffer.area.width.into());
        let reversed = |cell: &ratatui::buffer::Cell| {
            cell.modifier.contains(ratatui::style::Modifier::REVERSED)
        };
        let row = rows.skip(1).find(|row| reversed(&row[row.len() - 2]));
        let row = row.unwrap();
        let text: String = row.iter().map(|cell| cell.symbol()).collect();
        let mut words = text.split_whitespace();
        let slabs =
            self.model.screen == slabscope::ui::model::Screen::Slabs && !self.model.who_is_shown();
        let name = if slabs { words.nth(1) } else { words.last() };
        name.unwrap().into()
    }
}
