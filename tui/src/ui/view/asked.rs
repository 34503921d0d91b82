//! What a question says, and what answers it.

use ratatui::style::Style;
use ratatui::text::Line;

/// What is asked.
pub(super) struct Asked {
    /// About what.
    pub(super) title: String,
    /// All that it says.
    pub(super) text: Vec<Line<'static>>,
    /// The last line.
    pub(super) prompt: Prompt,
}

/// The line that answers.
pub(super) enum Prompt {
    /// It may be answered once all was shown.
    Asks(Words),
    /// There is nothing to answer, for this reason.
    Says(Vec<String>, Style),
}

/// Of a question that may be answered.
pub(super) struct Words {
    /// What answers: `type y to prune`.
    pub(super) go: String,
    /// What is said to another key: `nothing is pruned before you type y`.
    pub(super) not: &'static str,
    /// Whether Enter does nothing, which is then said.
    pub(super) enter: bool,
    /// What leads away: `Esc cancels`.
    pub(super) leave: &'static str,
    /// How wide it reaches.
    pub(super) style: Style,
}
