//! The text of a question, and its answers.

use ratatui::style::Style;
use ratatui::text::Line;

/// A question.
pub(super) struct Asked {
    /// Its subject.
    pub(super) title: String,
    /// Its whole text.
    pub(super) text: Vec<Line<'static>>,
    /// The last line.
    pub(super) prompt: Prompt,
}

/// The line with the answers.
pub(super) enum Prompt {
    /// It can be answered once all of it was shown.
    Asks(Words),
    /// It cannot be answered, for this reason.
    Says(Vec<String>, Style),
}

/// The prompt of a question that can be answered.
pub(super) struct Words {
    /// The answer: `type y to prune`.
    pub(super) go: String,
    /// The reaction to another key: `nothing is pruned before you type y`.
    pub(super) not: &'static str,
    /// Whether Enter does nothing: then the prompt says so.
    pub(super) enter: bool,
    /// The way out: `Esc cancels`.
    pub(super) leave: &'static str,
    /// Style by how far it reaches.
    pub(super) style: Style,
}
